"""A fact that a text states otherwise than its reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .polarity import is_japanese

Kind = Literal[
    "number", "money", "percentage", "date", "time", "duration", "unit", "version", "negation", "modality", "opposite",
    "name", "identifier", "order", "addition", "limit",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFact:
    """A fact that a text states otherwise than its reference.

    Attributes:
        kind: What sort of fact.
        before: What the reference says; `None` when the fact stands in the text alone.
        after: What the text says; `None` when the fact stands in the reference alone.
        before_line: The line of the reference, from 1.
        after_line: The line of the text, from 1.
        is_certain: Whether the two contradict. A fact that is only left out or added is not a contradiction: a summary
            leaves things out.
    """

    kind: Kind
    before: str | None
    after: str | None
    before_line: int | None = None
    after_line: int | None = None
    is_certain: bool = True

    def __str__(self) -> str:
        """The change on one line: `$40 -> $400`."""
        sides = [side if side is not None else "(nothing)" for side in (self.before, self.after)]
        if not any(map(is_japanese, sides)):
            return " -> ".join(sides)
        return " → ".join(f"「{side}」" if side in (self.before, self.after) else side for side in sides)

    def says_more_than(self, other: ChangedFact) -> bool:
        """Whether it is the other change and perhaps more: `5 GB -> 5 MB` and `GB -> MB`."""
        return (other.before or "") in (self.before or "") and (other.after or "") in (self.after or "")
