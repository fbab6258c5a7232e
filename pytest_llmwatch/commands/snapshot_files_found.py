"""The snapshots of a project: which cannot be read, whose test is gone, which do not fit their cassette."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmwatch import store
from pytest_llmwatch.cassette import Cassette
from pytest_llmwatch.cassette import parse as parse_cassette
from pytest_llmwatch.errors import UnreadableCassette, UnreadableSnapshot
from pytest_llmwatch.file_names import CASSETTES
from pytest_llmwatch.recording_key import recording_key
from pytest_llmwatch.snapshot_files import BEGINNING, HEAD, parse

from .cassette_files import CassetteFile, folders_below
from .findings import Found
from .orphans import orphaned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.snapshot_files import SnapshotFile

    from .collection import Collection

SUFFIX = ".snap"
LONGEST_HEAD = 1000


def snapshot_files_at(argument: str) -> list[CassetteFile]:
    """The file of snapshots that an argument names, or those below the folder that it names."""
    path = Path(argument)
    if not path.is_dir():
        return [CassetteFile(name=argument, path=path)] if path.suffix == SUFFIX else []
    return [
        CassetteFile(name=os.path.join(argument, each.relative_to(path)), path=each, asked=False)  # noqa: PTH118 - keeps `./`
        for each in _snapshot_files_below(path)
    ]


def snapshot_files_of_project(root: Path) -> Iterator[CassetteFile]:
    """Every file of snapshots below the root of a project, named from here."""
    for each in _snapshot_files_below(root):
        yield CassetteFile(name=os.path.relpath(each), path=each, asked=False)


def _snapshot_files_below(folder: Path) -> Iterator[Path]:
    # Whatever the folder is called: syrupy's `--snapshot-dirname` names it.
    for place, names in folders_below(folder):
        paths = (Path(place, name) for name in sorted(names) if name.endswith(SUFFIX) and name[0] != ".")
        yield from (path for path in paths if _looks_like_ours(path))


def _looks_like_ours(path: Path) -> bool:
    """Whether the first line is that of our files: Jest has the same folder and suffix. One that is shut might be."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return HEAD.match(file.readline(LONGEST_HEAD)) is not None
    except OSError:
        return True


def found_in_snapshots(file: CassetteFile, collection: Collection) -> Iterator[Found]:
    """What is wrong with a file of snapshots."""
    try:
        text = store.read_text(file.path) or ""
        snapshots = parse(text, file.name)
    except (UnreadableSnapshot, UnreadableCassette) as error:
        advice = str(error).split("\n", 2)[2].replace("The file was left as it is. ", "")
        yield Found(file=file.name, line=error.line, kind="unreadable", message=error.problem, advice=advice)
        return
    beside = _cassette_beside(file.path)
    alone = Cassette(test=snapshots.test, exchanges=())
    reason = orphaned(beside, alone, collection) if collection.problem is None else None
    if reason is not None:
        yield Found(file=file.name, kind="orphan", message=reason, advice="delete it")
        return
    yield from _out_of_step(file, text, snapshots, beside)


def _cassette_beside(path: Path) -> Path:
    """Where the cassette of the same test is, or would be."""
    real = path.resolve()
    return real.parent.parent.parent / CASSETTES / real.parent.name / f"{real.stem}.yaml"


def _out_of_step(file: CassetteFile, text: str, snapshots: SnapshotFile, beside: Path) -> Iterator[Found]:
    if all(one.recording is None for one in snapshots.snapshots):
        return
    try:
        held = store.read_text(beside)
        key = None if held is None else recording_key(parse_cassette(held, str(beside)).exchanges)
    except UnreadableCassette:
        return  # that is told of the cassette
    places = [number for number, line in enumerate(text.split("\n"), 1) if line.startswith(BEGINNING)]
    apart = [place for one, place in zip(snapshots.snapshots, places, strict=True) if one.recording not in (None, key)]
    if apart:
        shown = os.path.relpath(beside)
        what = f"{shown} is gone" if held is None else f"{shown} holds another recording"
        yield Found(
            file=file.name,
            line=apart[0],
            kind="out of step",
            message=f"{_count(len(apart))} approved of a recording that is not there: {what}",
            advice=f"restore the two together, or make both anew: pytest {snapshots.test} --llm-record",
        )


def _count(number: int) -> str:
    return "this snapshot was" if number == 1 else f"{number} snapshots were"
