"""On whose behalf a model is asked: the test's own, or that of a judge of its answers.

It is a matter of context (`contextvars`), so that calls the application makes at the same time stay the test's.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator

JUDGE: Final = "judge"


@dataclass(slots=True, eq=False)
class Asking:
    """Work in a role, and the exchanges that it made so far, tries of client libraries included.

    A thread may keep the context of work that is over: what it does later is no part of it.
    """

    role: str
    exchanges: list[Exchange] = field(default_factory=list)
    is_over: bool = False


_asking: ContextVar[Asking | None] = ContextVar("llmwatch_asking", default=None)


@contextlib.contextmanager
def asking(role: str) -> Iterator[Asking]:
    """Make what is asked in this context, and in what it starts, asked in this role."""
    mine = Asking(role=role)
    token = _asking.set(mine)
    try:
        yield mine
    finally:
        mine.is_over = True
        _asking.reset(token)


def asking_now() -> Asking | None:
    """The role that the running code asks in; `None` for the test's own calls."""
    mine = _asking.get()
    return None if mine is None or mine.is_over else mine
