"""What was put into a sentence that is otherwise the same: a condition, a circumstance, an owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .stems import stem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .changes import ChangedFact
    from .pairs import Pair

# A phrase that begins so says when, where, of what, under which condition. A bare adjective says little.
_OPENING_WORDS = """
of on in at by with without for from after before during because due and but or using via under against within since
until unless except despite towards toward if when where which who to
"""
_OPENING = frozenset(_OPENING_WORDS.split())
# In fact, of course, as well, in order to: phrases that say nothing.
_EMPTY_WORDS = """
fact course order general particular addition time times way total short case moment example instance part term kind
sort type well all also then thus therefore them they their his her its him it this that these those both the same such
too own
"""
_EMPTY = _OPENING | frozenset(_EMPTY_WORDS.split())
_MOST = 14


def additions(pair: Pair) -> Iterator[ChangedFact]:
    """The phrases put into a sentence of a text that is otherwise the same. A sentence of its own adds, and may."""
    if not pair.is_near:
        return
    known = {stem(word.group().lower()) for word in pair.words[0]}
    for a, b, c, d in pair.spans:
        words = pair.words[1][c:d]
        if a == b and d - c <= _MOST and _is_statement([word.group().lower() for word in words], known):
            shown = pair.after[words[0].start() : words[-1].end()].strip(" ,;")
            yield pair.changed("addition", None, shown)


def _is_statement(words: list[str], known: set[str]) -> bool:
    """Whether it is a phrase that speaks of something new."""
    while words and not words[0][0].isalnum():
        words = words[1:]
    if len(words) < 2 or words[0] not in _OPENING or any(word in ".!?" for word in words):
        return False
    return any(word[0].isalpha() and word not in _EMPTY and stem(word) not in known for word in words[1:])
