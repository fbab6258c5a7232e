"""What `wire.openai_chat` reads in bytes: whole, streamed, cut short, and as it was really sent."""

from __future__ import annotations

import collections
import gzip
import hashlib
import json
import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

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
from pytest_llmwatch.wire import openai_chat

URI = "https://api.openai.com/v1/chat/completions"
ASKED = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "What country is Berlin in?"}]}
CUT = TransferFailure(kind="cut", message="peer closed connection")

WHOLE = b"""{
  "id": "chatcmpl-CQQ5", "object": "chat.completion", "created": 1760412868, "model": "gpt-4o-2024-08-06",
  "choices": [{
    "index": 0,
    "message": {"role": "assistant", "content": "Germany.", "refusal": null, "annotations": []},
    "logprobs": null, "finish_reason": "stop"
  }],
  "usage": {
    "prompt_tokens": 25, "completion_tokens": 12, "total_tokens": 37,
    "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 10, "audio_tokens": 0}
  },
  "service_tier": "default"
}
"""

# Azure's stream: an empty first chunk, deltas with filter results, the usage last; here with CRLF and a comment.
STREAM = (
    r"""
data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[]}

: a comment

data: {"choices":[{"delta":{"content":"","role":"assistant"},"finish_reason":null,"index":0}],"id":"chatcmpl-D0",\
"model":"gpt-4o-mini-2024-07-18","object":"chat.completion.chunk","usage":null}

data: {"choices":[{"delta":{"content":"Größe \u2028"},"finish_reason":null,"index":0}],"id":"chatcmpl-D0"}

data: {"choices":[{"delta":{"content":"ist 7."},"finish_reason":null,"index":0}],"id":"chatcmpl-D0"}

data: {"choices":[{"delta":{},"finish_reason":"stop","index":0}],"id":"chatcmpl-D0"}

data: {"choices":[],"id":"chatcmpl-D0","usage":{"completion_tokens":17,"prompt_tokens":66,"total_tokens":83}}

data: [DONE]

""".lstrip()
    .replace("\\\n", "")
    .replace("\n", "\r\n")
    .encode()
)


def exchange_of(body, *, asked=ASKED, uri=URI, status=200, **facts) -> Exchange:
    sent = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    response = None if body is None else Response(status=status, body=body)
    return Exchange(request=Request(method="POST", uri=uri, body=sent), response=response, **facts)


def decoded(body, **how) -> ModelCall:
    exchange = exchange_of(body if isinstance(body, bytes | None) else json.dumps(body).encode(), **how)
    return openai_chat.decode(exchange)


def answered(message, finish_reason="stop", **more) -> ModelCall:
    return decoded({"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}], **more})


def streamed(*chunks, ends=True) -> ModelCall:
    lines = [chunk if isinstance(chunk, str) else f"data: {json.dumps(chunk)}" for chunk in chunks]
    return decoded("".join(f"{line}\n\n" for line in [*lines, *(["data: [DONE]"] if ends else [])]).encode())


def delta(delta, finish_reason=None, index=0, **more):
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish_reason}], **more}


def call_delta(arguments, index=None, call_id=None, name=None):
    call = {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}
    return delta({"tool_calls": [{key: value for key, value in call.items() if value is not None}]})


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    call = decoded(WHOLE)

    assert call == ModelCall(
        operation_name="chat",
        request_model="gpt-5-mini",
        response_model="gpt-4o-2024-08-06",
        response_id="chatcmpl-CQQ5",
        input_messages=(Message(role="user", parts=(TextPart(text="What country is Berlin in?"),)),),
        output_messages=(Message(role="assistant", parts=(TextPart(text="Germany."),)),),
        finish_reasons=("stop",),
        provider_finish_reasons=("stop",),
        usage=Usage(input_tokens=25, output_tokens=12, cache_read_input_tokens=5, reasoning_output_tokens=10),
        billing={"service_tier": "default", "total_tokens": 37},
    )


