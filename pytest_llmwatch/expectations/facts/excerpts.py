"""What to show of an exchange: whole words, with the word beside them where alone they would say nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.drift.words import segments

from .clauses import content_of, parts_of
from .mentions import Excerpt
from .polarity import is_japanese

if TYPE_CHECKING:
    from pytest_llmwatch.drift.words import Span

    from .mentions import Mention
    from .pairs import Pair

_MARKS = re.compile(r"[。!?！？\n]")
_LONGEST = 60
_LEAST_SHARED = 0.5
_ENDING = re.compile("(?![はがをにでともへやの])[ぁ-ん]")
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


def _is_ending(part: str) -> bool:
    """Whether it is in hiragana and no particle: 「けます」 is the end of a word that begins with a kanji."""
    return _ENDING.match(part) is not None


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


def denied_clause(pair: Pair, cue: Mention, *, is_come: bool) -> tuple[Excerpt | None, Excerpt | None]:
    """The clause of a negation that only one side has, and the clause of the other side that speaks of the same."""
    text, other = (pair.after, pair.before) if is_come else (pair.before, pair.after)
    start, clause = next(part for part in reversed(list(parts_of(text))) if part[0] <= cue.start)
    content = content_of(clause)
    partner = max(parts_of(other), key=lambda part: _shared(content, content_of(part[1])))
    is_same = _shared(content, content_of(partner[1])) >= _LEAST_SHARED
    shown = _clause(start, clause) or with_word_before(text, cue.start, cue.start + len(cue.text))
    beside = _clause(*partner) if is_same else None
    return (beside, shown) if is_come else (shown, beside)


def crosses_sentences(*excerpts: Excerpt | None) -> bool:
    """Whether one of them runs from one sentence into the next."""
    return any(each is not None and _MARKS.search(each.text) for each in excerpts)


def _shared(content: frozenset[str], other: frozenset[str]) -> float:
    return len(content & other) / max(1, min(len(content), len(other)))


def _clause(start: int, clause: str) -> Excerpt | None:
    """The clause without its mark; nothing where it is too long to show."""
    text = clause.strip(" 　\n。、.,;!?！？")
    return Excerpt(text=text, start=start + clause.index(text)) if 0 < len(text) <= _LONGEST else None


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
    elif first >= 1 and is_japanese(text[start:end]) and (more or _is_ending(parts[first][1])):
        first -= parts[first - 1][1].isalnum()
    shown = "".join(part for _, part in parts[first : last + 1])
    return Excerpt(text=shown.strip(), start=parts[first][0] + len(shown) - len(shown.lstrip()))
