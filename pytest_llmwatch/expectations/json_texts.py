"""JSON as models write it: bare, in a markdown fence, in the middle of prose, cut short."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from itertools import islice
from typing import NoReturn

from pytest_llmwatch.calls import JSON

from .expectation import wrong_type
from .fences import fences_of
from .places import around, line_of
from .verdicts import Verdict

_BEGINNING = re.compile(r"[{\[]")
# Texts full of brackets are not searched for ever.
_MOST_BEGINNINGS = 2000
_MOST_FENCES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A JSON value, and what it had to be taken out of, at which place; `None` where a text is that JSON itself."""

    value: JSON
    was_text: bool = True
    out_of: str | None = None
    place: str | None = None

    @property
    def note(self) -> str:
        """What to add to a reason: that the JSON had to be looked for."""
        return f" (the JSON stands in {self.out_of}, {self.place})" if self.out_of else ""


def json_from(value: object, *, in_text: bool) -> Found | Verdict:
    """The JSON that a value is or holds; a failed verdict where there is none."""
    if isinstance(value, dict | list | int | float):  # bool is an int
        return Found(value=value, was_text=False)
    if isinstance(value, bytes | bytearray):
        try:
            return _json_from_text(value.decode(), in_text=in_text)
        except UnicodeDecodeError as error:
            return Verdict(passed=False, reason="is not JSON: the bytes are not UTF-8", place=f"byte {error.start}")
    return _json_from_text(value, in_text=in_text) if isinstance(value, str) else wrong_type(value, "JSON")


def _json_from_text(value: str, *, in_text: bool) -> Found | Verdict:
    try:
        return Found(value=parsed(value))
    except RecursionError:
        return Verdict(passed=False, reason="is not JSON to work with: it is nested too deeply")
    except ValueError as error:
        found = _found_in(value)
        if found is not None and in_text:
            return found
        return _not_json(value, error, found)


def parsed(text: str) -> JSON:
    """The value of a JSON text; `ValueError` for anything else, and for what Python alone takes for JSON."""
    value: JSON = json.loads(text, parse_float=_finite, parse_constant=_refused)
    return value


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _found_in(text: str) -> Found | None:
    """The first JSON in a fence, else the longest object or list in the text."""
    for fence in islice(fences_of(text), _MOST_FENCES):
        try:
            value = parsed(fence.inside)
        except (ValueError, RecursionError):
            continue
        return Found(value=value, out_of="a markdown fence", place=fence.place)
    decoder = json.JSONDecoder(parse_float=_finite, parse_constant=_refused)
    best: tuple[int, int, JSON] | None = None
    at = 0
    for _ in range(_MOST_BEGINNINGS):
        beginning = _BEGINNING.search(text, at)
        if beginning is None:
            break
        at = beginning.start()
        try:
            candidate, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if best is None or end - at > best[1] - best[0]:
            best = at, end, candidate
        at = end
    return None if best is None else Found(value=best[2], out_of="other text", place=line_of(text, best[0]))


def _not_json(text: str, error: ValueError, found: Found | None) -> Verdict:
    if found is not None:
        hint = "in_text=True takes JSON out of a fence or out of prose"
        return Verdict(passed=False, reason=f"the JSON stands in {found.out_of}", place=found.place, details=(hint,))
    if not text.strip():
        return Verdict(passed=False, reason="is not JSON: the text is empty")
    if not isinstance(error, json.JSONDecodeError):
        return Verdict(passed=False, reason=f"is not JSON: {error}"[:120])
    if error.pos >= len(text.rstrip()) and _BEGINNING.match(text.lstrip()):
        reason = "is not JSON: the text breaks off before its end"
    else:
        reason = f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
    place = line_of(text, error.pos)
    return Verdict(passed=False, reason=reason, place=place, found=around(text, error.pos, error.pos + 1))
