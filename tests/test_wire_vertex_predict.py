"""What `wire.vertex_predict` reads in bytes: embeddings, images, texts, and errors."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_wire_openai_embeddings import JSON_VALUES

from pytest_llmwatch import wire
from pytest_llmwatch.calls import MediaPart, Message, ModelCall, TextPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Exchange, Request, Response
from pytest_llmwatch.wire import vertex_predict

HOST = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google/models"
PNG = MediaPart(kind="image", reference="sha256:" + hashlib.sha256(b"\x89PNG").hexdigest())
TEXTS = {
    "instances": [{"content": "a", "task_type": "QUERY"}, {"content": "b", "task_type": "QUERY"}],
    "parameters": {"autoTruncate": False},
}


def vectors(*counts):
    rows = [{"embeddings": {"values": [0.1], "statistics": {"token_count": each}}} for each in counts]
    return {"predictions": rows, "metadata": {"billableCharacterCount": 2}}


def exchange_of(body, *, asked=TEXTS, model="text-embedding-005", status=200, **facts) -> Exchange:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(method="POST", uri=f"{HOST}/{model}:predict", body=json.dumps(asked).encode())
    return Exchange(request=request, response=Response(status=status, body=sent), **facts)


def decoded(body, **how) -> ModelCall:
    return vertex_predict.decode(exchange_of(body, **how))


def user(*parts):
    return Message(role="user", parts=parts)


def test_embeddings_are_read_in_the_words_of_the_conventions():
    assert decoded(vectors(6.0, 5)) == ModelCall(
        operation_name="embeddings",
        request_model="text-embedding-005",
        input_messages=(user(TextPart(text="a")), user(TextPart(text="b"))),
        parameters={"autoTruncate": False, "task_type": "QUERY"},
        usage=Usage(input_tokens=11),
        billing={"billed_characters": 2},
    )


def test_a_count_that_is_missing_makes_the_sum_unknown():
    assert decoded(vectors(6, None)).usage == Usage()


def test_an_image_is_embedded_beside_a_text():
    asked = {"instances": [{"text": "a phone", "image": {"bytesBase64Encoded": "iVBORw=="}}]}
    call = decoded({"predictions": [{"imageEmbedding": [0.1]}]}, asked=asked, model="multimodalembedding@001")

    assert call.operation_name == "embeddings"
    assert call.input_messages == (user(TextPart(text="a phone"), PNG),)


def test_images_are_made_of_a_prompt_and_billed_by_their_number():
    asked = {"instances": [{"prompt": "a phone"}], "parameters": {"sampleCount": 2}}
    made = {"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": "iVBORw=="}, {"raiFilteredReason": "58"}]}
    call = decoded(made, asked=asked, model="imagen-4.0-generate-001")

    assert (call.operation_name, call.parameters) == ("image_generation", {"sampleCount": 2})
    assert call.output_messages == (Message(role="assistant", parts=(PNG,)),)
    assert (call.usage, call.billing) == (Usage(), {"other_charges": ["images"]})


def test_an_image_that_may_not_be_shown_is_filtered():
    asked = {"instances": [{"prompt": "a phone"}]}
    call = decoded({"predictions": [{"raiFilteredReason": "58061214"}]}, asked=asked, model="imagen-4.0-generate-001")

    assert (call.finish_reasons, call.provider_finish_reasons) == (("content_filter",), ("58061214",))
    assert call.output_messages == (Message(role="assistant"),)


def test_the_texts_of_palm_are_answers():
    counts = {"inputTokenCount": {"totalTokens": 4}, "outputTokenCount": {"totalTokens": 9}}
    body = {"predictions": [{"content": "Ruby."}], "metadata": {"tokenMetadata": counts}}
    call = decoded(body, asked={"instances": [{"prompt": "Which?"}]}, model="text-bison@001")

    assert (call.operation_name, call.output_text) == ("text_completion", "Ruby.")
    assert call.usage == Usage(input_tokens=4, output_tokens=9)


def test_an_error_is_a_call_in_the_words_of_the_provider():
    call = decoded({"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}, status=429)

    assert (call.error_type, call.error_message) == ("429", "Quota exceeded")


@pytest.mark.parametrize(
    "method, uri, asked, claimed",
    [
        ("POST", f"{HOST}/text-embedding-005:predict", TEXTS, True),
        ("POST", "https://generativelanguage.googleapis.com/v1beta/models/imagen-4.0-generate-001:predict",
         {"instances": [{"prompt": "a"}]}, True),
        ("POST", f"{HOST}/tabular:predict", {"instances": [{"age": 5}]}, False),
        ("POST", f"{HOST}/tabular:predict", {"instances": [[1, 2]]}, False),
        ("POST", f"{HOST}/m:rawPredict", TEXTS, False),
        ("GET", f"{HOST}/m:predict", TEXTS, False),
    ],
)  # fmt: skip
def test_a_prediction_is_known_by_its_request(method, uri, asked, claimed):
    assert vertex_predict.claims(Request(method=method, uri=uri, body=json.dumps(asked).encode())) is claimed


def test_the_package_reads_the_format_and_adds_who_served_it():
    assert wire.decode(exchange_of(vectors(1))).provider_name == "gcp.vertex_ai"


FIELDS = dict.fromkeys(("predictions", "metadata", "error", "deployedModelId"), JSON_VALUES)


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries({}, optional=FIELDS) | JSON_VALUES | st.binary(max_size=40),
    st.lists(st.dictionaries(st.sampled_from(["content", "prompt", "image", "messages"]), JSON_VALUES), max_size=2),
)
def test_any_body_is_a_call_or_undecodable(body, instances):
    try:
        call = decoded(body, asked={"instances": instances})
    except UndecodableExchange:
        return

    assert call.operation_name == "embeddings"
