"""The cassette of a test that was renamed: it lies nearby, its test is gone, and it has the request that was missed."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from . import store
from .cassette import parse
from .errors import UnreadableCassette
from .request_key import key_of, request_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .calls import JSON
    from .exchange import Request
    from .misses import Miss

TEST = re.compile(r"llmwatch: \d+\ntest: (.+)\n")
HEAD_SIZE = 4000
MOST_READ = 50


def cassette_of_renamed(
    miss: Miss, path: Path, root: Path, body_of: Callable[[Request], JSON]
) -> tuple[Path, str] | None:
    """A cassette near this path that answers the request and whose test is gone, with the id of that test."""
    key = key_of(request_target(miss.request), miss.body)
    folders = path.parent.parent
    near = sorted(_without_test(folders, root), key=lambda found: found[0].parent != path.parent)
    for place, test in near[:MOST_READ]:
        try:
            exchanges = parse(store.read_text(place) or "", str(place)).exchanges
        except UnreadableCassette:
            continue
        requests = (exchange.request for exchange in exchanges)
        if any(key_of(request_target(request), body_of(request)) == key for request in requests):
            return place, test
    return None


@functools.cache  # a run may miss a thousand requests, and renames no test meanwhile
def _without_test(folders: Path, root: Path) -> tuple[tuple[Path, str], ...]:
    """The cassettes in these folders whose test no longer stands in its file, by the text of that file."""
    found = []
    for place in sorted(folders.glob("*/*.yaml")):
        if place.name.endswith(store.PENDING) or not place.is_file():
            continue
        with place.open(encoding="utf-8", errors="replace") as file:
            match = TEST.match(file.read(HEAD_SIZE))
        test = _unquoted(match[1]) if match else ""
        if "::" in test and _is_gone(test, root):
            found.append((place, test))
    return tuple(found)


def _unquoted(written: str) -> str:
    from .yaml_text import YamlProblem, load

    try:
        value = load(written)
    except YamlProblem:
        return ""
    return value if isinstance(value, str) else ""


def _is_gone(test: str, root: Path) -> bool:
    source = root / test.split("::", maxsplit=1)[0]
    name = test.rsplit("::", maxsplit=1)[-1].split("[", maxsplit=1)[0]
    if source.suffix != ".py" or not source.is_file():
        return not source.exists()
    return re.search(rf"\b{re.escape(name)}\b", source.read_text(encoding="utf-8", errors="replace")) is None
