"""The page that a user reads when no recording answers a request."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_llmwatch.drift.fields import changed_fields, distance, lines_of
from pytest_llmwatch.drift.visible import visible
from pytest_llmwatch.request_key import request_target
from pytest_llmwatch.roles import JUDGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmwatch.calls import JSON
    from pytest_llmwatch.exchange import Request
    from pytest_llmwatch.misses import Miss

NEAREST_OF = 300
SHOWN_CHANGES = 12
IN_BRACKETS = re.compile(r"\[redacted:([^\]\s]+)\]")


def nearest_of(miss: Miss) -> int | None:
    """The position of the candidate that is most like the request; `None` without candidates."""
    target = request_target(miss.request)
    ranked = sorted(
        range(min(len(miss.candidates), NEAREST_OF)),
        key=lambda place: (
            request_target(miss.candidates[place][0]) != target,
            distance(miss.candidates[place][1], miss.body),
        ),
    )
    return ranked[0] if ranked else None


def miss_page(
    miss: Miss,
    *,
    command: str,
    cassette: str,
    former: tuple[str, str] | None = None,
    snapshots: tuple[str, str] | None = None,
    pending: tuple[str, str] | None = None,
    mask: Callable[[str], str] = str,
) -> str:
    """The whole page: test, request, nearest recording and how it differs, the command to type.

    `former` is a cassette that has this request, and the test it was recorded for, which is gone; `snapshots` is where
    the approved outputs of that test are, and where they would belong. `pending` is the file with what a run recorded
    in which the test did not pass, and how the test is named on a command line.
    `mask` takes secrets out of each text before it is shortened: a part of a secret is not recognised any more.
    """
    place = nearest_of(miss)
    miss = _masked_miss(miss, place, mask)
    head = [f"No recording matches this request ({miss.test})."]
    asked = "Judge's call:" if miss.role == JUDGE else " "
    request = [f"{asked} {request_line(miss.request, miss.body)}"]
    reason = [*_reason(miss, place, cassette), *_renamed(miss, cassette, former, snapshots), *_waiting(pending)]
    return "\n".join([*head, *request, *reason, *_remedy(miss, command)])


def request_line(request: Request, body: JSON) -> str:
    """Method, address without scheme, and the model asked for."""
    address = request.uri.split("://", 1)[-1]
    model = body.get("model") if isinstance(body, dict) else None
    return visible(f"{request.method} {address}" + (f"  {model}" if isinstance(model, str) else ""))


def _masked_miss(miss: Miss, place: int | None, mask: Callable[[str], str]) -> Miss:
    """The miss without secrets, as far as the page shows it."""
    candidates = list(miss.candidates)
    if place is not None:
        request, body = candidates[place]
        candidates[place] = replace(request, uri=_masked_uri(request.uri, mask)), _masked(body, mask)
    request = replace(miss.request, uri=_masked_uri(miss.request.uri, mask))
    return replace(miss, request=request, body=_masked(miss.body, mask), candidates=candidates)


def _masked_uri(uri: str, mask: Callable[[str], str]) -> str:
    """The URL with placeholders as a recorded one has them, so that the same secret is no difference."""
    return IN_BRACKETS.sub(r"~redacted.\1~", mask(uri))


def _masked(value: JSON, mask: Callable[[str], str]) -> JSON:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list):
        return [_masked(item, mask) for item in value]
    if isinstance(value, dict):
        return {mask(name): _masked(item, mask) for name, item in value.items()}
    return value


def _reason(miss: Miss, place: int | None, cassette: str) -> list[str]:
    if not miss.has_cassette:
        return [f"There is no cassette yet: {cassette}"]
    if miss.recorded:
        return [f"It was made {_times(miss.made)}, recorded {_times(miss.recorded)}.", f"Cassette: {cassette}"]
    if place is None:
        return [f"The cassette holds no request: {cassette}"]
    recorded, body = miss.candidates[place]
    return [
        f"Closest recording, {place + 1} of {len(miss.candidates)} in {cassette}, differs in:",
        *_differences(miss, recorded, body),
    ]


def _renamed(miss: Miss, cassette: str, former: tuple[str, str] | None, snapshots: tuple[str, str] | None) -> list[str]:
    if former is None:
        return []
    path, test = former
    outputs = (
        []
        if snapshots is None
        else [
            f"  git mv {' '.join(map(shlex.quote, snapshots))}",
            f"  and change its first line to: # llmwatch snapshots 1: {miss.test}",
        ]
    )
    return [
        visible(f"{path}, of {test}, has a recording of this request. Was the test renamed? Then:"),
        f"  git mv {shlex.quote(path)} {shlex.quote(cassette)}",
        f"  and change its second line to: test: {miss.test}",
        *outputs,
    ]


def _waiting(pending: tuple[str, str] | None) -> list[str]:
    if pending is None:
        return []
    path, test = pending
    return [
        visible(f"A recording waits beside it, of a run in which the test did not pass: {path}"),
        f"To look at it: pytest-llmwatch show {shlex.quote(path)}",
        f"To take it over (calls no model): pytest-llmwatch accept {test}",
    ]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _differences(miss: Miss, recorded: Request, body: JSON) -> list[str]:
    lines = []
    is_elsewhere = request_target(recorded) != request_target(miss.request)  # the port of this machine does not count
    for name in ("method", "uri") if is_elsewhere else ():
        before, after = getattr(recorded, name), getattr(miss.request, name)
        if before != after:
            lines.append(f"  {name}   {visible(before)} -> {visible(after)}")
    changes = changed_fields(body, miss.body)
    for change in changes[:SHOWN_CHANGES]:
        lines += [f"  {line}" for line in lines_of(change)]
    if len(changes) > SHOWN_CHANGES:
        lines.append(f"  … and {len(changes) - SHOWN_CHANGES} more fields")
    return lines or ["  what is not shown here because it is secret"]


def _remedy(miss: Miss, command: str) -> list[str]:
    if not miss.has_cassette:
        return [f"To record it (calls the live model): {command}"]
    if miss.recorded:
        return [f"To record all of them again: {command}"]
    return [f"To record it: {command}"]
