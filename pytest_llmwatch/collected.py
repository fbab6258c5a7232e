"""What a collection knows about cassettes, written down for `pytest-llmwatch lint`, which runs one in a process apart.

It collects what a bare `pytest` at the root would, before anything is deselected, and leaves no trace: what pytest
would remember of this run, or write about it, is switched off.
"""

from __future__ import annotations

import glob
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import cassette_paths, settings
from .unused import CACHE_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

COLLECT_TO = "LLMWATCH_COLLECT_TO"
MEMORIES = ("lfplugin", "nfplugin", "stepwiseplugin")
REPORT_OPTIONS = ("xmlpath", "htmlpath")
NOT_IN_NAMES = re.compile(r"[<>?%*:|\"'/\\]")


def take_note(config: pytest.Config) -> None:
    """Make this run one that only writes down what it collects, where lint has asked for that."""
    target = os.environ.get(COLLECT_TO)
    if not target or hasattr(config, "workerinput"):
        return
    for name in MEMORIES:
        if config.pluginmanager.has_plugin(name):
            config.pluginmanager.unregister(name=name)
    for option in REPORT_OPTIONS:
        if hasattr(config.option, option):
            setattr(config.option, option, None)
    config.args[:] = list(_places(config))
    config.pluginmanager.register(Collected(config, Path(target)), "llmwatch-collected")


def _places(config: pytest.Config) -> Iterator[str]:
    """What a bare `pytest` at the root collects."""
    patterns = [str(config.rootpath / each) for each in config.getini("testpaths")]
    found = [place for each in patterns for place in sorted(glob.glob(each, recursive=True))]  # noqa: PTH207 - as pytest does
    yield from found or [str(config.rootpath)]


class Collected:
    """Notes what was collected, and what could not be."""

    def __init__(self, config: pytest.Config, target: Path) -> None:
        self._config = config
        self._target = target
        self._modules: set[str] = set()
        self._failed: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that was read, or the place of an error."""
        path = self._config.rootpath / str(report.nodeid).split("::")[0]
        if report.failed:
            self._failed.append(str(report.nodeid))
        elif report.passed and path.is_file():
            self._modules.add(str(path))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Write it all down, before anything is deselected."""
        cache = getattr(self._config, "cache", None)
        facts = {
            "root": str(self._config.rootpath),
            "cassettes": sorted({str(path) for item in items for path in _cassettes_of(item)}),
            "modules": sorted(self._modules),
            "fixtures": _fixtures(session),
            "failed": self._failed,
            "secret_patterns": list(_secret_patterns(self._config)),
            "not_secrets": settings.setting_of("not_secrets", self._config, environ=os.environ, marker={}),
            "max_age": str(settings.setting_of("max_age", self._config, environ=os.environ, marker={})),
            "unused": cache.get(CACHE_KEY, {}) if cache else {},
        }
        self._target.write_text(json.dumps(facts), encoding="ascii")


def _cassettes_of(item: pytest.Item) -> Iterator[Path]:
    """Our place for a test's cassette, and the places where pytest-recording has one."""
    ours = cassette_paths.test_path(item)
    yield ours
    cls = getattr(item, "cls", None)
    name = f"{cls.__name__}.{item.name}" if cls else item.name
    yield ours.with_name(f"{NOT_IN_NAMES.sub('-', name)}.yaml")
    for marker in (*item.iter_markers("vcr"), *item.iter_markers("default_cassette")):
        yield from (ours.parent / each for each in marker.args if isinstance(each, str))


def _secret_patterns(config: pytest.Config) -> Iterator[str]:
    """The regular expressions of the ini file and of every `conftest.py`, as texts."""
    yield from settings.setting_of("secret_patterns", config, environ=os.environ, marker={})
    for answer in config.hook.pytest_llmwatch_secrets():
        yield from (each if isinstance(each, str) else _with_flags(each) for each in answer)


def _with_flags(pattern: re.Pattern[str]) -> str:
    flags = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE, "a": re.ASCII}
    letters = "".join(letter for letter, flag in flags.items() if pattern.flags & flag)
    return f"(?{letters}:{pattern.pattern})" if letters else pattern.pattern


def _fixtures(session: pytest.Session) -> list[str] | None:
    """The names of all fixtures, asked for by a test or not; `None` where this pytest keeps them elsewhere."""
    manager = vars(session._fixturemanager)
    known = manager.get("_arg2fixturedefs") or manager.get("_arg2node2fixturedefs")
    return sorted(known) if known else None
