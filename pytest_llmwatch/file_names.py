"""How the files of a test are called: its cassette and its snapshots have the same name in their folders."""

from __future__ import annotations

import functools
import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CASSETTES = "cassettes"
SNAPSHOTS = "__snapshots__"
SAFE = re.compile(r"[A-Za-z0-9_.,=+@\[\]-]{1,120}")
UNSAFE_CHARACTER = re.compile(r"[^A-Za-z0-9_.,=+@\[\]-]+")
SHOWN = 80


def snapshot_path(test: str, module: Path, folder: str = SNAPSHOTS) -> Path:
    """`__snapshots__/<module>/<Class.test[parameters]>.snap` beside the test file: named as the cassette is."""
    chain = test.split("::")[1:] or [test]
    return _folder_of(module, folder) / f"{file_name(chain)}.snap"


@functools.lru_cache  # a suite has many tests to a file
def _folder_of(module: Path, folder: str) -> Path:
    return module.parent / folder / module.stem


def file_name(chain: list[str]) -> str:
    """The names joined by dots where every file system keeps that apart from others; else shortened, with a hash."""
    name = ".".join(chain)
    if SAFE.fullmatch(name) and chain[-1] == chain[-1].lower() and not name.endswith("."):
        return name
    digest = hashlib.sha256("::".join(chain).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{UNSAFE_CHARACTER.sub('-', name)[:SHOWN].strip('-.')}-{digest}"
