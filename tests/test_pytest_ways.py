"""The ways to run pytest and to write tests that the plugin gets along with."""

from __future__ import annotations

import ast
import os
import re
import sys
from itertools import count

import pytest
from asking_bot import BOT
from provider import demo, hang, status

ONE = """
    import pytest
    from bot import ask

    @pytest.mark.llm
    def test_one():
        assert ask("one")
"""

FOLDER = "cassettes/test_bot/"


@pytest.fixture
def bot(project):
    """The project, its test module being this one; it imports `ask` from `bot`."""
    project.write(bot=BOT)

    def write(source):
        project.write(test_bot=source)
        return project

    return write


def names_in(project):
    return sorted(path.removeprefix(FOLDER).removesuffix(".yaml") for path in project.files())


def questions_of(provider):
    return [request.json["messages"][0]["content"] for request in provider.requests]


def is_recorded_and_then_replayed(project, provider, *flags, **outcomes):
    project.pytest("--llm-record", *flags).assert_outcomes(**outcomes)
    recorded = project.files()
    provider.stop()
    project.pytest(*flags).assert_outcomes(**outcomes)

    assert recorded
    assert project.files() == recorded


def test_marker_or_fixture_switches_it_on_and_nothing_else_does(bot, provider):
    project = bot("""
        import os
        import pytest
        from bot import ask

        @pytest.mark.llm
        def test_marker():
            assert ask("marker")

        def test_fixture(llm_cassette):
            assert ask("fixture")
            assert [call.output_messages[0].text for call in llm_cassette.calls] == [ask("fixture")]

        def test_at_run_time(request):
            recording = request.getfixturevalue("llm_cassette")
            assert ask("run time")
            assert len(recording.calls) == 1

        def test_neither():
            if "LIVE" in os.environ:
                assert ask("neither")
    """)
    project.pytest("--llm-record", env={"LIVE": "1"}).assert_outcomes(passed=4)
    provider.stop()
    project.pytest().assert_outcomes(passed=4)

    assert names_in(project) == ["test_at_run_time", "test_fixture", "test_marker"]


def test_the_marker_covers_the_set_up_the_call_and_the_teardown_of_the_test(bot, provider):
    project = bot("""
        import pytest
        from bot import ask

        @pytest.fixture
        def around():
            assert ask("set-up")
            yield
            assert ask("teardown")

        @pytest.mark.llm
        def test_all(around):
            assert ask("call")

        class TestClass:
            def setup_method(self):
                assert ask("setup_method")

            def teardown_method(self):
                assert ask("teardown_method")

            @pytest.mark.llm
            def test_method(self):
                assert ask("call")
    """)
    is_recorded_and_then_replayed(project, provider, passed=2)

    assert questions_of(provider) == ["set-up", "call", "teardown", "setup_method", "call", "teardown_method"]
    assert names_in(project) == ["TestClass.test_method", "test_all"]


def test_parameters_and_classes_have_a_cassette_for_each_run(bot, provider):
    project = bot("""
        import pytest
        from bot import ask

        @pytest.mark.llm
        @pytest.mark.parametrize("word", ["refund", "Refund", "返品", "a/b", "x" * 300])
        def test_word(word):
            assert ask(word)

        @pytest.mark.llm
        class TestOuter:
            class TestInner:
                def test_word(self):
                    assert ask("inner")

            def test_word(self):
                assert ask("outer")
    """)
    is_recorded_and_then_replayed(project, provider, passed=7)

    names = names_in(project)
    assert len({name.lower() for name in names}) == 7
    assert {"test_word[refund]", "TestOuter.test_word", "TestOuter.TestInner.test_word"} <= set(names)
    assert all(len(name) < 150 for name in names)


ASYNC = """
    import asyncio, os
    import httpx2, pytest

    {mark}

    async def ask(question):
        body = {{"model": "gpt-5-mini", "messages": [{{"role": "user", "content": question}}]}}
        async with httpx2.AsyncClient() as client:
            response = await client.post(os.environ["MODEL_BASE_URL"] + "/chat/completions", json=body)
        return response.json()["choices"][0]["message"]["content"]

    {fixture}
    async def prepared():
        yield await ask("set-up")
        await ask("teardown")

    async def test_gathered(prepared, llm_cassette):
        answers = [await ask("one"), await ask("two")]
        assert all(answers)
        assert len(llm_cassette.calls) == 3
"""


