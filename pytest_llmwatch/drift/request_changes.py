"""What differs in two requests: system prompt, messages, tools, parameters, model, provider."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import MediaPart, Message, ModelCall, TextPart, ToolCallPart, ToolResultPart

from .changes import CauseKind, Change
from .echoes import Earlier, follows, tool_call_of
from .fields import MISSING, Missing, changed_fields, cheapest_pairs, distance
from .pairing import gist_of_message, gist_of_part
from .tool_changes import tool_changes
from .words import changed_spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmwatch.calls import JSON, Part

SYSTEM = frozenset({"system", "developer"})
# What clients and frameworks draw anew at every run; `request_key` leaves it out of its comparison too.
_VOLATILE = re.compile(r"user|safety_identifier|prompt_cache_key|metadata\.user_id|stream")
_RETRIEVES = re.compile(
    r"search|retriev|knowledge|document|passage|vector|(?:^|_)(?:docs?|rag|faq|kb)(?:$|_)|検索|文書|資料|参照",
    re.IGNORECASE,
)
_MOST_PAIRS = 400
_OTHER_ROLE = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, and what its recording had come to before it."""

    call: ModelCall
    earlier: Earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """A message behind the system prompt, its number among those of its role, and what came before its request."""

    message: Message
    number: int
    earlier: Earlier

    @property
    def name(self) -> str:
        """`user message 2`."""
        return f"{self.message.role} message {self.number}"

    @property
    def is_echo(self) -> bool:
        """Whether an earlier answer said it, or asked for it."""
        return self.earlier.echoes(self.message)


def request_changes(before: Asked, after: Asked) -> Iterator[Change]:
    """Everything in which two requests differ; what follows from earlier answers is marked."""
    old, new = before.call, after.call
    yield from _models(old, new)
    prompts = [_leading_system(call.input_messages) for call in (old, new)]
    texts = ["\n".join(message.text for message in prompt) for prompt in prompts]
    yield from _text_change("system prompt", "system prompt", texts[0], texts[1])
    yield from _message_changes(before, after, [len(prompt) for prompt in prompts])
    yield from tool_changes(old.tool_definitions, new.tool_definitions)
    yield from _parameters(before, after)


def _models(old: ModelCall, new: ModelCall) -> Iterator[Change]:
    if old.request_model != new.request_model:
        yield _change("model asked for", "model asked for", old.request_model, new.request_model)
    served, asked = (old.response_model, new.response_model), (old.request_model, new.request_model)
    # Where a provider only repeats what it was asked for, that says nothing of its own.
    if None not in served and served[0] != served[1] and served != asked:
        yield _change("model served", "model served", *served)
    if old.provider_name != new.provider_name:
        yield _change("provider", "provider", old.provider_name, new.provider_name)
    if old.operation_name != new.operation_name:
        yield _change("provider", "operation", old.operation_name, new.operation_name)


def _change(kind: CauseKind, name: str, before: JSON | None, after: JSON | None) -> Change:
    sides = [MISSING if value is None else value for value in (before, after)]
    return Change(kind=kind, name=name, before=sides[0], after=sides[1])


def _text_change(kind: CauseKind, name: str, before: str, after: str) -> Iterator[Change]:
    if before != after:
        yield Change(kind=kind, name=name, before=before or MISSING, after=after or MISSING)


def _leading_system(messages: Sequence[Message]) -> Sequence[Message]:
    size = next((place for place, one in enumerate(messages) if one.role not in SYSTEM), len(messages))
    return messages[:size]


def _message_changes(before: Asked, after: Asked, skipped: list[int]) -> Iterator[Change]:
    old, new = (_said(side, skip) for side, skip in zip((before, after), skipped, strict=True))
    for one, other in _aligned(old, new):
        if one is not None and other is not None:
            yield from _edited(one, other, before, after)
        elif other is not None:
            is_told = other.is_echo or after.earlier.was_sent_before(other.message)
            yield _whole(other, is_consequence=is_told, is_new=True)
        elif one is not None:
            is_told = one.is_echo or before.earlier.was_sent_before(one.message)
            yield _whole(one, is_consequence=is_told, is_new=False)


def _said(asked: Asked, skip: int) -> list[_Said]:
    messages = asked.call.input_messages[skip:]
    seen: Counter[str] = Counter()
    said = []
    for message in messages:
        seen[message.role] += 1
        said.append(_Said(message=message, number=seen[message.role], earlier=asked.earlier))
    return said


def _aligned(old: list[_Said], new: list[_Said]) -> Iterator[tuple[_Said | None, _Said | None]]:
    """The messages that are not the same in both, each with the one that it was or became."""
    keys = [[repr((one.message.role, gist_of_message(one.message))) for one in side] for side in (old, new)]
    for a, b, c, d in changed_spans(keys[0], keys[1]):
        yield from _nearest(old[a:b], new[c:d])


