"""What a user reads where a cassette is damaged, in the way, misplaced, or cannot be written."""

import json
import os
import re

import pytest
from asking_bot import BOT

from pytest_llmwatch.cassette import Cassette, parse
from pytest_llmwatch.cassette_text import dump
from pytest_llmwatch.errors import UnreadableCassette, UnreadableSnapshot
from pytest_llmwatch.exchange import Exchange, Request, Response

ASKS = """
    import pytest
    from bot import ask

    @pytest.mark.llm
    def test_one():
        assert ask("one")
"""
PATH = "cassettes/test_bot/test_one.yaml"
EVENTS = "".join(
    f"data: {json.dumps({'id': 'x', 'choices': [{'index': 0, 'delta': {'content': word}}]})}\n\n"
    for word in ("Yes, ", "you ", "can ", "return ", "it ", "within ", "14 ", "days.")
)


def exchange(answer=b'{"a": 1}'):
    return Exchange(
        request=Request(method="POST", uri="https://api.openai.com/v1/chat/completions", body=b'{"messages": []}'),
        response=Response(status=200, headers=(("content-type", "text/event-stream"),), body=answer),
    )


WHOLE = dump(Cassette(test="t.py::t", exchanges=(exchange(), exchange())))
FOREIGN = """\
interactions:
- request: {method: GET, uri: 'https://h/x'}
  response: {status: {code: 200}, body: {string: a}}
- request: {method: GET, uri: 'https://h/x'}
  response: {status: {code: many}, body: {string: a}}
version: 1
"""


@pytest.mark.parametrize(
    "text, line, problem",
    [
        ("", 1, "the file is empty"),
        (" \n", 1, "the file is empty"),
        ("import os\n\ndef f():\n    x = {1: [2}\n", None, "this is not a cassette"),
        ("services: {}\n", 1, "this is not a cassette"),
        ("llmwatch: 2\ninteractions: []\ncount: 0\n", 1, "written in format 2; this version reads up to 1"),
        ("llmwatch: 1\ntest: t\n", 2, "the file was cut short: its last line, `count`, is missing"),
        (WHOLE.replace("count: 2", "count: 3"), None, "the file was cut short: it has 2 of 3 interactions"),
        (WHOLE.replace("count: 2", "count: 1"), None, "it has 2 interactions, and `count` in its last line says 1"),
        (WHOLE.replace("count: 2", "count: x"), None, "`count` in its last line must be a number"),
        (
            "llmwatch: 1\ninteractions:\n- call: [\n",
            None,
            "the file was cut short: .* is missing, and it is not valid YAML",
        ),
        ("llmwatch: 1\ninteractions:\n- call: [\n  a: }\ncount: 1\n", None, "not valid YAML: "),
        (
            WHOLE.replace("  response:\n    status: 200", "  response:", 1),
            5,
            "interaction 1 of 2: the response has no `status`",
        ),
        (WHOLE.replace("status: 200", "status: two", 1), 5, "interaction 1 of 2: `status` must be a number"),
        (WHOLE.replace("    method: POST\n", "", 1), 5, "interaction 1 of 2: the request has no `method`"),
        (WHOLE.replace("  request:\n", "  asked:\n", 1), 5, "interaction 1 of 2: it has no `request`"),
        (
            WHOLE.replace("- call:", "- 1\n- call:", 1).replace("count: 2", "count: 3"),
            5,
            "interaction 1 of 3: it is not a mapping",
        ),
        (FOREIGN, 4, "interaction 2 of 2: `status` must be a number"),
        (FOREIGN.replace("method: GET, ", ""), 2, "interaction 1 of 2: the request has no `method`"),
        (FOREIGN.replace("\n- ", "\n  - ").replace("\n  resp", "\n    resp"), 4, "interaction 2 of 2: `status` must"),
    ],
)
def test_a_damaged_file_is_described_in_its_own_words(text, line, problem):
    with pytest.raises(UnreadableCassette) as caught:
        parse(text, "x.yaml")

    assert re.search(problem, caught.value.problem)
    assert line is None or caught.value.line == line
    assert not any(word in str(caught.value) for word in ("Error", "int()", "NoneType", "object"))


def test_a_stream_that_was_edited_by_hand_is_said_to_be_one():
    text = dump(Cassette(test="t.py::t", exchanges=(exchange(EVENTS.encode()),)))
    edited = text.replace("within 14 days", "within 30 long days")
    assert edited != text

    with pytest.raises(UnreadableCassette, match=r"a streamed answer cannot be edited by hand \(.+\): record it again"):
        parse(edited, "x.yaml")


