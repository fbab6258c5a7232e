"""Candidates and the recordings that they would replace, as the two sides of a `diff`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmwatch import candidates, store
from pytest_llmwatch.errors import LLMWatchError, UnreadableCassette

from .diff_files import Difference, Differences, Side, unit_of
from .waiting import chosen, waiting_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmwatch.candidates import Candidate


def root_of_candidates(here: Path, arguments: Sequence[str]) -> Path | None:
    """The project whose candidates all of these paths are; `None` where one is something else."""
    paths = [Path(os.path.normpath(here / argument)) for argument in arguments]
    roots = set(map(_root_of, paths))
    return roots.pop() if len(roots) == 1 else None


def _root_of(path: Path) -> Path | None:
    return next((each.parent for each in (path, *path.parents) if each.name == candidates.FOLDER), None)


def candidate_differences(root: Path, arguments: Sequence[str]) -> Differences:
    """What these candidates would change.

    Raises:
        UnknownName: there is no candidate at a path.
    """
    found = [_difference(one.candidate) for one, _fit in chosen(waiting_in(root), arguments, root) if one.candidate]
    return Differences(found=[one for one in found if one is not None], unchanged={})


def _difference(candidate: Candidate) -> Difference | None:
    unit = unit_of(candidate.facts.cassette)
    if unit is None:
        return None
    before, after = (_side(candidate, files) for files in (candidate.targets, candidate.files))
    if after.snapshot is None:
        before.snapshot = None  # it would stay as it is
    return Difference(unit=unit, before=before, after=after, changed={*after.paths})


def _side(candidate: Candidate, files: tuple[Path, Path]) -> Side:
    """The files of one side under the names of the baseline."""
    texts = {
        name: text
        for name, path in zip((candidate.facts.cassette, candidate.facts.snapshot), files, strict=True)
        if (text := _text(path)) is not None
    }
    names = [name if name in texts else None for name in (candidate.facts.cassette, candidate.facts.snapshot)]
    return Side(cassette=names[0], snapshot=names[1], texts=texts)


def _text(path: Path) -> str | LLMWatchError | None:
    try:
        return store.read_text(path)
    except UnreadableCassette as error:
        return error
