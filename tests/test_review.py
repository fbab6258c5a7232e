"""`pytest-llmwatch review`, `accept` and `reject`: what waits is decided on, one by one, by group or by name."""

import io
import json
import os
import pty
import select
import subprocess
import sys

import pytest
from asking_bot import BOT

from pytest_llmwatch import candidates
from pytest_llmwatch.candidates import Candidate, Facts, candidate_path, hashes_of, keep, snapshot_beside
from pytest_llmwatch.cassette import Cassette, parse
from pytest_llmwatch.cassette_text import dump
from pytest_llmwatch.cli import main
from pytest_llmwatch.commands.review import review
from pytest_llmwatch.exchange import Exchange, Request, Response

RECORDED = {"at": "2026-11-01T10:00:00Z", "commit": "1a2b3c4d5e6f"}
JSON = (("content-type", "application/json"),)


def asked(question, answer, model="gpt-5-mini-2025-08-07"):
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": question}]}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}}
    reply = {"model": model, "choices": [choice], "usage": {"prompt_tokens": 10, "completion_tokens": 5}}
    uri = "http://127.0.0.1:8000/v1/chat/completions"
    return Exchange(
        request=Request(method="POST", uri=uri, headers=JSON, body=json.dumps(body).encode()),
        response=Response(status=200, headers=JSON, body=json.dumps(reply).encode()),
    )


def cassette(test, answer, **more):
    return dump(Cassette(test=f"test_bot.py::{test}", exchanges=(asked(test, answer, **more),), recorded=RECORDED))


class Waits:
    """A project in which candidates wait."""

    def __init__(self, root):
        self.root = root

    def path(self, test):
        return self.root / f"cassettes/test_bot/{test}.yaml"

    def add(self, test, before, after, *, verdict="drifted", has_failed=False, **more):
        """A recorded test with a candidate."""
        path = self.path(test)
        path.parent.mkdir(parents=True, exist_ok=True)
        if before is not None:
            path.write_text(cassette(test, before), encoding="utf-8")
        facts = Facts(
            test=f"test_bot.py::{test}",
            cassette=f"cassettes/test_bot/{test}.yaml",
            snapshot=f"__snapshots__/test_bot/{test}.snap",
            verdict=verdict,
            has_failed=has_failed,
            was=hashes_of((path, snapshot_beside(path))),
            now=(None, None),
        )
        candidate = Candidate(root=self.root, path=candidate_path(self.root, path), facts=facts)
        keep(candidate, cassette=cassette(test, after, **more), snapshot=None)

    def answer(self, test):
        """What the recording of a test says."""
        exchange = parse(self.path(test).read_text(encoding="utf-8"), "").exchanges[0]
        return json.loads(exchange.response.body)["choices"][0]["message"]["content"]

    def waiting(self):
        """The tests that still wait."""
        return sorted(one.facts.test.rpartition("::")[2] for one in candidates.all_of(self.root))


@pytest.fixture
def waits(tmp_path, monkeypatch):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    names = ("a", "b", "c", "d", "e", "new", "old", "pending", "one", "param")
    (tmp_path / "test_bot.py").write_text("\n".join(f"def test_{name}(): ..." for name in names))
    monkeypatch.chdir(tmp_path)
    return Waits(tmp_path)


class Typed(io.StringIO):
    """What somebody types on a terminal."""

    def isatty(self):
        return True


class Interrupted(Typed):
    """Somebody who presses Ctrl-C instead of an answer."""

    def readline(self, *_):
        raise KeyboardInterrupt


def reviewed(stdin, *names, width=80):
    out = io.StringIO()
    code = review(names, stdin=stdin, out=out, warn=out.write, width=width, colour=False)
    print(out.getvalue())
    return code, out.getvalue()


@pytest.fixture
def three(waits):
    """Two tests that changed with the model, and one that is broken."""
    moved = {"model": "gpt-5-mini-2026-01-01"}
    waits.add("test_a", "The shop opens at nine.", "At nine o'clock the shop will open.", **moved)
    waits.add("test_b", "14日以内に返品できます。", "返品は14日以内なら可能です。", **moved)
    waits.add("test_c", "It costs $40.", "It costs $400.", verdict="broken")
    return waits


def test_nothing_waits(waits, capsys):
    assert main(["review"]) == 0
    assert main(["accept", "--all"]) == 0
    assert capsys.readouterr().out == "Nothing waits for a decision.\n" * 2


def test_where_there_is_no_terminal_all_is_shown_with_the_commands_to_type(three):
    code, out = reviewed(io.StringIO("a\na\na\n"))

    assert code == 1
    assert three.waiting() == ["test_a", "test_b", "test_c"]
    assert out.index("[1/3] broken: test_bot.py::test_c") < out.index("2 answers changed ") < out.index("[2/3]")
    assert "  pytest-llmwatch accept test_bot.py::test_c\n  pytest-llmwatch reject test_bot.py::test_c\n" in out
    assert out.endswith("3 waiting. To take all of them: pytest-llmwatch accept --all\n")
    assert "    - 14日以内に返品できます。\n    + 返品は14日以内なら可能です。\n" in out
    assert "recorded 2026-11-01 at 1a2b3c4d5e6f" in out


