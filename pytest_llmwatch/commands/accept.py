"""`pytest-llmwatch accept` and `reject`: decide on candidates and pending recordings by name."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from pytest_llmwatch.drift.visible import visible_id
from pytest_llmwatch.errors import LLMWatchError

from . import approval
from .waiting import UnknownName, chosen, root_here, waiting_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .waiting import Fit, Waiting

Warn = Callable[[str], None]
FAILED = "its test failed, so it goes over only where you name it alone; look at it first: pytest-llmwatch show {path}"


def accept(names: Sequence[str], *, every: bool, force: bool, out: TextIO, warn: Warn) -> int:
    """Make candidates the baselines: 0 for all, 1 where one was refused, 2 where the names make no sense."""

    def decide(one: Waiting, fit: Fit, root: Path) -> str:
        if one.has_failed and fit == "within" and not force:
            raise approval.Refused(FAILED.format(path=os.path.relpath(one.path)))
        return approval.accept(one, root, force=force)

    return _decided(names, "accepted", decide, every=every, out=out, warn=warn)


def reject(names: Sequence[str], *, every: bool, out: TextIO, warn: Warn) -> int:
    """Delete candidates: 0 for all, 1 where one could not be deleted, 2 where the names make no sense."""

    def decide(one: Waiting, fit: Fit, root: Path) -> str:  # noqa: ARG001 - as `accept` has it
        return approval.reject(one, root)

    return _decided(names, "rejected", decide, every=every, out=out, warn=warn)


def _decided(
    names: Sequence[str],
    word: str,
    decide: Callable[[Waiting, Fit, Path], str],
    *,
    every: bool,
    out: TextIO,
    warn: Warn,
) -> int:
    root = root_here()
    waiting = waiting_in(root)
    try:
        found = _found(waiting, names, root, every=every)
    except UnknownName as error:
        warn(str(error))
        return 2
    refused = 0
    done = []
    for one, fit in found:
        try:
            said = decide(one, fit, root)
        except (LLMWatchError, OSError) as error:
            refused += 1
            warn(f"{one.test}: not {word}: {_reason(error)}")
        else:
            done.append(one)
            out.write(f"{word} {visible_id(one.test)}: {visible_id(said)}\n")
    if word == "accepted":
        out.writelines(f"{line}\n" for line in dict.fromkeys(line for one in done for line in fixture_lines(one)))
    out.write(_sum(len(found) - refused, refused, word) if found else "Nothing waits for a decision.\n")
    return int(bool(refused))


def fixture_lines(one: Waiting) -> Iterator[str]:
    """What to decide yet: the test replays the old answers of its fixture until that is accepted too."""
    for test in approval.still_waiting(one):
        command = f"pytest-llmwatch accept {shlex.quote(test)}"
        yield visible_id(f"{test}, whose answers this came from, still waits; to take it over too: {command}")


def _found(waiting: Sequence[Waiting], names: Sequence[str], root: Path, *, every: bool) -> list[tuple[Waiting, Fit]]:
    if every:
        return [(one, "within") for one in waiting]
    return chosen(waiting, names, root)


def _reason(error: LLMWatchError | OSError) -> str:
    if isinstance(error, OSError):
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or error}{place}\nNothing was changed for it."
    return str(error)


def _sum(done: int, refused: int, word: str) -> str:
    return f"{done} {word}{f', {refused} not' if refused else ''}. No model was called.\n"
