"""What `pytest-llmwatch lint` says of recordings that time has overtaken, and of snapshots."""

import io
import json
import subprocess
import sys
import tomllib
from dataclasses import replace
from datetime import date, timedelta

import pytest

from pytest_llmwatch import ModelCall
from pytest_llmwatch.cassette import Cassette
from pytest_llmwatch.cassette_text import dump
from pytest_llmwatch.commands.findings import Found
from pytest_llmwatch.commands.lint import _print
from pytest_llmwatch.commands.staleness import TABLE, shutdowns
from pytest_llmwatch.errors import SettingError
from pytest_llmwatch.exchange import Exchange, Request, Response
from pytest_llmwatch.max_age import max_age_in
from pytest_llmwatch.model_shutdowns import endings_of
from pytest_llmwatch.recording_key import recording_key
from pytest_llmwatch.snapshot_files import Snapshot, SnapshotFile
from pytest_llmwatch.snapshot_files import dump as dump_snapshots

TESTS = """
    def test_one(llm_cassette):
        pass
"""


def exchange(model="house-model", *, served=None, host="api.openai.com"):
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    answer = {"model": served or model, "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}}]}
    headers = (("content-type", "application/json"),)
    uri = f"https://{host}/v1/chat/completions"
    return Exchange(
        request=Request(method="POST", uri=uri, headers=headers, body=json.dumps(body).encode()),
        response=Response(status=200, headers=headers, body=json.dumps(answer).encode()),
    )


@pytest.fixture
def suite(project):
    project.write(test_bot=TESTS)
    return project


def keep(project, *exchanges, test="test_one"):
    recorded = {"at": "2026-03-01T00:00:00Z"}
    cassette = Cassette(test=f"test_bot.py::{test}", exchanges=exchanges, recorded=recorded)
    project.write_file(f"cassettes/test_bot/{test}.yaml", dump(cassette))


def keep_snapshots(project, *snapshots, test="test_one"):
    file = SnapshotFile(test=f"test_bot.py::{test}", snapshots=snapshots)
    return project.write_file(f"__snapshots__/test_bot/{test}.snap", dump_snapshots(file))


def lint(project, *arguments, at="2026-06-01", env=None):
    return subprocess.run(
        [sys.executable, "-m", "pytest_llmwatch", "lint", "--at", at, *arguments],
        cwd=project.path,
        env=project.environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_a_recording_that_is_older_than_it_may_be_is_a_finding(suite):
    keep(suite, exchange(), exchange())
    suite.write_file("pytest.ini", "[pytest]\nllm_max_age = 12w\n")

    old = lint(suite)
    young = lint(suite, env={"LLMWATCH_MAX_AGE": "100d"})
    mistaken = lint(suite, env={"LLMWATCH_MAX_AGE": "3 months"})

    assert old.returncode == 1
    assert old.stdout == (
        "cassettes/test_bot/test_one.yaml: too old: recorded on 2026-03-01, 92 days ago, "
        "and llm_max_age is 84 days\n"
        "    record test_bot.py::test_one again (--llm-record), or see what changed (--llm-check)\n"
        "1 cassette read: 1 finding\n"
    )
    assert (young.returncode, young.stdout) == (0, "1 cassette read: 0 findings\n")
    assert mistaken.returncode == 2
    assert "'3 months' is no age; write days or weeks, such as 90d or 12w" in mistaken.stderr


def test_a_model_that_will_be_shut_down_is_a_note_and_one_that_was_is_a_finding(suite):
    keep(suite, exchange("gpt-5-mini", served="gpt-5-mini-2025-08-07"), exchange("gpt-4o"))

    before = lint(suite, at="2026-11-28")
    after = lint(suite, "--json", at="2026-12-11")
    unknown = lint(suite, at="2026-05-01")

    assert before.returncode == 0
    assert before.stdout.startswith(
        "cassettes/test_bot/test_one.yaml: note: model leaving: gpt-5-mini will be shut down on 2026-12-11, "
        "in 13 days, says openai\n"
        "    to try another: pytest --llm-check --llm-model gpt-5-mini=NEW  "
        "(https://developers.openai.com/api/docs/deprecations)\n"
    )
    assert before.stdout.endswith("1 cassette read: 0 findings, 3 notes\n")
    assert after.returncode == 1
    found = [json.loads(line) for line in after.stdout.splitlines()]
    assert [(one["kind"], one["level"], one["message"].split(",")[0]) for one in found] == [
        ("model gone", "finding", "gpt-5-mini was shut down on 2026-12-11"),
        ("model gone", "finding", "gpt-5-mini-2025-08-07 was shut down on 2026-12-11"),
        ("model leaving", "note", "gpt-4o will be shut down on 2027-01-14"),
    ]
    assert (unknown.returncode, unknown.stdout) == (0, "1 cassette read: 0 findings\n")


def test_what_is_said_of_a_model_is_said_once_for_all_cassettes():
    said = {"message": "gpt-5-mini will be shut down", "advice": "try another"}
    found = [Found(file=f"{name}.yaml", kind="model leaving", **said) for name in "abcde"]
    found.append(Found(file="a.yaml", line=7, kind="secret", message="a key", advice="revoke it"))
    out = io.StringIO()

    _print(found, files=5, snapshots=0, out=out, as_json=False)

    assert out.getvalue() == (
        "5 cassettes (a.yaml, b.yaml, c.yaml and 2 more): note: model leaving: gpt-5-mini will be shut down\n"
        "    try another\n"
        "a.yaml:7: secret: a key\n    revoke it\n"
        "5 cassettes read: 1 finding, 1 note\n"
    )


def test_the_model_of_a_judge_is_changed_in_the_code(suite):
    keep(suite, replace(exchange("gpt-5-mini"), role="judge"))

    assert (
        "    let another model judge, and record again with --llm-record  (https://"
        in lint(suite, at="2026-11-28").stdout
    )


def snapshot(recording, name="1"):
    return Snapshot(name=name, kind="text", text="Yes.", recording=recording)


def test_snapshots_are_held_against_their_test_and_their_cassette(suite):
    one = exchange()
    keep(suite, one)
    keep_snapshots(suite, snapshot(recording_key([one])), snapshot(None, name="no call"))

    assert lint(suite).stdout == "1 cassette and 1 file of snapshots read: 0 findings\n"

    changed = replace(one, request=replace(one.request, body=one.request.body.replace(b'"hi"', b'"ho"')))
    keep(suite, changed)
    apart = lint(suite)
    assert apart.returncode == 1
    assert apart.stdout == (
        "__snapshots__/test_bot/test_one.snap:3: out of step: this snapshot was approved of a recording that is not "
        "there: cassettes/test_bot/test_one.yaml holds another recording\n"
        "    restore the two together, or make both anew: pytest test_bot.py::test_one --llm-record\n"
        "1 cassette and 1 file of snapshots read: 1 finding\n"
    )

    (suite.path / "cassettes/test_bot/test_one.yaml").unlink()
    gone = lint(suite, "__snapshots__").stdout
    assert ":3: out of step: this snapshot was approved of a recording that is not there: cassettes/" in gone
    assert "/test_one.yaml is gone\n" in gone


def test_a_snapshot_without_a_test_is_an_orphan_and_one_that_cannot_be_read_is_named(suite):
    keep_snapshots(suite, snapshot("0f3a9c21d4e5"), test="test_gone")
    damaged = keep_snapshots(suite, snapshot(None))
    damaged.write_text(damaged.read_text().replace("# end", "--- 1\nkind: text\n\n# end"))
    suite.write_file("__snapshots__/test_bot/test_jest.snap", "// Jest Snapshot v1\n")

    done = lint(suite)

    assert done.returncode == 1
    assert "__snapshots__/test_bot/test_gone.snap: orphan: its test is gone: test_bot.py::test_gone\n" in done.stdout
    assert "__snapshots__/test_bot/test_one.snap:8: unreadable: " in done.stdout
    assert "jest" not in done.stdout
    assert done.stdout.endswith("To delete all orphans: pytest-llmwatch lint --delete-orphans\n")

    assert lint(suite, "--delete-orphans", "--yes").returncode == 1
    assert not (suite.path / "__snapshots__/test_bot/test_gone.snap").exists()
    assert lint(suite, "__snapshots__/test_bot/test_jest.snap").stdout.startswith(
        "__snapshots__/test_bot/test_jest.snap:1: unreadable: "
    )


def test_an_age_that_is_none_ends_a_run_before_it_begins(suite):
    suite.write_file("pytest.ini", "[pytest]\nllm_max_age = 90\n")

    result = suite.pytest()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: '90' is no age; write days or weeks, such as 90d or 12w (llm_max_age*"])


@pytest.mark.parametrize("text, days", [("90d", 90), (" 12W ", 84), ("1 d", 1), ("", None)])
def test_an_age_is_in_days_or_weeks(text, days):
    assert max_age_in(text) == (None if days is None else timedelta(days=days))


@pytest.mark.parametrize("text", ["90", "0d", "1y", "-3d", "d", "1.5w", "９d"])
def test_anything_else_is_no_age(text):
    with pytest.raises(SettingError, match="is no age"):
        max_age_in(text)


@pytest.mark.parametrize(
    "call, expected",
    [
        ({"request_model": "gpt-5", "provider_name": "openai"}, [("gpt-5", True)]),
        ({"request_model": "gpt-5"}, [("gpt-5", False)]),
        # Azure, Amazon and routers have dates of their own.
        ({"request_model": "gpt-5", "provider_name": "azure.ai.openai"}, []),
        ({"request_model": "ft:gpt-4o-mini-2024-07-18:org::1", "provider_name": "openai"},
         [("gpt-4o-mini-2024-07-18", True)]),
        ({"request_model": "models/gemini-2.5-pro", "provider_name": "gcp.gemini"}, [("gemini-2.5-pro", True)]),
        ({"request_model": "latest", "response_model": "claude-sonnet-4-5-20250929", "provider_name": "anthropic"},
         [("claude-sonnet-4-5-20250929", True)]),
        ({"request_model": "gpt-5-large", "provider_name": "openai"}, []),
        ({"provider_name": "openai"}, []),
    ],
)  # fmt: skip
def test_a_model_ends_where_its_own_provider_says_so(call, expected):
    found = endings_of([ModelCall(**call)] * 2, shutdowns(), today=date(2026, 11, 28))

    assert [(one.shutdown.model, one.is_sure) for one in found] == expected


def test_the_table_is_dated_and_has_its_sources():
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    known = shutdowns()

    assert table.keys() == {"read", "pages", *table["pages"]}
    assert all(one.announced <= table["read"] for one in known)
    assert all(one.announced <= one.on for one in known)
    assert all(one.page.startswith("https://") for one in known)
    assert len({(one.provider, one.model) for one in known}) == len(known) > 90
