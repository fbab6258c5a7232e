"""From the texts of recordings and snapshots to what became of each test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pytest_llmwatch import cassette as cassettes
from pytest_llmwatch import snapshot_files
from pytest_llmwatch.calls import ModelCall
from pytest_llmwatch.cassette_paths import without_folder
from pytest_llmwatch.drift.attribution import Attribution, attribution, not_comparable
from pytest_llmwatch.drift.changes import SpendChange, totals_of
from pytest_llmwatch.drift.run_changes import SnapshotChange, Status, TestChange
from pytest_llmwatch.errors import LLMWatchError, UnreadableCassette, UnreadableSnapshot
from pytest_llmwatch.recorded_calls import sdks_of
from pytest_llmwatch.recording_key import recording_key
from pytest_llmwatch.snapshot_comparison import compare_snapshots

from .diff_files import SNAPSHOT, Difference, Side, with_moves
from .reading import Reader

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmwatch.cassette import Cassette
    from pytest_llmwatch.drift.verdicts import Tolerance
    from pytest_llmwatch.snapshot_files import Snapshot, SnapshotFile

    from .diff_files import Differences

Content = TypeVar("Content")


@dataclass(slots=True, kw_only=True)
class SideReader:
    """Reads the sides of differences, and keeps what all of them cost.

    Attributes:
        reader: How a text is read.
        shown: How a user would type a path from the root.
        before: All calls that the recordings had.
        after: All calls that they have.
        unreadable: What is wrong with recordings that cannot be read.
    """

    reader: Reader
    shown: Callable[[str], str]
    before: list[ModelCall] = field(default_factory=list)
    after: list[ModelCall] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def cassette(self, path: str, text: str | LLMWatchError) -> Cassette | LLMWatchError:
        """The recording in a text, or why it cannot be read."""
        return self._read(self.reader.cassette, path, text)

    def calls(self, cassette: Cassette) -> tuple[ModelCall, ...]:
        """The test's own calls in a recording."""
        return self.reader.calls(cassette)

    def snapshots(self, side: Side) -> SnapshotFile | LLMWatchError | None:
        """The snapshots of a side, or why they cannot be read."""
        path = side.snapshot
        return None if path is None else self._read(self.reader.snapshots, path, side.texts[path])

    def _read(
        self, read: Callable[[str, str], Content], path: str, text: str | LLMWatchError
    ) -> Content | LLMWatchError:
        if not isinstance(text, str):
            return text
        try:
            return read(text, self.shown(path))
        except LLMWatchError as error:
            return error

    def keys(self, side: Side) -> Iterator[object]:
        """What a side can be recognised by where it has moved: its test's name, then what was recorded."""
        if side.cassette is None:
            file = self.snapshots(side)
            if isinstance(file, snapshot_files.SnapshotFile):
                yield "test", without_folder(file.test)
                yield "snapshots", tuple((one.name, one.text) for one in file.snapshots)
            return
        cassette = self.cassette(side.cassette, side.texts[side.cassette])
        if isinstance(cassette, cassettes.Cassette):
            yield ("test", without_folder(cassette.test)) if cassette.test else ("file", side.cassette)
            yield "recording", recording_key(cassette.exchanges) or side.cassette


def test_changes(differences: Differences, reader: SideReader) -> list[TestChange]:
    """What became of each test, the gravest first; all calls go into the reader's sums."""
    found = with_moves(differences.found, reader.keys)
    changes = [_test_change(one, reader) for one in found]
    for path, text in differences.unchanged.items():
        cassette = reader.cassette(path, text)
        if isinstance(cassette, LLMWatchError):
            reader.unreadable.append(problem_of(cassette))
            continue
        calls = reader.calls(cassette)
        reader.before += calls
        reader.after += calls
    return sorted(changes, key=lambda one: one.rank, reverse=True)


def sums_of(reader: SideReader) -> SpendChange:
    """What all recordings that could be read cost together, before and now."""
    return SpendChange(before=totals_of(reader.before), after=totals_of(reader.after))


def _test_change(difference: Difference, reader: SideReader) -> TestChange:
    before, after = difference.before, difference.after
    files = [
        reader.shown(path) for path in sorted(difference.changed, key=lambda path: (path.endswith(SNAPSHOT), path))
    ]
    snapshots = [reader.snapshots(side) for side in (before, after)]
    former = next((path for path in before.paths if path not in after.paths), None) if not after.is_empty else None
    has_moved = (
        former is not None
        and not before.is_empty
        and before.paths != after.paths
        and not set(before.paths) & set(after.paths)
    )
    attributed = _attribution(difference, reader, snapshots)
    return TestChange(
        test=_test_of(difference, reader, snapshots) or files[0],
        status="moved" if has_moved else _status(before, after),
        files=tuple(files),
        former=reader.shown(former) if has_moved and former else None,
        attribution=attributed,
        snapshots=tuple(_snapshot_changes(snapshots[0], snapshots[1])),
    )


