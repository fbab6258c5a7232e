"""Expectations of how a model stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast, get_args

from pytest_llmwatch.calls import FinishReason, ModelCall
from pytest_llmwatch.errors import SettingError

from .expectation import Expectation, Rule, arguments, wrong_type
from .given import choice_given, unpacked
from .verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence


ProviderReason = Literal[
    "end_turn",
    "stop_sequence",
    "tool_calls",
    "tool_use",
    "function_call",
    "max_tokens",
    "max_output_tokens",
    "refusal",
    "safety",
    "content_filtered",
]
_OURS: dict[ProviderReason, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_calls": "tool_call",
    "tool_use": "tool_call",
    "function_call": "tool_call",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "refusal": "content_filter",
    "safety": "content_filter",
    "content_filtered": "content_filter",
}


def finish_reason(*reasons: FinishReason | ProviderReason) -> Expectation:
    """A model call (or the last one of `llm_cassette`) every answer of which ended for one of these reasons.

    Args:
        reasons: `stop`, `length`, `content_filter`, `tool_call`, `error`, whoever the provider is. What a provider
            calls the same (`end_turn`, `max_tokens`, `tool_calls`, `tool_use` ...) is taken for it.

    Example:
        >>> from pytest_llmwatch import ModelCall, finish_reason
        >>> ModelCall(finish_reasons=("length",)) == finish_reason("stop", "tool_call")
        False
    """
    given = unpacked(reasons)
    if not given:
        raise SettingError(f"finish_reason() takes one reason at least: {', '.join(get_args(FinishReason))}")
    wanted = [_reason_given(reason) for reason in given]

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
            if came not in wanted:
                place = None if len(call.finish_reasons) == 1 else f"choice {index + 1}"
                own: Sequence[str | None] = call.provider_finish_reasons[index : index + 1]
                details = tuple(f"in the provider's words: {word}" for word in own if word and word != came)
                said = "is not known" if came is None else f"is {came}"
                reason = f"the finish reason {said}, not {' or '.join(dict.fromkeys(wanted))}"
                return Verdict(passed=False, is_undecided=came is None, reason=reason, place=place, details=details)
        return Verdict(passed=True, reason=f"ended by {', '.join(map(str, call.finish_reasons))}")

    return Rule(wanted=f"finish_reason({arguments(*given)})", rule=judge)


def _reason_given(reason: object) -> FinishReason:
    """One of our reasons, also where it was given in a provider's words, in letters of any case."""
    word = reason.casefold() if isinstance(reason, str) else reason
    if isinstance(word, str) and word in _OURS:
        return _OURS[word]
    known = (*get_args(FinishReason), *_OURS)
    return cast("FinishReason", choice_given("finish_reason", word, known, "reason"))  # it is none of a provider


def _call_of(value: object) -> ModelCall | str | None:
    """The call itself, the last of a recording, or why there is none; `None` for anything else."""
    if isinstance(value, ModelCall):
        return value
    # A recording lives in a layer above; what it shows is this.
    if isinstance(value, list | tuple) and all(isinstance(one, ModelCall) for one in value):
        return f"is a list of {len(value)}, not one model call: give one, such as llm_cassette.last"
    if not isinstance(getattr(type(value), "calls", None), property):
        return None
    calls = value.calls  # type: ignore[attr-defined]  # the line above has seen it
    if not calls:
        return "no model call was made"
    return calls[-1] if isinstance(calls[-1], ModelCall) else None
