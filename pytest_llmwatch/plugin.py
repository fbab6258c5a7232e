"""The pytest plugin: each hook finds the run's watch, calls it, returns. Nothing foreign is imported before use."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from . import settings
from .errors import SettingError
from .report_collector import Collector
from .write_policy import Mode

if TYPE_CHECKING:
    from collections.abc import Generator
    from decimal import Decimal
    from pathlib import Path

    from _pytest.terminal import TerminalReporter

    from .calls import ModelCall
    from .exchange import Exchange
    from .expectations.judge_memories import JudgeMemory
    from .interrupted_workers import Worker
    from .recording import Recording
    from .reports.progress import Progress
    from .reports.summary import Entry
    from .scope import Scope
    from .snapshot import LLMSnapshot
    from .watch import Watch

WATCH = pytest.StashKey["Watch"]()
ITEM = pytest.StashKey[pytest.Item]()
MODE = pytest.StashKey[Mode]()
GUARDED = pytest.StashKey["settings.Guarded"]()
PROGRESS: pytest.StashKey[Progress | None] = pytest.StashKey()
ENTRIES: pytest.StashKey[list[Entry]] = pytest.StashKey()
COVERED_FIXTURES = pytest.StashKey[set[int]]()
OUTCOMES = pytest.StashKey[dict[str, str]]()
FIXTURE = "llm_cassette"
SNAPSHOT = "llm_snapshot"


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks that others may implement."""
    from . import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the ini options; the flags wait until every other plugin has declared its own."""
    for setting in settings.SETTINGS.values():
        parser.addini(setting.ini, setting.help, type=setting.ini_type, default=None)  # type: ignore[arg-type]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    """Declare the flags, `--llm-record` only where no other package owns it, and write bare ones out."""
    group = parser.getgroup("llmwatch", "recording and replaying model calls (pytest-llmwatch)")
    text = (
        "record model calls of the selected tests; all (also without a value): call the live model for every request "
        "and replace the cassettes; new: only for requests without a recording; none: replay, call nobody (default)"
    )
    options = {"choices": ("all", "new", "none"), "default": None, "metavar": "new|all|none"}
    flags = settings.record_flags(early_config)
    for flag in flags:
        said = text if flag == flags[0] else "the same"
        group.addoption(flag, dest=flag.strip("-").replace("-", "_"), help=said, **options)
    group.addoption(
        settings.CHECK_FLAG,
        dest="llm_check",
        action="store_true",
        default=False,
        help="call the live model for every request of the selected tests, compare with the recordings, fail on drift; "
        "changes no recording, keeps candidates for `pytest-llmwatch review`",
    )
    args[:] = settings.with_explicit_modes(args, flags)
    result = yield
    _declare_common_names(group, settings.declared_flags(parser))
    return result


def _declare_common_names(group: pytest.OptionGroup, taken: frozenset[str]) -> None:
    """Flags with names that a project's own `conftest.py` may have taken: there only the long one is ours."""
    swap = (
        "with --llm-record or --llm-check: ask the model NEW where the code asks OLD, a name or a pattern; repeatable"
    )
    cost = "US dollars that the whole run, with all its workers, may cost: live calls beyond it are not made"
    for prefix in ("--llmwatch", "--llm"):
        if f"{prefix}-model" not in taken:
            group.addoption(f"{prefix}-model", dest="llmwatch_model", action="append", metavar="OLD=NEW", help=swap)
        if f"{prefix}-max-cost" not in taken:
            group.addoption(f"{prefix}-max-cost", dest="llmwatch_max_cost", metavar="USD", default=None, help=cost)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "llm(**settings): record and replay the model calls of this test")
    try:
        config.stash[MODE] = settings.mode_of(config)
        config.stash[GUARDED] = settings.guard_of(config)
        settings.model_swaps_of(config, mode=config.stash[MODE])
        settings.tool_failures_of(config)
        settings.check_max_age(config)
        settings.run_limit_of(config)
        settings.check_prices(config)
        settings.check_hosts(config)
        _tell_expectations(config)
    except SettingError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(Fixtures(config), "llmwatch-fixtures")
    if "LLMWATCH_COLLECT_TO" in os.environ:
        from .collected import take_note

        take_note(config)


