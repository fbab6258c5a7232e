"""A class, module, package or session fixture has a cassette of its own: its set-up belongs to no single test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import cassette_paths
from .cassette_writes import entry_of, write
from .scope import Scope
from .turns import Turn, turn_among_workers, turn_in_process
from .watch import Watch

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from .cassette import Cassette
    from .write_policy import Mode


@dataclass(slots=True)
class FixtureRecording:
    """One life of a wider fixture: set-up, then teardown when its last test is over."""

    watch: Watch
    scope: Scope
    turn: Turn
    take_turn: Callable[[str], tuple[Turn, Scope | None]]
    _teardown: contextlib.AbstractContextManager[None] | None = field(default=None)

    def failed(self) -> None:
        """The set-up raised: the baseline stays."""
        self.scope.outcome = "error"
        self._write()
        self.turn.give_up()
        self.turn = Turn(is_first=False)

    def ready(self) -> None:
        """The set-up is over; others may be served what it got."""
        self._write()
        self.turn.done()

    def begin_teardown(self) -> None:
        """Calls from here on belong to the fixture again; the first in the run to come here makes them."""
        self.turn, reopened = self.take_turn("teardown")
        self.scope = reopened or self.scope
        self._teardown = self.watch.inside(self.scope)
        self._teardown.__enter__()

    def end(self) -> None:
        """The fixture is gone; keep what its teardown called."""
        if self._teardown is not None:
            self._teardown.__exit__(None, None, None)
            self._teardown = None
        self.scope.is_over = True
        if self.scope.recording.made > self.scope.written or (self.watch.mode == "check" and self.turn.is_first):
            self.scope.exists = self.scope.exists or self.scope.written > 0
            self._write()
        else:
            self.watch.fixture_entries.append(entry_of(self.watch, self.scope, "leave", self.scope.path))
        self.turn.done()

    def _write(self) -> None:
        self.watch.fixture_entries.append(write(self.watch, self.scope))


def open_fixture(
    watch: Watch, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> FixtureRecording:
    """The recording of a fixture that is about to be set up.

    Raises:
        UnreadableCassette: its file cannot be read.
    """
    path = cassette_paths.fixture_path(fixturedef, request)
    name = f"{watch.shown(path)}::{fixturedef.argname}"
    item = _any_item(request)

    def opened(turn: Turn, mode: Mode) -> Scope:
        try:
            scope = watch.open(name, path, item, {}, mode, answers=_answers_of_run(watch, path, mode))
        except BaseException:
            turn.give_up()
            raise
        scope.is_fixture = True
        return scope

    def take_turn(phase: str) -> tuple[Turn, Scope | None]:
        """Our turn in this phase; behind another one, a recording that has all that one got."""
        turn = _turn_of(path / phase, watch)
        return turn, None if turn.is_first else opened(turn, "new")

    turn, behind = take_turn("set-up")
    scope = behind or opened(turn, watch.mode)
    if watch.mode == "check":
        watch.fixture_scopes[id(fixturedef)] = scope  # to name it where its answers make a test drift
    return FixtureRecording(watch=watch, scope=scope, turn=turn, take_turn=take_turn)


def _turn_of(what: Path, watch: Watch) -> Turn:
    if watch.mode == "replay":
        return Turn(is_first=True)
    # The fixture `tmp_path_factory` may be the very one that is being set up.
    factory = getattr(watch.config, "_tmp_path_factory", None)
    if factory is None or not hasattr(watch.config, "workerinput"):
        return turn_in_process(what, watch.finished)
    return turn_among_workers(what, factory.getbasetemp().parent)  # each worker has a folder in that of the run


def _answers_of_run(watch: Watch, path: Path, mode: Mode) -> Cassette | None:
    """What the first in this run got, where it is not in the cassette, because a check leaves that as it is."""
    if watch.mode != "check" or mode != "new":
        return None
    from .checking import shared_answers

    return shared_answers(watch, path)


def _any_item(request: pytest.FixtureRequest) -> pytest.Item:
    """The test that asks first: its folder's `conftest.py` files govern the hooks."""
    item: pytest.Item = request._pyfuncitem
    return item
