"""`pytest-llmwatch diff`: a working tree of a real git repository against a revision."""

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from asking_bot import BOT
from provider import text
from recordings import exchanges_of
from test_attribution import ENGLISH, JAPANESE, last, result

from pytest_llmwatch.cassette import Cassette
from pytest_llmwatch.cassette_text import dump
from pytest_llmwatch.cli import main
from pytest_llmwatch.drift.verdicts import Tolerance
from pytest_llmwatch.snapshot_files import Snapshot, SnapshotFile
from pytest_llmwatch.snapshot_files import dump as dump_snapshots

MINI = {"model": "gpt-5-mini", "served": "gpt-5-mini-2025-08-07"}
AGENT = ENGLISH.but(**MINI)
AGENT_JA = JAPANESE.but(**MINI)
SIMPLE = AGENT.but(turns=AGENT.turns[1:], tools=())
NEW = {"served": "gpt-5-mini-2026-01-15"}


class Repository:
    """A git repository with recordings in `tests/`."""

    def __init__(self, path):
        self.path = path

    def git(self, *arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", "-C", str(self.path), *identity, *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "work")

    def write(self, test, agent, *, spoken="openai_chat", snapshot=True, sdk="2.1.0", role=None, tests="tests"):
        module, _, name = test.partition("::")
        exchanges = tuple(replace(one, role=role) for one in exchanges_of(agent, spoken))
        recorded = {"at": "2026-05-01T00:00:00Z", "sdks": {"openai": sdk}}
        cassette = self.file(f"{tests}/cassettes/{module[:-3]}/{name}.yaml")
        cassette.write_text(
            dump(Cassette(test=f"{tests}/{test}", exchanges=exchanges, recorded=recorded)), encoding="utf-8"
        )
        if snapshot:
            one = Snapshot(name="1", kind="text", text=agent.turns[-1].text, tolerance=Tolerance())
            text = dump_snapshots(SnapshotFile(test=f"{tests}/{test}", snapshots=(one,)))
            self.file(f"{tests}/__snapshots__/{module[:-3]}/{name}.snap").write_text(text, encoding="utf-8")
        return cassette

    def file(self, name):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def remove(self, module, name):
        (self.path / f"tests/cassettes/{module}/{name}.yaml").unlink()
        (self.path / f"tests/__snapshots__/{module}/{name}.snap").unlink(missing_ok=True)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    path = tmp_path / "a project 計画"
    path.mkdir()
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(path)
    repository = Repository(path)
    repository.git("init", "-q", "-b", "main")
    repository.file("pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return repository


@pytest.fixture
def diff(capsys):
    def diff(*arguments, code=0):
        found = main(["diff", *arguments])
        said = capsys.readouterr()

        assert found == code, said.out + said.err

        return said.out if code in (0, 1) and not said.err else said.out + said.err

    return diff


def facts_of(diff, *arguments, code=0):
    said = [json.loads(line) for line in diff("--json", *arguments, code=code).splitlines() if line.startswith("{")]
    return {one["test"]: one for one in said if one["kind"] == "test"}, said[-1]


def test_a_pull_request_is_told_by_cause_worst_first(repository, diff):
    invoice = SIMPLE.turn(0, text='{"invoice": 7, "total": 40.5}')
    for name, agent in {"refund": SIMPLE, "agent": AGENT, "日本語": AGENT_JA, "invoice": invoice}.items():
        repository.write(f"test_bot.py::test_{name}", agent)
    repository.write("test_bot.py::test_gone", SIMPLE.but(system="Gone."))
    repository.write("test_bot.py::test_old name", SIMPLE.but(system="Moved."))
    repository.write("test_bot.py::test_still", SIMPLE)
    repository.commit()
    repository.write("test_bot.py::test_refund", last(SIMPLE.but(**NEW), " within 14 days", ""))
    repository.write("test_bot.py::test_agent", result(last(AGENT.but(**NEW), "$40", "$400"), 1, "14 days", "30 days"))
    repository.write("test_bot.py::test_日本語", AGENT_JA.but(**NEW))
    repository.write("test_bot.py::test_invoice", invoice.turn(0, text="It is 7").but(**NEW))
    repository.write("test_bot.py::test_new", SIMPLE.but(system="New."))
    repository.remove("test_bot", "test_gone")
    repository.remove("test_bot", "test_old name")
    repository.write("test_bot.py::test_new name", SIMPLE.but(system="Moved."))

    page = diff()

    base = repository.git("rev-parse", "--short=7", "HEAD")
    assert page.splitlines()[:4] == [
        f"Against main ({base}): 4 tests changed, 1 test moved, 1 test new, 1 test gone;",
        "1 recording as before.",
        "",
        "3 answers changed, all after the model served moved from gpt-5-mini-2025-08-07",
    ]
    names = re.findall(r"^tests/\S+::test_\S+: .*", page, re.MULTILINE)
    assert names == [
        "tests/test_bot.py::test_invoice: broken",
        "tests/test_bot.py::test_agent: broken",
        "tests/test_bot.py::test_refund: drifted",
        "tests/test_bot.py::test_日本語: same",
    ]
    assert "      - Used phones may be returned within [-14-] days." in page
    assert "tests/cassettes/test_bot/test_old name.yaml" in page
    assert "New: 1 test\n  tests/test_bot.py::test_new   1 call, $0.00" in page
    assert "Gone: 1 test\n  tests/test_bot.py::test_gone   1 call, $0.00" in page
    assert max(len(line) for line in page.splitlines() if line.isascii()) <= 80


def test_nothing_changed_is_said_so(repository, diff):
    repository.write("test_bot.py::test_one", SIMPLE)
    repository.commit()

    assert "nothing changed; 1 recording as before." in diff("--fail-on", "drifted,broken,cost=+0%")


def test_a_recording_made_again_with_the_same_answers_is_no_drift(repository, diff):
    repository.write("test_bot.py::test_one", SIMPLE)
    repository.commit()
    repository.write("test_bot.py::test_one", SIMPLE)  # other ids

    page = diff("--fail-on", "drifted")

    assert "Recorded again with the same requests and answers: 1 test\n  tests/test_bot.py::test_one" in page


def test_the_main_branch_is_the_one_of_the_remote_or_of_the_usual_name(repository, diff, tmp_path):
    repository.write("test_bot.py::test_one", SIMPLE)
    repository.commit()
    repository.git("checkout", "-q", "-b", "feature")
    repository.write("test_bot.py::test_two", SIMPLE)
    repository.commit()
    base = repository.git("rev-parse", "--short=7", "main")
    assert f"Against main ({base}): 1 test new" in diff()

    repository.git("checkout", "-q", "main")
    repository.git("commit", "-q", "--allow-empty", "-m", "main goes on")
    repository.git("checkout", "-q", "feature")
    assert f"Against {base}, where this branch left main: 1 test new" in diff().replace("\n", " ")

    repository.git("branch", "-q", "-m", "main", "trunk")
    missing = diff(code=2)
    assert "no main branch was found (looked for origin/HEAD, main, master, origin/main, origin/master)" in missing
    assert "pytest-llmwatch diff REV" in missing

    repository.git("config", "init.defaultBranch", "trunk")
    assert "where this branch left trunk: 1 test new" in diff().replace("\n", " ")

    clone = tmp_path / "clone"
    repository.git("clone", "-q", str(repository.path), str(clone))
    subprocess.run(["git", "-C", str(clone), "remote", "set-head", "origin", "trunk"], check=True)
    os.chdir(clone)
    assert "left origin/trunk: 1 test new" in diff().replace("\n", " ")


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["nosuch"], "nosuch: git knows no such revision, and there is no such path"),
        (["main..other"], "not with a range"),
        (["main", "other"], "main other: the working tree is compared with one revision; name one"),
        (["both"], "both is both a revision and a path; say which one is meant:"),
        (["main", "other", "--"], "before `--` stands one revision: main other"),
        (["nosuch", "--"], "nosuch: git knows no such revision"),
        (["--", "nosuch.yaml"], "nosuch.yaml: it is neither in the working tree nor in main"),
        (["main", "pytest.ini"], "pytest.ini: no recording and no snapshot belongs to it"),
        (["--fail-on", "worse"], "--fail-on worse: it is none of drifted, broken, cost=+10%"),
        (["--fail-on", "cost=ten"], "--fail-on cost=ten"),
    ],
)
def test_a_mistake_in_the_command_line_ends_with_two(repository, diff, arguments, says):
    repository.write("test_bot.py::test_one", SIMPLE)
    repository.commit()
    repository.git("branch", "other")
    repository.git("branch", "both")
    repository.file("both/x").write_text("", encoding="utf-8")

    assert says in diff(*arguments, code=2)


