"""What a run says of drift, as lines in so many columns."""

import pytest

from pytest_llmwatch.calls import Message, ModelCall, TextPart
from pytest_llmwatch.drift.attribution import attribution
from pytest_llmwatch.drift.visible import columns
from pytest_llmwatch.reports.drift_lines import drift_lines, table_lines
from pytest_llmwatch.reports.side_by_side import side_by_side


def answer_of(text, model):
    message = Message(role="assistant", parts=(TextPart(text=text),))
    return ModelCall(request_model="m", response_model=model, output_messages=(message,), latency=1.0)


def changed(name, before, after, *, verdict=None, source="check", candidate="x.yaml"):
    """A test whose answer changed, with the model that served it."""
    found = attribution([answer_of(before, "a")], [answer_of(after, "b")], test=name)
    return {
        "test": name,
        "is_fixture": False,
        "drift": {
            "source": source,
            "verdict": verdict or found.verdict,
            "candidate": candidate,
            "has_failed": False,
            "found": found.to_json(),
        },
    }


def test_what_many_have_in_common_stands_first_and_the_worst_test_before_others():
    ones = [changed(f"test_x.py::test_{number}", "It opens at nine.", "At nine it will open.") for number in range(12)]
    ones.append(changed("test_x.py::test_broken", "It costs $40.", "It costs $400."))

    lines = drift_lines(ones, width=80, in_full=False)

    assert lines[0].startswith("checked against the recordings: 1 broken, ")
    assert lines[1] == "13 answers changed, all after the model served moved from a to b; 1 of them"
    assert lines[2:4] == ["  broken", "  broken: test_x.py::test_broken"]
    assert "  and 3 other tests (-v shows all)" in lines
    assert lines[-1] == "13 candidates kept, no recording was changed. To decide: pytest-llmwatch review"
    assert max(map(columns, lines)) <= 80
    assert "other tests" not in "\n".join(drift_lines(ones, width=80, in_full=True))


def test_what_is_the_same_is_counted_and_not_named():
    lines = drift_lines([changed("t.py::t", "Yes.", "Yes.", candidate=None)], width=80, in_full=False)

    assert lines == ["checked against the recordings: 1 same"]


def test_a_recording_says_what_it_replaced():
    lines = drift_lines([changed("t.py::t", "Yes.", "No.", source="record", candidate=None)], width=80, in_full=False)

    assert lines[0].startswith("compared with what they replace: 1 ")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_keeps_its_columns_also_for_long_and_for_japanese_names(width):
    ones = [
        changed(
            "tests/test_a_module_with_a_long_name.py::TestClass::test_something[parameter]", "It is 9.", "It is 8."
        ),
        changed("tests/test_x.py::test_返品できますか[日本語]", "はい。", "いいえ。"),
        changed("t.py::t", "Yes.", "Yes."),
    ]

    lines = table_lines(ones, width=width)

    assert len(lines) == 5
    assert all(word in lines[0] for word in ("test", "verdict", "similar", "cost", "latency"))
    assert lines[-1].startswith("all ")
    assert max(map(columns, lines)) <= width
    starts = {columns(line[: line.index("1.00 s")]) for line in lines[1:-1]}
    assert len(starts) == 1


@pytest.mark.parametrize("width", [40, 80, 120])
def test_two_texts_stay_in_their_columns(width):
    before = "同じ行です。\n" * 10 + "14日以内に返品できます。" * 8 + "\nthe end"
    after = "同じ行です。\n" * 10 + "返品は30日以内なら可能です。" * 8 + "\nthe end\nand more"

    lines = side_by_side(before, after, titles=("old", "new"), width=width, colour=False)

    assert max(map(columns, lines)) <= width
    assert any("8 lines that are the same" in line for line in lines)
    assert any("and more" in line for line in lines)
    assert len(side_by_side(before, after, titles=("", ""), width=width, colour=False, in_full=True)) > len(lines)


def test_one_text_alone_has_no_signs():
    assert side_by_side(None, "a\nb", titles=("old", "new"), width=80, colour=False) == ["  new", "    a", "    b"]
