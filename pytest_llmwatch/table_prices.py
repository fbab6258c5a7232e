"""What a call costs by the table of genai-prices, or why that has no price for it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .own_prices import Price, rounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, ModelPrice, Provider

    from .calls import JSON, ModelCall

# Our names of providers that genai-prices calls something else.
_TABLE_NAMES = {
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "github_copilot": "github-copilot",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "together_ai": "together",
    "voyage_ai": "voyageai",
    "x_ai": "x-ai",
    "z_ai": "zai",
    "zhipu_ai": "zhipuai",
}
# Who passes a vendor's bill on, so that the vendor's prices hold.
_GATEWAYS = frozenset({"portkey"})
# Models that one vendor alone makes: open weights such as gpt-oss and gemma cost what their host asks, and a name of
# Bedrock (`us.anthropic.claude-...`) may have the surcharge of a region.
_VENDORS = (
    (re.compile(r"(?:.*/)?claude-"), "anthropic"),
    (re.compile(r"(?:.*/)?gemini-\d"), "google"),
    (re.compile(r"(?:.*/)?(?:gpt-\d|chatgpt-\d|o[134](?:-|$)|text-embedding-(?:3-|ada-002))"), "openai"),
)
_STANDARD_TIERS = frozenset({"", "default", "standard", "auto", "on_demand"})
_LEAST_AGREEING = 2
# What is billed by its own price: our name in `billing`, that of the usage and that of the price in genai-prices.
_EXTRAS = (
    ("web_search_requests", "web_searches", "web_searches_kcount", "web searches"),
    ("cache_write_1h_tokens", "cache_write_1h_tokens", "cache_write_1h_mtok", "input tokens cached for an hour"),
    ("input_audio_tokens", "input_audio_tokens", "input_audio_mtok", "input tokens of audio"),
    ("output_audio_tokens", "output_audio_tokens", "output_audio_mtok", "output tokens of audio"),
    ("input_image_tokens", "input_image_tokens", "input_image_mtok", "input tokens of images"),
    ("output_image_tokens", "output_image_tokens", "output_image_mtok", "output tokens of images"),
)


class UnknownCost(Exception):
    """The cost is not known; the text says why."""


def table_price(call: ModelCall, at: datetime | None) -> Price:
    """The price by genai-prices.

    Raises:
        UnknownCost: it has none, or what it has does not fit.
    """
    from genai_prices.data_snapshot import get_snapshot

    names = _names_of(call)
    if not names:
        raise UnknownCost("no model is named")
    snapshot, provider = get_snapshot(), call.provider_name
    table_name = _TABLE_NAMES.get(provider or "", provider)
    if any(each.id == table_name for each in snapshot.providers):
        found = _found(snapshot, table_name, names)
        if found is None:
            raise UnknownCost(f"genai-prices has no price for {names[-1]} of {provider}")
        return _calculated(call, *found, at)
    if provider is not None and provider not in _GATEWAYS:
        raise UnknownCost(f"genai-prices has no prices of {provider} (it serves {names[-1]})")
    return _price_by_name(call, snapshot, names, at)


def _names_of(call: ModelCall) -> list[str]:
    """The model served, then the one asked for where both are one: a router may have taken another one."""
    served, asked = call.response_model, call.request_model
    if served and asked and not (served.lower() in asked.lower() or asked.lower() in served.lower()):
        asked = None
    return [_plain(name) for name in dict.fromkeys((served, asked)) if name]


def _plain(name: str) -> str:
    """The model's name without the resource path that Google puts in front."""
    return re.sub(r"^(?:.*/)?models/", "", name)


def _found(snapshot: DataSnapshot, provider: str | None, names: Iterable[str]) -> tuple[Provider, ModelInfo] | None:
    for name in names:
        try:
            return snapshot.find_provider_model(name, None, provider, None)
        except LookupError:
            continue
    return None


