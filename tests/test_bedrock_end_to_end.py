"""Amazon's own client: what it tells at replay, with the server gone, is what it told when recorded.

And what `llm_cassette` reads in the bytes is what the client reads in them.
"""

from __future__ import annotations

import json

import pytest
from bedrock_streams import chunk, event, exception
from provider import always, cut, raw

from pytest_llmwatch.demo.server import Reply

pytest.importorskip("boto3")

TOOL = {"toolUseId": "tooluse_1", "name": "refund", "input": {"item": "電話", "days": 14}}
USAGE = {
    "inputTokens": 22,
    "outputTokens": 13,
    "totalTokens": 2535,
    "cacheReadInputTokens": 8,
    "cacheWriteInputTokens": 2492,
}
CONVERSED = {
    "metrics": {"latencyMs": 404},
    "output": {"message": {"role": "assistant", "content": [{"text": "Within 14 days: 返品 🙂"}, {"toolUse": TOOL}]}},
    "stopReason": "tool_use",
    "usage": USAGE,
}
EVENTS = (
    event("messageStart", role="assistant"),
    event("contentBlockDelta", contentBlockIndex=0, delta={"text": "Within 14 days: "}),
    event("contentBlockDelta", contentBlockIndex=0, delta={"text": "返品 🙂"}),
    event("contentBlockStop", contentBlockIndex=0),
    event("contentBlockStart", contentBlockIndex=1, start={"toolUse": {"toolUseId": "tooluse_1", "name": "refund"}}),
    event("contentBlockDelta", contentBlockIndex=1, delta={"toolUse": {"input": '{"item": "電話", "da'}}),
    event("contentBlockDelta", contentBlockIndex=1, delta={"toolUse": {"input": 'ys": 14}'}}),
    event("contentBlockStop", contentBlockIndex=1),
    event("messageStop", stopReason="tool_use"),
    event("metadata", usage=USAGE, metrics={"latencyMs": 404}),
)
CLAUDE = {
    "id": "msg_bdrk_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [{"type": "text", "text": "Within 14 days."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 9, "output_tokens": 5, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 0},
}
CLAUDE_EVENTS = (
    {"type": "message_start", "message": {**CLAUDE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Within "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "14 days."}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 9, "outputTokenCount": 5}},
)  # fmt: skip
COMMAND = {"id": "c1", "generations": [{"id": "g1", "text": " Within 14 days.", "finish_reason": "COMPLETE"}]}


def whole(body, **headers):
    headers = {"content-type": "application/json", "x-amzn-requestid": "ee1ff1e8-b620", **headers}
    return raw(200, headers, json.dumps(body, ensure_ascii=False).encode())


def stream(*pieces):
    return always(Reply(headers=(("content-type", "application/vnd.amazon.eventstream"),), pieces=pieces, chunked=True))


def refused(code, kind, text):
    headers = {"content-type": "application/json", "x-amzn-errortype": f"{kind}:http://internal.amazon.com/coral/"}
    return raw(code, headers, json.dumps({"message": text}).encode())


COUNTED = {"x-amzn-bedrock-input-token-count": "9", "x-amzn-bedrock-output-token-count": "5"}
# By the last part of the address and the word of the prompt that asks for it.
ANSWERS = {
    ("converse", "plain"): whole(CONVERSED),
    ("converse", "refused"): refused(400, "ValidationException", "Malformed input."),
    ("converse-stream", "plain"): stream(*EVENTS),
    ("converse-stream", "breaks"): stream(*EVENTS[:3], exception("throttlingException", "Too many tokens.")),
    ("converse-stream", "torn"): cut(stream(*EVENTS[:4], EVENTS[4][:20]), after=5),
    ("converse-stream", "refused"): refused(400, "ValidationException", "Malformed input."),
    ("invoke", "claude"): whole(CLAUDE, **COUNTED),
    ("invoke", "command"): whole(COMMAND, **COUNTED),
    ("invoke-with-response-stream", "claude"): stream(*map(chunk, CLAUDE_EVENTS)),
    ("invoke-with-response-stream", "breaks"): stream(
        *map(chunk, CLAUDE_EVENTS[:3]), exception("modelStreamErrorException", "It died.")
    ),
}

SEEN = """
    import json
    import os
    from pathlib import Path

    import boto3
    from botocore.config import Config

    ORIGIN = os.environ["MODEL_BASE_URL"].removesuffix("/v1")
    MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"


    def client(attempts=1):
        return boto3.client(
            "bedrock-runtime",
            endpoint_url=ORIGIN,
            region_name="us-east-1",
            aws_access_key_id="AKIA2E0A8F3B244C9986",
            aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY-secret",
            aws_session_token="FwoGZXIvYXdzEBYaDO3kqT8Zl1n-secret",
            config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
        )


    def note(*values):
        with Path("noted.txt").open("a", encoding="utf-8") as file:
            noted = json.dumps([os.environ["PYTEST_CURRENT_TEST"], *values], ensure_ascii=False, sort_keys=True)
            file.write(noted + "\\n")


    def failure_of(ask):
        try:
            ask()
        except Exception as error:
            note(type(error).__module__, type(error).__name__, str(error))
            return error
        raise AssertionError("nothing was raised")


    def question(text, model=MODEL):
        return {"modelId": model, "messages": [{"role": "user", "content": [{"text": text}]}]}


    def claude(text):
        asked = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50,
                 "messages": [{"role": "user", "content": text}]}
        return {"modelId": MODEL, "body": json.dumps(asked)}
"""

CONVERSE = """
    import pytest
    from seen import *


    def agree(call, *, text, calls, reason, usage, model=MODEL):
        assert call.output_text == text
        assert [(each.name, each.arguments, each.id) for each in call.tool_calls] == calls
        assert call.provider_finish_reasons == (reason,)
        assert (call.usage.input_tokens, call.usage.output_tokens) == (
            usage["totalTokens"] - usage["outputTokens"], usage["outputTokens"]
        )
        assert (call.request_model, call.error_type) == (model, None)
        note(text, calls, reason, usage)


    @pytest.mark.parametrize("model", [MODEL, ARN])
    def test_whole(llm_cassette, model):
        answer = client().converse(**question("plain", model))
        content = answer["output"]["message"]["content"]
        uses = [block["toolUse"] for block in content if "toolUse" in block]
        note(answer["metrics"], answer["usage"])
        agree(
            llm_cassette.last,
            text=content[0]["text"],
            calls=[(use["name"], use["input"], use["toolUseId"]) for use in uses],
            reason=answer["stopReason"],
            usage=answer["usage"],
            model=model,
        )


    def test_stream(llm_cassette):
        events = list(client().converse_stream(**question("plain"))["stream"])
        note(events)
        deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
        start = next(event["contentBlockStart"]["start"]["toolUse"] for event in events if "contentBlockStart" in event)
        arguments = json.loads("".join(delta["toolUse"]["input"] for delta in deltas if "toolUse" in delta))
        assert llm_cassette.last.streaming
        agree(
            llm_cassette.last,
            text="".join(delta.get("text", "") for delta in deltas),
            calls=[(start["name"], arguments, start["toolUseId"])],
            reason=events[-2]["messageStop"]["stopReason"],
            usage=events[-1]["metadata"]["usage"],
        )


    @pytest.mark.parametrize("operation", ["converse", "converse_stream"])
    def test_refused(llm_cassette, operation):
        error = failure_of(lambda: getattr(client(), operation)(**question("refused")))
        code = error.response["Error"]
        assert (llm_cassette.last.error_type, llm_cassette.last.error_message) == (code["Code"], code["Message"])


    def test_an_exception_in_the_stream(llm_cassette):
        events = []

        def ask():
            for event in client().converse_stream(**question("breaks"))["stream"]:
                events.append(event)

        error = failure_of(ask)
        note(events)
        assert llm_cassette.last.error_type == error.response["Error"]["Code"] == "throttlingException"
        assert llm_cassette.last.error_message == error.response["Error"]["Message"]
        assert llm_cassette.last.output_text == "Within 14 days: 返品 🙂"


    def test_a_stream_that_is_cut(llm_cassette):
        events = []

        def ask():
            for event in client().converse_stream(**question("torn"))["stream"]:
                events.append(event)

        failure_of(ask)
        note(events)
        assert llm_cassette.last.error_type == "cut"
        assert llm_cassette.last.output_text == "Within 14 days: 返品 🙂"
"""

INVOKE = """
    from seen import *


    def test_claude(llm_cassette):
        answer = client().invoke_model(**claude("claude"))
        body = json.loads(answer["body"].read())
        note(body, answer["contentType"])
        call = llm_cassette.last
        assert (call.output_text, call.response_id) == (body["content"][0]["text"], body["id"])
        assert (call.usage.input_tokens, call.usage.output_tokens) == (13, 5)


    def test_counts_in_headers(llm_cassette):
        answer = client().invoke_model(modelId="cohere.command-text-v14", body=json.dumps({"prompt": "command"}))
        counts = answer["ResponseMetadata"]["HTTPHeaders"]
        note(json.loads(answer["body"].read()), counts["x-amzn-bedrock-input-token-count"])
        usage = llm_cassette.last.usage
        assert str(usage.input_tokens) == counts["x-amzn-bedrock-input-token-count"]
        assert str(usage.output_tokens) == counts["x-amzn-bedrock-output-token-count"]
        assert llm_cassette.last.output_text == " Within 14 days."


    def test_stream(llm_cassette):
        events = list(client().invoke_model_with_response_stream(**claude("claude"))["body"])
        pieces = [json.loads(event["chunk"]["bytes"]) for event in events]
        note(pieces)
        text = "".join(piece["delta"].get("text", "") for piece in pieces if "delta" in piece)
        call = llm_cassette.last
        assert (call.streaming, call.output_text, call.error_type) == (True, text, None)
        assert (call.usage.input_tokens, call.usage.output_tokens) == (13, 5)


    def test_an_exception_in_the_stream(llm_cassette):
        error = failure_of(lambda: list(client().invoke_model_with_response_stream(**claude("breaks"))["body"]))
        assert llm_cassette.last.error_type == error.response["Error"]["Code"]
        assert llm_cassette.last.output_text == "Within "


    def test_the_client_of_anthropic(llm_cassette):
        import anthropic

        bedrock = anthropic.AnthropicBedrock(
            base_url=ORIGIN, aws_region="us-east-1", aws_access_key="AKIA2E0A8F3B244C9986", aws_secret_key="x-secret",
            max_retries=0,
        )
        asked = {"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": "claude"}]}
        with bedrock.messages.stream(**asked) as stream:
            message = stream.get_final_message()
        note(message.to_dict())
        call = llm_cassette.last
        assert (call.output_text, call.response_id) == (message.content[0].text, message.id)
        assert call.provider_finish_reasons == (message.stop_reason,)
        assert call.usage.output_tokens == message.usage.output_tokens
        assert call.usage.input_tokens == message.usage.input_tokens + message.usage.cache_read_input_tokens
"""

RETRIED = """
    from seen import *


    def test_throttled_twice(llm_cassette):
        answer = client(attempts=3).converse(**question("plain"))
        note(answer["output"])
        call = llm_cassette.last
        assert len(llm_cassette.calls) == 1
        assert [each.status for each in call.attempts] == [429, 429]
        assert call.output_text == answer["output"]["message"]["content"][0]["text"]
"""


def answer_of(request):
    operation = request.path.partition("?")[0].rpartition("/")[2]
    asked = request.json
    said = asked.get("prompt") or asked["messages"][-1]["content"]
    word = said if isinstance(said, str) else said[0]["text"]
    return ANSWERS[operation, word](request)


@pytest.fixture
def bedrock(provider):
    """The provider, which answers as Bedrock does."""
    provider.reply_to = answer_of
    return provider


def record_then_replay(project, provider, *, tests):
    """Record with the provider there and replay with it gone; the tests note the same both times."""
    project.write_file("pytest.ini", "[pytest]\naddopts = -p no:randomly\nllm_record_hosts = 127.0.0.1\n")
    project.write(seen=SEEN)
    notes = project.path / "noted.txt"
    project.pytest("--llm-record").assert_outcomes(passed=tests)
    told = notes.read_text(encoding="utf-8")
    notes.unlink()
    served = provider.requests_served
    provider.stop()

    project.pytest().assert_outcomes(passed=tests)
    assert notes.read_text(encoding="utf-8") == told
    assert provider.requests_served == served
    written = b"".join(project.files().values())
    assert b"-secret" not in written
    assert b"AKIA2E0A8F3B244C9986" not in written


def test_a_conversation_is_told_at_replay_as_when_recorded(project, bedrock):
    project.write(test_converse=CONVERSE)

    record_then_replay(project, bedrock, tests=7)


def test_an_invocation_is_told_at_replay_as_when_recorded(project, bedrock):
    project.write(test_invoke=INVOKE)

    record_then_replay(project, bedrock, tests=5)


def test_what_the_client_tries_again_is_one_call_with_its_attempts(project, provider):
    throttled = refused(429, "ThrottlingException", "Too many requests.")
    provider.script(throttled, throttled, whole(CONVERSED))
    project.write(test_retried=RETRIED)

    record_then_replay(project, provider, tests=1)
