"""A story told by living it: commands run in a scratch git repository, and a document made of their screens."""

from __future__ import annotations

import difflib
import os
import pty
import re
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

COLUMNS = 100
TIMEOUT = 90.0
QUIET = 0.5  # seconds
PROGRAMS = {
    "pytest": [sys.executable, "-m", "pytest"],
    "pytest-llmwatch": [sys.executable, "-m", "pytest_llmwatch"],
    "git": ["git"],
}
# What no two tellings share, each with what stands for it in the document.
VOLATILE = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:8000"),
    (re.compile(r"\b(\d+ (?:passed|failed)[^\n]*? in )\d+\.\d+s"), r"\g<1>0.42s"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "2026-11-28T09:00:00Z"),
    (re.compile(r"(?<![-\w])\d{4}-\d\d-\d\d\b(?!T)"), "2026-11-28"),
    (re.compile(r"\b\d+\.\d+ s\b"), "0.01 s"),
    (re.compile(r"\[(main[^\]]*) [0-9a-f]{7,}\]"), r"[\g<1> 1a2b3c4]"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "0123456789ab"),
    (re.compile(r"\([0-9a-f]{7,}\)"), "(0123456)"),
    (re.compile(r"={3,}(.*?)={3,}$", re.MULTILINE), lambda match: f" {match[1].strip()} ".center(COLUMNS - 20, "=")),
)
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[78DM]|\r")


@dataclass(slots=True)
class Story:
    """A scratch repository, and the Markdown of what happened in it so far.

    `environment` is what its commands see; `last` is the exit code of the latest, and `screen` what it printed.
    """

    folder: Path
    environment: Mapping[str, str]
    told: list[str] = field(default_factory=list)
    last: int = 0
    screen: str = ""

    def says(self, text: str) -> None:
        """A paragraph between the screens."""
        self.told.append(text.strip("\n"))

    def writes(self, name: str, content: str) -> None:
        """A new file, shown whole."""
        (self.folder / name).write_text(content, encoding="utf-8")
        self.told.append(f"`{name}`:\n\n```{'python' if name.endswith('.py') else 'ini'}\n{content.rstrip()}\n```")

    def edits(self, name: str, old: str, new: str) -> None:
        """A change in a file, shown as a difference."""
        path = self.folder / name
        before = path.read_text(encoding="utf-8")
        assert before.count(old) == 1, f"{name} has {old!r} {before.count(old)} times"
        after = before.replace(old, new)
        path.write_text(after, encoding="utf-8")
        rows = list(difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm="", n=0))[3:]
        self.told.append(f"In `{name}`:\n\n```diff\n" + "\n".join(rows) + "\n```")

    def runs(self, command: str, *, keys: Sequence[str] | None = None, is_shown: bool = True) -> None:
        """A command and its screen; with `keys`, on a terminal where somebody types them one after another."""
        words = shlex.split(command)
        line = [*PROGRAMS[words[0]], *words[1:]]
        self.last, printed = self._on_pipe(line) if keys is None else self._on_terminal(line, keys)
        self.screen = steady(printed)
        if is_shown:
            self.told.append(f"```console\n$ {command}\n{self.screen}\n```")

    def shows(self, name: str, *, lines: int | None = None) -> None:
        """A file as it is now, or its first lines."""
        rows = steady((self.folder / name).read_text(encoding="utf-8")).split("\n")
        shown = [*rows[:lines], "…"] if lines is not None and len(rows) > lines else rows
        self.told.append(f"`{name}`:\n\n```text\n" + "\n".join(shown).rstrip() + "\n```")

    @property
    def document(self) -> str:
        """The Markdown so far."""
        return "\n\n".join(self.told) + "\n"

    def _on_pipe(self, line: list[str]) -> tuple[int, str]:
        done = subprocess.run(
            line,
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT,
            check=False,
        )
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def _on_terminal(self, line: list[str], keys: Sequence[str]) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            line, cwd=self.folder, env=dict(self.environment), stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        try:
            printed = _typed(ours, process, keys)
        finally:
            process.kill() if process.poll() is None else None
            os.close(ours)
        return process.wait(), printed


def _typed(terminal: int, process: subprocess.Popen[bytes], keys: Sequence[str]) -> str:
    """What a program prints while somebody types, each of the keys once it has said something and gone quiet."""
    printed, heard, waiting = b"", 0, list(keys)
    given_up = time.monotonic() + TIMEOUT
    while time.monotonic() < given_up:
        ready, _, _ = select.select([terminal], [], [], QUIET)
        if ready:
            try:
                chunk = os.read(terminal, 65536)
            except OSError:  # the program is gone
                break
            printed += chunk
        elif waiting and len(printed) > heard:
            heard = len(printed)
            os.write(terminal, waiting.pop(0).encode())
        elif process.poll() is not None:
            break
    return printed.decode("utf-8", "replace")


def steady(screen: str) -> str:
    """A screen without what no two runs share."""
    screen = ESCAPES.sub("", screen)
    for pattern, stand_in in VOLATILE:
        screen = pattern.sub(stand_in, screen)
    return "\n".join(line.rstrip() for line in screen.strip("\n").split("\n"))
