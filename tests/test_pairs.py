"""A cassette and its snapshots stay together, wherever a run is killed."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_llmwatch import pairs, store
from pytest_llmwatch.cassette import Cassette, parse
from pytest_llmwatch.cassette_text import dump as dump_cassette
from pytest_llmwatch.drift.verdicts import Tolerance
from pytest_llmwatch.exchange import Exchange, Request, Response
from pytest_llmwatch.recording_key import recording_key
from pytest_llmwatch.snapshot import SnapshotRun
from pytest_llmwatch.snapshot_files import Snapshot, SnapshotFile, with_snapshots
from pytest_llmwatch.snapshot_files import dump as dump_snapshots
from pytest_llmwatch.snapshot_files import parse as parse_snapshots


def exchange(answer, *, request_id="a"):
    body = f'{{"id": "{request_id}", "model": "m", "choices": [{{"message": {{"content": "{answer}"}}}}]}}'.encode()
    json = (("content-type", "application/json"),)
    return Exchange(
        request=Request(
            method="POST",
            uri="https://api.openai.com/v1/chat/completions",
            headers=json,
            body=b'{"model": "m", "messages": []}',
        ),
        response=Response(status=200, headers=(*json, ("x-request-id", request_id)), body=body),
    )


def texts_of(answer):
    exchanges = (exchange(answer),)
    snapshot = Snapshot(name="1", kind="text", text=answer, recording=recording_key(exchanges))
    cassette = dump_cassette(Cassette(test="t.py::test_x", exchanges=exchanges))
    return cassette, dump_snapshots(SnapshotFile(test="t.py::test_x", snapshots=(snapshot,)))


@pytest.fixture
def pair(tmp_path):
    cassette, snapshots = tmp_path / "cassettes" / "x.yaml", tmp_path / "snapshots" / "x.snap"
    old = texts_of("old")
    pairs.write_pair(cassette=cassette, cassette_text=old[0], snapshots=snapshots, snapshots_text=old[1])
    return cassette, snapshots


def repaired(cassette, snapshots):
    return pairs.repair(snapshots, cassette)


def test_a_key_outlives_the_file_and_new_ids():
    (read,) = parse(texts_of("old")[0], "x").exchanges

    assert recording_key([read]) == recording_key([exchange("old", request_id="b")])
    assert recording_key([read]) != recording_key([exchange("new")])
    assert recording_key([]) is None


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_after_any_step_both_are_old_or_both_are_new(pair, steps):
    cassette, snapshots = pair
    new = texts_of("new")
    if steps > 0:
        store.write_text(pairs.next_path(snapshots), new[1])
    if steps > 1:
        store.write_text(cassette, new[0])
    if steps > 2:
        store.move(pairs.next_path(snapshots), snapshots)

    assert repaired(cassette, snapshots) == (steps == 2)
    assert (cassette.read_text(), snapshots.read_text()) == (new if steps > 1 else texts_of("old"))
    assert not pairs.next_path(snapshots).exists()


@pytest.mark.parametrize("is_cassette_new", [False, True])
def test_a_snapshot_that_stayed_as_it_was_says_nothing_of_what_waits(pair, is_cassette_new):
    cassette, snapshots = pair
    stays = replace(parse_snapshots(snapshots.read_text(), "x").snapshots[0], name="stays")
    new_cassette, new_text = texts_of("new")
    old, new = (
        dump_snapshots(with_snapshots(parse_snapshots(text, "x"), [stays]))
        for text in (snapshots.read_text(), new_text)
    )
    store.write_text(snapshots, old)
    store.write_text(pairs.next_path(snapshots), new)
    if is_cassette_new:
        store.write_text(cassette, new_cassette)

    assert repaired(cassette, snapshots) == is_cassette_new
    assert snapshots.read_text() == (new if is_cassette_new else old)


@pytest.fixture
def elsewhere():
    """A folder of another file system than that of temporary folders."""
    memory = Path("/dev/shm")  # noqa: S108 - a file system that is always there on Linux
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == Path(tempfile.gettempdir()).stat().st_dev:
        pytest.skip("there is one file system")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_snapshots_behind_a_link_to_another_file_system_are_written_and_repaired_there(pair, elsewhere):
    cassette, snapshots = pair
    target = elsewhere / "kept.snap"
    target.write_text(snapshots.read_text())
    snapshots.unlink()
    snapshots.symlink_to(target)
    new, newer = texts_of("new"), texts_of("newer")

    pairs.write_pair(cassette=cassette, cassette_text=new[0], snapshots=snapshots, snapshots_text=new[1])
    assert (cassette.read_text(), target.read_text(), snapshots.is_symlink()) == (*new, True)

    store.write_text(pairs.next_path(snapshots), newer[1])
    store.write_text(cassette, newer[0])
    run = SnapshotRun(has_passed=lambda _test: True, tolerance=Tolerance())
    assert run.is_half_done(snapshots)
    assert repaired(cassette, snapshots)
    assert (target.read_text(), snapshots.is_symlink()) == (newer[1], True)
    assert [path.name for path in elsewhere.iterdir()] == ["kept.snap"]


def test_what_waits_and_cannot_be_read_is_dropped(pair):
    cassette, snapshots = pair
    pairs.next_path(snapshots).write_text("torn")

    assert not repaired(cassette, snapshots)
    assert (cassette.read_text(), snapshots.read_text()) == texts_of("old")
    assert not pairs.next_path(snapshots).exists()


def test_both_files_go_together(pair):
    cassette, snapshots = pair
    pairs.write_pair(cassette=cassette, cassette_text=None, snapshots=snapshots, snapshots_text=None)

    assert not cassette.exists()
    assert not snapshots.exists()
