"""What a run does to the files: replay nothing, a recording that passed everything, any other only a pending file."""

from __future__ import annotations

import os
import signal
import time

import pytest
import yaml
from asking_bot import BOT
from provider import hang

ASKS = """
    import pytest
    from bot import ask

    @pytest.mark.llm
    def test_refund():
        for question in [{}]:
            assert ask(question)
"""

# `ending.end` decides in each run how the tests end; they call the model before.
ENDINGS = """
    import pytest
    from bot import ask
    from ending import end

    pytestmark = pytest.mark.llm

    @pytest.fixture
    def sets_up():
        ask("the question")
        end("error in setup")

    @pytest.fixture
    def tears_down():
        yield
        end("error in teardown")

    def test_fails():
        ask("the question")
        end("failed")

    def test_setup_errs(sets_up):
        pass

    def test_teardown_errs(tears_down):
        ask("the question")

    def test_skips():
        ask("the question")
        end("skipped")

    def test_xfails():
        ask("the question")
        end("xfailed")
"""

ENDS_WELL = """
    def end(how):
        pass
"""

ENDS_BADLY = """
    import pytest

    def end(how):
        if how == "skipped":
            pytest.skip("no time")
        if how == "xfailed":
            pytest.xfail("known")
        raise RuntimeError(how)
"""

BASELINE = "cassettes/test_bot/test_refund.yaml"
PENDING = "cassettes/test_bot/test_refund.pending.yaml"


@pytest.fixture
def asking(project):
    """The project, with one test that asks these questions."""
    project.write(bot=BOT)

    def write(*questions):
        project.write(test_bot=ASKS.format(", ".join(map(repr, questions))))
        return project

    return write


def questions_in(path):
    interactions = yaml.safe_load(path.read_text(encoding="utf-8"))["interactions"]
    return [one["request"]["json"]["messages"][0]["content"] for one in interactions]


def answers_in(path):
    interactions = yaml.safe_load(path.read_text(encoding="utf-8"))["interactions"]
    return [one["response"]["json"]["choices"][0]["message"]["content"] for one in interactions]


def test_a_replay_never_writes_whether_it_passes_misses_or_has_no_cassette(asking, provider):
    project = asking("one", "two")
    project.pytest().assert_outcomes(failed=1)
    without_cassette = project.files()
    project.pytest("--llm-record").assert_outcomes(passed=1)
    recorded = project.files()

    project.pytest().assert_outcomes(passed=1)
    after_pass = project.files()
    asking("one", "three").pytest().assert_outcomes(failed=1)
    after_miss = project.files()
    asking().pytest().assert_outcomes(passed=1)

    assert without_cassette == {}
    assert list(recorded) == [BASELINE]
    assert after_pass == after_miss == project.files() == recorded
    assert provider.requests_served == 2


def test_a_recording_that_passes_replaces_the_cassette_and_unused_recordings_disappear(asking, provider):
    project = asking("one", "two", "three")
    project.pytest("--llm-record").assert_outcomes(passed=1)

    provider.answer_with(lambda _request: "a newer answer")
    asking("two", "four").pytest("--llm-record").assert_outcomes(passed=1)

    assert list(project.files()) == [BASELINE]
    assert questions_in(project.path / BASELINE) == ["two", "four"]
    assert answers_in(project.path / BASELINE) == ["a newer answer", "a newer answer"]


def test_a_test_that_makes_no_call_any_more_loses_its_cassette_only_in_a_recording_of_everything(asking):
    project = asking("one")
    project.pytest("--llm-record").assert_outcomes(passed=1)

    asking().pytest("--llm-record=new").assert_outcomes(passed=1)
    after_new = list(project.files())
    result = project.pytest("--llm-record")

    assert after_new == [BASELINE]
    assert project.files() == {}
    result.stdout.fnmatch_lines([f"removed (the test makes no model call any more): {BASELINE}"])


def test_a_recording_that_does_not_pass_leaves_the_baseline_and_a_pending_file_until_one_passes(project, provider):
    project.write(bot=BOT, test_bot=ENDINGS, ending=ENDS_WELL)
    project.pytest("--llm-record").assert_outcomes(passed=5)
    baseline = project.files()
    names = [path.removeprefix("cassettes/test_bot/").removesuffix(".yaml") for path in baseline]

    provider.answer_with(lambda _request: "a newer answer")
    project.write(ending=ENDS_BADLY)
    result = project.pytest("--llm-record")
    pending = {path: content for path, content in project.files().items() if path not in baseline}

    result.assert_outcomes(failed=1, errors=2, passed=1, skipped=1, xfailed=1)
    assert names == ["test_fails", "test_setup_errs", "test_skips", "test_teardown_errs", "test_xfails"]
    assert {path: project.files()[path] for path in baseline} == baseline
    assert sorted(pending) == [f"cassettes/test_bot/{name}.pending.yaml" for name in names]
    assert all(answers_in(project.path / path) == ["a newer answer"] for path in pending)
    result.stdout.fnmatch_lines([f"pending: {path}" for path in sorted(pending)])
    for name in ("test_setup_errs", "test_teardown_errs", "test_fails"):
        beside = f"cassettes/test_bot/{name}"
        result.stdout.fnmatch_lines([f"1 recorded so far, kept in {beside}.pending.yaml; {beside}.yaml is as it was."])

    project.write(ending=ENDS_WELL)
    project.pytest("--llm-record").assert_outcomes(passed=5)

    assert sorted(project.files()) == sorted(baseline)
    assert all(answers_in(project.path / path) == ["a newer answer"] for path in baseline)


