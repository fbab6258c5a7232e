"""What `wire.cohere_chat` reads in bytes: both versions, whole, streamed, cut short, and as it was really sent."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider import raw
from test_wire_openai_chat import corpus, expected_values, recorded, values_read
from test_wire_openai_embeddings import JSON_VALUES

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
from pytest_llmwatch.wire import cohere_chat

SECOND = "https://api.cohere.com/v2/chat"
FIRST = "https://api.cohere.com/v1/chat"
ASKED = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": "What is the best language?"}]}
ASKED_FIRST = {"model": "command-r", "message": "What is the best language?"}
CUT = TransferFailure(kind="cut", message="peer closed connection")
METERS = {
    "billed_units": {"input_tokens": 44.0, "output_tokens": 28.0},
    "tokens": {"input_tokens": 1476.0, "output_tokens": 58.0},
    "cached_tokens": 1376.0,
}
USED = Usage(input_tokens=1476, output_tokens=58, cache_read_input_tokens=1376)
BILLED = {"billed_input_tokens": 44, "billed_output_tokens": 28}

WHOLE = {
    "id": "40a2cb77",
    "message": {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "The user asks for one."},
            {"type": "text", "text": "Ruby is "},
            {"type": "text", "text": "the best."},
        ],
        "citations": [{"start": 0, "end": 4, "text": "Ruby", "sources": [{"type": "tool", "id": "c1:0"}]}],
    },
    "finish_reason": "COMPLETE",
    "usage": METERS,
}

WHOLE_FIRST = {
    "response_id": "3e9b7592",
    "generation_id": "e342ea17",
    "text": "Ruby is the best.",
    "chat_history": [{"role": "USER", "message": "What is the best language?"}],
    "finish_reason": "COMPLETE",
    "meta": {"api_version": {"version": "1"}, **METERS},
}


def delta(kind, message=None, index=None, **more):
    event = {"type": kind, "index": index, "delta": {"message": message, **more}}
    return {name: value for name, value in event.items() if value is not None}


EVENTS = [
    {
        "id": "9c4c845f",
        "type": "message-start",
        "delta": {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}},
    },
    delta("tool-plan-delta", {"tool_plan": "I will"}),
    delta("tool-plan-delta", {"tool_plan": " look."}),
    delta("content-start", {"content": {"type": "thinking", "thinking": ""}}, 0),
    delta("content-delta", {"content": {"thinking": "Grö\u00dfe \u2028"}}, 0),
    {"type": "content-end", "index": 0},
    delta("content-start", {"content": {"type": "text", "text": ""}}, 1),
    delta("content-delta", {"content": {"text": "Ruby"}}, 1),
    delta("citation-start", {"citations": {"start": 0, "end": 4, "sources": [{"type": "tool", "id": "c1:0"}]}}, 0),
    {"type": "citation-end", "index": 0},
    delta("content-delta", {"content": {"text": " is the best."}}, 1),
    {"type": "content-end", "index": 1},
    delta(
        "tool-call-start",
        {"tool_calls": {"id": "c1", "type": "function", "function": {"name": "now", "arguments": ""}}},
        0,
    ),
    delta("tool-call-delta", {"tool_calls": {"function": {"arguments": '{"zone":'}}}, 0),
    delta("tool-call-delta", {"tool_calls": {"function": {"arguments": ' "CET"}'}}}, 0),
    {"type": "tool-call-end", "index": 0},
    delta("tool-call-start", {"tool_calls": {"id": "c2", "type": "function", "function": {"name": "stop"}}}, 1),
    {"type": "tool-call-end", "index": 1},
    {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": METERS}},
]

LINES = [
    {"is_finished": False, "event_type": "stream-start", "generation_id": "87a52a39"},
    {"is_finished": False, "event_type": "text-generation", "text": "Ruby"},
    {"is_finished": False, "event_type": "text-generation", "text": " is the best."},
    {"is_finished": True, "event_type": "stream-end", "finish_reason": "COMPLETE", "response": WHOLE_FIRST},
]


def as_events(events, *, ends=True):
    rows = [f"event: {event.get('type')}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events]
    return "".join([*rows, *(["data: [DONE]\n\n"] if ends else [])]).encode()


def as_lines(events):
    return "".join(f"{json.dumps(event)}\n" for event in events).encode()


def exchange_of(body, *, asked=None, uri=SECOND, status=200, headers=(), **facts) -> Exchange:
    asked = asked or (ASKED if uri == SECOND else ASKED_FIRST)
    sent = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    received = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    response = None if received is None else Response(status=status, headers=headers, body=received)
    return Exchange(request=Request(method="POST", uri=uri, body=sent), response=response, **facts)


def decoded(body, **how) -> ModelCall:
    return cohere_chat.decode(exchange_of(body, **how))


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="chat",
        request_model="command-a-03-2025",
        response_id="40a2cb77",
        input_messages=(Message(role="user", parts=(TextPart(text="What is the best language?"),)),),
        output_messages=(
            Message(
                role="assistant",
                parts=(ReasoningPart(text="The user asks for one."), TextPart(text="Ruby is the best.")),
            ),
        ),
        finish_reasons=("stop",),
        provider_finish_reasons=("COMPLETE",),
        usage=USED,
        billing=BILLED,
    )


def test_a_whole_answer_of_the_first_version_is_read_in_the_same_words():
    call = decoded(WHOLE_FIRST, uri=FIRST)

    assert (call.request_model, call.response_id) == ("command-r", "3e9b7592")
    assert call.output_messages == (Message(role="assistant", parts=(TextPart(text="Ruby is the best."),)),)
    assert (call.finish_reasons, call.provider_finish_reasons) == (("stop",), ("COMPLETE",))
    assert (call.usage, call.billing) == (USED, BILLED)


def test_a_stream_of_events_is_put_together():
    call = decoded(as_events(EVENTS))

    assert call.streaming
    assert call.output_messages[0].parts == (
        ReasoningPart(text="I will look.Größe \u2028"),
        TextPart(text="Ruby is the best."),
        ToolCallPart(name="now", arguments={"zone": "CET"}, id="c1"),
        ToolCallPart(name="stop", id="c2"),
    )
    assert (call.response_id, call.finish_reasons, call.error_type) == ("9c4c845f", ("tool_call",), None)
    assert (call.usage, call.billing) == (USED, BILLED)


@pytest.mark.parametrize("framed", [as_lines, as_events])
def test_a_stream_of_the_first_version_reads_like_its_whole_answer(framed):
    call = decoded(framed(LINES), uri=FIRST, asked={**ASKED_FIRST, "stream": True})
    whole = decoded(WHOLE_FIRST, uri=FIRST, asked={**ASKED_FIRST, "stream": True})

    assert call.streaming
    assert not whole.streaming
    assert call.output_messages == whole.output_messages
    assert (call.usage, call.billing, call.finish_reasons) == (whole.usage, whole.billing, whole.finish_reasons)


@pytest.mark.parametrize("uri, body", [(SECOND, as_events(EVENTS)), (FIRST, as_lines(LINES))])
def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received(uri, body):
    headers = (("content-type", "application/stream+json" if uri == FIRST else "text/event-stream"),)
    calls = [decoded(body[:end], uri=uri, headers=headers, failure=CUT) for end in range(1, len(body))]
    texts = [call.output_text for call in calls]

    assert all("Ruby is the best.".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    # Only the end of the last event says that it was all.
    assert [call.error_type for call in calls[: body.rindex(b"}")]] == ["cut"] * body.rindex(b"}")
    assert calls[-1].error_type is None
    assert all(call.streaming for call in calls)


@pytest.mark.parametrize("uri, body", [(SECOND, WHOLE), (FIRST, WHOLE_FIRST)])
def test_a_whole_body_cut_at_any_byte_is_a_call_where_the_failure_is_known(uri, body):
    sent = json.dumps(body).encode()
    calls = [decoded(sent[:end], uri=uri, failure=CUT) for end in range(len(sent))]

    assert {call.error_type for call in calls} == {"cut"}


def test_a_stream_that_just_stops_is_cut():
    assert decoded(as_events(EVENTS[:-1], ends=False)).error_type == "cut"
    assert decoded(as_lines(LINES[:-1]), uri=FIRST).error_type == "cut"


def test_a_request_without_an_answer_is_a_call_with_the_failure():
    call = decoded(None, failure=TransferFailure(kind="connect"), asked={**ASKED, "stream": True})

    assert (call.error_type, call.streaming, call.output_messages) == ("connect", True, ())


@pytest.mark.parametrize(
    "status, body, error_type, message",
    [
        (401, {"id": "x", "message": "invalid api token"}, "401", "invalid api token"),
        (400, {"message": "too many tokens"}, "400", "too many tokens"),
        (422, {"data": "invalid_request", "message": "no"}, "422", "no"),
        (429, {"error": {"code": "429", "message": "slow down"}}, "429", "slow down"),
        (503, b"<html>", "503", "<html>"),
        (500, b"", "500", None),
    ],
)
def test_an_error_answer_is_a_call_in_the_words_of_the_provider(status, body, error_type, message):
    call = decoded(body, status=status)

    assert (call.error_type, call.error_message, call.output_messages) == (error_type, message, ())


def test_an_error_that_is_the_reason_of_the_end_is_the_finish_reason():
    end = {"finish_reason": "ERROR", "usage": {}, "error": "no such tool", "error_type": "INVALID_TOOL_GENERATION"}
    call = decoded(as_events([*EVENTS[:3], {"type": "message-end", "delta": end}]))

    assert (call.error_type, call.error_message) == (None, None)
    assert (call.finish_reasons, call.provider_finish_reasons) == (("error",), ("ERROR",))
    assert call.output_messages[0].parts == (ReasoningPart(text="I will look."),)
    assert call.usage == Usage()


def test_a_stream_of_lines_that_ends_with_an_error_says_so_as_its_finish_reason():
    end = {"is_finished": True, "event_type": "stream-end", "finish_reason": "ERROR", "response": {"text": "Ru"}}
    call = decoded(as_lines([*LINES[:2], end]), uri=FIRST)

    assert (call.error_type, call.output_text, call.finish_reasons) == (None, "Ru", ("error",))


@pytest.mark.parametrize(
    "wire_word, reason",
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("ERROR_LIMIT", "length"),
        ("TOOL_CALL", "tool_call"),
        ("ERROR_TOXIC", "content_filter"),
        ("ERROR", "error"),
        ("TIMEOUT", "error"),
        ("USER_CANCEL", "error"),
        ("SOMETHING_NEW", None),
        (None, None),
    ],
)
def test_finish_reasons_are_kept_in_both_vocabularies(wire_word, reason):
    call = decoded({**WHOLE, "finish_reason": wire_word})

    assert (call.provider_finish_reasons, call.finish_reasons) == ((wire_word,), (reason,))


@pytest.mark.parametrize(
    "meters, usage, billing",
    [
        (METERS, USED, BILLED),
        ({"tokens": {"input_tokens": 5}}, Usage(input_tokens=5), {}),
        (
            {"billed_units": {"input_tokens": 7, "output_tokens": 0}},
            Usage(input_tokens=7, output_tokens=0),
            {"billed_input_tokens": 7, "billed_output_tokens": 0},
        ),
        ({"billed_units": {"search_units": 1}}, Usage(), {"search_units": 1, "other_charges": ["search units"]}),
        ({"tokens": {"input_tokens": "5", "output_tokens": True}, "cached_tokens": None}, Usage(), {}),
        ({}, Usage(), {}),
        (None, Usage(), {}),
    ],
)
def test_usage_counts_what_the_model_read_and_billing_what_is_paid_for(meters, usage, billing):
    for call in (decoded({**WHOLE, "usage": meters}), decoded({**WHOLE_FIRST, "meta": meters}, uri=FIRST)):
        assert (call.usage, call.billing) == (usage, billing)


def test_tool_calls_of_the_first_version_end_an_answer_with_a_tool_call():
    call_ = {"name": "now", "parameters": {"zone": "CET"}}
    whole = {**WHOLE_FIRST, "text": "I will look.", "tool_calls": [{**call_, "generation_id": "g"}]}
    lines = [
        LINES[0],
        {"is_finished": False, "event_type": "tool-calls-chunk", "text": "I will"},
        {"is_finished": False, "event_type": "tool-calls-chunk", "tool_call_delta": {"text": " look."}},
        {"is_finished": False, "event_type": "tool-calls-chunk", "tool_call_delta": {"index": 0, "name": "now"}},
        {
            "is_finished": False,
            "event_type": "tool-calls-chunk",
            "tool_call_delta": {"index": 0, "parameters": '{"zone": '},
        },
        {
            "is_finished": False,
            "event_type": "tool-calls-chunk",
            "tool_call_delta": {"index": 0, "parameters": '"CET"}'},
        },
    ]
    generated = {
        "is_finished": False,
        "event_type": "tool-calls-generation",
        "text": "I will look.",
        "tool_calls": [call_],
    }
    end = {"is_finished": True, "event_type": "stream-end", "finish_reason": "COMPLETE", "response": whole}
    for body in (whole, as_lines([*lines, generated, end]), as_lines([*lines, generated]), as_lines(lines)):
        call = decoded(body, uri=FIRST)

        assert call.output_messages[0].parts == (
            TextPart(text="I will look."),
            ToolCallPart(name="now", arguments={"zone": "CET"}),
        )
        assert call.finish_reasons == (("tool_call",) if call.error_type is None else (None,))


@pytest.mark.parametrize(
    "message, expected",
    [
        ({"role": "system", "content": "Be brief."}, Message(role="system", parts=(TextPart(text="Be brief."),))),
        (
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "See:"},
                    {"type": "image_url", "image_url": {"url": "https://x/a.png"}},
                ],
            },
            Message(role="user", parts=(TextPart(text="See:"), MediaPart(kind="image", reference="https://x/a.png"))),
        ),
        (
            {
                "role": "assistant",
                "tool_plan": "I look.",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}],
            },
            Message(
                role="assistant",
                parts=(ReasoningPart(text="I look."), ToolCallPart(name="now", arguments={}, id="c1")),
            ),
        ),
        (
            {
                "role": "tool",
                "tool_call_id": "c1",
                "content": [{"type": "document", "document": {"data": {"time": "9"}}}],
            },
            Message(
                role="tool",
                parts=(ToolResultPart(result=[{"type": "document", "document": {"data": {"time": "9"}}}], id="c1"),),
            ),
        ),
        (5, None),
    ],
)
def test_every_form_of_a_sent_message_is_read(message, expected):
    call = decoded(WHOLE, asked={"messages": [message]})

    assert call.input_messages == (() if expected is None else (expected,))


def test_every_message_of_the_first_version_is_read():
    asked = {
        "preamble": "Be brief.",
        "chat_history": [
            {"role": "USER", "message": "Hi"},
            {"role": "CHATBOT", "message": "I look.", "tool_calls": [{"name": "now", "parameters": {}}]},
            {"role": "TOOL", "tool_results": [{"call": {"name": "now", "parameters": {}}, "outputs": [{"t": 9}]}]},
            5,
        ],
        "message": "Well?",
        "tool_results": [{"call": {"name": "now"}, "outputs": [{"t": 10}]}],
        "tools": [{"name": "now", "description": "The time", "parameter_definitions": {"zone": {"type": "str"}}}],
        "temperature": 0.5,
        "connectors": [{"id": "web-search"}],
    }
    call = decoded(WHOLE_FIRST, uri=FIRST, asked=asked)

    assert call.input_messages == (
        Message(role="system", parts=(TextPart(text="Be brief."),)),
        Message(role="user", parts=(TextPart(text="Hi"),)),
        Message(role="assistant", parts=(TextPart(text="I look."), ToolCallPart(name="now", arguments={}))),
        Message(role="tool", parts=(ToolResultPart(result=[{"t": 9}], id="now"),)),
        Message(role="user", parts=(TextPart(text="Well?"),)),
        Message(role="tool", parts=(ToolResultPart(result=[{"t": 10}], id="now"),)),
    )
    assert call.tool_definitions == (
        ToolDefinition(name="now", description="The time", parameters={"zone": {"type": "str"}}),
    )
    assert call.parameters == {"temperature": 0.5, "connectors": [{"id": "web-search"}]}


def test_retrieved_documents_are_what_the_model_was_shown_last():
    documents = ["Phones: 14 days.", {"id": "d2", "data": {"title": "Laptops", "snippet": "30 days."}}, 5]
    second = decoded(WHOLE, asked={**ASKED, "documents": documents}).input_messages[-1]
    first = decoded(
        WHOLE_FIRST, uri=FIRST, asked={**ASKED_FIRST, "documents": [{"id": "d2", "title": "Laptops"}]}
    ).input_messages[-1]

    assert second == Message(
        role="tool",
        parts=(
            ToolResultPart(result="Phones: 14 days."),
            ToolResultPart(result={"title": "Laptops", "snippet": "30 days."}, id="d2"),
        ),
    )
    assert first == Message(role="tool", parts=(ToolResultPart(result={"title": "Laptops"}, id="d2"),))


def test_tools_and_everything_else_that_was_sent_are_read():
    tool = {"type": "function", "function": {"name": "now", "description": "The time", "parameters": {}}}
    call = decoded(WHOLE, asked={**ASKED, "tools": [tool], "safety_mode": "NONE", "stream": False})

    assert call.tool_definitions == (ToolDefinition(name="now", description="The time", parameters={}),)
    assert call.parameters == {"safety_mode": "NONE", "stream": False}


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", SECOND, b'{"messages": []}', True),
        ("post", "https://x.services.ai.azure.com/providers/cohere/v2/chat?api-version=1", b'{"messages": []}', True),
        ("POST", FIRST, b'{"message": "Hi"}', True),
        ("POST", "https://x.models.ai.azure.com/v1/chat/", b'{"message": ""}', True),
        # Writer's.
        ("POST", "https://api.writer.com/v1/chat", b'{"messages": []}', False),
        ("POST", "http://localhost:8000/chat", b'{"message": "Hi"}', False),
        ("POST", "http://localhost:11434/api/chat", b'{"messages": []}', False),
        ("POST", FIRST, b'{"message": {}}', False),
        ("POST", SECOND, b"[]", False),
        ("POST", SECOND, b"", False),
        ("GET", SECOND, b'{"messages": []}', False),
        ("POST", "https://api.cohere.com/v2/embed", b'{"texts": []}', False),
    ],
)
def test_a_chat_is_known_by_its_request(method, uri, body, claimed):
    assert cohere_chat.claims(Request(method=method, uri=uri, body=body)) is claimed


@pytest.mark.parametrize("uri, body", [(SECOND, WHOLE), (FIRST, WHOLE_FIRST)])
def test_the_package_reads_the_format_and_adds_who_served_it(uri, body):
    call = wire.decode(exchange_of(body, uri=uri, duration=1.5))

    assert (call.operation_name, call.provider_name, call.latency) == ("chat", "cohere", 1.5)


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"[]", b"{}", b'{"message": "Hi"}', b'{"object": "list"}', b"data: {}"]
)
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange):
        decoded(body)


def test_a_request_that_is_no_json_object_is_undecodable():
    with pytest.raises(UndecodableExchange):
        decoded(WHOLE, asked=b"[]")


def test_two_recordings_of_one_answer_differ_in_what_varies_alone():
    def told(name, value):
        text = json.dumps(value)
        for varying in ("40a2cb77", "9c4c845f", '"c1', '"c2', "3e9b7592", "e342ea17", "87a52a39"):
            text = text.replace(varying, f"{varying}{name}")
        return json.loads(text)

    for whole in (WHOLE, WHOLE_FIRST):
        first, second = (told(name, whole) for name in "ab")

        assert first != second
        assert lifted(first, cohere_chat.VOLATILE)[0] == lifted(second, cohere_chat.VOLATILE)[0]
    for framed, events in ((as_events, EVENTS), (as_lines, LINES)):
        first, second = (fold(framed(told(name, events)), volatile=cohere_chat.VOLATILE) for name in "ab")

        assert first.varies != second.varies
        assert first.value == second.value


SEEDS = [WHOLE, WHOLE_FIRST, *EVENTS, *LINES]


def places_in(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places_in(child, (*path, key))


def with_value_at(value, path, new):
    if not path:
        return new
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = with_value_at(value[path[0]], path[1:], new)
    return changed


@settings(max_examples=200, deadline=None)
@given(data=st.data(), uri=st.sampled_from([SECOND, FIRST]))
def test_whatever_stands_at_whatever_place_raises_nothing_but_undecodable(data, uri):
    seed = data.draw(st.sampled_from(SEEDS))
    changed = with_value_at(seed, data.draw(st.sampled_from(list(places_in(seed)))), data.draw(JSON_VALUES))
    asked = {**(ASKED if uri == SECOND else ASKED_FIRST), "documents": data.draw(JSON_VALUES), "tools": changed}
    events = [each if isinstance(each, dict) else {} for each in (EVENTS[0], changed, EVENTS[-1])]
    for body in (json.dumps(changed).encode(), as_events(events), as_lines([LINES[0], changed, LINES[-1]])):
        try:
            call = decoded(body, uri=uri, asked=asked)
        except UndecodableExchange:
            continue

        assert call.operation_name == "chat"


@settings(max_examples=100, deadline=None)
@given(start=st.sampled_from([b"", b"{", b"data: ", b'{"is_finished": false}\n']), noise=st.binary(max_size=60))
def test_any_bytes_raise_nothing_but_undecodable(start, noise):
    try:
        call = decoded(start + noise)
    except UndecodableExchange:
        return

    assert call.operation_name == "chat"


def test_deep_nesting_is_no_way_to_break_a_run():
    deep = b"[" * 100_000 + b"]" * 100_000

    with pytest.raises(UndecodableExchange):
        decoded(b'{"message": ' + deep + b"}")


# Cohere's own client, fed with the same bytes by a server on this machine.


@pytest.fixture
def sdk(provider):
    """Cohere's own client, of either version, which is answered with the bytes it is given."""
    cohere = pytest.importorskip("cohere")
    address = provider.base_url.removesuffix("/v1")
    with ExitStack() as opened:

        def client(kind, body, content_type):
            provider.script(raw(200, {"content-type": content_type}, body))
            return opened.enter_context(getattr(cohere, kind)(api_key="no-key", base_url=address))

        yield client


