"""What `wire.cohere_embed` reads in bytes: texts, images and both in one, errors, and as it was really sent."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_wire_openai_chat import corpus, expected_values, recorded, values_read
from test_wire_openai_embeddings import JSON_VALUES

from pytest_llmwatch import wire
from pytest_llmwatch.calls import MediaPart, Message, ModelCall, TextPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Exchange, Request, Response, TransferFailure
from pytest_llmwatch.wire import cohere_embed

URI = "https://api.cohere.com/v2/embed"
ASKED = {"model": "embed-v4.0", "texts": ["foo", "bar"], "input_type": "search_document"}
WHOLE = {
    "id": "f734f2c4",
    "texts": ["foo", "bar"],
    "embeddings": {"int8": [[-21, 18], [3, 4]]},
    "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 2}},
    "response_type": "embeddings_by_type",
}


def exchange_of(body, *, asked=ASKED, status=200, **facts) -> Exchange:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(method="POST", uri=URI, body=json.dumps(asked).encode())
    return Exchange(request=request, response=Response(status=status, body=sent), **facts)


def decoded(body, **how) -> ModelCall:
    return cohere_embed.decode(exchange_of(body, **how))


def user(*parts):
    return Message(role="user", parts=parts)


def test_an_answer_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="embeddings",
        request_model="embed-v4.0",
        response_id="f734f2c4",
        input_messages=(user(TextPart(text="foo")), user(TextPart(text="bar"))),
        parameters={"input_type": "search_document"},
        usage=Usage(input_tokens=2),
        billing={"billed_input_tokens": 2},
    )


def test_the_vectors_of_the_first_version_are_an_answer_too():
    call = decoded({"id": "x", "texts": ["foo"], "embeddings": [[0.1]], "response_type": "embeddings_floats"})

    assert (call.error_type, call.usage) == (None, Usage())


PNG = "sha256:" + hashlib.sha256(b"\x89PNG").hexdigest()


@pytest.mark.parametrize(
    "asked, messages",
    [
        ({"images": ["data:image/png;base64,iVBORw=="]}, [user(MediaPart(kind="image", reference=PNG))]),
        ({"images": ["iVBORw==", 5]}, [user(MediaPart(kind="image", reference=PNG))]),
        (
            {
                "inputs": [
                    {
                        "content": [
                            {"type": "text", "text": "a phone"},
                            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
                        ]
                    }
                ]
            },
            [user(TextPart(text="a phone"), MediaPart(kind="image", reference=PNG))],
        ),
        ({"texts": ["", "a"]}, [user(), user(TextPart(text="a"))]),
    ],
)
def test_there_is_one_message_for_each_vector(asked, messages):
    assert decoded(WHOLE, asked=asked).input_messages == tuple(messages)


def test_images_are_billed_by_their_number_or_their_tokens():
    by_number = decoded({**WHOLE, "meta": {"billed_units": {"images": 1}}})
    by_tokens = decoded({**WHOLE, "meta": {"billed_units": {"input_tokens": 6, "image_tokens": 258}}})

    assert (by_number.usage, by_number.billing) == (Usage(), {"images": 1, "other_charges": ["images"]})
    assert by_tokens.billing == {"billed_input_tokens": 6, "input_image_tokens": 258}


def test_an_error_is_a_call_in_the_words_of_the_provider():
    call = decoded({"id": "8bd5b608", "message": "model 'x' not found"}, status=404)

    assert (call.error_type, call.error_message) == ("404", "model 'x' not found")


def test_a_cut_answer_is_a_call_where_the_failure_is_known():
    sent = json.dumps(WHOLE).encode()
    calls = [decoded(sent[:end], failure=TransferFailure(kind="cut")) for end in range(len(sent))]

    assert {call.error_type for call in calls} == {"cut"}


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", URI, b'{"texts": []}', True),
        ("POST", "https://x.models.ai.azure.com/v1/embed", b'{"images": []}', True),
        ("POST", "http://localhost:11434/api/embed", b'{"input": []}', False),
        ("POST", "http://localhost:8080/embed", b'{"inputs": ["a"]}', False),
        ("POST", URI, b'{"texts": "a"}', False),
        ("GET", URI, b'{"texts": []}', False),
        ("POST", URI, b"", False),
    ],
)
def test_embeddings_are_known_by_their_request(method, uri, body, claimed):
    assert cohere_embed.claims(Request(method=method, uri=uri, body=body)) is claimed


FIELDS = dict.fromkeys(("embeddings", "id", "meta", "message", "error"), JSON_VALUES)


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries({}, optional=FIELDS) | JSON_VALUES | st.binary(max_size=40),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("texts", "images", "inputs"), JSON_VALUES)),
)
def test_any_body_is_a_call_or_undecodable(body, asked):
    try:
        call = decoded(body, asked=asked)
    except UndecodableExchange:
        return

    assert call.operation_name == "embeddings"


def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it():
    wrong, compared = [], 0
    for name, exchange, interaction in recorded(corpus(), "cohere.embed"):
        read = values_read(wire.decode(exchange))
        for field, want in expected_values(interaction).items():
            compared += 1
            wrong += [(name, field, want, read[field])] if read[field] != want else []

    assert wrong == []
    assert compared > 0
