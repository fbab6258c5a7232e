"""Reports of tests without secrets: a traceback and captured output show what the application said and was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _pytest._code.code import TerminalRepr

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "llmwatch-masking"


class LaterReports:
    """Masks the reports of subtests: pytest makes a report of them, and adds what was captured afterwards."""

    def __init__(self) -> None:
        self.test = ""
        self.mask: Callable[[str], str] = str

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Before anybody else sees it, and before it leaves a worker."""
        if report.nodeid == self.test and hasattr(report, "context"):
            mask_report(report, self.mask)


def mask_later(config: pytest.Config, test: str, mask: Callable[[str], str]) -> None:
    """Put what is still to come of this test through `mask`."""
    later = config.pluginmanager.get_plugin(NAME)
    if later is None:
        later = LaterReports()
        config.pluginmanager.register(later, NAME)
    later.test, later.mask = test, mask


def mask_report(report: pytest.TestReport, mask: Callable[[str], str]) -> None:
    """Put every text of a report through `mask`."""
    if report.sections:
        report.sections = [(name, mask(text)) for name, text in report.sections]
    report.user_properties = [(name, _masked(value, mask)) for name, value in report.user_properties]
    if report.longrepr is not None:
        report.longrepr = _masked(report.longrepr, mask)  # type: ignore[assignment]  # the same kind as before


def _masked(value: object, mask: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list):
        return [_masked(item, mask) for item in value]
    if isinstance(value, dict):
        return {_masked(name, mask): _masked(item, mask) for name, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_masked(item, mask) for item in value)
    if isinstance(value, TerminalRepr):
        for name, item in vars(value).items():
            setattr(value, name, _masked(item, mask))
    return value
