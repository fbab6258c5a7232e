"""The end of a phase of a test: all that is judged then, in its order, before anybody reads the report."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from . import settings
from .masking import mask_later, mask_report
from .verdict import judge, settle

if TYPE_CHECKING:
    import pytest

    from .watch import Watch


def end_phase(
    watch: Watch,
    item: pytest.Item,
    outcomes: dict[str, str],
    call: pytest.CallInfo[None],
    report: pytest.TestReport,
) -> None:
    """Judge what is ours in a phase, and settle the cassette once the test is over."""
    scope = watch.item_scope
    if scope is not None and settings.tool_failures_of(item.config) != "ignore":
        from .tool_verdict import judge_tools

        judge_tools(item, scope.recording, report)
    if scope is not None and scope.budget.limits:
        from .budget_verdict import tell_budget

        tell_budget(watch, item, report)
    if watch.mode == "check":
        from .checking import judge_phase

        judge_phase(watch, item, report)
    judge(watch, outcomes, call, report)
    mask = functools.partial(watch.secrets.masked, item=item)
    mask_report(report, mask)
    mask_later(item.config, report.nodeid, mask)
    if report.when == "teardown":
        settle(watch, outcomes, report)
