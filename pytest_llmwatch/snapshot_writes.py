"""Approved outputs on their way to the disk, with their cassette where that is written too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import pairs, store
from .snapshot_files import dump

if TYPE_CHECKING:
    from pathlib import Path

    from .snapshot_notes import SnapshotNotes
    from .write_policy import Write


def write_with(notes: SnapshotNotes, decision: Write, *, cassette: Path, text: str | None, has_passed: bool) -> None:
    """Write what the end of a test approves: its outputs and its cassette together, or its outputs alone.

    Raises:
        OSError: the disk refuses; what was approved before is as it was.
    """
    approved = notes.to_write() if has_passed else None
    snapshots_text = None if approved is None else dump(approved)
    if decision in ("replace", "remove"):
        text = text if decision == "replace" else None
        if snapshots_text is None:
            _write(cassette, text)
        else:
            pairs.write_pair(cassette=cassette, cassette_text=text, snapshots=notes.path, snapshots_text=snapshots_text)
    elif snapshots_text is not None:
        _write(notes.path, snapshots_text)
    notes.is_kept = has_passed


def _write(path: Path, text: str | None) -> None:
    if text is None:
        store.remove(path)
    else:
        store.remove_leftovers(path)
        store.write_text(path, text)
