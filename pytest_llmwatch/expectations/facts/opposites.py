"""Words that contradict each other: a text that has exchanged one for the other says something else."""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Literal

from . import lexicon
from .stems import stem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

Opposition = Literal["opposite", "modality", "date"]

_DENYING = ("un", "in", "im", "ir", "il", "dis", "non", "de", "mis")


def contradicting(word: str, among: AbstractSet[str]) -> set[str]:
    """The stems among these that contradict a stem: its opposites, and itself with a prefix that denies it."""
    found = set(_english_table().get(word, frozenset()) & among)
    for prefix in _DENYING:
        bare = word.removeprefix(prefix)
        found |= {other for other in (prefix + word, bare) if other != word and len(other) > 3} & among
    return found


@cache
def japanese_opposites() -> tuple[lexicon.Pair, ...]:
    """Pairs of Japanese words, cut where they are inflected."""
    return tuple(pair for pair, _ in _pairs("ja"))


def opposition(one: str, other: str) -> Opposition:
    """What two stems, or two Japanese words, that contradict each other are about."""
    return _oppositions().get(frozenset((one, other)), "opposite")


def _pairs(language: str) -> Iterator[tuple[lexicon.Pair, Opposition]]:
    for pair in chain(lexicon.opposed(f"opposites.{language}"), lexicon.exclusive(f"alternatives.{language}")):
        yield pair, "opposite"
    for pair in lexicon.opposed(f"modality.{language}"):
        yield pair, "modality"
    if language == "en":
        yield from ((pair, "date") for pair in lexicon.exclusive("calendar.en"))


@cache
def _english_table() -> dict[str, frozenset[str]]:
    """For each stem the stems that contradict it."""
    table: dict[str, set[str]] = {}
    for (one, other), _ in _pairs("en"):
        left, right = stem(one), stem(other)
        if left != right:
            table.setdefault(left, set()).add(right)
            table.setdefault(right, set()).add(left)
    return {word: frozenset(others) for word, others in table.items()}


@cache
def _oppositions() -> dict[frozenset[str], Opposition]:
    english = {frozenset(map(stem, pair)): about for pair, about in _pairs("en")}
    return english | {frozenset(pair): about for pair, about in _pairs("ja")}
