"""Record, replay and watch the model calls of a pytest suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .calls import (
        Attempt,
        MediaPart,
        Message,
        ModelCall,
        ReasoningPart,
        TextPart,
        ToolCallPart,
        ToolDefinition,
        ToolResultPart,
        Usage,
    )
    from .errors import (
        BudgetExceeded,
        ConnectionNotAllowed,
        LLMWatchError,
        MissingExtra,
        OverBudget,
        ReplayRefusal,
        RequestNotRecorded,
        SettingError,
        SnapshotMisuse,
        UndecodableExchange,
        UnreadableCassette,
        UnreadableSnapshot,
        UnrecordableCall,
    )
    from .exchange import Exchange, Request, Response, TransferFailure
    from .expectations.composing import all_of, any_of, not_
    from .expectations.expectation import Expectation
    from .expectations.finishing import finish_reason
    from .expectations.json_likeness import json_like
    from .expectations.json_schemas import json_of
    from .expectations.judges import judged_by
    from .expectations.languages import language
    from .expectations.leaks import no_leak_of, no_pii
    from .expectations.lengths import length
    from .expectations.manners import no_preamble, not_refusal
    from .expectations.markup import html_of, markdown_of, xml_of
    from .expectations.meaning import same_facts_as, similar_to
    from .expectations.programs import python_code, sql_of
    from .expectations.rubrics import rubric
    from .expectations.spending import within_budget
    from .expectations.texts import containing, containing_any, equal_to, matching, one_of, starting_with
    from .expectations.tool_calling import at_most_calls, called, calls_any_order, calls_in_order, no_call_of
    from .expectations.tool_schemas import valid_tool_calls
    from .expectations.verdicts import Verdict
    from .snapshot import LLMSnapshot
    from .tool_results import ToolResult

__all__ = [
    "Attempt",
    "BudgetExceeded",
    "ConnectionNotAllowed",
    "Exchange",
    "Expectation",
    "LLMSnapshot",
    "LLMWatchError",
    "MediaPart",
    "Message",
    "MissingExtra",
    "ModelCall",
    "OverBudget",
    "ReasoningPart",
    "ReplayRefusal",
    "Request",
    "RequestNotRecorded",
    "Response",
    "SettingError",
    "SnapshotMisuse",
    "TextPart",
    "ToolCallPart",
    "ToolDefinition",
    "ToolResult",
    "ToolResultPart",
    "TransferFailure",
    "UndecodableExchange",
    "UnreadableCassette",
    "UnreadableSnapshot",
    "UnrecordableCall",
    "Usage",
    "Verdict",
    "all_of",
    "any_of",
    "at_most_calls",
    "called",
    "calls_any_order",
    "calls_in_order",
    "containing",
    "containing_any",
    "equal_to",
    "finish_reason",
    "html_of",
    "json_like",
    "json_of",
    "judged_by",
    "language",
    "length",
    "markdown_of",
    "matching",
    "no_call_of",
    "no_leak_of",
    "no_pii",
    "no_preamble",
    "not_",
    "not_refusal",
    "one_of",
    "python_code",
    "rubric",
    "same_facts_as",
    "similar_to",
    "sql_of",
    "starting_with",
    "valid_tool_calls",
    "within_budget",
    "xml_of",
]


# Where the expectations live, each in a module that is imported when one of its names is asked for.
_EXPECTATIONS = {
    "composing": ("all_of", "any_of", "not_"),
    "expectation": ("Expectation",),
    "finishing": ("finish_reason",),
    "json_likeness": ("json_like",),
    "json_schemas": ("json_of",),
    "judges": ("judged_by",),
    "languages": ("language",),
    "leaks": ("no_leak_of", "no_pii"),
    "lengths": ("length",),
    "manners": ("no_preamble", "not_refusal"),
    "markup": ("html_of", "markdown_of", "xml_of"),
    "meaning": ("same_facts_as", "similar_to"),
    "programs": ("python_code", "sql_of"),
    "rubrics": ("rubric",),
    "spending": ("within_budget",),
    "tool_calling": ("at_most_calls", "called", "calls_any_order", "calls_in_order", "no_call_of"),
    "tool_schemas": ("valid_tool_calls",),
    "texts": ("containing", "containing_any", "equal_to", "matching", "one_of", "starting_with"),
    "verdicts": ("Verdict",),
}


def __getattr__(name: str) -> object:
    """Import a public name when it is asked for: a run that uses nothing of ours pays for nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for module, names in _EXPECTATIONS.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f".expectations.{module}", __name__), name)
    from . import calls, errors, exchange

    if name == "LLMSnapshot":
        from .snapshot import LLMSnapshot

        return LLMSnapshot
    if name == "ToolResult":
        from .tool_results import ToolResult

        return ToolResult
    return next(getattr(home, name) for home in (calls, errors, exchange) if name in home.__dict__)
