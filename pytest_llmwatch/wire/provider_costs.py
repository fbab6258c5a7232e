"""The money that hosts of OpenAI's formats report beside the tokens."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from .reading import money_of, object_of

if TYPE_CHECKING:
    from pytest_llmwatch.calls import JSON

_XAI_TICKS_PER_DOLLAR = Decimal(10) ** 10


def cost_of(usage: dict[str, JSON], *, gateway: dict[str, JSON] | None = None) -> Decimal | None:
    """US dollars in a `usage`, or in what a gateway adds to it; `None` where it names none, or not all of them."""
    # xAI models on other hosts send zero ticks, which says nothing: https://docs.x.ai/developers/cost-tracking
    if ticks := money_of(usage.get("cost_in_usd_ticks")):
        return ticks / _XAI_TICKS_PER_DOLLAR
    cost = usage.get("cost")
    charged = money_of(object_of(cost).get("total_cost") if isinstance(cost, dict) else cost)
    if charged is None:
        # DeepInfra; Vercel.
        charged = money_of(usage.get("estimated_cost"))
        charged = money_of((gateway or {}).get("cost")) if charged is None else charged
    if usage.get("is_byok") is not True:
        return charged
    # With a key of one's own, OpenRouter's `cost` is its fee; the provider's bill comes on top.
    upstream = money_of(object_of(usage.get("cost_details")).get("upstream_inference_cost"))
    return None if charged is None or upstream is None else charged + upstream
