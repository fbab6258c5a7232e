"""The expectations of tool calls: which, how often, in what order, with which arguments, as their schemas allow."""

import pytest

from pytest_llmwatch import (
    Message,
    ModelCall,
    SettingError,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    all_of,
    at_most_calls,
    called,
    calls_any_order,
    calls_in_order,
    containing,
    json_like,
    no_call_of,
    not_,
    valid_tool_calls,
)
from pytest_llmwatch.reports.expectation_page import page_of


def call(name, **arguments):
    return ToolCallPart(name=name, arguments=arguments)


SEARCH, REFUND = call("search", q="返品 電話", limit=10), call("refund", order=17, trace_id="t-1", at={"time": 3})
CALLS = (SEARCH, call("search", q="phone"), REFUND)
SCHEMA = {
    "type": "object",
    "properties": {"q": {"type": "string"}, "limit": {"type": "integer"}},
    "required": ["q"],
    "additionalProperties": False,
}
OFFERED = (ToolDefinition(name="search", parameters=SCHEMA), ToolDefinition(name="ping"))


def model_call(*calls, offered=OFFERED, **fields):
    return ModelCall(tool_definitions=offered, output_messages=(Message(role="assistant", parts=calls),), **fields)


@pytest.mark.parametrize(
    "wanted",
    [
        called("search"),
        called("sea*", times=2),
        called("search", times=(1, 3)),
        called("search", times=(2, None)),
        called("delete", times=0),
        called("search", arguments={"q": "返品 電話", "limit": 10}),
        called("search", arguments={"q": containing("電話")}, partial=True),
        called("search", arguments={"q": "phone"}, defaults={"limit": 10}, times=1),
        called("search", arguments={"q": "phone", "limit": 10}, defaults={"limit": 10}),
        called("search", arguments={"q": "返品 電話"}, defaults={"lim*": 10}),
        called("refund", arguments={"order": 17}, ignore=["*_id", "at"]),
        called("refund", arguments={"order": 17, "at": {}}, ignore=["*_id", "**.time"]),
        called("refund", arguments=json_like({"order": 17}, ignore=["trace_id", "at"])),
        calls_in_order("search", "refund"),
        calls_in_order("search", "search", called("refund"), only=True),
        calls_in_order(called("search", arguments={"q": "phone"}), "refund"),
        calls_any_order("refund", "search"),
        calls_any_order("search", called("search", arguments={"q": "phone"}), "refund", only=True),
        calls_any_order(called("search", arguments={"q": "phone"}), "search"),
        no_call_of("delete_*", "drop"),
        at_most_calls(3),
        at_most_calls(2, "search"),
        all_of(called("search"), not_(called("delete"))),
    ],
    ids=repr,
)
def test_what_passes(wanted):
    assert wanted == CALLS
    assert list(CALLS) == wanted
    assert not not_(wanted).judge(CALLS).passed
    assert not_(not_(wanted)).judge(CALLS).passed


@pytest.mark.parametrize(
    "wanted, reason, place",
    [
        (called("serch"), 'does not call "serch"', None),
        (called("search", times=1), 'calls "search" twice, not once', "call 2"),
        (called("refund", times=(2, None)), 'calls "refund" once, not at least twice', None),
        (called("search", times=0), 'calls "search" twice, not 0 times', "call 1"),
        (called("refund", arguments={"order": 18}, partial=True), "its argument differs", "call 3, order"),
        (called("refund", arguments={"order": 17}), "its argument was not expected", "call 3, trace_id"),
        (called("search", arguments={"q": "phone", "limit": 5}, defaults={"limit": 10}), "is missing", "call 2, limit"),
        (calls_in_order("refund", "search"), 'does not call "search" behind call 3', "step 2"),
        (calls_in_order("refund", only=True), 'calls "search" before "refund", which was not wanted', "call 1"),
        (calls_in_order("search", "refund", only=True), 'calls "search" before "refund", which', "call 2"),
        (calls_in_order("search", "delete", only=True), 'does not call "delete" behind call 1', "step 2"),
        (calls_in_order(["refund", "search"]), 'does not call "search" behind call 3', "step 2"),
        (no_call_of(["refund"]), 'calls "refund"', "call 3"),
        (calls_in_order("search", "search", only=True), 'calls "refund" behind', "call 3"),
        (calls_any_order("refund", "refund"), "call 3 stands for another", None),
        (calls_any_order("delete", "refund"), 'does not call "delete"', None),
        (calls_any_order("search", "refund", only=True), 'calls "search", which was not wanted', "call 2"),
        (no_call_of("ref*"), 'calls "refund"', "call 3"),
        (no_call_of(), 'calls "search"', "call 1"),
        (at_most_calls(2), "calls tools 3 times, more than 2", "call 3"),
        (at_most_calls(0, "refund"), 'calls "refund" once, more than 0', "call 3"),
    ],
    ids=repr,
)
def test_what_fails_says_why_and_where(wanted, reason, place):
    verdict = wanted.judge(CALLS)

    assert not verdict.passed
    assert reason in verdict.reason
    assert verdict.place == place
    assert not_(wanted).judge(CALLS).passed


