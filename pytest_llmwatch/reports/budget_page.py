"""The pages of budgets: calls that went beyond a limit, and a live call that was not made because of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from pytest_llmwatch.accounts import Account
from pytest_llmwatch.budgets import Breach, amount_text
from pytest_llmwatch.calls import ModelCall
from pytest_llmwatch.costly_calls import lines_of_costliest
from pytest_llmwatch.drift.visible import visible
from pytest_llmwatch.price_remedies import remedy_lines
from pytest_llmwatch.spend import Spend

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverBudgetFacts:
    """What the page of a test that went beyond its limits says.

    Attributes:
        calls: Those that the first limit is for.
        origin: When and by which models the figures were recorded; `None` where they are of this run.
        today: What the calls would cost at the prices of today.
        look: The command that shows the calls; `None` where there is no file.
        record: The command that makes the calls again.
    """

    test: str
    breaches: Sequence[Breach]
    calls: Sequence[ModelCall]
    origin: str | None
    today: Spend
    look: str | None
    record: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopFacts:
    """What the page of a live call that was not made says.

    Attributes:
        request: Method, address and model, safe to print.
        call: The call as far as its request says it, with the tokens that it may have.
        limit_words: Whose limit it is, and where it is set.
        estimate: What the call would have cost; `None` where nobody knows. `source` says where that is from, or why.
        account: The account before the call was refused.
        marker: The marker's name of the limit; `None` for that of the run.
        command: What makes the test's calls, without a limit.
    """

    test: str
    request: str
    call: ModelCall
    limit: Decimal
    limit_words: str
    account: Account
    estimate: Decimal | None
    source: str
    marker: str | None
    command: str


def over_budget_page(facts: OverBudgetFacts) -> str:
    """The whole page: which limits, the calls that spent most, what they would cost today, the commands."""
    first, *others = facts.breaches
    head = f"Over budget: {first.reason}" if first.is_beyond else f"Over budget or not: {first.reason}"
    more = [f"  also: {one.reason}" if one.is_beyond else f"  {one.reason}" for one in others]
    unknown = next((one for one in facts.breaches if not one.is_beyond), None)
    return "\n".join(
        [
            f"{visible(head)} ({facts.test})",
            *map(visible, more),
            *_spent_most(facts, first),
            *([] if unknown is None else _remedy(unknown)),
            *_commands(facts),
        ]
    )


def _spent_most(facts: OverBudgetFacts, first: Breach) -> list[str]:
    lines = ["What took most:", *(f"  {line}" for line in lines_of_costliest(facts.calls, first.measure))]
    if len(facts.calls) > 1 or first.measure.unit == "money":
        lines.append(f"At today's prices: {_total(facts.today)}")
    return [*lines, f"These figures were {facts.origin}; nothing was spent now."] if facts.origin else lines


def _total(spend: Spend) -> str:
    unpriced = len(spend.unpriced)
    if not unpriced:
        return amount_text(spend.known_cost)
    none = f"{unpriced} {'call' if unpriced == 1 else 'calls'} without a price"
    return f"not known ({none})" if unpriced == spend.calls else f"{amount_text(spend.known_cost)} and {none}"


def _remedy(breach: Breach) -> list[str]:
    first = breach.silent[0]
    if breach.measure.unit == "money":
        return remedy_lines(first.call, None, first.reason)
    if breach.measure.unit == "seconds":
        return ["To enforce it, record the test again: other recorders keep no times."]
    return ["To enforce it, let the provider report the tokens and record again."]


def _commands(facts: OverBudgetFacts) -> list[str]:
    look = [f"To look at the calls: {facts.look}"] if facts.look else []
    return [*look, f"To measure again (calls the live model): {facts.record}"]


def stop_page(facts: StopFacts) -> str:
    """The whole page: the limit, what was spent, the estimate and where it is from, the command to go on."""
    if facts.estimate is None:
        return _unpriced_page(facts)
    if facts.account.is_stopped:
        again = f"To make this test's calls: {_with_limit(facts, facts.limit)}"
        return "\n".join([*_head(facts, "an earlier call would have exceeded the limit"), again])
    after = "no other live call of this test is." if facts.marker else "no other live call of this run is."
    return "\n".join(
        [
            *_head(facts, "this call would exceed the limit"),
            f"  spent      {_spent(facts.account)}",
            f"  this call  {amount_text(facts.estimate)}, {visible(facts.source)}",
            f"The call was not made, and {after} Nothing that was recorded is lost.",
            _higher(facts, facts.estimate),
        ]
    )


def _head(facts: StopFacts, why: str) -> list[str]:
    return [
        f"Live spending is over: {why} ({facts.test}).",
        f"  {facts.request}",
        f"  limit      {amount_text(facts.limit)} {facts.limit_words}",
    ]


def _spent(held: Account) -> str:
    aside = f", and {amount_text(held.reserved)} set aside for calls under way" if held.reserved else ""
    guessed = f" ({amount_text(held.guessed)} of it estimated)" if held.guessed else ""
    return f"{amount_text(held.spent)}{guessed}{aside}"


def _unpriced_page(facts: StopFacts) -> str:
    return "\n".join(
        [
            f"The limit of live spending cannot be enforced for this call ({facts.test}).",
            f"  {facts.request}",
            f"  limit      {amount_text(facts.limit)} {facts.limit_words}",
            f"  this call  not known: {visible(facts.source)}",
            "The call was not made.",
            *remedy_lines(facts.call, None, facts.source),
            f"Then: {_with_limit(facts, facts.limit)}",
        ]
    )


def _higher(facts: StopFacts, estimate: Decimal) -> str:
    needed = facts.account.spent + facts.account.reserved + estimate
    limit = max(2 * facts.limit, 2 * needed).quantize(_CENT, rounding=ROUND_UP)
    if facts.marker:
        return f'To allow more: @pytest.mark.llm({facts.marker}="{limit}"), then {facts.command}'
    return f"To allow more: {_with_limit(facts, limit)}"


def _with_limit(facts: StopFacts, limit: Decimal) -> str:
    return facts.command if facts.marker else f"{facts.command} --llm-max-cost={limit}"
