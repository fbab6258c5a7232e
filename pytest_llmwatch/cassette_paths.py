"""Where the cassette of a test or of a wider fixture lives: the layout of pytest-recording, made safe."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

FOLDER = "cassettes"
SNAPSHOTS = "__snapshots__"
SAFE = re.compile(r"[A-Za-z0-9_.,=+@\[\]-]{1,120}")
UNSAFE_CHARACTER = re.compile(r"[^A-Za-z0-9_.,=+@\[\]-]+")
SHOWN = 80


def test_path(item: pytest.Item) -> Path:
    """`cassettes/<module>/<Class.test[parameters]>.yaml` beside the test file."""
    chain = item.nodeid.split("::")[1:] or [item.name]
    return item.path.parent / FOLDER / item.path.stem / f"{file_name(chain)}.yaml"


def snapshot_path(test: str, module: Path, folder: str = SNAPSHOTS) -> Path:
    """`__snapshots__/<module>/<Class.test[parameters]>.snap` beside the test file: named as the cassette is."""
    chain = test.split("::")[1:] or [test]
    return module.parent / folder / module.stem / f"{file_name(chain)}.snap"


def file_name(chain: list[str]) -> str:
    """The names joined by dots where every file system keeps that apart from others; else shortened, with a hash."""
    name = ".".join(chain)
    if SAFE.fullmatch(name) and chain[-1] == chain[-1].lower() and not name.endswith("."):
        return name
    digest = hashlib.sha256("::".join(chain).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{UNSAFE_CHARACTER.sub('-', name)[:SHOWN].strip('-.')}-{digest}"


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
        return Path(node.path).parent / FOLDER / Path(node.path).stem / f"{file_name(chain)}.yaml"
    source = Path(fixturedef.func.__code__.co_filename)
    folder = source.parent if source.is_relative_to(request.config.rootpath) else request.config.rootpath
    if fixturedef.scope == "package":
        folder = Path(node.path) if Path(node.path).is_dir() else Path(node.path).parent
    return folder / FOLDER / source.stem / f"{file_name(chain)}.yaml"
