"""Which recordings and snapshots of a working tree differ from a revision, as the texts of both sides."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pytest_llmwatch import store
from pytest_llmwatch.cassette import HEAD
from pytest_llmwatch.errors import LLMWatchError, UnreadableCassette
from pytest_llmwatch.file_names import CASSETTES, SNAPSHOTS

from .cassette_files import SKIPPED_FOLDERS, SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from .git_tree import Repository, Revision

SNAPSHOT = ".snap"
LIKE_OURS = re.compile(r"# llmwatch snapshots|(?!\s*// Jest)")


class NothingThere(LLMWatchError):
    """A path of the command line is neither in the working tree nor in the revision."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What one test has: its recording and its snapshots lie in two folders side by side, under one name."""

    folder: str
    module: str
    name: str


@dataclass(slots=True)
class Side:
    """The files of a unit on one side, by their paths from the root; an error where one cannot be opened."""

    cassette: str | None = None
    snapshot: str | None = None
    texts: dict[str, str | LLMWatchError] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is neither."""
        return self.cassette is None and self.snapshot is None

    @property
    def paths(self) -> list[str]:
        """The paths of what there is."""
        return [path for path in (self.cassette, self.snapshot) if path is not None]


@dataclass(slots=True)
class Difference:
    """A unit of which something differs, on both sides; `changed` are the paths that do."""

    unit: Unit
    before: Side = field(default_factory=Side)
    after: Side = field(default_factory=Side)
    changed: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """All of them, and the recordings that are as they were, with their texts."""

    found: list[Difference]
    unchanged: dict[str, str | LLMWatchError]


def unit_of(path: str) -> Unit | None:
    """The unit that a file belongs to; `None` for a file that is neither a recording nor a snapshot."""
    pure = PurePosixPath(path)
    folders = pure.parts[:-1]
    if any(SKIPPED_FOLDERS.fullmatch(folder) for folder in folders) or pure.name.startswith("."):
        return None
    if pure.suffix in SUFFIXES and CASSETTES in folders and not pure.name.endswith(store.PENDING):
        return _unit(pure, CASSETTES)
    if pure.suffix == SNAPSHOT and pure.parent.parent.name == SNAPSHOTS:
        return _unit(pure, SNAPSHOTS)
    return None


def _unit(path: PurePosixPath, folder: str) -> Unit:
    """The names in a path, whichever of the two folders it goes through."""
    parts = path.parts
    place = len(parts) - 1 - parts[::-1].index(folder)
    return Unit("/".join(parts[:place]), "/".join(parts[place + 1 : -1]), path.stem)


def path_filter(repository: Repository, folder: Path, arguments: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path is below one of the arguments, or belongs to a test file among them; all are without any."""
    starts: list[str] = []
    for argument in arguments:
        relative = os.path.relpath((folder / argument).resolve(), repository.root.resolve())
        starts += _starts(PurePosixPath(os.path.normpath(relative).replace(os.sep, "/")))
    wanted = tuple(starts)
    return lambda path: (
        not wanted or any(not start or path == start or path.startswith(f"{start}/") for start in wanted)
    )


def _starts(path: PurePosixPath) -> list[str]:
    if path.suffix == ".py":
        return [str(path.parent / folder / path.stem).removeprefix("./") for folder in (CASSETTES, SNAPSHOTS)]
    return ["" if str(path) == "." else str(path)]


def differences(repository: Repository, revision: Revision, is_wanted: Callable[[str], bool]) -> Differences:
    """What differs below the wanted paths."""
    old = {path: name for path, name in repository.files(revision).items() if unit_of(path) and is_wanted(path)}
    new = {path for path in repository.present() if unit_of(path) and is_wanted(path)}
    tracked = repository.changed(revision)
    changed = {path for path in old if path in tracked} | {path for path in new if path not in old}
    units = {unit_of(path) for path in changed}
    needed = [path for path in old if unit_of(path) in units]
    blobs = repository.contents(old[path] for path in needed)
    found: dict[Unit, Difference] = {}
    for path in needed:
        _place(found, path, "before", _decoded(blobs.get(old[path], b"")))
    for path in sorted(new):
        if unit_of(path) in units:
            _place(found, path, "after", text_at(repository, path))
    for difference in found.values():
        difference.changed = {*difference.before.paths, *difference.after.paths} & changed
    unchanged = {
        path: text_at(repository, path) for path in sorted(new) if path not in changed and path.endswith(SUFFIXES)
    }
    return Differences(
        found=[one for one in found.values() if one.changed],
        unchanged={path: text for path, text in unchanged.items() if _is_recording(path, text)},
    )


def _place(found: dict[Unit, Difference], path: str, side: str, text: str | LLMWatchError) -> None:
    unit = unit_of(path)
    if unit is None or not _is_ours(path, text):
        return
    files: Side = getattr(found.setdefault(unit, Difference(unit)), side)
    files.texts[path] = text
    if path.endswith(SNAPSHOT):
        files.snapshot = path
    else:
        files.cassette = path


def _is_ours(path: str, text: str | LLMWatchError) -> bool:
    if path.endswith(SNAPSHOT):
        return not isinstance(text, str) or LIKE_OURS.match(text) is not None
    return _is_recording(path, text)


def _is_recording(path: str, text: str | LLMWatchError) -> bool:
    """Whether a file lies where recordings lie (then it should be one), or is one elsewhere."""
    in_layout = PurePosixPath(path).parent.parent.name == CASSETTES
    return in_layout or not isinstance(text, str) or HEAD.search(text) is not None


def text_at(repository: Repository, path: str) -> str | LLMWatchError:
    """The text of a file of the working tree, or why it cannot be opened."""
    try:
        text = store.read_text(repository.root / path)
    except UnreadableCassette as error:
        return UnreadableCassette(path, error.problem, line=error.line, remedy=error.remedy)
    return UnreadableCassette(path, "the file is gone") if text is None else text


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def with_moves(found: Iterable[Difference], keys_of: Callable[[Side], Iterator[object]]) -> list[Difference]:
    """The differences, each pair of a unit that is gone and a new one with a key in common made one.

    Args:
        found: The differences by unit.
        keys_of: What a side can be recognised by, the surest first.
    """
    listed = list(found)
    gone = [one for one in listed if one.after.is_empty]
    come = [one for one in listed if one.before.is_empty]
    keys = {id(one): list(keys_of(one.before)) for one in gone} | {id(one): list(keys_of(one.after)) for one in come}
    former: dict[int, Difference] = {}
    for place in range(max((len(each) for each in keys.values()), default=0)):
        waiting = {keys[id(one)][place]: one for one in reversed(gone) if len(keys[id(one)]) > place}
        for one in come:
            known = waiting.pop(keys[id(one)][place], None) if len(keys[id(one)]) > place else None
            if known is not None and id(one) not in former and known not in former.values():
                former[id(one)] = known
    for one in come:
        if id(one) in former:
            one.before = former[id(one)].before
    taken = {id(one) for one in former.values()}
    return [one for one in listed if id(one) not in taken]
