"""Calls beyond a limit of the marker: they fail a test that passed, and are told of one that failed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from . import store
from .budgets import breaches_of
from .candidates import candidate_path
from .errors import OverBudget
from .live_limits import flag_of
from .reports.budget_page import OverBudgetFacts, over_budget_page
from .roles import JUDGE
from .typed_names import typed_id

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from .budgets import Breach
    from .scope import Scope
    from .watch import Watch

TITLE = "llmwatch budget"


def hold_to_budget(watch: Watch, item: pytest.Item) -> None:
    """Judge the calls so far, once for each number of them.

    Raises:
        OverBudget: they went beyond a limit, or nobody can tell.
    """
    scope = watch.item_scope
    breaches = _fresh_breaches(scope) if scope is not None else ()
    if scope is not None and breaches and not scope.recording.refusals:
        page = watch.secrets.masked(_page(watch, item, scope, breaches), item)
        raise OverBudget(page, limits=tuple(breach.name for breach in breaches))


def tell_budget(watch: Watch, item: pytest.Item, report: pytest.TestReport) -> None:
    """Say in a section of a test that failed otherwise which limits its calls went beyond."""
    scope = watch.item_scope
    if scope is None or report.when != "call" or not report.failed:
        return
    breaches = _fresh_breaches(scope)
    if breaches:
        report.sections.append((TITLE, _page(watch, item, scope, breaches)))


def _fresh_breaches(scope: Scope) -> tuple[Breach, ...]:
    """The limits that are broken, unless that was told already or no call came since."""
    recording = scope.recording
    calls, judge_calls = recording.calls, recording.judge_calls
    made = len(calls) + len(judge_calls)
    if not scope.budget.limits or scope.is_over_budget or made == scope.judged:
        return ()
    scope.judged = made
    found = breaches_of(calls, scope.budget, judge_calls=judge_calls)
    scope.is_over_budget = bool(found)
    return tuple(sorted(found, key=lambda breach: not breach.is_beyond))


def _page(watch: Watch, item: pytest.Item, scope: Scope, breaches: tuple[Breach, ...]) -> str:
    recording = scope.recording
    is_judging = breaches[0].name == "max_judge_cost"
    spend = recording.judge_spend if is_judging else recording.spend
    accepted = shlex.quote(typed_id(watch.config, recording.test))
    facts = OverBudgetFacts(
        test=recording.test,
        breaches=breaches,
        calls=spend.of,
        origin=spend.origin,
        today=recording.spend_today(JUDGE if is_judging else None),
        look=f"pytest-llmwatch show {shlex.quote(watch.shown(_file_of(watch, scope)))}",
        record=watch.command(item, flag_of(watch)),
        accept=f"pytest-llmwatch accept {accepted}" if _is_pending(scope) else None,
    )
    return over_budget_page(facts)


def _is_pending(scope: Scope) -> bool:
    return scope.recording.made > 0 and scope.recording.mode in ("record", "new")


def _file_of(watch: Watch, scope: Scope) -> Path:
    """Where the calls are to be seen: what a test made that failed is not in its cassette."""
    if not scope.recording.made:
        return scope.path
    is_check = scope.recording.mode == "check"
    return candidate_path(watch.config.rootpath, scope.path) if is_check else store.pending_path(scope.path)
