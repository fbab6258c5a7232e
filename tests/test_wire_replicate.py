"""What `wire.replicate` reads in bytes: predictions in every state, what they made, and streams of output."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speaking_formats import CUT, JSON_VALUES, disagreements, exchange_of, outcome_of

from pytest_llmwatch.calls import MediaPart, Message, ModelCall, TextPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire import replicate

HOST = "https://api.replicate.com/v1"
MODEL = f"{HOST}/models/meta/meta-llama-3-8b-instruct/predictions"
KEPT = f"{HOST}/predictions/pw050dtb51"
STREAM_AT = "https://streaming-api.svc.rno2.c.replicate.net/v1/streams/3qkvm3bnqhaadg"
ASKED = {"input": {"prompt": "Write a haiku", "system_prompt": "Be brief.", "top_k": 50}, "stream": True}
WHOLE = {
    "id": "pw050dtb51",
    "model": "meta/meta-llama-3-8b-instruct",
    "version": "dp-a557b7387b49",
    "input": ASKED["input"],
    "logs": "",
    "output": ["\n", "Fuzzy", ", gentle", ""],
    "data_removed": False,
    "error": None,
    "status": "succeeded",
    "created_at": "2024-10-04T18:07:40.328Z",
    "metrics": {"input_token_count": 16, "output_token_count": 3, "predict_time": 0.5, "tokens_per_second": 70.1},
    "urls": {"get": KEPT, "cancel": f"{KEPT}/cancel", "stream": STREAM_AT},
}
STREAM = (
    "event: output\nid: 1690212292:0\ndata: Größe\n\n"
    "event: output\nid: 1690212293:0\ndata:  ist\ndata: 7.\n\n"
    "event: logs\nid: 1690212294:0\ndata: loading\n\n"
    ": hi\n\nevent: done\nid: 1690212295:0\ndata: {}\n\n"
).encode()
TEXT = "Größe ist\n7."


def decoded(body, *, asked=ASKED, uri=MODEL, **how) -> ModelCall:
    return replicate.decode(exchange_of(body, asked=asked, uri=uri, **how))


def kept(body, uri=KEPT, **how) -> ModelCall:
    return decoded(body, asked=b"", uri=uri, method="GET", **how)


def test_a_prediction_that_was_waited_for_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE, status=201) == ModelCall(
        operation_name="generate_content",
        request_model="meta/meta-llama-3-8b-instruct",
        response_model="meta/meta-llama-3-8b-instruct",
        response_id="pw050dtb51",
        input_messages=(
            Message(role="system", parts=(TextPart(text="Be brief."),)),
            Message(role="user", parts=(TextPart(text="Write a haiku"),)),
        ),
        parameters={"stream": True, "top_k": 50},
        output_messages=(Message(role="assistant", parts=(TextPart(text="\nFuzzy, gentle"),)),),
        finish_reasons=("stop",),
        provider_finish_reasons=("succeeded",),
        usage=Usage(input_tokens=16, output_tokens=3),
        provider_facts={"completion_time_ms": 500.0},
    )


def test_a_prediction_that_was_only_begun_has_no_answer_yet():
    call = decoded({**WHOLE, "status": "starting", "output": None, "metrics": {}}, status=201)

    assert (call.output_messages, call.finish_reasons, call.error_type) == ((), (), None)
    assert call.usage == Usage()


def test_a_prediction_that_is_going_on_has_the_text_so_far_and_no_reason_to_be_finished():
    call = decoded({**WHOLE, "status": "processing"}, status=201)

    assert (call.output_text, call.finish_reasons, call.error_type) == ("\nFuzzy, gentle", (None,), None)


def test_who_asks_about_a_prediction_is_told_what_was_asked_and_answered():
    made, asked_about = decoded(WHOLE), kept(WHOLE)

    assert (asked_about.input_messages, asked_about.output_messages) == (made.input_messages, made.output_messages)
    assert (asked_about.usage, asked_about.parameters) == (made.usage, {"top_k": 50})


@pytest.mark.parametrize(
    "status, error, error_type, message",
    [
        ("failed", "CUDA out of memory", "failed", "CUDA out of memory"),
        ("failed", None, "failed", None),
        ("canceled", None, "canceled", None),
        ("aborted", None, "aborted", None),
    ],
)
def test_a_prediction_that_failed_is_an_error_in_the_words_of_its_status(status, error, error_type, message):
    call = decoded({**WHOLE, "status": status, "error": error, "output": None})

    assert (call.error_type, call.error_message) == (error_type, message)
    assert call.provider_finish_reasons == (status,)


def test_an_error_answer_is_a_call_in_the_words_of_the_provider():
    body = {"title": "Unauthenticated", "detail": "You did not pass a valid authentication token", "status": 401}
    call = decoded(body, status=401)

    assert (call.error_type, call.error_message) == ("401", "You did not pass a valid authentication token")


@pytest.mark.parametrize(
    "output, parts",
    [
        ("Whole", (TextPart(text="Whole"),)),
        (
            "https://replicate.delivery/a/out-0.png",
            (MediaPart(kind="image", reference="https://replicate.delivery/a/out-0.png"),),
        ),
        (["https://x.test/0.webp?a=1"], (MediaPart(kind="image", reference="https://x.test/0.webp?a=1"),)),
        (
            "https://replicate.delivery/a/out.mp4",
            (MediaPart(kind="video", reference="https://replicate.delivery/a/out.mp4"),),
        ),
        ("https://replicate.delivery/a/out", (MediaPart(kind="file", reference="https://replicate.delivery/a/out"),)),
        (["See ", "https://x.test/0.png"], (TextPart(text="See https://x.test/0.png"),)),
        ({"text": "a"}, (TextPart(text='{"text": "a"}'),)),
        ([[0.5, 1]], (TextPart(text="[[0.5, 1]]"),)),
        ([], ()),
    ],
    ids=str,
)
def test_what_was_made_is_text_or_a_medium_or_json(output, parts):
    assert decoded({**WHOLE, "output": output}).output_messages == (Message(role="assistant", parts=parts),)


@pytest.mark.parametrize(
    "uri, asked, model",
    [
        (MODEL, {}, "meta/meta-llama-3-8b-instruct"),
        (f"{HOST}/deployments/acme/my-app/predictions", {}, "acme/my-app"),
        (f"{HOST}/predictions", {"version": "73001d654114"}, "73001d654114"),
        (f"{HOST}/predictions", {"model": "meta/llama"}, "meta/llama"),
        (f"{HOST}/predictions", {"version": "meta/llama"}, "meta/llama"),
    ],
)
def test_the_model_stands_in_the_address_or_in_the_body(uri, asked, model):
    call = decoded(WHOLE, uri=uri, asked={**asked, "input": {}})

    assert call.request_model == model


def test_a_stream_of_output_is_one_text():
    call = kept(STREAM, uri=STREAM_AT)

    assert call.streaming
    assert (call.output_text, call.finish_reasons, call.error_type) == (TEXT, ("stop",), None)


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    calls = [kept(STREAM[:end], uri=STREAM_AT, failure=CUT) for end in range(len("event:"), len(STREAM))]
    texts = [call.output_text for call in calls]

    assert all(TEXT.startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert all(call.error_type == (None if call.finish_reasons == ("stop",) else "cut") for call in calls)


@pytest.mark.parametrize(
    "end, error_type, message",
    [
        ('event: error\ndata: {"detail": "An unexpected error occurred"}\n\n', "error", "An unexpected error occurred"),
        ('event: done\ndata: {"reason": "canceled"}\n\n', "canceled", None),
        ("", "cut", None),
    ],
)
def test_a_stream_that_ended_badly_keeps_what_came_before(end, error_type, message):
    call = kept(b"event: output\ndata: Half\n\n" + end.encode(), uri=STREAM_AT)

    assert (call.output_text, call.error_type, call.error_message) == ("Half", error_type, message)


@pytest.mark.parametrize("body", [b"", b"Hello", b"[]", b'{"choices": []}'])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `status`"):
        decoded(body)


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", f"{HOST}/predictions", b'{"input": {}, "version": "a"}', True),
        ("POST", MODEL, b'{"input": {}}', True),
        ("POST", f"{HOST}/deployments/acme/my-app/predictions", b'{"input": {}}', True),
        ("GET", KEPT, b"", True),
        ("GET", STREAM_AT, b"", True),
        ("GET", "https://stream.replicate.com/v1/files/abc-1", b"", True),
        ("GET", f"{HOST}/predictions", b"", False),
        ("GET", "https://api.openai.com/v1/files/file-1", b"", False),
        ("POST", f"{HOST}/trainings", b'{"input": {}}', False),
        ("POST", f"{HOST}/predictions", b"", False),
    ],
)
def test_a_prediction_is_known_by_its_request(method, uri, body, claimed):
    assert replicate.claims(Request(method=method, uri=uri, body=body)) is claimed


FIELDS = dict.fromkeys(("status", "output", "error", "metrics", "input", "id"), JSON_VALUES)


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({}, optional=FIELDS) | JSON_VALUES | st.binary(max_size=40), JSON_VALUES)
def test_any_body_is_a_call_or_undecodable(body, given_):
    events = b"event: output\ndata: " + (body if isinstance(body, bytes) else json.dumps(body).encode())
    for sent in (body, events):
        call = outcome_of(replicate.decode, exchange_of(sent, asked={"input": given_}, uri=MODEL))

        assert call is None or call.operation_name == "generate_content"


def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it():
    # The manifest knows the text of chats only.
    assert disagreements("replicate.predictions", except_for={("replicate.predictions", "output_text")}) == []
