"""The pages of budgets: calls that went beyond a limit, and a live call that was not made because of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pytest_llmwatch.accounts import Stop
from pytest_llmwatch.budgets import Breach, amount_text
from pytest_llmwatch.calls import ModelCall
from pytest_llmwatch.costly_calls import lines_of_costliest
from pytest_llmwatch.drift.visible import visible
from pytest_llmwatch.price_remedies import remedy_lines
from pytest_llmwatch.spend import Spend

_SMALLEST = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverBudgetFacts:
    """What the page of a test that went beyond its limits says.

    Attributes:
        calls: Those that the first limit is for.
        origin: When and by which models the figures were recorded; `None` where they are of this run.
        today: What the calls would cost at the prices of today.
        look: The command that shows the calls; `None` where there is no file.
        record: The command that makes the calls again.
        accept: The command that takes over what was recorded; `None` where nothing was.
    """

    test: str
    breaches: Sequence[Breach]
    calls: Sequence[ModelCall]
    origin: str | None
    today: Spend
    look: str | None
    record: str
    accept: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopFacts:
    """What the page of a live call that was not made says.

    Attributes:
        request: Method, address and model, safe to print.
        limit_words: Whose limit it is, and where it is set.
        stop: The call that was refused first, with the figures of the account at that moment.
        is_later: That was another call than this one.
        enough: The least that this test needs to come as far as that call, or as its recording did.
        marker: The marker's name of the limit; `None` for that of the run.
        command: What makes the test's calls, without a limit.
        is_check: The calls were for a comparison.
    """

    test: str
    request: str
    limit: Decimal
    limit_words: str
    stop: Stop
    is_later: bool
    enough: Decimal
    marker: str | None
    command: str
    is_check: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpricedFacts:
    """What the page of a live call says of which nobody knows what it would cost.

    Attributes:
        call: The call as far as its request says it, with the tokens that it may have.
        reason: Why nobody knows.
    """

    test: str
    request: str
    call: ModelCall
    limit: Decimal
    limit_words: str
    reason: str
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
    return [*look, *_acceptance(facts), f"To measure again (calls the live model): {facts.record}"]


def _acceptance(facts: OverBudgetFacts) -> list[str]:
    if facts.accept is None or not all(one.is_beyond for one in facts.breaches):
        return []
    limits = " and ".join(f"{one.name} to {_enough(one)}" for one in facts.breaches)
    return [f"To take over what was recorded (calls no model): raise {limits}, then {facts.accept}"]


def _enough(breach: Breach) -> str:
    unit, value = breach.measure.unit, Decimal(breach.value)
    if unit == "money":
        return f'"{next_figure(value)}"'
    return str(next_figure(value) if unit == "seconds" else breach.value)


def stop_page(facts: StopFacts) -> str:
    """The whole page: the limit, what was spent, the estimate and where it is from, the command to go on."""
    stop = facts.stop
    after = "no other live call of this test is." if facts.marker else "no other live call of this run is."
    over = "Not checked, no money left" if facts.is_check else "Live spending is over"
    return "\n".join(
        [
            f"{over}: {_why(facts)} ({facts.test}).",
            f"  {facts.request}",
            f"  limit      {amount_text(facts.limit)} {facts.limit_words}",
            f"  spent      {_spent(stop)}{' when that call was refused' if facts.is_later else ''}",
            f"  {'that' if facts.is_later else 'this'} call  {amount_text(stop.estimate)}, {visible(stop.source)}",
            *([f"             {stop.request} ({visible(stop.test)})"] if facts.is_later else []),
            f"The call was not made, and {after} Nothing that was recorded is lost.",
            _higher(facts),
        ]
    )


def _why(facts: StopFacts) -> str:
    subject, stop = "an earlier call" if facts.is_later else "this call", facts.stop
    if stop.spent > facts.limit:
        return f"the limit was exceeded already when {subject} was asked for"
    is_beside = stop.spent + stop.estimate <= facts.limit
    beside = "with the calls under way, " if is_beside else ""
    return f"{beside}{subject} would {'have exceeded' if facts.is_later else 'exceed'} the limit"


def _spent(stop: Stop) -> str:
    aside = f", and {amount_text(stop.reserved)} set aside for calls under way" if stop.reserved else ""
    guessed = f" ({amount_text(stop.guessed)} of it estimated)" if stop.guessed else ""
    return f"{amount_text(stop.spent)}{guessed}{aside}"


def unpriced_page(facts: UnpricedFacts) -> str:
    """The whole page: the limit, why it cannot be enforced, what would make the price known."""
    limit = "" if facts.marker else f" --llm-max-cost={facts.limit}"
    return "\n".join(
        [
            f"The limit of live spending cannot be enforced for this call ({facts.test}).",
            f"  {facts.request}",
            f"  limit      {amount_text(facts.limit)} {facts.limit_words}",
            f"  this call  not known: {visible(facts.reason)}",
            "The call was not made.",
            *remedy_lines(facts.call, None, facts.reason),
            f"Then: {facts.command}{limit}",
        ]
    )


def _higher(facts: StopFacts) -> str:
    if facts.marker:
        limit = next_figure(max(facts.enough, facts.limit))
        return f'To allow more: @pytest.mark.llm({facts.marker}="{limit}"), then {facts.command}'
    # What the rest of a test will cost is not known: twice what was not enough.
    return f"To allow more: {facts.command} --llm-max-cost={next_figure(2 * max(facts.enough, facts.limit))}"


def next_figure(amount: Decimal) -> Decimal:
    """The next of 1, 2, 5, 10, 20, 50 ... that is more than an amount by a tenth of it at least: for a limit."""
    least = max(amount, _SMALLEST) * Decimal("1.1")
    power = Decimal(10) ** least.adjusted()
    found = next(power * step for step in (1, 2, 5, 10) if power * step >= least)
    return Decimal(f"{found.normalize():f}")
