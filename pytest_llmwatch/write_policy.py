"""The one decision about every file that a run may write: from the mode, what exists, what was made, the outcome."""

from __future__ import annotations

from typing import Literal

Mode = Literal["replay", "record", "new", "check"]
Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "interrupted"]
Write = Literal["leave", "replace", "remove", "keep beside"]


def decide(*, mode: Mode, exists: bool, made: int, outcome: Outcome) -> Write:
    """What happens to a cassette at the end of its test.

    Args:
        mode: How the test ran.
        exists: Whether there is a cassette already, the approved baseline.
        made: How many calls went to the live model.
        outcome: How the test ended; an unexpected pass of a lenient xfail counts as passed.

    Returns:
        `replace`: the cassette becomes what this run has. `keep beside`: the baseline stays, what was recorded
        (and paid for) becomes a pending file. `remove`: a refreshed test makes no call any more. `leave`: nothing is
        written.
    """
    if mode in ("replay", "check"):
        return "leave"
    may_replace = outcome == "passed" or (outcome == "xfailed" and not exists)
    if made:
        return "replace" if may_replace else "keep beside"
    return "remove" if mode == "record" and exists and may_replace else "leave"
