"""What calls cost together: money, tokens, seconds. One unknown makes a sum unknown."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from .calls import Usage

T = TypeVar("T", int, float, Decimal)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .calls import ModelCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """Sums over calls; `None` where a call does not say. Seconds; US dollars.

    `wasted` is the time that failed tries and the waits after them took.
    """

    calls: int
    retries: int
    usage: Usage
    cost: Decimal | None
    latency: float | None
    wasted: float | None


def spend_of(calls: Iterable[ModelCall]) -> Spend:
    """Add up calls."""
    listed = tuple(calls)
    attempts = [attempt for call in listed for attempt in call.attempts]
    names = [item.name for item in fields(Usage)]
    return Spend(
        calls=len(listed),
        retries=len(attempts),
        usage=Usage(**{name: _sum_of([getattr(call.usage, name) for call in listed], 0) for name in names}),
        cost=_sum_of([call.cost for call in listed], Decimal(0)),
        latency=_sum_of([call.latency for call in listed], 0.0),
        wasted=_sum_of([second for one in attempts for second in (one.duration, one.wait)], 0.0),
    )


def _sum_of(values: list[T | None], start: T) -> T | None:
    known = [value for value in values if value is not None]
    return sum(known, start) if len(known) == len(values) else None
