"""Which clauses of two freely told texts speak of the same, so that one can contradict the other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .polarity import is_japanese
from .stems import stem

if TYPE_CHECKING:
    from collections.abc import Iterator

# A sentence ends with its mark or its line; a point inside a number or a name ends nothing.
_END = r"[。!?！？\n]|\.(?=\s|$)"
# What an English sentence says of one thing ends earlier; a Japanese one says it at its very end.
_ENGLISH_END = (
    rf"{_END}|[,;:—](?=\s)|\s(?=(?:but|if|unless|because|although|though|while|whereas|when|until|provided|which|who"
    r"|as long as)\b)"
)
_ENDS = {True: re.compile(_END), False: re.compile(_ENGLISH_END, re.IGNORECASE)}
_CONTENT = re.compile(r"[A-Za-z]{3,}|\d+|[ァ-ヴー]{2,}|[一-龥々]")
_FILLING_WORDS = """
the and for are was were has had have been being with that this these those from its not but you your our their his her
can cannot could may might must will would shall should does did don doesn didn isn aren they there here all any some
never only
"""
_FILLING = frozenset(map(stem, _FILLING_WORDS.split()))
_LEAST_SHARED = 0.6
_LEAST_WORDS = {True: 3, False: 2}
_MOST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A sentence or a part of one, where it begins, and what it speaks of."""

    text: str
    start: int
    content: frozenset[str]


def partners(before: str, after: str) -> Iterator[tuple[Clause, Clause]]:
    """The clauses of two texts that are each the one most like the other, and like enough."""
    left, right = list(_clauses(before)), list(_clauses(after))
    for clause in left:
        other = max(right, key=lambda each: _shared(clause, each), default=None)
        if other is None or _shared(clause, other)[0] < _LEAST_SHARED:
            continue
        if max(left, key=lambda each: _shared(other, each)) is clause:
            yield clause, other


def is_one_clause(text: str) -> bool:
    """Whether there is no more than one clause in it."""
    return len([None for _ in _clauses(text)]) <= 1


def parts_of(text: str) -> Iterator[tuple[int, str]]:
    """Where each clause begins, and its text."""
    start = 0
    for end in [*(match.end() for match in _ENDS[is_japanese(text)].finditer(text)), len(text)]:
        yield start, text[start:end]
        start = end


def content_of(text: str) -> frozenset[str]:
    """The words, numbers and kanji that say what a clause speaks of."""
    words = (stem(word.lower()) if word.isascii() else word for word in _CONTENT.findall(text))
    return frozenset(words) - _FILLING


def _clauses(text: str) -> Iterator[Clause]:
    found = 0
    least = _LEAST_WORDS[is_japanese(text)]
    for start, part in parts_of(text):
        content = content_of(part)
        if len(content) >= least:
            yield Clause(text=part.strip(), start=start + len(part) - len(part.lstrip()), content=content)
            found += 1
        if found == _MOST:
            return


def _shared(one: Clause, other: Clause) -> tuple[float, int]:
    """The share of the shorter clause's content that the other has too, and how much that is."""
    shared = len(one.content & other.content)
    return shared / min(len(one.content), len(other.content)), shared
