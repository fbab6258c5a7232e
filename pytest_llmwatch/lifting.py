"""Values taken out of a JSON value, and put back at their places: what varies, and what is bulky.

A place is a JSON Pointer (RFC 6901).
"""

from __future__ import annotations

import array
import base64
import functools
import json
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from .calls import JSON

BULKY_TEXT = re.compile(r"(?:data:([\w.+/-]*)(?:;[^,;\s]*)*?;base64,)?[A-Za-z0-9+/_-]{512,}={0,2}")
BULKY_LIST = 64
_SIZE_OF_NUMBERS = 6  # base64 of four bytes is a number of 32 bytes in memory
STEP = re.compile(r"\[\*\]|[^.\[\]]+")


@functools.cache
def _steps(pattern: str) -> tuple[str, ...]:
    return tuple("*" if match[0] == "[*]" else match[0] for match in STEP.finditer(pattern))


def lifted(value: JSON, patterns: Iterable[str]) -> tuple[JSON, dict[str, JSON]]:
    """The value without the leaves that the patterns name (`choices[*].message.id`), and those by their places."""
    places: dict[str, JSON] = {}
    for pattern in sorted(patterns):
        value = _without(value, _steps(pattern), "", places)
    return value, places


def _without(value: JSON, steps: tuple[str, ...], place: str, places: dict[str, JSON]) -> JSON:
    step, rest = steps[0], steps[1:]
    if step == "*" and isinstance(value, list):
        return [_without(item, rest, f"{place}/{index}", places) if rest else item for index, item in enumerate(value)]
    if not isinstance(value, dict) or step not in value:
        return value
    held, here = value[step], f"{place}/{_escaped(step)}"
    if rest:
        return {**value, step: _without(held, rest, here, places)}
    if held is None or isinstance(held, (dict, list, bool)):
        return value
    places[here] = held
    return {name: item for name, item in value.items() if name != step}


def put_back(value: JSON, places: Mapping[str, JSON]) -> JSON:
    """The value with what was taken out of it, changed in place.

    Raises:
        ValueError: the value has no such place.
    """
    for place, leaf in places.items():
        if not place:
            value = leaf
            continue
        *way, last = [_unescaped(step) for step in place.split("/")[1:]]
        try:
            parent: Any = value
            for step in way:
                parent = parent[int(step) if isinstance(parent, list) else step]
            parent[int(last) if isinstance(parent, list) else last] = leaf
        except (KeyError, IndexError, TypeError, ValueError):
            raise ValueError(f"it has no place {place!r}") from None
    return value


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def _unescaped(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


class Attachments:
    """The bulky parts of a cassette's bodies, each stored once."""

    def __init__(self) -> None:
        self.entries: list[dict[str, JSON]] = []
        self._index: dict[tuple[str, str], int] = {}

    def add(self, form: str, text: str) -> int:
        """The index of an entry that says `form: text`, new where there was none."""
        index = self._index.setdefault((form, text), len(self.entries))
        if index == len(self.entries):
            self.entries.append({form: text})
        return index

    def detached(self, value: JSON) -> tuple[JSON, dict[str, JSON]]:
        """The value with notes in place of its bulky parts, and the index of each by its place."""
        places: dict[str, JSON] = {}
        if not any(_bulky(value)):
            return value, places
        return self._detached(value, "", places), places

    def _detached(self, value: JSON, place: str, places: dict[str, JSON]) -> JSON:
        if isinstance(value, dict):
            return {name: self._detached(item, f"{place}/{_escaped(name)}", places) for name, item in value.items()}
        bulk = _bulk_of(value)
        if bulk is not None:
            index = places[place] = self.add(bulk[0], bulk[1])
            return f"[attachment {index}: {bulk[2]}]"
        if isinstance(value, list):
            return [self._detached(item, f"{place}/{index}", places) for index, item in enumerate(value)]
        return value


def attached(value: JSON, places: Mapping[str, JSON], entries: Sequence[Any]) -> JSON:
    """The value with its bulky parts.

    Raises:
        ValueError: there is no such attachment or no such place.
    """
    return put_back(value, {place: attachment(entries, index) for place, index in places.items()})


def attachment(entries: Sequence[Any], index: object) -> JSON:
    """One attachment as the JSON value it stands for; that of bytes is their base64 text.

    Raises:
        ValueError: there is no such attachment, or it is broken.
    """
    if not isinstance(index, int) or not 0 <= index < len(entries):
        raise ValueError(f"there is no attachment {index!r}")
    entry = entries[index]
    if not isinstance(entry, dict) or len(entry) != 1:
        raise ValueError(f"attachment {index} is not one of text, base64, numbers, float32, float32_short")
    ((form, text),) = entry.items()
    if form in ("text", "base64"):
        return str(text)
    try:
        return FORMS[form](str(text))
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"attachment {index} cannot be read: {error}") from error


