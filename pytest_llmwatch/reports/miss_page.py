"""The page that a user reads when no recording answers a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmwatch.drift.fields import changed_fields, distance, lines_of
from pytest_llmwatch.drift.visible import visible

if TYPE_CHECKING:
    from pytest_llmwatch.calls import JSON
    from pytest_llmwatch.exchange import Request
    from pytest_llmwatch.recording import Miss

NEAREST_OF = 300
SHOWN_CHANGES = 12


def nearest_of(miss: Miss) -> int | None:
    """The position of the candidate that is most like the request; `None` without candidates."""
    target = (miss.request.method, miss.request.uri)
    ranked = sorted(
        range(min(len(miss.candidates), NEAREST_OF)),
        key=lambda place: (
            (miss.candidates[place][0].method, miss.candidates[place][0].uri) != target,
            distance(miss.candidates[place][1], miss.body),
        ),
    )
    return ranked[0] if ranked else None


def miss_page(miss: Miss, *, command: str, cassette: str) -> str:
    """The whole page: test, request, nearest recording and how it differs, the command to type."""
    head = [f"No recording matches this request ({miss.test})."]
    request = [f"  {request_line(miss.request, miss.body)}"]
    return "\n".join([*head, *request, *_reason(miss, cassette), *_remedy(miss, command)])


def request_line(request: Request, body: JSON) -> str:
    """Method, address without scheme, and the model asked for."""
    address = request.uri.split("://", 1)[-1]
    model = body.get("model") if isinstance(body, dict) else None
    return visible(f"{request.method} {address}" + (f"  {model}" if isinstance(model, str) else ""))


def _reason(miss: Miss, cassette: str) -> list[str]:
    if not miss.has_cassette:
        return [f"There is no cassette yet: {cassette}"]
    if miss.recorded:
        return [f"It was made {_times(miss.made)}, recorded {_times(miss.recorded)}.", f"Cassette: {cassette}"]
    place = nearest_of(miss)
    if place is None:
        return [f"The cassette holds no request: {cassette}"]
    recorded, body = miss.candidates[place]
    return [
        f"Closest recording, {place + 1} of {len(miss.candidates)} in {cassette}, differs in:",
        *_differences(miss, recorded, body),
    ]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _differences(miss: Miss, recorded: Request, body: JSON) -> list[str]:
    lines = []
    for name in ("method", "uri"):
        before, after = getattr(recorded, name), getattr(miss.request, name)
        if before != after:
            lines.append(f"  {name}   {visible(before)} -> {visible(after)}")
    changes = changed_fields(body, miss.body)
    for change in changes[:SHOWN_CHANGES]:
        lines += [f"  {line}" for line in lines_of(change)]
    if len(changes) > SHOWN_CHANGES:
        lines.append(f"  … and {len(changes) - SHOWN_CHANGES} more fields")
    return lines


def _remedy(miss: Miss, command: str) -> list[str]:
    if not miss.has_cassette:
        return [f"To record it (calls the live model): {command}"]
    if miss.recorded:
        return [f"To record all of them again: {command}"]
    return [f"To record it: {command}"]
