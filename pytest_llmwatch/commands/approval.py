"""Taking candidates and pending recordings over, or throwing them away. No model is called."""

from __future__ import annotations

import os
import shlex
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_llmwatch import candidates, store
from pytest_llmwatch.cassette import parse
from pytest_llmwatch.errors import LLMWatchError, UnreadableCassette, UnreadableSnapshot
from pytest_llmwatch.pairs import write_pair
from pytest_llmwatch.snapshot_files import parse as parse_snapshots

from .waiting import Waiting, name_of

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmwatch.candidates import Candidate
    from pytest_llmwatch.cassette import Cassette


class Refused(LLMWatchError):
    """It cannot be taken over; everything is as it was."""


def accept(one: Waiting, root: Path, *, force: bool) -> str:
    """Make it the baseline; what was done, in words.

    Raises:
        Refused: it is damaged, or (without `force`) older than the baseline, or its test is gone or above the root.
        OSError: the disk refuses.
    """
    if one.problem is not None:
        raise Refused(_damaged(one.problem, one.path))
    if not force and one.is_beyond(root):
        raise Refused(_beyond(one, root))
    gone = None if force else one.gone(root)
    if gone is not None:
        reject = f"pytest-llmwatch reject {shlex.quote(name_of(one))}"
        raise Refused(f"its test is gone: {gone}\nTo get rid of it: {reject}; to take it all the same: --force")
    return _accept_pending(one, force=force) if one.candidate is None else _accept_candidate(one.candidate, force=force)


def is_ready(one: Waiting, root: Path) -> bool:
    """Whether it goes over with `--all`: it is whole, its test is there and has passed, the baseline is the old one."""
    candidate = one.candidate
    is_whole = candidate is not None and candidate.is_whole and not candidate.is_outdated
    return is_whole and not (one.has_failed or one.problem or one.is_beyond(root) or one.gone(root))


def still_waiting(one: Waiting) -> list[str]:
    """The wider fixtures whose new answers it was made of, and whose candidates are there."""
    candidate = one.candidate
    if candidate is None or not candidate.facts.fixtures:
        return []
    waits = {each.facts.test for each in candidates.all_of(candidate.root) if isinstance(each, candidates.Candidate)}
    return [test for test in candidate.facts.fixtures if test in waits]


def reject(one: Waiting, root: Path) -> str:
    """Delete it; what was done, in words.

    Raises:
        OSError: the disk refuses.
    """
    if one.kind == "pending":
        store.remove(one.path)
    else:
        candidates.drop(root, one.path)
    return f"{_shown(one.path)} deleted"


def _accept_pending(one: Waiting, *, force: bool) -> str:
    text = store.read_text(one.path)
    if text is None:
        raise Refused("it is gone")
    if not force and _is_older(_read(text, one.path), _read_if_there(one.target)):
        raise Refused(f"{_shown(one.target)} was recorded after it; to put the older one in its place: --force")
    existed = one.target.exists()
    store.remove_leftovers(one.target)
    store.write_text(one.target, text)
    store.remove(one.path)
    return f"{_shown(one.target)} {'replaced' if existed else 'written'}"


def _accept_candidate(candidate: Candidate, *, force: bool) -> str:
    if candidate.is_taken_over:
        candidates.drop(candidate.root, candidate.path)
        return f"{_shown(candidate.baseline)} has it already"
    if not candidate.is_whole and not force:
        said = "its files are not those that the check wrote: edited since, or the check was killed"
        raise Refused(f"{said}\nTo compare again: pytest --llm-check; to take them all the same: --force")
    if candidate.is_outdated and not force:
        raise Refused(
            f"{_shown(candidate.baseline)} or its snapshot has changed since the check: it was not compared with what "
            "is there now\nTo compare again: pytest --llm-check; to take it all the same: --force"
        )
    return _replace(candidate)


def _replace(candidate: Candidate) -> str:
    cassette, snapshot = (store.read_text(path) for path in candidate.files)
    if cassette is None and snapshot is None:
        raise Refused("its files are gone")
    if cassette is not None:
        _read(cassette, candidate.path)
    if snapshot is not None:
        _check_snapshots(snapshot, candidate.files[1])
    written = [target for target, text in zip(candidate.targets, (cassette, snapshot), strict=True) if text is not None]
    said = ", ".join(f"{_shown(target)} {'replaced' if target.exists() else 'written'}" for target in written)
    _write(candidate, cassette, snapshot)
    candidates.drop(candidate.root, candidate.path)
    models = candidate.facts.models.items()
    swapped = [f"; it asks {new}: put that in place of {old} in your code" for old, new in models]
    return "".join([said, *swapped])


def _write(candidate: Candidate, cassette: str | None, snapshot: str | None) -> None:
    """Both files in one go; where the candidate has only one of them, the other stays."""
    target, snapshots = candidate.targets
    if cassette is not None and snapshot is not None:
        write_pair(cassette=target, cassette_text=cassette, snapshots=snapshots, snapshots_text=snapshot)
    elif cassette is not None:
        store.remove_leftovers(target)
        store.write_text(target, cassette)
    elif snapshot is not None:
        store.remove_leftovers(snapshots)
        store.write_text(snapshots, snapshot)


def _read(text: str, path: Path) -> Cassette:
    try:
        return parse(text, _shown(path))
    except UnreadableCassette as error:
        raise Refused(_damaged(error.problem, path)) from error


def _check_snapshots(text: str, path: Path) -> None:
    try:
        parse_snapshots(text, _shown(path))
    except UnreadableSnapshot as error:
        raise Refused(_damaged(error.problem, path)) from error


def _beyond(one: Waiting, root: Path) -> str:
    return (
        f"it would write {_shown(one.target)}, which is not below the root directory {root}: candidates may come from "
        "elsewhere, and nothing but their own word says that this one belongs there\n"
        f"To take it all the same: pytest-llmwatch accept {shlex.quote(name_of(one))} --force"
    )


def _damaged(problem: str, path: Path) -> str:
    return f"it is damaged: {problem}\nTo get rid of it: pytest-llmwatch reject {shlex.quote(_shown(path))}"


def _read_if_there(path: Path) -> Cassette | None:
    text = store.read_text(path)
    return None if text is None else _read(text, path)


def _is_older(one: Cassette, other: Cassette | None) -> bool:
    mine, theirs = (_recorded_at(each) if each else None for each in (one, other))
    return mine is not None and theirs is not None and mine < theirs


def _recorded_at(cassette: Cassette) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(cassette.recorded.get("at")))
    except ValueError:
        return None
    return at if at.tzinfo else None


def _shown(path: Path) -> str:
    return os.path.relpath(path)
