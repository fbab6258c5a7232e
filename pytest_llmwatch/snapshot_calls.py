"""Approved model calls and those of today, field by field: what they did, then who answered and what was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .drift.verdicts import (
    ChangedValue,
    Comparison,
    DriftVerdict,
    Tolerance,
    compare_texts,
    compare_values,
    path_text,
    severity,
    value_without,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .calls import JSON
    from .expectations.facts import ChangedFact  # noqa: TC004 - importing it costs a tenth of a second

# In the order in which a headline has them: deeds, words, then what they come from.
FIELDS = ("error_type", "tool_calls", "finish_reasons", "output_text")
CAUSES: dict[str, tuple[DriftVerdict, str]] = {
    "prompt_sha256": ("drifted", "the prompt changed"),
    "tools_sha256": ("drifted", "the tools changed"),
    "request_model": ("drifted", "another model was asked for: {before} -> {after}"),
    "response_model": ("within tolerance", "another model served: {before} -> {after}"),
}
SHOWN_REASONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """One field of one call that is not as it was."""

    verdict: DriftVerdict
    reason: str
    change: ChangedValue
    similarity: float | None = None
    facts: tuple[ChangedFact, ...] = ()


def compare_calls(before: JSON, after: JSON, tolerance: Tolerance) -> Comparison:
    """The verdict on two lists of calls: that of the field that changed for the worst."""
    before, after = (value_without(value, tolerance.ignore) for value in (before, after))
    old, new = _calls_in(before), _calls_in(after)
    if old is None or new is None:
        return compare_values(before, after, tolerance)
    if len(old) != len(new):
        change = ChangedValue(path=(), kind="value", before=len(old), after=len(new))
        reason = f"made {_counted(len(old))}, and makes {len(new)}"
        return Comparison(verdict="broken", reason=reason, changed_values=(change,))
    pairs = enumerate(zip(old, new, strict=True))
    findings = [one for place, (a, b) in pairs for one in _findings(place, a, b, tolerance)]
    if not findings:
        return Comparison(verdict="same", reason="are the same calls")
    return _summed(findings)


def _calls_in(value: JSON) -> list[dict[str, JSON]] | None:
    """The calls; `None` where somebody has edited them into something else."""
    calls = value if isinstance(value, list) else []
    found = [each for each in calls if isinstance(each, dict)]
    return found if found and len(found) == len(calls) else None


def _findings(place: int, before: dict[str, JSON], after: dict[str, JSON], tolerance: Tolerance) -> Iterator[_Finding]:
    others = [name for name in dict.fromkeys([*before, *after]) if name not in FIELDS and name not in CAUSES]
    for name in (*FIELDS, *others, *CAUSES):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        change = ChangedValue(path=(place, name), kind="value", before=old, after=new)
        if name in CAUSES:
            verdict, words = CAUSES[name]
            reason = words.format(before=old or "none", after=new or "none")
            yield _Finding(verdict=verdict, reason=reason, change=change)
        elif name == "output_text" and isinstance(old, str) and isinstance(new, str):
            yield _of_comparison(compare_texts(old, new, tolerance), change)
        elif name == "tool_calls" and _names(old) == _names(new):
            yield from _changed_arguments(change, tolerance)
        else:
            yield _Finding(verdict="broken", reason=_reason(change), change=change)


def _reason(change: ChangedValue) -> str:
    name = change.path[-1]
    before, after = change.before, change.after
    if name == "tool_calls":
        return f"other tools were called: {_listed(_names(before))} -> {_listed(_names(after))}"
    if name == "finish_reasons":
        return f"it finished otherwise: {_listed(before)} -> {_listed(after)}"
    if name == "error_type":
        return f"it failed otherwise: {before or 'no error'} -> {after or 'no error'}"
    return f"{path_text(change.path)} is {'gone' if after is None else 'new' if before is None else 'another'}"


def _changed_arguments(change: ChangedValue, tolerance: Tolerance) -> Iterator[_Finding]:
    facts_only = Tolerance(similarity=tolerance.similarity, facts=tolerance.facts)
    compared = compare_values(change.before, change.after, facts_only)
    for each in compared.changed_values:
        where = ChangedValue(path=(*change.path, *each.path), kind=each.kind, before=each.before, after=each.after)
        reason = f"{path_text(where.path)} is another argument"
        yield _Finding(verdict=compared.verdict, reason=reason, change=where, facts=compared.changed_facts)


def _of_comparison(compared: Comparison, change: ChangedValue) -> _Finding:
    return _Finding(
        verdict=compared.verdict,
        reason=f"{path_text(change.path)} {compared.reason}",
        change=change,
        similarity=compared.similarity,
        facts=compared.changed_facts,
    )


def _summed(findings: list[_Finding]) -> Comparison:
    ranked = sorted(findings, key=lambda one: (-severity(one.verdict), _rank(one)))
    reasons = list(dict.fromkeys(one.reason for one in ranked if one.verdict != "same"))
    scores = [one.similarity for one in ranked if one.similarity is not None]
    return Comparison(
        verdict=ranked[0].verdict,
        reason="; ".join(reasons[:SHOWN_REASONS]) or "are the same calls but for what is ignored",
        similarity=min(scores) if scores else None,
        changed_facts=tuple(dict.fromkeys(fact for one in ranked for fact in one.facts)),
        changed_values=tuple(one.change for one in ranked if one.verdict != "same"),
    )


def _rank(finding: _Finding) -> int:
    name = str(finding.change.path[1])
    order = (*FIELDS, *CAUSES)
    return order.index(name) if name in order else len(FIELDS)


def _names(calls: JSON) -> list[str]:
    return [str(one.get("name")) for one in calls if isinstance(one, dict)] if isinstance(calls, list) else []


def _listed(values: object) -> str:
    return (", ".join(map(str, values)) if isinstance(values, list) else "") or "none"


def _counted(number: int) -> str:
    return "one call" if number == 1 else f"{number} calls"
