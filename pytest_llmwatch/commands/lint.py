"""`pytest-llmwatch lint`: what is wrong with the cassettes of a project. It calls no model and runs no test."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from pytest_llmwatch import store
from pytest_llmwatch.cassette import parse
from pytest_llmwatch.drift.visible import visible
from pytest_llmwatch.errors import SettingError, UnreadableCassette
from pytest_llmwatch.redaction import findings_in
from pytest_llmwatch.unused import fingerprint_of

from .cassette_files import FOLDER, HEAD, CassetteFile, is_in_layout, looks_like_cassette, text_of, yaml_files_below
from .collection import collect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_llmwatch.cassette import Cassette

    from .collection import Collection

Kind = Literal["secret", "unreadable", "orphan", "unused", "old format", "pending"]
Delete = Literal["no", "ask", "yes"]
NOTES: frozenset[Kind] = frozenset({"old format", "pending"})
FIXTURE_NAME = re.compile(r"(?:.*\.)?fixture-.+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something about a cassette; `advice` is what to do. A note does not fail the command."""

    file: str
    line: int | None = None
    kind: Kind
    message: str
    advice: str

    @property
    def is_note(self) -> bool:
        """Whether it may stay as it is."""
        return self.kind in NOTES


def lint(
    arguments: Sequence[str],
    *,
    as_json: bool,
    delete: Delete,
    stdin: TextIO,
    out: TextIO,
    warn: Callable[[str], None],
) -> int:
    """Print what is found: 0 for nothing, 1 for a finding, 2 where the question itself makes no sense."""
    for argument in arguments:
        if not os.path.lexists(argument):
            warn(f"{argument}: there is no such file or folder")
            return 2
    collection = collect([Path(argument) for argument in arguments])
    files = [file for argument in arguments for file in _files_at(argument)] or (
        [] if arguments else list(_files_of_project(collection.root))
    )
    if not files:
        where = ", ".join(arguments) or f"{FOLDER} folders below {collection.root}"
        warn(f"there is no cassette in {where}")
    if collection.problem is not None:
        warn(f"nothing is said about orphans, because {collection.problem}")
    try:
        found = [one for file in files for one in _found_in(file, collection)]
    except SettingError as error:
        warn(str(error))
        return 2
    _print(found, len(files), out, as_json=as_json)
    if collection.problem is not None or (arguments and not files):
        return 2
    orphans = [one.file for one in found if one.kind == "orphan"]
    if delete == "no" or not orphans:
        return int(any(not one.is_note for one in found))
    if delete == "ask" and not stdin.isatty():
        warn("--delete-orphans asks before it deletes, and there is no terminal to ask on: add --yes to delete at once")
        return 2
    deleted = _delete(orphans, delete, stdin, warn)
    return int(any(not one.is_note and one.file not in deleted for one in found))


def _files_at(argument: str) -> list[CassetteFile]:
    path = Path(argument)
    if not path.is_dir():
        return [CassetteFile(name=argument, path=path)]
    below = (each for each in yaml_files_below(path) if _is_in_cassettes(each, path) or looks_like_cassette(each))
    return [CassetteFile(name=os.path.join(argument, each.relative_to(path)), path=each, asked=False) for each in below]  # noqa: PTH118 - keeps `./`


def _files_of_project(root: Path) -> Iterator[CassetteFile]:
    for each in yaml_files_below(root):
        if _is_in_cassettes(each, root):
            yield CassetteFile(name=os.path.relpath(each), path=each, asked=False)


def _is_in_cassettes(path: Path, below: Path) -> bool:
    return FOLDER in path.relative_to(below).parts[:-1] or FOLDER in below.absolute().parts


def _found_in(file: CassetteFile, collection: Collection) -> Iterator[Found]:
    try:
        text = text_of(file)
    except UnreadableCassette as error:
        yield _unreadable(file, error)
        return
    try:
        cassette = parse(text, file.name)
    except UnreadableCassette as error:
        is_other_yaml = not file.asked and HEAD.search(text) is None and error.problem.startswith("this is not")
        if not is_other_yaml:
            yield from _secrets(file, text, collection.secret_patterns)
            yield _unreadable(file, error)
        return
    yield from _secrets(file, text, collection.secret_patterns)
    if file.path.name.endswith(store.PENDING):
        yield Found(
            file=file.name,
            kind="pending",
            message="recorded by a test that did not pass; it answers nothing",
            advice="mend the test and record it again, or delete the file",
        )
        return
    if cassette.version == 0:
        yield Found(
            file=file.name,
            kind="old format",
            message="written by vcrpy; it replays as it is and may stay",
            advice="recording the test again with --llm-record writes the readable format",
        )
    reason = _orphaned(file.path, cassette, collection) if collection.problem is None else None
    if reason is not None:
        advice = "delete it, or all of them with: pytest-llmwatch lint --delete-orphans"
        yield Found(file=file.name, kind="orphan", message=reason, advice=advice)
    else:
        yield from _unused(file, text, cassette, collection)


