"""What `wire.gemini` reads in bytes: whole, as events, as an array, as lines, cut short, and as it was really sent."""

from __future__ import annotations

import collections
import copy
import gzip
import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider import raw

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
from pytest_llmwatch.wire import gemini

HOST = "https://generativelanguage.googleapis.com/v1beta"
WHOLE_URI = f"{HOST}/models/gemini-2.5-flash:generateContent"
STREAM_URI = f"{HOST}/models/gemini-2.5-flash:streamGenerateContent"
ASKED = {"contents": [{"role": "user", "parts": [{"text": "What country is Berlin in?"}]}]}
CUT = TransferFailure(kind="cut", message="peer closed connection")

WHOLE = b"""{
  "candidates": [
    {
      "content": {
        "parts": [
          {"text": "Berlin is a capital.", "thought": true},
          {"text": "Germany.", "thoughtSignature": "CoQBAdHtim8="}
        ],
        "role": "model"
      },
      "finishReason": "STOP",
      "index": 0
    }
  ],
  "usageMetadata": {
    "promptTokenCount": 25,
    "candidatesTokenCount": 2,
    "totalTokenCount": 47,
    "cachedContentTokenCount": 5,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 25}],
    "toolUsePromptTokenCount": 10,
    "thoughtsTokenCount": 10
  },
  "modelVersion": "gemini-2.5-flash",
  "responseId": "lyqOabaLKfLkjMcPs"
}
"""

# Usage on every chunk, each completing the one before; the last chunk is an empty text with a signature.
CHUNKS = [
    {"candidates": [{"content": {"parts": [{"text": "Hm. ", "thought": True}], "role": "model"}, "index": 0}],
     "usageMetadata": {"promptTokenCount": 66, "totalTokenCount": 83, "thoughtsTokenCount": 17},
     "modelVersion": "gemini-2.5-flash", "responseId": "StkEarf"},
    {"candidates": [{"content": {"parts": [{"text": "Größe \u2028"}], "role": "model"}, "index": 0}],
     "usageMetadata": {"promptTokenCount": 66, "candidatesTokenCount": 4, "totalTokenCount": 87,
                       "thoughtsTokenCount": 17},
     "modelVersion": "gemini-2.5-flash", "responseId": "StkEarf"},
    {"candidates": [{"content": {"parts": [{"text": "ist }7{."}], "role": "model"}, "index": 0}],
     "usageMetadata": {"promptTokenCount": 66, "totalTokenCount": 89, "thoughtsTokenCount": 17},
     "modelVersion": "gemini-2.5-flash", "responseId": "StkEarf"},
    {"candidates": [{"content": {"parts": [{"text": "", "thoughtSignature": "Cg=="}], "role": "model"},
                     "finishReason": "STOP", "index": 0}],
     "usageMetadata": {"promptTokenCount": 66, "candidatesTokenCount": 6, "totalTokenCount": 89},
     "modelVersion": "gemini-2.5-flash", "responseId": "StkEarf"},
]  # fmt: skip
TEXT = "Größe \u2028ist }7{."


def as_events(chunks) -> bytes:
    return "".join(f"data: {json.dumps(chunk, ensure_ascii=False)}\r\n\r\n" for chunk in chunks).encode()


def as_array(chunks) -> bytes:
    return f"[{','.join(json.dumps(chunk, ensure_ascii=False, indent=2) + chr(10) for chunk in chunks)}]".encode()


def as_lines(chunks) -> bytes:
    return "".join(f"{json.dumps(chunk, ensure_ascii=False)}\n" for chunk in chunks).encode()


FRAMINGS = pytest.mark.parametrize("framed", [as_events, as_array, as_lines])


def exchange_of(body, *, asked=ASKED, uri=WHOLE_URI, status=200, headers=(), **facts) -> Exchange:
    sent = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    response = None if body is None else Response(status=status, body=body, headers=headers)
    return Exchange(request=Request(method="POST", uri=uri, body=sent), response=response, **facts)


def decoded(body, **how) -> ModelCall:
    exchange = exchange_of(body if isinstance(body, bytes | None) else json.dumps(body).encode(), **how)
    return gemini.decode(exchange)


def streamed(*chunks, framed=as_events, **how) -> ModelCall:
    return decoded(framed(chunks), uri=STREAM_URI, **how)


def answer(*parts, finish_reason="STOP", **more):
    return {"candidates": [{"content": {"parts": list(parts), "role": "model"}, "finishReason": finish_reason}], **more}


def asked_with(*parts) -> tuple:
    call = decoded(WHOLE, asked={"contents": [{"role": "user", "parts": list(parts)}]})
    return call.input_messages[0].parts


def test_a_whole_answer_is_read_in_the_words_of_the_conventions():
    call = decoded(WHOLE)

    assert call == ModelCall(
        operation_name="chat",
        request_model="gemini-2.5-flash",
        response_model="gemini-2.5-flash",
        response_id="lyqOabaLKfLkjMcPs",
        input_messages=(Message(role="user", parts=(TextPart(text="What country is Berlin in?"),)),),
        output_messages=(
            Message(role="assistant", parts=(ReasoningPart(text="Berlin is a capital."), TextPart(text="Germany."))),
        ),
        finish_reasons=("stop",),
        provider_finish_reasons=("STOP",),
        usage=Usage(input_tokens=35, output_tokens=12, cache_read_input_tokens=5, reasoning_output_tokens=10),
        billing={"total_tokens": 47},
    )


def counted(**fields):
    return {"promptTokenCount": 9, "candidatesTokenCount": 4} | fields


def of_modality(**counts):
    return [{"modality": name, "tokenCount": count} for name, count in counts.items()]


