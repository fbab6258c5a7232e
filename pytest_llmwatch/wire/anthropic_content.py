"""What Anthropic's messages hold, sent and received: the same blocks in both directions.

A stream is folded into the shape of a whole message first (`whole_message`), so there is one way to read one.
"""

from __future__ import annotations

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

_MEDIA_KINDS = {"document": "file", "container_upload": "file", "search_result": "file"}
_COUNTED_INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
# The kind of block that a delta belongs to, and the field in which the delta has its piece.
_PIECES = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("tool_use", "partial_json"),
}


def messages_of(asked: dict[str, JSON]) -> Iterator[Message]:
    """The messages of a request, the system prompt first."""
    if system := tuple(parts_of(asked.get("system"))):
        yield Message(role="system", parts=system)
    for message in objects_of(asked.get("messages")):
        yield Message(role=text_of(message.get("role")) or "", parts=tuple(parts_of(message.get("content"))))


def answer_of(message: dict[str, JSON]) -> Message:
    """The answer; neighbouring pieces of text are joined, which citations cut at will."""
    parts = tuple(_joined(parts_of(message.get("content"))))
    return Message(role=text_of(message.get("role")) or "assistant", parts=parts)


def parts_of(content: JSON) -> Iterator[Part]:
    """What a content holds, a text or blocks; blocks of kinds that nobody knows are left out."""
    for block in list_of(content) or [content]:
        if isinstance(block, str) and block:
            yield TextPart(text=well_formed(block))
        elif isinstance(block, dict):
            yield from _parts_of_block(block)


def _parts_of_block(block: dict[str, JSON]) -> Iterator[Part]:
    kind = text_of(block.get("type")) or "text"
    if kind == "text":
        yield from [TextPart(text=well_formed(text))] if (text := text_of(block.get("text"))) else []
    elif kind == "thinking":
        # Only its signature, where the request asks for thoughts to be left out.
        yield from [ReasoningPart(text=well_formed(text))] if (text := text_of(block.get("thinking"))) else []
    elif kind.endswith("tool_use"):
        # The caller's tools, the provider's own (server_tool_use), and those of MCP servers.
        if name := text_of(block.get("name")):
            yield ToolCallPart(name=name, arguments=block.get("input"), id=text_of(block.get("id")))
    elif kind.endswith("tool_result"):
        marked = block.get("is_error") is True or None
        yield ToolResultPart(result=block.get("content"), id=text_of(block.get("tool_use_id")), is_error=marked)
    elif reference := _reference_of(block):
        yield MediaPart(kind=_MEDIA_KINDS.get(kind, kind), reference=reference)


def _reference_of(block: dict[str, JSON]) -> str | None:
    """The address or id of a medium, or a hash of what it holds; `None` where the block is no medium."""
    source = block.get("source")
    held = object_of(source)
    if held.get("type") == "base64" and (data := text_of(held.get("data"))):
        return hash_of_base64(data)
    if address := text_of(source) or text_of(held.get("url")):
        return media_reference(address)
    return text_of(held.get("file_id")) or text_of(block.get("file_id")) or (hash_of_json(held) if held else None)


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    for kind, row in groupby(parts, type):
        if kind is TextPart:
            yield TextPart(text="".join(part.text for part in row if isinstance(part, TextPart)))
        else:
            yield from row


def tools_of(asked: dict[str, JSON]) -> Iterator[ToolDefinition]:
    """The tools a request offers; one of the provider's own has its settings as parameters."""
    for tool in objects_of(asked.get("tools")):
        kind, name = text_of(tool.get("type")) or "custom", text_of(tool.get("name"))
        if kind == "custom":
            description = text_of(tool.get("description"))
            yield ToolDefinition(name=name or "", description=description, parameters=tool.get("input_schema"))
        else:
            # The type tells its version. A set of tools (mcp_toolset) has no other name.
            settings = {key: value for key, value in tool.items() if key != "name"}
            yield ToolDefinition(name=name or kind, parameters=settings)


