"""One run's watch over model calls: which recording is in force, and whom the guard stands in for."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from . import cassette_paths, settings, store
from .budgets import budget_of
from .candidates import candidate_path, snapshot_beside
from .cassette import Cassette, parse
from .cassette_writes import write
from .errors import ReplayRefusal, UnreadableCassette
from .guard import Guard, Holder
from .hooked_prices import HookedPrices
from .hooked_secrets import HookedSecrets
from .hosts import is_unstored, names_host
from .live_limits import limit_live_calls
from .marker import marker_arguments
from .model_swap import Swapper
from .own_prices import price_table
from .quiet_threads import without_refusals_of_threads
from .recorder import Switchboard
from .recording import Recording
from .reports.model_swap import signed_page
from .reports.progress import Progress
from .reports.summary import Entry
from .request_key import ignored_field, significant_body
from .scope import Scope
from .test_ids import id_of, without_hidden
from .typed_names import typed_id
from .write_policy import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .calls import JSON, ModelCall
    from .exchange import Exchange, Request
    from .expectations.judge_memories import JudgeMemory
    from .hosts import Route


@dataclass(slots=True)
class Watch:
    """The state of a run. Created at the first test that uses us; everything before that costs nothing."""

    config: pytest.Config
    mode: Mode
    guarded: settings.Guarded = "used"
    progress: Progress | None = None
    uncovered_refusals: list[ReplayRefusal] = field(default_factory=list)
    item_scope: Scope | None = None
    touched: list[Scope] = field(default_factory=list)
    fixture_entries: list[Entry] = field(default_factory=list)
    fixture_scopes: dict[int, Scope] = field(default_factory=dict)
    finished: set[Path] = field(default_factory=set)
    answers: dict[Path, str] = field(default_factory=dict)
    secrets: HookedSecrets = field(init=False)
    prices: HookedPrices = field(init=False)
    swapper: Swapper | None = None
    _stack: list[Scope] = field(default_factory=list)
    _guard: Guard | None = None
    _board: Switchboard | None = None
    _undo: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        lines = settings.setting_of("prices", self.config, environ=os.environ, marker={})
        self.prices = HookedPrices(own=price_table(lines))
        swaps = settings.model_swaps_of(self.config, mode=self.mode)
        if swaps:
            self.swapper = Swapper(swaps=swaps, explain=signed_page)
        self.secrets = HookedSecrets(config=self.config, mode=self.mode)

    def begin(self, item: pytest.Item) -> Scope:
        """Put a test's own recording in force.

        Raises:
            LLMWatchError: its cassette cannot be read, or its marker makes no sense.
        """
        self.touched = []
        self._guarding().new_test()
        marker = marker_arguments(item)
        path = cassette_paths.test_path(item)
        if self.mode in ("record", "new") and "llm_snapshot" in getattr(item, "fixturenames", ()):
            from .snapshot_fixture import check_writable

            check_writable(item, self)
        self.item_scope = self.open(id_of(item), path, item, marker)
        self._push(self.item_scope)
        return self.item_scope

    def open(
        self,
        test: str,
        path: Path,
        item: pytest.Item,
        marker: dict[str, Any],
        mode: Mode | None = None,
        *,
        answers: Cassette | None = None,
    ) -> Scope:
        """A recording over a file, not yet in force; `answers` are served in place of what stands there."""
        mode = mode or self.mode
        cassette = self._read(path, item)
        if mode != "replay":
            written = candidate_path(self.config.rootpath, path) if self.mode == "check" else path
            store.check_writable(written, self.shown(written))
        is_replaced = mode == "record" and cassette is not None and not cassette_paths.may_be_at(cassette.test, path)
        if cassette is not None and not is_replaced:
            _check_owner(cassette, test, self.shown(path), self.command(item))
        loaded = answers or cassette
        budget = budget_of(marker, place="@pytest.mark.llm")
        body_of = self._body_of(item, marker)
        recording = Recording(
            test=test,
            mode=mode,
            clock=time.monotonic,
            explain=functools.partial(self._explain, item=item, path=path),
            loaded=None if loaded is None else loaded.exchanges,
            body_of=body_of,
            decode=functools.partial(_decode, item),
            price=self.prices.price_of(item),
            redact=self.secrets.redact_of(item),
            on_call=self._count,
        )
        if mode != "replay":
            baseline = () if cassette is None else cassette.exchanges
            limit_live_calls(self, item, recording, budget, baseline=baseline, body_of=body_of)
        return Scope(
            recording=recording,
            path=path,
            exists=cassette is not None,
            baseline=cassette,
            body_of=body_of,
            marker=marker,
            budget=budget,
        )

    def _read(self, path: Path, item: pytest.Item) -> Cassette | None:
        try:
            text = store.read_text(path)
            return None if text is None else parse(text, self.shown(path))
        except UnreadableCassette as error:
            command, shown = self.command(item), self.shown(path)
            problem, line, remedy = error.problem, error.line, error.remedy
            raise UnreadableCassette(shown, problem, line=line, remedy=remedy, command=command) from error

    @property
    def judges(self) -> JudgeMemory | None:
        """The memory of the recording in force, for judges."""
        return self._stack[-1].recording.judges if self._stack else None

    def begin_uncovered(self, test: str) -> None:
        """Guard a test that does not use us, where the setting asks for that."""
        self.uncovered_refusals = []
        if self.guarded == "all" and self.mode == "replay":
            self._guarding().new_test()
            self._guarding().hold(Holder(test=test, refuse=self._refuse_uncovered, is_covered=False))

    def _refuse_uncovered(self, refusal: ReplayRefusal) -> ReplayRefusal:
        self.uncovered_refusals.append(refusal)
        return refusal

    def end(self) -> None:
        """Take the test's recording out of force; no other request of it is answered."""
        if self.item_scope in self._stack:
            self._stack.remove(self.item_scope)
        self._connect()

    @contextlib.contextmanager
    def inside(self, scope: Scope) -> Iterator[None]:
        """Put a wider fixture's recording in force for a while."""
        self._push(scope)
        try:
            yield
        finally:
            self._stack.remove(scope)
            self._connect()

    def rest(self) -> None:
        """Put the real clients back: the next test does not use us."""
        if self._undo is not None and not self._stack:
            self._undo()
            self._undo = self._board = None
        if self._guard is not None and not self._stack:
            self._guard.take_away()

    def _push(self, scope: Scope) -> None:
        self._stack.append(scope)
        self.touched.append(scope)
        if self._board is None:
            from .recorder import install

            self._board, undo = install()
            undo_quiet = without_refusals_of_threads()
            self._undo = lambda: (undo_quiet(), undo())[1]
            self._board.route_of = self._router()
            self._board.swap = self.swapper
        self._connect()

    def _connect(self) -> None:
        if self._board is not None:
            self._board.recording = self._stack[-1].recording if self._stack else None
        recording = self._stack[-1].recording if self._stack else None
        if recording is not None and recording.mode == "replay" and self.guarded != "off":
            self._guarding().hold(Holder(test=recording.test, refuse=recording.refuse))
        elif self._guard is not None:
            self._guard.hold(None)

    def _guarding(self) -> Guard:
        if self._guard is None:
            passing = settings.setting_of("passthrough_hosts", self.config, environ=os.environ, marker={})
            self._guard = Guard(passing=passing, shown=self.shown)
        return self._guard

    def _count(self, exchange: Exchange) -> None:
        if self.progress is not None:
            self.progress.count(exchange)

    def _router(self) -> Callable[[Request], Route]:
        read = functools.partial(settings.setting_of, config=self.config, environ=os.environ, marker={})
        recorded, passing = read("record_hosts"), read("passthrough_hosts")

        @functools.lru_cache(maxsize=256)  # three dozen patterns, and an application asks few places many times
        def route_to(uri: str) -> Route:
            if names_host(recorded, uri):
                return "watch"
            if is_unstored(uri):
                return "unstored"
            return "pass" if names_host(passing, uri) else "watch"

        def route_of(request: Request) -> Route:
            route = route_to(request.uri)
            return "watch" if route == "pass" and _claimed(request) else route

        return route_of

    def _body_of(self, item: pytest.Item, marker: dict[str, Any]) -> Callable[[Request], JSON]:
        lines = settings.setting_of("ignore_request_fields", self.config, environ=os.environ, marker=marker)
        ignored = tuple(ignored_field(line) for line in lines if line.strip())
        hook = item.ihook.pytest_llmwatch_request_key
        if not hook.get_hookimpls():
            return functools.partial(significant_body, ignored=ignored)

        def body_of(request: Request) -> JSON:
            body = significant_body(request, ignored)
            answer: JSON = hook(request=request, body=body)
            return body if answer is None else answer

        return body_of

    def _explain(self, miss: Any, *, item: pytest.Item, path: Path) -> str:
        from .renamed import cassette_of_renamed
        from .reports.miss_page import miss_page

        mask = functools.partial(self.secrets.masked, item=item)
        body_of = self._body_of(item, marker_arguments(item))
        found = None if miss.has_cassette else cassette_of_renamed(miss, path, self.config.rootpath, body_of)
        former = None if found is None else (self.shown(found[0]), found[1])
        pending = store.pending_path(path)
        waiting = (self.shown(pending), shlex.quote(typed_id(self.config, id_of(item)))) if pending.is_file() else None
        command, cassette = self.command(item), self.shown(path)
        outputs = None if found is None or not snapshot_beside(found[0]).is_file() else snapshot_beside(found[0])
        moved = None if outputs is None else (self.shown(outputs), self.shown(snapshot_beside(path)))
        page = functools.partial(miss_page, miss, command=command, cassette=cassette, mask=mask)
        return mask(page(former=former, snapshots=moved, pending=waiting))

    def models_swapped(self, test: str) -> dict[str, str]:
        """The models that a test has asked for, with those that `--llm-model` asked instead."""
        return {} if self.swapper is None else self.swapper.swapped(test)

    def interrupted(self) -> list[Entry]:
        """Keep what recordings that never came to their end had got, and put the real clients back."""
        entries = []
        for scope in self._stack:
            if scope.recording.made > scope.written:
                scope.outcome = "interrupted"
                entries.append(write(self, scope))
        self._stack.clear()
        self._connect()
        self.rest()
        return entries

    def command(self, item: pytest.Item, flag: str | None = None) -> str:
        """What to type, where pytest was started, to record this test."""
        return f"pytest {self.typed(item)} {flag or settings.record_flag(self.config)}"

    def typed(self, item: pytest.Item) -> str:
        """The test's name as one types it where pytest was started."""
        return shlex.quote(typed_id(self.config, without_hidden(id_of(item))))

    def shown(self, path: Path) -> str:
        """The path as a user would type it, from the root."""
        with contextlib.suppress(ValueError):
            return str(path.relative_to(self.config.rootpath))
        return str(path)


def _check_owner(cassette: Cassette, test: str, path: str, command: str) -> None:
    """Two tests may not share a file; a root directory that moved is no reason to complain."""
    name_of = cassette_paths.without_folder
    if cassette.test is not None and name_of(cassette.test) != name_of(test):
        renamed = f"If the test was renamed, change line 2 of the file to: test: {test}"
        problem = f"this cassette belongs to {cassette.test}, not to {test}"
        raise UnreadableCassette(path, problem, line=2, advice=f"{renamed}\nElse record it again: {command}")


def _decode(item: pytest.Item, exchange: Exchange) -> ModelCall:
    call: ModelCall = item.ihook.pytest_llmwatch_decode(exchange=exchange)
    return call


def _claimed(request: Request) -> bool:
    from .wire import claiming

    return claiming(request) is not None
