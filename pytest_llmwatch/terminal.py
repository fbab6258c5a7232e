"""The terminal's side of a run: what came on the reports, shown where the terminal is (also ahead of workers)."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

from . import settings
from .reports.progress import HEARTBEAT_SECONDS, LIVE_SECONDS, Progress
from .reports.summary import Summary, lines_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from _pytest.terminal import TerminalReporter

    from .reports.summary import Entry


def start_progress(config: pytest.Config) -> Progress | None:
    """Show how a recording goes on: rewriting one line on a terminal, a line now and then elsewhere."""
    reporter: TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return None
    live = reporter.isatty and sys.platform != "win32"
    draw = _live_line(reporter)
    progress = Progress(
        show=draw if live else _heartbeat(reporter),
        hide=functools.partial(draw, "") if live else _nothing,
        interval=LIVE_SECONDS if live else HEARTBEAT_SECONDS,
    )
    progress.start()
    return progress


def _live_line(reporter: TerminalReporter) -> Callable[[str], None]:
    """One line below pytest's own, drawn and taken back by cursor movements, so that pytest's stays as it is."""
    file = reporter._tw._file

    def show(text: str) -> None:
        # Make sure that there is a line below (it may scroll), remember the place, draw, come back.
        file.write(f"\033D\033[A\0337\033[B\r\033[2K{text}\0338")
        file.flush()

    return show


def _nothing() -> None:
    """A line that was printed stays."""


def _heartbeat(reporter: TerminalReporter) -> Callable[[str], None]:
    def show(text: str) -> None:
        reporter.ensure_newline()
        reporter.write_line(text)

    return show


def write_summary(reporter: TerminalReporter, entries: list[Entry]) -> None:
    """The one section, in runs that used us."""
    lines = lines_of(Summary(entries=tuple(entries), flag=settings.record_flag(reporter.config)))
    if lines:
        reporter.write_sep("=", "llmwatch")
        for line in lines:
            reporter.write_line(line)
