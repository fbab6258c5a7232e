"""A request that no recording answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .calls import JSON
from .exchange import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A request that no recording answers, with what is needed to explain it.

    `made` counts this request, `recorded` how often the cassette has it; `candidates` are the recorded requests with
    their significant bodies, for a nearest one to be found. `role` is `judge` for the call of a judge.
    """

    test: str
    request: Request
    body: JSON
    made: int
    recorded: int
    candidates: Sequence[tuple[Request, JSON]]
    has_cassette: bool
    role: str | None = None
