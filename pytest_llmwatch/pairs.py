"""A cassette and its snapshots on the disk: replaced together, and put together again after a crash between the two.

The snapshots are written first, under a hidden name, then the cassette takes its place, then they take theirs. Whoever
finds the hidden file knows by the key of the recording in it which of the two came last. Whoever writes or repairs a
pair is alone in the folder of its snapshots meanwhile.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from . import store
from .cassette import parse as parse_cassette
from .errors import UnreadableCassette, UnreadableSnapshot
from .locks import alone_in
from .recording_key import recording_key
from .snapshot_files import parse

if TYPE_CHECKING:
    from pathlib import Path

    from .snapshot_files import Snapshot

NEXT = ".next"


def next_path(snapshots: Path) -> Path:
    """Where snapshots wait for their cassette to be in its place: beside the file itself, where the path is a link."""
    snapshots = store.target_of(snapshots)
    return snapshots.with_name(waiting_name(snapshots.name))


def waiting_name(name: str) -> str:
    """What a file of snapshots is called while it waits."""
    return f".{name}{NEXT}"


def write_pair(*, cassette: Path, cassette_text: str | None, snapshots: Path, snapshots_text: str | None) -> None:
    """Replace both files, or neither; `None` takes a file away.

    Killed at any moment it leaves both old, both new, or what `repair` makes both new.

    Raises:
        OSError: the disk refuses; the message has the path.
    """
    with contextlib.suppress(OSError):  # whoever writes will say so
        snapshots.parent.mkdir(parents=True, exist_ok=True)
    with alone_in(snapshots.parent):
        replace_pair(cassette, cassette_text, snapshots, snapshots_text)


def replace_pair(cassette: Path, cassette_text: str | None, snapshots: Path, snapshots_text: str | None) -> None:
    """`write_pair`, for whoever is alone already."""
    waiting = next_path(snapshots)
    for path in (cassette, snapshots, waiting):
        store.remove_leftovers(path)
    if snapshots_text is not None:
        _write_waiting(waiting, snapshots_text, snapshots)
    if cassette_text is None:
        store.remove(cassette)
    else:
        store.write_text(cassette, cassette_text)
    if snapshots_text is None:
        store.remove(snapshots)
    else:
        store.move(waiting, snapshots)


def _write_waiting(waiting: Path, text: str, snapshots: Path) -> None:
    try:
        store.write_text(waiting, text)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(snapshots)) from error  # nobody knows the hidden name


def repair(snapshots: Path, cassette: Path) -> bool:
    """Finish what a killed run has left half done; whether the snapshots are others now."""
    waiting = next_path(snapshots)
    if not waiting.exists():
        return False
    with alone_in(snapshots.parent):
        return _repair(waiting, snapshots, cassette)


def _repair(waiting: Path, snapshots: Path, cassette: Path) -> bool:
    try:
        text = store.read_text(waiting)
        if text is None:
            return False
        key = key_at(cassette)
        # One that stayed as it was has the key of before.
        fresh = set(parse(text, str(waiting)).snapshots).difference(snapshots_at(snapshots) or ())
        belongs = any(one.recording == key for one in fresh)
    except UnreadableSnapshot:
        belongs = False
    if belongs:
        store.move(waiting, snapshots)
    else:
        store.remove(waiting)
    return belongs


def key_at(cassette: Path) -> str | None:
    """The key of the recording on the disk; `None` where there is none that can be read."""
    try:
        text = store.read_text(cassette)
        return None if text is None else recording_key(parse_cassette(text, str(cassette)).exchanges)
    except UnreadableCassette:
        return None


def snapshots_at(path: Path) -> tuple[Snapshot, ...] | None:
    """The snapshots on the disk; `None` where they cannot be read."""
    try:
        text = store.read_text(path)
        return () if text is None else parse(text, str(path)).snapshots
    except (UnreadableCassette, UnreadableSnapshot):
        return None
