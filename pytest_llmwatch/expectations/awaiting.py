"""Coroutines brought to their end from code that is not one, whether or not a loop is running around it."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable


def finished(answer: object) -> object:
    """The answer itself, or what comes of it where it has to be awaited: on a loop and a thread of its own."""
    if not inspect.isawaitable(answer):
        return answer
    context = contextvars.copy_context()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="llmwatch-judge") as pool:
        return pool.submit(context.run, asyncio.run, _result(answer)).result()


async def _result(answer: Awaitable[object]) -> object:
    return await answer
