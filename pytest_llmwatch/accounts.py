"""The money of a run or of a test while it is spent: set aside before a call, settled when its answer is there."""

from __future__ import annotations

from dataclasses import dataclass, field
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
        is_stopped: A call was refused; no other is admitted.
        unknown: Why the cost of calls that were answered is not known.
        seen: How many calls of a model were settled, and their cost together.
    """

    spent: Decimal = _NOTHING
    reserved: Decimal = _NOTHING
    guessed: Decimal = _NOTHING
    is_stopped: bool = False
    unknown: list[str] = field(default_factory=list)
    seen: dict[str, tuple[int, Decimal]] = field(default_factory=dict)

    def reserve(self, estimate: Decimal, limit: Decimal) -> bool:
        """Set money aside for a call, unless that would exceed the limit; then all is over."""
        if self.is_stopped or self.spent + self.reserved + estimate > limit:
            self.is_stopped = True
            return False
        self.reserved += estimate
        return True

    def release(self, estimate: Decimal) -> None:
        """Give back what was set aside for a call that was not made after all."""
        self.reserved -= estimate

    def settle(self, estimate: Decimal, settlement: Settlement) -> None:
        """A call is over: count its cost in place of the estimate, or the estimate where the cost is not known."""
        self.reserved -= estimate
        if settlement.cost is None:
            self.spent += estimate
            self.guessed += estimate
            self.unknown += [settlement.reason] if settlement.reason else []
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
            "is_stopped": self.is_stopped,
            "unknown": list(self.unknown),
            "seen": {model: [times, str(total)] for model, (times, total) in self.seen.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of a call: its cost, or `None` with the `reason` where an answer came whose cost nobody knows."""

    cost: Decimal | None
    model: str | None = None
    reason: str | None = None


def account_in(held: dict[str, JSON]) -> Account:
    """The account that was kept."""
    seen: dict[str, list[str]] = held["seen"]  # type: ignore[assignment]  # as `to_json` wrote it
    unknown: list[str] = held["unknown"]  # type: ignore[assignment]  # the same
    return Account(
        spent=Decimal(str(held["spent"])),
        reserved=Decimal(str(held["reserved"])),
        guessed=Decimal(str(held["guessed"])),
        is_stopped=held["is_stopped"] is True,
        unknown=unknown,
        seen={model: (int(times), Decimal(total)) for model, (times, total) in seen.items()},
    )
