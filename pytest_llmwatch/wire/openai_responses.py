"""OpenAI's responses, and the hosts that speak them: whole answers, event streams, and answers that are polled.

https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pytest_llmwatch.calls import JSON, FinishReason, Message, ModelCall, Usage
from pytest_llmwatch.errors import UndecodableExchange

from .answers import failure_of, is_stream
from .event_stream import events
from .openai_item_stream import items_in
from .openai_items import answer_of, asks_the_client, sent_messages, tools_of
from .provider_costs import cost_of
from .provider_errors import ProviderError, error_in, error_in_event, error_of_status
from .reading import first_text, int_of, json_of, object_from, object_of, objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request, Response

_ASKING = re.compile(r"/responses(/compact)?/?$")
# A host says `resp_...`, or any id under a version: forms and surveys have responses, too.
_POLLING = re.compile(r"(/v\d+/responses/[^/]+|/responses/resp_[^/]+)/?$")
_MODEL_IN_PATH = re.compile(r"/deployments/([^/]+)/responses")
_FIELDS = frozenset({"input", "model", "prompt", "previous_response_id", "conversation"})
_NOT_PARAMETERS = frozenset({"model", "instructions", "input", "tools"})
_FINISH_REASONS: dict[str | None, FinishReason] = {
    "completed": "stop",
    "complete": "stop",
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "failed": "error",
}
# Items that cost what their tokens cost; any other call of a tool of the host has a price of its own, or may have.
_FREE_CALLS = frozenset(
    {
        *("function_call", "custom_tool_call", "mcp_call", "computer_call", "local_shell_call", "apply_patch_call"),
        *("tool_search_call", "web_search_call"),
    }
)
# Here a search costs a fixed number of tokens, which the usage does not have.
_MODEL_OF_FIXED_SEARCHES = re.compile(r"gpt-4(?:o|\.1)-mini")
_ENDED = frozenset({"completed", "complete", "incomplete", "failed", "cancelled"})
# What no two recordings of the same answer share; in a stream's events places in lists are left out.
VOLATILE = frozenset(
    {
        *("id", "created_at", "completed_at", "previous_response_id", "conversation.id"),
        *("output[*].id", "output[*].call_id", "output[*].encrypted_content", "output[*].container_id"),
        *("output[*].approval_request_id", "output[*].content[*].annotations[*].container_id"),
        *("item_id", "item.id", "item.call_id", "item.encrypted_content", "item.container_id", "obfuscation"),
        *("response.id", "response.created_at", "response.completed_at", "response.previous_response_id"),
        *("response.conversation.id", "response.output.id", "response.output.call_id", "response.output.container_id"),
        "response.output.encrypted_content",
        # xAI's.
        *("metadata.system_fingerprint", "response.metadata.system_fingerprint"),
    }
)
VOLATILE_REQUEST = frozenset(
    {
        *("previous_response_id", "input[*].id", "input[*].call_id", "input[*].encrypted_content"),
        "input[*].approval_request_id",
    }
)


def claims(request: Request) -> bool:
    """Whether a request asks for a response, or for the state of one that is made in the background."""
    method, path = request.method.upper(), _path_of(request)
    if method == "GET":
        return bool(_POLLING.search(path))
    if method != "POST" or not _ASKING.search(path):
        return False
    return not _FIELDS.isdisjoint(object_from(request.body) or {})


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    request = exchange.request
    is_asking = request.method.upper() != "GET"
    asked = object_from(request.body) if is_asking else {}
    if asked is None:
        raise UndecodableExchange(
            "request body", expected="a JSON object with `input`", got=request.body[:40], exchange=exchange
        )
    answer = _answer_in(exchange, streamed=asked.get("stream") is True or _asks_for_events(request))
    error = answer.error or ProviderError()
    return ModelCall(
        operation_name="chat",
        request_model=text_of(asked.get("model")) or _model_in_path(request),
        response_model=answer.model,
        response_id=answer.id,
        streaming=answer.is_stream,
        input_messages=tuple(sent_messages(asked)),
        tool_definitions=tuple(tools_of(asked)),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=answer.messages,
        finish_reasons=answer.finish_reasons,
        provider_finish_reasons=answer.provider_finish_reasons,
        usage=answer.usage,
        error_type=error.type,
        error_message=error.message,
        cost=answer.cost,
        billing=answer.billing,
    )


def _path_of(request: Request) -> str:
    return request.uri.partition("#")[0].partition("?")[0]


def _asks_for_events(request: Request) -> bool:
    return "stream=true" in request.uri.partition("#")[0].partition("?")[2].lower().split("&")


def _model_in_path(request: Request) -> str | None:
    found = _MODEL_IN_PATH.search(_path_of(request))
    return unquote(found[1]) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What came back, as far as it came."""

    is_stream: bool
    id: str | None = None
    model: str | None = None
    messages: tuple[Message, ...] = ()
    finish_reasons: tuple[FinishReason | None, ...] = ()
    provider_finish_reasons: tuple[str | None, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cost: Decimal | None = None
    billing: dict[str, JSON] = field(default_factory=dict)
    error: ProviderError | None = None


def _answer_in(exchange: Exchange, *, streamed: bool) -> _Answer:
    response = exchange.response
    if response is None or (not response.body and exchange.failure):
        return _Answer(is_stream=streamed, error=failure_of(exchange))
    if is_stream(response):
        return _streamed_answer(exchange, response)
    if not 200 <= response.status < 300:
        error = error_of_status(response.status, response.body)
        return _Answer(is_stream=streamed and not response.body, error=error)
    return _whole_answer(exchange, response)


def _whole_answer(exchange: Exchange, response: Response) -> _Answer:
    try:
        value = json_of(response.body)
    except ValueError:
        if exchange.failure:
            return _Answer(is_stream=False, error=failure_of(exchange))
        value = None
    body = object_of(value)
    error = error_in(value) if body.get("error") or not _is_of_this_format(body) else None
    if error is None and not _is_of_this_format(body):
        raise _undecodable(exchange, response)
    return _answer_from([body], objects_of(body.get("output")), is_stream=False, error=error)


def _is_of_this_format(body: dict[str, JSON]) -> bool:
    return "output" in body or (text_of(body.get("object")) or "").startswith("response")


def _undecodable(exchange: Exchange, response: Response) -> UndecodableExchange:
    return UndecodableExchange(
        "response body", expected="a JSON object with `output`", got=response.body[:40], exchange=exchange
    )


def _streamed_answer(exchange: Exchange, response: Response) -> _Answer:
    arrived = list(events(response.body))
    said = [event for _, data in arrived if (event := object_from(data)) is not None]
    error = next((error for name, data in arrived if (error := _error_in_event(name, data))), None)
    if said and error is None and not any(map(_is_event_of_this_format, said)):
        raise _undecodable(exchange, response)
    if not 200 <= response.status < 300:
        error = error or error_of_status(response.status, response.body)
    states = [state for event in said if (state := _state_in(event))]
    # OpenAI never says [DONE].
    is_whole = any(data.strip() == "[DONE]" for _, data in arrived) or any(map(_has_ended, states))
    error = error or next((error for state in states if state.get("error") and (error := error_in(state))), None)
    # ChatGPT's Codex leaves the output of its last event empty; a cut stream has no such event.
    output = next((output for state in reversed(states) if (output := objects_of(state.get("output")))), [])
    is_told_at_the_end = bool(output) and _has_ended(states[-1])
    return _answer_from(
        states,
        output if is_told_at_the_end else items_in(said) or output,
        is_stream=True,
        error=error or (None if is_whole else failure_of(exchange)),
    )


def _error_in_event(name: str | None, data: str) -> ProviderError | None:
    event = object_from(data)
    if event is None:
        return error_in_event(name, data)
    kind = text_of(event.get("type")) or ""
    # A tool that fails (`response.mcp_call.failed`) is no failure of the call.
    if kind.startswith("response.") and kind not in ("response.error", "response.failed"):
        return None
    if event.get("error"):
        return error_in(event)
    is_named = kind in ("error", "response.error")
    if not is_named and name != "error":
        return None
    # Flat, with the type of the event where other errors have their own.
    return error_in({"error": {key: value for key, value in event.items() if key != "type" or not is_named}})


def _is_event_of_this_format(event: dict[str, JSON]) -> bool:
    return (text_of(event.get("type")) or "").startswith("response.") or _is_of_this_format(event)


def _state_in(event: dict[str, JSON]) -> dict[str, JSON]:
    """The response as an event shows it, empty in most; LiteLLM sends it flat."""
    held = object_of(event.get("response"))
    ending = (text_of(event.get("type")) or "").removeprefix("response.")
    if ending in _ENDED:
        state = held or event
        return state | {"status": text_of(state.get("status")) or ending}
    return held or (event if event.get("object") == "response" else {})


def _has_ended(state: dict[str, JSON]) -> bool:
    return text_of(state.get("status")) in _ENDED


def _answer_from(
    states: list[dict[str, JSON]], items: list[dict[str, JSON]], *, is_stream: bool, error: ProviderError | None
) -> _Answer:
    """The answer in the states a stream shows, or in the one body that is no stream."""
    last = states[-1] if states else {}
    usage = next((usage for state in reversed(states) if (usage := object_of(state.get("usage")))), {})
    # Where a stream was cut, its last state is an old one.
    reason = None if is_stream and not _has_ended(last) else _reason_of(last)
    if error is None and reason == "failed":
        error = ProviderError(type="failed")
    return _Answer(
        is_stream=is_stream,
        id=first_text(reversed(states), "id"),
        model=first_text(reversed(states), "model"),
        messages=(answer_of(items),) if items else (),
        finish_reasons=(_finish_reason(reason, items),) if reason or items else (),
        provider_finish_reasons=(reason,) if reason or items else (),
        usage=_usage_of(usage),
        cost=cost_of(usage),
        billing=_billing_of(states, items, usage),
        error=error and ProviderError(type=error.type or "error", message=error.message),
    )


def _reason_of(state: dict[str, JSON]) -> str | None:
    return text_of(object_of(state.get("incomplete_details")).get("reason")) or text_of(state.get("status"))


def _finish_reason(reason: str | None, items: list[dict[str, JSON]]) -> FinishReason | None:
    """The reason in the conventions' words; the wire says `completed` also where it waits for a tool."""
    known = _FINISH_REASONS.get(reason)
    return "tool_call" if known == "stop" and asks_the_client(items) else known


def _usage_of(usage: dict[str, JSON]) -> Usage:
    sent, made = object_of(usage.get("input_tokens_details")), object_of(usage.get("output_tokens_details"))
    return Usage(
        input_tokens=int_of(usage.get("input_tokens")),
        output_tokens=int_of(usage.get("output_tokens")),
        cache_read_input_tokens=int_of(sent.get("cached_tokens")),
        cache_write_input_tokens=int_of(sent.get("cache_write_tokens")),
        reasoning_output_tokens=int_of(made.get("reasoning_tokens")),
    )


def _billing_of(states: list[dict[str, JSON]], items: list[dict[str, JSON]], usage: dict[str, JSON]) -> dict[str, JSON]:
    """What the bill depends on beside the tokens.

    https://developers.openai.com/api/docs/pricing
    """
    searches = _searches_in(states, items)
    facts: dict[str, JSON] = {
        # A stream begins with `auto`, and ends with the tier that served.
        "service_tier": first_text(reversed(states), "service_tier"),
        "total_tokens": int_of(usage.get("total_tokens")),
        "web_search_requests": searches,
        "other_charges": [*_other_charges(states, items, usage, has_searched=bool(searches))],
    }
    return {name: value for name, value in facts.items() if value}


def _searches_in(states: list[dict[str, JSON]], items: list[dict[str, JSON]]) -> int:
    """How many searches were charged: the host's own count, else the items that searched and did not only read."""
    counted = (object_of(object_of(state.get("tool_usage")).get("web_search")) for state in reversed(states))
    for count in counted:
        if (number := int_of(count.get("num_requests"))) is not None:
            return number
    calls = (item for item in items if item.get("type") == "web_search_call")
    return sum(text_of(object_of(call.get("action")).get("type")) in (None, "search") for call in calls)


def _other_charges(
    states: list[dict[str, JSON]], items: list[dict[str, JSON]], usage: dict[str, JSON], *, has_searched: bool
) -> Iterator[str]:
    yield from sorted({text_of(item.get("type")) or "" for item in items if _is_charged(item)})
    offered = (tool for state in states for tool in objects_of(state.get("tools")))
    is_preview = any((text_of(tool.get("type")) or "").startswith("web_search_preview") for tool in offered)
    # The preview of the tool has a price of its own where the model does not reason.
    if has_searched and is_preview and not _usage_of(usage).reasoning_output_tokens:
        yield "web_search_preview"
    if has_searched and _MODEL_OF_FIXED_SEARCHES.match(first_text(reversed(states), "model") or ""):
        yield "search content"
    # xAI's, which it usually charges in the `cost_in_usd_ticks` as well.
    yield from (name for name in ("num_server_side_tools_used", "num_sources_used") if int_of(usage.get(name)))


def _is_charged(item: dict[str, JSON]) -> bool:
    kind = text_of(item.get("type")) or ""
    if kind == "shell_call":
        # The client runs it, or a container.
        return text_of(object_of(item.get("environment")).get("type")) not in (None, "local")
    return kind.endswith("_call") and kind not in _FREE_CALLS
