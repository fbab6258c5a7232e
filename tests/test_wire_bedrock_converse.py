"""What `wire.bedrock_converse` reads in bytes: whole, streamed, cut short, and as it was really sent."""

from __future__ import annotations

import base64
import collections
import contextlib
import copy
import hashlib
import json
import os
from pathlib import Path

import pytest
from bedrock_streams import dumps, event, exception, message
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
from pytest_llmwatch.stream_fold import fold
from pytest_llmwatch.wire import bedrock_converse, bedrock_count_tokens, bedrock_messages

HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PATH = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0"
WHOLE_URI, STREAM_URI, COUNT_URI = (f"{HOST}{PATH}/{name}" for name in ("converse", "converse-stream", "count-tokens"))
ASKED = {"messages": [{"role": "user", "content": [{"text": "What country is Berlin in?"}]}]}
CUT = TransferFailure(kind="cut", message="peer closed connection")
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"

WHOLE = {
    "metrics": {"latencyMs": 404},
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "A capital.", "signature": "EqoBCkgIBRABGAI"}}},
                {"text": "Germany."},
                {"toolUse": {"toolUseId": "tooluse_AbFzl4Jz", "name": "look_up", "input": {"city": "Berlin"}}},
            ],
        }
    },
    "stopReason": "tool_use",
    "usage": {
        "inputTokens": 22,
        "outputTokens": 13,
        "totalTokens": 2535,
        "cacheReadInputTokens": 8,
        "cacheWriteInputTokens": 2492,
        # The names that Nova has beside those of the API.
        "cacheReadInputTokenCount": 8,
        "cacheWriteInputTokenCount": 2492,
        "serverToolUsage": {},
    },
}
EVENTS = (
    event("messageStart", role="assistant"),
    event("contentBlockDelta", contentBlockIndex=0, delta={"reasoningContent": {"text": "A "}}),
    event("contentBlockDelta", contentBlockIndex=0, delta={"reasoningContent": {"text": "capital."}}),
    event("contentBlockDelta", contentBlockIndex=0, delta={"reasoningContent": {"signature": "EqoBCkgIBRABGAI"}}),
    event("contentBlockStop", contentBlockIndex=0),
    event("contentBlockDelta", contentBlockIndex=1, delta={"text": "Ger"}),
    event("contentBlockDelta", contentBlockIndex=1, delta={"text": "many."}),
    event("contentBlockStop", contentBlockIndex=1),
    event("contentBlockStart", contentBlockIndex=2, start={"toolUse": {"toolUseId": "tooluse_AbFzl4Jz",
                                                                       "name": "look_up"}}),
    event("contentBlockDelta", contentBlockIndex=2, delta={"toolUse": {"input": '{"city": '}}),
    event("contentBlockDelta", contentBlockIndex=2, delta={"toolUse": {"input": '"Berlin"}'}}),
    event("contentBlockStop", contentBlockIndex=2),
    event("messageStop", stopReason="tool_use"),
    event("metadata", usage=WHOLE["usage"], metrics={"latencyMs": 404}),
)  # fmt: skip
STREAM = b"".join(EVENTS)


def exchange_of(body, *, asked=ASKED, uri=WHOLE_URI, status=200, headers=(), **facts) -> Exchange:
    sent = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    response = None if raw is None else Response(status=status, headers=headers, body=raw)
    return Exchange(request=Request(method="POST", uri=uri, body=sent), response=response, **facts)


def decoded(body, **how) -> ModelCall:
    return bedrock_converse.decode(exchange_of(body, **how))


def answered(*content, stop_reason="end_turn", **more) -> ModelCall:
    said = {"output": {"message": {"role": "assistant", "content": list(content)}}, "stopReason": stop_reason}
    return decoded(said | more)


def streamed(*events, **how) -> ModelCall:
    return decoded(b"".join(events), uri=STREAM_URI, **how)


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="chat",
        request_model=MODEL,
        input_messages=(Message(role="user", parts=(TextPart(text="What country is Berlin in?"),)),),
        output_messages=(
            Message(
                role="assistant",
                parts=(
                    ReasoningPart(text="A capital."),
                    TextPart(text="Germany."),
                    ToolCallPart(name="look_up", arguments={"city": "Berlin"}, id="tooluse_AbFzl4Jz"),
                ),
            ),
        ),
        finish_reasons=("tool_call",),
        provider_finish_reasons=("tool_use",),
        usage=Usage(input_tokens=2522, output_tokens=13, cache_read_input_tokens=8, cache_write_input_tokens=2492),
        billing={"total_tokens": 2535},
        provider_facts={"server_latency_ms": 404},
    )


