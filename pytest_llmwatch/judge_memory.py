"""The judges of one test: their calls are known as theirs, and the same question is asked once.

`==` judges, and the explanation of a failure judges again: without a memory a failing judge would be paid twice, and
miss its second call at replay. The memory is that of the run of one test, so that expectations keep none.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .calls import ModelCall
from .exchange import Exchange
from .expectations.judge_memories import Asked
from .roles import JUDGE, asking
from .thread_contexts import carried_into_threads

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(slots=True)
class _Question:
    """A question that is being asked, or was; who asks it at the same time waits for the answer."""

    asked: Asked | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)


@dataclass(slots=True, kw_only=True)
class RememberedJudges:
    """What judges said in one run of a test.

    Attributes:
        read: How a call is read from an exchange.
        is_replay: Whether the calls are answered from a cassette.
    """

    read: Callable[[Exchange], ModelCall]
    is_replay: bool
    _questions: defaultdict[Hashable, _Question] = field(default_factory=lambda: defaultdict(_Question))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def once(self, question: Hashable, ask: Callable[[], object]) -> Asked:
        """What the judge answers to this question; it is asked the first time only. What it raises is not kept."""
        with self._lock:
            mine = self._questions[question]
        with mine.lock:
            if mine.asked is None:
                with carried_into_threads(), asking(JUDGE) as work:
                    answer = ask()
                mine.asked = Asked(answer=answer, models=self._models(work.exchanges))
            return mine.asked

    def _models(self, exchanges: Iterable[Exchange]) -> tuple[str, ...]:
        calls = map(self.read, exchanges)
        served = {call.response_model or call.request_model for call in calls if call.error_type is None}
        return tuple(sorted(model for model in served if model))