def test_without_a_baseline_only_what_passes_or_fails_as_expected_becomes_one(project):
    project.write(bot=BOT, test_bot=ENDINGS, ending=ENDS_BADLY)
    result = project.pytest("--llm-record")

    result.assert_outcomes(failed=1, errors=2, passed=1, skipped=1, xfailed=1)
    assert sorted(path.removeprefix("cassettes/test_bot/") for path in project.files()) == [
        "test_fails.pending.yaml",
        "test_setup_errs.pending.yaml",
        "test_skips.pending.yaml",
        "test_teardown_errs.pending.yaml",
        "test_xfails.yaml",
    ]
    result.stdout.fnmatch_lines(["1 recorded so far, kept in *test_fails.pending.yaml; no cassette was written."])


def test_record_new_adds_only_what_is_missing_and_replays_nothing_of_the_same_run(asking, provider):
    project = asking("one", "two")
    project.pytest("--llm-record").assert_outcomes(passed=1)

    provider.answer_with(lambda _request: f"answer {provider.requests_served}")
    asking("two", "three", "three").pytest("--llm-record=new").assert_outcomes(passed=1)
    provider.stop()
    project.pytest().assert_outcomes(passed=1)

    assert [request.json["messages"][0]["content"] for request in provider.requests] == ["one", "two", "three", "three"]
    assert questions_in(project.path / BASELINE) == ["one", "two", "three", "three"]
    assert len(set(answers_in(project.path / BASELINE)[2:])) == 2


def test_record_new_with_nothing_missing_leaves_the_file_alone(asking, provider):
    project = asking("one")
    project.pytest("--llm-record").assert_outcomes(passed=1)
    recorded = project.files()

    project.pytest("--llm-record=new").assert_outcomes(passed=1)

    assert project.files() == recorded
    assert provider.requests_served == 1


FOUR_TESTS = """
    import pytest
    from bot import ask

    pytestmark = pytest.mark.llm

    def test_binary():
        ask("one")

    def test_cut():
        ask("one")

    def test_foreign():
        ask("one")

    def test_of_another():
        ask("one")
"""


def test_an_unreadable_cassette_is_an_error_with_file_and_line_in_every_mode_and_stays_as_it_is(project, provider):
    project.write(bot=BOT, test_bot=FOUR_TESTS)
    project.pytest("--llm-record").assert_outcomes(passed=4)
    folder = project.path / "cassettes/test_bot"
    whole = (folder / "test_cut.yaml").read_text(encoding="utf-8")
    (folder / "test_binary.yaml").write_bytes(b"llmwatch: 1\ntest: \x00\xff\xfe\n")
    (folder / "test_cut.yaml").write_text(whole[: whole.index("content-type") + 4], encoding="utf-8")
    (folder / "test_foreign.yaml").write_text("services:\n  web:\n    image: nginx\n", encoding="utf-8")
    shared = whole.replace("test_bot.py::test_cut", "test_bot.txt::test_of_another")
    (folder / "test_of_another.yaml").write_text(shared, encoding="utf-8")
    damaged = project.files()
    asked = provider.requests_served

    for flags in ([], ["--llm-record"], ["--llm-record=new"]):
        result = project.pytest(*flags)

        result.assert_outcomes(errors=4)
        for name, line in ("binary", "2"), ("cut", "*"), ("foreign", "1"), ("of_another", "2"):
            result.stdout.fnmatch_lines([f"  cassettes/test_bot/test_{name}.yaml, line {line}"])
        result.stdout.fnmatch_lines(["*belongs to test_bot.txt::test_of_another, not to test_bot.py::test_of_another*"])
        assert project.files() == damaged
    assert provider.requests_served == asked


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_in_a_run_with_workers_names_what_they_kept(asking, provider):
    provider.answer_with(lambda request: hang(60) if "two" in str(request) else "an answer")
    project = asking("one", "two")
    process = project.popen("--llm-record", "-n", "1")
    until(lambda: provider.requests_served == 2)
    os.killpg(process.pid, signal.SIGINT)
    out, _err = process.communicate(timeout=40)

    assert questions_in(project.path / PENDING) == ["one"]
    assert f"pending: {PENDING}" in out
    assert "tests: 1 not kept" in out


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_keeps_the_baseline_and_what_was_got_so_far_beside_it(asking, provider):
    project = asking("one", "two")
    project.pytest("--llm-record").assert_outcomes(passed=1)
    baseline = project.files()

    provider.answer_with(lambda request: hang(60) if "four" in str(request) else "an answer")
    process = asking("three", "four").popen("--llm-record")
    until(lambda: provider.requests_served == 4)
    process.send_signal(signal.SIGINT)
    out, _err = process.communicate(timeout=20)

    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert sorted(project.files()) == [PENDING, BASELINE]
    assert project.files()[BASELINE] == baseline[BASELINE]
    assert questions_in(project.path / PENDING) == ["three"]
    assert f"pending: {PENDING}" in out


def until(condition, *, seconds=20):
    given_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < given_up
        time.sleep(0.02)


def test_a_test_with_a_failing_subtest_does_not_replace_its_cassette(project, provider):
    source = """
        import pytest
        from bot import ask

        @pytest.mark.llm
        def test_parts(subtests):
            for part in ("one", "two"):
                with subtests.test(part):
                    ask(part)
                    assert {}
    """
    project.write(bot=BOT, test_bot=source.format("True"))
    project.pytest("--llm-record")
    before = project.files()

    project.write(test_bot=source.format("part == 'two'"))
    project.pytest("--llm-record")

    assert {path: text for path, text in project.files().items() if "pending" not in path} == before
    assert any("pending" in path for path in project.files())
