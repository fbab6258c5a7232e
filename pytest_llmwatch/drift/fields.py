"""Which fields of two JSON values differ: the nearest recorded request, and what is not the same in it."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON

from .visible import columns, visible, visible_json
from .words import changed_spans, changed_text, look_alike, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator


class Missing(Enum):
    """The value of a field that is not there; `null` is a value."""

    MISSING = "missing"


MISSING = Missing.MISSING
Change = tuple[str, "JSON | Missing", "JSON | Missing"]

_SHORT_TEXT = 32
_MOST_PAIRS = 400
_MOST_NUMBERS = 50
_MOST_WORDS = 10_000
_LONG_TEXT = 8_000
_UNPAIRED = 0.5
# Where the wire formats keep the name of a tool: Anthropic and Gemini, OpenAI chat, Bedrock.
_NAME_PATHS = (("name",), ("function", "name"), ("toolSpec", "name"))
# Kanji one by one, kana and everything else in runs: cheaper than `segments`, and enough to tell requests apart.
_FEATURE = re.compile(r"[a-zA-Z0-9_]+|[\u3041-\u309f]+|[\u30a0-\u30ff]+|[^\W\u3041-\u30ff\u3400-\u9fff]+|\S")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field that differs between a recorded value and a new one.

    Attributes:
        path: `messages[1].content`; empty for the whole value. List positions are those of the new value, save for what
            was removed. `tools[*].name` stands for the order of the tools.
        before: What was recorded, or `MISSING` where the field is new.
        after: What there is now, or `MISSING` where the field is gone.
    """

    path: str
    before: JSON | Missing
    after: JSON | Missing


def changed_fields(before: JSON, after: JSON) -> tuple[FieldChange, ...]:
    """The fields that differ; `1`, `1.0` and `true` do, as they would in the text of two JSON documents.

    An inserted message is one change, not a shift of all that follow; tools are matched by their names. The order of
    keys does not matter.
    """
    try:
        return tuple(FieldChange(path=path, before=old, after=new) for path, old, new in _changes("", before, after))
    except RecursionError:
        return (FieldChange(path="", before=before, after=after),)


