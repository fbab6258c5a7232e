"""What the run did with model calls: the lines of the one terminal section, from plain facts that cross workers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

from pytest_llmwatch.spend import spent_text

from . import run_cost
from .run_cost import RunCost
from .snapshot_lines import snapshot_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmwatch.model_swap import SwapFacts
    from pytest_llmwatch.snapshot_notes import SnapshotFact

    from .drift_lines import DriftFacts, Tested

SHOWN_HOSTS = 5
SHOWN_REASONS = 3
SHOWN_CASSETTES = 3
Kind = Literal["replayed", "recorded", "partly recorded", "checked", "not checked", "not kept", "refused", "no calls"]
NO_MONEY = "no money left"


class Entry(TypedDict):
    """One test or wider fixture, as it travels on a report (JSON-safe).

    `made` counts what no earlier entry of the same test has; `write` is what happened to the cassette, `path` where.
    `refused_hosts` are the places that the guard kept the test from.
    `spent` is what the calls made cost in US dollars, as far as that is known, and `unpriced` has a reason for each
    call of which it is not.
    `redacted` are the kinds of secrets that recorded answers lost.
    `model_swap` is there in runs that ask other models than the code names.
    `snapshots` are the comparisons with approved outputs.
    `left_over` counts the recordings that a run which recorded what was missing did not ask for, and keeps.
    `is_stopped`: a limit of money kept calls from being made; another run with that limit would be kept from them too.
    `recorded_cost` and `recorded_unpriced` are the same of the calls that a replay was served, in runs with a limit.
    `unserved` are the recordings that a replay which passed did not ask for; `None` where nothing can be said.
    """

    test: str
    kind: Kind
    replayed: int
    made: int
    retries: int
    spent: str
    unpriced: list[str]
    write: str
    path: str
    is_fixture: bool
    error_statuses: list[int]
    refused_hosts: list[str]
    redacted: list[str]
    unserved: list[int] | None
    snapshots: NotRequired[list[SnapshotFact]]
    is_stopped: NotRequired[bool]
    left_over: NotRequired[int]
    recorded_cost: NotRequired[str]
    recorded_unpriced: NotRequired[list[str]]
    model_swap: NotRequired[SwapFacts]
    drift: NotRequired[DriftFacts | None]


def tested(entries: Iterable[Entry]) -> list[Tested]:
    """The tests and fixtures whose answers were compared, each once: of a test that ran again, the last run counts."""
    tests = {entry["test"]: entry for entry in entries if not entry["is_fixture"]}
    fixtures = _merged(entry for entry in entries if entry["is_fixture"])
    return [
        {"test": one["test"], "is_fixture": one["is_fixture"], "drift": drift}
        for one in [*tests.values(), *fixtures]
        if (drift := one.get("drift")) is not None
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The entries of a run, the command that records what failed, and its cost where that has a limit."""

    entries: tuple[Entry, ...]
    command: str
    cost: RunCost | None = None


def kind_of(
    *, replayed: int, made: int, refused: bool, is_kept: bool, is_check: bool = False, is_stopped: bool = False
) -> Kind:
    """A test in one word."""
    if is_check and is_stopped:
        return "not checked"
    if refused:
        return "refused"
    if is_check:
        return "checked" if made or replayed else "no calls"
    if made and not is_kept:
        return "not kept"
    if made:
        return "partly recorded" if replayed else "recorded"
    return "replayed" if replayed else "no calls"


def verdict_of(kind: Kind, *, replayed: int, made: int) -> str | None:
    """A test in a few words, as they stand behind pytest's own; `None` for one that called no model."""
    counts = {
        "replayed": f" {replayed}",
        "recorded": f" {made}",
        "checked": f" {made}",
        "not checked": f": {NO_MONEY}",
        "partly recorded": f" {made} of {replayed + made}",
    }
    return None if kind == "no calls" else kind + counts.get(kind, "")


