"""What `wire.snowflake_cortex` reads in bytes: chats at Snowflake's first address, whole, streamed and cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from speaking_formats import CUT, JSON_VALUES, events_of, exchange_of, outcome_of

from pytest_llmwatch import wire
from pytest_llmwatch.calls import Message, ModelCall, TextPart, ToolCallPart, ToolDefinition, ToolResultPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire import snowflake_cortex

URI = "https://myorg-account.snowflakecomputing.com/api/v2/cortex/inference:complete"
ASKED = {"model": "claude-3-5-sonnet", "messages": [{"role": "user", "content": "How is the weather?"}], "top_p": 0}
USAGE = {"prompt_tokens": 390, "completion_tokens": 53, "guard_tokens": 0, "total_tokens": 443}
WHOLE = {
    "id": "4b7e1f", "created": 1718038121, "model": "claude-3-5-sonnet",
    "choices": [{"message": {"content": "Let me look.", "content_list": [{"type": "text", "text": "Let me look."}]}}],
    "usage": USAGE,
}  # fmt: skip
WEATHER = ToolCallPart(name="get_weather", arguments={"location": "Köln"}, id="tooluse_1")


def piece(**delta):
    return {"id": "4b7e1f", "model": "claude-3-5-sonnet", "choices": [{"delta": delta}], "usage": {}}


def spoken(text):
    return piece(type="text", content=text, content_list=[{"type": "text", "text": text}], text=text)


def called(**call):
    return piece(type="tool_use", **call, content_list=[{"type": "tool_use", **call}], content="", text="")


PIECES = [
    spoken("Let me"),
    spoken(" look."),
    called(tool_use_id="tooluse_1", name="get_weather"),
    called(input='{"loca'),
    called(input='tion": "Köln"}'),
    piece() | {"usage": USAGE},
]
STREAM = events_of(*PIECES)


def decoded(body, *, asked=ASKED, uri=URI, **how) -> ModelCall:
    return snowflake_cortex.decode(exchange_of(body, asked=asked, uri=uri, **how))


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="chat",
        request_model="claude-3-5-sonnet",
        response_model="claude-3-5-sonnet",
        response_id="4b7e1f",
        input_messages=(Message(role="user", parts=(TextPart(text="How is the weather?"),)),),
        parameters={"top_p": 0},
        output_messages=(Message(role="assistant", parts=(TextPart(text="Let me look."),)),),
        finish_reasons=(None,),
        provider_finish_reasons=(None,),
        usage=Usage(input_tokens=390, output_tokens=53),
        billing={"total_tokens": 443},
    )


def test_a_stream_says_text_once_and_puts_calls_together():
    call = decoded(STREAM)

    assert (call.streaming, call.output_text, call.tool_calls) == (True, "Let me look.", (WEATHER,))
    assert (call.usage, call.error_type) == (Usage(input_tokens=390, output_tokens=53), None)


def test_two_calls_of_a_stream_stay_two():
    call = decoded(events_of(*PIECES[2:5], called(tool_use_id="tooluse_2", name="now"), called(input="{}"), PIECES[5]))

    assert call.tool_calls == (WEATHER, ToolCallPart(name="now", arguments={}, id="tooluse_2"))


@pytest.mark.parametrize(
    "use", [{"tool_use": {"tool_use_id": "tooluse_1", "name": "get_weather", "input": {"location": "Köln"}}},
            {"tool_use_id": "tooluse_1", "name": "get_weather", "input": {"location": "Köln"}}]
)  # fmt: skip
def test_a_whole_answer_calls_tools_in_its_list(use):
    message = {"content_list": [{"type": "text", "text": "Look."}, {"type": "tool_use", **use}]}
    call = decoded(WHOLE | {"choices": [{"message": message, "finish_reason": "tool_use"}]})

    assert (call.output_text, call.tool_calls, call.finish_reasons) == ("Look.", (WEATHER,), ("tool_call",))


def test_tools_their_calls_and_their_results_are_read_in_the_request():
    schema = {"type": "object", "properties": {"location": {"type": "string"}}}
    use = {"tool_use_id": "tooluse_1", "name": "get_weather", "input": {"location": "Köln"}}
    result = {"tool_use_id": "tooluse_1", "name": "get_weather", "content": [{"type": "text", "text": "18 C"}]}
    asked = {
        "messages": [
            {"role": "assistant", "content": "Look.", "content_list": [{"type": "tool_use", "tool_use": use}]},
            {"role": "user", "content_list": [{"type": "tool_results", "tool_results": result}]},
        ],
        "tools": [{"tool_spec": {"type": "generic", "name": "get_weather", "input_schema": schema}}],
    }
    call = decoded(WHOLE, asked=asked)

    assert call.input_messages == (
        Message(role="assistant", parts=(TextPart(text="Look."), WEATHER)),
        Message(role="user", parts=(ToolResultPart(result=result["content"], id="tooluse_1"),)),
    )
    assert call.tool_definitions == (ToolDefinition(name="get_weather", parameters=schema),)


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    calls = [decoded(STREAM[:end], failure=CUT) for end in range(len(b"data:"), len(STREAM))]
    texts = [call.output_text for call in calls]

    assert all("Let me look.".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert all(call.error_type == ("cut" if call.usage == Usage() else None) for call in calls)


def test_an_error_is_a_call_in_the_words_of_the_provider():
    call = decoded({"message": "unknown model", "error_code": "390400", "request_id": "r"}, status=400)

    assert (call.error_type, call.error_message) == ("400", "unknown model")


@pytest.mark.parametrize("body", [b"", b"Hello", b"[]", {"result": {}}])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `choices`"):
        decoded(body)


@pytest.mark.parametrize(
    "uri, claimed",
    [
        (URI, True),
        (URI.replace(":complete", "%3Acomplete"), True),
        ("https://a.snowflakecomputing.com/api/v2/cortex/v1/chat/completions", False),
    ],
)
def test_a_chat_is_known_by_its_address(uri, claimed):
    request = Request(method="POST", uri=uri, body=json.dumps(ASKED).encode())

    assert snowflake_cortex.claims(request) is claimed
    assert wire.decode(exchange_of(WHOLE, asked=ASKED, uri=uri)).provider_name == "snowflake"


@given(value=JSON_VALUES)
def test_any_value_in_any_field_raises_nothing_but_undecodable(value):
    fields = ("type", "content", "content_list", "text", "tool_use_id", "name", "input")
    deltas = [PIECES[2]["choices"][0]["delta"] | {field: value} for field in fields]
    bodies = [WHOLE | {field: value} for field in WHOLE] + [{"choices": [{"message": delta}]} for delta in deltas]
    for body in bodies:
        for sent in (body, events_of(body)):
            call = outcome_of(snowflake_cortex.decode, exchange_of(sent, asked=ASKED, uri=URI))

            assert call is None or call.operation_name == "chat"
