"""What `wire.mistral_conversations` reads in bytes: conversations kept by the server, whole, streamed and cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from speaking_formats import CUT, JSON_VALUES, exchange_of, outcome_of

from pytest_llmwatch import wire
from pytest_llmwatch.calls import (
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
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire import mistral_conversations

URI = "https://api.mistral.ai/v1/conversations"
ASKED = {
    "model": "mistral-medium-2505",
    "inputs": "Who won the last World Cup?",
    "instructions": "Be brief.",
    "tools": [{"type": "web_search"}],
    "stream": False,
}
USAGE = {"prompt_tokens": 188, "completion_tokens": 55, "total_tokens": 7355, "connector_tokens": 7112,
         "connectors": {"web_search": 1}}  # fmt: skip
SEARCH = {"type": "tool.execution", "name": "web_search", "id": "tool_exec_1", "arguments": '{"query": "World Cup"}'}
SAID = {
    "type": "message.output", "role": "assistant", "id": "msg_1", "model": "mistral-medium-2505",
    "content": [
        {"type": "text", "text": "Spain"},
        {"type": "tool_reference", "tool": "web_search", "title": "t", "url": "https://h/a"},
        {"type": "text", "text": " won."},
    ],
}  # fmt: skip
WHOLE = {"conversation_id": "conv_1", "object": "conversation.response", "outputs": [SEARCH, SAID], "usage": USAGE}
EVENTS = [
    {"type": "conversation.response.started", "conversation_id": "conv_1"},
    {"type": "tool.execution.started", "id": "tool_exec_1", "name": "web_search", "arguments": ""},
    {"type": "tool.execution.done", "id": "tool_exec_1", "name": "web_search", "info": {}},
    {"type": "message.output.delta", "id": "msg_1", "model": "mistral-medium-2505", "content": "Spain"},
    {"type": "message.output.delta", "id": "msg_1", "content": {"type": "text", "text": " won."}},
    {"type": "function.call.delta", "id": "fc_1", "name": "shout", "tool_call_id": "c1", "arguments": '{"at":'},
    {"type": "function.call.delta", "id": "fc_1", "name": "shout", "tool_call_id": "c1", "arguments": ' "all"}'},
    {"type": "conversation.response.done", "usage": USAGE},
]


def streamed(events) -> bytes:
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()


STREAM = streamed(EVENTS)


def decoded(body, *, asked=ASKED, uri=URI, **how) -> ModelCall:
    return mistral_conversations.decode(exchange_of(body, asked=asked, uri=uri, **how))


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    call = decoded(WHOLE)

    assert (call.operation_name, call.request_model, call.response_model) == ("chat", ASKED["model"], SAID["model"])
    assert (call.response_id, call.output_text) == ("conv_1", "Spain won.")
    assert call.input_messages == (
        Message(role="system", parts=(TextPart(text="Be brief."),)),
        Message(role="user", parts=(TextPart(text="Who won the last World Cup?"),)),
    )
    assert call.tool_calls == (ToolCallPart(name="web_search", arguments={"query": "World Cup"}, id="tool_exec_1"),)
    assert call.tool_definitions == (ToolDefinition(name="web_search"),)
    assert call.parameters == {"stream": False}


def test_what_the_servers_tools_read_is_counted_apart_and_makes_the_bill_unknown():
    call = decoded(WHOLE)

    assert call.usage == Usage(input_tokens=188, output_tokens=55)
    assert call.billing == {"total_tokens": 7355, "other_charges": ["web_search"]}


def test_a_stream_is_put_together_from_its_pieces():
    call = decoded(STREAM, asked=ASKED | {"stream": True})

    assert (call.streaming, call.output_text, call.error_type) == (True, "Spain won.", None)
    assert call.tool_calls == (
        ToolCallPart(name="web_search", id="tool_exec_1"),
        ToolCallPart(name="shout", arguments={"at": "all"}, id="c1"),
    )
    assert call.usage == Usage(input_tokens=188, output_tokens=55)


def test_a_thought_is_no_part_of_the_answer():
    content = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}, {"type": "text", "text": "Yes"}]
    call = decoded(WHOLE | {"outputs": [SAID | {"content": content}]})

    assert call.output_messages[0].parts == (ReasoningPart(text="Hm"), TextPart(text="Yes"))


def test_entries_of_the_conversation_are_read_in_the_request():
    inputs = [
        {"type": "message.input", "role": "user", "content": "Hi"},
        {"type": "message.output", "role": "assistant", "content": [{"type": "text", "text": "Hello"}]},
        {"type": "function.call", "tool_call_id": "c1", "name": "now", "arguments": "{}"},
        {"type": "function.result", "tool_call_id": "c1", "result": "noon"},
    ]
    call = decoded(WHOLE, asked={"agent_id": "ag_1", "inputs": inputs}, uri=f"{URI}/conv_1")

    assert call.input_messages == (
        Message(role="user", parts=(TextPart(text="Hi"),)),
        Message(role="assistant", parts=(TextPart(text="Hello"),)),
        Message(role="assistant", parts=(ToolCallPart(name="now", arguments={}, id="c1"),)),
        Message(role="tool", parts=(ToolResultPart(result="noon", id="c1"),)),
    )
    assert (call.request_model, call.parameters) == (None, {"agent_id": "ag_1"})


def test_an_error_in_a_stream_keeps_what_came_before_it():
    call = decoded(
        streamed([*EVENTS[:4], {"type": "conversation.response.error", "message": "Too slow", "code": 6000}])
    )

    assert (call.error_type, call.error_message, call.output_text) == ("6000", "Too slow", "Spain")


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    calls = [decoded(STREAM[:end], failure=CUT) for end in range(len(b"event:"), len(STREAM))]
    texts = [call.output_text for call in calls]

    assert all("Spain won.".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert all(call.error_type == ("cut" if call.usage == Usage() else None) for call in calls)


@pytest.mark.parametrize("body", [b"", b"Hello", b"[]", {"choices": []}])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `outputs`"):
        decoded(body)


@pytest.mark.parametrize(
    "uri, body, claimed",
    [
        (URI, ASKED, True),
        (f"{URI}#stream", ASKED, True),
        (f"{URI}/conv_1", ASKED, True),
        (f"{URI}/conv_1/restart", ASKED, True),
        (f"{URI}/conv_1/history", ASKED, False),
        (URI, {"items": []}, False),
    ],
)
def test_a_turn_is_known_by_its_request(uri, body, claimed):
    request = Request(method="POST", uri=uri, body=json.dumps(body).encode())

    assert mistral_conversations.claims(request) is claimed
    assert not claimed or wire.decode(exchange_of(WHOLE, asked=body, uri=uri)).output_text == "Spain won."


@given(value=JSON_VALUES)
def test_any_value_in_any_field_raises_nothing_but_undecodable(value):
    bodies = [WHOLE | {field: value} for field in WHOLE]
    bodies += [WHOLE | {"outputs": [each | {field: value}]} for each in (SEARCH, SAID) for field in each]
    for body in [
        *bodies,
        *(each | {field: value} for each in EVENTS[2:7] for field in ("content", "arguments", "name")),
    ]:
        for sent in (body, f"event: x\ndata: {json.dumps(body)}\n\n".encode()):
            call = outcome_of(mistral_conversations.decode, exchange_of(sent, asked=ASKED, uri=URI))

            assert call is None or call.operation_name == "chat"
