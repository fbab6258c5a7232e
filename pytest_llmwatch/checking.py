"""What `--llm-check` makes of a test: live answers judged against the baseline, and the candidate that is kept."""

from __future__ import annotations

import hashlib
import inspect
import shutil
from typing import TYPE_CHECKING

from . import candidates, store
from .attempts import ended_badly
from .cassette import parse
from .cassette_writes import entry_of, text_of
from .reports.drift_lines import FAILING
from .typed_names import typed_id, typed_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest

    from .cassette import Cassette
    from .drifting import Drift
    from .reports.summary import Entry
    from .scope import Scope
    from .watch import Watch

TITLE = "llmwatch"
OURS = ("llm_cassette", "llm_snapshot")


def judge_phase(watch: Watch, item: pytest.Item, report: pytest.TestReport) -> None:
    """Fail the phase in which the live answers turn out to have drifted; a test that fails by itself is told of it."""
    scope = watch.item_scope
    if scope is None or hasattr(report, "context"):  # a subtest is no test: its calls are judged with the rest
        return
    is_expected = hasattr(report, "wasxfail") and report.skipped
    if report.failed or is_expected or scope.recording.refusals:
        scope.has_failed = True
        if report.when == "call":
            _tell(scope, report)
    elif report.when in ("call", "teardown") and report.passed and not scope.has_failed and not scope.has_drifted:
        # Teardown may call the model too: then what is missing is missed only there.
        is_over = report.when == "teardown" or not _may_go_on(item)
        drift = _drift_of(scope, is_over=is_over)
        if drift is not None and drift.is_failure:
            scope.drifted_fixtures = _drifted_fixtures(watch, item)
            scope.has_drifted = True
            report.outcome = "failed"
            report.__dict__.pop("wasxfail", None)  # a failure that was expected is not this one
            report.longrepr = _page(watch, item, scope, drift)


def _may_go_on(item: pytest.Item) -> bool:
    """Whether a fixture of the test's own may do something after it."""
    info = getattr(item, "_fixtureinfo", None)
    definitions = [one for each in info.name2fixturedefs.values() for one in each] if info else []
    own = (one for one in definitions if one.scope == "function" and one.argname not in OURS)
    return any(
        inspect.isgeneratorfunction(one.func) or inspect.isasyncgenfunction(one.func) or "request" in one.argnames
        for one in own
    )


def _drifted_fixtures(watch: Watch, item: pytest.Item) -> tuple[str, ...]:
    """The wider fixtures of a test whose answers so far are others than those of their recordings."""
    info = getattr(item, "_fixtureinfo", None)
    definitions = [one for each in info.name2fixturedefs.values() for one in each] if info else []
    scopes = [scope for one in definitions if (scope := watch.fixture_scopes.get(id(one))) is not None]
    drifts = [(scope, _drift_of(scope, is_over=False)) for scope in scopes]
    return tuple(scope.recording.test for scope, drift in drifts if drift is not None and not _is_same(drift))


def _is_same(drift: Drift) -> bool:
    return drift.is_nothing_new or drift.found is None or not drift.found.effects


def _tell(scope: Scope, report: pytest.TestReport) -> None:
    drift = None if _is_unanswered(scope) else _drift_of(scope, is_over=True)
    if drift is not None and drift.found is not None and drift.verdict != "same":
        report.sections.append((TITLE, f"The live answers, beside the recording: {drift.found.sentence}"))


def _page(watch: Watch, item: pytest.Item, scope: Scope, drift: Drift) -> str:
    from .reports.check_page import check_page

    path = candidates.candidate_path(watch.config.rootpath, scope.path)
    is_kept = scope.recording.made > 0 or drift.notes != ()
    compared = [(note.after.name, note.comparison) for note in drift.notes if note.comparison is not None]
    file = path if scope.recording.made else candidates.candidate_path(watch.config.rootpath, _approved(scope))
    typed = typed_path(watch.config, file)
    width = shutil.get_terminal_size().columns
    return check_page(
        scope.recording.test,
        drift.verdict,
        drift.found,
        compared=compared,
        fixtures=scope.drifted_fixtures,
        candidate=typed if is_kept else None,
        accepted=typed_id(watch.config, scope.recording.test),
        command=watch.command(item),
        width=width,
    )


def _drift_of(scope: Scope, *, is_over: bool) -> Drift | None:
    """How the live answers differ from the baseline; `None` where there is none, or nothing was called."""
    from .drifting import drift_of

    return drift_of(scope, is_over=is_over)


