"""A cassette and its snapshots stay together, wherever a run is killed."""

from dataclasses import replace

import pytest

from pytest_llmwatch import pairs, store
from pytest_llmwatch.cassette import Cassette, parse
from pytest_llmwatch.cassette_text import dump as dump_cassette
from pytest_llmwatch.exchange import Exchange, Request, Response
from pytest_llmwatch.recording_key import recording_key
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
    key = recording_key(parse(cassette.read_text(), str(cassette)).exchanges) if cassette.exists() else None
    return pairs.repair(snapshots, lambda: key)


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
