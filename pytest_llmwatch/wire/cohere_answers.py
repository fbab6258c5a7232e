"""What all of Cohere's answers share: two kinds of streams, errors at their end, tokens and what is billed of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, FinishReason, Usage

from .answers import Answer, answer_in, failure_of, is_stream
from .json_lines import objects_in_lines
from .provider_errors import ProviderError, error_in
from .reading import int_of, object_from, object_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_llmwatch.exchange import Exchange, Response

FINISH_REASONS: dict[str | None, FinishReason] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "ERROR_LIMIT": "length",
    "TOOL_CALL": "tool_call",
    "ERROR_TOXIC": "content_filter",
    "ERROR": "error",
    "TIMEOUT": "error",
    "USER_CANCEL": "error",
}
_FAILED = ("ERROR", "TIMEOUT")
# What is billed by its number, and not as tokens of text.
_OTHER_UNITS = {
    "search_units": "search units",
    "classifications": "classifications",
    "images": "images",
    "pages": "pages",
}


def cohere_answer_in(
    exchange: Exchange, *, expected: str, is_answer: Callable[[dict[str, JSON]], bool], streamed: bool = False
) -> Answer:
    """What came back to a request: one object, or the objects of a stream of events or of lines.

    Raises:
        UndecodableExchange: something else came.
    """
    response = exchange.response
    if response is not None and 200 <= response.status < 300 and not is_stream(response) and _is_lines(response):
        answer = _lines_in(exchange, response)
    else:
        answer = answer_in(exchange, expected=expected, is_answer=is_answer, is_end=_is_end, streamed=streamed)
    reported = next((error for body in answer.bodies if (error := _error_of(body))), None)
    return replace(answer, error=reported) if reported else answer


def _is_lines(response: Response) -> bool:
    """Whether an answer is the first version's stream, which may have been cut in its first line."""
    first = response.body.lstrip().partition(b"\n")[0]
    is_named = b'"is_finished"' in first or b'"event_type"' in first
    if not is_named and "stream+json" not in (response.header("content-type") or ""):
        return False
    whole = object_from(response.body)
    return whole is None or _is_piece(whole)


def _is_piece(body: dict[str, JSON]) -> bool:
    return "is_finished" in body or "event_type" in body


def _lines_in(exchange: Exchange, response: Response) -> Answer:
    bodies = tuple(objects_in_lines(response.body))
    error = next((error for body in bodies if (error := error_in(body))), None)
    is_whole = any(map(_is_end, bodies))
    return Answer(is_stream=True, bodies=bodies, error=error or (None if is_whole else failure_of(exchange)))


def _is_end(body: dict[str, JSON]) -> bool:
    return body.get("type") == "message-end" or body.get("is_finished") is True


def _error_of(body: dict[str, JSON]) -> ProviderError | None:
    """What is said of an answer with 200 that failed: that of a stream stands in its last event.

    Where the reason of the end is an error, that reason says so, as any other would.
    """
    end = object_of(body.get("delta")) or body
    said = text_of(end.get("error")) or text_of(end.get("err"))
    reason = text_of(end.get("finish_reason"))
    is_end = body.get("type") == "message-end" or body.get("event_type") == "stream-end"
    if said is None or (is_end and reason in _FAILED):
        return None
    return ProviderError(type=text_of(end.get("error_type")) or reason or "error", message=said)


def _meters_in(answer: Answer) -> dict[str, JSON]:
    """What an answer says of its use: `usage` in the second API, `meta` in the first, at the end of a stream."""
    return next((found for body in reversed(answer.bodies) for found in _meters_of(body) if found), {})


def _meters_of(body: dict[str, JSON]) -> Iterator[dict[str, JSON]]:
    yield object_of(body.get("usage"))
    yield object_of(object_of(body.get("delta")).get("usage"))
    yield object_of(body.get("meta"))
    yield object_of(object_of(body.get("response")).get("meta"))


def usage_in(answer: Answer) -> Usage:
    """The tokens that the model read and wrote; where only those on the bill are reported, these."""
    meters = _meters_in(answer)
    tokens, billed = object_of(meters.get("tokens")), object_of(meters.get("billed_units"))
    read, written = (
        next((number for held in (tokens, billed) if (number := int_of(held.get(name))) is not None), None)
        for name in ("input_tokens", "output_tokens")
    )
    return Usage(input_tokens=read, output_tokens=written, cache_read_input_tokens=int_of(meters.get("cached_tokens")))


def billing_in(answer: Answer) -> dict[str, JSON]:
    """What the bill says: Cohere does not bill the tokens of its own prompts, which are most of a short question."""
    units = object_of(_meters_in(answer).get("billed_units"))
    facts: dict[str, JSON] = {
        "billed_input_tokens": int_of(units.get("input_tokens")),
        "billed_output_tokens": int_of(units.get("output_tokens")),
        "input_image_tokens": int_of(units.get("image_tokens")) or None,
        **{name: _amount_of(units.get(name)) for name in _OTHER_UNITS},
    }
    others: list[JSON] = [words for name, words in _OTHER_UNITS.items() if facts[name]]
    return {name: value for name, value in (facts | {"other_charges": others or None}).items() if value is not None}


def _amount_of(value: JSON) -> JSON:
    """A number that is not zero; they may be fractions."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None
