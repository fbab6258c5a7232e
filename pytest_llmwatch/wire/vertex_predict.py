"""Vertex AI's `:predict` of Google's models: embeddings, images of Imagen, and the texts of PaLM.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, MediaPart, Message, ModelCall, Part, TextPart, Usage

from .answers import answer_in, asked_in
from .gemini_address import model_in_path, target_of
from .reading import (
    first_text,
    hash_of_base64,
    hash_of_json,
    int_of,
    object_from,
    object_of,
    objects_of,
    text_of,
    well_formed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request

_TEXTS = ("title", "content", "text", "prompt")
_MEDIA = ("image", "video")
_SENT = frozenset({*_TEXTS, *_MEDIA, "context", "messages"})
# What no two recordings of the same answer share.
VOLATILE = frozenset({"deployedModelId"})
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request asks a model for what is made of texts or images; a model of tables is none of these."""
    if request.method.upper() != "POST" or target_of(request)[1] != "predict":
        return False
    instances = objects_of((object_from(request.body) or {}).get("instances"))
    return any(not _SENT.isdisjoint(instance) for instance in instances)


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and what came of it."""
    asked = asked_in(exchange, expected="a JSON object with `instances`")
    answer = answer_in(
        exchange,
        expected="a JSON object with `predictions`",
        # Imagen leaves them out where none of its images may be shown.
        is_answer=lambda body: "predictions" in body or not body.keys() - {"metadata", "deployedModelId", "model"},
    )
    model, instances = model_in_path(exchange.request), objects_of(asked.get("instances"))
    predictions, metadata = objects_of(answer.body.get("predictions")), object_of(answer.body.get("metadata"))
    operation = _operation_of(model or "", instances)
    makes_images = operation == "image_generation"
    parts = tuple(_made_parts(predictions)) if operation != "embeddings" else ()
    blocked = first_text(predictions, "raiFilteredReason")
    others: list[JSON] = ["images"] if makes_images and parts else []
    billing: dict[str, JSON] = {
        "billed_characters": int_of(metadata.get("billableCharacterCount")),
        "other_charges": others or None,
    }
    return ModelCall(
        operation_name=operation,
        request_model=model,
        streaming=answer.is_stream,
        input_messages=tuple(message for instance in instances for message in _messages_of(instance)),
        parameters=_parameters_of(asked, instances),
        output_messages=(Message(role="assistant", parts=parts),) if parts or blocked else (),
        finish_reasons=("content_filter" if blocked and not parts else None,) if parts or blocked else (),
        provider_finish_reasons=(blocked,) if parts or blocked else (),
        usage=_usage_of(predictions, metadata) if not makes_images else Usage(),
        error_type=answer.error_type,
        error_message=answer.error_message,
        billing={name: value for name, value in billing.items() if value is not None},
    )


def _operation_of(model: str, instances: list[dict[str, JSON]]) -> str:
    if "embedding" in model or any(instance.keys() & {"content", "text", "video"} for instance in instances):
        return "embeddings"
    if any("messages" in instance for instance in instances):
        return "chat"
    # The texts of PaLM; every other model that has a prompt here makes images.
    is_of_text = any(name in model for name in ("text", "code", "bison", "unicorn", "llama", "gemma"))
    return "text_completion" if is_of_text else "image_generation"


def _messages_of(instance: dict[str, JSON]) -> Iterator[Message]:
    if context := text_of(instance.get("context")):
        yield Message(role="system", parts=(TextPart(text=well_formed(context)),))
    for turn in objects_of(instance.get("messages")):
        role = "assistant" if turn.get("author") in ("bot", "1") else "user"
        yield Message(role=role, parts=tuple(_texts_of(turn.get("content"))))
    if parts := tuple(_sent_parts(instance)):
        yield Message(role="user", parts=parts)


def _sent_parts(instance: dict[str, JSON]) -> Iterator[Part]:
    for name in _TEXTS:
        yield from _texts_of(instance.get(name))
    for name in _MEDIA:
        medium = object_of(instance.get(name))
        address, data = text_of(medium.get("gcsUri")), text_of(medium.get("bytesBase64Encoded"))
        if medium:
            reference = address or (hash_of_base64(data) if data else hash_of_json(medium))
            yield MediaPart(kind=name, reference=reference)


def _texts_of(text: JSON) -> Iterator[TextPart]:
    if isinstance(text, str) and text:
        yield TextPart(text=well_formed(text))


def _made_parts(predictions: list[dict[str, JSON]]) -> Iterator[Part]:
    for prediction in predictions:
        yield from _texts_of(prediction.get("content"))
        for candidate in objects_of(prediction.get("candidates")):
            yield from _texts_of(candidate.get("content"))
        if data := text_of(prediction.get("bytesBase64Encoded")):
            yield MediaPart(kind="image", reference=hash_of_base64(data))
        elif address := text_of(prediction.get("gcsUri")):
            yield MediaPart(kind="image", reference=address)


def _parameters_of(asked: dict[str, JSON], instances: list[dict[str, JSON]]) -> dict[str, JSON]:
    """Everything else that was sent; what the instances have in common is told once."""
    others = {name: value for name, value in asked.items() if name not in ("instances", "parameters")}
    settings = [{name: value for name, value in each.items() if name not in _SENT} for each in instances]
    shared = settings[0] if settings else {}
    differ = any(each != shared for each in settings)
    return {**others, **object_of(asked.get("parameters")), **({"instances": [*settings]} if differ else shared)}


def _usage_of(predictions: list[dict[str, JSON]], metadata: dict[str, JSON]) -> Usage:
    """The tokens of all instances together; unknown where one of them is."""
    held = object_of(metadata.get("tokenMetadata"))
    read, written = (
        int_of(object_of(held.get(f"{name}TokenCount")).get("totalTokens")) for name in ("input", "output")
    )
    counts = [
        int_of(object_of(object_of(each.get("embeddings")).get("statistics")).get("token_count"))
        for each in predictions
    ]
    known = [count for count in counts if count is not None]
    if read is None and counts and len(known) == len(counts):
        read = sum(known)
    return Usage(input_tokens=read, output_tokens=written)
