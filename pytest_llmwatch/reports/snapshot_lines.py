"""The lines of the summary about snapshots: how many there were of each verdict, and which moved within tolerance."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from pytest_llmwatch.drift.visible import visible, visible_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmwatch.drift.verdicts import DriftVerdict

    from .summary import Entry

SHOWN = 5
VERDICTS: tuple[DriftVerdict | Literal["new"], ...] = (
    "same",
    "within tolerance",
    "drifted",
    "broken",
    "not comparable",
    "new",
)


def snapshot_lines(entries: Iterable[Entry]) -> list[str]:
    """The counts, and a line for each output that passed although it is not the approved one."""
    facts = [(entry["test"], fact) for entry in entries for fact in entry.get("snapshots") or ()]
    if not facts:
        return []
    counts = Counter(fact["verdict"] for _test, fact in facts)
    named = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]]
    written = sum(fact["is_written"] for _test, fact in facts)
    lines = [f"snapshots: {', '.join(named)}" + (f"; {written} approved" if written else "")]
    moved = sorted(
        (1.0 if fact["similarity"] is None else fact["similarity"], test, fact["name"], _moved(fact["reason"]))
        for test, fact in facts
        if fact["verdict"] == "within tolerance"
    )
    lines += [f"within tolerance: {visible_id(test)}{_name(name)} ({how})" for _, test, name, how in moved[:SHOWN]]
    return lines if len(moved) <= SHOWN else [*lines, f"within tolerance: {len(moved) - SHOWN} more"]


def _moved(reason: str) -> str:
    """How far an output moved: its likeness, and the facts that it leaves out or adds."""
    return visible(reason.removeprefix("is ").replace(" and keeps to the facts", ""))


def _name(name: str) -> str:
    return "" if name == "1" else f" [{visible(name)}]"