@pytest.mark.parametrize(
    "mark, fixture, flags",
    [
        ("", "@pytest.fixture", ["-p", "asyncio", "--asyncio-mode=auto"]),
        (
            "pytestmark = pytest.mark.asyncio",
            "@__import__('pytest_asyncio').fixture",
            ["-p", "asyncio", "--asyncio-mode=strict"],
        ),
        (
            "pytestmark = pytest.mark.anyio\n\n    @pytest.fixture\n    def anyio_backend():\n        return 'asyncio'",
            "@pytest.fixture",
            ["-p", "anyio"],
        ),
    ],
    ids=["asyncio auto", "asyncio strict", "anyio"],
)
def test_async_tests_and_fixtures_are_covered(bot, provider, mark, fixture, flags):
    project = bot(ASYNC.format(mark=mark, fixture=fixture))
    is_recorded_and_then_replayed(project, provider, *flags, passed=1)

    assert questions_of(provider) == ["set-up", "one", "two", "teardown"]


def test_a_unittest_case_is_recorded_through_the_marker(bot, provider):
    project = bot("""
        import unittest
        import pytest
        from bot import ask

        @pytest.mark.llm
        class TestCase(unittest.TestCase):
            def setUp(self):
                self.assertTrue(ask("set-up"))

            def test_asks(self):
                self.assertTrue(ask("call"))
    """)
    is_recorded_and_then_replayed(project, provider, passed=1)

    assert questions_of(provider) == ["set-up", "call"]
    assert names_in(project) == ["TestCase.test_asks"]


def test_a_doctest_is_recorded_through_getfixture(bot, provider):
    project = bot('''
        """
        >>> recording = getfixture("llm_cassette")
        >>> from bot import ask
        >>> ask("one") != ""
        True
        >>> len(recording.calls)
        1
        """
    ''')
    is_recorded_and_then_replayed(project, provider, "--doctest-modules", "test_bot.py", passed=1)

    assert questions_of(provider) == ["one"]


def test_a_flaky_test_is_judged_by_its_last_run_and_records_only_that_one(bot, provider):
    project = bot("""
        import pathlib
        import pytest
        from bot import ask

        @pytest.mark.llm
        @pytest.mark.flaky(reruns=2)
        def test_flaky():
            runs = pathlib.Path("runs")
            number = int(runs.read_text()) + 1 if runs.exists() else 1
            runs.write_text(str(number))
            assert ask("one")
            assert number % 2 == 0
            assert ask("two")
    """)
    project.pytest("--llm-record").assert_outcomes(passed=1)
    recorded = project.files()
    provider.stop()
    project.pytest().assert_outcomes(passed=1)

    assert questions_of(provider) == ["one", "one", "two"]
    assert names_in(project) == ["test_flaky"]
    assert recorded[FOLDER + "test_flaky.yaml"].count(b"- call:") == 2
    assert project.files() == recorded


SEVERAL = """
    import os
    import pytest
    from bot import ask

    @pytest.mark.llm
    @pytest.mark.parametrize("number", range(4))
    def test_number(number):
        assert ask(f"{os.environ.get('VERB', 'count')} {number}") and number != int(os.environ.get("FAILS", 9))
"""


def test_order_selection_and_an_early_end_change_nothing(bot, provider):
    project = bot(SEVERAL)
    project.pytest("--llm-record", "-p", "no:cacheprovider").assert_outcomes(passed=4)
    recorded = project.files()
    provider.stop()

    project.pytest("-p", "randomly").assert_outcomes(passed=4)
    project.pytest("-p", "no:cacheprovider").assert_outcomes(passed=4)
    project.pytest("-x", env={"FAILS": "1"}).assert_outcomes(passed=1, failed=1)
    project.pytest("--lf").assert_outcomes(passed=1)

    assert project.files() == recorded


