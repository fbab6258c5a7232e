"""Mistral's conversations, which the server keeps and in which it runs tools and agents of its own.

https://docs.mistral.ai/api/endpoint/beta/conversations
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, Message, ModelCall, ToolCallPart, ToolResultPart

from .answers import Answer, answer_in, asked_in, path_of
from .openai_messages import answer_of, message_of, tools_of, whole_message
from .openai_usage import billing_of, usage_of
from .provider_errors import ProviderError
from .reading import first_text, int_of, object_of, objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.calls import Part
    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"/v1/conversations(/[^/]+(/restart)?)?/?$")
_NOT_PARAMETERS = frozenset({"model", "inputs", "instructions", "tools"})
_FAILED = "conversation.response.error"
_DONE = "conversation.response.done"
_IDS = ("id", "created_at", "completed_at", "tool_call_id")
# What no two recordings of the same answer share; in a stream's events places in lists are left out.
VOLATILE = frozenset({"conversation_id", *_IDS, *(f"outputs[*].{name}" for name in _IDS)})
VOLATILE_REQUEST = frozenset(f"inputs[*].{name}" for name in _IDS)


def claims(request: Request) -> bool:
    """Whether a request begins a conversation with a model, or goes on with one."""
    if request.method.upper() != "POST" or not _PATH.search(path_of(request)):
        return False
    return request.body.lstrip()[:1] == b"{" and b'"inputs"' in request.body


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was added to the conversation, and as much of the answer as arrived."""
    asked = asked_in(exchange, expected="a JSON object with `inputs`")
    answer = answer_in(
        exchange,
        expected="a JSON object with `outputs`",
        is_answer=lambda body: (
            "outputs" in body or _kind_of(body).startswith(("conversation.", "message.", "function."))
        ),
        is_end=lambda body: _kind_of(body) in (_DONE, _FAILED),
        streamed=asked.get("stream") is True,
    )
    outputs = list(_outputs_in(answer))
    usage = next((found for body in reversed(answer.bodies) if (found := object_of(body.get("usage")))), {})
    error = _error_in(answer)
    is_answered = any(map(_is_said, outputs))
    return ModelCall(
        operation_name="chat",
        request_model=text_of(asked.get("model")),
        response_model=first_text(outputs, "model"),
        response_id=first_text(answer.bodies, "conversation_id"),
        streaming=answer.is_stream,
        input_messages=tuple(_messages_of(asked)),
        tool_definitions=tuple(tools_of({"tools": asked.get("tools")})),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=(_answered(outputs),) if is_answered else (),
        finish_reasons=(None,) if is_answered else (),
        provider_finish_reasons=(None,) if is_answered else (),
        usage=usage_of(usage),
        error_type=error.type,
        error_message=error.message,
        billing=billing_of(usage, tier=None) | _connectors_in(usage),
    )


def _kind_of(body: dict[str, JSON]) -> str:
    return text_of(body.get("type")) or ""


def _is_said(output: dict[str, JSON]) -> bool:
    return _kind_of(output) in ("message.output", "function.call", "tool.execution")


def _error_in(answer: Answer) -> ProviderError:
    failed = next((body for body in answer.bodies if _kind_of(body) == _FAILED), None)
    if failed is None:
        return ProviderError(type=answer.error_type, message=answer.error_message)
    code = failed.get("code")
    named = text_of(code) or (str(code) if int_of(code) is not None else "error")
    return ProviderError(type=named, message=text_of(failed.get("message")))


def _outputs_in(answer: Answer) -> Iterator[dict[str, JSON]]:
    """What was put out, in order; the pieces of a stream stand for outputs of their own."""
    for body in answer.bodies:
        yield from objects_of(body.get("outputs"))
        kind = _kind_of(body)
        if kind.endswith(".delta") and not kind.startswith("tool."):
            yield body | {"type": kind.removesuffix(".delta")}
        elif kind == "tool.execution.done":
            yield body | {"type": "tool.execution"}


def _answered(outputs: list[dict[str, JSON]]) -> Message:
    """The message and the calls; a tool that the server ran itself is a call, too."""
    pieces: list[dict[str, JSON]] = []
    for output in outputs:
        content = output.get("content")
        call: JSON = {
            "id": output.get("tool_call_id") or output.get("id"),
            "function": {"name": output.get("name"), "arguments": output.get("arguments")},
        }
        is_call = _kind_of(output) in ("function.call", "tool.execution")
        pieces.append(
            {
                "content": [content] if isinstance(content, dict) else content,
                "tool_calls": [call] if is_call else [],
            }
        )
    return answer_of([whole_message(pieces)])


def _messages_of(asked: dict[str, JSON]) -> Iterator[Message]:
    if instructions := text_of(asked.get("instructions")):
        yield message_of({"role": "system", "content": instructions})
    if text := text_of(asked.get("inputs")):
        yield message_of({"role": "user", "content": text})
    for entry in objects_of(asked.get("inputs")):
        call_id = text_of(entry.get("tool_call_id"))
        if _kind_of(entry) == "function.result":
            yield Message(role="tool", parts=(ToolResultPart(result=entry.get("result"), id=call_id),))
        elif _kind_of(entry) in ("function.call", "tool.execution"):
            called = message_of({"tool_calls": [{"id": call_id, "function": entry}]})
            yield Message(role="assistant", parts=tuple(filter(_is_call, called.parts)))
        else:
            yield message_of({"role": entry.get("role") or "user", "content": entry.get("content")})


def _is_call(part: Part) -> bool:
    return isinstance(part, ToolCallPart)


def _connectors_in(usage: dict[str, JSON]) -> dict[str, JSON]:
    """The server's own tools, which are billed by the call."""
    used: list[JSON] = [name for name, count in object_of(usage.get("connectors")).items() if int_of(count)]
    return {"other_charges": used} if used else {}
