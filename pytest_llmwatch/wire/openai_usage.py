"""What hosts of OpenAI's completions, chat or not, report of a call: its tokens, and what its bill depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, Usage

from .reading import int_of, object_of, objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def usage_in(chunks: list[dict[str, JSON]]) -> dict[str, JSON]:
    """The last usage that was reported: where it is on every chunk, each one includes those before."""
    return next((usage for chunk in reversed(chunks) for usage in _usages_of(chunk) if usage), {})


def _usages_of(chunk: dict[str, JSON]) -> Iterator[dict[str, JSON]]:
    yield object_of(chunk.get("usage"))
    yield object_of(object_of(chunk.get("x_groq")).get("usage"))
    # Moonshot streams it inside the choice.
    yield from (object_of(choice.get("usage")) for choice in objects_of(chunk.get("choices")))


def usage_of(usage: dict[str, JSON]) -> Usage:
    """The tokens, cached input and reasoning counted inside."""
    sent = object_of(usage.get("prompt_tokens_details"))
    made = object_of(usage.get("completion_tokens_details"))
    reasoning = _first_int(made.get("reasoning_tokens"), usage.get("reasoning_tokens"))
    return Usage(
        input_tokens=int_of(usage.get("prompt_tokens")),
        output_tokens=_output_tokens(usage, reasoning),
        # OpenAI and most; DeepSeek; Together and Moonshot.
        cache_read_input_tokens=_first_int(
            sent.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"), usage.get("cached_tokens")
        ),
        cache_write_input_tokens=int_of(sent.get("cache_write_tokens")),
        reasoning_output_tokens=reasoning,
    )


def billing_of(usage: dict[str, JSON], *, tier: str | None) -> dict[str, JSON]:
    """What the bill depends on beside the tokens."""
    facts: dict[str, JSON] = {
        "service_tier": tier,
        "total_tokens": int_of(usage.get("total_tokens")),
        "input_audio_tokens": int_of(object_of(usage.get("prompt_tokens_details")).get("audio_tokens")),
        "output_audio_tokens": int_of(object_of(usage.get("completion_tokens_details")).get("audio_tokens")),
    }
    return {name: value for name, value in facts.items() if value}


def _first_int(*values: JSON) -> int | None:
    return next((number for value in values if (number := int_of(value)) is not None), None)


def _output_tokens(usage: dict[str, JSON], reasoning: int | None) -> int | None:
    """Output with reasoning inside; xAI leaves it out, which only the total shows."""
    read, written = int_of(usage.get("prompt_tokens")), int_of(usage.get("completion_tokens"))
    if read is None or written is None or not reasoning:
        return written
    is_outside = int_of(usage.get("total_tokens")) == read + written + reasoning
    return written + reasoning if is_outside else written


def media_usage_of(usage: dict[str, JSON]) -> Usage:
    """The tokens of images and of sound, which OpenAI names as in its responses and others as in its completions."""
    sent = _first_object(usage, "input_tokens_details", "input_token_details", "prompt_tokens_details")
    made = _first_object(usage, "output_tokens_details", "output_token_details", "completion_tokens_details")
    return Usage(
        input_tokens=_first_int(usage.get("input_tokens"), usage.get("prompt_tokens")),
        output_tokens=_first_int(usage.get("output_tokens"), usage.get("completion_tokens")),
        cache_read_input_tokens=int_of(sent.get("cached_tokens")),
        reasoning_output_tokens=int_of(made.get("reasoning_tokens")),
    )


def media_billing_of(usage: dict[str, JSON]) -> dict[str, JSON]:
    """What the bill of images and of sound depends on beside the tokens."""
    sent = _first_object(usage, "input_tokens_details", "input_token_details", "prompt_tokens_details")
    made = _first_object(usage, "output_tokens_details", "output_token_details", "completion_tokens_details")
    seconds = (usage.get("seconds"), usage.get("prompt_audio_seconds"))
    facts: dict[str, JSON] = {
        "service_tier": text_of(usage.get("service_tier")),
        "total_tokens": int_of(usage.get("total_tokens")),
        "input_audio_tokens": int_of(sent.get("audio_tokens")),
        "output_audio_tokens": int_of(made.get("audio_tokens")),
        "input_image_tokens": int_of(sent.get("image_tokens")),
        "output_image_tokens": int_of(made.get("image_tokens")),
        "input_audio_seconds": next((each for each in seconds if _is_number(each)), None),
    }
    return {name: value for name, value in facts.items() if value}


def _first_object(usage: dict[str, JSON], *names: str) -> dict[str, JSON]:
    return next((held for name in names if (held := object_of(usage.get(name)))), {})


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