@pytest.mark.parametrize(
    "usage, expected",
    [
        (counted(), {}),
        (counted(totalTokenCount=13), {"total_tokens": 13}),
        (counted(trafficType="ON_DEMAND"), {"service_tier": "standard"}),
        (counted(trafficType=1), {"service_tier": "standard"}),
        (counted(trafficType="ON_DEMAND_FLEX"), {"service_tier": "flex"}),
        (counted(traffic_type="ON_DEMAND_PRIORITY"), {"service_tier": "priority"}),
        (counted(trafficType="PROVISIONED_THROUGHPUT"), {"service_tier": "provisioned_throughput"}),
        (counted(trafficType=2), {"service_tier": "provisioned_throughput"}),
        (counted(trafficType="TRAFFIC_TYPE_UNSPECIFIED"), {}),
        (counted(serviceTier="flex"), {"service_tier": "flex"}),
        (counted(serviceTier="unspecified"), {}),
        (counted(promptTokensDetails=of_modality(TEXT=5, AUDIO=4)), {"input_audio_tokens": 4}),
        (counted(promptTokensDetails=[{"modality": 4, "tokenCount": 3}]), {"input_audio_tokens": 3}),
        (counted(promptTokensDetails=of_modality(AUDIO=4), toolUsePromptTokensDetails=of_modality(AUDIO=2)),
         {"input_audio_tokens": 6}),
        (counted(promptTokensDetails=of_modality(AUDIO=4), cacheTokensDetails=of_modality(AUDIO=2)),
         {"input_audio_tokens": 4, "other_charges": ["cached audio"]}),
        (counted(candidatesTokensDetails=of_modality(AUDIO=4)), {"output_audio_tokens": 4}),
        (counted(candidatesTokensDetails=of_modality(IMAGE=1290)), {"output_image_tokens": 1290}),
        (counted(candidatesTokensDetails=of_modality(VIDEO=4)), {"other_charges": ["video"]}),
        (counted(promptTokensDetails=of_modality(IMAGE=258, VIDEO=5, DOCUMENT=1)), {}),
    ],
)  # fmt: skip
def test_what_the_bill_depends_on_beside_the_tokens_is_read(usage, expected):
    assert decoded(answer({"text": "Hi"}, usageMetadata=usage)).billing == expected


@pytest.mark.parametrize(
    "asked, headers, usage, tier",
    [
        ("flex", (), counted(), "flex"),
        # Without room, priority is served, and billed, as standard.
        ("priority", (("x-gemini-service-tier", "standard"),), counted(), "standard"),
        ("priority", (), counted(serviceTier="standard"), "standard"),
        ("SERVICE_TIER_FLEX", (), counted(), "flex"),
        ("unspecified", (), counted(), None),
    ],
)
def test_the_tier_is_the_one_that_served_else_the_one_asked_for(asked, headers, usage, tier):
    body = answer({"text": "Hi"}, usageMetadata=usage)
    call = decoded(body, asked=ASKED | {"serviceTier": asked}, headers=headers)

    assert call.billing.get("service_tier") == tier


def grounded(*queries, usage=None, **more):
    grounding = {"webSearchQueries": list(queries)} | more
    body = answer({"text": "Hi"}, usageMetadata=usage or counted())
    body["candidates"][0]["groundingMetadata"] = grounding
    return body


@pytest.mark.parametrize(
    "model, searches",
    [("gemini-2.5-flash", 1), ("gemini-2.0-flash-001", 1), ("gemini-3.1-pro-preview", 2), ("gemini-flash-latest", 2)],
)
def test_up_to_gemini_2_a_grounded_prompt_is_charged_and_from_3_on_every_query(model, searches):
    body = grounded("phones", "used phones", "phones", "") | {"modelVersion": model}

    assert decoded(body).billing == {"web_search_requests": searches}
    assert decoded(grounded() | {"modelVersion": model}).billing == {}


@pytest.mark.parametrize(
    "tool, charges",
    [
        ("googleMaps", ["googleMaps"]),
        ("google_maps", ["googleMaps"]),
        ("enterpriseWebSearch", ["enterpriseWebSearch"]),
        ("retrieval", ["retrieval"]),
        ("googleSearch", None),
        ("urlContext", None),
    ],
)
def test_a_grounding_with_another_price_is_a_charge_of_its_own(tool, charges):
    asked = ASKED | {"tools": [{tool: {}}]}

    assert decoded(grounded(groundingChunks=[{"maps": {}}]), asked=asked).billing.get("other_charges") == charges
    assert decoded(answer({"text": "Hi"}, usageMetadata=counted()), asked=asked).billing == {}


def test_tokens_that_a_search_brought_in_are_not_billed_like_those_of_other_tools():
    usage = counted(toolUsePromptTokenCount=90)

    assert decoded(grounded("phones", usage=usage)).billing["other_charges"] == ["tool use tokens beside a search"]
    assert decoded(answer({"text": "Hi"}, usageMetadata=usage)).billing == {}


def test_an_image_that_nobody_counted_has_no_price():
    image = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}

    assert decoded(answer(image, usageMetadata=counted())).billing == {"other_charges": ["media that nobody counted"]}
    assert decoded(answer(image)).billing == {}


@FRAMINGS
def test_a_stream_reads_like_the_whole_answer(framed):
    call = streamed(*CHUNKS, framed=framed)

    assert call.streaming
    assert call.output_messages == (Message(role="assistant", parts=(ReasoningPart(text="Hm. "), TextPart(text=TEXT))),)
    assert (call.response_id, call.response_model) == ("StkEarf", "gemini-2.5-flash")
    assert call.finish_reasons == ("stop",)
    assert call.usage == Usage(input_tokens=66, output_tokens=23, reasoning_output_tokens=17)
    assert call.error_type is None


