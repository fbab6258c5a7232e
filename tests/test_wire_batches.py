"""What `wire.openai_batches` and `wire.anthropic_batches` read in bytes: states, results, errors."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speaking_formats import CUT, JSON_VALUES, disagreements, exchange_of, outcome_of

from pytest_llmwatch import wire
from pytest_llmwatch.calls import Message, ModelCall, TextPart, ToolDefinition, ToolResultPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire import anthropic_batches, openai_batches

OPENAI = "https://api.openai.com/v1/batches"
ANTHROPIC = "https://api.anthropic.com/v1/messages/batches"
ASKED = {"input_file_id": "file-1", "endpoint": "/v1/responses", "completion_window": "24h"}
COUNTS = {"total": 2, "completed": 2, "failed": 0}
BATCH = {"id": "batch_1", "object": "batch", "status": "completed", "model": "gpt-5", "request_counts": COUNTS,
         "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5,
                   "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 14}}  # fmt: skip
TOOL = {"name": "now", "input_schema": {"type": "object"}}
REQUESTS = [
    {"custom_id": "0", "params": {"model": "claude-haiku-4-5", "max_tokens": 9, "tools": [TOOL], "system": "Be kind.",
                                  "messages": [{"role": "user", "content": "5 + 5?"}]}},
    {"custom_id": "1", "params": {"model": "claude-haiku-4-5", "max_tokens": 9, "tools": [TOOL],
                                  "messages": [{"role": "user", "content": "6 + 6?"}]}},
]  # fmt: skip
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5-20251001",
           "content": [{"type": "text", "text": "10"}], "stop_reason": "end_turn",
           "usage": {"input_tokens": 3, "cache_read_input_tokens": 7, "output_tokens": 2}}  # fmt: skip
RESULTS = b"".join(
    json.dumps({"custom_id": "0", "result": result}).encode() + b"\n"
    for result in (
        {"type": "succeeded", "message": MESSAGE},
        {"type": "errored", "error": {"type": "error", "error": {"type": "invalid_request", "message": "No"}}},
    )
)


def at_openai(body, *, asked=b"", uri=OPENAI, **how) -> ModelCall:
    return openai_batches.decode(exchange_of(body, asked=asked, uri=uri, **how))


def at_anthropic(body, *, asked=b"", uri=ANTHROPIC, **how) -> ModelCall:
    return anthropic_batches.decode(exchange_of(body, asked=asked, uri=uri, **how))


def answered(state):
    return (Message(role="assistant", parts=(ToolResultPart(result=state),)),)


def test_the_state_of_a_batch_of_openai_is_read_with_what_it_used():
    assert at_openai(BATCH, uri=f"{OPENAI}/batch_1", method="GET") == ModelCall(
        operation_name="batch",
        response_model="gpt-5",
        response_id="batch_1",
        output_messages=answered({"status": "completed", "request_counts": COUNTS}),
        usage=Usage(input_tokens=9, output_tokens=5, cache_read_input_tokens=4, reasoning_output_tokens=2),
        billing={"batch": True, "total_tokens": 14},
    )


def test_a_batch_of_openai_that_begins_has_what_was_asked_as_parameters():
    call = at_openai({"id": "batch_1", "object": "batch", "status": "validating", "usage": None}, asked=ASKED)

    assert (call.parameters, call.usage, call.error_type) == (ASKED, Usage(), None)
    assert call.output_messages == answered({"status": "validating"})


def test_a_batch_that_failed_says_why_in_a_good_answer():
    errors = {"data": [{"code": "invalid_json_line", "message": "Line 3", "line": 3}]}
    call = at_openai({"id": "batch_1", "status": "failed", "errors": errors}, uri=f"{OPENAI}/batch_1", method="GET")

    assert (call.error_type, call.error_message) == ("invalid_json_line", "Line 3")
    assert at_openai({"status": "FAILED"}, uri=f"{OPENAI}/b", method="GET").error_type == "failed"


def test_together_wraps_a_new_batch_in_a_job():
    call = at_openai({"job": {"id": "b-1", "status": "VALIDATING", "model_id": "llama"}}, asked=ASKED)

    assert (call.response_id, call.response_model) == ("b-1", "llama")


def test_a_batch_of_anthropic_says_what_was_asked_in_it():
    state = {"processing_status": "in_progress", "request_counts": {"processing": 2}}
    call = at_anthropic({"id": "msgbatch_1", "type": "message_batch", **state}, asked={"requests": REQUESTS})

    assert (call.request_model, call.response_id) == ("claude-haiku-4-5", "msgbatch_1")
    assert [(message.role, message.text) for message in call.input_messages] == [
        ("system", "Be kind."), ("user", "5 + 5?"), ("user", "6 + 6?"),
    ]  # fmt: skip
    assert call.tool_definitions == (ToolDefinition(name="now", parameters={"type": "object"}),)
    assert call.parameters == {"requests": [{"custom_id": name, "params": {"max_tokens": 9}} for name in "01"]}
    assert (call.output_messages, call.billing) == (answered(state), {"batch": True})


def test_the_results_of_anthropic_are_one_call_with_a_message_for_each():
    call = at_anthropic(RESULTS, uri=f"{ANTHROPIC}/msgbatch_1/results", method="GET")

    assert call.output_messages == (
        Message(role="assistant", parts=(TextPart(text="10"),)),
        Message(role="assistant"),
    )
    assert (call.finish_reasons, call.provider_finish_reasons) == (("stop", None), ("end_turn", "errored"))
    assert (call.usage.input_tokens, call.usage.output_tokens) == (10, 2)
    assert (call.response_model, call.error_type) == ("claude-haiku-4-5-20251001", None)


def test_results_cut_at_any_byte_are_a_call_with_those_that_came():
    uri = f"{ANTHROPIC}/msgbatch_1/results"
    calls = [at_anthropic(RESULTS[:end], uri=uri, method="GET", failure=CUT) for end in range(len(RESULTS))]

    assert [len(call.output_messages) for call in calls] == sorted(len(call.output_messages) for call in calls)
    assert {call.error_type for call in calls} == {"cut"}


@pytest.mark.parametrize("decode, uri", [(openai_batches.decode, OPENAI), (anthropic_batches.decode, ANTHROPIC)])
def test_an_error_or_a_cut_is_a_call_in_the_words_of_the_provider(decode, uri):
    asked = ASKED | {"requests": []}
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "No"}}
    call = decode(exchange_of(error, asked=asked, uri=uri, status=400))

    assert (call.error_type, call.error_message) == ("invalid_request_error", "No")
    assert decode(exchange_of(None, asked=asked, uri=uri, failure=CUT)).error_type == "cut"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data": []}'])
def test_a_good_answer_of_another_format_is_undecodable(body):
    for decode, uri in ((at_openai, f"{OPENAI}/batch_1"), (at_anthropic, f"{ANTHROPIC}/m")):
        with pytest.raises(UndecodableExchange, match="a JSON object with"):
            decode(body, uri=uri, method="GET")
    if body:
        with pytest.raises(UndecodableExchange, match="lines of JSON objects"):
            at_anthropic(body, uri=f"{ANTHROPIC}/m/results", method="GET")


@pytest.mark.parametrize(
    "method, uri, body, claiming",
    [
        ("POST", OPENAI, b'{"input_file_id": "f"}', openai_batches),
        ("POST", "https://x.openai.azure.com/openai/batches?api-version=1", b'{"input_file_id": "f"}', openai_batches),
        ("GET", "https://x.openai.azure.com/openai/batches/batch_1?api-version=1", b"", openai_batches),
        ("GET", "https://x.openai.azure.com/openai/v1/batches/batch_1", b"", openai_batches),
        ("POST", f"{OPENAI}/batch_1/cancel", b"", openai_batches),
        ("GET", OPENAI, b"", None),
        ("GET", "https://generativelanguage.googleapis.com/v1beta/batches/x", b"", None),
        ("POST", ANTHROPIC, b'{"requests": []}', anthropic_batches),
        ("POST", f"{ANTHROPIC}/msgbatch_1/cancel?beta=true", b"{}", anthropic_batches),
        ("GET", f"{ANTHROPIC}/msgbatch_1", b"", anthropic_batches),
        ("GET", f"{ANTHROPIC}/msgbatch_1/results", b"", anthropic_batches),
        ("GET", f"{ANTHROPIC}?limit=20", b"", None),
        ("DELETE", f"{ANTHROPIC}/msgbatch_1", b"", None),
    ],
)
def test_a_batch_is_known_by_its_request_and_a_list_of_batches_is_no_call(method, uri, body, claiming):
    request = Request(method=method, uri=uri, body=body)

    assert next((each for each in wire.formats() if each.claims(request)), None) is claiming


FIELDS = dict.fromkeys(("status", "errors", "usage", "job", "processing_status", "result", "error"), JSON_VALUES)


@settings(max_examples=100, deadline=None)
@given(st.fixed_dictionaries({}, optional=FIELDS) | JSON_VALUES | st.binary(max_size=30), JSON_VALUES)
def test_any_body_is_a_call_or_undecodable(body, sent):
    asked = ASKED | {"requests": sent}
    exchanges = [
        exchange_of(body or b"", asked=asked, uri=uri) for uri in (OPENAI, ANTHROPIC, f"{ANTHROPIC}/m/results")
    ]
    decoders = (openai_batches.decode, anthropic_batches.decode, anthropic_batches.decode)
    for decode, exchange in zip(decoders, exchanges, strict=True):
        call = outcome_of(decode, exchange)

        assert call is None or call.operation_name == "batch"


def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it():
    assert disagreements("anthropic.batches") == []