def test_the_reason_stands_first_and_the_advice_fits_it():
    damaged = str(UnreadableCassette("a b.yaml", "the file is empty", line=1, command="pytest t.py --llm-record"))
    unmerged = UnreadableCassette("a b.yaml", "an unresolved merge conflict", line=7)
    outputs = UnreadableSnapshot("a b.snap", "an unresolved merge conflict", line=7)
    newer = str(UnreadableCassette("a.yaml", "written in format 2", remedy="upgrade"))

    assert damaged.splitlines()[:2] == ["The file is empty", "  a b.yaml, line 1"]
    assert "git checkout -- 'a b.yaml'" in damaged
    assert "pytest t.py --llm-record" in damaged
    assert "Take one side (git checkout --ours 'a b.yaml', or --theirs), or delete it" in str(unmerged)
    assert "Take one side (git checkout --ours 'a b.snap', or --theirs), mend that line" in str(outputs)
    assert "pip install --upgrade pytest-llmwatch" in newer
    assert "git checkout" not in newer


@pytest.fixture
def recorded(project):
    project.write(bot=BOT, test_bot=ASKS)
    project.pytest("--llm-record").assert_outcomes(passed=1)
    return project


@pytest.mark.parametrize("flags", [[], ["--llm-record"], ["--llm-record=new"]])
def test_a_folder_or_a_file_in_the_way_is_named_before_a_call_is_made(project, provider, flags):
    project.write(bot=BOT, test_bot=ASKS)
    (project.path / PATH).mkdir(parents=True)

    folder = project.pytest(*flags)
    (project.path / PATH).rmdir()
    (project.path / PATH).parent.rmdir()
    (project.path / "cassettes").rmdir()
    (project.path / "cassettes").write_text("", encoding="utf-8")
    file = project.pytest(*flags)

    folder.assert_outcomes(errors=1)
    folder.stdout.fnmatch_lines(["This is a folder: move it away", f"  {PATH}"])
    file.assert_outcomes(errors=1)
    file.stdout.fnmatch_lines(["*here is a file where the folder `cassettes` belongs: move it away*"])
    assert "Traceback" not in folder.stdout.str() + file.stdout.str()
    assert provider.requests_served == 0


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to this user")
def test_a_folder_that_may_not_be_written_to_costs_no_call(recorded, provider):
    folder = (recorded.path / PATH).parent
    folder.chmod(0o555)

    result = recorded.pytest("--llm-record")

    folder.chmod(0o755)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*may not be written to*", f"  {PATH}"])
    assert provider.requests_served == 1


def test_the_short_summary_gives_the_reason_first(recorded):
    recorded.write_file(PATH, "")

    result = recorded.pytest()

    result.stdout.fnmatch_lines(["ERROR test_bot.py::test_one - The file is empty"])
    result.stdout.fnmatch_lines([f"*git checkout -- {PATH}*pytest test_bot.py::test_one --llm-record*"])


def test_a_linked_cassette_stays_a_link_and_its_target_is_replaced(recorded):
    path, target = recorded.path / PATH, recorded.path / "shared" / "one.yaml"
    target.parent.mkdir()
    path.rename(target)
    path.symlink_to(target)
    recorded.write(test_bot=ASKS.replace('"one"', '"two"'))

    recorded.pytest("--llm-record").assert_outcomes(passed=1)

    assert path.is_symlink()
    assert "content: two" in target.read_text(encoding="utf-8")
    assert sorted(each.name for each in target.parent.iterdir()) == ["one.yaml"]


def test_a_renamed_test_is_shown_the_way_to_its_cassette_and_the_way_works(recorded, provider):
    recorded.write(test_bot=ASKS.replace("test_one", "test_first"))
    outputs = recorded.path / "__snapshots__/test_bot/test_one.snap"
    outputs.parent.mkdir(parents=True)
    outputs.touch()

    result = recorded.pytest()

    outputs.unlink()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "There is no cassette yet: cassettes/test_bot/test_first.yaml",
            f"{PATH}, of test_bot.py::test_one, has a recording of this request. Was the test renamed? Then:",
            f"  git mv {PATH} cassettes/test_bot/test_first.yaml",
            "  and change its second line to: test: test_bot.py::test_first",
            "  git mv __snapshots__/test_bot/test_one.snap __snapshots__/test_bot/test_first.snap",
            "  and change its first line to: # llmwatch snapshots 1: test_bot.py::test_first",
        ]
    )
    moved = (recorded.path / PATH).rename(recorded.path / "cassettes/test_bot/test_first.yaml")
    moved.write_text(moved.read_text(encoding="utf-8").replace("::test_one", "::test_first"), encoding="utf-8")
    recorded.pytest().assert_outcomes(passed=1)
    assert provider.requests_served == 1


