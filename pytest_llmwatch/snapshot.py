"""`llm_snapshot`: syrupy's assertion over our files, so that its flags, its report and its workers know them.

What syrupy would do and we do not: it approves the output of a test that fails afterwards (ours waits for the test's
end), it leaves baselines within tolerance as they are on `--snapshot-update`, it swallows exceptions, it builds an
extension without arguments, and it takes what a failed test did not come to for unused.
"""

from __future__ import annotations

import copy
import difflib
import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

from syrupy.assertion import AssertionResult, SnapshotAssertion
from syrupy.data import Snapshot as Item
from syrupy.data import SnapshotCollection, SnapshotCollections
from syrupy.extensions.base import AbstractSyrupyExtension

from . import store
from .drift.verdicts import Tolerance, compare_texts, problem_with_ignored
from .errors import SnapshotMisuse
from .expectations.expectation import shown
from .file_names import snapshot_path
from .pairs import NEXT, next_path, waiting_name
from .snapshot_files import SnapshotFile, dump, parse
from .snapshot_notes import SnapshotNotes
from .snapshot_values import held

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from syrupy.location import PyTestLocation

    from .snapshot_notes import Note

SUFFIX = ".snap"
ARGUMENTS = ("name", "similarity", "facts", "ignore")


def item_name(test: str, name: str) -> str:
    """What syrupy calls a snapshot: `test_refund`, `test_refund.2`, `test_refund[second]`."""
    chain = ".".join(test.split("::")[1:]) or test
    if name == "1":
        return chain
    return f"{chain}.{name}" if name.isdecimal() else f"{chain}[{name}]"


@dataclass(slots=True)
class SnapshotRun:
    """What this process knows of the run's snapshots, for syrupy to tell what is unused.

    Attributes:
        notes: Those of each test that asked for `llm_snapshot`, by the path of its file.
        tests_at: Which collected test has, or would have, its file at a path, and whether it asks for `llm_snapshot`.
        has_passed: Whether a test, by its id, has passed in this process.
        tolerance: What is in force where no marker says otherwise.
        modules: The test files of which every test was collected.
    """

    has_passed: Callable[[str], bool]
    tolerance: Tolerance
    notes: dict[str, SnapshotNotes] = field(default_factory=dict)
    tests_at: dict[str, tuple[str, bool]] = field(default_factory=dict)
    modules: set[Path] = field(default_factory=set)
    is_over: bool = False
    _seen: dict[str, tuple[frozenset[str], frozenset[str]]] = field(default_factory=dict)

    def is_half_done(self, path: Path) -> bool:
        """Whether an earlier run was killed while it wrote this file; one look into each folder is enough."""
        folder = os.path.dirname(path)  # noqa: PTH120 - asked for every test
        waiting, linked = self._seen.get(folder) or self._look_into(folder)
        if path.name in linked:
            return next_path(path).exists()
        return bool(waiting) and waiting_name(path.name) in waiting

    def _look_into(self, folder: str) -> tuple[frozenset[str], frozenset[str]]:
        """Which files wait in a folder, and which stand elsewhere."""
        entries = list(os.scandir(folder)) if Path(folder).is_dir() else []
        waiting = frozenset(each.name for each in entries if each.name.endswith(NEXT))
        self._seen[folder] = (waiting, frozenset(each.name for each in entries if each.is_symlink()))
        return self._seen[folder]

    def unused_at(self, path: str) -> Sequence[str]:
        """The names at a path that nobody will compare with any more, as far as this process can know."""
        notes = self.notes.get(path)
        if notes is not None:
            return notes.unused if notes.is_kept and not notes.is_superseded else []
        test, asks = self.tests_at.get(path, ("", False))
        if asks or (test and not self.has_passed(test)):
            return []
        module = _module_of(Path(path))
        if not test and module not in self.modules and module.exists():
            return []
        return [one.name for one in _read(path).snapshots]


def _module_of(path: Path) -> Path:
    return path.parent.parent.parent / f"{path.parent.name}.py"


def _read(path: str) -> SnapshotFile:
    text = store.read_text(Path(path))
    return SnapshotFile(test="") if text is None else parse(text, path)


