"""What differs in all the recordings and snapshots of a project, test by test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .attribution import Attribution
from .changes import SpendChange
from .verdicts import DriftVerdict, severity

if TYPE_CHECKING:
    from pytest_llmwatch.calls import JSON


Status = Literal["changed", "added", "removed", "moved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotChange:
    """One approved output that is another now; `before` or `after` is `None` where it is new or gone."""

    name: str
    verdict: DriftVerdict
    reason: str
    before: str | None
    after: str | None
    similarity: float | None = None

    def to_json(self) -> dict[str, JSON]:
        """As JSON."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "reason": self.reason,
            "similarity": self.similarity,
            "before": self.before,
            "after": self.after,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TestChange:
    """What became of the recording and the snapshots of one test.

    Attributes:
        test: The test's id, or the file where that is not known.
        status: Of the recording, or of the snapshots where the recording is as it was.
        files: The files that differ, as a user would type them.
        former: Where the first of them was, if it moved.
        attribution: Of the recording; `None` where it is as it was.
        snapshots: Those that differ.
    """

    __test__ = False  # the name begins as pytest's own classes of tests do

    test: str
    status: Status
    files: tuple[str, ...]
    former: str | None = None
    attribution: Attribution | None = None
    snapshots: tuple[SnapshotChange, ...] = ()

    @property
    def verdict(self) -> DriftVerdict:
        """The worst of all that was compared; what is new or gone as a whole was not compared."""
        found: list[DriftVerdict] = [one.verdict for one in self.snapshots]
        if self.attribution is not None and (self.status not in ("added", "removed") or self.attribution.problem):
            found.append(self.attribution.verdict)
        return max(found, key=severity, default="same")

    def to_json(self) -> dict[str, JSON]:
        """As JSON."""
        return {
            "kind": "test",
            "test": self.test,
            "status": self.status,
            "verdict": self.verdict,
            "files": list(self.files),
            "former": self.former,
            "attribution": self.attribution.to_json() if self.attribution else None,
            "snapshots": [one.to_json() for one in self.snapshots],
        }

    @property
    def rank(self) -> tuple[float, ...]:
        """To sort by, the gravest last."""
        worst = min((one.similarity for one in self.snapshots if one.similarity is not None), default=1.0)
        own = self.attribution.severity if self.attribution else ()
        return float(self.verdict == "broken"), float(severity(self.verdict)), *own, 1.0 - worst


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChanges:
    """All of them.

    Attributes:
        base: What the working tree was compared with, in a person's words.
        tests: Those with a difference, the gravest first.
        unchanged: How many recordings are as they were.
        unreadable: What is wrong with recordings that cannot be read; they are in no sum.
        spend: What all recordings together cost before and now, at the prices of one day.
        day: That day.
    """

    base: str
    tests: tuple[TestChange, ...]
    unchanged: int
    unreadable: tuple[str, ...] = ()
    spend: SpendChange
    day: str

    def with_status(self, *statuses: Status) -> list[TestChange]:
        """The tests of these statuses."""
        return [one for one in self.tests if one.status in statuses]
