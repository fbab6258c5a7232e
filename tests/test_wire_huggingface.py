"""What `wire.huggingface` reads in bytes: texts, vectors and media of Hugging Face's own format."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from speaking_formats import CUT, JSON_VALUES, events_of, exchange_of, outcome_of

from pytest_llmwatch import wire
from pytest_llmwatch.calls import MediaPart, Message, ModelCall, TextPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Exchange, Request, Response
from pytest_llmwatch.wire import huggingface

TGI = "http://localhost:8080/generate"
API = "https://api-inference.huggingface.co/models/gpt2"
ROUTER = "https://router.huggingface.co/hf-inference/models"
ASKED = {"inputs": "My name is Olivier and I", "parameters": {"max_new_tokens": 3, "details": True}}
DETAILS = {"finish_reason": "length", "generated_tokens": 3, "seed": None, "prefill": [], "tokens": []}
WHOLE = {"generated_text": " am a boy", "details": DETAILS}


def token(index, text, *, special=False, **end):
    held = {"id": 716, "text": text, "logprob": -0.3, "special": special}
    return {"index": index, "token": held, "generated_text": None, "details": None, **end}


END = {"finish_reason": "eos_token", "generated_tokens": 4, "input_length": 7, "seed": 42}
PIECES = [
    token(1, " am"),
    token(2, " a"),
    token(3, " boy"),
    token(4, "</s>", special=True, generated_text=" am a boy", details=END),
]
STREAM = events_of(*PIECES).replace(b"data: ", b"data:")


def decoded(body, *, asked=ASKED, uri=TGI, **how) -> ModelCall:
    return huggingface.decode(exchange_of(body, asked=asked, uri=uri, **how))


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="text_completion",
        input_messages=(Message(role="user", parts=(TextPart(text="My name is Olivier and I"),)),),
        parameters={"max_new_tokens": 3, "details": True},
        output_messages=(Message(role="assistant", parts=(TextPart(text=" am a boy"),)),),
        finish_reasons=("length",),
        provider_finish_reasons=("length",),
        usage=Usage(output_tokens=3),
    )


def test_a_stream_reads_like_the_whole_answer():
    call = decoded(STREAM, uri=f"{TGI}_stream")

    assert (call.streaming, call.output_text, call.finish_reasons) == (True, " am a boy", ("stop",))
    assert (call.usage, call.error_type) == (Usage(input_tokens=7, output_tokens=4), None)


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    calls = [decoded(STREAM[:end], failure=CUT) for end in range(len(b"data:"), len(STREAM))]
    texts = [call.output_text for call in calls]

    assert all(" am a boy".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert all(call.error_type == (None if "eos_token" in call.provider_finish_reasons else "cut") for call in calls)


@pytest.mark.parametrize(
    "body, texts",
    [
        ([{"generated_text": "a"}], ["a"]),
        ([{"generated_text": "a"}, {"generated_text": "b"}], ["a", "b"]),
        ([[{"generated_text": "a"}], [{"generated_text": "b"}]], ["a", "b"]),
        ([{"summary_text": "short"}], ["short"]),
        ([{"translation_text": "kurz"}], ["kurz"]),
        ({"answer": "Clara", "score": 0.9, "start": 1, "end": 6}, ["Clara"]),
        ([{"generated_text": ""}], [""]),
    ],
)
def test_a_text_is_found_under_the_name_of_its_task(body, texts):
    call = decoded(body, uri=API)

    assert [message.text for message in call.output_messages] == texts
    assert (call.operation_name, call.request_model) == ("text_completion", "gpt2")


def test_another_value_is_given_as_json():
    labels = [[{"label": "POSITIVE", "score": 0.99}]]
    call = decoded(labels, uri=f"{ROUTER}/distilbert/distilbert-base-uncased")

    assert (call.operation_name, json.loads(call.output_text)) == ("generate_content", labels)
    assert call.request_model == "distilbert/distilbert-base-uncased"


@pytest.mark.parametrize("vectors", [[0.1, 0.2], [[0.1], [0.2]], [[[0.1]]]])
def test_vectors_are_embeddings(vectors):
    call = decoded(
        vectors, asked={"inputs": ["one", "two"]}, uri=f"{ROUTER}/BAAI/bge-small/pipeline/feature-extraction"
    )

    assert (call.operation_name, call.output_messages, call.request_model) == ("embeddings", (), "BAAI/bge-small")
    assert [message.text for message in call.input_messages] == ["one", "two"]


def test_a_picture_is_known_by_the_hash_of_its_bytes():
    call = decoded(
        b"\x89PNG", asked={"inputs": "A cat"}, uri=f"{ROUTER}/black-forest-labs/FLUX.1-dev", came_as="image/png"
    )
    digest = "sha256:" + hashlib.sha256(b"\x89PNG").hexdigest()

    assert call.output_messages == (Message(role="assistant", parts=(MediaPart(kind="image", reference=digest),)),)


def test_tokens_that_only_the_headers_tell_are_counted():
    headers = (("x-prompt-tokens", "7"), ("x-generated-tokens", "20"), ("x-queue-time", "22"))
    exchange = Exchange(
        request=Request(method="POST", uri=TGI, body=json.dumps(ASKED).encode()),
        response=Response(status=200, headers=headers, body=b'{"generated_text": "a"}'),
    )
    call = wire.decode(exchange)

    assert (call.usage, call.provider_facts) == (Usage(input_tokens=7, output_tokens=20), {"queue_time_ms": 22})


@pytest.mark.parametrize(
    "body, status, error_type, message",
    [
        ({"error": "`inputs` must have less than 1024 tokens", "error_type": "validation"}, 422, "validation",
         "`inputs` must have less than 1024 tokens"),
        ({"error": "Model gpt2 is currently loading", "estimated_time": 20.0}, 503, "503",
         "Model gpt2 is currently loading"),
        (b'event:error\ndata:{"error":"Out of memory","error_type":"generation"}\n\n', 200, "generation",
         "Out of memory"),
    ],
)  # fmt: skip
def test_an_error_is_a_call_in_the_words_of_the_server(body, status, error_type, message):
    call = decoded(body, status=status)

    assert (call.error_type, call.error_message, call.output_messages) == (error_type, message, ())


@pytest.mark.parametrize("body", [b"", b"Hello", {"choices": []}])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="generated_text"):
        decoded(body)


@pytest.mark.parametrize(
    "uri, body, claimed",
    [
        (TGI, ASKED, True),
        (f"{TGI}_stream", ASKED, True),
        (API, ASKED, True),
        (f"{ROUTER}/BAAI/bge-small/pipeline/feature-extraction", ASKED, True),
        ("https://api-inference.huggingface.co/pipeline/feature-extraction/BAAI/bge-small", ASKED, True),
        ("https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/llama/invocations", ASKED, True),
        ("https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent", ASKED, False),
        ("http://localhost:11434/api/generate", {"model": "m", "prompt": "a"}, False),
        (API, {"messages": []}, False),
    ],
)
def test_a_request_is_known_by_its_inputs(uri, body, claimed):
    assert huggingface.claims(Request(method="POST", uri=uri, body=json.dumps(body).encode())) is claimed


@given(value=JSON_VALUES)
def test_any_value_in_any_field_raises_nothing_but_undecodable(value):
    bodies = [value, [value], [[value]], *(WHOLE | {field: value} for field in WHOLE)]
    bodies += [WHOLE | {"details": DETAILS | {field: value}} for field in DETAILS]
    bodies += [events_of(PIECES[3] | {field: value}) for field in PIECES[3]]
    for body in bodies:
        outcome = outcome_of(huggingface.decode, exchange_of(body, asked=ASKED, uri=TGI))

        assert outcome is None or outcome.parameters == ASKED["parameters"]