class LLMSnapshotExtension(AbstractSyrupyExtension):
    """One file for each test, which people can read and edit."""

    file_extension = SUFFIX[1:]

    def __init__(self, run: SnapshotRun | None = None) -> None:
        self.run = run

    def serialize(self, data: object, **_settings: Any) -> str:
        """The text as the file holds it."""
        return held(data).text

    def matches(self, *, serialized_data: Any, snapshot_data: Any) -> bool:
        """Whether two texts are the same within the default tolerance."""
        return compare_texts(str(snapshot_data), str(serialized_data)).passed

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: Any = 0) -> str:
        """The name in syrupy's report."""
        return item_name(test_location.nodeid, index if isinstance(index, str) else str(int(index) + 1))

    @classmethod
    def get_location(cls, *, test_location: PyTestLocation, index: Any = 0) -> str:
        """The test's own file."""
        module = Path(test_location.filepath)
        return str(snapshot_path(test_location.nodeid, module, str(cls.snapshot_dirname)))

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        """The folder beside the test file, as syrupy has it."""
        return _folder_beside(test_location.filepath, str(cls.snapshot_dirname))

    @classmethod
    def matches_test_location(cls, *, test_location: PyTestLocation, snapshot_location: str) -> bool:
        """Whether the file is of this test's module: `SnapshotRun.unused_at` has judged more narrowly already."""
        folder = os.path.dirname(snapshot_location)  # noqa: PTH120 - asked a million times in a large suite
        return folder == os.path.join(cls.dirname(test_location=test_location), test_location.basename)  # noqa: PTH118

    def discover_snapshots(
        self, *, test_location: PyTestLocation, ignore_extensions: list[str] | None = None
    ) -> SnapshotCollections:
        """The files at the beginning of a run, and at its end what of them is unused: only that is worth reading."""
        found = SnapshotCollections()
        if self.run is None:
            return found
        for path in _paths_in(Path(self.dirname(test_location=test_location))):
            if not self.run.is_over:
                found.add(_collection(path, ["?"]))
            elif names := self.run.unused_at(path):
                test = _read(path).test
                found.add(_collection(path, [item_name(test, name) for name in names]))
        return found

    def read_snapshot_collection(self, *, snapshot_location: str) -> SnapshotCollection:
        """All that is in a file."""
        file = _read(snapshot_location)
        return _collection(snapshot_location, [item_name(file.test, one.name) for one in file.snapshots])

    def read_snapshot_data_from_location(
        self, *, snapshot_location: str, snapshot_name: str, session_id: str
    ) -> str | None:
        """One approved text."""
        file = _read(snapshot_location)
        return next((one.text for one in file.snapshots if item_name(file.test, one.name) == snapshot_name), None)

    @classmethod
    def write_snapshot_collection(
        cls, *, snapshot_collection: SnapshotCollection, name_order: dict[str, int] | None = None
    ) -> None:
        """Refuse: what is approved is written when the test has passed.

        Raises:
            SnapshotMisuse: always.
        """
        raise SnapshotMisuse(f"Use the fixture llm_snapshot: nothing else writes {snapshot_collection.location}")

    def delete_snapshots(self, *, snapshot_location: str, snapshot_names: set[str]) -> None:
        """Take unused ones out of a file, and the file away with the last."""
        file = _read(snapshot_location)
        left = tuple(one for one in file.snapshots if item_name(file.test, one.name) not in snapshot_names)
        if left:
            store.write_text(Path(snapshot_location), dump(SnapshotFile(test=file.test, snapshots=left)))
        else:
            store.remove(Path(snapshot_location))


@functools.lru_cache  # asked twice for every test
def _folder_beside(file: str, name: str) -> str:
    return str(Path(file).parent.joinpath(name))


def _paths_in(folder: Path) -> Iterator[str]:
    for each in sorted(folder.iterdir()) if folder.is_dir() else ():
        if each.is_dir():
            yield from sorted(entry.path for entry in os.scandir(each) if entry.name.endswith(SUFFIX))


def _collection(path: str, names: Sequence[str]) -> SnapshotCollection:
    return SnapshotCollection(path, {name: Item(name=name) for name in names})


