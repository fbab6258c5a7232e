"""`accept` and `review` killed at any moment: every baseline is the old or the new one, cassette and snapshots alike.

`LLMWATCH_REVIEW_KILLS=5` goes through all kinds of moments five times; the default keeps the suite quick.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest
from aimed_kills import aims, half_written, kill_when

from pytest_llmwatch import candidates
from pytest_llmwatch.candidates import Candidate, Facts, candidate_path, hashes_of, keep, snapshot_beside
from pytest_llmwatch.cassette import Cassette, parse
from pytest_llmwatch.cassette_text import dump
from pytest_llmwatch.commands.waiting import waiting_in
from pytest_llmwatch.exchange import Exchange, Request, Response
from pytest_llmwatch.recording_key import recording_key
from pytest_llmwatch.snapshot_files import Snapshot, SnapshotFile
from pytest_llmwatch.snapshot_files import dump as dump_snapshots
from pytest_llmwatch.snapshot_files import parse as parse_snapshots

TIMES = int(os.environ.get("LLMWATCH_REVIEW_KILLS", "2"))
TESTS = 12
MOMENTS = [r"^\.test_\d+\.snap\.next$", r"\.yaml\..*\.tmp$"]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and pseudo-terminals")


def pair(number, age):
    """Cassette and snapshots of a test, old or new."""
    test = f"test_bot.py::test_{number}"
    request = Request(method="POST", uri="https://h/x", headers=(), body=b"{}")
    answer = f"{age} answer of {number} " * 50
    exchange = Exchange(request=request, response=Response(status=200, headers=(), body=answer.encode()))
    snapshot = Snapshot(name="1", kind="text", text=answer, recording=recording_key([exchange]))
    return dump(Cassette(test=test, exchanges=(exchange,))), dump_snapshots(
        SnapshotFile(test=test, snapshots=(snapshot,))
    )


def place(root, number):
    path = root / f"cassettes/test_bot/test_{number}.yaml"
    return path, snapshot_beside(path)


def prepare(root):
    """Old baselines, and a new candidate for each."""
    (root / "pytest.ini").write_text("[pytest]\n")
    (root / "test_bot.py").write_text("".join(f"def test_{number}(): ...\n" for number in range(TESTS)))
    for number in range(TESTS):
        files = place(root, number)
        for path, text in zip(files, pair(number, "old"), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        facts = Facts(
            test=f"test_bot.py::test_{number}",
            cassette=candidates.way_to(root, files[0]),
            snapshot=candidates.way_to(root, files[1]),
            verdict="drifted",
            has_failed=False,
            was=hashes_of(files),
            now=(None, None),
        )
        cassette, snapshot = pair(number, "new")
        keep(
            Candidate(root=root, path=candidate_path(root, files[0]), facts=facts), cassette=cassette, snapshot=snapshot
        )


def fate(root, number):
    """Of the baseline of a test: `old`, `new`, `apart` or `broken`."""
    try:
        ages = {text.read_text() for text in place(root, number)}
    except OSError:
        return "broken"
    for age in ("old", "new"):
        if ages == set(pair(number, age)):
            return age
    return "apart"


def started(root, command):
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest_llmwatch", *command],
        cwd=root,
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.write(ours, b"A\n" * TESTS)
    return process, (ours, theirs)


def test_a_decision_killed_at_any_moment_leaves_each_baseline_old_or_new(tmp_path):
    fates, kills = Counter(), 0
    for kill, aim in enumerate([*aims(MOMENTS, TESTS)] * TIMES):
        root = tmp_path / str(kill)
        root.mkdir()
        prepare(root)
        process, terminal = started(root, ["accept", "--all"] if kill % 2 else ["review"])
        kills += kill_when(process, process.kill, {path.parent for path in place(root, 0)}, aim)
        fates["in the middle"] += bool(half_written(root))
        for end in terminal:
            os.close(end)

        left = waiting_in(root)  # puts together what was between its two files
        fates.update(fate(root, number) for number in range(TESTS))
        for number in range(TESTS):
            cassette, snapshots = (path.read_text() for path in place(root, number))
            assert parse(cassette, "").exchanges
            assert parse_snapshots(snapshots, "").snapshots
        assert {one.test for one in left} == {
            f"test_bot.py::test_{number}" for number in range(TESTS) if fate(root, number) == "old"
        }
        assert list(root.rglob(".*.next")) == []
    print(f"{kills} kills: {dict(fates)}")

    assert set(fates) <= {"old", "new", "in the middle"}
    assert min(fates["old"], fates["new"], fates["in the middle"], kills) > 0
