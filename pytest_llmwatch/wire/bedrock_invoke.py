"""Bedrock's InvokeModel and InvokeModelWithResponseStream: the maker's own body, with Bedrock's count of tokens.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html, and for the bodies
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, FinishReason, ModelCall, Usage
from pytest_llmwatch.errors import UndecodableExchange

from . import bedrock_messages
from .answers import failure_of
from .bedrock_answers import Answer, answer_in
from .bedrock_prompts import messages_of, operation_of, parameters_of, tools_of
from .bedrock_transport import asks_for, aws_events, error_of_answer, is_event_stream, target_of
from .provider_errors import ProviderError, error_in
from .provider_facts import facts_in_body
from .reading import int_of, list_of, object_from, object_of, text_of

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange, Request, Response

_OPERATIONS = ("invoke", "invoke-with-response-stream")
_METRICS = "amazon-bedrock-invocationMetrics"
# In small letters: Cohere and Titan shout.
_FINISH_REASONS: dict[str, FinishReason] = {
    **{str(name): reason for name, reason in bedrock_messages.FINISH_REASONS.items()},
    "stop": "stop",
    "endoftext": "stop",
    "eos": "stop",
    "complete": "stop",
    "finish": "stop",
    "finished": "stop",
    "stop_criteria_met": "stop",
    "success": "stop",
    "length": "length",
    "error_limit": "length",
    "tool_call": "tool_call",
    "tool_calls": "tool_call",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "error_toxic": "content_filter",
    "filter reason: prompt": "content_filter",
    "filter reason: output image": "content_filter",
    "filter reason: input image": "content_filter",
    "error": "error",
    "inference error": "error",
}
_IN_BLOCK = ("id", "signature", "data")
_LATENCIES = ("invocationLatency", "firstByteLatency")
# What no two recordings of the same answer share, with any maker: in the answer, in the events of a stream, in the
# next request.
VOLATILE = frozenset(
    {
        *("id", "created", "response_id", "generation_id", "generations[*].id", "generations.id", "response.id"),
        *("response.response_id", "response.generation_id", "meta.requestDurationMillis"),
        *(f"content[*].{name}" for name in _IN_BLOCK),
        *(f"content_block.{name}" for name in _IN_BLOCK),
        *("message.id", "delta.signature", "choices[*].message.tool_calls[*].id", "choices.delta.tool_calls.id"),
        *("output.message.content[*].toolUse.toolUseId", "contentBlockStart.start.toolUse.toolUseId"),
        *(f"{_METRICS}.{name}" for name in _LATENCIES),
    }
)
VOLATILE_REQUEST = frozenset(
    {
        *(f"messages[*].content[*].{name}" for name in (*_IN_BLOCK, "tool_use_id")),
        *("messages[*].content[*].toolUse.toolUseId", "messages[*].content[*].toolResult.toolUseId"),
        *("messages[*].tool_calls[*].id", "messages[*].tool_call_id"),
    }
)


def claims(request: Request) -> bool:
    """Whether a request invokes a model."""
    return asks_for(request, _OPERATIONS)


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    request = exchange.request
    asked = object_from(request.body)
    if asked is None:
        raise UndecodableExchange("request body", expected="a JSON object", got=request.body[:40], exchange=exchange)
    model, operation = target_of(request)
    name = (model or "").lower()
    arrived = _arrived_in(exchange, streamed=operation == "invoke-with-response-stream")
    answer, error = arrived.answer, arrived.error or ProviderError()
    is_blocked = any(map(_is_blocked, arrived.pieces))
    return ModelCall(
        operation_name=operation_of(name, asked),
        request_model=model,
        response_model=answer.model,
        response_id=answer.id,
        streaming=arrived.is_stream,
        input_messages=messages_of(name, asked),
        tool_definitions=tools_of(name, asked),
        parameters=parameters_of(asked),
        output_messages=answer.messages,
        finish_reasons=tuple("content_filter" if is_blocked else _reason_of(each) for each in answer.finish_reasons),
        provider_finish_reasons=answer.finish_reasons,
        usage=_usage_of(answer.usage, arrived.counted),
        error_type=error.type,
        error_message=error.message,
        billing=_billing_in(exchange, arrived),
        provider_facts=facts_in_body(arrived.counted),
    )


def _reason_of(reason: str | None) -> FinishReason | None:
    return _FINISH_REASONS.get((reason or "").lower())


def _is_blocked(piece: dict[str, JSON]) -> bool:
    return piece.get("amazon-bedrock-guardrailAction") == "INTERVENED"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrived:
    """What came back, as far as it came; `counted` are Bedrock's own counts, in the words of its metrics."""

    is_stream: bool
    pieces: list[dict[str, JSON]] = field(default_factory=list)
    answer: Answer = field(default_factory=Answer)
    counted: dict[str, JSON] = field(default_factory=dict)
    error: ProviderError | None = None