def test_last_failed_records_what_was_refused_and_an_early_end_keeps_what_passed(bot, provider):
    project = bot(SEVERAL)
    project.pytest("--llm-record").assert_outcomes(passed=4)
    baseline = project.files()

    project.pytest("--llm-record", "-x", env={"FAILS": "1", "VERB": "list"}).assert_outcomes(passed=1, failed=1)
    changed = sorted(path for path, content in project.files().items() if baseline.get(path) != content)
    project.pytest("--lf", "--llm-record", env={"VERB": "list"}).assert_outcomes(passed=1)
    provider.stop()
    project.pytest("-k", "0 or 1", env={"VERB": "list"}).assert_outcomes(passed=2, deselected=2)

    assert changed == [FOLDER + "test_number[0].yaml", FOLDER + "test_number[1].pending.yaml"]
    assert len(names_in(project)) == 4


def test_a_bare_flag_does_not_take_the_path_that_follows_it(bot, provider):
    project = bot(ONE)
    project.write_file("tests/test_other.py", "def test_other():\n    pass\n")

    project.pytest("--llm-record", "test_bot.py").assert_outcomes(passed=1)
    project.pytest("--llmwatch-record", "test_bot.py").assert_outcomes(passed=1)
    project.pytest("--llm-record", "tests/test_other.py").assert_outcomes(passed=1)

    assert provider.requests_served == 2


def test_the_command_line_beats_the_environment_and_that_beats_the_ini_file(bot, provider):
    project = bot(ONE)
    ini = "[pytest]\naddopts = -p no:randomly\nllm_record = {}\n"

    def requests_of(*flags, env=None):
        before = provider.requests_served
        project.pytest(*flags, env=env)
        return provider.requests_served - before

    assert requests_of() == 0
    assert requests_of(env={"LLMWATCH_RECORD": "1"}) == 1
    assert requests_of("--llm-record=none", env={"LLMWATCH_RECORD": "1"}) == 0
    project.write_file("pytest.ini", ini.format("all"))
    assert requests_of() == 1
    assert requests_of(env={"LLMWATCH_RECORD": "new"}) == 0
    assert requests_of(env={"LLMWATCH_RECORD": "0"}) == 0
    assert requests_of("--llm-record", env={"LLMWATCH_RECORD": "0"}) == 1


def test_an_unknown_mode_is_refused_with_the_ones_there_are(bot):
    project = bot(ONE)

    by_flag = project.pytest("--llm-record=everything")
    by_environment = project.pytest(env={"LLMWATCH_RECORD": "everything"})

    assert by_flag.ret == by_environment.ret == pytest.ExitCode.USAGE_ERROR
    by_flag.stderr.fnmatch_lines(["*--llm-record*'everything'*all*new*"])
    by_environment.stderr.fnmatch_lines(["*'everything' is not a recording mode*LLMWATCH_RECORD*"])


