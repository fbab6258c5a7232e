"""Cassettes on the disk: read, replaced in one step, kept beside, removed."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from typing import TYPE_CHECKING

from .errors import UnreadableCassette

if TYPE_CHECKING:
    from pathlib import Path

PENDING = ".pending.yaml"
SIZE_LIMIT = 256_000_000


def pending_path(path: Path) -> Path:
    """Where the recording of a test that did not pass is kept."""
    return path.with_name(path.name.removesuffix(".yaml") + PENDING)


def read_text(path: Path) -> str | None:
    """The file's text, bytes that are no UTF-8 marked; `None` where there is no file.

    Raises:
        UnreadableCassette: the file is larger than `SIZE_LIMIT`, or no regular file.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise UnreadableCassette(str(path), "this is not a regular file", line=1)
            content = file.read(SIZE_LIMIT + 1) if facts.st_size <= SIZE_LIMIT else b""
    except FileNotFoundError:
        return None
    if facts.st_size > SIZE_LIMIT or len(content) > SIZE_LIMIT:
        megabytes = max(facts.st_size, len(content)) / 1_000_000
        limit = SIZE_LIMIT // 1_000_000
        raise UnreadableCassette(str(path), f"{megabytes:,.1f} MB; a cassette may have up to {limit} MB", line=1)
    return content.decode("utf-8", "surrogateescape")


def _without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))  # nobody may ever write to a named pipe


def write_text(path: Path, text: str) -> None:
    """Replace the file in one step: whoever reads it, at whatever moment, finds the old text or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def remove(path: Path) -> None:
    """Delete the file if it is there."""
    path.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Delete what killed runs left behind while they were writing this file."""
    if path.parent.is_dir():
        for leftover in path.parent.glob(f".{_escaped(path.name[:80])}.*.tmp"):
            remove(leftover)


def _escaped(name: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
