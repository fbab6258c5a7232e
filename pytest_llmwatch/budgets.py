"""Budgets of model calls: what may be spent, and where calls go beyond it. The marker and `within_budget` ask here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Literal

from .calls import WITHOUT_MODEL, ModelCall
from .drift.visible import visible
from .errors import SettingError
from .own_prices import FREE

Unit = Literal["money", "tokens", "calls", "retries", "seconds"]
Number = int | Decimal
_LONG = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What calls may come to together; `max_latency` and `max_ttft` are seconds of any one of them. `None`: no limit.

    `max_judge_cost` is for the calls of judges, which count in nothing else.
    """

    max_cost: Decimal | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    max_calls: int | None = None
    max_retries: int | None = None
    max_latency: Decimal | None = None
    max_ttft: Decimal | None = None
    max_judge_cost: Decimal | None = None

    @property
    def limits(self) -> dict[str, Number]:
        """The limits that are set."""
        held = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: limit for name, limit in held.items() if limit is not None}


NO_LIMITS = Budget()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What one limit is compared with: a figure of each call, and whether they are added up."""

    of: Callable[[ModelCall], Number | None]
    unit: Unit
    says: str
    noun: str
    is_sum: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """A call that does not say what a limit needs: which one it is, from 1, and why."""

    number: int
    call: ModelCall
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One limit that calls went beyond, or that nobody can tell whether they did.

    Attributes:
        name: The limit's name (`max_cost`).
        limit: The most that was allowed.
        value: What it came to; where calls are `silent`, what the others came to.
        silent: The calls that do not say.
        number: The call that took longest, from 1, where the limit is for any one call.
    """

    name: str
    limit: Number
    value: Number
    silent: tuple[Silent, ...] = ()
    number: int | None = None

    @property
    def measure(self) -> Measure:
        """What is compared."""
        return MEASURES[self.name]

    @property
    def is_beyond(self) -> bool:
        """Whether the limit is exceeded for certain; else it cannot be enforced."""
        return self.value > self.limit

    @property
    def amount(self) -> str:
        """The value as people write it; `at least` where some of it is not known."""
        least = "at least " if self.silent else ""
        return least + written(self.value, self.measure.unit)

    @property
    def reason(self) -> str:
        """One sentence that says what is wrong."""
        is_time = self.measure.unit == "seconds"
        limit = f"{_plain(Decimal(self.limit))} s" if is_time else written(self.limit, self.measure.unit)
        if self.is_beyond:
            subject = "" if self.number is None else f"call {self.number} "
            return f"{subject}{self.measure.says} {self.amount}, more than {limit}"
        first, more = self.silent[0], len(self.silent) - 1
        others = f", and {more} more" if more else ""
        return f"{self.name} cannot be enforced: call {first.number}{others}: {first.reason}"


def _tokens_of(name: str) -> Callable[[ModelCall], Number | None]:
    def tokens(call: ModelCall) -> Number | None:
        value: int | None = 0 if call.operation_name in WITHOUT_MODEL else getattr(call.usage, name)
        # An error that is free of charge is one that no model ran for.
        return 0 if value is None and call.error_type and call.price_source == FREE else value

    return tokens


def _latency(call: ModelCall) -> Number | None:
    return None if call.latency is None else _exact(call.latency)


def _first_chunk(call: ModelCall) -> Number | None:
    """Seconds to the first piece of the answer; one that comes whole comes with its end, where nobody took the time."""
    first = call.time_to_first_chunk
    if first is None and not call.streaming:
        first = call.latency
    return None if first is None else _exact(first)


def _exact(seconds: float) -> Decimal:
    return Decimal(str(seconds))


_COST = Measure(of=lambda call: call.cost, unit="money", says="costs", noun="cost")
MEASURES: dict[str, Measure] = {
    "max_cost": _COST,
    "max_input_tokens": Measure(of=_tokens_of("input_tokens"), unit="tokens", says="reads", noun="input"),
    "max_output_tokens": Measure(of=_tokens_of("output_tokens"), unit="tokens", says="writes", noun="output"),
    "max_calls": Measure(of=lambda _call: 1, unit="calls", says="makes", noun="calls"),
    "max_retries": Measure(of=lambda call: len(call.attempts), unit="retries", says="needs", noun="retries"),
    "max_latency": Measure(of=_latency, unit="seconds", says="takes", noun="latency", is_sum=False),
    "max_ttft": Measure(
        of=_first_chunk, unit="seconds", says="begins to answer after", noun="time to first chunk", is_sum=False
    ),
    "max_judge_cost": Measure(of=lambda call: call.cost, unit="money", says="judging costs", noun="cost of judging"),
}
BUDGET_ARGUMENTS = tuple(MEASURES)
_MONEY = frozenset({"max_cost", "max_judge_cost"})
_SECONDS = frozenset({"max_latency", "max_ttft"})


