"""How Amazon Bedrock is asked and answers, whatever the model: addresses, binary event streams, errors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pytest_llmwatch.aws_frames import frames_of, may_begin_frame, text_headers
from pytest_llmwatch.calls import JSON

from .provider_errors import ProviderError, error_of_status
from .reading import object_from, object_of, text_of

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Request, Response

# A model may be named by its ARN, whose slash some recorders and proxies have decoded.
_TARGET = re.compile(r"/model/(.+)/([a-z-]+)/?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsEvent:
    """One message of an event stream: `name` is its event type, or that of its exception."""

    name: str
    body: dict[str, JSON]
    error: ProviderError | None = None


def target_of(request: Request) -> tuple[str | None, str | None]:
    """The model that a request asks, as it is named there, and the operation; nothing where it asks none."""
    path = request.uri.partition("#")[0].partition("?")[0]
    found = _TARGET.search(path) if request.method.upper() == "POST" else None
    return (unquote(found[1]), found[2]) if found else (None, None)


def asks_for(request: Request, operations: tuple[str, ...]) -> bool:
    """Whether a request asks a model for one of these operations; its body is a JSON object then."""
    return target_of(request)[1] in operations and request.body.lstrip()[:1] == b"{"


def is_event_stream(response: Response) -> bool:
    """Whether an answer is a binary event stream; the body decides, for recorders drop headers."""
    if may_begin_frame(response.body):
        return True
    is_json = response.body.lstrip().startswith((b"{", b"["))
    return not is_json and "amazon.eventstream" in (response.header("content-type") or "")


def aws_events(body: bytes) -> list[AwsEvent] | None:
    """The events of a body, as far as they came whole; `None` where it is no event stream at all."""
    frames, rest = frames_of(body)
    if not frames and rest and not may_begin_frame(rest):
        return None
    return [_event_of(dict(text_headers(frame.headers)), frame.payload) for frame in frames]


def _event_of(headers: dict[str, str], payload: bytes) -> AwsEvent:
    body = object_from(payload) or {}
    match headers.get(":message-type"):
        case "exception":
            name = headers.get(":exception-type", "")
            message = _message_of(body) or payload.decode(errors="replace") or None
            return AwsEvent(name=name, body=body, error=ProviderError(type=name or "exception", message=message))
        case "error":
            name = headers.get(":error-code", "")
            error = ProviderError(type=name or "error", message=headers.get(":error-message"))
            return AwsEvent(name=name, body=body, error=error)
        case _:
            return AwsEvent(name=headers.get(":event-type", ""), body=body)


def error_of_answer(response: Response) -> ProviderError:
    """The error of an answer that is not 2xx, in the words of AWS, or of the gateway that stands before it."""
    body = object_from(response.body) or {}
    kinds = (
        text_of(response.header("x-amzn-errortype")),
        text_of(body.get("__type")),
        # Of an operation or a path that does not exist.
        text_of(object_of(body.get("Output")).get("__type")),
    )
    kind = next((kind.partition(":")[0].rpartition("#")[2] for kind in kinds if kind), None)
    found = error_of_status(response.status, response.body)
    return ProviderError(type=kind or found.type, message=_message_of(body) or found.message)


def _message_of(body: dict[str, JSON]) -> str | None:
    return text_of(body.get("message")) or text_of(body.get("Message")) or text_of(body.get("originalMessage"))
