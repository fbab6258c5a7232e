"""The terminal's side of a run: what came on the reports, shown where the terminal is (also ahead of workers)."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import sys
from typing import TYPE_CHECKING

from . import settings
from .reports.progress import HEARTBEAT_SECONDS, LIVE_SECONDS, Progress
from .reports.run_cost import alarms_of
from .reports.summary import Summary, lines_of, refused_in, tested
from .run_limit import COST
from .test_ids import without_hidden
from .typed_names import typed_id

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from _pytest.terminal import TerminalReporter

    from .reports.run_cost import RunCost
    from .reports.summary import Entry


NAMED_TESTS = 3
MOST_NAMED_TESTS = 50


def start_progress(config: pytest.Config, *, is_check: bool) -> Progress | None:
    """Show how a recording, or a check, goes on: rewriting one line on a terminal, a line now and then elsewhere."""
    reporter: TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    write = _writer(reporter) if reporter is not None else None
    if reporter is None or write is None:
        return None
    live = reporter.isatty and sys.platform != "win32"
    progress = Progress(
        show=functools.partial(_draw, write) if live else functools.partial(_print, write),
        hide=functools.partial(_draw, write, "") if live else _nothing,
        interval=LIVE_SECONDS if live else HEARTBEAT_SECONDS,
        word="checking" if is_check else "recording",
    )
    progress.start()
    return progress


def _writer(reporter: TerminalReporter) -> Callable[[str], object] | None:
    """Write to where the reporter writes, also while a test's output is captured: that redirects the descriptor."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = os.dup(reporter._tw._file.fileno())
        return lambda text: os.write(descriptor, text.encode("utf-8", "replace"))
    return None


def _draw(write: Callable[[str], object], text: str) -> None:
    """One line below pytest's own: make sure that there is one, remember the place, draw, come back."""
    write(f"\033D\033[A\0337\033[B\r\033[2K{text}\0338")


def _print(write: Callable[[str], object], text: str) -> None:
    write(f"\n{text}\n")


def _nothing() -> None:
    """A line that was printed stays."""


def _command(config: pytest.Config, entries: list[Entry], cost: RunCost | None) -> str:
    """What records the tests that were refused: by name, or those that failed, or all of this run once more."""
    refused = refused_in(entries)
    names = sorted({typed_id(config, without_hidden(entry["test"])) for entry in refused})
    flags = settings.record_flags(config)
    # `--lf` would record again what the guard alone refused, which needs no recording: then all are named.
    is_mixed = any(entry["refused_hosts"] for entry in entries)
    most = MOST_NAMED_TESTS if is_mixed else NAMED_TESTS
    if len(names) <= most and not any(entry["is_fixture"] for entry in refused):
        chosen = names
    elif config.pluginmanager.has_plugin("lfplugin"):
        chosen = ["--lf"]
    else:
        arguments = map(str, config.invocation_params.args)
        chosen = [one for one in arguments if one.partition("=")[0] not in flags]
    flag = settings.CHECK_FLAG if settings.mode_of(config) == "check" else flags[0]
    return shlex.join(["pytest", *chosen, flag, *([] if cost is None else [f"--llm-max-cost={cost.limit}"])])


def write_summary(reporter: TerminalReporter, entries: list[Entry]) -> None:
    """The one section, in runs that used us."""
    cost = reporter.config.stash.get(COST, None)
    lines = lines_of(Summary(entries=tuple(entries), command=_command(reporter.config, entries, cost), cost=cost))
    if lines:
        reporter.write_sep("=", "llmwatch")
        for line in [*lines, *_drift(reporter, entries)]:
            reporter.write_line(line)
        for line in alarms_of(cost) if cost is not None else []:
            reporter.write_line(line, red=True)


def _drift(reporter: TerminalReporter, entries: list[Entry]) -> list[str]:
    """What answers became, in a run that checked or recorded them anew."""
    compared = tested(entries)
    if not compared:
        return []
    from .reports.drift_lines import drift_lines

    has_swap = any(entry.get("model_swap", {}).get("swaps") for entry in entries)
    in_full = reporter.config.get_verbosity() > 0
    return drift_lines(compared, width=reporter._tw.fullwidth, in_full=in_full, with_table=has_swap)
