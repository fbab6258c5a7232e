"""OpenAI's speech, and the hosts that speak it: sound as it is, in JSON (Mistral), and in event streams.

https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, MediaPart, Message, ModelCall, TextPart

from .answers import Answer, answer_in, asked_in, failure_of, is_stream, model_in_path, path_of
from .openai_usage import media_billing_of, media_usage_of, usage_in
from .provider_costs import cost_of
from .reading import first_text, hash_of_bytes, text_of, well_formed

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange, Request, Response

_PATH = re.compile(r"/audio/speech/?$")
_NOT_PARAMETERS = frozenset({"model", "input"})
_EXPECTED = "sound, or a JSON object with `audio_data`"
# What no two recordings of the same answer share.
VOLATILE = frozenset({"id", "created"})
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request asks for a text to be spoken."""
    if request.method.upper() != "POST" or not _PATH.search(path_of(request)):
        return False
    return request.body.lstrip()[:1] == b"{" and b'"input"' in request.body


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was to be said, and as much of the sound as arrived."""
    request = exchange.request
    asked = asked_in(exchange, expected="a JSON object with `input`")
    text = text_of(asked.get("input"))
    streamed = asked.get("stream") is True or asked.get("stream_format") == "sse"
    said = _said_in(exchange, streamed=streamed)
    bodies = list(said.answer.bodies)
    usage = usage_in(bodies)
    sound = (MediaPart(kind="audio", reference=hash_of_bytes(said.sound)),) if said.sound else ()
    return ModelCall(
        operation_name="speech",
        request_model=text_of(asked.get("model")) or model_in_path(request),
        response_model=first_text(bodies, "model"),
        response_id=first_text(bodies, "id"),
        streaming=said.answer.is_stream,
        input_messages=(Message(role="user", parts=(TextPart(text=well_formed(text)),)),) if text else (),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=(Message(role="assistant", parts=sound),) if sound else (),
        usage=media_usage_of(usage),
        error_type=said.answer.error_type,
        error_message=said.answer.error_message,
        cost=cost_of(usage),
        billing=media_billing_of(usage),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What came back, as far as it came."""

    answer: Answer
    sound: bytes = b""


def _said_in(exchange: Exchange, *, streamed: bool) -> _Said:
    response = exchange.response
    if (
        response is not None
        and 200 <= response.status < 300
        and response.body
        and _is_sound(response, streamed=streamed)
    ):
        error = failure_of(exchange) if exchange.failure else None
        return _Said(answer=Answer(error=error), sound=response.body)
    answer = answer_in(exchange, expected=_EXPECTED, is_answer=_is_answer, is_end=_ends, streamed=streamed)
    return _Said(answer=answer, sound=b"".join(map(_sound_of, answer.bodies)))


def _is_sound(response: Response, *, streamed: bool) -> bool:
    """Whether a body is the sound itself, which may begin with any byte, also with those of an event stream."""
    kind = (response.header("content-type") or "").partition(";")[0].strip().lower()
    if kind.startswith(("audio/", "video/")) or kind == "application/octet-stream":
        return True
    if kind.startswith("text/") or (streamed and is_stream(response)):
        return False
    return response.body.lstrip()[:1] not in (b"{", b"[") or not _is_text(response.body)


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_answer(body: dict[str, JSON]) -> bool:
    return any(isinstance(body.get(name), str) for name in ("audio_data", "audio")) or _kind_of(body).startswith(
        "speech."
    )


def _ends(body: dict[str, JSON]) -> bool:
    return _kind_of(body) == "speech.audio.done"


def _kind_of(body: dict[str, JSON]) -> str:
    return text_of(body.get("type")) or ""


def _sound_of(body: dict[str, JSON]) -> bytes:
    # OpenAI's pieces, and Mistral's: pieces and whole answers.
    data = text_of(body.get("audio")) or text_of(body.get("audio_data")) or ""
    raw = data.encode(errors="replace")
    try:
        return base64.b64decode(raw, validate=True)
    except binascii.Error:
        return raw