def _tell_expectations(config: pytest.Config) -> None:
    """Tell them what no test tells: the default of `similar_to`, a folder that outlives the run, who judges."""
    from .expectations.surroundings import enter

    def folder() -> Path | None:
        cache = getattr(config, "cache", None)  # none under `-p no:cacheprovider`
        return None if cache is None else cache.mkdir("llmwatch-embeddings")

    def judges() -> JudgeMemory | None:
        watch = config.stash.get(WATCH, None)
        return None if watch is None else watch.judges

    config.add_cleanup(enter(settings.similarity_of(config), folder, judges))


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say so where `--llm-record` was given to somebody else."""
    given = config.getoption("llm_record", default=None) not in (None, "none")
    if not given or settings.record_flag(config) == "--llm-record":
        return None
    return "llmwatch: --llm-record is pytest-mockllm's here; use --llmwatch-record, or -p no:mockllm, or uninstall it"


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin to collect what reports carry, and to show how a recording goes on."""
    config = session.config
    entries = config.stash[ENTRIES] = []
    progress = None
    if config.stash[MODE] != "replay" and not hasattr(config, "workerinput"):
        from .terminal import start_progress

        progress = start_progress(config, is_check=config.stash[MODE] == "check")
    config.stash[PROGRESS] = progress
    config.pluginmanager.register(Collector(entries, progress), "llmwatch-collector")


@pytest.hookimpl(tryfirst=True)
def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Pass by the folders with a file for each test."""
    from .own_folders import own_folder

    return own_folder(path, parent)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note, before anything is deselected, which fixtures tests of ours use: those have cassettes of their own."""
    if any(SNAPSHOT in getattr(item, "fixturenames", ()) for item in items):
        from .snapshot_fixture import note_collected

        note_collected(config, items)
    covered: set[int] = set()
    for item in items:
        if _is_covered(item):
            info = getattr(item, "_fixtureinfo", None)
            for definitions in info.name2fixturedefs.values() if info else ():
                covered.update(id(definition) for definition in definitions)
    config.stash[COVERED_FIXTURES] = covered


class Fixtures:
    """What tests ask for; they know the run, because pytest takes as long for an argument `request` as they do."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.fixture
    def llm_cassette(self) -> Recording:
        """The model calls of this test, recorded or replayed: `.calls`, `.last`, `.spend`, `.tool_results` ..."""
        _item, _watch, scope = self._begun()
        return scope.recording

    # It does not ask for `llm_cassette`, which would double what pytest takes to set it up.
    @pytest.fixture
    def llm_snapshot(self) -> LLMSnapshot:
        """The approved output of this test: `assert reply == llm_snapshot`; `--snapshot-update` approves this one."""
        from .snapshot_fixture import snapshot_of

        return snapshot_of(*self._begun())

    def _begun(self) -> tuple[pytest.Item, Watch, Scope]:
        """The test with its recording, which is in force already where the test was seen to ask for one."""
        from .test_ids import id_of

        watch, item = _watch_of(self._config), self._config.stash[ITEM]
        scope = watch.item_scope
        if scope is None or scope.recording.test != id_of(item):
            scope = watch.begin(item)  # asked for by name at run time, or by a doctest
        return item, watch, scope


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Put the test's recording in force before its first fixture is set up."""
    item.config.stash[ITEM] = item
    item.stash[OUTCOMES] = {}
    if _is_covered(item):
        _watch_of(item.config).begin(item)
    elif WATCH in item.config.stash or item.config.stash[GUARDED] == "all":
        from .test_ids import id_of

        watch = _watch_of(item.config)
        watch.item_scope = None
        watch.touched = []
        watch.rest()
        watch.begin_uncovered(id_of(item))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Hold the calls of a test that went well to the limits of its marker."""
    result = yield
    _hold_to_budget(item)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Keep the recording in force until the test's last fixture is torn down."""
    try:
        result = yield
        _hold_to_budget(item)
        return result
    finally:
        if WATCH in item.config.stash:
            item.config.stash[WATCH].end()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Give a wider fixture that tests of ours use a recording of its own, for its set-up and its teardown."""
    if not _has_own_cassette(fixturedef, request):
        return (yield)
    from .fixture_scope import open_fixture

    watch = _watch_of(request.config)
    fixture = open_fixture(watch, fixturedef, request)
    fixturedef.addfinalizer(fixture.end)
    try:
        with watch.inside(fixture.scope):
            result = yield
    except BaseException:
        fixture.failed()
        raise
    fixture.ready()
    fixturedef.addfinalizer(fixture.begin_teardown)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a refusal the failure it is, and settle the cassette once the test is over."""
    report = yield
    watch = item.config.stash.get(WATCH, None)
    if watch is not None and (watch.item_scope or watch.touched or watch.uncovered_refusals):
        from .phases import end_phase

        end_phase(watch, item, item.stash[OUTCOMES], call, report)
    elif call.excinfo is not None and _is_covered(item):
        from .refusals import page_of

        # No recording came into being: a setting or the cassette is at fault, and a traceback says nothing more.
        report.longrepr = page_of(call.excinfo.value, []) or report.longrepr
    return report


