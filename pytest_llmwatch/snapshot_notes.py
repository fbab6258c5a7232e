"""What one test compared with its approved outputs, and what its file of snapshots becomes once the test has passed.

It knows no syrupy, no pytest and no disk: the file comes in as a value, and what to write goes out as one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypedDict

from .drift.verdicts import Comparison, DriftVerdict, Tolerance
from .errors import SnapshotMisuse
from .snapshot_comparison import compare_snapshots
from .snapshot_files import Snapshot, SnapshotFile, with_snapshots
from .snapshot_values import held

Update = Literal["none", "new", "all"]


class SnapshotFact(TypedDict):
    """One comparison as it travels on a report; `verdict` is `new` where nothing was approved yet."""

    name: str
    verdict: DriftVerdict | Literal["new"]
    similarity: float | None
    reason: str
    is_written: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One comparison.

    Attributes:
        after: The output of this run; its recording and model are filled in when it is written.
        before: The approved one, if there is one.
        comparison: The verdict; `None` where nothing was approved yet.
        tolerance: What was in force.
        is_wanted: Whether the two should agree; `False` for `!=`.
        is_update: Whether the output is to be approved, if the test passes.
        passed: What the test was told.
    """

    after: Snapshot
    before: Snapshot | None
    comparison: Comparison | None
    tolerance: Tolerance
    is_wanted: bool
    is_update: bool
    passed: bool

    @property
    def is_approval(self) -> bool:
        """Whether the end of a test that passes approves another output than before."""
        return self.is_update and (self.comparison is None or self.comparison.verdict != "same")


# What all tests that are over have: empty, and written to by nobody.
_NO_NOTES: list[Note] = []
_NO_SNAPSHOTS: dict[str, Snapshot] = {}
_NO_TEXTS: dict[str, str] = {}


def _nothing() -> str:
    return ""


