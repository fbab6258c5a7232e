"""The cassettes that a command line names: files as they are, folders for what lies below them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmwatch import store
from pytest_llmwatch.cassette import HEAD, Cassette, parse
from pytest_llmwatch.errors import LLMWatchError, UnreadableCassette
from pytest_llmwatch.file_names import CASSETTES

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIXES = (".yaml", ".yml")
SKIPPED_FOLDERS = re.compile(r"\..*|__pycache__|node_modules|site-packages|venv|build|dist|.*\.egg-info")


class NoCassettes(LLMWatchError):
    """A path of the command line leads to no cassette."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CassetteFile:
    """A file to read; `name` is what the user typed, with the rest of the way for a file below a folder.

    `asked` says that the file itself was named, not a folder above it.
    """

    name: str
    path: Path
    asked: bool = True


def files_at(argument: str) -> list[CassetteFile]:
    """The file, or all cassettes below the folder, in order of their names; pending recordings only where named.

    Raises:
        NoCassettes: there is nothing at that path, or a folder without cassettes.
    """
    path = Path(argument)
    if not path.is_dir():
        if not os.path.lexists(path):
            raise NoCassettes(f"{argument}: there is no such file or folder")
        return [CassetteFile(name=argument, path=path)]
    found = [
        CassetteFile(name=os.path.join(argument, each.relative_to(path)), path=each, asked=False)  # noqa: PTH118 - keeps `./`
        for each in yaml_files_below(path)
        if not each.name.endswith(store.PENDING) and is_in_layout_or_cassette(each)
    ]
    if not found:
        raise NoCassettes(f"{argument}: there is no cassette in this folder, nor below it")
    return found


def files_of_project(root: Path) -> Iterator[CassetteFile]:
    """The cassettes in every cassettes folder below the root of a project, named from here; no pending recordings."""
    for each in yaml_files_below(root):
        is_kept = is_in_cassettes(each, root) and not each.name.endswith(store.PENDING)
        if is_kept and is_in_layout_or_cassette(each):
            yield CassetteFile(name=os.path.relpath(each), path=each, asked=False)


def is_in_cassettes(path: Path, below: Path) -> bool:
    """Whether a file below a folder is in a folder called `cassettes`, or the folder is in one."""
    return CASSETTES in path.relative_to(below).parts[:-1] or CASSETTES in below.absolute().parts


def yaml_files_below(folder: Path) -> Iterator[Path]:
    """Every YAML file below a folder, without hidden folders, virtual environments and packages of others."""
    for place, names in folders_below(folder):
        yield from (Path(place, name) for name in sorted(names) if name.endswith(SUFFIXES) and name[0] != ".")


def folders_below(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The folder and those below it with the names of their files, without hidden ones and those of others."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not SKIPPED_FOLDERS.fullmatch(name) and not Path(place, name, "pyvenv.cfg").exists()
        )
        yield place, names


def is_in_layout_or_cassette(path: Path) -> bool:
    """Whether a file lies where cassettes lie (then it should be one), or is one elsewhere."""
    return is_in_layout(path) or looks_like_cassette(path)


def is_in_layout(path: Path) -> bool:
    """Whether a file is at `cassettes/<module>/<test>.yaml`."""
    return path.absolute().parent.parent.name == CASSETTES


def looks_like_cassette(path: Path) -> bool:
    """Whether the text has the head of a cassette; a file that cannot be opened might be one."""
    try:
        return HEAD.search(store.read_text(path) or "") is not None
    except (OSError, UnreadableCassette):
        return True


def read(file: CassetteFile) -> Cassette:
    """The cassette in a file.

    Raises:
        UnreadableCassette: it cannot be opened, or is no cassette.
    """
    return parse(text_of(file), file.name)


def text_of(file: CassetteFile) -> str:
    """The text of a file.

    Raises:
        UnreadableCassette: it cannot be opened.
    """
    try:
        text = store.read_text(file.path)
    except UnreadableCassette as error:
        raise UnreadableCassette(file.name, error.problem, line=error.line, remedy=error.remedy) from error
    if text is None:
        raise UnreadableCassette(file.name, "the file is gone")
    return text


def said_of(error: LLMWatchError) -> str:
    """The error as a command prints it: the place first, and no advice about a file that is no cassette."""
    if not isinstance(error, UnreadableCassette):
        return str(error)
    said = f"{error.place}: {error.problem}"
    return said if error.remedy == "move away" else f"{said}\n{error.advice}"
