"""What live calls may cost: the limit of the run, which all its workers share, and those of a test's marker."""

from __future__ import annotations

import functools
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from . import settings
from .errors import SettingError
from .estimates import Recorded
from .ledger import Ledger, OwnLedger, SharedLedger
from .priced_calls import priced_when_asked
from .request_key import key_of, request_target
from .roles import JUDGE
from .spending_gate import Gate, Purse
from .wire import read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .budgets import Budget
    from .calls import JSON, ModelCall
    from .exchange import Exchange, Request
    from .own_prices import Price
    from .recording import Recording
    from .watch import Watch

LEDGER = pytest.StashKey["Ledger"]()
LEDGER_FILE = "llmwatch-spending.json"
OF_RUN = "for the whole run (--llm-max-cost)"


def limit_live_calls(
    watch: Watch,
    item: pytest.Item,
    recording: Recording,
    budget: Budget,
    *,
    baseline: Sequence[Exchange],
    body_of: Callable[[Request], JSON],
) -> None:
    """Let a recording ask, before each live call, whether there is money for it."""
    purses = [*_purses_of(budget), *_purse_of_run(watch.config)]
    if not purses:
        return
    recording.reserve = Gate(
        test=recording.test,
        purses=purses,
        baseline=functools.cache(lambda: _recorded(recording, baseline, body_of)),
        decode=recording.decode,
        price=recording.price,
        command=watch.command(item, flag_of(watch)),
        mask=functools.partial(watch.secrets.masked, item=item),
        is_check=watch.mode == "check",
    ).reserve


def flag_of(watch: Watch) -> str:
    """The flag that makes the calls of this run again."""
    record = settings.record_flag(watch.config)
    return {"new": f"{record}=new", "check": settings.CHECK_FLAG}.get(watch.mode, record)


def recorded_spend(config: pytest.Config, recording: Recording) -> tuple[str, list[str]] | None:
    """What the calls of a replay cost when they were recorded, and why that of some is not known.

    `None` in a run without a limit, which need not know.
    """
    if recording.mode != "replay" or settings.run_limit_of(config) is None:
        return None
    spends = (recording.spend, recording.judge_spend)
    known = sum((spend.known_cost for spend in spends), Decimal(0))
    return f"{known:f}", [f"{recording.test}, {each}" for spend in spends for each in spend.unpriced]


def ledger_of(config: pytest.Config) -> Ledger:
    """The account of this run's live spending.

    Raises:
        SettingError: workers have no folder that they share.
    """
    if LEDGER not in config.stash:
        folder = _shared_folder(config)
        config.stash[LEDGER] = OwnLedger() if folder is None else SharedLedger(folder / LEDGER_FILE)
    return config.stash[LEDGER]


def _shared_folder(config: pytest.Config) -> Path | None:
    """The run's own temporary folder, in which each worker has one; `None` for a run of one process."""
    is_worker = hasattr(config, "workerinput")
    if not is_worker and not config.pluginmanager.has_plugin("dsession"):
        return None
    factory = getattr(config, "_tmp_path_factory", None)
    if factory is None:
        raise SettingError("--llm-max-cost: workers keep its account in a folder of pytest's plugin tmpdir; turn it on")
    folder: Path = factory.getbasetemp()
    return folder.parent if is_worker else folder


def _purses_of(budget: Budget) -> list[Purse]:
    limits = (("max_cost", budget.max_cost, None), ("max_judge_cost", budget.max_judge_cost, JUDGE))
    words = "for this test ({} of @pytest.mark.llm)"
    return [
        Purse(limit=limit, ledger=OwnLedger(), words=words.format(name), role=role, name=name)
        for name, limit, role in limits
        if limit is not None
    ]


def _purse_of_run(config: pytest.Config) -> list[Purse]:
    limit = settings.run_limit_of(config)
    return [] if limit is None else [Purse(limit=limit, ledger=ledger_of(config), words=OF_RUN, is_of_run=True)]


def _recorded(
    recording: Recording, exchanges: Sequence[Exchange], body_of: Callable[[Request], JSON]
) -> list[Recorded]:
    """What the cassette held, each with its price, which is looked up when it is asked for."""
    found = []
    for number, exchange in enumerate(exchanges, 1):
        body = body_of(exchange.request)
        key = key_of(request_target(exchange.request), body)
        look_up = functools.partial(_price, recording, exchange)
        call = priced_when_asked(read(exchange, recording.decode), look_up)
        found.append(Recorded(key=key, body=body, call=call, number=number))
    return found


def _price(recording: Recording, exchange: Exchange, call: ModelCall) -> Price:
    return recording.price(call, exchange)
