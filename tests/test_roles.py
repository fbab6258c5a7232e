"""Calls of judges in a recording and in its cassette: kept, served, and left out of what the test itself did."""

import json
from dataclasses import replace

import pytest

from pytest_llmwatch.cassette import Cassette, parse
from pytest_llmwatch.cassette_text import dump
from pytest_llmwatch.errors import RequestNotRecorded, UnreadableCassette
from pytest_llmwatch.exchange import Exchange, Request, Response
from pytest_llmwatch.live_calls import LiveCall
from pytest_llmwatch.recorder import Switchboard
from pytest_llmwatch.recording import Recording
from pytest_llmwatch.reports.miss_page import miss_page
from pytest_llmwatch.roles import JUDGE, asking, asking_now

JSON_TYPE = (("content-type", "application/json"),)
URI = "https://api.openai.com/v1/chat/completions"


def request(question, retry=None):
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": question}]}
    headers = JSON_TYPE if retry is None else (*JSON_TYPE, ("x-stainless-retry-count", str(retry)))
    return Request(method="POST", uri=URI, headers=headers, body=json.dumps(body).encode())


def response(answer, status=200):
    message = {"role": "assistant", "content": answer}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1764000000,
        "model": "gpt-5-mini-2025-08-07",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
    }
    return Response(status=status, headers=JSON_TYPE, body=json.dumps(body).encode())


def exchange(question, answer, role=None):
    return Exchange(request=request(question), response=response(answer), role=role)


def recording(*loaded, mode="replay"):
    return Recording(
        test="test_bot.py::test_refund",
        mode=mode,
        clock=lambda: 0.0,
        explain=lambda miss: miss_page(miss, command="pytest", cassette="x.yaml"),
        loaded=loaded or None,
    )


def answered(one, asked):
    outcome = one.answer(asked)
    return json.loads(outcome.response.body)["choices"][0]["message"]["content"]


def test_what_a_judge_asks_is_known_by_context():
    assert asking_now() is None

    with asking(JUDGE) as mine:
        assert asking_now() is mine

    assert asking_now() is None


def test_a_live_call_of_a_judge_is_no_call_of_the_test():
    live = recording(mode="record")
    for question, role in (("Refund?", None), ("Polite?", JUDGE)):
        if role is None:
            call = live.answer(request(question))
        else:
            with asking(role) as mine:
                call = live.answer(request(question))
        assert isinstance(call, LiveCall)
        live.finish(call, response=response("Yes."), failure=None, ended=1.0, first_chunk=None)

    assert [call.input_messages[0].text for call in live.calls] == ["Refund?"]
    assert [call.input_messages[0].text for call in live.judge_calls] == ["Polite?"]
    assert live.last.input_messages[0].text == "Refund?"
    assert (live.spend.calls, live.judge_spend.calls, live.made) == (1, 1, 2)
    assert live.spend.usage.input_tokens == live.judge_spend.usage.input_tokens == 10
    assert [one.role for one in live.exchanges] == [None, JUDGE]
    assert [one.request.body for one in mine.exchanges] == [request("Polite?").body]


def test_the_role_stands_in_the_cassette_and_is_read_again():
    cassette = Cassette(test="t.py::t", exchanges=(exchange("Refund?", "Yes."), exchange("Polite?", "1", JUDGE)))

    text = dump(cassette)

    assert "- role: judge\n  call:\n    operation_name: chat\n" in text
    assert [one.role for one in parse(text, "x.yaml").exchanges] == [None, JUDGE]
    assert 'totals: {"calls": 1, "retries": 0, "input_tokens": 10,' in text
    assert 'judge_totals: {"calls": 1, "retries": 0, "input_tokens": 10,' in text


def test_a_cassette_without_judges_has_no_word_of_them():
    assert "judge" not in dump(Cassette(test="t.py::t", exchanges=(exchange("Refund?", "Yes."),)))
    assert "role: judge" not in dump(Cassette(test="t.py::t", exchanges=(exchange("Refund?", "Yes."),)))


def test_a_role_that_is_no_word_is_refused_with_its_line():
    text = dump(Cassette(test="t.py::t", exchanges=(exchange("Polite?", "1", JUDGE),)))

    with pytest.raises(UnreadableCassette, match="`role` must be a word"):
        parse(text.replace("- role: judge", "- role: [judge]"), "x.yaml")


def test_the_same_request_of_a_test_and_of_its_judge_gets_the_answer_of_its_own():
    one = recording(exchange("Polite?", "said to the test"), exchange("Polite?", "said to the judge", JUDGE))

    with asking(JUDGE):
        first = answered(one, request("Polite?"))
    second = answered(one, request("Polite?"))

    assert (first, second) == ("said to the judge", "said to the test")
    assert one.unserved == []
    assert (len(one.calls), len(one.judge_calls)) == (1, 1)


def test_a_judge_that_was_not_known_as_one_is_still_answered():
    one = recording(exchange("Polite?", "Yes.", JUDGE))

    assert answered(one, request("Polite?")) == "Yes."
    assert one.calls == ()
    assert len(one.judge_calls) == 1


def test_a_judge_that_tries_again_gets_its_outcome_once_more():
    one = recording(exchange("Polite?", "for the test"), exchange("Polite?", "for the judge", JUDGE))
    answered(one, request("Polite?"))

    with asking(JUDGE):
        tries = [answered(one, request("Polite?", retry=number)) for number in (None, 1)]

    assert tries == ["for the judge"] * 2


def test_a_miss_says_that_it_is_the_judges_call_and_looks_among_those_of_judges():
    one = recording(exchange("Is it polite today?", "x"), exchange("Is it short?", "Yes.", JUDGE))

    with asking(JUDGE), pytest.raises(RequestNotRecorded) as caught:
        one.answer(request("Is it polite?"))

    page = str(caught.value)
    assert f"\nJudge's call: POST {URI.removeprefix('https://')}  gpt-5-mini\n" in page
    assert "Closest recording, 1 of 1 in x.yaml" in page
    assert "short" in page


def test_a_judge_keeps_its_model_where_the_test_is_given_another():
    board = Switchboard()
    board.recording, board.route_of = recording(mode="record"), lambda _request: "watch"
    board.swap = lambda asked, _recording: replace(asked, body=asked.body.replace(b"gpt-5-mini", b"gpt-5"))

    assert b'"gpt-5"' in board.swapped(request("Refund?")).body
    with asking(JUDGE):
        assert b'"gpt-5-mini"' in board.swapped(request("Polite?")).body
