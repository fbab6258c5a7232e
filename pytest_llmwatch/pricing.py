"""What a call cost on the day it was made: the provider's own figure, else the user's prices, else genai-prices.

Nothing is estimated. Where tokens, tier or price are not known, the cost is `None` with the reason.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from .calls import WITHOUT_MODEL, ModelCall, Usage
from .exchange_dates import date_of
from .own_prices import FREE, NO_PRICES, Price, PriceTable, own_price_of
from .table_prices import UnknownCost, table_price

if TYPE_CHECKING:
    from datetime import datetime

    from .exchange import Exchange

# https://platform.openai.com/docs/guides/moderation calls its endpoint free. Nobody bills for counting tokens.
_FREE = frozenset({("moderation", "openai")})
# Nobody bills for these; for other errors (a content filter, a timeout) some do.
_TURNED_AWAY = frozenset({401, 402, 403, 404, 405, 413, 429})
_SERVER_ERROR = 500
_WITHOUT_OUTPUT = frozenset({"embeddings", "rerank"})


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
        return _recorded(recorded) or listed or table_price(call, at)
    except UnknownCost as unknown:
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


def _recorded(cost: Decimal | None) -> Price | None:
    return None if cost is None else Price(cost=cost, source="recorded")


def _check_usage(call: ModelCall) -> None:
    """Refuse tokens that are missing, that contradict each other, or that are not all.

    Raises:
        UnknownCost: they are.
    """
    usage, total = call.usage, call.billing.get("total_tokens")
    read, written = usage.input_tokens, usage.output_tokens
    if read is None and written is None:
        raise UnknownCost(_why_no_usage(call))
    if read is None:
        raise UnknownCost("the input tokens are not reported")
    if written is None and call.operation_name not in _WITHOUT_OUTPUT:
        raise UnknownCost("the output tokens are not reported")
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_write_input_tokens or 0)
    if min(read, written or 0, usage.cache_read_input_tokens or 0, usage.cache_write_input_tokens or 0) < 0:
        raise UnknownCost("a negative number of tokens is reported")
    if cached > read:
        raise UnknownCost(f"more cached input ({cached} tokens) than input ({read}) is reported")
    if (usage.reasoning_output_tokens or 0) > (written or 0):
        raise UnknownCost(
            f"more reasoning ({usage.reasoning_output_tokens} tokens) than output ({written}) is reported"
        )
    if isinstance(total, int) and total != read + (written or 0):
        raise UnknownCost(f"the total ({total} tokens) is not input and output ({read} + {written or 0})")
    if call.streaming and call.error_type and not all(call.provider_finish_reasons or [None]):
        raise UnknownCost("the stream ended early: the tokens reported until then are not all")


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
