"""The page of a failed expectation, as a terminal shows it."""

import re
from dataclasses import dataclass

import pytest

from pytest_llmwatch import containing, equal_to, json_of, language, matching, not_
from pytest_llmwatch.drift.visible import columns
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
