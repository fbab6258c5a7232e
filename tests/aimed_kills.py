"""Kills that land while something is written: the killer watches for the files that stand there meanwhile."""

from __future__ import annotations

import os
import re
import time
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

WRITTEN = re.compile(r"\.(?:tmp|next)$")
# A moment is a few system calls long; the first of each kind kills at once, others look a bit behind it.
OFFSETS = (0.0, 0.0004, 0.002)


def aims(patterns: Iterable[str], most: int) -> Iterator[tuple[re.Pattern[str], int, float]]:
    """What to wait for, the how many-th of it, and how long from then on; every pattern meets every offset."""
    for number, (offset, pattern) in enumerate(product(OFFSETS, patterns)):
        yield re.compile(pattern), 1 + number * 5 % most, offset


def kill_when(
    process: subprocess.Popen[str],
    kill: Callable[[], None],
    folders: Iterable[Path],
    aim: tuple[re.Pattern[str], int, float],
) -> bool:
    """Kill it when so many files with such names have been seen; whether it came to that before its end."""
    pattern, wanted, offset = aim
    places, seen = list(folders), set[str]()
    while len(seen) < wanted:
        if process.poll() is not None:
            return False
        seen.update(name for place in places for name in _names_in(place) if pattern.search(name))
        time.sleep(0)
    time.sleep(offset)
    kill()
    process.wait()
    return True


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - as quick as can be
    except FileNotFoundError:
        return []


def half_written(root: Path) -> list[Path]:
    """What killed processes have left."""
    return [path for path in root.rglob(".*") if WRITTEN.search(path.name)]
