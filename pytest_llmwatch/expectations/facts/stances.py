"""How a clause stands to one of two ways a thing can be: free or charged, open or closed, needed or not.

A denial turns a stance round, so that it has many wordings: `not open` is `closed`, 「かかりません」 is 「無料」.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from . import lexicon
from .clauses import content_of, parts_of
from .polarity import is_japanese, negations
from .stems import stem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .mentions import Mention

_WORD = re.compile(r"[A-Za-z]+|\d+", re.ASCII)
_LEADING = re.compile(r"\s*(?:if|unless|when|whether|should|in case|while|until|once|because)\b", re.IGNORECASE)
_CONDITION = re.compile(r"場合|とき|時[はに]|なら|れば|たら|際[はに]|かどうか|うちに?")
_QUESTION = re.compile(r"[?？]\s*$|か。?\s*$")
_TURN = re.compile(r"(?:です|ます|ません|した|ない|る)(?:が|けど|けれども|し)、")
_AMOUNT = re.compile(r"[^.!?。]{0,8}?[1-9]")
_JAPANESE_REACH = 2
_ENGLISH_REACH = 34
_MOST = 200
_LEAST_SHARED = 0.6


class _Phrase(NamedTuple):
    topic: tuple[str, int]
    is_first: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stance:
    """What a clause says of a topic.

    Attributes:
        topic: The language, and the line of its lexicon.
        is_first: Whether it is what stands left of the stroke there, after all denials.
        text: The phrase with the words that deny it.
        start: Where that begins.
        subject: What else the clause speaks of.
    """

    topic: tuple[str, int]
    is_first: bool
    text: str
    start: int
    subject: frozenset[str]

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)

    def is_of(self, other: Stance) -> bool:
        """Whether both speak of the same thing, as far as they say of what."""
        if self.topic != other.topic:
            return False
        least = min(len(self.subject), len(other.subject))
        return not least or len(self.subject & other.subject) / least >= _LEAST_SHARED


def stances(text: str) -> list[Stance]:
    """Every stance of a text in NFKC; a condition or a question states none."""
    language = "ja" if is_japanese(text) else "en"
    phrases = sorted(islice(_phrases(text, language), _MOST), key=lambda phrase: phrase.start)
    if not phrases:
        return []
    denials = negations(text)
    starts = sorted([start for start, _ in parts_of(text)] + [match.end() for match in _TURN.finditer(text)])
    found: list[Stance] = []
    for phrase in phrases:
        at = bisect_right(starts, phrase.start)
        start, end = starts[at - 1], starts[at] if at < len(starts) else len(text)
        if not _is_left_open(text, start, phrase, end):
            found.append(_stance(text, (start, end), phrase, [cue for cue in denials if start <= cue.start < end]))
    return found


def _is_left_open(text: str, start: int, phrase: _Phrase, end: int) -> bool:
    """Whether the clause asks or sets a condition, or goes on with an amount, which is told as a number."""
    if _LEADING.match(text, start, end) or _QUESTION.search(text[start:end]):
        return True
    is_charge = phrase.topic[1] == 0 and phrase.is_first
    return bool(_CONDITION.search(text, phrase.end, end) or (is_charge and _AMOUNT.match(text, phrase.end)))


def _stance(text: str, clause: tuple[int, int], phrase: _Phrase, denials: list[Mention]) -> Stance:
    cues = [cue for cue in denials if _denies(cue, phrase)]
    begin = min([phrase.start, *(cue.start for cue in cues)])
    end = max([phrase.end, *(cue.start + len(cue.text) for cue in cues)])
    return Stance(
        topic=phrase.topic,
        is_first=phrase.is_first ^ (len(cues) % 2 == 1),
        text=text[begin:end],
        start=begin,
        subject=content_of(text[clause[0] : begin] + " " + text[end : clause[1]]),
    )


def _denies(cue: Mention, phrase: _Phrase) -> bool:
    """Whether a denial is of this phrase: before it in English, or `no` right after it; after it in Japanese."""
    last = cue.start + len(cue.text)
    if phrase.topic[0] == "ja":
        return last > phrase.end and cue.start <= phrase.end + _JAPANESE_REACH
    is_no = cue.text.lower() == "no" and cue.start == phrase.end + 1
    return is_no or 0 <= phrase.start - last <= _ENGLISH_REACH


def _phrases(text: str, language: str) -> Iterator[_Phrase]:
    """Each phrase of the lexicon in a text."""
    yield from _japanese_phrases(text) if language == "ja" else _english_phrases(text)


def _japanese_phrases(text: str) -> Iterator[_Phrase]:
    for topic, pattern in enumerate(_japanese_patterns()):
        for match in pattern.finditer(text):
            if match.lastgroup != "none":
                yield _Phrase(("ja", topic), match.lastgroup == "first", *match.span())


def _english_phrases(text: str) -> Iterator[_Phrase]:
    words = list(_WORD.finditer(text))
    stems = [stem(word.group().lower()) for word in words]
    known = _english_table()
    at = 0
    while at < len(words):
        fitting = [entry for entry in known.get(stems[at], ()) if tuple(stems[at : at + len(entry[0])]) == entry[0]]
        longest = max((len(phrase) for phrase, _ in fitting), default=0)
        for phrase, meaning in fitting:
            if len(phrase) == longest and meaning is not None:
                yield _Phrase(("en", meaning[0]), meaning[1], words[at].start(), words[at + longest - 1].end())
        at += max(1, longest)


@cache
def _japanese_patterns() -> list[re.Pattern[str]]:
    topics, nothing = lexicon.stances("stances.ja", None)
    none = "|".join(nothing)
    return [re.compile(f"(?P<none>{none})|(?P<second>{'|'.join(b)})|(?P<first>{'|'.join(a)})") for a, b in topics]


@cache
def _english_table() -> dict[str, list[tuple[tuple[str, ...], tuple[int, bool] | None]]]:
    """For each first stem the phrases that begin with it, with their topic and their side."""
    topics, nothing = lexicon.stances("stances.en", ",")
    meant: list[tuple[str, tuple[int, bool] | None]] = [(phrase, None) for phrase in nothing]
    for topic, sides in enumerate(topics):
        meant += [(phrase, (topic, side is sides[0])) for side in sides for phrase in side]
    table: dict[str, list[tuple[tuple[str, ...], tuple[int, bool] | None]]] = {}
    for phrase, meaning in meant:
        stems = tuple(map(stem, phrase.split()))
        table.setdefault(stems[0], []).append((stems, meaning))
    return table
