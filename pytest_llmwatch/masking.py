"""Reports of tests without secrets: a traceback and captured output show what the application said and was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _pytest._code.code import TerminalRepr

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def mask_report(report: pytest.TestReport, mask: Callable[[str], str]) -> None:
    """Put every text of a report through `mask`."""
    if report.sections:
        report.sections = [(name, mask(text)) for name, text in report.sections]
    if report.longrepr is not None:
        report.longrepr = _masked(report.longrepr, mask)  # type: ignore[assignment]  # the same kind as before


def _masked(value: object, mask: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list):
        return [_masked(item, mask) for item in value]
    if isinstance(value, tuple):
        return tuple(_masked(item, mask) for item in value)
    if isinstance(value, TerminalRepr):
        for name, item in vars(value).items():
            setattr(value, name, _masked(item, mask))
    return value
