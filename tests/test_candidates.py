"""Candidates on the disk, and what a command line means by a name."""

import json

import pytest

from pytest_llmwatch import candidates
from pytest_llmwatch.candidates import Candidate, Facts, candidate_path, facts_path, hashes_of, keep, snapshot_beside
from pytest_llmwatch.cassette import Cassette
from pytest_llmwatch.cassette_text import dump
from pytest_llmwatch.commands import approval
from pytest_llmwatch.commands.waiting import UnknownName, chosen, waiting_in
from pytest_llmwatch.errors import UnreadableCandidate
from pytest_llmwatch.exchange import Exchange, Request, Response
from pytest_llmwatch.pairs import next_path
from pytest_llmwatch.recording_key import recording_key
from pytest_llmwatch.snapshot_files import Snapshot, SnapshotFile
from pytest_llmwatch.snapshot_files import dump as dump_snapshots

TEST = "tests/test_bot.py::test_refund"
CASSETTE = "tests/cassettes/test_bot/test_refund.yaml"


def text(number, at="2026-01-01T00:00:00Z"):
    return dump(Cassette(test=TEST, recorded={"at": at, "number": number}))


def snapshots(output):
    return dump_snapshots(SnapshotFile(test=TEST, snapshots=(Snapshot(name="1", kind="text", text=output),)))


@pytest.fixture
def root(tmp_path, monkeypatch):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_bot.py").write_text("def test_refund(): ...\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def kept(root, *, test=TEST, cassette=CASSETTE, text_now=None, snapshot=None, has_failed=False):
    baseline = root / cassette
    facts = Facts(
        test=test,
        cassette=cassette,
        snapshot=candidates.way_to(root, snapshot_beside(baseline)),
        verdict="drifted",
        has_failed=has_failed,
        was=hashes_of((baseline, snapshot_beside(baseline))),
        now=(None, None),
    )
    candidate = Candidate(root=root, path=candidate_path(root, baseline), facts=facts)
    keep(candidate, cassette=text_now or text(2), snapshot=snapshot)
    return candidates.read(root, facts_path(candidate.path))


def test_a_candidate_lies_at_the_path_of_its_baseline_out_of_version_control(root):
    candidate = kept(root, snapshot="new")

    assert candidate.path == root / ".llmwatch/candidates" / CASSETTE
    assert candidate.files[1] == root / ".llmwatch/candidates/tests/__snapshots__/test_bot/test_refund.snap"
    assert (root / ".llmwatch/.gitignore").read_text() == "*\n"
    assert candidate.is_whole
    assert not candidate.is_outdated


def test_a_cassette_outside_of_the_root_has_a_candidate_inside(root):
    assert candidate_path(root / "sub", root / "other/x.yaml") == root / "sub/.llmwatch/candidates/_above/other/x.yaml"


def test_accept_replaces_cassette_and_snapshot_and_leaves_nothing_behind(root):
    write(root / CASSETTE, text(1))
    snapshot = write(snapshot_beside(root / CASSETTE), snapshots("old"))
    kept(root, snapshot=snapshots("new"))

    said = approval.accept(waiting_in(root)[0], root, force=False)

    assert (root / CASSETTE).read_text() == text(2)
    assert snapshot.read_text() == snapshots("new")
    assert CASSETTE in said
    assert waiting_in(root) == []
    assert [path.name for path in (root / ".llmwatch").iterdir()] == [".gitignore"]


def test_a_baseline_that_changed_since_is_not_replaced_unless_by_force(root):
    baseline = write(root / CASSETTE, text(1))
    kept(root)
    baseline.write_text(text(3))

    with pytest.raises(approval.Refused, match="has changed since the check"):
        approval.accept(waiting_in(root)[0], root, force=False)
    assert baseline.read_text() == text(3)

    approval.accept(waiting_in(root)[0], root, force=True)
    assert baseline.read_text() == text(2)


def test_a_candidate_of_a_test_that_is_gone_is_not_taken_over(root):
    kept(root)
    (root / "tests/test_bot.py").unlink()

    with pytest.raises(approval.Refused, match=r"its test is gone: there is no tests/test_bot\.py"):
        approval.accept(waiting_in(root)[0], root, force=False)

    assert not (root / CASSETTE).exists()


@pytest.mark.parametrize("force", [False, True])
def test_a_damaged_candidate_is_never_taken_over(root, force):
    baseline = write(root / CASSETTE, text(1))
    candidate = kept(root)
    candidate.path.write_text(text(2)[:-10])

    with pytest.raises(approval.Refused):
        approval.accept(waiting_in(root)[0], root, force=force)

    assert baseline.read_text() == text(1)


@pytest.mark.parametrize(
    "change",
    [
        lambda _facts: "{",
        lambda _facts: "[]",
        lambda facts: json.dumps(facts | {"test": 1}),
        lambda facts: json.dumps(facts | {"was": "x"}),
        lambda facts: json.dumps(facts | {"llmwatch_candidate": 2}),
        lambda facts: json.dumps(facts | {"cassette": "tests/test_bot.py"}),
        lambda facts: json.dumps(facts | {"snapshot": "tests/test_bot.py"}),
        lambda facts: json.dumps(facts | {"snapshot": "tests/test_bot/test_refund.sh"}),
        lambda facts: json.dumps(facts | {"snapshot": "tests/test_refund.snap"}),
        lambda facts: json.dumps(facts | {"models": ["gpt-5"]}),
        lambda facts: json.dumps(facts | {"models": {"gpt-5": 5}}),
        lambda facts: json.dumps(facts | {"was": [1, None]}),
        lambda facts: json.dumps(facts | {"unknown": 1}),
        lambda _facts: "\0" * 10,
    ],
)
def test_facts_that_make_no_sense_are_named_and_can_be_rejected(root, change):
    candidate = kept(root)
    path = facts_path(candidate.path)
    path.write_text(change(json.loads(path.read_text())))

    with pytest.raises(UnreadableCandidate, match=r"test_refund\.candidate\.json"):
        candidates.read(root, path)
    (damaged,) = waiting_in(root)
    with pytest.raises(approval.Refused):
        approval.accept(damaged, root, force=True)
    approval.reject(damaged, root)
    assert waiting_in(root) == []


