"""`pytest-llmwatch lint`: what is wrong with the cassettes of a project. It calls no model and runs no test."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from pytest_llmwatch import candidates, cassette_paths, store, wire, yaml_text
from pytest_llmwatch.attempts import retry_number
from pytest_llmwatch.cassette import HEAD, interaction_lines, parse
from pytest_llmwatch.drift.visible import visible
from pytest_llmwatch.errors import SettingError, UnreadableCassette
from pytest_llmwatch.file_names import CASSETTES
from pytest_llmwatch.readings import reading_of
from pytest_llmwatch.secret_spans import findings_in
from pytest_llmwatch.unused import fingerprint_of

from .cassette_files import (
    CassetteFile,
    is_in_cassettes,
    is_in_layout,
    looks_like_cassette,
    text_of,
    yaml_files_below,
)
from .collection import collect
from .findings import Found, in_groups
from .orphans import orphaned
from .snapshot_files_found import found_in_snapshots, snapshot_files_at, snapshot_files_of_project
from .staleness import ending_models, too_old
from .third_parties import decoder, installed_formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from pytest_llmwatch.calls import ModelCall
    from pytest_llmwatch.cassette import Cassette
    from pytest_llmwatch.exchange import Exchange

    from .collection import Collection

Delete = Literal["no", "ask", "yes"]
SHOWN_FILES = 3
NOT_READ = frozenset({"cost_usd"})  # of the day of the recording


def lint(
    arguments: Sequence[str],
    *,
    as_json: bool,
    delete: Delete,
    now: datetime,
    stdin: TextIO,
    out: TextIO,
    warn: Callable[[str], None],
) -> int:
    """Print what is found at that time: 0 for nothing, 1 for a finding, 2 where the question itself makes no sense."""
    for argument in arguments:
        if not os.path.lexists(argument):
            warn(f"{argument}: there is no such file or folder")
            return 2
    collection = collect([Path(argument) for argument in arguments])
    files, snapshots = _files(arguments, collection.root)
    if not files and not snapshots:
        where = ", ".join(arguments) or f"{CASSETTES} folders below {collection.root}"
        warn(f"there is no cassette in {where}")
    if collection.problem is not None:
        warn(f"nothing is said about orphans, because {collection.problem}")
    try:
        decode = decoder(installed_formats(warn))
        found = [one for file in files for one in _found_in(file, collection, decode, now)]
        found += [one for file in snapshots for one in found_in_snapshots(file, collection)]
    except SettingError as error:
        warn(str(error))
        return 2
    _print(found, files=len(files), snapshots=len(snapshots), out=out, as_json=as_json)
    if delete == "no" and not as_json and any(one.kind == "orphan" for one in found):
        out.write(f"To delete all orphans: {shlex.join(['pytest-llmwatch', 'lint', *arguments, '--delete-orphans'])}\n")
    if collection.problem is not None or (arguments and not files and not snapshots):
        return 2
    orphans = [one.file for one in found if one.kind == "orphan"]
    if delete == "no" or not orphans:
        return int(any(not one.is_note for one in found))
    if delete == "ask" and not stdin.isatty():
        warn("--delete-orphans asks before it deletes, and there is no terminal to ask on: add --yes to delete at once")
        return 2
    deleted = _delete(orphans, delete, stdin, warn)
    return int(any(not one.is_note and one.file not in deleted for one in found))


def _files(arguments: Sequence[str], root: Path) -> tuple[list[CassetteFile], list[CassetteFile]]:
    """The cassettes and the files of snapshots to look at: those that were asked for, else those of the project."""
    if not arguments:
        return list(_files_of_project(root)), list(snapshot_files_of_project(root))
    snapshots = [file for argument in arguments for file in snapshot_files_at(argument)]
    named = {file.name for file in snapshots if file.asked}
    return [file for one in arguments if one not in named for file in _files_at(one)], snapshots


def _files_at(argument: str) -> list[CassetteFile]:
    path = Path(argument)
    if not path.is_dir():
        return [CassetteFile(name=argument, path=path)]
    below = (each for each in yaml_files_below(path) if is_in_cassettes(each, path) or looks_like_cassette(each))
    return [CassetteFile(name=os.path.join(argument, each.relative_to(path)), path=each, asked=False) for each in below]  # noqa: PTH118 - keeps `./`


def _files_of_project(root: Path) -> Iterator[CassetteFile]:
    for each in yaml_files_below(root):
        if is_in_cassettes(each, root):
            yield CassetteFile(name=os.path.relpath(each), path=each, asked=False)


def _found_in(
    file: CassetteFile, collection: Collection, decode: Callable[[Exchange], ModelCall], now: datetime
) -> Iterator[Found]:
    try:
        text = text_of(file)
    except UnreadableCassette as error:
        yield _unreadable(file, error)
        return
    try:
        cassette = parse(text, file.name)
    except UnreadableCassette as error:
        is_other_yaml = (
            not file.asked and HEAD.search(text) is None and error.problem.startswith("this is not a cassette:")
        )
        if not is_other_yaml:
            yield from _secrets(file, text, collection)
            yield _unreadable(file, error)
        return
    yield from _secrets(file, text, collection)
    if file.path.name.endswith(store.PENDING):
        yield Found(
            file=file.name,
            kind="pending",
            message="recorded by a test that did not pass; it answers nothing",
            advice="mend the test and record it again, or decide: pytest-llmwatch review",
        )
        return
    if candidates.FOLDER in file.path.absolute().parts:
        yield Found(
            file=file.name,
            kind="candidate",
            message="kept by --llm-check; it answers nothing",
            advice="decide: pytest-llmwatch review",
        )
        return
    if cassette.version == 0:
        yield Found(
            file=file.name,
            kind="old format",
            message="written by vcrpy; it replays as it is and may stay",
            advice="recording the test again with --llm-record writes the readable format",
        )
    reason = orphaned(file.path, cassette, collection) if collection.problem is None else None
    if reason is not None:
        yield Found(file=file.name, kind="orphan", message=reason, advice="delete it")
        return
    if cassette.version > 0:
        yield from _misplaced(file, cassette)
        yield from _stale(file, text, cassette, decode)
    if collection.max_age is not None:
        yield from too_old(file.name, cassette, max_age=collection.max_age, now=now)
    yield from ending_models(file.name, cassette, decode, now=now)
    yield from _unused(file, text, cassette, collection)


def _misplaced(file: CassetteFile, cassette: Cassette) -> Iterator[Found]:
    if cassette.test is None or not is_in_layout(file.path) or cassette_paths.may_be_at(cassette.test, file.path):
        return
    yield Found(
        file=file.name,
        line=2,
        kind="misplaced",
        message=f"it says that it belongs to {cassette.test}, which looks for its cassette elsewhere",
        advice="if the test was renamed, write its name in line 2; else move the file back, or record the test again",
    )


def _stale(
    file: CassetteFile, text: str, cassette: Cassette, decode: Callable[[Exchange], ModelCall]
) -> Iterator[Found]:
    lines = interaction_lines(text)
    for place, item in enumerate(yaml_text.load(text)["interactions"]):
        exchange = cassette.exchanges[place]
        written, names = item.get("call"), _differing(item.get("call"), exchange, wire.read(exchange, decode))
        if isinstance(written, dict) and names:
            yield Found(
                file=file.name,
                line=lines[place] if place < len(lines) else None,
                kind="stale reading",
                message=f"its `call` no longer says what the exchange below it says: {', '.join(names)}",
                advice="a replay reads the exchange; record the test again to have `call` written anew",
            )


def _differing(written: object, exchange: Exchange, call: ModelCall) -> list[str]:
    """What the reading and the exchange say differently; nothing of a call that no format here reads."""
    if not isinstance(written, dict) or call.operation_name == "unknown":
        return []
    reading = reading_of(call, attempt=retry_number(exchange.request) + 1)
    try:
        read = yaml_text.load(yaml_text.emit(reading))
    except yaml_text.YamlProblem:  # half a character, for which the file has a mark
        return []
    return [name for name in read if name in written and name not in NOT_READ and read[name] != written[name]]


def _unreadable(file: CassetteFile, error: UnreadableCassette) -> Found:
    advice = error.advice if error.remedy != "move away" else "name a cassette, or a folder of cassettes"
    return Found(file=file.name, line=error.line, kind="unreadable", message=error.problem, advice=advice)


def _secrets(file: CassetteFile, text: str, collection: Collection) -> Iterator[Found]:
    patterns, exempt = collection.secret_patterns, collection.not_secrets
    for finding in findings_in(text, environ=os.environ, patterns=patterns, exempt=exempt):
        yield Found(
            file=file.name,
            line=finding.line,
            kind="secret",
            message=f"it looks like a secret ({finding.kind})",
            advice="revoke it where it is valid, then record the test again or replace it in the file",
        )


def _unused(file: CassetteFile, text: str, cassette: Cassette, collection: Collection) -> Iterator[Found]:
    real = file.path.resolve()
    key = str(real.relative_to(collection.root)) if real.is_relative_to(collection.root) else str(real)
    unused = collection.unused.get(key)
    if unused is None or unused["sha256"] != fingerprint_of(file.path):
        return
    starts = interaction_lines(text)
    test = cassette.test or "the test"
    for place in unused["unserved"]:
        yield Found(
            file=file.name,
            line=starts[place] if place < len(starts) else None,
            kind="unused",
            message=f"recording {place + 1} of {len(cassette.exchanges)} was not asked for in the last replay",
            advice=f"record {test} again with --llm-record, or leave it where the test does not always ask",
        )


def _print(found: list[Found], *, files: int, snapshots: int, out: TextIO, as_json: bool) -> None:
    if as_json:
        out.writelines(
            json.dumps({**asdict(one), "level": "note" if one.is_note else "finding"}) + "\n" for one in found
        )
    else:
        groups = in_groups(found)
        for group in groups:
            one = group[0]
            kind = f"note: {one.kind}" if one.is_note else one.kind
            out.write(f"{_place(group)}: {kind}: {visible(one.message)}\n    {visible(one.advice)}\n")
        notes = sum(group[0].is_note for group in groups)
        counts = [_count(len(groups) - notes, "finding"), *([_count(notes, "note")] if notes else [])]
        read = [_count(files, "cassette"), *([_count(snapshots, "file of snapshots")] if snapshots else [])]
        out.write(f"{' and '.join(read)} read: {', '.join(counts)}\n")
    out.flush()


def _place(group: Sequence[Found]) -> str:
    """Where it is; the first few of many files."""
    if len(group) == 1:
        return visible(group[0].file) + (f":{group[0].line}" if group[0].line else "")
    shown = ", ".join(visible(one.file) for one in group[:SHOWN_FILES])
    left = len(group) - SHOWN_FILES
    return f"{_count(len(group), 'cassette')} ({shown}{f' and {left} more' if left > 0 else ''})"


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
    plural = noun.replace("file ", "files ") if " " in noun else noun + "s"
    return f"{number} {noun if number == 1 else plural}"
