"""Expectations that somebody else judges: any function that asks a model, once or several times."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from pytest_llmwatch.drift.visible import columns
from pytest_llmwatch.drift.words import segments
from pytest_llmwatch.errors import SettingError

from .awaiting import finished
from .expectation import Expectation, arguments, wrong_type
from .judge_answers import Opinion, opinion_of
from .judge_memories import Asked
from .surroundings import judge_memory
from .verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmwatch.calls import JSON

Judge = Callable[[str, str], object]

HASH_LENGTH = 12  # as the hashes in a cassette
_LABEL = 9
_LINE = 56
# No line begins with one of these.
_CLOSING = frozenset("、。，．！？」』）】!?,.;:)")


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """A judge that has no hash, known by its identity."""

    judge: object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.judge is self.judge

    def __hash__(self) -> int:
        return id(self.judge)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Judged(Expectation):
    """A text that a judge finds good enough.

    Attributes:
        asked: The judge: a function of the text and the criteria.
        criteria: What the text is judged by, in words.
        at_least: The least mean score that passes.
        samples: How often the judge is asked.
        wanted: The repr.
    """

    asked: Judge
    criteria: str
    at_least: float
    samples: int
    wanted: str

    def judge(self, value: object) -> Verdict:
        """What the judge says; in one test it is asked once about a text, however often this is called."""
        if not isinstance(value, str):
            return wrong_type(value, "text")
        answers = [self._ask(value, number) for number in range(self.samples)]
        opinions = [opinion_of(one.answer) for one in answers]
        models = sorted({model for one in answers for model in one.models})
        facts: dict[str, JSON] = {
            "judge_model": ", ".join(models) or None,
            "criteria_sha256": criteria_hash(self.criteria),
            "samples": self.samples,
        }
        return verdict_on(opinions, self.at_least, facts)

    def _ask(self, text: str, number: int) -> Asked:
        memory = judge_memory()
        ask = functools.partial(_answer_of, self.asked, text, self.criteria)
        if memory is None:
            return Asked(answer=ask())
        return memory.once((_identity(self.asked), self.criteria, text, number), ask)

    def __repr__(self) -> str:
        return self.wanted


def judged_by(judge: Judge, criteria: str | None = None, *, at_least: float = 0.7, samples: int = 1) -> Expectation:
    """A text that a judge, most often another model, finds good enough.

    Its calls are recorded in the test's cassette with the role `judge`, and replayed; they are no calls of the test's
    own. In one test a judge is asked once about the same text, also where the comparison fails and is explained. What
    the judge raises is not caught.

    Args:
        judge: Any function of (text, criteria), async too, that answers a bool, a number from 0 to 1, a pair (score,
            reason), a mapping or an object with `score` or `passed` and perhaps `reason`, or a `Verdict`; or a
            `rubric`.
        criteria: What the text is judged by, in words; a `rubric` has its own.
        at_least: The least score that passes.
        samples: How often the judge is asked. The score is the mean, and the verdict tells the spread.

    Raises:
        SettingError: an argument makes no sense.

    Example:
        >>> from pytest_llmwatch import judged_by
        >>> def polite(text, criteria):
        ...     return 0.9 if "please" in text.lower() else (0.2, "gives an order")
        >>> "Please wait." == judged_by(polite, "Is it polite?")
        True
        >>> judged_by(polite, "Is it polite?").judge("Wait.").reason
        'is judged 0.2, which is less than 0.7'
    """
    from .rubrics import Rubric, rubric

    own = judge.criteria if isinstance(judge, Rubric) else None
    asked = judge.asked if isinstance(judge, Rubric) else judge
    given: object = judge
    if given is rubric:
        raise SettingError(
            'judged_by takes a rubric with its criteria and model, as rubric("polite?", model="gpt-5-mini")'
        )
    if not callable(asked):
        raise SettingError(f"judged_by({judge!r}): a judge is a function of (text, criteria), or a rubric(...)")
    criteria = own if criteria is None else criteria
    if criteria is None:
        raise SettingError("judged_by needs criteria: what the text is judged by, in words, such as 'Is it polite?'")
    check_settings("judged_by", criteria, at_least, samples)
    name = judge.name if isinstance(judge, Rubric) else _name_of(judge)
    written = arguments(criteria, at_least=unless(at_least, 0.7), samples=unless(samples, 1))
    return Judged(
        asked=asked,
        criteria=criteria,
        at_least=at_least,
        samples=samples,
        wanted=f"judged_by({name}, {written})",
    )


def check_settings(place: str, criteria: object, at_least: object, samples: object) -> None:
    """Refuse what makes no sense where it is written.

    Raises:
        SettingError: one of them does not.
    """
    if not isinstance(criteria, str) or not criteria.strip():
        raise SettingError(f"{place}: the criteria are a text that says what is judged, not {criteria!r}")
    if isinstance(at_least, bool) or not isinstance(at_least, (int, float)) or not 0 < at_least <= 1:
        raise SettingError(f"{place}(at_least={at_least!r}): the least score is above 0, and 1 at most")
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        raise SettingError(f"{place}(samples={samples!r}): a judge is asked once at least")


def criteria_hash(criteria: str) -> str:
    """The same for the same criteria, as it stands in a verdict's facts."""
    return hashlib.sha256(criteria.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_LENGTH]


