"""What the run did with model calls: the lines of the one terminal section, from plain facts that cross workers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind = Literal["replayed", "recorded", "partly recorded", "refused", "no calls"]


class Entry(TypedDict):
    """One test or wider fixture, as it travels on a report (JSON-safe).

    `write` is what happened to the cassette; `path` is where, relative to the root.
    """

    test: str
    kind: Kind
    replayed: int
    made: int
    retries: int
    write: str
    path: str
    missing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The entries of a run, and how to record."""

    entries: tuple[Entry, ...]
    flag: str


def kind_of(*, replayed: int, made: int, refused: int) -> Kind:
    """A test in one word."""
    if refused:
        return "refused"
    if made:
        return "partly recorded" if replayed else "recorded"
    return "replayed" if replayed else "no calls"


def lines_of(summary: Summary) -> list[str]:
    """The section's lines; none for a run that made no model call and wrote nothing."""
    entries = summary.entries
    busy = [entry for entry in entries if entry["kind"] != "no calls" or entry["write"] != "leave"]
    if not busy:
        return []
    counts = Counter(entry["kind"] for entry in busy)
    kinds: list[Kind] = ["replayed", "recorded", "partly recorded", "refused"]
    named = [f"{counts[kind]} {kind}" for kind in kinds if counts[kind]]
    lines = [", ".join(named)] if named else []
    lines.append(_calls(entries))
    lines += _writes(entries)
    lines += _advice(summary)
    return lines


def _calls(entries: Iterable[Entry]) -> str:
    replayed = sum(entry["replayed"] for entry in entries)
    made = sum(entry["made"] for entry in entries)
    retries = sum(entry["retries"] for entry in entries)
    parts = [f"{_count(replayed, 'call')} replayed"] if replayed else []
    parts += [f"{_count(made, 'live request')}"] if made else []
    parts += [f"{_count(retries, 'retry', 'retries')} in the recordings"] if retries else []
    return ", ".join(parts) or "no calls were answered"


def _writes(entries: Iterable[Entry]) -> list[str]:
    gone = "removed (the test makes no model call any more)"
    words = {"replace": "written", "remove": gone, "keep beside": "pending"}
    lines = []
    for write, word in words.items():
        paths = sorted({entry["path"] for entry in entries if entry["write"] == write})
        if write == "replace" and paths:
            lines.append(f"{_count(len(paths), 'cassette')} written")
        else:
            lines += [f"{word}: {path}" for path in paths]
    return lines


def _advice(summary: Summary) -> list[str]:
    advice = []
    refused = sorted(entry["test"] for entry in summary.entries if entry["kind"] == "refused")
    pending = [entry for entry in summary.entries if entry["write"] == "keep beside"]
    if refused:
        advice.append(f"To record what was refused: pytest --lf {summary.flag}")
    if pending:
        advice.append("The tests of pending recordings did not pass; their cassettes were left as they were.")
    return advice


def _count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
