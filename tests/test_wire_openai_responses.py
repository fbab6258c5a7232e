"""What `wire.openai_responses` reads in bytes: whole, streamed, polled, cut short, and as it was really sent."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_wire_openai_chat import corpus, expected_values, recorded, values_read

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
from pytest_llmwatch.wire import openai_responses

URI = "https://api.openai.com/v1/responses"
ASKED = {"model": "gpt-5-mini", "input": "What is the weather in Berlin?"}
CUT = TransferFailure(kind="cut", message="peer closed connection")

WHOLE = b"""{
  "id": "resp_0c71", "object": "response", "created_at": 1763762239, "status": "completed", "background": false,
  "error": null, "incomplete_details": null, "instructions": null, "model": "gpt-5-2025-08-07",
  "output": [
    {"id": "rs_0c71", "type": "reasoning", "encrypted_content": "gAAAAB", "summary": [
      {"type": "summary_text", "text": "**Checking the weather**"}]},
    {"id": "msg_0c71", "type": "message", "status": "completed", "role": "assistant", "content": [
      {"type": "output_text", "annotations": [], "logprobs": [], "text": "I will look it up."}]},
    {"id": "fc_0c71", "type": "function_call", "status": "completed", "arguments": "{\\"city\\":\\"Berlin\\"}",
      "call_id": "call_oj4", "name": "weather"}
  ],
  "parallel_tool_calls": true, "previous_response_id": null, "store": true, "temperature": 1.0, "tools": [],
  "usage": {"input_tokens": 37, "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 16},
    "output_tokens": 272, "output_tokens_details": {"reasoning_tokens": 256}, "total_tokens": 309},
  "user": null, "metadata": {}
}
"""
REASONING, MESSAGE, FUNCTION_CALL = json.loads(WHOLE)["output"]
PARTS = (
    ReasoningPart(text="**Checking the weather**"),
    TextPart(text="I will look it up."),
    ToolCallPart(name="weather", arguments={"city": "Berlin"}, id="call_oj4"),
)
STATE = {"id": "resp_0c71", "object": "response", "status": "in_progress", "model": "gpt-5-2025-08-07", "output": []}


def event(kind, **fields):
    return {"type": f"response.{kind}", **fields}


EVENTS = [
    event("created", response=STATE),
    event("in_progress", response=STATE),
    event("output_item.added", output_index=0, item={"id": "rs_0c71", "type": "reasoning", "summary": []}),
    event("reasoning_summary_part.added", output_index=0, summary_index=0, part={"type": "summary_text", "text": ""}),
    event("reasoning_summary_text.delta", item_id="rs_0c71", output_index=0, summary_index=0, delta="**Checking"),
    event("reasoning_summary_text.delta", item_id="rs_0c71", output_index=0, summary_index=0, delta=" the weather**"),
    event("reasoning_summary_text.done", output_index=0, summary_index=0, text="**Checking the weather**"),
    event("output_item.done", output_index=0, item=REASONING),
    event("output_item.added", output_index=1, item=MESSAGE | {"status": "in_progress", "content": []}),
    event("content_part.added", output_index=1, content_index=0, part={"type": "output_text", "text": ""}),
    event("output_text.delta", item_id="msg_0c71", output_index=1, content_index=0, delta="I will", obfuscation="x7"),
    event("output_text.delta", item_id="msg_0c71", output_index=1, content_index=0, delta=" look it up."),
    event("output_text.done", output_index=1, content_index=0, text="I will look it up."),
    event("content_part.done", output_index=1, content_index=0, part=MESSAGE["content"][0]),
    event("output_item.done", output_index=1, item=MESSAGE),
    event("output_item.added", output_index=2, item=FUNCTION_CALL | {"status": "in_progress", "arguments": ""}),
    event("function_call_arguments.delta", item_id="fc_0c71", output_index=2, delta='{"city":'),
    event("function_call_arguments.delta", item_id="fc_0c71", output_index=2, delta='"Berlin"}'),
    event("function_call_arguments.done", output_index=2, arguments='{"city":"Berlin"}'),
    event("output_item.done", output_index=2, item=FUNCTION_CALL),
    event("completed", response=json.loads(WHOLE)),
]


def stream_of(events, *, ending="\n") -> bytes:
    lines = (
        each if isinstance(each, str) else f"event: {each.get('type')}{ending}data: {json.dumps(each)}"
        for each in events
    )
    return "".join(f"{line}{ending}{ending}" for line in lines).encode()


def exchange_of(body, *, asked=ASKED, uri=URI, status=200, method="POST", **facts) -> Exchange:
    sent = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    response = None if body is None else Response(status=status, body=body)
    return Exchange(request=Request(method=method, uri=uri, body=sent), response=response, **facts)


def decoded(body, **how) -> ModelCall:
    exchange = exchange_of(body if isinstance(body, bytes | None) else json.dumps(body).encode(), **how)
    return openai_responses.decode(exchange)


def answered(*items, status="completed", **fields) -> ModelCall:
    return decoded({"object": "response", "status": status, "output": list(items), **fields})


def streamed(*events, **how) -> ModelCall:
    return decoded(stream_of(events), **how)


def message(*pieces):
    return {"type": "message", "role": "assistant", "content": list(pieces)}


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    call = decoded(WHOLE)

    assert call == ModelCall(
        operation_name="chat",
        request_model="gpt-5-mini",
        response_model="gpt-5-2025-08-07",
        response_id="resp_0c71",
        input_messages=(Message(role="user", parts=(TextPart(text="What is the weather in Berlin?"),)),),
        output_messages=(Message(role="assistant", parts=PARTS),),
        finish_reasons=("tool_call",),
        provider_finish_reasons=("completed",),
        usage=Usage(
            input_tokens=37,
            output_tokens=272,
            cache_read_input_tokens=8,
            cache_write_input_tokens=16,
            reasoning_output_tokens=256,
        ),
        billing={"total_tokens": 309},
    )


def searched(**action):
    return {"type": "web_search_call", "status": "completed"} | ({"action": action} if action else {})


SEARCH = searched(type="search", query="phones")
PREVIEW = {"tools": [{"type": "web_search_preview"}]}
REASONED = {"usage": {"input_tokens": 9, "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 4}}}
IN_CONTAINER = {"type": "shell_call", "environment": {"type": "container_reference", "container_id": "cntr_1"}}


@pytest.mark.parametrize(
    "items, fields, expected",
    [
        ([], {"service_tier": "flex"}, {"service_tier": "flex"}),
        ([], {"usage": {"input_tokens": 9, "output_tokens": 9, "total_tokens": 18}}, {"total_tokens": 18}),
        # To open a page that was found, and to look for words in it, is not charged.
        ([SEARCH, searched(type="open_page"), searched(type="find_in_page"), searched()], {},
         {"web_search_requests": 2}),
        ([SEARCH], {"tool_usage": {"web_search": {"num_requests": 3}}}, {"web_search_requests": 3}),
        ([SEARCH], {"tool_usage": {"web_search": {"num_requests": 0}}}, {}),
        ([SEARCH], PREVIEW, {"web_search_requests": 1, "other_charges": ["web_search_preview"]}),
        ([SEARCH], PREVIEW | REASONED, {"web_search_requests": 1}),
        ([], PREVIEW, {}),
        ([SEARCH], {"model": "gpt-4.1-mini-2025-04-14"},
         {"web_search_requests": 1, "other_charges": ["search content"]}),
        ([{"type": "file_search_call"}] * 2, {}, {"other_charges": ["file_search_call"]}),
        ([{"type": "code_interpreter_call"}], {}, {"other_charges": ["code_interpreter_call"]}),
        ([{"type": "image_generation_call"}], {}, {"other_charges": ["image_generation_call"]}),
        ([{"type": "x_search_call"}], {}, {"other_charges": ["x_search_call"]}),
        ([IN_CONTAINER], {}, {"other_charges": ["shell_call"]}),
        ([{"type": "shell_call", "environment": {"type": "local"}}, {"type": "shell_call"}], {}, {}),
        ([{"type": "mcp_call"}, {"type": "computer_call"}, {"type": "custom_tool_call"}, FUNCTION_CALL], {}, {}),
        ([], {"usage": {"num_server_side_tools_used": 2, "num_sources_used": 0}},
         {"other_charges": ["num_server_side_tools_used"]}),
    ],
)  # fmt: skip
def test_what_the_bill_depends_on_beside_the_tokens_is_read(items, fields, expected):
    assert answered(*items, **fields).billing == expected


def test_the_tier_is_the_one_that_served_and_not_the_one_a_stream_begins_with():
    ended = STATE | {"status": "completed", "service_tier": "priority"}
    call = streamed(event("created", response=STATE | {"service_tier": "auto"}), event("completed", response=ended))

    assert call.billing == {"service_tier": "priority"}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_stream_reads_like_the_whole_answer(ending):
    call = decoded(stream_of(EVENTS, ending=ending))
    whole = decoded(WHOLE)

    assert call.streaming
    assert call.output_messages == whole.output_messages
    assert (call.response_id, call.response_model, call.usage) == (whole.response_id, whole.response_model, whole.usage)
    assert (call.provider_finish_reasons, call.error_type) == (("completed",), None)


@pytest.mark.parametrize(
    "left_out",
    [
        (),
        ("output_item.done",),
        ("output_item.added",),
        ("reasoning_summary_text.delta", "output_text.delta", "function_call_arguments.delta"),
        ("reasoning_summary_text.done", "output_text.done", "function_call_arguments.done", "output_item.done"),
        ("output_item.done", "content_part.added", "content_part.done", "created", "in_progress"),
    ],
)
@pytest.mark.parametrize("strip", [(), ("output_index",), ("item_id",), ("content_index", "summary_index")])
def test_an_output_that_the_last_event_leaves_empty_is_put_together_from_the_others(left_out, strip):
    last = event("completed", response=json.loads(WHOLE) | {"output": []})
    kept = [each for each in EVENTS[:-1] if each["type"].removeprefix("response.") not in left_out]
    call = streamed(*({name: held for name, held in each.items() if name not in strip} for each in kept), last)

    assert call.output_messages[0].parts == PARTS
    assert (call.provider_finish_reasons, call.usage.output_tokens) == (("completed",), 272)


def test_a_stream_that_gives_all_items_one_index_and_draws_new_ids_is_put_together():
    events = [
        each | {"output_index": 0, "item_id": f"drawn_{place}"}
        for place, each in enumerate(EVENTS[:-1])
        if "output_item.done" not in each["type"]
    ]
    last = event("completed", response={"status": "completed"})

    assert streamed(*events, last).output_messages[0].parts == PARTS


def test_two_calls_at_one_index_are_two_calls():
    first, second = FUNCTION_CALL, FUNCTION_CALL | {"id": "fc_2", "call_id": "call_2", "arguments": "{}"}
    events = [
        event("output_item.added", output_index=0, item=first),
        event("output_item.added", output_index=0, item=second),
    ]
    call = streamed(*events, event("completed", response={"output": []}))

    assert [part.id for part in call.tool_calls] == ["call_oj4", "call_2"]


def test_interleaved_arguments_find_their_calls():
    calls = [FUNCTION_CALL | {"id": f"fc_{at}", "call_id": f"call_{at}", "arguments": ""} for at in (0, 1)]
    added = [event("output_item.added", output_index=at, item=call) for at, call in enumerate(calls)]
    deltas = [
        event("function_call_arguments.delta", output_index=at, item_id=f"fc_{at}", delta=text)
        for at, text in [(0, '{"a"'), (1, '{"b"'), (0, ":1}"), (1, ":2}")]
    ]
    without_index = [{key: held for key, held in each.items() if key != "output_index"} for each in (*added, *deltas)]

    for events in ((*added, *deltas), without_index):
        assert [part.arguments for part in streamed(*events).tool_calls] == [{"a": 1}, {"b": 2}]


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    body = stream_of(EVENTS)
    calls = [decoded(body[:end], failure=CUT) for end in range(len(b"data:"), len(body), 3)]
    texts = [call.output_text for call in calls]

    assert all("I will look it up.".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert all(call.error_type == (None if call.provider_finish_reasons == ("completed",) else "cut") for call in calls)
    assert all(call.usage == Usage() for call in calls if call.error_type)


@pytest.mark.parametrize("body", [WHOLE, stream_of(EVENTS)], ids=["whole", "stream"])
def test_a_body_cut_at_any_byte_raises_nothing_but_undecodable(body):
    ends = range(0, len(body) + 1, 3)

    assert len(list(map(outcome_of, (body[:end] for end in ends)))) == len(ends)


def outcome_of(body, **how) -> ModelCall | None:
    try:
        return decoded(body, **how)
    except UndecodableExchange:
        return None


def test_the_call_of_a_cut_stream_has_the_arguments_as_far_as_they_came():
    call = streamed(*EVENTS[:17], failure=CUT)

    assert call.tool_calls == (ToolCallPart(name="weather", arguments='{"city":', id="call_oj4"),)
    assert (call.finish_reasons, call.provider_finish_reasons) == ((None,), (None,))
    assert (call.error_type, call.error_message) == ("cut", "peer closed connection")
    assert (call.response_id, call.response_model) == ("resp_0c71", "gpt-5-2025-08-07")


def test_a_whole_answer_cut_short_is_a_call_where_the_failure_is_known():
    call = decoded(WHOLE[:300], failure=CUT)

    assert (call.error_type, call.request_model) == ("cut", "gpt-5-mini")


def test_a_request_without_an_answer_is_a_call_with_the_failure():
    call = decoded(None, asked=ASKED | {"stream": True}, failure=TransferFailure(kind="timeout", message="too slow"))

    assert (call.error_type, call.error_message, call.streaming) == ("timeout", "too slow", True)


@pytest.mark.parametrize(
    "status, body, error_type, message",
    [
        (401, {"error": {"message": "Wrong key", "type": "invalid_request_error", "code": "invalid_api_key"}},
         "invalid_request_error", "Wrong key"),
        (400, {"code": "invalid-argument", "error": "Wrong key"}, "invalid-argument", "Wrong key"),
        (400, {"detail": "Instructions are required"}, "400", "Instructions are required"),
        (502, b"<html>Bad gateway</html>", "502", "<html>Bad gateway</html>"),
        (503, b"", "503", None),
        (200, {"error": {"message": "Upstream", "code": 502}}, "502", "Upstream"),
        (200, {"status": "failed", "output": [], "error": {"code": "server_error", "message": "Sorry"}},
         "server_error", "Sorry"),
        (200, {"status": "failed", "output": [], "error": None}, "failed", None),
    ],
)  # fmt: skip
def test_an_error_answer_is_a_call_in_the_words_of_the_provider(status, body, error_type, message):
    call = decoded(body, status=status)

    assert (call.error_type, call.error_message) == (error_type, message)
    assert call.usage == Usage()


@pytest.mark.parametrize(
    "event, error_type",
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "Slow down"}, "rate_limit_exceeded"),
        ({"type": "error", "message": "Slow down"}, "error"),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "Slow down"}},
         "invalid_request_error"),
        ({"type": "response.error", "error": {"code": 429, "message": "Slow down"}}, "429"),
        ({"type": "response.failed", "response": {"error": {"code": "server_error", "message": "Slow down"}}},
         "server_error"),
        ({"type": "response.failed", "error": {"message": "Slow down"}}, "error"),
        ({"error": {"message": "Slow down", "code": "overloaded"}}, "overloaded"),
        ('event: error\ndata: {"message": "Slow down", "type": "server_error"}', "server_error"),
        ("event: error\ndata: Slow down", "error"),
    ],
)  # fmt: skip
def test_every_form_of_an_error_in_a_stream_is_seen_and_keeps_what_came_before_it(event, error_type):
    call = streamed(*EVENTS[:11], event)

    assert (call.error_type, call.error_message) == (error_type, "Slow down")
    assert call.output_text == "I will"


def test_a_failed_response_has_the_usage_that_was_reported():
    failed = STATE | {"status": "failed", "error": {"code": "server_error", "message": "Sorry"}}
    call = streamed(*EVENTS[:11], event("failed", response=failed | {"usage": {"input_tokens": 9, "output_tokens": 2}}))

    assert (call.error_type, call.finish_reasons, call.provider_finish_reasons) == (
        "server_error",
        ("error",),
        ("failed",),
    )
    assert (call.output_text, call.usage) == ("I will", Usage(input_tokens=9, output_tokens=2))


def test_a_tool_that_fails_is_no_failure_of_the_call():
    failing = event("mcp_call.failed", output_index=3, item_id="mcp_1", error={"message": "no such city"})

    assert streamed(*EVENTS[:-1], failing, EVENTS[-1]).error_type is None


@pytest.mark.parametrize(
    "fields, raw, reason",
    [
        ({"status": "completed"}, "completed", "stop"),
        ({"status": "complete"}, "complete", "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
         "max_output_tokens", "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
         "content_filter", "content_filter"),
        ({"status": "incomplete", "incomplete_details": None}, "incomplete", None),
        ({"status": "queued"}, "queued", None),
        ({"status": "in_progress"}, "in_progress", None),
        ({"status": "cancelled"}, "cancelled", None),
        ({"status": None}, None, None),
    ],
)  # fmt: skip
def test_finish_reasons_are_kept_in_both_vocabularies(fields, raw, reason):
    call = answered(message({"type": "output_text", "text": "4"}), **fields)

    assert (call.finish_reasons, call.provider_finish_reasons) == ((reason,), (raw,))
    assert call.error_type is None


@pytest.mark.parametrize(
    "items, reason",
    [
        ([FUNCTION_CALL], "tool_call"),
        ([{"type": "custom_tool_call", "name": "sql", "input": "select 1", "call_id": "c1"}], "tool_call"),
        ([{"type": "computer_call", "call_id": "c1", "action": {"type": "screenshot"}}], "tool_call"),
        ([{"type": "mcp_approval_request", "id": "mcpr_1", "name": "delete", "arguments": "{}"}], "tool_call"),
        ([{"type": "web_search_call", "id": "ws_1"}, MESSAGE], "stop"),
        ([{"type": "custom_tool_call", "name": "x_keyword_search", "call_id": "xs_call_1"}, MESSAGE], "stop"),
        ([MESSAGE, {"type": "custom_tool_call", "name": "sql", "call_id": "c1"}], "tool_call"),
        ([{"type": "shell_call", "call_id": "c1"}, {"type": "shell_call_output", "call_id": "c1"}, MESSAGE], "stop"),
    ],
)
def test_an_answer_that_waits_for_the_client_ends_with_a_tool_call(items, reason):
    assert answered(*items).finish_reasons == (reason,)


def test_a_background_response_is_queued_and_polled():
    queued = decoded(json.loads(WHOLE) | {"status": "queued", "output": [], "usage": None})
    polled = decoded(WHOLE, method="GET", asked=b"", uri=f"{URI}/resp_0c71")
    resumed = decoded(stream_of(EVENTS[9:]), method="GET", asked=b"", uri=f"{URI}/resp_0c71?stream=true")

    assert (queued.provider_finish_reasons, queued.output_messages, queued.usage) == (("queued",), (), Usage())
    assert (queued.response_id, queued.error_type) == ("resp_0c71", None)
    assert (polled.operation_name, polled.request_model, polled.input_messages) == ("chat", None, ())
    assert polled.output_messages == resumed.output_messages == (Message(role="assistant", parts=PARTS),)
    assert (polled.streaming, resumed.streaming) == (False, True)


def test_a_compaction_is_a_call_with_its_usage():
    body = {"id": "resp_1", "object": "response.compaction", "output": [{"type": "compaction", "id": "cmp_1"}],
            "usage": {"input_tokens": 139, "output_tokens": 438}}  # fmt: skip
    call = decoded(body, uri=f"{URI}/compact")

    assert (call.response_id, call.usage) == ("resp_1", Usage(input_tokens=139, output_tokens=438))
    assert (call.error_type, call.output_text, call.provider_finish_reasons) == (None, "", (None,))


@pytest.mark.parametrize(
    "item, parts",
    [
        (message({"type": "output_text", "text": "a"}, {"type": "output_text", "text": "b"}),
         (TextPart(text="a"), TextPart(text="b"))),
        (message({"type": "refusal", "refusal": "I cannot."}), (TextPart(text="I cannot."),)),
        ({"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]},
         (ReasoningPart(text="Hm"),)),
        ({"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}, ()),
        ({"type": "function_call", "name": "now", "arguments": "", "call_id": "c1"},
         (ToolCallPart(name="now", id="c1"),)),
        ({"type": "function_call", "name": "now", "arguments": {"a": 1}, "id": "fc_1"},
         (ToolCallPart(name="now", arguments={"a": 1}, id="fc_1"),)),
        ({"type": "function_call", "name": "", "arguments": "{}"}, ()),
        ({"type": "custom_tool_call", "name": "sql", "input": "5", "call_id": "c1"},
         (ToolCallPart(name="sql", arguments="5", id="c1"),)),
        ({"type": "mcp_call", "id": "mcp_1", "name": "roll", "arguments": '{"dice":"2d4"}', "output": "4"},
         (ToolCallPart(name="roll", arguments={"dice": "2d4"}, id="mcp_1"), ToolResultPart(result="4", id="mcp_1"))),
        ({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
         (ToolCallPart(name="web_search_call", arguments={"action": {"type": "search", "query": "q"}}, id="ws_1"),)),
        ({"type": "file_search_call", "id": "fs_1", "queries": ["q"], "results": None},
         (ToolCallPart(name="file_search_call", arguments={"queries": ["q"]}, id="fs_1"),)),
        ({"type": "code_interpreter_call", "id": "ci_1", "code": "1+1", "outputs": [{"type": "logs", "logs": "2"}]},
         (ToolCallPart(name="code_interpreter_call", arguments={"code": "1+1"}, id="ci_1"),
          ToolResultPart(result=[{"type": "logs", "logs": "2"}], id="ci_1"))),
        ({"type": "image_generation_call", "id": "ig_1", "result": "iVBORw==", "revised_prompt": "a cat"},
         (ToolCallPart(name="image_generation_call", arguments={"revised_prompt": "a cat"}, id="ig_1"),
          MediaPart(kind="image", reference="sha256:" + hashlib.sha256(b"\x89PNG").hexdigest()))),
        ({"type": "openrouter:web_search", "id": "st_1", "action": {"type": "search"}},
         (ToolCallPart(name="openrouter:web_search", arguments={"action": {"type": "search"}}, id="st_1"),)),
        ({"type": "x_search_call", "id": "xs_1"}, (ToolCallPart(name="x_search_call", id="xs_1"),)),
        ({"type": "shell_call_output", "call_id": "c1", "output": [{"stdout": "ok"}]},
         (ToolResultPart(result=[{"stdout": "ok"}], id="c1"),)),
        ({"type": "mcp_list_tools", "id": "mcpl_1", "tools": [{"name": "roll"}]}, ()),
    ],
)  # fmt: skip
def test_every_kind_of_item_is_read(item, parts):
    assert answered(item).output_messages[0].parts == parts


def test_a_character_split_between_two_events_is_one_character():
    call = streamed(
        'data: {"type":"response.output_text.delta","delta":"\\ud83d"}',
        'data: {"type":"response.output_text.delta","delta":"\\ude00"}',
    )

    assert call.output_text == "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    "usage, cost",
    [
        ({"cost": 0.025265, "is_byok": False}, "0.025265"),
        ({"cost_in_usd_ticks": 6543500}, "0.00065435"),
        ({"cost": {"currency": "USD", "total_cost": 0.0017}}, "0.0017"),
        ({"cost": None}, None),
        ({}, None),
    ],
)
def test_a_reported_cost_is_exact_and_a_missing_one_unknown(usage, cost):
    assert answered(MESSAGE, usage=usage).cost == (cost and Decimal(cost))


@pytest.mark.parametrize(
    "item, expected",
    [
        ({"role": "user", "content": "Hi"}, Message(role="user", parts=(TextPart(text="Hi"),))),
        ({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be kind."}]},
         Message(role="developer", parts=(TextPart(text="Be kind."),))),
        (MESSAGE, Message(role="assistant", parts=(TextPart(text="I will look it up."),))),
        (FUNCTION_CALL, Message(role="assistant", parts=(PARTS[2],))),
        ({"type": "function_call_output", "call_id": "c1", "output": "18 C"},
         Message(role="tool", parts=(ToolResultPart(result="18 C", id="c1"),))),
        ({"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "18 C"}]},
         Message(role="tool", parts=(ToolResultPart(result=[{"type": "input_text", "text": "18 C"}], id="c1"),))),
        ({"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": False},
         Message(role="tool", parts=(ToolResultPart(result=False, id="mcpr_1"),))),
        (REASONING, Message(role="assistant", parts=(PARTS[0],))),
        ({"id": "msg_1"}, Message(role="", parts=(MediaPart(kind="item_reference", reference="msg_1"),))),
        ({"type": "item_reference", "id": "msg_1"},
         Message(role="", parts=(MediaPart(kind="item_reference", reference="msg_1"),))),
        ({"role": "user", "content": [{"type": "input_image", "image_url": "https://h/i.png", "detail": "auto"}]},
         Message(role="user", parts=(MediaPart(kind="image", reference="https://h/i.png"),))),
        ({"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]},
         Message(role="user", parts=(MediaPart(kind="file", reference="file-1"),))),
        ({"role": "user", "content": [{"type": "input_file", "file_url": "https://h/d.pdf"}]},
         Message(role="user", parts=(MediaPart(kind="file", reference="https://h/d.pdf"),))),
    ],
)  # fmt: skip
def test_every_form_of_a_sent_item_is_read(item, expected):
    call = decoded(WHOLE, asked=ASKED | {"input": [item]})

    assert call.input_messages == (expected,)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw=="},
        {"type": "input_image", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,iVBORw=="},
        {"type": "input_file", "filename": "a.pdf", "file_data": "iVBORw=="},
        {"type": "input_audio", "input_audio": {"data": "iVBORw==", "format": "mp3"}},
    ],
)
def test_inline_media_are_known_by_the_hash_of_their_bytes(part):
    call = decoded(WHOLE, asked=ASKED | {"input": [{"role": "user", "content": [part]}]})
    (medium,) = call.input_messages[0].parts

    assert medium.reference == "sha256:" + hashlib.sha256(b"\x89PNG").hexdigest()


def test_the_instructions_come_first_and_everything_else_is_a_parameter():
    prompt = {"id": "pmpt_1", "version": "2", "variables": {"city": "Berlin"}}
    asked = ASKED | {"instructions": "Be kind.", "tools": [], "temperature": 0.2, "prompt": prompt, "stream": False}
    call = decoded(WHOLE, asked=asked)

    assert call.input_messages[0] == Message(role="system", parts=(TextPart(text="Be kind."),))
    assert call.parameters == {"temperature": 0.2, "prompt": prompt, "stream": False}


def test_tools_are_read_in_every_form_and_without_their_keys():
    schema = {"type": "object", "properties": {}}
    function = {"name": "now", "description": "The time", "parameters": schema}
    now = ToolDefinition(name="now", description="The time", parameters=schema)
    mcp = {"type": "mcp", "server_label": "dice", "authorization": "secret", "headers": {"X-Key": "secret"}}
    tools = [
        {"type": "function", "strict": True, **function},
        {"type": "function", "function": function},
        {"type": "custom", "name": "sql", "format": {"type": "text"}},
        {"type": "web_search", "search_context_size": "low"},
        {"type": "image_generation"},
        {"type": "namespace", "name": "clock", "tools": [{"type": "function", **function}]},
        mcp,
    ]
    added = {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", **function}]}
    call = decoded(WHOLE, asked=ASKED | {"tools": tools, "input": [added]})

    assert call.tool_definitions == (
        now,
        now,
        ToolDefinition(name="sql", parameters={"type": "text"}),
        ToolDefinition(name="web_search", parameters={"search_context_size": "low"}),
        ToolDefinition(name="image_generation"),
        now,
        ToolDefinition(name="mcp", parameters={"server_label": "dice"}),
        now,
    )
    assert call.input_messages == ()


@pytest.mark.parametrize(
    "body", [b"", b"Hello", b"[]", b"5", b'{"type": "message"}', b'{"choices": []}', b'data: {"type": "ping"}\n\n']
)
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `output`"):
        decoded(body)


def test_a_request_that_is_no_json_object_is_undecodable():
    with pytest.raises(UndecodableExchange, match="request body"):
        decoded(WHOLE, asked=b"not JSON")


@pytest.mark.parametrize(
    "odd",
    [
        {"output": None},
        {"output": "none", "usage": [], "model": 4, "id": {}, "status": [], "incomplete_details": "x"},
        {"output": [None, 5, [], {}, {"type": 5}, {"type": "function_call"}, {"type": "message", "content": 5}]},
        {"output": [{"type": "reasoning", "summary": 5, "content": [None, 5]}, {"type": "message", "content": [5]}]},
        {"output": [], "usage": {"input_tokens": "7", "output_tokens": True, "input_tokens_details": 5}},
        {"output": [], "error": [], "usage": {"cost": "a lot", "input_tokens": 1.5}},
    ],
)
def test_an_odd_field_is_a_missing_field(odd):
    call = decoded(odd)

    assert (call.output_text, call.usage, call.cost, call.response_model) == ("", Usage(), None, None)
    assert (call.tool_calls, call.error_type) == ((), None)


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", URI, b'{"input": "Hi"}', True),
        ("post", "http://localhost:8787/openai/responses/", b'{"model": "m", "input": []}', True),
        ("POST", "https://x.openai.azure.com/openai/responses?api-version=1", b'{"input": ""}', True),
        ("POST", "https://x.openai.azure.com/openai/deployments/d/responses?api-version=1", b'{"input": ""}', True),
        ("POST", "https://chatgpt.com/backend-api/codex/responses", b'{"model": "m", "input": []}', True),
        ("POST", URI, b'{"prompt": {"id": "pmpt_1"}}', True),
        ("POST", f"{URI}/compact", b'{"model": "m", "input": []}', True),
        ("GET", f"{URI}/resp_1?stream=true&starting_after=3", b"", True),
        ("GET", "https://api.x.ai/v1/responses/edc2154d-3567", b"", True),
        ("GET", "https://x.openai.azure.com/openai/responses/resp_1", b"", True),
        ("GET", "https://forms.googleapis.com/v1/forms/f1/responses/r1", b"", False),
        ("GET", f"{URI}/resp_1/input_items", b"", False),
        ("GET", URI, b"", False),
        ("DELETE", f"{URI}/resp_1", b"", False),
        ("POST", f"{URI}/input_tokens", b'{"model": "m", "input": []}', False),
        ("POST", "https://surveys.example/responses", b'{"answer": 4}', False),
        ("POST", "https://api.openai.com/v1/chat/completions", b'{"input": []}', False),
        ("POST", URI, b'["input"]', False),
        ("POST", URI, b"\xff\x00", False),
        ("POST", URI, b"", False),
    ],
)
def test_a_response_is_known_by_its_request(method, uri, body, claimed):
    assert openai_responses.claims(Request(method=method, uri=uri, body=body)) is claimed


def test_the_package_gives_a_response_to_this_format():
    call = wire.decode(exchange_of(WHOLE, uri="https://x.openai.azure.com/openai/deployments/d/responses", asked={
        "input": "Hi"}))  # fmt: skip

    assert (call.operation_name, call.provider_name, call.request_model) == ("chat", "azure.ai.openai", "d")


def test_the_sdk_reads_the_same_in_the_same_bytes():
    """OpenAI's own accumulator, fed with the stream, and its model of the last event."""
    openai = pytest.importorskip("openai")
    from openai.lib.streaming.responses._responses import ResponseStreamState

    decoder, state = (
        openai._streaming.SSEDecoder(),
        ResponseStreamState(input_tools=openai.omit, text_format=openai.omit),
    )
    parse = openai._models.construct_type
    for each in decoder.iter_bytes(iter([stream_of(EVENTS)])):
        state.handle_event(parse(type_=openai.types.responses.ResponseStreamEvent, value=each.json()))
    theirs, ours = state._completed_response, decoded(stream_of(EVENTS))

    assert ours.output_text == theirs.output_text
    assert [(part.id, part.name) for part in ours.tool_calls] == [
        (item.call_id, item.name) for item in theirs.output if item.type == "function_call"
    ]
    assert (ours.response_id, ours.response_model) == (theirs.id, theirs.model)
    assert (ours.usage.input_tokens, ours.usage.output_tokens) == (
        theirs.usage.input_tokens,
        theirs.usage.output_tokens,
    )


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
NODES = st.integers(min_value=0, max_value=10_000)


