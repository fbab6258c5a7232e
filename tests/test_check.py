"""`--llm-check` judges live answers against the recordings and changes none of them."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from asking_bot import BOT
from provider import status, stream

from pytest_llmwatch.commands.approval import still_waiting
from pytest_llmwatch.commands.waiting import waiting_in

ANSWERS = {
    "same": "The shop is open.",
    "broken": "You can return it within 14 days.",
    "close": "You can return it within 14 days, with the receipt and in its box.",
    "own": "It costs $40.",
    "hello": "Hello, welcome to the shop.",
    "bye": "Goodbye.",
}
DRIFTED = ANSWERS | {
    "broken": "You can return it within 30 days.",
    "close": "You may return it within 14 days, with the receipt and in its box.",
    "own": "It costs $60.",
    "hello": "Something else entirely is what one hears in this place now.",
    "new": "A first answer.",
}
TESTS = (
    BOT
    + """
    import pytest

    @pytest.fixture(scope="module")
    def greeting():
        yield ask("hello")
        ask("bye")

    def test_same(llm_cassette, greeting):
        assert ask("same")

    def test_broken(llm_cassette, greeting):
        assert ask("broken")

    @pytest.mark.llm
    def test_close():
        assert ask("close")

    @pytest.mark.llm
    def test_own():
        assert "$40" in ask("own")
"""
)
NEW = """
    @pytest.mark.llm
    def test_new():
        assert ask("new")
