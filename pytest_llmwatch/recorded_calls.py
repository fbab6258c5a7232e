"""The model calls that stand in exchanges, as the application saw them: retries inside, money when somebody asks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import wire
from .attempts import attempts_of, logical_calls
from .priced_calls import priced_when_asked
from .request_key import request_key
from .roles import JUDGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .attempts import LogicalCall
    from .calls import ModelCall
    from .cassette import Cassette
    from .exchange import Exchange
    from .own_prices import Price


def calls_of(
    exchanges: Iterable[Exchange],
    decode: Callable[[Exchange], ModelCall],
    price: Callable[[ModelCall, Exchange], Price],
) -> tuple[ModelCall, ...]:
    """The test's own calls, without those of judges."""
    own = (one for one in exchanges if one.role != JUDGE)
    return tuple(call_of(call, decode, price) for call in logical_calls_in(own))


def logical_calls_in(exchanges: Iterable[Exchange]) -> list[LogicalCall]:
    """The exchanges of a cassette, in order of start, with those that are tries of one call put together."""
    return [call for _key, call in logical_calls((request_key(one.request), one) for one in exchanges)]


def read_call(call: LogicalCall, decode: Callable[[Exchange], ModelCall]) -> ModelCall:
    """One call with its attempts; nobody has looked its price up."""
    return replace(wire.read(call.outcome, decode), attempts=attempts_of(call))


def call_of(
    call: LogicalCall,
    decode: Callable[[Exchange], ModelCall],
    price: Callable[[ModelCall, Exchange], Price],
) -> ModelCall:
    """One call with its attempts and its money."""
    return priced_when_asked(read_call(call, decode), lambda read: price(read, call.outcome))


def sdks_of(cassette: Cassette) -> Mapping[str, str] | None:
    """The client libraries that a cassette says it was recorded with."""
    said = cassette.recorded.get("sdks")
    return {name: str(version) for name, version in said.items()} if isinstance(said, dict) else None