def test_a_stream_reads_like_the_whole_answer():
    call, whole = decoded(STREAM, uri=STREAM_URI), decoded(WHOLE)

    assert call.streaming
    assert call.output_messages == whole.output_messages
    assert (call.provider_finish_reasons, call.usage, call.billing) == (
        whole.provider_finish_reasons,
        whole.usage,
        whole.billing,
    )
    assert call.error_type is None


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    calls = [decoded(STREAM[:end], uri=STREAM_URI, failure=CUT) for end in range(len(STREAM))]
    texts = [call.output_text for call in calls]

    assert all("Germany.".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert all(call.streaming for call in calls)
    assert all(call.error_type == (None if "tool_call" in call.finish_reasons else "cut") for call in calls)


@pytest.mark.parametrize("body", [dumps(WHOLE).encode(), STREAM], ids=["whole", "stream"])
def test_a_body_cut_at_any_byte_raises_nothing_but_undecodable(body):
    outcomes = collections.Counter()
    for end in range(len(body) + 1):
        try:
            outcomes["call"] += decoded(body[:end]) is not None
        except UndecodableExchange:
            outcomes["undecodable"] += 1

    assert outcomes.total() == len(body) + 1


def test_a_tool_call_that_is_cut_has_the_arguments_that_came():
    call = streamed(*EVENTS[:10])

    assert (call.tool_calls[0].arguments, call.error_type) == ('{"city": ', "cut")
    assert streamed(*EVENTS[:9]).tool_calls[0].arguments is None


def test_a_tool_without_arguments_is_called_with_none_in_a_stream_too():
    start = {"toolUse": {"toolUseId": "t1", "name": "now"}}
    begun = event("contentBlockStart", contentBlockIndex=0, start=start), event("contentBlockStop", contentBlockIndex=0)
    call = streamed(*begun, event("messageStop", stopReason="tool_use"))

    assert call.tool_calls == (ToolCallPart(name="now", arguments={}, id="t1"),)


def test_an_exception_in_a_stream_keeps_what_came_before_it():
    call = streamed(*EVENTS[:6], exception("throttlingException", "Too many tokens"))

    assert (call.error_type, call.error_message) == ("throttlingException", "Too many tokens")
    assert (call.output_text, call.finish_reasons, call.usage) == ("Ger", (None,), Usage())


def test_every_form_of_an_error_in_a_stream_is_seen():
    odd = exception("modelStreamErrorException", "", originalMessage="Model died", originalStatusCode=424)
    flat = message({}, **{":message-type": "error", ":error-code": "500", ":error-message": "Internal"})
    nameless = message({"message": "?"}, **{":message-type": "exception"})
    errors = [(call.error_type, call.error_message) for call in map(streamed, (odd, flat, nameless))]

    assert errors == [("modelStreamErrorException", "Model died"), ("500", "Internal"), ("exception", "?")]


@pytest.mark.parametrize(
    "status, headers, body, error_type, said",
    [
        (400, {"x-amzn-ErrorType": "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/"},
         {"message": "Malformed input"}, "ValidationException", "Malformed input"),
        (429, {"X-Amzn-Errortype": "ThrottlingException"}, {"message": "Too many requests"}, "ThrottlingException",
         "Too many requests"),
        (403, {}, {"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "No"},
         "AccessDeniedException", "No"),
        (404, {}, {"Output": {"__type": "com.amazon.coral.service#UnknownOperationException"}, "Version": "1.0"},
         "UnknownOperationException", None),
        (400, {}, {"message": "The provided model identifier is invalid."}, "400",
         "The provided model identifier is invalid."),
        (401, {}, {"error": {"type": "auth_error", "message": "Gateway says no"}}, "auth_error", "Gateway says no"),
        (502, {}, b"<html>Bad gateway</html>", "502", "<html>Bad gateway</html>"),
        (503, {}, b"", "503", None),
    ],
)  # fmt: skip
def test_an_error_answer_is_a_call_in_the_words_of_the_provider(status, headers, body, error_type, said):
    for uri in (WHOLE_URI, STREAM_URI):
        call = decoded(body, uri=uri, status=status, headers=tuple(headers.items()))

        assert (call.error_type, call.error_message) == (error_type, said)
        assert call.streaming is (uri == STREAM_URI and not body)
        assert (call.usage, call.output_messages) == (Usage(), ())


def test_a_request_without_an_answer_is_a_call_with_the_failure():
    call = decoded(None, failure=TransferFailure(kind="timeout", message="read timed out"))

    assert (call.error_type, call.error_message) == ("timeout", "read timed out")
    assert call.input_messages[0].text == "What country is Berlin in?"


def test_a_whole_answer_cut_short_is_a_call_where_the_failure_is_known():
    assert decoded(dumps(WHOLE).encode()[:90], failure=CUT).error_type == "cut"


@pytest.mark.parametrize(
    "body", [b"", b"Hello", b"[]", b"5", b'{"choices": []}', b"\0" * 40, event("chunk", bytes="e30=")]
)
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `output`"):
        decoded(body)


def test_a_request_that_is_no_json_object_is_undecodable():
    with pytest.raises(UndecodableExchange, match="request body"):
        decoded(WHOLE, asked=b"{not JSON")


def test_text_that_is_cut_into_blocks_is_one_text():
    whole = answered({"text": "red, "}, {"text": "blue"})
    blocks = [event("contentBlockDelta", contentBlockIndex=at, delta={"text": text}) for at, text in enumerate("ab")]

    assert whole.output_messages[0].parts == (TextPart(text="red, blue"),)
    assert streamed(*blocks, event("messageStop", stopReason="end_turn")).output_messages[0].parts == (
        TextPart(text="ab"),
    )


def test_citations_belong_to_the_text():
    cited = {"citationsContent": {"content": [{"text": "Berlin"}], "citations": [{"title": "Atlas"}]}}
    deltas = ({"text": "Berlin"}, {"citation": {"title": "Atlas", "sourceContent": [{"text": "..."}]}})
    events = [event("contentBlockDelta", contentBlockIndex=0, delta=delta) for delta in deltas]

    assert answered({"text": "It is "}, cited).output_text == "It is Berlin"
    assert streamed(*events, event("messageStop", stopReason="end_turn")).output_text == "Berlin"


def test_a_tool_that_the_provider_runs_stands_with_its_result_in_the_answer():
    call_start = {"toolUse": {"toolUseId": "t1", "name": "nova_code_interpreter", "type": "server_tool_use"}}
    result_start = {"toolResult": {"toolUseId": "t1", "status": "success", "type": "nova_code_interpreter_result"}}
    call = streamed(
        event("contentBlockStart", contentBlockIndex=0, start=call_start),
        event("contentBlockDelta", contentBlockIndex=0, delta={"toolUse": {"input": '{"snippet":"1"}'}}),
        event("contentBlockStart", contentBlockIndex=1, start=result_start),
        event("contentBlockDelta", contentBlockIndex=1, delta={"toolResult": [{"json": {"stdOut": "1"}}]}),
        event("messageStop", stopReason="end_turn"),
    )

    assert call.output_messages[0].parts == (
        ToolCallPart(name="nova_code_interpreter", arguments={"snippet": "1"}, id="t1"),
        ToolResultPart(result=[{"json": {"stdOut": "1"}}], id="t1"),
    )


def test_an_image_that_is_made_is_known_by_its_bytes():
    png = {"format": "png", "source": {"bytes": "iVBORw=="}}
    call = streamed(
        event("contentBlockStart", contentBlockIndex=0, start={"image": {"format": "png"}}),
        event("contentBlockDelta", contentBlockIndex=0, delta={"image": {"source": png["source"]}}),
        event("messageStop", stopReason="end_turn"),
    )

    assert call.output_messages == answered({"image": png}).output_messages
    assert call.output_messages[0].parts == (MediaPart(kind="image", reference=sha256(b"\x89PNG")),)


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    "block, parts",
    [
        ({"text": "Hi"}, (TextPart(text="Hi"),)),
        ({"text": ""}, ()),
        ({"image": {"format": "png", "source": {"bytes": "iVBORw=="}}},
         (MediaPart(kind="image", reference=sha256(b"\x89PNG")),)),
        ({"document": {"format": "pdf", "name": "a", "source": {"s3Location": {"uri": "s3://b/a.pdf"}}}},
         (MediaPart(kind="file", reference="s3://b/a.pdf"),)),
        ({"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://b/a.mp4", "bucketOwner": "1"}}}},
         (MediaPart(kind="video", reference="s3://b/a.mp4"),)),
        ({"audio": {"format": "mp3", "source": {"bytes": "iVBORw=="}}},
         (MediaPart(kind="audio", reference=sha256(b"\x89PNG")),)),
        ({"guardContent": {"text": {"text": "Tokyo", "qualifiers": ["query"]}}}, (TextPart(text="Tokyo"),)),
        ({"guardContent": {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}}},
         (MediaPart(kind="image", reference=sha256(b"\x89PNG")),)),
        ({"cachePoint": {"type": "default"}}, ()),
        ({"reasoningContent": {"redactedContent": "AAAA"}}, ()),
        ({"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "s"}}}, (ReasoningPart(text="Hm"),)),
        ({"toolUse": {"toolUseId": "t1", "name": "now", "input": {}}},
         (ToolCallPart(name="now", arguments={}, id="t1"),)),
        ({"toolResult": {"toolUseId": "t1", "content": [{"text": "21"}], "status": "success"}},
         (ToolResultPart(result=[{"text": "21"}], id="t1"),)),
        ({"searchResult": {"source": "https://h/a", "title": "A", "content": [{"text": "x"}]}},
         (MediaPart(kind="file", reference="https://h/a"),)),
        ({"toolAddition": {"tool": {"type": "x", "name": "y"}}}, ()),
    ],
)  # fmt: skip
def test_every_form_of_a_block_is_read_in_both_directions(block, parts):
    sent = decoded(WHOLE, asked={"messages": [{"role": "user", "content": [block]}]})

    assert sent.input_messages == (Message(role="user", parts=parts),)
    assert answered(block).output_messages == (Message(role="assistant", parts=parts),)