def budget_of(arguments: Mapping[str, object], *, place: str) -> Budget:
    """The limits among some arguments; one of `None` is no limit.

    Raises:
        SettingError: one makes no sense; `place` says where it stands.
    """
    given = {name: value for name, value in arguments.items() if name in MEASURES and value is not None}
    return Budget(**{name: _limit(name, value, place) for name, value in given.items()})  # type: ignore[arg-type]  # `_limit` looks at the name


def money_of(value: object, *, place: str) -> Decimal:
    """An amount of US dollars, as a text (`"0.50"`, `"$0.50"`) or a number.

    Raises:
        SettingError: it is none; `place` says where it stands.
    """
    text = value.strip().removeprefix("$") if isinstance(value, str) else value
    amount = _decimal(text)
    if amount is None:
        raise SettingError(f'{place}{_shown(value)} is not an amount of US dollars, such as "0.05"')
    return amount


def breaches_of(
    calls: Sequence[ModelCall], budget: Budget, *, judge_calls: Sequence[ModelCall] = ()
) -> tuple[Breach, ...]:
    """Every limit that the calls went beyond, or of which nobody can tell; none where all is well."""
    judged = (
        _breach(name, limit, judge_calls if name == "max_judge_cost" else calls)
        for name, limit in budget.limits.items()
    )
    return tuple(breach for breach in judged if breach is not None)


def written(value: Number, unit: Unit) -> str:
    """A figure as people write it: `$0.0123`, `1,200 tokens`, `1 call`, `2.5 s`."""
    if unit == "money":
        return amount_text(Decimal(value))
    if unit == "seconds":
        return f"{_plain(round(Decimal(value), 3) or Decimal(value))} s"
    singular = {"calls": "call", "retries": "retry", "tokens": "token"}[unit]
    return f"{value:,} {singular if value == 1 else unit}"


def amount_text(amount: Decimal) -> str:
    """US dollars with all their digits, and cents at least."""
    return f"${amount:.2f}" if amount == round(amount, 2) else f"${_plain(amount)}"


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _breach(name: str, limit: Number, calls: Sequence[ModelCall]) -> Breach | None:
    measure = MEASURES[name]
    figures = [measure.of(call) for call in calls]
    known = [figure for figure in figures if figure is not None]
    value = sum(known, 0) if measure.is_sum else max(known, default=0)
    silent = tuple(
        Silent(number=number, call=call, reason=_why_silent(measure, call))
        for number, (call, figure) in enumerate(zip(calls, figures, strict=True), 1)
        if figure is None
    )
    if value <= limit and not silent:
        return None
    number = None if measure.is_sum or not known else figures.index(value) + 1
    return Breach(name=name, limit=limit, value=value, silent=silent, number=number)


def _why_silent(measure: Measure, call: ModelCall) -> str:
    if measure.unit == "money":
        return call.cost_reason or "the provider does not say, and no price was looked up"
    if measure.unit == "seconds":
        return "the recording has no times"
    if call.operation_name == "unknown":
        return "no wire format is known for this request, so its tokens are not known"
    return f"the {measure.noun} tokens are not reported"


def _limit(name: str, value: object, place: str) -> Number:
    if name in _MONEY:
        return money_of(value, place=f"{place}: {name}=")
    if name in _SECONDS:
        seconds = _decimal(value)
        if seconds is None:
            raise SettingError(f"{place}: {name}={_shown(value)} is not a number of seconds, such as 2.5")
        return seconds
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SettingError(f"{place}: {name}={_shown(value)} is not a whole number, such as 3")
    return value


def _decimal(value: object) -> Decimal | None:
    """A number that is not negative; `None` for anything else. A float counts as it is written, not as it is stored."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() and number >= 0 else None


def _shown(value: object) -> str:
    text = visible(repr(value))
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def largest(calls: Iterable[ModelCall], measure: Measure) -> list[tuple[int, ModelCall]]:
    """The calls with their numbers, from 1: those that do not say come first, then those with most."""
    numbered = list(enumerate(calls, 1))
    figures = {number: measure.of(call) for number, call in numbered}
    return sorted(numbered, key=lambda one: (figures[one[0]] is not None, -(figures[one[0]] or 0)))
