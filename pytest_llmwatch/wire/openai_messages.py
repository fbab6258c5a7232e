"""The messages of `openai_chat`, sent and received: the same shapes in both directions.

A stream is folded into the shape of a whole message first (`whole_message`), so there is one way to read one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import (
    JSON,
    MediaPart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
)

from .reading import (
    hash_of_base64,
    hash_of_json,
    int_of,
    json_of,
    list_of,
    media_reference,
    object_of,
    objects_of,
    text_of,
    well_formed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def message_of(message: dict[str, JSON]) -> Message:
    """One message of a request."""
    role = text_of(message.get("role")) or ""
    if role in ("tool", "function"):
        call_id = text_of(message.get("tool_call_id")) or text_of(message.get("name"))
        return Message(role=role, parts=(ToolResultPart(result=message.get("content"), id=call_id),))
    return Message(role=role, parts=tuple(parts_of(message)))


def answer_of(messages: Iterable[dict[str, JSON]]) -> Message:
    """The message of one choice; neighbouring pieces of text are joined."""
    said = list(messages)
    role = next((role for message in said if (role := text_of(message.get("role")))), "assistant")
    return Message(role=role, parts=tuple(_joined(part for message in said for part in parts_of(message))))


def parts_of(message: dict[str, JSON]) -> Iterator[Part]:
    """What a message holds: thoughts, content, refusal, media, tool calls."""
    # Some servers send the thoughts under both names (vLLM), or under either.
    if thought := text_of(message.get("reasoning_content")) or text_of(message.get("reasoning")):
        yield ReasoningPart(text=well_formed(thought))
    yield from _content_parts(message.get("content"))
    if refusal := text_of(message.get("refusal")):
        yield TextPart(text=well_formed(refusal))
    yield from _made_media(message)
    yield from _tool_call_parts(message)


def _content_parts(content: JSON) -> Iterator[Part]:
    if isinstance(content, dict):
        # Cloudflare's JSON mode answers with the object itself.
        yield TextPart(text=json.dumps(content, ensure_ascii=False))
        return
    for piece in list_of(content) or [content]:
        if isinstance(piece, str) and piece:
            yield TextPart(text=well_formed(piece))
        elif isinstance(piece, dict):
            yield from _content_part(piece)


def _content_part(piece: dict[str, JSON]) -> Iterator[Part]:
    kind = text_of(piece.get("type")) or "text"
    if kind in ("text", "input_text", "output_text", "refusal"):
        text = text_of(piece.get("text")) or text_of(piece.get("refusal"))
        yield from [TextPart(text=well_formed(text))] if text else []
    elif kind == "thinking":
        yield from _thinking_parts(piece.get("thinking"))
    else:
        yield MediaPart(kind=_MEDIA_KINDS.get(kind, kind), reference=_reference_of(kind, piece))


def _thinking_parts(thinking: JSON) -> Iterator[Part]:
    # Mistral: a list of text parts, or a text.
    pieces = [thinking] if isinstance(thinking, str) else [part.get("text") for part in objects_of(thinking)]
    for piece in pieces:
        if text := text_of(piece):
            yield ReasoningPart(text=well_formed(text))


_MEDIA_KINDS = {
    "image_url": "image",
    "input_image": "image",
    "input_audio": "audio",
    "audio_url": "audio",
    "video_url": "video",
    "input_video": "video",
    "document_url": "file",
    "input_file": "file",
}


def _reference_of(kind: str, piece: dict[str, JSON]) -> str:
    """The address or id of a medium, a hash of its bytes, or a hash of the whole part where it has neither."""
    medium = piece.get(kind)
    if address := text_of(medium) or text_of(object_of(medium).get("url")):
        return media_reference(address)
    held = object_of(medium)
    if data := text_of(held.get("data")):
        return hash_of_base64(data)
    if file := text_of(held.get("file_id")) or text_of(held.get("file_data")):
        return media_reference(file)
    return hash_of_json(piece)


def _made_media(message: dict[str, JSON]) -> Iterator[Part]:
    for image in objects_of(message.get("images")):
        yield MediaPart(kind="image", reference=_reference_of("image_url", image))
    if audio := text_of(object_of(message.get("audio")).get("id")):
        yield MediaPart(kind="audio", reference=audio)


def _tool_call_parts(message: dict[str, JSON]) -> Iterator[Part]:
    for call in objects_of(message.get("tool_calls")):
        yield from _tool_call_part(call, text_of(call.get("id")))
    yield from _tool_call_part({"function": message.get("function_call")}, None)


def _tool_call_part(call: dict[str, JSON], call_id: str | None) -> Iterator[Part]:
    # Snowflake sends every kind of call beside the real one, with an empty name.
    function, custom = object_of(call.get("function")), object_of(call.get("custom"))
    if name := text_of(function.get("name")):
        yield ToolCallPart(name=name, arguments=_arguments_of(function.get("arguments")), id=call_id)
    elif name := text_of(custom.get("name")):
        yield ToolCallPart(name=name, arguments=custom.get("input"), id=call_id)


def _arguments_of(arguments: JSON) -> JSON:
    if not isinstance(arguments, str):
        return arguments
    try:
        return json_of(arguments) if arguments else None
    except ValueError:
        return arguments


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    for kind, row in groupby(parts, type):
        if kind is TextPart:
            yield TextPart(text="".join(part.text for part in row if isinstance(part, TextPart)))
        elif kind is ReasoningPart:
            yield ReasoningPart(text="".join(part.text for part in row if isinstance(part, ReasoningPart)))
        else:
            yield from row


def whole_message(deltas: list[dict[str, JSON]]) -> dict[str, JSON]:
    """The message that the deltas of one choice add up to."""
    message: dict[str, JSON] = {
        name: "".join(text for delta in deltas if (text := text_of(delta.get(name))))
        for name in ("reasoning_content", "reasoning", "refusal")
    }
    message["role"] = next((role for delta in deltas if (role := text_of(delta.get("role")))), None)
    message["content"] = _whole_content([delta.get("content") for delta in deltas])
    message["images"] = [image for delta in deltas for image in list_of(delta.get("images"))]
    message["audio"] = next((audio for delta in deltas if (audio := object_of(delta.get("audio"))).get("id")), None)
    message["tool_calls"] = _whole_tool_calls(call for delta in deltas for call in objects_of(delta.get("tool_calls")))
    message["function_call"] = _whole_function_call([object_of(delta.get("function_call")) for delta in deltas])
    return message


def _whole_content(pieces: list[JSON]) -> JSON:
    """Joined where it is all text; the pieces in a row where some are parts (Mistral's thinking)."""
    if all(piece is None or isinstance(piece, str) for piece in pieces):
        return "".join(piece for piece in pieces if isinstance(piece, str))
    return [part for piece in pieces for part in (piece if isinstance(piece, list) else [piece])]


@dataclass(slots=True)
class _GrowingCall:
    """A tool call while its deltas arrive; `kind` is `function` or `custom`."""

    id: str | None
    kind: str = "function"
    name: str = ""
    arguments: list[JSON] = field(default_factory=list)

    def add(self, delta: dict[str, JSON]) -> None:
        custom = object_of(delta.get("custom"))
        said = object_of(delta.get("function"))
        if text_of(custom.get("name")) or (custom and not said):
            self.kind, said = "custom", custom
        name = text_of(said.get("name")) or ""
        # A name comes whole; some servers repeat it with every delta.
        self.name += name if name != self.name else ""
        self.arguments.append(said.get("input" if self.kind == "custom" else "arguments"))

    def whole(self) -> dict[str, JSON]:
        field_name = "input" if self.kind == "custom" else "arguments"
        return {"id": self.id, self.kind: {"name": self.name, field_name: _whole_arguments(self.arguments)}}


def _whole_arguments(pieces: list[JSON]) -> JSON:
    """The text that was streamed; or the value itself, where a server sends it parsed."""
    parsed = [piece for piece in pieces if piece is not None and not isinstance(piece, str)]
    return parsed[-1] if parsed else "".join(piece for piece in pieces if isinstance(piece, str))


def _whole_tool_calls(deltas: Iterable[dict[str, JSON]]) -> list[JSON]:
    calls: list[_GrowingCall] = []
    by_index: dict[int, _GrowingCall] = {}
    by_id: dict[str, _GrowingCall] = {}
    for delta in deltas:
        index, call_id = int_of(delta.get("index")), text_of(delta.get("id"))
        call = _continued(delta, calls, by_index, by_id)
        if call is None:
            call = _GrowingCall(call_id)
            calls.append(call)
        call.id = call.id or call_id
        call.add(delta)
        by_index |= {index: call} if index is not None else {}
        by_id |= {call_id: call} if call_id else {}
    return [call.whole() for call in calls]


def _continued(
    delta: dict[str, JSON], calls: list[_GrowingCall], by_index: dict[int, _GrowingCall], by_id: dict[str, _GrowingCall]
) -> _GrowingCall | None:
    """The call that a delta belongs to; `None` where it begins one."""
    index, call_id = int_of(delta.get("index")), text_of(delta.get("id"))
    if call_id and call_id in by_id:
        return by_id[call_id]
    is_named = bool(text_of(object_of(delta.get("function")).get("name")))
    if index is None:
        return None if is_named or call_id or not calls else calls[-1]
    call = by_index.get(index)
    # Google and old Ollama number every call 0: a new id with a name is a new call.
    return None if call and is_named and call_id and call.id and call_id != call.id else call


def _whole_function_call(deltas: list[dict[str, JSON]]) -> JSON:
    call = _GrowingCall(None)
    for delta in deltas:
        call.add({"function": delta})
    return call.whole()["function"]


def tools_of(body: dict[str, JSON]) -> Iterator[ToolDefinition]:
    """The tools a request offers, in the present and the old (`functions`) form."""
    for tool in objects_of(body.get("tools")):
        yield _tool_of(tool)
    for function in objects_of(body.get("functions")):
        yield _function_of(function)


def _tool_of(tool: dict[str, JSON]) -> ToolDefinition:
    kind = text_of(tool.get("type")) or "function"
    held = object_of(tool.get(kind))
    if kind == "function":
        return _function_of(held or tool)
    if kind == "custom":
        return ToolDefinition(
            name=text_of(held.get("name")) or "",
            description=text_of(held.get("description")),
            parameters=held.get("format"),
        )
    # A tool of the provider's own (web search ...) is known by its type; the rest are its settings.
    settings = {name: value for name, value in tool.items() if name != "type"}
    return ToolDefinition(name=kind, parameters=settings or None)


def _function_of(function: dict[str, JSON]) -> ToolDefinition:
    return ToolDefinition(
        name=text_of(function.get("name")) or "",
        description=text_of(function.get("description")),
        parameters=function.get("parameters"),
    )