def lines_of(summary: Summary) -> list[str]:
    """The section's lines; none for a run that made no model call and wrote nothing."""
    busy = [entry for entry in summary.entries if _is_busy(entry)]
    if not busy:
        return []
    entries = [entry for entry in busy if not entry["is_fixture"]]
    fixtures = _merged([entry for entry in busy if entry["is_fixture"]])
    lines = _kinds("test", entries) + _kinds("fixture", fixtures)
    if any(entry["kind"] != "no calls" or entry["write"] != "leave" for entry in busy):
        lines.append(_calls([*entries, *fixtures]))
    lines += _money([*entries, *fixtures], summary.cost)
    lines += _swaps(summary.entries)
    lines += snapshot_lines(busy)
    lines += _writes(busy)
    lines += _advice(summary)
    return lines


def _is_busy(entry: Entry) -> bool:
    return entry["kind"] != "no calls" or entry["write"] != "leave" or bool(entry.get("snapshots"))


def refused_in(entries: Iterable[Entry]) -> list[Entry]:
    """The tests and fixtures whose refused calls another run would make: not those for which the money did not do."""
    refused = [entry for entry in entries if entry["kind"] == "refused" and not entry["refused_hosts"]]
    return [entry for entry in refused if "is_stopped" not in entry]


def _merged(entries: Iterable[Entry]) -> list[Entry]:
    """Each fixture once, however many workers set it up or tore it down.

    A live call is made by one worker, and what the others replay of it says nothing new.
    """
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry["test"], []).append(entry)
    return [_one_of(group) for group in groups.values()]


def _one_of(group: list[Entry]) -> Entry:
    made = sum(entry["made"] for entry in group)
    replayed = 0 if made else max(entry["replayed"] for entry in group)
    kinds = {entry["kind"] for entry in group}
    is_kept, is_check = "not kept" not in kinds, "checked" in kinds
    kind = kind_of(
        replayed=replayed,
        made=made,
        refused="refused" in kinds,
        is_kept=is_kept,
        is_check=is_check or "not checked" in kinds,
        is_stopped="not checked" in kinds,
    )
    retries = max(entry["retries"] for entry in group)
    return {
        **group[0],
        "kind": kind,
        "made": made,
        "replayed": replayed,
        "retries": retries,
        "spent": f"{_spent(group):f}",
        "unpriced": [reason for entry in group for reason in entry["unpriced"]],
        "drift": next((drift for entry in reversed(group) if (drift := entry.get("drift")) is not None), None),
    }


def _kinds(noun: str, entries: Iterable[Entry]) -> list[str]:
    counts = Counter(entry["kind"] for entry in entries)
    kinds: list[Kind] = ["replayed", "recorded", "partly recorded", "checked", "not checked", "not kept", "refused"]
    more = {"not checked": f" ({NO_MONEY})"}
    named = [f"{counts[kind]} {kind}{more.get(kind, '')}" for kind in kinds if counts[kind]]
    return [f"{noun}s: {', '.join(named)}"] if named else []


def _calls(entries: Iterable[Entry]) -> str:
    replayed = sum(entry["replayed"] for entry in entries)
    made = sum(entry["made"] for entry in entries)
    retries = sum(entry["retries"] for entry in entries)
    parts = [f"{replayed} replayed"] if replayed else []
    parts += [f"{_count(made, 'live request')}"] if made else []
    parts += [f"{_count(retries, 'retry', 'retries')} in the recordings"] if retries else []
    return f"calls: {', '.join(parts) or 'none answered'}"


def _money(entries: list[Entry], cost: RunCost | None) -> list[str]:
    """What the live calls cost, and why that of some is not known; of how much, where the run has a limit."""
    limited = [] if cost is None else run_cost.lines_of(cost)
    if not sum(entry["made"] for entry in entries):
        return limited
    reasons = Counter(reason for entry in entries for reason in entry["unpriced"])
    shown = [f"no price: {reason}" for reason, _times in reasons.most_common(SHOWN_REASONS)]
    left = len(reasons) - len(shown)
    rest = [f"no price: {_count(left, 'other reason')}"] if left else []
    spent = limited or [spent_text(_spent(entries), unpriced=reasons.total())]
    return [*spent, *shown, *rest]


