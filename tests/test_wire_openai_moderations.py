"""What `wire.openai_moderations` reads in bytes: texts, parts and chats that were judged, and the verdicts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speaking_formats import CUT, JSON_VALUES, disagreements, exchange_of, outcome_of

from pytest_llmwatch import wire
from pytest_llmwatch.calls import MediaPart, Message, ModelCall, TextPart, ToolResultPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire import openai_moderations

URI = "https://api.openai.com/v1/moderations"
ASKED = {"model": "omni-moderation-latest", "input": "I hate it"}
VERDICT = {"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.25}}
WHOLE = {"id": "modr-1", "model": "omni-moderation-2024-09-26", "results": [VERDICT]}


def decoded(body, *, asked=ASKED, uri=URI, **how) -> ModelCall:
    return openai_moderations.decode(exchange_of(body, asked=asked, uri=uri, **how))


def said(*texts, role="user") -> Message:
    return Message(role=role, parts=tuple(TextPart(text=text) for text in texts))


def test_a_verdict_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="moderation",
        request_model="omni-moderation-latest",
        response_model="omni-moderation-2024-09-26",
        response_id="modr-1",
        input_messages=(said("I hate it"),),
        output_messages=(Message(role="assistant", parts=(ToolResultPart(result=VERDICT),)),),
    )


IMAGE = {"type": "image_url", "image_url": {"url": "https://h/i.png"}}


@pytest.mark.parametrize(
    "judged, messages",
    [
        (["a", "b"], (said("a"), said("b"))),
        ([{"type": "text", "text": "a"}, IMAGE],
         (Message(role="user", parts=(TextPart(text="a"), MediaPart(kind="image", reference="https://h/i.png"))),)),
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
         (said("a"), said("b", role="assistant"))),
        ([[{"role": "user", "content": "a"}]], (said("a"),)),
        ("", ()),
        (None, ()),
        (7, ()),
    ],
)  # fmt: skip
def test_each_thing_that_was_judged_is_a_message(judged, messages):
    assert decoded(WHOLE, asked=ASKED | {"input": judged}).input_messages == messages


def test_usage_is_read_where_a_host_reports_it():
    call = decoded(WHOLE | {"usage": {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9}})

    assert call.usage == Usage(input_tokens=9, output_tokens=0)


def test_an_error_or_a_cut_is_a_call():
    error = decoded({"error": {"type": "invalid_request_error", "message": "No"}}, status=400)

    assert (error.error_type, error.error_message) == ("invalid_request_error", "No")
    assert decoded(b'{"results": [', failure=CUT).error_type == "cut"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"results": 7}', b'data: {"a": 1}\n\n'])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `results`"):
        decoded(body)


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", URI, b'{"input": "a"}', True),
        ("POST", "https://api.mistral.ai/v1/chat/moderations", b'{"input": []}', True),
        ("GET", URI, b'{"input": "a"}', False),
        ("POST", URI, b'{"text": "a"}', False),
    ],
)
def test_a_moderation_is_known_by_its_request(method, uri, body, claimed):
    assert openai_moderations.claims(Request(method=method, uri=uri, body=body)) is claimed


def test_the_package_gives_moderations_to_this_format():
    assert wire.decode(exchange_of(WHOLE, asked=ASKED, uri=URI)).operation_name == "moderation"


FIELDS = dict.fromkeys(("results", "usage", "id", "model", "error"), JSON_VALUES)


@settings(max_examples=100, deadline=None)
@given(st.fixed_dictionaries({}, optional=FIELDS) | JSON_VALUES | st.binary(max_size=30), JSON_VALUES)
def test_any_body_is_a_call_or_undecodable(body, judged):
    call = outcome_of(openai_moderations.decode, exchange_of(body or b"", asked=ASKED | {"input": judged}, uri=URI))

    assert call is None or call.operation_name == "moderation"


def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it():
    assert disagreements("openai.moderations") == []
