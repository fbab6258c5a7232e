"""Whose turn it is to set up a wider fixture live: once in a run, whoever needs it how often.

The first set-up records; later ones, in other workers or after the fixture was torn down, are served what that one got,
so that all tests of the run saw the same fixture.
"""

from __future__ import annotations

import functools
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

POLL_SECONDS = 0.02
PATIENCE_SECONDS = 600.0


def _nothing() -> None:
    """Nobody waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """`is_first` for whoever records.

    They call `done` when the cassette is written, for the others to go on with it, or `give_up`, for another to try.
    """

    is_first: bool
    done: Callable[[], None] = _nothing
    give_up: Callable[[], None] = _nothing


def turn_in_process(what: Path, finished: set[Path]) -> Turn:
    """Whether this is the first time in a run of one process; `finished` is the run's memory."""
    if what in finished:
        return Turn(is_first=False)
    return Turn(is_first=True, done=functools.partial(finished.add, what))


def turn_among_workers(what: Path, folder: Path) -> Turn:
    """Take the turn, or wait until whoever has it is done; `folder` is shared by all workers of this run alone."""
    taken = folder / f"llmwatch-{hashlib.sha256(str(what).encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.taken"
    finished = taken.with_suffix(".done")
    given_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < given_up:
        if finished.exists():
            return Turn(is_first=False)
        try:
            os.close(os.open(taken, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            time.sleep(POLL_SECONDS)
        else:
            return Turn(is_first=True, done=finished.touch, give_up=functools.partial(taken.unlink, missing_ok=True))
    return Turn(is_first=True)