def test_the_system_prompt_comes_first_and_everything_else_that_was_sent_is_a_parameter():
    schema = {"type": "object", "properties": {}}
    tools = [
        {"toolSpec": {"name": "now", "description": "The time", "inputSchema": {"json": schema}, "strict": True}},
        {"systemTool": {"name": "nova_grounding"}},
        {"cachePoint": {"type": "default"}},
    ]
    asked = ASKED | {
        "system": [{"text": "Be kind."}, {"cachePoint": {"type": "default"}}],
        "inferenceConfig": {"maxTokens": 50},
        "toolConfig": {"tools": tools, "toolChoice": {"any": {}}},
        "additionalModelRequestFields": {"top_k": 5},
    }
    call = decoded(WHOLE, asked=asked)

    assert [each.role for each in call.input_messages] == ["system", "user"]
    assert call.tool_definitions == (
        ToolDefinition(name="now", description="The time", parameters=schema),
        ToolDefinition(name="nova_grounding"),
    )
    assert call.parameters == {
        "inferenceConfig": {"maxTokens": 50},
        "additionalModelRequestFields": {"top_k": 5},
        "toolConfig": {"toolChoice": {"any": {}}},
    }


def test_every_stop_reason_of_the_api_has_a_meaning():
    botocore_session = pytest.importorskip("botocore.session")
    model = botocore_session.get_session().get_service_model("bedrock-runtime")

    assert set(model.shape_for("StopReason").enum) == set(bedrock_messages.FINISH_REASONS)


