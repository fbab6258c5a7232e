"""Regular expressions that cannot hang a test: Python's own may take longer than the universe on forty letters."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Hashable

T = TypeVar("T")

SECONDS = 5.0
# Signals are looked for every few thousand steps, and a step over a long run of letters takes as long as the run.
_SHORT_TEXT = 100_000
_MOST_GIVEN_UP = 20
_SEARCH = """\
import json, re, sys
pattern, flags, method, text = json.load(sys.stdin)
match = getattr(re.compile(pattern, flags), method)(text)
json.dump(match and match.span(), sys.stdout)
"""


class OutOfTime(Exception):
    """A computation did not end in its time."""


def limited(function: Callable[[], T], seconds: float | None = None, *, key: Callable[[], Hashable] | None = None) -> T:
    """What the function returns; `OutOfTime` when it computes for longer.

    Python's regular expressions look for signals while they search, and this process's own computing time has a signal
    that next to nobody else uses. Off the main thread, and on Windows, there is no such limit.

    Args:
        function: The computation.
        seconds: Of this process's own time; `SECONDS` unless said.
        key: What tells this computation from others; one that was given up once is not begun again.
    """
    limit = SECONDS if seconds is None else seconds
    return _within(function, limit) if key is None else _unless_given_up(key, lambda: _within(function, limit))


def _unless_given_up(key: Callable[[], Hashable], function: Callable[[], T]) -> T:
    """A failed comparison is judged again, for its page: what took too long the first time is not begun again."""
    if _given_up() and key() in _given_up():
        raise OutOfTime
    try:
        return function()
    except OutOfTime:
        _give_up(key())
        raise


def _within(function: Callable[[], T], seconds: float) -> T:
    if not _has_signals():
        return function()
    import signal

    is_running = True

    def stop(*_: object) -> None:
        if is_running:
            raise OutOfTime

    before = signal.signal(signal.SIGVTALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        return function()
    finally:
        is_running = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def span_of(
    pattern: re.Pattern[str], text: str, *, whole: bool = False, seconds: float = SECONDS
) -> tuple[int, int] | None:
    """Where the pattern first matches; `OutOfTime` when that takes too long, on any thread and system."""

    def search() -> tuple[int, int] | None:
        if len(text) <= _SHORT_TEXT and _has_signals():
            match = limited(lambda: pattern.fullmatch(text) if whole else pattern.search(text), seconds)
            return match and match.span()
        return _span_of_another_process(pattern, "fullmatch" if whole else "search", text, seconds)

    return _unless_given_up(lambda: (pattern, whole, text, seconds), search)


def _give_up(key: Hashable) -> None:
    _given_up()[key] = None
    for old in list(_given_up())[:-_MOST_GIVEN_UP]:
        _given_up().pop(old, None)


@cache
def _given_up() -> dict[Hashable, None]:
    """What took too long in this process."""
    return {}


def _has_signals() -> bool:
    import signal

    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


def _span_of_another_process(
    pattern: re.Pattern[str], method: str, text: str, seconds: float
) -> tuple[int, int] | None:
    import json
    import subprocess
    import sys

    try:
        done = subprocess.run(  # noqa: S603 - this Python, with a script of our own
            [sys.executable, "-I", "-c", _SEARCH],
            input=json.dumps([pattern.pattern, pattern.flags, method, text]),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise OutOfTime from None
    found = json.loads(done.stdout)
    return (found[0], found[1]) if found else None