"""
COUNTED = "checked against the recordings: 2 broken, 1 drifted, 1 within tolerance, 1 new, 1 same"


@pytest.fixture
def recorded(project, provider):
    """A project whose tests are recorded, and a model that answers otherwise since."""
    project.write(test_bot=TESTS)
    provider.answer_with(lambda request: ANSWERS[request["messages"][-1]["content"]])
    assert project.pytest("--llm-record").ret == 0
    provider.answer_with(lambda request: DRIFTED[request["messages"][-1]["content"]])
    project.write(test_bot=TESTS + NEW)
    return project


def candidates(project):
    """The files of the candidates without what changes every time."""
    folder = project.path / ".llmwatch/candidates"
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): steady(path.read_text(encoding="utf-8")) for path in files}


def baselines(project):
    return {path: content for path, content in project.files().items() if not path.startswith(".llmwatch/")}


def steady(text):
    text = re.sub(r"^(recorded:\n)(?:  .*\n)+", r"\1", text, flags=re.MULTILINE)
    text = re.sub(r"^ *(?:varies|latency|id|created|wasted).*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"[0-9a-f]{64}", "hash", text)


def section(result):
    """The lines of our summary, without times and money."""
    lines = result.outlines
    start = next(place for place, line in enumerate(lines) if re.fullmatch(r"=+ llmwatch =+", line))
    end = next(place for place in range(start + 1, len(lines)) if lines[place].startswith("="))
    return [line for line in lines[start:end] if not line.startswith(("spent", "calls:"))]


def test_a_check_fails_on_drift_and_keeps_candidates_whether_in_one_process_or_in_four(recorded):
    before = baselines(recorded)

    alone = recorded.pytest("--llm-check")
    kept = candidates(recorded)
    many = recorded.pytest("--llm-check", "-n", "4")

    for result in (alone, many):
        result.assert_outcomes(passed=3, failed=2)
        assert result.ret == 1
        result.stdout.fnmatch_lines(
            [
                "The live answers are not those of the recording: broken (test_bot.py::test_broken).",
                "*the answer says *30 days* instead of *14 days*",
                "Kept in .llmwatch/candidates/cassettes/test_bot/test_broken.yaml; what was approved is as it was.",
                "*pytest-llmwatch accept test_bot.py::test_broken",
            ]
        )
        assert COUNTED in section(result)
    assert section(alone) == section(many)
    assert baselines(recorded) == before
    assert candidates(recorded) == kept
    names = {path.rpartition("/")[2].removesuffix(".yaml") for path in kept if path.endswith(".yaml")}
    assert names == {"test_broken", "test_close", "test_own", "test_new", "fixture-greeting"}
    facts = json.loads(kept["cassettes/test_bot/test_own.candidate.json"])
    assert facts["has_failed"] is True
    assert (recorded.path / ".llmwatch/.gitignore").read_text() == "*\n"


def test_a_test_that_is_fine_again_has_no_candidate(recorded, provider):
    recorded.pytest("--llm-check", "-k", "test_broken")
    assert candidates(recorded)

    provider.answer_with(lambda request: ANSWERS[request["messages"][-1]["content"]])
    result = recorded.pytest("--llm-check", "-k", "test_broken", "-v")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*::test_broken PASSED (checked 1)*", "checked against the recordings: 2 same"])
    assert candidates(recorded) == {}


def test_what_does_not_count_of_a_request_is_no_drift(project, provider):
    provider.answer_with(lambda _request: "The shop is open.")
    bot = BOT.replace('"messages": [', '"seed": __import__("time").time_ns(), "user": str(os.getpid()), "messages": [')
    project.write(test_bot=bot + "\n    def test_one(llm_cassette):\n        ask('x')\n")
    project.write_file("pytest.ini", "[pytest]\naddopts = -p no:randomly\nllm_ignore_request_fields =\n    seed\n")
    assert project.pytest("--llm-record").ret == 0

    result = project.pytest("--llm-check")

    result.stdout.fnmatch_lines(["checked against the recordings: 1 same"])
    assert candidates(project) == {}


SDK = """
    import os
    import openai
    import pytest

    def local(prompt):
        return os.environ["LOCAL"]

    def test_wrapped(llm_cassette):
        assert llm_cassette.wrap(local, model="local")("hi")

    @pytest.mark.llm
    def test_streamed_after_a_retry():
        client = openai.OpenAI(base_url=os.environ["MODEL_BASE_URL"])
        messages = [{"role": "user", "content": "hi"}]
        chunks = client.chat.completions.create(model="gpt-5-mini", messages=messages, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
"""


def test_streams_retries_and_models_in_the_process_are_checked_too(project, provider):
    project.write(test_bot=SDK)
    provider.script(stream("You have 14 days."))
    assert project.pytest("--llm-record", env={"LOCAL": "It is 5 km."}).ret == 0
    provider.script(status(429, headers={"retry-after": "0"}), stream("You have 30 days.", chunks=3))

    result = project.pytest("--llm-check", env={"LOCAL": "It is 9 km."})

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*the answer says 9 km instead of 5 km*", "*says 30 days instead of 14 days*"])
    result.stdout.fnmatch_lines(["*retries *0 -> 1*"])
    result.stdout.no_fnmatch_line("*was added*")


def test_a_wider_fixture_that_drifted_fails_the_run_though_no_test_is_to_blame(recorded):
    result = recorded.pytest("--llm-check", "-k", "test_same")

    result.assert_outcomes(passed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*drifted: cassettes/test_bot/fixture-greeting.yaml::greeting"])
    result.stdout.fnmatch_lines(["1 fixture drifted, for which no test fails: the exit code is 1"])


def test_what_an_interrupted_check_had_got_is_kept_and_a_fixture_is_named_as_the_cause(project, provider):
    project.write(
        test_bot=BOT
        + """
    import pytest

    @pytest.fixture(scope="module")
    def facts():
        return ask("facts")

    def test_facts(facts, llm_snapshot):
        assert facts == llm_snapshot

    def test_last(llm_snapshot):
        assert ask("last") == llm_snapshot
"""
    )
    provider.answer_with(lambda _: "You can return it within 14 days.")
    assert project.pytest("--llm-record").ret == 0
    provider.answer_with(lambda _: "You can return it within 30 days.")

    result = project.pytest("--llm-check", env={"COLUMNS": "80"})
    fixture = "cassettes/test_bot/fixture-facts.yaml::facts"
    result.stdout.fnmatch_lines(["*it comes from the fixture `facts`, whose answers drifted:*"])
    result.stdout.no_fnmatch_line("*the code that makes this*")
    waiting = waiting_in(project.path)
    assert {one.test: one.candidate.facts.fixtures for one in waiting} == {
        fixture: (),
        "test_bot.py::test_facts": (fixture,),
        "test_bot.py::test_last": (),
    }
    assert [still_waiting(one) for one in waiting if one.test.endswith("test_facts")] == [[fixture]]

    shutil.rmtree(project.path / ".llmwatch")
    stop = "def pytest_runtest_logreport(report):\n    if report.when == 'call': raise KeyboardInterrupt\n"
    project.write(conftest=stop)
    result = project.pytest("--llm-check", "-k", "last")
    result.stdout.fnmatch_lines(["*broken: test_bot.py::test_last, and the test was interrupted*"])
    assert [one.has_failed for one in waiting_in(project.path)] == [True]

    project.write(conftest="")
    shutil.rmtree(project.path / "__snapshots__")
    result = project.pytest("--llm-check", "-k", "last")
    result.stdout.fnmatch_lines(["*its approved output is missing*"])


def test_a_test_that_asks_no_model_any_more_is_named(recorded):
    recorded.write(test_bot="import pytest\n\n@pytest.mark.llm\ndef test_broken():\n    pass\n")

    result = recorded.pytest("--llm-check")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*call 1 was removed*", "To record it again: pytest test_bot.py::test_broken*"])
    assert candidates(recorded) == {}


def test_commands_are_those_for_the_folder_where_pytest_was_started(recorded):
    (recorded.path / "sub").mkdir()
    run = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", ".."]

    def output(*arguments):
        ran = subprocess.run(
            [*run, *arguments], cwd=recorded.path / "sub", env=recorded.environment(), capture_output=True, check=False
        )
        return ran.stdout.decode()

    checked, replayed = output("--llm-check", "-k", "test_broken"), output("-k", "test_new")

    assert "pytest-llmwatch accept ../test_bot.py::test_broken" in checked
    assert ": pytest ../test_bot.py::test_new --llm-record" in replayed


def test_a_provider_that_is_down_leaves_no_candidates(recorded, provider):
    provider.stop()

    result = recorded.pytest("--llm-check", "-k", "test_close or test_own")

    result.assert_outcomes(failed=2)
    assert candidates(recorded) == {}
    result.stdout.no_fnmatch_line("*The live answers*")


def test_one_cannot_record_and_check_at_once(project):
    project.write(test_bot="def test_nothing(): pass")
    for arguments, env in [
        (["--llm-check", "--llm-record"], {}),
        (["--llm-check", "--llm-record=new"], {}),
        ([], {"LLMWATCH_CHECK": "1", "LLMWATCH_RECORD": "1"}),
    ]:
        result = project.pytest(*arguments, env=env)

        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["*replaces the recordings*compares with them: give one of the two"])
    for arguments, env in [(["--llm-check"], {}), ([], {"LLMWATCH_CHECK": "1"}), ([], {"LLMWATCH_RECORD": "check"})]:
        assert project.pytest("--snapshot-update", *arguments, env=env).ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize(
    "arguments, env, ini, kind",
    [
        (["--llm-check"], {}, "", "checked"),
        ([], {"LLMWATCH_CHECK": "1"}, "", "checked"),
        ([], {"LLMWATCH_RECORD": "check"}, "", "checked"),
        ([], {}, "llm_record = check", "checked"),
        (["--llm-record"], {"LLMWATCH_CHECK": "1"}, "", "recorded"),
        (["--llm-check"], {"LLMWATCH_RECORD": "1"}, "", "checked"),
    ],
)
def test_a_check_is_asked_for_at_every_source(project, arguments, env, ini, kind):
    project.write_file("pytest.ini", f"[pytest]\naddopts = -p no:randomly\n{ini}\n")
    project.write(test_bot=BOT + "\n    def test_one(llm_cassette):\n        ask('x')\n")

    result = project.pytest(*arguments, env=env)

    result.stdout.fnmatch_lines([f"tests: 1 {kind}"])


def test_what_a_recording_replaces_is_compared_and_said(recorded):
    result = recorded.pytest("--llm-record", "--deselect", "test_bot.py::test_own")

    assert result.ret == 0
    lines, broken, close = (
        section(result),
        "  broken: test_bot.py::test_broken",
        "  within tolerance: test_bot.py::test_close",
    )
    assert "compared with what they replace: 1 broken, 1 drifted, 1 within tolerance, 1 same" in lines
    assert "3 answers changed, all though nothing that was sent changed; 1 of them broken" in lines
    assert lines.index(broken) < lines.index(close)
    assert candidates(recorded) == {}


def test_another_model_is_compared_in_one_table(recorded, provider):
    provider.answer_with(lambda request: ANSWERS[request["messages"][-1]["content"]])

    result = recorded.pytest("--llm-check", "--llm-model", "gpt-5-mini=gpt-5.1", "--deselect", "test_bot.py::test_new")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["test  *verdict *similar *cost *latency", "*::test_own *same *", "all *"])
    facts = json.loads((recorded.path / ".llmwatch/candidates/cassettes/test_bot/test_own.candidate.json").read_text())
    assert facts["models"] == {"gpt-5-mini": "gpt-5.1"}
    accept = [sys.executable, "-m", "pytest_llmwatch", "accept", "test_bot.py::test_own"]
    said = subprocess.run(accept, cwd=recorded.path, capture_output=True, encoding="utf-8", check=True).stdout
    assert "it asks gpt-5.1: put that in place of gpt-5-mini in your code" in said
