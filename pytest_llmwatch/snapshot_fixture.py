"""The fixture `llm_snapshot`: what a test's settings, its recording and its file of snapshots make of it."""

from __future__ import annotations

import functools
import os
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from . import pairs, settings, store
from .cassette_paths import without_folder
from .drift.verdicts import Tolerance
from .errors import SettingError, SnapshotMisuse, UnreadableCassette, UnreadableSnapshot
from .file_names import snapshot_path
from .recording_key import recording_key
from .snapshot_files import SnapshotFile, parse
from .snapshot_notes import SnapshotNotes
from .test_ids import id_of, without_hidden
from .typed_names import typed_id

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping
    from pathlib import Path

    from .recording import Recording
    from .scope import Scope
    from .snapshot import LLMSnapshot, LLMSnapshotExtension, SnapshotRun
    from .snapshot_notes import Update
    from .watch import Watch

FIXTURE = "llm_snapshot"
RUN = pytest.StashKey[tuple["SnapshotRun", "LLMSnapshotExtension"]]()
COLLECTED = pytest.StashKey[list[pytest.Item]]()
WITHOUT_SYRUPY = """\
llm_snapshot needs the plugin syrupy, which this run goes without (-p no:syrupy, or PYTEST_DISABLE_PLUGIN_AUTOLOAD).
Take that away, or ask for the plugin: pytest -p syrupy"""


