"""What is sent to a model that Bedrock invokes: every maker has a body of their own, known by its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, MediaPart, Message, Part, TextPart, ToolDefinition

from . import anthropic_content, bedrock_messages, cohere_messages, openai_messages
from .reading import hash_of_base64, list_of, media_reference, object_of, objects_of, text_of, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterator

_IMAGE_MAKERS = ("stability.", "-image-", "nova-canvas")
# Where a text or a medium stands: Titan, Stability, TwelveLabs; images of Amazon's; documents of a reranker.
_TEXTS = ("prompt", "inputText", "inputPrompt", "query", "text")
_IMAGES = ("image", "inputImage", "init_image", "referenceImage", "mask_image", "maskImage")
_LISTS = ("texts", "images", "text_prompts", "documents", "inputs")
_MEDIA = (*_IMAGES, "mediaSource", "video", "audio")
_OF_A_CHAT = frozenset(
    {"messages", "system", "tools", "toolConfig", "message", "chat_history", "preamble", "tool_results"}
)
_OF_A_PROMPT = frozenset({"tools", "toolConfig", *_TEXTS, *_MEDIA, *_LISTS})


def operation_of(model: str, asked: dict[str, JSON]) -> str:
    """What a model is asked to do, as far as its name and the request tell."""
    if "embed" in model or "embed" in (text_of(asked.get("schemaVersion")) or ""):
        return "embeddings"
    if "rerank" in model or ("query" in asked and "documents" in asked):
        return "rerank"
    if any(part in model for part in _IMAGE_MAKERS) or asked.keys() & {"taskType", "text_prompts"}:
        return "image_generation"
    return "text_completion" if asked.keys() & {"prompt", "inputText"} and "messages" not in asked else "chat"


def messages_of(model: str, asked: dict[str, JSON]) -> tuple[Message, ...]:
    """The messages of a request, the system prompt first."""
    if "messages" in asked:
        return tuple(_chat_messages(model, asked))
    if "message" in asked:
        return tuple(cohere_messages.first_messages_of(asked))
    return tuple(_loose_messages(asked))


def _chat_messages(model: str, asked: dict[str, JSON]) -> Iterator[Message]:
    if _is_anthropic(model, asked):
        return anthropic_content.messages_of(asked)
    if _is_converse(asked):
        return bedrock_messages.messages_of(asked)
    return map(openai_messages.message_of, objects_of(asked.get("messages")))


def _is_anthropic(model: str, asked: dict[str, JSON]) -> bool:
    return "anthropic_version" in asked or "anthropic." in model


def _is_converse(asked: dict[str, JSON]) -> bool:
    """Whether the messages are those of Nova: its blocks have no type."""
    if asked.keys() & {"schemaVersion", "inferenceConfig", "toolConfig"}:
        return True
    blocks = (block for each in objects_of(asked.get("messages")) for block in objects_of(each.get("content")))
    return any("type" not in block for block in blocks)


def _loose_messages(asked: dict[str, JSON]) -> Iterator[Message]:
    """One message for the prompt and what is shown with it, and one for each thing in a list."""
    prompt = list(_loose_parts(asked))
    # Beside a prompt images belong to it; without one, each is embedded.
    is_shown = bool(prompt)
    prompt += _image_parts(asked) if is_shown else []
    for name, held in asked.items():
        if name.endswith("Params"):
            prompt += [*_loose_parts(object_of(held)), *_image_parts(object_of(held))]
    if prompt:
        yield Message(role="user", parts=tuple(prompt))
    for name in _LISTS:
        if name == "images" and is_shown:
            continue
        for item in list_of(asked.get(name)):
            if parts := tuple(_item_parts(name, item)):
                yield Message(role="user", parts=parts)


def _loose_parts(holder: dict[str, JSON]) -> Iterator[Part]:
    for name in _TEXTS:
        held = holder.get(name)
        yield from _texts_of(held if isinstance(held, str) else object_of(held).get("value"))
    for name in _MEDIA:
        kind = next((kind for kind in ("image", "video", "audio") if kind in name.lower()), "file")
        yield from _medium_of(kind, holder.get(name))


def _image_parts(holder: dict[str, JSON]) -> Iterator[Part]:
    for image in list_of(holder.get("images")):
        yield from _medium_of("image", image)


def _item_parts(name: str, item: JSON) -> Iterator[Part]:
    if name == "images":
        yield from _medium_of("image", item)
    elif isinstance(item, str):
        yield from _texts_of(item)
    elif name == "inputs":
        # Cohere's fourth embedding model takes texts and images in one.
        yield from openai_messages.message_of({"content": object_of(item).get("content")}).parts
    else:
        yield from _texts_of(object_of(item).get("text"))


def _texts_of(text: JSON) -> Iterator[TextPart]:
    if isinstance(text, str) and text:
        yield TextPart(text=well_formed(text))


def _medium_of(kind: str, medium: JSON) -> Iterator[MediaPart]:
    held = object_of(medium)
    source = object_of(held.get("source")) or held
    data = text_of(medium) or text_of(source.get("bytes")) or text_of(source.get("base64String"))
    if data:
        reference = media_reference(data) if data.startswith("data:") else hash_of_base64(data)
        yield MediaPart(kind=kind, reference=reference)
    elif address := text_of(object_of(source.get("s3Location")).get("uri")):
        yield MediaPart(kind=kind, reference=address)


def tools_of(model: str, asked: dict[str, JSON]) -> tuple[ToolDefinition, ...]:
    """The tools a request offers."""
    if _is_anthropic(model, asked):
        return tuple(anthropic_content.tools_of(asked))
    if "toolConfig" in asked:
        return tuple(bedrock_messages.tools_of(asked))
    if "message" in asked:
        return tuple(cohere_messages.first_tools_of(asked))
    return tuple(openai_messages.tools_of(asked))


def parameters_of(asked: dict[str, JSON]) -> dict[str, JSON]:
    """Everything else that was sent."""
    read = _OF_A_CHAT if asked.keys() & {"messages", "message"} else _OF_A_PROMPT
    sent = {name: value for name, value in asked.items() if name not in read}
    for name, value in sent.items():
        if name.endswith("Params") and isinstance(value, dict):
            sent[name] = {key: each for key, each in value.items() if key not in read}
    others = {name: value for name, value in object_of(asked.get("toolConfig")).items() if name != "tools"}
    return sent | ({"toolConfig": others} if others else {})
