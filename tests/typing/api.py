"""The public API as users type it: checked by mypy, never run."""

from decimal import Decimal

from pytest_llmwatch import (
    BudgetExceeded,
    Expectation,
    LLMSnapshot,
    ModelCall,
    OverBudget,
    SnapshotMisuse,
    ToolCallPart,
    ToolResult,
    UnreadableSnapshot,
    Usage,
    Verdict,
    all_of,
    at_most_calls,
    called,
    calls_any_order,
    calls_in_order,
    containing,
    finish_reason,
    json_of,
    judged_by,
    length,
    no_call_of,
    no_pii,
    not_,
    rubric,
    valid_tool_calls,
    within_budget,
)


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
listed: Expectation = json_of(list[Verdict])
asked_in_a_list: Expectation = calls_in_order(["search", called("refund")])
ended: Expectation = finish_reason("stop", "end_turn")
wanted: Expectation = all_of(containing("a"), not_(no_pii("email")), length(words=(1, None)))
is_wanted: bool = text == wanted
nearest: str | None = verdict.nearest

asked: Expectation = calls_in_order("search", called("refund", arguments={"order": 17}, times=None), only=True)
is_modest: bool = call.tool_calls == all_of(at_most_calls(2), no_call_of("delete_*"), calls_any_order("a", "b"))
is_valid: bool = call == valid_tool_calls()
outcome: ToolResult = ToolResult(call=ToolCallPart(name="search"), is_failure=True, reason="the result is empty")

is_cheap: bool = call == within_budget(max_cost="0.002", max_calls=1, max_latency=2.5, max_ttft=Decimal("0.5"))
stopped: type[BudgetExceeded] = BudgetExceeded


def limits_of(error: OverBudget) -> tuple[str, ...]:
    return error.limits


def score_of(text: str, criteria: str) -> tuple[float, str]:
    return (0.9, "kind") if criteria in text else (0.1, "rude")


async def is_kind(text: str, criteria: str) -> bool:
    return criteria in text


judged: Expectation = judged_by(score_of, "Polite?", at_least=0.8, samples=3)
judged_async: Verdict = judged_by(is_kind, "Kind?").judge(text)
polite: Expectation = rubric("Polite", model="gpt-5-mini", temperature=0)
stricter: Expectation = judged_by(rubric("Polite", model="claude-haiku-4-5"), at_least=0.9)


def test_approved(llm_snapshot: LLMSnapshot) -> None:
    assert llm_snapshot == "text"
    assert llm_snapshot(name="second", similarity=0.8, facts=True, ignore=["items[*].id"]) == {"items": []}


def line_of(error: UnreadableSnapshot) -> int | None:
    return error.line


def said(error: SnapshotMisuse) -> str:
    return str(error)
