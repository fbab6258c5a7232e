"""OpenAI's chat completions, and the many hosts that speak them: whole answers and event streams.

https://platform.openai.com/docs/api-reference/chat
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
from .openai_messages import answer_of, message_of, tools_of, whole_message
from .openai_usage import billing_of, usage_in, usage_of
from .provider_costs import cost_of
from .provider_errors import ProviderError, error_in, error_in_event, error_of_status
from .provider_facts import facts_in_body
from .reading import first_text, int_of, json_of, object_from, object_of, objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_llmwatch.exchange import Exchange, Request, Response

# Writer's path is /v1/chat, watsonx has two, Mistral and MiniMax one more; Databricks and SageMaker have one a model.
_PATH = re.compile(
    r"(/chat/completions|/agents/completions|/v1/chat|/text/chat(_stream)?|/text/chatcompletion_v2"
    r"|/(serving-)?endpoints/[^/]+/invocations)/?$"
)
_MODEL_IN_PATH = re.compile(
    r"/(?:deployments|endpoints|serving-endpoints)/([^/]+)/(?:chat/completions|invocations|text/chat)"
)
_NO_MODEL = frozenset({"openapi"})  # the endpoint of Vertex for all models
_NOT_PARAMETERS = frozenset({"model", "model_id", "messages", "tools", "functions"})
_FINISH_REASONS: dict[str | None, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "model_length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "error": "error",
}
# What no two recordings of the same answer share; in a stream's events places in lists are left out.
_TIMES = ("queue_time", "prompt_time", "completion_time", "total_time")
_VOLATILE_IN_MESSAGE = (
    "tool_calls[*].id",
    # Google's, in either place.
    *(f"{place}extra_content.google.thought_signature" for place in ("", "tool_calls[*].")),
    *(f"{place}thought_signature" for place in ("", "tool_calls[*].")),
    *(f"reasoning_details[*].{name}" for name in ("id", "data", "signature")),
)
VOLATILE = frozenset(
    {
        *("id", "created", "system_fingerprint", "request_id", "x_groq.id"),
        *(f"{place}.{name}" for place in ("usage", "x_groq.usage", "time_info") for name in _TIMES),
        "time_info.created",
        *(f"choices[*].message.{name}" for name in _VOLATILE_IN_MESSAGE),
        *(f"choices.delta.{name.replace('[*]', '')}" for name in _VOLATILE_IN_MESSAGE),
    }
)
VOLATILE_REQUEST = frozenset({"messages[*].tool_calls[*].id", "messages[*].tool_call_id"})


def claims(request: Request) -> bool:
    """Whether a request asks for a chat completion."""
    if request.method.upper() != "POST" or not _PATH.search(_path_of(request)):
        return False
    # A look, not a parse: every request to a host that passes is asked about.
    return request.body.lstrip()[:1] == b"{" and b'"messages"' in request.body


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    request = exchange.request
    asked = object_from(request.body)
    if asked is None:
        raise UndecodableExchange(
            "request body", expected="a JSON object with `messages`", got=request.body[:40], exchange=exchange
        )
    answer = _answer_in(exchange, streamed=asked.get("stream") is True)
    error = answer.error or ProviderError()
    return ModelCall(
        operation_name="chat",
        request_model=first_text([asked], "model") or first_text([asked], "model_id") or _model_in_path(request),
        response_model=answer.model,
        response_id=answer.id,
        streaming=answer.is_stream,
        input_messages=tuple(map(message_of, objects_of(asked.get("messages")))),
        tool_definitions=tuple(tools_of(asked)),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=answer.messages,
        finish_reasons=tuple(map(_FINISH_REASONS.get, answer.finish_reasons)),
        provider_finish_reasons=answer.finish_reasons,
        usage=answer.usage,
        error_type=error.type,
        error_message=error.message,
        cost=answer.cost,
        billing=answer.billing,
        provider_facts=answer.facts,
    )


def _path_of(request: Request) -> str:
    return request.uri.partition("#")[0].partition("?")[0]


def _model_in_path(request: Request) -> str | None:
    found = _MODEL_IN_PATH.search(_path_of(request))
    return unquote(found[1]) if found and found[1] not in _NO_MODEL else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What came back, as far as it came."""

    is_stream: bool
    id: str | None = None
    model: str | None = None
    messages: tuple[Message, ...] = ()
    finish_reasons: tuple[str | None, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cost: Decimal | None = None
    billing: dict[str, JSON] = field(default_factory=dict)
    facts: dict[str, JSON] = field(default_factory=dict)
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
    error, body = error_in(value), object_of(value)
    if error is None and not _is_of_this_format(body):
        raise _undecodable(exchange, response)
    return _answer_from([body], is_stream=False, error=error)


def _streamed_answer(exchange: Exchange, response: Response) -> _Answer:
    arrived = list(events(response.body))
    chunks = [chunk for _, data in arrived if (chunk := object_from(data)) is not None]
    error = next((error for event in arrived if (error := error_in_event(*event))), None)
    if chunks and error is None and not any(map(_is_of_this_format, chunks)):
        raise _undecodable(exchange, response)
    if not 200 <= response.status < 300:
        error = error or error_of_status(response.status, response.body)
    # Perplexity and others never say [DONE].
    is_whole = any(data.strip() == "[DONE]" for _, data in arrived) or any(map(_finish_reason_of, _choices_in(chunks)))
    return _answer_from(chunks, is_stream=True, error=error or (None if is_whole else failure_of(exchange)))


def _is_of_this_format(body: dict[str, JSON]) -> bool:
    return "choices" in body or (text_of(body.get("object")) or "").startswith("chat.completion")


def _undecodable(exchange: Exchange, response: Response) -> UndecodableExchange:
    return UndecodableExchange(
        "response body", expected="a JSON object with `choices`", got=response.body[:40], exchange=exchange
    )


def _answer_from(chunks: list[dict[str, JSON]], *, is_stream: bool, error: ProviderError | None) -> _Answer:
    """The answer in the chunks of a stream, or in the one body that is no stream."""
    choices = _grouped(chunks, is_stream=is_stream)
    usage = usage_in(chunks)
    # OpenRouter reports the failure of its upstream inside the choice.
    error = error or next((error for choice in _choices_in(chunks) if (error := error_in(choice))), None)
    return _Answer(
        is_stream=is_stream,
        id=first_text(chunks, "id"),
        # Azure's first chunk has an empty one.
        model=first_text(chunks, "model") or first_text(chunks, "model_id"),
        messages=tuple(choice.message(is_stream=is_stream) for choice in choices),
        finish_reasons=tuple(choice.finish_reason for choice in choices),
        usage=usage_of(usage),
        cost=cost_of(usage, gateway=_gateway_of(choices)),
        billing=billing_of(usage, tier=first_text(chunks, "service_tier")),
        # Groq and SambaNova; Cerebras; llama.cpp.
        facts=facts_in_body(usage, *(chunk.get(name) for name in ("time_info", "timings") for chunk in chunks)),
        error=error and ProviderError(type=error.type or "error", message=error.message),
    )


@dataclass(slots=True)
class _Choice:
    """One of the alternatives asked for with `n`, while its pieces arrive."""

    pieces: list[dict[str, JSON]] = field(default_factory=list)
    finish_reason: str | None = None

    def message(self, *, is_stream: bool) -> Message:
        return answer_of([whole_message(self.pieces)] if is_stream else self.pieces)


def _choices_in(chunks: Iterable[dict[str, JSON]]) -> Iterator[dict[str, JSON]]:
    return (choice for chunk in chunks for choice in objects_of(chunk.get("choices")))


def _grouped(chunks: list[dict[str, JSON]], *, is_stream: bool) -> list[_Choice]:
    """The choices in the order of their indexes."""
    # Perplexity and Writer send both in either case, and a stream's message repeats all that came before.
    names = ("delta", "message") if is_stream else ("message", "delta")
    found: dict[int, _Choice] = {}
    for chunk in chunks:
        for place, choice in enumerate(objects_of(chunk.get("choices"))):
            index = int_of(choice.get("index"))
            grown = found.setdefault(place if index is None else index, _Choice())
            pieces = next((object_of(choice[name]) for name in names if choice.get(name)), None)
            grown.pieces += [pieces] if pieces is not None else _said_in(choice)
            grown.finish_reason = _finish_reason_of(choice) or grown.finish_reason
    return [found[index] for index in sorted(found)]


def _said_in(choice: dict[str, JSON]) -> list[dict[str, JSON]]:
    """What the model said where Mistral ran tools in between: several messages, of which the tools' are not its own."""
    return [message for message in objects_of(choice.get("messages")) if message.get("role") != "tool"]


def _gateway_of(choices: list[_Choice]) -> dict[str, JSON]:
    """What Vercel's gateway says of a call."""
    held = (object_of(piece.get("provider_metadata")) for choice in choices for piece in reversed(choice.pieces))
    return next((found for each in held if (found := object_of(each.get("gateway")))), {})


def _finish_reason_of(choice: dict[str, JSON]) -> str | None:
    return text_of(choice.get("finish_reason"))