def test_the_cassette_of_a_test_that_is_still_there_is_not_offered(recorded):
    recorded.write(test_bot=ASKS + ASKS.replace("test_one", "test_other"))

    result = recorded.pytest()

    result.assert_outcomes(passed=1, failed=1)
    assert "Was the test renamed?" not in result.stdout.str()


def test_a_cassette_moved_without_its_second_line_says_so_and_can_be_recorded_again(recorded, provider):
    (recorded.path / PATH).rename(recorded.path / "cassettes/test_bot/test_first.yaml")
    recorded.write(test_bot=ASKS.replace("test_one", "test_first"))

    for flags in ([], ["--llm-record=new"]):
        result = recorded.pytest(*flags)

        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(
            [
                "This cassette belongs to test_bot.py::test_one, not to test_bot.py::test_first",
                "If the test was renamed, change line 2 of the file to: test: test_bot.py::test_first",
                "Else record it again: pytest test_bot.py::test_first --llm-record",
            ]
        )
    recorded.pytest("--llm-record").assert_outcomes(passed=1)
    assert provider.requests_served == 2


def test_what_was_refused_is_recorded_by_a_command_that_names_it(recorded):
    recorded.write(test_bot=ASKS.replace('"one"', '"two"'))

    few = recorded.pytest("-p", "no:cacheprovider")
    names = "".join(f"\n    @pytest.mark.llm\n    def test_{name}():\n        ask('{name}')\n" for name in "abcd")
    recorded.write(test_bot=ASKS + names)
    many = recorded.pytest("--color=no")
    without_cache = recorded.pytest("-p", "no:cacheprovider", "test_bot.py", "--llm-record=none")

    few.stdout.fnmatch_lines(["To record what was refused: pytest test_bot.py::test_one --llm-record"])
    many.stdout.fnmatch_lines(["To record what was refused: pytest --lf --llm-record"])
    without_cache.stdout.fnmatch_lines(
        ["To record what was refused: pytest -p no:cacheprovider test_bot.py --llm-record"]
    )


def test_what_only_the_guard_refused_is_not_among_what_is_recorded(recorded):
    names = "".join(f"\n    @pytest.mark.llm\n    def test_{name}():\n        ask('{name}')\n" for name in "abcd")
    connect = "__import__('socket').create_connection(('192.0.2.1', 80))"
    reaches = f"\n    @pytest.mark.llm\n    def test_reaches():\n        {connect}\n"
    recorded.write(test_bot=ASKS + names + reaches)

    result = recorded.pytest("--color=no")

    result.assert_outcomes(passed=1, failed=5)
    tests = " ".join(f"test_bot.py::test_{name}" for name in "abcd")
    result.stdout.fnmatch_lines([f"To record what was refused: pytest {tests} --llm-record"])


def test_the_help_says_what_each_way_of_recording_does(project):
    text = " ".join(project.pytest("--help").stdout.str().split())

    assert "--llm-record=new|all|none" in text
    assert "--llmwatch-record=new|all|none the same" in text


def test_what_a_file_says_of_itself_cannot_steer_the_terminal():
    error = UnreadableCassette(
        "a\x1b[2J.yaml", "this cassette belongs to t.py::\x1b]0;x\x07\nall passed", advice="1\x9b\n2\\d \u202e"
    )

    assert error.problem == r"this cassette belongs to t.py::\x1b]0;x\x07\nall passed"
    assert str(error).splitlines() == [
        r"This cassette belongs to t.py::\x1b]0;x\x07\nall passed",
        r"  a\x1b[2J.yaml",
        r"1\x9b",
        r"2\d \u202e",
    ]
    assert UnreadableCassette("a.yaml", error.problem).problem == error.problem
    assert error.path == "a\x1b[2J.yaml"


def test_the_owner_that_a_hostile_cassette_names_is_printed_harmlessly(recorded):
    [path] = recorded.path.glob("cassettes/*/*.yaml")
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"^test: .*$", r'test: "t.py::\\e[2Jx"', text, flags=re.MULTILINE), encoding="utf-8")

    result = recorded.pytest()

    result.assert_outcomes(errors=1)
    assert "\x1b[2J" not in result.stdout.str()
    assert r"t.py::\x1b[2Jx" in result.stdout.str()