@FRAMINGS
def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received(framed):
    body = framed(CHUNKS)
    opening = body.index(b"{") + 1
    calls = [decoded(body[:end], uri=STREAM_URI, failure=CUT) for end in range(opening, len(body))]
    texts = [call.output_text for call in calls]

    assert all(TEXT.startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert texts[-1] == TEXT
    whole = [call.error_type is None for call in calls]
    assert whole == ["stop" in call.finish_reasons or is_first_line(call, framed) for call in calls]


def is_first_line(call, framed) -> bool:
    """One line of JSON is a whole answer, as far as the bytes say."""
    return framed is as_lines and not call.streaming and call.response_id == "StkEarf"


@pytest.mark.parametrize("body", [WHOLE, *(framed(CHUNKS) for framed in (as_events, as_array, as_lines))])
@pytest.mark.parametrize("uri", [WHOLE_URI, STREAM_URI])
def test_a_body_cut_at_any_byte_raises_nothing_but_undecodable(body, uri):
    outcomes = collections.Counter()
    for end in range(0, len(body) + 1, 3):
        try:
            outcomes["call"] += decoded(body[:end], uri=uri) is not None
        except UndecodableExchange:
            outcomes["undecodable"] += 1

    assert outcomes.total() == len(body) // 3 + 1
    assert outcomes["call"] > 0


def test_a_whole_answer_cut_short_is_a_call_where_the_failure_is_known():
    call = decoded(WHOLE[:200], failure=CUT)

    assert (call.error_type, call.error_message, call.streaming) == ("cut", "peer closed connection", False)
    assert call.request_model == "gemini-2.5-flash"


@FRAMINGS
def test_a_stream_that_just_stops_is_cut(framed):
    body = framed(CHUNKS[:2]).rstrip(b"]")
    call = decoded(body, uri=STREAM_URI)

    assert (call.output_text, call.error_type, call.streaming) == ("Größe \u2028", "cut", True)
    assert call.usage == Usage(input_tokens=66, output_tokens=21, reasoning_output_tokens=17)


def test_an_array_that_is_closed_is_whole_without_a_finish_reason():
    call = streamed(answer({"text": "4"}, finish_reason=None), framed=as_array)

    assert (call.error_type, call.provider_finish_reasons) == (None, (None,))


def test_a_request_without_an_answer_is_a_call_with_the_failure():
    call = decoded(None, uri=STREAM_URI, failure=TransferFailure(kind="timeout", message="read timed out"))

    assert (call.error_type, call.error_message, call.streaming) == ("timeout", "read timed out", True)
    assert call.input_messages[0].text == "What country is Berlin in?"


ERROR = {"error": {"code": 429, "message": "Too many", "status": "RESOURCE_EXHAUSTED", "details": []}}


@pytest.mark.parametrize(
    "status, body, error_type, message",
    [
        (429, ERROR, "RESOURCE_EXHAUSTED", "Too many"),
        (429, [ERROR], "RESOURCE_EXHAUSTED", "Too many"),
        (200, ERROR, "RESOURCE_EXHAUSTED", "Too many"),
        (400, {"error": {"code": 400, "message": "Bad"}}, "400", "Bad"),
        (200, {"error": {"message": "Bad"}}, "error", "Bad"),
        (401, {"detail": "Wrong key"}, "401", "Wrong key"),
        (404, {"error": "model not found"}, "404", "model not found"),
        (502, b"<html>Bad gateway</html>", "502", "<html>Bad gateway</html>"),
        (503, b"", "503", None),
        (500, as_events([ERROR]), "RESOURCE_EXHAUSTED", "Too many"),
    ],
)
def test_an_error_answer_is_a_call_in_the_words_of_the_provider(status, body, error_type, message):
    call = decoded(body, status=status)

    assert (call.error_type, call.error_message) == (error_type, message)
    assert (call.usage, call.output_messages) == (Usage(), ())


@pytest.mark.parametrize(
    "body",
    [
        as_events([*CHUNKS[:2], ERROR]),
        as_events(CHUNKS[:2]) + json.dumps(ERROR, indent=2).encode(),
        as_events(CHUNKS[:2]) + b"event: error\r\ndata: [" + json.dumps(ERROR).encode() + b"]\r\n\r\n",
        as_array([*CHUNKS[:2], ERROR]),
        as_lines([*CHUNKS[:2], ERROR]),
    ],
    ids=["event", "plain", "list in an event", "array", "line"],
)
def test_an_error_inside_a_stream_keeps_what_came_before_it(body):
    call = decoded(body, uri=STREAM_URI)

    assert (call.error_type, call.error_message) == ("RESOURCE_EXHAUSTED", "Too many")
    assert (call.output_text, call.usage.input_tokens) == ("Größe \u2028", 66)


@pytest.mark.parametrize(
    "body",
    [b"", b"Hello", b"<html></html>", b"[]", b"5", b'[5, "a"]', b'{"type": "message"}', b'data: {"type": "ping"}\n\n'],
)
@pytest.mark.parametrize("uri", [WHOLE_URI, STREAM_URI])
def test_a_good_answer_of_another_format_is_undecodable(body, uri):
    with pytest.raises(UndecodableExchange, match="a JSON object with `candidates`"):
        decoded(body, uri=uri)


def test_a_request_that_is_no_json_object_is_undecodable():
    with pytest.raises(UndecodableExchange, match="request body"):
        decoded(WHOLE, asked=b"not JSON")


def test_an_answer_that_reports_nothing_is_an_answer():
    call = decoded({})

    assert (call.output_messages, call.finish_reasons, call.usage, call.error_type) == ((), (), Usage(), None)


@pytest.mark.parametrize(
    "odd",
    [
        {"candidates": None},
        {"candidates": "none", "usageMetadata": [], "modelVersion": 4, "responseId": {}},
        {"candidates": [None, 5, []], "promptFeedback": "bad"},
        {"candidates": [{"index": "0", "content": 5, "finishReason": []}]},
        {"candidates": [{"content": {"parts": 5, "role": 1}}]},
        {"candidates": [{"content": {"parts": [None, 5, {}, {"text": 5}, {"text": None}, {"functionCall": 5}]}}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {}}, {"functionCall": {"name": "", "args": 5}}]}}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"partialArgs": [5, {"jsonPath": 5}, {}]}}]}}]},
        {"candidates": [{"content": {"parts": [{"executableCode": "x", "toolCall": [], "inlineData": "y"}]}}]},
        {"usageMetadata": {"promptTokenCount": "7", "candidatesTokenCount": True, "thoughtsTokenCount": 1.5}},
    ],
)
@FRAMINGS
def test_an_odd_field_is_a_missing_field(odd, framed):
    for call in (decoded(odd), streamed(odd, framed=framed)):
        assert call.output_text == ""
        assert (call.usage, call.response_model, call.response_id, call.tool_calls) == (Usage(), None, None, ())
        assert set(call.finish_reasons) <= {None}