def expanded_size(entries: Sequence[Any], indices: Iterable[object]) -> int:
    """About how many bytes the attachments take as JSON values in memory, before any of them is made."""
    sizes: dict[int, int] = {}
    total = 0
    for index in indices:
        if isinstance(index, int) and 0 <= index < len(entries) and isinstance(entries[index], dict):
            if index not in sizes:
                sizes[index] = sum(
                    len(str(text)) * (1 if form in ("text", "base64") else _SIZE_OF_NUMBERS)
                    for form, text in entries[index].items()
                )
            total += sizes[index]
    return total


def _bulky(value: JSON) -> Iterator[bool]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _bulky(item)
    elif isinstance(value, list):
        if len(value) >= BULKY_LIST:
            yield True
        for item in value:
            if isinstance(item, (dict, list, str)):
                yield from _bulky(item)
    elif isinstance(value, str) and len(value) > 511:
        yield BULKY_TEXT.fullmatch(value) is not None


def _bulk_of(value: JSON) -> tuple[str, str, str] | None:
    """Form, text and description of a bulky value."""
    if isinstance(value, str):
        match = BULKY_TEXT.fullmatch(value) if len(value) > 511 else None
        if match is None:
            return None
        return "text", value, f"{match[1]}, {len(value)} characters" if match[1] else f"{len(value)} characters"
    if not isinstance(value, list) or len(value) < BULKY_LIST:
        return None
    if not all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in value):
        return None
    form, text = _packed(value) or ("numbers", json.dumps(value, separators=(",", ":")))
    return form, text, f"{len(value)} numbers"


def _packed(numbers: list[Any]) -> tuple[str, str] | None:
    """The numbers as base64 of four bytes each, little-endian, and their form, where nothing is lost by it.

    Providers compute vectors in 32 bits. Some write those numbers as they are, others their shortest decimal.
    """
    if any(isinstance(number, int) for number in numbers):
        return None
    try:
        text = base64.b64encode(_little(array.array("f", numbers)).tobytes()).decode()
    except OverflowError:
        return None
    return next(((form, text) for form in ("float32", "float32_short") if FORMS[form](text) == numbers), None)


def _little(numbers: array.array[float]) -> array.array[float]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _unpacked(text: str) -> array.array[float]:
    return _little(array.array("f", base64.b64decode(text, validate=True)))


def _shortest(text: str) -> list[JSON]:
    """The shortest decimal of each number."""
    packed = _unpacked(text)
    values: list[JSON] = [*packed]
    left = list(range(len(packed)))
    for digits in range(6, 10):
        written = (f"%.{digits}g " * len(left)) % tuple(packed[place] for place in left)
        shorter = [float(number) for number in written.split()]
        fits = array.array("f", shorter)
        missed = []
        for place, number, fit in zip(left, shorter, fits, strict=True):
            if fit == packed[place]:
                values[place] = number
            else:
                missed.append(place)
        left = missed
    return values


FORMS: dict[str, Callable[[str], list[JSON]]] = {
    "numbers": lambda text: list(json.loads(text)),
    "float32": lambda text: [*_unpacked(text)],
    "float32_short": _shortest,
}