def note_collected(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Remember the tests before any is deselected, and keep our files from what syrupy takes for leftovers."""
    collected = config.stash[COLLECTED] = list(items)
    if any(_asks(item) for item in collected):
        _hide_from_others(config)


def _asks(item: pytest.Item) -> bool:
    return FIXTURE in getattr(item, "fixturenames", ())


def _hide_from_others(config: pytest.Config) -> None:
    """Other extensions take every file in `__snapshots__` for theirs, and delete what they do not know."""
    session = getattr(config, "_syrupy", None)
    ignored = [*(getattr(config.option, "ignore_file_extensions", None) or ()), "snap"]
    config.option.ignore_file_extensions = ignored
    if session is not None:
        session.ignore_file_extensions = ignored


def snapshot_of(item: pytest.Item, watch: Watch, scope: Scope) -> LLMSnapshot:
    """The fixture's value.

    Raises:
        LLMWatchError: syrupy is missing, the file cannot be read, or a setting makes no sense.
    """
    session = getattr(item.config, "_syrupy", None)
    if session is None:
        raise SnapshotMisuse(WITHOUT_SYRUPY)
    from syrupy.location import PyTestLocation

    from .snapshot import LLMSnapshot

    run, extension = item.config.stash.get(RUN, None) or _begin_run(item, session)
    notes = scope.snapshots = _notes_of(item, watch, scope, run)
    place = str(notes.path)
    former = run.notes.get(place)
    if former is not None and former.file.test == notes.file.test:
        former.is_superseded = True  # the test is run again
    run.notes[place] = notes
    return LLMSnapshot(
        notes=notes,
        extension=extension,
        session=session,
        test_location=PyTestLocation(item),
        update_snapshots=notes.update == "all",
    )


def _begin_run(item: pytest.Item, session: Any) -> tuple[SnapshotRun, LLMSnapshotExtension]:  # noqa: ANN401 - syrupy's
    from .snapshot import LLMSnapshotExtension, SnapshotRun

    config = item.config
    _hide_from_others(config)
    has_passed = functools.partial(_has_passed, session)
    run = SnapshotRun(has_passed=has_passed, tolerance=_tolerance_of(item, marker={}))
    config.pluginmanager.register(SnapshotPlugin(config, run), "llmwatch-snapshots")
    began = config.stash[RUN] = (run, LLMSnapshotExtension(run))
    return began


def _has_passed(session: Any, test: str) -> bool:  # noqa: ANN401 - syrupy's session
    """Whether syrupy has seen the test pass; it says so nowhere in public."""
    status = getattr(session, "_selected_items", {}).get(test)
    return getattr(status, "value", None) == "passed"


def _notes_of(item: pytest.Item, watch: Watch, scope: Scope, run: SnapshotRun) -> SnapshotNotes:
    recording = scope.recording
    path = path_of(item)
    if run.is_half_done(path):
        pairs.repair(path, scope.path)
    shown_as = functools.partial(watch.shown, path)
    return SnapshotNotes(
        path=path,
        file=_file_at(path, shown_as, id_of(item)),
        shown_as=shown_as,
        command_for=functools.partial(_command, item),
        update=_update_of(item.config, recording.mode),
        is_soft=recording.mode == "check",
        tolerance=_tolerance_of(item, scope.marker) if scope.marker else run.tolerance,
        key_now=lambda: recording_key(recording.kept),
        models_now=functools.partial(_models_of, recording),
        mask=functools.partial(watch.secrets.masked, item=item),
    )


def _models_of(recording: Recording) -> str | None:
    """The models that served in a test so far, in order, each once."""
    return ", ".join(dict.fromkeys(call.response_model for call in recording.calls if call.response_model)) or None


def path_of(item: pytest.Item) -> Path:
    """Where the snapshots of a test are, or would be."""
    folder = getattr(item.config.option, "snapshot_dirname", "__snapshots__")
    return snapshot_path(id_of(item), item.path, folder)


def check_writable(item: pytest.Item, watch: Watch) -> None:
    """Find out, before anybody pays for a call, whether its output can be approved.

    Raises:
        UnwritableCassette: it cannot.
    """
    path = path_of(item)
    store.check_writable(path, watch.shown(path), what="The approved outputs")


def _file_at(path: Path, shown_as: Callable[[], str], test: str) -> SnapshotFile:
    try:
        text = store.read_text(path)
    except UnreadableCassette as error:
        raise UnreadableSnapshot(shown_as(), error.problem, line=error.line) from error
    if text is None:
        return SnapshotFile(test=test)
    try:
        file = parse(text, "")
    except UnreadableSnapshot as error:
        raise UnreadableSnapshot(shown_as(), error.problem, line=error.line, remedy=error.remedy) from error
    if file.test != test and without_folder(file.test) != without_folder(test):
        renamed = f"these snapshots belong to {file.test}, not to {test}: if the test was renamed, change line 1"
        raise UnreadableSnapshot(shown_as(), renamed, line=1)
    return SnapshotFile(test=test, snapshots=file.snapshots)


def _command(item: pytest.Item) -> str:
    return f"pytest {shlex.quote(typed_id(item.config, without_hidden(id_of(item))))} --snapshot-update"


def _update_of(config: pytest.Config, mode: str) -> Update:
    if mode == "check":
        return "none"
    if mode == "record" or getattr(config.option, "update_snapshots", False):
        return "all"
    is_new = mode == "new" or getattr(config.option, "update_new_snapshots_only", False)
    return "new" if is_new else "none"


def _tolerance_of(item: pytest.Item, marker: Mapping[str, Any]) -> Tolerance:
    """The tolerance of a test's asserts: its marker, else the ini file, else what was measured."""
    from .snapshot import changed_tolerance

    read = functools.partial(settings.setting_of, config=item.config, environ=os.environ, marker=marker)
    similarity, facts, ignore = (read(name) for name in ("snapshot_similarity", "snapshot_facts", "snapshot_ignore"))
    try:
        return changed_tolerance(
            Tolerance(),
            similarity=_number(similarity),
            facts=_truth(facts),
            ignore=ignore,
            written=functools.partial(_written, id_of(item), marker),
        )
    except SnapshotMisuse as error:
        raise SettingError(str(error)) from error


def _written(test: str, marker: Mapping[str, Any], name: str, value: object) -> str:
    """Where a setting was made, and how."""
    if name in marker:
        return f"{test}: @pytest.mark.llm({name}={value!r})"
    return f"the ini file: llm_snapshot_{name} = {', '.join(value) if isinstance(value, list) else value}"


def _number(value: object) -> object:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _truth(value: object) -> object:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    return words.get(value.strip().lower(), value) if isinstance(value, str) else value


class SnapshotPlugin:
    """Explains failed comparisons, and tells syrupy at the end of the run what is unused."""

    def __init__(self, config: pytest.Config, run: SnapshotRun) -> None:
        self.config = config
        self.run = run

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_assertrepr_compare(
        self, config: pytest.Config, op: str, left: object, right: object
    ) -> Generator[None, list[list[str]], list[list[str]]]:
        """Our page in place of syrupy's and pytest's, wherever in lists and dicts the snapshot stands."""
        from .snapshot import LLMSnapshot

        ours = [one for one in _leaves([left, right]) if isinstance(one, LLMSnapshot)]
        if not ours or op not in ("==", "!="):
            return (yield)
        in_full = config.get_verbosity(pytest.Config.VERBOSITY_ASSERTIONS) >= 2
        page = _page_of(op, left, right, ours, in_full=in_full)
        notes = ours[0].notes
        notes.is_quiet = True
        try:
            pages = yield
        finally:
            notes.is_quiet = False
        return pages if page is None else [page]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """Give the run's tests to the search for what is unused, before syrupy begins it."""
        run, config = self.run, self.config
        items = config.stash.get(COLLECTED, [])
        known = {notes.file.test for notes in run.notes.values()}
        run.tests_at = {str(path_of(item)): (item.nodeid, _asks(item)) for item in items if id_of(item) not in known}
        is_whole = not any("::" in argument for argument in config.args) and not getattr(config.option, "lf", False)
        run.modules = {item.path for item in items} if is_whole else set()
        run.is_over = True
        return (yield)


def _page_of(op: str, left: object, right: object, ours: list[LLMSnapshot], *, in_full: bool) -> list[str] | None:
    """The lines of a failed comparison; `None` where other values in a list or dict are to blame."""
    from .reports import snapshot_page

    failed = next((one for one in ours if one.latest is not None and not one.latest.passed), None)
    if failed is None or failed.latest is None:
        direct = next((one for one in ours if one is left or one is right), None)
        value = left if direct is right else right
        return None if direct is None else snapshot_page.unasked_page(op, value, repr(direct))
    note = failed.latest
    head = snapshot_page.head_of(note, op, repr(failed))
    if op == "!=":
        return snapshot_page.unwanted_page(note, head)
    if in_full:
        return [head, *snapshot_page.full_page(note, failed.notes)]
    return snapshot_page.short_page(note, failed.notes, head)


def sections_of(notes: SnapshotNotes, config: pytest.Config) -> list[tuple[str, str]]:
    """What the assert had no room for, for the report of a phase that failed; each comparison once."""
    fresh, notes.told = notes.notes[notes.told :], len(notes.notes)
    if config.get_verbosity(pytest.Config.VERBOSITY_ASSERTIONS) >= 2:
        return []
    failed = [note for note in fresh if not note.passed]
    if not failed:
        return []
    from .drift.visible import visible
    from .reports.snapshot_page import full_page, short_page

    pages = [(note.after.name, full_page(note, notes)) for note in failed if not _fits(short_page(note, notes, ""))]
    return [(f"llm_snapshot {visible(name)}", "\n".join(page)) for name, page in pages]


def _fits(page: list[str]) -> bool:
    """Whether the short page has left nothing out."""
    return not any("…" in line or line.startswith("  and ") for line in page)


def _leaves(values: Iterable[object], depth: int = 0) -> Iterable[object]:
    for value in values:
        if isinstance(value, (list, tuple)) and depth < 5:
            yield from _leaves(value, depth + 1)
        elif isinstance(value, dict) and depth < 5:
            yield from _leaves(value.values(), depth + 1)
        else:
            yield value
