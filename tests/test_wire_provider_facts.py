"""What `wire.provider_facts` reads of a provider's own work: ids, times and limits, in headers and in bodies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from speaking_formats import JSON_VALUES

from pytest_llmwatch import wire
from pytest_llmwatch.exchange import Exchange, Request, Response
from pytest_llmwatch.wire.provider_facts import facts_in_body, facts_in_headers

CHAT = b'{"model": "m", "messages": []}'


@pytest.mark.parametrize(
    "headers, facts",
    [
        ({"openai-processing-ms": "704", "x-request-id": "req_1", "x-envoy-upstream-service-time": "759"},
         {"request_id": "req_1", "server_latency_ms": 704}),
        ({"X-Envoy-Upstream-Service-Time": "759"}, {"server_latency_ms": 759}),
        ({"x-amzn-bedrock-invocation-latency": "448", "x-amzn-requestid": "8889"},
         {"request_id": "8889", "server_latency_ms": 448}),
        ({"x-metrics-e2e-ms": "2371.6", "x-metrics-ttft-ms": "664.7", "x-metrics-mean-itl-ms": "7.7"},
         {"server_latency_ms": 2371.6, "time_to_first_token_ms": 664.7}),
        ({"x-total-time": "6237", "x-queue-time": "22", "x-inference-time": "6214"},
         {"server_latency_ms": 6237, "queue_time_ms": 22, "completion_time_ms": 6214}),
        ({"server-timing": "gfet4t7; dur=3186"}, {"server_latency_ms": 3186}),
        ({"x-kong-upstream-latency": "96", "mistral-correlation-id": "01a0"},
         {"request_id": "01a0", "server_latency_ms": 96}),
        ({"retry-after": "17"}, {"retry_after_ms": 17000}),
        ({"retry-after": "1", "retry-after-ms": "950"}, {"retry_after_ms": 950}),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, {}),
        ({"date": "Wed, 21 Oct 2026 07:28:00 GMT", "cf-ray": "8cd7"}, {}),
    ],
)  # fmt: skip
def test_ids_and_times_have_one_name_whatever_the_header(headers, facts):
    assert facts_in_headers(tuple(headers.items())) == facts


@pytest.mark.parametrize(
    "header, value, name, fact",
    [
        ("x-ratelimit-remaining-requests", "9999", "rate_limit_remaining_requests", 9999),
        ("x-ratelimit-limit-tokens", "30000000", "rate_limit_limit_tokens", 30000000),
        ("x-ratelimit-reset-requests", "6ms", "rate_limit_reset_requests", "6ms"),
        ("x-ratelimit-reset-tokens", "7.5", "rate_limit_reset_tokens", 7.5),
        ("anthropic-ratelimit-input-tokens-remaining", "399000", "rate_limit_remaining_input_tokens", 399000),
        ("anthropic-ratelimit-requests-reset", "2025-03-15T09:38:27Z", "rate_limit_reset_requests",
         "2025-03-15T09:38:27Z"),
        ("x-ratelimit-remaining-req-minute", "353", "rate_limit_remaining_requests_minute", 353),
        ("x-ratelimit-remaining-tokens-day", "8", "rate_limit_remaining_tokens_day", 8),
        ("x-ratelimit-remaining", "0", "rate_limit_remaining", 0),
        ("RateLimit-Remaining", "599", "rate_limit_remaining", 599),
    ],
)  # fmt: skip
def test_a_limit_is_named_by_what_it_is_and_what_it_counts(header, value, name, fact):
    assert facts_in_headers(((header, value),)) == {name: fact}


@pytest.mark.parametrize(
    "header, value",
    [
        ("anthropic-ratelimit-tokens-remaining", "ANTHROPIC-RATELIMIT-TOKENS-REMAINING-XXX"),
        ("anthropic-ratelimit-tokens-reset", "ANTHROPIC-RATELIMIT-TOKENS-RESET-XXX"),
        ("openai-processing-ms", "soon"),
        ("openai-processing-ms", "-3"),
        ("openai-processing-ms", "\N{SUPERSCRIPT TWO}"),
        ("openai-processing-ms", "9" * 400),
        ("x-ratelimit-key", "gpt-5-nano"),
        ("x-ratelimit-tokens-query-cost", "9"),
        ("x-request-id", ""),
    ],
)
def test_a_placeholder_and_what_is_no_number_say_nothing(header, value):
    assert facts_in_headers(((header, value),)) == {}


@pytest.mark.parametrize(
    "place, facts",
    [
        ({"queue_time": 0.25, "prompt_time": 0.001, "completion_time": 0.1, "total_time": 0.101, "created": 1},
         {"queue_time_ms": 250.0, "prompt_time_ms": 1.0, "completion_time_ms": 100.0, "server_latency_ms": 101.0}),
        ({"time_to_first_token": 0.04, "total_latency": 0.32},
         {"time_to_first_token_ms": 40.0, "server_latency_ms": 320.0}),
        ({"prompt_ms": 30.958, "predicted_ms": 661.064, "predicted_n": 48},
         {"prompt_time_ms": 30.958, "completion_time_ms": 661.064}),
        ({"latencyMs": 551}, {"server_latency_ms": 551}),
        ({"invocationLatency": 1859, "firstByteLatency": 320, "inputTokenCount": 9},
         {"server_latency_ms": 1859, "time_to_first_token_ms": 320}),
        ({"queue_time": True, "total_time": "1", "prompt_ms": -1, "predicted_ms": 1e300}, {}),
        (None, {}),
    ],
)  # fmt: skip
def test_times_of_a_body_become_milliseconds(place, facts):
    assert facts_in_body(place) == facts


@pytest.mark.parametrize(
    "body, facts",
    [
        (b'{"choices": [], "usage": {"queue_time": 0.05, "total_time": 0.3}}',
         {"queue_time_ms": 50.0, "server_latency_ms": 300.0}),
        (b'data: {"choices": [], "x_groq": {"usage": {"queue_time": 0.05}}}\n\ndata: [DONE]\n\n',
         {"queue_time_ms": 50.0, "server_latency_ms": 704}),
        (b'{"choices": [], "time_info": {"queue_time": 0.002}}', {"queue_time_ms": 2.0, "server_latency_ms": 704}),
        (b'{"choices": [], "timings": {"predicted_ms": 12.5}}',
         {"completion_time_ms": 12.5, "server_latency_ms": 704}),
        (b'{"choices": []}', {"server_latency_ms": 704}),
    ],
)  # fmt: skip
def test_a_call_has_the_facts_of_its_headers_and_those_of_its_body_which_win(body, facts):
    request = Request(method="POST", uri="https://h/v1/chat/completions", body=CHAT)
    response = Response(status=200, headers=(("openai-processing-ms", "704"),), body=body)
    call = wire.decode(Exchange(request=request, response=response))

    assert call.provider_facts == facts


def test_a_call_without_an_answer_has_none():
    exchange = Exchange(request=Request(method="POST", uri="https://h/v1/chat/completions", body=CHAT))

    assert wire.decode(exchange).provider_facts == {}


@given(st.lists(st.tuples(st.sampled_from(["retry-after", "openai-processing-ms", "x-request-id"]), st.text())))
def test_any_header_is_read_without_a_failure(headers):
    facts = facts_in_headers(tuple(headers))

    assert set(facts) <= {"retry_after_ms", "server_latency_ms", "request_id"}


@given(st.dictionaries(st.sampled_from(["queue_time", "total_time", "prompt_ms"]), JSON_VALUES))
def test_any_value_in_a_body_is_read_without_a_failure(place):
    facts = facts_in_body(place)

    assert all(isinstance(value, int | float) and value >= 0 for value in facts.values())
