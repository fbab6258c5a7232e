"""What expectations are given: one text for a list of one, and what makes no sense is refused where it is written."""

import pytest

from pytest_llmwatch import (
    Expectation,
    SettingError,
    ToolCallPart,
    all_of,
    any_of,
    at_most_calls,
    called,
    calls_any_order,
    calls_in_order,
    containing,
    containing_any,
    equal_to,
    finish_reason,
    html_of,
    json_like,
    json_of,
    judged_by,
    length,
    markdown_of,
    matching,
    no_call_of,
    no_leak_of,
    no_pii,
    not_,
    one_of,
    python_code,
    rubric,
    similar_to,
    starting_with,
    xml_of,
)

CALLS = (ToolCallPart(name="search", arguments={"q": "phone", "limit": 3}), ToolCallPart(name="refund"))


@pytest.mark.parametrize(
    "alone, listed, passing, failing",
    [
        (html_of(forbidden="script"), html_of(forbidden=["script"]), "<p>a</p>", "<script>a</script>"),
        (html_of(required="h1"), html_of(required=["h1"]), "<h1>a</h1>", "<p>h</p>"),
        (xml_of(required="bc"), xml_of(required=["bc"]), "<bc/>", "<b/>"),
        (markdown_of(headings="Ab"), markdown_of(headings=["Ab"]), "# Ab", "# A\n\n# b"),
        (python_code(defines="go"), python_code(defines=["go"]), "go = 1", "g = o = 1"),
        (one_of("abc"), one_of(["abc"]), "abc", "a"),
        (json_like({"id": 1}, ignore="id"), json_like({"id": 1}, ignore=["id"]), '{"id": 2}', '{"i": 1, "d": 1}'),
        (
            json_like({"a": [1, 2]}, any_order="a"),
            json_like({"a": [1, 2]}, any_order=["a"]),
            '{"a": [2, 1]}',
            '{"a": []}',
        ),
        (no_pii(allow="foo@example.com"), no_pii(allow=["foo@example.com"]), "foo@example.com", "bar@example.com"),
        (
            called("search", arguments={"q": "phone"}, ignore="limit"),
            called("search", arguments={"q": "phone"}, ignore=["limit"]),
            CALLS,
            CALLS[1:],
        ),
        (calls_in_order("search", "refund"), calls_in_order(["search", "refund"]), CALLS, CALLS[::-1]),
        (calls_any_order("refund", "search"), calls_any_order(("refund", "search")), CALLS, CALLS[1:]),
        (no_call_of("delete", "search"), no_call_of(["delete", "search"]), CALLS[1:], CALLS),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_one_text_is_a_list_of_one_and_one_list_is_what_stands_in_it(alone, listed, passing, failing):
    assert repr(alone) == repr(listed)
    for wanted in (alone, listed):
        assert passing == wanted, wanted.judge(passing)
        assert failing != wanted, wanted.judge(failing)


class polite(Expectation):  # noqa: N801 - as expectations are named
    def judge(self, value):
        return value

    def __repr__(self):
        return "polite()"


@pytest.mark.parametrize(
    "write, said",
    [
        (lambda: containing(None), "containing takes texts, not None"),
        (lambda: containing(3), "containing takes texts, not 3"),
        (lambda: containing(["x"]), "containing takes texts one by one, not ['x']\n  write containing(*[...])"),
        (containing, 'containing() takes one text at least, such as containing("14 days")'),
        (lambda: containing("a", ""), "containing takes texts, and no empty one"),
        (lambda: containing_any(None), "containing_any takes texts"),
        (lambda: starting_with(None), "starting_with takes a text, not None"),
        (lambda: starting_with(""), "starting_with takes a text, and no empty one"),
        (lambda: equal_to(3), "equal_to takes a text, not 3"),
        (lambda: equal_to("a", normalise="nfc"), 'there is no way "nfc"; did you mean "nfkc"?'),
        (lambda: one_of(None), "one_of takes a list of labels"),
        (lambda: one_of([]), "one_of([]) takes one label"),
        (lambda: matching("返品["), 'matching("返品[") is no regular expression'),
        (lambda: matching(""), "matching takes a regular expression"),
        (lambda: matching(None), "matching takes a regular expression for texts, not None"),
        (lambda: no_leak_of(None), "secret 1 is None (is it set?)"),
        (lambda: no_leak_of("key-123456", " "), "secret 2 is empty"),
        (lambda: no_leak_of(["key-123456"]), "secret 1 is of type list\n  write no_leak_of(*[...])"),
        (no_leak_of, "no_leak_of() takes one secret at least"),
        (lambda: all_of("abc"), 'all_of takes expectations, not "abc"\n  write all_of(containing("abc"))'),
        (all_of, "all_of() takes one expectation at least"),
        (lambda: any_of([containing("a")]), "any_of takes expectations one by one"),
        (lambda: not_("abc"), 'not_ takes expectations, not "abc"'),
        (lambda: not_(polite), "not_ takes expectations, not the class polite\n  write polite()"),
        (calls_in_order, "calls_in_order() takes one step at least"),
        (lambda: calls_in_order(None), "calls_in_order takes names of tools and called(...), not None"),
        (lambda: calls_any_order([[]]), "calls_any_order takes names of tools"),
        (lambda: no_call_of(3), "no_call_of takes names of tools, not 3"),
        (lambda: called(None), "called takes the name of a tool, not None"),
        (lambda: called("x", times="2"), "called(times=) takes a number, or (least, most)"),
        (lambda: called("x", times=(None, None)), "called(times=) takes"),
        (lambda: called("x", arguments={}, defaults=["limit"]), "called(defaults=) takes a dict"),
        (lambda: at_most_calls("1"), 'at_most_calls takes a number of calls from 0 on, not "1"'),
        (lambda: at_most_calls(1.5), "not 1.5"),
        (lambda: at_most_calls(-1), "not -1"),
        (lambda: similar_to("y", by="lexical", at_least="0.7"), "similar_to(at_least=) takes a number above 0"),
        (lambda: similar_to("y", by="lexical", at_least=75), "not 75"),
        (lambda: similar_to("y", by="lexical", at_least=-1), "not -1"),
        (lambda: similar_to("y", by=lambda *_: 1, at_least="1"), "similar_to(at_least=) takes a number"),
        (lambda: rubric("polite", model=3), "rubric(model=3): name the model"),
        (lambda: judged_by(rubric, "polite?"), "judged_by takes a rubric with its criteria and model"),
        (lambda: json_of({}, schemas={"a": 1}), 'json_of(schemas=) takes JSON Schemas with the "$id"'),
        (
            lambda: json_like({}, ignore=3),
            "json_like(ignore=) takes a path such as items[*].id, or a list of paths, not 3",
        ),
        (lambda: json_like({}, any_order=True), "json_like(any_order=) takes a path"),
        (lambda: json_like({}, ignore=[3]), "json_like(ignore=) takes"),
        (lambda: json_like({}, tolerance=-1), "json_like(tolerance=) takes a number from 0 on, not -1"),
        (lambda: json_like({}, tolerance="0.1"), 'not "0.1"'),
        (lambda: length(words=-1), "length(words=) takes"),
        (lambda: length(words=(5, 1)), "not (5, 1)"),
        (lambda: length(characters=(None, None)), "length(characters=) takes"),
        (lambda: markdown_of(max_depth=7), "markdown_of(max_depth=) takes a level from 1 to 6"),
        (lambda: markdown_of(max_depth="2"), "markdown_of(max_depth=) takes"),
        (lambda: html_of(forbidden=3), "html_of(forbidden=) takes a text or a list of texts, not 3"),
        (lambda: no_pii("mail"), 'there is no kind "mail"; did you mean "email"?'),
        (finish_reason, "finish_reason() takes one reason at least"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is_written(write, said):
    with pytest.raises(SettingError) as caught:
        write()

    assert said in str(caught.value)


def test_a_secret_that_is_refused_is_not_shown():
    with pytest.raises(SettingError) as caught:
        no_leak_of(b"key-123456")

    assert "key-123456" not in str(caught.value)


@pytest.mark.parametrize("answer, said", [(None, "None"), ("0.9", '"0.9"'), (float("nan"), "nan")])
def test_a_similarity_that_is_no_number_leaves_the_verdict_open(answer, said):
    expectation = similar_to("a", by=lambda *_: answer, at_least=0.5)
    verdict = expectation.judge("a")

    assert verdict.is_undecided
    assert f"answered no number ({said})" in verdict.reason
    assert not_(expectation) != "a"


def test_an_expectation_is_neither_true_nor_false():
    with pytest.raises(TypeError, match=r'containing\("z"\) is neither true nor false.*all_of'):
        _ = containing("a") == "a" and bool(containing("z"))
    with pytest.raises(TypeError, match="compare a value with it"):
        assert containing("z")
