"""The public API as users type it: checked by mypy, never run."""

from decimal import Decimal

from pytest_llmwatch import Expectation, ModelCall, Usage, Verdict, all_of, containing, json_of, length, no_pii, not_


def tokens_of(call: ModelCall) -> int | None:
    usage: Usage = call.usage
    return usage.output_tokens


def names_of_tools(call: ModelCall) -> list[str]:
    return [part.name for part in call.tool_calls]


def cost_of(call: ModelCall) -> Decimal | None:
    return call.cost


call = ModelCall(request_model="gpt-5-mini", usage=Usage(input_tokens=12, output_tokens=3))
text: str = call.output_text
reasons: tuple[str | None, ...] = call.finish_reasons
first_chunk: float | None = call.time_to_first_chunk

verdict: Verdict = json_of({"type": "object"}).judge("{}")
wanted: Expectation = all_of(containing("a"), not_(no_pii("email")), length(words=(1, None)))
is_wanted: bool = text == wanted
nearest: str | None = verdict.nearest
