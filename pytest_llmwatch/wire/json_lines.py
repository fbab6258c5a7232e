"""A stream of one JSON object a line, as far as it came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import Answer, failure_of, undecodable
from .provider_errors import error_in, error_of_status
from .reading import object_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmwatch.calls import JSON
    from pytest_llmwatch.exchange import Exchange, Response


def objects_in_lines(body: bytes) -> list[dict[str, JSON]]:
    """The objects of a body's lines; a line that is none, such as one that was cut, is left out."""
    return [found for line in body.split(b"\n") if (found := object_from(line)) is not None]


def answer_in_lines(
    exchange: Exchange,
    *,
    expected: str,
    is_answer: Callable[[dict[str, JSON]], bool],
    is_end: Callable[[dict[str, JSON]], bool],
    streamed: bool,
) -> Answer:
    """What came back where an answer is one JSON object, or one a line; the arguments are those of `answer_in`.

    Raises:
        UndecodableExchange: something else came.
    """
    response = exchange.response
    if response is None or (not response.body and exchange.failure):
        return Answer(is_stream=streamed, error=failure_of(exchange))
    if not 200 <= response.status < 300:
        return Answer(is_stream=streamed and not response.body, error=error_of_status(response.status, response.body))
    whole = object_from(response.body)
    bodies = tuple(objects_in_lines(response.body)) if whole is None else (whole,)
    is_stream = len(bodies) > 1 or _is_named_lines(response, otherwise=streamed)
    error = next((error for body in bodies if (error := error_in(body))), None)
    if error is None and not any(map(is_answer, bodies)):
        # A line that was cut begins as one that was not.
        if bodies or not (exchange.failure or (is_stream and response.body.lstrip().startswith(b"{"))):
            raise undecodable(exchange, expected=expected)
        error = failure_of(exchange)
    elif error is None and is_stream and not any(map(is_end, bodies)):
        error = failure_of(exchange)
    return Answer(is_stream=is_stream, bodies=bodies, error=error)


def _is_named_lines(response: Response, *, otherwise: bool) -> bool:
    kind = (response.header("content-type") or "").lower()
    if "json" not in kind:
        return otherwise
    return "ndjson" in kind or "jsonl" in kind or "stream+json" in kind
