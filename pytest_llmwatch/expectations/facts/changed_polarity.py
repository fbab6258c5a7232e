"""Negations, opposites, duty and permission that a text states otherwise."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from .changed_stances import compared_stances, touches, without
from .excerpts import crosses_sentences, denied_clause, exchanged, with_word_before
from .mentions import Excerpt
from .opposites import contradicting, japanese_opposites, opposition
from .polarity import negations, prefixed
from .stems import stem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.drift.words import Span

    from .changes import ChangedFact
    from .mentions import Mention
    from .pairs import Pair

_DENIED_WORD = re.compile("[不非未無][一-龥]{2}")
_MOST_EXCHANGED = 12
_MOST_DENIED = 200
_MOST_BETWEEN = 2
_LONGEST_WORD = 12
_SENTENCE_END = re.compile(r"[!?。！？\n]|\.(?!\w)")
_ENGLISH_WORD = re.compile(r"([A-Za-z]+)(?:['’][A-Za-z]+)?")


def changed_polarity(pair: Pair) -> Iterator[ChangedFact]:
    """What is denied on one side only, and words exchanged for one that contradicts them."""
    for part in pair.comparable:
        yield from _in_part(part)
    if pair.is_free:
        yield from (pair.changed("opposite", *sides) for sides in compared_stances(pair)[1])


def _in_part(pair: Pair) -> Iterator[ChangedFact]:
    """What changed in one part; where both say the same of a thing, its words are not looked at one by one."""
    agreed, differing = compared_stances(pair)
    found = list(_word_by_word(without(pair, agreed) if agreed else pair))
    yield from found
    for before, after in differing:
        if not any(touches(fact, before, after) for fact in found):
            yield pair.changed("opposite", before, after)


def _word_by_word(pair: Pair) -> Iterator[ChangedFact]:
    opposites = list(_opposites(pair))
    left, right = negations(pair.before), negations(pair.after)
    more = len(right) - len(left)
    if abs(more) == 1 and any(map(_denies, opposites)):
        more = 0  # 有効 and 無効: the negation is in the opposite
    if abs(more) == 1 and pair.is_short and len(opposites) == 1 and _cancel(pair, opposites[0], left, right):
        return
    yield from opposites
    left_forms, right_forms = prefixed(pair.before), prefixed(pair.after)
    forms = len(right_forms) - len(left_forms)
    # `not possible` and `impossible` say the same.
    is_form = abs(more) == 1 and more * forms < 0
    if more and not is_form:
        yield _denied(pair, left, right)
    elif forms and not more and not opposites and pair.is_short:
        yield _denied(pair, left_forms, right_forms)


def _cancel(pair: Pair, opposite: ChangedFact, left: list[Mention], right: list[Mention]) -> bool:
    """Whether a negation stands in the sentence of an opposite: `not fat` and `thin` say the same."""
    text, cues, word = (
        (pair.after, right, opposite.after) if len(right) > len(left) else (pair.before, left, opposite.before)
    )
    at = text.find(word or "")
    return any(not _SENTENCE_END.search(text, *sorted((at, cue.start))) for cue in cues)


def _denies(opposite: ChangedFact) -> bool:
    """Whether one of the two is a negation."""
    return bool(negations(opposite.before or "") or negations(opposite.after or ""))


def _denied(pair: Pair, left: list[Mention], right: list[Mention]) -> ChangedFact:
    """The negation that only one side has, with the words in its place on the other."""
    is_come = len(right) > len(left)
    fewer, many = (left, right) if is_come else (right, left)
    spare = Counter(mention.text.lower() for mention in fewer)
    spare.subtract(mention.text.lower() for mention in many)
    cue = next(mention for mention in many if spare[mention.text.lower()] < 0)
    all_words = pair.words[is_come]
    for span in pair.spans:
        words = all_words[slice(*span[2:])] if is_come else all_words[slice(*span[:2])]
        is_here = words and words[0].start() < cue.start + len(cue.text) and cue.start < words[-1].end()
        if is_here and span[1] - span[0] + span[3] - span[2] <= _MOST_EXCHANGED:
            sides = exchanged(pair, span)
            if not crosses_sentences(*sides):
                return pair.changed("negation", *sides)
    return pair.changed("negation", *denied_clause(pair, cue, is_come=is_come))


def _opposites(pair: Pair) -> Iterator[ChangedFact]:
    left, right = _stems_of(pair.before), _stems_of(pair.after)
    gone, come = left.keys() - right.keys(), right.keys() - left.keys()
    measured = [{word for mention in side for word in mention.text.lower().split()} for side in pair.numbers]
    for before, after in _regions(pair):
        for word in sorted(gone & _stems_of(before).keys()):
            for other in sorted(contradicting(word, come & _stems_of(after).keys())):
                if contradicting(word, gone) and contradicting(other, come):
                    continue  # both texts speak of both: `rose, then fell` and `grew, then declined`
                if left[word].lower() in measured[0] and right[other].lower() in measured[1]:
                    continue  # 12 months and one year: that is a matter of numbers
                yield pair.changed(opposition(word, other), left[word], right[other])
    if pair.is_japanese:
        yield from _japanese_opposites(pair)
        yield from _japanese_prefixed(pair)


def _regions(pair: Pair) -> Iterator[tuple[str, str]]:
    """What can contradict: in a sentence everything; in longer texts what was exchanged in one place."""
    if pair.is_short:
        yield pair.before, pair.after
        return
    for a, b, c, d in _joined(pair.spans):
        if a < b and c < d:
            left, right = pair.words[0][a:b], pair.words[1][c:d]
            yield pair.before[left[0].start() : left[-1].end()], pair.after[right[0].start() : right[-1].end()]


def _joined(spans: list[Span]) -> list[Span]:
    """Exchanges with few words between them made one."""
    joined: list[Span] = []
    for span in spans:
        if joined and span[0] - joined[-1][1] <= _MOST_BETWEEN:
            joined[-1] = (joined[-1][0], span[1], joined[-1][2], span[3])
        else:
            joined.append(span)
    return joined


def _japanese_opposites(pair: Pair) -> Iterator[ChangedFact]:
    regions = list(_regions(pair))
    for pairs in japanese_opposites():
        for x, y in (pairs, pairs[::-1]):
            if x not in pair.before or y in pair.before or y not in pair.after or x in pair.after:
                continue
            about = opposition(x, y)
            if about == "name" and not (_stands_alone(pair.before, x) and _stands_alone(pair.after, y)):
                continue
            if any(x in before and y in after for before, after in regions):
                yield pair.changed(about, _whole(pair.before, x), _whole(pair.after, y))


def _stands_alone(text: str, name: str) -> bool:
    """Whether the kanji are a name there, and no part of another: 中国 is not in 中国地方."""
    return re.search(rf"(?<![一-龥]){name}(?:[人語製国産側市県府都駅氏様]|(?![一-龥]))", text) is not None


def _japanese_prefixed(pair: Pair) -> Iterator[ChangedFact]:
    """規則的 and 不規則: the same word with a kanji before it that denies it."""
    for text, other in ((pair.before, pair.after), (pair.after, pair.before)):
        for denied in list(dict.fromkeys(_DENIED_WORD.findall(text)))[:_MOST_DENIED]:
            if denied not in other and denied[1:] in other and denied[1:] not in text.replace(denied, ""):
                sides = (denied, denied[1:]) if text is pair.before else (denied[1:], denied)
                yield pair.changed("negation", *sides)


def _whole(text: str, word: str) -> Excerpt:
    """The word as it stands there, with its ending and what it is made up with, unless that is long."""
    start = text.index(word)
    whole = with_word_before(text, start, start + len(word), more=0)
    follows_number = text[: whole.start][-1:].isdigit()
    is_bare = follows_number or len(whole.text) > _LONGEST_WORD
    return Excerpt(text=word, start=start) if is_bare else whole


def _stems_of(text: str) -> dict[str, str]:
    """Each stem with the word as it is written first."""
    found: dict[str, str] = {}
    for match in _ENGLISH_WORD.finditer(text):
        word, whole = match.group(1), match.group().lower()
        if not whole.endswith(("n't", "n’t")):  # won't is not won
            found.setdefault(stem(word.lower()), word)
    return found
