"""What every expectation has in common: `==` asks `judge`, and nothing is remembered."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import ClassVar

from pytest_llmwatch.drift.visible import visible, visible_json
from pytest_llmwatch.drift.words import shortened

from .verdicts import Verdict

_SHORT = 40
_OURS = __name__.partition(".")[0]
# What a test has of each kind that an expectation may want.
_INSTEAD = {
    "text": "llm_cassette.last.output_text",
    "JSON": "llm_cassette.last.output_text",
    "tool calls": "llm_cassette.tool_calls",
    "a model call": "llm_cassette.last",
    "a recording or model calls": "llm_cassette",
    "model calls or a spend": "llm_cassette",
}


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
        __tracebackhide__ = True
        return bool(verdict_of(self, other).passed)

    def __bool__(self) -> bool:
        # `reply == a and b` would pass whatever `b` expects.
        __tracebackhide__ = True
        raise TypeError(
            f"{self!r} is neither true nor false: compare a value with it, as `reply == {self!r}`; "
            "for two expectations write all_of(one, other), any_of(one, other) or not_(one)"
        )


_TEXTS = ("reason", "place", "found", "nearest")


def verdict_of(expectation: Expectation, value: object) -> Verdict:
    """What an expectation says of a value; a project's own may answer anything, which is told here.

    Raises:
        TypeError: it is no verdict, or one that no page can show.
    """
    __tracebackhide__ = True
    verdict: object = expectation.judge(value)
    name = f"{type(expectation).__name__}.judge"
    if not isinstance(verdict, Verdict):
        came = "None: does it return its verdict?" if verdict is None else f"{shown(verdict)}."
        raise TypeError(f'{name} must return a Verdict(passed=..., reason="..."); it returned {came}')
    for field in _TEXTS:
        held: object = getattr(verdict, field)
        if not isinstance(held, str) and (held is not None or field == "reason"):
            what = "a text" if field == "reason" else "a text or None"
            raise TypeError(f"{name} returned Verdict({field}={shown(held)}); {field} must be {what}")
    details: object = verdict.details
    if not isinstance(details, list | tuple) or not all(isinstance(line, str) for line in details):
        raise TypeError(f"{name} returned Verdict(details=...) that are not a tuple of texts, one a line")
    for field in ("score", "limit"):
        held = getattr(verdict, field)
        if held is not None and not isinstance(held, Real | Decimal):
            raise TypeError(f"{name} returned Verdict({field}={shown(held)}); {field} must be a number or None")
    return verdict


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
    reason = "is None" if value is None else f"is of type {type_name(value)}"
    instead = _INSTEAD.get(wanted) if _is_ours(value) else None
    details = () if instead is None else (f"write    {instead}",)
    return Verdict(passed=False, is_undecided=True, reason=f"{reason}, not {wanted}", details=details)


def _is_ours(value: object) -> bool:
    """Whether it is something of a recording, or several of such things: all of them lead to what was meant."""
    first = value[0] if isinstance(value, list | tuple) and value else value
    return type(first).__module__.partition(".")[0] == _OURS


def type_name(value: object) -> str:
    """The name of a value's type; of a class that is ours alone, the public one that it is."""
    kinds = (
        kind for kind in type(value).__mro__ if kind.__module__.partition(".")[0] != _OURS or kind.__name__[0] != "_"
    )
    return visible(next(kinds, object).__name__)


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
    return f"an object of type {type_name(value)}"


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
