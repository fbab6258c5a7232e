"""Snowflake's own `cortex/inference:complete`, of which OpenAI's format is the later way: tools in a list of contents.

https://docs.snowflake.com/en/user-guide/snowflake-cortex/cortex-rest-api
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, FinishReason, Message, ModelCall, ToolDefinition, ToolResultPart

from .answers import answer_in, asked_in, path_of
from .openai_messages import answer_of, message_of, whole_message
from .openai_usage import billing_of, usage_in, usage_of
from .reading import first_text, list_of, object_of, objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"/cortex/inference(?::|%3A|/)complete/?$", re.IGNORECASE)
_NOT_PARAMETERS = frozenset({"model", "messages", "tools"})
_FINISH_REASONS: dict[str | None, FinishReason] = {
    "stop": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_use": "tool_call",
    "tool_calls": "tool_call",
}
# What no two recordings of the same answer share.
VOLATILE = frozenset({"id", "created", "choices[*].message.content_list[*].tool_use.tool_use_id"})
VOLATILE_REQUEST = frozenset(f"messages[*].content_list[*].{name}.tool_use_id" for name in ("tool_use", "tool_results"))


def claims(request: Request) -> bool:
    """Whether a request asks Snowflake's first address for chats."""
    if request.method.upper() != "POST" or not _PATH.search(path_of(request)):
        return False
    return request.body.lstrip()[:1] == b"{" and b'"messages"' in request.body


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    asked = asked_in(exchange, expected="a JSON object with `messages`")
    answer = answer_in(
        exchange,
        expected="a JSON object with `choices`",
        is_answer=lambda body: "choices" in body,
        # The stream just stops; the usage is on every event of its end.
        is_end=lambda body: bool(object_of(body.get("usage"))) or _reason_of(body) is not None,
        # It streams where nobody says otherwise.
        streamed=asked.get("stream") is not False,
    )
    chunks = list(answer.bodies)
    choices = [choice for chunk in chunks for choice in objects_of(chunk.get("choices"))[:1]]
    pieces = list(_pieces_of(choices))
    reason = next((found for chunk in reversed(chunks) if (found := _reason_of(chunk))), None)
    usage = usage_in(chunks)
    return ModelCall(
        operation_name="chat",
        request_model=text_of(asked.get("model")),
        response_model=first_text(chunks, "model"),
        response_id=first_text(chunks, "id"),
        streaming=answer.is_stream,
        input_messages=tuple(map(_message_of, objects_of(asked.get("messages")))),
        tool_definitions=tuple(map(_tool_of, objects_of(asked.get("tools")))),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=(answer_of([whole_message(pieces)]),) if choices else (),
        finish_reasons=(_FINISH_REASONS.get(reason),) if choices else (),
        provider_finish_reasons=(reason,) if choices else (),
        usage=usage_of(usage),
        error_type=answer.error_type,
        error_message=answer.error_message,
        billing=billing_of(usage, tier=None),
    )


def _reason_of(chunk: dict[str, JSON]) -> str | None:
    return next(
        (text for choice in objects_of(chunk.get("choices")) if (text := text_of(choice.get("finish_reason")))), None
    )


def _pieces_of(choices: list[dict[str, JSON]]) -> Iterator[dict[str, JSON]]:
    """The deltas of a chat: the text once, although it stands in three places, and the tools with their input."""
    index = -1
    for choice in choices:
        held = object_of(choice.get("delta")) or object_of(choice.get("message")) or object_of(choice.get("messages"))
        contents = objects_of(held.get("content_list"))
        text = next((text for text in (held.get("content"), held.get("text"), _text_in(contents)) if text), "")
        calls: list[JSON] = []
        # In a stream the delta is a piece of the call itself, and its list says the same again.
        for call in (
            [held] if _is_call(held) else [_call_of(part) for part in contents if part.get("type") == "tool_use"]
        ):
            index += 1 if text_of(call.get("name")) or text_of(call.get("tool_use_id")) else 0
            calls.append(
                {
                    "index": max(index, 0),
                    "id": call.get("tool_use_id"),
                    "function": {"name": call.get("name"), "arguments": call.get("input")},
                }
            )
        yield {"content": text or choice.get("messages"), "tool_calls": calls}


def _is_call(held: dict[str, JSON]) -> bool:
    return held.get("type") == "tool_use" and any(name in held for name in ("tool_use_id", "name", "input"))


def _call_of(part: dict[str, JSON]) -> dict[str, JSON]:
    return object_of(part.get("tool_use")) or part


def _text_in(contents: list[dict[str, JSON]]) -> str:
    return "".join(text for part in contents if (text := text_of(part.get("text"))))


def _message_of(message: dict[str, JSON]) -> Message:
    contents = objects_of(message.get("content_list"))
    results = [object_of(part.get("tool_results")) for part in contents if part.get("type") == "tool_results"]
    if results:
        parts = (ToolResultPart(result=each.get("content"), id=text_of(each.get("tool_use_id"))) for each in results)
        return Message(role=text_of(message.get("role")) or "", parts=tuple(parts))
    texts: list[JSON] = [part for part in contents if part.get("type") != "tool_use"]
    calls: list[JSON] = [
        {"id": call.get("tool_use_id"), "function": {"name": call.get("name"), "arguments": call.get("input")}}
        for part in contents
        if part.get("type") == "tool_use" and (call := _call_of(part))
    ]
    content = message.get("content")
    said = texts if list_of(texts) and not text_of(content) else content
    return message_of({"role": message.get("role"), "content": said, "tool_calls": calls})


def _tool_of(tool: dict[str, JSON]) -> ToolDefinition:
    spec = object_of(tool.get("tool_spec")) or tool
    return ToolDefinition(
        name=text_of(spec.get("name")) or "",
        description=text_of(spec.get("description")),
        parameters=spec.get("input_schema"),
    )
