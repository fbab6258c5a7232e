"""What `wire.openai_embeddings` reads in bytes: vectors in every form, errors, and as it was really sent."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_wire_openai_chat import corpus, expected_values, recorded, values_read

from pytest_llmwatch import wire
from pytest_llmwatch.calls import MediaPart, Message, ModelCall, TextPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Exchange, Request, Response, TransferFailure
from pytest_llmwatch.wire import openai_embeddings

URI = "https://api.openai.com/v1/embeddings"
ASKED = {"model": "text-embedding-3-small", "input": "a used phone", "encoding_format": "base64"}
CUT = TransferFailure(kind="cut", message="peer closed connection")
PHONE = Message(role="user", parts=(TextPart(text="a used phone"),))

WHOLE = b"""{
  "object": "list",
  "data": [{"object": "embedding", "index": 0, "embedding": "3OpOvMylVzwB8B28"}],
  "model": "text-embedding-3-small-v2",
  "usage": {"prompt_tokens": 3, "total_tokens": 3}
}
"""


def exchange_of(body, *, asked=ASKED, uri=URI, status=200, **facts) -> Exchange:
    sent = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    response = None if body is None else Response(status=status, body=body)
    return Exchange(request=Request(method="POST", uri=uri, body=sent), response=response, **facts)


def decoded(body, **how) -> ModelCall:
    exchange = exchange_of(body if isinstance(body, bytes | None) else json.dumps(body).encode(), **how)
    return openai_embeddings.decode(exchange)


def outcome_of(body, **how) -> ModelCall | None:
    try:
        return decoded(body, **how)
    except UndecodableExchange:
        return None


def test_an_answer_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="embeddings",
        request_model="text-embedding-3-small",
        response_model="text-embedding-3-small-v2",
        input_messages=(PHONE,),
        parameters={"encoding_format": "base64"},
        usage=Usage(input_tokens=3),
        billing={"total_tokens": 3},
    )


@pytest.mark.parametrize(
    "usage, expected",
    [
        ({"prompt_tokens": 3, "total_tokens": 3}, {"total_tokens": 3}),
        ({"prompt_tokens": 0, "total_tokens": 12}, {"total_tokens": 12}),
        # https://docs.voyageai.com/docs/pricing
        ({"text_tokens": 5, "image_pixels": 2000000, "total_tokens": 3576},
         {"total_tokens": 3576, "other_charges": ["image_pixels"]}),
        ({"text_tokens": 5, "image_pixels": 0, "total_tokens": 5}, {"total_tokens": 5}),
        ({"prompt_tokens": 9, "prompt_tokens_details": {"audio_tokens": 4, "image_tokens": 5}},
         {"input_audio_tokens": 4, "input_image_tokens": 5}),
        ({}, {}),
    ],
)  # fmt: skip
def test_what_the_bill_depends_on_beside_the_tokens_is_read(usage, expected):
    assert decoded({"object": "list", "data": [], "usage": usage}).billing == expected


@pytest.mark.parametrize("vector", ["3OpOvMylVzwB8B28", [0.01, -0.02], [1, -3, 127], None])
def test_every_form_of_a_vector_is_an_answer(vector):
    call = decoded({"object": "list", "data": [{"embedding": vector}], "model": "m"})

    assert (call.response_model, call.error_type, call.output_messages) == ("m", None, ())


@pytest.mark.parametrize(
    "usage, expected",
    [
        ({"prompt_tokens": 3, "total_tokens": 3}, Usage(input_tokens=3)),
        ({"total_tokens": 12}, Usage(input_tokens=12)),
        ({"prompt_tokens": 0, "total_tokens": 12}, Usage(input_tokens=0)),
        ({"prompt_tokens": 9, "completion_tokens": 0, "prompt_tokens_details": None},
         Usage(input_tokens=9, output_tokens=0)),
        ({"prompt_tokens": "9", "total_tokens": True}, Usage()),
        ({}, Usage()),
        (None, Usage()),
    ],
)  # fmt: skip
def test_a_total_alone_is_the_input_and_nothing_is_unknown(usage, expected):
    assert decoded({"data": [], "usage": usage}).usage == expected


@pytest.mark.parametrize(
    "usage, cost",
    [
        ({"prompt_tokens": 3, "cost": 6e-08, "is_byok": False}, "6E-8"),
        ({"cost": {"currency": "USD", "input_cost": 1.2e-08, "total_cost": 1.2e-08}}, "1.2E-8"),
        ({"prompt_tokens": 3}, None),
    ],
)
def test_a_reported_cost_is_exact_and_a_missing_one_unknown(usage, cost):
    assert decoded({"data": [], "usage": usage}).cost == (cost and Decimal(cost))


IMAGE = MediaPart(kind="image", reference="sha256:" + hashlib.sha256(b"\x89PNG").hexdigest())


@pytest.mark.parametrize(
    "embedded, parts",
    [
        ("Ruby", [(TextPart(text="Ruby"),)]),
        (["Ruby", "Python"], [(TextPart(text="Ruby"),), (TextPart(text="Python"),)]),
        ([{"text": "Ruby"}, {"image": "https://h/i.png"}],
         [(TextPart(text="Ruby"),), (MediaPart(kind="image", reference="https://h/i.png"),)]),
        ([{"image": "iVBORw=="}], [(IMAGE,)]),
        ([{"text": "Ruby", "image": "data:image/png;base64,iVBORw=="}], [(TextPart(text="Ruby"), IMAGE)]),
        ([{"content": [{"type": "text", "text": "Ruby"}, {"type": "image_base64", "image_base64": "iVBORw=="}]}],
         [(TextPart(text="Ruby"), IMAGE)]),
        ([{"content": [{"type": "image_url", "image_url": {"url": "https://h/i.png"}}]}],
         [(MediaPart(kind="image", reference="https://h/i.png"),)]),
        ([["one", "two"], ["three"]], [(TextPart(text="one"), TextPart(text="two")), (TextPart(text="three"),)]),
        ("", []),
        ([], []),
        (None, []),
        (7, [()]),
    ],
)  # fmt: skip
def test_each_thing_that_was_embedded_is_a_message(embedded, parts):
    call = decoded(WHOLE, asked=ASKED | {"input": embedded})

    assert call.input_messages == tuple(Message(role="user", parts=each) for each in parts)


def test_tokens_are_known_by_a_hash_and_one_list_of_them_is_one_text():
    one = decoded(WHOLE, asked=ASKED | {"input": [15339, 1917]})
    two = decoded(WHOLE, asked=ASKED | {"input": [[15339, 1917], [15339]]})

    assert one.input_messages == two.input_messages[:1]
    assert [part.kind for message in two.input_messages for part in message.parts] == ["tokens", "tokens"]
    assert two.input_messages[0] != two.input_messages[1]


def test_inputs_are_what_voyage_calls_them():
    asked = {"model": "voyage-multimodal-3", "inputs": [{"content": [{"type": "text", "text": "a used phone"}]}]}
    call = decoded(WHOLE, asked=asked, uri="https://api.voyageai.com/v1/multimodalembeddings")

    assert (call.input_messages, call.parameters) == ((PHONE,), {})


@pytest.mark.parametrize(
    "status, body, error_type, message",
    [
        (404, {"error": {"code": "model_not_found", "message": "No such model", "type": "invalid_request_error"}},
         "invalid_request_error", "No such model"),
        (400, {"detail": "Model x is not supported"}, "400", "Model x is not supported"),
        (422, {"object": "error", "message": "Bad", "type": "BadRequestError"}, "BadRequestError", "Bad"),
        (503, b"", "503", None),
        (200, {"error": {"message": "No provider", "code": 404}}, "404", "No provider"),
        (200, {"error": "overloaded"}, "error", "overloaded"),
    ],
)  # fmt: skip
def test_an_error_answer_is_a_call_in_the_words_of_the_provider(status, body, error_type, message):
    call = decoded(body, status=status)

    assert (call.error_type, call.error_message, call.input_messages) == (error_type, message, (PHONE,))
    assert call.usage == Usage()


@pytest.mark.parametrize("body", [None, b"", WHOLE[:60]])
def test_an_answer_that_never_came_or_was_cut_is_a_call_with_the_failure(body):
    call = decoded(body, failure=CUT)

    assert (call.error_type, call.error_message) == ("cut", "peer closed connection")


def test_a_body_cut_at_any_byte_is_undecodable_where_no_failure_is_known():
    end = len(WHOLE.rstrip())

    assert [outcome_of(WHOLE[:cut]) for cut in range(end)] == [None] * end
    assert outcome_of(WHOLE[:end]).usage == Usage(input_tokens=3)


@pytest.mark.parametrize("body", [b"", b"Hello", b"[]", b'{"choices": []}', b'{"embedding": [1]}', b"data: {}\n\n"])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `data`"):
        decoded(body)


def test_a_request_that_is_no_json_object_is_undecodable():
    with pytest.raises(UndecodableExchange, match="request body"):
        decoded(WHOLE, asked=b"not JSON")


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", URI, b'{"input": "Hi"}', True),
        ("post", "http://localhost:8080/embeddings/", b'{"input": []}', True),
        ("POST", "https://x.openai.azure.com/openai/deployments/d/embeddings?api-version=1", b'{"input": ""}', True),
        ("POST", "https://generativelanguage.googleapis.com/v1beta/openai/embeddings", b'{"input": ""}', True),
        ("POST", "https://api.voyageai.com/v1/multimodalembeddings", b'{"inputs": []}', True),
        ("POST", "https://api.perplexity.ai/v1/contextualizedembeddings", b'{"input": []}', True),
        ("POST", "http://localhost:11434/api/embeddings", b'{"model": "m", "prompt": "Hi"}', False),
        ("GET", URI, b'{"input": "Hi"}', False),
        ("POST", "https://api.openai.com/v1/responses", b'{"input": "Hi"}', False),
        ("POST", URI, b'["input"]', False),
        ("POST", URI, b"", False),
    ],
)
def test_embeddings_are_known_by_their_request(method, uri, body, claimed):
    assert openai_embeddings.claims(Request(method=method, uri=uri, body=body)) is claimed


def test_the_package_gives_embeddings_to_this_format():
    uri = "https://x.openai.azure.com/openai/deployments/my%20ada/embeddings?api-version=1"
    call = wire.decode(exchange_of(WHOLE, asked={"input": "a used phone"}, uri=uri))

    assert (call.operation_name, call.provider_name, call.request_model) == ("embeddings", "azure.ai.openai", "my ada")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
ONE_FIELD = dict.fromkeys(("object", "data", "model", "usage", "id", "error"), JSON_VALUES)


@settings(max_examples=200, deadline=None)
@given(st.fixed_dictionaries({}, optional=ONE_FIELD) | JSON_VALUES | st.binary(max_size=40), JSON_VALUES)
def test_any_body_is_a_call_or_undecodable(body, embedded):
    call = outcome_of(body, asked=ASKED | {"input": embedded})

    assert call is None or call.operation_name == "embeddings"


def test_deep_nesting_is_no_way_to_break_a_run():
    deep = b"[" * 100_000 + b"]" * 100_000

    assert not openai_embeddings.claims(Request(method="POST", uri=URI, body=b'{"input": ' + deep + b"}"))
    assert outcome_of(b'{"data": ' + deep + b"}") is None


def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it():
    compared, wrong = 0, []
    for name, exchange, interaction in recorded(corpus(), "openai.embeddings"):
        read = values_read(wire.decode(exchange))
        for field, want in expected_values(interaction).items():
            # A total alone is the input here; the list of expected values keeps to the wire.
            if want is None and field == "input_tokens":
                continue
            compared += 1
            wrong += [(name, field, want, read[field])] if read[field] != want else []

    assert wrong == []
    assert compared > 0