def lines_of(change: FieldChange, *, width: int = 100) -> list[str]:
    """The change as a page shows it, each line in about `width` columns and safe to print."""
    path = shortened_line(change.path or "body", width * 2 // 3)
    old, new = change.before, change.after
    if isinstance(old, Missing) or isinstance(new, Missing):
        word, value = ("added", new) if isinstance(old, Missing) else ("removed", old)
        start = f"{path}   {word}: "
        return [start + shortened_line(_written(value), width - columns(start))]
    if _is_plain_to_see(old, new):
        line = f"{path}   {_written(old)} -> {_written(new)}"
        if columns(line) <= width:
            return [line]
    return [path, *_two_lines(old, new, width)]


def distance(before: JSON, after: JSON) -> float:
    """How unlike two requests are, from 0.0 for the same to 1.0 for nothing in common.

    It compares the words of both, not their order, and only the ends of a very long text: cheap enough to choose the
    nearest of hundreds of recordings.
    """
    old, new = _features(before), _features(after)
    total = old.total() + new.total()
    if not total:
        return 0.0
    return 1.0 - 2 * (old & new).total() / total


def shortened_line(shown: str, width: int) -> str:
    """A line that is visible text already, with a `…` in its middle where it is too wide."""
    return shortened(shown, max(width, 8), str)


def _two_lines(old: JSON, new: JSON, width: int) -> list[str]:
    labels = ("    recorded      ", "    this request  ")
    room = max(width - len(labels[0]), 24)
    if isinstance(old, str) and isinstance(new, str):
        texts = changed_text(old, new, width=room)
    elif isinstance(old, list) and isinstance(new, list):
        texts = changed_text(_written(old), _written(new), width=room)
    else:
        texts = shortened_line(_written(old), room), shortened_line(_written(new), room)
    return [label + text for label, text in zip(labels, texts, strict=True)]


def _written(value: JSON | Missing) -> str:
    return "" if isinstance(value, Missing) else visible_json(value)


def _is_plain_to_see(old: JSON, new: JSON) -> bool:
    if isinstance(old, str) and isinstance(new, str) and look_alike(old, new):
        return False
    return _is_short(old) and _is_short(new)


def _is_short(value: JSON) -> bool:
    """Whether the eye finds a change in it without help: a few words, or one long name."""
    if not isinstance(value, str):
        return True
    is_name = value.isascii() and not any(map(str.isspace, value))
    return len(value) <= 2 * _SHORT_TEXT and (is_name or columns(visible(value)) <= _SHORT_TEXT)


def _changes(path: str, before: JSON, after: JSON) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            yield from _member_changes(_member_path(path, key), before.get(key, MISSING), after.get(key, MISSING))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_changes(path, before, after)
    elif not _is_same(before, after):
        yield path, before, after


def _member_changes(path: str, before: JSON | Missing, after: JSON | Missing) -> Iterator[Change]:
    if isinstance(before, Missing) or isinstance(after, Missing):
        yield path, before, after
    else:
        yield from _changes(path, before, after)


def _is_same(before: JSON, after: JSON) -> bool:
    if isinstance(before, str) and isinstance(after, str):
        return before == after
    return type(before) is type(after) and repr(before) == repr(after)


def _member_path(path: str, key: str) -> str:
    if key.isidentifier() and visible(key) == key:
        return f"{path}.{key}" if path else key
    return f"{path}[{visible_json(key)}]"


def _list_changes(path: str, before: list[JSON], after: list[JSON]) -> Iterator[Change]:
    for names in _NAME_PATHS:
        old, new = _by_name(before, names), _by_name(after, names)
        if old.keys() & new.keys():
            yield from _named_changes(path, names, old, new)
            return
    old_keys, new_keys = ([_fingerprint(item) for item in items] for items in (before, after))
    spans = changed_spans(old_keys, new_keys)
    size = sum(b - a + d - c for a, b, c, d in spans)
    if size > _MOST_NUMBERS and not any(isinstance(item, (str, list, dict)) for item in [*before, *after]):
        yield path, before, after
        return
    for a, b, c, d in spans:
        for i, j in _pairs(before[a:b], after[c:d]):
            if i is not None and j is not None:
                yield from _changes(f"{path}[{c + j}]", before[a + i], after[c + j])
            elif i is not None:
                yield f"{path}[{a + i}]", before[a + i], MISSING
            elif j is not None:
                yield f"{path}[{c + j}]", MISSING, after[c + j]


def _fingerprint(value: JSON) -> str:
    return json.dumps(value, sort_keys=True)


def _by_name(items: list[JSON], names: tuple[str, ...]) -> dict[str, tuple[int, JSON]]:
    """The items and their places by their names; empty unless every item has one of its own."""
    named: dict[str, tuple[int, JSON]] = {}
    for index, item in enumerate(items):
        value = item
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        if not isinstance(value, str) or value in named:
            return {}
        named[value] = index, item
    return named


def _named_changes(
    path: str, names: tuple[str, ...], old: dict[str, tuple[int, JSON]], new: dict[str, tuple[int, JSON]]
) -> Iterator[Change]:
    for name, (index, item) in new.items():
        yield from _member_changes(f"{path}[{index}]", old[name][1] if name in old else MISSING, item)
    for name, (index, item) in old.items():
        if name not in new:
            yield f"{path}[{index}]", item, MISSING
    old_order: list[JSON] = [name for name in old if name in new]
    new_order: list[JSON] = [name for name in new if name in old]
    if old_order != new_order:
        yield f"{path}[*].{'.'.join(names)}", old_order, new_order


def _pairs(old: list[JSON], new: list[JSON]) -> list[tuple[int | None, int | None]]:
    """Which items of two short lists are versions of one another, in order; `None` where an item has no partner."""
    if len(old) == len(new) == 1 or len(old) * len(new) > _MOST_PAIRS:
        return list(zip_longest(range(len(old)), range(len(new))))
    return cheapest_pairs([[distance(item, other) for other in new] for item in old], len(old), len(new))


def cheapest_pairs(costs: list[list[float]], rows: int, places: int) -> list[tuple[int | None, int | None]]:
    """The alignment with the least distance in its pairs, an item without a partner counting as half a distance."""
    least = _least_costs(costs, rows, places)
    pairs: list[tuple[int | None, int | None]] = []
    i, j = rows, places
    while i or j:
        if i and j and least[i][j] == least[i - 1][j - 1] + costs[i - 1][j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and least[i][j] == least[i - 1][j] + _UNPAIRED:
            i -= 1
            pairs.append((i, None))
        else:
            j -= 1
            pairs.append((None, j))
    return pairs[::-1]


def _least_costs(costs: list[list[float]], rows: int, places: int) -> list[list[float]]:
    least = [[_UNPAIRED * j for j in range(places + 1)]]
    for i in range(rows):
        row = [least[i][0] + _UNPAIRED]
        for j in range(places):
            row.append(min(least[i][j] + costs[i][j], least[i][j + 1] + _UNPAIRED, row[j] + _UNPAIRED))
        least.append(row)
    return least


def _features(value: JSON) -> Counter[str]:
    """The words of a value with its keys and numbers; a value too large is counted in part."""
    words: list[str] = []
    waiting: list[JSON] = [value]
    while waiting and len(words) < _MOST_WORDS:
        item = waiting.pop()
        if isinstance(item, str):
            words += _words_of(item)
        elif isinstance(item, dict):
            words += item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
        else:
            words.append(repr(item))
    return Counter(words)


def _words_of(text: str) -> list[str]:
    if len(text) <= _LONG_TEXT:
        return _FEATURE.findall(text)
    # The whole text counts as one more word, so that a change in the middle is not taken for no change.
    return [*_FEATURE.findall(text[: _LONG_TEXT // 2] + text[-_LONG_TEXT // 2 :]), str(hash(text))]
