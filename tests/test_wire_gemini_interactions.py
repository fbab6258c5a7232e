"""What `wire.gemini_interactions` reads in bytes: whole, streamed, polled, cut short, and as it was really sent."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider import raw
from test_wire_openai_chat import corpus, recorded
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
from pytest_llmwatch.wire import gemini_interactions

URI = "https://generativelanguage.googleapis.com/v1beta/interactions"
ASKED = {"model": "gemini-2.5-flash-lite", "input": "What time is it?"}
CUT = TransferFailure(kind="cut", message="peer closed connection")
COUNTS = {
    "total_tokens": 345,
    "total_input_tokens": 267,
    "input_tokens_by_modality": [{"modality": "text", "tokens": 9}, {"modality": "audio", "tokens": 258}],
    "total_cached_tokens": 100,
    "total_output_tokens": 3,
    "total_tool_use_tokens": 18,
    "total_thought_tokens": 57,
}
USED = Usage(input_tokens=285, output_tokens=60, cache_read_input_tokens=100, reasoning_output_tokens=57)
BILLED = {"service_tier": "standard", "total_tokens": 345, "input_audio_tokens": 258}
HEAD = {"id": "v1_abc", "object": "interaction", "model": "gemini-2.5-flash-lite", "service_tier": "standard"}

WHOLE = {
    **HEAD,
    "status": "requires_action",
    "usage": COUNTS,
    "created": "2026-05-13T20:35:38Z",
    "updated": "2026-05-13T20:35:38Z",
    "steps": [
        {"type": "user_input", "content": [{"type": "text", "text": "What time is it?"}]},
        {"type": "thought", "signature": "CosC", "summary": [{"type": "text", "text": "I look it up."}]},
        {"type": "google_search_call", "id": "s1", "arguments": {"queries": ["time"]}},
        {"type": "google_search_result", "call_id": "s1", "result": [{"search_suggestions": "<div>"}]},
        {"type": "model_output",
         "content": [{"type": "text", "text": "I ask "}, {"type": "text", "text": "the clock."}]},
        {"type": "function_call", "id": "c1", "name": "now", "arguments": {"zone": "CET"}},
    ],
}  # fmt: skip
PARTS = (
    ReasoningPart(text="I look it up."),
    ToolCallPart(name="google_search", arguments={"queries": ["time"]}, id="s1"),
    ToolResultPart(result=[{"search_suggestions": "<div>"}], id="s1"),
    TextPart(text="I ask the clock."),
    ToolCallPart(name="now", arguments={"zone": "CET"}, id="c1"),
)


def start(index, **step):
    return {"index": index, "step": step, "event_type": "step.start"}


def delta(index, **delta):
    return {"index": index, "delta": delta, "event_type": "step.delta"}


def stop(index):
    return {"index": index, "event_type": "step.stop"}


EVENTS = [
    {"interaction": {**HEAD, "status": "in_progress"}, "event_type": "interaction.created"},
    {"interaction_id": "v1_abc", "status": "in_progress", "event_type": "interaction.status_update"},
    start(0, type="thought"),
    delta(0, type="thought_summary", content={"type": "text", "text": "I look it up."}),
    delta(0, type="thought_signature", signature="CosC"),
    stop(0),
    start(1, type="google_search_call", id="s1", arguments={}),
    delta(1, type="google_search_call", arguments={"queries": ["time"]}),
    start(2, type="google_search_result", call_id="s1", result=[]),
    delta(2, type="google_search_result", result=[{"search_suggestions": "<div>"}]),
    start(3, type="model_output"),
    delta(3, type="text", text="I ask "),
    delta(3, type="text", text="the clock."),
    stop(3),
    start(4, type="function_call", id="c1", name="now", arguments={}),
    delta(4, type="arguments_delta", arguments='{"zone":'),
    delta(4, type="arguments_delta", arguments=' "CET"}'),
    stop(4),
    {
        "interaction": {**{name: value for name, value in WHOLE.items() if name != "steps"}},
        "event_type": "interaction.completed",
    },
]


def as_events(events, *, ends=True):
    rows = [f"event: {each['event_type']}\ndata: {json.dumps(each)}\n\n" for each in events]
    return "".join([*rows, *(["event: done\ndata: [DONE]\n\n"] if ends else [])]).encode()


def exchange_of(body, *, asked=ASKED, uri=URI, method="POST", status=200, **facts) -> Exchange:
    received = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    response = None if received is None else Response(status=status, body=received)
    sent = b"" if method == "GET" else asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    return Exchange(request=Request(method=method, uri=uri, body=sent), response=response, **facts)


def decoded(body, **how) -> ModelCall:
    return gemini_interactions.decode(exchange_of(body, **how))


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="chat",
        request_model="gemini-2.5-flash-lite",
        response_model="gemini-2.5-flash-lite",
        response_id="v1_abc",
        input_messages=(Message(role="user", parts=(TextPart(text="What time is it?"),)),),
        output_messages=(Message(role="assistant", parts=PARTS),),
        finish_reasons=("tool_call",),
        provider_finish_reasons=("requires_action",),
        usage=USED,
        billing=BILLED,
    )


def test_a_stream_reads_like_the_whole_answer():
    call, whole = decoded(as_events(EVENTS)), decoded(WHOLE)

    assert call.streaming
    assert call.output_messages == whole.output_messages
    assert (call.usage, call.billing, call.finish_reasons) == (whole.usage, whole.billing, whole.finish_reasons)
    assert (call.response_id, call.response_model, call.error_type) == ("v1_abc", "gemini-2.5-flash-lite", None)


def test_outputs_and_contents_of_before_there_were_steps_are_read_alike():
    outputs = [
        {"type": "thought", "signature": "CosC", "summary": [{"type": "text", "text": "I look it up."}]},
        {"type": "text", "text": "I ask the clock."},
        {"type": "function_call", "id": "c1", "name": "now", "arguments": {"zone": "CET"}},
    ]
    events = [
        {"event_type": "interaction.start", "interaction": {**HEAD, "status": "in_progress"}},
        {"event_type": "content.start", "index": 0, "content": {"type": "thought"}},
        {"event_type": "content.delta", "index": 0,
         "delta": {"type": "thought_summary", "content": {"type": "text", "text": "I look it up."}}},
        {"event_type": "content.start", "index": 1, "content": {"type": "text"}},
        {"event_type": "content.delta", "index": 1, "delta": {"type": "text", "text": "I ask "}},
        {"event_type": "content.delta", "index": 1, "delta": {"type": "text", "text": "the clock."}},
        {"event_type": "content.start", "index": 2, "content": {"type": "function_call"}},
        {"event_type": "content.delta", "index": 2,
         "delta": {"type": "function_call", "id": "c1", "name": "now", "arguments": {"zone": "CET"}}},
        {"event_type": "interaction.complete", "interaction": {**HEAD, "status": "requires_action"}},
    ]  # fmt: skip
    for body in ({**HEAD, "status": "requires_action", "outputs": outputs}, as_events(events)):
        call = decoded(body)

        assert call.output_messages[0].parts == (PARTS[0], PARTS[3], PARTS[4])
        assert call.finish_reasons == ("tool_call",)


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    body = as_events(EVENTS)
    calls = [decoded(body[:end], failure=CUT) for end in range(len(b"event:"), len(body))]
    texts = [call.output_text for call in calls]
    whole_at = body.rindex(b"}") - len(b"event:")

    assert all("I ask the clock.".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert {call.error_type for call in calls[:whole_at]} == {"cut"}
    assert calls[-1].error_type is None


def test_a_whole_answer_cut_at_any_byte_is_a_call_where_the_failure_is_known():
    sent = json.dumps(WHOLE).encode()

    assert {decoded(sent[:end], failure=CUT).error_type for end in range(len(sent))} == {"cut"}


def test_what_goes_on_in_the_background_has_no_answer_yet():
    call = decoded({**HEAD, "status": "in_progress"}, asked={**ASKED, "background": True})

    assert (call.output_messages, call.finish_reasons, call.usage, call.error_type) == ((), (), Usage(), None)


def test_polling_reads_the_answer_and_has_not_asked_anything():
    call = decoded(WHOLE, method="GET", uri=f"{URI}/v1_abc")
    streamed = decoded(as_events(EVENTS), method="GET", uri=f"{URI}/v1_abc?stream=true")

    assert (call.request_model, call.input_messages, call.response_id) == (None, (), "v1_abc")
    assert call.output_messages == streamed.output_messages
    assert streamed.streaming


@pytest.mark.parametrize(
    "wire_word, reason",
    [
        ("completed", "stop"),
        ("requires_action", "tool_call"),
        ("incomplete", "length"),
        ("budget_exceeded", "length"),
        ("failed", "error"),
        ("cancelled", "error"),
        ("something_new", None),
    ],
)
def test_the_status_is_the_finish_reason_in_both_vocabularies(wire_word, reason):
    call = decoded({**WHOLE, "status": wire_word})

    assert (call.provider_finish_reasons, call.finish_reasons) == ((wire_word,), (reason,))


@pytest.mark.parametrize(
    "status, body, error_type, message",
    [
        (400, {"error": {"code": "invalid_request", "message": "No."}}, "invalid_request", "No."),
        (404, {"error": {"code": 404, "message": "No.", "status": "NOT_FOUND"}}, "404", "No."),
        (200, {**HEAD, "status": "failed", "errors": [{"code": "internal", "message": "No."}]}, "internal", "No."),
        (200, {**HEAD, "status": "failed", "steps": [{"error": {"code": 13, "message": "No."}}]}, "13", "No."),
        (200, {**HEAD, "status": "failed"}, "failed", None),
        (200, as_events([EVENTS[0], {"event_type": "error", "error": {"code": "internal", "message": "No."}}]),
         "internal", "No."),
    ],
)  # fmt: skip
def test_an_error_is_a_call_in_the_words_of_the_provider(status, body, error_type, message):
    call = decoded(body, status=status)

    assert (call.error_type, call.error_message) == (error_type, message)


PNG = MediaPart(kind="image", reference="sha256:" + hashlib.sha256(b"\x89PNG").hexdigest())


@pytest.mark.parametrize(
    "sent, messages",
    [
        ("Hi", [("user", (TextPart(text="Hi"),))]),
        ({"type": "text", "text": "Hi"}, [("user", (TextPart(text="Hi"),))]),
        ([{"type": "text", "text": "Hi"}, {"type": "image", "data": "iVBORw==", "mime_type": "image/png"}],
         [("user", (TextPart(text="Hi"), PNG))]),
        ([{"type": "document", "uri": "https://x/a.pdf"}],
         [("user", (MediaPart(kind="file", reference="https://x/a.pdf"),))]),
        ([{"role": "user", "content": "Hi"}, {"role": "model", "content": [{"type": "text", "text": "Ho"}]}],
         [("user", (TextPart(text="Hi"),)), ("assistant", (TextPart(text="Ho"),))]),
        ([{"type": "user_input", "content": [{"type": "text", "text": "Hi"}]},
          {"type": "thought", "summary": [{"type": "text", "text": "Hm."}]},
          {"type": "function_call", "id": "c1", "name": "now", "arguments": {}},
          {"type": "function_result", "call_id": "c1", "name": "now", "result": "9"}],
         [("user", (TextPart(text="Hi"),)),
          ("assistant", (ReasoningPart(text="Hm."), ToolCallPart(name="now", arguments={}, id="c1"))),
          ("tool", (ToolResultPart(result="9", id="c1"),))]),
        (None, []),
        (5, []),
    ],
)  # fmt: skip
def test_every_form_of_the_input_is_read(sent, messages):
    call = decoded(WHOLE, asked={**ASKED, "input": sent, "system_instruction": "Be brief."})

    assert call.input_messages == (
        Message(role="system", parts=(TextPart(text="Be brief."),)),
        *(Message(role=role, parts=parts) for role, parts in messages),
    )


def test_tools_and_everything_else_that_was_sent_are_read():
    tools = [
        {"type": "function", "name": "now", "description": "The time", "parameters": {"type": "object"}},
        {"type": "google_search"},
        {"type": "mcp_server", "name": "x", "url": "https://x"},
    ]
    call = decoded(WHOLE, asked={"agent": "deep-research", "input": "Hi", "tools": tools, "background": True})

    assert call.tool_definitions == (
        ToolDefinition(name="now", description="The time", parameters={"type": "object"}),
        ToolDefinition(name="google_search"),
        ToolDefinition(name="mcp_server", parameters={"name": "x", "url": "https://x"}),
    )
    assert (call.request_model, call.parameters) == ("deep-research", {"background": True})


@pytest.mark.parametrize(
    "method, uri, asked, claimed",
    [
        ("POST", URI, ASKED, True),
        ("POST", URI, {"agent": "a", "input": []}, True),
        ("GET", f"{URI}/v1_abc?include_input=true", None, True),
        ("GET", "https://x-aiplatform.googleapis.com/v1beta1/projects/p/locations/l/interactions/i", None, True),
        ("POST", "https://discord.com/api/v10/interactions/1/token/callback", {"type": 4}, False),
        ("GET", "https://example.com/interactions/5", None, False),
        ("POST", f"{URI}/v1_abc/cancel", {}, False),
        ("POST", URI, {"input": "Hi"}, False),
        ("DELETE", f"{URI}/v1_abc", None, False),
    ],
)
def test_an_interaction_is_known_by_its_request(method, uri, asked, claimed):
    assert gemini_interactions.claims(Request(method=method, uri=uri, body=json.dumps(asked).encode())) is claimed


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"{}", b'{"candidates": []}', b"data: {}"])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange):
        decoded(body)


def test_two_recordings_of_one_answer_differ_in_what_varies_alone():
    def told(name, value):
        text = json.dumps(value)
        for varying in ("v1_abc", '"s1', '"c1', "CosC", "2026-05-13T20:35:38Z"):
            text = text.replace(varying, f"{varying}{name}")
        return json.loads(text)

    first, second = (told(name, WHOLE) for name in "ab")
    one, other = (fold(as_events(told(name, EVENTS)), volatile=gemini_interactions.VOLATILE) for name in "ab")

    assert first != second
    assert lifted(first, gemini_interactions.VOLATILE)[0] == lifted(second, gemini_interactions.VOLATILE)[0]
    assert one.varies != other.varies
    assert one.value == other.value


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
@given(data=st.data())
def test_whatever_stands_at_whatever_place_raises_nothing_but_undecodable(data):
    seed = data.draw(st.sampled_from([WHOLE, *EVENTS]))
    changed = with_value_at(seed, data.draw(st.sampled_from(list(places_in(seed)))), data.draw(JSON_VALUES))
    asked = {**ASKED, "input": data.draw(JSON_VALUES | st.just(changed)), "tools": data.draw(JSON_VALUES)}
    lines = "".join(f"data: {json.dumps(each)}\n\n" for each in (EVENTS[0], changed, EVENTS[-1])).encode()
    for body in (json.dumps(changed).encode(), lines):
        try:
            call = decoded(body, asked=asked)
        except UndecodableExchange:
            continue

        assert call.operation_name == "chat"


# Google's own client, fed with the same bytes by a server on this machine.


@pytest.fixture
def sdk(provider):
    """Google's own client, which is answered with the bytes it is given."""
    genai = pytest.importorskip("google.genai")
    options = {"base_url": provider.base_url.removesuffix("/v1")}
    with genai.Client(api_key="no-key", vertexai=False, http_options=options) as client:

        def ask(body, *, stream):
            kind = "text/event-stream" if stream else "application/json"
            provider.script(raw(200, {"content-type": kind}, body))
            return client.interactions.create(**ASKED, stream=stream)

        yield ask


