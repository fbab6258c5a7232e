"""What `wire.in_process` reads in the calls of wrapped functions."""

import pytest

from pytest_llmwatch import wire
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Exchange, Request, Response

ASKED = b'{"model": "local", "args": ["How long?"], "kwargs": {}}'
DEEP = b"[" * 50_000 + b"]" * 50_000


def exchange_of(asked, answer):
    request = Request(method="CALL", uri="python:bot.ask", body=asked)
    return Exchange(request=request, response=Response(status=200, body=answer))


def test_a_call_is_read_with_its_prompt_and_its_answer():
    call = wire.decode(exchange_of(ASKED, b'{"result": "Within 14 days."}'))

    assert (call.request_model, call.input_messages[0].text) == ("local", "How long?")
    assert call.output_text == "Within 14 days."


@pytest.mark.parametrize(
    "asked, answer",
    [
        (ASKED, b'{"result": %b}' % DEEP),
        (b'{"model": "local", "args": %b}' % DEEP, b'{"result": 1}'),
        (ASKED, b"[]"),
        (b"no JSON", b'{"result": 1}'),
    ],
    ids=["deep-answer", "deep-question", "no-result", "no-json"],
)
def test_what_no_wrapped_function_leaves_is_undecodable(asked, answer):
    with pytest.raises(UndecodableExchange):
        wire.decode(exchange_of(asked, answer))
