"""What became of a test's model calls, behind pytest's own word for the test."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from asking_bot import BOT

TESTS = """
    import os

    import pytest
    from bot import ask

    ASKED = os.environ.get("ASKED", "").split()


    def test_twice(llm_cassette):
        ask("one")
        ask("two")


    def test_grows(llm_cassette):
        ask("one")
        for question in ASKED:
            ask(question)


    def test_silent(llm_cassette):
        pass


    def test_not_ours():
        pass


    @pytest.mark.xfail(strict=True)
    def test_expected(llm_cassette):
        ask("one")
        assert False
"""


@pytest.fixture
def asking(project):
    project.write(bot=BOT, test_bot=TESTS)
    return project


def words_of(result):
    """What stands behind each test's name in a verbose run."""
    found = (re.match(r"test_bot\.py::(\w+) (.*?) +\[", line) for line in result.outlines)
    return {match[1]: match[2] for match in found if match}


def test_a_verbose_run_says_what_became_of_the_calls(asking):
    recorded = asking.pytest("-v", "--llm-record")
    replayed = asking.pytest("-v")
    grown = asking.pytest("-v", "--llm-record=new", env={"ASKED": "three four"})
    refused = asking.pytest("-v", env={"ASKED": "five"})

    assert words_of(recorded) == {
        "test_twice": "PASSED (recorded 2)",
        "test_grows": "PASSED (recorded 1)",
        "test_silent": "PASSED",
        "test_not_ours": "PASSED",
        "test_expected": "XFAIL (recorded 1)",
    }
    assert words_of(replayed)["test_twice"] == "PASSED (replayed 2)"
    assert words_of(grown)["test_grows"] == "PASSED (partly recorded 2 of 3)"
    assert words_of(refused)["test_grows"] == "FAILED (refused)"
    assert "tests: 2 replayed, 1 refused" in refused.outlines
    # Summaries are read by tools: `FAILED name`, as ever.
    assert any(line.startswith("FAILED test_bot.py::test_grows - ") for line in refused.outlines)


def test_a_recording_that_is_not_kept_says_so(asking):
    asking.write(test_bot=TESTS + "\n\n    def test_broken(llm_cassette):\n        ask('one')\n        assert False\n")

    result = asking.pytest("-v", "--llm-record")

    assert words_of(result)["test_broken"] == "FAILED (not kept)"


def test_other_runs_look_as_ever(asking):
    asking.pytest("--llm-record")
    quiet, plain = asking.pytest("-q"), asking.pytest()

    quiet.assert_outcomes(passed=4, xfailed=1)
    assert any(line.startswith("....x ") for line in quiet.outlines)
    assert any(line.startswith("test_bot.py ....x ") for line in plain.outlines)


def test_a_run_without_model_calls_looks_as_ever(project):
    project.write(test_bot="def test_one():\n    pass\n")

    result = project.pytest("-v")

    assert words_of(result) == {"test_one": "PASSED"}
    assert not any("llmwatch ===" in line for line in result.outlines)


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_junit_files_carry_the_verdict_from_workers_too(asking, workers):
    asking.pytest("--llm-record")
    result = asking.pytest("-v", workers, "--junitxml=junit.xml", env={"ASKED": "five"})

    result.assert_outcomes(passed=3, xfailed=1, failed=1)
    cases = ET.parse(asking.path / "junit.xml").iter("testcase")  # noqa: S314 - pytest wrote it just now
    properties = {case.get("name"): [one.attrib for one in case.iter("property")] for case in cases}
    assert properties == {
        "test_twice": [{"name": "llmwatch", "value": "replayed 2"}],
        "test_grows": [{"name": "llmwatch", "value": "refused"}],
        "test_silent": [],
        "test_not_ours": [],
        "test_expected": [{"name": "llmwatch", "value": "replayed 1"}],
    }
    if workers == "-n2":
        assert any(line.rstrip().endswith("PASSED (replayed 2) test_bot.py::test_twice") for line in result.outlines)


def test_words_of_other_plugins_keep_their_kind_and_colour(asking):
    asking.write(
        test_bot="""
        from bot import ask

        tries = []


        def test_flaky(llm_cassette):
            tries.append(ask("one"))
            assert len(tries) == 2
        """
    )
    asking.pytest("--llm-record", "--reruns=1")
    result = asking.pytest("-v", "--reruns=1", "--color=yes")

    result.assert_outcomes(passed=1)
    assert any("\x1b[33mRERUN (replayed 1)\x1b[0m" in line for line in result.outlines)
    assert any("\x1b[32mPASSED (replayed 1)\x1b[0m" in line for line in result.outlines)
