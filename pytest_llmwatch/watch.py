"""One run's watch over model calls: which recording is in force, how each test ended, what is written."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from . import cassette_paths, settings, store
from .budgets import NO_LIMITS, Budget, budget_of
from .calls import JSON
from .candidates import candidate_path, drop, snapshot_beside
from .cassette import Cassette, parse
from .cassette_text import dump
from .environment_secrets import SeenSecrets
from .errors import ConnectionNotAllowed, ReplayRefusal, SettingError, UnreadableCassette
from .exchange import Request
from .exchange_dates import date_of
from .guard import Guard, Holder
from .hosts import is_unstored, names_host
from .live_limits import limit_live_calls, recorded_spend
from .model_swap import Swapper
from .own_prices import NO_PRICES, Price, PriceTable, price_table, rounded
from .pricing import price_of
from .quiet_threads import without_refusals_of_threads
from .recorder import Switchboard
from .recording import Recording
from .redaction import redacted, redacted_text
from .reports.drift_lines import DriftFacts
from .reports.guard_page import address_of
from .reports.model_swap import signed_page
from .reports.progress import Progress
from .reports.summary import Entry, kind_of
from .request_key import ignored_field, significant_body
from .secret_spans import KNOWN, Patterns, Secrets, compiled
from .spend import spend_of
from .typed_names import typed_id
from .write_policy import Mode, Outcome, Write, decide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .calls import ModelCall
    from .exchange import Exchange
    from .expectations.judge_memories import JudgeMemory
    from .hosts import Route
    from .snapshot_notes import SnapshotNotes  # noqa: TC004 - nobody asks for the types of a Scope at run time

SDKS = ("openai", "anthropic", "google-genai", "boto3", "litellm", "httpx2", "httpx", "requests", "aiohttp")


@dataclass(slots=True)
class Scope:
    """A recording with the file behind it: that of one test run, or of one wider fixture.

    Attributes:
        baseline: What the file had at the beginning; `None` where there was none.
        body_of: What of a request counts.
        drift: How what was recorded differs from it, for the report.
        has_failed: Whether a test failed for a reason of its own, under `--llm-check`.
        has_drifted: Whether it was made to fail for drift.
        drifted_fixtures: The wider fixtures of the test that had drifted then.
    """

    recording: Recording
    path: Path
    exists: bool
    baseline: Cassette | None = None
    body_of: Callable[[Request], JSON] = significant_body
    drift: DriftFacts | None = None
    is_fixture: bool = False
    is_over: bool = False
    has_failed: bool = False
    has_drifted: bool = False
    outcome: Outcome = "passed"
    written: int = 0
    told: int = 0
    spends_told: int = 0
    refusals_shown: int = 0
    snapshots: SnapshotNotes | None = None
    budget: Budget = NO_LIMITS
    judged: int = 0
    is_over_budget: bool = False
    drifted_fixtures: tuple[str, ...] = ()


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
    environment: SeenSecrets = field(default_factory=SeenSecrets)
    own_prices: PriceTable = NO_PRICES
    exempt: Patterns = ()
    _built_in: dict[int, Price] = field(default_factory=dict)
    _patterns: dict[object, Patterns] = field(default_factory=dict)
    _stack: list[Scope] = field(default_factory=list)
    _swapper: Swapper | None = None
    _guard: Guard | None = None
    _board: Switchboard | None = None
    _undo: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        self.own_prices = price_table(settings.setting_of("prices", self.config, environ=os.environ, marker={}))
        swaps = settings.model_swaps_of(self.config, mode=self.mode)
        if swaps:
            self._swapper = Swapper(swaps=swaps, explain=signed_page)
        lines = settings.setting_of("not_secrets", self.config, environ=os.environ, marker={})
        self.exempt = compiled((line for line in lines if line.strip()), setting="llm_not_secrets")

    def begin(self, item: pytest.Item) -> Scope:
        """Put a test's own recording in force.

        Raises:
            LLMWatchError: its cassette cannot be read, or its marker makes no sense.
        """
        self.touched = []
        self._guarding().new_test()
        marker = settings.marker_arguments(item)
        path = cassette_paths.test_path(item)
        if self.mode in ("record", "new") and "llm_snapshot" in getattr(item, "fixturenames", ()):
            from .snapshot_fixture import check_writable

            check_writable(item, self)
        self.item_scope = self.open(item.nodeid, path, item, marker)
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
            price=self._price_of(item),
            redact=self._redact_of(item),
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
            self._board.swap = self._swapper
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

    def _price_of(self, item: pytest.Item) -> Callable[[ModelCall, Exchange], Price]:
        hook = item.ihook.pytest_llmwatch_price
        if len(hook.get_hookimpls()) == 1:  # nobody but the built-in
            return self.own_price_of

        def price(call: ModelCall, exchange: Exchange) -> Price:
            if call.cost is not None:
                return self.own_price_of(call, exchange)
            answer = hook(call=call, at=date_of(exchange), exchange=exchange, item=item)
            built_in = self._built_in.pop(id(exchange), None)
            if built_in is not None and built_in.cost is answer:
                return built_in
            if answer is None:
                return Price(reason="pytest_llmwatch_price, a hook, names none")
            if not isinstance(answer, Decimal) or not answer.is_finite() or answer < 0:
                raise SettingError(
                    f"pytest_llmwatch_price returned {answer!r}; return a decimal.Decimal that is not negative, or None"
                )
            return Price(cost=rounded(answer), source="pytest_llmwatch_price")

        return price

    def own_price_of(self, call: ModelCall, exchange: Exchange) -> Price:
        """What a call cost by what everybody else left over: the ini file's prices, the cassette, genai-prices."""
        return price_of(call, exchange, self.own_prices)

    def price_for_hook(self, call: ModelCall, exchange: Exchange) -> Decimal | None:
        """The built-in hook's answer; its source and reason, which a hook cannot return, are kept for who asked."""
        price = self._built_in[id(exchange)] = self.own_price_of(call, exchange)
        return price.cost

    def _redact_of(self, item: pytest.Item) -> Callable[[Exchange], Exchange]:
        patterns = self.patterns_of(item)
        hook = item.ihook.pytest_llmwatch_redact
        if len(hook.get_hookimpls()) == 1:  # nobody but the built-in
            return functools.partial(self.redacted, patterns=patterns)

        def redact(exchange: Exchange) -> Exchange:
            answer: Exchange = hook(exchange=exchange, item=item)
            return answer

        return redact

    def redacted(self, exchange: Exchange, patterns: Patterns) -> Exchange:
        """The exchange without secrets; those of the environment count where something is recorded."""
        forms = {} if self.mode == "replay" else self.environment.forms(os.environ)
        is_known = not (patterns or forms or self.exempt)
        return redacted(exchange, KNOWN if is_known else Secrets(patterns=patterns, exempt=self.exempt, forms=forms))

    def masked(self, text: str, item: pytest.Item) -> str:
        """A text for people to read, without secrets: those of the environment too, also at replay."""
        forms = self.environment.forms(os.environ)
        secrets = Secrets(patterns=self.patterns_of(item), exempt=self.exempt, forms=forms)
        return redacted_text(text, secrets)

    def patterns_of(self, item: pytest.Item) -> Patterns:
        """The patterns of the ini file and of the hook, which a folder's `conftest.py` governs.

        Raises:
            SettingError: one does not compile.
        """
        hook = item.ihook.pytest_llmwatch_secrets
        if hook not in self._patterns:
            lines = settings.setting_of("secret_patterns", self.config, environ=os.environ, marker={})
            given = [pattern for patterns in hook() for pattern in patterns]
            self._patterns[hook] = compiled([*(line for line in lines if line.strip()), *given])
        return self._patterns[hook]

    def _explain(self, miss: Any, *, item: pytest.Item, path: Path) -> str:
        from .renamed import cassette_of_renamed
        from .reports.miss_page import miss_page

        mask = functools.partial(self.masked, item=item)
        body_of = self._body_of(item, settings.marker_arguments(item))
        found = None if miss.has_cassette else cassette_of_renamed(miss, path, self.config.rootpath, body_of)
        former = None if found is None else (self.shown(found[0]), found[1])
        pending = store.pending_path(path)
        waiting = (self.shown(pending), self.typed(item)) if pending.is_file() else None
        command, cassette = self.command(item), self.shown(path)
        outputs = None if found is None or not snapshot_beside(found[0]).is_file() else snapshot_beside(found[0])
        moved = None if outputs is None else (self.shown(outputs), self.shown(snapshot_beside(path)))
        page = functools.partial(miss_page, miss, command=command, cassette=cassette, mask=mask)
        return mask(page(former=former, snapshots=moved, pending=waiting))

    def write(self, scope: Scope) -> Entry:
        """Do with a recording what the policy says, and tell what was done.

        Raises:
            OSError: the disk refuses.
        """
        if self.mode == "check":
            from .checking import settled

            return settled(self, scope)
        recording = scope.recording
        decision = decide(mode=recording.mode, exists=scope.exists, made=recording.made, outcome=scope.outcome)
        if decision == "remove" and recording.unfinished:
            decision = "leave"  # the test does call a model
        pending = store.pending_path(scope.path)
        if decision == "replace" and recording.mode == "record" and scope.baseline is not None:
            from .drifting import note_drift

            note_drift(scope)
        text = self.text_of(scope) if decision in ("replace", "keep beside") else None
        if scope.snapshots is not None:
            from .snapshot_writes import write_with

            write_with(scope, scope.snapshots, decision, text)
        elif decision == "replace" and text is not None:
            store.remove_leftovers(scope.path)
            store.write_text(scope.path, text)
        elif decision == "remove":
            store.remove(scope.path)
        if decision == "keep beside" and text is not None:
            store.write_text(pending, text)
        if decision in ("replace", "remove"):
            store.remove(pending)
            drop(self.config.rootpath, candidate_path(self.config.rootpath, scope.path))
        scope.written = recording.made
        return self.entry_of(scope, decision, pending if decision == "keep beside" else scope.path)

    def text_of(self, scope: Scope) -> str:
        """The text of the cassette that a recording would become."""
        facts = recorded_facts(scope.path.parent)
        cassette = Cassette(test=scope.recording.test, exchanges=scope.recording.exchanges, recorded=facts)
        return dump(cassette, scope.recording.decode, scope.recording.price)

    def entry_of(self, scope: Scope, decision: Write, path: Path) -> Entry:
        """What a recording did, as it travels on a report."""
        recording = scope.recording
        replayed, made, refused = recording.replayed, recording.made - scope.told, bool(recording.refusals)
        scope.told += made
        spent = spend_of(recording.made_calls[scope.spends_told :] if made else ())
        scope.spends_told += spent.calls
        entry = Entry(
            test=recording.test,
            kind=kind_of(
                replayed=replayed,
                made=made,
                refused=refused,
                is_kept=decision != "keep beside",
                is_check=self.mode == "check",
                is_stopped=recording.is_stopped,
            ),
            replayed=replayed,
            made=made,
            retries=recording.retries,
            spent=f"{spent.known_cost:f}",
            unpriced=[each.reason for each in spent.unpriced],
            write=decision,
            path=self.shown(path),
            is_fixture=scope.is_fixture,
            error_statuses=recording.error_statuses,
            refused_hosts=sorted({address_of(one.host, one.port) for one in _connections(recording.refusals)}),
            redacted=recording.redacted_answers,
            unserved=recording.unserved if recording.mode == "replay" and scope.outcome == "passed" else None,
            drift=scope.drift,
        )
        if scope.snapshots is not None:
            entry["snapshots"] = scope.snapshots.facts()
        if recording.mode == "new" and scope.outcome == "passed" and not scope.is_fixture:
            entry["left_over"] = len(recording.unserved)
        if recording.is_stopped:
            entry["is_stopped"] = True
        recorded = recorded_spend(self.config, recording)
        if recorded is not None:
            entry["recorded_cost"], entry["recorded_unpriced"] = recorded
        if self._swapper is not None:
            entry["model_swap"] = self._swapper.facts_of(recording.test)
        return entry

    def models_swapped(self, test: str) -> dict[str, str]:
        """The models that a test has asked for, with those that `--llm-model` asked instead."""
        return {} if self._swapper is None else self._swapper.swapped(test)

    def interrupted(self) -> list[Entry]:
        """Keep what recordings that never came to their end had got, and put the real clients back."""
        entries = []
        for scope in self._stack:
            if scope.recording.made > scope.written:
                scope.outcome = "interrupted"
                entries.append(self.write(scope))
        self._stack.clear()
        self._connect()
        self.rest()
        return entries

    def command(self, item: pytest.Item, flag: str | None = None) -> str:
        """What to type, where pytest was started, to record this test."""
        return f"pytest {self.typed(item)} {flag or settings.record_flag(self.config)}"

    def typed(self, item: pytest.Item) -> str:
        """The test's name as one types it where pytest was started."""
        return shlex.quote(typed_id(self.config, item.nodeid))

    def shown(self, path: Path) -> str:
        """The path as a user would type it, from the root."""
        with contextlib.suppress(ValueError):
            return str(path.relative_to(self.config.rootpath))
        return str(path)