def test_odd_fields_in_the_request_are_missing_fields():
    asked = {
        "contents": [5, {"role": 5}, {"parts": [7]}],
        "systemInstruction": 5,
        "tools": [5, {}, {"functionDeclarations": [5, {}], "googleSearch": None}],
    }
    call = decoded(WHOLE, asked=asked)

    assert call.tool_definitions == (ToolDefinition(name=""),)
    assert call.input_messages == (Message(role="user"), Message(role="user"))


def test_deep_nesting_is_no_way_to_break_a_run():
    deep = b"[" * 100_000 + b"]" * 100_000
    path = {"jsonPath": "$" + ".a" * 5000, "numberValue": 1}
    call = decoded(answer({"functionCall": {"name": "f", "partialArgs": [path]}}))

    assert not gemini.claims(Request(method="POST", uri=WHOLE_URI, body=b'{"contents": ' + deep + b"}"))
    assert streamed(framed=lambda _: b'[{"candidates": ' + deep + b"}", failure=CUT).error_type == "cut"
    assert call.tool_calls == (ToolCallPart(name="f", arguments={}),)


FILTERED = (
    *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "ESCALATION"),
    *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
)
FAILED = (
    *("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE"),
    *("MISSING_THOUGHT_SIGNATURE", "LANGUAGE", "NO_IMAGE", "PUP_LIMITED_DISABLED"),
)


@pytest.mark.parametrize(
    "wire_word, reason",
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        *((word, "content_filter") for word in FILTERED),
        *((word, "error") for word in FAILED),
        ("OTHER", None),
        ("IMAGE_OTHER", None),
        ("FINISH_REASON_UNSPECIFIED", None),
        ("OF_NEXT_YEAR", None),
        (1, "stop"),
        (2, "length"),
        (3, "content_filter"),
        (5, None),
    ],
)
def test_finish_reasons_are_kept_in_both_vocabularies(wire_word, reason):
    call = decoded(answer({"text": "4"}, finish_reason=wire_word))

    assert (call.finish_reasons, call.provider_finish_reasons) == ((reason,), (str(wire_word),))
    assert call.error_type is None


def test_every_finish_reason_of_the_sdk_has_a_meaning_or_none_for_a_reason():
    types = pytest.importorskip("google.genai.types")
    unknown = {
        reason.value
        for reason in types.FinishReason
        if decoded(answer({"text": "4"}, finish_reason=reason.value)).finish_reasons == (None,)
    }

    assert unknown == {"FINISH_REASON_UNSPECIFIED", "OTHER", "IMAGE_OTHER"}


@pytest.mark.parametrize("wire_word, reason", [("STOP", "tool_call"), (1, "tool_call"), ("MAX_TOKENS", "length")])
def test_an_answer_that_stops_to_ask_for_a_function_is_a_tool_call(wire_word, reason):
    call = decoded(answer({"functionCall": {"name": "now", "args": {}}}, finish_reason=wire_word))

    assert (call.finish_reasons, call.provider_finish_reasons) == ((reason,), (str(wire_word),))


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", "PROHIBITED_CONTENT", 2])
@pytest.mark.parametrize("asked", [decoded, streamed])
def test_a_blocked_prompt_is_filtered_and_no_error(reason, asked):
    usage = {"promptTokenCount": 7, "totalTokenCount": 7}
    call = asked({"promptFeedback": {"blockReason": reason, "safetyRatings": []}, "usageMetadata": usage})

    assert (call.finish_reasons, call.provider_finish_reasons) == (("content_filter",), (str(reason),))
    assert (call.output_messages, call.error_type) == ((), None)
    assert call.usage == Usage(input_tokens=7)