@pytest.mark.parametrize(
    "arguments, tests",
    [
        ([], {"a", "b", "日本 語"}),
        (["main"], {"a", "b", "日本 語"}),
        (["HEAD", "tests"], {"a", "b", "日本 語"}),
        (["tests/cassettes/test_one"], {"a", "日本 語"}),
        (["tests/test_one.py"], {"a", "日本 語"}),
        (["tests/test_gone.py", "--"], None),
        (["--", "tests/cassettes/test_two/test_b.yaml"], {"b"}),
        (["main", "--", "tests/cassettes/test_one/test_日本 語.yaml", "tests/test_two.py"], {"b", "日本 語"}),
        (["both", "--"], {"a", "b", "日本 語"}),
        (["--", "both"], set()),
        (["main...", "tests/test_two.py"], {"b"}),
        (["main", "--full", "tests/test_two.py"], {"b"}),
    ],
)
def test_revision_and_paths_are_told_apart_as_git_does(repository, diff, arguments, tests):
    for name in ("test_one.py::test_a", "test_two.py::test_b", "test_one.py::test_日本 語"):
        repository.write(name, SIMPLE)
    repository.commit()
    repository.git("branch", "both")
    repository.file("both/x").write_text("", encoding="utf-8")
    for name in ("test_one.py::test_a", "test_two.py::test_b", "test_one.py::test_日本 語"):
        repository.write(name, last(SIMPLE, "$40", "$41"))

    if tests is None:
        assert "git knows no such revision" in diff(*arguments, code=2)
        return
    found, _total = facts_of(diff, *arguments)

    assert {name.partition("::test_")[2] for name in found} == tests


