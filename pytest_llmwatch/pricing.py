"""What a call cost on the day it was made: the provider's own figure, else the user's prices, else genai-prices.

Nothing is estimated. Where tokens, tier or price are not known, the cost is `None` with the reason.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from .calls import WITHOUT_MODEL, ModelCall, Usage
from .own_prices import FREE, NO_PRICES, Price, PriceTable, own_price_of, rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, ModelPrice, Provider

    from .calls import JSON
    from .exchange import Exchange

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
# https://platform.openai.com/docs/guides/moderation calls its endpoint free. Nobody bills for counting tokens.
_FREE = frozenset({("moderation", "openai")})
# Nobody bills for these; for other errors (a content filter, a timeout) some do.
_TURNED_AWAY = frozenset({401, 402, 403, 404, 405, 413, 429})
_SERVER_ERROR = 500
_STANDARD_TIERS = frozenset({"", "default", "standard", "auto", "on_demand"})
_WITHOUT_OUTPUT = frozenset({"embeddings", "rerank"})
_LEAST_AGREEING = 2
_CREATED = re.compile(rb'"(?:created(?:_at)?"\s*:\s*(\d{10})\b|createTime"\s*:\s*"([^"]+)")')
_FIRST_YEAR = 2020  # before it no model was served; a `date` header that says so is a placeholder
# What is billed by its own price: our name in `billing`, that of the usage and that of the price in genai-prices.
_EXTRAS = (
    ("web_search_requests", "web_searches", "web_searches_kcount", "web searches"),
    ("cache_write_1h_tokens", "cache_write_1h_tokens", "cache_write_1h_mtok", "input tokens cached for an hour"),
    ("input_audio_tokens", "input_audio_tokens", "input_audio_mtok", "input tokens of audio"),
    ("output_audio_tokens", "output_audio_tokens", "output_audio_mtok", "output tokens of audio"),
    ("input_image_tokens", "input_image_tokens", "input_image_mtok", "input tokens of images"),
    ("output_image_tokens", "output_image_tokens", "output_image_mtok", "output tokens of images"),
)


class _Unknown(Exception):
    """The cost is not known; the text says why."""


def cost_of(
    call: ModelCall, *, at: datetime | None, own: PriceTable = NO_PRICES, recorded: Decimal | None = None
) -> Price:
    """What a call cost.

    Args:
        call: The call as decoded.
        at: When it was made; where that is not known, a price that has changed since is not known either.
        own: The user's prices; they win over those of genai-prices.
        recorded: The price of the day as it stands in the cassette, which saves looking it up again.
    """
    if call.cost is not None:
        return Price(cost=call.cost, source="provider")
    if call.operation_name in WITHOUT_MODEL or (call.operation_name, call.provider_name) in _FREE:
        return Price(cost=Decimal(0), source=FREE)
    call = _as_billed(call)
    try:
        _check_usage(call)
        listed = own_price_of(call, at=at, own=own)
        if listed is not None and listed.cost is not None:
            return listed
        return _recorded(recorded) or listed or _table_price(call, at)
    except _Unknown as unknown:
        return _recorded(recorded) or Price(reason=str(unknown))


def _as_billed(call: ModelCall) -> ModelCall:
    """The call with the tokens of the bill, where that counts others than those the model read and wrote (Cohere)."""
    read, written = (call.billing.get(f"billed_{side}_tokens") for side in ("input", "output"))
    if not isinstance(read, int) and not isinstance(written, int):
        return call
    usage = Usage(
        input_tokens=read if isinstance(read, int) else None,
        output_tokens=written if isinstance(written, int) else None,
    )
    return replace(call, usage=usage)


def known_price(call: ModelCall, exchange: Exchange) -> Price:
    """What needs no look-up: the provider's figure, or that of the day on which the exchange was recorded."""
    if call.cost is not None:
        return Price(cost=call.cost, source="provider")
    return _recorded(exchange.cost) or Price(reason="no price was looked up")


def price_of(call: ModelCall, exchange: Exchange, own: PriceTable = NO_PRICES) -> Price:
    """What the call of an exchange cost."""
    price = cost_of(call, at=date_of(exchange), own=own, recorded=exchange.cost)
    is_open = price.cost is None or (price.source == "recorded" and not price.cost)
    never_ran = is_open and call.usage == Usage() and is_unbilled(exchange)
    return Price(cost=Decimal(0), source=FREE) if never_ran else price


