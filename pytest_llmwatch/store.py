"""Cassettes on the disk: read, replaced in one step, kept beside, removed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PENDING = ".pending.yaml"


def pending_path(path: Path) -> Path:
    """Where the recording of a test that did not pass is kept."""
    return path.with_name(path.name.removesuffix(".yaml") + PENDING)


def read_text(path: Path) -> str | None:
    """The file's text, bytes that are no UTF-8 marked; `None` where there is no file."""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None


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