@pytest.mark.parametrize(
    "reported, usage",
    [
        ({"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13},
         Usage(input_tokens=9, output_tokens=4)),
        ({"promptTokenCount": 9, "candidatesTokenCount": 4, "thoughtsTokenCount": 5, "totalTokenCount": 18},
         Usage(input_tokens=9, output_tokens=9, reasoning_output_tokens=5)),
        ({"promptTokenCount": 9, "candidatesTokenCount": 4, "thoughtsTokenCount": 5},
         Usage(input_tokens=9, output_tokens=9, reasoning_output_tokens=5)),
        # Early previews counted thoughts with the answer.
        ({"promptTokenCount": 9, "candidatesTokenCount": 9, "thoughtsTokenCount": 5, "totalTokenCount": 18},
         Usage(input_tokens=9, output_tokens=9, reasoning_output_tokens=5)),
        ({"promptTokenCount": 9, "toolUsePromptTokenCount": 30, "candidatesTokenCount": 4, "thoughtsTokenCount": 5,
          "totalTokenCount": 48}, Usage(input_tokens=39, output_tokens=9, reasoning_output_tokens=5)),
        ({"toolUsePromptTokenCount": 30, "candidatesTokenCount": 4}, Usage(output_tokens=4)),
        ({"promptTokenCount": 9, "thoughtsTokenCount": 5, "totalTokenCount": 14},
         Usage(input_tokens=9, reasoning_output_tokens=5)),
        ({"promptTokenCount": 9, "cachedContentTokenCount": 0, "candidatesTokenCount": 0},
         Usage(input_tokens=9, output_tokens=0, cache_read_input_tokens=0)),
        ({"prompt_token_count": 9, "candidates_token_count": 4}, Usage(input_tokens=9, output_tokens=4)),
    ],
)  # fmt: skip
def test_usage_counts_thoughts_in_the_output_and_tools_in_the_input(reported, usage):
    assert decoded(answer({"text": "4"}, usageMetadata=reported)).usage == usage


def test_several_candidates_stand_in_the_order_of_their_indexes():
    def candidate(index, text, finish_reason=None):
        return {"index": index, "content": {"parts": [{"text": text}]}, "finishReason": finish_reason}

    call = streamed(
        {"candidates": [candidate(1, "b")]},
        {"candidates": [candidate(0, "a"), candidate(1, "B", "MAX_TOKENS")]},
        {"candidates": [candidate(None, "A", "STOP")]},
    )

    assert [message.text for message in call.output_messages] == ["aA", "bB"]
    assert call.provider_finish_reasons == ("STOP", "MAX_TOKENS")


PNG = "sha256:" + hashlib.sha256(b"\x89PNG\xfb\xff").hexdigest()


@pytest.mark.parametrize(
    "part, parts",
    [
        ({"text": "4"}, (TextPart(text="4"),)),
        ({"text": "2+2", "thought": True}, (ReasoningPart(text="2+2"),)),
        ({"text": ""}, ()),
        ({"functionCall": {"id": "c1", "name": "add", "args": {"a": 1}}},
         (ToolCallPart(name="add", arguments={"a": 1}, id="c1"),)),
        ({"function_call": {"name": "now"}, "thought_signature": "Co=="}, (ToolCallPart(name="now"),)),
        ({"functionResponse": {"id": "c1", "name": "add", "response": {"output": 2}}},
         (ToolResultPart(result={"output": 2}, id="c1"),)),
        ({"function_response": {"name": "add", "response": {"output": 2}}},
         (ToolResultPart(result={"output": 2}, id="add"),)),
        ({"functionResponse": {"name": "draw", "response": {"ok": True},
                               "parts": [{"inlineData": {"mimeType": "image/png", "data": "iVBOR/v/"}}]}},
         (ToolResultPart(result={"ok": True}, id="draw"), MediaPart(kind="image", reference=PNG))),
        ({"inlineData": {"mimeType": "image/png", "data": "iVBOR/v/"}}, (MediaPart(kind="image", reference=PNG),)),
        ({"inline_data": {"mime_type": "image/png", "data": "iVBOR_v_"}}, (MediaPart(kind="image", reference=PNG),)),
        ({"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v.mp4"}},
         (MediaPart(kind="video", reference="gs://b/v.mp4"),)),
        ({"file_data": {"file_uri": "https://h/files/1"}}, (MediaPart(kind="file", reference="https://h/files/1"),)),
        ({"text": "Look", "inlineData": {"mimeType": "audio/wav", "data": "iVBOR/v/"}},
         (TextPart(text="Look"), MediaPart(kind="audio", reference=PNG))),
        ({"inlineData": {"mimeType": "image/png", "data": "iVBOR/v/"}, "thought": True}, ()),
        ({"executableCode": {"language": "PYTHON", "code": "print(4)"}}, (ReasoningPart(text="print(4)"),)),
        ({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "4\n"}},
         (ToolResultPart(result={"outcome": "OUTCOME_OK", "output": "4\n"}),)),
        ({"toolCall": {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["q"]}}},
         (ToolCallPart(name="GOOGLE_SEARCH_WEB", arguments={"queries": ["q"]}, id="t1"),)),
        ({"toolResponse": {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "response": {"n": 1}}},
         (ToolResultPart(result={"n": 1}, id="t1"),)),
        ({"videoMetadata": {"fps": 1}}, ()),
    ],
)  # fmt: skip
def test_every_form_of_a_part_is_read_in_both_directions(part, parts):
    assert asked_with(part) == parts
    assert decoded(answer(part)).output_messages[0].parts == parts
    assert streamed(answer(part)).output_messages[0].parts == parts


@pytest.mark.parametrize("data", ["iVBORw==", "iVBORw"])
def test_inline_bytes_have_one_hash_with_and_without_padding(data):
    (medium,) = asked_with({"inlineData": {"mimeType": "application/pdf", "data": data}})

    assert medium == MediaPart(kind="file", reference="sha256:" + hashlib.sha256(b"\x89PNG").hexdigest())


def test_a_tool_that_google_runs_leaves_the_answer_a_stop():
    call = decoded(answer({"toolCall": {"toolType": "URL_CONTEXT"}}, {"text": "4"}))

    assert call.finish_reasons == ("stop",)


def test_a_character_split_between_two_chunks_is_one_character():
    body = (
        b'data: {"candidates":[{"content":{"parts":[{"text":"\\ud83d"}]}}]}\r\n\r\n'
        b'data: {"candidates":[{"content":{"parts":[{"text":"\\ude00"}]},"finishReason":"STOP"}]}\r\n\r\n'
    )

    assert decoded(body, uri=STREAM_URI).output_text == "\N{GRINNING FACE}"


# The form in which Vertex AI streams the arguments of a function: a name, then values with their places, then nothing.
ARGUMENTS = [
    {"name": "light", "id": "c1", "willContinue": True},
    {"partialArgs": [{"jsonPath": "$.room", "stringValue": "living ", "willContinue": True}], "willContinue": True},
    {"partialArgs": [{"jsonPath": "$.room", "stringValue": "room"}], "willContinue": True},
    {"partialArgs": [{"jsonPath": "$.level", "numberValue": 50}, {"jsonPath": "$.on", "boolValue": False},
                     {"jsonPath": "$.until", "nullValue": "NULL_VALUE"}], "willContinue": True},
    {"partialArgs": [{"jsonPath": "$.lamps[0].name", "stringValue": "a"},
                     {"jsonPath": "$.lamps[1]['the name']", "stringValue": "b"},
                     {"jsonPath": "$.lamps[9].name", "stringValue": "not yet"},
                     {"jsonPath": "$.room.size", "numberValue": 1},
                     {"jsonPath": "room", "stringValue": "no path"}], "willContinue": True},
    {},
]  # fmt: skip


