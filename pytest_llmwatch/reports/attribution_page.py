"""An attribution as people read it: what was sent otherwise, what came otherwise, what it costs now."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from pytest_llmwatch.drift.changes import Change, cause_key, percent_text, ratio
from pytest_llmwatch.drift.fields import Missing, changed_fields, shortened_line
from pytest_llmwatch.drift.visible import columns, visible, visible_json
from pytest_llmwatch.drift.words import changed_spans, changed_text, segments
from pytest_llmwatch.spend import dollars

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmwatch.calls import JSON
    from pytest_llmwatch.drift.attribution import Attribution
    from pytest_llmwatch.drift.changes import SpendChange

# White space, a Japanese letter with the marks that no line begins with, a word with all its hyphens.
_JAPANESE = r"\u3000-\u30ff\u3400-\u9fff\uff01-\uff60"
_OPENING = r"(?:\[-|\{\+|[「『（【])*"
_CLOSING = r"(?:-\]|\+\}|[、。，．・」』）】！？ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ])*"
_WRAPPED = re.compile(rf"\s+|{_OPENING}[{_JAPANESE}]{_CLOSING}|[^\s{_JAPANESE}]+{_CLOSING}")
_MOST_CHANGES = 12
_MOST_LINES = 6
_MOST_ROWS = 3
_MOST_FIELDS = 6
_LEAST_WIDTH = 40
_LEAST_SECONDS = 0.2
_LEAST_SHARE = 0.25
_BESIDE = 20


def lines_of(
    attribution: Attribution, *, width: int = 80, in_full: bool = False, told: Sequence[Change] = ()
) -> list[str]:
    """The whole page of one test, without its name: the sentence, the lists of changes, the bill.

    Args:
        attribution: What to show.
        width: In how many columns.
        in_full: Whether nothing is left out because it is one of many.
        told: Causes that stand elsewhere on the page already.
    """
    width = max(width, _LEAST_WIDTH)
    lines = wrapped(attribution.sentence_without(told), width)
    known = {cause_key(change) for change in told}
    sections = (
        ("sent otherwise:", [change for change in attribution.causes if cause_key(change) not in known]),
        ("came otherwise:", attribution.effects),
        ("follows from an earlier answer:", attribution.consequences),
    )
    for title, changes in sections:
        if changes:
            lines.append(title)
            lines += [f"  {line}" for line in _listed(changes, width - 2, in_full=in_full)]
    spent = spend_lines(attribution.spend)
    if spent and not attribution.problem:
        lines += ["spent:", *(f"  {line}" for line in spent)]
    return lines


def _listed(changes: Sequence[Change], width: int, *, in_full: bool) -> Iterator[str]:
    many = len({number for change in changes for number in change.calls}) > 1
    shown = changes if in_full else changes[:_MOST_CHANGES]
    for change in shown:
        yield from change_lines(change, width=width, in_full=in_full, calls=many)
    if len(shown) < len(changes):
        yield f"… and {len(changes) - len(shown)} more"


def change_lines(change: Change, *, width: int = 80, in_full: bool = False, calls: bool = False) -> list[str]:
    """One change: on one line where the eye finds it there, else as a diff around what changed."""
    title = shortened_line(visible(change.name), width // 2)
    if calls and change.calls:
        title += f" ({'call' if len(change.calls) == 1 else 'calls'} {', '.join(map(str, change.calls))})"
    if change.kind == "fact":
        title = f"fact, {title}"
    before, after = (_told_call(change, side) for side in (change.before, change.after))
    if isinstance(before, Missing) or isinstance(after, Missing):
        return _one_sided(title, before, after, width)
    line = f"{title:<{_BESIDE}} {_plain(before)} -> {_plain(after)}"
    if not _is_long(before) and not _is_long(after) and columns(line) <= width:
        return [line]
    most = 10**6 if in_full else _MOST_LINES
    if isinstance(before, str) and isinstance(after, str):
        return [title, *(f"  {one}" for one in text_lines(before, after, width=width - 2, most=most))]
    return [title, *(f"  {one}" for one in _field_lines(before, after, width - 2, most))]


def _told_call(change: Change, side: JSON | Missing) -> JSON | Missing:
    """What a change has on one side; of a whole call, first what was asked: that says which one it is."""
    if change.kind != "call" or not isinstance(side, dict):
        return _unpacked(side)
    return "\n".join(f"{name}: {side[name]}" for name in ("asked", "like", "answered", "model") if side.get(name))


def _one_sided(title: str, before: JSON | Missing, after: JSON | Missing, width: int) -> list[str]:
    is_new = isinstance(before, Missing)
    value = after if is_new else before
    word = "added" if is_new else "removed"
    start = f"{title:<{_BESIDE}} {word}"
    if isinstance(value, Missing):
        return [start]
    room = width - columns(start) - 2
    if isinstance(value, str) and (columns(visible(value)) > room or "\n" in value):
        return [start, *(f"  {'+' if is_new else '-'} {line}" for line in _head_of(value, width - 4))]
    return [f"{start}: {shortened_line(_plain(value), room)}"]


def _head_of(text: str, width: int) -> Iterator[str]:
    lines = text.splitlines() or [""]
    shown = [shortened_line(visible(line), width) for line in lines[:_MOST_LINES]]
    yield from shown
    if len(lines) > len(shown):
        yield f"… {len(lines) - len(shown)} more lines"


def _unpacked(value: JSON | Missing) -> JSON | Missing:
    """The JSON that a text is, as the results of tools are sent; the value itself otherwise."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        found: JSON = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found