def test_a_stream_reads_like_the_whole_answer():
    call = decoded(STREAM)

    assert call.streaming
    assert call.output_messages == (Message(role="assistant", parts=(TextPart(text="Größe \u2028ist 7."),)),)
    assert (call.response_id, call.response_model) == ("chatcmpl-D0", "gpt-4o-mini-2024-07-18")
    assert call.finish_reasons == ("stop",)
    assert call.usage == Usage(input_tokens=66, output_tokens=17)
    assert call.error_type is None


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    opening = len(b"data:")
    calls = [decoded(STREAM[:end], failure=CUT) for end in range(opening, len(STREAM))]
    texts = [call.output_text for call in calls]

    assert all("Größe \u2028ist 7.".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert all(call.error_type == (None if "stop" in call.finish_reasons else "cut") for call in calls)


@pytest.mark.parametrize("body", [WHOLE, STREAM], ids=["whole", "stream"])
def test_a_body_cut_at_any_byte_raises_nothing_but_undecodable(body):
    outcomes = collections.Counter()
    for end in range(len(body) + 1):
        try:
            outcomes["call"] += decoded(body[:end]) is not None
        except UndecodableExchange:
            outcomes["undecodable"] += 1

    assert outcomes.total() == len(body) + 1


def test_a_whole_answer_cut_short_is_a_call_where_the_failure_is_known():
    call = decoded(WHOLE[:200], failure=CUT)

    assert (call.error_type, call.error_message) == ("cut", "peer closed connection")
    assert call.request_model == "gpt-5-mini"


def test_a_stream_that_just_stops_is_cut():
    call = streamed(delta({"content": "Half a"}), ends=False)

    assert (call.output_text, call.error_type) == ("Half a", "cut")


def test_a_stream_with_a_finish_reason_needs_no_done():
    call = streamed(delta({"content": "4"}, "stop"), ends=False)

    assert call.error_type is None


def test_a_request_without_an_answer_is_a_call_with_the_failure():
    call = decoded(None, failure=TransferFailure(kind="timeout", message="read timed out"))

    assert (call.error_type, call.error_message) == ("timeout", "read timed out")
    assert call.input_messages[0].text == "What country is Berlin in?"


@pytest.mark.parametrize(
    "status, body, error_type, message",
    [
        (401, {"error": {"message": "Wrong key", "type": "invalid_request_error", "code": "invalid_api_key"}},
         "invalid_request_error", "Wrong key"),
        (429, {"error": {"code": "RateLimitReached", "message": "Too many"}}, "RateLimitReached", "Too many"),
        (401, {"error": {"message": "No cookie", "code": 401}}, "401", "No cookie"),
        (401, {"detail": "Invalid API Key"}, "401", "Invalid API Key"),
        (400, {"code": "invalid-argument", "error": "Wrong key"}, "invalid-argument", "Wrong key"),
        (404, {"error": "model not found"}, "404", "model not found"),
        (422, {"object": "error", "message": "Bad", "type": "invalid_request_error"}, "invalid_request_error", "Bad"),
        (400, [{"error": {"code": 400, "message": "Bad", "status": "INVALID_ARGUMENT"}}], "400", "Bad"),
        (502, b"<html>Bad gateway</html>", "502", "<html>Bad gateway</html>"),
        (503, b"", "503", None),
        (200, {"error": {"message": "Upstream", "code": 502}}, "502", "Upstream"),
        (200, {"error": {"message": "Upstream"}}, "error", "Upstream"),
    ],
)  # fmt: skip
def test_an_error_answer_is_a_call_in_the_words_of_the_provider(status, body, error_type, message):
    call = decoded(body, status=status)

    assert (call.error_type, call.error_message) == (error_type, message)
    assert call.usage == Usage()


def test_an_error_inside_a_stream_keeps_what_came_before_it():
    call = streamed(
        delta({"content": "maybe"}),
        'event: error\ndata: {"error":{"message":"Tool choice is required","type":"invalid_request_error"}}',
        ends=False,
    )

    assert (call.error_type, call.error_message) == ("invalid_request_error", "Tool choice is required")
    assert call.output_text == "maybe"


@pytest.mark.parametrize(
    "event, error_type",
    [
        ('event: error\ndata: {"message":"overloaded","type":"server_error"}', "server_error"),
        ("event: error\ndata: overloaded", "error"),
        ('data: {"error":{"message":"overloaded","code":"rate_limit"}}', "rate_limit"),
        ('data: {"choices":[{"index":0,"delta":{},"error":{"code":502,"message":"overloaded"}}]}', "502"),
    ],
)
def test_every_form_of_an_error_in_a_stream_is_seen(event, error_type):
    call = streamed(delta({"content": "a"}), event)

    assert (call.error_type, call.error_message) == (error_type, "overloaded")


@pytest.mark.parametrize(
    "body", [b"", b"Hello", b"<html></html>", b"[]", b"5", b'{"type": "message"}', b'data: {"type": "ping"}\n\n']
)
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `choices`"):
        decoded(body)


def test_a_request_that_is_no_json_object_is_undecodable():
    with pytest.raises(UndecodableExchange, match="request body"):
        decoded(WHOLE, asked=b"not JSON")


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": None},
        {"choices": "none", "usage": [], "model": 4, "id": {}},
        {"choices": [None, 5, [], {}]},
        {"choices": [{"index": "0", "message": 5, "finish_reason": []}]},
        {"choices": [{"message": {"role": 1, "content": 5, "tool_calls": [1, {"function": 5}, {"id": 1}]}}]},
        {"choices": [{"message": {"content": [None, 5, {"type": 1}, {"type": "thinking", "thinking": 5}]}}]},
        {"choices": [], "usage": {"prompt_tokens": "7", "completion_tokens": True, "prompt_tokens_details": 5}},
        {"choices": [], "usage": {"cost": "a lot", "prompt_tokens": 1.5}},
    ],
)
def test_an_odd_field_is_a_missing_field(odd):
    call = decoded(odd)

    assert call.output_text == ""
    assert (call.usage, call.cost, call.response_model, call.tool_calls) == (Usage(), None, None, ())