def test_an_unknown_stop_reason_is_kept_as_it_is():
    call = answered({"text": "4"}, stop_reason="new_reason")

    assert (call.finish_reasons, call.provider_finish_reasons) == ((None,), ("new_reason",))


@pytest.mark.parametrize(
    "usage, expected",
    [
        ({"inputTokens": 9, "outputTokens": 2}, Usage(input_tokens=9, output_tokens=2)),
        ({"inputTokens": 9, "outputTokens": 2, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 0},
         Usage(input_tokens=13, output_tokens=2, cache_read_input_tokens=4, cache_write_input_tokens=0)),
        ({"inputTokens": 9, "cacheWriteInputTokenCount": 4}, Usage(input_tokens=13, cache_write_input_tokens=4)),
        ({"cacheReadInputTokens": 4}, Usage(cache_read_input_tokens=4)),
        ({"inputTokens": "9", "outputTokens": True}, Usage()),
        ({}, Usage()),
        (None, Usage()),
    ],
)  # fmt: skip
def test_usage_counts_cached_tokens_inside_and_nothing_as_unknown(usage, expected):
    assert answered({"text": "4"}, usage=usage).usage == expected


@pytest.mark.parametrize(
    "more, billing",
    [
        ({"serviceTier": {"type": "priority"}}, {"service_tier": "priority"}),
        ({"performanceConfig": {"latency": "optimized"}}, {"speed": "optimized"}),
        ({"usage": {"cacheDetails": [{"ttl": "1h", "inputTokens": 7}, {"ttl": "5m", "inputTokens": 3}]}},
         {"cache_write_1h_tokens": 7}),
        ({"usage": {"serverToolUsage": {"webSearchRequests": 1}}}, {"other_charges": ["webSearchRequests"]}),
        ({"trace": {"guardrail": {"actionReason": "No action."}}}, {"other_charges": ["guardrails"]}),
        ({"usage": {"serverToolUsage": {}}, "trace": {}}, {}),
    ],
)  # fmt: skip
def test_what_the_bill_depends_on_beside_the_tokens_is_told(more, billing):
    assert answered({"text": "4"}, **more).billing == billing


