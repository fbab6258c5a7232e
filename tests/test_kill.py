"""Killed while it writes, a run leaves every cassette and every snapshot old or new, and none apart from the other.

`LLMWATCH_KILLS=5` goes through all kinds of moments five times; the default keeps the suite quick.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from itertools import count

import pytest
from aimed_kills import aims, half_written, kill_when
from conftest import kill_group

from pytest_llmwatch.cassette import parse
from pytest_llmwatch.pairs import next_path
from pytest_llmwatch.recording_key import recording_key
from pytest_llmwatch.snapshot_files import parse as parse_snapshots

TIMES = int(os.environ.get("LLMWATCH_KILLS", "1"))
PAIRS = 6
TESTS = 8
CALLS = 2

# The file `started` marks the first call: nothing is at stake while pytest still imports its plugins.
ASKS = f"""
    import json, os, pathlib, urllib.request

    import pytest

    def ask(question):
        body = {{"model": "gpt-5-mini", "messages": [{{"role": "user", "content": question}}]}}
        url = os.environ["MODEL_BASE_URL"] + "/chat/completions"
        request = urllib.request.Request(url, json.dumps(body).encode(), {{"content-type": "application/json"}})
        with urllib.request.urlopen(request) as response:
            return json.load(response)["choices"][0]["message"]["content"]

    def reply_to(number):
        pathlib.Path("started").touch()
        return [ask(f"question {{number}}, turn {{turn}}") for turn in range({CALLS})][-1]

    @pytest.mark.parametrize("number", range({PAIRS}))
    def test_bot(number, llm_snapshot):
        assert reply_to(number) + os.environ.get("MORE", "") == llm_snapshot

    @pytest.mark.llm
    @pytest.mark.parametrize("number", range({PAIRS}, {TESTS}))
    def test_alone(number):
        reply_to(number)
"""
QUIET = "[pytest]\naddopts = -p no:randomly -p no:asyncio -p no:hypothesispytest -p no:cacheprovider -p no:xdist\n"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="process groups")


@pytest.fixture
def answers(provider):
    """Every answer is another one."""
    counter = count(1)
    provider.answer_with(lambda _request: f"answer {next(counter)}, " * 50)


@pytest.fixture
def bot(project, answers):
    project.write_file("pytest.ini", QUIET)
    project.write(test_bot=ASKS)
    project.pytest("--llm-record").assert_outcomes(passed=TESTS)
    return project


def killed(project, aim, *arguments, env=None):
    """Run until the moment aimed at; whether it came to that."""
    started = project.path / "started"
    started.unlink(missing_ok=True)
    process = project.popen(*arguments, env=env)
    while not started.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    folders = [project.path / folder / "test_bot" for folder in ("cassettes", "__snapshots__")]
    return kill_when(process, lambda: kill_group(process), folders, aim)


def cassettes_of(project):
    return {path: content for path, content in project.files().items() if path.endswith(".yaml")}


def fate_of(old, new):
    """`old` or `new` for a cassette that is whole, `broken` for any other."""
    if new == old:
        return "old"
    try:
        return "new" if new is not None and len(parse(new.decode(), "").exchanges) == CALLS else "broken"
    except Exception:  # noqa: BLE001 - whatever is wrong with it
        return "broken"


def state_of(project, number):
    """Of a pair: `whole`, `to be finished` by whoever comes next, `apart`, or `torn`."""
    cassette = project.path / f"cassettes/test_bot/test_bot[{number}].yaml"
    snapshots = project.path / f"__snapshots__/test_bot/test_bot[{number}].snap"
    key = recording_key(parse(cassette.read_text(encoding="utf-8"), "").exchanges)
    if approved_from(snapshots) == key:
        return "whole"
    waiting = next_path(snapshots)
    return "to be finished" if waiting.exists() and approved_from(waiting) == key else "apart"


def approved_from(path):
    return snapshot_at(path).recording


def snapshot_at(path):
    (one,) = parse_snapshots(path.read_text(encoding="utf-8"), "").snapshots
    return one


# What stands on the disk, in this order, while a pair is written.
MOMENTS = [r"\.next\..*\.tmp$", r"\.next$", r"\.yaml\..*\.tmp$"]


def test_a_recording_killed_while_it_writes_leaves_all_old_or_new_and_pairs_together(bot):
    fates, kills = Counter(), 0
    for aim in [*aims(MOMENTS, PAIRS)] * TIMES:
        before = cassettes_of(bot)
        kills += killed(bot, aim, "--llm-record")
        after = cassettes_of(bot)
        fates.update(fate_of(before.get(path), after.get(path)) for path in before | after)
        fates.update(state_of(bot, number) for number in range(PAIRS))
        fates["in the middle"] += bool(half_written(bot.path))
    print(f"{kills} kills: {dict(fates)}")

    assert fates["broken"] == fates["apart"] == 0
    assert min(fates["old"], fates["new"], fates["whole"], kills) > 0
    assert fates["in the middle"] >= kills / 4

    leftover = bot.write_file("cassettes/test_bot/.test_bot[0].yaml.k1ll3d00.tmp", "llmwatch: 1\ninter")
    result = bot.pytest()
    result.assert_outcomes(passed=TESTS)
    result.stdout.fnmatch_lines([f"snapshots: {PAIRS} same"])
    assert {state_of(bot, number) for number in range(PAIRS)} == {"whole"}
    assert {path.suffix for path in half_written(bot.path)} == {".tmp"}
    assert leftover.exists()

    bot.pytest("--llm-record").assert_outcomes(passed=TESTS)
    assert half_written(bot.path) == []
    assert len(cassettes_of(bot)) == TESTS


def test_an_approval_killed_while_it_writes_leaves_the_old_or_the_new_snapshots_whole(bot):
    cassettes, fates, kills = cassettes_of(bot), Counter(), 0
    for number, aim in enumerate([*aims([r"\.snap\..*\.tmp$"] * 2, PAIRS)] * TIMES):
        more = f" and {number} more" * 500
        kills += killed(bot, aim, "--snapshot-update", env={"MORE": more})
        texts = [snapshot_at(path).text for path in (bot.path / "__snapshots__/test_bot").glob("*.snap")]
        fates.update("new" if text.endswith(more) else "old" for text in texts)
        fates["in the middle"] += bool(half_written(bot.path))
        assert len(texts) == PAIRS
        assert {state_of(bot, each) for each in range(PAIRS)} == {"whole"}
    print(f"{kills} kills: {dict(fates)}")

    assert min(fates["old"], fates["new"], kills) > 0
    assert fates["in the middle"] > 0
    assert cassettes_of(bot) == cassettes