def test_an_unknown_argument_of_the_marker_is_an_error_that_names_the_known_ones(bot, provider):
    result = bot("""
        import pytest

        @pytest.mark.llm(modle="gpt-5-mini")
        def test_typo():
            pass

        @pytest.mark.llm("gpt-5-mini")
        def test_positional():
            pass
    """).pytest()

    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        ["*mark.llm takes no modle", "*it takes: *ignore_request_fields*", "*mark.llm*by their names*"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*settings.py*")


def test_another_owner_of_the_short_flag_leaves_us_the_long_one_and_messages_name_it(bot, provider):
    project = bot(ONE)
    project.write(
        mockllm="""
            # As pytest-mockllm 0.4.0 declares it.
            def pytest_addoption(parser):
                modes = ("none", "once", "new_episodes", "all")
                parser.addoption("--llm-record", nargs="?", const="all", default="none", choices=modes)
        """
    )

    missed = project.pytest("-p", "mockllm")
    short = project.pytest("-p", "mockllm", "--llm-record")
    after_short = project.files()
    project.pytest("-p", "mockllm", "--llmwatch-record").assert_outcomes(passed=1)
    project.pytest("-p", "mockllm").assert_outcomes(passed=1)

    missed.assert_outcomes(failed=1)
    missed.stdout.fnmatch_lines(["*--llmwatch-record*"])
    missed.stdout.no_fnmatch_line("* --llm-record*")
    short.assert_outcomes(failed=1)
    short.stdout.fnmatch_lines(["llmwatch: --llm-record is pytest-mockllm's here; use --llmwatch-record*"])
    assert after_short == {}
    assert provider.requests_served == 1


HEAVY = ("vcr", "yaml", "jsonschema", "rapidfuzz", "numpy", "genai_prices", "httpx", "httpx2", "syrupy")


def test_where_it_is_not_used_it_imports_nothing_heavy_writes_nothing_and_says_nothing(project, provider):
    project.write(
        conftest=f"""
            import sys

            def pytest_unconfigure():
                print("heavy:", sorted({HEAVY} & sys.modules.keys()))
        """.replace(str(HEAVY), str(set(HEAVY))),
        test_plain="""
            def test_plain(tmp_path):
                pass
        """,
    )
    before = sorted(project.path.rglob("*"))

    result = project.pytest("-p", "no:syrupy", "-p", "no:cacheprovider", env={"PYTHONDONTWRITEBYTECODE": "1"})

    result.assert_outcomes(passed=1)
    [line] = [line for line in result.outlines if "heavy:" in line]
    assert ast.literal_eval(line.partition("heavy:")[2].strip()) == []
    assert sorted(project.path.rglob("*")) == before
    assert "llmwatch ==" not in "\n".join(result.outlines)


PROGRESS = re.compile(r"llmwatch recording: \d+ calls?")


@pytest.mark.skipif(sys.platform == "win32", reason="no pty")
def test_a_recording_shows_a_progress_line_on_a_terminal_and_short_ones_nothing_elsewhere(bot, provider):
    project = bot("""
        import pytest
        from bot import ask

        @pytest.mark.llm
        def test_two():
            assert ask("one")
            assert ask("two")
    """)
    provider.script(demo, hang(1.2), demo, hang(1.2))

    elsewhere = project.pytest("--llm-record")
    code, screen = on_a_terminal(project, "--llm-record")
    _code, replay = on_a_terminal(project)

    assert "1 passed" in screen
    assert code == 0
    assert PROGRESS.search(screen)
    assert not PROGRESS.search(replay)
    assert not PROGRESS.search("\n".join(elsewhere.outlines))


def on_a_terminal(project, *flags):
    """The exit code of a run, and everything that it wrote to its terminal."""
    import pty

    ours, theirs = pty.openpty()
    process = project.popen(*flags, env={"TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # Linux says so when the last writer is gone
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    return process.wait(timeout=20), written.decode(errors="replace")


def test_an_error_of_the_provider_is_recorded_as_what_it_was(bot, provider):
    project = bot("""
        import urllib.error
        import pytest
        from bot import ask

        @pytest.mark.llm
        def test_overloaded():
            with pytest.raises(urllib.error.HTTPError, match="503"):
                ask("one")
    """)
    provider.script(status(503))
    is_recorded_and_then_replayed(project, provider, passed=1)


def test_a_wide_fixture_set_up_again_in_the_same_run_is_served_what_the_first_one_got(bot, provider):
    numbers = count()
    provider.answer_with(lambda _request: f"answer {next(numbers)}")
    project = bot("""
        import pytest
        from bot import ask

        pytestmark = pytest.mark.llm

        @pytest.fixture(scope="module", params=["a", "b"])
        def outer(request):
            return request.param

        @pytest.fixture(scope="module")
        def wide(outer):
            return ask("the fixture")

        def test_one(wide):
            assert ask(f"one: {wide}")

        def test_two(wide):
            assert ask(f"two: {wide}")
    """)

    recorded = project.pytest("--llm-record")
    provider.stop()
    replayed = project.pytest()

    recorded.assert_outcomes(passed=4)
    replayed.assert_outcomes(passed=4)
    assert sum(request.json["messages"][0]["content"] == "the fixture" for request in provider.requests) == 1
