"""What `wire.anthropic_complete` reads in bytes: whole, streamed in the new way and the old, and cut short."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speaking_formats import CUT, JSON_VALUES, disagreements, events_of, exchange_of, outcome_of

from pytest_llmwatch import wire
from pytest_llmwatch.calls import Message, ModelCall, TextPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire import anthropic_complete

URI = "https://api.anthropic.com/v1/complete"
PROMPT = "\n\nHuman: why is the sky blue? \n\nAssistant:"
ASKED = {"model": "claude-2", "prompt": PROMPT, "max_tokens_to_sample": 9}
WHOLE = {"type": "completion", "id": "compl_1", "completion": " Light.", "stop_reason": "stop_sequence",
         "model": "claude-2.1", "stop": "\n\nHuman:", "log_id": "compl_1"}  # fmt: skip


def piece(text, stop_reason=None) -> bytes:
    data = WHOLE | {"completion": text, "stop_reason": stop_reason}
    return f"event: completion\r\ndata: {json.dumps(data)}    \r\n\r\n".encode()


STREAM = piece(" Größe") + b'event: ping\r\ndata: {"type": "ping"}\r\n\r\n' + piece(" 7.") + piece("", "max_tokens")


def decoded(body, *, asked=ASKED, **how) -> ModelCall:
    return anthropic_complete.decode(exchange_of(body, asked=asked, uri=URI, **how))


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="text_completion",
        request_model="claude-2",
        response_model="claude-2.1",
        response_id="compl_1",
        input_messages=(Message(role="user", parts=(TextPart(text=PROMPT),)),),
        parameters={"max_tokens_to_sample": 9},
        output_messages=(Message(role="assistant", parts=(TextPart(text=" Light."),)),),
        finish_reasons=("stop",),
        provider_finish_reasons=("stop_sequence",),
        usage=Usage(),
    )


def test_a_stream_reads_like_the_whole_answer():
    call = decoded(STREAM)

    assert (call.streaming, call.output_text, call.error_type) == (True, " Größe 7.", None)
    assert (call.finish_reasons, call.provider_finish_reasons) == (("length",), ("max_tokens",))


def test_the_old_stream_repeats_all_that_came_before():
    pieces = [{"completion": text, "stop_reason": None, "model": "claude-v1"} for text in (" Li", " Light")]
    call = decoded(events_of(*pieces, pieces[-1] | {"stop_reason": "stop_sequence"}, done=True))

    assert (call.output_text, call.finish_reasons) == (" Light", ("stop",))


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    calls = [decoded(STREAM[:end], failure=CUT) for end in range(len(b"event:"), len(STREAM))]
    texts = [call.output_text for call in calls]

    assert all(" Größe 7.".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert all(call.error_type == (None if "length" in call.finish_reasons else "cut") for call in calls)


def test_anthropics_own_client_reads_the_same():
    from anthropic._streaming import SSEDecoder

    theirs = [event.json() for event in SSEDecoder().iter_bytes(iter([STREAM])) if event.event == "completion"]

    assert decoded(STREAM).output_text == "".join(each["completion"] for each in theirs)
    assert decoded(STREAM).provider_finish_reasons == (theirs[-1]["stop_reason"],)


@pytest.mark.parametrize(
    "body, status",
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, 529),
        (piece(" Gr") + b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", '
         b'"message": "Overloaded"}}\n\n', 200),
    ],
)  # fmt: skip
def test_an_error_is_a_call_in_the_words_of_the_provider(body, status):
    call = decoded(body, status=status)

    assert (call.error_type, call.error_message) == ("overloaded_error", "Overloaded")


@pytest.mark.parametrize("body", [b"", b"Hello", b"[]", b"{}", b'{"content": []}', b'data: {"a": 1}\n\n'])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `completion`"):
        decoded(body)


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", URI, b'{"prompt": "Hi"}', True),
        ("POST", "https://api.anthropic.com/v1/messages", b'{"prompt": "Hi"}', False),
        ("GET", URI, b'{"prompt": "Hi"}', False),
        ("POST", URI, b"", False),
    ],
)
def test_a_completion_is_known_by_its_request(method, uri, body, claimed):
    assert anthropic_complete.claims(Request(method=method, uri=uri, body=body)) is claimed


def test_the_package_gives_completions_to_this_format():
    call = wire.decode(exchange_of(STREAM, asked=ASKED, uri=URI))

    assert (call.operation_name, call.provider_name) == ("text_completion", "anthropic")


FIELDS = dict.fromkeys(("completion", "type", "stop_reason", "model", "error"), JSON_VALUES)


@settings(max_examples=100, deadline=None)
@given(st.fixed_dictionaries({}, optional=FIELDS), JSON_VALUES, st.binary(max_size=30))
def test_any_body_is_a_call_or_undecodable(body, prompt, dirt):
    for each in (body, events_of({"completion": " a"} | body), dirt, json.dumps(body).encode() + dirt):
        call = outcome_of(anthropic_complete.decode, exchange_of(each, asked=ASKED | {"prompt": prompt}, uri=URI))

        assert call is None or call.operation_name == "text_completion"


def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it():
    assert disagreements("anthropic.complete") == []
