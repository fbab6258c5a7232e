"""A recording killed at any moment leaves every cassette whole: the old one or the new one.

`LLMWATCH_KILLS=60` kills that often; the default keeps the suite quick.
"""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from conftest import Project, kill_group

from pytest_llmwatch.cassette import parse

KILLS = int(os.environ.get("LLMWATCH_KILLS", "12"))
SEED = 20_261_123
AT_ONCE = 4
TESTS = 6
CALLS = 3

# The client is the quickest one, so that most kills meet the recording and not the imports.
ASKS = f"""
    import json, os, urllib.request

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
        for turn in range({CALLS}):
            ask(f"question {{number}}, turn {{turn}}")
"""
QUICK = "[pytest]\naddopts = -p no:randomly -p no:syrupy -p no:asyncio -p no:hypothesispytest -p no:cacheprovider\n"


@pytest.fixture
def copies(tmp_path, provider):
    """As many copies of one recorded project as run at once."""
    provider.answer_with(lambda _request: "the old answer " * 500)
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
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda project: project.pytest("--llm-record").assert_outcomes(passed=TESTS), copies))
    yield copies
    for project in copies:
        project.close()


def cassettes_of(project):
    return {path: content for path, content in project.files().items() if path.endswith(".yaml")}


def leftovers_of(project):
    return [path for path in project.files() if path.endswith(".tmp")]


def recorded_for(project):
    """How long it takes to record, alone beside as many others as later."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        started = time.monotonic()
        list(pool.map(lambda one: one.pytest("--llm-record").assert_outcomes(passed=TESTS), project))
        return time.monotonic() - started


def is_whole(content):
    return len(parse(content.decode(), "a cassette").exchanges) == CALLS


@pytest.mark.skipif(os.name == "nt", reason="process groups")
def test_a_recording_killed_at_any_moment_leaves_the_old_or_the_new_cassette_whole(copies, provider):
    counter = count(1)
    provider.answer_with(lambda _request: f"answer {next(counter)}, " * 500)
    duration = recorded_for(copies)
    chance = random.Random(SEED)
    # Nothing is at stake before the first call: each copy learns by its first files when writing begins.
    moments = [chance.uniform(0.3, duration) for _ in range(KILLS)]

    def kill_some(number):
        project, broken, kept, replaced = copies[number], [], 0, 0
        for moment in moments[number::AT_ONCE]:
            before = cassettes_of(project)
            process = project.popen("--llm-record")
            time.sleep(moment)
            kill_group(process)
            process.communicate()
            after = cassettes_of(project)
            kept += sum(after.get(path) == content for path, content in before.items())
            replaced += sum(after.get(path) not in (content, None) for path, content in before.items())
            broken += [(moment, path) for path, content in before.items() if path not in after]
            broken += [
                (moment, path)
                for path, content in after.items()
                if content != before.get(path) and not is_whole(content)
            ]
        return broken, kept, replaced

    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(kill_some, range(AT_ONCE)))
    broken = [one for result in results for one in result[0]]
    print(f"{KILLS} kills in 0.3 to {duration:.1f} s: {sum(result[1] for result in results)} cassettes kept,")
    print(f"{sum(result[2] for result in results)} replaced, {len(broken)} broken")

    assert broken == []
    for result in results[:1]:
        assert result[1] + result[2] == len(moments[::AT_ONCE]) * TESTS


def test_what_a_killed_run_left_does_no_harm_and_the_next_recording_removes_it(copies):
    project = copies[0]
    [first, *_others] = cassettes_of(project)
    folder = project.path / first.rpartition("/")[0]
    (folder / f".{first.rpartition('/')[2]}.k1ll3d00.tmp").write_text("llmwatch: 1\ninter", encoding="utf-8")

    project.pytest().assert_outcomes(passed=TESTS)
    after_replay = leftovers_of(project)
    project.pytest("--llm-record").assert_outcomes(passed=TESTS)

    assert after_replay == [f"{first.rpartition('/')[0]}/.{first.rpartition('/')[2]}.k1ll3d00.tmp"]
    assert leftovers_of(project) == []
