"""Field-level differences of two JSON values, how a page prints them, and how near two requests are."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmwatch.drift.fields import MISSING, FieldChange, changed_fields, distance, lines_of
from pytest_llmwatch.drift.visible import columns

TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=12) | st.sampled_from(
    ["name", "role", "都市"]
)
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | TEXT
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def user(content):
    return {"role": "user", "content": content}


def tool(name, kind="string"):
    parameters = {"type": "object", "properties": {"city": {"type": kind}}}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def paths(before, after):
    return [change.path for change in changed_fields(before, after)]


@pytest.mark.parametrize(
    "before, after, changes",
    [
        ({"model": "a"}, {"model": "b"}, [("model", "a", "b")]),
        ({"n": 1}, {}, [("n", 1, MISSING)]),
        ({}, {"seed": None}, [("seed", MISSING, None)]),
        ({"n": 1}, {"n": True}, [("n", 1, True)]),
        ({"n": 1}, {"n": 1.0}, [("n", 1, 1.0)]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"x": {"a b": 1}}, {"x": {"a b": 2}}, [('x["a b"]', 1, 2)]),
        ({"$ref": 1}, {"$ref": 2}, [('["$ref"]', 1, 2)]),
        ({"検索": {"都市": "東京"}}, {"検索": {"都市": "大阪"}}, [("検索.都市", "東京", "大阪")]),
        ({"\x1b[2J": 1}, {"\x1b[2J": 2}, [('["\\u001b[2J"]', 1, 2)]),
        (["a", "b"], ["b"], [("[0]", "a", MISSING)]),
        ("a", ["a"], [("", "a", ["a"])]),
        (float("nan"), float("nan"), []),
    ],
)
def test_each_field_that_differs_is_named_by_its_path(before, after, changes):
    assert [(change.path, change.before, change.after) for change in changed_fields(before, after)] == changes


def test_an_inserted_message_is_one_change():
    turns = [user("one"), user("two"), user("three")]

    changes = changed_fields({"messages": turns}, {"messages": [turns[0], user("new"), *turns[1:]]})

    assert changes == (FieldChange(path="messages[1]", before=MISSING, after=user("new")),)


def test_a_message_inserted_before_a_changed_one_is_told_from_it():
    before = [user("Can I return a used phone that I bought in May?")]
    after = [user("こんにちは"), user("Can I return a used laptop that I bought in May?")]

    assert paths({"messages": before}, {"messages": after}) == ["messages[0]", "messages[1].content"]


def test_a_rewritten_message_is_a_changed_field_and_not_a_removed_and_an_added_one():
    assert paths([user("Hello")], [user("何時ですか")]) == ["[0].content"]


def test_tools_are_matched_by_name():
    changes = paths({"tools": [tool("weather"), tool("stock")]}, {"tools": [tool("new"), tool("weather", "number")]})

    assert changes == ["tools[0]", "tools[1].function.parameters.properties.city.type", "tools[1]"]


def test_a_changed_order_of_tools_is_a_change():
    changes = changed_fields({"tools": [tool("a"), tool("b")]}, {"tools": [tool("b"), tool("a")]})

    assert changes == (FieldChange(path="tools[*].function.name", before=["a", "b"], after=["b", "a"]),)


def test_a_renamed_only_tool_is_a_changed_name():
    assert paths({"tools": [tool("weather")]}, {"tools": [tool("forecast")]}) == ["tools[0].function.name"]


def test_thousands_of_messages_are_aligned():
    turns = [user(f"turn {number}") for number in range(3000)]

    assert paths(turns, [user("first"), *turns[:1500], *turns[1501:]]) == ["[0]", "[1500]"]


def test_a_changed_list_of_numbers_is_one_change():
    assert paths({"input": list(range(5000))}, {"input": list(range(7, 35007, 7))}) == ["input"]


def test_a_hostile_depth_has_an_answer():
    before = after = []
    for _ in range(5000):
        before, after = [before], [after, 1]

    changes = changed_fields(before, after)

    assert [lines_of(change) for change in changes]


@given(ANY_JSON)
def test_a_value_does_not_differ_from_itself(value):
    assert changed_fields(value, value) == ()


@given(ANY_JSON, ANY_JSON)
def test_values_differ_in_a_field_exactly_when_their_documents_differ(before, after):
    differ = json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True)

    assert bool(changed_fields(before, after)) == differ


@given(ANY_JSON, ANY_JSON)
def test_every_change_can_be_printed(before, after):
    lines = [line for change in changed_fields([before, 1, after], [after, before]) for line in lines_of(change)]

    assert not [char for char in "".join(lines) if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}]
    assert all(columns(line) <= 110 for line in lines)


@pytest.mark.parametrize(
    "path, before, after, lines",
    [
        ("model", "gpt-5-mini", "gpt-5", ['model   "gpt-5-mini" -> "gpt-5"']),
        ("messages[1].content", "used phone", "used laptop", ['messages[1].content   "used phone" -> "used laptop"']),
        ("messages[1].content", "中古の携帯", "中古の電話", ['messages[1].content   "中古の携帯" -> "中古の電話"']),
        ("temperature", 0.2, None, ["temperature   0.2 -> null"]),
        ("seed", MISSING, 7, ["seed   added: 7"]),
        ("stop", ["終"], MISSING, ['stop   removed: ["終"]']),
        ("", 1, 2, ["body   1 -> 2"]),
        (
            "messages[0].content",
            "Please be so kind and answer in English.",
            "Please be so kind and answer in Japanese.",
            [
                "messages[0].content",
                "    recorded      Please be so kind and answer in [-English-].",
                "    this request  Please be so kind and answer in {+Japanese+}.",
            ],
        ),
        (
            "messages[0].content",
            "中古のスマートフォンを14日以内に返品できますか？",
            "中古のスマートフォンを30日以内に返品できますか？",
            [
                "messages[0].content",
                "    recorded      中古のスマートフォンを[-14-]日以内に返品できますか？",
                "    this request  中古のスマートフォンを{+30+}日以内に返品できますか？",
            ],
        ),
        ("s", "が", "か\u3099", ["s", "    recorded      [-\\u304c-]", "    this request  {+\\u304b\\u3099+}"]),
    ],
)
def test_a_page_shows_short_values_on_one_line_and_long_texts_on_two(path, before, after, lines):
    assert lines_of(FieldChange(path=path, before=before, after=after)) == lines


def test_an_added_value_is_shortened():
    (line,) = lines_of(FieldChange(path="messages[2]", before=MISSING, after=user("はい。" * 1000)), width=90)

    assert line.startswith('messages[2]   added: {"role": "user", "content": "はい')
    assert "…" in line
    assert columns(line) <= 90


def chat(text, model="gpt-5-mini", system="You are the assistant of a shop. " * 40):
    return {"model": model, "messages": [{"role": "system", "content": system}, user(text)], "tools": [tool("orders")]}


@pytest.mark.parametrize(
    "asked, one_word_changed, another",
    [
        ("Can I return a used phone?", "Can I return a used laptop?", "What does the express delivery to Osaka cost?"),
        ("中古の携帯を返品できますか？", "中古の電話を返品できますか？", "大阪までの速達の送料はいくらですか？"),
    ],
)
def test_one_changed_word_or_model_is_nearer_than_another_conversation(asked, one_word_changed, another):
    request = chat(asked)
    far = distance(request, chat(another))

    assert 0 < distance(request, chat(one_word_changed)) < far
    assert 0 < distance(request, chat(asked, model="gpt-5")) < far


def test_a_change_in_the_middle_of_a_very_long_text_is_a_distance():
    assert distance("x " * 50_000 + "used" + "x " * 50_000, "x " * 50_000 + "new" + "x " * 50_000) > 0


@given(ANY_JSON, ANY_JSON)
def test_distance_is_symmetric_and_between_nothing_and_one(before, after):
    far = distance(before, after)

    assert 0 <= far <= 1
    assert far == distance(after, before)
    assert distance(before, before) == 0
