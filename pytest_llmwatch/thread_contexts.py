"""Threads that a judge starts, or gives work to, belong to it: they get its context, which Python does not hand on.

asyncio does so by itself. A plain `Thread` and a `ThreadPoolExecutor` do not; only while a judge runs, and only for
what is started in its context, they are made to. Work that goes through a queue of its own is not known as the judge's.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from .roles import asking_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Carrier:
    """Stands in for both ways to start work while there are judges at work, in whatever threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._undo: list[Callable[[], None]] = []

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._undo = [
                    _replaced(threading.Thread, "start", _started_in_context),
                    _replaced(ThreadPoolExecutor, "submit", _submitted_in_context),
                ]

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                for undo in self._undo:
                    undo()


_carrier = _Carrier()


@contextlib.contextmanager
def carried_into_threads() -> Iterator[None]:
    """Hand the context of a judge on to the threads that it uses, until the end of the block."""
    _carrier.enter()
    try:
        yield
    finally:
        _carrier.leave()


def _replaced(owner: type, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Callable[[], None]:
    real = getattr(owner, name)
    ours = functools.wraps(real)(make(real))
    setattr(owner, name, ours)

    def undo() -> None:
        if getattr(owner, name) is ours:  # else somebody stands over us, and we hand on to the real one
            setattr(owner, name, real)

    return undo


def _started_in_context(real: Callable[..., None]) -> Callable[..., None]:
    def start(thread: threading.Thread) -> None:
        if asking_now() is not None:
            run, context = thread.run, copy_context()
            thread.run = lambda: context.run(run)  # type: ignore[method-assign]  # of this thread alone
        real(thread)

    return start


def _submitted_in_context(real: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    def submit(pool: ThreadPoolExecutor, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if asking_now() is None:
            return real(pool, work, *args, **kwargs)
        # The thread that the pool may start here outlives the judge: it must not start in its context.
        return Context().run(real, pool, copy_context().run, work, *args, **kwargs)

    return submit
