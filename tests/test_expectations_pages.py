"""The page of a failed expectation, as a terminal shows it."""

import re
from dataclasses import dataclass

import pytest

from pytest_llmwatch import (
    Expectation,
    Verdict,
    all_of,
    containing,
    equal_to,
    json_like,
    json_of,
    language,
    matching,
    not_,
)
from pytest_llmwatch.drift.visible import columns
from pytest_llmwatch.expectations.expectation import shown
from pytest_llmwatch.priced_calls import _Unpriced
from pytest_llmwatch.reports.expectation_page import page_of

ASSERTS = """
from pytest_llmwatch import containing, json_like, json_of, language, length

INVOICE = {"type": "object", "required": ["total"], "properties": {"total": {"type": "number"}}}
LONG = "返品は十四日以内にお願いします。" * 40 + "END"


def test_nested():
    assert [1, {"reply": '{"sum": 3}', "n": 4}] == [1, {"reply": json_of(INVOICE), "n": 4}]


def test_japanese():
    assert LONG == containing("返金いたします", "お客様")


def test_hidden():
    assert "a\\x1b[31m\\u202e b" == containing("refund")


def test_many():
    assert {str(n): n for n in range(30)} == json_like({str(n): n + 1 for n in range(30)})
"""


def page(left, right, op="==", *, in_full=False):
    return "\n".join(page_of(op, left, right, in_full=in_full) or [])


@dataclass
class Reply:
    text: object
    number: int = 0


@pytest.mark.parametrize(
    "left, right, expected",
    [
        (["a", 3], [containing("b"), 3], "at [0]: does not contain"),
        ({"a": {"b": ["x"]}}, {"a": {"b": [containing("y")]}}, "at a.b[0]: does not contain"),
        (("a",), (containing("b"),), "at [0]: does not contain"),
        (Reply("a"), Reply(containing("b")), "at text: does not contain"),
        (containing("b"), "a", "does not contain"),
        ([], [containing("b")], "at [0]:"),
        ({"a b": "x"}, {"a b": containing("y")}, 'at ["a b"]: does not contain'),
        (["a", 4], [containing("b"), 3], "at [1]: 4 is not 3"),
    ],
)
def test_the_failing_expectation_is_named_by_its_path(left, right, expected):
    assert expected in page(left, right)


def test_where_no_expectation_is_to_blame_pytest_explains():
    assert page_of("==", [1], [2], in_full=False) is None
    assert page_of("==", ["a", 1], [containing("a"), 2], in_full=False) is None
    assert page_of("<", 1, containing("a"), in_full=False) is None


def test_what_was_not_wanted_is_explained():
    assert "it contains" in page("a", containing("a"), "!=")
    assert "which it must not" in page("a", not_(containing("a")))


@pytest.mark.parametrize("left", ["返品" * 500, "a" * 5000, "x\n" * 900, "\x1b[31m\u202e" * 50, None, b"\xff" * 900])
@pytest.mark.parametrize(
    "right",
    [containing("返金" * 40), json_of({"type": "object"}), language("ko"), equal_to("b" * 900), matching("b" * 99)],
)
def test_a_page_is_short_narrow_and_safe(left, right):
    lines = page_of("==", left, right, in_full=False)

    assert 1 < len(lines) <= 8
    assert max(map(columns, lines)) <= 70
    assert not re.search(r"[\x00-\x1f\u202e]", "".join(lines))


def test_a_terminal_of_80_columns_shows_everything_that_matters(project):
    project.write(test_pages=ASSERTS)

    result = project.pytest("-p", "no:cacheprovider", env={"COLUMNS": "80"})

    result.assert_outcomes(failed=4)
    pages = [line for line in result.outlines if line.startswith("E  ")]
    assert max(map(columns, pages)) <= 80
    assert "Full output truncated" not in result.stdout.str()
    result.stdout.fnmatch_lines(
        [
            "E * at [[]1[]].reply: is missing",
            "E * place    total",
            'E * does not contain "返金いたします", "お客様"',
            "E *-vv shows them",
        ]
    )


def test_vv_shows_the_whole_value(project):
    project.write(test_pages=ASSERTS)

    result = project.pytest("-p", "no:cacheprovider", "-vv", "-k", "japanese or many", env={"COLUMNS": "80"})

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["E *返品は十四日以内にお願いします。END", 'E *"19"*differs: 19*'])


@pytest.mark.parametrize(
    "left, right, said",
    [
        (["a"], [containing("a"), containing("b")], "at [1]: is missing"),
        ({}, {"reply": containing("a")}, "at reply: is missing"),
        (["x", 1, 2], [containing("a"), 1], "at [2]: 2 was not expected"),
        (["x"], [containing("a"), 1], "at [1]: 1 is missing"),
    ],
)
def test_what_is_not_there_is_called_missing(left, right, said):
    text = page(left, right)

    assert said in text
    assert "_" not in text


def test_a_class_of_ours_is_called_by_its_public_name():
    waiting = object.__new__(_Unpriced)

    assert shown(waiting) == "an object of type ModelCall"


class answering(Expectation):  # noqa: N801 - as expectations are named
    def __init__(self, answer):
        self.answer = answer

    def judge(self, value):  # noqa: ARG002 - it answers the same to all
        return self.answer

    def __repr__(self):
        return "answering()"


@pytest.mark.parametrize(
    "answer, said",
    [
        (True, r"answering.judge must return a Verdict\(passed=..., reason=\"...\"\); it returned True."),
        (None, "it returned None: does it return its verdict?"),
        (Verdict(passed=False, reason="x", place=3), r"returned Verdict\(place=3\); place must be a text or None"),
        (Verdict(passed=True, reason=None), r"returned Verdict\(reason=None\); reason must be a text"),
        (Verdict(passed=False, reason="x", details="abc"), "details=...*not a tuple of texts"),
        (Verdict(passed=False, reason="x", score="3"), "score must be a number or None"),
    ],
)
def test_an_answer_of_ones_own_that_is_no_verdict_is_told(answer, said):
    for compare in (answering(answer).__eq__, all_of(answering(answer)).judge, json_like([answering(answer)]).judge):
        with pytest.raises(TypeError, match=said):
            compare([3])


def test_the_line_that_a_setting_stands_in_is_on_the_page(project):
    project.write(
        test_bot="""
            import pytest
            from pytest_llmwatch import containing

            def polite():
                return containing(3)

            @pytest.mark.llm
            def test_reply():
                assert "a" == polite()

            @pytest.mark.llm(max_cots=1)
            def test_cost():
                pass

            @pytest.mark.llm(max_tokens=1)
            def test_tokens():
                pass
        """
    )

    result = project.pytest()

    result.assert_outcomes(failed=1, errors=2)
    result.stdout.fnmatch_lines(["containing takes texts, not 3", "test_bot.py:5: return containing(3)"])
    result.stdout.fnmatch_lines(["@pytest.mark.llm takes no max_cots; did you mean max_cost?"])
    result.stdout.fnmatch_lines(["@pytest.mark.llm takes no max_tokens; did you mean max_output_tokens?"])
