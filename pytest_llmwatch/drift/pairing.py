"""Which call of one recording stands for which of another: an inserted call is one finding, not a shift of all."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import Message, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from pytest_llmwatch.tool_results import unwrapped

from .fields import distance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_llmwatch.calls import JSON, ModelCall, Part

Pair = tuple[int | None, int | None]

_MOST_PAIRS = 2_500
_FAR_APART = 0.02
_SYSTEM = ("system", "developer")


def paired_calls(before: Sequence[ModelCall], after: Sequence[ModelCall]) -> list[Pair]:
    """The places of the calls that belong together, in the order of the newer recording.

    Equal requests belong together wherever they stand: calls made at the same time have no order. Of the others the
    nearest do; what is left over was added or removed.
    """
    partner: dict[int, int] = {}
    for name in (_sent, _told_text):
        partner |= _equal(name, before, after, *_left(partner, before, after))
    partner |= _nearest(before, after, *_left(partner, before, after))
    return _in_order(partner, len(before), len(after))


def _left(
    partner: dict[int, int], before: Sequence[ModelCall], after: Sequence[ModelCall]
) -> tuple[list[int], list[int]]:
    """The places on both sides that have no partner yet."""
    taken = set(partner.values())
    return [place for place in range(len(before)) if place not in taken], [
        place for place in range(len(after)) if place not in partner
    ]


def items_of(messages: Iterable[Message]) -> Iterator[Message]:
    """The messages with every tool call and every result as one of its own: formats bundle them differently."""
    for message in messages:
        said = [part for part in message.parts if not isinstance(part, ReasoningPart) and part != TextPart(text="")]
        if not said:
            yield Message(role=message.role)
        for is_words, parts in groupby(said, lambda part: not isinstance(part, ToolCallPart | ToolResultPart)):
            if is_words:
                yield Message(role=message.role, parts=tuple(parts))
                continue
            for part in parts:
                yield Message(role="assistant" if isinstance(part, ToolCallPart) else "tool", parts=(part,))


def gist_of_message(message: Message) -> list[JSON]:
    """What a message says, without the ids and the thoughts that no two recordings share."""
    return [gist_of_part(part) for part in message.parts if not isinstance(part, ReasoningPart)]


def gist_of_part(part: Part) -> JSON:
    """What a part says, as JSON."""
    if isinstance(part, TextPart | ReasoningPart):
        return {"text": part.text}
    if isinstance(part, ToolCallPart):
        return {"call": part.name, "arguments": part.arguments}
    if isinstance(part, ToolResultPart):
        return {"result": unwrapped(part.result)} | ({"is_error": True} if part.is_error else {})
    return {"media": part.kind, "reference": part.reference}


def _equal(
    name: Callable[[Sequence[ModelCall], int], str],
    before: Sequence[ModelCall],
    after: Sequence[ModelCall],
    old: list[int],
    new: list[int],
) -> dict[int, int]:
    """By place in the newer recording, the place of the first call in the older one of the same name."""
    waiting: dict[str, list[int]] = defaultdict(list)
    for place in old:
        waiting[name(before, place)].append(place)
    found: dict[int, int] = {}
    for place in new:
        places = waiting.get(name(after, place))
        if places:
            found[place] = places.pop(0)
    return found


def _sent(calls: Sequence[ModelCall], place: int) -> str:
    call = calls[place]
    messages = [_line(message) for message in items_of(call.input_messages)]
    return json.dumps([call.operation_name, messages], sort_keys=True)


def _told_text(calls: Sequence[ModelCall], place: int) -> str:
    return json.dumps([calls[place].operation_name, *_told(calls, place)], sort_keys=True)


def _nearest(before: Sequence[ModelCall], after: Sequence[ModelCall], old: list[int], new: list[int]) -> dict[int, int]:
    if len(old) * len(new) > _MOST_PAIRS:
        return dict(zip(new, old, strict=False))
    told = {place: _told(before, place) for place in old}, {place: _told(after, place) for place in new}
    costs = sorted(
        (_unlikeness(told[0][i], told[1][j]) + _FAR_APART * abs(old.index(i) - new.index(j)), j, i)
        for i in old
        for j in new
        if before[i].operation_name == after[j].operation_name
    )
    found: dict[int, int] = {}
    for _cost, j, i in costs:
        if j not in found and i not in found.values():
            found[j] = i
    return found


def _unlikeness(one: tuple[JSON, JSON], other: tuple[JSON, JSON]) -> float:
    return (distance(one[0], other[0]) + distance(one[1], other[1])) / 2


def _told(calls: Sequence[ModelCall], place: int) -> tuple[JSON, JSON]:
    """What is new in a call: its messages beyond those of the call before it, and what came back."""
    call = calls[place]
    messages = [_line(one) for one in call.input_messages if one.role not in _SYSTEM]
    earlier = [_line(one) for one in calls[place - 1].input_messages if one.role not in _SYSTEM] if place else []
    told = next(
        (at for at, pair in enumerate(zip(messages, earlier, strict=False)) if pair[0] != pair[1]), len(earlier)
    )
    new: list[JSON] = messages[told:]
    answer: list[JSON] = [_line(message) for message in call.output_messages[:1]]
    return new, answer


def _line(message: Message) -> JSON:
    return [message.role, *gist_of_message(message)]


def _in_order(partner: dict[int, int], old: int, new: int) -> list[Pair]:
    """The pairs in the newer order, each removed call behind the one that it followed."""
    taken = set(partner.values())
    gone = [place for place in range(old) if place not in taken]
    pairs: list[Pair] = []
    for place in range(new):
        mate = partner.get(place)
        while mate is not None and gone and gone[0] < mate:
            pairs.append((gone.pop(0), None))
        pairs.append((mate, place))
    return [*pairs, *((place, None) for place in gone)]
