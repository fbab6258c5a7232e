"""What tests did, carried from their reports to the summary, wherever they ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from .reports.progress import Progress
    from .reports.summary import Entry
    from .verdict import Status


class Collector:
    """Carries what tests did from their reports, wherever they ran, to the summary."""

    def __init__(self, entries: list[Entry], progress: Progress | None) -> None:
        self._entries = entries
        self._progress = progress
        self.is_over = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        """Clear the way for pytest's own line."""
        if self._progress is not None:
            self._progress.hide()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the entries that `verdict.settle` put on the last report of a test."""
        entries: list[Entry] = getattr(report, "llmwatch", [])
        self._entries.extend(entries)
        if self._progress is not None:
            self._progress.hide()
            for entry in entries:
                self._progress.spend(entry["spent"], unpriced=len(entry["unpriced"]))
            if hasattr(report, "node"):  # it comes from a worker, which shows nothing itself
                made = sum(entry["made"] for entry in entries)
                retries = sum(entry["retries"] for entry in entries if entry["made"])
                self._progress.add(calls=made - retries, retries=retries)

    def pytest_sessionfinish(self) -> None:
        """What is shown from here on are summaries, which tools read: pytest's words stay as they are."""
        self.is_over = True

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(
        self, report: pytest.CollectReport | pytest.TestReport, config: pytest.Config
    ) -> Generator[None, Status | None, Status | None]:
        """Say behind pytest's word what became of the model calls, on the line of the test in a verbose run."""
        status = yield
        is_line = not self.is_over and config.get_verbosity() > 0
        if not is_line or status is None or not isinstance(report, pytest.TestReport) or not report.user_properties:
            return status
        from .verdict import with_verdict

        return with_verdict(status, report)
