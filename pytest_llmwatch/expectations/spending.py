"""Expectations of what calls cost: the same limits that the marker has, judged by the same rule."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_llmwatch.budgets import BUDGET_ARGUMENTS, MEASURES, Breach, Budget, breaches_of, budget_of
from pytest_llmwatch.calls import ModelCall
from pytest_llmwatch.costly_calls import lines_of_costliest
from pytest_llmwatch.errors import SettingError
from pytest_llmwatch.price_remedies import remedy_of
from pytest_llmwatch.spend import Spend

from .expectation import Expectation, Rule, wrong_type
from .verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence


def within_budget(
    *,
    max_cost: Decimal | str | float | None = None,
    max_input_tokens: int | None = None,
    max_output_tokens: int | None = None,
    max_calls: int | None = None,
    max_retries: int | None = None,
    max_latency: Decimal | str | float | None = None,
    max_ttft: Decimal | str | float | None = None,
) -> Expectation:
    """A recording (`llm_cassette`), a `Spend`, model calls or one of them that stay within these limits.

    Args:
        max_cost: US dollars of all calls; `"0.05"` or a `Decimal` say exactly what is meant.
        max_input_tokens: Tokens read by all calls, those from a cache too.
        max_output_tokens: Tokens written by all calls, reasoning too.
        max_calls: Calls; the tries of a client library are one.
        max_retries: Tries that failed, of all calls.
        max_latency: Seconds that any one call may take.
        max_ttft: Seconds until the first piece of any one answer.

    Raises:
        SettingError: no limit is given, or one makes no sense.

    Example:
        >>> from pytest_llmwatch import ModelCall, Usage, within_budget
        >>> call = ModelCall(usage=Usage(input_tokens=900, output_tokens=300))
        >>> call == within_budget(max_output_tokens=400)
        True
        >>> within_budget(max_input_tokens=500).judge(call).reason
        'reads 900 tokens, more than 500 tokens'
    """
    given = locals()
    budget = budget_of(given, place="within_budget")
    if not budget.limits:
        raise SettingError(f"within_budget: no limit is given; there are {', '.join(BUDGET_ARGUMENTS[:-1])}")

    def judge(value: object) -> Verdict:
        calls = _calls_in(value)
        if calls is None:
            return wrong_type(value, "model calls or a spend")
        breaches = breaches_of(calls, budget)
        if breaches:
            return _failed(breaches, calls, _origin_of(value))
        return Verdict(passed=True, reason="stays within its budget")

    return Rule(wanted=f"within_budget({_limits_text(budget)})", rule=judge)


def _limits_text(budget: Budget) -> str:
    return ", ".join(
        f'{name}="{limit:f}"' if MEASURES[name].unit == "money" else f"{name}={Decimal(limit):f}"
        for name, limit in budget.limits.items()
    )


def _failed(breaches: Sequence[Breach], calls: Sequence[ModelCall], origin: tuple[str, ...]) -> Verdict:
    """The verdict on calls that went beyond, or of which that is not known: the worst limit first."""
    first, *others = sorted(breaches, key=lambda breach: not breach.is_beyond)
    spent = lines_of_costliest(calls, first.measure) if len(calls) > 1 else []
    also = (f"also: {breach.reason}" if breach.is_beyond else breach.reason for breach in others)
    return Verdict(
        passed=False,
        is_undecided=not first.is_beyond,
        reason=first.reason,
        score=float(first.value) if first.is_beyond else None,
        limit=float(first.limit),
        details=(*_remedies(first), *also, *spent, *origin),
    )


def _remedies(breach: Breach) -> list[str]:
    """The two ways to a price, where that is what is missing."""
    if breach.is_beyond or breach.measure.unit != "money":
        return []
    first = breach.silent[0]
    line, advice = remedy_of(first.call, None, first.reason)
    return (
        [f"to enforce it, {advice}"]
        if line is None
        else [f"add to llm_prices: {line}", "or name its cost with the hook pytest_llmwatch_price"]
    )


def _origin_of(value: object) -> tuple[str, ...]:
    """When the figures were recorded, where the value says it."""
    origin = getattr(value, "origin", None)
    return (origin,) if isinstance(origin, str) else ()


def _calls_in(value: object) -> Sequence[ModelCall] | None:
    """The calls that a value is, has or sums up."""
    if isinstance(value, ModelCall):
        return (value,)
    if isinstance(value, Spend):
        return value.of if len(value.of) == value.calls else None
    # A recording lives in a layer above; what it shows is this.
    if isinstance(getattr(type(value), "calls", None), property):
        value = value.calls  # type: ignore[attr-defined]  # the line above has seen it
    if isinstance(value, list | tuple) and all(isinstance(each, ModelCall) for each in value):
        return value
    return None
