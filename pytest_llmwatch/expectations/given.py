"""What an expectation was given, looked at where it is written: a setting that makes no sense never meets a value.

`place` is how the setting is called: `containing`, `json_like(ignore=)`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TypeVar

from pytest_llmwatch.drift.visible import visible
from pytest_llmwatch.drift.words import shortened
from pytest_llmwatch.errors import SettingError

from .expectation import Expectation, shown
from .nearest import nearest_label

T = TypeVar("T")

Range = int | tuple[int | None, int | None]


def refusal(place: str, came: object, takes: str, hint: str = "") -> SettingError:
    """The error that says what a setting takes and what came."""
    return SettingError(f"{place} takes {takes}, not {_written(came)}" + (f"\n  {hint}" if hint else ""))


def text_given(place: str, value: object, takes: str = "a text") -> str:
    """The text; an empty one would be found everywhere.

    Raises:
        SettingError: it is none, or has no letter.
    """
    if isinstance(value, str) and value:
        return value
    if value == "":
        raise SettingError(f"{place} takes {takes}, and no empty one: it would be found everywhere")
    raise refusal(place, value, takes)


def texts_given(name: str, values: tuple[object, ...]) -> tuple[str, ...]:
    """The texts that stand between the parentheses.

    Raises:
        SettingError: there is none, or one of them is no text.
    """
    if not values:
        raise SettingError(f'{name}() takes one text at least, such as {name}("14 days")')
    if len(values) == 1 and isinstance(values[0], list | tuple | set | frozenset):
        raise refusal(name, values[0], "texts one by one", f"write {name}(*[...]), or {name}(one, other)")
    return tuple(text_given(name, value, "texts") for value in values)


def items_given(place: str, value: object, takes: str = "a text or a list of texts") -> list[str]:
    """A list of texts; a single text is one item, not its letters.

    Raises:
        SettingError: it is neither.
    """
    if isinstance(value, str):
        return [value]
    if isinstance(value, bytes | bytearray | Mapping) or not isinstance(value, Iterable):
        raise refusal(place, value, takes)
    items = list(value)
    for item in items:
        if not isinstance(item, str):
            raise refusal(place, item, takes)
    return items


def unpacked(values: tuple[T, ...]) -> tuple[T, ...]:
    """The values, or those of the one list that was given in their place."""
    if len(values) == 1 and isinstance(values[0], list | tuple):
        return tuple(values[0])
    return values


def expectations_given(name: str, values: tuple[object, ...]) -> tuple[Expectation, ...]:
    """The expectations that stand between the parentheses.

    Raises:
        SettingError: there is none, or one of them is no expectation.
    """
    if not values:
        raise SettingError(f'{name}() takes one expectation at least, such as {name}(containing("14 days"))')
    if len(values) == 1 and isinstance(values[0], list | tuple):
        hint = f"write {name}(*[...]), or {name}(containing(...), length(...))"
        raise refusal(name, values[0], "expectations one by one", hint)
    return tuple(expectation_given(name, value) for value in values)


def expectation_given(name: str, value: object) -> Expectation:
    """The expectation.

    Raises:
        SettingError: it is none.
    """
    if isinstance(value, Expectation):
        return value
    hint = ""
    if isinstance(value, str):
        hint = f"write {name}(containing({_written(value)})), or {name}(equal_to({_written(value)}))"
    elif isinstance(value, type) and issubclass(value, Expectation):
        hint = f"write {value.__name__}()"
    raise refusal(name, value, "expectations", hint)


def number_given(place: str, value: object, takes: str, *, least: float, most: float = math.inf) -> float:
    """The number, which lies within these bounds.

    Raises:
        SettingError: it does not, or is no number.
    """
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if is_number and least <= float(value) <= most:  # type: ignore[arg-type]  # the line above has seen it
        return float(value) if isinstance(value, Decimal) else value  # type: ignore[return-value]  # so has it here
    raise refusal(place, value, takes)


def count_given(place: str, value: object, takes: str, *, least: int = 0, most: float = math.inf) -> int:
    """The whole number, which lies within these bounds.

    Raises:
        SettingError: it does not, or is none.
    """
    if is_count(value) and least <= value <= most:  # type: ignore[operator]  # the line above has seen it
        return value  # type: ignore[return-value]  # as before
    raise refusal(place, value, takes)


def is_count(value: object) -> bool:
    """Whether it is a whole number, and no truth value."""
    return isinstance(value, int) and not isinstance(value, bool)


def range_given(place: str, value: object) -> tuple[int | None, int | None]:
    """The least and the most in a number or a pair.

    Raises:
        SettingError: it is neither, says nothing, or no number lies within.
    """
    takes = "a number, or (least, most) with None for no limit, as 2, (1, 3) or (None, 10)"
    pair = value if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2 or not all(one is None or (is_count(one) and one >= 0) for one in pair):
        raise refusal(place, value, takes)
    least, most = pair
    if least is most is None or (least is not None and most is not None and most < least):
        raise refusal(place, value, takes)
    return least, most


def choice_given(name: str, value: object, choices: Iterable[str], what: str) -> str:
    """One of these words.

    Raises:
        SettingError: it is none; the nearest is offered.
    """
    known = list(choices)
    if isinstance(value, str) and value in known:
        return value
    near = nearest_label(value, known)
    meant = f"; did you mean {near}?" if near else ""
    raise SettingError(f"{name}: there is no {what} {_written(value)}{meant}\n  there are {', '.join(known)}")


def _written(value: object) -> str:
    """A value as it may have been typed, on one line."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, Expectation | list | tuple | dict):
        return shortened(visible(repr(value)), 60, show=str)
    return shown(value, 60)