def test_a_folder_below_and_a_second_worktree_see_the_same(repository, diff, tmp_path, monkeypatch):
    repository.write("test_bot.py::test_one", SIMPLE)
    repository.commit()
    repository.git("worktree", "add", "-q", "-b", "feature", str(tmp_path / "second"))
    elsewhere = Repository(tmp_path / "second")
    elsewhere.write("test_bot.py::test_one", last(SIMPLE, "$40", "$41"))

    monkeypatch.chdir(elsewhere.path / "tests" / "cassettes")
    found, _total = facts_of(diff)

    assert found["tests/test_bot.py::test_one"]["files"] == [
        "test_bot/test_one.yaml",
        "../__snapshots__/test_bot/test_one.snap",
    ]
    monkeypatch.chdir(repository.path / "tests")
    assert "nothing changed" in diff()


def test_what_is_new_counts_whether_staged_or_not_and_what_is_ignored_does_not(repository, diff):
    repository.file(".gitignore").write_text("test_ignored.*\n", encoding="utf-8")
    repository.commit()
    for name in ("untracked", "staged", "ignored"):
        repository.write(f"test_bot.py::test_{name}", SIMPLE.but(system=name))
    repository.git("add", "tests/cassettes/test_bot/test_staged.yaml")
    repository.file(".llmwatch/candidates/tests/cassettes/test_bot/test_x.yaml").write_text("x", encoding="utf-8")
    repository.file("web/__snapshots__/a/button.snap").write_text("// Jest Snapshot v1\n", encoding="utf-8")
    repository.file("deploy/values.yaml").write_text("a: 1\n", encoding="utf-8")

    found, total = facts_of(diff, "--fail-on", "drifted")

    assert {name: one["status"] for name, one in found.items()} == {
        "tests/test_bot.py::test_untracked": "added",
        "tests/test_bot.py::test_staged": "added",
    }
    assert (total["before"]["calls"], total["after"]["calls"]) == (0, 2)


