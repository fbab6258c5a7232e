"""The user's own prices: lines of the ini setting `llm_prices`, per million tokens, with dates.

gpt-oss-*       input=0.10 output=0.40 cached=0.02
groq/llama-3.*  input=0.05 output=0.08 from=2026-03-01
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from .errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .calls import ModelCall

FREE: Literal["free of charge"] = "free of charge"
PriceSource = Literal["provider", "llm_prices", "recorded", "genai-prices", "pytest_llmwatch_price", "free of charge"]
MILLION = 1_000_000
_DIGITS = Decimal("1e-12")
_EXAMPLE = "gpt-oss-* input=0.10 output=0.40 cached=0.02 from=2026-01-01"
_AMOUNTS = ("input", "output", "cached", "cache_write")


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a call cost, in US dollars, and who says so; `reason` says why it is not known."""

    cost: Decimal | None = None
    reason: str | None = None
    source: PriceSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrice:
    """One line of a table: US dollars per million tokens of the models that fit `pattern`, from a day on.

    `cached` is the price of input read from the cache, `cache_write` of input written to it; without them such input
    costs what input costs.
    """

    pattern: str
    input: Decimal | None = None
    output: Decimal | None = None
    cached: Decimal | None = None
    cache_write: Decimal | None = None
    valid_from: date | None = None


PriceTable = tuple[OwnPrice, ...]
NO_PRICES: PriceTable = ()


def price_table(lines: Iterable[str], *, origin: str = "llm_prices") -> PriceTable:
    """Read prices, one a line; empty lines and comments do not count.

    Raises:
        SettingError: a line makes no sense; it is named.
    """
    told = [(number, line.partition("#")[0].strip()) for number, line in enumerate(lines, 1)]
    return tuple(_price_in(line, f"{origin}, line {number}") for number, line in told if line)


def own_price_of(call: ModelCall, *, at: datetime | None, own: PriceTable) -> Price | None:
    """The price by the first pattern that fits the model served or asked for; `None` where none does."""
    names = set(_names_of(call))
    pattern = next((one.pattern for one in own if _fits(one.pattern, names)), None)
    if pattern is None:
        return None
    periods = [one for one in own if one.pattern == pattern]
    if at is None and len(periods) > 1:
        return Price(reason=f"the recording has no date, and llm_prices has several prices for {pattern}")
    day = None if at is None else (at.astimezone(UTC) if at.tzinfo else at).date()
    begun = [one for one in periods if day is None or one.valid_from is None or one.valid_from <= day]
    if not begun:
        return None  # older than the price: others may know what it was
    return _cost_by(max(begun, key=lambda one: one.valid_from or date.min), call)


def idle_patterns(own: PriceTable, calls: Iterable[ModelCall]) -> dict[str, str]:
    """The patterns that price none of these calls, each with the reason."""
    patterns = list(dict.fromkeys(one.pattern for one in own))
    idle = dict.fromkeys(patterns, "no call asks for such a model")
    for call in calls:
        names = set(_names_of(call))
        fitting = [pattern for pattern in patterns if _fits(pattern, names)]
        for place, pattern in enumerate(fitting):
            if place == 0:
                idle.pop(pattern, None)
            elif pattern in idle:
                idle[pattern] = f"an earlier line, {fitting[0]}, fits first"
    return idle


def rounded(cost: Decimal) -> Decimal:
    """The amount without digits that nobody charges, and without zeros at its end."""
    return (cost.quantize(_DIGITS) + 0).normalize()


def _names_of(call: ModelCall) -> Iterator[str]:
    for model in filter(None, (call.response_model, call.request_model)):
        yield model.lower()
        yield f"{call.provider_name or 'unknown'}/{model}".lower()


def _fits(pattern: str, names: Iterable[str]) -> bool:
    # Brackets stand for themselves: a model's name may have them.
    literal = re.sub(r"[\[\]]", lambda match: f"[{match[0]}]", pattern.lower())
    return any(fnmatchcase(name, literal) for name in names)


def _cost_by(price: OwnPrice, call: ModelCall) -> Price:
    usage = call.usage
    read, written = usage.cache_read_input_tokens or 0, usage.cache_write_input_tokens or 0
    parts = (
        ("input", (usage.input_tokens or 0) - read - written, price.input),
        ("output", usage.output_tokens or 0, price.output),
        ("input", read, price.input if price.cached is None else price.cached),
        ("input", written, price.input if price.cache_write is None else price.cache_write),
    )
    lacking = next((name for name, tokens, amount in parts if tokens and amount is None), None)
    if lacking is not None:
        return Price(reason=f"llm_prices has no {lacking} price for {price.pattern}")
    total = sum((tokens * amount for _name, tokens, amount in parts if amount is not None), Decimal(0))
    return Price(cost=rounded(total / MILLION), source="llm_prices")


def _price_in(line: str, place: str) -> OwnPrice:
    pattern, *words = line.split()
    amounts: dict[str, Decimal] = {}
    valid_from = None
    for word in words:
        name, _, value = word.partition("=")
        if name in amounts or (name == "from" and valid_from is not None):
            raise _problem(f"{name} is given twice", line, place)
        if name == "from":
            valid_from = _day(value, line, place)
        elif name in _AMOUNTS:
            amounts[name] = _amount(name, value, line, place)
        else:
            known = ", ".join(f"{each}=" for each in (*_AMOUNTS, "from"))
            raise _problem(f"{word!r} is not one of {known}", line, place)
    if amounts.keys().isdisjoint({"input", "output"}) or "=" in pattern:
        raise _problem("a model's name comes first, then input= or output= or both", line, place)
    return OwnPrice(pattern=pattern, valid_from=valid_from, **amounts)


def _day(value: str, line: str, place: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise _problem(f"from={value} is not a day such as 2026-01-01", line, place) from None


def _amount(name: str, value: str, line: str, place: str) -> Decimal:
    try:
        amount = Decimal(value)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise _problem(f"{name}={value} is not an amount of US dollars", line, place)
    return amount


def _problem(said: str, line: str, place: str) -> SettingError:
    return SettingError(f"{place}: {said}\n  {line}\nA price is written so, per million tokens: {_EXAMPLE}")
