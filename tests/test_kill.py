"""A recording killed at any moment leaves every cassette whole: the old one or the new one.

`LLMWATCH_KILLS=60` kills that often; the default keeps the suite quick.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from conftest import Project, kill_group

from pytest_llmwatch.cassette import parse

KILLS = int(os.environ.get("LLMWATCH_KILLS", "24"))
SEED = 20_261_123
AT_ONCE = 4
TESTS = 12
CALLS = 3

# The file `started` marks the first call: nothing is at stake while pytest still imports its plugins.
ASKS = f"""
    import json, os, pathlib, urllib.request

    import pytest

    def ask(question):
        body = {{"model": "gpt-5-mini", "messages": [{{"role": "user", "content": question}}]}}
        url = os.environ["MODEL_BASE_URL"] + "/chat/completions"
        request = urllib.request.Request(url, json.dumps(body).encode(), {{"content-type": "application/json"}})
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    @pytest.mark.llm
    @pytest.mark.parametrize("number", range({TESTS}))
    def test_bot(number):
        pathlib.Path("started").touch()
        for turn in range({CALLS}):
            ask(f"question {{number}}, turn {{turn}}")
"""
QUICK = "[pytest]\naddopts = -p no:randomly -p no:syrupy -p no:asyncio -p no:hypothesispytest -p no:cacheprovider\n"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="process groups")


@pytest.fixture
def copies(tmp_path, provider):
    """As many copies of one recorded project as run at once."""
    provider.answer_with(lambda _request: "the old answer " * 2_000)
    copies = []
    for number in range(AT_ONCE):
        path = tmp_path / f"copy{number}"
        temporary = tmp_path / f"temporary{number}"
        path.mkdir()
        temporary.mkdir()
        project = Project(path, temporary=temporary, base_url=provider.base_url)
        project.write_file("pytest.ini", QUICK)
        project.write(test_bot=ASKS)
        copies.append(project)
    yield copies
    for project in copies:
        project.close()


def recording_time(project):
    """How long a recording that nobody kills takes from its first call on."""
    process = started_recording(project)
    began = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    return time.monotonic() - began


def started_recording(project):
    """A recording that has just begun to call the model."""
    started = project.path / "started"
    started.unlink(missing_ok=True)
    process = project.popen("--llm-record")
    while not started.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    return process


def cassettes_of(project):
    return {path: content for path, content in project.files().items() if path.endswith(".yaml")}


def leftovers_of(project):
    return [path for path in project.files() if path.endswith(".tmp")]


def fate_of(old, new):
    """`old` or `new` for a cassette that is whole, `broken` for any other."""
    if new == old:
        return "old"
    try:
        return "new" if new is not None and len(parse(new.decode(), "").exchanges) == CALLS else "broken"
    except Exception:  # noqa: BLE001 - whatever is wrong with it
        return "broken"


def test_a_recording_killed_at_any_moment_leaves_the_old_or_the_new_cassette_whole(copies, provider):
    counter = count(1)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(recording_time, copies))
        provider.answer_with(lambda _request: f"answer {next(counter)}, " * 2_000)
        durations = list(pool.map(recording_time, copies))
    chance = random.Random(SEED)
    moments = [chance.uniform(0, max(durations)) for _ in range(KILLS)]

    def kill_some(number):
        project, fates = copies[number], Counter()
        for moment in moments[number::AT_ONCE]:
            before = cassettes_of(project)
            process = started_recording(project)
            time.sleep(moment)
            kill_group(process)
            process.communicate()
            after = cassettes_of(project)
            fates.update(fate_of(before.get(path), after.get(path)) for path in before | after)
            fates["leftover"] += len(leftovers_of(project))
        return fates

    with ThreadPoolExecutor(AT_ONCE) as pool:
        fates = sum(pool.map(kill_some, range(AT_ONCE)), Counter())
    print(f"{KILLS} kills within {max(durations):.1f} s of the first call: {dict(fates)}")

    assert fates["broken"] == 0
    assert fates["old"] + fates["new"] == KILLS * TESTS
    assert fates["old"] > 0
    assert fates["new"] > 0

    project = copies[0]
    recording_time(project)

    assert leftovers_of(project) == []
    assert len(cassettes_of(project)) == TESTS


def test_what_a_killed_run_left_does_no_harm_and_the_next_recording_removes_it(copies):
    project = copies[0]
    recording_time(project)
    folder = project.path / "cassettes/test_bot"
    leftover = project.write_file("cassettes/test_bot/.test_bot[0].yaml.k1ll3d00.tmp", "llmwatch: 1\ninter")

    project.pytest().assert_outcomes(passed=TESTS)
    after_replay = list(folder.glob(".*.tmp"))
    recording_time(project)

    assert after_replay == [leftover]
    assert leftovers_of(project) == []
