"""What two texts say of the same thing in different words: the same, or the contrary."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .excerpts import with_word_before
from .stances import stances

if TYPE_CHECKING:
    from .changes import ChangedFact
    from .mentions import Excerpt
    from .pairs import Pair
    from .stances import Stance

_Two = tuple["Stance", "Stance"]


def compared_stances(pair: Pair) -> tuple[list[_Two], list[tuple[Excerpt, Excerpt]]]:
    """The stances in which both agree, and those in which they contradict, as they are shown."""
    left = stances(pair.before)
    right = stances(pair.after) if left else []
    agreed, differing = [], []
    for stance in left:
        # Of long texts, both have to say of what they speak.
        others = [
            each for each in right if stance.is_of(each) and (not pair.is_free or (stance.subject and each.subject))
        ]
        sames = [other for other in others if other.is_first == stance.is_first]
        if sames:
            agreed.append((stance, sames[0]))
        elif others and not _is_said_of_another(stance, others[0], left):
            differing.append((_shown(pair.before, stance), _shown(pair.after, others[0])))
    return agreed, differing


def _is_said_of_another(stance: Stance, other: Stance, left: list[Stance]) -> bool:
    """Whether the reference says just that of something else, too."""
    return any(each.is_of(other) and each.is_first == other.is_first for each in left if each is not stance)


def touches(fact: ChangedFact, before: Excerpt, after: Excerpt) -> bool:
    """Whether a change found word by word tells of one of the two already."""
    sides = ((fact.before, before.text), (fact.after, after.text))
    return any(told and (told in shown or shown in told) for told, shown in sides)


def without(pair: Pair, agreed: list[_Two]) -> Pair:
    """The pair with blanks in place of the words that say the same."""
    before, after = pair.before, pair.after
    for one, other in agreed:
        before = before[: one.start] + " " * len(one.text) + before[one.end :]
        after = after[: other.start] + " " * len(other.text) + after[other.end :]
    return replace(pair, before=before, after=after)


def _shown(text: str, stance: Stance) -> Excerpt:
    return with_word_before(text, stance.start, stance.end, more=0)