def test_a_guardrail_is_billed_where_it_was_asked_for():
    asked = ASKED | {"guardrailConfig": {"guardrailIdentifier": "g1", "guardrailVersion": "DRAFT"}}

    assert decoded(WHOLE, asked=asked).billing["other_charges"] == ["guardrails"]
    assert decoded(b"{}", asked=asked, status=400).billing == {}


def test_a_prompt_router_names_the_model_that_served():
    router = {"promptRouter": {"invokedModelId": ARN}}

    assert answered({"text": "4"}, trace=router).response_model == ARN
    assert streamed(*EVENTS[:-1], event("metadata", trace=router)).response_model == ARN


@pytest.mark.parametrize(
    "path, model",
    [
        (PATH, MODEL),
        ("/model/us.amazon.nova-2-lite-v1:0", "us.amazon.nova-2-lite-v1:0"),
        (f"/model/{ARN.replace(':', '%3A').replace('/', '%2F')}", ARN),
        (f"/model/{ARN}", ARN),
        ("/bedrock/model/amazon.nova-micro-v1%3A0", "amazon.nova-micro-v1:0"),
    ],
)
def test_the_model_asked_for_stands_in_the_path_as_it_was_named(path, model):
    assert decoded(WHOLE, uri=f"{HOST}{path}/converse?x=1#y").request_model == model


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", WHOLE_URI, b'{"messages": []}', True),
        ("post", STREAM_URI, b"{}", True),
        ("POST", "http://localhost:8787/bedrock/model/m/converse/", b' {"messages": []}', True),
        ("GET", WHOLE_URI, b'{"messages": []}', False),
        ("POST", WHOLE_URI, b"[]", False),
        ("POST", WHOLE_URI, b"", False),
        ("POST", f"{HOST}{PATH}/invoke", b"{}", False),
        ("POST", COUNT_URI, b"{}", False),
        ("POST", "https://h/converse", b"{}", False),
        ("POST", "https://h/model/converse", b"{}", False),
    ],
)
def test_a_conversation_is_known_by_its_request(method, uri, body, claimed):
    assert bedrock_converse.claims(Request(method=method, uri=uri, body=body)) is claimed


def test_the_package_reads_the_format_and_adds_who_served_it():
    call = wire.decode(exchange_of(WHOLE, duration=1.5))

    assert (call.operation_name, call.provider_name, call.latency) == ("chat", "aws.bedrock", 1.5)


@pytest.mark.parametrize(
    "odd",
    [
        {"output": None},
        {"output": {"message": 5}, "stopReason": 7, "usage": [], "trace": 5, "serviceTier": "x"},
        {"output": {"message": {"role": 1, "content": [None, 5, [], {}, {"text": 5}, {"toolUse": 1}]}}},
        {"output": {"message": {"content": [{"toolUse": {"name": ""}}, {"image": {"source": 5}}]}}},
        {"usage": {"inputTokens": 1.5, "cacheDetails": 7, "serverToolUsage": 7}},
    ],
)
def test_an_odd_field_is_a_missing_field(odd):
    call = decoded(odd)

    assert (call.output_text, call.usage, call.tool_calls, call.response_model) == ("", Usage(), (), None)


