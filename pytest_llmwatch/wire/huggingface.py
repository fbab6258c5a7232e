"""Hugging Face's own format: text-generation-inference, the inference API, and its containers on SageMaker.

https://huggingface.github.io/text-generation-inference/ and
https://huggingface.co/docs/inference-providers/providers/hf-inference
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pytest_llmwatch.calls import JSON, FinishReason, MediaPart, Message, ModelCall, TextPart, Usage

from .answers import Answer, answer_in, asked_in, path_of
from .reading import (
    first_text,
    hash_of_bytes,
    int_of,
    json_of,
    list_of,
    object_of,
    objects_of,
    text_of,
    well_formed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request, Response

_PATH = re.compile(
    r"/generate(?:_stream)?/?$|/models/(?!.*:)[^/]+(?:/[^/]+)?(?:/pipeline/[a-z-]+)?/?$"
    r"|/pipeline/[a-z-]+/.+$|/endpoints/[^/]+/invocations/?$"
)
_MODEL = re.compile(
    r"/models/([^/]+(?:/(?!pipeline/)[^/]+)?)|/pipeline/[a-z-]+/([^/]+(?:/[^/]+)?)|/endpoints/([^/]+)/invocations"
)
_EMBEDDING = re.compile(r"/(feature-extraction|embed)(/|$)")
_TEXTS = ("generated_text", "summary_text", "translation_text", "answer")
_FINISH_REASONS: dict[str | None, FinishReason] = {"eos_token": "stop", "stop_sequence": "stop", "length": "length"}
VOLATILE: frozenset[str] = frozenset()
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request hands `inputs` to a model."""
    if request.method.upper() != "POST" or not _PATH.search(path_of(request)):
        return False
    return request.body.lstrip()[:1] == b"{" and b'"inputs"' in request.body


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    asked = asked_in(exchange, expected="a JSON object with `inputs`")
    response = exchange.response
    value = _value_in(response) if response is not None and 200 <= response.status < 300 else None
    error = value is None or isinstance(value, dict)
    answer = _events_or_object(exchange, asked) if error else Answer()
    is_embedding = bool(_EMBEDDING.search(path_of(exchange.request))) or _is_vector(value)
    generations = _generations_in(answer, value)
    ends = [object_of(each.get("details")) for each in generations]
    reasons = tuple(text_of(end.get("finish_reason")) for end in ends)
    messages = tuple(_message_of(each) for each in generations)
    is_text = not generations or any(_text_in(each) is not None for each in generations)
    return ModelCall(
        operation_name="embeddings" if is_embedding else "text_completion" if is_text else "generate_content",
        request_model=text_of(asked.get("model")) or _model_in(exchange.request),
        streaming=answer.is_stream,
        input_messages=tuple(_messages_of(asked.get("inputs"))),
        parameters=object_of(asked.get("parameters"))
        | {name: item for name, item in asked.items() if name not in ("inputs", "model", "parameters")},
        output_messages=() if is_embedding else messages,
        finish_reasons=() if is_embedding else tuple(map(_FINISH_REASONS.get, reasons)),
        provider_finish_reasons=() if is_embedding else reasons,
        usage=_usage_of(ends, response),
        error_type=answer.error_type,
        error_message=answer.error_message,
    )


def _value_in(response: Response) -> JSON:
    """A list of answers, or a picture or a sound as an object of its own; `None` leaves it to others."""
    kind = (response.header("content-type") or "").partition("/")[0].lower()
    if kind in ("image", "audio", "video"):
        return [{"medium": kind, "reference": hash_of_bytes(response.body)}]
    try:
        value = json_of(response.body)
    except ValueError:
        return None
    return value if isinstance(value, list) else None


def _events_or_object(exchange: Exchange, asked: dict[str, JSON]) -> Answer:
    return answer_in(
        exchange,
        expected="a JSON value with `generated_text`",
        is_answer=lambda body: "token" in body or any(name in body for name in (*_TEXTS, "labels")),
        # The last token comes with the whole text.
        is_end=lambda body: text_of(body.get("generated_text")) is not None or bool(body.get("details")),
        streamed=asked.get("stream") is True or path_of(exchange.request).rstrip("/").endswith("/generate_stream"),
    )


def _generations_in(answer: Answer, value: JSON) -> list[dict[str, JSON]]:
    """The answers, each with its text and its details; those to several inputs stand in lists of their own."""
    bodies = [body for body in answer.bodies if any(name in body for name in ("token", "labels", *_TEXTS))]
    if answer.is_stream:
        return [_joined(bodies)] if bodies else []
    if not isinstance(value, list):
        return bodies
    flat = [item for each in value for item in (list_of(each) or [each])]
    found = [each for each in objects_of(flat) if _text_in(each) is not None or "medium" in each]
    if found or _is_vector(value) or not value:
        return found
    return [{"value": value}]


def _joined(bodies: list[dict[str, JSON]]) -> dict[str, JSON]:
    """The tokens of a stream; its last event repeats them all, the special ones left out."""
    tokens = (object_of(body.get("token")) for body in bodies)
    pieces = (text for token in tokens if (text := text_of(token.get("text"))) and token.get("special") is not True)
    text = first_text(bodies, "generated_text") or "".join(pieces)
    details = next((found for body in reversed(bodies) if (found := object_of(body.get("details")))), {})
    return {"generated_text": text, "details": details}


def _is_vector(value: JSON) -> bool:
    while isinstance(value, list) and value:
        value = value[0]
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text_in(generation: dict[str, JSON]) -> str | None:
    texts = (generation.get(name) for name in _TEXTS)
    return next((text for text in texts if isinstance(text, str)), None)


def _message_of(generation: dict[str, JSON]) -> Message:
    if (text := _text_in(generation)) is not None:
        return Message(role="assistant", parts=(TextPart(text=well_formed(text)),) if text else ())
    if medium := text_of(generation.get("medium")):
        reference = text_of(generation.get("reference")) or ""
        return Message(role="assistant", parts=(MediaPart(kind=medium, reference=reference),))
    said = generation.get("value", generation)
    return Message(role="assistant", parts=(TextPart(text=json.dumps(said, ensure_ascii=False)),))


def _messages_of(inputs: JSON) -> Iterator[Message]:
    """One message for each text; a question or a picture with its context is one, as JSON."""
    rows = inputs if isinstance(inputs, list) else [inputs]
    for row in rows:
        if row:
            text = row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)
            yield Message(role="user", parts=(TextPart(text=well_formed(text)),))


def _usage_of(ends: list[dict[str, JSON]], response: Response | None) -> Usage:
    """The tokens by the details of all answers, else by the server's headers."""
    read, written = (_sum_of([int_of(end.get(name)) for end in ends]) for name in ("input_length", "generated_tokens"))
    return Usage(
        input_tokens=_header_of(response, "x-prompt-tokens") if read is None else read,
        output_tokens=_header_of(response, "x-generated-tokens") if written is None else written,
    )


def _sum_of(numbers: list[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known and len(known) == len(numbers) else None


def _header_of(response: Response | None, name: str) -> int | None:
    said = (response.header(name) or "").strip() if response else ""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 16 else None


def _model_in(request: Request) -> str | None:
    found = _MODEL.search(path_of(request))
    return unquote(next(filter(None, found.groups()))) if found else None
