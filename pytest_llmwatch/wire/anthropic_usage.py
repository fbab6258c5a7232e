"""What Anthropic reports of a message: why it ended, and its tokens."""

from __future__ import annotations

from pytest_llmwatch.calls import JSON, FinishReason, Usage

from .reading import int_of, object_of

# Without pause_turn and compaction: the turn goes on, and the conventions have no word for that.
FINISH_REASONS: dict[str | None, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_call",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


def usage_of(usage: dict[str, JSON]) -> Usage:
    """What was used, with cached input inside."""
    cache_read = int_of(usage.get("cache_read_input_tokens"))
    cache_written = int_of(usage.get("cache_creation_input_tokens"))
    uncached = int_of(usage.get("input_tokens"))
    return Usage(
        input_tokens=None if uncached is None else uncached + (cache_read or 0) + (cache_written or 0),
        output_tokens=int_of(usage.get("output_tokens")),
        cache_read_input_tokens=cache_read,
        cache_write_input_tokens=cache_written,
        reasoning_output_tokens=int_of(object_of(usage.get("output_tokens_details")).get("thinking_tokens")),
    )
