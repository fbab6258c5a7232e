"""A call with its money: looked up at once, or when somebody reads it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from .calls import ModelCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from .own_prices import Price


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