def test_odd_events_are_passed_over():
    delta = event("contentBlockDelta", contentBlockIndex="0", delta=5)
    call = streamed(event("contentBlockDelta"), event("new_event", x=1), delta, *EVENTS)

    assert (call.output_text, call.error_type) == ("Germany.", None)


def test_deep_nesting_is_no_way_to_break_a_run():
    deep = b'{"messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    with pytest.raises(UndecodableExchange, match="request body"):
        decoded(WHOLE, asked=deep)
    with pytest.raises(UndecodableExchange, match="response body"):
        decoded(deep)


def blocks_of(name):
    """Blocks with ids and signatures of their own."""
    return [
        {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": f"Eqo{name}"}}},
        {"toolUse": {"toolUseId": f"tooluse_{name}", "name": "now", "input": {}}},
        {"toolResult": {"toolUseId": f"tooluse_{name}", "content": [{"text": "4"}]}},
    ]


def test_two_recordings_of_one_answer_differ_in_what_varies_alone():
    def recording_of(name):
        message = {"role": "assistant", "content": blocks_of(name)}
        return {"output": {"message": message}, "metrics": {"latencyMs": len(name)}}

    first, second = (lifted(recording_of(name), bedrock_converse.VOLATILE) for name in ("a", "bb"))

    assert first[0] == second[0]
    assert len(first[1]) == len(second[1]) == 4


def test_two_recordings_of_one_stream_differ_in_what_varies_alone():
    def recording_of(name):
        starts = [
            event("contentBlockStart", contentBlockIndex=at, start=block)
            for at, block in enumerate(
                {kind: held} for kind, held in ({**blocks_of(name)[1], **blocks_of(name)[2]}).items()
            )
        ]
        signed = event("contentBlockDelta", contentBlockIndex=2, delta={"reasoningContent": {"signature": name}})
        ends = event("messageStop", stopReason="end_turn"), event("metadata", metrics={"latencyMs": len(name)})
        return b"".join((*EVENTS[:1], *starts, signed, *ends))

    first, second = (fold(recording_of(name), volatile=bedrock_converse.VOLATILE) for name in ("a", "bb"))

    assert first.varies != second.varies
    assert first.value == second.value


def test_a_request_that_repeats_what_varied_is_the_same_request():
    first, second = (
        lifted({"messages": [{"role": "assistant", "content": blocks_of(name)}]}, bedrock_converse.VOLATILE_REQUEST)[0]
        for name in "ab"
    )

    assert first == second


def places_in(value, place=()):
    yield place
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places_in(child, (*place, key))


def with_value_at(value, place, new):
    if not place:
        return new
    changed = copy.copy(value)
    changed[place[0]] = with_value_at(value[place[0]], place[1:], new)
    return changed


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "x"]), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_stands_at_whatever_place_raises_nothing_but_undecodable(data):
    changed = with_value_at(WHOLE, data.draw(st.sampled_from(list(places_in(WHOLE)))), data.draw(ODD))
    delta = data.draw(st.dictionaries(st.sampled_from(["start", "delta", "contentBlockIndex", "usage"]), ODD))
    name = data.draw(st.sampled_from(bedrock_messages.EVENTS))
    for body in (dumps(changed).encode("utf-8", "surrogatepass"), event(name, **delta) + STREAM):
        with contextlib.suppress(UndecodableExchange):
            call = decoded(body, asked={"messages": data.draw(ODD), "system": data.draw(ODD)})

            assert call.operation_name == "chat"


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(STREAM)), st.binary(max_size=40))
def test_any_bytes_raise_nothing_but_undecodable(place, noise):
    try:
        call = decoded(STREAM[:place] + noise + STREAM[place:], uri=STREAM_URI)
    except UndecodableExchange:
        assert place < len(EVENTS[0])
    else:
        assert call.output_text in "Germany."


COUNTED = {"input": {"converse": {**ASKED, "system": [{"text": "Be kind."}]}}}