def _plain(value: JSON | Missing) -> str:
    if isinstance(value, Missing):
        return "(nothing)"
    return visible(value) if isinstance(value, str) and value.strip() == value != "" else visible_json(value)


def _is_long(value: JSON | Missing) -> bool:
    return isinstance(value, dict | list) or (isinstance(value, str) and "\n" in value)


def _field_lines(before: JSON, after: JSON, width: int, most: int) -> Iterator[str]:
    changes = changed_fields(before, after)
    if len(changes) == 1 and not changes[0].path:
        yield f"- {shortened_line(_plain(before), width - 2)}"
        yield f"+ {shortened_line(_plain(after), width - 2)}"
        return
    for change in changes[: max(most, _MOST_FIELDS)]:
        inner = Change(kind="field", name=change.path, before=change.before, after=change.after)
        yield from change_lines(inner, width=width)
    if len(changes) > max(most, _MOST_FIELDS):
        yield f"… and {len(changes) - max(most, _MOST_FIELDS)} more fields"


def text_lines(before: str, after: str, *, width: int = 80, most: int = _MOST_LINES) -> list[str]:
    """The changed lines of two texts, `-` the old and `+` the new, with the changed words marked in them."""
    old, new = before.split("\n"), after.split("\n")
    shown: list[str] = []
    hidden = 0
    is_whole = len(old) == len(new) == 1
    for a, b, c, d in changed_spans(old, new):
        if len(shown) >= 2 * most:
            hidden += max(b - a, d - c)
            continue
        if not is_whole:
            shown.append(f"@ line {c + 1}" if d - c <= 1 else f"@ lines {c + 1} to {d}")
        taken = list(zip_longest(old[a:b], new[c:d]))
        hidden += max(len(taken) - most, 0)
        for pair in taken[:most]:
            shown += _line_pair(*pair, width=width - 2)
    return [*shown, *([f"… and {hidden} more changed lines"] if hidden else [])]


def _line_pair(old: str | None, new: str | None, *, width: int) -> list[str]:
    if old is None or new is None:
        sign, text = ("+", new) if old is None else ("-", old)
        return [f"{sign} {shortened_line(visible(text or ''), width)}"]
    was, now = (wrapped(text, width) or [""] for text in changed_text(old, new, width=_MOST_ROWS * width))
    return [*(f"- {row}" for row in was), *(f"+ {row}" for row in now)]


def spend_lines(spend: SpendChange) -> list[str]:
    """What tokens, money, time and retries were and are; what is the same is left out."""
    before, after = spend.before, spend.after
    rows: list[tuple[str, object, object, str]] = [
        ("calls", before.calls, after.calls, ""),
        ("input tokens", _count(before.input_tokens), _count(after.input_tokens), ""),
        ("output tokens", _count(before.output_tokens), _count(after.output_tokens), ""),
        ("cost", _money(before.cost), _money(after.cost), cost_text(spend)),
        *_latency_row(before.latency, after.latency),
        ("retries", before.retries, after.retries, ""),
    ]
    return [
        f"{name:<{_BESIDE}} {old} -> {new}{f'  ({note})' if note else ''}"
        for name, old, new, note in rows
        if old != new
    ]


def cost_text(spend: SpendChange) -> str:
    """`12 % cheaper`; empty where it is as dear as it was, or not known."""
    found = ratio(spend.before.cost, spend.after.cost)
    return "" if found is None or found == 1 else percent_text(found)


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _money(cost: object) -> str:
    from decimal import Decimal

    return dollars(cost) if isinstance(cost, Decimal) else "unknown"


def _latency_row(before: float | None, after: float | None) -> list[tuple[str, object, object, str]]:
    """The time, where it is another by more than the same call differs from day to day."""
    if before is not None and after is not None:
        apart = abs(after - before)
        if apart < _LEAST_SECONDS or apart < _LEAST_SHARE * before:
            return []
    return [("latency", _seconds(before), _seconds(after), "")]


def _seconds(latency: float | None) -> str:
    return "unknown" if latency is None else f"{latency:.1f} s"


def wrapped(text: str, width: int, *, indent: str = "") -> list[str]:
    """A visible text in lines of that many columns, broken at spaces, and between the letters of Japanese."""
    lines, line = [], ""
    pieces = (piece for word in _WRAPPED.findall(text) for piece in _fitting(word, width - columns(indent)))
    for word in pieces:
        if line.strip() and columns((line + word).rstrip()) > width:
            lines.append(line.rstrip())
            line = indent
        line += word if line.strip() or not word.isspace() else ""
    return [*lines, line.rstrip()] if line.strip() else lines


def _fitting(word: str, width: int) -> list[str]:
    """A word; one that no line has room for in its parts."""
    return [word] if columns(word) <= width else segments(word)


def listed_changes(changes: Sequence[Change], *, width: int = 80, in_full: bool = False) -> list[str]:
    """Changes that several tests share, each with its diff."""
    shown = [replace(change, calls=()) for change in changes]
    return list(_listed(shown, width, in_full=in_full))
