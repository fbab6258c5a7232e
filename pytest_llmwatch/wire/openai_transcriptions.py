"""OpenAI's transcriptions and translations of speech, and the hosts that speak them: JSON, texts, and event streams.

https://platform.openai.com/docs/api-reference/audio/createTranscription, and
https://docs.mistral.ai/capabilities/audio_transcription, whose events have names of their own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, MediaPart, Message, ModelCall, Part, TextPart

from .answers import Answer, answer_in, failure_of, is_stream, model_in_path, path_of
from .multipart import is_form_or_object, sent_in
from .openai_usage import media_billing_of, media_usage_of, usage_in
from .provider_costs import cost_of
from .provider_errors import error_in
from .reading import (
    first_text,
    hash_of_base64,
    hash_of_bytes,
    media_reference,
    object_from,
    object_of,
    objects_of,
    text_of,
    well_formed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request, Response

_PATH = re.compile(r"/audio/(transcriptions|translations)/?$")
_OPERATIONS = {"transcriptions": "transcription", "translations": "translation"}
_ADDRESSES = ("url", "file_url", "file_id", "file", "input_audio")
_NOT_PARAMETERS = frozenset({"model", "prompt", *_ADDRESSES})
_TEXT_FORMATS = ("text", "srt", "vtt")
# What no two recordings of the same answer share.
VOLATILE = frozenset({"id", "created", "request_id", "x_groq.id"})
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request asks for speech to be written down."""
    if request.method.upper() != "POST" or not _PATH.search(path_of(request)):
        return False
    return is_form_or_object(request)


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was to be written down, and as much of the text as arrived."""
    request = exchange.request
    asked, sent = _asked_in(exchange)
    answer, text = _written_in(exchange, asked)
    bodies = list(answer.bodies)
    usage = usage_in(bodies)
    reasons = tuple(filter(None, (first_text(bodies, "finish_reason"),)))
    found = _PATH.search(path_of(request))
    return ModelCall(
        operation_name=_OPERATIONS[found[1]] if found else "transcription",
        request_model=text_of(asked.get("model")) or model_in_path(request),
        response_model=first_text(bodies, "model"),
        response_id=first_text(bodies, "id"),
        streaming=answer.is_stream,
        input_messages=(Message(role="user", parts=sent),) if sent else (),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=(Message(role="assistant", parts=(TextPart(text=text),)),) if text else (),
        finish_reasons=tuple("length" if reason == "length" else None for reason in reasons),
        provider_finish_reasons=reasons,
        usage=media_usage_of(usage),
        error_type=answer.error_type,
        error_message=answer.error_message,
        cost=cost_of(usage),
        billing=media_billing_of(usage),
    )


def _asked_in(exchange: Exchange) -> tuple[dict[str, JSON], tuple[Part, ...]]:
    """The fields of a request, in a form or in JSON, and what the model was given."""
    form = sent_in(exchange)
    fields = form.fields
    references = [reference for name in _ADDRESSES if (reference := _reference_of(name, fields.get(name)))]
    references += [hash_of_bytes(data) for _, data in form.files]
    parts: list[Part] = [TextPart(text=well_formed(prompt))] if (prompt := text_of(fields.get("prompt"))) else []
    return fields, (*parts, *(MediaPart(kind="audio", reference=reference) for reference in references))


def _reference_of(name: str, sound: JSON) -> str | None:
    """The address or id of what was sent, or a hash of its bytes."""
    if data := text_of(object_of(sound).get("data")):
        return media_reference(data) if data.startswith("data:") else hash_of_base64(data)
    address = text_of(sound)
    if address is None or name != "file" or address.startswith(("http:", "https:", "data:")):
        return address and media_reference(address)
    return hash_of_base64(address)


def _written_in(exchange: Exchange, asked: dict[str, JSON]) -> tuple[Answer, str]:
    response = exchange.response
    if response is not None and 200 <= response.status < 300 and response.body and _is_plain(response, asked):
        error = failure_of(exchange) if exchange.failure else None
        return Answer(error=error), response.body.decode("utf-8-sig", errors="replace")
    answer = answer_in(
        exchange,
        expected="a JSON object with `text`",
        is_answer=_is_answer,
        is_end=_ends,
        streamed=asked.get("stream") in (True, "true"),
    )
    return answer, well_formed(_text_of(list(answer.bodies)))


def _is_plain(response: Response, asked: dict[str, JSON]) -> bool:
    """Whether a body is the text itself: it was asked for, or the header says so, and it is nothing else."""
    kind = (response.header("content-type") or "").partition(";")[0].strip().lower()
    is_asked = asked.get("response_format") in _TEXT_FORMATS
    if not is_asked and kind not in ("text/plain", "text/vtt", "application/x-subrip"):
        return False
    # Words that somebody spoke may look like the beginning of an event stream.
    if asked.get("stream") in (True, "true") and is_stream(response):
        return False
    body = object_from(response.body)
    return body is None or not (_is_answer(body) or error_in(body))


def _is_answer(body: dict[str, JSON]) -> bool:
    kind = text_of(body.get("type")) or ""
    # vLLM streams chunks like those of a chat.
    return "text" in body or "choices" in body or kind.startswith(("transcript.", "transcription."))


def _ends(body: dict[str, JSON]) -> bool:
    is_done = (text_of(body.get("type")) or "").endswith(".done")
    return is_done or any(text_of(choice.get("finish_reason")) for choice in objects_of(body.get("choices")))


def _text_of(bodies: list[dict[str, JSON]]) -> str:
    """The text of a whole answer; of a stream the one at its end, else of the pieces, else of the segments."""
    kinds = [(text_of(body.get("type")) or "", body) for body in bodies]
    whole = [text_of(body.get("text")) for kind, body in kinds if kind.endswith(".done") or "." not in kind]
    deltas = [body for kind, body in kinds if kind.endswith(".delta")]
    pieces = [text_of(body.get("delta")) or text_of(body.get("text")) for body in deltas]
    segments = [text_of(body.get("text")) for kind, body in kinds if kind.endswith(".segment")]
    rows = (whole, pieces, [*_deltas_in(bodies)], segments)
    return next((text for row in rows if (text := "".join(filter(None, row)))), "")


def _deltas_in(bodies: list[dict[str, JSON]]) -> Iterator[str | None]:
    for body in bodies:
        for choice in objects_of(body.get("choices")):
            yield text_of(object_of(choice.get("delta")).get("content"))
