"""What varies among the events of one shape: a list of values as a small JSON mapping, and back.

A column is one of
- `text` (or `same_as`, the name of a text that stands elsewhere) and `cuts`, the length of each piece. With `growing`
  each value is all of the text so far. `begin` and `end` stand around each piece.
- `numbers`: small whole numbers; or `first` and `steps`, the differences.
- `values`: the values; `[value, times]` where one repeats, `{"number": text}` where its digits matter.

Small whole numbers are written one character each, `0` to `9`, then `a` (10) to `z` (35), longer ones as `<123>`;
`4{12}` is twelve times a 4.
"""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING

from .json_text import Number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_llmwatch.calls import JSON

Scalar = None | bool | int | float | str | Number
LIMIT = 64 * 2**20
EVENT_LIMIT = 2**20

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_VALUE_OF = {digit: value for value, digit in enumerate(_DIGITS)}
_ITEM = re.compile(r"(?:([0-9a-z])|<(\d{1,9})>)(?:\{(\d{1,9})\})?")
_SHORTEST_RUN = 5  # `4{5}` is no longer than `44444`
_SHORTEST_AFFIX = 20  # characters that naming a common beginning or end must save


def digits_out(numbers: Sequence[int]) -> str:
    """Small whole numbers as text."""
    out = []
    for number, group in itertools.groupby(numbers):
        times = sum(1 for _ in group)
        item = _DIGITS[number] if number < len(_DIGITS) else f"<{number}>"
        out.append(f"{item}{{{times}}}" if times >= _SHORTEST_RUN else item * times)
    return "".join(out)


def digits_in(text: JSON, count: int) -> list[int]:
    """The numbers in a text of `digits_out`; raises `ValueError` unless there are `count`."""
    if not isinstance(text, str):
        raise TypeError("a run of numbers is a text")
    if "{" not in text and "<" not in text:
        numbers = [_VALUE_OF.get(digit, -1) for digit in text]
        if -1 in numbers:
            raise ValueError("no digit")
    else:
        numbers, place = [], 0
        for item in _ITEM.finditer(text):
            times = int(item[3] or 1)
            if item.start() != place or len(numbers) + times > count:
                raise ValueError("a run of numbers that does not fit its events")
            numbers += [_VALUE_OF[item[1]] if item[1] else int(item[2])] * times
            place = item.end()
        if place != len(text):
            raise ValueError("a run of numbers that ends in something else")
    if len(numbers) != count:
        raise ValueError(f"{len(numbers)} numbers for {count} events")
    return numbers


def column_out(values: Sequence[Scalar], named: Callable[[str], str | None]) -> dict[str, JSON]:
    """The values in the shortest form; `named` gives the name of a text that stands elsewhere."""
    forms = [_list(values)]
    texts = [value for value in values if isinstance(value, str)]
    whole = [value for value in values if type(value) is int]
    if len(texts) == len(values):
        forms.append(_cut(texts, named))
    elif len(whole) == len(values):
        forms += _numbers(whole)
    return min(forms, key=_size)


def _size(value: JSON) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _list(values: Iterable[Scalar]) -> dict[str, JSON]:
    out: list[JSON] = []
    for _, group in itertools.groupby(values, key=lambda value: (type(value), str(value))):
        value, *rest = group
        item: JSON = {"number": value.text} if isinstance(value, Number) else value
        out.append([item, 1 + len(rest)] if rest else item)
    return {"values": out}


def _numbers(values: list[int]) -> list[dict[str, JSON]]:
    steps = [after - before for before, after in itertools.pairwise(values)]
    forms: list[dict[str, JSON]] = []
    if min(values) >= 0 and max(values) < 10**9:
        forms.append({"numbers": digits_out(values)})
    if min(steps) >= 0 and max(steps) < 10**9:
        forms.append({"first": values[0], "steps": digits_out(steps)})
    return forms