@FRAMINGS
def test_arguments_that_are_streamed_in_pieces_are_one_call(framed):
    pieces = [answer({"functionCall": call}, finish_reason=None) for call in ARGUMENTS]
    call = streamed(*pieces, answer({"functionCall": {"name": "now", "args": {}}}), framed=framed)

    lamps = [{"name": "a"}, {"the name": "b"}]
    assert call.tool_calls == (
        ToolCallPart(
            name="light",
            arguments={"room": "living room", "level": 50, "on": False, "until": None, "lamps": lamps},
            id="c1",
        ),
        ToolCallPart(name="now", arguments={}),
    )
    assert call.finish_reasons == ("tool_call",)


def test_roles_are_those_of_the_conventions_and_the_system_prompt_comes_first():
    contents = [
        {"parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "now", "args": {}}}]},
        {"role": "function", "parts": [{"functionResponse": {"name": "now", "response": {"t": 1}}}]},
    ]
    expected = (
        Message(role="system", parts=(TextPart(text="Be brief."),)),
        Message(role="user", parts=(TextPart(text="Hi"),)),
        Message(role="assistant", parts=(ToolCallPart(name="now", arguments={}),)),
        Message(role="tool", parts=(ToolResultPart(result={"t": 1}, id="now"),)),
    )
    for name, system in [
        ("systemInstruction", {"role": "user", "parts": [{"text": "Be "}, {"text": "brief."}]}),
        ("system_instruction", {"parts": {"text": "Be brief."}}),
        ("systemInstruction", "Be brief."),
    ]:
        assert decoded(WHOLE, asked={name: system, "contents": contents}).input_messages == expected


def test_one_object_stands_for_a_list_of_one():
    asked = {
        "contents": {"parts": {"text": "Hi"}},
        "tools": {"function_declarations": {"name": "now"}},
    }
    call = decoded({"candidates": {"content": {"parts": {"text": "4"}}}}, asked=asked)

    assert call.input_messages == (Message(role="user", parts=(TextPart(text="Hi"),)),)
    assert call.tool_definitions == (ToolDefinition(name="now"),)
    assert call.output_text == "4"


def test_tools_are_read_in_every_form():
    schema = {"type": "OBJECT", "properties": {}}
    asked = ASKED | {
        "tools": [
            {"functionDeclarations": [{"name": "now", "description": "The time", "parameters": schema}]},
            {"function_declarations": [{"name": "then", "parameters_json_schema": schema}], "code_execution": {}},
            {"googleSearch": {"timeRangeFilter": {"startTime": "2025-01-01T00:00:00Z"}}},
        ]
    }
    call = decoded(WHOLE, asked=asked)

    assert call.tool_definitions == (
        ToolDefinition(name="now", description="The time", parameters=schema),
        ToolDefinition(name="then", parameters=schema),
        ToolDefinition(name="codeExecution"),
        ToolDefinition(name="googleSearch", parameters={"timeRangeFilter": {"startTime": "2025-01-01T00:00:00Z"}}),
    )


def test_everything_else_that_was_sent_is_a_parameter():
    settings_sent = {
        "generationConfig": {"temperature": 0.2},
        "safetySettings": [],
        "cachedContent": "cachedContents/1",
    }
    call = decoded(WHOLE, asked=ASKED | settings_sent | {"model": "models/x", "system_instruction": {}, "tools": []})

    assert call.parameters == settings_sent


VERTEX = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1"


@pytest.mark.parametrize(
    "uri, model",
    [
        (WHOLE_URI, "gemini-2.5-flash"),
        (f"{STREAM_URI}?alt=sse&key=AIza:x", "gemini-2.5-flash"),
        (f"{HOST}/models%2Fgemini-2.5-flash%3AgenerateContent", "gemini-2.5-flash"),
        (f"{HOST}/models/models/gemini-2.5-flash:generateContent", "gemini-2.5-flash"),
        (f"{HOST}/tunedModels/my-model-1:generateContent", "tunedModels/my-model-1"),
        (f"{VERTEX}/publishers/google/models/gemini-2.5-flash-001:streamGenerateContent", "gemini-2.5-flash-001"),
        (f"{VERTEX}/endpoints/123456:generateContent", "endpoints/123456"),
        (f"{VERTEX}/models/123@1:generateContent", "123@1"),
        ("http://localhost:8787/v1beta/models/google/gemini-2.5-flash:generateContent", "google/gemini-2.5-flash"),
        ("http://localhost:8787/v1beta/models/gemma3:4b:generateContent", "gemma3:4b"),
        ("http://localhost:8787/v1:generateContent", "in-the-body"),
    ],
)
def test_the_model_asked_for_stands_in_the_path_or_else_in_the_body(uri, model):
    call = decoded(WHOLE, asked=ASKED | {"model": "in-the-body"}, uri=uri)

    assert call.request_model == model


BODY = b'{"contents": []}'


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", WHOLE_URI, BODY, True),
        ("post", f"{STREAM_URI}?alt=sse", BODY, True),
        ("POST", "https://h/v1alpha/models/m:generateContent/", BODY, True),
        ("POST", f"{VERTEX}/publishers/google/models/m:generateContent", BODY, True),
        ("POST", f"{VERTEX}/endpoints/1:streamGenerateContent", BODY, True),
        ("POST", "http://localhost:4000/gemini/v1beta/tunedModels/m%3AgenerateContent", BODY, True),
        ("POST", f"{HOST}/models/m:embedContent", b'{"content": {}}', False),
        ("POST", f"{HOST}/models/m:countTokens", BODY, False),
        ("POST", f"{HOST}/models/m:batchGenerateContent", BODY, False),
        ("POST", f"{HOST}/models/m", BODY, False),
        ("POST", f"{VERTEX}/publishers/anthropic/models/m:rawPredict", BODY, False),
        ("GET", WHOLE_URI, BODY, False),
        ("POST", WHOLE_URI, b'{"messages": []}', False),
        ("POST", WHOLE_URI, b'["contents"]', False),
        ("POST", WHOLE_URI, b"\xff\x00", False),
        ("POST", WHOLE_URI, b"", False),
    ],
)
def test_generated_content_is_known_by_its_request(method, uri, body, claimed):
    request = Request(method=method, uri=uri, body=body)

    assert gemini.claims(request) is claimed
    assert (gemini in [each for each in wire.formats() if each.claims(request)]) is claimed


