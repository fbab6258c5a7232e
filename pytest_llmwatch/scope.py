"""A recording with the file behind it, and what became of both so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .budgets import NO_LIMITS, Budget
from .calls import JSON
from .cassette import Cassette
from .exchange import Request
from .recording import Recording
from .reports.drift_lines import DriftFacts
from .request_key import significant_body
from .write_policy import Outcome

if TYPE_CHECKING:
    from .snapshot_notes import SnapshotNotes  # noqa: TC004 - nobody asks for the types of a Scope at run time


@dataclass(slots=True)
class Scope:
    """A recording with the file behind it: that of one test run, or of one wider fixture.

    Attributes:
        baseline: What the file had at the beginning; `None` where there was none.
        body_of: What of a request counts.
        marker: What the test's `llm` markers set.
        drift: How what was recorded differs from it, for the report.
        has_failed: Whether a test failed for a reason of its own, under `--llm-check`.
        has_drifted: Whether it was made to fail for drift.
        drifted_fixtures: The wider fixtures of the test that had drifted then.
    """

    recording: Recording
    path: Path
    exists: bool
    baseline: Cassette | None = None
    body_of: Callable[[Request], JSON] = significant_body
    marker: Mapping[str, object] = field(default_factory=dict)
    drift: DriftFacts | None = None
    is_fixture: bool = False
    is_over: bool = False
    has_failed: bool = False
    has_drifted: bool = False
    outcome: Outcome = "passed"
    written: int = 0
    told: int = 0
    spends_told: int = 0
    refusals_shown: int = 0
    snapshots: SnapshotNotes | None = None
    budget: Budget = NO_LIMITS
    judged: int = 0
    is_over_budget: bool = False
    drifted_fixtures: tuple[str, ...] = ()
