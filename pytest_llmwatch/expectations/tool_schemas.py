"""Tool calls held against the tools that were offered, as they were sent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, ModelCall, ToolCallPart, ToolDefinition, ToolResultPart
from pytest_llmwatch.errors import SettingError

from .expectation import Expectation, Rule, quoted, shown, wrong_type
from .json_schemas import json_of
from .nearest import nearest_label
from .verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})


def valid_tool_calls() -> Expectation:
    """A recording, or model calls: every tool asked for was offered, with arguments that its schema allows.

    Example:
        >>> from pytest_llmwatch import Message, ModelCall, ToolCallPart, ToolDefinition, valid_tool_calls
        >>> offered = ToolDefinition(name="search", parameters={"type": "object", "required": ["q"]})
        >>> asked = Message(role="assistant", parts=(ToolCallPart(name="search", arguments={"q": "返品"}),))
        >>> ModelCall(tool_definitions=(offered,), output_messages=(asked,)) == valid_tool_calls()
        True
    """

    def judge(value: object) -> Verdict:
        calls = _model_calls_in(value)
        if calls is None:
            return wrong_type(value, "a recording or model calls")
        asked = [(part, call) for call in calls for part in call.tool_calls]
        faults = [
            replace(verdict, place=", ".join([f"call {at + 1}", *([verdict.place] if verdict.place else [])]))
            for at, (part, call) in enumerate(asked)
            if (verdict := _verdict_on(part, call)) is not None
        ]
        if not faults:
            return Verdict(passed=True, reason=f"has {len(asked)} valid tool calls")
        # A failure that is certain decides, whatever could not be judged.
        first = min(faults, key=lambda fault: fault.is_undecided)
        others = tuple(f"{fault.place}: {fault.reason}" for fault in faults if fault is not first)
        return replace(first, details=(*first.details, *others))

    return Rule(wanted="valid_tool_calls()", rule=judge)


def _model_calls_in(value: object) -> Sequence[ModelCall] | None:
    if isinstance(value, ModelCall):
        return (value,)
    # A recording lives in a layer above; what it shows is this.
    if isinstance(getattr(type(value), "calls", None), property):
        value = value.calls  # type: ignore[attr-defined]  # the line above has seen it
    if isinstance(value, list | tuple) and all(isinstance(each, ModelCall) for each in value):
        return value
    return None


def _verdict_on(part: ToolCallPart, call: ModelCall) -> Verdict | None:
    """What is wrong with one tool call; `None` where nothing is."""
    if any(one.id == part.id for one in _results_in(call)):
        return None  # the provider's own tool: it has run there and then
    offered = {tool.name: tool for tool in call.tool_definitions}
    if not offered:
        reason = f"calls {shown(part.name)}, and the request says nothing of the tools that were offered"
        return Verdict(passed=False, is_undecided=True, reason=reason)
    if part.name not in offered:
        if call.finish_reasons[:1] == ("stop",) and part.name.removesuffix("_call") in offered:
            return None  # `web_search` is called `web_search_call` where it has run
        near = nearest_label(part.name, offered)
        reason = f"calls {shown(part.name)}, which was not offered"
        return Verdict(
            passed=False, reason=reason, nearest=near, details=(f"offered: {', '.join(map(quoted, offered))}",)
        )
    return _verdict_on_arguments(part, offered[part.name])


def _verdict_on_arguments(part: ToolCallPart, tool: ToolDefinition) -> Verdict | None:
    schema = _plain_schema(tool.parameters)
    if isinstance(part.arguments, str) and (not schema or _is_of_text(schema)):
        return None
    if not isinstance(schema, dict):
        return None
    try:
        verdict = json_of(schema).judge({} if part.arguments is None else part.arguments)
    except SettingError as error:
        reason = f"the schema of {shown(part.name)}, as sent, is none: {str(error).splitlines()[0]}"
        return Verdict(passed=False, is_undecided=True, reason=reason)
    if verdict.passed:
        return None
    argument = "its argument " if verdict.place else ""
    return replace(verdict, reason=f"calls {shown(part.name)} otherwise than its schema: {argument}{verdict.reason}")


def _results_in(call: ModelCall) -> Iterator[ToolResultPart]:
    parts = call.output_messages[0].parts if call.output_messages else ()
    return (part for part in parts if isinstance(part, ToolResultPart))


def _is_of_text(schema: JSON) -> bool:
    """Whether a tool takes text, not JSON: OpenAI's custom tools, with or without a grammar."""
    return isinstance(schema, dict) and schema.get("type") in ("text", "grammar")


def _plain_schema(schema: JSON) -> JSON:
    """The schema in the words of JSON Schema: Gemini's has its types in capitals, and `nullable`."""
    if isinstance(schema, list):
        return [_plain_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _plain_schema(held) for name, held in schema.items()}
    kind = plain.get("type")
    if isinstance(kind, str) and kind.lower() in _TYPES:
        plain["type"] = kind.lower()
        if plain.get("nullable") is True:
            plain["type"] = [kind.lower(), "null"]
    return plain
