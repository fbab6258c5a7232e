"""What `wire.anthropic_messages` reads in bytes: whole, streamed, cut short, and as it was really sent."""

from __future__ import annotations

import collections
import functools
import gzip
import hashlib
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmwatch import wire
from pytest_llmwatch.calls import (
    MediaPart,
    Message,
    ModelCall,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    Usage,
)
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Exchange, Request, Response, TransferFailure
from pytest_llmwatch.lifting import lifted
from pytest_llmwatch.pricing import cost_of as price_of
from pytest_llmwatch.wire import anthropic_messages

DAY = datetime(2026, 11, 1, tzinfo=UTC)
URI = "https://api.anthropic.com/v1/messages"
VERTEX = "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/anthropic/models/"
ASKED = {
    "model": "claude-haiku-4-5",
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": "What country is Berlin in?"}],
}
CUT = TransferFailure(kind="cut", message="peer closed connection")

WHOLE = b"""{
  "model": "claude-haiku-4-5-20251001", "id": "msg_01XH", "type": "message", "role": "assistant",
  "content": [
    {"type": "thinking", "thinking": "Berlin is in Germany.", "signature": "EtsBCmMIDxgC"},
    {"type": "text", "text": "Germany."}
  ],
  "container": null, "stop_reason": "end_turn", "stop_sequence": null, "stop_details": null,
  "usage": {
    "input_tokens": 16, "cache_creation_input_tokens": 7049, "cache_read_input_tokens": 13637,
    "cache_creation": {"ephemeral_5m_input_tokens": 7049, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 44, "output_tokens_details": {"thinking_tokens": 33}, "service_tier": "standard",
    "inference_geo": "global", "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0}
  }
}"""

# Anthropic pads its events with spaces; a search makes the input grow while it answers.
STREAM = (
    r"""
event: message_start
data: {"type":"message_start","message":{"id":"msg_01GT","type":"message","role":"assistant","content":[],\
"model":"claude-sonnet-4-5-20250929","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":2694,\
"cache_creation_input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1,"service_tier":"standard"}}   }

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}  }

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me "}     }

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"look."}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EtsBCmMIDxgC"}  }

event: content_block_stop
data: {"type":"content_block_stop","index":0     }

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"srvtoolu_01",\
"name":"web_search","input":{}}  }

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"query\": "}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\"Größe\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"web_search_tool_result",\
"tool_use_id":"srvtoolu_01","content":[{"type":"web_search_result","title":"T","url":"https://h/",\
"encrypted_content":"EpAC","page_age":null}]}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: content_block_start
data: {"type":"content_block_start","index":3,"content_block":{"citations":[],"type":"text","text":""} }

event: content_block_delta
data: {"type":"content_block_delta","index":3,"delta":{"type":"citations_delta","citation":{\
"type":"web_search_result_location","cited_text":"7","url":"https://h/","title":"T","encrypted_index":"Eo8B"}}}

event: content_block_delta
data: {"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"Größe \u2028"}     }

event: content_block_stop
data: {"type":"content_block_stop","index":3}

event: content_block_start
data: {"type":"content_block_start","index":4,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":4,"delta":{"type":"text_delta","text":"ist 7."}}

event: content_block_stop
data: {"type":"content_block_stop","index":4}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":12957,\
"cache_creation_input_tokens":10,"cache_read_input_tokens":5,"output_tokens":152,\
"server_tool_use":{"web_search_requests":1,"web_fetch_requests":0}}           }

event: message_stop
data: {"type":"message_stop"         }

""".lstrip()
    .replace("\\\n", "")
    .encode()
)
TEXT = "Größe \u2028ist 7."
FOUND = {
    "type": "web_search_result",
    "title": "T",
    "url": "https://h/",
    "encrypted_content": "EpAC",
    "page_age": None,
}


def exchange_of(body, *, asked=ASKED, uri=URI, status=200, **facts) -> Exchange:
    sent = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    response = None if body is None else Response(status=status, body=body)
    return Exchange(request=Request(method="POST", uri=uri, body=sent), response=response, **facts)


def decoded(body, **how) -> ModelCall:
    exchange = exchange_of(body if isinstance(body, bytes | None) else json.dumps(body).encode(), **how)
    return anthropic_messages.decode(exchange)


def answered(*content, stop_reason="end_turn", **more) -> ModelCall:
    return decoded({"type": "message", "content": list(content), "stop_reason": stop_reason, **more})


def streamed(*chunks, **how) -> ModelCall:
    lines = [chunk if isinstance(chunk, str) else f"data: {json.dumps(chunk)}" for chunk in chunks]
    return decoded("".join(f"{line}\n\n" for line in lines).encode(), **how)


def start(usage=None, **message):
    return {"type": "message_start", "message": {"id": "m", "content": [], "usage": usage, **message}}


def block(index, kind="text", **held):
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind, **held}}


def delta(index, kind, **held):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **held}}


def text(index, said):
    return delta(index, "text_delta", text=said)


def stop(index):
    return {"type": "content_block_stop", "index": index}


def ending(stop_reason="end_turn", usage=None, **more):
    return {"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": usage, **more}


