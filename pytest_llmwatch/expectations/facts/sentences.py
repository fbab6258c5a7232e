"""Which sentences of two freely told texts say the same thing, so that one can contradict the other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .stems import stem

if TYPE_CHECKING:
    from collections.abc import Iterator

# A sentence ends with its mark or its line; a point inside a number or a name ends nothing.
_SENTENCE = re.compile(r"[^\s。!?！？\n][^。!?！？\n]*?(?:[。!?！？\n]|\.(?=\s|$)|$)")
_CONTENT = re.compile(r"[A-Za-z]{3,}|\d+|[ァ-ヴー]{2,}|[一-龥々]")
_FILLING_WORDS = "the and for are was were has had have with that this from its not but you your can may will"
_FILLING = frozenset(_FILLING_WORDS.split())
_LEAST_SHARED = 0.6
_LEAST_WORDS = 3
_MOST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence, where it begins, and what it speaks of."""

    text: str
    start: int
    content: frozenset[str]


def partners(before: str, after: str) -> Iterator[tuple[Sentence, Sentence]]:
    """Each sentence of the first text with the one of the second that is most like it, where one is like enough."""
    others = list(_sentences(after))
    for sentence in _sentences(before):
        best = max(others, key=lambda other: _shared(sentence, other), default=None)
        if best is not None and _shared(sentence, best) >= _LEAST_SHARED:
            yield sentence, best


def _sentences(text: str) -> Iterator[Sentence]:
    found = 0
    for match in _SENTENCE.finditer(text):
        words = (word if not word.isascii() else stem(word.lower()) for word in _CONTENT.findall(match.group()))
        content = frozenset(words) - _FILLING
        if len(content) >= _LEAST_WORDS:
            yield Sentence(text=match.group().strip(), start=match.start(), content=content)
            found += 1
        if found == _MOST:
            return


def _shared(one: Sentence, other: Sentence) -> float:
    """The share of content that both have: Dice's coefficient."""
    return 2 * len(one.content & other.content) / (len(one.content) + len(other.content))
