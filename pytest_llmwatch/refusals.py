"""Finding a refusal in whatever a test ended with, and making its page the failure."""

from __future__ import annotations

import linecache
import os
import traceback
from typing import TYPE_CHECKING

from .drift.visible import visible_lines
from .errors import BudgetExceeded, LLMWatchError, MissingExtra, ReplayRefusal, SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator


SHOWN_PAGES = 5
# Between the line that somebody wrote and the error stand these.
_MACHINERY = frozenset({"pytest_llmwatch", "_pytest", "pytest", "pluggy"})


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """The error, all errors of its groups, their causes and contexts, each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(reversed(one.exceptions))
        waiting.extend(linked for linked in (one.__context__, one.__cause__) if linked is not None)


def page_of(error: BaseException | None, fresh: list[ReplayRefusal]) -> str | None:
    """The text to show instead of a traceback; `None` where the failure is not ours.

    Args:
        error: What the phase ended with.
        fresh: The refusals of this phase, also those that the application swallowed.
    """
    found = [one for one in chain_of(error) if isinstance(one, ReplayRefusal)] if error else []
    refusals = list(dict.fromkeys([*found, *fresh]))
    if refusals:
        return _joined(refusals) + ("" if found else _aftermath(error, refusals))
    if not isinstance(error, LLMWatchError):
        return None
    place = place_of(error) if isinstance(error, SettingError | MissingExtra) else None
    return f"{error}\n\n{place}" if place else str(error)


def place_of(error: BaseException) -> str | None:
    """The project's own line that an error came from, with its file and number; `None` where there is none."""
    for frame, number in reversed(list(traceback.walk_tb(error.__traceback__))):
        path = frame.f_code.co_filename
        module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if module not in _MACHINERY and "site-packages" not in path:
            folder = f"{os.getcwd()}{os.sep}"  # noqa: PTH109 - a prefix, no path to walk
            line = linecache.getline(path, number).strip()
            return visible_lines(f"{path.removeprefix(folder)}:{number}: {line}")
    return None


def _joined(refusals: list[ReplayRefusal]) -> str:
    """Each page once; of many, the first few. Where money ran out, the call at which it did explains the others."""
    stops = [one for one in refusals if isinstance(one, BudgetExceeded)]
    spared = [one for one in stops if one.is_later] if any(not one.is_later for one in stops) else stops[1:]
    pages = list(dict.fromkeys(str(refusal) for refusal in refusals if refusal not in spared))
    more = [f"… and {len(pages) - SHOWN_PAGES} more requests were refused."] if len(pages) > SHOWN_PAGES else []
    if spared:
        calls = "call was" if len(spared) == 1 else "calls were"
        more.append(f"{len(spared)} more {calls} refused for that.")
    return "\n\n".join([*pages[:SHOWN_PAGES], *more])


def _aftermath(error: BaseException | None, refusals: list[ReplayRefusal]) -> str:
    """What became of refusals that the test did not end with."""
    is_aside = all(one.is_aside for one in refusals)
    came = "This came in another thread" if is_aside else "The application caught this refusal"
    if error is not None:
        return f"\n\n{came}; the test then ended with {type(error).__name__}: {error}"
    went_on = ", and the test did not learn of it; it" if is_aside else " and went on; the test"
    return f"\n\n{came}{went_on} fails all the same."
