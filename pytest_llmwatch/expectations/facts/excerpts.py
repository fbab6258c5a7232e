"""What to show of an exchange: whole words, with the word beside them where alone they would say nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.drift.words import segments

from .mentions import Excerpt
from .polarity import is_japanese

if TYPE_CHECKING:
    from pytest_llmwatch.drift.words import Span

    from .pairs import Pair

_KANJI = re.compile("[一-龥々]")


def exchanged(pair: Pair, span: Span) -> tuple[Excerpt | None, Excerpt | None]:
    """Both sides of an exchange in whole words; where one is empty, both with a word that stands there on both."""
    a, b, c, d = span
    is_put_in = not (_speaks(pair.words[0][a:b]) and _speaks(pair.words[1][c:d]))
    left, right = _beside(pair, span) if is_put_in else (0, 0)
    more = int(pair.is_japanese and not is_put_in)
    return (
        _excerpt(pair.before, pair.words[0][a - left : b + right], more),
        _excerpt(pair.after, pair.words[1][c - left : d + right], more),
    )


def _speaks(words: list[re.Match[str]]) -> bool:
    return any(letter.isalnum() for word in words for letter in word.group())


def _beside(pair: Pair, span: Span) -> tuple[int, int]:
    """How many words to take from the left and the right: 可能 follows 不, `is` stands before `not`."""
    words = pair.words[0]
    before = words[span[0] - 1].group() if span[0] else ""
    after = words[span[1]].group() if span[1] < len(words) else ""
    is_with_next = _KANJI.match(after) if pair.is_japanese else after and not before[:1].isalnum()
    return (0, 1) if is_with_next else (min(1, span[0], span[2]), 0)


def _excerpt(text: str, words: list[re.Match[str]], more: int) -> Excerpt | None:
    """The words without the marks at their ends."""
    speaking = [word for word in words if _speaks([word])]
    return with_word_before(text, speaking[0].start(), speaking[-1].end(), more) if speaking else None


def with_word_before(text: str, start: int, end: int, more: int = 1) -> Excerpt:
    """The part of the text, with whole words at its ends."""
    offset = max(0, start - 60)
    at = offset
    parts: list[tuple[int, str]] = []
    for part in segments(text[offset : end + 30]):
        parts.append((at, part))
        at += len(part)
    inside = [i for i, (place, part) in enumerate(parts) if place < end and place + len(part) > start]
    if not inside:
        return Excerpt(text=text[start:end], start=start)
    first, last = inside[0], inside[-1]
    if more and not is_japanese(text[start:end]) and first >= 2 and parts[first - 1][1].isspace():
        first -= 2
    elif more and is_japanese(text[start:end]) and first >= 1 and parts[first - 1][1].isalnum():
        first -= 1
    shown = "".join(part for _, part in parts[first : last + 1])
    return Excerpt(text=shown.strip(), start=parts[first][0] + len(shown) - len(shown.lstrip()))
