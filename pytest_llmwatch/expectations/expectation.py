"""What every expectation has in common: `==` asks `judge`, and nothing is remembered."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from pytest_llmwatch.drift.visible import visible, visible_json
from pytest_llmwatch.drift.words import shortened

from .verdicts import Verdict

_SHORT = 40


class Expectation(abc.ABC):
    """Something a value is compared with by `==`, alone or inside lists and dicts.

    Write one with two methods: `judge`, which answers for any value whatsoever and never raises, and `__repr__`, which
    says what is wanted.

    Example:
        >>> class even(Expectation):
        ...     def judge(self, value):
        ...         passed = isinstance(value, int) and value % 2 == 0
        ...         return Verdict(passed=passed, reason="is even" if passed else "is not an even number")
        ...
        ...     def __repr__(self):
        ...         return "even()"
        >>> {"count": 4} == {"count": even()}
        True
    """

    __slots__ = ()
    # Equal values would need equal hashes, and what an expectation equals has many.
    __hash__: ClassVar[None]  # type: ignore[assignment]  # `None` is how Python says that a class is not hashable
    # numpy asks for this: without it an array left of `==` compares its items one by one.
    __array_ufunc__: ClassVar[None] = None

    @abc.abstractmethod
    def judge(self, value: object) -> Verdict:
        """The verdict on a value of any type; it never raises."""

    @abc.abstractmethod
    def __repr__(self) -> str: ...

    def __eq__(self, other: object) -> bool:
        return self.judge(other).passed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Rule(Expectation):
    """An expectation made of a function; `wanted` is its repr."""

    wanted: str
    rule: Callable[[object], Verdict]

    def judge(self, value: object) -> Verdict:
        """What the function says."""
        return self.rule(value)

    def __repr__(self) -> str:
        return self.wanted


def text_rule(wanted: str, rule: Callable[[str], Verdict]) -> Rule:
    """An expectation of a text; anything that is not a `str` fails with its type named."""
    return Rule(wanted=wanted, rule=lambda value: rule(value) if isinstance(value, str) else wrong_type(value, "text"))


def wrong_type(value: object, wanted: str) -> Verdict:
    """The verdict on a value of a type that cannot be judged: it fails, and what wants the opposite fails too."""
    reason = "is None" if value is None else f"is of type {visible(type(value).__name__)}"
    return Verdict(passed=False, is_undecided=True, reason=f"{reason}, not {wanted}")


def quoted(text: str, width: int = _SHORT) -> str:
    """A text in quotes, on one line, shortened in its middle; safe to print."""
    return f'"{shortened(text, width - 2)}"'


def shown(value: object, width: int = _SHORT) -> str:
    """Any value on one line of at most `width` columns: a text in quotes, JSON as JSON, else its type's name."""
    if isinstance(value, str):
        return quoted(value, width)
    if isinstance(value, bytes):
        return shortened(repr(value[:width]), width) if len(value) <= width else f"{len(value)} bytes"
    if value is None or isinstance(value, bool | int | float):
        return shortened(_number(value), width)
    if isinstance(value, list | dict):
        try:
            return shortened(visible_json(value), width, show=str)
        except (TypeError, ValueError):
            return f"a {type(value).__name__} of {len(value)}"
    return f"an object of type {visible(type(value).__name__)}"


def _number(value: float | None) -> str:
    try:
        return repr(value)
    except ValueError:  # Python refuses to write an integer of more than 4300 digits
        return "a very long integer"


def arguments(*values: object, **settings: object) -> str:
    """The arguments of an expectation as its repr shows them; settings that are `None` or `False` are left out."""
    parts = [_argument(value) for value in values]
    given = {name: value for name, value in settings.items() if value is not None and value is not False}
    parts += [f"{name}={_argument(value)}" for name, value in given.items()]
    return ", ".join(parts)


def _argument(value: object) -> str:
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, str):
        return quoted(value, 60)
    return shown(value, 60) if isinstance(value, bytes) else shortened(repr(value), 60, show=str)