def _arrived_in(exchange: Exchange, *, streamed: bool) -> _Arrived:
    response = exchange.response
    if response is None or (not response.body and exchange.failure):
        return _Arrived(is_stream=streamed, error=failure_of(exchange))
    if is_event_stream(response):
        return _streamed(exchange, response)
    if not 200 <= response.status < 300:
        return _Arrived(is_stream=streamed and not response.body, error=error_of_answer(response))
    return _whole(exchange, response)


def _whole(exchange: Exchange, response: Response) -> _Arrived:
    body = object_from(response.body)
    counted = _counts_in_headers(response)
    if body is None:
        if exchange.failure:
            return _Arrived(is_stream=False, counted=counted, error=failure_of(exchange))
        raise _undecodable(exchange, response)
    return _Arrived(
        is_stream=False, pieces=[body], answer=answer_in([body]), counted=counted, error=_named(_error_in(body))
    )


def _counts_in_headers(response: Response) -> dict[str, JSON]:
    names = {
        "inputTokenCount": "input-token-count",
        "outputTokenCount": "output-token-count",
        "cacheReadInputTokenCount": "cache-read-input-token-count",
        "cacheWriteInputTokenCount": "cache-write-input-token-count",
    }
    found = {name: response.header(f"x-amzn-bedrock-{header}") or "" for name, header in names.items()}
    return {name: int(value) for name, value in found.items() if re.fullmatch("[0-9]{1,18}", value)}


def _streamed(exchange: Exchange, response: Response) -> _Arrived:
    events = aws_events(response.body)
    if events is None or (events and not any(each.name == "chunk" or each.error for each in events)):
        raise _undecodable(exchange, response)
    pieces = [piece for event in events if (piece := _opened(event.body)) is not None]
    errors = (event.error for event in events if event.error)
    error = next(errors, None) or next((error for piece in pieces if (error := _error_in(piece))), None)
    # Bedrock adds its counts to the last chunk; a guardrail that steps in says no more.
    metrics = next((found for piece in reversed(pieces) if (found := object_of(piece.get(_METRICS)))), {})
    answer = answer_in(pieces)
    is_whole = metrics or any(answer.finish_reasons) or any(map(_is_blocked, pieces))
    if error is None and not is_whole:
        error = failure_of(exchange)
    return _Arrived(is_stream=True, pieces=pieces, answer=answer, counted=metrics, error=_named(error))


def _opened(body: dict[str, JSON]) -> dict[str, JSON] | None:
    """The maker's own object in a chunk."""
    try:
        return object_from(base64.b64decode(text_of(body.get("bytes")) or "", validate=True))
    except (binascii.Error, ValueError):
        return None


def _error_in(body: dict[str, JSON]) -> ProviderError | None:
    # The image models of Amazon say `"error": null`, or in words what was left out of the images.
    return error_in(body) if body.get("error") else None


def _named(error: ProviderError | None) -> ProviderError | None:
    return error and ProviderError(type=error.type or "error", message=error.message)


def _undecodable(exchange: Exchange, response: Response) -> UndecodableExchange:
    return UndecodableExchange(
        "response body", expected="a JSON object, or an event stream", got=response.body[:40], exchange=exchange
    )


def _usage_of(theirs: Usage, counted: dict[str, JSON]) -> Usage:
    """What the maker reports; what they leave out, as Bedrock counted it."""
    read, written = (int_of(counted.get(f"cache{name}InputTokenCount")) for name in ("Read", "Write"))
    uncached = int_of(counted.get("inputTokenCount"))
    output_tokens = int_of(counted.get("outputTokenCount")) if theirs.output_tokens is None else theirs.output_tokens
    if theirs.input_tokens is not None or uncached is None:
        return replace(theirs, output_tokens=output_tokens)
    return Usage(
        input_tokens=uncached + (read or 0) + (written or 0),
        output_tokens=output_tokens,
        cache_read_input_tokens=read,
        cache_write_input_tokens=written,
        reasoning_output_tokens=theirs.reasoning_output_tokens,
    )


def _billing_in(exchange: Exchange, arrived: _Arrived) -> dict[str, JSON]:
    """What the bill depends on beside the tokens: the tier, the speed, a guardrail, and images."""
    if not arrived.pieces or exchange.response is None:
        return {}
    header = exchange.response.header
    is_guarded = any("amazon-bedrock-guardrailAction" in piece for piece in arrived.pieces)
    makes_images = any(piece.keys() & {"images", "artifacts"} for piece in arrived.pieces)
    others = list_of(arrived.answer.billing.get("other_charges"))
    others = [*others, *(["guardrails"] if is_guarded else []), *(["images"] if makes_images else [])]
    facts: dict[str, JSON] = {
        "service_tier": text_of(header("x-amzn-bedrock-service-tier")),
        "speed": text_of(header("x-amzn-bedrock-performanceconfig-latency")),
        "other_charges": others,
    }
    return arrived.answer.billing | {name: value for name, value in facts.items() if value}
