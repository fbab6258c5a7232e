"""One writer at a time: runs that write the same files, as of an editor and a terminal, wait for each other."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Be the only one, of all processes, that writes there; a lock ends with its process, however that ends.

    Nobody waits where there is no such folder, or where its file system knows no locks.
    """
    handle = _locked(folder)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _locked(folder: Path) -> int | None:
        """A handle that holds the lock: that of a file in the folder, which goes with it: folders have none."""
        flags = os.O_CREAT | os.O_RDWR | os.O_TEMPORARY | os.O_NOINHERIT
        with contextlib.suppress(OSError):
            handle = os.open(folder / ".llmwatch.lock", flags)
            while True:
                try:
                    msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
                except OSError as error:  # it waits for ten seconds at most
                    if error.errno != errno.EDEADLOCK:
                        break
                else:
                    break
            return handle
        return None

else:
    import fcntl

    def _locked(folder: Path) -> int | None:
        """A handle that holds the lock."""
        try:
            handle = os.open(folder, os.O_RDONLY)
        except OSError:
            return None
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        return handle
