"""What is read where nothing but the length of a prompt is asked for; no model runs, so no tokens are used."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speaking_formats import CUT, JSON_VALUES, disagreements, exchange_of, outcome_of

from pytest_llmwatch import wire
from pytest_llmwatch.calls import Message, TextPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.wire import anthropic_count_tokens, gemini_count_tokens, openai_count_tokens

VERTEX = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers"
CONTENTS = [{"role": "user", "parts": [{"text": "Hello"}]}]
WAYS = {
    "anthropic": (
        anthropic_count_tokens, "https://api.anthropic.com/v1/messages/count_tokens?beta=true", "claude-haiku-4-5",
        {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "Hello"}]}, {"input_tokens": 19},
    ),
    "anthropic on vertex": (
        anthropic_count_tokens, f"{VERTEX}/anthropic/models/count-tokens:rawPredict", "claude-haiku-4-5",
        {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "Hello"}]}, {"input_tokens": 19},
    ),
    "gemini": (
        gemini_count_tokens, "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:countTokens",
        "gemini-2.5-flash", {"contents": CONTENTS}, {"totalTokens": 12, "promptTokensDetails": []},
    ),
    "gemini, a whole request": (
        gemini_count_tokens, "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:countTokens",
        "gemini-2.5-flash", {"generateContentRequest": {"model": "models/x", "contents": CONTENTS}}, {"totalTokens": 1},
    ),
    "vertex": (
        gemini_count_tokens, f"{VERTEX}/google/models/gemini-2.5-flash:countTokens",
        "gemini-2.5-flash", {"contents": CONTENTS}, {"totalTokens": 13, "totalBillableCharacters": 47},
    ),
    "openai": (
        openai_count_tokens, "https://api.openai.com/v1/responses/input_tokens", "gpt-5",
        {"model": "gpt-5", "input": "Hello"}, {"object": "response.input_tokens", "input_tokens": 11},
    ),
    "azure": (
        openai_count_tokens, "https://x.openai.azure.com/openai/v1/responses/input_tokens", "gpt-5",
        {"model": "gpt-5", "input": "Hello"}, {"object": "response.input_tokens", "input_tokens": 11},
    ),
}  # fmt: skip


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


def test_what_was_counted_is_read_and_nothing_was_used(way):
    _, uri, model, asked, body = way
    call = wire.decode(exchange_of(body, asked=asked, uri=uri))

    assert (call.operation_name, call.request_model, call.error_type) == ("count_tokens", model, None)
    assert call.input_messages == (Message(role="user", parts=(TextPart(text="Hello"),)),)
    assert (call.usage, call.output_messages, call.parameters) == (Usage(), (), {})


def test_a_count_belongs_to_one_format(way):
    form, uri, _, asked, body = way
    request = exchange_of(body, asked=asked, uri=uri).request

    assert [each for each in wire.formats() if each.claims(request)] == [form]


def test_an_error_or_a_cut_is_a_call(way):
    form, uri, _, asked, _ = way
    error = {"error": {"type": "not_found_error", "message": "model: x", "code": 404}}
    call = form.decode(exchange_of(error, asked=asked, uri=uri, status=404))

    assert (call.error_type, call.error_message) == ("not_found_error", "model: x")
    assert form.decode(exchange_of(None, asked=asked, uri=uri, failure=CUT)).error_type == "cut"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"input_tokens": "9", "totalTokens": "9"}'])
def test_a_good_answer_of_another_format_is_undecodable(way, body):
    form, uri, _, asked, _ = way
    with pytest.raises(UndecodableExchange, match=r"Tokens`|tokens`"):
        form.decode(exchange_of(body, asked=asked, uri=uri))


@settings(max_examples=50, deadline=None)
@given(JSON_VALUES | st.binary(max_size=20), JSON_VALUES)
def test_any_body_is_a_call_or_undecodable(body, sent):
    for form, uri, _, asked, _ in WAYS.values():
        for each in (dict.fromkeys(asked, sent), asked):
            call = outcome_of(form.decode, exchange_of(body or b"", asked=each, uri=uri))

            assert call is None or call.operation_name == "count_tokens"


def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it():
    # The list of expected values leaves out the model that stands in Bedrock's addresses.
    assert disagreements("count_tokens") == []