def test_a_whole_answer_is_read_as_coheres_own_client_reads_it(sdk):
    asked = {"model": ASKED["model"], "messages": ASKED["messages"]}
    said = sdk("ClientV2", json.dumps(WHOLE).encode(), "application/json").chat(**asked)
    call = decoded(WHOLE)

    assert call.output_text == "".join(item.text for item in said.message.content if item.type == "text")
    assert call.provider_finish_reasons == (said.finish_reason,)
    assert (call.usage.input_tokens, call.usage.output_tokens) == (
        said.usage.tokens.input_tokens,
        said.usage.tokens.output_tokens,
    )
    assert call.billing["billed_input_tokens"] == said.usage.billed_units.input_tokens


def test_a_stream_is_read_as_coheres_own_client_reads_it(sdk):
    client = sdk("ClientV2", as_events(EVENTS), "text/event-stream")
    said = list(client.chat_stream(model=ASKED["model"], messages=ASKED["messages"]))
    call = decoded(as_events(EVENTS))
    texts = [event.delta.message.content.text for event in said if event.type == "content-delta"]
    names = [event.delta.message.tool_calls.function.name for event in said if event.type == "tool-call-start"]

    assert call.output_text == "".join(text for text in texts if text)
    assert [each.name for each in call.tool_calls] == names
    assert call.provider_finish_reasons == (said[-1].delta.finish_reason,)
    assert call.usage.input_tokens == said[-1].delta.usage.tokens.input_tokens


