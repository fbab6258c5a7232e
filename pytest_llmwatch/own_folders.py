"""Folders that hold a file for each test: pytest would offer every one of them to every plugin, a test at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .file_names import CASSETTES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class OwnFolder(pytest.Directory):
    """A folder with nothing to collect."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """Nothing."""
        return ()


def own_folder(path: Path, parent: pytest.Collector) -> OwnFolder | None:
    """The folder, where its place and all its files are ours; `None` where others may find something in it."""
    place = path.parent.name
    if place == CASSETTES:
        suffix = ".yaml"
    elif place == getattr(parent.config.option, "snapshot_dirname", None):
        suffix = ".snap"
    else:
        return None
    is_own = all(each.name.endswith(suffix) or each.name.startswith(".") for each in path.iterdir())
    return OwnFolder.from_parent(parent, path=path) if is_own else None
