"""Where an account is kept: in this process, or in a file that all workers of a run share."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .accounts import Account, account_in

if TYPE_CHECKING:
    from collections.abc import Iterator


class Ledger(Protocol):
    """An account that several may change, one at a time."""

    def opened(self) -> contextlib.AbstractContextManager[Account]:
        """The account, for whoever has it open alone; what they change is kept."""


@dataclass(slots=True)
class OwnLedger:
    """The account of a run of one process, or of one test."""

    account: Account = field(default_factory=Account)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Account]:
        """The account, for one thread at a time."""
        with self._lock:
            yield self.account


@dataclass(slots=True)
class SharedLedger:
    """The account of a run of several workers."""

    path: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Account]:
        """The account, for one thread of one worker at a time."""
        self.path.touch()
        with self._lock, self.path.open("r+b") as file, _locked(file.fileno()):
            line = file.readline()
            account = account_in(json.loads(line)) if line else Account()
            yield account
            # Over the old line, whose rest does not count: a worker that is killed here leaves one or the other.
            file.seek(0)
            file.write(json.dumps(account.to_json()).encode() + b"\n")
            file.flush()  # before Windows lets the next one in, which it does before the file is closed


@contextlib.contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    """Keep other processes out; the system lets go of what a killed one held."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
        try:
            yield
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield  # closing the file lets go