def test_a_stream_of_lines_is_read_as_coheres_own_client_reads_it(sdk):
    client = sdk("Client", as_lines(LINES), "application/stream+json")
    said = list(client.chat_stream(**ASKED_FIRST))
    call = decoded(as_lines(LINES), uri=FIRST)

    assert call.output_text == "".join(event.text for event in said if event.event_type == "text-generation")
    assert call.output_text == said[-1].response.text
    assert call.provider_finish_reasons == (said[-1].finish_reason,)


@pytest.mark.parametrize("endpoint", ["cohere.v2.chat", "cohere.v1.chat"])
def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it(endpoint):
    compared, wrong = 0, []
    for name, exchange, interaction in recorded(corpus(), endpoint):
        read = values_read(wire.decode(exchange))
        for field, want in expected_values(interaction).items():
            compared += 1
            wrong += [(name, field, want, read[field])] if read[field] != want else []

    assert wrong == []
    assert compared > 0


@pytest.mark.parametrize("endpoint", ["cohere.v2.chat", "cohere.v1.chat"])
def test_recorded_traffic_cut_anywhere_raises_nothing_but_undecodable(endpoint):
    for _, exchange, _ in recorded(corpus(), endpoint):
        request, response = exchange.request, exchange.response
        for part in range(20):
            body = response.body[: len(response.body) * part // 20]
            cut = Exchange(request=request, response=Response(status=response.status, body=body), failure=CUT)

            assert wire.decode(cut).operation_name == "chat"
