"""Finding a refusal in whatever a test ended with, and making its page the failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import LLMWatchError, ReplayRefusal

if TYPE_CHECKING:
    from collections.abc import Iterator


SHOWN_PAGES = 5


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
        return _joined(refusals) + _aftermath(error, swallowed=not found)
    return str(error) if isinstance(error, LLMWatchError) else None


def _joined(refusals: list[ReplayRefusal]) -> str:
    """Each page once; of many, the first few."""
    pages = list(dict.fromkeys(str(refusal) for refusal in refusals))
    more = [f"… and {len(pages) - SHOWN_PAGES} more requests were refused."] if len(pages) > SHOWN_PAGES else []
    return "\n\n".join([*pages[:SHOWN_PAGES], *more])


def _aftermath(error: BaseException | None, *, swallowed: bool) -> str:
    if not swallowed:
        return ""
    if error is None:
        return "\n\nThe application caught this refusal and went on; the test fails all the same."
    return f"\n\nThe application caught this refusal; the test then ended with {type(error).__name__}: {error}"