HALF = "llmwatch: 1\ntest: tests/test_bot.py::test_one\ninteractions:\n- call:\n"
CONFLICT = "<<<<<<< HEAD\nllmwatch: 1\n=======\nllmwatch: 1\n>>>>>>> other\n"


@pytest.mark.parametrize("broken", [HALF, CONFLICT, "", "\x00\x01", "a: [", "- 1\n" * 3, '{"interactions": [1]}'])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_file_that_cannot_be_read_is_named_and_is_not_comparable(repository, diff, broken, side):
    path = repository.write("test_bot.py::test_one", SIMPLE, snapshot=False)
    whole = path.read_text(encoding="utf-8")
    path.write_text(broken if side == "before" else whole, encoding="utf-8")
    repository.commit()
    path.write_text(whole if side == "before" else broken, encoding="utf-8")

    page = diff(code=0)
    failing = diff("--fail-on", "broken", code=1)

    assert "not comparable" in page
    assert "tests/cassettes/test_bot/test_one.yaml" in page
    assert ("as it was before" in page) == (side == "before")
    assert "--fail-on not comparable: tests/" in failing
    assert "In no sum, for it cannot be read: " in page
    assert "--fail-on cost: not known, so it cannot pass; it cannot be read: " in diff("--fail-on", "cost=9%", code=1)


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_snapshot_that_cannot_be_read_is_named_too(repository, diff, side):
    repository.write("test_bot.py::test_one", SIMPLE)
    path = repository.path / "tests/__snapshots__/test_bot/test_one.snap"
    whole = path.read_text(encoding="utf-8")
    texts = [whole.replace("kind: text", "kind: sound"), whole]
    path.write_text(texts[side == "after"], encoding="utf-8")
    repository.commit()
    path.write_text(texts[side == "before"], encoding="utf-8")

    page = diff("--fail-on", "drifted", code=1)

    assert "test_one: not comparable" in page
    assert "test_one.snap" in page
    assert "sound" in page


def test_a_folder_or_a_dangling_link_in_the_place_of_a_cassette_is_no_traceback(repository, diff):
    path = repository.write("test_bot.py::test_one", SIMPLE, snapshot=False)
    repository.commit()
    path.unlink()
    path.symlink_to("nowhere.yaml")

    assert "Gone: 1 test" in diff()


def test_snapshots_alone_are_compared_with_their_own_tolerance(repository, diff):
    path = repository.path / "tests/__snapshots__/test_bot/test_one.snap"
    repository.write("test_bot.py::test_one", SIMPLE)
    lenient = Tolerance(similarity=0.0, facts=False)

    def write(*texts):
        snapshots = tuple(
            Snapshot(name=name, kind="text", text=text, tolerance=lenient)
            for name, text in zip("abc", texts, strict=False)
        )
        text = dump_snapshots(SnapshotFile(test="tests/test_bot.py::test_one", snapshots=snapshots))
        path.write_text(text, encoding="utf-8")

    write("It costs $40.", "kept")
    repository.commit()
    write("It costs $50.", "kept", "added")

    page = diff("--fail-on", "drifted")

    assert "snapshot a   within tolerance: is" in page
    assert "snapshot c   is new" in page
    assert "snapshot b" not in page