@pytest.mark.parametrize(
    "uri, provider",
    [
        (WHOLE_URI, "gcp.gemini"),
        (f"{VERTEX}/publishers/google/models/m:generateContent", "gcp.vertex_ai"),
        ("http://localhost/models/m:generateContent", None),
    ],
)
def test_the_package_reads_the_format_and_adds_who_served_it(uri, provider):
    call = wire.decode(exchange_of(WHOLE, uri=uri, duration=1.5))

    assert (call.operation_name, call.provider_name, call.latency) == ("chat", provider, 1.5)


@pytest.mark.parametrize("framed", [lambda chunks: json.dumps(chunks[-1]).encode(), as_array])
def test_two_recordings_of_one_answer_differ_in_what_varies_alone(framed):
    first, second = (framed(recording_of("a")), framed(recording_of("b")))

    assert first != second
    assert lifted(json.loads(first), gemini.VOLATILE)[0] == lifted(json.loads(second), gemini.VOLATILE)[0]


def test_two_recordings_of_one_stream_differ_in_what_varies_alone():
    first, second = (fold(as_events(recording_of(name)), volatile=gemini.VOLATILE) for name in "ab")

    assert first.varies != second.varies
    assert first.value == second.value


def recording_of(name):
    """An answer with ids and signatures of its own."""
    return [
        *CHUNKS[:2],
        {
            "candidates": [
                {
                    "content": {
                        "parts": [
                            {"text": "4", "thoughtSignature": f"Cg{name}="},
                            {"functionCall": {"name": "now", "args": {}, "id": f"call-{name}"}},
                        ]
                    }
                }
            ],
            "responseId": f"lyqOabaLKf{name}",
            "createTime": f"2025-11-11T12:44:2{ord(name) % 10}.411107Z",
        },
    ]


