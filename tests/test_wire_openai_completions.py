"""What `wire.openai_completions` reads in bytes: whole, streamed, cut short, and as hosts differ."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speaking_formats import CUT, JSON_VALUES, disagreements, events_of, exchange_of, outcome_of

from pytest_llmwatch import wire
from pytest_llmwatch.calls import MediaPart, Message, ModelCall, ReasoningPart, TextPart, ToolCallPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire import openai_completions

URI = "https://api.openai.com/v1/completions"
ASKED = {"model": "davinci-002", "prompt": "Tell me a joke", "max_tokens": 16}
JOKE = Message(role="user", parts=(TextPart(text="Tell me a joke"),))

WHOLE = b"""{
  "id": "cmpl-8wq4", "object": "text_completion", "created": 1709065700, "model": "davinci:2023-07-21-v2",
  "choices": [{"text": "\\n\\nKnock, knock.", "index": 0, "logprobs": null, "finish_reason": "length"}],
  "usage": {"prompt_tokens": 8, "completion_tokens": 16, "total_tokens": 24}
}
"""


def piece(text, finish_reason=None, index=0, **more):
    choice = {"text": text, "index": index, "logprobs": None, "finish_reason": finish_reason}
    return {"id": "cmpl-DP", "object": "text_completion", "created": 1, "choices": [choice], "model": "d", **more}


STREAM = events_of(piece(" Größe"), piece(" ist"), piece(" 7."), piece("", "stop"), done=True)


def decoded(body, *, asked=ASKED, uri=URI, **how) -> ModelCall:
    return openai_completions.decode(exchange_of(body, asked=asked, uri=uri, **how))


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="text_completion",
        request_model="davinci-002",
        response_model="davinci:2023-07-21-v2",
        response_id="cmpl-8wq4",
        input_messages=(JOKE,),
        parameters={"max_tokens": 16},
        output_messages=(Message(role="assistant", parts=(TextPart(text="\n\nKnock, knock."),)),),
        finish_reasons=("length",),
        provider_finish_reasons=("length",),
        usage=Usage(input_tokens=8, output_tokens=16),
        billing={"total_tokens": 24},
    )


def test_a_stream_reads_like_the_whole_answer():
    call = decoded(STREAM)

    assert (call.streaming, call.output_text, call.finish_reasons) == (True, " Größe ist 7.", ("stop",))
    assert (call.response_id, call.response_model, call.usage, call.error_type) == ("cmpl-DP", "d", Usage(), None)


def test_a_stream_says_its_usage_in_a_last_chunk_without_choices():
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    call = decoded(events_of(piece("7", "stop", usage=None), {"choices": [], "usage": usage}, done=True))

    assert call.usage == Usage(input_tokens=5, output_tokens=2)


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    calls = [decoded(STREAM[:end], failure=CUT) for end in range(len(b"data:"), len(STREAM))]
    texts = [call.output_text for call in calls]

    assert all(" Größe ist 7.".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert all(call.error_type == (None if "stop" in call.finish_reasons else "cut") for call in calls)


def test_openais_own_client_reads_the_same():
    from openai._streaming import SSEDecoder
    from openai.types import Completion

    whole = Completion.model_validate_json(WHOLE)
    pieces = [event.json() for event in SSEDecoder().iter_bytes(iter([STREAM])) if event.data != "[DONE]"]
    choices = [Completion.construct(**each).choices[0] for each in pieces]

    assert decoded(WHOLE).output_text == whole.choices[0].text
    assert decoded(WHOLE).usage.output_tokens == whole.usage.completion_tokens
    assert decoded(STREAM).output_text == "".join(choice.text for choice in choices)


@pytest.mark.parametrize(
    "prompt, parts",
    [
        ("Hi", [TextPart(text="Hi")]),
        (["Hi", "Ho"], [TextPart(text="Hi"), TextPart(text="Ho")]),
        ([15339, 1917], ["tokens"]),
        ([[15339], [1917]], ["tokens", "tokens"]),
        ("", []),
        ([], []),
        (None, []),
        (7, []),
    ],
)
def test_each_prompt_is_a_message(prompt, parts):
    call = decoded(WHOLE, asked=ASKED | {"prompt": prompt})
    read = [part.kind if isinstance(part, MediaPart) else part for each in call.input_messages for part in each.parts]

    assert read == parts


def test_alternatives_stand_in_the_order_of_their_indexes():
    stream = events_of(piece("b", index=1), piece("a"), piece("B", "stop", 1), piece("A", "length"), done=True)
    whole = {"choices": [piece("B", "stop", 1)["choices"][0], piece("A", "length")["choices"][0]]}

    assert [message.text for message in decoded(stream).output_messages] == ["aA", "bB"]
    assert [message.text for message in decoded(whole).output_messages] == ["A", "B"]
    assert decoded(whole).finish_reasons == ("length", "stop")


def test_the_stream_of_writer_is_bare_values_that_just_stop():
    call = decoded(events_of({"value": "Sure"}, {"value": ","}, {"value": " here"}))

    assert (call.streaming, call.output_text, call.error_type) == (True, "Sure, here", None)
    assert call.finish_reasons == (None,)


def test_an_answer_of_writer_has_neither_id_nor_reason():
    call = decoded(b'{ "choices": [ { "text": "A joke", "log_probs": null } ], "model": "palmyra-x4" }')

    assert (call.output_text, call.response_model, call.response_id) == ("A joke", "palmyra-x4", None)
    assert (call.provider_finish_reasons, call.usage) == ((None,), Usage())


def test_together_sends_every_piece_twice_and_it_is_read_once():
    chunk = {"index": 0, "text": " the", "delta": {"role": "assistant", "content": " the"}, "finish_reason": "eos"}
    call = decoded(events_of({"object": "completion.chunk", "choices": [chunk]}, done=True))

    assert (call.output_text, call.finish_reasons, call.provider_finish_reasons) == (" the", ("stop",), ("eos",))


def test_a_gap_filled_by_mistral_is_answered_as_a_chat():
    message = {"role": "assistant", "content": "return a + b", "tool_calls": None}
    body = {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    call = decoded(body, uri="https://api.mistral.ai/v1/fim/completions", asked=ASKED | {"suffix": "end"})

    assert (call.operation_name, call.output_text) == ("text_completion", "return a + b")
    assert call.parameters == {"max_tokens": 16, "suffix": "end"}


def test_a_prompt_that_a_gateway_keeps_is_a_chat_where_it_is_answered_as_one():
    uri, asked = "https://api.portkey.ai/v1/prompts/pp-weather/completions", {"variables": {"city": "Rome"}}
    called = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    body = {"choices": [{"index": 0, "message": {"tool_calls": [called]}, "finish_reason": "tool_calls"}]}
    call = decoded(body, uri=uri, asked=asked)

    assert (call.operation_name, call.finish_reasons) == ("chat", ("tool_call",))
    assert call.tool_calls == (ToolCallPart(name="weather", arguments={}, id="c1"),)
    assert call.parameters == asked
    assert decoded(WHOLE, uri=uri, asked=asked).operation_name == "text_completion"


def test_thoughts_and_a_reported_cost_are_read_where_a_host_sends_them():
    body = piece("42", "stop", usage={"prompt_tokens": 1, "completion_tokens": 2, "cost": 0.0001})
    body["choices"][0]["reasoning"] = "Hm."
    call = decoded(body)

    assert call.output_messages[0].parts == (ReasoningPart(text="Hm."), TextPart(text="42"))
    assert call.cost == Decimal("0.0001")


@pytest.mark.parametrize(
    "uri, model",
    [
        ("https://x.openai.azure.com/openai/deployments/my%20gpt/completions?api-version=1", "my gpt"),
        ("https://api.openai.com/v1/engines/davinci/completions", "davinci"),
        ("https://x.openai.azure.com/openai/v1/completions", None),
    ],
)
def test_the_model_asked_for_stands_in_the_body_or_else_in_the_path(uri, model):
    assert decoded(WHOLE, asked={"prompt": "Hi"}, uri=uri).request_model == model
    assert decoded(WHOLE, uri=uri).request_model == "davinci-002"


@pytest.mark.parametrize(
    "status, body, error_type, message",
    [
        (404, {"error": {"message": "No such model", "type": "invalid_request_error", "code": "model_not_found"}},
         "invalid_request_error", "No such model"),
        (400, {"object": "error", "message": "Too long", "type": "BadRequestError", "code": 400},
         "BadRequestError", "Too long"),
        (503, b"upstream", "503", "upstream"),
        (200, {"error": "overloaded"}, "error", "overloaded"),
        (200, events_of(piece("Hi"), {"error": {"type": "server_error", "message": "Oh"}}), "server_error", "Oh"),
    ],
)  # fmt: skip
def test_an_error_is_a_call_in_the_words_of_the_provider(status, body, error_type, message):
    call = decoded(body, status=status)

    assert (call.error_type, call.error_message, call.input_messages) == (error_type, message, (JOKE,))


@pytest.mark.parametrize("body", [None, b"", WHOLE[:60]])
def test_an_answer_that_never_came_or_was_cut_is_a_call_with_the_failure(body):
    call = decoded(body, asked=ASKED | {"stream": True}, failure=CUT)

    assert (call.error_type, call.error_message, call.output_messages) == ("cut", "peer closed connection", ())


@pytest.mark.parametrize("body", [b"", b"Hello", b"[]", b"{}", b'{"results": []}', b'data: {"a": 1}\n\n'])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `choices`"):
        decoded(body)


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", URI, b'{"prompt": "Hi"}', True),
        ("post", "http://localhost:8000/v1/completions/", b'\n{"prompt": []}', True),
        ("POST", "https://api.deepseek.com/beta/completions", b'{"prompt": ""}', True),
        ("POST", "https://x.azuredatabricks.net/serving-endpoints/m/invocations", b'{"prompt": ""}', True),
        ("POST", "https://api.portkey.ai/v1/prompts/pp/completions", b'{"variables": {}}', True),
        ("POST", "https://api.openai.com/v1/chat/completions", b'{"prompt": "Hi"}', False),
        ("POST", "https://api.anthropic.com/v1/complete", b'{"prompt": "Hi"}', False),
        ("POST", URI, b'{"messages": []}', False),
        ("POST", URI, b'["prompt"]', False),
        ("GET", URI, b'{"prompt": "Hi"}', False),
        ("POST", URI, b"", False),
    ],
)
def test_a_completion_is_known_by_its_request(method, uri, body, claimed):
    assert openai_completions.claims(Request(method=method, uri=uri, body=body)) is claimed


def test_the_package_gives_completions_to_this_format():
    call = wire.decode(exchange_of(WHOLE, asked=ASKED, uri=URI))

    assert (call.operation_name, call.provider_name, call.output_text) == (
        "text_completion",
        "openai",
        "\n\nKnock, knock.",
    )


FIELDS = dict.fromkeys(("id", "object", "model", "choices", "usage", "value", "error", "text"), JSON_VALUES)


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({}, optional=FIELDS) | JSON_VALUES, JSON_VALUES, st.booleans())
def test_any_body_is_a_call_or_undecodable(body, prompt, is_stream):
    sent = events_of(body, {"choices": [body]}) if is_stream else json.dumps({"choices": [body]}).encode()
    for each in (sent, body if not isinstance(body, bytes) else b""):
        call = outcome_of(openai_completions.decode, exchange_of(each, asked=ASKED | {"prompt": prompt}, uri=URI))

        assert call is None or call.operation_name == "text_completion"


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(STREAM) - 1), st.binary(max_size=6), st.sampled_from([WHOLE, STREAM]))
def test_a_damaged_body_is_a_call_or_undecodable(place, dirt, body):
    outcome = outcome_of(
        openai_completions.decode, exchange_of(body[:place] + dirt + body[place:], asked=ASKED, uri=URI)
    )

    assert outcome is None or outcome.request_model == "davinci-002"


def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it():
    # A text that its client does not put together has no expected value: Writer's stream.
    wrong = [each for each in disagreements("openai.completions") if "writer_streaming" not in each[0]]

    assert wrong == []