def test_model_calls_in_snapshots_are_compared_as_the_test_compares_them(repository, diff):
    path = repository.path / "tests/__snapshots__/test_bot/test_one.snap"
    repository.write("test_bot.py::test_one", SIMPLE)

    def write(answer, kind="calls"):
        text = f"- request_model: gpt-5-mini\n  output_text: {answer}"
        snapshot = Snapshot(name="1", kind=kind, text=text, tolerance=Tolerance())
        path.write_text(
            dump_snapshots(SnapshotFile(test="tests/test_bot.py::test_one", snapshots=(snapshot,))), encoding="utf-8"
        )

    write("You can return it within 14 days of the purchase.")
    repository.commit()
    write("You can return it within 14 days of your purchase.")
    assert "within tolerance: [0].output_text is" in diff("--fail-on", "drifted")

    write("You can return it within 14 days of the purchase.", kind="text")
    assert "broken: was model calls and is a text" in diff()

    write('"broken')
    assert "not comparable: the new value is not YAML" in diff()


def test_the_calls_of_a_judge_are_left_out(repository, diff):
    repository.write("test_bot.py::test_one", SIMPLE, role="judge", snapshot=False)
    repository.commit()
    repository.write("test_bot.py::test_one", last(SIMPLE, "$40", "$41"), role="judge", snapshot=False)

    found, total = facts_of(diff)

    assert found["tests/test_bot.py::test_one"]["verdict"] == "same"
    assert total["after"]["calls"] == 0


def test_costs_are_compared_at_the_prices_of_one_day(repository, diff):
    repository.write("test_bot.py::test_one", SIMPLE.turn(0, usage=(1000, 100)))
    repository.write("test_bot.py::test_two", SIMPLE.turn(0, usage=(1000, 100)))
    repository.commit()
    repository.write("test_bot.py::test_one", SIMPLE.turn(0, usage=(1000, 200)))

    page = diff("--at", "2026-01-31", "--fail-on", "cost=+20%", code=1)

    assert "All recordings, at the prices of 2026-01-31:" in page
    assert re.search(r"output tokens +200 +300", page)
    assert "--fail-on cost: $0.0009" in page
    assert "more than 20 % dearer" in page
    assert "No answer changed in:" in page
    diff("--at", "2026-01-31", "--fail-on", "cost=+50%")


def test_an_unknown_cost_cannot_pass(repository, diff):
    repository.commit()
    repository.write("test_bot.py::test_one", SIMPLE.but(model="nobodys-model", served="nobodys-model"))

    said = diff("--fail-on", "cost=+1000%", code=1)

    assert "--fail-on cost: not known now, so it cannot pass; pytest-llmwatch cost --at today" in said
    assert re.search(r"cost +\$0.0000 +unknown", said)


HOSTILE = "</details>\n```\n@octocat <img src=x onerror=alert(1)> | a | https://evil.example #1 \x1b[31m \u202e\n~~~\n"


def test_markdown_holds_nothing_of_a_model_that_is_alive(repository, diff):
    repository.write("test_bot.py::test_one", SIMPLE.turn(0, text="It costs $40."))
    repository.commit()
    served = "m|x @octocat <b>https://evil.example #1 `x` www.evil.example"
    repository.write(
        "test_bot.py::test_one", SIMPLE.but(served=served, system="Hi @octocat").turn(0, text="It costs $41." + HOSTILE)
    )

    page = diff("--format", "markdown")

    outside = re.sub(r"^(`{3,})diff\n.*?^\1$", "", page, flags=re.MULTILINE | re.DOTALL)
    assert "@octocat" not in outside
    assert "@<!-- -->octocat" in outside
    assert "<b>" not in outside
    assert "<img" not in outside
    assert "https://" not in outside
    assert "www.evil" not in outside
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert page.count("<details>") == page.count("\n</details>") == 2
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}
    assert len(page) < 65_536


def test_the_name_of_a_test_is_no_reference_and_no_link(repository, diff):
    test = "test_bot.py::test_one[#7-GH-8-@octocat-www.evil.example]"
    repository.write(test, SIMPLE)
    repository.commit()
    repository.write(test, SIMPLE.but(system="Be brief."))

    page = diff("--format", "markdown")

    assert "<summary>" in page
    assert not re.search(r"#7|GH-8|@octocat|www\.evil", page)


