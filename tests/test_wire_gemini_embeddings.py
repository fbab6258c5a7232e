"""What `wire.gemini_embeddings` reads in bytes: one vector and many, errors, and as it was really sent."""

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
from pytest_llmwatch.wire import gemini_embeddings

MODELS = "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001"
ONE, MANY = f"{MODELS}:embedContent", f"{MODELS}:batchEmbedContents"
ASKED = {"content": {"parts": [{"text": "a used phone"}]}, "taskType": "RETRIEVAL_QUERY"}
WHOLE = {"embedding": {"values": [0.1]}, "usageMetadata": {"promptTokenCount": 11, "totalTokenCount": 11}}


def exchange_of(body, *, asked=ASKED, uri=ONE, status=200, **facts) -> Exchange:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(method="POST", uri=uri, body=json.dumps(asked).encode())
    return Exchange(request=request, response=Response(status=status, body=sent), **facts)


def decoded(body, **how) -> ModelCall:
    return gemini_embeddings.decode(exchange_of(body, **how))


def user(*texts):
    return Message(role="user", parts=tuple(TextPart(text=text) for text in texts))


def test_one_vector_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="embeddings",
        request_model="gemini-embedding-001",
        input_messages=(user("a used phone"),),
        parameters={"taskType": "RETRIEVAL_QUERY"},
        usage=Usage(input_tokens=11),
    )


def requests_of(*texts, **settings):
    return {"requests": [{"model": "models/m", "content": {"parts": [{"text": each}]}, **settings} for each in texts]}


def test_there_is_one_message_for_each_vector_of_a_batch():
    call = decoded({"embeddings": [{"values": [0.1]}]}, asked=requests_of("a", "b", outputDimensionality=8), uri=MANY)

    assert (call.input_messages, call.parameters) == ((user("a"), user("b")), {"outputDimensionality": 8})
    assert call.usage == Usage()


def test_settings_that_differ_within_a_batch_are_told_one_by_one():
    asked = {"requests": [{"content": {"parts": {"text": "a"}}, "title": "A"}, {"content": "b"}]}
    call = decoded({"embeddings": []}, asked=asked, uri=MANY)

    assert (call.input_messages, call.parameters) == ((user("a"), user("b")), {"requests": [{"title": "A"}, {}]})


def test_an_error_is_a_call_in_the_words_of_the_provider():
    error = {"error": {"code": 404, "message": "models/x is not found", "status": "NOT_FOUND"}}
    call = decoded(error, status=404)

    assert (call.error_type, call.error_message) == ("404", "models/x is not found")


def test_a_cut_answer_is_a_call_where_the_failure_is_known():
    sent = json.dumps(WHOLE).encode()
    calls = [decoded(sent[:end], failure=TransferFailure(kind="cut")) for end in range(len(sent))]

    assert {call.error_type for call in calls} == {"cut"}


@pytest.mark.parametrize(
    "method, uri, asked, claimed",
    [
        ("POST", ONE, ASKED, True),
        ("POST", MANY, {"requests": []}, True),
        ("POST", "https://aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/m:embedContent",
         ASKED, True),
        ("POST", f"{MODELS}:generateContent", {"contents": []}, False),
        ("POST", ONE, {}, False),
        ("GET", ONE, ASKED, False),
    ],
)  # fmt: skip
def test_embeddings_are_known_by_their_request(method, uri, asked, claimed):
    assert gemini_embeddings.claims(Request(method=method, uri=uri, body=json.dumps(asked).encode())) is claimed


FIELDS = dict.fromkeys(("embedding", "embeddings", "usageMetadata", "error"), JSON_VALUES)


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries({}, optional=FIELDS) | JSON_VALUES | st.binary(max_size=40),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("content", "requests", "model"), JSON_VALUES)),
)
def test_any_body_is_a_call_or_undecodable(body, asked):
    try:
        call = decoded(body, asked=asked)
    except UndecodableExchange:
        return

    assert call.operation_name == "embeddings"


def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it():
    wrong, compared = [], 0
    for name, exchange, interaction in recorded(corpus(), "gemini.embed"):
        read = values_read(wire.decode(exchange))
        for field, want in expected_values(interaction).items():
            compared += 1
            wrong += [(name, field, want, read[field])] if read[field] != want else []

    assert wrong == []
    assert compared > 0