def joined(values: Sequence[str]) -> tuple[str, bool]:
    """The text of which the values are pieces, and whether each value is all of it so far."""
    if len(values) > 2 and all(after.startswith(before) for before, after in itertools.pairwise(values)):
        return values[-1], True
    return "".join(values), False


def _cut(values: Sequence[str], named: Callable[[str], str | None]) -> dict[str, JSON]:
    text, growing = joined(values)
    name = named(text)
    out: dict[str, JSON] = {}
    if growing:
        lengths = [len(value) for value in values]
        cuts = [lengths[0], *(after - before for before, after in itertools.pairwise(lengths))]
        return {**_text(text, name), "cuts": digits_out(cuts), "growing": True}
    if name is None:
        begin = _common(values)
        rest = [value[len(begin) :] for value in values]
        end = _common([value[::-1] for value in rest])[::-1]
        if (len(begin) + len(end)) * (len(values) - 1) >= _SHORTEST_AFFIX:
            values = [value[: len(value) - len(end)] for value in rest]
            text = "".join(values)
            out = {name: affix for name, affix in (("begin", begin), ("end", end)) if affix}
    return {**_text(text, name), **out, "cuts": digits_out([len(value) for value in values])}


def _common(values: Sequence[str]) -> str:
    """How far all the values begin alike."""
    first, last = min(values), max(values)
    return next(
        (first[:place] for place, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), first
    )


def _text(text: str, name: str | None) -> dict[str, JSON]:
    return {"text": text} if name is None else {"same_as": name}


def column_in(column: JSON, count: int, text_named: Callable[[str], str]) -> Sequence[Scalar]:
    """The `count` values of a column; raises `ValueError` where it does not make so many, or too much text."""
    if not isinstance(column, dict):
        raise TypeError("a column is a mapping")
    if "cuts" in column:
        return _pieces(column, count, text_named)
    if "numbers" in column:
        return digits_in(column["numbers"], count)
    if "steps" in column:
        first = column["first"]
        if type(first) is not int:
            raise ValueError("the first of a column of numbers is a number")
        if first.bit_length() // 8 * count > LIMIT:
            raise ValueError("more digits than a stream may have")
        return list(itertools.accumulate(digits_in(column["steps"], count - 1), initial=first))
    return _repeated(column["values"], count)


def _pieces(column: dict[str, JSON], count: int, text_named: Callable[[str], str]) -> list[str]:
    cuts = digits_in(column["cuts"], count)
    text = text_named(str(column["same_as"])) if "same_as" in column else column["text"]
    begin, end = column.get("begin", ""), column.get("end", "")
    if not isinstance(text, str) or not isinstance(begin, str) or not isinstance(end, str):
        raise TypeError("a column of texts without its text")
    stops = list(itertools.accumulate(cuts))
    if stops[-1] != len(text):
        raise ValueError("the cuts do not fit the text")
    if column.get("growing"):
        if sum(stops) > LIMIT:
            raise ValueError("more text than a stream may have")
        return [text[:stop] for stop in stops]
    if (len(begin) + len(end)) * count > LIMIT:
        raise ValueError("more text than a stream may have")
    pieces = [text[stop - cut : stop] for stop, cut in zip(stops, cuts, strict=True)]
    return [begin + piece + end for piece in pieces] if begin or end else pieces


def _repeated(items: JSON, count: int) -> list[Scalar]:
    if not isinstance(items, list):
        raise TypeError("a column without its values")
    out: list[Scalar] = []
    for item in items:
        value, times = item if isinstance(item, list) else (item, 1)
        if type(times) is not int or times > count - len(out):
            raise ValueError("more values than events")
        out += [scalar_in(value)] * times
    if len(out) != count:
        raise ValueError(f"{len(out)} values for {count} events")
    return out


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def scalar_in(value: JSON) -> Scalar:
    """A single value, `{"number": text}` as that number."""
    if isinstance(value, dict):
        text = value["number"]
        if not isinstance(text, str) or not _NUMBER.fullmatch(text):
            raise ValueError("no number")
        return Number(text)
    if isinstance(value, list):
        raise TypeError("a list is no single value")
    return value
