"""`pytest-llmwatch lint`: what is wrong with the cassettes of a project."""

import json
import os
import subprocess
import sys

import pytest
from asking_bot import BOT

from pytest_llmwatch.cassette import Cassette
from pytest_llmwatch.cassette_text import dump
from pytest_llmwatch.exchange import Exchange, Request, Response

TWO = """
    import pytest
    from bot import ask

    @pytest.mark.llm
    def test_one():
        assert ask("one")

    @pytest.mark.llm
    def test_two():
        assert ask("two") and ask("three")
"""
OLD = """\
interactions:
- request: {body: null, headers: {}, method: GET, uri: 'https://h/x'}
  response:
    body: {string: hello}
    headers: {}
    status: {code: 200, message: OK}
version: 1
"""
SECRET = "sk-proj-Ab3dEf6hIj9lMn2pQr5tUv8xYz1BcD4eF7gH0iJ"


def asked(question):
    """What the bot's request for this question leaves in a cassette."""
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": question}]}
    answer = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}]}
    headers = (("content-type", "application/json"),)
    return Exchange(
        request=Request(
            method="POST",
            uri="http://127.0.0.1:8000/v1/chat/completions",
            headers=headers,
            body=json.dumps(body).encode(),
        ),
        response=Response(status=200, headers=headers, body=json.dumps(answer).encode()),
    )


@pytest.fixture
def suite(project):
    """A project with two recorded tests."""
    project.write(bot=BOT, test_bot=TWO)
    for test, questions in {"test_one": ["one"], "test_two": ["two", "three"]}.items():
        cassette = Cassette(test=f"test_bot.py::{test}", exchanges=tuple(map(asked, questions)))
        project.write_file(f"cassettes/test_bot/{test}.yaml", dump(cassette))
    return project