def _price_by_name(call: ModelCall, snapshot: DataSnapshot, names: list[str], at: datetime | None) -> Price:
    """The price of a model whose host is not known: its vendor's, or the one on which all who serve it agree.

    Raises:
        UnknownCost: the vendor is not evident, and the hosts do not agree or are too few.
    """
    for name in names:
        vendor = next((vendor for pattern, vendor in _VENDORS if pattern.match(name.lower())), None)
        found = _found(snapshot, vendor, (name, name.rpartition("/")[2])) if vendor else None
        if found is not None:
            return _calculated(call, *found, at)
    serving = [(each, model) for each in snapshot.providers for model in [each.find_model(names[-1])] if model]
    prices = {_calculated(call, *one, at).cost for one in serving} if len(serving) >= _LEAST_AGREEING else set()
    if len(prices) == 1:
        return Price(cost=prices.pop(), source="genai-prices")
    host = call.provider_name or "an unknown host"
    raise UnknownCost(f"no price is known for {names[-1]} of {host}")


def _calculated(call: ModelCall, provider: Provider, model: ModelInfo, at: datetime | None) -> Price:
    """The price by one entry of the table.

    Raises:
        UnknownCost: it has none for that date, that tier, or something else that was billed.
    """
    from genai_prices import Usage

    context = _context_of(call.billing)
    _check_context(model, context, at, is_own=any(model is each for each in provider.models))
    if at is None and isinstance(model.prices, list) and len(model.prices) > 1:
        raise UnknownCost(f"the recording has no date, and the price of {model.id} has changed")
    # A price without dates is the same on any.
    prices = model.get_prices(at or datetime.now(UTC), context)
    extras = _extras_of(call, prices, model.id)
    cache_read, cache_write = call.usage.cache_read_input_tokens, call.usage.cache_write_input_tokens
    usage = Usage(
        input_tokens=call.usage.input_tokens,
        output_tokens=call.usage.output_tokens,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        **extras,
    )
    if (prices.input_mtok, prices.output_mtok) == (None, None):
        raise UnknownCost(f"genai-prices has no price of tokens for {model.id}")
    try:
        return Price(cost=rounded(prices.calc_price(usage)["total_price"]), source="genai-prices")
    except ValueError as error:
        raise UnknownCost(f"genai-prices: {error}") from error


def _context_of(billing: Mapping[str, JSON]) -> dict[str, str]:
    """How the call was served, in the words of genai-prices; nothing for the usual way.

    Raises:
        UnknownCost: in a way that has no price in any table.
    """
    tier, speed = _word(billing.get("service_tier")), _word(billing.get("speed"))
    context: dict[str, str] = {}
    if billing.get("batch") is True or tier == "batch":
        context["processing"] = "batch"
    elif tier not in _STANDARD_TIERS:
        context["service_tier"] = tier
    if speed not in {"", "standard"}:
        context["speed"] = speed
    region = _word(billing.get("inference_geo"))
    if region not in {"", "global", "not_available"}:
        raise UnknownCost(f"inference in {region} is billed with a surcharge that no table has")
    others = billing.get("other_charges")
    if isinstance(others, list) and others:
        raise UnknownCost(f"more than tokens was billed: {', '.join(map(str, others))}")
    return context


def _check_context(model: ModelInfo, context: Mapping[str, str], at: datetime | None, *, is_own: bool) -> None:
    """Refuse a way of serving that the table has no price for on that day: it would give the usual price instead.

    Raises:
        UnknownCost: it has none.
    """
    for key, value in context.items():
        prices = (each for each in model.price_variants or () if each.when.get(key) == value)
        if not is_own or not any(
            each.constraint is None or (at is not None and each.constraint.active(at)) for each in prices
        ):
            day = f"on {at:%Y-%m-%d}" if at else "on an unknown day"
            raise UnknownCost(f"genai-prices has no price for {model.id} with {key} {value} {day}")


def _extras_of(call: ModelCall, prices: ModelPrice, model: str) -> dict[str, int]:
    """What is billed by a price of its own.

    Raises:
        UnknownCost: there is no such price, or nobody says how much of it there was.
    """
    extras = {}
    for name, usage_key, price_key, words in _EXTRAS:
        count = call.billing.get(name)
        if not isinstance(count, int) or not count:
            continue
        if getattr(prices, price_key) is None:
            raise UnknownCost(f"genai-prices has no price of {words} for {model} ({count} were billed)")
        extras[usage_key] = count
    if "web_search_options" in call.parameters and "web_search_requests" not in call.billing:
        raise UnknownCost("web searches are billed, and how many there were is not reported")
    return extras


def _word(value: JSON) -> str:
    return value.lower() if isinstance(value, str) else ""
