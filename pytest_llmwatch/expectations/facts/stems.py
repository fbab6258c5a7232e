"""English words without their inflection."""

from __future__ import annotations

import re
from functools import cache

_VOWEL = re.compile("[aeiouy]")
_ONE_SYLLABLE = re.compile("[^aeiouy][aeiou][^aeiouhwxyz]")
_ENDINGS = ("ingly", "edly", "ing", "ied", "ies", "ed", "es", "ly", "s")


@cache
def stem(word: str) -> str:
    """A lower-case word without its inflection: enough to compare two of its forms, no dictionary form."""
    for ending in _ENDINGS:
        rest = word.removesuffix(ending)
        if rest == word or len(rest) < 3 or not _VOWEL.search(rest) or (ending == "s" and rest[-1] in "su"):
            continue
        if ending in ("ied", "ies"):
            return rest + "y"
        if len(rest) > 3 and rest[-1] == rest[-2] and rest[-1] not in "aeoulsz":
            return rest[:-1]
        # hated comes of hate, which is no hat.
        is_cut = ending in ("ing", "ed", "es") and _ONE_SYLLABLE.fullmatch(rest)
        return rest + "e" if is_cut else _without_e(rest)
    return _without_e(word)


def _without_e(word: str) -> str:
    is_short = len(word) < 4 or (len(word) == 4 and _ONE_SYLLABLE.fullmatch(word[:-1]))
    return word if is_short else word.removesuffix("e")