def _connections(refusals: list[ReplayRefusal]) -> list[ConnectionNotAllowed]:
    return [one for one in refusals if isinstance(one, ConnectionNotAllowed)]


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


def recorded_facts(folder: Path) -> dict[str, JSON]:
    """The facts of a recording that change with time: when, at which commit, with which libraries."""
    # One test may import what an earlier one in the folder did not.
    loaded = (name for name in SDKS if name.replace("google-genai", "google").split("-")[0] in sys.modules)
    versions: dict[str, JSON] = {name: version for name in loaded if (version := _version_of(name)) is not None}
    return {**_facts_of_run(folder), "sdks": versions or None}


@functools.cache
def _version_of(name: str) -> str | None:
    from importlib import metadata

    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(name)
    return None


@functools.cache
def _facts_of_run(folder: Path) -> dict[str, JSON]:
    from importlib import metadata

    commit = _git(folder, "rev-parse", "--short=12", "HEAD")
    dirty = bool(_git(folder, "status", "--porcelain", "--untracked-files=no")) if commit else None
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "pytest-llmwatch": metadata.version("pytest-llmwatch"),
    }


def _git(folder: Path, *arguments: str) -> str | None:
    existing = next((one for one in (folder, *folder.parents) if one.is_dir()), folder)
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(existing), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - fixed arguments
        return done.stdout.strip() if done.returncode == 0 else None
    return None
