"""What `wire.ollama` reads in bytes: chats, completions and embeddings, whole, streamed line by line, and cut."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speaking_formats import CUT, JSON_VALUES, disagreements, exchange_of, outcome_of

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
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire import ollama

HOST = "http://localhost:11434"
ASKED = {"model": "llama3", "messages": [{"role": "user", "content": "How are you?"}]}
FACTS = {"model": "llama3", "created_at": "2024-05-30T16:25:18.99277713Z"}
COUNTS = {"prompt_eval_count": 11, "eval_count": 42, "total_duration": 9575812796, "eval_duration": 7875749000}
WHOLE = {
    **FACTS,
    "message": {"role": "assistant", "content": "Größe 7."},
    "done": True,
    "done_reason": "stop",
    **COUNTS,
}
LINES = [
    {**FACTS, "message": {"role": "assistant", "content": "", "thinking": "Well"}, "done": False},
    {**FACTS, "message": {"role": "assistant", "content": "Größe"}, "done": False},
    {**FACTS, "message": {"role": "assistant", "content": " 7."}, "done": False},
    {**FACTS, "message": {"role": "assistant", "content": ""}, "done_reason": "stop", "done": True, **COUNTS},
]
CALL = {"id": "call_2k7r", "function": {"index": 0, "name": "add", "arguments": {"a": 2, "b": 3}}}
PNG = "iVBORw=="
PNG_PART = MediaPart(kind="image", reference="sha256:" + hashlib.sha256(b"\x89PNG").hexdigest())


def as_lines(objects):
    return "".join(f"{json.dumps(each, ensure_ascii=False)}\n" for each in objects).encode()


def decoded(body, *, asked=ASKED, path="/api/chat", **how) -> ModelCall:
    return ollama.decode(exchange_of(body, asked=asked, uri=HOST + path, **how))


def user(*parts):
    return Message(role="user", parts=parts)


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    asked = {**ASKED, "stream": False, "options": {"temperature": 0}}

    assert decoded(WHOLE, asked=asked) == ModelCall(
        operation_name="chat",
        request_model="llama3",
        response_model="llama3",
        input_messages=(user(TextPart(text="How are you?")),),
        parameters={"stream": False, "options": {"temperature": 0}},
        output_messages=(Message(role="assistant", parts=(TextPart(text="Größe 7."),)),),
        finish_reasons=("stop",),
        provider_finish_reasons=("stop",),
        usage=Usage(input_tokens=11, output_tokens=42),
        provider_facts={"server_latency_ms": 9575.813, "completion_time_ms": 7875.749},
    )


def test_a_stream_reads_like_the_whole_answer():
    call = decoded(as_lines(LINES))

    assert call.streaming
    assert call.output_messages[0].parts == (ReasoningPart(text="Well"), TextPart(text="Größe 7."))
    assert (call.finish_reasons, call.usage) == (("stop",), Usage(input_tokens=11, output_tokens=42))
    assert call.error_type is None


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    body = as_lines(LINES)
    calls = [decoded(body[:end], failure=CUT) for end in range(len(body))]
    texts = [call.output_text for call in calls]

    assert all("Größe 7.".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert texts[-1] == "Größe 7."
    assert all(call.streaming for call in calls)
    assert all(call.error_type == (None if call.finish_reasons == ("stop",) else "cut") for call in calls)


def test_a_stream_that_just_stops_is_cut():
    call = decoded(as_lines(LINES[:2]))

    assert (call.output_text, call.error_type, call.usage) == ("Größe", "cut", Usage())


def test_an_error_in_a_stream_keeps_what_came_before_it():
    call = decoded(as_lines([*LINES[:2], {"error": "an error was encountered while running the model"}]))

    assert (call.output_text, call.error_type) == ("Größe", "error")
    assert call.error_message == "an error was encountered while running the model"


@pytest.mark.parametrize(
    "kind, stream, streaming",
    [
        ("application/x-ndjson", None, True),
        ("application/json; charset=utf-8", None, False),
        (None, None, True),
        (None, True, True),
        (None, False, False),
    ],
)
def test_one_object_is_a_stream_by_its_header_or_where_a_stream_was_asked_for(kind, stream, streaming):
    asked = ASKED if stream is None else {**ASKED, "stream": stream}

    assert decoded(WHOLE, asked=asked, came_as=kind).streaming is streaming


def test_an_answer_that_was_stored_with_indents_is_whole():
    call = decoded(json.dumps(WHOLE, indent=2).encode(), asked={**ASKED, "stream": False})

    assert (call.output_text, call.streaming) == ("Größe 7.", False)


def test_a_tool_call_has_the_arguments_as_an_object():
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    tools = [{"type": "function", "function": {"name": "add", "description": "Add two numbers.", "parameters": schema}}]
    answer = {**WHOLE, "message": {"role": "assistant", "content": "", "thinking": "Add", "tool_calls": [CALL]}}
    call = decoded(answer, asked={**ASKED, "tools": tools})
    streamed = decoded(as_lines([{**answer, "done": False}, LINES[-1]]))

    assert call.tool_definitions == (ToolDefinition(name="add", description="Add two numbers.", parameters=schema),)
    assert call.tool_calls == (ToolCallPart(name="add", arguments={"a": 2, "b": 3}, id="call_2k7r"),)
    assert streamed.output_messages == call.output_messages


def test_every_kind_of_message_is_read():
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is this?", "images": [PNG]},
        {"role": "assistant", "content": "", "thinking": "Add", "tool_calls": [CALL]},
        {"role": "tool", "tool_name": "add", "content": "5"},
    ]

    assert decoded(WHOLE, asked={"model": "llama3", "messages": messages}).input_messages == (
        Message(role="system", parts=(TextPart(text="Be brief."),)),
        user(TextPart(text="What is this?"), PNG_PART),
        Message(
            role="assistant",
            parts=(ReasoningPart(text="Add"), ToolCallPart(name="add", arguments={"a": 2, "b": 3}, id="call_2k7r")),
        ),
        Message(role="tool", parts=(ToolResultPart(result="5", id="add"),)),
    )


def test_a_text_completion_is_read_in_the_words_of_the_conventions():
    asked = {
        "model": "llama3",
        "prompt": "life is",
        "system": "Be brief.",
        "images": [PNG],
        "stream": False,
        "raw": True,
    }
    answer = {
        **FACTS,
        "response": "fragile.",
        "done": True,
        "context": [1, 2],
        "prompt_eval_count": 12,
        "eval_count": 4,
    }

    assert decoded(answer, asked=asked, path="/api/generate") == ModelCall(
        operation_name="text_completion",
        request_model="llama3",
        response_model="llama3",
        input_messages=(
            Message(role="system", parts=(TextPart(text="Be brief."),)),
            user(TextPart(text="life is"), PNG_PART),
        ),
        parameters={"stream": False, "raw": True},
        output_messages=(Message(role="assistant", parts=(TextPart(text="fragile."),)),),
        finish_reasons=(None,),
        provider_finish_reasons=(None,),
        usage=Usage(input_tokens=12, output_tokens=4),
    )


def test_a_model_that_is_only_loaded_says_nothing():
    answer = {**FACTS, "response": "", "done": True, "done_reason": "load"}
    call = decoded(answer, asked={"model": "llama3"}, path="/api/generate")

    assert (call.input_messages, call.output_text, call.usage) == ((), "", Usage())
    assert (call.finish_reasons, call.provider_finish_reasons, call.error_type) == ((None,), ("load",), None)


def test_an_image_that_was_drawn_is_part_of_the_answer():
    call = decoded({**FACTS, "image": PNG, "done": True}, asked={"model": "z", "prompt": "cat"}, path="/api/generate")

    assert call.output_messages[0].parts == (PNG_PART,)


@pytest.mark.parametrize(
    "path, asked, answer, texts, tokens",
    [
        ("/api/embed", {"input": ["a", "b"]}, {"embeddings": [[0.1], [0.2]], "prompt_eval_count": 8}, ["a", "b"], 8),
        ("/api/embed", {"input": "a"}, {"embeddings": [[0.1]]}, ["a"], None),
        ("/api/embeddings", {"prompt": "a"}, {"embedding": [0.1]}, ["a"], None),
    ],
)
def test_embeddings_are_read(path, asked, answer, texts, tokens):
    call = decoded(answer, asked={"model": "nomic", **asked}, path=path)

    assert (call.operation_name, call.streaming, call.output_messages) == ("embeddings", False, ())
    assert [message.text for message in call.input_messages] == texts
    assert call.usage == Usage(input_tokens=tokens)
    assert call.parameters == {}


@pytest.mark.parametrize("missing", ["prompt_eval_count", "eval_count", "done_reason", "model", "created_at"])
def test_a_field_that_is_missing_is_unknown(missing):
    answer = {name: value for name, value in WHOLE.items() if name != missing}
    call = decoded(answer)

    assert (call.usage.input_tokens is None) == (missing == "prompt_eval_count")
    assert (call.usage.output_tokens is None) == (missing == "eval_count")
    assert (call.provider_finish_reasons == (None,)) == (missing == "done_reason")
    assert (call.output_text, call.error_type) == ("Größe 7.", None)


def test_what_was_read_from_the_cache_is_part_of_the_input():
    usage = decoded({**WHOLE, "prompt_eval_cached_count": 7}).usage

    assert usage == Usage(input_tokens=11, output_tokens=42, cache_read_input_tokens=7)


def test_an_error_is_a_call_in_the_words_of_the_server():
    call = decoded({"error": "model 'nobody' not found"}, status=404)

    assert (call.error_type, call.error_message) == ("404", "model 'nobody' not found")
    assert (call.streaming, call.output_messages) == (False, ())


@pytest.mark.parametrize("body", [b"", b"Hello", b"[]", b"5", b'{"choices": []}', b'{"a": 1}\n{"b": 2}\n'])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `done`"):
        decoded(body)


@pytest.mark.parametrize(
    "method, path, body, claimed",
    [
        ("POST", "/api/chat", b'{"model": "m", "messages": []}', True),
        ("POST", "/ollama/api/generate?x=1", b'{"model": "m", "prompt": "Hi"}', True),
        ("POST", "/api/embed", b'{"model": "m", "input": "Hi"}', True),
        ("POST", "/api/embeddings", b'{"model": "m", "prompt": "Hi"}', True),
        ("POST", "/api/chat", b'{"messages": []}', False),
        ("POST", "/api/embed", b'{"model": "m", "prompt": "Hi"}', False),
        ("POST", "/api/show", b'{"model": "m"}', False),
        ("GET", "/api/chat", b'{"model": "m", "messages": []}', False),
        ("POST", "/api/chat", b"", False),
    ],
)
def test_a_request_is_known_by_its_path_and_its_fields(method, path, body, claimed):
    assert ollama.claims(Request(method=method, uri=HOST + path, body=body)) is claimed


FIELDS = dict.fromkeys(("message", "response", "done", "done_reason", "eval_count", "error", "embeddings"), JSON_VALUES)


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries({}, optional=FIELDS) | JSON_VALUES | st.binary(max_size=40),
    st.sampled_from(["chat", "generate", "embed"]),
)
def test_any_body_is_a_call_or_undecodable(body, kind):
    for sent in (body, body if isinstance(body, bytes) else as_lines([LINES[0], body])):
        exchange = exchange_of(sent, asked=ASKED, uri=f"{HOST}/api/{kind}")
        call = outcome_of(ollama.decode, exchange)

        assert call is None or call.request_model == "llama3"


@pytest.mark.parametrize("endpoint", ["ollama.chat", "ollama.generate", "ollama.embed"])
def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it(endpoint):
    assert disagreements(endpoint) == []
