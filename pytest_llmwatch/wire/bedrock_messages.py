"""What Bedrock's Converse holds, sent and received; Amazon's Nova speaks the same when it is invoked.

A stream is folded into the shape of a whole answer first (`whole_answer`), so there is one way to read one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import (
    JSON,
    FinishReason,
    MediaPart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    Usage,
)

from .reading import (
    hash_of_base64,
    hash_of_json,
    int_of,
    json_of,
    list_of,
    object_of,
    objects_of,
    text_of,
    well_formed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FINISH_REASONS: dict[str | None, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_call",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}
# The events of a stream; Nova's, when it is invoked, have them as the one key of an object.
EVENTS = (
    *("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop"),
    *("messageStop", "metadata"),
)
_MEDIA_KINDS = {"image": "image", "video": "video", "audio": "audio", "document": "file"}


def messages_of(asked: dict[str, JSON]) -> Iterator[Message]:
    """The messages of a request, the system prompt first."""
    if system := tuple(parts_of(asked.get("system"))):
        yield Message(role="system", parts=system)
    for message in objects_of(asked.get("messages")):
        yield Message(role=text_of(message.get("role")) or "", parts=tuple(parts_of(message.get("content"))))


def answer_of(message: dict[str, JSON]) -> Message:
    """The answer; neighbouring pieces of text are joined, which Nova cuts into blocks at will."""
    parts = tuple(_joined(parts_of(message.get("content"))))
    return Message(role=text_of(message.get("role")) or "assistant", parts=parts)


def parts_of(content: JSON) -> Iterator[Part]:
    """What a content holds; blocks of kinds that nobody knows are left out."""
    for block in list_of(content) or [content]:
        if isinstance(block, str) and block:
            yield TextPart(text=well_formed(block))
        elif isinstance(block, dict):
            yield from _parts_of_block(block)


def _parts_of_block(block: dict[str, JSON]) -> Iterator[Part]:
    """The parts of a block, which names its kind by its only key."""
    if thought := text_of(object_of(object_of(block.get("reasoningContent")).get("reasoningText")).get("text")):
        yield ReasoningPart(text=well_formed(thought))
    guarded = object_of(block.get("guardContent"))
    cited = objects_of(object_of(block.get("citationsContent")).get("content"))
    for holder in (block, object_of(guarded.get("text")), *cited):
        if text := text_of(holder.get("text")):
            yield TextPart(text=well_formed(text))
    for kind, known_as in _MEDIA_KINDS.items():
        medium = object_of(block.get(kind)) or object_of(guarded.get(kind))
        if reference := _reference_of(object_of(medium.get("source"))):
            yield MediaPart(kind=known_as, reference=reference)
    if source := text_of(object_of(block.get("searchResult")).get("source")):
        yield MediaPart(kind="file", reference=source)
    call, result = object_of(block.get("toolUse")), object_of(block.get("toolResult"))
    if name := text_of(call.get("name")):
        yield ToolCallPart(name=name, arguments=call.get("input"), id=text_of(call.get("toolUseId")))
    if result:
        marked = result.get("status") == "error" or None
        yield ToolResultPart(result=result.get("content"), id=text_of(result.get("toolUseId")), is_error=marked)


def _reference_of(source: dict[str, JSON]) -> str | None:
    """The address of a medium, or a hash of what it holds; `None` where it holds nothing."""
    if data := text_of(source.get("bytes")):
        return hash_of_base64(data)
    return text_of(object_of(source.get("s3Location")).get("uri")) or (hash_of_json(source) if source else None)


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    for kind, row in groupby(parts, type):
        if kind is TextPart:
            yield TextPart(text=well_formed("".join(part.text for part in row if isinstance(part, TextPart))))
        else:
            yield from row


def tools_of(asked: dict[str, JSON]) -> Iterator[ToolDefinition]:
    """The tools a request offers: the caller's own, and those of the model's maker."""
    for tool in objects_of(object_of(asked.get("toolConfig")).get("tools")):
        offered, system = object_of(tool.get("toolSpec")), object_of(tool.get("systemTool"))
        if offered:
            yield ToolDefinition(
                name=text_of(offered.get("name")) or "",
                description=text_of(offered.get("description")),
                parameters=object_of(offered.get("inputSchema")).get("json"),
            )
        elif name := text_of(system.get("name")):
            yield ToolDefinition(name=name)


def parameters_of(asked: dict[str, JSON]) -> dict[str, JSON]:
    """Everything else that was sent."""
    sent = {name: value for name, value in asked.items() if name not in ("messages", "system", "toolConfig")}
    others = {name: value for name, value in object_of(asked.get("toolConfig")).items() if name != "tools"}
    return sent | ({"toolConfig": others} if others else {})


def usage_of(usage: dict[str, JSON]) -> Usage:
    """What was used, with cached input inside; Nova, when it is invoked, has other names for that."""
    cache_read = _first_int(usage.get("cacheReadInputTokens"), usage.get("cacheReadInputTokenCount"))
    cache_written = _first_int(usage.get("cacheWriteInputTokens"), usage.get("cacheWriteInputTokenCount"))
    uncached = int_of(usage.get("inputTokens"))
    return Usage(
        input_tokens=None if uncached is None else uncached + (cache_read or 0) + (cache_written or 0),
        output_tokens=int_of(usage.get("outputTokens")),
        cache_read_input_tokens=cache_read,
        cache_write_input_tokens=cache_written,
    )


def _first_int(*values: JSON) -> int | None:
    return next((number for value in values if (number := int_of(value)) is not None), None)


def billing_of(answer: dict[str, JSON], *, is_guarded: bool) -> dict[str, JSON]:
    """What the bill depends on beside the tokens; guardrails and the tools of the model's maker have their own."""
    usage = object_of(answer.get("usage"))
    kept_long = (each for each in objects_of(usage.get("cacheDetails")) if each.get("ttl") == "1h")
    served = object_of(usage.get("serverToolUsage"))
    others: list[JSON] = [name for name, count in served.items() if count]
    others += ["guardrails"] if is_guarded or object_of(answer.get("trace")).get("guardrail") else []
    facts: dict[str, JSON] = {
        "service_tier": text_of(object_of(answer.get("serviceTier")).get("type")),
        "speed": text_of(object_of(answer.get("performanceConfig")).get("latency")),
        "total_tokens": int_of(usage.get("totalTokens")),
        "cache_write_1h_tokens": sum(int_of(each.get("inputTokens")) or 0 for each in kept_long),
        "other_charges": others,
    }
    return {name: value for name, value in facts.items() if value}