def settled(watch: Watch, scope: Scope) -> Entry:
    """Keep the candidate, or remove one that is none any more; what was done travels on the report.

    Raises:
        OSError: the disk refuses.
    """
    if scope.is_fixture:
        _share(watch, scope)
    scope.written = scope.recording.made
    is_interrupted = scope.outcome == "interrupted"
    is_part = scope.is_fixture and not scope.is_over and scope.outcome != "error"
    if is_part or scope.outcome == "skipped" or _is_unanswered(scope) or (is_interrupted and _is_less(watch, scope)):
        return entry_of(watch, scope, "leave", scope.path)
    scope.has_failed = scope.has_failed or is_interrupted  # it may be only a part
    drift = _drift_of(scope, is_over=not is_interrupted)
    kept = _kept(watch, scope, drift)
    shown = None if kept is None else watch.shown(kept)
    if drift is not None:
        scope.drift = drift.facts("check", candidate=shown, has_failed=scope.has_failed, is_interrupted=is_interrupted)
    return entry_of(watch, scope, "leave", scope.path)


def _is_less(watch: Watch, scope: Scope) -> bool:
    """Whether what an interrupted test had got is nothing new, or less than the candidate that is there."""
    path = candidates.candidate_path(watch.config.rootpath, scope.path)
    drift = _drift_of(scope, is_over=False)
    is_told = scope.has_drifted or not candidates.facts_path(path).exists()
    return drift is None or drift.is_nothing_new or drift.verdict == "same" or not is_told


def _is_unanswered(scope: Scope) -> bool:
    """Whether nothing is known of a test's answers: none was asked for, a limit kept them back, or none came."""
    if scope.recording.is_stopped or (scope.outcome == "error" and not scope.recording.made):
        return True
    has_failed = scope.has_failed or scope.outcome == "error"
    return has_failed and any(map(ended_badly, scope.recording.exchanges[-1:]))


def _kept(watch: Watch, scope: Scope, drift: Drift | None) -> Path | None:
    """Where the candidate is now; `None` where there is nothing to decide."""
    root = watch.config.rootpath
    path = candidates.candidate_path(root, scope.path)
    snapshot = None if drift is None else _snapshot(scope, drift)
    if drift is None or drift.is_nothing_new or not (scope.recording.made or snapshot):
        candidates.drop(root, path)
        return None
    candidate = candidates.Candidate(root=root, path=path, facts=_facts(watch, scope, drift))
    cassette = text_of(scope) if scope.recording.made else None
    candidates.keep(candidate, cassette=cassette, snapshot=snapshot)
    return path


def _snapshot(scope: Scope, drift: Drift) -> str | None:
    """The file of approved outputs as it would be; `None` for a test that compares none."""
    if scope.snapshots is None or not drift.notes:
        return None
    from .snapshot_files import dump

    return dump(scope.snapshots.candidate())


def _approved(scope: Scope) -> Path:
    """The file of approved outputs, also where there is none."""
    return candidates.snapshot_beside(scope.path) if scope.snapshots is None else scope.snapshots.path


def _facts(watch: Watch, scope: Scope, drift: Drift) -> candidates.Facts:
    snapshot = _approved(scope)
    return candidates.Facts(
        test=scope.recording.test,
        cassette=candidates.way_to(watch.config.rootpath, scope.path),
        snapshot=candidates.way_to(watch.config.rootpath, snapshot),
        verdict=drift.verdict,
        has_failed=scope.has_failed or scope.outcome == "error",
        was=candidates.hashes_of((scope.path, snapshot)),
        now=(None, None),
        models=watch.models_swapped(scope.recording.test),
        fixtures=scope.drifted_fixtures,
    )


def fail_for_fixtures(session: pytest.Session, entries: Iterable[Entry]) -> None:
    """Let the run fail for a wider fixture that has drifted: no single test is to blame, the summary names it."""
    drifts = [entry.get("drift") for entry in entries if entry["is_fixture"]]
    if session.exitstatus == 0 and any(drift is not None and drift["verdict"] in FAILING for drift in drifts):
        session.exitstatus = 1


def _share(watch: Watch, scope: Scope) -> None:
    """Let later set-ups of this fixture be served what this one got: the cassette does not have it."""
    file = _shared_file(watch, scope.path)
    text = text_of(scope)
    if file is None:
        watch.answers[scope.path] = text
    else:
        store.write_text(file, text)


def shared_answers(watch: Watch, path: Path) -> Cassette | None:
    """What the first set-up of a fixture in this run got from the live model."""
    file = _shared_file(watch, path)
    text = watch.answers.get(path) if file is None else store.read_text(file)
    return None if text is None else parse(text, watch.shown(path))


def _shared_file(watch: Watch, path: Path) -> Path | None:
    """Where workers find it; `None` in a run of one process."""
    factory = getattr(watch.config, "_tmp_path_factory", None)
    if factory is None or not hasattr(watch.config, "workerinput"):
        return None
    folder: Path = factory.getbasetemp().parent
    return folder / f"llmwatch-{hashlib.sha256(str(path).encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.yaml"
