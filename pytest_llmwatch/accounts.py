"""The money of a run or of a test while it is spent: set aside before a call, settled when its answer is there."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .calls import JSON

_NOTHING = Decimal(0)


@dataclass(slots=True, kw_only=True)
class Account:
    """What was spent, and what is set aside for calls under way, in US dollars.

    Attributes:
        spent: The cost of calls that are over.
        reserved: The estimates of calls that are not.
        guessed: The part of `spent` that is an estimate, because nobody knows the cost.
        under_way: How many calls are not over.
        stop: The call that was refused; no other is admitted.
        unknown: Why the cost of calls that were answered is not known, and of how many.
        seen: How many calls of a model were settled, and their cost together.
    """

    spent: Decimal = _NOTHING
    reserved: Decimal = _NOTHING
    guessed: Decimal = _NOTHING
    under_way: int = 0
    stop: Stop | None = None
    unknown: dict[str, int] = field(default_factory=dict)
    seen: dict[str, tuple[int, Decimal]] = field(default_factory=dict)

    @property
    def is_stopped(self) -> bool:
        """Whether a call was refused, after which no other is admitted."""
        return self.stop is not None

    def reserve(self, estimate: Decimal, limit: Decimal, stop: Stop, *, least: Decimal | None = None) -> bool:
        """Set money aside for a call, unless that would exceed the limit; then all is over, and `stop` says where.

        A call that has no other beside it needs no more than its `least`, where that is given.
        """
        needed = estimate if least is None or self.under_way else least
        if self.is_stopped or self.spent + self.reserved + needed > limit:
            self.stop = self.stop or stop
            return False
        self.reserved += estimate
        self.under_way += 1
        return True

    def release(self, estimate: Decimal) -> None:
        """Give back what was set aside for a call that was not made after all."""
        self.reserved -= estimate
        self.under_way -= 1

    def settle(self, estimate: Decimal, settlement: Settlement, *, guess: Decimal | None = None) -> None:
        """A call is over: count its cost in place of the estimate.

        Where nobody knows the cost, the `guess` is counted, or the estimate.
        """
        self.release(estimate)
        if settlement.cost is None:
            guess = estimate if guess is None else guess
            self.spent += guess
            self.guessed += guess
            if settlement.reason:
                self.unknown[settlement.reason] = self.unknown.get(settlement.reason, 0) + 1
            return
        self.spent += settlement.cost
        if settlement.model is not None:
            times, total = self.seen.get(settlement.model, (0, _NOTHING))
            self.seen[settlement.model] = (times + 1, total + settlement.cost)

    def average(self, model: str | None) -> tuple[int, Decimal] | None:
        """How many calls of a model this was spent on, and what one cost on average."""
        times, total = self.seen.get(model or "", (0, _NOTHING))
        return (times, total / times) if times else None

    def to_json(self) -> dict[str, JSON]:
        """The account as it is kept in a file."""
        return {
            "spent": str(self.spent),
            "reserved": str(self.reserved),
            "guessed": str(self.guessed),
            "under_way": self.under_way,
            "stop": None if self.stop is None else self.stop.to_json(),
            "unknown": dict(self.unknown),
            "seen": {model: [times, str(total)] for model, (times, total) in self.seen.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The call that was refused first.

    Attributes:
        test: The test that asked for it; `request` is what it asked for, safe to print.
        spent: What had been spent; `reserved` was set aside for calls under way, and `guessed` is estimated of it.
        estimate: What the call would have cost, about; `source` says where that is from.
    """

    test: str
    request: str
    spent: Decimal
    reserved: Decimal
    guessed: Decimal
    estimate: Decimal
    source: str

    def to_json(self) -> dict[str, JSON]:
        """The facts as they are kept in a file."""
        return {item.name: str(getattr(self, item.name)) for item in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of a call: its cost, or `None` with the `reason` where an answer came whose cost nobody knows."""

    cost: Decimal | None
    model: str | None = None
    reason: str | None = None


def account_in(held: dict[str, JSON]) -> Account:
    """The account that was kept."""
    seen: dict[str, list[str]] = held["seen"]  # type: ignore[assignment]  # as `to_json` wrote it
    unknown: dict[str, int] = held["unknown"]  # type: ignore[assignment]  # the same
    under_way: int = held["under_way"]  # type: ignore[assignment]  # the same
    return Account(
        spent=Decimal(str(held["spent"])),
        reserved=Decimal(str(held["reserved"])),
        guessed=Decimal(str(held["guessed"])),
        under_way=under_way,
        stop=_stop_in(held["stop"]),
        unknown=unknown,
        seen={model: (int(times), Decimal(total)) for model, (times, total) in seen.items()},
    )


def _stop_in(held: JSON) -> Stop | None:
    if not isinstance(held, dict):
        return None
    money = {name: Decimal(str(held[name])) for name in ("spent", "reserved", "guessed", "estimate")}
    return Stop(**money, **{name: str(held[name]) for name in ("test", "request", "source")})  # type: ignore[arg-type]  # as `to_json` wrote it