END = {"type": "message_stop"}


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    call = decoded(WHOLE)

    assert call == ModelCall(
        operation_name="chat",
        request_model="claude-haiku-4-5",
        response_model="claude-haiku-4-5-20251001",
        response_id="msg_01XH",
        input_messages=(Message(role="user", parts=(TextPart(text="What country is Berlin in?"),)),),
        parameters={"max_tokens": 1024},
        output_messages=(
            Message(role="assistant", parts=(ReasoningPart(text="Berlin is in Germany."), TextPart(text="Germany."))),
        ),
        finish_reasons=("stop",),
        provider_finish_reasons=("end_turn",),
        usage=Usage(
            input_tokens=16 + 7049 + 13637,
            output_tokens=44,
            cache_read_input_tokens=13637,
            cache_write_input_tokens=7049,
            reasoning_output_tokens=33,
        ),
        billing={"service_tier": "standard", "inference_geo": "global"},
    )


def asking_with(*tools, **message):
    return ASKED | {"tools": [{"type": tool, "name": tool} for tool in tools]} | message


def ran(name):
    return {"type": "server_tool_use", "id": "srvtoolu_1", "name": name, "input": {}}


HOUR = ASKED | {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
UPLOAD = ASKED | {"messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "file_1"}]}]}
UNKNOWN_LIFETIME = {"other_charges": ["cache writes of an unknown lifetime"]}


@pytest.mark.parametrize(
    "usage, asked, expected",
    [
        ({"service_tier": "priority"}, ASKED, {"service_tier": "priority"}),
        ({"service_tier": "batch"}, ASKED, {"service_tier": "batch"}),
        ({"speed": "fast"}, ASKED, {"speed": "fast"}),
        ({"inference_geo": "us"}, ASKED, {"inference_geo": "us"}),
        ({"server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 5, "tool_search_requests": 1}}, ASKED,
         {"web_search_requests": 2}),
        ({"server_tool_use": {"image_requests": 1}}, ASKED, {"other_charges": ["image_requests"]}),
        ({"cache_creation_input_tokens": 9,
          "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 7}}, HOUR,
         {"cache_write_1h_tokens": 7}),
        # Not every host says which tokens were cached for how long.
        ({"cache_creation_input_tokens": 9}, HOUR, UNKNOWN_LIFETIME),
        ({"cache_creation_input_tokens": 9}, ASKED, {}),
        ({"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 7}}, ASKED,
         {"cache_write_1h_tokens": 7} | UNKNOWN_LIFETIME),
        ({}, HOUR, {}),
    ],
)  # fmt: skip
def test_what_the_bill_depends_on_beside_the_tokens_is_read(usage, asked, expected):
    assert decoded({"type": "message", "content": [], "usage": usage}, asked=asked).billing == expected


@pytest.mark.parametrize(
    "name, asked, charges",
    [
        ("code_execution", asking_with("code_execution_20250522"), ["code_execution"]),
        ("bash_code_execution", asking_with("code_execution_20260120", "web_search_20250305"), ["code_execution"]),
        ("bash_code_execution", asking_with("code_execution_20260120", "web_search_20260209"), None),
        ("code_execution", asking_with("web_fetch_20260309"), None),
        ("web_search", asking_with("web_search_20250305"), None),
        # A container with files in it runs, and costs, whether it is used or not.
        ("web_search", UPLOAD, ["code_execution"]),
    ],
)
def test_running_code_is_charged_unless_a_recent_web_tool_is_offered(name, asked, charges):
    body = {"type": "message", "content": [ran(name)], "usage": {"input_tokens": 5, "output_tokens": 1}}

    assert decoded(body, asked=asked).billing.get("other_charges") == charges


# As in the documentation: https://platform.claude.com/docs/en/build-with-claude/compaction
COMPACTED = [
    {"type": "compaction", "input_tokens": 180000, "output_tokens": 3500},
    {"type": "message", "input_tokens": 23000, "output_tokens": 1000},
]


@pytest.mark.parametrize(
    "iterations, charges",
    [
        (COMPACTED, ["compaction"]),
        (COMPACTED[1:], None),
        ([COMPACTED[1], {"type": "advisor_message", "output_tokens": 9}], ["advisor_message"]),
        (COMPACTED[1:] * 2, ["iterations"]),
        ([{"type": "message", "input_tokens": 20000, "output_tokens": 400},
          {"type": "message", "input_tokens": 3000, "output_tokens": 600}], None),
        ([], None),
    ],
)  # fmt: skip
def test_tokens_of_iterations_that_the_usage_leaves_out_are_a_charge_of_their_own(iterations, charges):
    usage = {"input_tokens": 23000, "output_tokens": 1000, "iterations": iterations}
    call = streamed(
        start({"input_tokens": 23000, "output_tokens": 1}),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
        END,
    )

    assert call.usage == Usage(input_tokens=23000, output_tokens=1000)
    assert call.billing.get("other_charges") == charges


def test_a_cache_write_for_an_hour_costs_more_than_one_for_five_minutes():
    def cost_with(**by_lifetime):
        usage = {"input_tokens": 1000, "output_tokens": 100, "cache_creation_input_tokens": 100}
        usage["cache_creation"] = {f"ephemeral_{name[1:]}_input_tokens": count for name, count in by_lifetime.items()}
        call = answered({"type": "text", "text": "Hi"}, model="claude-sonnet-4-5", usage=usage)
        return price_of(replace(call, provider_name="anthropic"), at=DAY).cost

    assert cost_with(_5m=100) == Decimal("0.004875")
    assert cost_with(_1h=100) == Decimal("0.0051")


def test_a_stream_reads_like_the_whole_answer():
    call = decoded(STREAM)

    assert call.streaming
    assert call.output_messages == (
        Message(
            role="assistant",
            parts=(
                ReasoningPart(text="Let me look."),
                ToolCallPart(name="web_search", arguments={"query": "Größe"}, id="srvtoolu_01"),
                ToolResultPart(result=[FOUND], id="srvtoolu_01"),
                TextPart(text=TEXT),
            ),
        ),
    )
    assert (call.response_id, call.response_model) == ("msg_01GT", "claude-sonnet-4-5-20250929")
    assert call.provider_finish_reasons == ("end_turn",)
    assert call.usage == Usage(
        input_tokens=12972, output_tokens=152, cache_read_input_tokens=5, cache_write_input_tokens=10
    )
    assert call.error_type is None


@functools.cache
def calls_of_the_cut_stream():
    return [decoded(STREAM[:end], failure=CUT) for end in range(len(b"event:"), len(STREAM))]


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    calls = calls_of_the_cut_stream()
    texts = [call.output_text for call in calls]

    assert all(TEXT.startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert all(call.error_type == (None if "stop" in call.finish_reasons else "cut") for call in calls)


def test_a_tool_call_cut_at_any_byte_has_the_text_that_came_for_its_arguments():
    arguments = {
        json.dumps(tool.arguments, ensure_ascii=False) for call in calls_of_the_cut_stream() for tool in call.tool_calls
    }

    assert arguments == {"null", '"{\\"query\\": "', '{"query": "Größe"}'}


@pytest.mark.parametrize("body", [WHOLE, STREAM], ids=["whole", "stream"])
def test_a_body_cut_at_any_byte_raises_nothing_but_undecodable(body):
    outcomes = collections.Counter()
    for end in range(len(body) + 1):
        try:
            outcomes["call"] += decoded(body[:end]) is not None
        except UndecodableExchange:
            outcomes["undecodable"] += 1

    assert outcomes.total() == len(body) + 1


def test_line_ends_and_spaces_of_a_stream_do_not_matter():
    crlf, bare = STREAM.replace(b"\n", b"\r\n"), STREAM.replace(b"data: ", b"data:").replace(b"event: ", b"event:")

    assert decoded(crlf) == decoded(bare) == decoded(STREAM)


def test_a_whole_answer_cut_short_is_a_call_where_the_failure_is_known():
    call = decoded(WHOLE[:200], failure=CUT)

    assert (call.error_type, call.error_message) == ("cut", "peer closed connection")
    assert (call.request_model, call.output_messages) == ("claude-haiku-4-5", ())


def test_a_stream_that_just_stops_is_cut():
    call = streamed(start(), block(0, text=""), text(0, "Half a"))

    assert (call.output_text, call.error_type, call.finish_reasons) == ("Half a", "cut", (None,))


@pytest.mark.parametrize("end", [ending(), END], ids=["a reason", "message_stop"])
def test_a_stream_with_a_reason_or_a_stop_is_whole(end):
    assert streamed(start(), block(0, text=""), text(0, "4"), end).error_type is None


def test_a_request_without_an_answer_is_a_call_with_the_failure():
    call = decoded(None, failure=TransferFailure(kind="timeout", message="read timed out"))

    assert (call.error_type, call.error_message) == ("timeout", "read timed out")
    assert call.input_messages[0].text == "What country is Berlin in?"


@pytest.mark.parametrize(
    "status, body, error_type, message",
    [
        (401, {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"},
               "request_id": "req_01"}, "authentication_error", "invalid x-api-key"),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
         "overloaded_error", "Overloaded"),
        (429, [{"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}}], "429", "Quota"),
        (404, {"error": {"message": "No such model"}}, "404", "No such model"),
        (413, b"<html>Request Entity Too Large</html>", "413", "<html>Request Entity Too Large</html>"),
        (503, b"", "503", None),
        (200, {"type": "error", "error": {"message": "Upstream"}}, "error", "Upstream"),
    ],
)  # fmt: skip
def test_an_error_answer_is_a_call_in_the_words_of_the_provider(status, body, error_type, message):
    call = decoded(body, status=status)

    assert (call.error_type, call.error_message) == (error_type, message)
    assert (call.usage, call.output_messages, call.finish_reasons) == (Usage(), (), ())


@pytest.mark.parametrize(
    "event, error_type",
    [
        ('event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
         "overloaded_error"),
        ('data: {"type":"error","error":{"details":null,"type":"api_error","message":"Overloaded"}}', "api_error"),
        ('event: error\ndata: {"type":"error","message":"Overloaded"}', "error"),
        ("event: error\ndata: Overloaded", "error"),
    ],
)  # fmt: skip
def test_an_error_inside_a_stream_keeps_what_came_before_it(event, error_type):
    begun = [start({"input_tokens": 9, "output_tokens": 1}), block(0, text=""), text(0, "may")]
    call = streamed(*begun, block(1, "tool_use", id="t", name="add", input={}), event)

    assert (call.error_type, call.error_message) == (error_type, "Overloaded")
    assert (call.output_text, call.tool_calls) == ("may", (ToolCallPart(name="add", id="t"),))
    assert call.usage == Usage(input_tokens=9, output_tokens=1)


def test_an_error_before_the_first_message_is_an_error_without_an_answer():
    call = streamed({"type": "ping"}, {"type": "error", "error": {"type": "api_error", "message": "Oh"}})

    assert (call.streaming, call.error_type, call.output_messages) == (True, "api_error", ())


@pytest.mark.parametrize(
    "body",
    [b"", b"Hello", b"<html></html>", b"[]", b"5", b'{"choices": []}', b'data: {"choices": []}\n\n',
     b'{"code": 500, "msg": "404 NOT_FOUND", "success": false}'],
)  # fmt: skip
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `content`"):
        decoded(body)


def test_a_request_that_is_no_json_object_is_undecodable():
    with pytest.raises(UndecodableExchange, match="request body"):
        decoded(WHOLE, asked=b"not JSON")


@pytest.mark.parametrize(
    "odd",
    [
        {"content": None},
        {"content": 5, "usage": [], "model": 4, "id": {}, "role": 7, "stop_reason": ["end_turn"]},
        {"content": [None, 5, [], {}, {"type": 5}, {"type": "text"}, {"type": "text", "text": 5}]},
        {"content": [{"type": "tool_use"}, {"type": "tool_use", "name": ""}, {"type": "thinking", "thinking": {}}]},
        {"content": [{"type": "redacted_thinking", "data": "EmwKAhgB"}, {"type": "compaction", "content": "So far"}]},
        {"content": [], "usage": {"input_tokens": "7", "output_tokens": True, "output_tokens_details": 5}},
        {"content": [], "usage": {"cache_read_input_tokens": 1.5, "cost": "a lot"}},
    ],
)
def test_an_odd_field_is_a_missing_field(odd):
    call = decoded(odd)

    assert call.output_messages == (Message(role="assistant"),)
    assert (call.usage, call.cost, call.response_model, call.finish_reasons) == (Usage(), None, None, (None,))


def test_odd_fields_in_the_request_are_missing_fields():
    asked = {"messages": [5, {"role": 5}, {"role": "user", "content": 7}], "tools": [5, {}], "system": {}, "model": []}
    call = decoded(WHOLE, asked=asked)

    assert (call.request_model, call.tool_definitions) == (None, (ToolDefinition(name=""),))
    assert call.input_messages == (Message(role=""), Message(role="user"))


def test_odd_events_of_a_stream_are_passed_over():
    call = streamed(
        start(), {"type": 5}, {"type": "content_block_start", "index": 0}, text(0, "4"), delta(0, "text_delta", text=5),
        delta(0, "a_new_delta", text="?"), {"type": "a_new_event", "delta": {"text": "?"}}, stop("x"), {"index": 0},
        ending(usage=[]), "data: [DONE]", "data: : PROCESSING",
    )  # fmt: skip

    assert (call.output_text, call.error_type) == ("4", None)


def test_deep_nesting_is_no_way_to_break_a_run():
    deep = "[" * 100_000 + "]" * 100_000
    call = streamed(
        start(), block(0, "tool_use", name="add", input={}), delta(0, "input_json_delta", partial_json=deep), END
    )

    assert not anthropic_messages.claims(Request(method="POST", uri=URI, body=b'{"messages": ' + deep.encode() + b"}"))
    assert call.tool_calls == (ToolCallPart(name="add", arguments=deep),)


@pytest.mark.parametrize(
    "wire_word, reason",
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_call"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("pause_turn", None),
        ("compaction", None),
    ],
)
def test_finish_reasons_are_kept_in_both_vocabularies(wire_word, reason):
    whole, stream = answered(stop_reason=wire_word), streamed(start(), ending(wire_word), END)

    assert (whole.finish_reasons, whole.provider_finish_reasons) == ((reason,), (wire_word,))
    assert (stream.finish_reasons, stream.provider_finish_reasons) == ((reason,), (wire_word,))


@pytest.mark.parametrize("kind", ["tool_use", "server_tool_use", "mcp_tool_use"])
def test_every_kind_of_tool_call_is_read_whole_and_in_pieces(kind):
    called = {"id": "t1", "name": "add", "server_name": "math", "caller": {"type": "direct"}}
    whole = answered({"type": kind, "input": {"a": 1}, **called})
    stream = streamed(
        start(), block(0, kind, input={}, **called), delta(0, "input_json_delta", partial_json=""),
        delta(0, "input_json_delta", partial_json='{"a"'), delta(0, "input_json_delta", partial_json=": 1}"), stop(0),
        ending("tool_use"), END,
    )  # fmt: skip

    assert whole.tool_calls == stream.tool_calls == (ToolCallPart(name="add", arguments={"a": 1}, id="t1"),)


@pytest.mark.parametrize(
    "events, arguments",
    [
        ([block(0, "tool_use", name="add", input={}), stop(0), END], {}),
        ([block(0, "tool_use", name="add", input={"a": 1}), END], {"a": 1}),
        ([block(0, "tool_use", name="add", input={}), delta(0, "input_json_delta", partial_json='{"a": tr'), END],
         '{"a": tr'),
        ([block(0, "tool_use", name="add", input={}), delta(0, "input_json_delta", partial_json="")], None),
    ],
    ids=["none", "at once", "cut", "not yet begun"],
)  # fmt: skip
def test_arguments_are_what_came_of_them(events, arguments):
    assert streamed(start(), *events).tool_calls == (ToolCallPart(name="add", arguments=arguments),)


@pytest.mark.parametrize(
    "kind",
    ["web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result", "mcp_tool_result",
     "bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result",
     "advisor_tool_result"],
)  # fmt: skip
def test_what_a_tool_of_the_provider_gave_back_is_a_result(kind):
    call = answered({"type": kind, "tool_use_id": "t1", "content": {"stdout": "18"}})

    assert call.output_messages[0].parts == (ToolResultPart(result={"stdout": "18"}, id="t1"),)


NAMED_OUTSIDE = (
    "event: content_block_start\ndata: {}\n\n"
    'event: content_block_delta\ndata: {"index": 0, "delta": {"type": "text_delta", "text": "ab"}}'
)


@pytest.mark.parametrize(
    "events",
    [
        [block(0, text=""), text(0, "a"), block(1, text=""), text(1, "b"), text(0, "")],
        [block(0, text=""), text(0, "a"), block(0, text=""), text(0, "b")],
        [block(None, text=""), text(None, "a"), text(None, "b")],
        [block(0, text="a"), text(0, "b")],
        [text(0, "a"), text(0, "b")],
        [text(0, "a"), start(), text(0, "b")],
        [NAMED_OUTSIDE],
    ],
    ids=["in order", "all numbered 0", "no index", "begun with text", "never begun", "begun twice", "named outside"],
)  # fmt: skip
def test_the_pieces_of_an_answer_find_each_other(events):
    assert streamed(start(), *events, ending()).output_text == "ab"


def test_pieces_of_two_blocks_that_mix_are_told_apart_by_their_index():
    call = streamed(
        start(), block(0, "thinking", thinking=""), block(1, text=""), text(1, "4"),
        delta(0, "thinking_delta", thinking="2+"), text(1, "."), delta(0, "thinking_delta", thinking="2"), ending(),
    )  # fmt: skip

    assert call.output_messages[0].parts == (ReasoningPart(text="2+2"), TextPart(text="4."))


def test_a_character_split_between_two_deltas_is_one_character():
    call = streamed(
        start(),
        'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\ud83d"}}',
        'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\ude00"}}',
        ending(),
    )

    assert call.output_text == "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    "events, expected",
    [
        ([start({"input_tokens": 4, "cache_creation_input_tokens": 1165, "cache_read_input_tokens": 0,
                 "output_tokens": 1}), ending(usage={"output_tokens": 201})],
         Usage(input_tokens=1169, output_tokens=201, cache_read_input_tokens=0, cache_write_input_tokens=1165)),
        ([start({"input_tokens": 9, "output_tokens": 1}), ending(usage={"input_tokens": None, "output_tokens": 2})],
         Usage(input_tokens=9, output_tokens=2)),
        ([start({"input_tokens": 9, "output_tokens": 1}), ending(usage={"input_tokens": 40, "output_tokens": 2})],
         Usage(input_tokens=40, output_tokens=2)),
        ([start({"input_tokens": 0, "output_tokens": 0}),
          ending(usage={"input_tokens": 14, "cache_read_input_tokens": 64, "output_tokens": 2})],
         Usage(input_tokens=78, output_tokens=2, cache_read_input_tokens=64)),
        ([start(), {"type": "message_delta", "delta": {"usage": {"input_tokens": 3, "output_tokens": 4}}}],
         Usage(input_tokens=3, output_tokens=4)),
        ([start({"input_tokens": 9, "output_tokens": 1}), ending(usage={"output_tokens": 2}),
          ending(usage={"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 3}})],
         Usage(input_tokens=9, output_tokens=5, reasoning_output_tokens=3)),
        ([start({"input_tokens": 598, "cache_read_input_tokens": 0, "output_tokens": 8})],
         Usage(input_tokens=598, output_tokens=8, cache_read_input_tokens=0)),
        ([start({"input_tokens": 0, "output_tokens": 0, "cache_read_input_tokens": None})], Usage()),
        ([start(), ending()], Usage()),
    ],
    ids=["at the beginning", "null", "grown", "zeros at first", "inside the delta", "several", "cut", "zeros and cut",
         "none"],
)  # fmt: skip
def test_the_last_report_of_every_count_of_a_stream_holds(events, expected):
    assert streamed(*events).usage == expected


@pytest.mark.parametrize(
    "usage, expected",
    [
        ({"input_tokens": 9, "output_tokens": 2}, Usage(input_tokens=9, output_tokens=2)),
        ({"input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 0},
         Usage(input_tokens=13, output_tokens=0, cache_read_input_tokens=4)),
        ({"cache_read_input_tokens": 4, "output_tokens": 2}, Usage(output_tokens=2, cache_read_input_tokens=4)),
        ({"input_tokens": None}, Usage()),
        ({}, Usage()),
        (None, Usage()),
    ],
)  # fmt: skip
def test_usage_counts_cached_tokens_inside_and_nothing_as_unknown(usage, expected):
    assert answered(usage=usage).usage == expected


@pytest.mark.parametrize(
    "usage, cost",
    [
        ({"cost": 0.000126255304, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.000126255304}},
         "0.000126255304"),
        ({"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}}, "0.021"),
        ({"cost": 0.001, "is_byok": True}, None),
        ({"pydantic_ai_gateway": {"cost_estimate": 0.000192}}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_a_reported_cost_is_exact_and_a_missing_one_unknown(usage, cost):
    expected = cost and Decimal(cost)

    assert answered(usage=usage).cost == expected
    assert streamed(start(), ending(usage=usage)).cost == expected


def test_the_model_that_took_over_is_the_one_that_served():
    hop = {"from": {"model": "claude-a"}, "to": {"model": "claude-b-20260101"}, "trigger": {"type": "refusal"}}
    call = streamed(start(model="claude-a"), block(0, "fallback", **hop), stop(0), text(1, "4"), ending())

    assert (call.response_model, call.output_text) == ("claude-b-20260101", "4")


def test_what_openrouter_adds_is_no_part_of_the_answer():
    keep_alive = b": OPENROUTER PROCESSING\n\n" * 3
    stream = decoded(keep_alive + STREAM + b"event: data\ndata: [DONE]\n\n")
    whole = decoded(b"\n         \n\n" * 5 + WHOLE)

    assert stream == decoded(STREAM)
    assert whole == decoded(WHOLE)


@pytest.mark.parametrize(
    "body, streaming", [(WHOLE, False), (STREAM, True), (None, True), (b"", True)], ids=["whole", "stream", "no", "0"]
)
def test_the_body_says_whether_it_is_a_stream_and_the_request_where_there_is_none(body, streaming):
    call = decoded(body, asked=ASKED | {"stream": True}, failure=CUT)

    assert call.streaming is streaming


@pytest.mark.parametrize(
    "content, parts",
    [
        ("Hi", (TextPart(text="Hi"),)),
        ([], ()),
        ([{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "!"}],
         (TextPart(text="Hi"), TextPart(text="!"))),
        ([{"type": "image", "source": {"type": "url", "url": "https://h/i.png"}}],
         (MediaPart(kind="image", reference="https://h/i.png"),)),
        ([{"type": "image", "source": {"type": "file", "file_id": "file_1"}}],
         (MediaPart(kind="image", reference="file_1"),)),
        ([{"type": "document", "source": {"type": "url", "url": "https://h/d.pdf"}, "title": "D"}],
         (MediaPart(kind="file", reference="https://h/d.pdf"),)),
        ([{"type": "container_upload", "file_id": "file_1"}], (MediaPart(kind="file", reference="file_1"),)),
        ([{"type": "search_result", "source": "https://h/", "title": "T", "content": [{"type": "text", "text": "a"}]}],
         (MediaPart(kind="file", reference="https://h/"),)),
        ([{"type": "tool_result", "tool_use_id": "t1", "content": "18 C", "is_error": False}],
         (ToolResultPart(result="18 C", id="t1"),)),
        ([{"type": "thinking", "thinking": "Hm", "signature": "s"}, {"type": "redacted_thinking", "data": "d"},
          {"type": "tool_use", "id": "t1", "name": "weather", "input": {}}],
         (ReasoningPart(text="Hm"), ToolCallPart(name="weather", arguments={}, id="t1"))),
        ([{"type": "of_tomorrow", "text": "?"}], ()),
    ],
)  # fmt: skip
def test_every_form_of_a_sent_message_is_read(content, parts):
    call = decoded(WHOLE, asked=ASKED | {"messages": [{"role": "user", "content": content}]})

    assert call.input_messages == (Message(role="user", parts=parts),)


@pytest.mark.parametrize("kind", ["image", "document"])
def test_inline_media_are_known_by_the_hash_of_their_bytes(kind):
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}
    call = decoded(WHOLE, asked=ASKED | {"messages": [{"role": "user", "content": [{"type": kind, "source": source}]}]})
    (medium,) = call.input_messages[0].parts

    assert medium.reference == "sha256:" + hashlib.sha256(b"\x89PNG").hexdigest()


def test_documents_of_text_are_known_by_what_they_say():
    def reference_of(said):
        source = {"type": "text", "media_type": "text/plain", "data": said}
        asked = ASKED | {"messages": [{"role": "user", "content": [{"type": "document", "source": source}]}]}
        (medium,) = decoded(WHOLE, asked=asked).input_messages[0].parts
        return medium.reference

    assert reference_of("a").startswith("sha256:")
    assert reference_of("a") == reference_of("a") != reference_of("b")


@pytest.mark.parametrize("system", ["Be kind.", [{"type": "text", "text": "Be kind."}]])
def test_the_system_prompt_is_the_first_message(system):
    call = decoded(WHOLE, asked=ASKED | {"system": system})

    assert [(message.role, message.text) for message in call.input_messages] == [
        ("system", "Be kind."),
        ("user", "What country is Berlin in?"),
    ]
    assert call.parameters == {"max_tokens": 1024}


def test_tools_are_read_in_every_form():
    schema = {"type": "object", "properties": {}}
    tools = [
        {"name": "now", "description": "The time", "input_schema": schema},
        {"type": "custom", "name": "then", "input_schema": schema, "cache_control": {"type": "ephemeral"}},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
        {"type": "mcp_toolset", "mcp_server_name": "math"},
    ]
    call = decoded(WHOLE, asked=ASKED | {"tools": tools})

    assert call.tool_definitions == (
        ToolDefinition(name="now", description="The time", parameters=schema),
        ToolDefinition(name="then", parameters=schema),
        ToolDefinition(name="web_search", parameters={"type": "web_search_20250305", "max_uses": 3}),
        ToolDefinition(name="mcp_toolset", parameters={"type": "mcp_toolset", "mcp_server_name": "math"}),
    )


def test_everything_else_that_was_sent_is_a_parameter():
    more = {
        "temperature": 0.2,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "container": "c",
        "stream": False,
    }
    call = decoded(WHOLE, asked=ASKED | more | {"tools": []})

    assert call.parameters == {"max_tokens": 1024, **more}


@pytest.mark.parametrize(
    "path, body, model, streaming",
    [
        ("claude-sonnet-4-5@20250929:rawPredict", WHOLE, "claude-sonnet-4-5@20250929", False),
        ("claude-sonnet-4-5%4020250929:streamRawPredict", STREAM, "claude-sonnet-4-5@20250929", True),
        ("claude-haiku-4-5:streamRawPredict", None, "claude-haiku-4-5", True),
    ],
)
def test_vertex_names_the_model_in_the_address_alone(path, body, model, streaming):
    asked = {"anthropic_version": "vertex-2023-10-16", "messages": [], "max_tokens": 9}
    call = wire.decode(exchange_of(body, uri=VERTEX + path, asked=asked))

    assert (call.request_model, call.streaming, call.provider_name) == (model, streaming, "gcp.vertex_ai")
    assert call.parameters == {"anthropic_version": "vertex-2023-10-16", "max_tokens": 9}


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", URI, ASKED, True),
        ("post", f"{URI}?beta=true", ASKED, True),
        ("POST", "https://openrouter.ai/api/v1/messages", ASKED, True),
        ("POST", "https://api.deepseek.com/anthropic/v1/messages", ASKED, True),
        ("POST", "https://api.z.ai/api/anthropic/v1/messages", ASKED, True),
        ("POST", "https://x.services.ai.azure.com/anthropic/v1/messages", ASKED, True),
        ("POST", "https://gateway.ai.cloudflare.com/v1/a/g/anthropic/v1/messages", ASKED, True),
        ("POST", "http://localhost:4000/v1/messages/", ASKED, True),
        ("POST", VERTEX + "claude-haiku-4-5@20251001:rawPredict", {"messages": [], "max_tokens": 1}, True),
        ("POST", VERTEX + "count-tokens:rawPredict", ASKED, False),
        ("POST", VERTEX.replace("anthropic", "mistralai") + "m:rawPredict", ASKED, False),
        ("POST", f"{URI}/count_tokens", ASKED, False),
        ("POST", f"{URI}/batches", {"requests": []}, False),
        ("GET", URI, ASKED, False),
        ("POST", "https://api.openai.com/v1/chat/completions", ASKED, False),
        ("POST", "https://api.openai.com/v1/threads/thread_1/messages", {"role": "user", "content": "Hi"}, False),
        ("POST", "https://api.example.com/v1/messages", {"messages": [{"to": "+49", "text": "Hi"}]}, False),
        ("POST", URI, ["messages"], False),
    ],
)  # fmt: skip
def test_a_request_for_a_message_is_known_by_its_address_and_its_fields(method, uri, body, claimed):
    request = Request(method=method, uri=uri, body=json.dumps(body).encode())

    assert anthropic_messages.claims(request) is claimed


@pytest.mark.parametrize("body", [b"\xff\x00", b"", b"{"])
def test_a_request_that_is_no_json_is_not_claimed(body):
    assert not anthropic_messages.claims(Request(method="POST", uri=URI, body=body))


def recorded_twice(id_, token):
    return {
        "id": f"msg_{id_}",
        "container": {"id": f"container_{id_}", "expires_at": id_},
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": token},
            {"type": "server_tool_use", "id": f"srvtoolu_{id_}", "name": "web_search", "input": {}},
            {"type": "web_search_tool_result", "tool_use_id": f"srvtoolu_{id_}",
             "content": [{"url": "https://h/", "encrypted_content": token}]},
            {"type": "text", "text": "4", "citations": [{"url": "https://h/", "encrypted_index": token}]},
        ],
    }  # fmt: skip


def test_two_recordings_of_one_answer_differ_in_volatile_fields_only():
    first, second = (recorded_twice(*each) for each in [("1", "Eo8B"), ("2", "Eo8C")])
    asked = [{"messages": [{"role": "assistant", "content": each["content"]}]} for each in (first, second)]

    assert lifted(first, anthropic_messages.VOLATILE)[0] == lifted(second, anthropic_messages.VOLATILE)[0]
    lean = [lifted(each, anthropic_messages.VOLATILE_REQUEST)[0] for each in asked]
    assert lean[0] == lean[1]


# Any JSON, and any damage to real bodies.

NAMES = [
    *("type", "message", "content", "delta", "usage", "index", "content_block", "text", "input", "name", "source"),
    *("input_tokens", "output_tokens", "stop_reason", "error", "model", "id", "partial_json", "to", "data"),
]
KINDS = ["message", "message_start", "content_block_start", "content_block_delta", "tool_use", "text_delta", "fallback"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from(KINDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(asked=json_values, answer=json_values, events=st.lists(json_values, max_size=4))
def test_any_json_is_a_call_or_undecodable(asked, answer, events):
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    for body in (json.dumps(answer).encode(), stream):
        try:
            call = decoded(body, asked=json.dumps(asked).encode())
        except UndecodableExchange:
            continue
        assert call.operation_name == "chat"


@settings(max_examples=150, deadline=None)
@given(
    body=st.sampled_from([WHOLE, STREAM]),
    damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=6)), max_size=4),
)
def test_any_damage_to_a_body_is_a_call_or_undecodable(body, damage):
    for where, length, instead in damage:
        place = int(where * len(body))
        body = body[:place] + instead + body[place + length :]
    try:
        call = decoded(body)
    except UndecodableExchange:
        return

    assert call.operation_name == "chat"


# The provider's own client.


def read_by_the_sdk(body):
    """The message that Anthropic's client puts together from the bytes of a stream."""
    pytest.importorskip("anthropic")
    from anthropic._streaming import SSEDecoder
    from anthropic.lib.streaming._beta_messages import accumulate_event

    message, buffers = None, {}
    for event in SSEDecoder().iter_bytes([body]):
        if event.event not in ("ping", "error"):
            message = accumulate_event(
                event=event.json(), current_snapshot=message, json_bufs=buffers, request_headers=None
            )
    return message


def agrees_with_the_sdk(call, body):
    message = read_by_the_sdk(body)
    calls = [block for block in message.content if block.type.endswith("tool_use")]
    read, uncached = call.usage, message.usage.input_tokens
    cached = [message.usage.cache_read_input_tokens, message.usage.cache_creation_input_tokens]

    assert call.output_text == "".join(block.text for block in message.content if block.type == "text")
    assert [part.name for part in call.tool_calls] == [block.name for block in calls]
    assert [part.arguments for part in call.tool_calls] == [block.input for block in calls]
    assert call.provider_finish_reasons == (message.stop_reason,)
    assert (call.response_id, call.response_model) == (message.id, message.model)
    assert [read.cache_read_input_tokens, read.cache_write_input_tokens] == cached
    assert (read.input_tokens, read.output_tokens) == (
        uncached + sum(each or 0 for each in cached), message.usage.output_tokens
    )  # fmt: skip


def test_a_stream_is_read_as_anthropics_own_client_reads_it():
    agrees_with_the_sdk(decoded(STREAM), STREAM)


# Recorded traffic: `LLMWATCH_CORPUS` is a folder of vcrpy cassettes with a `manifest.jsonl` of what they say.


def recorded():
    """Every recorded call of this format: its name, its exchange, and its entry in the manifest."""
    if not (folder := os.environ.get("LLMWATCH_CORPUS")):
        pytest.skip("LLMWATCH_CORPUS names no folder of recorded traffic")
    yaml = pytest.importorskip("yaml")
    for line in (Path(folder) / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        wanted = [each for each in entry["interactions"] if each["endpoint"] == "anthropic.messages"]
        if not wanted:
            continue
        cassette = yaml.load((Path(folder) / entry["file"]).read_text(encoding="utf-8"), yaml.CSafeLoader)
        for each in wanted:
            yield f"{entry['file']}[{each['index']}]", recorded_exchange(cassette["interactions"][each["index"]]), each


def recorded_exchange(interaction) -> Exchange:
    request, response = interaction["request"], interaction["response"]
    return Exchange(
        request=Request(method=request["method"], uri=request["uri"], body=plain(request["body"])),
        response=Response(status=response["status"]["code"], body=plain(response["body"]["string"])),
    )


def plain(body) -> bytes:
    data = body.encode() if isinstance(body, str) else body or b""
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def test_recorded_streams_are_read_as_anthropics_own_client_reads_them():
    streams = [exchange for _, exchange, each in recorded() if each["streaming"]]
    for exchange in streams:
        agrees_with_the_sdk(wire.decode(exchange), exchange.response.body)

    assert streams


def test_recorded_traffic_is_read_as_the_manifest_says():
    names = []
    for name, exchange, entry in recorded():
        call, want = wire.decode(exchange), entry["expected"]
        names.append(name)
        cached, written = want["cached_tokens"] or 0, want["cache_write_tokens"] or 0
        total = None if want["input_tokens"] is None else want["input_tokens"] + cached + written
        said = want["text_sha256"] or hashlib.sha256(b"").hexdigest()

        assert (name, call.request_model, call.response_model) == (
            name, want["model_requested"], want["model_served"]
        )  # fmt: skip
        assert (call.usage.input_tokens, call.usage.output_tokens) == (total, want["output_tokens"])
        assert next(iter(call.provider_finish_reasons), None) == want["finish_reason"]
        assert hashlib.sha256(call.output_text.encode()).hexdigest() == said
        assert [part.name for part in call.tool_calls] == want["tool_calls"]
        assert call.streaming is (entry["streaming"] is not None)
        assert call.error_type == want["error"]

    assert names


def test_recorded_traffic_cut_anywhere_raises_nothing_but_undecodable():
    for _, exchange, _ in recorded():
        request, response = exchange.request, exchange.response
        for part in range(20):
            body = response.body[: len(response.body) * part // 20]
            cut = Exchange(request=request, response=Response(status=response.status, body=body), failure=CUT)

            assert wire.decode(cut).operation_name == "chat"
