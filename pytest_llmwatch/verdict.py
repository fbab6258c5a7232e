"""How a test ended: refusals become failures, and the outcome settles what is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from . import store
from .cassette_writes import text_of, write
from .errors import OverBudget
from .refusals import page_of
from .reports.summary import kind_of, verdict_of

if TYPE_CHECKING:
    import pytest

    from .errors import ReplayRefusal
    from .reports.summary import Entry
    from .scope import Scope
    from .watch import Watch
    from .write_policy import Outcome

Status = tuple[str, str, str | tuple[str, Mapping[str, bool]]]
TITLE = "llmwatch"
KEY_HINT = "A replay needs no real key, but this client library wants one: set a dummy, such as OPENAI_API_KEY=none."
REPORT_KEY = "llmwatch"
PROPERTY = "llmwatch"


def judge(watch: Watch, outcomes: dict[str, str], call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Fail the phase for every refusal in it, swallowed or not, and note its outcome."""
    page = page_of(call.excinfo.value if call.excinfo else None, _fresh(watch))
    is_expected = isinstance(call.excinfo.value if call.excinfo else None, OverBudget) and hasattr(report, "wasxfail")
    if page is not None and not is_expected:
        report.outcome = "failed"
        report.longrepr = page
        report.__dict__.pop("wasxfail", None)  # an expected failure is not the one that a refusal is
    if outcomes.get(report.when) != "failed":  # a phase with subtests has several reports
        outcomes[report.when] = _phase_outcome(report)
    scope = watch.item_scope
    if scope is not None:
        _tell(report, scope, is_check=watch.mode == "check")
    if report.failed and scope is not None:
        report.sections += _sections(scope, watch.config)
    if report.failed and scope is not None and _lacks_a_key(call, scope):
        report.sections.append((TITLE, KEY_HINT))
    if report.failed and scope is not None and watch.mode in ("record", "new") and scope.recording.made:
        report.sections.append((TITLE, _kept_beside(watch, scope)))


def _sections(scope: Scope, config: pytest.Config) -> list[tuple[str, str]]:
    """What the explanation of an assert had no room for."""
    if scope.snapshots is None:
        return []
    from .snapshot_fixture import sections_of

    return sections_of(scope.snapshots, config)


def settle(watch: Watch, outcomes: dict[str, str], report: pytest.TestReport) -> None:
    """Write, or not, now that the outcome is known; what was done travels on the report."""
    entries: list[Entry] = list(watch.fixture_entries)
    watch.fixture_entries.clear()
    scope = watch.item_scope
    if scope is not None:
        scope.outcome = _outcome(outcomes)
        try:
            entries.append(write(watch, scope))
        except OSError as error:
            report.outcome = "failed"
            report.longrepr = _unwritten(watch, scope, error)
        if scope.snapshots is not None:
            scope.snapshots.release()
        watch.item_scope = None
    report.__dict__[REPORT_KEY] = entries
    watch.touched = []


def _unwritten(watch: Watch, scope: Scope, error: OSError) -> str:
    """What could not be written, and where the recording, which was paid for, is instead."""
    path = Path(error.filename or scope.path)
    what = "The approved outputs" if path.suffix == ".snap" else "The cassette"
    lines = [
        f"{what} could not be written: {error.strerror or error}",
        f"  {watch.shown(path)}",
        "What was there before is as it was.",
    ]
    if watch.mode not in ("record", "new") or not scope.recording.made:
        return "\n".join(lines)
    pending = store.pending_path(scope.path)
    try:
        store.write_text(pending, text_of(scope))
    except OSError as again:
        return "\n".join([*lines, f"The recording is lost, as it could not be kept beside either: {again}"])
    lines += [
        f"The recording is kept in {watch.shown(pending)}.",
        "Once the file can be written: pytest-llmwatch accept",
    ]
    if scope.snapshots is not None:
        lines.append(f"and then, to approve its outputs: {scope.snapshots.command}")
    return "\n".join(lines)


def _tell(report: pytest.TestReport, scope: Scope, *, is_check: bool) -> None:
    """Note the verdict so far where it reaches the terminal, JUnit files and other workers."""
    recording = scope.recording
    replayed, made = recording.replayed, recording.made
    is_refused, is_kept = bool(recording.refusals), not report.failed
    kind = kind_of(
        replayed=replayed,
        made=made,
        refused=is_refused,
        is_kept=is_kept,
        is_check=is_check,
        is_stopped=recording.is_stopped,
    )
    verdict = verdict_of(kind, replayed=replayed, made=made)
    report.user_properties = [one for one in report.user_properties if one[0] != PROPERTY]
    if verdict is not None:
        report.user_properties.append((PROPERTY, verdict))


def verdict_on(report: pytest.TestReport) -> str | None:
    """The verdict that a report carries."""
    return next((str(value) for name, value in report.user_properties if name == PROPERTY), None)


def with_verdict(status: Status, report: pytest.TestReport) -> Status:
    """What pytest says of a report, with the verdict behind them; category and letter are as they were."""
    verdict = verdict_on(report)
    category, letter, word = status
    if verdict is None or (report.when == "teardown" and report.passed):
        return status
    if isinstance(word, str):
        return category, letter, f"{word} ({verdict})" if word else word
    return category, letter, (f"{word[0]} ({verdict})", word[1])


def _fresh(watch: Watch) -> list[ReplayRefusal]:
    """The refusals that no earlier phase has shown."""
    fresh = list(watch.uncovered_refusals)
    watch.uncovered_refusals.clear()
    for scope in watch.touched:
        fresh += scope.recording.refusals[scope.refusals_shown :]
        scope.refusals_shown = len(scope.recording.refusals)
    return fresh


def _lacks_a_key(call: pytest.CallInfo[None], scope: Scope) -> bool:
    """Whether a client library refused to be made, before it sent anything."""
    said = str(call.excinfo.value).lower() if call.excinfo else ""
    is_idle = not scope.recording.calls and not scope.recording.refusals
    return is_idle and scope.recording.mode == "replay" and ("api_key" in said or "api key" in said)


def _kept_beside(watch: Watch, scope: Scope) -> str:
    path = watch.shown(store.pending_path(scope.path))
    kept = f"{scope.recording.made} recorded so far, kept in {path}"
    return f"{kept}; {watch.shown(scope.path)} is as it was." if scope.exists else f"{kept}; no cassette was written."


def _phase_outcome(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "passed"
    return report.outcome


def _outcome(outcomes: dict[str, str]) -> Outcome:
    setup, call, teardown = (outcomes.get(when) for when in ("setup", "call", "teardown"))
    if setup == "failed" or teardown == "failed":
        return "error"
    if "xfailed" in (setup, call):
        return "xfailed"
    if "skipped" in (setup, call):
        return "skipped"
    return "passed" if call == "passed" else "failed"
