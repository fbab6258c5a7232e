"""Expectations of how a model stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from pytest_llmwatch.calls import FinishReason, ModelCall
from pytest_llmwatch.errors import SettingError

from .expectation import Expectation, Rule, arguments, wrong_type
from .verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence


def finish_reason(*reasons: FinishReason) -> Expectation:
    """A model call (or the last one of `llm_cassette`) every answer of which ended for one of these reasons.

    Example:
        >>> from pytest_llmwatch import ModelCall, finish_reason
        >>> ModelCall(finish_reasons=("length",)) == finish_reason("stop", "tool_call")
        False
    """
    known = get_args(FinishReason)
    for reason in reasons:
        if reason not in known:
            raise SettingError(f"finish_reason: there is no reason {reason!r}; there are {', '.join(known)}")

    def judge(value: object) -> Verdict:
        call = _call_of(value)
        if call is None:
            return wrong_type(value, "a model call")
        if isinstance(call, str):
            return Verdict(passed=False, is_undecided=True, reason=call)
        if not call.finish_reasons:
            why = f": {call.error_type}" if call.error_type else ""
            return Verdict(passed=False, is_undecided=True, reason=f"no finish reason is known{why}")
        for index, came in enumerate(call.finish_reasons):
            if came not in reasons:
                place = None if len(call.finish_reasons) == 1 else f"choice {index + 1}"
                own: Sequence[str | None] = call.provider_finish_reasons[index : index + 1]
                details = tuple(f"in the provider's words: {word}" for word in own if word and word != came)
                said = "is not known" if came is None else f"is {came}"
                reason = f"the finish reason {said}, not {' or '.join(reasons)}"
                return Verdict(passed=False, is_undecided=came is None, reason=reason, place=place, details=details)
        return Verdict(passed=True, reason=f"ended by {', '.join(map(str, call.finish_reasons))}")

    return Rule(wanted=f"finish_reason({arguments(*reasons)})", rule=judge)


def _call_of(value: object) -> ModelCall | str | None:
    """The call itself, the last of a recording, or why there is none; `None` for anything else."""
    if isinstance(value, ModelCall):
        return value
    # A recording lives in a layer above; what it shows is this.
    if not isinstance(getattr(type(value), "calls", None), property):
        return None
    calls = value.calls  # type: ignore[attr-defined]  # the line above has seen it
    if not calls:
        return "no model call was made"
    return calls[-1] if isinstance(calls[-1], ModelCall) else None
