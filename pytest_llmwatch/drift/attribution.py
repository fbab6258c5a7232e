"""Why the answers of a test are not what they were: what was sent otherwise, what came back otherwise, what it cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from .answer_changes import AnswerChanges, answer_changes, worst_of
from .changes import CAUSE_KINDS, EFFECT_KINDS, Change, SpendChange, Totals, merged, totals_of
from .echoes import Earlier
from .fields import MISSING
from .message_changes import Asked
from .pairing import paired_calls
from .request_changes import request_changes
from .verdicts import DriftVerdict, Tolerance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_llmwatch.calls import JSON, ModelCall

    from .pairing import Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """What differs between two recordings of a test.

    Attributes:
        test: The test's id, where it is known.
        verdict: The worst verdict of all answers.
        causes: What was sent otherwise, or served by something else; the likeliest first.
        effects: What came back otherwise; the gravest first.
        consequences: What was sent otherwise because an earlier answer of the same recording is another.
        similarity: How alike the least alike pair of texts is; `None` where no text was compared.
        spend: Tokens, money and time, before and after.
        problem: Why there is nothing to compare, where the verdict is `not comparable`.
    """

    test: str | None = None
    verdict: DriftVerdict
    causes: tuple[Change, ...] = ()
    effects: tuple[Change, ...] = ()
    consequences: tuple[Change, ...] = ()
    similarity: float | None = None
    spend: SpendChange
    problem: str | None = None

    @property
    def is_same(self) -> bool:
        """Whether nothing differs, neither in what was sent nor in what came back."""
        return not (self.causes or self.effects or self.consequences or self.problem)

    @property
    def severity(self) -> tuple[float, ...]:
        """To sort by, the gravest last: broken format, changed facts, low similarity, cost, wording."""
        harmful = [change for change in self.effects if change.is_harmful]
        facts = [change for change in harmful if change.kind == "fact"]
        cost = self.spend.cost_ratio
        return (
            float(self.verdict == "broken"),
            float(self.verdict == "not comparable"),
            float(len(facts) < len(harmful)),
            float(len(facts)),
            0.0 if self.similarity is None else 1.0 - self.similarity,
            0.0 if cost is None else cost - 1.0,
            float(len(self.effects)),
        )

    @property
    def sentence(self) -> str:
        """What a person would say of it."""
        return self.sentence_without(())

    def sentence_without(self, told: Sequence[Change]) -> str:
        """The same without causes that stand elsewhere on the page."""
        from .sentences import sentence_of

        return sentence_of(self, told)

    def to_json(self) -> dict[str, JSON]:
        """As JSON; `from_json` reads it again."""
        return {
            "test": self.test,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "similarity": self.similarity,
            "causes": [change.to_json() for change in self.causes],
            "effects": [change.to_json() for change in self.effects],
            "consequences": [change.to_json() for change in self.consequences],
            "before": self.spend.before.to_json(),
            "after": self.spend.after.to_json(),
            "problem": self.problem,
        }

    @classmethod
    def from_json(cls, facts: dict[str, JSON]) -> Attribution:
        """What `to_json` wrote."""
        changes = {name: _changes_in(facts[name]) for name in ("causes", "effects", "consequences")}
        spent = {name: Totals.from_json(cast("dict[str, JSON]", facts[name])) for name in ("before", "after")}
        return cls(
            test=cast("str | None", facts["test"]),  # these are of the types that `to_json` has written
            verdict=cast("DriftVerdict", facts["verdict"]),
            similarity=cast("float | None", facts["similarity"]),
            spend=SpendChange(**spent),
            problem=cast("str | None", facts["problem"]),
            **changes,
        )


def attribution(
    before: Sequence[ModelCall],
    after: Sequence[ModelCall],
    *,
    tolerance: Tolerance | None = None,
    sdks_before: Mapping[str, str] | None = None,
    sdks_after: Mapping[str, str] | None = None,
    test: str | None = None,
) -> Attribution:
    """Compare two recordings of a test.

    Args:
        before: The calls of the older recording, in order, without those of judges.
        after: Those of the newer one.
        tolerance: What an answer may differ in; by default that of a snapshot.
        sdks_before: Names and versions of the client libraries, as a cassette has them in `recorded`; where either is
            not known they are not compared.
        sdks_after: The same for the newer recording.
        test: The test's id.
    """
    sdks = list(_sdk_changes(sdks_before, sdks_after))
    try:
        return _compared(before, after, sdks, tolerance or Tolerance(), test)
    except RecursionError:
        return not_comparable("a value in one of them is nested too deeply", test=test)


def _compared(
    before: Sequence[ModelCall], after: Sequence[ModelCall], sdks: list[Change], tolerance: Tolerance, test: str | None
) -> Attribution:
    pairs = paired_calls(before, after)
    answers = _answers(before, after, pairs, tolerance)
    changed = {number for number, answer in answers.items() if answer.changes}
    found = merged([*_request_changes(before, after, pairs, changed), *sdks])
    effects = [replace(change, calls=(number,)) for number, answer in answers.items() for change in answer.changes]
    texts = [one.similarity for one in answers.values() if one.similarity is not None]
    return Attribution(
        test=test,
        verdict=worst_of([*(one.verdict for one in answers.values()), *_verdicts_of_loose(pairs)]),
        causes=tuple(sorted((one for one in found if not one.is_consequence), key=_likeliness)),
        effects=tuple(sorted(merged(effects), key=_graveness)),
        consequences=tuple(one for one in found if one.is_consequence),
        similarity=min(texts, default=None),
        spend=SpendChange(before=totals_of(before), after=totals_of(after)),
    )


def not_comparable(problem: str, *, test: str | None = None) -> Attribution:
    """The attribution of two recordings of which one cannot be read."""
    nothing = totals_of(())
    spend = SpendChange(before=nothing, after=nothing)
    return Attribution(test=test, verdict="not comparable", spend=spend, problem=problem)


def _answers(
    before: Sequence[ModelCall], after: Sequence[ModelCall], pairs: Sequence[Pair], tolerance: Tolerance
) -> dict[int, AnswerChanges]:
    """What became of each answer, by the number of its call."""
    return {
        new + 1: answer_changes(before[old], after[new], tolerance)
        for old, new in pairs
        if old is not None and new is not None
    }


def _verdicts_of_loose(pairs: Sequence[Pair]) -> list[DriftVerdict]:
    return ["drifted" for pair in pairs if None in pair]


def _request_changes(
    before: Sequence[ModelCall], after: Sequence[ModelCall], pairs: Sequence[Pair], changed: set[int]
) -> Iterator[Change]:
    """The differences of every pair of requests, and the calls that have no counterpart.

    A call that is new, or gone, after an answer that changed is a consequence of that.
    """
    loose = [{pair[side] for pair in pairs if pair[1 - side] is None} for side in (0, 1)]
    for old, new in pairs:
        asked = [_asked(calls, at, loose[side]) for side, (calls, at) in enumerate(((before, old), (after, new)))]
        if asked[0] is not None and asked[1] is not None:
            yield from (replace(change, calls=((new or 0) + 1,)) for change in request_changes(asked[0], asked[1]))
        elif new is not None:
            is_told = any(number <= new for number in changed)
            gist = _gist(after[new]) | _likeness(after, new)
            yield Change(kind="call", name="call", after=gist, calls=(new + 1,), is_consequence=is_told)
        elif old is not None:
            is_told = any(a is not None and b is not None and a < old and b + 1 in changed for a, b in pairs)
            yield Change(kind="call", name="call", before=_gist(before[old]), calls=(old + 1,), is_consequence=is_told)


def _asked(calls: Sequence[ModelCall], at: int | None, loose: set[int | None]) -> Asked | None:
    if at is None:
        return None
    unpaired = [calls[place] for place in range(at) if place in loose]
    return Asked(call=calls[at], earlier=Earlier(calls=calls[:at], unpaired=unpaired))


def _likeness(calls: Sequence[ModelCall], at: int) -> dict[str, JSON]:
    """Which earlier call has the same words: recording what was missing leaves that of the old prompt in the file."""
    words = _words(calls[at])
    alike = next((place for place in range(at) if words and _words(calls[place]) == words), None)
    if alike is None:
        return {}
    return {"like": f"call {alike + 1}, sent otherwise; if that is old, --llm-record drops it"}


def _words(call: ModelCall) -> list[tuple[str, str]]:
    """What is said in a request, whatever its instructions are."""
    said = [(message.role, message.text) for message in call.input_messages]
    return [one for one in said if one[0] not in ("system", "developer") and one[1]]


def _gist(call: ModelCall) -> dict[str, JSON]:
    """A whole call in a few facts."""
    facts: dict[str, JSON] = {
        "model": call.request_model or call.response_model,
        "asked": call.input_messages[-1].text if call.input_messages else "",
        "answered": call.output_text or ", ".join(part.name for part in call.tool_calls),
    }
    return {name: value for name, value in facts.items() if value}


def _sdk_changes(before: Mapping[str, str] | None, after: Mapping[str, str] | None) -> Iterator[Change]:
    if before is None or after is None:
        return
    for name in dict.fromkeys([*before, *after]):
        old, new = (side.get(name, MISSING) for side in (before, after))
        if old != new:
            yield Change(kind="SDK", name=name, before=old, after=new)


def _likeliness(change: Change) -> int:
    return CAUSE_KINDS.index(change.kind) if change.kind in CAUSE_KINDS else len(CAUSE_KINDS)


def _graveness(change: Change) -> tuple[bool, int]:
    place = EFFECT_KINDS.index(change.kind) if change.kind in EFFECT_KINDS else len(EFFECT_KINDS)
    return not change.is_harmful, place


def _changes_in(listed: JSON) -> tuple[Change, ...]:
    return tuple(Change.from_json(each) for each in cast("list[dict[str, JSON]]", listed))  # as `to_json` wrote them