def _unreadable(file: CassetteFile, error: UnreadableCassette) -> Found:
    advice = "restore it (git checkout), or delete it and record the test again"
    return Found(file=file.name, line=error.line, kind="unreadable", message=error.problem, advice=advice)


def _secrets(file: CassetteFile, text: str, patterns: tuple[str, ...]) -> Iterator[Found]:
    for finding in findings_in(text, environ=os.environ, patterns=patterns):
        yield Found(
            file=file.name,
            line=finding.line,
            kind="secret",
            message=f"it looks like a secret ({finding.kind})",
            advice="revoke it where it is valid, then record the test again or replace it in the file",
        )


def _orphaned(path: Path, cassette: Cassette, collection: Collection) -> str | None:
    """Why nobody uses a cassette any more; `None` where somebody does, or where that cannot be known."""
    real = path.resolve()
    if not is_in_layout(real) or real in collection.cassettes:
        return None
    folder, module = real.parent.parent.parent, real.parent.name
    sources = [each for each in folder.glob(f"{glob.escape(module)}.*") if each.is_file()]
    is_ours = cassette.version > 0
    if is_ours and FIXTURE_NAME.fullmatch(real.stem):
        return _orphaned_by_fixture(cassette, folder, sources, collection)
    if not sources:
        # What vcrpy reads may be named by any code; only in our own layout does the folder name the module.
        return f"its test module is gone: {module}.py" if is_ours else None
    if collection.modules.isdisjoint(sources):
        return None
    if not is_ours and any(real.stem in _source(each) for each in sources):
        return None
    return f"its test is gone: {cassette.test or real.stem}"


def _orphaned_by_fixture(cassette: Cassette, folder: Path, sources: list[Path], collection: Collection) -> str | None:
    name = (cassette.test or "").rpartition("::")[2]
    is_known = not name or collection.fixtures is None or name in collection.fixtures
    was_read = not sources or not collection.modules.isdisjoint(sources)
    if [each.name for each in sources] == ["conftest.py"]:
        was_read = any(each.is_relative_to(folder) for each in collection.modules)
    return None if is_known or not was_read else f"its fixture is gone: {name}"


def _source(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def _unused(file: CassetteFile, text: str, cassette: Cassette, collection: Collection) -> Iterator[Found]:
    real = file.path.resolve()
    key = str(real.relative_to(collection.root)) if real.is_relative_to(collection.root) else str(real)
    unused = collection.unused.get(key)
    if unused is None or unused["sha256"] != fingerprint_of(file.path):
        return
    starts = [number for number, line in enumerate(text.split("\n"), 1) if line.startswith("- ")]
    test = cassette.test or "the test"
    for place in unused["unserved"]:
        yield Found(
            file=file.name,
            line=starts[place] if place < len(starts) else None,
            kind="unused",
            message=f"recording {place + 1} of {len(cassette.exchanges)} was not asked for in the last replay",
            advice=f"record {test} again with --llm-record, or leave it where the test does not always ask",
        )


def _print(found: list[Found], files: int, out: TextIO, *, as_json: bool) -> None:
    for one in found:
        if as_json:
            out.write(json.dumps({**asdict(one), "level": "note" if one.is_note else "finding"}) + "\n")
            continue
        place = visible(one.file) + (f":{one.line}" if one.line else "")
        kind = f"note: {one.kind}" if one.is_note else one.kind
        out.write(f"{place}: {kind}: {visible(one.message)}\n    {visible(one.advice)}\n")
    if not as_json:
        notes = sum(one.is_note for one in found)
        counts = [_count(len(found) - notes, "finding"), *([_count(notes, "note")] if notes else [])]
        out.write(f"{_count(files, 'cassette')} read: {', '.join(counts)}\n")
    out.flush()


def _delete(orphans: list[str], delete: Delete, stdin: TextIO, warn: Callable[[str], None]) -> set[str]:
    """Delete what the user agrees to; the names of what is gone."""
    if delete == "ask":
        warn("\n".join(["these cassettes have no test any more:", *orphans]))
        warn(f"Delete {_count(len(orphans), 'file')}? [y/N]")
        if stdin.readline().strip().lower() not in ("y", "yes"):
            warn("nothing was deleted")
            return set()
    deleted = set()
    for name in orphans:
        path = Path(name)
        try:
            store.remove(path)
        except OSError as error:
            warn(f"{name}: it cannot be deleted ({error.strerror or error})")
            continue
        deleted.add(name)
        with contextlib.suppress(OSError):
            path.parent.rmdir()  # only where it is empty now
    warn(f"deleted {_count(len(deleted), 'file')}")
    return deleted


def _count(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else noun + 's'}"
