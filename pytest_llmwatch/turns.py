"""Whose turn it is to set up a wider fixture live: once in a run, whoever needs it how often.

The first set-up records; later ones, in other workers or after the fixture was torn down, are served what that one got,
so that all tests of the run saw the same fixture.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.02
PATIENCE_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """`is_first` for whoever records; they call `done` when the cassette is written, or `give_up`."""

    is_first: bool
    taken: Path | None = None

    def done(self) -> None:
        """Let the others go on with what was recorded."""
        if self.taken is not None:
            self.taken.with_suffix(".done").touch()

    def give_up(self) -> None:
        """Nothing was recorded: let another one try."""
        if self.taken is not None:
            self.taken.unlink(missing_ok=True)


def turn_of(folder: Path | None, what: Path) -> Turn:
    """Take the turn, or wait until whoever has it is done.

    Args:
        folder: A folder of this run that all its workers share; `None` where nothing is recorded.
        what: What is to be done once.
    """
    if folder is None:
        return Turn(is_first=True)
    taken = folder / f"llmwatch-{hashlib.sha256(str(what).encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.taken"
    given_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < given_up:
        if taken.with_suffix(".done").exists():
            return Turn(is_first=False)
        try:
            os.close(os.open(taken, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            time.sleep(POLL_SECONDS)
        else:
            return Turn(is_first=True, taken=taken)
    return Turn(is_first=True)