def test_only_what_all_does_not_refuse_is_offered(three):
    three.add("test_gone", "yes", "no")
    three.add("test_d", "yes", "no", has_failed=True)
    assert "5 waiting. To take 3 of them, the others being refused: " in reviewed(io.StringIO())[1]
    for test in ("test_a", "test_b", "test_c"):
        assert main(["reject", f"test_bot.py::{test}"]) == 0
    assert "2 waiting. --all would take none of them over" in reviewed(io.StringIO())[1]


def test_a_test_that_is_not_in_its_file_any_more_is_not_taken_over(waits, capsys):
    waits.add("test_gone", "yes", "no")

    assert main(["accept", "--all"]) == 1
    assert waits.answer("test_gone") == "yes"
    said = capsys.readouterr().err
    assert "its test is gone: test_bot.py does not define test_gone" in said
    assert "pytest-llmwatch reject test_bot.py::test_gone" in said
    assert main(["accept", "--all", "--force"]) == 0
    assert waits.answer("test_gone") == "no"


@pytest.mark.parametrize("typed", [r"test_param[\u9001\u6599]", r"test_param[\\u9001\\u6599]", "test_param[送料]"])
def test_an_id_with_escapes_is_printed_as_it_is_and_known_in_every_form(waits, capsys, typed):
    waits.add(r"test_param[\u9001\u6599]", "yes", "no")

    assert r"drifted: test_bot.py::test_param[\u9001\u6599]" in reviewed(io.StringIO())[1]
    assert main(["accept", f"test_bot.py::{typed}"]) == 0
    assert r"accepted test_bot.py::test_param[\u9001\u6599]: " in capsys.readouterr().out


def test_the_nearest_name_is_suggested(three, capsys):
    assert main(["accept", "test_bot.py::test_aa"]) == 2
    assert "Did you mean test_bot.py::test_a?" in capsys.readouterr().err


def test_each_is_accepted_rejected_or_skipped(three):
    code, out = reviewed(Typed("x\nd\na\nr\ns\n"))

    assert code == 1
    assert three.answer("test_c") == "It costs $400."
    assert len(three.waiting()) == 1
    assert "a accepts it, r rejects it" in out
    assert out.endswith("1 accepted, 1 rejected, 1 still waiting. No model was called.\n")


def test_a_capital_letter_decides_on_the_whole_group(three):
    code, out = reviewed(Typed("s\nA\n"))

    assert "A R S all 2 of this group" in out
    assert (three.answer("test_b"), three.answer("test_c")) == ("返品は14日以内なら可能です。", "It costs $40.")
    assert three.waiting() == ["test_c"]
    assert code == 1


@pytest.mark.parametrize("stdin", [Typed("a\nq\n"), Typed("a\n")])
def test_what_was_decided_before_the_end_stays_decided(three, stdin):
    code, out = reviewed(stdin)

    assert code == 1
    assert three.waiting() == ["test_a", "test_b"]
    assert "1 accepted, 0 rejected, 2 still waiting" in out


def test_an_interrupt_ends_the_review_and_changes_nothing(three):
    code, out = reviewed(Interrupted())

    assert code == 1
    assert "0 accepted, 0 rejected, 3 still waiting" in out


def test_what_is_refused_says_why_and_is_asked_again(three):
    three.path("test_c").write_text(cassette("test_c", "It costs $50."), encoding="utf-8")

    code, out = reviewed(Typed("a\nr\nS\n"))

    assert "the recording has changed since the check" in out
    assert "not accepted: test_bot.py::test_c: " in out
    assert three.answer("test_c") == "It costs $50."
    assert three.waiting() == ["test_a", "test_b"]
    assert code == 1


def test_a_wide_terminal_has_both_texts_beside_each_other(three):
    _code, out = reviewed(io.StringIO(), width=120)

    line = next(
        line for line in out.splitlines() if "返品できます。" in line and "可能です。" in line and " | " in line
    )
    assert line.index("14日以内に返品できます。") < line.index(" | ") < line.index("返品は14日以内なら可能です。")


def test_a_model_cannot_command_the_terminal(waits):
    waits.add("test_a", "Hello.", "\x1b[2JHello, \u202eolleh.")

    _code, out = reviewed(io.StringIO())

    assert "\x1b" not in out
    assert "\u202e" not in out


def test_new_tests_damaged_candidates_and_pending_recordings_are_shown_too(waits):
    waits.add("test_new", None, "Hi.", verdict="new")
    waits.add("test_old", "a", "b")
    waits.path("test_pending").with_suffix(".pending.yaml").write_text(cassette("test_pending", "partly"))
    candidates.facts_path(candidate_path(waits.root, waits.path("test_old"))).write_text("{")

    code, out = reviewed(Typed("r\na\na\n"))

    assert "damaged: .llmwatch/candidates/cassettes/test_bot/test_old.yaml" in out
    assert "a pending recording: its test did not pass, so it may be only a part" in out
    assert waits.answer("test_new") == "Hi."
    assert waits.answer("test_pending") == "partly"
    assert code == 0


