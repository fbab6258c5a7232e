"""What one test compared with its approved outputs, without pytest and without a disk."""

from pathlib import Path

import pytest

from pytest_llmwatch import SnapshotMisuse
from pytest_llmwatch.drift.verdicts import Tolerance
from pytest_llmwatch.snapshot_files import Snapshot, SnapshotFile
from pytest_llmwatch.snapshot_notes import SnapshotNotes

TEST = "tests/test_bot.py::test_refund"


def test_a_snapshot_that_outlives_its_test_says_whose_it_was_and_approves_nothing():
    approved = SnapshotFile(test=TEST, snapshots=tuple(Snapshot(name=n, kind="text", text="yes") for n in ("1", "old")))
    notes = SnapshotNotes(path=Path("x.snap"), file=approved, shown_as=str, command_for=str, update="all")
    assert notes.judge("yes", notes.next_name(), Tolerance()).passed
    notes.release()

    with pytest.raises(SnapshotMisuse, match=r"belongs to tests/test_bot\.py::test_refund, which is over: ask for the"):
        notes.judge("no", notes.next_name(), Tolerance())
    assert notes.to_write() is None
    assert notes.unused == ("old",)
