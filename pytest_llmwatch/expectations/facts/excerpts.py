"""What to show of an exchange: whole words, with the word beside them where alone they would say nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.drift.words import segments

from .polarity import is_japanese

if TYPE_CHECKING:
    from pytest_llmwatch.drift.words import Span

    from .pairs import Pair

_KANJI = re.compile("[一-龥々]")


def exchanged(pair: Pair, span: Span) -> tuple[str | None, str | None]:
    """Both sides of an exchange in whole words; where one is empty, the word that stands there on both."""
    a, b, c, d = span
    shown: list[str | None] = []
    for text, words, start, end in ((pair.before, pair.words[0], a, b), (pair.after, pair.words[1], c, d)):
        if any(word.group()[0].isalnum() for word in words[start:end]):
            more = int((a < b and c < d) == pair.is_japanese)
            shown.append(with_word_before(text, words[start].start(), words[end - 1].end(), more))
        else:
            shown.append(_neighbour(text, words, start, pair))
    return shown[0], shown[1]


def _neighbour(text: str, words: list[re.Match[str]], at: int, pair: Pair) -> str | None:
    """The word that what was put in hangs on: 可能 that follows 不, `is` that stands before `not`."""
    follows = words[at].group() if at < len(words) else ""
    place = at if pair.is_japanese and _KANJI.match(follows) else at - 1
    if not 0 <= place < len(words):
        return None
    return with_word_before(text, words[place].start(), words[place].end(), more=0)


def with_word_before(text: str, start: int, end: int, more: int = 1) -> str:
    """The part of the text, with whole words at its ends."""
    offset = max(0, start - 60)
    at = offset
    parts: list[tuple[int, str]] = []
    for part in segments(text[offset : end + 30]):
        parts.append((at, part))
        at += len(part)
    inside = [i for i, (place, part) in enumerate(parts) if place < end and place + len(part) > start]
    if not inside:
        return text[start:end]
    first, last = inside[0], inside[-1]
    if more and not is_japanese(text[start:end]) and first >= 2 and parts[first - 1][1].isspace():
        first -= 2
    elif more and is_japanese(text[start:end]) and first >= 1 and parts[first - 1][1].isalnum():
        first -= 1
    return "".join(part for _, part in parts[first : last + 1]).strip()
