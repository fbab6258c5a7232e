"""Files that nobody uses any more: their test, its module or their fixture is gone."""

from __future__ import annotations

import glob
import os
import re
from typing import TYPE_CHECKING

from pytest_llmwatch import cassette_paths

from .cassette_files import is_in_layout

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmwatch.cassette import Cassette

    from .collection import Collection

FIXTURE_NAME = re.compile(r"(?:.*\.)?fixture-.+")


def orphaned(path: Path, cassette: Cassette, collection: Collection) -> str | None:
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
        return f"its test module is gone: {os.path.relpath(folder / f'{module}.py')}" if is_ours else None
    if collection.modules.isdisjoint(sources):
        return None
    if not is_ours and any(real.stem in _source(each) for each in sources):
        return None
    place, colons, names = cassette_paths.without_folder(cassette.test or real.stem).partition("::")
    return f"its test is gone: {os.path.relpath(folder / place) if colons else place}{colons}{names}"


def _orphaned_by_fixture(cassette: Cassette, folder: Path, sources: list[Path], collection: Collection) -> str | None:
    name = (cassette.test or "").rpartition("::")[2]
    is_known = not name or collection.fixtures is None or name in collection.fixtures
    was_read = not sources or not collection.modules.isdisjoint(sources)
    if [each.name for each in sources] == ["conftest.py"]:
        was_read = any(each.is_relative_to(folder) for each in collection.modules)
    return None if is_known or not was_read else f"its fixture is gone: {name}"


def _source(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")
