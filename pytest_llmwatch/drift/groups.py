"""Many attributions in a few sentences: `41 answers changed, all after model a -> b; 3 of them broken`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .attribution import Attribution
from .changes import Change, cause_key
from .sentences import cause_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Tests whose answers changed after the same thing.

    Attributes:
        causes: What all of them have in common; empty where nothing that was sent changed.
        members: The worst first.
        of: How many answers changed in the whole run.
    """

    causes: tuple[Change, ...]
    members: tuple[Attribution, ...]
    of: int

    @property
    def broken(self) -> int:
        """How many of them are broken."""
        return sum(one.verdict == "broken" for one in self.members)

    @property
    def sentence(self) -> str:
        """`41 answers changed, all after the model served moved from a to b; 3 of them broken`."""
        count = len(self.members)
        answers = "1 answer" if count == 1 else f"{count} answers"
        all_ = ", all" if count == self.of and count > 1 else ""
        cause = ", ".join(cause_text(change) for change in self.causes[:2])
        after = f"{all_} after {cause}" if cause else f"{all_} though nothing that was sent changed"
        more = f" and {len(self.causes) - 2} more changes" if len(self.causes) > 2 else ""
        many = "all" if self.broken == count else str(self.broken)
        broken = "" if not self.broken else f"; {many} of them broken" if count > 1 else "; it is broken"
        return f"{answers} changed{after}{more}{broken}"


def grouped(attributions: Iterable[Attribution]) -> tuple[Group, ...]:
    """Those whose answers changed, by what they have in common: the cause of the most first."""
    left = sorted((one for one in attributions if one.effects), key=lambda one: one.severity, reverse=True)
    of = len(left)
    groups: list[Group] = []
    while left:
        counts = Counter(key for one in left for key in {cause_key(change) for change in one.causes})
        common = min(counts, key=lambda key: (-counts[key], key), default=None)
        members = [one for one in left if common is None or common in map(cause_key, one.causes)]
        groups.append(Group(causes=_shared(members), members=tuple(members), of=of))
        taken = {id(one) for one in members}
        left = [one for one in left if id(one) not in taken]
    return tuple(sorted(groups, key=lambda group: len(group.members), reverse=True))


def _shared(members: Sequence[Attribution]) -> tuple[Change, ...]:
    """The causes that every member has."""
    keys = [{cause_key(change) for change in one.causes} for one in members]
    return tuple(change for change in members[0].causes if all(cause_key(change) in each for each in keys))
