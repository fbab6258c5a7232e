"""Which recording an output came from: a short name for what was asked and answered, whenever it was recorded."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from . import wire
from .attempts import logical_calls
from .bodies import canonical_body
from .readings import reading_of
from .request_key import request_key
from .roles import JUDGE
from .yaml_text import OneLine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .calls import JSON
    from .exchange import Exchange

LENGTH = 12


def recording_key(exchanges: Iterable[Exchange]) -> str | None:
    """12 hex digits of the requests and answers, without ids, times and tries that failed; `None` where there is none.

    A judge's calls do not count: an output is the same, whoever looks at it.

    The same before a cassette is written and after it is read, and the same again where a model answers the same.
    """
    keyed = ((request_key(exchange.request), exchange) for exchange in exchanges if exchange.role != JUDGE)
    facts: list[JSON] = [[key, *_answer(call.outcome)] for key, call in logical_calls(keyed)]
    if not facts:
        return None
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def _answer(exchange: Exchange) -> list[JSON]:
    """What came back: as it is read where a format has words for it, else the body."""
    call = wire.read(exchange)
    if call.output_text or call.tool_calls:
        reading = {name: value for name, value in reading_of(call).items() if name not in ("usage", "cost_usd")}
        return [{name: _plain(value) for name, value in reading.items()}]
    response = exchange.response
    if response is None:
        return [None, exchange.failure.kind if exchange.failure else None]
    return [response.status, _without_ids(exchange, canonical_body(response.body, response.header("content-type")))]


def _plain(value: object) -> JSON:
    """A reading's value without the marks of how it is written."""
    if isinstance(value, OneLine):
        return value.value
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value  # type: ignore[return-value]  # readings hold JSON


def _without_ids(exchange: Exchange, body: JSON) -> JSON:
    volatile = wire.volatile_of(exchange.request)[1]
    if not isinstance(body, dict):
        return body
    return {name: item for name, item in body.items() if name not in volatile}
