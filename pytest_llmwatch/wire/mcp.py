"""Tools that are called over the Model Context Protocol: one object, or events of which one is the result.

https://modelcontextprotocol.io/specification/latest/server/tools
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, Message, ModelCall, ToolCallPart, ToolResultPart

from .answers import asked_in
from .json_rpc import method_of, params_of, results_in, rpc_answer_in
from .reading import objects_of, text_of

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange, Request

_METHOD = "tools/call"
_NOT_PARAMETERS = frozenset({"name", "arguments"})
# What no two recordings of the same answer share; clients number their requests, or draw a number.
VOLATILE = frozenset({"id"})
VOLATILE_REQUEST = frozenset({"id", "params._meta.progressToken"})


def claims(request: Request) -> bool:
    """Whether a request calls a tool."""
    return b"tools" in request.body and method_of(request) == _METHOD


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: the tool with its arguments as the input, what it gave back as the output."""
    asked = params_of(asked_in(exchange, expected=f"a JSON-RPC object that calls `{_METHOD}`"))
    answer = rpc_answer_in(exchange, is_end=lambda _: True)
    result = next(iter(results_in(answer)), None)
    name = text_of(asked.get("name")) or ""
    has_failed = result is not None and result.get("isError") is True and answer.error is None
    return ModelCall(
        operation_name="execute_tool",
        streaming=answer.is_stream,
        input_messages=(Message(role="assistant", parts=(ToolCallPart(name=name, arguments=asked.get("arguments")),)),),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=() if result is None else (_message_of(result),),
        error_type="tool_error" if has_failed else answer.error_type,
        error_message=_text_in(result or {}) or None if has_failed else answer.error_message,
    )


def _message_of(result: dict[str, JSON]) -> Message:
    given = {name: value for name, value in result.items() if name not in ("isError", "_meta", "resultType")}
    # Most tools give content and nothing else.
    return Message(role="tool", parts=(ToolResultPart(result=given["content"] if [*given] == ["content"] else given),))


def _text_in(result: dict[str, JSON]) -> str:
    return "\n".join(text for item in objects_of(result.get("content")) if (text := text_of(item.get("text"))))
