"""Calls that ended without an answer of their own: what a function raised, and what the application gave up on."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import sys
from typing import TYPE_CHECKING

from .exchange import TransferFailure

if TYPE_CHECKING:
    from .exchange import Exchange

# How much longer than when it was recorded a call waits to be given up.
GRACE = 10.0


def failure_of(error: BaseException) -> TransferFailure:
    """What a wrapped function raised, in words."""
    if isinstance(error, asyncio.CancelledError):
        return TransferFailure(kind="cancelled")
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    # `str(KeyError("x"))` has quotes around the text.
    text = error.args[0] if len(error.args) == 1 and isinstance(error.args[0], str) else str(error)
    return TransferFailure(kind="raised", message=f"{name}: {text}")


def raise_again(failure: TransferFailure | None) -> None:
    """Raise what was recorded: of its type where that is loaded and can be made, else a `RuntimeError` naming it."""
    if failure is None:
        return
    if failure.kind != "raised":
        raise RuntimeError(f"this call was {failure.kind} when it was recorded")
    name, _, text = failure.message.partition(": ")
    kind = _kind_named(name)
    if kind is None:
        raise RuntimeError(failure.message)
    raise _made(kind, text) or RuntimeError(failure.message)


async def until_given_up(exchange: Exchange) -> None:
    """Wait, where the application gave a call up when it was recorded, for it to do so again."""
    if exchange.failure is not None and exchange.failure.kind == "cancelled":
        await asyncio.sleep((exchange.duration or 0.0) + GRACE)


def _kind_named(name: str) -> type[Exception] | None:
    """The exception type of this name. Nothing is imported for it: a cassette may come from anywhere."""
    modules = (name[:place] for place in range(len(name), 0, -1) if name[place : place + 1] == ".")
    module = next((module for module in modules if module in sys.modules), None)
    found: object = builtins if module is None else sys.modules[module]
    for step in (name if module is None else name[len(module) + 1 :]).split("."):
        found = getattr(found, step, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _made(kind: type[Exception], text: str) -> Exception | None:
    """An exception of this type; `None` where a text alone makes none, as for one of Pydantic's."""
    with contextlib.suppress(TypeError):
        return kind(text)
    with contextlib.suppress(TypeError):  # it wants other arguments than the text that it made of them
        error = kind.__new__(kind)
        error.args = (text,)
        return error
    return None
