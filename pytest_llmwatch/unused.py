"""Recordings that a replay never asked for, remembered in pytest's cache for `pytest-llmwatch lint`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest

    from .reports.summary import Entry

CACHE_KEY = "llmwatch/unused"


class Unused(TypedDict):
    """What is left over in a cassette: positions from 0, of the file with this hash."""

    sha256: str
    unserved: list[int]


def remember(cache: pytest.Cache, entries: Iterable[Entry], root: Path) -> None:
    """Keep what the last replay of each cassette left over; cassettes that this run did not replay stay as they are."""
    left = _left_over(entries)
    held: dict[str, Unused] = cache.get(CACHE_KEY, {})
    now = {path: unused for path, unused in held.items() if path not in left}
    for path, unserved in left.items():
        fingerprint = fingerprint_of(root / path) if unserved else None
        if fingerprint is not None:
            now[path] = Unused(sha256=fingerprint, unserved=sorted(unserved))
    if now != held:
        cache.set(CACHE_KEY, now)


def fingerprint_of(path: Path) -> str | None:
    """The hash of a file; `None` where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _left_over(entries: Iterable[Entry]) -> dict[str, set[int]]:
    """What no entry of a cassette has served: a wider fixture has one for each time it was set up."""
    left: dict[str, set[int]] = {}
    for entry in entries:
        if entry["unserved"] is not None:
            held = left.get(entry["path"])
            left[entry["path"]] = set(entry["unserved"]) if held is None else held & set(entry["unserved"])
    return left
