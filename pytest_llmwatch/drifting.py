"""How what a run recorded differs from the baseline: a check judges it, a recording only says so."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast

from .drift.attribution import Attribution, attribution
from .drift.verdicts import PASSING, severity
from .recorded_calls import calls_of, sdks_of
from .recorded_facts import recorded_facts
from .recording_key import recording_key
from .roles import JUDGE
from .snapshot_notes import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .calls import JSON
    from .drift.verdicts import DriftVerdict
    from .exchange import Exchange, Request
    from .reports.drift_lines import DriftFacts, Source
    from .scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A test's live answers beside its baseline.

    Attributes:
        found: What changed; `None` where nothing was recorded before.
        is_nothing_new: Whether request and answers are those of the baseline, whatever times and ids are.
        notes: The test's own comparisons with approved outputs; where it has some, they decide.
    """

    found: Attribution | None
    is_nothing_new: bool
    notes: tuple[Note, ...] = ()

    @property
    def verdict(self) -> DriftVerdict | Literal["new"]:
        """That of the worst answer, or of the worst comparison; `new` where nothing was approved."""
        compared = [note.comparison.verdict for note in self.notes if note.comparison is not None]
        if compared:
            return max(compared, key=severity)
        return "new" if self.found is None or self.notes else self.found.verdict

    @property
    def is_failure(self) -> bool:
        """Whether a check fails for it."""
        return self.verdict not in (*PASSING, "new")

    def facts(
        self, source: Source, *, candidate: str | None = None, has_failed: bool = False, is_interrupted: bool = False
    ) -> DriftFacts:
        """As it travels on a report."""
        found = None if self.found is None else self.found.to_json()
        facts: DriftFacts = {
            "source": source,
            "verdict": self.verdict,
            "candidate": candidate,
            "has_failed": has_failed,
            "found": found,
        }
        if self.verdict == "new" and self.found is not None and self.notes:
            facts["is_unapproved"] = True
        if is_interrupted:
            facts["is_interrupted"] = True
        return facts


def drift_of(scope: Scope, *, is_over: bool = True) -> Drift | None:
    """How the live answers so far differ from the baseline; `None` where neither has a call.

    While the test is not over, what the rest of it may still ask for is not missed.
    """
    recording, baseline = scope.recording, scope.baseline
    notes = () if scope.snapshots is None else tuple(scope.snapshots.notes)
    is_approved = all(note.comparison is not None and note.comparison.verdict == "same" for note in notes)
    if baseline is None and not recording.made:
        return Drift(found=None, is_nothing_new=is_approved, notes=notes) if notes else None
    if baseline is None:
        return Drift(found=None, is_nothing_new=False, notes=notes)
    sides = [list(_own(each, scope.body_of)) for each in (baseline.exchanges, recording.exchanges)]
    before, after = (calls_of(side, recording.decode, recording.price) for side in sides)
    sdks_after = recorded_facts(scope.path.parent).get("sdks")
    found = attribution(
        before if is_over else before[: len(after)],
        after,
        sdks_before=sdks_of(baseline),
        sdks_after=cast("Mapping[str, str] | None", sdks_after),  # `recorded_facts` writes versions
        test=recording.test,
    )
    is_nothing_new = is_approved and recording_key(sides[0]) == recording_key(sides[1])
    drift = Drift(found=found, is_nothing_new=is_nothing_new, notes=notes)
    return drift if drift.verdict == "new" else replace(drift, found=replace(found, verdict=drift.verdict))


def _own(exchanges: Iterable[Exchange], body_of: Callable[[Request], JSON]) -> Iterator[Exchange]:
    """The test's own exchanges, with what counts of their requests: those of judges are another matter."""
    return (_plain(one, body_of) for one in exchanges if one.role != JUDGE)


def _plain(exchange: Exchange, body_of: Callable[[Request], JSON]) -> Exchange:
    """The exchange without what does not count of a JSON request: a time, an id that is another at every run."""
    try:
        json.loads(exchange.request.body)
    except (ValueError, RecursionError):
        return exchange
    body = json.dumps(body_of(exchange.request)).encode()
    return replace(exchange, request=replace(exchange.request, body=body))


def note_drift(scope: Scope) -> None:
    """Keep for the report what a recording that replaces the baseline changes."""
    drift = drift_of(scope, is_over=not scope.is_fixture or scope.is_over)
    scope.drift = None if drift is None else drift.facts("record")
