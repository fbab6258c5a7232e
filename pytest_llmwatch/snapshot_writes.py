"""Approved outputs on their way to the disk, with their cassette where that is written too."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING

from . import pairs, store
from .locks import alone_in
from .recording_key import recording_key
from .snapshot_files import dump

if TYPE_CHECKING:
    from .scope import Scope
    from .snapshot_notes import SnapshotNotes
    from .write_policy import Write

OVERTAKEN = "another run has replaced the recording that they came from; run the test again"


def write_with(scope: Scope, notes: SnapshotNotes, decision: Write, text: str | None) -> None:
    """Write what the end of a test approves: its outputs and its cassette together, or its outputs alone.

    Raises:
        OSError: the disk refuses, or another run was quicker; what was approved before is as it was.
    """
    has_passed = scope.outcome == "passed"
    is_pair = decision in ("replace", "remove")
    is_approval = has_passed and notes.to_write() is not None
    if is_approval:
        with contextlib.suppress(OSError):  # whoever writes will say so
            notes.path.parent.mkdir(parents=True, exist_ok=True)
    if is_pair or is_approval:
        with alone_in(notes.path.parent):
            _write(scope, notes, text if decision == "replace" else None, is_pair=is_pair, has_passed=has_passed)
    notes.is_kept = has_passed


def _write(scope: Scope, notes: SnapshotNotes, text: str | None, *, is_pair: bool, has_passed: bool) -> None:
    is_as_read = not is_pair or pairs.snapshots_at(notes.path) == notes.file.snapshots
    approved = notes.to_write(is_as_read=is_as_read) if has_passed else None
    if is_pair and approved is not None:
        pairs.replace_pair(scope.path, text, notes.path, dump(approved))
    elif is_pair and text is not None:
        store.remove_leftovers(scope.path)
        store.write_text(scope.path, text)
    elif is_pair:
        store.remove(scope.path)
    elif approved is not None:
        _check_recording(scope, notes)
        store.remove_leftovers(notes.path)
        store.write_text(notes.path, dump(approved))


def _check_recording(scope: Scope, notes: SnapshotNotes) -> None:
    """Refuse to approve what was replayed from a cassette that is not there any more."""
    was = None if scope.baseline is None else recording_key(scope.baseline.exchanges)
    if pairs.key_at(scope.path) != was:
        raise OSError(errno.EBUSY, OVERTAKEN, str(notes.path))