def test_a_whole_answer_is_read_as_googles_own_client_reads_it(sdk):
    said = sdk(json.dumps(WHOLE).encode(), stream=False)
    call = decoded(WHOLE)
    calls = [(step.name, step.arguments, step.id) for step in said.steps if step.type == "function_call"]
    texts = [item.text for step in said.steps if step.type == "model_output" for item in step.content]

    assert (call.output_text, call.response_id) == ("".join(texts), said.id)
    assert [(each.name, each.arguments, each.id) for each in call.tool_calls if each.name == "now"] == calls
    assert call.provider_finish_reasons == (said.status,)
    assert call.billing["total_tokens"] == said.usage.total_tokens
    assert call.usage.cache_read_input_tokens == said.usage.total_cached_tokens


def test_a_stream_is_read_as_googles_own_client_reads_it(sdk):
    said = list(sdk(as_events(EVENTS), stream=True))
    call = decoded(as_events(EVENTS))
    deltas = [event.delta for event in said if event.event_type == "step.delta"]

    assert call.output_text == "".join(each.text for each in deltas if each.type == "text")
    arguments = "".join(each.arguments for each in deltas if each.type == "arguments_delta")
    assert call.tool_calls[-1].arguments == json.loads(arguments)
    assert call.provider_finish_reasons == (said[-1].interaction.status,)
    assert call.billing["total_tokens"] == said[-1].interaction.usage.total_tokens


def test_recorded_traffic_is_read_with_what_it_says_and_counts():
    read = [wire.decode(exchange) for _, exchange, _ in recorded(corpus(), "gemini.interactions")]

    assert len(read) > 0
    assert {call.output_text for call in read} == {"The image displays"}
    assert {call.provider_finish_reasons for call in read} == {("incomplete",)}
    assert all(call.usage.output_tokens == 60 for call in read)


def test_recorded_traffic_cut_anywhere_raises_nothing_but_undecodable():
    for _, exchange, _ in recorded(corpus(), "gemini.interactions"):
        request, response = exchange.request, exchange.response
        for part in range(40):
            body = response.body[: len(response.body) * part // 40]
            cut = Exchange(request=request, response=Response(status=response.status, body=body), failure=CUT)

            assert wire.decode(cut).operation_name == "chat"