def _status(before: Side, after: Side) -> Status:
    """Of the recording where there is one on either side, else of the snapshots."""
    has_cassette = before.cassette is not None or after.cassette is not None
    sides = [(side.cassette if has_cassette else side.snapshot) is not None for side in (before, after)]
    return "changed" if all(sides) else "added" if sides[1] else "removed"


def _test_of(
    difference: Difference, reader: SideReader, snapshots: list[SnapshotFile | LLMWatchError | None]
) -> str | None:
    """The test's id as the newest file that can be read has it."""
    for side, file in ((difference.after, snapshots[1]), (difference.before, snapshots[0])):
        if side.cassette is not None:
            cassette = reader.cassette(side.cassette, side.texts[side.cassette])
            if isinstance(cassette, cassettes.Cassette) and cassette.test:
                return cassette.test
        if isinstance(file, snapshot_files.SnapshotFile):
            return file.test
    return None


def _attribution(
    difference: Difference, reader: SideReader, snapshots: list[SnapshotFile | LLMWatchError | None]
) -> Attribution | None:
    """Of the recordings, which both sides have or one of them; the sums of the reader grow by them."""
    sides = difference.before, difference.after
    if not {side.cassette for side in sides} & difference.changed:
        return None
    read = [None if one.cassette is None else reader.cassette(one.cassette, one.texts[one.cassette]) for one in sides]
    calls = [reader.calls(one) if isinstance(one, cassettes.Cassette) else () for one in read]
    reader.before += calls[0]
    reader.after += calls[1]
    broken = [one for one in read if isinstance(one, LLMWatchError)]
    if broken:
        side = "" if isinstance(read[1], LLMWatchError) else "as it was before, "
        reader.unreadable.append(side + problem_of(broken[-1]))
        return not_comparable(side + problem_of(broken[-1]))
    sdks = [sdks_of(one) if isinstance(one, cassettes.Cassette) else None for one in read]
    tolerance = _tolerance(snapshots[1]) or _tolerance(snapshots[0])
    return attribution(calls[0], calls[1], tolerance=tolerance, sdks_before=sdks[0], sdks_after=sdks[1])


def problem_of(error: LLMWatchError) -> str:
    """Which file, which line, and what is wrong there; without advice."""
    if not isinstance(error, UnreadableCassette | UnreadableSnapshot):
        return str(error).split("\n")[0]
    place = f"{error.path}, line {error.line}" if error.line else error.path
    return f"{place}: {error.problem}"


def _tolerance(file: SnapshotFile | LLMWatchError | None) -> Tolerance | None:
    if not isinstance(file, snapshot_files.SnapshotFile):
        return None
    return next((one.tolerance for one in file.snapshots if one.tolerance is not None), None)


def _snapshot_changes(
    before: SnapshotFile | LLMWatchError | None, after: SnapshotFile | LLMWatchError | None
) -> Iterator[SnapshotChange]:
    for file in (after, before):
        if isinstance(file, LLMWatchError):
            yield SnapshotChange(name="all", verdict="not comparable", reason=problem_of(file), before=None, after=None)
            return
    old, new = ({one.name: one for one in file.snapshots} if file else {} for file in (before, after))  # type: ignore[union-attr]  # errors have returned
    for name in dict.fromkeys([*new, *old]):
        one, other = old.get(name), new.get(name)
        if one is None or other is None:
            reason = "is new" if one is None else "is gone"
            before_text, after_text = (each.text if each else None for each in (one, other))
            yield SnapshotChange(name=name, verdict="same", reason=reason, before=before_text, after=after_text)
        elif (one.kind, one.text, one.judge) != (other.kind, other.text, other.judge):
            yield _compared(one, other)


def _compared(before: Snapshot, after: Snapshot) -> SnapshotChange:
    found = compare_snapshots(before, after, after.tolerance)
    return SnapshotChange(
        name=after.name,
        verdict=found.verdict,
        reason=found.reason,
        before=before.text,
        after=after.text,
        similarity=found.similarity,
    )


def shown_from(root: Path, folder: Path) -> Callable[[str], str]:
    """How a user in a folder types a path from the root."""
    return lambda path: os.path.relpath(root / path, folder)
