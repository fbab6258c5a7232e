"""`pytest-llmwatch diff`: recordings and snapshots of the working tree against a revision; no test runs."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from pytest_llmwatch.drift.run_changes import RunChanges
from pytest_llmwatch.errors import LLMWatchError

from .candidate_diffs import candidate_differences, root_of_candidates
from .diff_files import NothingThere, differences, path_filter, unit_of
from .diff_tests import SideReader, shown_from, sums_of, test_changes
from .git_tree import GitProblem, Repository, Revision, repository_at
from .reading import Reader
from .waiting import UnknownName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_llmwatch.calls import JSON, ModelCall
    from pytest_llmwatch.exchange import Exchange
    from pytest_llmwatch.own_prices import Price
    from pytest_llmwatch.request_key import IgnoredField

    from .thresholds import Thresholds

OutputFormat = Literal["text", "markdown", "json"]
MISUSED = 2


class Misused(LLMWatchError):
    """The command line makes no sense, as git sees it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for: arguments before `--` may be a revision or paths, those after it are paths."""

    arguments: Sequence[str]
    paths: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Printing:
    """How to show it; `day` is the one whose prices count."""

    format: OutputFormat
    width: int
    colour: bool
    in_full: bool
    day: str


def diff(
    asked: Asked,
    decode: Callable[[Exchange], ModelCall],
    price: Callable[[ModelCall, Exchange], Price],
    *,
    ignored: Sequence[IgnoredField] = (),
    printing: Printing,
    fail_on: Thresholds,
    out: TextIO,
    warn: Callable[[str], None],
) -> int:
    """Print what differs; 1 where a threshold is passed, 2 for a mistake in the command line."""
    try:
        run = run_changes(asked, decode, price, ignored=ignored, day=printing.day)
    except (Misused, GitProblem, NothingThere, UnknownName) as error:
        warn(str(error))
        return MISUSED
    failures = list(fail_on.failures(run))
    out.writelines(f"{line}\n" for line in _lines(run, failures, printing))
    if printing.format != "text":
        return 1 if failures else 0
    for failure in failures:
        warn(f"--fail-on {failure}")
    return 1 if failures else 0


def run_changes(
    asked: Asked,
    decode: Callable[[Exchange], ModelCall],
    price: Callable[[ModelCall, Exchange], Price],
    *,
    ignored: Sequence[IgnoredField] = (),
    day: str,
) -> RunChanges:
    """What differs, from the current folder.

    Raises:
        GitProblem: git is missing, or has no such revision to compare with.
        Misused: an argument is neither a revision nor a path, or is both.
        NothingThere: a path leads nowhere.
        UnknownName: there is no such candidate.
    """
    here = Path.cwd()
    reader = Reader(decode=decode, price=price, ignored=ignored)
    root = root_of_candidates(here, [*asked.arguments, *(asked.paths or ())])
    if root is not None:
        return _candidate_changes(root, here, asked, reader=reader, day=day)
    return _changes_since(repository_at(here), here, asked, reader=reader, day=day)


def _changes_since(repository: Repository, here: Path, asked: Asked, *, reader: Reader, day: str) -> RunChanges:
    """What differs from a revision of git."""
    revision, paths = _revision_and_paths(repository, here, asked)
    base = revision or repository.main_revision()
    is_wanted = path_filter(repository, here, paths)
    found = differences(repository, base, is_wanted)
    if paths:
        _check_paths(repository, base, here, paths)
    sides = SideReader(reader=reader, shown=shown_from(repository.root.resolve(), here.resolve()))
    tests = tuple(test_changes(found, sides))
    return RunChanges(
        base=base.name,
        tests=tests,
        unchanged=len(found.unchanged),
        unreadable=tuple(sides.unreadable),
        spend=sums_of(sides),
        day=day,
    )


def _candidate_changes(root: Path, here: Path, asked: Asked, *, reader: Reader, day: str) -> RunChanges:
    """What candidates would change of the recordings; git has no part in it."""
    found = candidate_differences(root, [*asked.arguments, *(asked.paths or ())])
    sides = SideReader(reader=reader, shown=shown_from(root, here))
    tests = tuple(test_changes(found, sides))
    return RunChanges(base="the recordings", tests=tests, unchanged=0, unreadable=(), spend=sums_of(sides), day=day)


def _revision_and_paths(repository: Repository, here: Path, asked: Asked) -> tuple[Revision | None, Sequence[str]]:
    """Told apart as git does it: the first argument is a revision if there is such a one, all others are paths."""
    first, *others = asked.arguments or [""]
    if asked.paths is not None:
        if others:
            raise Misused(f"before `--` stands one revision: {' '.join(asked.arguments)}")
        if not first:
            return None, asked.paths
        return _known(repository, first), asked.paths
    if not first:
        return None, ()
    revision = repository.revision(first)
    is_path = os.path.lexists(here / first)
    if revision is not None and is_path:
        raise Misused(
            f"{first} is both a revision and a path; say which one is meant:\n"
            f"  pytest-llmwatch diff {first} --    (the revision)\n  pytest-llmwatch diff -- {first}    (the path)"
        )
    for other in others:
        if not os.path.lexists(here / other) and repository.revision(other) is not None:
            raise Misused(f"{first} {other}: the working tree is compared with one revision; name one")
    if revision is not None:
        return revision, others
    if is_path or _may_be_deleted(first):
        return None, asked.arguments
    return _known(repository, first), others


def _may_be_deleted(argument: str) -> bool:
    """Whether a path that is not there any more is the likelier meaning: it has a folder or an ending of ours."""
    return argument.endswith((".yaml", ".yml", ".snap", ".py"))


def _known(repository: Repository, name: str) -> Revision:
    revision = repository.revision(name)
    if revision is None:
        hint = "\nThe working tree is compared with one revision, not with a range." if ".." in name else ""
        raise Misused(f"{name}: git knows no such revision, and there is no such path{hint}")
    return revision


def _check_paths(repository: Repository, base: Revision, here: Path, paths: Sequence[str]) -> None:
    """Name a path that leads nowhere: who mistyped one would take the silence for "no change"."""
    known = [*repository.files(base), *repository.present()]
    for path in paths:
        is_wanted = path_filter(repository, here, [path])
        if not os.path.lexists(here / path) and not any(is_wanted(each) for each in known):
            raise NothingThere(f"{path}: it is neither in the working tree nor in {base.name}")
        if not (here / path).is_dir() and not any(unit_of(each) and is_wanted(each) for each in known):
            raise NothingThere(f"{path}: no recording and no snapshot belongs to it, neither now nor in {base.name}")


def _lines(run: RunChanges, failures: Sequence[str], printing: Printing) -> Iterator[str]:
    if printing.format == "json":
        return _json_lines(run, failures)
    if printing.format == "markdown":
        from pytest_llmwatch.reports.run_markdown import markdown

        return markdown(run, failures)
    from pytest_llmwatch.reports.run_page import page

    return page(run, width=printing.width, colour=printing.colour, in_full=printing.in_full)


def _json_lines(run: RunChanges, failures: Sequence[str]) -> Iterator[str]:
    """An object a line: each test, each group, the total."""
    from pytest_llmwatch.drift.groups import grouped

    yield from (json.dumps(test.to_json()) for test in run.tests)
    compared = [one for one in run.tests if one.status in ("changed", "moved")]
    named = {id(one.attribution): one.test for one in compared}
    for group in grouped(one.attribution for one in compared if one.attribution is not None):
        members: list[JSON] = [named[id(one)] for one in group.members]
        yield json.dumps({"kind": "group", "sentence": group.sentence, "broken": group.broken, "tests": members})
    total: dict[str, JSON] = {
        "kind": "total",
        "base": run.base,
        "tests": len(run.tests),
        "unchanged": run.unchanged,
        "unreadable": list(run.unreadable),
        "day": run.day,
        "before": run.spend.before.to_json(),
        "after": run.spend.after.to_json(),
        "failures": list(failures),
    }
    yield json.dumps(total)
