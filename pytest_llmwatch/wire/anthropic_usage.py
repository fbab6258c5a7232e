"""What Anthropic reports of a message: why it ended, its tokens, and what its bill depends on.

https://platform.claude.com/docs/en/about-claude/pricing
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, FinishReason, Usage

from .reading import int_of, object_of, objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Request

# Without pause_turn and compaction: the turn goes on, and the conventions have no word for that.
FINISH_REASONS: dict[str | None, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_call",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
# Searches have a price, and running code has one of its own; these cost what their tokens cost.
_FREE_TOOLS = frozenset(
    {"web_search_requests", "web_fetch_requests", "tool_search_requests", "code_execution_requests"}
)
_WEB_TOOL = re.compile(r"web_(?:search|fetch)_(\d{8})")
# From this version on, the web tools run code free of charge.
_FREE_CODE_SINCE = "20260209"
_AN_HOUR = re.compile(rb'"ttl"\s*:\s*"1h"')
_PRELOADED = re.compile(rb'"type"\s*:\s*"container_upload"')
_TOKENS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


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


def billing_of(message: dict[str, JSON], request: Request, asked: dict[str, JSON]) -> dict[str, JSON]:
    """What the bill of a message depends on beside the tokens."""
    usage = object_of(message.get("usage"))
    facts: dict[str, JSON] = {
        "service_tier": text_of(usage.get("service_tier")),
        "speed": text_of(usage.get("speed")),
        "inference_geo": text_of(usage.get("inference_geo")),
        "cache_write_1h_tokens": int_of(object_of(usage.get("cache_creation")).get("ephemeral_1h_input_tokens")),
        "web_search_requests": int_of(object_of(usage.get("server_tool_use")).get("web_search_requests")),
        "other_charges": list(_other_charges(message, usage, request, asked)),
    }
    return {name: value for name, value in facts.items() if value}


def _other_charges(
    message: dict[str, JSON], usage: dict[str, JSON], request: Request, asked: dict[str, JSON]
) -> Iterator[str]:
    if _has_unknown_lifetimes(usage, request):
        yield "cache writes of an unknown lifetime"
    used = object_of(usage.get("server_tool_use"))
    yield from (name for name, count in used.items() if int_of(count) and name not in _FREE_TOOLS)
    if _is_code_billed(message, request, asked):
        yield "code_execution"
    yield from _uncounted_iterations(usage)


def _has_unknown_lifetimes(usage: dict[str, JSON], request: Request) -> bool:
    """Whether tokens were cached, some of them for an hour, and it is not told how many."""
    by_lifetime = object_of(usage.get("cache_creation"))
    short, long = (int_of(by_lifetime.get(f"ephemeral_{name}_input_tokens")) or 0 for name in ("5m", "1h"))
    written = int_of(usage.get("cache_creation_input_tokens")) or 0
    return written != short + long and bool(long or _AN_HOUR.search(request.body))


def _is_code_billed(message: dict[str, JSON], request: Request, asked: dict[str, JSON]) -> bool:
    """Whether a container ran, which costs by the hour; one that files are loaded into costs also where it is idle."""
    types = [text_of(tool.get("type")) or "" for tool in objects_of(asked.get("tools"))]
    if any((found := _WEB_TOOL.match(kind)) and found[1] >= _FREE_CODE_SINCE for kind in types):
        return False
    blocks = (block for block in objects_of(message.get("content")) if block.get("type") == "server_tool_use")
    has_run = any((text_of(block.get("name")) or "").endswith("code_execution") for block in blocks)
    return has_run or (bool(object_of(message.get("usage"))) and bool(_PRELOADED.search(request.body)))


def _uncounted_iterations(usage: dict[str, JSON]) -> Iterator[str]:
    """The kinds of iterations (`compaction`, `advisor_message`), where the usage leaves out tokens of some."""
    iterations = objects_of(usage.get("iterations"))
    if iterations and sum(map(_tokens_of, iterations)) != _tokens_of(usage):
        kinds = {kind for each in iterations if (kind := text_of(each.get("type"))) and kind != "message"}
        yield from sorted(kinds) or ["iterations"]


def _tokens_of(usage: dict[str, JSON]) -> int:
    return sum(int_of(usage.get(name)) or 0 for name in _TOKENS)
