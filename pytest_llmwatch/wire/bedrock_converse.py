"""Bedrock's Converse and ConverseStream: the same messages for every model.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, ModelCall
from pytest_llmwatch.errors import UndecodableExchange

from .answers import failure_of
from .bedrock_messages import (
    EVENTS,
    FINISH_REASONS,
    answer_of,
    billing_of,
    messages_of,
    parameters_of,
    tools_of,
    usage_of,
    whole_answer,
)
from .bedrock_transport import asks_for, aws_events, error_of_answer, is_event_stream, target_of
from .provider_errors import ProviderError
from .provider_facts import facts_in_body
from .reading import json_of, object_from, object_of, text_of

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange, Request, Response

_OPERATIONS = ("converse", "converse-stream")
_OF_AN_ANSWER = frozenset({"output", "stopReason", "usage"})
_OPAQUE_IN_BLOCK = (
    *("toolUse.toolUseId", "toolResult.toolUseId"),
    *("reasoningContent.reasoningText.signature", "reasoningContent.redactedContent"),
)
# What no two recordings of the same answer share: in the answer, in the events of a stream, in the next request.
VOLATILE = frozenset(
    {
        "metrics.latencyMs",
        *(f"output.message.content[*].{name}" for name in _OPAQUE_IN_BLOCK),
        *("start.toolUse.toolUseId", "start.toolResult.toolUseId"),
        *("delta.reasoningContent.signature", "delta.reasoningContent.redactedContent"),
    }
)
VOLATILE_REQUEST = frozenset(f"messages[*].content[*].{name}" for name in _OPAQUE_IN_BLOCK)


def claims(request: Request) -> bool:
    """Whether a request asks a model to converse; with a stored prompt it sends no messages."""
    return asks_for(request, _OPERATIONS)


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    request = exchange.request
    asked = object_from(request.body)
    if asked is None:
        raise UndecodableExchange(
            "request body", expected="a JSON object with `messages`", got=request.body[:40], exchange=exchange
        )
    model, operation = target_of(request)
    arrived = _arrived_in(exchange, streamed=operation == "converse-stream")
    answer, error = arrived.answer, arrived.error or ProviderError()
    message = object_of(object_of(answer.get("output")).get("message"))
    reasons = (text_of(answer.get("stopReason")),) if message or answer.get("stopReason") else ()
    router = object_of(object_of(answer.get("trace")).get("promptRouter"))
    return ModelCall(
        operation_name="chat",
        request_model=model,
        # A prompt router says whom it chose; no other answer names a model.
        response_model=text_of(router.get("invokedModelId")),
        streaming=arrived.is_stream,
        input_messages=tuple(messages_of(asked)),
        tool_definitions=tuple(tools_of(asked)),
        parameters=parameters_of(asked),
        output_messages=(answer_of(message),) if reasons else (),
        finish_reasons=tuple(map(FINISH_REASONS.get, reasons)),
        provider_finish_reasons=reasons,
        usage=usage_of(object_of(answer.get("usage"))),
        error_type=error.type,
        error_message=error.message,
        billing=billing_of(answer, is_guarded=bool(answer) and "guardrailConfig" in asked),
        provider_facts=facts_in_body(answer.get("metrics")),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrived:
    """What came back, as far as it came, in the shape of a whole answer."""

    is_stream: bool
    answer: dict[str, JSON] = field(default_factory=dict)
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
    try:
        answer = object_of(json_of(response.body))
    except ValueError:
        if exchange.failure:
            return _Arrived(is_stream=False, error=failure_of(exchange))
        answer = {}
    if answer.keys().isdisjoint(_OF_AN_ANSWER):
        raise _undecodable(exchange, response)
    return _Arrived(is_stream=False, answer=answer)


def _streamed(exchange: Exchange, response: Response) -> _Arrived:
    events = aws_events(response.body)
    if events is None or (events and not any(each.name in EVENTS or each.error for each in events)):
        raise _undecodable(exchange, response)
    error = next((event.error for event in events if event.error), None)
    if error is None and not any(event.name == "messageStop" for event in events):
        error = failure_of(exchange)
    return _Arrived(is_stream=True, answer=whole_answer([(each.name, each.body) for each in events]), error=error)


def _undecodable(exchange: Exchange, response: Response) -> UndecodableExchange:
    return UndecodableExchange(
        "response body", expected="a JSON object with `output`", got=response.body[:40], exchange=exchange
    )
