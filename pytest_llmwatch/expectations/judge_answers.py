"""What a judge answered, read as an opinion: a judge is any function, and a model may answer anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real

from .expectation import shown
from .verdicts import Verdict

PARTS = ("score", "passed", "reason")
_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One answer of a judge.

    Attributes:
        score: From 0 to 1; `None` where the answer is no verdict.
        is_refused: The judge said itself that the text does not pass, whatever the score.
        is_word: There was a yes or no, and no score.
        reason: The judge's words.
        problem: Why the answer is no verdict; it goes on after "the judge ...".
        came: The beginning of what came then.
    """

    score: float | None = None
    is_refused: bool = False
    is_word: bool = False
    reason: str = ""
    problem: str | None = None
    came: str | None = None


def opinion_of(answer: object) -> Opinion:
    """The opinion in an answer: a bool, a number, a pair, a mapping, a `Verdict`, or an object with such attributes."""
    if isinstance(answer, Verdict):
        return _of_verdict(answer)
    if isinstance(answer, Mapping):
        return _of_parts({name: answer[name] for name in PARTS if name in answer}, answer)
    if isinstance(answer, (tuple, list)) and not hasattr(answer, "_fields"):
        parts = dict(zip(("score", "reason"), answer, strict=False)) if len(answer) == 2 else {}
        return _of_parts(parts, answer)
    if _plain(answer) is not None:
        return _of_parts({"score": answer}, answer)
    return _of_parts({name: getattr(answer, name) for name in PARTS if hasattr(answer, name)}, answer)


def _of_verdict(verdict: Verdict) -> Opinion:
    if verdict.is_undecided:
        return Opinion(problem=verdict.reason, came=verdict.found)
    score = verdict.score if verdict.score is not None and 0 <= verdict.score <= 1 else None
    return _of_parts({"score": score, "passed": verdict.passed, "reason": verdict.reason}, verdict)


def _of_parts(parts: Mapping[str, object], answer: object) -> Opinion:
    score, passed, reason = (parts.get(name) for name in PARTS)
    score, passed = _unwrapped(score), _unwrapped(passed)
    if passed is not None and not isinstance(passed, bool):
        return _nonsense(f"answered passed={_text(passed, 30)}, which is not True or False", answer)
    if score is None and passed is None:
        return _nonsense(_no_verdict(answer), answer)
    value = _plain(passed if score is None else score)
    if value is None or not 0 <= value <= 1:
        what = _text(score, 30) if isinstance(score, str) or value is not None else _kind(score)
        return _nonsense(f"answered {what}, which is not a number from 0 to 1", answer)
    return Opinion(
        score=value,
        is_refused=passed is False,
        is_word=score is None or isinstance(score, bool),
        reason="" if reason is None else " ".join(str(reason).split()),
    )


def _no_verdict(answer: object) -> str:
    if answer is None:
        return "answered None: does it return its verdict?"
    if isinstance(answer, str):
        return "answered a text, not a verdict" if answer.strip() else "answered an empty text"
    if isinstance(answer, Mapping):
        return 'answered without a "score" or "passed"'
    return f"answered {_kind(answer)}, which is no verdict"


def _nonsense(problem: str, answer: object) -> Opinion:
    came = None if answer is None or answer == "" else _text(answer, _SHOWN)
    return Opinion(problem=problem, came=came)


def _unwrapped(value: object) -> object:
    """A number of numpy as Python's own; anything else as it is."""
    item = getattr(value, "item", None)
    return item() if type(value).__module__ == "numpy" and callable(item) else value


def _plain(value: object) -> float | None:
    value = _unwrapped(value)
    if not isinstance(value, (Real, Decimal)):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return math.inf
    return math.inf if math.isnan(number) else number


def _text(value: object, width: int) -> str:
    return shown(dict(value) if isinstance(value, Mapping) else value, width)


def _kind(value: object) -> str:
    return shown(value, 40)
