"""What an expectation answers: whether a value passed, and everything needed to say why."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_llmwatch.calls import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer of an expectation about one value.

    Text in it may be as it came from a model: whoever prints it makes it `visible` first.

    Attributes:
        passed: Whether the value is what was wanted.
        reason: One sentence that says why.
        is_undecided: The value could not be judged at all (it is `None`, of a wrong type, out of time): it has not
            passed, and `not_(...)` does not pass either.
        place: Where it was decided: a JSON path (`items[2].price`), a line (`line 3`), a word.
        found: What stands at that place; `None` where the whole value is meant.
        score: The figure that was compared with `limit`, where there is one.
        limit: The least or the greatest score that passes.
        nearest: The nearest value that would have passed.
        details: Further findings, one line each.
        facts: What a report may want to keep: the backend and its version, the model of a judge.

    Example:
        >>> from pytest_llmwatch import containing
        >>> verdict = containing("refund").judge("We send it back.")
        >>> verdict.passed, verdict.reason
        (False, 'does not contain "refund"')
    """

    passed: bool
    reason: str
    is_undecided: bool = False
    place: str | None = None
    found: str | None = None
    score: float | None = None
    limit: float | None = None
    nearest: str | None = None
    details: tuple[str, ...] = ()
    facts: dict[str, JSON] = field(default_factory=dict)
