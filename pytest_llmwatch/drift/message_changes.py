"""What differs in the messages of two requests: texts, media, calls and results of tools, one by one."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import MediaPart, Message, ModelCall, TextPart, ToolCallPart, ToolResultPart

from .changes import CauseKind, Change
from .echoes import Earlier, follows, tool_call_of
from .fields import MISSING, cheapest_pairs, distance
from .pairing import gist_of_message, gist_of_part, items_of
from .words import changed_spans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.calls import JSON

_RETRIEVES = re.compile(
    r"search|retriev|knowledge|document|passage|vector|(?:^|_)(?:docs?|rag|faq|kb)(?:$|_)|検索|文書|資料|参照",
    re.IGNORECASE,
)
_MOST_PAIRS = 400
_OTHER_ROLE = 0.4
_OTHER_KIND = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, and what its recording had come to before it."""

    call: ModelCall
    earlier: Earlier

    def call_of(self, result: ToolResultPart) -> ToolCallPart | None:
        """The tool call that a result answers: in the messages of the request, or in earlier answers."""
        messages = self.call.input_messages
        told = [each for message in messages for each in message.parts if isinstance(each, ToolCallPart)]
        earlier = [each for call in self.earlier.calls for each in call.tool_calls]
        return tool_call_of(result, [*earlier, *told])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """One thing said in a request: words, a call of a tool or its result; its number among those of its role."""

    message: Message
    number: int
    asked: Asked

    @property
    def part(self) -> ToolCallPart | ToolResultPart | None:
        """The tool call or the result that it is; `None` for words."""
        return next((one for one in self.message.parts if isinstance(one, ToolCallPart | ToolResultPart)), None)

    @property
    def called(self) -> ToolCallPart | None:
        """The tool call that it is, or that it is the result of."""
        part = self.part
        return self.asked.call_of(part) if isinstance(part, ToolResultPart) else part or None

    @property
    def name(self) -> str:
        """`user message 2`, `call of search`, `result of search`."""
        part, called = self.part, self.called
        if part is None or called is None:
            return f"{self.message.role} message {self.number}"
        return f"{'result' if isinstance(part, ToolResultPart) else 'call'} of {called.name}"

    @property
    def kind(self) -> CauseKind:
        """What sort of thing it is."""
        if not isinstance(self.part, ToolResultPart):
            return "message"
        return "retrieval" if self.called and _RETRIEVES.search(self.called.name) else "tool result"

    @property
    def content(self) -> JSON:
        """It as a value to show: words as text, a result as what came."""
        if isinstance(self.part, ToolResultPart):
            return self.part.result
        gist = gist_of_message(self.message)
        if all(isinstance(part, TextPart) for part in self.message.parts):
            return self.message.text
        return gist[0] if len(gist) == 1 else gist

    @property
    def is_echo(self) -> bool:
        """Whether an earlier answer said it, or asked for it."""
        return self.asked.earlier.echoes(self.message)

    @property
    def is_told(self) -> bool:
        """The same, or a call that has no counterpart has sent it already."""
        return self.is_echo or self.asked.earlier.was_sent_before(self.message)


def message_changes(before: Asked, after: Asked, skipped: list[int]) -> Iterator[Change]:
    """The differences of the messages, without so many at the beginning that are the system prompts."""
    old, new = (_said(side, skip) for side, skip in zip((before, after), skipped, strict=True))
    for one, other in _aligned(old, new):
        if one is not None and other is not None:
            yield from _edited(one, other)
        elif other is not None:
            yield Change(kind=other.kind, name=other.name, after=other.content, is_consequence=other.is_told)
        elif one is not None:
            yield Change(kind=one.kind, name=one.name, before=one.content, is_consequence=one.is_told)


def _said(asked: Asked, skip: int) -> list[_Said]:
    seen: Counter[str] = Counter()
    said = []
    for message in items_of(asked.call.input_messages[skip:]):
        is_words = not any(isinstance(part, ToolCallPart) for part in message.parts)
        seen[message.role] += is_words
        said.append(_Said(message=message, number=seen[message.role], asked=asked))
    return said


def _aligned(old: list[_Said], new: list[_Said]) -> Iterator[tuple[_Said | None, _Said | None]]:
    """What is not the same in both, each with the one that it was or became."""
    keys = [[repr((one.message.role, gist_of_message(one.message))) for one in side] for side in (old, new)]
    for a, b, c, d in changed_spans(keys[0], keys[1]):
        yield from _nearest(old[a:b], new[c:d])


def _nearest(old: list[_Said], new: list[_Said]) -> Iterator[tuple[_Said | None, _Said | None]]:
    if len(old) * len(new) > _MOST_PAIRS:
        yield from zip_longest(old, new)
        return
    costs = [[_unlikeness(one, other) for other in new] for one in old]
    for i, j in cheapest_pairs(costs, len(old), len(new)):
        yield old[i] if i is not None else None, new[j] if j is not None else None


def _unlikeness(one: _Said, other: _Said) -> float:
    if type(one.part) is not type(other.part):
        return _OTHER_KIND
    far = distance(gist_of_message(one.message), gist_of_message(other.message))
    return far + (_OTHER_ROLE if one.message.role != other.message.role else 0.0)


def _edited(one: _Said, other: _Said) -> Iterator[Change]:
    if one.part is not None or other.part is not None:
        yield _tool_change(one, other)
        return
    old, new = one.message, other.message
    if old.role != new.role:
        yield Change(kind="message", name=f"{other.name}: role", before=old.role, after=new.role)
    if old.text != new.text:
        is_told = (one.is_echo and other.is_echo) or follows(old.text, new.text, one.asked.earlier, other.asked.earlier)
        sides = [text or MISSING for text in (old.text, new.text)]
        yield Change(kind="message", name=other.name, before=sides[0], after=sides[1], is_consequence=is_told)
    media = [[part for part in each.parts if isinstance(part, MediaPart)] for each in (old, new)]
    for pair in zip_longest(*media):
        if pair[0] != pair[1]:
            yield _media_change(other, *pair)


def _media_change(said: _Said, old: MediaPart | None, new: MediaPart | None) -> Change:
    part = new or old
    kind: CauseKind = "document" if part and part.kind in ("file", "document") else "message"
    sides = [MISSING if each is None else each.reference for each in (old, new)]
    return Change(kind=kind, name=f"{said.name}: {part.kind if part else ''}", before=sides[0], after=sides[1])


def _tool_change(one: _Said, other: _Said) -> Change:
    """A call told otherwise; or a tool that gave back something else: by itself, or because it was called otherwise."""
    is_told = one.is_echo and other.is_echo
    if isinstance(other.part, ToolResultPart):
        called = [None if each.called is None else gist_of_part(each.called) for each in (one, other)]
        is_told = is_told and called[0] != called[1]
    return Change(kind=other.kind, name=other.name, before=one.content, after=other.content, is_consequence=is_told)
