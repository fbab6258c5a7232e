"""Cassettes on the disk: read, replaced in one step, kept beside, removed."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import stat
import tempfile
from pathlib import Path

from .errors import UnreadableCassette, UnwritableCassette

PENDING = ".pending.yaml"
SIZE_LIMIT = 256_000_000
BLOCK = 4096
# Nobody may ever write to a named pipe.
READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_ATTEMPTS = 3


def pending_path(path: Path) -> Path:
    """Where the recording of a test that did not pass is kept."""
    return path.with_name(path.name.removesuffix(".yaml") + PENDING)


def read_text(path: Path) -> str | None:
    """The file's text, bytes that are no UTF-8 marked; `None` where there is no file.

    Raises:
        UnreadableCassette: the file is larger than `SIZE_LIMIT`, no regular file, or cannot be opened.
    """
    try:
        return _content(path).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        if path.is_dir():
            raise UnreadableCassette(str(path), "this is a folder: move it away", remedy="move away") from error
        said = _in_the_way(path) or f"it cannot be opened ({error.strerror or error})"
        raise UnreadableCassette(str(path), said, remedy="move away") from error


def _content(path: Path) -> bytes:
    """What is in a regular file. Every test reads one or two, and Python's `open` makes seven calls more for each."""
    descriptor = os.open(path, READING)
    try:
        facts = os.fstat(descriptor)
        if stat.S_ISDIR(facts.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(facts.st_mode):
            raise UnreadableCassette(str(path), "this is not a regular file", remedy="move away")
        size, chunks = facts.st_size, []
        while size <= SIZE_LIMIT and (chunk := os.read(descriptor, max(facts.st_size, BLOCK) + 1)):
            chunks.append(chunk)
            size = max(size, sum(map(len, chunks)))
    finally:
        os.close(descriptor)
    if size > SIZE_LIMIT:
        said = f"{size / 1_000_000:,.1f} MB; a cassette may have up to {SIZE_LIMIT // 1_000_000} MB"
        raise UnreadableCassette(str(path), said, line=1)
    return b"".join(chunks)


def _in_the_way(path: Path) -> str | None:
    """What to say where a file stands in the place of one of the folders above."""
    file = next((each for each in path.parents if each.is_file()), None)
    return None if file is None else f"there is a file where the folder `{file.name}` belongs: move it away"


def check_writable(path: Path, shown: str, *, what: str = "The cassette") -> None:
    """Find out, before anybody pays for a recording, whether it can be kept, and what the test approves with it.

    Raises:
        UnwritableCassette: it cannot; the message has the path as it is `shown`.
    """
    path = target_of(path)
    folder = next(each for each in path.parents if each.exists())
    problem = _in_the_way(path)
    if problem is None and not os.access(folder, os.W_OK | os.X_OK):
        problem = f"the folder {folder} may not be written to\n  To allow it: chmod u+w {shlex.quote(str(folder))}"
    if problem is not None:
        message = f"{what} could not be written, so no call was made:\n  {shown}\n  {problem}"
        raise UnwritableCassette(message)


def target_of(path: Path) -> Path:
    """The file itself, where the path is a link: the link stays, and its target is written."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def write_text(path: Path, text: str) -> None:
    """Replace the file in one step: whoever reads it, at whatever moment, finds the old text or the new.

    Raises:
        OSError: the disk refuses; it names this path, not that of a temporary file.
    """
    try:
        _replace(target_of(path), text)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replace(path: Path, text: str) -> None:
    for _attempt in range(_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):  # another run took the temporary file for a leftover
            return _replace_once(path, text)
    return _replace_once(path, text)


def _replace_once(path: Path, text: str) -> None:
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


def move(source: Path, path: Path) -> None:
    """Put a file that is whole already in the place of another, in one step."""
    os.replace(source, target_of(path))


def remove(path: Path) -> None:
    """Delete the file if it is there."""
    path.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Delete what killed runs left behind while they were writing this file."""
    path = target_of(path)
    if path.parent.is_dir():
        for leftover in path.parent.glob(f".{_escaped(path.name[:80])}.*.tmp"):
            with contextlib.suppress(PermissionError):  # Windows keeps what another run is writing
                remove(leftover)


def _escaped(name: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
