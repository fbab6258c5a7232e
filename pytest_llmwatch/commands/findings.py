"""What `pytest-llmwatch lint` may say of a file, and how much it matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind = Literal[
    "secret",
    "unreadable",
    "orphan",
    "misplaced",
    "unused",
    "too old",
    "model gone",
    "out of step",
    "old format",
    "pending",
    "candidate",
    "stale reading",
    "model leaving",
]
NOTES: frozenset[Kind] = frozenset({"old format", "pending", "candidate", "stale reading", "model leaving"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something about a cassette or a file of snapshots; `advice` is what to do. A note does not fail the command."""

    file: str
    line: int | None = None
    kind: Kind
    message: str
    advice: str

    @property
    def is_note(self) -> bool:
        """Whether it may stay as it is."""
        return self.kind in NOTES


def in_groups(found: Iterable[Found]) -> list[list[Found]]:
    """Each by itself, but what is said of a model together: one that ends does so for all cassettes at once."""
    groups: dict[object, list[Found]] = {}
    for one in found:
        is_of_model = one.kind in ("model gone", "model leaving")
        groups.setdefault((one.kind, one.message, one.advice) if is_of_model else id(one), []).append(one)
    return list(groups.values())