def test_a_request_that_repeats_what_varied_is_the_same_request():
    def asked(name, call, answered, signature):
        parts = [
            {call: {"name": "now", "id": f"call-{name}"}, signature: f"Cg{name}="},
            {answered: {"name": "now", "id": f"call-{name}", "response": {}}},
        ]
        return {"contents": [{"role": "user", "parts": parts}]}

    for spelling in [
        ("functionCall", "functionResponse", "thoughtSignature"),
        ("function_call", "function_response", "thought_signature"),
    ]:
        first, second = (lifted(asked(name, *spelling), gemini.VOLATILE_REQUEST)[0] for name in "ab")

        assert first == second


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**20) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
SEEDS = [
    json.loads(WHOLE),
    CHUNKS[1],
    answer(*({"functionCall": call} for call in ARGUMENTS)),
    answer({"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}, {"executableCode": {"code": "4"}}),
    answer({"toolCall": {"toolType": "X"}}, {"functionResponse": {"name": "f", "parts": [{"fileData": {}}]}}),
    {"promptFeedback": {"blockReason": "SAFETY"}},
    ERROR,
]


def places_in(value, place=()):
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        yield from places_in(inner, (*place, step))


def with_value_at(value, place, new):
    if not place:
        return new
    changed = copy.copy(value)
    changed[place[0]] = with_value_at(value[place[0]], place[1:], new)
    return changed


REQUEST = {
    "contents": [
        {"role": "user", "parts": [{"text": "Hi"}, {"inline_data": {"mime_type": "image/png", "data": "iVBORw=="}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "now", "args": {}, "id": "c1"}}]},
        {"role": "function", "parts": [{"functionResponse": {"name": "now", "response": {}, "parts": []}}]},
    ],
    "system_instruction": {"parts": [{"text": "Be brief."}]},
    "tools": [{"functionDeclarations": [{"name": "now", "parameters": {}}]}, {"googleSearch": {}}],
    "generationConfig": {"temperature": 0.5},
}


@settings(max_examples=150, deadline=None)
@given(data=st.data(), framed=st.sampled_from([as_events, as_array, as_lines]))
def test_whatever_stands_at_whatever_place_raises_nothing_but_undecodable(data, framed):
    body = data.draw(st.sampled_from(SEEDS))
    changed = with_value_at(body, data.draw(st.sampled_from(list(places_in(body)))), data.draw(JSON_VALUES))
    asked = with_value_at(REQUEST, data.draw(st.sampled_from(list(places_in(REQUEST)))), data.draw(JSON_VALUES))
    for answered in (json.dumps(changed).encode(), framed([CHUNKS[0], changed])):
        try:
            call = decoded(answered, asked=asked)
        except UndecodableExchange:
            continue

        assert call.operation_name == "chat"


@settings(max_examples=100, deadline=None)
@given(start=st.sampled_from([b"", b"[", b"{", b"data: ", b'[{"candidates": [']), noise=st.binary(max_size=60))
def test_any_bytes_raise_nothing_but_undecodable(start, noise):
    for uri in (WHOLE_URI, STREAM_URI):
        try:
            call = decoded(start + noise, uri=uri, asked=ASKED)
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
            kind = "text/event-stream" if stream else "application/json; charset=UTF-8"
            provider.script(raw(200, {"content-type": kind}, body))
            asked = {"model": "gemini-2.5-flash", "contents": "Hi"}
            if stream:
                return list(client.models.generate_content_stream(**asked))
            return [client.models.generate_content(**asked)]

        yield ask


def said_in(chunks):
    """Text, function calls, finish reason and usage as google-genai reads them."""
    usage = {}
    for chunk in chunks:
        usage |= chunk.usage_metadata.model_dump(exclude_none=True) if chunk.usage_metadata else {}
    calls = [call for chunk in chunks for call in chunk.function_calls or ()]
    ends = [each.finish_reason for chunk in chunks for each in chunk.candidates or () if each.finish_reason]
    return {
        "text": "".join(text for chunk in chunks if (text := chunk.text)),
        "calls": [(call.name, call.args, call.id) for call in calls],
        "finish_reason": ends[-1].value if ends else None,
        "model": chunks[0].model_version,
        "id": chunks[0].response_id,
        "usage": usage,
    }


def agrees_with_the_sdk(call, chunks):
    said = said_in(chunks)
    usage = said.pop("usage")
    thoughts, written = usage.get("thoughts_token_count"), usage.get("candidates_token_count")
    read, used = usage.get("prompt_token_count"), usage.get("tool_use_prompt_token_count")

    assert said == {
        "text": call.output_text,
        "calls": [(part.name, part.arguments, part.id) for part in call.tool_calls],
        "finish_reason": next(iter(call.provider_finish_reasons), None),
        "model": call.response_model,
        "id": call.response_id,
    }
    assert call.usage == Usage(
        input_tokens=None if read is None else read + (used or 0),
        output_tokens=None if written is None else written + (thoughts or 0),
        cache_read_input_tokens=usage.get("cached_content_token_count"),
        reasoning_output_tokens=thoughts,
    )


CALLS = answer({"functionCall": {"id": "c1", "name": "add", "args": {"a": [1, {"b": None}]}}}, {"text": "Adding."})


@pytest.mark.parametrize("body", [WHOLE, json.dumps(CALLS).encode()])
def test_a_whole_answer_is_read_as_googles_own_client_reads_it(sdk, body):
    agrees_with_the_sdk(decoded(body), sdk(body, stream=False))


@pytest.mark.parametrize("chunks", [CHUNKS, [CHUNKS[0], CALLS], [{"usageMetadata": {"promptTokenCount": 3}}]])
def test_a_stream_is_read_as_googles_own_client_reads_it(sdk, chunks):
    body = as_events(chunks)

    agrees_with_the_sdk(decoded(body, uri=STREAM_URI), sdk(body, stream=True))


# Recorded traffic: `LLMWATCH_CORPUS` is a folder of vcrpy cassettes with a `manifest.jsonl` of what they say.

ENDPOINTS = ("gemini.generateContent", "gemini.streamGenerateContent")


def recorded():
    """Every recorded call of this format: its name, its exchange, and its entry in the manifest."""
    if not (folder := os.environ.get("LLMWATCH_CORPUS")):
        pytest.skip("LLMWATCH_CORPUS names no folder of recorded traffic")
    yaml = pytest.importorskip("yaml")
    for line in (Path(folder) / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        wanted = [each for each in entry["interactions"] if each["endpoint"] in ENDPOINTS]
        if not wanted:
            continue
        cassette = yaml.load((Path(folder) / entry["file"]).read_text(encoding="utf-8"), yaml.CSafeLoader)
        for each in wanted:
            yield f"{entry['file']}[{each['index']}]", recorded_exchange(cassette["interactions"][each["index"]]), each


def recorded_exchange(interaction) -> Exchange:
    request, response = interaction["request"], interaction["response"]
    # Old httpx stubs of vcrpy: the text itself under `content`, the status beside it.
    body = response["body"]["string"] if "body" in response else response["content"]
    status = response["status"]["code"] if "status" in response else response["status_code"]
    return Exchange(
        request=Request(method=request["method"], uri=request["uri"], body=plain(request["body"])),
        response=Response(status=status, body=plain(body)),
    )


def plain(body) -> bytes:
    data = body.encode() if isinstance(body, str) else body or b""
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def test_recorded_answers_are_read_as_googles_own_client_reads_them(sdk):
    # The client asks for events, never for an array.
    good = [(exchange, each) for _, exchange, each in recorded() if each["status"] == 200]
    compared = [(exchange, each) for exchange, each in good if each["streaming"] in (None, "sse")]
    for exchange, each in compared:
        chunks = sdk(exchange.response.body, stream=each["streaming"] is not None)
        agrees_with_the_sdk(wire.decode(exchange), chunks)

    assert compared


def test_recorded_traffic_is_read_as_the_manifest_says():
    names = []
    for name, exchange, entry in recorded():
        call, want = wire.decode(exchange), entry["expected"]
        names.append(name)
        written, said = want["output_tokens"], want["text_sha256"] or hashlib.sha256(b"").hexdigest()
        end = want["finish_reason"]

        assert (name, call.request_model, call.response_model) == (
            name, want["model_requested"], want["model_served"]
        )  # fmt: skip
        assert call.usage.input_tokens == want["input_tokens"]
        assert call.usage.output_tokens == (None if written is None else written + (want["reasoning_tokens"] or 0))
        assert call.usage.cache_read_input_tokens == want["cached_tokens"]
        assert next(iter(call.provider_finish_reasons), None) == (None if end is None else str(end))
        assert hashlib.sha256(call.output_text.encode()).hexdigest() == said
        assert [part.name for part in call.tool_calls] == want["tool_calls"]
        assert call.streaming is (entry["streaming"] is not None)
        assert (call.error_type is None) is (want["error"] is None)

    assert names


def test_recorded_traffic_cut_anywhere_raises_nothing_but_undecodable():
    for _, exchange, _ in recorded():
        request, response = exchange.request, exchange.response
        for part in range(20):
            body = response.body[: len(response.body) * part // 20]
            cut = Exchange(request=request, response=Response(status=response.status, body=body), failure=CUT)

            assert wire.decode(cut).operation_name == "chat"
