"""Names and identifiers that a text states otherwise, and numbers and names exchanged in their place."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from .changed_numbers import agree, kind_of
from .names import is_name_like, is_same_name, japanese_names, name_mentions
from .pairing import MOST, paired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .changes import ChangedFact, Kind
    from .mentions import Mention
    from .pairs import Pair

_LONG = 100_000


def changed_names(pair: Pair) -> Iterator[ChangedFact]:
    """The names and identifiers that only one side has, with what came in their place."""
    left, right = name_mentions(pair.before), name_mentions(pair.after)
    gone, come = _unnamed(left, right, pair.after), _unnamed(right, left, pair.before)
    yield from _named(pair, *_without_initials(gone, come, pair))
    if pair.is_japanese:
        lost = [mention for mention in japanese_names(pair.before) if mention.text not in pair.after]
        new = [mention for mention in japanese_names(pair.after) if mention.text not in pair.before]
        if lost and new:
            yield from _named(pair, lost, new)


def exchanged_in_place(pair: Pair) -> Iterator[ChangedFact]:
    """In texts that are nearly the same: numbers and names exchanged for one that also stands elsewhere."""
    if not pair.is_near:
        return
    gone, come = Counter[str](), Counter[str]()
    for a, b, c, d in pair.spans:
        gone.update(word.group() for word in pair.words[0][a:b])
        come.update(word.group() for word in pair.words[1][c:d])
    sides = gone - come, come - gone
    yield from _numbers_in_place(pair)
    lost, new = ([_bare_name(word) for word in side if is_name_like(word)] for side in sides)
    if _have_other_roots(lost, new) and not _are_initials(lost, new, pair):
        yield from _side_by_side(pair, "name", lost, new)


def _numbers_in_place(pair: Pair) -> Iterator[ChangedFact]:
    """Each number with its unit that stands in the place of another one."""
    exchanged: list[tuple[Mention, Mention]] = []
    for a, b, c, d in pair.spans:
        if a < b and c < d:
            exchanged += zip(_mentions_in(pair, 0, a, b), _mentions_in(pair, 1, c, d), strict=False)
    gone, come = {before.text for before, _ in exchanged}, {after.text for _, after in exchanged}
    for before, after in exchanged[:MOST]:
        is_moved = before.text in come and after.text in gone
        if not is_moved and not agree(before, after):
            yield pair.changed(kind_of(before, after), before, after)


def _mentions_in(pair: Pair, side: int, first: int, last: int) -> list[Mention]:
    start, end = pair.words[side][first].start(), pair.words[side][last - 1].end()
    inside = [each for each in pair.numbers[side] if each.start < end and start < each.start + len(each.text)]
    return sorted((each for each in inside if any(map(str.isdigit, each.text))), key=lambda each: each.start)


def _named(pair: Pair, gone: list[Mention], come: list[Mention]) -> Iterator[ChangedFact]:
    for before, after in paired(gone, come):
        kinds = {side.kind for side in (before, after) if side is not None}
        kind: Kind = "identifier" if "identifier" in kinds else "name"
        # A text may leave names out. One that comes new into a text which is otherwise the same was made up.
        yield pair.changed(kind, before, after, is_certain=after is not None and (before is not None or pair.is_near))


def _unnamed(mentions: list[Mention], others: list[Mention], text: str) -> list[Mention]:
    """The firm names of one side that the other does not have in any form."""
    known = {value for mention in others for value in mention.values}
    lowered = text.lower()
    words: dict[str, set[str]] = {}
    for word in re.findall(r"\w+", lowered):
        words.setdefault(word[:3], set()).add(word)
    missing: dict[str, Mention] = {}
    for mention in mentions:
        name = mention.text.lower()
        if not mention.is_firm or name in known or name in missing or len(missing) > 10 * MOST:
            continue
        if name not in lowered and not any(is_same_name(name, word) for word in words.get(name[:3], ())):
            missing[name] = mention
    return list(missing.values())


def _without_initials(gone: list[Mention], come: list[Mention], pair: Pair) -> tuple[list[Mention], list[Mention]]:
    """Without the abbreviations that the other side spells out: SC and Supreme Court."""
    for short, long, text in ((gone, come, pair.after), (come, gone, pair.before)):
        for mention in [m for m in short if m.text.isalpha() and len(m.text) <= 5 and m.text.lower() != m.text]:
            if _spells_out(mention.text, text):
                short.remove(mention)
                initials = set(mention.text.lower())
                long[:] = [other for other in long if other.text[0].lower() not in initials]
    return gone, come


def _are_initials(gone: list[str], come: list[str], pair: Pair) -> bool:
    return any(
        _spells_out(word, text)
        for words, text in ((gone, pair.after), (come, pair.before))
        for word in words[:MOST]
        if word[:2].isupper() and len(word) <= 5
    )


def _spells_out(initials: str, text: str) -> bool:
    letters = initials.lower().removesuffix("s")
    if len(letters) < 2 or len(text) > _LONG:
        return False
    return letters in "".join(word[0].lower() for word in re.findall(r"[A-Z]\w*", text))


def _bare_name(word: str) -> str:
    """A name without what hangs on it: Sims-based, Ann's, Paris."""
    return re.split(r"-(?=[a-z])|['’]s$", word)[0].rstrip(".,'’&-")


def _have_other_roots(gone: list[str], come: list[str]) -> bool:
    left, right = ([word.lower().rstrip(".,'’") for word in side] for side in (gone, come))
    return bool(left and right) and not any(is_same_name(one, other) for one in left for other in right)


def _side_by_side(pair: Pair, kind: Kind, gone: list[str], come: list[str]) -> Iterator[ChangedFact]:
    for before, after in list(zip(gone, come, strict=False))[:MOST]:
        yield pair.changed(kind, before, after)
