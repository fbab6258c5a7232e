"""Limits: the same number as the least on one side and the most on the other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .changed_numbers import plain_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .changes import ChangedFact
    from .mentions import Mention
    from .pairs import Pair

_COUNTED = r"(?:[ -][a-z]{1,8})?\s?"
_LEAST = re.compile(
    r"(?P<before>(?:at least|over|above|more than|older than|no (?:less|fewer) than|minimum(?: of)?"
    r"|exceed(?:s|ing)?)\s|[>≥]=?\s?|(?:最低|最小|少なくとも)(?:でも)?)"
    rf"|(?P<after>{_COUNTED}(?:or|and) (?:older|more|above|over|up)\b|[^\s\d]{{0,3}}?(?:以上|超))",
    re.IGNORECASE,
)
_MOST = re.compile(
    r"(?P<before>(?:at most|under|below|less than|fewer than|younger than|no (?:more|later) than"
    r"|not (?:more than|exceed)|up to|within|maximum(?: of)?)\s|[<≤]=?\s?|(?:最大|最多|上限)(?:でも?|は)?)"
    rf"|(?P<after>{_COUNTED}(?:or|and) (?:younger|less|fewer|below|under)\b|[^\s\d]{{0,3}}?(?:以下|未満|以内|まで))",
    re.IGNORECASE,
)
_REACH = 24
_MOST_NUMBERS = 200


def changed_limits(pair: Pair) -> Iterator[ChangedFact]:
    """`18 or older` and `under 18`, 「18歳以上」 and 「18歳未満」."""
    left, right = (
        _limits(text, mentions) for text, mentions in zip((pair.before, pair.after), pair.numbers, strict=True)
    )
    for value, (least, shown) in left.items():
        if value in right and right[value][0] != least:
            yield pair.changed("limit", shown, right[value][1])


def _limits(text: str, mentions: list[Mention]) -> dict[object, tuple[bool, str]]:
    """For each number that is a limit on one side only: whether it is the least, and how that is written."""
    found: dict[object, tuple[bool, str]] = {}
    both: set[object] = set()
    for mention in mentions[:_MOST_NUMBERS]:
        for limit in _limit(text, mention):
            for value in plain_values(mention):
                both |= {value} if found.setdefault(value, limit)[0] != limit[0] else set()
    return {value: limit for value, limit in found.items() if value not in both}


def _limit(text: str, mention: Mention) -> Iterator[tuple[bool, str]]:
    end = mention.start + len(mention.text)
    before = text[max(0, mention.start - _REACH) : mention.start]
    after = text[end : end + _REACH]
    for pattern, is_least in ((_LEAST, True), (_MOST, False)):
        opening = next((m for m in pattern.finditer(before) if m["before"] and m.end() == len(before)), None)
        closing = pattern.match(after)
        if opening:
            yield is_least, opening.group() + mention.text
        elif closing and closing["after"]:
            yield is_least, mention.text + closing.group()