def test_the_nearest_tool_is_named():
    assert called("serch").judge(CALLS).nearest == '"search"'


def test_a_step_that_came_too_early_is_named():
    details = calls_in_order("refund", "search").judge(CALLS).details

    assert details[0] == "call 1, 2 is one, but comes before"


@pytest.mark.parametrize(
    "value", [CALLS[0], list(CALLS[:1]), model_call(CALLS[0])], ids=["one call", "a list", "a model call"]
)
def test_one_call_a_list_and_a_model_call_are_tool_calls_too(value):
    assert value == called("search")


def test_each_call_may_be_held_against_its_own_expectation():
    assert list(CALLS) == [called("search"), called("search", arguments={"q": "phone"}), called("refund")]


ODD = [
    None,
    "\ud800",
    b"\xff",
    3,
    float("nan"),
    object(),
    [1, 2],
    [SEARCH, None],
    {"a": SEARCH},
    "x" * 10**6,
    ModelCall,
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "wanted", [called("a"), calls_in_order("a"), calls_any_order("a"), no_call_of("a"), at_most_calls(1)], ids=repr
)
def test_anything_else_cannot_be_judged_and_never_raises(wanted, value):
    assert wanted.judge(value).is_undecided
    assert not not_(wanted).judge(value).passed
    assert valid_tool_calls().judge(value).is_undecided


@pytest.mark.parametrize("given", [None, "{broken", "\ud800\x00", [1], 10**5000, {"\u202e": "\x1b[31m"}], ids=range(6))
def test_arguments_of_any_kind_are_judged_and_shown(given):
    odd = (ToolCallPart(name="\x1b[31msearch\ud800", arguments=given),)
    wanted = [called("*", arguments={"q": 1}), called("search"), calls_in_order("a", called("*")), no_call_of()]

    for each in wanted:
        page = "\n".join(page_of("==", odd, each, in_full=True))
        assert not each.judge(odd).passed
        assert "\x1b" not in page
        assert "\u202e" not in page


@pytest.mark.parametrize(
    "write",
    [
        lambda: called("a", times=-1),
        lambda: called("a", times=(3, 1)),
        lambda: called("a", ignore=["x"]),
        lambda: called("a", arguments=json_like({}), partial=True),
        lambda: called("a", arguments={}, ignore=["[["]),
        lambda: calls_in_order(called("a", times=2)),
    ],
)
def test_a_setting_that_makes_no_sense_raises_where_it_is_written(write):
    with pytest.raises(SettingError):
        write()


@pytest.mark.parametrize(
    "value",
    [
        model_call(SEARCH),
        [model_call(SEARCH), model_call(ToolCallPart(name="ping"))],
        (),
        model_call(call("find", 語="電話"), offered=(ToolDefinition(name="find", parameters={"type": "OBJECT"}),)),
        model_call(
            ToolCallPart(name="find", arguments={"q": None}),
            offered=(
                ToolDefinition(
                    name="find",
                    parameters={"type": "OBJECT", "properties": {"q": {"type": "STRING", "nullable": True}}},
                ),
            ),
        ),
        model_call(
            ToolCallPart(name="shell", arguments="ls"),
            offered=(ToolDefinition(name="shell", parameters={"type": "text"}),),
        ),
        model_call(ToolCallPart(name="web_search", id="1"), ToolResultPart(id="1", result=[1]), offered=()),
    ],
)
def test_calls_that_their_schemas_allow_are_valid(value):
    assert value == valid_tool_calls()


@pytest.mark.parametrize(
    "value, reason, place, is_undecided",
    [
        (model_call(call("serch", q="a")), 'calls "serch", which was not offered', "call 1", False),
        (model_call(SEARCH, call("search", limit=3)), "its argument is missing", "call 2, q", False),
        (model_call(call("search", q=3)), "its argument is a number, not string", "call 1, q", False),
        (model_call(call("search", q="a", lang="ja")), "is not in the schema", "call 1, lang", False),
        (model_call(ToolCallPart(name="search", arguments='{"q": "電')), "is not JSON", "call 1, line 1", False),
        (model_call(SEARCH, offered=()), "says nothing of the tools", "call 1", True),
        (
            model_call(SEARCH, offered=(ToolDefinition(name="search", parameters={"type": 7}),)),
            "as sent, is none",
            "call 1",
            True,
        ),
    ],
)
def test_what_a_schema_forbids_is_named(value, reason, place, is_undecided):
    verdict = valid_tool_calls().judge(value)

    assert not verdict.passed
    assert verdict.is_undecided == is_undecided
    assert reason in verdict.reason
    assert verdict.place.startswith(place)
