"""Recordings that time has overtaken: older than the project wants them, or of a model that stops answering."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmwatch import wire
from pytest_llmwatch.attempts import retry_number
from pytest_llmwatch.exchange_dates import date_of
from pytest_llmwatch.model_shutdowns import endings_of, shutdowns_in
from pytest_llmwatch.roles import JUDGE

from .findings import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta

    from pytest_llmwatch.calls import ModelCall
    from pytest_llmwatch.cassette import Cassette
    from pytest_llmwatch.exchange import Exchange
    from pytest_llmwatch.model_shutdowns import Ending, Shutdown

TABLE = Path(__file__).parent.parent / "model_shutdowns.toml"


@functools.cache
def shutdowns() -> tuple[Shutdown, ...]:
    """What the installed package knows of models that end."""
    return shutdowns_in(tomllib.loads(TABLE.read_text(encoding="utf-8")))


def too_old(file: str, cassette: Cassette, *, max_age: timedelta, now: datetime) -> Iterator[Found]:
    """A finding where a recording is older than it may be; one whose date nobody knows is not."""
    oldest = min((date for exchange in cassette.exchanges if (date := date_of(exchange))), default=now)
    if now - oldest > max_age:
        yield Found(
            file=file,
            kind="too old",
            message=f"recorded on {oldest:%Y-%m-%d}, {_days((now - oldest).days)} ago, and llm_max_age is "
            f"{_days(max_age.days)}",
            advice=f"record {cassette.test or 'the test'} again (--llm-record), or see what changed (--llm-check)",
        )


def ending_models(
    file: str, cassette: Cassette, decode: Callable[[Exchange], ModelCall], *, now: datetime
) -> Iterator[Found]:
    """A finding for each model of its calls that is gone, a note for each that will be."""
    for role in (None, JUDGE):
        asked = (each for each in cassette.exchanges if each.role == role and not retry_number(each.request))
        calls = (wire.read(each, decode) for each in asked)
        for ending in endings_of(calls, shutdowns(), today=now.date()):
            is_gone = ending.shutdown.on <= now.date()
            yield Found(
                file=file,
                kind="model gone" if is_gone and ending.is_sure else "model leaving",
                message=_message(ending, days=(ending.shutdown.on - now.date()).days),
                advice=f"{_remedy(ending.shutdown.model, role)}  ({ending.shutdown.page})",
            )


def _remedy(model: str, role: str | None) -> str:
    if role == JUDGE:
        return "let another model judge, and record again with --llm-record"
    return f"to try another: pytest --llm-check --llm-model {model}=NEW"


def _message(ending: Ending, *, days: int) -> str:
    shutdown = ending.shutdown
    when = f"was shut down on {shutdown.on}" if days <= 0 else f"will be shut down on {shutdown.on}, in {_days(days)}"
    doubt = "" if ending.is_sure else "; the host of the recording is not known to be theirs"
    return f"{shutdown.model} {when}, says {shutdown.provider}{doubt}"


def _days(number: int) -> str:
    return f"{number} {'day' if number == 1 else 'days'}"
