"""`pytest-llmwatch cost`: what recordings cost, and how to price what has no price yet."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TextIO

from pytest_llmwatch.calls import ModelCall, Usage
from pytest_llmwatch.drift.visible import columns, visible, visible_id
from pytest_llmwatch.errors import LLMWatchError
from pytest_llmwatch.own_prices import NO_PRICES, idle_patterns
from pytest_llmwatch.price_remedies import remedy_of
from pytest_llmwatch.priced_calls import with_price
from pytest_llmwatch.recorded_calls import logical_calls_in, read_call
from pytest_llmwatch.roles import JUDGE
from pytest_llmwatch.spend import dollars, spend_of

from .cassette_files import files_at, files_of_project, read, said_of
from .prices import rootdir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_llmwatch.calls import JSON
    from pytest_llmwatch.exchange import Exchange
    from pytest_llmwatch.own_prices import Price, PriceTable
    from pytest_llmwatch.spend import Spend

    from .cassette_files import CassetteFile

By = Literal["test", "model", "provider"]
BYS: tuple[By, ...] = ("test", "model", "provider")
HEADINGS = ("calls", "input", "cached", "output", "reasoning", "cost")
TOKENS = ("input_tokens", "cache_read_input_tokens", "output_tokens", "reasoning_output_tokens")
UNKNOWN_MODEL, UNKNOWN_PROVIDER = "(no model named)", "(unknown provider)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A call with its price, and the test it belongs to; `role` is `judge` for the call of a judge."""

    test: str
    file: str
    number: int
    call: ModelCall
    at: datetime | None
    role: str | None = None

    def name(self, by: By) -> str:
        """What it is added up under."""
        call = self.call
        if by == "test":
            return f"{self.test} ({self.role})" if self.role else self.test
        if by == "provider":
            return call.provider_name or UNKNOWN_PROVIDER
        model = call.response_model or call.request_model or UNKNOWN_MODEL
        return f"{call.provider_name}/{model}" if call.provider_name else model


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpriced:
    """Calls of one model that have no cost for one reason; `line` is what to add to `llm_prices`, where that helps."""

    model: str
    reason: str
    advice: str
    line: str | None
    calls: tuple[Recorded, ...]


def cost(
    arguments: Sequence[str],
    decode: Callable[[Exchange], ModelCall],
    price: Callable[[ModelCall, Exchange], Price],
    *,
    out: TextIO,
    warn: Callable[[str], None],
    as_json: bool,
    day: str | None = None,
    own: PriceTable = NO_PRICES,
) -> int:
    """Print what the cassettes cost; 1 where one could not be read. `day` is the one whose prices were taken.

    Of `own`, the project's prices, those that price nothing are named where all its cassettes are looked at.
    """
    code = 0
    recorded: list[Recorded] = []
    files, problems = _files(arguments)
    for problem in problems:
        warn(problem)
        code = 1
    if not files and not problems:
        warn(f"there is no cassette in the cassettes folders below {rootdir()}")
    for file in files:
        try:
            recorded += _recorded_in(file, decode, price)
        except LLMWatchError as error:
            warn(said_of(error))
            code = 1
    idle = {} if arguments else idle_patterns(own, (one.call for one in recorded))
    lines = _json_lines(recorded) if as_json else _page(recorded, len(files), day)
    out.writelines(f"{line}\n" for line in (*lines, *(_idle_json(idle) if as_json else _idle_lines(idle))))
    return code


def _files(arguments: Sequence[str]) -> tuple[list[CassetteFile], list[str]]:
    """Every file once, however often it is named, and what cannot be found."""
    files, problems = [], []
    for argument in arguments:
        try:
            files += files_at(argument)
        except LLMWatchError as error:
            problems.append(str(error))
    if not arguments:
        files = list(files_of_project(rootdir()))
    return list({file.path.resolve(): file for file in reversed(files)}.values())[::-1], problems


def _recorded_in(
    file: CassetteFile, decode: Callable[[Exchange], ModelCall], price: Callable[[ModelCall, Exchange], Price]
) -> list[Recorded]:
    cassette = read(file)
    test = cassette.test or file.name
    found = []
    for number, one in enumerate(logical_calls_in(cassette.exchanges), 1):
        call = read_call(one, decode)
        call = with_price(call, price(call, one.outcome))
        at, role = one.outcome.at, one.outcome.role
        found.append(Recorded(test=test, file=file.name, number=number, call=call, at=at, role=role))
    return found


def _grouped(recorded: Iterable[Recorded], by: By) -> list[tuple[str, list[Recorded]]]:
    """The calls under each name, the dearest first; by test in the order of the files."""
    groups: dict[str, list[Recorded]] = {}
    for one in recorded:
        groups.setdefault(one.name(by), []).append(one)
    if by == "test":
        return list(groups.items())
    return sorted(groups.items(), key=lambda item: (-_spend(item[1]).known_cost, item[0]))


def _spend(recorded: Iterable[Recorded]) -> Spend:
    return spend_of(one.call for one in recorded)


def _known_usage(recorded: Iterable[Recorded]) -> Usage:
    """Sums over the calls that say it; `None` where none does."""
    usages = [one.call.usage for one in recorded]
    sums: dict[str, int | None] = {}
    for item in fields(Usage):
        said = [value for usage in usages if (value := getattr(usage, item.name)) is not None]
        sums[item.name] = sum(said) if said else None
    return Usage(**sums)