def verdict_on(opinions: Sequence[Opinion], at_least: float, facts: dict[str, JSON]) -> Verdict:
    """One verdict from one opinion or more: their mean counts, and one that is none leaves all undecided."""
    scores = [opinion.score for opinion in opinions if opinion.score is not None]
    if len(scores) < len(opinions):
        return _undecided(opinions, at_least, {**facts, "scores": [*scores]})
    mean = round(fmean(scores), 6)
    passing = sum(_passes(opinion, at_least) for opinion in opinions)
    refusing = sum(opinion.is_refused for opinion in opinions)
    passed = mean >= at_least and 2 * refusing < len(opinions)
    return Verdict(
        passed=passed,
        reason=_reason(opinions, mean, at_least, passing, passed=passed),
        score=mean,
        limit=at_least,
        details=tuple(_details(opinions, at_least)),
        facts={**facts, **_spread(scores), "passing": passing},
    )


def _undecided(opinions: Sequence[Opinion], at_least: float, facts: dict[str, JSON]) -> Verdict:
    broken = [opinion for opinion in opinions if opinion.problem is not None]
    which = "" if len(opinions) == 1 else f" in {len(broken)} of {len(opinions)} samples"
    return Verdict(
        passed=False,
        is_undecided=True,
        reason=f"could not be judged: the judge{which} {broken[0].problem}",
        found=broken[0].came,
        limit=at_least,
        details=tuple(_details(opinions, at_least)) if len(opinions) > 1 else (),
        facts=facts,
    )


def _spread(scores: Sequence[float]) -> dict[str, JSON]:
    return {
        "scores": [*scores],
        "score_min": min(scores),
        "score_max": max(scores),
        "score_mean": round(fmean(scores), 6),
    }


def _passes(opinion: Opinion, at_least: float) -> bool:
    return opinion.score is not None and opinion.score >= at_least and not opinion.is_refused


def _reason(opinions: Sequence[Opinion], mean: float, at_least: float, passing: int, *, passed: bool) -> str:
    count = len(opinions)
    if count == 1 and opinions[0].is_word:
        return "is passed by the judge" if passed else "is not passed by the judge"
    judged = f"is judged {mean:.3g}" if count == 1 else f"is judged {mean:.3g} on average"
    if mean < at_least:
        judged += f", which is less than {at_least:g}"
    elif not passed:
        judged += ", but not passed by the judge itself"
    split = "" if count == 1 else f"; {passing} of {count} samples {'passes' if passing == 1 else 'pass'}"
    return judged + split


def _details(opinions: Sequence[Opinion], at_least: float) -> list[str]:
    """The judge's words, each sample's behind its score, in lines that fit a page."""
    if len(opinions) == 1:
        return _lines("says", opinions[0].reason)
    scores = [opinion.score for opinion in opinions if opinion.score is not None]
    spread = [f"{'spread':<{_LABEL}}{min(scores):.3g} to {max(scores):.3g}"] if scores else []
    said = [line for opinion in opinions for line in _lines(_label(opinion, at_least), _words_of(opinion))]
    return spread + said


def _label(opinion: Opinion, at_least: float) -> str:
    if opinion.score is None:
        return "?"
    return f"{opinion.score:.3g} {'ok' if _passes(opinion, at_least) else 'no'}"


def _words_of(opinion: Opinion) -> str:
    return opinion.reason if opinion.problem is None else f"the judge {opinion.problem}"


def _lines(label: str, text: str) -> list[str]:
    """The text behind its label, broken between words."""
    if not text:
        return [label] if label != "says" else []
    rows = [""]
    for word in segments(text):
        if columns(rows[-1] + word) > _LINE and rows[-1].strip() and word not in _CLOSING:
            rows.append("")
        rows[-1] += word if rows[-1] or not word.isspace() else ""
    return [f"{label if not number else '':<{_LABEL}}{row.rstrip()}" for number, row in enumerate(rows)]


def _answer_of(judge: Judge, text: str, criteria: str) -> object:
    return finished(judge(text, criteria))


def _identity(judge: Judge) -> Hashable:
    try:
        hash(judge)
    except TypeError:
        return _Same(judge)
    return judge


def _name_of(judge: object) -> str:
    name: str = getattr(judge, "__name__", type(judge).__name__)
    return name


def unless(value: float, default: float) -> float | None:
    """The value where it is not the default, for a repr."""
    return None if value == default else value