def is_unbilled(exchange: Exchange) -> bool:
    """Whether no model ran for a request: it never arrived, or was turned away."""
    status = exchange.response.status if exchange.response else 0
    is_unreached = exchange.failure is not None and exchange.failure.kind == "connect"
    return is_unreached or status in _TURNED_AWAY or status >= _SERVER_ERROR


def date_of(exchange: Exchange) -> datetime | None:
    """When an exchange was recorded; where the file does not say it, the response may: in its `date`, or its body."""
    if exchange.at is not None or exchange.response is None:
        return exchange.at
    dates = (_date_of_header(exchange.response.header("date")), _date_of_body(exchange.response.body))
    return next((date for date in dates if date is not None and date.year >= _FIRST_YEAR), None)


def _date_of_header(header: str | None) -> datetime | None:
    from email.utils import parsedate_to_datetime  # 8 ms to import, for a file of other recorders only

    try:
        return _in_utc(parsedate_to_datetime(header or ""))
    except ValueError:
        return None


def _date_of_body(body: bytes) -> datetime | None:
    found = _CREATED.search(body)
    try:
        if found is None or found[1]:
            return datetime.fromtimestamp(int(found[1]), UTC) if found else None
        return _in_utc(datetime.fromisoformat(found[2].decode()))
    except ValueError:
        return None


def _in_utc(date: datetime) -> datetime:
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def with_price(call: ModelCall, price: Price) -> ModelCall:
    """The call with its money."""
    return replace(call, cost=price.cost, cost_reason=price.reason, price_source=price.source)


def priced_when_asked(call: ModelCall, look_up: Callable[[ModelCall], Price]) -> ModelCall:
    """The call, whose money is looked up when somebody reads it: the table takes a quarter of a second to load."""
    waiting = object.__new__(_Unpriced)
    for item in fields(ModelCall):
        if item.name not in _MONEY:
            object.__setattr__(waiting, item.name, getattr(call, item.name))
    object.__setattr__(waiting, "_look_up", lambda: look_up(call))
    return waiting


_MONEY = ("cost", "cost_reason", "price_source")


class _Unpriced(ModelCall):
    """A call whose three fields of money are still empty; reading one of them fills all."""

    __slots__ = ("_look_up",)
    _look_up: Callable[[], Price]

    if not TYPE_CHECKING:  # a type checker would take any name for an attribute

        def __getattr__(self, name: str) -> object:
            if name not in _MONEY:
                raise AttributeError(f"'ModelCall' object has no attribute {name!r}", name=name, obj=self)
            price = self._look_up()
            for field, value in zip(_MONEY, (price.cost, price.reason, price.source), strict=True):
                object.__setattr__(self, field, value)
            return object.__getattribute__(self, name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ModelCall):
            return NotImplemented
        return all(getattr(self, item.name) == getattr(other, item.name) for item in fields(ModelCall))

    __hash__ = ModelCall.__hash__

    def __repr__(self) -> str:
        # To who prints it, it is the call that it stands for.
        return f"ModelCall{super().__repr__().removeprefix(type(self).__qualname__)}"


def _recorded(cost: Decimal | None) -> Price | None:
    return None if cost is None else Price(cost=cost, source="recorded")


def _check_usage(call: ModelCall) -> None:
    """Refuse tokens that are missing, that contradict each other, or that are not all.

    Raises:
        _Unknown: they are.
    """
    usage, total = call.usage, call.billing.get("total_tokens")
    read, written = usage.input_tokens, usage.output_tokens
    if read is None and written is None:
        raise _Unknown(_why_no_usage(call))
    if read is None:
        raise _Unknown("the input tokens are not reported")
    if written is None and call.operation_name not in _WITHOUT_OUTPUT:
        raise _Unknown("the output tokens are not reported")
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_write_input_tokens or 0)
    if min(read, written or 0, usage.cache_read_input_tokens or 0, usage.cache_write_input_tokens or 0) < 0:
        raise _Unknown("a negative number of tokens is reported")
    if cached > read:
        raise _Unknown(f"more cached input ({cached} tokens) than input ({read}) is reported")
    if (usage.reasoning_output_tokens or 0) > (written or 0):
        raise _Unknown(f"more reasoning ({usage.reasoning_output_tokens} tokens) than output ({written}) is reported")
    if isinstance(total, int) and total != read + (written or 0):
        raise _Unknown(f"the total ({total} tokens) is not input and output ({read} + {written or 0})")
    if call.streaming and call.error_type and not all(call.provider_finish_reasons or [None]):
        raise _Unknown("the stream ended early: the tokens reported until then are not all")


