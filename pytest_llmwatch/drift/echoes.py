"""What in a request comes from an earlier answer of the same recording: then it is a consequence, not a cause."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import ModelCall, ToolCallPart, ToolResultPart

from .pairing import gist_of_message, gist_of_part, items_of
from .words import text_spans

if TYPE_CHECKING:
    from pytest_llmwatch.calls import JSON, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What a recording had come to before one of its calls."""

    calls: Sequence[ModelCall] = ()
    unpaired: Sequence[ModelCall] = ()

    @property
    def answers(self) -> str:
        """All that earlier answers said, as one text to search in."""
        return "\n".join(_said(message) for call in self.calls for message in call.output_messages)

    @property
    def ids(self) -> list[str]:
        """The ids of the earlier answers."""
        return [call.response_id for call in self.calls if call.response_id]

    def echoes(self, message: Message) -> bool:
        """Whether a message is an earlier answer told again, or the result of a tool that one asked for."""
        results = [part for part in message.parts if isinstance(part, ToolResultPart)]
        if results:
            asked = [part for call in self.calls for part in call.tool_calls]
            return all(tool_call_of(result, asked) is not None for result in results)
        if message.role != "assistant":
            return False
        gist = gist_of_message(message)
        return any(_is_told(gist, answer) for call in self.calls for answer in call.output_messages)

    def was_sent_before(self, message: Message) -> bool:
        """Whether a call that has no counterpart has sent this message already."""
        gist = gist_of_message(message)
        told = (each for call in self.unpaired for each in items_of(call.input_messages))
        return any(each.role == message.role and gist_of_message(each) == gist for each in told)


def tool_call_of(result: ToolResultPart, asked: Sequence[ToolCallPart]) -> ToolCallPart | None:
    """The latest tool call that a result answers: by its id, or by its name where the wire has no ids."""
    for call in reversed(asked):
        if result.id is not None and result.id == (call.id if call.id is not None else call.name):
            return call
    return next((call for call in reversed(asked) if result.id == call.name), None) if result.id else None


def follows(old: str, new: str, before: Earlier, after: Earlier) -> bool:
    """Whether the words that changed in a text are words that changed in the earlier answers."""
    was, now = before.answers, after.answers
    if was == now:
        return False
    pieces = [(old[a:b].strip(), new[c:d].strip()) for a, b, c, d in text_spans(old, new)]
    is_told = all(_stands_in(gone, was) and _stands_in(come, now) for gone, come in pieces)
    return is_told and any(
        (gone and not _stands_in(gone, now)) or (come and not _stands_in(come, was)) for gone, come in pieces
    )


def _stands_in(piece: str, answers: str) -> bool:
    return piece in answers or json.dumps(piece, ensure_ascii=False)[1:-1] in answers


def _said(message: Message) -> str:
    """The texts of an answer, and the values in its tool calls."""
    tools = [json.dumps(part.arguments, ensure_ascii=False) for part in message.parts if isinstance(part, ToolCallPart)]
    return "\n".join([message.text, *tools])


def _is_told(gist: list[JSON], answer: Message) -> bool:
    """Whether a message is that answer; its parts may be told in several messages."""
    parts = [gist_of_part(part) for part in answer.parts]
    return bool(gist) and all(part in parts or _text_of(part) == answer.text.strip() for part in gist)


def _text_of(part: JSON) -> str | None:
    text = part.get("text") if isinstance(part, dict) else None
    return text.strip() if isinstance(text, str) and text.strip() else None