def test_odd_fields_in_the_request_are_missing_fields():
    asked = {"messages": [5, {"role": 5}, {"role": "user", "content": 7}], "tools": [5, {}], "functions": "f"}
    call = decoded(WHOLE, asked=asked)

    assert (call.request_model, call.tool_definitions) == (None, (ToolDefinition(name=""),))
    assert call.input_messages == (Message(role=""), Message(role="user"))


def test_deep_nesting_is_no_way_to_break_a_run():
    asked = b'{"messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    with pytest.raises(UndecodableExchange, match="request body"):
        openai_chat.decode(Exchange(request=Request(method="POST", uri=URI, body=asked)))


@pytest.mark.parametrize(
    "wire_word, reason",
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("tool_calls", "tool_call"),
        ("function_call", "tool_call"),
        ("error", "error"),
        ("insufficient_system_resource", None),
    ],
)
def test_finish_reasons_are_kept_in_both_vocabularies(wire_word, reason):
    call = answered({"content": "4"}, wire_word)

    assert (call.finish_reasons, call.provider_finish_reasons) == ((reason,), (wire_word,))


def test_several_choices_stand_in_the_order_of_their_indexes():
    call = streamed(
        delta({"content": "b"}, index=1), delta({"content": "a"}), delta({}, "stop"), delta({}, "length", index=1)
    )

    assert [message.text for message in call.output_messages] == ["a", "b"]
    assert call.provider_finish_reasons == ("stop", "length")


