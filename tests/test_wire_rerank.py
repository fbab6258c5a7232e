"""What `wire.rerank` reads in bytes: Cohere's format, those like it, errors, and as it was really sent."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_wire_openai_chat import corpus, recorded
from test_wire_openai_embeddings import JSON_VALUES

from pytest_llmwatch import wire
from pytest_llmwatch.calls import MediaPart, Message, ModelCall, TextPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Exchange, Request, Response, TransferFailure
from pytest_llmwatch.wire import rerank

URI = "https://api.cohere.com/v2/rerank"
ASKED = {"model": "rerank-v3.5", "query": "what is ruby", "documents": ["Paris is a city", "Ruby is a language"]}
WHOLE = {
    "id": "4174a27b",
    "results": [{"index": 1, "relevance_score": 0.83}, {"index": 0, "relevance_score": 0.31}],
    "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
}
SCORES = [{"index": 1, "relevance_score": 0.83}, {"index": 0, "relevance_score": 0.31}]


def exchange_of(body, *, asked=ASKED, uri=URI, status=200, **facts) -> Exchange:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(method="POST", uri=uri, body=json.dumps(asked).encode())
    return Exchange(request=request, response=Response(status=status, body=sent), **facts)


def decoded(body, **how) -> ModelCall:
    return rerank.decode(exchange_of(body, **how))


def user(*parts):
    return Message(role="user", parts=parts)


def test_an_answer_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE, asked={**ASKED, "top_n": 2}) == ModelCall(
        operation_name="rerank",
        request_model="rerank-v3.5",
        response_id="4174a27b",
        input_messages=(
            user(TextPart(text="what is ruby")),
            user(TextPart(text="Paris is a city")),
            user(TextPart(text="Ruby is a language")),
        ),
        parameters={"top_n": 2},
        output_messages=(Message(role="assistant", parts=(TextPart(text=json.dumps(SCORES)),)),),
        billing={"search_units": 1, "other_charges": ["search units"]},
    )


@pytest.mark.parametrize(
    "body, usage",
    [
        # Voyage, Jina, Together, Hugging Face, NVIDIA, Alibaba Cloud, SiliconFlow, Bedrock.
        ({"object": "list", "data": SCORES, "model": "m", "usage": {"total_tokens": 43}}, Usage(input_tokens=43)),
        ({"model": "m", "results": [{**each, "document": {"text": "a"}} for each in SCORES],
          "usage": {"total_tokens": 9, "prompt_tokens": 9}}, Usage(input_tokens=9)),
        ({"object": "rerank", "results": SCORES, "usage": {"prompt_tokens": 9, "completion_tokens": 0}},
         Usage(input_tokens=9, output_tokens=0)),
        ([{"index": 1, "score": 0.83}, {"index": 0, "score": 0.31}], Usage()),
        ({"rankings": [{"index": 1, "logit": 0.83}, {"index": 0, "logit": 0.31}]}, Usage()),
        ({"output": {"results": SCORES}, "usage": {"total_tokens": 79}, "request_id": "r"}, Usage(input_tokens=79)),
        ({"results": SCORES, "meta": {"tokens": {"input_tokens": 5, "output_tokens": 0}}},
         Usage(input_tokens=5, output_tokens=0)),
        ({"results": [{"index": 1, "relevanceScore": 0.83}, {"index": 0, "relevanceScore": 0.31}]}, Usage()),
    ],
)  # fmt: skip
def test_the_scores_of_every_maker_are_read_alike(body, usage):
    call = decoded(body)

    assert json.loads(call.output_text) == SCORES
    assert (call.usage, call.error_type) == (usage, None)


def test_records_are_known_by_the_names_that_they_were_sent_with():
    asked = {"model": "semantic-ranker-512", "query": "q", "records": [{"id": "r1", "title": "T", "content": "c"}]}
    uri = "https://discoveryengine.googleapis.com/v1/projects/p/locations/global/rankingConfigs/c:rank"
    call = decoded({"records": [{"id": "r1", "title": "T", "score": 0.9}]}, asked=asked, uri=uri)

    assert json.loads(call.output_text) == [{"id": "r1", "relevance_score": 0.9}]
    assert call.input_messages[1].text == '{"id": "r1", "title": "T", "content": "c"}'


@pytest.mark.parametrize(
    "document, parts",
    [
        ("a", (TextPart(text="a"),)),
        ({"text": "a"}, (TextPart(text="a"),)),
        ({"title": "T", "body": "ü"}, (TextPart(text='{"title": "T", "body": "ü"}'),)),
        ({"image": "https://x/a.png"}, (MediaPart(kind="image", reference="https://x/a.png"),)),
        ({"content": [{"type": "text", "text": "a"}]}, (TextPart(text="a"),)),
        ("", ()),
        (5, ()),
    ],
)
def test_every_form_of_a_document_is_read(document, parts):
    assert decoded(WHOLE, asked={**ASKED, "documents": [document]}).input_messages[1] == user(*parts)


def test_what_alibaba_cloud_nests_is_read_as_what_the_others_send():
    asked = {"model": "gte-rerank-v2", "input": {"query": "q", "documents": ["a"]}, "parameters": {"top_n": 1}}
    call = decoded({"output": {"results": SCORES}}, asked=asked)

    assert call.input_messages == (user(TextPart(text="q")), user(TextPart(text="a")))
    assert (call.request_model, call.parameters) == ("gte-rerank-v2", {"top_n": 1})


def test_a_cost_that_a_gateway_reports_is_the_cost():
    call = decoded({"results": SCORES, "usage": {"search_units": 1, "cost": 0.002}, "model": "m"})

    assert (call.cost, call.billing) == (Decimal("0.002"), {"search_units": 1, "other_charges": ["search units"]})


@pytest.mark.parametrize(
    "status, body, error_type, message",
    [
        (404, {"message": "model not found"}, "404", "model not found"),
        (400, {"detail": "too many documents"}, "400", "too many documents"),
        (200, {"error": {"message": "no", "code": 402}}, "402", "no"),
    ],
)
def test_an_error_is_a_call_in_the_words_of_the_provider(status, body, error_type, message):
    call = decoded(body, status=status)

    assert (call.error_type, call.error_message, call.output_messages) == (error_type, message, ())


def test_a_cut_answer_is_a_call_where_the_failure_is_known():
    for body in (WHOLE, WHOLE["results"]):
        sent = json.dumps(body).encode()
        calls = [decoded(sent[:end], failure=TransferFailure(kind="cut")) for end in range(len(sent))]

        assert {call.error_type for call in calls} == {"cut"}


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"{}", b'{"choices": []}', b"[5]"])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange):
        decoded(body)


@pytest.mark.parametrize(
    "method, uri, asked, claimed",
    [
        ("POST", URI, ASKED, True),
        ("POST", "https://api.jina.ai/v1/rerank/", ASKED, True),
        ("POST", "https://openrouter.ai/api/v1/rerank", ASKED, True),
        ("POST", "http://localhost:8080/rerank", {"query": "q", "texts": ["a"]}, True),
        ("POST", "http://localhost:8080/v1/ranking", {"query": {"text": "q"}, "passages": [{"text": "a"}]}, True),
        ("POST", "https://api.mixedbread.com/v1/reranking", {"query": "q", "input": ["a"]}, True),
        ("POST", "https://dashscope.aliyuncs.com/api/v1/services/rerank/text-rerank/text-rerank",
         {"model": "m", "input": {"query": "q", "documents": ["a"]}}, True),
        ("POST", "https://bedrock-agent-runtime.us-east-1.amazonaws.com/rerank",
         {"queries": [{"type": "TEXT", "textQuery": {"text": "q"}}], "sources": [{"type": "INLINE"}]}, True),
        ("POST", "http://localhost:8000/ranking", {"query": "q"}, False),
        ("POST", "http://localhost:8000/search", ASKED, False),
        ("GET", URI, ASKED, False),
        ("POST", URI, [], False),
    ],
)  # fmt: skip
def test_a_reranking_is_known_by_its_request(method, uri, asked, claimed):
    assert rerank.claims(Request(method=method, uri=uri, body=json.dumps(asked).encode())) is claimed


FIELDS = dict.fromkeys(("results", "data", "usage", "meta", "output", "id", "error"), JSON_VALUES)


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries({}, optional=FIELDS) | JSON_VALUES | st.binary(max_size=40),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("query", "documents", "input", "model"), JSON_VALUES)),
)
def test_any_body_is_a_call_or_undecodable(body, asked):
    try:
        call = decoded(body, asked=asked)
    except UndecodableExchange:
        return

    assert call.operation_name == "rerank"


def test_recorded_traffic_is_read_with_its_scores():
    seen = 0
    for _, exchange, interaction in recorded(corpus(), "rerank"):
        call = wire.decode(exchange)
        rows = json.loads(exchange.response.body)
        seen += 1

        assert call.request_model == interaction["expected"]["model_requested"]
        assert [each["index"] for each in json.loads(call.output_text)] == [
            each["index"] for each in rows.get("results") or rows["data"]
        ]
    assert seen > 0
