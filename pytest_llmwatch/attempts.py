"""Retries that the wire proves, put together as one logical call.

openai and anthropic clients number theirs in `x-stainless-retry-count`, botocore in `amz-sdk-request: attempt=N`.
What an application sends again by itself carries no number: that is a call of its own.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .calls import Attempt
from .exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .exchange import Request

AWS_ATTEMPT = re.compile(r"attempt=(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalCall:
    """What the application saw as one call: its outcome, and the tries that came before it."""

    outcome: Exchange
    failed: tuple[Exchange, ...] = ()

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Every try in order, the outcome last."""
        return (*self.failed, self.outcome)


def retry_number(request: Request) -> int:
    """0 for a first try, n for the n-th repetition by the client library."""
    count = request.header("x-stainless-retry-count")
    if count is not None:
        return int(count) if count.isdecimal() else 0
    match = AWS_ATTEMPT.search(request.header("amz-sdk-request") or "")
    return max(int(match[1]) - 1, 0) if match else 0


def logical_calls(keyed: Iterable[tuple[str, Exchange]]) -> list[tuple[str, LogicalCall]]:
    """Exchanges with their keys, in order of start, folded into logical calls in order of their first try.

    A repetition joins the first call of its key that ended badly and has as many tries as its number says.
    """
    calls: list[tuple[str, LogicalCall]] = []
    waiting: dict[tuple[str, int], list[int]] = {}
    for key, exchange in keyed:
        number = retry_number(exchange.request)
        places = waiting.get((key, number)) if number else None
        if places:
            place = places.pop(0)
            calls[place] = (key, LogicalCall(outcome=exchange, failed=calls[place][1].exchanges))
        else:
            place = len(calls)
            calls.append((key, LogicalCall(outcome=exchange)))
        if ended_badly(exchange):
            waiting.setdefault((key, number + 1), []).append(place)
    return calls


def ended_badly(exchange: Exchange) -> bool:
    """Whether a client library may send this again: an error status, no response, or a broken one."""
    return exchange.failure is not None or exchange.response is None or exchange.response.status >= 400


def attempts_of(call: LogicalCall) -> tuple[Attempt, ...]:
    """The failed tries, each with the seconds that passed before the next one began."""
    exchanges = call.exchanges
    return tuple(_attempt(one, following) for one, following in itertools.pairwise(exchanges))


def _attempt(exchange: Exchange, following: Exchange) -> Attempt:
    known = None not in (exchange.started, exchange.duration, following.started)
    wait = following.started - exchange.started - exchange.duration if known else None  # type: ignore[operator]  # known
    return Attempt(
        status=exchange.response.status if exchange.response else None,
        error_type=exchange.failure.kind if exchange.failure else None,
        duration=exchange.duration,
        wait=None if wait is None else max(round(wait, 3), 0.0),
    )
