"""The verdict on one comparison: same, within tolerance, drifted, broken."""

import pytest

from pytest_llmwatch.drift.verdicts import EXACT, Tolerance, compare_texts, compare_values, path_text

REFUND = "You can return a used phone within 14 days. The refund of $40 comes by card."


@pytest.mark.parametrize(
    "before, after, verdict",
    [
        (REFUND, REFUND, "same"),
        (REFUND, REFUND + "\n", "within tolerance"),
        (REFUND, "A used phone can be returned within 14 days. $40 come back by card.", "within tolerance"),
        (REFUND, REFUND.replace("$40", "$400"), "broken"),
        (REFUND, REFUND.replace("14 days", "30 days"), "broken"),
        (REFUND, REFUND.replace("can return", "can not return"), "broken"),
        (REFUND, REFUND.replace(" within 14 days", ""), "drifted"),
        (REFUND.replace(" within 14 days", ""), REFUND, "within tolerance"),
        (REFUND, "Sorry, please ask our support team about that.", "drifted"),
        (REFUND, "", "broken"),
        ("未使用の商品は14日以内に返品できます。", "未使用の商品は14日以内に返品が可能です。", "within tolerance"),
        ("未使用の商品は14日以内に返品できます。", "未使用の商品は14日以内に返品できません。", "broken"),
        ("未使用の商品は14日以内に返品できます。", "未使用の商品は30日以内に返品できます。", "broken"),
        ("未使用の商品は14日以内に返品できます。", "未使用の商品は返品できます。", "drifted"),
        ('{"a": 1, "b": "x"}', '{"b": "x",\n "a": 1}', "within tolerance"),
        ('{"a": 1, "b": "x"}', 'Here it is: {"a": 1, "b": "x"}', "broken"),
        ('{"a": 1, "b": "x"}', '{"a": 2, "b": "x"}', "broken"),
        ('{"a": 1, "b": "x"}', '{"a": 1}', "broken"),
        ('{"a": 1, "b": "x"}', '{"a": 1, "b": null}', "broken"),
        ('{"a": 1, "b": "shipped"}', '{"a": 1, "b": "cancelled"}', "drifted"),
        ("{not json}", "{not json!}", "within tolerance"),
    ],
)  # fmt: skip
def test_two_texts(before, after, verdict):
    assert compare_texts(before, after).verdict == verdict


@pytest.mark.parametrize(
    "before, after, tolerance, verdict",
    [
        (REFUND, REFUND + " Thanks.", EXACT, "drifted"),
        (REFUND, REFUND.replace("$40", "$400"), Tolerance(facts=False), "within tolerance"),
        (REFUND, REFUND.replace(" within 14 days", ""), Tolerance(facts=False), "within tolerance"),
        (REFUND, REFUND.replace("14", "15"), Tolerance(ignore=(r"~ \d+ days",)), "same"),
        ("alpha beta", "gamma delta", Tolerance(similarity=0), "within tolerance"),
    ],
)
def test_a_tolerance_says_how_far_a_text_may_move(before, after, tolerance, verdict):
    assert compare_texts(before, after, tolerance).verdict == verdict


@pytest.mark.parametrize(
    "before, after, verdict, said",
    [
        ({"a": [1, 2]}, {"a": [1, 2]}, "same", "same value"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "same", "same value"),
        ({"a": 1}, {"a": 1.0}, "same", "same value"),
        ({"a": True}, {"a": 1}, "broken", "a was a boolean and is a number"),
        ({"a": [1, 2]}, {"a": [1]}, "broken", "a[1] is gone"),
        ({"a": [1]}, {"a": [1, 2]}, "broken", "a[1] is new"),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, "broken", "a[0].b was 1 and is 2"),
        ({"a": "one way"}, {"a": "one way "}, "drifted", "a is another text"),
        ({"a": None}, {}, "broken", "a is gone"),
        (None, "text", "broken", "the value was null and is a text"),
    ],
)
def test_two_structured_values_are_compared_exactly(before, after, verdict, said):
    comparison = compare_values(before, after)

    assert comparison.verdict == verdict
    assert said in comparison.reason


def test_ignored_places_do_not_count():
    ignore = Tolerance(ignore=("items[*].id", r"note ~ \d{4}-\d\d-\d\d"))
    before = {"items": [{"id": 1, "price": 3}], "note": "made 2026-01-01"}
    after = {"items": [{"id": 2, "price": 3}], "note": "made 2026-02-02"}

    assert compare_values(before, after, ignore).verdict == "same"


def test_a_comparison_names_what_changed():
    comparison = compare_texts(REFUND, REFUND.replace("$40", "$400").replace("14", "30"))

    assert [str(fact) for fact in comparison.changed_facts] == ["14 days -> 30 days", "$40 -> $400"]
    assert comparison.similarity is not None
    assert comparison.similarity > 0.9


def test_paths_are_written_as_people_write_them():
    assert path_text(("items", 2, "price")) == "items[2].price"
    assert path_text(()) == "the value"
