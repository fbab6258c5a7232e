"""Threads that end with a refusal: the page of the test says it, and tracebacks of its threads say no more."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .errors import ReplayRefusal

if TYPE_CHECKING:
    from collections.abc import Callable


def without_refusals_of_threads() -> Callable[[], None]:
    """Keep refusals from `threading.excepthook`, where pytest makes warnings of them; the answer takes that back."""
    before = threading.excepthook

    def hook(arguments: threading.ExceptHookArgs) -> None:
        if not issubclass(arguments.exc_type, ReplayRefusal):
            before(arguments)

    def undo() -> None:
        if threading.excepthook is hook:
            threading.excepthook = before

    threading.excepthook = hook
    return undo