def test_markdown_of_a_very_large_change_fits_in_a_comment(repository, diff):
    for number in range(60):
        repository.write(f"test_bot.py::test_{number}", SIMPLE.but(system=f"Prompt {number}: " + "word " * 400))
    repository.commit()
    for number in range(60):
        repository.write(f"test_bot.py::test_{number}", SIMPLE.but(system=f"Prompt {number}: " + "\nother" * 400))

    page = diff("--format", "markdown")

    assert len(page.encode()) < 65_536
    assert "and 10 more" in page
    assert page.rstrip().endswith("</details>")


def test_more_than_a_few_tests_are_told_in_a_line_each(repository, diff):
    for number in range(12):
        repository.write(f"test_bot.py::test_{number}", SIMPLE)
    repository.commit()
    for number in range(12):
        repository.write(f"test_bot.py::test_{number}", last(SIMPLE, "$40", "$41"))

    short, full = diff(), diff("--full")

    assert short.count("came otherwise:") == 8
    assert "The first 8 tests are shown whole; --full shows them all." in short
    assert full.count("came otherwise:") == 12
    assert "12 answers changed, all though nothing that was sent changed; all of them broken" in short.replace(
        "\n", " "
    )


def test_outside_of_a_repository_and_without_git_it_says_so(tmp_path, diff, monkeypatch, repository):
    monkeypatch.chdir(tmp_path)
    assert "is in no working tree of git" in diff(code=2)

    monkeypatch.chdir(repository.path)
    assert "this repository has no commit yet" in diff(code=2)

    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is not installed, or not on the PATH" in diff(code=2)


def test_a_recording_that_nobody_can_read_and_nobody_has_touched_is_named(repository, diff):
    repository.write("test_bot.py::test_one", SIMPLE)
    repository.file("tests/cassettes/test_bot/test_half.yaml").write_text(HALF, encoding="utf-8")
    repository.commit()

    page = diff()

    assert "In no sum, for it cannot be read: tests/cassettes/test_bot/test_half.yaml" in page
    assert re.search(r"calls +1 +1", page)


def test_a_snapshot_that_changed_alone_does_not_count_the_recording_twice(repository, diff):
    repository.write("test_bot.py::test_one", SIMPLE)
    repository.commit()
    path = repository.path / "tests/__snapshots__/test_bot/test_one.snap"
    path.write_text(path.read_text(encoding="utf-8").replace("$40", "$41"), encoding="utf-8")

    found, total = facts_of(diff)

    assert found["tests/test_bot.py::test_one"]["verdict"] == "broken"
    assert found["tests/test_bot.py::test_one"]["attribution"] is None
    assert (total["before"]["calls"], total["after"]["calls"], total["unchanged"]) == (1, 1, 1)


def test_a_project_records_commits_records_again_and_reads_the_difference(project, provider, monkeypatch, diff):
    asks = """
        from bot import ask

        def test_refund(llm_cassette):
            assert ask({!r})
    """
    project.write(bot=BOT, test_bot=asks.format("Can I return a used phone?"))
    repository = Repository(project.path)
    repository.git("init", "-q", "-b", "main")
    provider.script(text("Yes, within 14 days."), text("Yes, within 30 days."))
    project.pytest("--llm-record").assert_outcomes(passed=1)
    repository.commit()
    project.write(test_bot=asks.format("Can I return a used laptop?"))
    project.pytest("--llm-record").assert_outcomes(passed=1)
    monkeypatch.chdir(project.path)

    found, _total = facts_of(diff, "--fail-on", "broken", code=1)

    test = found["test_bot.py::test_refund"]
    assert test["verdict"] == "broken"
    assert [(one["kind"], one["name"]) for one in test["attribution"]["causes"]] == [("message", "user message 1")]
    assert test["attribution"]["sentence"].startswith(
        "user message 1 changed; the answer says 30 days instead of 14 days; similarity 0."
    )