def pytest_assertrepr_compare(config: pytest.Config, op: str, left: object, right: object) -> list[str] | None:
    """Explain a comparison with an expectation, which judges again."""
    # Nobody can have compared with one that was never imported.
    if "pytest_llmwatch.expectations.expectation" not in sys.modules:
        return None
    from .reports.expectation_page import page_of

    in_full = config.get_verbosity(pytest.Config.VERBOSITY_ASSERTIONS) >= 2
    return page_of(op, left, right, in_full=in_full)


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """The one section, in runs that used us."""
    if config.stash.get(ENTRIES, None):
        from .terminal import write_summary

        write_summary(terminalreporter, config.stash[ENTRIES])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodeready(node: Worker) -> None:
    """Keep hold of a worker, for the case that the run is interrupted."""
    from .interrupted_workers import hold

    hold(node)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep what an interrupted recording had got, put the real clients back, and remember what was not asked for."""
    watch = session.config.stash.get(WATCH, None)
    # A controller has imported it at its first worker.
    if watch is not None or "pytest_llmwatch.interrupted_workers" in sys.modules:
        from .interrupted_workers import share

        interrupted = [] if watch is None else watch.interrupted()
        session.config.stash.setdefault(ENTRIES, []).extend(share(session.config, interrupted))
    progress = session.config.stash.get(PROGRESS, None)
    if progress is not None:
        progress.close()
    cache = getattr(session.config, "cache", None)
    entries = session.config.stash.get(ENTRIES, None)
    if not entries or hasattr(session.config, "workerinput"):
        return
    if session.config.stash[MODE] == "check":
        from .checking import fail_for_fixtures

        fail_for_fixtures(session, entries)
    from .run_limit import judge_run

    judge_run(session, entries, session.config.stash[MODE])
    if cache is not None:
        from .unused import remember

        remember(cache, entries, session.config.rootpath)


@pytest.hookimpl(trylast=True)
def pytest_llmwatch_decode(exchange: Exchange) -> ModelCall:
    """The built-in formats, asked after everybody else's."""
    from . import wire

    return wire.decode(exchange)


@pytest.hookimpl(trylast=True)
def pytest_llmwatch_redact(exchange: Exchange, item: pytest.Item) -> Exchange:
    """The built-in redaction, asked after everybody else's."""
    watch = _watch_of(item.config)
    return watch.secrets.redacted(exchange, watch.secrets.patterns_of(item))


@pytest.hookimpl(trylast=True)
def pytest_llmwatch_price(call: ModelCall, exchange: Exchange, item: pytest.Item) -> Decimal | None:
    """The built-in prices, asked after everybody else's."""
    return _watch_of(item.config).prices.for_hook(call, exchange)


def _hold_to_budget(item: pytest.Item) -> None:
    watch = item.config.stash.get(WATCH, None)
    if watch is not None and watch.item_scope is not None and watch.item_scope.budget.limits:
        from .budget_verdict import hold_to_budget

        hold_to_budget(watch, item)


def _is_covered(item: pytest.Item) -> bool:
    names = getattr(item, "fixturenames", ())
    return FIXTURE in names or SNAPSHOT in names or item.get_closest_marker("llm") is not None


def _has_own_cassette(fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest) -> bool:
    if fixturedef.scope == "function":
        return False
    if id(fixturedef) in request.config.stash.get(COVERED_FIXTURES, ()):
        return True
    item = getattr(request, "_pyfuncitem", None)
    return item is not None and _is_covered(item)


def _watch_of(config: pytest.Config) -> Watch:
    if WATCH not in config.stash:
        from .watch import Watch

        stash = config.stash
        stash[WATCH] = Watch(config=config, mode=stash[MODE], guarded=stash[GUARDED], progress=stash[PROGRESS])
    return config.stash[WATCH]
