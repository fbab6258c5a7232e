"""What a run has cost of what it may cost, as lines of the terminal section: live money, or that of the recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from pytest_llmwatch.budgets import amount_text
from pytest_llmwatch.drift.visible import visible, visible_id

SHOWN_REASONS = 3
DECIMALS = 6
FAILS = "This run fails."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCost:
    """The cost of a run that has a limit, in US dollars.

    Attributes:
        spent: What is known of it, and the estimates of live calls that broke off.
        guessed: The part of `spent` that is an estimate.
        unknown: Why the cost of calls is not known, and of how many.
        is_live: The money was spent in this run; else it is what the recordings cost.
        is_stopped: A live call was refused.
        dearest: The tests that cost most, with what they cost.
    """

    limit: Decimal
    spent: Decimal
    guessed: Decimal = Decimal(0)
    unknown: Mapping[str, int] = field(default_factory=dict)
    is_live: bool = False
    is_stopped: bool = False
    dearest: tuple[tuple[str, Decimal], ...] = ()

    @property
    def is_breached(self) -> bool:
        """Whether the run fails."""
        return self.is_stopped or self.spent > self.limit or bool(self.unknown)


def lines_of(cost: RunCost) -> list[str]:
    """`spent $0.4900 of $0.50`, or what the recordings cost of it."""
    guessed = f" ({_amount(cost.guessed, cost.limit)} of it estimated)" if cost.guessed else ""
    what = "spent" if cost.is_live else "cost as recorded:"
    return [f"{what} {_amount(cost.spent, cost.limit)} of {amount_text(cost.limit)}{guessed}"]


def alarms_of(cost: RunCost) -> list[str]:
    """Why the run fails; nothing where all is well."""
    limit = f"{amount_text(cost.limit)} (--llm-max-cost)"
    if cost.spent > cost.limit:
        recorded = "" if cost.is_live else "; these are recorded values, nothing was spent now"
        tests = [f"  {_amount(each, cost.limit)}  {visible_id(test)}" for test, each in cost.dearest]
        over = f"Over the limit of the whole run: {_amount(cost.spent, cost.limit)}, more than {limit}{recorded}."
        return [f"{FAILS} {over}", *tests]
    if cost.is_stopped:
        pages = "the pages of the tests that were refused say what would allow more"
        return [f"{FAILS} Live spending was stopped before it exceeded {limit}; {pages}."]
    if not cost.unknown:
        return []
    reasons = Counter(cost.unknown)
    shown = [f"  {visible(reason)}" for reason, _times in reasons.most_common(SHOWN_REASONS)]
    more = [f"  and {len(reasons) - len(shown)} more reasons"] if len(reasons) > len(shown) else []
    calls = "call has" if reasons.total() == 1 else "calls have"
    return [
        f"{FAILS} The limit of the whole run, {limit}, cannot be enforced: {reasons.total()} {calls} no price.",
        *shown,
        *more,
        "  To see what would price them: pytest-llmwatch cost",
    ]


def _amount(value: Decimal, limit: Decimal) -> str:
    """The amount, rounded as long as that does not put it on the other side of the limit."""
    short = round(value, DECIMALS)
    return amount_text(short if (short > limit) == (value > limit) else value)
