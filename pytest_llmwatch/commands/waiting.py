"""What waits for a decision, candidates and pending recordings, and what a command line means by a name."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_llmwatch import candidates, pairs, store
from pytest_llmwatch.candidates import Candidate
from pytest_llmwatch.cassette import parse
from pytest_llmwatch.drift.visible import visible_lines
from pytest_llmwatch.errors import LLMWatchError, UnreadableCandidate, UnreadableCassette

from .cassette_files import yaml_files_below
from .prices import rootdir
from .test_names import may_define

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


Kind = Literal["candidate", "pending", "damaged"]
Fit = Literal["exact", "within"]


_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


class UnknownName(LLMWatchError):
    """Nothing that waits has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One candidate or pending recording.

    Attributes:
        test: The test's node id; the file's name where that is not known.
        path: The candidate's cassette, or the pending file.
        target: The cassette that it would become.
        candidate: What is known of a candidate.
        problem: Why it cannot be taken over as it is, whatever one wants.
    """

    kind: Kind
    test: str
    path: Path
    target: Path
    candidate: Candidate | None = None
    problem: str | None = None

    @property
    def has_failed(self) -> bool:
        """Whether its test failed for a reason of its own."""
        return self.kind == "pending" or (self.candidate is not None and self.candidate.facts.has_failed)

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that name it on a command line."""
        if self.candidate is None:
            return self.path, self.target, candidates.facts_path(self.path)
        return *self.candidate.files, *self.candidate.targets, candidates.facts_path(self.path)

    def gone(self, root: Path) -> str | None:
        """What is not there any more, the test file or the test in it; a wider fixture may be defined anywhere."""
        place, colons, names = self.test.partition("::")
        if not colons or not place.endswith(".py"):
            return None
        file = next((each for each in (root / place, self.module) if each.exists()), None)
        if file is None:
            return f"there is no {place}"
        return None if may_define(file, names) else f"{place} does not define {names.partition('[')[0]}"

    def is_beyond(self, root: Path) -> bool:
        """Whether it would write what is not below the root; a pending recording was found there."""
        targets = () if self.candidate is None else self.candidate.targets
        return not all(target.is_relative_to(root) for target in targets)

    @property
    def module(self) -> Path:
        """The test file, by the place of the cassette."""
        return self.target.parents[2] / f"{self.target.parent.name}.py"


def root_here() -> Path:
    """The folder of the ini file, where there are candidates; else the nearest one above with some, or else that."""
    here = Path.cwd()
    root = rootdir(here)
    return root if candidates.folder_of(root).is_dir() else candidates.root_above(here) or root


def waiting_in(root: Path) -> list[Waiting]:
    """All that waits, in order of the tests' names; what a killed `accept` had taken over already is tidied up."""
    found = [*_candidates_in(root), *_pending_in(root)]
    return sorted(found, key=lambda one: (one.test, one.kind))


def _candidates_in(root: Path) -> Iterator[Waiting]:
    for one in candidates.all_of(root):
        if isinstance(one, UnreadableCandidate):
            path = one.path.with_name(one.path.name.removesuffix(candidates.FACTS) + ".yaml")
            test = os.path.relpath(path, root)
            target = root / path.relative_to(candidates.folder_of(root))
            yield Waiting(kind="damaged", test=test, path=path, target=target, problem=one.problem)
            continue
        pairs.repair(one.targets[1], one.baseline)
        if one.is_taken_over:
            candidates.drop(root, one.path)
        else:
            yield Waiting(kind="candidate", test=one.facts.test, path=one.path, target=one.baseline, candidate=one)


def _pending_in(root: Path) -> Iterator[Waiting]:
    for path in yaml_files_below(root):
        if path.name.endswith(store.PENDING) and path.parent.parent.name == "cassettes":
            test, problem = _test_of(path)
            target = path.with_name(path.name.removesuffix(store.PENDING) + ".yaml")
            yield Waiting(kind="pending", test=test or path.name, path=path, target=target, problem=problem)


def _test_of(path: Path) -> tuple[str | None, str | None]:
    try:
        return parse(store.read_text(path) or "", str(path)).test, None
    except UnreadableCassette as error:
        return None, error.problem


def chosen(waiting: Sequence[Waiting], names: Sequence[str], root: Path) -> list[tuple[Waiting, Fit]]:
    """What the names mean, each once; a test id or a file means one exactly, a folder or a module what is within it.

    Raises:
        UnknownName: nothing that waits has one of these names.
    """
    found: dict[Path, tuple[Waiting, Fit]] = {}
    for name in names:
        fitting = [(one, fit) for one in waiting if (fit := _fit(one, name, root)) is not None]
        if not fitting:
            raise UnknownName(_unknown(name, waiting))
        for one, fit in fitting:
            if one.path not in found or fit == "exact":
                found[one.path] = (one, fit)
    return list(found.values())


def _fit(one: Waiting, name: str, root: Path) -> Fit | None:
    place, colons, names = name.partition("::")
    path = Path(os.path.normpath(Path.cwd() / place))  # as it is typed: a link stays a link
    if colons:
        from_root = Path(os.path.relpath(path, root)).as_posix()
        ids = {each for form in _forms(names) for each in (f"{place}::{form}", f"{from_root}::{form}")}
        is_within = any(one.test.startswith((f"{each}[", f"{each}::")) for each in ids)
        return "exact" if one.test in ids else "within" if is_within else None
    if path in one.files:
        return "exact"
    return "within" if path == one.module or any(each.is_relative_to(path) for each in one.files) else None


def _forms(names: str) -> Iterator[str]:
    r"""The names as they are typed, with their doubled backslashes single, and with `送` as pytest has it: `\u9001`."""
    for each in (names, names.replace("\\\\", "\\")):
        yield each
        yield _NOT_ASCII.sub(lambda match: match.group().encode("unicode_escape").decode(), each)


def _unknown(name: str, waiting: Sequence[Waiting]) -> str:
    if not waiting:
        return f"{name}: nothing waits for a decision"
    listed = "\n".join(f"  {one.test}" for one in waiting)
    nearest = _nearest(name, [one.test for one in waiting])
    meant = f"\nDid you mean {nearest}?" if nearest else ""
    return visible_lines(f"{name}: nothing that waits has this name; what waits:\n{listed}{meant}")


def _nearest(name: str, tests: Sequence[str]) -> str | None:
    """The test with the same last name, else the one that is most alike, if any is."""
    last = name.rpartition("::")[2]
    by_last = {test.rpartition("::")[2]: test for test in reversed(tests)}
    alike = difflib.get_close_matches(name, tests, n=1) or [
        by_last[each] for each in difflib.get_close_matches(last, by_last, n=1)
    ]
    return by_last.get(last) or next(iter(alike), None)


def name_of(one: Waiting) -> str:
    """What a user types, where they are, to mean this one and no other."""
    place, colons, names = one.test.partition("::")
    if one.kind != "candidate" or not colons:
        return os.path.relpath(one.path)  # the test may have a candidate too
    assert one.candidate is not None  # noqa: S101 - a candidate has one
    return f"{Path(os.path.relpath(one.candidate.root / place)).as_posix()}{colons}{names}"