@pytest.mark.parametrize("cassette", ["mkdocs.yaml", ".github/workflows/release.yaml", "../../x/.bashrc.yaml"])
def test_a_candidate_from_elsewhere_replaces_nothing_but_recordings(root, cassette):
    candidate = kept(root)
    facts = json.loads(facts_path(candidate.path).read_text())
    target = root / cassette
    strange = candidate_path(root, target)
    write(strange, text(2))
    path = write(facts_path(strange), json.dumps(facts | {"cassette": cassette, "snapshot": cassette[:-5]}))

    with pytest.raises(UnreadableCandidate, match="where no candidate"):
        candidates.read(root, path)


def test_what_a_killed_accept_has_taken_over_does_not_wait_any_more(root):
    candidate = kept(root)
    write(root / CASSETTE, text(2))

    assert waiting_in(root) == []
    assert not candidate.path.exists()


def test_an_accept_killed_between_cassette_and_snapshots_is_finished_by_whoever_looks_next(root):
    write(root / CASSETTE, text(1))
    target = write(snapshot_beside(root / CASSETTE), snapshots("old"))
    answer = Response(status=200, headers=(), body=b"new")
    exchange = Exchange(request=Request(method="POST", uri="https://h/x"), response=answer)
    new = dump(Cassette(test=TEST, exchanges=(exchange,)))
    approved = Snapshot(name="1", kind="text", text="new", recording=recording_key([exchange]))
    kept(root, text_now=new, snapshot=dump_snapshots(SnapshotFile(test=TEST, snapshots=(approved,))))

    (root / CASSETTE).write_text(new)
    write(next_path(target), dump_snapshots(SnapshotFile(test=TEST, snapshots=(approved,))))

    assert waiting_in(root) == []
    assert "new" in target.read_text()
    assert not next_path(target).exists()


def test_a_candidate_for_a_file_above_the_root_is_taken_over_by_force_alone(root, monkeypatch):
    inner, test, cassette = root / "inner", f"../{TEST}", f"../{CASSETTE}"
    write(inner / "pytest.ini", "[pytest]\n")
    monkeypatch.chdir(inner)
    kept(inner, test=test, cassette=cassette)
    (waiting,) = waiting_in(inner)

    assert not approval.is_ready(waiting, inner)
    with pytest.raises(approval.Refused, match=r"not below the root(?s:.*)accept \.\./tests/test_bot\.py::.* --force"):
        approval.accept(waiting, inner, force=False)
    assert not (root / CASSETTE).exists()

    approval.accept(waiting, inner, force=True)
    assert (root / CASSETTE).read_text() == text(2)


def test_a_pending_recording_becomes_the_cassette_unless_that_is_newer(root):
    pending = write(root / CASSETTE.replace(".yaml", ".pending.yaml"), text(2))
    (one,) = waiting_in(root)

    assert (one.kind, one.test, one.target) == ("pending", TEST, root / CASSETTE)
    approval.accept(one, root, force=False)
    assert (root / CASSETTE).read_text() == text(2)
    assert not pending.exists()

    write(pending, text(1, at="2025-12-31T00:00:00Z"))
    with pytest.raises(approval.Refused, match="was recorded after it"):
        approval.accept(waiting_in(root)[0], root, force=False)
    assert (root / CASSETTE).read_text() == text(2)


@pytest.mark.parametrize(
    "name, fit",
    [
        (TEST, "exact"),
        (f"./{TEST}", "exact"),
        (CASSETTE, "exact"),
        (f".llmwatch/candidates/{CASSETTE}", "exact"),
        ("tests/__snapshots__/test_bot/test_refund.snap", "exact"),
        ("tests/test_bot.py", "within"),
        ("tests", "within"),
        (".", "within"),
        (".llmwatch/candidates/tests", "within"),
        ("tests/test_bot.py::test_", None),
        ("tests/test_bot.py::test_refund[1]", None),
        ("elsewhere", None),
        ("test", None),
    ],
)
def test_a_name_is_a_test_a_file_or_a_folder(root, name, fit):
    kept(root)
    waiting = waiting_in(root)

    if fit is None:
        with pytest.raises(UnknownName, match=TEST):
            chosen(waiting, [name], root)
    else:
        assert [found for _one, found in chosen(waiting, [name], root)] == [fit]


def test_a_test_without_its_parameters_means_all_of_them(root):
    kept(root, test=f"{TEST}[1]", cassette="tests/cassettes/test_bot/test_refund[1].yaml")
    kept(root, test=f"{TEST}[2]", cassette="tests/cassettes/test_bot/test_refund[2].yaml")

    assert len(chosen(waiting_in(root), [TEST], root)) == 2
    assert len(chosen(waiting_in(root), [f"{TEST}[2]"], root)) == 1
