"""Expectations of the tools a model asked for: which, how often, in what order, with which arguments."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial as partial_of
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, ToolCallPart
from pytest_llmwatch.errors import SettingError
from pytest_llmwatch.tool_results import line_of_call

from .expectation import Expectation, shown, verdict_of, wrong_type
from .expectation import arguments as written
from .given import count_given, items_given, range_given, refusal, text_given, unpacked
from .json_likeness import json_like, matched
from .nearest import nearest_label
from .paths import Path, PathPattern, path_pattern
from .verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

Times = int | tuple[int | None, int | None]
Step = str | Expectation

_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ToolRule(Expectation):
    """An expectation of tool calls made of a function; `times` is what `called` was given."""

    wanted: str
    rule: Callable[[Sequence[ToolCallPart]], Verdict]
    times: Times | None = None

    def judge(self, value: object) -> Verdict:
        """What the function says of the tool calls in a value."""
        calls = _calls_in(value)
        return wrong_type(value, "tool calls") if calls is None else self.rule(calls)

    def __repr__(self) -> str:
        return self.wanted


def called(
    name: str,
    *,
    arguments: object = None,
    times: Times | None = None,
    partial: bool = False,
    ignore: Iterable[str] = (),
    defaults: Mapping[str, JSON] | None = None,
) -> Expectation:
    """Tool calls (`llm_cassette.tool_calls`, or those of one model call) with this tool among them.

    Args:
        name: The tool; `*` stands for anything (`delete_*`).
        arguments: What it is called with: a dict, in which expectations may stand, or one expectation of them all.
        times: How often, at least once otherwise: `2`, or `(1, 3)`, `(2, None)`.
        partial: Arguments that `arguments` does not name do not count.
        ignore: Paths of arguments that do not count: `*_id`, `filter.created`, `**.time`.
        defaults: Arguments that may as well be left out when they have this value; the keys are paths too.

    Example:
        >>> from pytest_llmwatch import ToolCallPart, called, containing
        >>> tool_calls = (ToolCallPart(name="search", arguments={"q": "phone returns", "limit": 10}),)
        >>> tool_calls == called("search", arguments={"q": containing("phone")}, defaults={"limit": 10})
        True
        >>> tool_calls == called("search", times=2)
        False
    """
    text_given("called", name, "the name of a tool")
    if defaults is not None and not isinstance(defaults, Mapping):
        raise refusal("called(defaults=)", defaults, 'a dict of arguments, as {"limit": 10}')
    ignored, usual = (
        items_given("called(ignore=)", ignore, "a path such as *_id, or a list of paths"),
        dict(defaults or {}),
    )
    least, most = _limits(times)
    fits = _arguments_rule(arguments, partial=partial, ignore=ignored, defaults=usual)

    def judge(calls: Sequence[ToolCallPart]) -> Verdict:
        named = [at for at, call in enumerate(calls) if fnmatch.fnmatchcase(call.name, name)]
        verdicts = {at: fits(calls[at].arguments) for at in named}
        passed = [at for at in named if verdicts[at].passed]
        if len(passed) >= least and (most is None or len(passed) <= most):
            return Verdict(passed=True, reason=f"calls {shown(name)}{_times_text(len(passed))}")
        if not passed and not named:
            near = nearest_label(name, [call.name for call in calls])
            reason = f"does not call {shown(name)}" if calls else f"does not call {shown(name)}, nor any other tool"
            return Verdict(passed=False, reason=reason, nearest=near, details=_lines(calls))
        if not passed:
            # The one with the fewest faults was meant.
            best = min(named, key=lambda at: (verdicts[at].is_undecided, len(verdicts[at].details)))
            others = _lines(calls, leaving_out=best)
            return _of_call(best, calls[best], verdicts[best], others)
        limit = most if most is not None and len(passed) > most else least
        is_excess = len(passed) > least
        extra = passed[limit] if is_excess and limit < len(passed) else None
        return Verdict(
            passed=False,
            reason=f"calls {shown(name)}{_times_text(len(passed))}, not {_wanted_times(least, most)}",
            place=None if extra is None else f"call {extra + 1}",
            score=len(passed),
            limit=limit,
            details=_lines(calls),
        )

    text = written(
        name, arguments=arguments, times=times, partial=partial, ignore=ignored or None, defaults=usual or None
    )
    return ToolRule(wanted=f"called({text})", rule=judge, times=times)


def calls_in_order(*steps: Step | Sequence[Step], only: bool = False) -> Expectation:
    """Tool calls with these among them, one after the other.

    Args:
        steps: Names of tools, or `called(...)`; one list of them will do.
        only: Nothing else is called before, between or behind them.

    Example:
        >>> from pytest_llmwatch import ToolCallPart, called, calls_in_order
        >>> tool_calls = (ToolCallPart(name="search"), ToolCallPart(name="refund", arguments={"order": 17}))
        >>> tool_calls == calls_in_order("search", called("refund", arguments={"order": 17}))
        True
        >>> tool_calls == calls_in_order("refund", "search")
        False
    """
    chosen = _chosen("calls_in_order", steps, only=only)
    wanted = _steps("calls_in_order", chosen)

    def judge(calls: Sequence[ToolCallPart]) -> Verdict:
        at, places = 0, []
        for index, step in enumerate(wanted):
            verdicts = [verdict_of(step, (call,)) for call in calls[at : at + 1 if only else None]]
            found = next((at + offset for offset, verdict in enumerate(verdicts) if verdict.passed), None)
            if found is None:
                return _missing_step(chosen, wanted, index, at, calls, only=only)
            places.append(found)
            at = found + 1
        if only and at < len(calls):
            reason = f"calls {shown(calls[at].name)} behind what was wanted"
            return Verdict(passed=False, reason=reason, place=f"call {at + 1}", details=_lines(calls))
        return Verdict(passed=True, reason=f"calls {_places_text(places)} in this order")

    return ToolRule(wanted=f"calls_in_order({written(*chosen, only=only)})", rule=judge)


def calls_any_order(*steps: Step | Sequence[Step], only: bool = False) -> Expectation:
    """Tool calls with all of these among them, in whatever order; each call counts for one of them.

    Args:
        steps: Names of tools, or `called(...)`; one list of them will do.
        only: Nothing else is called.

    Example:
        >>> from pytest_llmwatch import ToolCallPart, calls_any_order
        >>> tool_calls = (ToolCallPart(name="weather"), ToolCallPart(name="time"))
        >>> tool_calls == calls_any_order("time", "weather")
        True
        >>> tool_calls == calls_any_order("time", "time")
        False
    """
    chosen = _chosen("calls_any_order", steps, only=only)
    wanted = _steps("calls_any_order", chosen)

    def judge(calls: Sequence[ToolCallPart]) -> Verdict:
        fits = {
            index: [at for at, call in enumerate(calls) if verdict_of(step, (call,)).passed]
            for index, step in enumerate(wanted)
        }
        pairs = matched(fits)
        free = [at for at in range(len(calls)) if at not in pairs.values()]
        for index, step in enumerate(wanted):
            if index not in pairs:
                if fits[index]:
                    taken = _places_text(fits[index])
                    reason = f"lacks a call for {_step_text(chosen[index])}: {taken} stands for another"
                    return Verdict(passed=False, reason=reason, details=_lines(calls))
                return replace(verdict_of(step, tuple(calls)), passed=False)
        if only and free:
            reason = f"calls {shown(calls[free[0]].name)}, which was not wanted"
            return Verdict(passed=False, reason=reason, place=f"call {free[0] + 1}", details=_lines(calls))
        return Verdict(passed=True, reason="calls all of them")

    return ToolRule(wanted=f"calls_any_order({written(*chosen, only=only)})", rule=judge)


def no_call_of(*names: str | Sequence[str]) -> Expectation:
    """Tool calls with none of these tools among them; without names, no tool call at all.

    Example:
        >>> from pytest_llmwatch import ToolCallPart, no_call_of
        >>> (ToolCallPart(name="delete_user"),) == no_call_of("delete_*", "drop_table")
        False
        >>> () == no_call_of()
        True
    """
    banned = [text_given("no_call_of", name, "names of tools") for name in unpacked(names)]

    def judge(calls: Sequence[ToolCallPart]) -> Verdict:
        for at, call in enumerate(calls):
            if not banned or any(fnmatch.fnmatchcase(call.name, name) for name in banned):
                reason = f"calls {shown(call.name)}"
                return Verdict(passed=False, reason=reason, place=f"call {at + 1}", found=line_of_call(call))
        return Verdict(passed=True, reason=f"does not call {' or '.join(map(shown, banned)) or 'any tool'}")

    return ToolRule(wanted=f"no_call_of({written(*banned)})", rule=judge)


def at_most_calls(n: int, name: str = "*") -> Expectation:
    """At most so many tool calls: of all tools, or of one.

    Example:
        >>> from pytest_llmwatch import ToolCallPart, at_most_calls
        >>> (ToolCallPart(name="search"), ToolCallPart(name="search")) == at_most_calls(1, "search")
        False
    """
    count_given("at_most_calls", n, "a number of calls from 0 on")
    text_given("at_most_calls", name, "the name of a tool")

    def judge(calls: Sequence[ToolCallPart]) -> Verdict:
        named = [at for at, call in enumerate(calls) if fnmatch.fnmatchcase(call.name, name)]
        what = "tools" if name == "*" else shown(name)
        reason = f"calls {what}{_times_text(len(named))}"
        if len(named) <= n:
            return Verdict(passed=True, reason=reason, score=len(named), limit=n)
        return Verdict(
            passed=False,
            reason=f"{reason}, more than {n}",
            place=f"call {named[n] + 1}" if n >= 0 else None,
            score=len(named),
            limit=n,
            details=_lines(calls),
        )

    text = written(n) if name == "*" else written(n, name)
    return ToolRule(wanted=f"at_most_calls({text})", rule=judge)


def _calls_in(value: object) -> Sequence[ToolCallPart] | None:
    """The tool calls that a value is or has: a sequence, one call, a model call, a recording."""
    if isinstance(value, ToolCallPart):
        return (value,)
    # A recording lives in a layer above; what it shows is this.
    if isinstance(getattr(type(value), "tool_calls", None), property):
        value = value.tool_calls  # type: ignore[attr-defined]  # the line above has seen it
    if isinstance(value, list | tuple) and all(isinstance(each, ToolCallPart) for each in value):
        return value
    return None


def _limits(times: Times | None) -> tuple[int, int | None]:
    if times is None:
        return 1, None
    least, most = range_given("called(times=)", times)
    return least or 0, most


def _chosen(what: str, steps: tuple[Step | Sequence[Step], ...], *, only: bool) -> tuple[Step, ...]:
    """The steps, also where one list of them was given; no step is found in every answer."""
    chosen = unpacked(steps)
    if not chosen and not only:
        raise SettingError(f'{what}() takes one step at least, such as {what}("search", "refund")')
    for step in chosen:
        if not isinstance(step, str | Expectation) or step == "":
            raise refusal(what, step, "names of tools and called(...)")
    return chosen  # type: ignore[return-value]  # the loop has looked at each


def _steps(what: str, steps: tuple[Step, ...]) -> list[Expectation]:
    for step in steps:
        if isinstance(step, ToolRule) and step.times is not None:
            raise SettingError(f"{what}: {step!r} stands for one call here; write it as often as it is wanted")
    return [called(step) if isinstance(step, str) else step for step in steps]


def _arguments_rule(
    wanted: object, *, partial: bool, ignore: list[str], defaults: dict[str, JSON]
) -> Callable[[JSON], Verdict]:
    if isinstance(wanted, Expectation):
        if partial or ignore or defaults:
            raise SettingError(f"called: partial, ignore and defaults go with a dict of arguments, not with {wanted!r}")
        return partial_of(verdict_of, wanted)
    if wanted is None:
        if partial or ignore or defaults:
            raise SettingError("called: partial, ignore and defaults say nothing without arguments")
        return lambda _given: Verdict(passed=True, reason="is called")
    usual = [(path_pattern(name), value) for name, value in defaults.items()]
    expected = _without_defaults(wanted, usual)
    like = json_like(expected, ignore=ignore)
    names = set(wanted) if isinstance(wanted, Mapping) else set()

    def judge(given: JSON) -> Verdict:
        if isinstance(given, str):
            return Verdict(passed=False, reason="has arguments that are not JSON", found=shown(given))
        if partial and isinstance(given, dict):
            given = {name: value for name, value in given.items() if name in names}
        return like.judge(_without_defaults({} if given is None else given, usual))

    return judge


def _without_defaults(value: object, defaults: list[tuple[PathPattern, JSON]], path: Path = ()) -> object:
    """The value without the fields that have their default: left out and written out are the same then."""
    if not defaults or not isinstance(value, Mapping):
        return value
    return {
        name: _without_defaults(held, defaults, (*path, name))
        for name, held in value.items()
        if not any(pattern.fits((*path, name)) and _is_default(held, usual) for pattern, usual in defaults)
    }


def _is_default(held: object, usual: JSON) -> bool:
    return not isinstance(held, Expectation) and isinstance(held, bool) == isinstance(usual, bool) and held == usual


def _of_call(at: int, call: ToolCallPart, verdict: Verdict, others: tuple[str, ...]) -> Verdict:
    """A verdict on the arguments of one call, with the call named."""
    place = f"call {at + 1}, {verdict.place}" if verdict.place else f"call {at + 1}"
    return replace(
        verdict,
        is_undecided=False,
        reason=f"calls {shown(call.name)} otherwise: its argument {verdict.reason}"
        if verdict.place
        else f"calls {shown(call.name)} otherwise: {verdict.reason}",
        place=place,
        found=verdict.found or line_of_call(call),
        details=(*verdict.details, *others),
    )


def _missing_step(
    steps: tuple[Step, ...],
    wanted: list[Expectation],
    index: int,
    at: int,
    calls: Sequence[ToolCallPart],
    *,
    only: bool,
) -> Verdict:
    later = [place for place in range(at, len(calls)) if verdict_of(wanted[index], (calls[place],)).passed]
    if only and later:
        reason = f"calls {shown(calls[at].name)} before {_step_text(steps[index])}, which was not wanted"
        return Verdict(passed=False, reason=reason, place=f"call {at + 1}", details=_lines(calls))
    earlier = [place for place, call in enumerate(calls[:at]) if verdict_of(wanted[index], (call,)).passed]
    behind = f" behind call {at}" if at else ""
    reason = f"does not call {_step_text(steps[index])}{behind}"
    details = (f"{_places_text(earlier)} is one, but comes before",) if earlier else ()
    if not earlier:
        verdict = verdict_of(wanted[index], tuple(calls[at:]))
        if verdict.place and verdict.place.startswith("call ") and not isinstance(steps[index], str):
            details = (f"{verdict.reason}",)
    return Verdict(passed=False, reason=reason, place=f"step {index + 1}", details=(*details, *_lines(calls)))


def _step_text(step: Step) -> str:
    return shown(step) if isinstance(step, str) else repr(step)


def _places_text(places: Sequence[int]) -> str:
    return f"call {', '.join(str(at + 1) for at in places)}" if places else "nothing"


def _times_text(count: int) -> str:
    return {1: " once", 2: " twice"}.get(count, f" {count} times")


def _wanted_times(least: int, most: int | None) -> str:
    if most is None:
        return f"at least{_times_text(least)}"
    return _times_text(least).strip() if least == most else f"{least} to {most} times"


def _lines(calls: Sequence[ToolCallPart], leaving_out: int | None = None) -> tuple[str, ...]:
    """The calls that were made, one line each."""
    places = [at for at in range(len(calls)) if at != leaving_out]
    lines = [f"call {at + 1}   {line_of_call(calls[at])}" for at in places[:_MOST_SHOWN]]
    return (*lines, *([f"and {len(places) - _MOST_SHOWN} more calls"] if len(places) > _MOST_SHOWN else []))
