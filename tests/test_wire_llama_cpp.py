"""What `wire.llama_cpp` reads in bytes: completions of the server's own, whole, streamed and cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from speaking_formats import CUT, JSON_VALUES, events_of, exchange_of, outcome_of

from pytest_llmwatch.calls import Message, ModelCall, TextPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire import llama_cpp

URI = "http://localhost:8080/completion"
ASKED = {"prompt": "Building a website can be done in", "n_predict": 128, "cache_prompt": True}
TIMINGS = {"cache_n": 4, "prompt_n": 8, "prompt_ms": 30.9, "predicted_n": 3, "predicted_ms": 66.1}
WHOLE = {
    "index": 0,
    "content": " 10 simple steps",
    "tokens": [],
    "id_slot": 0,
    "stop": True,
    "model": "models/llama-7b.gguf",
    "tokens_predicted": 3,
    "tokens_evaluated": 12,
    "generation_settings": {"seed": 42, "temperature": 0.8},
    "prompt": "Building a website can be done in",
    "truncated": False,
    "stop_type": "limit",
    "stopping_word": "",
    "tokens_cached": 14,
    "timings": TIMINGS,
}
PIECES = [
    {"index": 0, "content": " 10", "stop": False, "tokens_predicted": 1, "tokens_evaluated": 12},
    {"index": 0, "content": " simple", "stop": False, "tokens_predicted": 2, "tokens_evaluated": 12},
    {"index": 0, "content": " steps", "stop": False, "tokens_predicted": 3, "tokens_evaluated": 12},
    WHOLE | {"content": "", "stop_type": "eos"},
]
STREAM = events_of(*PIECES)


def decoded(body, *, asked=ASKED, uri=URI, **how) -> ModelCall:
    return llama_cpp.decode(exchange_of(body, asked=asked, uri=uri, **how))


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="text_completion",
        response_model="models/llama-7b.gguf",
        input_messages=(Message(role="user", parts=(TextPart(text=ASKED["prompt"]),)),),
        parameters={"n_predict": 128, "cache_prompt": True},
        output_messages=(Message(role="assistant", parts=(TextPart(text=" 10 simple steps"),)),),
        finish_reasons=("length",),
        provider_finish_reasons=("limit",),
        usage=Usage(input_tokens=12, output_tokens=3, cache_read_input_tokens=4),
        provider_facts={"prompt_time_ms": 30.9, "completion_time_ms": 66.1},
    )


def test_a_stream_reads_like_the_whole_answer():
    call = decoded(STREAM, asked=ASKED | {"stream": True})

    assert (call.streaming, call.output_text, call.finish_reasons) == (True, " 10 simple steps", ("stop",))
    assert call.usage == Usage(input_tokens=12, output_tokens=3, cache_read_input_tokens=4)


@pytest.mark.parametrize(
    "field, reason", [("stopped_eos", "eos"), ("stopped_word", "word"), ("stopped_limit", "limit")]
)
def test_the_reason_of_old_servers_stands_in_a_field_of_its_own(field, reason):
    old = {"content": "a", "stop": True, "stopped_eos": False, "stopped_word": False, "stopped_limit": False}

    assert decoded(old | {field: True}).provider_finish_reasons == (reason,)


def test_a_gap_is_asked_for_by_what_stands_around_it():
    call = decoded(
        WHOLE, asked={"input_prefix": "def f(", "input_suffix": "): pass"}, uri="http://localhost:8080/infill"
    )

    assert [message.text for message in call.input_messages] == ["def f(", "): pass"]


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    calls = [decoded(STREAM[:end], failure=CUT) for end in range(len(b"data:"), len(STREAM))]
    texts = [call.output_text for call in calls]

    assert all(" 10 simple steps".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert all(call.error_type == (None if "eos" in call.provider_finish_reasons else "cut") for call in calls)


def test_an_error_is_a_call_in_the_words_of_the_server():
    error = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
    call = decoded(error, status=503)

    assert (call.error_type, call.error_message) == ("unavailable_error", "Loading model")


@pytest.mark.parametrize("body", [b"", b"Hello", b"[]", {"choices": []}])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `content`"):
        decoded(body)


@pytest.mark.parametrize(
    "uri, body, claimed",
    [
        (URI, ASKED, True),
        ("http://localhost:8080/infill", {"input_prefix": "a"}, True),
        ("http://localhost:8080/v1/completions", ASKED, False),
        ("http://localhost:8080/completion", {"messages": []}, False),
        ("http://localhost:8080/completion", ["prompt"], False),
    ],
)
def test_a_completion_is_known_by_its_request(uri, body, claimed):
    assert llama_cpp.claims(Request(method="POST", uri=uri, body=json.dumps(body).encode())) is claimed


@given(value=JSON_VALUES)
def test_any_value_in_any_field_raises_nothing_but_undecodable(value):
    for field in WHOLE:
        call = outcome_of(llama_cpp.decode, exchange_of(WHOLE | {field: value}, asked=ASKED, uri=URI))

        assert call is None or call.operation_name == "text_completion"