def test_accept_all_leaves_out_what_failed_for_a_reason_of_its_own(three, capsys):
    three.add("test_d", "yes", "no", has_failed=True)

    assert main(["accept", "--all"]) == 1

    said = capsys.readouterr()
    assert said.out.endswith("3 accepted, 1 not. No model was called.\n")
    assert "test_bot.py::test_d: not accepted: its test failed" in said.err
    assert main(["accept", "test_bot.py::test_d"]) == 0
    assert three.answer("test_d") == "no"


def test_a_wrong_name_changes_nothing_and_lists_what_waits(three, capsys):
    assert main(["accept", "test_bot.py::test_a", "test_bto.py::test_b"]) == 2

    said = capsys.readouterr().err
    assert "test_bto.py::test_b: nothing that waits has this name; what waits:" in said
    assert "Did you mean test_bot.py::test_b?" in said
    assert three.waiting() == ["test_a", "test_b", "test_c"]
    for arguments in (["accept"], ["reject"], ["accept", "--all", "test_bot.py"]):
        with pytest.raises(SystemExit):
            main(arguments)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="folders that may not be written to")
def test_a_folder_that_may_not_be_written_to_is_named(three, capsys):
    folder = three.path("test_a").parent
    folder.chmod(0o555)
    try:
        assert main(["accept", "test_bot.py::test_a"]) == 1
    finally:
        folder.chmod(0o755)

    assert "Permission denied" in capsys.readouterr().err
    assert three.waiting() == ["test_a", "test_b", "test_c"]


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_a_real_terminal_is_asked(three):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest_llmwatch", "review"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | {"PYTHONIOENCODING": "utf-8", "COLUMNS": "80"},
    )
    assert select.select([process.stdout], [], [], 60)[0]
    os.write(ours, b"a\nq\n")
    out, _ = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)

    assert process.returncode == 1
    assert "  accepted: cassettes/test_bot/test_c.yaml replaced\n" in out


SNAPSHOTS = (
    BOT
    + """
    def test_two(llm_snapshot):
        assert ask("one") == llm_snapshot
        assert ask("two") == llm_snapshot(name="second", similarity=0)
"""
)


def test_outputs_that_no_model_made_are_checked_and_accepted_too(project):
    source = "def test_one(llm_snapshot):\n    assert 'It takes {} days.' == llm_snapshot\n"
    project.write(test_bot=source.format(5))
    assert project.pytest("--snapshot-update").ret == 0
    project.write(test_bot=source.format(9))

    checked = project.pytest("--llm-check")

    checked.assert_outcomes(failed=1)
    checked.stdout.fnmatch_lines(["*llm_snapshot 1 states a fact otherwise: *", "*The model answers as it did*"])
    command = [sys.executable, "-m", "pytest_llmwatch"]
    shown = subprocess.run([*command, "review"], cwd=project.path, capture_output=True, encoding="utf-8", check=False)
    assert "[1/1] broken: test_bot.py::test_one\n" in shown.stdout
    assert "    - It takes 5 days.\n    + It takes 9 days.\n" in shown.stdout
    subprocess.run([*command, "accept", "--all"], cwd=project.path, check=True)
    project.pytest().assert_outcomes(passed=1)


def baselines(project):
    return {path: content for path, content in project.files().items() if not path.startswith(".llmwatch/")}


def test_cassette_and_snapshots_are_checked_and_accepted_together(project, provider):
    answers = {"one": "You can return it within 14 days.", "two": "Keep the receipt, please."}
    provider.answer_with(lambda request: answers[request["messages"][-1]["content"]])
    project.write(test_bot=SNAPSHOTS)
    assert project.pytest("--llm-record").ret == 0
    snapshot = project.path / "__snapshots__/test_bot/test_two.snap"
    before = baselines(project), snapshot.read_bytes()
    answers |= {"one": "Within 30 days you can return it.", "two": "Some other words are said."}

    checked = project.pytest("--llm-check")

    checked.assert_outcomes(failed=1)
    checked.stdout.fnmatch_lines(["*broken (test_bot.py::test_two)*", "*llm_snapshot 1 states a fact otherwise*"])
    checked.stdout.fnmatch_lines(["*1 snapshot failed. 1 snapshot passed.*"])
    assert (baselines(project), snapshot.read_bytes()) == before

    command = [sys.executable, "-m", "pytest_llmwatch"]
    shown = subprocess.run([*command, "review"], cwd=project.path, capture_output=True, encoding="utf-8", check=False)
    done = subprocess.run([*command, "accept", "test_bot.py"], cwd=project.path, capture_output=True, check=False)

    assert shown.returncode == 1
    assert "  snapshot 1:\n" in shown.stdout
    assert "  snapshot second:\n" in shown.stdout
    assert "answer of call" not in shown.stdout
    assert done.returncode == 0
    provider.stop()
    project.pytest().assert_outcomes(passed=1)
    assert "Within 30 days" in snapshot.read_text()
