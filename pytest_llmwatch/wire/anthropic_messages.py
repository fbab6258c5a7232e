"""Anthropic's messages, and the hosts that speak them: whole answers and event streams.

https://platform.claude.com/docs/en/api/messages, and
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude where the model stands in the address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pytest_llmwatch.calls import JSON, ModelCall
from pytest_llmwatch.errors import UndecodableExchange

from .answers import failure_of, is_stream
from .anthropic_content import answer_of, messages_of, tools_of, whole_message
from .anthropic_usage import FINISH_REASONS, billing_of, usage_of
from .event_stream import events
from .provider_costs import cost_of
from .provider_errors import ProviderError, error_in, error_in_event, error_of_status
from .reading import json_of, object_from, object_of, text_of

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange, Request, Response

# Gateways have it without the version, too.
_PATH = re.compile(r"/messages/?$")
_VERTEX_PATH = re.compile(r"/publishers/anthropic/models/(?!count-tokens:)([^/]+):(rawPredict|streamRawPredict)$")
_NOT_PARAMETERS = frozenset({"model", "messages", "system", "tools"})
# What no two recordings of the same answer share: in the answer, in the events of a stream, in the next request.
_VOLATILE_IN_BLOCK = ("id", "tool_use_id", "signature", "data", "caller.tool_id", "file_id", "encrypted_content")
VOLATILE = frozenset(
    {
        *("id", "request_id", "container.id", "container.expires_at", "stop_details.fallback_credit_token"),
        *(f"content[*].{name}" for name in _VOLATILE_IN_BLOCK),
        *("content[*].content[*].encrypted_content", "content[*].content.content[*].file_id"),
        *("content[*].content.encrypted_stdout", "content[*].citations[*].encrypted_index"),
        *("message.id", "message.container.id", "message.container.expires_at"),
        *(f"content_block.{name}" for name in _VOLATILE_IN_BLOCK),
        *("content_block.content.encrypted_content", "content_block.content.content.file_id"),
        "content_block.content.encrypted_stdout",
        *("delta.signature", "delta.encrypted_content", "delta.citation.encrypted_index"),
        *("delta.container.id", "delta.container.expires_at", "delta.stop_details.fallback_credit_token"),
    }
)
VOLATILE_REQUEST = frozenset(
    {
        *(f"messages[*].content[*].{name}" for name in (*_VOLATILE_IN_BLOCK, "source.file_id")),
        *("messages[*].content[*].content[*].encrypted_content", "messages[*].content[*].content.content[*].file_id"),
        *("messages[*].content[*].content.encrypted_stdout", "messages[*].content[*].citations[*].encrypted_index"),
    }
)
_EVENTS = frozenset(
    {"message_start", "message_delta", "message_stop", "ping", "error"}
    | {f"content_block_{name}" for name in ("start", "delta", "stop")}
)


def claims(request: Request) -> bool:
    """Whether a request asks for a message."""
    path = _path_of(request)
    if request.method.upper() != "POST" or not (_PATH.search(path) or _VERTEX_PATH.search(path)):
        return False
    asked = object_from(request.body) or {}
    # Services that send messages to people have such an address, too.
    return "messages" in asked and not asked.keys().isdisjoint({"model", "max_tokens", "anthropic_version"})


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    request = exchange.request
    asked = object_from(request.body)
    if asked is None:
        raise UndecodableExchange(
            "request body", expected="a JSON object with `messages`", got=request.body[:40], exchange=exchange
        )
    in_path = _VERTEX_PATH.search(_path_of(request))
    is_stream_asked = asked.get("stream") is True or (in_path is not None and in_path[2] == "streamRawPredict")
    answer = _answer_in(exchange, streamed=is_stream_asked)
    message, usage = answer.message, object_of(answer.message.get("usage"))
    error = answer.error or ProviderError()
    reasons = (text_of(message.get("stop_reason")),) if message else ()
    return ModelCall(
        operation_name="chat",
        request_model=text_of(asked.get("model")) or (in_path[1] if in_path else None),
        response_model=text_of(message.get("model")),
        response_id=text_of(message.get("id")),
        streaming=answer.is_stream,
        input_messages=tuple(messages_of(asked)),
        tool_definitions=tuple(tools_of(asked)),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=(answer_of(message),) if message else (),
        finish_reasons=tuple(map(FINISH_REASONS.get, reasons)),
        provider_finish_reasons=reasons,
        usage=usage_of(usage),
        error_type=error.type,
        error_message=error.message,
        cost=cost_of(usage),
        billing=billing_of(message, request, asked),
    )


def _path_of(request: Request) -> str:
    return unquote(request.uri.partition("#")[0].partition("?")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What came back, as far as it came; `message` is empty where none was begun."""

    is_stream: bool
    message: dict[str, JSON] = field(default_factory=dict)
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
    if error := error_in(value):
        return _Answer(is_stream=False, error=_named(error))
    message = object_of(value)
    if message.get("type") != "message" and not message.keys() & {"content", "stop_reason"}:
        raise _undecodable(exchange, response)
    return _Answer(is_stream=False, message=message)


def _streamed_answer(exchange: Exchange, response: Response) -> _Answer:
    arrived = list(events(response.body))
    # A few servers tell the type by the name of the event alone.
    chunks = [{"type": name, **chunk} for name, data in arrived if (chunk := object_from(data)) is not None]
    error = next((error for event in arrived if (error := error_in_event(*event))), None)
    if chunks and error is None and not any(chunk["type"] in _EVENTS for chunk in chunks if text_of(chunk["type"])):
        raise _undecodable(exchange, response)
    if not 200 <= response.status < 300:
        error = error or error_of_status(response.status, response.body)
    if error is None and not any(map(_is_end, chunks)):
        error = failure_of(exchange)
    return _Answer(is_stream=True, message=whole_message(chunks), error=error and _named(error))


def _is_end(event: dict[str, JSON]) -> bool:
    # The reason comes last but for message_stop, which some gateways leave out.
    return event["type"] == "message_stop" or bool(text_of(object_of(event.get("delta")).get("stop_reason")))


def _named(error: ProviderError) -> ProviderError:
    return ProviderError(type=error.type or "error", message=error.message)


def _undecodable(exchange: Exchange, response: Response) -> UndecodableExchange:
    return UndecodableExchange(
        "response body", expected="a JSON object with `content`", got=response.body[:40], exchange=exchange
    )