def test_tests_to_which_the_same_happened_are_told_together(repository, diff):
    for number in range(30):
        repository.write(f"test_bot.py::test_{number}", SIMPLE, snapshot=False)
    repository.commit()
    for number in range(30):
        repository.write(f"test_bot.py::test_{number}", SIMPLE.but(**NEW), snapshot=False)

    page = diff()

    assert "No answer changed in 30 tests after the model served moved from" in page
    assert page.count("gpt-5-mini-2025-08-07 -> gpt-5-mini-2026-01-15") == 1
    assert "  and 10 more (--full names them)" in page


DOCUMENTS = Path(__file__).parent.parent / "docs"


def test_the_screens_of_the_documents_are_those_of_the_command(repository, diff):
    greeting, hours = SIMPLE.but(system="Greet."), SIMPLE.but(system="Hours.")
    japanese = AGENT_JA.but(turns=AGENT_JA.turns[1:], tools=())
    repository.write("test_bot.py::test_refund", SIMPLE.turn(0, usage=(120, 30)))
    for name, agent in {"agent": AGENT, "返品": japanese, "greeting": greeting}.items():
        repository.write(f"test_bot.py::test_{name}", agent)
    repository.commit()
    shorter = last(SIMPLE, " within 14 days", "").turn(0, usage=(118, 22))
    repository.write(
        "test_bot.py::test_refund", shorter.but(system=SIMPLE.system.replace("two sentences", "one sentence"), **NEW)
    )
    repository.write("test_bot.py::test_agent", result(last(AGENT.but(**NEW), "$40", "$400"), 1, "14 days", "30 days"))
    repository.write("test_bot.py::test_返品", last(japanese.but(**NEW), "晴れが続きます", "ずっと晴れです"))
    repository.write("test_bot.py::test_hours", hours)

    base = repository.git("rev-parse", "--short=7", "HEAD")
    page = diff("--at", "2026-01-31").replace(base, "4857cbc")

    commands, drift = DOCUMENTS / "commands.md", DOCUMENTS / "drift.md"
    one = re.search(r"^tests/test_bot.py::test_refund.*?(?=^  snapshot 1)", page, re.MULTILINE | re.DOTALL)[0]
    group = re.search(r"^3 answers changed.*?(?=^  )", page, re.MULTILINE | re.DOTALL)[0]
    screens = [
        (commands, "$ pytest-llmwatch diff --at 2026-01-31\n", page),
        (drift, "```text\n(?=tests/)", one),
        (drift, "```text\n(?=3 answers)", group),
    ]
    for document, before, screen in screens:
        text = document.read_text(encoding="utf-8")
        pattern = before if "?=" in before else re.escape(before)
        told = re.sub(
            rf"({pattern}).*?```", lambda found, screen=screen: f"{found[1]}{screen}```", text, flags=re.DOTALL
        )
        if os.environ.get("LLMWATCH_WRITE_DOCS"):
            document.write_text(told, encoding="utf-8")
        else:
            assert told == text


def test_what_the_project_ignores_in_requests_is_no_change(repository, diff):
    ignored = "[pytest]\nllm_ignore_request_fields =\n    messages[*].content ~ \\d{4}-\\d\\d-\\d\\d\n    seed\n"
    repository.file("pytest.ini").write_text(ignored, encoding="utf-8")
    repository.write("test_bot.py::test_one", SIMPLE.but(system="Today is 2026-01-01.", parameters={"seed": 1}))
    repository.commit()
    repository.write("test_bot.py::test_one", SIMPLE.but(system="Today is 2026-02-02.", parameters={"seed": 2}))

    assert "Recorded again with the same requests and answers: 1 test" in diff()

    repository.file("pytest.ini").write_text("[pytest]\nllm_ignore_request_fields = a[\n", encoding="utf-8")
    assert "llm_ignore_request_fields" in diff(code=2)
