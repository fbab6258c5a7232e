"""The same words with their parts exchanged: who did it to whom, which number belongs to which name."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from .changes import ChangedFact
from .names import has_a_place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .pairs import Pair

_LONG = 100_000
_LEAST_SHARED = 0.97
_ROLE = re.compile(r"([一-龥々ァ-ヴーA-Za-z0-9]+)(?:さん|様|氏|くん|君|ちゃん)?(が|を|に|へ|から|より|は)")


def changed_order(pair: Pair) -> Iterator[ChangedFact]:
    """What changed places in two texts of the same words."""
    if pair.before == pair.after or max(len(pair.before), len(pair.after)) > _LONG:
        return
    shown = _japanese_roles(pair) if pair.is_japanese else _english_order(pair)
    if shown is not None:
        yield ChangedFact(kind="order", before=shown[0], after=shown[1])


def _english_order(pair: Pair) -> tuple[str, str] | None:
    """The first names and numbers that stand in another order."""
    left, right = _in_order(pair.before), _in_order(pair.after)
    if left == right or Counter(left) != Counter(right):
        return None
    bags = [Counter(word.group().lower() for word in words) for words in pair.words]
    shared = sum((bags[0] & bags[1]).values()) / max(1, *(sum(bag.values()) for bag in bags))
    if shared < _LEAST_SHARED:
        return None
    at = next(index for index, (one, other) in enumerate(zip(left, right, strict=True)) if one != other)
    return " … ".join(left[at : at + 3]), " … ".join(right[at : at + 3])


def _in_order(text: str) -> list[str]:
    return [word for found in re.findall(r"[\w$%.]+", text) if has_a_place(word := found.strip("."))]


def _japanese_roles(pair: Pair) -> tuple[str, str] | None:
    """The nouns with their particles, where the same nouns and the same particles are otherwise put together."""
    left, right = _roles(pair.before), _roles(pair.after)
    nouns = [Counter(noun for noun, _ in side) for side in (left, right)]
    particles = [Counter(particle for _, particle in side) for side in (left, right)]
    if len(left) < 2 or nouns[0] != nouns[1] or particles[0] != particles[1] or Counter(left) == Counter(right):
        return None
    before, after = (
        "".join(match.group() for match in list(_ROLE.finditer(text))[:4]) for text in (pair.before, pair.after)
    )
    return before, after


def _roles(text: str) -> list[tuple[str, str]]:
    return [(noun, "が" if particle == "は" else particle) for noun, particle in _ROLE.findall(text)]
