"""What Google reports of generated content: its tokens, and what its bill depends on.

https://ai.google.dev/gemini-api/docs/pricing and https://cloud.google.com/vertex-ai/generative-ai/pricing
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, Usage

from .gemini_contents import candidate_parts, each_of, field_of
from .reading import int_of, list_of, object_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_llmwatch.exchange import Exchange

_TRAFFIC: dict[str | None, str | None] = {
    "ON_DEMAND": "standard",
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_PRIORITY": "priority",
    "TRAFFIC_TYPE_UNSPECIFIED": None,
    # Numbers come with `$alt=json;enum-encoding=int`.
    "0": None,
    "1": "standard",
    "2": "provisioned_throughput",
}
_AUDIO, _IMAGE, _VIDEO = ("AUDIO", "4"), ("IMAGE", "2"), ("VIDEO", "3")
# Until Gemini 2.5 a prompt that is grounded is charged once, from Gemini 3 on every query is.
_CHARGED_ONCE = re.compile(r"(?:.*/)?gemini-[12][.-]")
# Tools with prices other than that of a search; what else Google runs costs what its tokens cost.
_CHARGED_TOOLS = ("googleMaps", "enterpriseWebSearch", "retrieval")


def usage_in(chunks: Iterable[dict[str, JSON]]) -> dict[str, JSON]:
    """The usage as it was last reported, field by field: every chunk of a stream repeats and completes it."""
    said: dict[str, JSON] = {}
    for chunk in chunks:
        reported = object_of(field_of(chunk, "usageMetadata"))
        said |= {name: value for name, value in reported.items() if value is not None}
    return said


def usage_of(said: dict[str, JSON]) -> Usage:
    """The tokens, thoughts and what Google's own tools brought in counted inside."""
    read, used = (int_of(field_of(said, name)) for name in ("promptTokenCount", "toolUsePromptTokenCount"))
    thought = int_of(field_of(said, "thoughtsTokenCount"))
    # What Google's own tools brought in is input, and not in the prompt.
    input_tokens = None if read is None else read + (used or 0)
    return Usage(
        input_tokens=input_tokens,
        output_tokens=_output_tokens(said, input_tokens, thought),
        cache_read_input_tokens=int_of(field_of(said, "cachedContentTokenCount")),
        reasoning_output_tokens=thought,
    )


def _output_tokens(said: dict[str, JSON], input_tokens: int | None, thought: int | None) -> int | None:
    """Output with thoughts inside: the wire leaves them out, but for early previews, which only the total shows."""
    written = int_of(field_of(said, "candidatesTokenCount"))
    if written is None or not thought:
        return written
    is_inside = input_tokens is not None and int_of(field_of(said, "totalTokenCount")) == input_tokens + written
    return written if is_inside else written + thought


def billing_of(
    chunks: Iterable[dict[str, JSON]], exchange: Exchange, asked: dict[str, JSON], model: str | None
) -> dict[str, JSON]:
    """What the bill depends on beside the tokens; nothing where no usage came."""
    chunks = tuple(chunks)
    said = usage_in(chunks)
    if not said:
        return {}
    queries = _queries_in(chunks)
    heard = _tokens_of(said, "promptTokensDetails", _AUDIO) + _tokens_of(said, "toolUsePromptTokensDetails", _AUDIO)
    facts: dict[str, JSON] = {
        "service_tier": _tier_of(said, exchange, asked),
        "total_tokens": int_of(field_of(said, "totalTokenCount")),
        "input_audio_tokens": heard,
        "output_audio_tokens": _tokens_of(said, "candidatesTokensDetails", _AUDIO),
        "output_image_tokens": _tokens_of(said, "candidatesTokensDetails", _IMAGE),
        "web_search_requests": min(queries, 1) if _CHARGED_ONCE.match(model or "") else queries,
        "other_charges": [*_other_charges(chunks, said, asked, has_searched=bool(queries))],
    }
    return {name: value for name, value in facts.items() if value}


def _tier_of(said: dict[str, JSON], exchange: Exchange, asked: dict[str, JSON]) -> str | None:
    """The tier that served, else the one that was asked for: without room, priority is served as standard."""
    header = exchange.response.header("x-gemini-service-tier") if exchange.response else None
    traffic = _word_of(field_of(said, "trafficType"))
    tiers = (header, _word_of(field_of(said, "serviceTier")), _word_of(field_of(asked, "serviceTier")))
    named = [tier.lower().removeprefix("service_tier_") for tier in tiers if tier]
    if traffic is not None:
        named.insert(0, _TRAFFIC.get(traffic, traffic.lower()) or "")
    return next((tier for tier in named if tier not in ("", "unspecified")), None)


def _word_of(value: JSON) -> str | None:
    number = int_of(value)
    return text_of(value) if number is None else str(number)


def _tokens_of(said: dict[str, JSON], name: str, modality: tuple[str, str]) -> int:
    rows = each_of(field_of(said, name))
    return sum(int_of(field_of(row, "tokenCount")) or 0 for row in rows if _word_of(row.get("modality")) in modality)


def _groundings_in(chunks: Iterable[dict[str, JSON]]) -> Iterator[dict[str, JSON]]:
    candidates = (candidate for chunk in chunks for candidate in each_of(chunk.get("candidates")))
    return (found for each in candidates if (found := object_of(field_of(each, "groundingMetadata"))))


def _queries_in(chunks: Iterable[dict[str, JSON]]) -> int:
    """How many different searches were made; empty ones do not count."""
    names = ("webSearchQueries", "imageSearchQueries")
    rows = (list_of(field_of(each, name)) for each in _groundings_in(chunks) for name in names)
    return len({query for row in rows for query in row if text_of(query)})


def _other_charges(
    chunks: tuple[dict[str, JSON], ...], said: dict[str, JSON], asked: dict[str, JSON], *, has_searched: bool
) -> Iterator[str]:
    offered = each_of(asked.get("tools"))
    if any(_groundings_in(chunks)):
        yield from (name for name in _CHARGED_TOOLS if any(field_of(tool, name) is not None for tool in offered))
    if has_searched and int_of(field_of(said, "toolUsePromptTokenCount")):
        # What a search found is not charged as input, and what other tools brought in is.
        yield "tool use tokens beside a search"
    if _tokens_of(said, "cacheTokensDetails", _AUDIO):
        yield "cached audio"
    if _tokens_of(said, "candidatesTokensDetails", _VIDEO):
        yield "video"
    if not each_of(field_of(said, "candidatesTokensDetails")) and any(map(_is_medium, _parts_in(chunks))):
        yield "media that nobody counted"


def _parts_in(chunks: Iterable[dict[str, JSON]]) -> Iterator[dict[str, JSON]]:
    candidates = (candidate for chunk in chunks for candidate in each_of(chunk.get("candidates")))
    return (part for candidate in candidates for part in candidate_parts(candidate))


def _is_medium(part: dict[str, JSON]) -> bool:
    return bool(field_of(part, "inlineData") or field_of(part, "fileData"))