def whole_message(events: list[dict[str, JSON]]) -> dict[str, JSON]:
    """The message that the events of a stream add up to; empty where none has begun."""
    begun = [object_of(event.get("message")) for event in events if event.get("type") == "message_start"]
    # Gateways repeat the first event, or another follows where they asked once more; clients go by the first.
    message = dict(next(iter(begun), {}))
    blocks = _whole_blocks(message, events)
    if not message and not blocks and not any(event.get("type") == "message_delta" for event in events):
        return {}
    deltas = [object_of(event.get("delta")) for event in events if event.get("type") == "message_delta"]
    reasons = [text_of(each.get("stop_reason")) for each in (message, *deltas)]
    message["stop_reason"] = next((reason for reason in reversed(reasons) if reason), None)
    message["content"] = list(blocks)
    message["usage"] = _whole_usage(events)
    # Where one model declined and another took over, the stream names the other only here.
    heirs = [object_of(block.get("to")) for block in blocks if block.get("type") == "fallback"]
    message["model"] = next((model for heir in reversed(heirs) if (model := heir.get("model"))), message.get("model"))
    return message


def _whole_usage(events: list[dict[str, JSON]]) -> dict[str, JSON]:
    """Every field as it was last reported: counts are totals so far, and none is sent twice without need."""
    reported: dict[str, JSON] = {}
    is_final = False
    for event in events:
        begun, ended = object_of(event.get("message")), object_of(event.get("delta"))
        for place in (begun, event, ended):
            usage = object_of(place.get("usage"))
            reported |= {name: value for name, value in usage.items() if value is not None}
            is_final = is_final or (place is not begun and bool(usage))
    # Hosts that count at the end begin with zeros, which say nothing: no prompt is empty.
    is_counted = is_final or any(int_of(reported.get(name)) for name in _COUNTED_INPUT)
    return reported if is_counted else {}


@dataclass(slots=True)
class _GrowingBlock:
    """A block while its deltas arrive."""

    begun: dict[str, JSON]
    pieces: dict[str, list[str]] = field(default_factory=dict)
    is_closed: bool = False

    def add(self, delta: dict[str, JSON]) -> None:
        _, name = _PIECES.get(text_of(delta.get("type")) or "", ("", ""))
        if piece := text_of(delta.get(name)):
            self.pieces.setdefault(name, []).append(piece)

    def whole(self) -> dict[str, JSON]:
        block = dict(self.begun)
        for name in ("text", "thinking"):
            if name in self.pieces:
                block[name] = (text_of(block.get(name)) or "") + "".join(self.pieces[name])
        if arguments := "".join(self.pieces.get("partial_json", ())):
            block["input"] = _arguments_of(arguments)
        elif not self.is_closed and not block.get("input"):
            # It begins as `{}` in any case; what it would have become is unknown.
            block["input"] = None
        return block


def _arguments_of(text: str) -> JSON:
    try:
        return json_of(text)
    except ValueError:
        return text


def _whole_blocks(message: dict[str, JSON], events: list[dict[str, JSON]]) -> list[dict[str, JSON]]:
    blocks = [_GrowingBlock(block, is_closed=True) for block in objects_of(message.get("content"))]
    by_index: dict[int | None, _GrowingBlock] = dict(enumerate(blocks))
    for event in events:
        index, delta = int_of(event.get("index")), object_of(event.get("delta"))
        grown = by_index.get(index) or (blocks[-1] if blocks and index is None else None)
        match event.get("type"):
            case "content_block_start":
                begun = _GrowingBlock(object_of(event.get("content_block")))
            case "content_block_delta" if grown is None:
                kind, _ = _PIECES.get(text_of(delta.get("type")) or "", ("", ""))
                begun = _GrowingBlock({"type": kind})
                begun.add(delta)
            case "content_block_delta" if grown:
                grown.add(delta)
                continue
            case "content_block_stop" if grown:
                grown.is_closed = True
                continue
            case _:
                continue
        by_index[index] = begun
        blocks.append(begun)
    return [block.whole() for block in blocks]
