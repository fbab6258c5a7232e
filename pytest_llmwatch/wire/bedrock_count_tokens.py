"""Bedrock's CountTokens: how long a prompt would be. No model runs, so nothing is used.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, Message, ModelCall, ToolDefinition
from pytest_llmwatch.errors import UndecodableExchange

from . import bedrock_messages, bedrock_prompts
from .answers import failure_of
from .bedrock_transport import asks_for, error_of_answer, target_of
from .reading import object_from, object_of, text_of

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange, Request

    from .provider_errors import ProviderError

_OPERATIONS = ("count-tokens",)
VOLATILE: frozenset[str] = frozenset()
VOLATILE_REQUEST = frozenset(
    f"input.converse.messages[*].content[*].{name}" for name in ("toolUse.toolUseId", "toolResult.toolUseId")
)


def claims(request: Request) -> bool:
    """Whether a request asks how long a prompt is."""
    return asks_for(request, _OPERATIONS)


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was counted, and what went wrong; the count stays in the recorded bytes."""
    request = exchange.request
    asked = object_from(request.body)
    if asked is None:
        raise UndecodableExchange(
            "request body", expected="a JSON object with `input`", got=request.body[:40], exchange=exchange
        )
    model, _ = target_of(request)
    messages, tools = _counted_in(model or "", object_of(asked.get("input")))
    error = _error_in(exchange)
    return ModelCall(
        operation_name="count_tokens",
        request_model=model,
        input_messages=messages,
        tool_definitions=tools,
        error_type=error.type if error else None,
        error_message=error.message if error else None,
    )


def _counted_in(model: str, sent: dict[str, JSON]) -> tuple[tuple[Message, ...], tuple[ToolDefinition, ...]]:
    if converse := object_of(sent.get("converse")):
        return tuple(bedrock_messages.messages_of(converse)), tuple(bedrock_messages.tools_of(converse))
    try:
        body = base64.b64decode(text_of(object_of(sent.get("invokeModel")).get("body")) or "", validate=True)
    except ValueError:
        body = b""
    prompt, name = object_from(body) or {}, model.lower()
    return bedrock_prompts.messages_of(name, prompt), bedrock_prompts.tools_of(name, prompt)


def _error_in(exchange: Exchange) -> ProviderError | None:
    response = exchange.response
    if response is None or (not response.body and exchange.failure):
        return failure_of(exchange)
    if not 200 <= response.status < 300:
        return error_of_answer(response)
    answer = object_from(response.body)
    if answer is not None and "inputTokens" in answer:
        return None
    if answer is None and exchange.failure:
        return failure_of(exchange)
    raise UndecodableExchange(
        "response body", expected="a JSON object with `inputTokens`", got=response.body[:40], exchange=exchange
    )
