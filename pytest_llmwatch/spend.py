"""What calls cost together: money, tokens, seconds. One unknown makes a sum unknown, and is named."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from .calls import WITHOUT_MODEL, ModelCall, Usage
from .drift.visible import visible

T = TypeVar("T", int, float, Decimal)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime


LEAST_DECIMALS = 4
NAMED_MODELS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpriced:
    """A call whose cost is not known: which one it is, from 1, the model, and why."""

    number: int
    model: str | None
    reason: str

    def __str__(self) -> str:
        return f"call {self.number} ({self.model or 'no model named'}): {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """Sums over calls; `None` where a call does not say. Seconds; US dollars.

    `wasted` is the time that failed tries and the waits after them took. `origin` says when and by which models the
    figures were recorded, where a replay has them from a cassette. `cost` and `unpriced` look prices up when they
    are read.
    """

    calls: int
    retries: int
    usage: Usage
    latency: float | None
    wasted: float | None
    of: tuple[ModelCall, ...] = field(default=(), repr=False, compare=False)
    origin: str | None = field(default=None, repr=False, compare=False)

    @property
    def cost(self) -> Decimal | None:
        """US dollars of all calls; `None` where that of one is not known, and `unpriced` says which."""
        return _sum_of([call.cost for call in self.of], Decimal(0))

    @property
    def known_cost(self) -> Decimal:
        """US dollars of the calls whose cost is known."""
        return sum((call.cost for call in self.of if call.cost is not None), Decimal(0))

    @property
    def unpriced(self) -> tuple[Unpriced, ...]:
        """The calls whose cost is not known, with the reasons."""
        return tuple(
            Unpriced(
                number=number,
                model=call.response_model or call.request_model,
                reason=call.cost_reason or "the provider does not say, and no price was looked up",
            )
            for number, call in enumerate(self.of, 1)
            if call.cost is None
        )


def origin_text(dates: Sequence[datetime | None], models: Sequence[str | None]) -> str | None:
    """`recorded on 2026-11-23 by gpt-5-mini-2025-08-07`, for calls with these dates and models; `None` for no calls."""
    if not dates:
        return None
    days = sorted({f"{date:%Y-%m-%d}" for date in dates if date is not None})
    when = {0: "on a day that nobody noted", 1: f"on {''.join(days[:1])}"}.get(len(days))
    names = sorted({visible(model) for model in models if model})
    more = f" and {len(names) - NAMED_MODELS} more models" if len(names) > NAMED_MODELS else ""
    by = f" by {', '.join(names[:NAMED_MODELS])}{more}" if names else ""
    return f"recorded {when or f'from {days[0]} to {days[-1]}'}{by}"


def spent_text(cost: Decimal, *, unpriced: int) -> str:
    """`spent $0.0123 (2 calls without a price)`."""
    if not unpriced:
        return f"spent {dollars(cost)}"
    return f"spent {dollars(cost)} ({unpriced} {'call' if unpriced == 1 else 'calls'} without a price)"


def dollars(cost: Decimal) -> str:
    """`$0.0123`: two digits that say something, and four places at least."""
    places = LEAST_DECIMALS if not cost else max(LEAST_DECIMALS, 1 - cost.adjusted())
    return f"${cost:.{places}f}"


def spend_of(calls: Iterable[ModelCall], *, origin: str | None = None) -> Spend:
    """Add up calls; `origin` says where their figures are from."""
    listed = tuple(calls)
    return _sums_of(listed, origin) if listed or origin else NOTHING


def _sums_of(listed: tuple[ModelCall, ...], origin: str | None) -> Spend:
    attempts = [attempt for call in listed for attempt in call.attempts]
    names = [item.name for item in fields(Usage)]
    # To count tokens is to use none, and so is to run a tool.
    using = [call for call in listed if call.operation_name not in WITHOUT_MODEL]
    return Spend(
        calls=len(listed),
        retries=len(attempts),
        usage=Usage(**{name: _sum_of([getattr(call.usage, name) for call in using], 0) for name in names}),
        latency=_sum_of([call.latency for call in listed], 0.0),
        wasted=_sum_of([second for one in attempts for second in (one.duration, one.wait)], 0.0),
        of=listed,
        origin=origin,
    )


def _sum_of(values: list[T | None], start: T) -> T | None:
    known = [value for value in values if value is not None]
    return sum(known, start) if len(known) == len(values) else None


NOTHING = _sums_of((), None)
