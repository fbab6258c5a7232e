"""The items of `openai_responses`, sent and received: messages, thoughts, calls of tools and what they gave back.

A stream is put together into whole items first (`openai_item_stream`), so there is one way to read one.
"""

from __future__ import annotations

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

# These carry a name; the provider's own tools are known by the type of their item (`web_search_call`).
_NAMED_CALLS = frozenset({"function_call", "custom_tool_call", "mcp_call"})
# What a call of the provider's own tool asks for; the rest of its item is state and results.
_ASKED = ("action", "actions", "operation", "queries", "code", "arguments", "input", "revised_prompt")
_RESULTS_OF_CALLS = ("output", "outputs", "results", "error")
_RESULTS = ("output", "result", "tools", "approve", "status")
# The client runs these, unless the answer holds their output already.
_CALLS_FOR_THE_CLIENT = frozenset(
    {"function_call", "custom_tool_call", "computer_call", "local_shell_call", "shell_call", "apply_patch_call"}
    | {"mcp_approval_request"}
)
# An MCP server's keys are no part of what the tool is.
_CREDENTIALS = frozenset({"authorization", "headers"})


def sent_messages(asked: dict[str, JSON]) -> Iterator[Message]:
    """The instructions and the input of a request, one message for each item."""
    yield from _messages_of(asked.get("instructions"), "system")
    yield from _messages_of(asked.get("input"), "user")


def _messages_of(said: JSON, role: str) -> Iterator[Message]:
    for item in list_of(said) or [said]:
        if isinstance(item, str) and item:
            yield Message(role=role, parts=(TextPart(text=well_formed(item)),))
        elif isinstance(item, dict):
            yield from _sent_item(item)


def _sent_item(item: dict[str, JSON]) -> Iterator[Message]:
    kind, parts = _kind_of(item), tuple(_parts_of(item))
    if kind == "message":
        yield Message(role=text_of(item.get("role")) or "", parts=parts)
    elif parts:
        yield Message(role="tool" if _is_result(kind) else "assistant", parts=parts)
    elif kind not in ("reasoning", "additional_tools") and not _is_call(kind):
        reference = text_of(item.get("id")) or hash_of_json(item)
        yield Message(role=text_of(item.get("role")) or "", parts=(MediaPart(kind=kind, reference=reference),))


def answer_of(items: Iterable[dict[str, JSON]]) -> Message:
    """The one answer that the items of an output make up."""
    return Message(role="assistant", parts=tuple(part for item in items for part in _parts_of(item)))


def asks_the_client(items: list[dict[str, JSON]]) -> bool:
    """Whether an output waits for the client to run a tool, or to allow one."""
    kinds = [_kind_of(item) for item in items]
    answered = {text_of(item.get("call_id")) for item, kind in zip(items, kinds, strict=True) if _is_result(kind)} - {
        None
    }
    last_message = max((at for at, kind in enumerate(kinds) if kind == "message"), default=-1)
    return any(
        kind in _CALLS_FOR_THE_CLIENT
        and text_of(item.get("call_id")) not in answered
        # xAI runs its searches of X itself, in the form of a custom tool, and answers after them.
        and not (kind == "custom_tool_call" and at < last_message)
        for at, (item, kind) in enumerate(zip(items, kinds, strict=True))
    )


def _kind_of(item: dict[str, JSON]) -> str:
    is_message = "role" in item or "content" in item
    return text_of(item.get("type")) or ("message" if is_message else "item_reference")


def _is_call(kind: str) -> bool:
    # OpenRouter's own tools: `openrouter:web_search`.
    return kind.endswith("_call") or kind.startswith("openrouter:")


def _is_result(kind: str) -> bool:
    return kind.endswith("_output") or kind == "mcp_approval_response"


def _parts_of(item: dict[str, JSON]) -> Iterator[Part]:
    """What can be read in an item; nothing in one that is encrypted, or that speaks of tools only."""
    kind = _kind_of(item)
    if kind == "message":
        yield from _content_parts(item.get("content"))
    elif kind == "reasoning":
        yield from _thoughts_in(item.get("summary"))
        yield from _thoughts_in(item.get("content"))
    elif _is_call(kind):
        yield from _call_parts(kind, item)
    elif _is_result(kind):
        call_id = text_of(item.get("call_id")) or text_of(item.get("approval_request_id"))
        yield ToolResultPart(result=_first(item, _RESULTS), id=call_id)