@dataclass(slots=True, kw_only=True)
class SnapshotNotes:
    """The comparisons of one run of one test.

    Attributes:
        path: Where the file of snapshots is, or would be.
        file: What was approved.
        update: Which outputs are to be approved: none, those without an approved one, all.
        is_soft: Whether a comparison is only noted, and the test goes on.
        key_now: The key of the recording that this run plays.
        models_now: The models that served in this run so far.
        is_kept: Whether what was to be approved has been; `None` as long as the test runs.
        is_superseded: Whether the test was run once more after this.
        mask: How secrets are taken out of a text, as they are out of cassettes.
        told: How many of the comparisons reports have shown.
        is_quiet: Whether comparisons pass unjudged, because pytest compares again to explain an assert.
    """

    path: Path
    file: SnapshotFile
    shown_as: Callable[[], str]
    command_for: Callable[[], str]
    update: Update = "none"
    is_soft: bool = False
    tolerance: Tolerance = field(default_factory=Tolerance)
    key_now: Callable[[], str | None] = lambda: None
    models_now: Callable[[], str | None] = lambda: None
    is_kept: bool | None = None
    is_superseded: bool = False
    mask: Callable[[str], str] = lambda text: text
    told: int = 0
    is_quiet: bool = False
    notes: list[Note] = field(default_factory=list)
    _by_name: dict[str, Snapshot] = field(default_factory=dict)
    _pending: dict[str, Snapshot] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)
    _left_over: tuple[str, ...] | None = None
    _unnamed: int = 0

    def __post_init__(self) -> None:
        self._by_name = {one.name: one for one in self.file.snapshots}

    @property
    def shown(self) -> str:
        """The path as a user would type it."""
        return self.shown_as()

    @property
    def command(self) -> str:
        """What to type to approve the outputs of the test."""
        return self.command_for()

    def next_name(self) -> str:
        """The name of the next comparison without one: 1, 2 ... in the order of the asserts."""
        self._unnamed += 1
        return str(self._unnamed)

    def judge(self, value: object, name: str, tolerance: Tolerance, *, is_wanted: bool = True) -> Note:
        """Compare a value with what was approved under that name.

        Args:
            value: The output of this run.
            name: The name of the snapshot.
            tolerance: What is in force.
            is_wanted: `False` for `!=`, which passes where they differ, and approves nothing.

        Raises:
            SnapshotMisuse: no file can hold the value, two values have the name, or the test is over.
        """
        if self._left_over is not None:
            raise SnapshotMisuse(
                f"This llm_snapshot belongs to {self.file.test}, which is over: ask for the fixture anew"
            )
        name = self._written_name(name)
        seen = held(value)
        before = self._by_name.get(name) if is_wanted else self._pending.get(name) or self._by_name.get(name)
        is_known = before is not None and before.text == seen.text
        after = Snapshot(
            name=name,
            kind=seen.kind,
            text=seen.text if is_known else self.mask(seen.text),
            tolerance=_told(seen.kind, tolerance),
            judge=seen.judge,
            criteria_sha256=seen.criteria_sha256,
        )
        if is_wanted:
            self._check_name(after)
        comparison = None if before is None else compare_snapshots(before, after, tolerance)
        is_update = is_wanted and (self.update == "all" or (self.update == "new" and before is None))
        is_equal = comparison is not None and comparison.passed
        passed = (is_equal or is_update or self.is_soft) if is_wanted else comparison is not None and not is_equal
        note = Note(
            after=after,
            before=before,
            comparison=comparison,
            tolerance=tolerance,
            is_wanted=is_wanted,
            is_update=is_update,
            passed=passed,
        )
        self.notes.append(note)
        if is_update:
            self._pending[name] = after
        return note

    def _written_name(self, name: str) -> str:
        """The name without secrets, and then with a hash, which keeps it apart and finds it where nobody knows them."""
        if name.isdecimal():
            return name
        masked = self.mask(name)
        if masked == name and name in self._by_name:
            return name
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        if masked != name:
            return f"{masked} {digest}"
        former = (one for one in self._by_name if "[redacted:" in one and one.endswith(f" {digest}"))
        return next(former, name)

    def _check_name(self, after: Snapshot) -> None:
        text = f"{after.kind}\n{after.text}"
        if self._texts.setdefault(after.name, text) != text:
            raise SnapshotMisuse(
                f"Two different values were compared with llm_snapshot(name={after.name!r}) in this test.\n"
                "A name belongs to one approved output. In a loop, make it part of the name: "
                'llm_snapshot(name=f"answer {number}"); without a name they are numbered.'
            )

    @property
    def used(self) -> list[str]:
        """The names that were compared."""
        return list(dict.fromkeys(note.after.name for note in self.notes))

    @property
    def unused(self) -> tuple[str, ...]:
        """The names in the file that were not."""
        if self._left_over is not None:
            return self._left_over
        used = set(self.used)
        return tuple(one.name for one in self.file.snapshots if one.name not in used)

    def candidate(self) -> SnapshotFile:
        """The approved file with all outputs of this run in their places."""
        return with_snapshots(self.file, [self._finished(note.after) for note in self.notes if note.is_wanted])

    def to_write(self, *, is_as_read: bool = True) -> SnapshotFile | None:
        """What the file becomes where the test has passed; `None` where it stays as it is.

        A file that another run has replaced since this one read it is no reason to write nothing.
        """
        updated = [self._finished(note.after) for note in self.notes if note.is_update]
        if not updated:
            return None
        file = with_snapshots(self.file, updated)
        return None if file == self.file and is_as_read else file

    def _finished(self, snapshot: Snapshot) -> Snapshot:
        return replace(snapshot, recording=self.key_now(), model=self.models_now())

    def release(self) -> None:
        """Let go of everything but what is unused: a suite has thousands of these, and nobody reads them again."""
        self._left_over = self.unused
        self.file = SnapshotFile(test=self.file.test)
        self.key_now = self.models_now = self.shown_as = self.command_for = _nothing  # they hold the test
        self.mask = str
        self.notes, self._by_name, self._pending, self._texts = _NO_NOTES, _NO_SNAPSHOTS, _NO_SNAPSHOTS, _NO_TEXTS

    def facts(self) -> list[SnapshotFact]:
        """The comparisons as they travel on a report."""
        wanted = [note for note in self.notes if note.is_wanted]
        return [_fact(note, is_written=bool(self.is_kept) and note.is_approval) for note in wanted]


def _told(kind: str, tolerance: Tolerance) -> Tolerance | None:
    """The tolerance as the file tells it; of a structured value, only what is left out of it matters."""
    return tolerance if kind in ("text", "calls", "judgement") or tolerance.ignore else None


def _fact(note: Note, *, is_written: bool) -> SnapshotFact:
    comparison = note.comparison
    if comparison is None:
        reason = "nothing was approved yet"
        return SnapshotFact(name=note.after.name, verdict="new", similarity=None, reason=reason, is_written=is_written)
    return SnapshotFact(
        name=note.after.name,
        verdict=comparison.verdict,
        similarity=comparison.similarity,
        reason=comparison.reason,
        is_written=is_written,
    )