def _spent(entries: Iterable[Entry]) -> Decimal:
    return sum((Decimal(entry["spent"]) for entry in entries), Decimal(0))


def _swaps(entries: Iterable[Entry]) -> list[str]:
    """Which models were asked in place of others; the parts of a fixture count together."""
    facts: dict[str, list[SwapFacts]] = {}
    for entry in entries:
        if "model_swap" in entry:
            facts.setdefault(entry["test"], []).append(entry["model_swap"])
    if not facts:
        return []
    from .model_swap import swap_lines

    return swap_lines(facts)


def _writes(entries: Sequence[Entry]) -> list[str]:
    gone = "removed (the test makes no model call any more)"
    words = {"replace": "written", "remove": gone, "keep beside": "pending"}
    lines = []
    for write, word in words.items():
        paths = _paths(entries, write)
        if write == "replace" and paths:
            lines.append(f"{_count(len(paths), 'cassette')} written")
        else:
            lines += [f"{word}: {path}" for path in paths]
    return lines


def _paths(entries: Iterable[Entry], write: str) -> list[str]:
    """The files to which that happened; the pending file of a test that passed when it ran again is gone."""
    paths = sorted({entry["path"] for entry in entries if entry["write"] == write})
    written = {entry["path"].removesuffix(".yaml") for entry in entries if entry["write"] == "replace"}
    return [path for path in paths if path.removesuffix(".pending.yaml") not in written]


def _left_over(entries: Iterable[Entry]) -> list[str]:
    """The cassettes with recordings that only recording all anew removes: after a request changed, its old answer."""
    left = {entry["path"]: entry["left_over"] for entry in entries if entry.get("left_over")}
    if not left:
        return []
    keeps = "cassette keeps" if len(left) == 1 else "cassettes keep"
    calls = "a recording" if sum(left.values()) == 1 else "recordings"
    paths = ", ".join([*sorted(left)[:SHOWN_CASSETTES], *(["…"] if len(left) > SHOWN_CASSETTES else [])])
    return [f"{len(left)} {keeps} {calls} that nobody asked for: {paths}; without them: --llm-record"]


def _advice(summary: Summary) -> list[str]:
    advice = [
        f"error answers were recorded ({', '.join(map(str, entry['error_statuses']))}): {entry['path']}"
        for entry in summary.entries
        if entry["error_statuses"] and entry["write"] == "replace"
    ]
    advice += [
        f"redacted in answers: {', '.join(entry['redacted'])} ({entry['path']})"
        for entry in summary.entries
        if entry["redacted"] and entry["write"] in ("replace", "keep beside")
    ]
    advice += _left_over(summary.entries)
    # A run with swaps is no replay: what it refused is not recorded by running it again.
    refused = [entry for entry in refused_in(summary.entries) if "model_swap" not in entry]
    hosts = sorted({host for entry in summary.entries for host in entry["refused_hosts"]})
    if refused:
        what = "To check" if "--llm-check" in summary.command else "To record"
        advice.append(f"{what} what was refused: {summary.command}")
    if hosts:
        named = ", ".join(hosts[:SHOWN_HOSTS]) + (" …" if len(hosts) > SHOWN_HOSTS else "")
        advice.append(f"Refused by the guard: {named} (llm_passthrough_hosts lets a host pass)")
    if _paths(summary.entries, "keep beside"):
        advice.append("Pending: the test did not pass. A pending file answers nothing, and no cassette was changed.")
        advice.append("Mend the test and record it again, or look at what was recorded: pytest-llmwatch review")
    return advice


def _count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