def lint(project, *arguments, cwd=None, env=None, stdin=subprocess.DEVNULL):
    # The models of the recordings are of a day on which they were in use.
    return subprocess.run(
        [sys.executable, "-m", "pytest_llmwatch", "lint", "--at", "2026-01-01", *arguments],
        cwd=cwd or project.path,
        env=project.environment(env),
        stdin=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_candidates_are_no_orphans_and_only_seen_where_they_are_named(suite):
    folder = suite.path / ".llmwatch/candidates/cassettes/test_bot"
    folder.mkdir(parents=True)
    (folder / "test_one.yaml").write_bytes((suite.path / "cassettes/test_bot/test_one.yaml").read_bytes())

    assert ".llmwatch" not in lint(suite).stdout
    named = lint(suite, ".llmwatch")
    assert named.returncode == 0
    assert "test_one.yaml: note: candidate: kept by --llm-check; it answers nothing" in named.stdout


def found_in(project, *arguments, **options):
    done = lint(project, "--json", *arguments, **options)
    return [json.loads(line) for line in done.stdout.splitlines()]


def kinds_in(project, *arguments, **options):
    return [(one["kind"], one["file"]) for one in found_in(project, *arguments, **options)]


def test_a_clean_project_has_no_finding_and_nothing_is_written(suite, provider):
    before = {path: path.stat().st_mtime_ns for path in suite.path.rglob("*") if "__pycache__" not in str(path)}
    provider.stop()

    done = lint(suite)

    assert (done.returncode, done.stdout) == (0, "2 cassettes read: 0 findings\n")
    after = {path: path.stat().st_mtime_ns for path in suite.path.rglob("*") if "__pycache__" not in str(path)}
    assert after == before


def test_a_cassette_whose_test_is_gone_is_an_orphan(suite):
    suite.write(test_bot=TWO.replace("def test_one", "def test_other"))

    done = lint(suite)

    assert done.returncode == 1
    assert done.stdout == (
        "cassettes/test_bot/test_one.yaml: orphan: its test is gone: test_bot.py::test_one\n"
        "    delete it\n"
        "2 cassettes read: 1 finding\n"
        "To delete all orphans: pytest-llmwatch lint --delete-orphans\n"
    )


def test_a_cassette_whose_module_is_gone_is_an_orphan(suite):
    (suite.path / "test_bot.py").rename(suite.path / "test_chat.py")

    assert kinds_in(suite) == [
        ("orphan", "cassettes/test_bot/test_one.yaml"),
        ("orphan", "cassettes/test_bot/test_two.yaml"),
    ]


@pytest.mark.parametrize(
    "edit",
    [
        ("@pytest.mark.llm\n    def test_one", "@pytest.mark.llm\n    @pytest.mark.skip\n    def test_one"),
        ("@pytest.mark.llm\n    def test_one", "@pytest.mark.llm\n    @pytest.mark.slow\n    def test_one"),
        ("@pytest.mark.llm\n    def test_one", "def test_one"),
        ("import pytest\n", "import pytest\n    pytest.importorskip('no_such_package')\n"),
    ],
    ids=["skipped", "deselected", "without its mark", "module skipped"],
)
def test_a_test_that_does_not_run_today_keeps_its_cassette(suite, edit):
    suite.write(test_bot=TWO.replace(*edit))
    suite.write_file("pytest.ini", "[pytest]\naddopts = -m 'not slow' --lf -p no:randomly\nmarkers = slow\n")

    done = lint(suite)

    assert (done.returncode, done.stdout) == (0, "2 cassettes read: 0 findings\n")


def test_a_module_that_is_not_collected_keeps_its_cassettes(suite):
    suite.write_file("pytest.ini", "[pytest]\naddopts = --ignore=test_bot.py\n")

    assert kinds_in(suite) == []


def test_a_parameter_that_is_gone_leaves_an_orphan_and_the_others_keep_theirs(project):
    source = """
        import pytest
        from bot import ask

        @pytest.mark.llm
        @pytest.mark.parametrize("thing", ["used phone", "laptop", "箱"])
        def test_it(thing):
            assert ask(thing)
    """
    project.write(bot=BOT, test_bot=source)
    project.pytest("--llm-record").assert_outcomes(passed=3)
    assert kinds_in(project) == []
    project.write(test_bot=source.replace('"used phone", ', ""))

    orphans = [one["message"] for one in found_in(project)]

    assert orphans == ["its test is gone: test_bot.py::test_it[used phone]"]


def test_a_fixture_keeps_its_cassette_until_it_is_gone(project):
    source = """
        import pytest
        from bot import ask

        @pytest.fixture(scope="session")
        def Summary():
            return ask("summary")
    """
    project.write(bot=BOT, conftest=source, test_bot=TWO.replace("def test_one()", "def test_one(Summary)"))
    project.pytest("--llm-record").assert_outcomes(passed=2)
    assert kinds_in(project) == []
    project.write(conftest="", test_bot=TWO)

    assert [one["message"] for one in found_in(project)] == ["its fixture is gone: Summary"]


@pytest.mark.parametrize(
    "broken, said",
    [
        ({"test_other": "import no_such_module"}, "these could not be collected: test_other.py"),
        ({"conftest": "import no_such_module"}, "pytest ended with exit code 4"),
    ],
)
def test_a_broken_collection_makes_no_orphan_and_nothing_is_deleted(suite, broken, said):
    suite.write(test_bot="")
    suite.write(**broken)
    before = suite.files()

    done = lint(suite, "--delete-orphans", "--yes")

    assert done.returncode == 2
    assert "orphan:" not in done.stdout
    assert said in done.stderr
    assert "No module named 'no_such_module'" in done.stderr
    assert suite.files() == before


def test_a_project_that_switches_the_plugin_off_is_told_so(suite):
    done = lint(suite, env={"PYTEST_ADDOPTS": "-p no:llmwatch"})

    assert done.returncode == 2
    assert "pytest runs without the plugin pytest-llmwatch here" in done.stderr


def test_orphans_are_deleted_when_told_so_without_asking(suite):
    suite.write(test_bot=TWO.replace("def test_one", "def test_other"))

    done = lint(suite, "--delete-orphans", "--yes")

    assert done.returncode == 0
    assert "deleted 1 file" in done.stderr
    assert list(suite.files()) == ["cassettes/test_bot/test_two.yaml"]


def test_nothing_is_deleted_where_nobody_can_be_asked(suite):
    suite.write(test_bot="")
    before = suite.files()

    done = lint(suite, "--delete-orphans")

    assert done.returncode == 2
    assert "add --yes" in done.stderr
    assert suite.files() == before


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("answer, code, left", [(b"y\n", 0, 0), (b"n\n", 1, 2), (b"\n", 1, 2), (b"what\n", 1, 2)])
def test_orphans_are_deleted_only_after_a_yes(suite, answer, code, left):
    import pty

    suite.write(test_bot="")
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    done = lint(suite, "--delete-orphans", stdin=theirs)
    os.close(ours)
    os.close(theirs)

    assert done.returncode == code
    assert "Delete 2 files? [y/N]" in done.stderr
    assert len(suite.files()) == left


def test_yes_alone_is_a_mistake(suite):
    done = lint(suite, "--yes")

    assert done.returncode == 2
    assert "give both" in done.stderr


def test_only_the_paths_given_are_judged_wherever_the_command_runs(suite, tmp_path):
    suite.write_file("sub/test_more.py", "")
    suite.write_file("sub/cassettes/test_more/test_x.yaml", suite.cassette("test_one").read_text(encoding="utf-8"))
    suite.write(test_bot="")

    inside = kinds_in(suite, cwd=suite.path / "sub")
    named = kinds_in(suite, "sub")
    far = kinds_in(suite, str(suite.path / "sub"), cwd=tmp_path)

    assert sorted(file for _kind, file in inside) == [
        "../cassettes/test_bot/test_one.yaml",
        "../cassettes/test_bot/test_two.yaml",
        "cassettes/test_more/test_x.yaml",
    ]
    assert named == [("orphan", "sub/cassettes/test_more/test_x.yaml")]
    assert far == [("orphan", str(suite.path / "sub/cassettes/test_more/test_x.yaml"))]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_recording_that_the_last_replay_did_not_ask_for_is_unused_until_the_file_changes(suite, workers):
    suite.write(test_bot=TWO.replace(' and ask("three")', ""))
    suite.pytest("-n", workers).assert_outcomes(passed=2)

    unused = found_in(suite)
    suite.pytest("--llm-record").assert_outcomes(passed=2)

    assert [(one["kind"], one["file"]) for one in unused] == [("unused", "cassettes/test_bot/test_two.yaml")]
    assert unused[0]["message"] == "recording 2 of 2 was not asked for in the last replay"
    assert unused[0]["line"] > 2
    assert found_in(suite) == []


def test_a_test_that_failed_says_nothing_about_what_is_unused(suite):
    suite.write(test_bot=TWO.replace('ask("two")', "0"))
    suite.pytest().assert_outcomes(passed=1, failed=1)

    assert found_in(suite) == []


def test_what_is_asked_for_again_is_used_again(suite):
    suite.write(test_bot=TWO.replace(' and ask("three")', ""))
    suite.pytest().assert_outcomes(passed=2)
    suite.write(test_bot=TWO)
    suite.pytest("test_bot.py::test_one").assert_outcomes(passed=1)
    assert [one["kind"] for one in found_in(suite)] == ["unused"]

    suite.pytest().assert_outcomes(passed=2)

    assert found_in(suite) == []


def test_a_run_without_cache_or_without_us_remembers_nothing(suite):
    suite.write(test_bot=TWO.replace(' and ask("three")', ""), test_plain="def test_plain(): pass")
    suite.pytest("-p", "no:cacheprovider").assert_outcomes(passed=3)
    suite.pytest("test_plain.py").assert_outcomes(passed=1)

    assert not list(suite.path.rglob("llmwatch"))
    assert found_in(suite) == []


def test_an_unreadable_cassette_is_a_finding_with_its_line(suite):
    path = suite.cassette("test_one")
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")

    (unreadable,) = found_in(suite)

    assert (unreadable["kind"], unreadable["file"]) == ("unreadable", "cassettes/test_bot/test_one.yaml")
    assert unreadable["line"] > 1
    assert "git checkout" in unreadable["advice"]


def test_vcrpy_s_format_and_pending_recordings_are_notes_that_do_not_fail(suite):
    suite.write_file("cassettes/test_bot/test_one.yaml", OLD)
    pending = suite.cassette("test_two").read_text(encoding="utf-8")
    suite.write_file("cassettes/test_bot/test_two.pending.yaml", pending)

    done = lint(suite)

    assert done.returncode == 0
    assert "cassettes/test_bot/test_one.yaml: note: old format: written by vcrpy" in done.stdout
    assert "cassettes/test_bot/test_two.pending.yaml: note: pending: " in done.stdout
    assert done.stdout.endswith("3 cassettes read: 0 findings, 2 notes\n")


def test_a_cassette_of_vcrpy_is_an_orphan_only_where_nothing_names_it(suite):
    suite.write(
        test_bot=TWO
        + """
    @pytest.mark.vcr("custom.yaml")
    class TestIt:
        def test_a_b(self):
            open("named_in_code.yaml")
    """
    )
    for name in ("custom", "TestIt.test_a_b", "named_in_code", "gone"):
        suite.write_file(f"cassettes/test_bot/{name}.yaml", OLD)
    suite.write_file("cassettes/somewhere/else.yaml", OLD)
    suite.write_file("pytest.ini", "[pytest]\nmarkers = vcr\n")

    orphans = [one["file"] for one in found_in(suite) if one["kind"] == "orphan"]

    assert orphans == ["cassettes/test_bot/gone.yaml"]


def test_yaml_that_is_no_cassette_is_left_alone(suite):
    suite.write_file("cassettes/test_bot/facts.yaml", "answers: [1]\n")
    suite.write_file("cassettes/index.yml", "- a\n")
    suite.write_file("compose.yaml", "services: {}\n")

    assert found_in(suite, ".") == []


def test_a_secret_is_found_with_its_line_and_never_printed(suite):
    path = suite.cassette("test_one")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if "content: one" in line)
    lines[place] = lines[place].replace("content: one", f"content: one {SECRET}")
    path.write_text("".join(lines), encoding="utf-8")

    done = lint(suite)

    assert done.returncode == 1
    assert f"cassettes/test_bot/test_one.yaml:{place + 1}: secret: it looks like a secret" in done.stdout
    assert SECRET not in done.stdout + done.stderr
    assert [one["line"] for one in found_in(suite) if one["kind"] == "secret"] == [place + 1]


