"""The messages of Cohere's first chat API, and the documents that go with a question in both.

What the second API sends and answers is in the shape of `openai_messages`, with a plan for the tools beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, Message, Part, TextPart, ToolCallPart, ToolDefinition, ToolResultPart

from . import openai_messages
from .reading import list_of, object_of, objects_of, text_of, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ROLES = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system", "TOOL": "tool"}


def messages_of(asked: dict[str, JSON]) -> Iterator[Message]:
    """The messages of a request to either API, the system prompt first and the documents last."""
    if "messages" in asked:
        yield from map(_message_of, objects_of(asked.get("messages")))
    else:
        yield from first_messages_of(asked)
    if documents := tuple(_documents_in(asked)):
        yield Message(role="tool", parts=documents)


def _message_of(message: dict[str, JSON]) -> Message:
    return openai_messages.message_of(_with_plan(message))


def answer_of(message: dict[str, JSON]) -> Message:
    """The message that the second API answers."""
    return openai_messages.answer_of([_with_plan(message)])


def _with_plan(message: dict[str, JSON]) -> dict[str, JSON]:
    return {**message, "reasoning": message.get("tool_plan")}


def first_messages_of(asked: dict[str, JSON]) -> Iterator[Message]:
    """The messages of a request to the first API, without its documents."""
    if preamble := text_of(asked.get("preamble")) or text_of(asked.get("preamble_override")):
        yield Message(role="system", parts=(TextPart(text=well_formed(preamble)),))
    for turn in objects_of(asked.get("chat_history")):
        role = text_of(turn.get("role")) or ""
        parts = (*_said_in(turn), *first_results_of(turn))
        yield Message(role=_ROLES.get(role.upper(), role), parts=parts)
    if question := tuple(_texts_of(asked.get("message"))):
        yield Message(role="user", parts=question)
    if results := tuple(first_results_of(asked)):
        yield Message(role="tool", parts=results)


def first_answer_of(answer: dict[str, JSON]) -> Message:
    """The message that the first API answers: its `text` and its `tool_calls`."""
    return Message(role="assistant", parts=(*_texts_of(answer.get("text")), *first_calls_of(answer.get("tool_calls"))))


def _said_in(turn: dict[str, JSON]) -> Iterator[Part]:
    yield from _texts_of(turn.get("message"))
    yield from first_calls_of(turn.get("tool_calls"))


def first_calls_of(calls: JSON) -> Iterator[ToolCallPart]:
    """The tool calls of the first API, which have no ids."""
    for call in objects_of(calls):
        if name := text_of(call.get("name")):
            yield ToolCallPart(name=name, arguments=call.get("parameters"))


def first_results_of(holder: dict[str, JSON]) -> Iterator[ToolResultPart]:
    """The tool results of the first API, each known by the name of its tool."""
    for result in objects_of(holder.get("tool_results")):
        name = text_of(object_of(result.get("call")).get("name"))
        yield ToolResultPart(result=result.get("outputs"), id=name)


def _texts_of(text: JSON) -> Iterator[TextPart]:
    if isinstance(text, str) and text:
        yield TextPart(text=well_formed(text))


def _documents_in(asked: dict[str, JSON]) -> Iterator[ToolResultPart]:
    """What was retrieved for the model to answer from; Cohere's own template shows it as the result of a tool."""
    for document in list_of(asked.get("documents")):
        if isinstance(document, str):
            yield ToolResultPart(result=well_formed(document))
        elif isinstance(document, dict):
            told = {name: value for name, value in document.items() if name != "id"}
            yield ToolResultPart(result=told.get("data", told), id=text_of(document.get("id")))


def tools_of(asked: dict[str, JSON]) -> Iterable[ToolDefinition]:
    """The tools a request to either API offers."""
    return openai_messages.tools_of(asked) if "messages" in asked else first_tools_of(asked)


def first_tools_of(asked: dict[str, JSON]) -> Iterator[ToolDefinition]:
    """The tools a request to the first API offers."""
    for tool in objects_of(asked.get("tools")):
        yield ToolDefinition(
            name=text_of(tool.get("name")) or "",
            description=text_of(tool.get("description")),
            parameters=tool.get("parameter_definitions"),
        )