@pytest.mark.parametrize(
    "message, parts",
    [
        ({"content": None, "refusal": "I cannot."}, (TextPart(text="I cannot."),)),
        ({"content": "4", "reasoning_content": "2+2"}, (ReasoningPart(text="2+2"), TextPart(text="4"))),
        ({"content": "4", "reasoning": "2+2"}, (ReasoningPart(text="2+2"), TextPart(text="4"))),
        ({"content": {"größe": 7}}, (TextPart(text='{"größe": 7}'),)),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}]},
                      {"type": "text", "text": "4"}, {"type": "text", "text": "."}]},
         (ReasoningPart(text="2+2"), TextPart(text="4."))),
        ({"content": "", "audio": {"id": "audio_1", "data": "AAAA"}},
         (MediaPart(kind="audio", reference="audio_1"),)),
        ({"content": "Here", "images": [{"type": "image_url", "image_url": {"url": "https://h/i.png"}}]},
         (TextPart(text="Here"), MediaPart(kind="image", reference="https://h/i.png"))),
    ],
)  # fmt: skip
def test_every_form_of_content_is_read(message, parts):
    call = answered(message)

    assert call.output_messages[0].parts == parts


def test_thinking_and_text_pieces_of_a_stream_are_joined():
    call = streamed(
        delta({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "2"}]}]}),
        delta({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "+2"}]}]}),
        delta({"content": "It is"}),
        delta({"content": " 4"}, "stop"),
    )

    assert call.output_messages[0].parts == (ReasoningPart(text="2+2"), TextPart(text="It is 4"))