def test_a_value_of_the_environment_is_a_secret_too(suite):
    path = suite.cassette("test_one")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("content: one", f"content: one {suite.api_key}"), encoding="utf-8")

    assert ("secret", "cassettes/test_bot/test_one.yaml") in kinds_in(suite)


def test_what_the_project_calls_a_secret_is_one(suite):
    suite.write_file("pytest.ini", "[pytest]\nllm_secret_patterns =\n    acme-\\d+\n")
    suite.write(
        conftest="""
            import re

            def pytest_llmwatch_secrets():
                return ["zork-[a-z]+", re.compile("HUSH-[A-Z]+", re.I)]
        """
    )
    path = suite.cassette("test_one")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("content: one", "content: acme-1234567 zork-abcdefg hush-abcdefg"), encoding="utf-8")

    secrets = [one for one in kinds_in(suite) if one[0] == "secret"]
    assert secrets == [("secret", "cassettes/test_bot/test_one.yaml")] * 3


def test_a_secret_pattern_that_does_not_compile_is_a_mistake(suite):
    suite.write_file("pytest.ini", "[pytest]\nllm_secret_patterns =\n    acme-(\n")

    done = lint(suite)

    assert done.returncode == 2
    assert "does not compile" in done.stderr


def test_a_project_without_cassettes_is_clean(project):
    project.write(test_plain="def test_plain(): pass")

    done = lint(project)

    assert done.returncode == 0
    assert "there is no cassette in cassettes folders below" in done.stderr


