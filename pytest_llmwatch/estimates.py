"""What a call will cost before it is made: as a recording of it did, else by its input and the prices of today."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from .calls import JSON, MediaPart, ModelCall, ReasoningPart, TextPart, ToolCallPart, Usage
from .drift.fields import distance
from .drift.visible import visible_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .calls import Part
    from .own_prices import Price

OUTPUT_TOKENS = 1000  # where a request sets no limit: more than most answers have
MEDIA_TOKENS = 1000
LETTERS_PER_TOKEN = 4
MESSAGE_TOKENS = 4
NEAREST_OF = 300
_WITHOUT_OUTPUT = frozenset({"embeddings", "rerank"})
# What the formats call the most that may be written.
_OUTPUT_LIMITS = frozenset(
    {
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "max_new_tokens",
        "max_gen_len",
        "max_tokens_to_sample",
    }
    | {"maxOutputTokens", "maxTokens", "maxTokenCount", "num_predict"}
)
_BY_LENGTH = "by its length"
_Guess = tuple[Decimal | None, str]
_CHOICES = frozenset({"n", "candidateCount", "num_generations", "best_of"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A call of the baseline: its key, its significant body, what it was, and where it stands (from 1)."""

    key: str
    body: JSON
    call: ModelCall
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a call will cost, and where that comes from.

    Attributes:
        cost: What it will cost, about; `None` where nobody knows, and `source` says why.
        call: The call, with tokens as its length lets one expect.
        least: What its input costs, whatever the answer.
    """

    cost: Decimal | None
    source: str
    call: ModelCall
    least: Decimal

    @property
    def least_source(self) -> str:
        """Where `least` comes from."""
        return f"for its input alone, {self.call.usage.input_tokens:,} tokens by its length"


def estimate_of(
    call: ModelCall,
    *,
    key: str,
    body: JSON,
    baseline: Iterable[Recorded],
    price: Callable[[ModelCall], Price],
    average: tuple[int, Decimal] | None = None,
) -> Estimate:
    """What a call will cost.

    Args:
        call: The call as far as its request says it.
        key: What makes the request this request; a recording with the same key is asked first.
        body: Its significant body, by which the nearest recording of the same model is found.
        baseline: What the test's cassette holds.
        price: The price, today, of a call with its tokens.
        average: How many calls of that model this run has made, and what one cost on average.
    """
    most, said = (None, "") if call.operation_name in _WITHOUT_OUTPUT else _output_tokens(call)
    # There is no answer yet, which is no error here.
    asked = replace(call, streaming=False, error_type=None, error_message=None, billing={})
    full = replace(asked, usage=Usage(input_tokens=_input_tokens(call), output_tokens=most))
    least = price(replace(full, usage=replace(full.usage, output_tokens=most and 0))).cost or Decimal(0)
    cost, source = _as_recorded(call, key, body, list(baseline)) or _by_length(full, said, price)
    if average is not None and cost is not None and source.startswith(_BY_LENGTH):
        times, cost = average[0], max(average[1], least)
        calls = "the call" if times == 1 else f"the {times} calls"
        source = f"as {calls} of {call.request_model} in this run did, on average"
    return Estimate(cost=cost, source=source, call=full, least=least)


def tokens_in(text: str) -> int:
    """About how many tokens a text has: one for four letters of ASCII, and one for each other letter."""
    plain = sum(char.isascii() for char in text)
    return math.ceil(plain / LETTERS_PER_TOKEN) + len(text) - plain


def _as_recorded(call: ModelCall, key: str, body: JSON, baseline: list[Recorded]) -> _Guess | None:
    answered = [one for one in baseline if one.call.error_type is None]
    same = [one for one in answered if one.key == key and one.call.cost is not None]
    if same:
        return _like(max(same, key=lambda one: one.call.cost or 0), "its recording")
    alike = [one for one in answered if _is_alike(one.call, call)][:NEAREST_OF]
    priced = [one for one in alike if one.call.cost is not None]
    if not priced:
        return None
    return _like(min(priced, key=lambda one: distance(one.body, body)), "the nearest recording")


def _like(recorded: Recorded, what: str) -> _Guess:
    return recorded.call.cost, f"as {what} did (request {recorded.number} in its cassette)"


def _is_alike(recorded: ModelCall, call: ModelCall) -> bool:
    return (recorded.operation_name, recorded.request_model) == (call.operation_name, call.request_model)


def _by_length(full: ModelCall, said: str, price: Callable[[ModelCall], Price]) -> _Guess:
    found, usage = price(full), full.usage
    if found.cost is None:
        return None, found.reason or "no price is known"
    written = "" if usage.output_tokens is None else f", {usage.output_tokens:,} out ({said})"
    return found.cost, f"{_BY_LENGTH}: {usage.input_tokens:,} tokens in{written}"


def _input_tokens(call: ModelCall) -> int:
    tools = sum(tokens_in(visible_json([one.name, one.description, one.parameters])) for one in call.tool_definitions)
    said = sum(_tokens_of(part) for message in call.input_messages for part in message.parts)
    return tools + said + MESSAGE_TOKENS * len(call.input_messages)


def _tokens_of(part: Part) -> int:
    if isinstance(part, TextPart | ReasoningPart):
        return tokens_in(part.text)
    if isinstance(part, MediaPart):
        return MEDIA_TOKENS
    if isinstance(part, ToolCallPart):
        return tokens_in(visible_json([part.name, part.arguments]))
    return tokens_in(part.result if isinstance(part.result, str) else visible_json(part.result))


def _output_tokens(call: ModelCall) -> tuple[int, str]:
    """The most that the request allows, with the word it says it by; for every choice it wants."""
    named = list(_numbers_in(call.parameters))
    name, most = next(((name, number) for name, number in named if name in _OUTPUT_LIMITS), (None, OUTPUT_TOKENS))
    choices = max((number for name, number in named if name in _CHOICES), default=1)
    said = f"{name}={most}" if name else "assumed, it sets no limit"
    return most * max(choices, 1), said if choices <= 1 else f"{said}, {choices} times"


def _numbers_in(parameters: dict[str, JSON]) -> Sequence[tuple[str, int]]:
    """The whole numbers among parameters and in the objects among them, in which some formats have their limits."""
    nested = [one for one in parameters.values() if isinstance(one, dict)]
    return [
        (name, value)
        for each in (parameters, *nested)
        for name, value in each.items()
        if isinstance(value, int) and not isinstance(value, bool) and value > 0
    ]
