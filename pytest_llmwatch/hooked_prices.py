"""What the calls of a run cost: as the hooks of a folder say, else by its settings, the cassette, or genai-prices."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from .errors import SettingError
from .exchange_dates import date_of
from .own_prices import NO_PRICES, Price, PriceTable, rounded
from .pricing import price_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from .calls import ModelCall
    from .exchange import Exchange


@dataclass(slots=True, kw_only=True)
class HookedPrices:
    """Prices calls; `own` are the prices of the ini file."""

    own: PriceTable = NO_PRICES
    _built_in: dict[int, Price] = field(default_factory=dict)

    def price_of(self, item: pytest.Item) -> Callable[[ModelCall, Exchange], Price]:
        """How the calls of a test are priced."""
        hook = item.ihook.pytest_llmwatch_price
        if len(hook.get_hookimpls()) == 1:  # nobody but the built-in
            return self.own_price_of

        def price(call: ModelCall, exchange: Exchange) -> Price:
            if call.cost is not None:
                return self.own_price_of(call, exchange)
            answer = hook(call=call, at=date_of(exchange), exchange=exchange, item=item)
            built_in = self._built_in.pop(id(exchange), None)
            if built_in is not None and built_in.cost is answer:
                return built_in
            if answer is None:
                return Price(reason="pytest_llmwatch_price, a hook, names none")
            if not isinstance(answer, Decimal) or not answer.is_finite() or answer < 0:
                raise SettingError(
                    f"pytest_llmwatch_price returned {answer!r}; return a decimal.Decimal that is not negative, or None"
                )
            return Price(cost=rounded(answer), source="pytest_llmwatch_price")

        return price

    def own_price_of(self, call: ModelCall, exchange: Exchange) -> Price:
        """What a call cost by what everybody else left over: the ini file's prices, the cassette, genai-prices."""
        return price_of(call, exchange, self.own)

    def for_hook(self, call: ModelCall, exchange: Exchange) -> Decimal | None:
        """The built-in hook's answer; its source and reason, which a hook cannot return, are kept for who asked."""
        price = self._built_in[id(exchange)] = self.own_price_of(call, exchange)
        return price.cost
