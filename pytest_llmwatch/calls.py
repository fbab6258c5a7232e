"""A model call in the words of the OpenTelemetry GenAI conventions, whatever the provider.

Names follow https://opentelemetry.io/docs/specs/semconv/gen-ai/. Every number may be `None`: unknown is not zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]
FinishReason = Literal["stop", "length", "content_filter", "tool_call", "error"]
Role = Literal["system", "user", "assistant", "tool"]
COUNTING = "count_tokens"
EXECUTING = "execute_tool"
# No model runs for these: they use no tokens, and there is nothing to price.
WITHOUT_MODEL = frozenset({COUNTING, EXECUTING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call; cached input is part of `input_tokens`, reasoning is part of `output_tokens`."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    reasoning_output_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """Text that was said."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningPart:
    """Text the model thought; not part of the answer."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallPart:
    """A tool the model asked for; `arguments` is the parsed JSON, or the raw text where it does not parse."""

    name: str
    arguments: JSON = None
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResultPart:
    """What a tool gave back to the model; `is_error` where the wire has a mark for that and it is set."""

    result: JSON = None
    id: str | None = None
    is_error: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPart:
    """An image, a sound or a file; `reference` is its URL or id, or a hash of its inline bytes."""

    kind: str
    reference: str


Part = TextPart | ReasoningPart | ToolCallPart | ToolResultPart | MediaPart


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: str
    parts: tuple[Part, ...] = ()

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolDefinition:
    """A tool offered to the model, with the JSON Schema of its parameters."""

    name: str
    description: str | None = None
    parameters: JSON = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a call that the client library made again: what came back and how long it cost, in seconds."""

    status: int | None = None
    error_type: str | None = None
    duration: float | None = None
    wait: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One call of a model, read from its exchange.

    Attributes:
        operation_name: `chat`, `embeddings`, `text_completion` ...; `unknown` where no format claims the exchange.
        provider_name: Who served it (`openai`, `groq` ...), from the host; `None` for an unknown host.
        request_model: The model asked for; `response_model` is the one that served.
        parameters: Everything else that was sent beside messages and tools (temperature, response format ...).
        finish_reasons: One per choice, in the conventions' words; `provider_finish_reasons` has the wire's own.
        output_messages: One per choice. `output_text` is the visible text of the first.
        error_type: The provider's error type, or why the transfer ended early; `None` for a good answer.
        latency: Seconds from request to the last byte; `time_to_first_chunk` to the first byte of the body.
        attempts: The failed tries of the client library that came before this outcome.
        cost: US dollars: as the provider reported them, else by the prices of the day; `None` where they are not known.
        cost_reason: Why they are not known. `price_source` says who named them (`provider`, `recorded` ...).
        billing: What the bill depends on beside the tokens, as far as the wire says it: `service_tier`, `speed`,
            `batch`, `inference_geo`, `cache_write_1h_tokens`, `input_audio_tokens`, `output_audio_tokens`,
            `web_search_requests`, `total_tokens`, `billed_input_tokens` and `billed_output_tokens` (where the bill
            counts fewer than the model read), and in `other_charges` the names of what else costs money.
        provider_facts: What the provider says of its own work, in headers and bodies, as far as it does: `request_id`,
            `server_latency_ms`, `queue_time_ms`, `load_time_ms`, `prompt_time_ms`, `completion_time_ms`,
            `time_to_first_token_ms`, `retry_after_ms`, `rate_limit_remaining_requests` and its kin.
    """

    operation_name: str = "unknown"
    provider_name: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    streaming: bool = False
    input_messages: tuple[Message, ...] = ()
    tool_definitions: tuple[ToolDefinition, ...] = ()
    parameters: dict[str, JSON] = field(default_factory=dict)
    output_messages: tuple[Message, ...] = ()
    finish_reasons: tuple[FinishReason | None, ...] = ()
    provider_finish_reasons: tuple[str | None, ...] = ()
    usage: Usage = Usage()
    error_type: str | None = None
    error_message: str | None = None
    latency: float | None = None
    time_to_first_chunk: float | None = None
    attempts: tuple[Attempt, ...] = ()
    cost: Decimal | None = None
    cost_reason: str | None = None
    price_source: str | None = None
    billing: dict[str, JSON] = field(default_factory=dict)
    provider_facts: dict[str, JSON] = field(default_factory=dict)

    @property
    def output_text(self) -> str:
        """The visible text of the first answer; empty where there is none."""
        return self.output_messages[0].text if self.output_messages else ""

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The tools the first answer asked for, in order."""
        if not self.output_messages:
            return ()
        return tuple(part for part in self.output_messages[0].parts if isinstance(part, ToolCallPart))