def unpriced_in(recorded: Iterable[Recorded]) -> list[Unpriced]:
    """The calls without a cost, those of one model and one reason together, with what would price them."""
    groups: dict[tuple[str, str, str | None, str], list[Recorded]] = {}
    for one in recorded:
        if one.call.cost is None:
            reason = one.call.cost_reason or "no price was looked up"
            line, advice = remedy_of(one.call, one.at, reason)
            groups.setdefault((one.name("model"), reason, line, advice), []).append(one)
    return [
        Unpriced(model=model, reason=reason, advice=advice, line=line, calls=tuple(calls))
        for (model, reason, line, advice), calls in groups.items()
    ]


def _json_lines(recorded: list[Recorded]) -> Iterator[str]:
    for by in BYS:
        for name, calls in _grouped(recorded, by):
            yield json.dumps({"by": by, "name": name, **_facts(calls)})
    for each in unpriced_in(recorded):
        where = [{"test": one.test, "file": one.file, "call": one.number} for one in each.calls]
        facts = {"model": each.model, "reason": each.reason, "advice": each.advice, "llm_prices": each.line}
        yield json.dumps({"by": "unpriced", **facts, "calls": where})
    if judging := _judging(recorded):
        yield json.dumps({"by": "role", "name": JUDGE, **_facts(judging)})
    yield json.dumps({"by": "total", "name": "total", **_facts(recorded)})


def _facts(calls: list[Recorded]) -> dict[str, JSON]:
    spend, known = _spend(calls), _known_usage(calls)
    return {
        "calls": spend.calls,
        "retries": spend.retries,
        "retry_seconds": spend.wasted,
        **{item.name: getattr(spend.usage, item.name) for item in fields(Usage)},
        "known": {item.name: getattr(known, item.name) for item in fields(Usage)},
        "cost_usd": None if spend.cost is None else float(spend.cost),
        "known_cost_usd": float(spend.known_cost),
        "unpriced": len(spend.unpriced),
    }


def _page(recorded: list[Recorded], files: int, day: str | None) -> Iterator[str]:
    if not recorded:
        yield f"{_counted(files, 'cassette')}: no call is recorded"
        return
    for by in BYS:
        rows = [(visible(name), *_cells(calls)) for name, calls in _grouped(recorded, by)]
        yield from _table([(by, *HEADINGS), *rows])
        yield ""
    spend = _spend(recorded)
    total = _cells(recorded)[-1]
    prices = f"prices of {day}" if day else "prices of the days of the recordings"
    yield f"Total: {total} for {_counted(spend.calls, 'call')} in {_counted(files, 'cassette')}, {prices}"
    if judging := _judging(recorded):
        yield f"Judges, of it: {_cells(judging)[-1]} for {_counted(len(judging), 'call')}"
    if spend.retries:
        seconds = "in a time that is not recorded" if spend.wasted is None else f"in {spend.wasted:.1f} s"
        yield f"Wasted: {_counted(spend.retries, 'failed try', 'failed tries')} {seconds}"
    missing = unpriced_in(recorded)
    if missing:
        yield ""
        yield f"Without a price: {_counted(len(spend.unpriced), 'call')}"
    for each in missing:
        first = each.calls[0]
        others = f" and {_counted(len(each.calls) - 1, 'other')}" if len(each.calls) > 1 else ""
        yield f"  {visible(each.model)}: {visible(each.reason)}"
        yield f"    {visible_id(first.test)}, call {first.number}{others}"
        yield f"    {each.advice}{':' if each.line else ''}"
        if each.line:
            yield f"        {visible(each.line)}"


def _judging(recorded: list[Recorded]) -> list[Recorded]:
    return [one for one in recorded if one.role == JUDGE]


def _idle_lines(idle: dict[str, str]) -> Iterator[str]:
    if idle:
        width = max(map(len, idle))
        yield ""
        yield "Of llm_prices these price no recorded call:"
        yield from (f"  {visible(pattern.ljust(width))}   {reason}" for pattern, reason in idle.items())


def _idle_json(idle: dict[str, str]) -> Iterator[str]:
    for pattern, reason in idle.items():
        yield json.dumps({"by": "idle price", "name": pattern, "reason": reason})


def _cells(calls: list[Recorded]) -> tuple[str, ...]:
    spend, known = _spend(calls), _known_usage(calls)
    tokens = (_at_least(getattr(known, name), getattr(spend.usage, name)) for name in TOKENS)
    if spend.cost is None and len(spend.unpriced) == spend.calls:
        money = "?"
    else:
        money = f"{'>=' if spend.cost is None else ''}{dollars(spend.known_cost)}"
    return f"{spend.calls:,}", *tokens, money


def _at_least(known: int | None, whole: int | None) -> str:
    """A sum; `>=` in front of one to which some calls contribute nothing because they do not say."""
    if known is None:
        return "?"
    return f"{'>=' if whole is None else ''}{known:,}"


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(columns(row[place]) for row in rows) for place in range(len(rows[0]))]
    for name, *cells in rows:
        numbers = "  ".join(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        yield f"{name}{' ' * (widths[0] - columns(name))}  {numbers}"


def _counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