def test_a_character_split_between_two_chunks_is_one_character():
    call = streamed(
        'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}', 'data: {"choices":[{"delta":{"content":"\\ude00"}}]}'
    )

    assert call.output_text == "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    "message, tool_calls",
    [
        ({"tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]},
         (ToolCallPart(name="add", arguments={"a": 1}, id="c1"),)),
        ({"tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}]},
         (ToolCallPart(name="add", arguments={"a": 1}),)),
        ({"tool_calls": [{"function": {"name": "add", "arguments": '{"a": '}}]},
         (ToolCallPart(name="add", arguments='{"a": '),)),
        ({"tool_calls": [{"function": {"name": "now", "arguments": ""}}]}, (ToolCallPart(name="now"),)),
        ({"tool_calls": [{"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "5"}}]},
         (ToolCallPart(name="sql", arguments="5", id="c1"),)),
        ({"function_call": {"name": "add", "arguments": "{}"}}, (ToolCallPart(name="add", arguments={}),)),
        ({"function_call": {"name": "", "arguments": ""}, "tool_calls": [
            {"id": "t1", "custom": {"input": "", "name": ""}, "function": {"name": "get", "arguments": "{}"}}]},
         (ToolCallPart(name="get", arguments={}, id="t1"),)),
    ],
)  # fmt: skip
def test_every_form_of_a_tool_call_is_read(message, tool_calls):
    assert answered(message).tool_calls == tool_calls


@pytest.mark.parametrize(
    "deltas",
    [
        [call_delta("", 0, "c1", "add"), call_delta('{"a"', 0), call_delta("", 1, "c2", "now"), call_delta(": 1}", 0)],
        [call_delta("", 0, "c1", "add"), call_delta('{"a": 1}', 0, "c1", "add"), call_delta("", 1, "c2", "now")],
        [call_delta("", 0, "c1", "add"), call_delta('{"a": 1}', 0), call_delta("", 0, "c2", "now")],
        [call_delta('{"a": 1}', None, "c1", "add"), call_delta("", None, "c2", "now")],
        [call_delta('{"a"', None, "c1", "add"), call_delta(": 1}"), call_delta("", None, "c2", "now")],
        [call_delta('{"a"', None, "c1", "add"), call_delta("", None, "c2", "now"), call_delta(": 1}", None, "c1")],
    ],
    ids=["interleaved", "name repeated", "all numbered 0", "no index", "no index and no id", "by id"],
)
def test_the_pieces_of_a_tool_call_find_each_other(deltas):
    call = streamed(*deltas, delta({}, "tool_calls"))

    assert call.tool_calls == (
        ToolCallPart(name="add", arguments={"a": 1}, id="c1"),
        ToolCallPart(name="now", id="c2"),
    )


def test_a_legacy_function_call_is_put_together_from_its_pieces():
    call = streamed(
        delta({"function_call": {"name": "add", "arguments": ""}}),
        delta({"function_call": {"arguments": '{"a": 1}'}}, "function_call"),
    )

    assert call.tool_calls == (ToolCallPart(name="add", arguments={"a": 1}),)


def test_a_custom_tool_call_is_put_together_from_its_pieces():
    call = streamed(
        delta({"tool_calls": [{"index": 0, "id": "c1", "type": "custom", "custom": {"name": "sql", "input": ""}}]}),
        delta({"tool_calls": [{"index": 0, "custom": {"input": "select 1"}}]}, "tool_calls"),
    )

    assert call.tool_calls == (ToolCallPart(name="sql", arguments="select 1", id="c1"),)


@pytest.mark.parametrize(
    "usage, expected",
    [
        ({"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 41,
          "completion_tokens_details": {"reasoning_tokens": 30}},
         Usage(input_tokens=9, output_tokens=32, reasoning_output_tokens=30)),
        ({"prompt_tokens": 9, "completion_tokens": 32, "total_tokens": 41,
          "completion_tokens_details": {"reasoning_tokens": 30}},
         Usage(input_tokens=9, output_tokens=32, reasoning_output_tokens=30)),
        ({"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 4},
         Usage(input_tokens=9, output_tokens=2, cache_read_input_tokens=4)),
        ({"prompt_tokens": 9, "completion_tokens": 2, "cached_tokens": 4},
         Usage(input_tokens=9, output_tokens=2, cache_read_input_tokens=4)),
        ({"prompt_tokens": 9, "completion_tokens": 0, "prompt_tokens_details": {"cache_write_tokens": 4}},
         Usage(input_tokens=9, output_tokens=0, cache_write_input_tokens=4)),
        ({"prompt_tokens": 9}, Usage(input_tokens=9)),
        ({}, Usage()),
        (None, Usage()),
    ],
)  # fmt: skip
def test_usage_counts_cached_and_reasoning_tokens_inside_and_nothing_as_unknown(usage, expected):
    assert answered({"content": "4"}, usage=usage).usage == expected


def test_the_last_of_several_usages_counts():
    first, last = {"prompt_tokens": 9, "completion_tokens": 1}, {"prompt_tokens": 9, "completion_tokens": 2}
    call = streamed(delta({"content": "a"}, usage=first), delta({"content": "b"}, "stop", usage=last))

    assert call.usage == Usage(input_tokens=9, output_tokens=2)


@pytest.mark.parametrize("place", ["usage", "x_groq", "choice"])
def test_usage_is_found_where_a_host_puts_it(place):
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    last = delta({}, "stop")
    match place:
        case "usage":
            last["usage"] = usage
        case "x_groq":
            last["x_groq"] = {"id": "req_1", "usage": usage}
        case _:
            last["choices"][0]["usage"] = usage

    assert streamed(delta({"content": "a"}), last).usage == Usage(input_tokens=9, output_tokens=2)


@pytest.mark.parametrize(
    "usage, cost",
    [
        ({"cost": 0.0000123}, "0.0000123"),
        ({"cost": 0}, "0"),
        ({"cost": {"total_cost": 0.00502}}, "0.00502"),
        ({"cost": "0.002"}, "0.002"),
        ({"cost_in_usd_ticks": 37756000}, "0.0037756"),
        ({"cost_in_usd_ticks": 0}, None),
        ({"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}}, "0.021"),
        ({"cost": 0.001, "is_byok": True}, None),
        ({"cost": 0.02, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.02}}, "0.02"),
        ({"cost": -1}, None),
        ({}, None),
    ],
)
def test_a_reported_cost_is_exact_and_a_missing_one_unknown(usage, cost):
    call = answered({"content": "4"}, usage=usage)

    assert call.cost == (cost and Decimal(cost))


def test_a_stream_that_repeats_the_whole_message_beside_its_deltas_is_read_once():
    choices = [
        {"index": 0, "delta": {"content": "2+2"}, "message": {"content": "2+2"}, "finish_reason": None},
        {"index": 0, "delta": {"content": " = 4"}, "message": {"content": "2+2 = 4"}, "finish_reason": "stop"},
        {"index": 0, "delta": {"content": ""}, "message": {"content": "2+2 = 4"}, "finish_reason": "stop"},
    ]
    call = streamed(*({"object": "chat.completion", "choices": [choice]} for choice in choices))

    assert call.output_text == "2+2 = 4"


def test_keep_alives_of_openrouter_are_no_part_of_the_answer():
    whole = decoded(b"\n         \n\n" * 5 + WHOLE)
    stream = decoded(b": OPENROUTER PROCESSING\n\n" * 3 + STREAM)

    assert (whole.output_text, whole.streaming) == ("Germany.", False)
    assert (stream.output_text, stream.streaming) == ("Größe \u2028ist 7.", True)


def test_the_body_and_not_its_header_says_whether_it_is_a_stream():
    headers = (("Content-Type", "text/event-stream"),)
    exchange = replace(
        exchange_of(None, asked=ASKED | {"stream": True}), response=Response(status=200, headers=headers, body=WHOLE)
    )
    call = openai_chat.decode(exchange)

    assert (call.streaming, call.output_text) == (False, "Germany.")


@pytest.mark.parametrize(
    "message, expected",
    [
        ({"role": "system", "content": "Be kind."}, Message(role="system", parts=(TextPart(text="Be kind."),))),
        ({"role": "tool", "tool_call_id": "c1", "content": "18 C"},
         Message(role="tool", parts=(ToolResultPart(result="18 C", id="c1"),))),
        ({"role": "function", "name": "weather", "content": "18 C"},
         Message(role="function", parts=(ToolResultPart(result="18 C", id="weather"),))),
        ({"role": "assistant", "content": None, "reasoning_content": "Hm", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]},
         Message(role="assistant",
                 parts=(ReasoningPart(text="Hm"), ToolCallPart(name="weather", arguments={}, id="c1")))),
        ({"role": "user", "content": [{"type": "text", "text": "What?"},
                                      {"type": "image_url", "image_url": {"url": "https://h/i.png", "detail": "low"}}]},
         Message(role="user", parts=(TextPart(text="What?"), MediaPart(kind="image", reference="https://h/i.png")))),
        ({"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]},
         Message(role="user", parts=(MediaPart(kind="file", reference="file-1"),))),
        ({"role": "user", "content": [{"type": "document_url", "document_url": "https://h/d.pdf"}]},
         Message(role="user", parts=(MediaPart(kind="file", reference="https://h/d.pdf"),))),
    ],
)  # fmt: skip
def test_every_form_of_a_sent_message_is_read(message, expected):
    call = decoded(WHOLE, asked=ASKED | {"messages": [message]})

    assert call.input_messages == (expected,)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
        {"type": "input_audio", "input_audio": {"data": "iVBORw==", "format": "mp3"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,iVBORw=="}},
    ],
)
def test_inline_media_are_known_by_the_hash_of_their_bytes(part):
    call = decoded(WHOLE, asked=ASKED | {"messages": [{"role": "user", "content": [part]}]})
    (medium,) = call.input_messages[0].parts

    assert medium.reference == "sha256:" + hashlib.sha256(b"\x89PNG").hexdigest()


def test_tools_are_read_in_every_form():
    schema = {"type": "object", "properties": {}}
    function = {"name": "now", "description": "The time", "parameters": schema}
    asked = ASKED | {
        "tools": [
            {"type": "function", "function": function},
            {"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}}},
            {"type": "web_search", "max_results": 3},
        ],
        "functions": [function],
    }
    call = decoded(WHOLE, asked=asked)

    assert call.tool_definitions == (
        ToolDefinition(name="now", description="The time", parameters=schema),
        ToolDefinition(name="sql", parameters={"type": "text"}),
        ToolDefinition(name="web_search", parameters={"max_results": 3}),
        ToolDefinition(name="now", description="The time", parameters=schema),
    )


def test_everything_else_that_was_sent_is_a_parameter():
    call = decoded(WHOLE, asked=ASKED | {"temperature": 0.2, "stream": False, "tools": []})

    assert call.parameters == {"temperature": 0.2, "stream": False}


@pytest.mark.parametrize(
    "uri, model",
    [
        (URI, "gpt-5-mini"),
        ("https://x.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=1", "my gpt"),
        ("https://x.cloud.databricks.com/serving-endpoints/llama/invocations", "llama"),
    ],
)
def test_the_model_asked_for_stands_in_the_body_or_else_in_the_path(uri, model):
    asked = ASKED if uri == URI else {"messages": []}

    assert decoded(WHOLE, asked=asked, uri=uri).request_model == model


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", URI, b'{"messages": []}', True),
        ("post", "http://localhost:8000/chat/completions/", b'{"messages": []}', True),
        ("POST", "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
         b'{"messages": []}', True),
        ("POST", "https://api.writer.com/v1/chat", b'{"messages": []}', True),
        ("POST", "https://api.cohere.com/v1/chat", b'{"message": "Hi"}', False),
        ("POST", "https://api.cohere.com/v2/chat", b'{"messages": []}', False),
        ("GET", URI, b'{"messages": []}', False),
        ("POST", "https://api.openai.com/v1/responses", b'{"messages": []}', False),
        ("POST", URI, b'{"input": []}', False),
        ("POST", URI, b'["messages"]', False),
        ("POST", URI, b"\xff\x00", False),
        ("POST", URI, b"", False),
    ],
)  # fmt: skip
def test_a_chat_completion_is_known_by_its_request(method, uri, body, claimed):
    assert openai_chat.claims(Request(method=method, uri=uri, body=body)) is claimed


def test_the_package_adds_who_served_it_and_how_long_it_took():
    call = wire.decode(exchange_of(WHOLE, duration=1.5, time_to_first_chunk=0.5, failure=CUT))

    assert (call.operation_name, call.provider_name) == ("chat", "openai")
    assert (call.latency, call.time_to_first_chunk) == (1.5, 0.5)
    assert (call.error_type, call.error_message) == ("cut", "peer closed connection")


def test_an_exchange_of_no_known_format_is_an_unknown_call():
    call = wire.decode(exchange_of(b"\x00", uri="https://api.groq.com/nothing/like/it", duration=2.0))

    assert call == ModelCall(operation_name="unknown", provider_name="groq", latency=2.0)


@pytest.mark.parametrize(
    "uri, provider",
    [
        (URI, "openai"),
        ("https://API.OpenAI.com:443/v1", "openai"),
        ("https://x.openai.azure.com/openai/deployments/d/chat/completions", "azure.ai.openai"),
        ("https://x.services.ai.azure.com/openai/v1/chat/completions", "azure.ai.openai"),
        ("https://x.services.ai.azure.com/models/chat/completions", "azure.ai.inference"),
        ("https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse", "aws.bedrock"),
        ("https://bedrock-mantle.us-east-1.api.aws/v1/chat/completions", "aws.bedrock"),
        ("https://us-central1-aiplatform.googleapis.com/v1/projects/p", "gcp.vertex_ai"),
        ("https://aiplatform.googleapis.com/v1/projects/p", "gcp.vertex_ai"),
        ("https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", "gcp.gemini"),
        ("https://api.x.ai/v1/chat/completions", "x_ai"),
        ("https://notopenai.com/v1", None),
        ("http://127.0.0.1:8000/v1", None),
        ("http://localhost:8000/v1", None),
        ("http://[::1]:8000/v1", None),
        ("http://[", None),
        ("", None),
    ],
)
def test_a_provider_is_known_by_its_host(uri, provider):
    assert wire.provider_of(uri) == provider


# Recorded traffic: `LLMWATCH_CORPUS` is a folder of vcrpy cassettes with a `manifest.jsonl` of what they say.


def corpus() -> Path:
    if not (folder := os.environ.get("LLMWATCH_CORPUS")):
        pytest.skip("LLMWATCH_CORPUS names no folder of recorded traffic")
    return Path(folder)


def recorded(folder, endpoint):
    """Every interaction of an endpoint: its name, its exchange, and its entry in the manifest."""
    yaml = pytest.importorskip("yaml")
    for line in (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        wanted = [each for each in entry["interactions"] if each["endpoint"] == endpoint and each["llm_call"]]
        if not wanted:
            continue
        text = (folder / entry["file"]).read_text(encoding="utf-8")
        cassette = yaml.load(text, yaml.CSafeLoader)["interactions"]
        for each in wanted:
            yield f"{entry['file']}[{each['index']}]", recorded_exchange(cassette[each["index"]]), each


def recorded_exchange(interaction) -> Exchange:
    request, response = interaction["request"], interaction["response"]
    # Old httpx stubs of vcrpy: the text itself under `content`, the status beside it.
    body = response["body"]["string"] if "body" in response else response["content"]
    status = response["status"]["code"] if "status" in response else response["status_code"]
    return Exchange(
        request=Request(method=request["method"], uri=request["uri"], body=plain(request["body"])),
        response=Response(
            status=status,
            headers=tuple((name, values[0]) for name, values in response["headers"].items() if values),
            body=plain(body),
        ),
    )


def plain(body) -> bytes:
    """The bytes of a recorded body; its headers may claim gzip where it is not, and keep quiet where it is."""
    data = body.encode() if isinstance(body, str) else body or b""
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def expected_values(interaction):
    """The manifest's raw wire numbers in our words."""
    want = interaction["expected"]
    values = {
        "request_model": want["model_requested"],
        "response_model": want["model_served"],
        "cache_read_input_tokens": want["cached_tokens"] or None,
        "cache_write_input_tokens": want["cache_write_tokens"] or None,
        "reasoning_output_tokens": want["reasoning_tokens"] or None,
        "finish_reason": want["finish_reason"] or None,
    }
    values = {name: value for name, value in values.items() if value is not None}
    if not want["text_unspecified"]:
        values["output_text"] = want["text_sha256"] or hashlib.sha256(b"").hexdigest()
    if want["error"] is not None or interaction["status"] < 400:
        values["has_error"] = want["error"] is not None
    return values | {
        "input_tokens": want["input_tokens"],
        "output_tokens": expected_output_tokens(want),
        "tool_calls": want["tool_calls"],
        "streaming": interaction["streaming"] is not None,
    }


def expected_output_tokens(want):
    parts = [want["input_tokens"], want["output_tokens"], want["reasoning_tokens"]]
    is_outside = None not in parts and parts[2] > 0 and sum(parts) == want["total_tokens"]
    return parts[1] + parts[2] if is_outside else parts[1]


def values_read(call):
    usage = call.usage
    return {
        "request_model": call.request_model,
        "response_model": call.response_model,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_input_tokens": usage.cache_read_input_tokens,
        "cache_write_input_tokens": usage.cache_write_input_tokens,
        "reasoning_output_tokens": usage.reasoning_output_tokens,
        "finish_reason": next(iter(call.provider_finish_reasons), None),
        "output_text": hashlib.sha256(call.output_text.encode()).hexdigest(),
        "has_error": call.error_type is not None,
        "tool_calls": [part.name for part in call.tool_calls],
        "streaming": call.streaming,
    }


def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it():
    compared, wrong = 0, []
    for name, exchange, interaction in recorded(corpus(), "openai.chat"):
        read = values_read(wire.decode(exchange))
        for field, want in expected_values(interaction).items():
            compared += 1
            wrong += [(name, field, want, read[field])] if read[field] != want else []

    assert wrong == []
    assert compared > 0


def test_recorded_traffic_cut_anywhere_raises_nothing_but_undecodable():
    for _, exchange, _ in recorded(corpus(), "openai.chat"):
        request, response = exchange.request, exchange.response
        for part in range(40):
            body = response.body[: len(response.body) * part // 40]
            cut = Exchange(request=request, response=Response(status=response.status, body=body), failure=CUT)
            call = wire.decode(cut)

            assert call.operation_name == "chat"
