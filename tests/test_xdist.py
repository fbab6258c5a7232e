"""Workers change nothing: the same files, the same summary, and one recording of what several workers set up."""

from __future__ import annotations

import re
from itertools import count

import pytest
from asking_bot import BOT

# Each worker loads every plugin; those that these tests do not need stay out.
QUICK = "[pytest]\npythonpath = .\naddopts = -p no:syrupy -p no:asyncio -p no:anyio -p no:hypothesispytest {}\n"
VOLATILE = re.compile(rb"^recorded:\n(?:  .*\n)+|^  varies: .*\n", re.MULTILINE)

TESTS = """
    import pytest
    from bot import ask

    @pytest.mark.llm
    @pytest.mark.parametrize("number", range(4))
    def test_asks(number):
        ask(f"question {number}")
        ask("the same question")

    class TestClass:
        def test_recording(self, llm_cassette):
            ask("a question of a class")
            assert len(llm_cassette.calls) == 1

    def test_without_us():
        pass

    @pytest.mark.llm
    def test_silent():
        pass
"""

# A fixture's value is a live answer that the tests send on, so that each test needs the one that was recorded.
FIXTURES = """
    import pytest
    from bot import ask

    @pytest.fixture(scope="session")
    def for_session():
        yield ask("session")
        ask("end of session")

    @pytest.fixture(scope="package")
    def for_package():
        return ask("package")
"""

USES_FIXTURES = """
    import pytest
    from bot import ask

    pytestmark = pytest.mark.llm

    @pytest.fixture(scope="module")
    def for_module():
        return ask("module")

    @pytest.fixture(scope="class")
    def for_class():
        return ask("class")

    @pytest.mark.parametrize("number", range({}))
    def test_session(for_session, number):
        assert ask(f"{{for_session}}, {{number}}")

    def test_package(for_package):
        assert ask(for_package)

    def test_module(for_module, for_session):
        assert ask(for_module + for_session)

    class TestOne:
        def test_a(self, for_class):
            assert ask(for_class)

        def test_b(self, for_class, for_module):
            assert ask(for_class + for_module)
"""
FIXTURE_FILES = {
    "pkg/cassettes/conftest/fixture-for_package.yaml",
    "pkg/cassettes/conftest/fixture-for_session.yaml",
    "pkg/cassettes/test_first/fixture-for_module.yaml",
    "pkg/cassettes/test_first/TestOne.fixture-for_class.yaml",
    "pkg/cassettes/test_second/fixture-for_module.yaml",
    "pkg/cassettes/test_second/TestOne.fixture-for_class.yaml",
}


def stable(files):
    return {path: VOLATILE.sub(b"", content) for path, content in files.items()}


def summary_of(result):
    """The lines of our section."""
    lines = [line.strip() for line in result.outlines]
    [start] = [number for number, line in enumerate(lines) if re.fullmatch(r"=+ llmwatch =+", line)]
    end = next(number for number in range(start + 1, len(lines)) if lines[number].startswith("==="))
    return lines[start + 1 : end]


def remove_cassettes(project):
    for path in project.files():
        (project.path / path).unlink()


def test_workers_record_the_same_files_and_print_the_same_summary(project, provider):
    project.write_file("pytest.ini", QUICK.format("-p no:randomly"))
    project.write(bot=BOT, test_bot=TESTS)
    alone = project.pytest("--llm-record", "-n", "0")
    files_alone = stable(project.files())
    alone.assert_outcomes(passed=7)

    for flags in (["-n", "4"], ["-n", "2", "--dist", "loadscope"], ["-n", "2", "--dist", "worksteal"]):
        remove_cassettes(project)
        result = project.pytest("--llm-record", *flags)

        result.assert_outcomes(passed=7)
        assert stable(project.files()) == files_alone
        assert summary_of(result) == summary_of(alone)

    provider.stop()
    for flags in ([], ["-n", "4"]):
        project.pytest(*flags).assert_outcomes(passed=7)

    assert len(files_alone) == 5
    assert stable(project.files()) == files_alone


@pytest.fixture
def wide(project, provider):
    """Two modules of a package that share wide fixtures, and a model that never says the same twice."""
    number = count(1)
    provider.answer_with(lambda _request: f"answer {next(number)}")
    project.write(bot=BOT)
    project.write_file("pytest.ini", QUICK.format(""))
    project.write(**{"pkg/__init__": "", "pkg/conftest": FIXTURES})
    project.write(**{"pkg/test_first": USES_FIXTURES.format(3), "pkg/test_second": USES_FIXTURES.format(3)})
    return project


def questions_of(provider):
    return [request.json["messages"][0]["content"] for request in provider.requests]


def fixture_files(project):
    return {path for path in project.files() if "fixture-" in path}


@pytest.mark.parametrize("flags", [["-n", "4"], ["-n", "2", "--dist", "loadscope"]], ids=" ".join)
def test_a_wide_fixture_is_recorded_once_and_serves_every_order_and_selection(wide, provider, flags):
    wide.pytest("--llm-record", "-p", "no:randomly", *flags).assert_outcomes(passed=14)
    asked = questions_of(provider)
    recorded = wide.files()

    assert fixture_files(wide) == FIXTURE_FILES
    assert [asked.count(one) for one in ("session", "end of session", "package", "module", "class")] == [1, 1, 1, 2, 2]

    provider.stop()
    wide.pytest("-p", "randomly", "-p", "no:xdist").assert_outcomes(passed=14)
    wide.pytest("-k", "second and test_b").assert_outcomes(passed=1, deselected=13)
    wide.pytest(*flags).assert_outcomes(passed=14)

    assert wide.files() == recorded


def test_what_a_session_fixture_calls_at_its_end_belongs_to_the_fixture(wide, provider):
    wide.pytest("--llm-record", "-p", "no:randomly").assert_outcomes(passed=14)

    [path] = [path for path in wide.files() if "for_session" in path]
    assert b"content: end of session" in wide.files()[path]
    assert [path for path, content in wide.files().items() if b"end of session" in content] == [path]


def test_workers_record_a_fixture_again_although_it_has_a_cassette(wide, provider):
    wide.pytest("--llm-record", "-p", "no:randomly").assert_outcomes(passed=14)
    provider.requests.clear()

    wide.pytest("--llm-record", "-n", "2").assert_outcomes(passed=14)
    asked = questions_of(provider)
    provider.stop()
    wide.pytest("-p", "no:randomly").assert_outcomes(passed=14)

    assert [asked.count(one) for one in ("session", "end of session", "package", "module", "class")] == [1, 1, 1, 2, 2]
