"""A secret in the id of a test, or in the name of a snapshot, reaches no file, no file's name and none of our pages."""

from __future__ import annotations

import subprocess
import sys

import pytest
from asking_bot import BOT

from pytest_llmwatch.environment_secrets import forms_of
from pytest_llmwatch.secret_spans import Secrets
from pytest_llmwatch.test_ids import safe_id, without_hidden

KEY = "sk-proj-7hQ9ZmW3vKc7RtXb2LpYd8N"
VAULT = "Zk3x9+qLw7Tb1Xv5"
SECRETS = Secrets(forms=forms_of({"VAULT_TOKEN": VAULT}))


@pytest.mark.parametrize(
    "test, said",
    [
        ("test_a.py::test_x", "test_a.py::test_x"),
        ("test_a.py::test_x[eu-sk-learn-and-more-words]", "test_a.py::test_x[eu-sk-learn-and-more-words]"),
        (f"test_a.py::T::test_x[{KEY}]", "test_a.py::T::test_x[~redacted.sk-key~-#]"),
        (f"test_a.py::test_x[eu-{KEY}]", "test_a.py::test_x[eu-~redacted.sk-key~-#]"),
        (f"test_a.py::test_x[1-{VAULT}-2]", "test_a.py::test_x[1-~redacted.VAULT_TOKEN~-2-#]"),
        (
            f"test_a.py::test_x[AKIA2E0A8F3B244C9986-{KEY}]",
            "test_a.py::test_x[~redacted.aws-key-id~-~redacted.sk-key~-#]",
        ),
        (f"te[st]/test_a.py::test_x[{KEY}]", "te[st]/test_a.py::test_x[~redacted.sk-key~-#]"),
        ("test_a.py::test_x[[redacted:sk-key]]", "test_a.py::test_x[~redacted.sk-key~-#]"),
    ],
)
def test_an_id_has_no_secret_and_stays_apart_from_others(test, said):
    safe = safe_id(test, SECRETS)
    digest = safe.removesuffix("]").rpartition("-")[2]

    assert safe == said.replace("#", digest)
    assert (safe == test) == ("#" not in said)
    assert safe_id(safe, SECRETS) == safe or "#" in said
    if "#" in said:
        assert len(digest) == 8
        assert safe != safe_id(test.replace("7hQ9", "8hQ9").replace("[1-", "[3-").replace("[[", "[x["), SECRETS)
        assert without_hidden(safe) == test[: test.index("[", test.index("::"))]
    else:
        assert without_hidden(safe) == test


TEST = """
    import os

    import pytest
    from bot import ask

    KEYS = [os.environ["OPENAI_API_KEY"], os.environ["VAULT_TOKEN"], "plain"]

    @pytest.mark.parametrize("key", KEYS)
    @pytest.mark.parametrize("region", ["eu"])
    def test_ask(region, key, llm_snapshot):
        reply = ask(f"What of {region}?")
        assert reply == llm_snapshot
        assert reply == llm_snapshot(name=f"of {key}")
"""
OURS = ("cassettes", "__snapshots__", ".llmwatch")


def written(project):
    found = (path for folder in OURS for path in project.path.rglob(f"{folder}/**/*") if path.is_file())
    return {path.relative_to(project.path).as_posix(): path.read_text(encoding="utf-8") for path in found}


def ours(result):
    """What a run said, but for the ids that pytest itself prints."""
    lines = (
        line for line in [*result.outlines, *result.errlines] if not line.startswith(("FAILED ", "____", "ERROR "))
    )
    return "\n".join(lines)


def assert_clean(project, said=""):
    for secret in (KEY, VAULT):
        assert secret not in f"{written(project)}{said}"


@pytest.fixture
def command(project):
    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "pytest_llmwatch", *arguments],
            cwd=project.path,
            env=project.environment({"OPENAI_API_KEY": KEY, "VAULT_TOKEN": VAULT}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_no_secret_of_a_parameter_is_written_or_shown_and_tests_still_find_their_files(project, provider, command):
    environment = {"OPENAI_API_KEY": KEY, "VAULT_TOKEN": VAULT}

    def run(*arguments):
        return project.pytest("-q", "--tb=short", *arguments, env=environment)

    project.write(bot=BOT, test_bot=TEST)
    provider.answer_with(lambda _request: "Within 14 days.")
    recorded = run("--llm-record")
    recorded.assert_outcomes(passed=3)
    before = written(project)

    assert_clean(project, ours(recorded))
    assert len(before) == 6
    assert sorted(path.count("~") for path in before) == [0] * 6

    run().assert_outcomes(passed=3)
    run("-k", "plain", "--snapshot-update").assert_outcomes(passed=1, deselected=2)
    run("--snapshot-update").assert_outcomes(passed=3)
    assert written(project) == before
    assert provider.requests_served == 3

    provider.answer_with(lambda _request: "Within 30 days.")
    checked = run("--llm-check")
    checked.assert_outcomes(failed=3)
    assert_clean(project, ours(checked))
    code, listed = command("review")
    assert code == 1
    names = sorted({word.strip("':") for word in listed.split() if "test_bot.py::test_ask[" in word})
    assert len(names) == 3, listed
    for name in names:
        code, said = command("accept", name)
        assert (code, said.count("accepted")) == (0, 2), said
        assert_clean(project, listed + said)
    run().assert_outcomes(passed=3)

    code, said = command("lint")
    assert code == 0, said
    assert_clean(project, said)

    project.write(test_bot=TEST.replace("What of", "How of"))
    missed = run()
    missed.assert_outcomes(failed=3)
    assert_clean(project, ours(missed))
    missed.stdout.fnmatch_lines(["*pytest test_bot.py::test_ask --llm-record*"])


def test_diff_tells_of_such_tests(project, provider, command):
    environment = {"OPENAI_API_KEY": KEY, "VAULT_TOKEN": VAULT}
    project.write(bot=BOT, test_bot=TEST)
    provider.answer_with(lambda _request: "Within 14 days.")
    project.pytest("--llm-record", env=environment).assert_outcomes(passed=3)
    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"],
    ):
        subprocess.run(["git", *arguments], cwd=project.path, check=True)
    provider.answer_with(lambda _request: "Within 30 days.")
    project.pytest("--llm-record", env=environment).assert_outcomes(passed=3)

    code, said = command("diff", "HEAD")

    assert code == 0, said
    assert said.count("test_bot.py::test_ask[eu-~redacted.") >= 2, said
    assert_clean(project, said)
