"""Whose turn it is to set up a wider fixture live, when several workers of one run want to.

The first worker records it; the others are served what that one got, as they would be without workers.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.02
PATIENCE_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """`is_first` for the worker that records; it calls `done` when the cassette is written, or will not be."""

    is_first: bool
    flag: Path | None = None

    def done(self) -> None:
        """Let the others go on."""
        if self.flag is not None:
            self.flag.touch()


def turn_of(run: str | None, what: Path) -> Turn:
    """Take the turn, or wait until whoever has it is done. Without workers (`run` is `None`) it is always ours."""
    if run is None:
        return Turn(is_first=True)
    folder = Path(tempfile.gettempdir()) / f"llmwatch-{run}"
    folder.mkdir(mode=0o700, exist_ok=True)
    name = hashlib.sha256(str(what).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    taken, flag = folder / f"{name}.taken", folder / f"{name}.done"
    try:
        handle = os.open(taken, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        if taken.read_text(encoding="ascii") == str(os.getpid()) and not flag.exists():
            return Turn(is_first=True, flag=flag)
        _wait_for(flag)
        return Turn(is_first=False)
    os.write(handle, str(os.getpid()).encode())
    os.close(handle)
    return Turn(is_first=True, flag=flag)


def _wait_for(flag: Path) -> None:
    given_up = time.monotonic() + PATIENCE_SECONDS
    while not flag.exists() and time.monotonic() < given_up:
        time.sleep(POLL_SECONDS)
