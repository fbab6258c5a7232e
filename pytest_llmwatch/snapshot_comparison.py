"""An approved output and the one of today, compared by what they are: text, structure, calls, a judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .drift.verdicts import Comparison, Path, Tolerance, compare_texts, compare_values
from .snapshot_calls import compare_calls
from .yaml_text import YamlProblem, load

if TYPE_CHECKING:
    from .calls import JSON
    from .snapshot_files import Snapshot

NOUNS = {"text": "a text", "value": "a structured value", "calls": "model calls", "judgement": "a judgement"}
TOLERANT = {"judgement": "reason"}


def compare_snapshots(before: Snapshot, after: Snapshot, tolerance: Tolerance | None = None) -> Comparison:
    """The verdict on one output, by the tolerance in force (that of the approved file where none is given)."""
    tolerance = tolerance or before.tolerance or Tolerance()
    problem = _incomparable(before, after)
    if problem is not None:
        return Comparison(verdict="not comparable", reason=problem)
    if before.kind != after.kind:
        reason = f"was {NOUNS[before.kind]} and is {NOUNS[after.kind]}"
        return Comparison(verdict="broken", reason=reason)
    if after.kind == "text":
        return compare_texts(before.text, after.text, tolerance)
    if before.text == after.text:
        return Comparison(verdict="same", reason="is the same value")
    values: list[JSON] = []
    for which, snapshot in (("approved", before), ("new", after)):
        try:
            values.append(load(f"{snapshot.text}\n"))
        except YamlProblem as error:
            line = f", line {error.line} of its text" if error.line else ""
            return Comparison(verdict="not comparable", reason=f"the {which} value is not YAML{line}: {error.problem}")
    old, new = values
    return _compare_structured(old, new, after.kind, tolerance)


def _incomparable(before: Snapshot, after: Snapshot) -> str | None:
    if before.kind != "judgement" or after.kind != "judgement":
        return None
    if before.judge != after.judge:
        return f"another judge: {before.judge or 'unknown'} -> {after.judge or 'unknown'}"
    if before.criteria_sha256 != after.criteria_sha256:
        return "other criteria than those it was approved under"
    return None


def _compare_structured(before: JSON, after: JSON, kind: str, tolerance: Tolerance) -> Comparison:
    if kind == "calls":
        return compare_calls(before, after, tolerance)
    name = TOLERANT.get(kind)

    def is_tolerant(path: Path) -> bool:
        return name is not None and bool(path) and path[-1] == name and len(path) <= 2

    return compare_values(before, after, tolerance, is_tolerant=is_tolerant)