def test_tokens_are_counted_and_none_are_used():
    call = wire.decode(exchange_of(b'{"inputTokens": 19}', asked=COUNTED, uri=COUNT_URI))

    assert (call.operation_name, call.request_model, call.usage) == ("count_tokens", MODEL, Usage())
    assert [each.text for each in call.input_messages] == ["Be kind.", "What country is Berlin in?"]
    assert (call.error_type, call.output_messages) == (None, ())


def test_the_tokens_of_an_invocation_are_counted_in_the_makers_own_body():
    prompt = {"anthropic_version": "bedrock-2023-05-31", "messages": [{"role": "user", "content": "Hi"}]}
    body = base64.b64encode(json.dumps(prompt).encode()).decode()
    call = wire.decode(
        exchange_of(b'{"inputTokens": 8}', asked={"input": {"invokeModel": {"body": body}}}, uri=COUNT_URI)
    )

    assert call.input_messages == (Message(role="user", parts=(TextPart(text="Hi"),)),)


@pytest.mark.parametrize("asked", [{}, {"input": 5}, {"input": {"invokeModel": {"body": "é"}}}])
def test_a_count_of_something_odd_is_a_call_all_the_same(asked):
    call = bedrock_count_tokens.decode(exchange_of(b'{"message": "Bad"}', asked=asked, uri=COUNT_URI, status=400))

    assert (call.error_type, call.error_message, call.input_messages) == ("400", "Bad", ())


def test_a_count_that_did_not_arrive_is_no_count():
    assert bedrock_count_tokens.decode(exchange_of(b"", uri=COUNT_URI, failure=CUT)).error_type == "cut"
    assert bedrock_count_tokens.decode(exchange_of(b'{"inp', uri=COUNT_URI, failure=CUT)).error_type == "cut"
    for body in (b"{}", b"", b"x"):
        with pytest.raises(UndecodableExchange, match="inputTokens"):
            bedrock_count_tokens.decode(exchange_of(body, uri=COUNT_URI))


# Recorded traffic: `LLMWATCH_CORPUS` is a folder of vcrpy cassettes with a `manifest.jsonl` of what they say.


def recorded():
    if not (folder := os.environ.get("LLMWATCH_CORPUS")):
        pytest.skip("LLMWATCH_CORPUS names no folder of recorded traffic")
    yaml = pytest.importorskip("yaml")
    for line in (Path(folder) / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        wanted = [each for each in entry["interactions"] if each["endpoint"].startswith("bedrock.")]
        if wanted:
            text = (Path(folder) / entry["file"]).read_text(encoding="utf-8")
            cassette = yaml.load(text, yaml.CSafeLoader)["interactions"]
            yield from ((recorded_exchange(cassette[each["index"]]), each["expected"]) for each in wanted)


def recorded_exchange(interaction) -> Exchange:
    request, response = interaction["request"], interaction["response"]
    sent, came = request["body"], response["body"]["string"]
    headers = tuple((name, values[0]) for name, values in response["headers"].items() if values)
    body = came.encode() if isinstance(came, str) else came
    return Exchange(
        request=Request(
            method=request["method"], uri=request["uri"], body=sent.encode() if isinstance(sent, str) else sent
        ),
        response=Response(status=response["status"]["code"], headers=headers, body=body),
    )


def test_recorded_traffic_is_read_as_the_manifest_says():
    read = 0
    for exchange, want in recorded():
        call = wire.decode(exchange)
        cached = (want["cached_tokens"] or 0) + (want["cache_write_tokens"] or 0)
        read += 1

        assert call.request_model == want["model_requested"]
        assert hashlib.sha256(call.output_text.encode()).hexdigest() == (
            want["text_sha256"] or hashlib.sha256(b"").hexdigest()
        )
        assert [part.name for part in call.tool_calls] == want["tool_calls"]
        assert next(iter(call.provider_finish_reasons), None) == want["finish_reason"]
        assert call.usage.output_tokens == want["output_tokens"]
        assert call.usage.input_tokens == (None if want["input_tokens"] is None else want["input_tokens"] + cached)
        assert (call.error_type is None) is (want["error"] is None)

    assert read > 0


def test_recorded_traffic_cut_anywhere_raises_nothing_but_undecodable():
    for exchange, _ in recorded():
        whole = exchange.response
        for part in range(40):
            body = whole.body[: len(whole.body) * part // 40]
            cut = Exchange(request=exchange.request, response=Response(status=whole.status, body=body), failure=CUT)

            assert wire.decode(cut).request_model