def whole_answer(events: list[tuple[str, dict[str, JSON]]]) -> dict[str, JSON]:
    """The answer that the named events of a stream add up to; without `output` where none has begun."""
    answer: dict[str, JSON] = {}
    role = None
    for name, event in events:
        if name == "messageStart":
            role = text_of(event.get("role"))
        elif name in ("messageStop", "metadata"):
            # Nova sends the first pieces of its metadata empty.
            answer |= {key: value for key, value in event.items() if value}
    if any(name in EVENTS[:-1] for name, _ in events):
        answer["output"] = {"message": {"role": role, "content": list(_whole_blocks(events))}}
    return answer


@dataclass(slots=True)
class _GrowingBlock:
    """A block while its deltas arrive."""

    begun: dict[str, JSON] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    thought: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    results: list[JSON] = field(default_factory=list)
    media: list[dict[str, JSON]] = field(default_factory=list)
    is_closed: bool = False

    def add(self, delta: dict[str, JSON]) -> None:
        thought = object_of(delta.get("reasoningContent"))
        whole = object_of(thought.get("reasoningText"))
        for pieces, piece in (
            (self.text, delta.get("text")),
            (self.thought, text_of(thought.get("text")) or whole.get("text")),
            (self.arguments, object_of(delta.get("toolUse")).get("input")),
        ):
            if text := text_of(piece):
                pieces.append(text)
        self.results += list_of(delta.get("toolResult"))
        self.media += [medium] if (medium := object_of(delta.get("image"))) else []

    def whole(self) -> dict[str, JSON]:
        block: dict[str, JSON] = {}
        if self.thought:
            block["reasoningContent"] = {"reasoningText": {"text": "".join(self.thought)}}
        if self.text:
            block["text"] = "".join(self.text)
        if call := object_of(self.begun.get("toolUse")):
            block["toolUse"] = {**call, "input": self._input_of(call)}
        if result := object_of(self.begun.get("toolResult")):
            block["toolResult"] = {**result, "content": self.results}
        if self.media:
            block["image"] = {**object_of(self.begun.get("image")), **self.media[-1]}
        return block

    def _input_of(self, call: dict[str, JSON]) -> JSON:
        text = "".join(self.arguments)
        if not text:
            # A tool without arguments; or one of which nothing more is known.
            return call.get("input") or ({} if self.is_closed else None)
        try:
            return json_of(text)
        except ValueError:
            return text


def _whole_blocks(events: list[tuple[str, dict[str, JSON]]]) -> Iterator[dict[str, JSON]]:
    """The blocks in the order in which they began."""
    blocks: dict[int | None, _GrowingBlock] = {}
    for name, event in events:
        if name not in ("contentBlockStart", "contentBlockDelta", "contentBlockStop"):
            continue
        block = blocks.setdefault(int_of(event.get("contentBlockIndex")), _GrowingBlock())
        block.begun |= object_of(event.get("start"))
        block.add(object_of(event.get("delta")))
        block.is_closed = block.is_closed or name == "contentBlockStop"
    return (block.whole() for block in blocks.values())
