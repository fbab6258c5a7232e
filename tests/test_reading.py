"""How commands read recordings: each text once, whatever else has its path or its words."""

import gc

import pytest

from pytest_llmwatch.cassette import Cassette
from pytest_llmwatch.cassette_text import dump
from pytest_llmwatch.commands.reading import Reader
from pytest_llmwatch.errors import UnreadableCassette
from pytest_llmwatch.exchange import Exchange, Request, Response
from pytest_llmwatch.own_prices import Price
from pytest_llmwatch.request_key import ignored_field
from pytest_llmwatch.roles import JUDGE
from pytest_llmwatch.wire import decode

PATH = "cassettes/test_bot/test_refund.yaml"


def reader(*ignored):
    return Reader(decode=decode, price=lambda _call, _exchange: Price(reason="free"), ignored=ignored)


def exchange(question, role=None, retry=None, status=200):
    body = f'{{"model": "gpt-5-mini", "messages": [{{"role": "user", "content": "{question}"}}], "turn": "{retry}"}}'
    headers = () if retry is None else (("x-stainless-retry-count", str(retry)),)
    request = Request(
        method="POST", uri="https://api.openai.com/v1/chat/completions", headers=headers, body=body.encode()
    )
    return Exchange(request=request, response=Response(status=status, body=b"{}"), role=role)


def text_of(*questions):
    return dump(Cassette(test="test_bot.py::test_refund", exchanges=tuple(map(exchange, questions))))


def test_a_text_is_read_once_for_its_path():
    one = reader()
    text = text_of("Refund?")

    assert one.cassette(text, PATH) is one.cassette(str(text.encode(), "utf-8"), PATH)


def test_both_sides_of_a_path_are_read_also_where_the_first_text_is_gone():
    one = reader()
    counts = []
    for questions in (("a",), ("a", "b"), ("a", "b", "c")):
        counts.append(len(one.cassette(text_of(*questions), PATH).exchanges))
        gc.collect()

    assert counts == [1, 2, 3]


def test_the_same_damage_at_two_paths_is_told_of_each():
    one = reader()

    for path in (PATH, "other.yaml"):
        with pytest.raises(UnreadableCassette) as caught:
            one.cassette("llmwatch: 1\n", path)
        assert caught.value.path == path


def test_the_calls_are_those_of_the_test_with_their_retries_inside():
    cassette = Cassette(
        exchanges=(exchange("Refund?", retry=0, status=500), exchange("Refund?", retry=1), exchange("Polite?", JUDGE))
    )

    assert [len(call.attempts) for call in reader(ignored_field("turn")).calls(cassette)] == [1]
    assert [len(call.attempts) for call in reader().calls(cassette)] == [0, 0]
