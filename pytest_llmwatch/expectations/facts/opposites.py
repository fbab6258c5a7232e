"""Words that contradict each other: a text that has exchanged one for the other says something else."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

from . import lexicon
from .stems import stem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

Opposition = Literal["opposite", "modality", "date", "name"]
_Files = tuple[tuple[str, "Callable[[str], Iterator[lexicon.Pair]]", Opposition], ...]

_EVERYWHERE: _Files = (
    ("opposites", lexicon.opposed, "opposite"),
    ("alternatives", lexicon.exclusive, "opposite"),
    ("modality", lexicon.opposed, "modality"),
)
_FILES: dict[str, _Files] = {
    "en": (*_EVERYWHERE, ("calendar", lexicon.exclusive, "date")),
    "ja": (*_EVERYWHERE, ("names", lexicon.exclusive, "name")),
}

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
    for name, read, about in _FILES[language]:
        yield from ((pair, about) for pair in read(f"{name}.{language}"))


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
