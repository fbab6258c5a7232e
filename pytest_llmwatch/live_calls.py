"""A call that goes to the live model: what is kept of it while it is on its way, and who is told what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .exchange import Exchange, Request
from .roles import Asking

if TYPE_CHECKING:
    from .calls import JSON

Settle = Callable[[Exchange], None]


def _nothing_to_settle(_exchange: Exchange) -> None:
    """No limit asks what a call has cost."""


def admitted(_request: Request, _key: str, _body: JSON, _role: str | None) -> Settle:
    """No limit keeps a call from being made."""
    return _nothing_to_settle


@dataclass(slots=True)
class LiveCall:
    """A request on its way to the live model; its place in the order is taken when it starts."""

    request: Request
    key: str
    started: float
    asking: Asking | None
    exchange: Exchange | None = None
    literal: tuple[str, ...] = ()
    settle: Settle = _nothing_to_settle
