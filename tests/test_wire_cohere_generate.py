"""What `wire.cohere_generate` reads in bytes: alternatives, whole, streamed and cut, and as it was really sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_wire_openai_chat import corpus, expected_values, recorded, values_read
from test_wire_openai_embeddings import JSON_VALUES

from pytest_llmwatch import wire
from pytest_llmwatch.calls import Message, ModelCall, TextPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Exchange, Request, Response, TransferFailure
from pytest_llmwatch.wire import cohere_generate

URI = "https://api.cohere.com/v1/generate"
ASKED = {"model": "command", "prompt": "Tell me a joke", "max_tokens": 9}
CUT = TransferFailure(kind="cut")
WHOLE = {
    "id": "64c671fc",
    "generations": [
        {"id": "a", "text": " Arrrr", "finish_reason": "COMPLETE"},
        {"id": "b", "text": " Shiver", "finish_reason": "MAX_TOKENS"},
    ],
    "prompt": "Tell me a joke",
    "meta": {"api_version": {"version": "1"}, "billed_units": {"input_tokens": 7, "output_tokens": 129}},
}
LINES = [
    {"text": " Ar", "is_finished": False, "event_type": "text-generation", "index": 0},
    {"text": " Shi", "is_finished": False, "event_type": "text-generation", "index": 1},
    {"text": "rrr", "is_finished": False, "event_type": "text-generation", "index": 0},
    {"text": "ver", "is_finished": False, "event_type": "text-generation", "index": 1},
    {"is_finished": True, "event_type": "stream-end", "finish_reason": "COMPLETE", "response": WHOLE},
]


def as_lines(events):
    return "".join(f"{json.dumps(event)}\n" for event in events).encode()


def exchange_of(body, *, asked=ASKED, status=200, **facts) -> Exchange:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(method="POST", uri=URI, body=json.dumps(asked).encode())
    return Exchange(request=request, response=Response(status=status, body=sent), **facts)


def decoded(body, **how) -> ModelCall:
    return cohere_generate.decode(exchange_of(body, **how))


def said(text):
    return Message(role="assistant", parts=(TextPart(text=text),))


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="text_completion",
        request_model="command",
        response_id="64c671fc",
        input_messages=(Message(role="user", parts=(TextPart(text="Tell me a joke"),)),),
        parameters={"max_tokens": 9},
        output_messages=(said(" Arrrr"), said(" Shiver")),
        finish_reasons=("stop", "length"),
        provider_finish_reasons=("COMPLETE", "MAX_TOKENS"),
        usage=Usage(input_tokens=7, output_tokens=129),
        billing={"billed_input_tokens": 7, "billed_output_tokens": 129},
    )


def test_a_stream_reads_like_the_whole_answer():
    call, whole = decoded(as_lines(LINES)), decoded(WHOLE)

    assert call.streaming
    assert (call.output_messages, call.usage, call.response_id) == (
        whole.output_messages,
        whole.usage,
        whole.response_id,
    )
    assert call.finish_reasons == ("stop", "length")


def test_a_stream_cut_at_any_line_is_a_call_with_what_was_received():
    for end in range(1, len(LINES)):
        call = decoded(as_lines(LINES[:end]), failure=CUT)

        assert call.error_type == "cut"
        assert " Arrrr".startswith(call.output_text)
    assert call.output_messages == (said(" Arrrr"), said(" Shiver"))


def test_an_error_in_a_stream_keeps_what_came_before_it():
    error = {"event_type": "stream-error", "is_finished": True, "finish_reason": "ERROR", "err": "out of luck"}
    call = decoded(as_lines([LINES[0], error]))

    assert (call.error_type, call.error_message, call.output_text) == ("ERROR", "out of luck", " Ar")


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", URI, b'{"prompt": "Hi"}', True),
        ("POST", "http://localhost:11434/api/generate", b'{"model": "m", "prompt": "Hi"}', False),
        ("POST", URI, b'{"inputs": "Hi"}', False),
        ("GET", URI, b'{"prompt": "Hi"}', False),
        ("POST", URI, b"", False),
    ],
)
def test_a_text_completion_is_known_by_its_request(method, uri, body, claimed):
    assert cohere_generate.claims(Request(method=method, uri=uri, body=body)) is claimed


FIELDS = dict.fromkeys(("generations", "id", "meta", "text", "is_finished", "response", "index"), JSON_VALUES)


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({}, optional=FIELDS) | JSON_VALUES | st.binary(max_size=40))
def test_any_body_is_a_call_or_undecodable(body):
    for sent in (body, body if isinstance(body, bytes) else as_lines([LINES[0], body])):
        try:
            call = decoded(sent)
        except UndecodableExchange:
            continue

        assert call.operation_name == "text_completion"


def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it():
    wrong, compared = [], 0
    for name, exchange, interaction in recorded(corpus(), "cohere.v1.generate"):
        read = values_read(wire.decode(exchange))
        for field, want in expected_values(interaction).items():
            compared += 1
            wrong += [(name, field, want, read[field])] if read[field] != want else []

    assert wrong == []
    assert compared > 0
