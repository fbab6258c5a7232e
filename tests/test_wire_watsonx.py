"""What `wire.watsonx` reads in bytes: texts and vectors of IBM's own address, whole, streamed and cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from speaking_formats import CUT, JSON_VALUES, exchange_of, outcome_of

from pytest_llmwatch import wire
from pytest_llmwatch.calls import Message, ModelCall, TextPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire import watsonx

HOST = "https://us-south.ml.cloud.ibm.com"
URI = f"{HOST}/ml/v1/text/generation?version=2023-05-29"
ASKED = {
    "model_id": "google/flan-ul2",
    "input": "What is 1 + 1?",
    "parameters": {"max_new_tokens": 20},
    "project_id": "63dc4cf1",
}
RESULT = {
    "generated_text": "2, of course",
    "generated_token_count": 4,
    "input_token_count": 7,
    "stop_reason": "eos_token",
}
WHOLE = {"model_id": "google/flan-ul2", "created_at": "2023-07-21T16:52:32.190Z", "results": [RESULT]}


def piece(text, written, read, reason="not_finished"):
    result = {
        "generated_text": text,
        "generated_token_count": written,
        "input_token_count": read,
        "stop_reason": reason,
    }
    return {"model_id": "google/flan-ul2", "created_at": "2023-07-21T16:52:32.190Z", "results": [result]}


PIECES = [piece("", 0, 7), piece("2", 2, 0), piece(", of", 3, 0), piece(" course", 4, 0, "EOS_TOKEN")]
STREAM = "".join(
    f"id: {number}\nevent: message\ndata: {json.dumps(each)}\n\n" for number, each in enumerate(PIECES, 1)
).encode()


def decoded(body, *, asked=ASKED, uri=URI, **how) -> ModelCall:
    return watsonx.decode(exchange_of(body, asked=asked, uri=uri, **how))


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="text_completion",
        request_model="google/flan-ul2",
        response_model="google/flan-ul2",
        input_messages=(Message(role="user", parts=(TextPart(text="What is 1 + 1?"),)),),
        parameters={"max_new_tokens": 20, "project_id": "63dc4cf1"},
        output_messages=(Message(role="assistant", parts=(TextPart(text="2, of course"),)),),
        finish_reasons=("stop",),
        provider_finish_reasons=("eos_token",),
        usage=Usage(input_tokens=7, output_tokens=4),
    )


def test_a_stream_reads_like_the_whole_answer():
    call = decoded(STREAM, uri=f"{HOST}/ml/v1/text/generation_stream?version=2023-05-29")

    assert (call.streaming, call.output_text) == (True, "2, of course")
    assert (call.finish_reasons, call.usage) == (("stop",), Usage(input_tokens=7, output_tokens=4))


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    calls = [decoded(STREAM[:end], failure=CUT) for end in range(len(b"id: 1"), len(STREAM))]
    texts = [call.output_text for call in calls]

    assert all("2, of course".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert all(call.error_type == (None if "eos_token" in call.provider_finish_reasons else "cut") for call in calls)


def test_vectors_are_read_for_their_tokens():
    asked = {"model_id": "ibm/slate-30m-english-rtrvr", "inputs": ["one", "two"], "project_id": "p"}
    body = {"model_id": "ibm/slate-30m-english-rtrvr", "results": [{"embedding": [0.1]}] * 2, "input_token_count": 10}
    call = wire.decode(exchange_of(body, asked=asked, uri=f"{HOST}/ml/v1/text/embeddings?version=1"))

    assert (call.operation_name, call.provider_name) == ("embeddings", "ibm.watsonx.ai")
    assert (call.usage, call.output_messages) == (Usage(input_tokens=10), ())
    assert [message.text for message in call.input_messages] == ["one", "two"]


def test_a_deployment_stands_in_the_address():
    call = decoded(WHOLE, asked={"parameters": {}}, uri=f"{HOST}/ml/v1/deployments/my-prompt/text/generation")

    assert (call.request_model, call.input_messages) == ("my-prompt", ())


@pytest.mark.parametrize(
    "body, status, error_type, message",
    [
        ({"errors": [{"code": "model_not_supported", "message": "Model 'x' is not supported"}], "trace": "t",
          "status_code": 404}, 404, "model_not_supported", "Model 'x' is not supported"),
        (b'event: error\ndata: {"errors": [{"code": "time_limit", "message": "Too slow"}], "status_code": 500}\n\n',
         200, "time_limit", "Too slow"),
    ],
)  # fmt: skip
def test_an_error_is_a_call_in_the_words_of_the_provider(body, status, error_type, message):
    call = decoded(body, status=status)

    assert (call.error_type, call.error_message) == (error_type, message)


@pytest.mark.parametrize("body", [b"", b"Hello", b"[]", {"choices": []}])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `results`"):
        decoded(body)


@pytest.mark.parametrize(
    "uri, claimed",
    [
        (URI, True),
        (f"{HOST}/ml/v1/deployments/d/text/generation_stream", True),
        (f"{HOST}/ml/v1/text/embeddings", True),
        (f"{HOST}/ml/v1/text/chat", False),
        (f"{HOST}/v1/embeddings", False),
    ],
)
def test_the_address_says_what_is_asked_for(uri, claimed):
    assert watsonx.claims(Request(method="POST", uri=uri, body=b'{"input": ""}')) is claimed


@given(value=JSON_VALUES)
def test_any_value_in_any_field_raises_nothing_but_undecodable(value):
    bodies = [WHOLE | {field: value} for field in WHOLE] + [{"results": [RESULT | {field: value}]} for field in RESULT]
    for body in bodies:
        call = outcome_of(watsonx.decode, exchange_of(body, asked=ASKED, uri=URI))

        assert call is None or call.operation_name == "text_completion"