@pytest.mark.parametrize("path, said", [("nowhere", "no such file or folder"), ("empty", "no cassette in empty")])
def test_a_path_that_leads_to_no_cassette_is_a_mistake(suite, path, said):
    (suite.path / "empty").mkdir()

    done = lint(suite, path)

    assert done.returncode == 2
    assert said in done.stderr


def test_the_places_of_an_orphan_are_those_of_where_the_command_was_typed(suite):
    suite.write_file("sub/test_more.py", "")
    suite.write_file("sub/cassettes/test_more/test_x.yaml", suite.cassette("test_one").read_text(encoding="utf-8"))
    suite.write_file("sub/cassettes/test_gone/test_y.yaml", suite.cassette("test_one").read_text(encoding="utf-8"))

    done = lint(suite, "sub")

    assert "sub/cassettes/test_gone/test_y.yaml: orphan: its test module is gone: sub/test_gone.py\n" in done.stdout
    assert "sub/cassettes/test_more/test_x.yaml: orphan: its test is gone: sub/test_bot.py::test_one\n" in done.stdout
    assert done.stdout.endswith("To delete all orphans: pytest-llmwatch lint sub --delete-orphans\n")


def test_a_cassette_at_the_place_of_another_test_is_misplaced(suite):
    path = suite.cassette("test_two")
    path.write_text(suite.cassette("test_one").read_text(encoding="utf-8"), encoding="utf-8")

    (misplaced,) = found_in(suite)

    assert (misplaced["kind"], misplaced["file"], misplaced["line"]) == (
        "misplaced",
        "cassettes/test_bot/test_two.yaml",
        2,
    )
    assert "test_bot.py::test_one" in misplaced["message"]


def test_a_reading_that_was_edited_or_left_behind_is_a_note(suite):
    path = suite.cassette("test_one")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("output_text: Yes.", "output_text: No."), encoding="utf-8")

    (stale,) = found_in(suite)

    assert (stale["kind"], stale["level"], stale["line"]) == ("stale reading", "note", 5)
    assert stale["message"].endswith(": output_text")
    assert lint(suite).returncode == 0


def test_an_empty_file_among_the_cassettes_is_a_finding(suite):
    suite.cassette("test_one").write_text("", encoding="utf-8")

    assert [(one["kind"], one["message"]) for one in found_in(suite)] == [("unreadable", "the file is empty")]


def test_a_file_that_is_named_and_is_no_cassette_is_a_finding_that_nobody_is_told_to_delete(suite):
    suite.write_file("compose.yaml", "services: {}\n")

    for name in ("compose.yaml", "bot.py"):
        (found,) = found_in(suite, name)

        assert found["kind"] == "unreadable"
        assert found["message"].startswith("this is not a cassette")
        assert "delete" not in found["advice"]


def test_a_newer_format_asks_for_an_upgrade(suite):
    path = suite.cassette("test_one")
    path.write_text(path.read_text(encoding="utf-8").replace("llmwatch: 1", "llmwatch: 2"), encoding="utf-8")

    (found,) = found_in(suite)

    assert "pip install --upgrade pytest-llmwatch" in found["advice"]
