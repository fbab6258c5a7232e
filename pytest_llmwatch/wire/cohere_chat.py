"""Cohere's chat, in both versions: whole answers, events, and the lines of JSON that the first version streams.

https://docs.cohere.com/v2/reference/chat
https://docs.cohere.com/v1/reference/chat
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, FinishReason, Message, ModelCall, ToolCallPart

from .answers import asked_in, path_of
from .cohere_answers import FINISH_REASONS, billing_in, cohere_answer_in, usage_in
from .cohere_messages import answer_of, first_answer_of, messages_of, tools_of
from .reading import first_text, int_of, json_of, list_of, object_from, object_of, objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"/v[12]/chat/?$")
_SECOND_PATH = re.compile(r"/v2/chat/?$")
_NOT_PARAMETERS = {
    "messages": frozenset({"model", "messages", "tools", "documents"}),
    "message": frozenset(
        {"model", "message", "chat_history", "preamble", "preamble_override", "tools", "tool_results", "documents"}
    ),
}
_EVENTS = ("message-", "content-", "tool-", "citation-", "debug")
_OF_FIRST = ("text", "response_id", "generation_id", "event_type", "is_finished", "chat_history")
_IN_MESSAGE = ("tool_calls[*].id", "citations[*].sources[*].id")
_IN_FIRST = ("response_id", "generation_id", "tool_calls[*].generation_id")
# What no two recordings of the same answer share: in a body and in events, whose places are told without the lists
# they pass. A citation names the tool call that it is from.
VOLATILE = frozenset(
    {
        "id",
        *(f"message.{name}" for name in _IN_MESSAGE),
        *(f"delta.message.{name}".replace("[*]", "") for name in _IN_MESSAGE),
        *_IN_FIRST,
        *(f"response.{name}" for name in _IN_FIRST),
        *(f"response.{name}".replace("[*]", "") for name in _IN_FIRST),
    }
)
VOLATILE_REQUEST = frozenset({"messages[*].tool_call_id", *(f"messages[*].{name}" for name in _IN_MESSAGE)})


def claims(request: Request) -> bool:
    """Whether a request asks for a chat."""
    path = path_of(request)
    if request.method.upper() != "POST" or not _PATH.search(path):
        return False
    asked = object_from(request.body) or {}
    # Another host has the second's field at the first's path.
    return isinstance(asked.get("message"), str) or ("messages" in asked and bool(_SECOND_PATH.search(path)))


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    asked = asked_in(exchange, expected="a JSON object with `messages` or `message`")
    answer = cohere_answer_in(
        exchange,
        expected="a JSON object with `message` or `text`",
        is_answer=lambda body: _is_of_second(body) or _is_of_first(body),
        streamed=asked.get("stream") is True,
    )
    bodies = answer.bodies
    said = _second_answer(bodies) if any(map(_is_of_second, bodies)) else _first_answer(bodies)
    not_parameters = _NOT_PARAMETERS["messages" if "messages" in asked else "message"]
    return ModelCall(
        operation_name="chat",
        request_model=text_of(asked.get("model")),
        response_id=said.id,
        streaming=answer.is_stream,
        input_messages=tuple(messages_of(asked)),
        tool_definitions=tuple(tools_of(asked)),
        parameters={name: value for name, value in asked.items() if name not in not_parameters},
        output_messages=said.messages,
        finish_reasons=said.finish_reasons,
        provider_finish_reasons=tuple(said.reason for _ in said.messages),
        usage=usage_in(answer),
        error_type=answer.error_type,
        error_message=answer.error_message,
        billing=billing_in(answer),
    )


def _is_of_second(body: dict[str, JSON]) -> bool:
    kind = text_of(body.get("type")) or ""
    return isinstance(body.get("message"), dict) or kind.startswith(_EVENTS) or _is_bare_end(body)


def _is_bare_end(body: dict[str, JSON]) -> bool:
    """Whether a body has only why there is no message."""
    return "finish_reason" in body and "usage" in body


def _is_of_first(body: dict[str, JSON]) -> bool:
    return any(name in body for name in _OF_FIRST)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """The one message of an answer, and why it ended; none where nothing came."""

    messages: tuple[Message, ...] = ()
    reason: str | None = None
    id: str | None = None

    @property
    def finish_reasons(self) -> tuple[FinishReason | None, ...]:
        reason = FINISH_REASONS.get(self.reason)
        # The first version has no word of its own for an answer that ends with tool calls.
        asks = reason == "stop" and any(map(_calls_tools, self.messages))
        return tuple("tool_call" if asks else reason for _ in self.messages)


def _calls_tools(message: Message) -> bool:
    return any(isinstance(part, ToolCallPart) for part in message.parts)


def _second_answer(bodies: tuple[dict[str, JSON], ...]) -> _Said:
    whole = next((message for body in bodies if (message := object_of(body.get("message")))), None)
    ends = [body for held in bodies for body in (held, object_of(held.get("delta")))]
    return _Said(
        messages=(answer_of(_whole_message(bodies) if whole is None else whole),),
        reason=first_text(reversed(ends), "finish_reason"),
        id=first_text(bodies, "id"),
    )


@dataclass(slots=True)
class _GrowingCall:
    """A tool call while its events arrive."""

    id: str | None = None
    name: str | None = None
    arguments: list[str] = field(default_factory=list)

    def add(self, call: dict[str, JSON]) -> None:
        function = object_of(call.get("function"))
        self.id = self.id or text_of(call.get("id"))
        self.name = self.name or text_of(function.get("name"))
        self.arguments.append(text_of(function.get("arguments")) or "")

    def whole(self) -> JSON:
        return {"id": self.id, "function": {"name": self.name, "arguments": "".join(self.arguments)}}


def _whole_message(events: Iterable[dict[str, JSON]]) -> dict[str, JSON]:
    """The message that the events of a stream add up to."""
    plan: list[str] = []
    blocks: dict[int, dict[str, list[str]]] = {}
    calls: dict[int, _GrowingCall] = {}
    for event in events:
        message, index = object_of(object_of(event.get("delta")).get("message")), int_of(event.get("index"))
        plan.append(text_of(message.get("tool_plan")) or "")
        for piece in _each_of(message.get("content")):
            block = blocks.setdefault(max(blocks, default=0) if index is None else index, {})
            for kind in ("thinking", "text"):
                block.setdefault(kind, []).append(text_of(piece.get(kind)) or "")
        for call in _each_of(message.get("tool_calls")):
            calls.setdefault(max(calls, default=0) if index is None else index, _GrowingCall()).add(call)
    content: list[JSON] = [
        {"type": kind, kind: "".join(pieces)} for place in sorted(blocks) for kind, pieces in blocks[place].items()
    ]
    return {
        "tool_plan": "".join(plan),
        "content": content,
        "tool_calls": [calls[place].whole() for place in sorted(calls)],
    }


def _each_of(value: JSON) -> list[dict[str, JSON]]:
    return [value] if isinstance(value, dict) else objects_of(value)


def _first_answer(bodies: tuple[dict[str, JSON], ...]) -> _Said:
    if not any(map(_is_of_first, bodies)):
        return _Said()
    # The last event repeats the whole answer.
    last = next((whole for body in reversed(bodies) if (whole := object_of(body.get("response")))), {})
    is_stream = any("event_type" in body or "is_finished" in body for body in bodies)
    whole = {**_whole_first_answer(bodies), **last} if is_stream else bodies[0]
    return _Said(
        messages=(first_answer_of(whole),),
        reason=first_text([last, *reversed(bodies)], "finish_reason"),
        id=first_text([last, *bodies], "response_id") or first_text([last, *bodies], "generation_id"),
    )


def _whole_first_answer(events: Iterable[dict[str, JSON]]) -> dict[str, JSON]:
    """The answer that the lines of a stream add up to, where the last of them is missing."""
    texts: list[str] = []
    calls: list[JSON] = []
    growing: dict[int, list[dict[str, JSON]]] = {}
    for event in events:
        piece = object_of(event.get("tool_call_delta"))
        calls = list_of(event.get("tool_calls")) or calls
        # The event with all the calls repeats the plan.
        if not list_of(event.get("tool_calls")):
            texts += [text_of(event.get("text")) or text_of(piece.get("text")) or ""]
        if piece.keys() & {"name", "parameters"}:
            index = int_of(piece.get("index"))
            growing.setdefault(max(growing, default=0) if index is None else index, []).append(piece)
    return {"text": "".join(texts), "tool_calls": calls or [*_put_together(growing[each] for each in sorted(growing))]}


def _put_together(calls: Iterable[list[dict[str, JSON]]]) -> Iterator[JSON]:
    for pieces in calls:
        parameters = "".join(text_of(piece.get("parameters")) or "" for piece in pieces)
        yield {"name": first_text(pieces, "name"), "parameters": _parsed(parameters)}


def _parsed(parameters: str) -> JSON:
    try:
        return json_of(parameters) if parameters else None
    except ValueError:
        return parameters
