"""What `wire.cloudflare_run` reads in bytes: answers of Workers AI by its own address, whole, streamed and cut."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from speaking_formats import CUT, JSON_VALUES, events_of, exchange_of, outcome_of

from pytest_llmwatch import wire
from pytest_llmwatch.calls import MediaPart, Message, ModelCall, TextPart, ToolCallPart, ToolDefinition, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire import cloudflare_run

HOST = "https://api.cloudflare.com/client/v4/accounts/0123"
MODEL = "@cf/meta/llama-3.1-8b-instruct"
URI = f"{HOST}/ai/run/{MODEL}"
ASKED = {"messages": [{"role": "user", "content": "What country is Berlin in?"}], "max_tokens": 64}
USAGE = {"prompt_tokens": 26, "completion_tokens": 8, "total_tokens": 34}
WHOLE = {
    "result": {"response": "Berlin is in Germany.", "tool_calls": [], "usage": USAGE},
    "success": True,
    "errors": [],
    "messages": [],
}
STREAM = events_of(
    {"response": "Berlin is", "p": "abdefghijk"},
    {"response": " in Germany.", "p": "abdef"},
    {"response": "", "usage": USAGE},
    done=True,
)


def decoded(body, *, asked=ASKED, uri=URI, **how) -> ModelCall:
    return cloudflare_run.decode(exchange_of(body, asked=asked, uri=uri, **how))


def answered(result, **how) -> ModelCall:
    return decoded(WHOLE | {"result": result}, **how)


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="chat",
        request_model=MODEL,
        input_messages=(Message(role="user", parts=(TextPart(text="What country is Berlin in?"),)),),
        parameters={"max_tokens": 64},
        output_messages=(Message(role="assistant", parts=(TextPart(text="Berlin is in Germany."),)),),
        finish_reasons=(None,),
        provider_finish_reasons=(None,),
        usage=Usage(input_tokens=26, output_tokens=8),
        billing={"total_tokens": 34},
    )


def test_a_stream_reads_like_the_whole_answer():
    call = decoded(STREAM, asked=ASKED | {"stream": True})

    assert (call.streaming, call.output_text) == (True, "Berlin is in Germany.")
    assert (call.usage, call.error_type) == (Usage(input_tokens=26, output_tokens=8), None)


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    calls = [decoded(STREAM[:end], failure=CUT) for end in range(len(b"data:"), len(STREAM))]
    texts = [call.output_text for call in calls]

    assert all("Berlin is in Germany.".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert all(call.error_type == ("cut" if call.usage == Usage() else None) for call in calls)


@pytest.mark.parametrize(
    "result, text",
    [
        ({"response": {"city": "Köln"}}, '{"city": "Köln"}'),
        ({"response": 4}, "4"),
        ({"response": None}, ""),
        ({"summary": "Short."}, "Short."),
        ({"translated_text": "Hallo"}, "Hallo"),
        ({"choices": [{"index": 0, "message": {"role": "assistant", "content": "4"}, "finish_reason": "stop"}]}, "4"),
    ],
)
def test_every_form_of_an_answer_is_read(result, text):
    assert answered(result).output_text == text


@pytest.mark.parametrize(
    "call",
    [
        {"name": "add", "arguments": {"a": 1}},
        {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}},
    ],
)
def test_a_tool_is_called_with_or_without_an_id(call):
    read = answered({"response": None, "tool_calls": [call]}, asked=ASKED | {"tools": [{"name": "add"}]})

    assert read.tool_calls == (ToolCallPart(name="add", arguments={"a": 1}, id=call.get("id")),)
    assert read.tool_definitions == (ToolDefinition(name="add"),)


def test_vectors_are_embeddings():
    call = answered({"shape": [1, 2], "data": [[0.1, 0.2]]}, asked={"text": ["one", "two"]})

    assert (call.operation_name, call.output_messages) == ("embeddings", ())
    assert [message.text for message in call.input_messages] == ["one", "two"]


def test_a_picture_is_known_by_the_hash_of_its_bytes():
    digest = "sha256:" + hashlib.sha256(b"\x89PNG").hexdigest()
    raw = decoded(b"\x89PNG", asked={"prompt": "A cat"}, came_as="image/png")
    inside = answered({"image": "iVBORw=="}, asked={"prompt": "A cat"})

    assert raw.output_messages[0].parts == (MediaPart(kind="image", reference=digest),)
    assert raw.operation_name == "generate_content"
    assert inside.output_messages[0].parts == (MediaPart(kind="image", reference=digest),)


def test_an_error_is_a_call_in_the_words_of_the_provider():
    error = {"result": None, "success": False, "errors": [{"code": 5007, "message": "No such model"}], "messages": []}

    assert {(decoded(error, status=status).error_type, decoded(error, status=status).error_message)
            for status in (200, 400)} == {("5007", "No such model")}  # fmt: skip


@pytest.mark.parametrize("body", [b"", b"Hello", b"[]", {"message": "Hi"}])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `result`"):
        decoded(body)


@pytest.mark.parametrize(
    "uri, body, claimed",
    [
        (URI, ASKED, True),
        (f"{HOST}/ai/run/%40cf/meta/llama-3.1-8b-instruct", {"prompt": "Hi"}, True),
        ("https://gateway.ai.cloudflare.com/v1/0123/my-gateway/workers-ai/@cf/meta/llama-3.1-8b-instruct", ASKED, True),
        (f"{HOST}/ai/v1/chat/completions", ASKED, False),
        (f"{HOST}/ai/run/{MODEL}", {"image": []}, False),
    ],
)
def test_a_model_is_run_by_its_name_in_the_address(uri, body, claimed):
    request = Request(method="POST", uri=uri, body=json.dumps(body).encode())

    assert cloudflare_run.claims(request) is claimed
    assert not claimed or wire.decode(exchange_of(WHOLE, asked=body, uri=uri)).request_model == MODEL


@given(value=JSON_VALUES)
def test_any_value_in_any_field_raises_nothing_but_undecodable(value):
    fields = [*WHOLE["result"], "choices", "summary", "image", "data"]
    for result in (value, *(WHOLE["result"] | {field: value} for field in fields)):
        call = outcome_of(cloudflare_run.decode, exchange_of(WHOLE | {"result": result}, asked=ASKED, uri=URI))

        assert call is None or call.request_model == MODEL
