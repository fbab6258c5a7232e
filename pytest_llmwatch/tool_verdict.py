"""What a test's silent tool failures do to it: nothing, a warning, or a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import settings
from .tool_results import failures_page

if TYPE_CHECKING:
    from .recording import Recording


class ToolFailureWarning(pytest.PytestWarning):
    """Tools failed in a test that passed."""


def judge_tools(item: pytest.Item, recording: Recording, report: pytest.TestReport) -> None:
    """Warn of the tool failures of a test that passed, or make it fail, as `llm_tool_failures` says."""
    wanted = settings.tool_failures_of(item.config)
    if wanted == "ignore" or report.when != "call" or not report.passed or hasattr(report, "wasxfail"):
        return
    failures = recording.tool_failures
    if not failures:
        return
    page = failures_page(recording.test, failures)
    if wanted == "warn":
        try:
            item.warn(ToolFailureWarning(page))
        except ToolFailureWarning:
            pass  # warnings are errors in this run
        else:
            return
    report.outcome = "failed"
    report.longrepr = page
