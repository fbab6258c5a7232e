"""A call as a reviewer reads it, above the exchange it was read from: one fact a line, the answer as text."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from .calls import MediaPart, ReasoningPart, TextPart, ToolCallPart
from .yaml_text import OneLine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .calls import JSON, Message, ModelCall, Part, ToolDefinition
    from .spend import Spend

LONGEST_PARAMETER = 200
HASH_LENGTH = 12


def reading_of(call: ModelCall, *, attempt: int = 1) -> dict[str, Any]:
    """What a call was, without the times and ids that no two recordings share. What is not known is left out.

    Args:
        call: The call as decoded.
        attempt: Which try of the client library this was, from 1.
    """
    facts: dict[str, Any] = {
        "operation_name": call.operation_name,
        "provider_name": call.provider_name,
        "request_model": call.request_model,
        "response_model": call.response_model,
        "streaming": call.streaming or None,
        "attempt": attempt if attempt > 1 else None,
        "parameters": {name: _parameter(value) for name, value in call.parameters.items() if name != "stream"},
        "prompt_sha256": prompt_hash(call.input_messages) if call.input_messages else None,
        "tools_sha256": tools_hash(call.tool_definitions) if call.tool_definitions else None,
        "usage": _one_line({item.name: getattr(call.usage, item.name) for item in fields(call.usage)}),
        "cost_usd": None if call.cost is None else f"{call.cost:f}",
        "finish_reasons": OneLine(list(call.finish_reasons)) if call.finish_reasons else None,
        "error_type": call.error_type,
        "error_message": call.error_message,
        "tool_calls": [OneLine({"name": one.name, "arguments": one.arguments}) for one in call.tool_calls],
        "output_text": call.output_text or None,
    }
    return {name: value for name, value in facts.items() if value not in (None, {}, [])}


def totals_of(spend: Spend) -> OneLine:
    """The sums of a cassette; null where a call does not say."""
    cost = spend.cost
    return OneLine(
        {
            "calls": spend.calls,
            "retries": spend.retries,
            "input_tokens": spend.usage.input_tokens,
            "output_tokens": spend.usage.output_tokens,
            "cost_usd": None if cost is None else f"{cost:f}",
        }
    )


def prompt_hash(messages: Iterable[Message]) -> str:
    """The same for the same conversation, whatever ids the provider gave its tool calls."""
    return _hash([[message.role, [_gist(part) for part in message.parts]] for message in messages])


def tools_hash(definitions: Iterable[ToolDefinition]) -> str:
    """The same for the same tools in the same order."""
    return _hash([[one.name, one.description, one.parameters] for one in definitions])


def _gist(part: Part) -> JSON:
    if isinstance(part, (TextPart, ReasoningPart)):
        return [type(part).__name__, part.text]
    if isinstance(part, ToolCallPart):
        return ["call", part.name, part.arguments]
    return ["media", part.kind, part.reference] if isinstance(part, MediaPart) else ["result", part.result]


def _hash(value: JSON) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def _one_line(facts: dict[str, JSON]) -> OneLine | None:
    known: dict[str, JSON] = {name: value for name, value in facts.items() if value is not None}
    return OneLine(known) if known else None


def _parameter(value: JSON) -> JSON | OneLine:
    """A parameter on one line; a long one (a schema) stands in the request, and its hash here."""
    if isinstance(value, (dict, list, str)) and len(json.dumps(value)) > LONGEST_PARAMETER:
        return OneLine({"sha256": _hash(value)})
    return OneLine(value) if isinstance(value, (dict, list)) else value
