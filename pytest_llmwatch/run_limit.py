"""The limit of a whole run, judged when it is over: by the account of live spending, or by what recordings cost."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from . import settings
from .live_limits import ledger_of
from .reports.run_cost import RunCost

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .reports.summary import Entry
    from .write_policy import Mode

NAMED_TESTS = 3
COST = pytest.StashKey["RunCost | None"]()


def judge_run(session: pytest.Session, entries: Iterable[Entry], mode: Mode) -> None:
    """Make a run fail whose cost is beyond its limit, or not known, also where every test has passed."""
    cost = session.config.stash[COST] = _cost_of(session.config, entries, mode)
    if cost is not None and cost.is_breached and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _cost_of(config: pytest.Config, entries: Iterable[Entry], mode: Mode) -> RunCost | None:
    limit = settings.run_limit_of(config)
    if limit is None:
        return None
    return _recorded_cost(limit, entries) if mode == "replay" else _live_cost(limit, config, entries)


def _live_cost(limit: Decimal, config: pytest.Config, entries: Iterable[Entry]) -> RunCost:
    """The account, in which a test that ran again has paid again."""
    costs: dict[str, Decimal] = {}
    for entry in entries:
        costs[entry["test"]] = costs.get(entry["test"], Decimal(0)) + Decimal(entry["spent"])
    with ledger_of(config).opened() as account:
        return RunCost(
            limit=limit,
            spent=account.spent + account.reserved,
            guessed=account.guessed + account.reserved,
            unknown=account.unknown,
            is_live=True,
            is_stopped=account.is_stopped,
            dearest=_dearest(costs),
        )


def _recorded_cost(limit: Decimal, entries: Iterable[Entry]) -> RunCost:
    """The sum over tests: one that ran again, and a fixture that was set up by several workers, cost once."""
    largest: dict[str, Entry] = {}
    for entry in entries:
        held = largest.get(entry["test"])
        if held is None or _recorded(entry) >= _recorded(held):
            largest[entry["test"]] = entry
    costs = {test: _recorded(entry)[0] for test, entry in largest.items()}
    return RunCost(
        limit=limit,
        spent=sum(costs.values(), Decimal(0)),
        unknown=Counter(reason for entry in largest.values() for reason in entry.get("recorded_unpriced", [])),
        dearest=_dearest(costs),
    )


def _recorded(entry: Entry) -> tuple[Decimal, int]:
    return Decimal(entry.get("recorded_cost", "0")), len(entry.get("recorded_unpriced", []))


def _dearest(costs: dict[str, Decimal]) -> tuple[tuple[str, Decimal], ...]:
    paid = {test: cost for test, cost in costs.items() if cost}
    return tuple(sorted(paid.items(), key=lambda item: (-item[1], item[0]))[:NAMED_TESTS])