def _nearest(old: list[_Said], new: list[_Said]) -> Iterator[tuple[_Said | None, _Said | None]]:
    if len(old) * len(new) > _MOST_PAIRS:
        size = min(len(old), len(new))
        costs = [[0.0 if i == j else 1.0 for j in range(size)] for i in range(size)]
        costs = [row + [1.0] * (len(new) - size) for row in costs] + [[1.0] * len(new)] * (len(old) - size)
    else:
        costs = [[_unlikeness(one, other) for other in new] for one in old]
    for i, j in cheapest_pairs(costs, len(old), len(new)):
        yield old[i] if i is not None else None, new[j] if j is not None else None


def _unlikeness(one: _Said, other: _Said) -> float:
    far = distance(gist_of_message(one.message), gist_of_message(other.message))
    return far + (_OTHER_ROLE if one.message.role != other.message.role else 0.0)


def _whole(said: _Said, *, is_consequence: bool, is_new: bool) -> Change:
    """A message that has come or gone."""
    results = [part for part in said.message.parts if isinstance(part, ToolResultPart)]
    kind: CauseKind = "tool result" if results else "message"
    shown = _shown(said.message)
    before, after = (MISSING, shown) if is_new else (shown, MISSING)
    return Change(kind=kind, name=said.name, before=before, after=after, is_consequence=is_consequence)


def _shown(message: Message) -> JSON:
    """A message as a value to show: its text where it has nothing else."""
    gist = gist_of_message(message)
    if all(isinstance(part, TextPart) for part in message.parts):
        return message.text
    return gist[0] if len(gist) == 1 else gist


def _edited(one: _Said, other: _Said, before: Asked, after: Asked) -> Iterator[Change]:
    old, new = one.message, other.message
    if old.role != new.role:
        yield Change(kind="message", name=f"{other.name}: role", before=old.role, after=new.role)
    is_told = one.is_echo and other.is_echo
    if old.text != new.text:
        is_told = is_told or follows(old.text, new.text, before.earlier, after.earlier)
        sides = [text or MISSING for text in (old.text, new.text)]
        yield Change(kind="message", name=other.name, before=sides[0], after=sides[1], is_consequence=is_told)
    for pair in zip_longest(_others(old), _others(new)):
        gists = [part and gist_of_part(part) for part in pair]
        if gists[0] != gists[1]:
            yield _part_change(other, list(pair), before, after)


def _others(message: Message) -> list[Part]:
    return [part for part in message.parts if isinstance(part, ToolCallPart | ToolResultPart | MediaPart)]


def _part_change(said: _Said, pair: list[Part | None], before: Asked, after: Asked) -> Change:
    part = next(part for part in reversed(pair) if part is not None)
    sides = [MISSING if each is None else _content(each) for each in pair]
    if isinstance(part, MediaPart):
        kind: CauseKind = "document" if part.kind in ("file", "document") else "message"
        return Change(kind=kind, name=f"{said.name}: {part.kind}", before=sides[0], after=sides[1])
    if isinstance(part, ToolCallPart):
        name = f"{said.name}: call of {part.name}"
        return Change(kind="message", name=name, before=sides[0], after=sides[1], is_consequence=said.is_echo)
    return _result_change(said, pair, sides, (before, after))


def _content(part: Part) -> JSON | Missing:
    if isinstance(part, ToolResultPart):
        return part.result
    return part.reference if isinstance(part, MediaPart) else gist_of_part(part)


def _result_change(
    said: _Said, pair: list[Part | None], sides: list[JSON | Missing], asked: tuple[Asked, Asked]
) -> Change:
    """A tool gave back something else: by itself, or because it was called otherwise."""
    calls = [_answered(part, side) for part, side in zip(pair, asked, strict=True)]
    known = next((call for call in reversed(calls) if call is not None), None)
    called = [None if call is None else (call.name, repr(call.arguments)) for call in calls]
    kind: CauseKind = "retrieval" if known is not None and _RETRIEVES.search(known.name) else "tool result"
    name = f"result of {known.name}" if known is not None else said.name
    is_told = said.is_echo and called[0] != called[1]
    return Change(kind=kind, name=name, before=sides[0], after=sides[1], is_consequence=is_told)


def _answered(part: Part | None, asked: Asked) -> ToolCallPart | None:
    """The tool call that a result answers: in the messages of the request, or in earlier answers."""
    if not isinstance(part, ToolResultPart):
        return None
    told = [each for message in asked.call.input_messages for each in message.parts if isinstance(each, ToolCallPart)]
    earlier = [each for call in asked.earlier.calls for each in call.tool_calls]
    return tool_call_of(part, [*earlier, *told])


def _parameters(before: Asked, after: Asked) -> Iterator[Change]:
    old, new = (_steady(side.call.parameters, side.earlier.ids) for side in (before, after))
    for change in changed_fields(old, new):
        if not _VOLATILE.fullmatch(change.path):
            yield Change(kind="parameter", name=change.path, before=change.before, after=change.after)
    if before.call.streaming != after.call.streaming:
        yield Change(kind="parameter", name="stream", before=before.call.streaming, after=after.call.streaming)


def _steady(parameters: dict[str, JSON], ids: list[str]) -> JSON:
    """Parameters with the number of an earlier answer in place of its id, which is another in every recording."""
    places: dict[str, JSON] = {name: f"(the id of answer {number})" for number, name in enumerate(ids, 1)}
    return {name: places.get(value, value) if isinstance(value, str) else value for name, value in parameters.items()}