def mutated(value, node, new):
    """The value with one of its nodes, counted from the root, replaced."""
    places = [()]
    for place in places:
        held = value_at(value, place)
        steps = held if isinstance(held, dict) else range(len(held)) if isinstance(held, list) else ()
        places.extend((*place, step) for step in steps)
    *way, last = chosen if (chosen := places[node % len(places)]) else (None,)
    if last is None:
        return new
    copy = json.loads(json.dumps(value))
    value_at(copy, way)[last] = new
    return copy


def value_at(value, place):
    for step in place:
        value = value[step]
    return value


@settings(max_examples=50, deadline=None)
@given(NODES, JSON_VALUES)
def test_any_mutation_of_a_body_is_a_call_or_undecodable(node, new):
    whole = outcome_of(mutated(json.loads(WHOLE), node, new))
    stream = outcome_of(stream_of([each if isinstance(each, dict) else {"is": each} for each in
                                   as_list(mutated(EVENTS, node, new))]))  # fmt: skip
    asked = outcome_of(
        WHOLE, asked=mutated(ASKED | {"input": [*json.loads(WHOLE)["output"]], "tools": [{}]}, node, new)
    )

    assert all(call is None or call.operation_name == "chat" for call in (whole, stream, asked))


def as_list(value):
    return value if isinstance(value, list) else [value]


