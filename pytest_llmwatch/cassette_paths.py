"""Where the cassette of a test or of a wider fixture lives: the layout of pytest-recording, made safe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .file_names import CASSETTES, file_name
from .test_ids import id_of

if TYPE_CHECKING:
    import pytest


def test_path(item: pytest.Item) -> Path:
    """`cassettes/<module>/<Class.test[parameters]>.yaml` beside the test file."""
    chain = id_of(item).split("::")[1:] or [item.name]
    return item.path.parent / CASSETTES / item.path.stem / f"{file_name(chain)}.yaml"


def without_folder(test: str) -> str:
    """The id of a test from its file's name on; a root directory may move."""
    place, colons, names = test.partition("::")
    return place.rpartition("/")[2] + colons + names


def may_be_at(test: str | None, path: Path) -> bool:
    """Whether the test (or fixture) of that id would have its cassette at the path, by its names alone."""
    place, _, names = without_folder(test or "").partition("::")
    if not names or place.endswith(".yaml"):
        return not names or place == path.name
    return path.name == f"{file_name(names.split('::'))}.yaml" and path.parent.name == Path(place).stem


def fixture_path(fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest) -> Path:
    """`fixture-<name>.yaml`: with the module for a module or class fixture, else where the fixture is defined."""
    name = f"fixture-{fixturedef.argname}"
    parameter = getattr(request, "param_index", 0) if fixturedef.params else None
    chain = [name if parameter is None else f"{name}[{parameter}]"]
    node = request.node
    if fixturedef.scope in ("class", "module"):
        chain = [*node.nodeid.split("::")[1:], *chain]
        return Path(node.path).parent / CASSETTES / Path(node.path).stem / f"{file_name(chain)}.yaml"
    source = Path(fixturedef.func.__code__.co_filename)
    folder = source.parent if source.is_relative_to(request.config.rootpath) else request.config.rootpath
    if fixturedef.scope == "package":
        folder = Path(node.path) if Path(node.path).is_dir() else Path(node.path).parent
    return folder / CASSETTES / source.stem / f"{file_name(chain)}.yaml"
