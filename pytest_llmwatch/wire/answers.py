"""What most formats share in reading a request and its answer: an address, a JSON object, events, an error."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pytest_llmwatch.calls import JSON
from pytest_llmwatch.errors import UndecodableExchange

from .event_stream import events, looks_like_events
from .provider_errors import ProviderError, error_in, error_in_event, error_of_status
from .reading import json_of, object_from, object_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_llmwatch.exchange import Exchange, Request, Response

# Azure, Databricks, and OpenAI of old.
_MODEL_IN_PATH = re.compile(r"/(?:deployments|serving-endpoints|engines)/([^/]+)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, as far as it came: the objects of a stream's events, or the one object of a whole answer."""

    is_stream: bool = False
    bodies: tuple[dict[str, JSON], ...] = ()
    error: ProviderError | None = None

    @property
    def body(self) -> dict[str, JSON]:
        """The first object; empty where nothing came."""
        return self.bodies[0] if self.bodies else {}

    @property
    def error_type(self) -> str | None:
        """The name of the error, which is `error` where nobody named it."""
        return (self.error.type or "error") if self.error else None

    @property
    def error_message(self) -> str | None:
        """What was said of the error."""
        return self.error.message if self.error else None


def path_of(request: Request) -> str:
    """The address of a request, without its query."""
    return request.uri.partition("#")[0].partition("?")[0]


def model_in_path(request: Request) -> str | None:
    """The model that the address names, where the host has one address for each."""
    found = _MODEL_IN_PATH.search(path_of(request))
    return unquote(found[1]) if found else None


def asked_in(exchange: Exchange, *, expected: str) -> dict[str, JSON]:
    """The JSON object of a request.

    Raises:
        UndecodableExchange: it is none.
    """
    asked = object_from(exchange.request.body)
    if asked is None:
        raise UndecodableExchange("request body", expected=expected, got=exchange.request.body[:40], exchange=exchange)
    return asked


def answer_in(
    exchange: Exchange,
    *,
    expected: str,
    is_answer: Callable[[dict[str, JSON]], bool],
    is_end: Callable[[dict[str, JSON]], bool] | None = None,
    streamed: bool = False,
) -> Answer:
    """What came back to a request.

    Args:
        exchange: The request and what came of it.
        expected: What an answer is, for the error message.
        is_answer: Whether an object is one, or a piece of one.
        is_end: Whether an object is the last of a stream; `[DONE]` is one anywhere.
        streamed: Whether a stream was asked for.

    Raises:
        UndecodableExchange: something else came.
    """
    response = exchange.response
    if response is None or (not response.body and exchange.failure):
        return Answer(is_stream=streamed, error=failure_of(exchange))
    if is_stream(response):
        answer, is_whole = _streamed(response, is_end)
    elif not 200 <= response.status < 300:
        return Answer(is_stream=streamed and not response.body, error=error_of_status(response.status, response.body))
    else:
        answer, is_whole = _whole(response), True
    is_known = any(map(is_answer, answer.bodies))
    is_mute = not answer.bodies and (answer.is_stream or exchange.failure is not None)
    if answer.error is None and not is_known and not is_mute:
        raise undecodable(exchange, expected=expected)
    if answer.error is None and not (is_whole and is_known):
        return replace(answer, error=failure_of(exchange))
    return answer


def undecodable(exchange: Exchange, *, expected: str) -> UndecodableExchange:
    """The error for an answer that is none of this format."""
    got = exchange.response.body[:40] if exchange.response else b""
    return UndecodableExchange("response body", expected=expected, got=got, exchange=exchange)


def failure_of(exchange: Exchange) -> ProviderError:
    """Why a transfer ended early."""
    failure = exchange.failure
    return ProviderError(type=failure.kind, message=failure.message or None) if failure else ProviderError(type="cut")


def is_stream(response: Response) -> bool:
    """Whether an answer is an event stream: the body decides, for servers and recorders get headers wrong."""
    if looks_like_events(response.body):
        return True
    is_json = response.body.lstrip().startswith((b"{", b"["))
    return not is_json and "event-stream" in (response.header("content-type") or "")


def _whole(response: Response) -> Answer:
    try:
        value = json_of(response.body)
    except ValueError:
        return Answer()
    body = object_of(value)
    return Answer(bodies=(body,) if body else (), error=error_in(value))


def _streamed(response: Response, is_end: Callable[[dict[str, JSON]], bool] | None) -> tuple[Answer, bool]:
    """What the events say, and whether they came to their end."""
    arrived = list(events(response.body))
    bodies = tuple(_bodies_in(arrived))
    error = next((error for event in arrived if (error := _error_in_event(*event))), None)
    if error is None and not 200 <= response.status < 300:
        error = error_of_status(response.status, response.body)
    is_whole = any(data.strip() == "[DONE]" for _, data in arrived) or (is_end is not None and any(map(is_end, bodies)))
    return Answer(is_stream=True, bodies=bodies, error=error), is_whole


def _bodies_in(arrived: list[tuple[str | None, str]]) -> Iterator[dict[str, JSON]]:
    """The objects of the events; one that does not name its type has the name of its event."""
    for name, data in arrived:
        body = object_from(data)
        if body is not None:
            yield body if name is None or "type" in body else {"type": name, **body}


def _error_in_event(name: str | None, data: str) -> ProviderError | None:
    body = object_from(data)
    return error_in_event(name or (text_of(body.get("type")) if body else None), data)
