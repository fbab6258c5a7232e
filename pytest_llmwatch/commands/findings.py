"""What `pytest-llmwatch lint` may say of a file, and how much it matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