def _why_no_usage(call: ModelCall) -> str:
    if call.operation_name == "unknown":
        return "no wire format is known for this request, so its tokens are not known"
    if call.error_type:
        return f"an error came ({call.error_type}), and no usage with it"
    if call.streaming and call.operation_name == "chat" and "messages" not in call.parameters:
        asked = call.parameters.get("stream_options")
        if not (isinstance(asked, dict) and asked.get("include_usage")):
            return 'no usage is reported; most hosts stream it when asked with stream_options={"include_usage": true}'
    return "no usage is reported"


def _table_price(call: ModelCall, at: datetime | None) -> Price:
    """The price by genai-prices.

    Raises:
        _Unknown: it has none, or what it has does not fit.
    """
    from genai_prices.data_snapshot import get_snapshot

    names = _names_of(call)
    if not names:
        raise _Unknown("no model is named")
    snapshot, provider = get_snapshot(), call.provider_name
    table_name = _TABLE_NAMES.get(provider or "", provider)
    if any(each.id == table_name for each in snapshot.providers):
        found = _found(snapshot, table_name, names)
        if found is None:
            raise _Unknown(f"genai-prices has no price for {names[-1]} of {provider}")
        return _calculated(call, *found, at)
    if provider is not None and provider not in _GATEWAYS:
        raise _Unknown(f"genai-prices has no prices of {provider} (it serves {names[-1]})")
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
        _Unknown: the vendor is not evident, and the hosts do not agree or are too few.
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
    raise _Unknown(f"no price is known for {names[-1]} of {host}")


def _calculated(call: ModelCall, provider: Provider, model: ModelInfo, at: datetime | None) -> Price:
    """The price by one entry of the table.

    Raises:
        _Unknown: it has none for that date, that tier, or something else that was billed.
    """
    from genai_prices import Usage

    context = _context_of(call.billing)
    _check_context(model, context, at, is_own=any(model is each for each in provider.models))
    if at is None and isinstance(model.prices, list) and len(model.prices) > 1:
        raise _Unknown(f"the recording has no date, and the price of {model.id} has changed")
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
        raise _Unknown(f"genai-prices has no price of tokens for {model.id}")
    try:
        return Price(cost=rounded(prices.calc_price(usage)["total_price"]), source="genai-prices")
    except ValueError as error:
        raise _Unknown(f"genai-prices: {error}") from error


def _context_of(billing: Mapping[str, JSON]) -> dict[str, str]:
    """How the call was served, in the words of genai-prices; nothing for the usual way.

    Raises:
        _Unknown: in a way that has no price in any table.
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
        raise _Unknown(f"inference in {region} is billed with a surcharge that no table has")
    others = billing.get("other_charges")
    if isinstance(others, list) and others:
        raise _Unknown(f"more than tokens was billed: {', '.join(map(str, others))}")
    return context


def _check_context(model: ModelInfo, context: Mapping[str, str], at: datetime | None, *, is_own: bool) -> None:
    """Refuse a way of serving that the table has no price for on that day: it would give the usual price instead.

    Raises:
        _Unknown: it has none.
    """
    for key, value in context.items():
        prices = (each for each in model.price_variants or () if each.when.get(key) == value)
        if not is_own or not any(
            each.constraint is None or (at is not None and each.constraint.active(at)) for each in prices
        ):
            day = f"on {at:%Y-%m-%d}" if at else "on an unknown day"
            raise _Unknown(f"genai-prices has no price for {model.id} with {key} {value} {day}")


def _extras_of(call: ModelCall, prices: ModelPrice, model: str) -> dict[str, int]:
    """What is billed by a price of its own.

    Raises:
        _Unknown: there is no such price, or nobody says how much of it there was.
    """
    extras = {}
    for name, usage_key, price_key, words in _EXTRAS:
        count = call.billing.get(name)
        if not isinstance(count, int) or not count:
            continue
        if getattr(prices, price_key) is None:
            raise _Unknown(f"genai-prices has no price of {words} for {model} ({count} were billed)")
        extras[usage_key] = count
    if "web_search_options" in call.parameters and "web_search_requests" not in call.billing:
        raise _Unknown("web searches are billed, and how many there were is not reported")
    return extras


def _word(value: JSON) -> str:
    return value.lower() if isinstance(value, str) else ""
