"""Two texts beside each other, or below each other where the terminal is narrow; only what is around a change."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_llmwatch.drift.visible import columns, visible
from pytest_llmwatch.drift.words import changed_spans

from .call_page import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BESIDE_FROM = 100
CONTEXT = 2
RED, GREEN, DIM = "31", "32", "2"
Mark = Literal[" ", "|", "<", ">"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of each text; `None` where a side has none. Two sides that are `None` stand for `skipped` same lines."""

    before: str | None = None
    after: str | None = None
    skipped: int = 0

    @property
    def mark(self) -> Mark:
        """Same, changed, only in the first, only in the second."""
        if self.before is None or self.after is None:
            return "<" if self.after is None else ">"
        return " " if self.before == self.after else "|"


def side_by_side(
    before: str | None, after: str | None, *, titles: tuple[str, str], width: int, colour: bool, in_full: bool = False
) -> list[str]:
    """The lines in `width` columns, safe to print; of one text alone, below its title."""
    rows = list(_rows(_lines(before), _lines(after), in_full=in_full))
    if before is None or after is None or width < BESIDE_FROM:
        return list(_below(rows, before, after, titles=titles, width=width, colour=colour))
    return list(_beside(rows, titles=titles, width=width, colour=colour))


def painted(text: str, style: str, colour: bool) -> str:  # noqa: FBT001 - three words long
    """The text in this colour, where there are colours."""
    return f"\033[{style}m{text}\033[0m" if colour and style and text else text


def _lines(text: str | None) -> list[str]:
    return [] if text is None else [visible(line) for line in text.split("\n")]


def _rows(before: Sequence[str], after: Sequence[str], *, in_full: bool) -> Iterator[Row]:
    """Lines that are the same are left out where there are many of them between two changes."""
    start = 0
    spans = [*changed_spans(before, after), (len(before), len(before), len(after), len(after))]
    for number, (old, old_end, new, new_end) in enumerate(spans):
        same = before[start:old]
        ends = (0 if number == 0 else CONTEXT, 0 if number == len(spans) - 1 else CONTEXT)
        yield from _same_rows(same, ends, in_full=in_full)
        for one, other in itertools.zip_longest(before[old:old_end], after[new:new_end]):
            yield Row(before=one, after=other)
        start = old_end


def _same_rows(same: Sequence[str], ends: tuple[int, int], *, in_full: bool) -> Iterator[Row]:
    left_out = len(same) - sum(ends)
    if in_full or left_out <= 1:
        yield from (Row(before=line, after=line) for line in same)
        return
    yield from (Row(before=line, after=line) for line in same[: ends[0]])
    yield Row(skipped=left_out)
    yield from (Row(before=line, after=line) for line in same[len(same) - ends[1] :])


def _skipped(row: Row) -> str:
    return f"… {row.skipped} lines that are the same …"


def _beside(rows: Sequence[Row], *, titles: tuple[str, str], width: int, colour: bool) -> Iterator[str]:
    room = (width - 7) // 2
    yield f"    {_filled(painted(titles[0], DIM, colour), room, titles[0])}   {painted(titles[1], DIM, colour)}"
    for row in rows:
        if row.skipped:
            yield f"    {painted(_skipped(row), DIM, colour)}"
            continue
        left, right = (wrapped(cell, room) if cell is not None else [] for cell in (row.before, row.after))
        for old, new in itertools.zip_longest(left, right, fillvalue=""):
            is_painted = colour and row.mark != " "
            filled = _filled(painted(old, RED, is_painted), room, old)
            yield f"    {filled} {row.mark} {painted(new, GREEN, is_painted)}".rstrip()


def _filled(shown: str, room: int, text: str) -> str:
    return shown + " " * max(room - columns(text), 0)


def _below(
    rows: Sequence[Row], before: str | None, after: str | None, *, titles: tuple[str, str], width: int, colour: bool
) -> Iterator[str]:
    """Removed and added lines with their signs, as a diff has them; one text alone needs none."""
    if before is not None:
        yield f"  {painted(f'- {titles[0]}' if after is not None else titles[0], DIM, colour)}"
    if after is not None:
        yield f"  {painted(f'+ {titles[1]}' if before is not None else titles[1], DIM, colour)}"
    is_one = before is None or after is None
    for row_or_block in _blocks(rows):
        for sign, text, style in row_or_block:
            lines = wrapped(text, width - 6)
            for line in lines:
                yield f"    {'' if is_one else sign + ' '}{painted(line, style, colour and not is_one)}".rstrip()


def _blocks(rows: Sequence[Row]) -> Iterator[list[tuple[str, str, str]]]:
    """Rows as signed lines; of neighbouring changes, what is removed goes first."""
    for is_changed, group in itertools.groupby(rows, key=lambda row: not row.skipped and row.mark != " "):
        held = list(group)
        if not is_changed:
            yield [(" ", _skipped(row), DIM) if row.skipped else (" ", row.before or "", "") for row in held]
            continue
        yield [("-", row.before, RED) for row in held if row.before is not None]
        yield [("+", row.after, GREEN) for row in held if row.after is not None]