@settings(max_examples=100, deadline=None)
@given(JSON_VALUES | st.binary(max_size=40))
def test_any_body_is_a_call_or_undecodable(body):
    assert outcome_of(body) is None or outcome_of(body).operation_name == "chat"


def test_deep_nesting_is_no_way_to_break_a_run():
    deep = b"[" * 100_000 + b"]" * 100_000

    assert not openai_responses.claims(Request(method="POST", uri=URI, body=b'{"input": ' + deep + b"}"))
    assert outcome_of(b'{"output": ' + deep + b"}") is None
    assert outcome_of(b'data: {"type":"response.output_text.delta","delta":' + deep + b"}\n\n").error_type == "cut"


def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it():
    compared, wrong = 0, []
    for name, exchange, interaction in recorded(corpus(), "openai.responses"):
        read = values_read(wire.decode(exchange))
        for field, want in expected_values(interaction).items():
            compared += 1
            wrong += [(name, field, want, read[field])] if read[field] != want else []

    assert wrong == []
    assert compared > 0


def test_recorded_streams_read_the_same_without_the_output_of_their_last_event():
    compared = 0
    for name, exchange, interaction in recorded(corpus(), "openai.responses"):
        if interaction["streaming"] is None:
            continue
        lines = [line for line in exchange.response.body.decode().splitlines() if line.startswith("data: {")]
        events = [json.loads(line.removeprefix("data: ")) for line in lines]
        events[-1]["response"]["output"] = []
        rebuilt = Exchange(request=exchange.request, response=Response(status=200, body=stream_of(events)))
        compared += 1

        assert wire.decode(rebuilt).output_messages == wire.decode(exchange).output_messages, name
    assert compared > 0


def test_recorded_traffic_cut_anywhere_raises_nothing_but_undecodable():
    for _, exchange, _ in recorded(corpus(), "openai.responses"):
        request, response = exchange.request, exchange.response
        for part in range(20):
            body = response.body[: len(response.body) * part // 20]
            cut = Exchange(request=request, response=Response(status=response.status, body=body), failure=CUT)

            assert wire.decode(cut).operation_name == "chat"
