"""Replicate's predictions: made, looked at, and streamed; also those of a Cog server of one's own.

https://replicate.com/docs/reference/http
"""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_llmwatch.calls import JSON, FinishReason, MediaPart, Message, ModelCall, Part, TextPart, Usage

from .answers import Answer, answer_in, asked_in, failure_of, is_stream, path_of
from .event_stream import events
from .openai_messages import message_of
from .provider_errors import ProviderError, error_in_event
from .provider_facts import facts_in_body, known
from .reading import int_of, media_reference, object_from, object_of, objects_of, text_of, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request

_MAKE = re.compile(r"(?:/(?:models|deployments)/([^/]+/[^/]+))?/predictions/?$")
_LOOK = re.compile(r"/v1/predictions/[^/]+/?$")
_STREAM = re.compile(r"/v1/(?:streams|files)/[^/]+/?$")
_PROMPTS = ("system_prompt", "messages", "prompt")
_FINISH_REASONS: dict[str | None, FinishReason] = {"succeeded": "stop", "failed": "error"}
_FAILED = ("failed", "canceled", "aborted")
_ENDED = ("succeeded", *_FAILED)
_SUFFIXES = {
    "image": (".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg"),
    "video": (".mp4", ".webm", ".mov"),
    "audio": (".mp3", ".wav", ".ogg", ".flac"),
}
# What no two recordings of the same answer share.
VOLATILE = frozenset({"id", "created_at", "started_at", "completed_at", "logs", "urls", "metrics"})
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request makes a prediction, looks at one, or listens to one."""
    method, path = request.method.upper(), path_of(request)
    if method == "POST":
        return bool(_MAKE.search(path)) and request.body.lstrip()[:1] == b"{" and b'"input"' in request.body
    # Without a body only the host tells whose prediction it is.
    return method == "GET" and bool(_LOOK.search(path) or _STREAM.search(path)) and _is_host_of_replicate(request)


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the prediction as is there."""
    request = exchange.request
    asked = asked_in(exchange, expected="a JSON object with `input`") if request.method.upper() == "POST" else {}
    response = exchange.response
    if response is not None and is_stream(response):
        answer, prediction = _heard(exchange)
    else:
        expected = "a JSON object with `status`"
        answer = answer_in(exchange, expected=expected, is_answer=_is_prediction)
        prediction = answer.body
    # Who only looks is told what was asked.
    given = object_of(asked.get("input")) or object_of(prediction.get("input"))
    status = text_of(prediction.get("status"))
    error = _error_of(answer, status, prediction)
    metrics = object_of(prediction.get("metrics"))
    parts = tuple(_parts_of(prediction.get("output")))
    reasons = (status if status in _ENDED else None,) if parts or status in _ENDED else ()
    rest: dict[str, JSON] = {name: value for name, value in asked.items() if name not in ("input", "version", "model")}
    return ModelCall(
        operation_name="generate_content",
        request_model=_model_asked(request, asked),
        response_model=text_of(prediction.get("model")) or text_of(prediction.get("version")),
        response_id=text_of(prediction.get("id")),
        streaming=answer.is_stream,
        input_messages=tuple(_messages_of(given)),
        parameters={name: value for name, value in given.items() if name not in _PROMPTS} | rest,
        output_messages=(Message(role="assistant", parts=parts),) if reasons else (),
        finish_reasons=tuple(map(_FINISH_REASONS.get, reasons)),
        provider_finish_reasons=reasons,
        usage=Usage(
            input_tokens=int_of(metrics.get("input_token_count")),
            output_tokens=int_of(metrics.get("output_token_count")),
        ),
        error_type=error.type,
        error_message=error.message,
        provider_facts=_facts_in(metrics),
    )


def _is_host_of_replicate(request: Request) -> bool:
    try:
        host = urlsplit(request.uri).hostname or ""
    except ValueError:
        return False
    return f".{host}".endswith((".replicate.com", ".replicate.net"))


def _is_prediction(body: dict[str, JSON]) -> bool:
    return "status" in body and ("output" in body or "id" in body or "urls" in body)


def _model_asked(request: Request, asked: dict[str, JSON]) -> str | None:
    found = _MAKE.search(path_of(request))
    named = found[1] if found else None
    return named or text_of(asked.get("model")) or text_of(asked.get("version"))


def _heard(exchange: Exchange) -> tuple[Answer, dict[str, JSON]]:
    """What a stream of plain texts says, in the shape of a prediction."""
    body = exchange.response.body if exchange.response else b""
    # A character that was cut is no part of the text.
    arrived = list(events(codecs.getincrementaldecoder("utf-8")("replace").decode(body).encode()))
    end = next((data for name, data in arrived if name == "done"), None)
    error = next((error_in_event(name, data) for name, data in arrived if name == "error"), None)
    if error is None and end is None:
        error = failure_of(exchange)
    reason = text_of((object_from(end or "") or {}).get("reason"))
    status = {None: "succeeded", "canceled": "canceled", "error": "failed"}.get(reason) if end is not None else None
    text: list[JSON] = [data for name, data in arrived if name == "output"]
    return Answer(is_stream=True, error=error), {"status": status, "output": text}


def _error_of(answer: Answer, status: str | None, prediction: dict[str, JSON]) -> ProviderError:
    if status in _FAILED:
        return ProviderError(type=status, message=text_of(prediction.get("error")) or answer.error_message)
    return ProviderError(type=answer.error_type, message=answer.error_message)


def _messages_of(given: dict[str, JSON]) -> Iterator[Message]:
    if system := text_of(given.get("system_prompt")):
        yield Message(role="system", parts=(TextPart(text=well_formed(system)),))
    yield from map(message_of, objects_of(given.get("messages")))
    if prompt := text_of(given.get("prompt")):
        yield Message(role="user", parts=(TextPart(text=well_formed(prompt)),))


def _parts_of(output: JSON) -> Iterator[Part]:
    """A text in pieces, addresses of files, or any other value as JSON."""
    pieces = output if isinstance(output, list) else [output]
    if all(isinstance(piece, str) and _is_file(piece) for piece in pieces):
        yield from (_file_of(str(piece)) for piece in pieces)
    elif all(isinstance(piece, str) for piece in pieces):
        if text := "".join(map(str, pieces)):
            yield TextPart(text=well_formed(text))
    elif output is not None:
        yield TextPart(text=json.dumps(output, ensure_ascii=False))


def _is_file(text: str) -> bool:
    is_address = text.startswith(("https://", "http://")) and len(text.split()) == 1
    return text.startswith("data:") or is_address


def _file_of(address: str) -> MediaPart:
    path = address.partition("?")[0].lower()
    kind = next((kind for kind, suffixes in _SUFFIXES.items() if path.endswith(suffixes)), "file")
    head = address[len("data:") :].partition("/")[0] if address.startswith("data:") else kind
    return MediaPart(kind=head if head in _SUFFIXES else kind, reference=media_reference(address))


def _facts_in(metrics: dict[str, JSON]) -> dict[str, JSON]:
    named: dict[str, JSON] = {
        "completion_time": metrics.get("predict_time"),
        "total_time": metrics.get("total_time"),
        "time_to_first_token": metrics.get("time_to_first_token"),
    }
    return facts_in_body(known(**named))
