"""The progress of a recording: one live line on a terminal, a heartbeat elsewhere."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange

from collections.abc import Callable

from pytest_llmwatch.attempts import retry_number
from pytest_llmwatch.spend import spent_text

LIVE_SECONDS = 0.5
HEARTBEAT_SECONDS = 30.0


def progress_text(*, calls: int, retries: int, elapsed: float, money: str = "", word: str = "recording") -> str:
    """`recording: 12 calls, 1 retry, spent $0.0123, 35 s`; the money is that of the tests that are over."""
    noun = "call" if calls == 1 else "calls"
    again = f", {retries} {'retry' if retries == 1 else 'retries'}" if retries else ""
    return f"llmwatch {word}: {calls} {noun}{again}{f', {money}' if money else ''}, {elapsed:.0f} s"


@dataclass(slots=True)
class Progress:
    """Counts live calls and shows them every so often, from a thread of its own, until it is closed."""

    show: Callable[[str], None]
    hide: Callable[[], None]
    interval: float
    word: str = "recording"
    calls: int = 0
    retries: int = 0
    spent: Decimal = Decimal(0)
    unpriced: int = 0
    _began: float = field(default_factory=time.monotonic)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to show."""
        self._thread = threading.Thread(target=self._run, name="llmwatch-progress", daemon=True)
        self._thread.start()

    def count(self, exchange: Exchange) -> None:
        """A live request has ended."""
        retried = bool(retry_number(exchange.request))
        self.add(calls=not retried, retries=retried)

    def add(self, *, calls: int, retries: int) -> None:
        """What a worker reports of a whole test."""
        self.calls += calls
        self.retries += retries

    def spend(self, cost: str, *, unpriced: int) -> None:
        """What the calls of a test that is over cost."""
        self.spent += Decimal(cost)
        self.unpriced += unpriced

    def close(self) -> None:
        """Stop showing."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self.hide()

    def _run(self) -> None:
        while not self._over.wait(self.interval):
            elapsed = time.monotonic() - self._began
            money = spent_text(self.spent, unpriced=self.unpriced) if self.spent or self.unpriced else ""
            text = progress_text(calls=self.calls, retries=self.retries, elapsed=elapsed, money=money, word=self.word)
            self.show(text)
