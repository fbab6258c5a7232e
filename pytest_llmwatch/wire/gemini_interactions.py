"""Google's interactions: whole answers, event streams, and the polling of what is made in the background.

https://ai.google.dev/api/interactions-api
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, FinishReason, ModelCall, Usage

from .answers import Answer, answer_in, asked_in, path_of
from .gemini_steps import answer_of, input_messages_of, steps_in, tools_of
from .provider_errors import ProviderError
from .reading import first_text, int_of, object_from, object_of, objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request

_ASKING = re.compile(r"/interactions/?$")
# Others have interactions of their own: only Google's are asked for right below the version, or in a project.
_POLLING = re.compile(r"/v\d+(?:alpha|beta)?\d*/(?:projects/[^/]+/locations/[^/]+/)?interactions/[^/]+/?$")
_NOT_PARAMETERS = frozenset({"model", "agent", "input", "system_instruction", "tools"})
_FINISH_REASONS: dict[str | None, FinishReason] = {
    "completed": "stop",
    "requires_action": "tool_call",
    "incomplete": "length",
    "budget_exceeded": "length",
    "failed": "error",
    "cancelled": "error",
}
_OPEN = (None, "in_progress", "queued")
_IN_STEP = ("id", "call_id", "signature")
# What no two recordings of the same answer share: in a body, and in events, whose places are told without the lists
# they pass.
VOLATILE = frozenset(
    {
        *("id", "created", "updated", "environment_id", "continuation_token", "interaction_id", "event_id"),
        *(f"{place}.{name}" for place in ("steps[*]", "outputs[*]") for name in _IN_STEP),
        *(f"interaction.{name}" for name in ("id", "created", "updated", "environment_id", "continuation_token")),
        *(f"{place}.{name}" for place in ("step", "content", "delta") for name in _IN_STEP),
        *(f"interaction.{place}.{name}" for place in ("steps", "outputs") for name in _IN_STEP),
    }
)
VOLATILE_REQUEST = frozenset({"previous_interaction_id", *(f"input[*].{name}" for name in _IN_STEP)})


def claims(request: Request) -> bool:
    """Whether a request asks for an interaction, or for the state of one that goes on in the background."""
    method, path = request.method.upper(), path_of(request)
    if method == "GET":
        return bool(_POLLING.search(path))
    if method != "POST" or not _ASKING.search(path):
        return False
    asked = object_from(request.body) or {}
    return bool(asked.keys() & {"model", "agent"}) and bool(asked.keys() & {"input", "previous_interaction_id"})


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    is_asking = exchange.request.method.upper() != "GET"
    asked = asked_in(exchange, expected="a JSON object with `input`") if is_asking else {}
    answer = answer_in(
        exchange,
        expected="a JSON object with `status` and `steps`",
        is_answer=_is_answer,
        is_end=_is_end,
        streamed=asked.get("stream") is True or "stream=true" in exchange.request.uri.partition("?")[2].lower(),
    )
    states, steps = [*_states_in(answer)], steps_in(answer.bodies)
    status = first_text(reversed(states), "status")
    has_answer = bool(steps) or status not in _OPEN
    said, used = answer_of(steps), _usage_in(answer)
    error = answer.error or _error_of(states, status)
    return ModelCall(
        operation_name="chat",
        request_model=text_of(asked.get("model")) or text_of(asked.get("agent")),
        response_model=first_text(states, "model") or first_text(states, "agent"),
        response_id=first_text(states, "id") or first_text(answer.bodies, "interaction_id"),
        streaming=answer.is_stream,
        input_messages=tuple(input_messages_of(asked)),
        tool_definitions=tuple(tools_of(asked)),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=(said,) if has_answer else (),
        finish_reasons=(_FINISH_REASONS.get(status),) if has_answer else (),
        provider_finish_reasons=(status,) if has_answer else (),
        usage=_usage_of(used),
        error_type=(error.type or "error") if error else None,
        error_message=error.message if error else None,
        billing=_billing_of(used, tier=first_text(reversed(states), "service_tier")),
    )


def _is_answer(body: dict[str, JSON]) -> bool:
    kind = text_of(body.get("event_type")) or text_of(body.get("type")) or ""
    is_event = kind.startswith(("interaction.", "step.", "content.", "error"))
    return is_event or body.get("object") == "interaction" or "steps" in body or {"id", "status"} <= body.keys()


def _is_end(body: dict[str, JSON]) -> bool:
    return body.get("event_type") in ("interaction.completed", "interaction.complete")


def _states_in(answer: Answer) -> Iterator[dict[str, JSON]]:
    """The interaction as it was told: the whole answer, or each time that an event does."""
    for body in answer.bodies:
        if not answer.is_stream:
            yield body
        elif body.get("event_type") == "interaction.status_update":
            yield {"id": body.get("interaction_id"), "status": body.get("status")}
        else:
            yield object_of(body.get("interaction"))


def _error_of(states: list[dict[str, JSON]], status: str | None) -> ProviderError | None:
    """Why an interaction failed, which its `errors` or its last step may say."""
    if status != "failed":
        return None
    steps = (step for state in states for step in objects_of(state.get("steps")))
    told = [error for state in states for error in objects_of(state.get("errors"))]
    told += [error for step in steps if (error := object_of(step.get("error")))]
    code = next((str(error["code"]) for error in told if error.get("code")), None)
    return ProviderError(type=code or status, message=first_text(told, "message"))


def _usage_in(answer: Answer) -> dict[str, JSON]:
    """The usage as it was last reported: at the end, or beside the events on the way there."""
    found: dict[str, JSON] = {}
    for body in answer.bodies:
        for holder in (object_of(body.get("metadata")).get("total_usage"), body.get("usage")):
            found = object_of(holder) or found
        found = object_of(object_of(body.get("interaction")).get("usage")) or found
    return found


def _usage_of(used: dict[str, JSON]) -> Usage:
    """Tokens with what Google leaves beside the input (that of its own tools) and the output (thoughts)."""
    read, written, thought, tools = (
        int_of(used.get(f"total_{name}_tokens")) for name in ("input", "output", "thought", "tool_use")
    )
    return Usage(
        input_tokens=None if read is None else read + (tools or 0),
        output_tokens=None if written is None else written + (thought or 0),
        cache_read_input_tokens=int_of(used.get("total_cached_tokens")),
        reasoning_output_tokens=thought,
    )


def _billing_of(used: dict[str, JSON], *, tier: str | None) -> dict[str, JSON]:
    """What the bill depends on beside the tokens."""
    searches = [each for each in objects_of(used.get("grounding_tool_count")) if int_of(each.get("count"))]
    others: list[JSON] = [text_of(each.get("type")) or "grounding" for each in searches]
    facts: dict[str, JSON] = {
        "service_tier": tier,
        "total_tokens": int_of(used.get("total_tokens")),
        "input_audio_tokens": _tokens_of(used, "input", "audio"),
        "output_audio_tokens": _tokens_of(used, "output", "audio"),
        "output_image_tokens": _tokens_of(used, "output", "image"),
        "other_charges": others,
    }
    return {name: value for name, value in facts.items() if value}


def _tokens_of(used: dict[str, JSON], side: str, modality: str) -> int | None:
    rows = objects_of(used.get(f"{side}_tokens_by_modality"))
    counts = [int_of(row.get("tokens")) or 0 for row in rows if str(row.get("modality")).lower() == modality]
    return sum(counts) or None
