"""How alike two texts are written: shared words and shared runs of letters, in English and Japanese."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter

from .facts.stems import stem

VERSION = "1"
_LONGEST = 100_000
_CJK = "\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_CJK}]+|[^\W{_CJK}]+")
_HIRAGANA = re.compile("[ぁ-ん\\W]+")
_FILLING_WORDS = """
a an the is are was were be been being of in on at to for and or with by from as it its this that these those there has
have had will would
"""
_FILLING = frozenset(_FILLING_WORDS.split())


def lexical_similarity(one: str, other: str) -> float:
    """From 0 to 1: the mean of a cosine over runs of letters and of rapidfuzz's token set ratio over words.

    Japanese has no spaces: its words are the pairs of neighbouring letters. Filling words and hiragana count less. Of
    a text of more than 100,000 characters the beginning counts.
    """
    from rapidfuzz import fuzz

    left, right = normal(one), normal(other)
    if left == right:
        return 1.0
    words = fuzz.token_set_ratio(" ".join(_words(left)), " ".join(_words(right))) / 100
    return round((_cosine(_runs(left), _runs(right)) + words) / 2, 6)


def normal(text: str) -> str:
    """NFKC, in lower case, with single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text[:_LONGEST]).casefold().split())


def _words(text: str) -> list[str]:
    words: list[str] = []
    for word in _WORD.findall(text):
        if "\u3040" <= word[0] <= "\u9fff":
            words += [word[at : at + 2] for at in range(len(word) - 1)] or [word]
        elif word not in _FILLING:
            words.append(stem(word) if word.isascii() else word)
    return words


def _runs(text: str) -> dict[str, float]:
    """Runs of one to four letters, each with its weight."""
    runs: Counter[str] = Counter()
    if sum("\u3040" <= letter <= "\u9fff" for letter in text) > 0.15 * len(text):
        padded = f" {text} "
        runs.update(padded[at : at + size] for size in (1, 2, 3) for at in range(len(padded) - size + 1))
        return {run: (1 + math.log(n)) * (0.4 if _HIRAGANA.fullmatch(run) else 1.0) for run, n in runs.items()}
    weights: dict[str, float] = {}
    for word, count in Counter(re.findall(r"\w+", text)).items():
        weight = (0.3 if word in _FILLING else 1.0) * count
        padded = f" {word} "
        for size in (2, 3, 4):
            for at in range(len(padded) - size + 1):
                run = padded[at : at + size]
                weights[run] = weights.get(run, 0.0) + weight
    return {run: (1 + math.log1p(weight)) * min(1.0, weight) for run, weight in weights.items()}


def _cosine(one: dict[str, float], other: dict[str, float]) -> float:
    product = math.fsum(weight * other[run] for run, weight in one.items() if run in other)
    lengths = math.fsum(w * w for w in one.values()) * math.fsum(w * w for w in other.values())
    return product / math.sqrt(lengths) if lengths else 0.0
