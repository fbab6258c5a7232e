"""What a judge is asked through, so that one question costs one call: the memory of the test that is running."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a judge answered, and the models that served the calls it made; none where that is not known."""

    answer: object
    models: tuple[str, ...] = ()


class JudgeMemory(Protocol):
    """The judges of one test."""

    @property
    def is_replay(self) -> bool:
        """Whether nobody is called, so that no real key is needed."""
        ...

    def once(self, question: Hashable, ask: Callable[[], object]) -> Asked:
        """What the judge answers to this question; it is asked the first time only."""
        ...
