"""What becomes of a recording: which file is written when, and what the report says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import store
from .candidates import candidate_path, drop
from .cassette import Cassette
from .errors import ConnectionNotAllowed, ReplayRefusal
from .live_limits import recorded_spend
from .reports.guard_page import address_of
from .reports.summary import Entry, kind_of
from .spend import spend_of
from .write_policy import Write, decide

if TYPE_CHECKING:
    from pathlib import Path

    from .scope import Scope
    from .watch import Watch


def write(watch: Watch, scope: Scope) -> Entry:
    """Do with a recording what the policy says, and tell what was done.

    Raises:
        OSError: the disk refuses.
    """
    if watch.mode == "check":
        from .checking import settled

        return settled(watch, scope)
    recording = scope.recording
    decision = decide(mode=recording.mode, exists=scope.exists, made=recording.made, outcome=scope.outcome)
    if decision == "remove" and recording.unfinished:
        decision = "leave"  # the test does call a model
    if decision == "replace" and recording.mode == "record" and scope.baseline is not None:
        from .drifting import note_drift

        note_drift(scope)
    text = text_of(scope) if decision in ("replace", "keep beside") else None
    if scope.snapshots is not None:
        from .snapshot_writes import write_with

        write_with(scope, scope.snapshots, decision, text)
    elif decision == "replace" and text is not None:
        store.remove_leftovers(scope.path)
        store.write_text(scope.path, text)
    elif decision == "remove":
        store.remove(scope.path)
    if decision == "keep beside" and text is not None:
        store.write_text(store.pending_path(scope.path), text)
    if decision in ("replace", "remove"):
        store.remove(store.pending_path(scope.path))
        drop(watch.config.rootpath, candidate_path(watch.config.rootpath, scope.path))
    scope.written = recording.made
    path = store.pending_path(scope.path) if decision == "keep beside" else scope.path
    return entry_of(watch, scope, decision, path)


def text_of(scope: Scope) -> str:
    """The text of the cassette that a recording would become."""
    from .cassette_text import dump
    from .recorded_facts import recorded_facts

    facts = recorded_facts(scope.path.parent)
    cassette = Cassette(test=scope.recording.test, exchanges=scope.recording.exchanges, recorded=facts)
    return dump(cassette, scope.recording.decode, scope.recording.price)


def entry_of(watch: Watch, scope: Scope, decision: Write, path: Path) -> Entry:
    """What a recording did, as it travels on a report."""
    recording = scope.recording
    replayed, made, refused = recording.replayed, recording.made - scope.told, bool(recording.refusals)
    scope.told += made
    spent = spend_of(recording.made_calls[scope.spends_told :] if made else ())
    scope.spends_told += spent.calls
    entry = Entry(
        test=recording.test,
        kind=kind_of(
            replayed=replayed,
            made=made,
            refused=refused,
            is_kept=decision != "keep beside",
            is_check=watch.mode == "check",
            is_stopped=recording.is_stopped,
        ),
        replayed=replayed,
        made=made,
        retries=recording.retries,
        spent=f"{spent.known_cost:f}",
        unpriced=[each.reason for each in spent.unpriced],
        write=decision,
        path=watch.shown(path),
        is_fixture=scope.is_fixture,
        error_statuses=recording.error_statuses,
        refused_hosts=sorted({address_of(one.host, one.port) for one in _connections(recording.refusals)}),
        redacted=recording.redacted_answers,
        unserved=recording.unserved if recording.mode == "replay" and scope.outcome == "passed" else None,
        drift=scope.drift,
    )
    if scope.snapshots is not None:
        entry["snapshots"] = scope.snapshots.facts()
    if recording.mode == "new" and scope.outcome == "passed" and not scope.is_fixture:
        entry["left_over"] = len(recording.unserved)
    if recording.is_stopped:
        entry["is_stopped"] = True
    recorded = recorded_spend(watch.config, recording)
    if recorded is not None:
        entry["recorded_cost"], entry["recorded_unpriced"] = recorded
    if watch.swapper is not None:
        entry["model_swap"] = watch.swapper.facts_of(recording.test)
    return entry


def _connections(refusals: list[ReplayRefusal]) -> list[ConnectionNotAllowed]:
    return [one for one in refusals if isinstance(one, ConnectionNotAllowed)]