class LLMSnapshot(SnapshotAssertion):
    """The approved output of a test: equal to every value that is the same within tolerance.

    Call it to name a snapshot or to set a tolerance: `llm_snapshot(name="second", similarity=0.8, facts=False,
    ignore=["items[*].id"])`.
    """

    def __init__(self, *, notes: SnapshotNotes, extension: LLMSnapshotExtension, **settings: Any) -> None:
        self.notes = notes
        self.tolerance = notes.tolerance
        self._ours = extension
        self._latest: int | None = None
        super().__init__(extension_class=LLMSnapshotExtension, **settings)

    @property
    def extension(self) -> LLMSnapshotExtension:
        """Ours, with what it knows of the run."""
        return self._ours

    @property
    def latest(self) -> Note | None:
        """The comparison that was made last, as long as the test runs."""
        return None if self._latest is None or not self.notes.notes else self.notes.notes[self._latest]

    @property
    def executions(self) -> dict[int, AssertionResult]:
        """What syrupy's report counts: an output that the end of the test did not approve counts as failed."""
        if self.notes.is_superseded:
            return {}
        if self.notes.is_kept:
            return self._execution_results
        return {number: _withdrawn(result) for number, result in self._execution_results.items()}

    @property
    def num_executions(self) -> int:
        """How many comparisons there were, under whatever name."""
        return len(self._execution_results)

    def get_assert_diff(self, **_settings: Any) -> list[str]:
        """Nothing: the page comes from `SnapshotPlugin`."""
        return []

    def __call__(  # type: ignore[override]  # syrupy's own arguments make no sense for our files
        self,
        *positional: Never,
        name: str | None = None,
        similarity: float | None = None,
        facts: bool | None = None,
        ignore: Sequence[str] | None = None,
        **unknown: Never,
    ) -> LLMSnapshot:
        """The same with a name or a tolerance of its own.

        Raises:
            SnapshotMisuse: the name is no name, or the tolerance makes no sense.
        """
        _check_arguments(positional, unknown)
        if name is not None:
            _check_name(name)
        one = copy.copy(self)
        one._custom_index = name if name is not None else self._custom_index  # noqa: SLF001 - it is ours
        one.tolerance = changed_tolerance(self.tolerance, similarity=similarity, facts=facts, ignore=ignore)
        one._latest = None  # noqa: SLF001
        return one

    def with_defaults(self, **settings: Any) -> LLMSnapshot:
        """The same as a call, for whoever knows syrupy."""
        return self(**settings)

    def use_extension(self, extension_class: object = None) -> LLMSnapshot:
        """Refuse: the files of `llm_snapshot` are its own.

        Raises:
            SnapshotMisuse: always.
        """
        raise SnapshotMisuse("llm_snapshot has files of its own; for another extension use syrupy's fixture `snapshot`")

    def __eq__(self, other: object) -> bool:
        __tracebackhide__ = True
        return self.notes.is_quiet or self._judge(other, is_wanted=True)

    def __ne__(self, other: object) -> bool:
        __tracebackhide__ = True
        return not self.notes.is_quiet and self._judge(other, is_wanted=False)

    __hash__ = None  # type: ignore[assignment]  # what it equals has many hashes
    __array_ufunc__ = None  # numpy asks for this: else an array left of `==` compares its items one by one

    def __repr__(self) -> str:
        return "llm_snapshot" if self._custom_index is None else f"llm_snapshot(name={self._custom_index!r})"

    def _judge(self, data: object, *, is_wanted: bool) -> bool:
        __tracebackhide__ = True
        notes = self.notes
        self._latest = None
        name = self._custom_index or notes.next_name()
        note = notes.judge(data, name, self.tolerance, is_wanted=is_wanted)
        self._latest = len(notes.notes) - 1
        results = self._execution_results
        results[len(results)] = AssertionResult(
            snapshot_location=str(notes.path),
            snapshot_name=item_name(notes.file.test, note.after.name),
            asserted_data=note.after.text,
            recalled_data=None if note.before is None else note.before.text,
            created=note.is_approval and note.before is None,
            updated=note.is_approval and note.before is not None,
            success=_is_fine(note) if notes.is_soft else note.passed,
            exception=None,
            test_location=self.test_location,
        )
        return note.passed


def _is_fine(note: Note) -> bool:
    """Whether nobody needs to look at it, whatever the test was told."""
    return note.comparison is None or note.comparison.passed


def _withdrawn(result: AssertionResult) -> AssertionResult:
    success = result.success and not (result.created or result.updated)
    return replace(result, created=False, updated=False, success=success)


def _check_arguments(positional: tuple[object, ...], unknown: Iterable[str]) -> None:
    if positional:
        given = shown(positional[0], 60)
        wanted = f"name={given}" if isinstance(positional[0], str) else 'name="..."'
        raise SnapshotMisuse(f"llm_snapshot({given}): write llm_snapshot({wanted}); its arguments have names")
    for name in unknown:
        near = difflib.get_close_matches(name, ARGUMENTS, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise SnapshotMisuse(
            f"llm_snapshot({name}=...): there is no such argument{meant}; it has {', '.join(ARGUMENTS)}"
        )


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip():
        raise SnapshotMisuse(f"llm_snapshot(name={name!r}): a name is a text that is not empty")
    if name.isdecimal():
        raise SnapshotMisuse(f"llm_snapshot(name={name!r}): numbers are the names of those without one; add a word")


def as_argument(name: str, value: object) -> str:
    """An argument of the fixture as the test has it."""
    return f"llm_snapshot({name}={value!r})"


def changed_tolerance(
    tolerance: Tolerance,
    *,
    similarity: object = None,
    facts: object = None,
    ignore: Sequence[str] | None = None,
    written: Callable[[str, object], str] = as_argument,
) -> Tolerance:
    """A tolerance with what was said of it; `written` says where and how that was, of a name and a value.

    Raises:
        SnapshotMisuse: that makes no sense.
    """
    if similarity is not None and (
        not isinstance(similarity, (int, float)) or isinstance(similarity, bool) or not 0 <= similarity <= 1
    ):
        problem = "it is a number from 0 (any words) to 1 (the same)"
        raise SnapshotMisuse(f"{written('similarity', similarity)}: {problem}")
    if facts is not None and not isinstance(facts, bool):
        raise SnapshotMisuse(f"{written('facts', facts)}: it is True or False")
    if isinstance(ignore, str) or not all(isinstance(line, str) for line in ignore or ()):
        raise SnapshotMisuse(f'{written("ignore", ignore)}: it is a list of paths, such as ["items[*].id"]')
    problem_ = next(filter(None, map(problem_with_ignored, ignore or ())), None)
    if problem_ is not None:
        raise SnapshotMisuse(f"{written('ignore', ignore)}: {problem_}")
    return replace(
        tolerance,
        similarity=tolerance.similarity if similarity is None else float(similarity),
        facts=tolerance.facts if facts is None else facts,
        ignore=tolerance.ignore if ignore is None else tuple(ignore),
    )