def _content_parts(content: JSON) -> Iterator[Part]:
    for piece in list_of(content) or [content]:
        if isinstance(piece, str) and piece:
            yield TextPart(text=well_formed(piece))
        elif isinstance(piece, dict):
            yield from _content_part(piece)


def _content_part(piece: dict[str, JSON]) -> Iterator[Part]:
    kind = text_of(piece.get("type")) or "text"
    if kind in ("output_text", "input_text", "text", "summary_text", "refusal"):
        text = text_of(piece.get("text")) or text_of(piece.get("refusal"))
        yield from [TextPart(text=well_formed(text))] if text else []
    elif kind == "reasoning_text":
        yield from _thoughts_in([piece])
    else:
        yield MediaPart(kind=_MEDIA_KINDS.get(kind, kind), reference=_reference_of(piece))


def _thoughts_in(pieces: JSON) -> Iterator[Part]:
    for piece in list_of(pieces) or [pieces]:
        if text := text_of(piece) or text_of(object_of(piece).get("text")):
            yield ReasoningPart(text=well_formed(text))


_MEDIA_KINDS = {
    "input_image": "image",
    "image_url": "image",
    "computer_screenshot": "image",
    "input_audio": "audio",
    "output_audio": "audio",
    "input_video": "video",
    "video_url": "video",
    "input_file": "file",
}


def _reference_of(piece: dict[str, JSON]) -> str:
    """The address or id of a medium, a hash of its bytes, or a hash of the whole part where it has neither."""
    for name in ("image_url", "file_url", "video_url", "audio_url", "file_id"):
        if address := text_of(piece.get(name)) or text_of(object_of(piece.get(name)).get("url")):
            return media_reference(address)
    held = object_of(piece.get("input_audio"))
    if data := text_of(piece.get("file_data")) or text_of(held.get("data")) or text_of(piece.get("data")):
        return media_reference(data) if data.startswith("data:") else hash_of_base64(data)
    return hash_of_json(piece)


def _call_parts(kind: str, item: dict[str, JSON]) -> Iterator[Part]:
    call_id = text_of(item.get("call_id")) or text_of(item.get("id"))
    if kind not in _NAMED_CALLS:
        asked = {name: item[name] for name in _ASKED if item.get(name) is not None}
        yield ToolCallPart(name=kind, arguments=asked or None, id=call_id)
    elif name := text_of(item.get("name")):
        arguments = item.get("input") if kind == "custom_tool_call" else _arguments_of(item.get("arguments"))
        yield ToolCallPart(name=name, arguments=arguments, id=call_id)
    if kind == "image_generation_call" and (image := text_of(item.get("result"))):
        yield MediaPart(kind="image", reference=hash_of_base64(image))
    if (result := _first(item, _RESULTS_OF_CALLS)) is not None:
        yield ToolResultPart(result=result, id=call_id)


def _arguments_of(arguments: JSON) -> JSON:
    if not isinstance(arguments, str):
        return arguments
    try:
        return json_of(arguments) if arguments else None
    except ValueError:
        return arguments


def _first(item: dict[str, JSON], names: Iterable[str]) -> JSON:
    return next((item[name] for name in names if item.get(name) is not None), None)


def tools_of(asked: dict[str, JSON]) -> Iterator[ToolDefinition]:
    """The tools a request offers, also those that an item of its input adds."""
    added = (item for item in objects_of(asked.get("input")) if item.get("type") == "additional_tools")
    for holder in (asked, *added):
        for tool in objects_of(holder.get("tools")):
            yield from _tools_in(tool)


def _tools_in(tool: dict[str, JSON]) -> Iterator[ToolDefinition]:
    kind = text_of(tool.get("type")) or "function"
    if kind == "namespace":
        yield from (definition for inner in objects_of(tool.get("tools")) for definition in _tools_in(inner))
        return
    # Flat; within an object named after its kind as chat completions have it, which some servers take too.
    held = object_of(tool.get(kind)) or tool
    if kind in ("function", "custom"):
        yield ToolDefinition(
            name=text_of(held.get("name")) or "",
            description=text_of(held.get("description")),
            parameters=held.get("parameters" if kind == "function" else "format"),
        )
        return
    # A tool of the provider's own (web search ...) is known by its type; the rest are its settings.
    settings = {name: value for name, value in tool.items() if name != "type" and name not in _CREDENTIALS}
    yield ToolDefinition(name=kind, parameters=settings or None)
