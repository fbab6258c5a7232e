"""What a failed assert, a debugger and a page show of a recording: counts, and nothing of what was said."""

from dataclasses import replace

import pytest

from pytest_llmwatch import ModelCall, Usage, called, containing, finish_reason, json_of, within_budget
from pytest_llmwatch.errors import RequestNotRecorded
from pytest_llmwatch.exchange import Exchange, Request, Response, TransferFailure
from pytest_llmwatch.recording import Recording
from pytest_llmwatch.reports.expectation_page import page_of
from pytest_llmwatch.roles import JUDGE, asking
from pytest_llmwatch.spend import spend_of

KEY = "sk-proj-4fQ9ZmW3vKc7RtXb2LpYd8N"
ASKED = Request(method="POST", uri=f"https://api.openai.com/v1/chat/completions?key={KEY}", body=b'{"model": "gpt-5"}')
# No wire format reads this: to decode it, or to ask for its price, would raise.
ANSWER = Response(status=200, body=KEY.encode())
BROKEN = TransferFailure(kind="timeout", message=KEY)


def refuse(*_anything):
    raise AssertionError("nothing is to be read for it")


def recording(*loaded, mode="replay"):
    return Recording(
        test="test_bot.py::test_refund",
        mode=mode,
        clock=lambda: 0.0,
        explain=lambda miss: f"no recording of {miss.request.uri}",
        loaded=loaded or None,
        decode=refuse,
        price=refuse,
    )


def ask(one, role=None, *, request=ASKED, ended=True):
    if role is not None:
        with asking(role):
            return ask(one, request=request, ended=ended)
    outcome = one.answer(request)
    if not isinstance(outcome, Exchange) and ended:
        one.finish(outcome, response=ANSWER, failure=None, ended=1.0, first_chunk=None)
    return outcome


def test_a_recording_is_shown_by_what_became_of_its_calls():
    own, judging = Exchange(request=ASKED, response=ANSWER), Exchange(request=ASKED, response=ANSWER, role=JUDGE)
    one = recording(own, own, judging)
    shown = [repr(one)]
    for role in (None, None, JUDGE):
        ask(one, role)
        shown.append(repr(one))

    with pytest.raises(RequestNotRecorded):
        ask(one)
    shown.append(repr(one))

    assert shown == [
        "<llm_cassette: no call yet>",
        "<llm_cassette: 1 call replayed>",
        "<llm_cassette: 2 calls replayed>",
        "<llm_cassette: 2 calls replayed, 1 judge call>",
        "<llm_cassette: 2 calls replayed, 1 judge call, 1 refused>",
    ]


def test_live_calls_are_told_from_replayed_ones_and_from_those_on_their_way():
    one = recording(Exchange(request=ASKED, response=ANSWER), mode="new")
    again = replace(ASKED, headers=(("x-stainless-retry-count", "1"),))
    other = replace(ASKED, body=b'{"model": "gpt-6"}')

    ask(one)
    failed = ask(one, request=other, ended=False)
    one.finish(failed, response=None, failure=BROKEN, ended=1.0, first_chunk=None)
    ask(one, request=replace(again, body=other.body))
    ask(one, JUDGE, request=other)

    assert repr(one) == "<llm_cassette: 1 call replayed, 1 live call, 1 judge call>"

    ask(one, request=other, ended=False)

    assert repr(one) == "<llm_cassette: 1 call replayed, 1 live call, 1 judge call, 1 under way>"


def test_a_recording_is_shown_while_another_thread_holds_it():
    one = recording(mode="record")

    with one._lock:
        assert repr(one) == "<llm_cassette: no call yet>"


@pytest.mark.parametrize(
    "value, expectation, reason, instead",
    [
        (recording(), containing("14 days"), "is of type Recording, not text", "llm_cassette.last.output_text"),
        (ModelCall(), json_of({}), "is of type ModelCall, not JSON", "llm_cassette.last.output_text"),
        ((ModelCall(),), containing("14 days"), "is of type tuple, not text", "llm_cassette.last.output_text"),
        (spend_of([]), containing("14 days"), "is of type Spend, not text", "llm_cassette.last.output_text"),
        (spend_of([]), finish_reason("stop"), "is of type Spend, not a model call", "llm_cassette.last"),
        (spend_of([]), called("search"), "is of type Spend, not tool calls", "llm_cassette.tool_calls"),
        (Usage(), within_budget(max_calls=1), "is of type Usage, not model calls or a spend", "llm_cassette"),
    ],
)
def test_a_page_says_what_to_write_where_a_thing_of_the_recording_is_no_answer(value, expectation, reason, instead):
    page = page_of("==", value, expectation, in_full=False)

    assert page[1:] == [reason, f"  write    {instead}"]


@pytest.mark.parametrize("value", [object(), None, 5, ["14 days"], ()])
def test_of_other_values_nobody_knows_what_was_meant(value):
    assert not containing("14 days").judge(value).details
    assert not finish_reason("stop").judge(value).details


def test_without_a_call_there_is_no_last_one():
    with pytest.raises(LookupError, match="no model call was made yet in this test") as raised:
        _ = recording().last

    assert len([entry for entry in raised.traceback if not entry.ishidden(raised)]) == 1
