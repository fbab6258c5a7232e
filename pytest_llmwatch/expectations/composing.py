"""Expectations made of others: all of them, any of them, the opposite of one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .expectation import Rule, verdict_of
from .given import expectation_given, expectations_given
from .verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .expectation import Expectation


def all_of(*expectations: Expectation) -> Rule:
    """What every one of these expects.

    Example:
        >>> from pytest_llmwatch import all_of, containing, length
        >>> "Within 14 days." == all_of(containing("14 days"), length(words=(1, 10)))
        True
    """
    expectations_given("all_of", expectations)

    def judge(value: object) -> Verdict:
        verdicts = [verdict_of(expectation, value) for expectation in expectations]
        failed = [index for index, verdict in enumerate(verdicts) if not verdict.passed]
        if not failed:
            return Verdict(passed=True, reason=f"passes all {len(verdicts)}")
        # A failure that is certain decides, whatever could not be judged.
        first = min(failed, key=lambda index: verdicts[index].is_undecided)
        others = [index for index in failed if index != first]
        return replace(
            verdicts[first],
            reason=f"{verdicts[first].reason}  [{expectations[first]!r}]",
            details=(*verdicts[first].details, *_lines(others, expectations, verdicts)),
        )

    return Rule(wanted=_written("all_of", expectations), rule=judge)


def any_of(*expectations: Expectation) -> Rule:
    """What at least one of these expects.

    Example:
        >>> from pytest_llmwatch import any_of, containing, json_of
        >>> "I do not know." == any_of(json_of({"type": "object"}), containing("do not know"))
        True
    """
    expectations_given("any_of", expectations)

    def judge(value: object) -> Verdict:
        verdicts: list[Verdict] = []
        for expectation in expectations:
            verdict = verdict_of(expectation, value)
            if verdict.passed:
                return replace(verdict, reason=f"{verdict.reason}  [{expectation!r}]")
            verdicts.append(verdict)
        return Verdict(
            passed=False,
            is_undecided=any(verdict.is_undecided for verdict in verdicts),
            reason=f"passes none of {len(verdicts)}",
            details=_lines(range(len(verdicts)), expectations, verdicts),
        )

    return Rule(wanted=_written("any_of", expectations), rule=judge)


def not_(expectation: Expectation) -> Rule:
    """The opposite. A value that cannot be judged at all (`None` for a text) does not pass either way.

    Example:
        >>> from pytest_llmwatch import containing, not_
        >>> "We refund it." == not_(containing("cannot"))
        True
    """
    expectation_given("not_", expectation)

    def judge(value: object) -> Verdict:
        verdict = verdict_of(expectation, value)
        if verdict.is_undecided:
            return verdict
        if not verdict.passed:
            return Verdict(passed=True, reason=f"not: {verdict.reason}", facts=verdict.facts)
        return replace(verdict, passed=False, reason=f"{verdict.reason}, which it must not", nearest=None)

    return Rule(wanted=f"not_({expectation!r})", rule=judge)


def _lines(indexes: Iterable[int], expectations: tuple[Expectation, ...], verdicts: list[Verdict]) -> tuple[str, ...]:
    lines: list[str] = []
    for index in indexes:
        verdict = verdicts[index]
        place = f"{verdict.place}: " if verdict.place else ""
        lines.append(f"{expectations[index]!r}: {place}{verdict.reason}")
        lines += [f"  {detail}" for detail in verdict.details]
    return tuple(lines)


def _written(name: str, expectations: tuple[Expectation, ...]) -> str:
    return f"{name}({', '.join(map(repr, expectations))})"
