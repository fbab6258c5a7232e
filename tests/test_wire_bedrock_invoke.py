"""What `wire.bedrock_invoke` reads in bytes: each maker's own body, whole, streamed and cut short."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json

import pytest
from bedrock_streams import chunk, dumps, event, exception
from hypothesis import given, settings
from hypothesis import strategies as st

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
from pytest_llmwatch.stream_fold import fold, without_padding
from pytest_llmwatch.wire import bedrock_invoke

HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"
CUT = TransferFailure(kind="cut", message="peer closed connection")
COUNTS = (("X-Amzn-Bedrock-Input-Token-Count", "9"), ("X-Amzn-Bedrock-Output-Token-Count", "3"))
METRICS = {
    "amazon-bedrock-invocationMetrics": {
        "inputTokenCount": 9,
        "outputTokenCount": 3,
        "invocationLatency": 346,
        "firstByteLatency": 34,
    }
}
PROMPT = {"prompt": "What country is Berlin in?"}
PNG = "iVBORw=="
PNG_PART = MediaPart(kind="image", reference="sha256:" + hashlib.sha256(b"\x89PNG").hexdigest())


def exchange_of(body, *, asked=PROMPT, model="cohere.command-text-v14", streamed=False, **facts) -> Exchange:
    sent = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    answer = {name: facts.pop(name) for name in ("status", "headers") if name in facts}
    uri = f"{HOST}/model/{model}/{'invoke-with-response-stream' if streamed else 'invoke'}"
    response = None if raw is None else Response(**{"status": 200, "headers": COUNTS, **answer, "body": raw})
    return Exchange(request=Request(method="POST", uri=uri, body=sent), response=response, **facts)


def decoded(body, **how) -> ModelCall:
    return bedrock_invoke.decode(exchange_of(body, **how))


def streamed(*pieces, **how) -> ModelCall:
    body = b"".join(piece if isinstance(piece, bytes) else chunk(piece) for piece in pieces)
    return decoded(body, streamed=True, headers=(), **how)


def texts_of(call):
    return [message.text for message in call.output_messages]


CLAUDE = {
    "id": "msg_bdrk_01Fm", "type": "message", "role": "assistant", "model": "claude-3-5-haiku-20241022",
    "content": [{"type": "thinking", "thinking": "Hm.", "signature": "Eqo"}, {"type": "text", "text": "Germany."},
                {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"city": "Berlin"}}],
    "stop_reason": "tool_use", "stop_sequence": None,
    "usage": {"input_tokens": 4, "cache_creation_input_tokens": 18131, "cache_read_input_tokens": 5,
              "output_tokens": 50},
}  # fmt: skip
CLAUDE_STREAM = [
    {"type": "message_start", "message": {**CLAUDE, "content": [], "stop_reason": None,
                                          "usage": {**CLAUDE["usage"], "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "Eqo"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Ger"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "many."}},
    {"type": "content_block_stop", "index": 1},
    {"type": "content_block_start", "index": 2,
     "content_block": {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {}}},
    {"type": "content_block_delta", "index": 2,
     "delta": {"type": "input_json_delta", "partial_json": '{"city": "Berlin"}'}},
    {"type": "content_block_stop", "index": 2},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None},
     "usage": {"output_tokens": 50}},
    {"type": "message_stop", **METRICS},
]  # fmt: skip
CLAUDE_ASKED = {
    "anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "system": "Be kind.",
    "messages": [{"role": "user", "content": [{"type": "text", "text": "What country is Berlin in?"}]}],
    "tools": [{"name": "look_up", "input_schema": {"type": "object"}}],
}  # fmt: skip


def test_claude_is_read_as_its_own_messages_are():
    call = decoded(CLAUDE, asked=CLAUDE_ASKED, model="anthropic.claude-3-5-haiku-20241022-v1%3A0")

    assert call == ModelCall(
        operation_name="chat",
        request_model="anthropic.claude-3-5-haiku-20241022-v1:0",
        response_model="claude-3-5-haiku-20241022",
        response_id="msg_bdrk_01Fm",
        input_messages=(
            Message(role="system", parts=(TextPart(text="Be kind."),)),
            Message(role="user", parts=(TextPart(text="What country is Berlin in?"),)),
        ),
        tool_definitions=(ToolDefinition(name="look_up", parameters={"type": "object"}),),
        parameters={"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50},
        output_messages=(
            Message(
                role="assistant",
                parts=(
                    ReasoningPart(text="Hm."),
                    TextPart(text="Germany."),
                    ToolCallPart(name="look_up", arguments={"city": "Berlin"}, id="toolu_1"),
                ),
            ),
        ),
        finish_reasons=("tool_call",),
        provider_finish_reasons=("tool_use",),
        usage=Usage(input_tokens=18140, output_tokens=50, cache_read_input_tokens=5, cache_write_input_tokens=18131),
    )


def test_a_stream_reads_like_the_whole_answer():
    call, whole = streamed(*CLAUDE_STREAM, asked=CLAUDE_ASKED), decoded(CLAUDE, asked=CLAUDE_ASKED)

    assert call.streaming
    assert call.error_type is None
    for name in ("output_messages", "usage", "provider_finish_reasons", "response_id", "response_model"):
        assert getattr(call, name) == getattr(whole, name)


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    body = b"".join(map(chunk, CLAUDE_STREAM))
    calls = [decoded(body[:end], streamed=True, headers=(), failure=CUT) for end in range(0, len(body), 3)]
    texts = [call.output_text for call in calls]

    assert all("Germany.".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert all(call.streaming for call in calls)
    assert all(call.error_type == (None if "tool_call" in call.finish_reasons else "cut") for call in calls)


# What each maker answers to the same question, whole and in a stream; Bedrock's counts stand beside it.
MAKERS = {
    "claude-2": (
        {"type": "completion", "completion": " Germany.", "stop_reason": "stop_sequence", "stop": "\n\nHuman:"},
        [{"type": "completion", "completion": " Ger", "stop_reason": None, "stop": None},
         {"type": "completion", "completion": "many.", "stop_reason": "stop_sequence", "stop": "\n\nHuman:"}],
        "stop_sequence", "stop",
    ),
    "titan": (
        {"inputTextTokenCount": 9,
         "results": [{"tokenCount": 3, "outputText": " Germany.", "completionReason": "FINISH"}]},
        [{"outputText": " Ger", "index": 0, "totalOutputTextTokenCount": None, "completionReason": None,
          "inputTextTokenCount": 9},
         {"outputText": "many.", "index": 0, "totalOutputTextTokenCount": 3, "completionReason": "FINISH",
          "inputTextTokenCount": None}],
        "FINISH", "stop",
    ),
    "nova": (
        {"output": {"message": {"content": [{"text": " Germany."}], "role": "assistant"}}, "stopReason": "max_tokens",
         "usage": {"inputTokens": 9, "outputTokens": 3, "totalTokens": 12}},
        [{"messageStart": {"role": "assistant"}},
         {"contentBlockDelta": {"delta": {"text": " Ger"}, "contentBlockIndex": 0}},
         {"contentBlockStop": {"contentBlockIndex": 0}},
         {"contentBlockDelta": {"delta": {"text": "many."}, "contentBlockIndex": 1}},
         {"messageStop": {"stopReason": "max_tokens"}},
         {"metadata": {"usage": {"inputTokens": 9, "outputTokens": 3}, "metrics": {}, "trace": {}}}],
        "max_tokens", "length",
    ),
    "llama": (
        {"generation": " Germany.", "prompt_token_count": 9, "generation_token_count": 3, "stop_reason": "length"},
        [{"generation": " Ger", "prompt_token_count": 9, "generation_token_count": 1, "stop_reason": None},
         {"generation": "many.", "prompt_token_count": None, "generation_token_count": 3, "stop_reason": "length"}],
        "length", "length",
    ),
    "command": (
        {"id": "3266", "generations": [{"id": "5ccd", "text": " Germany.", "finish_reason": "COMPLETE"}],
         "prompt": "What?"},
        [{"text": " Ger", "is_finished": False}, {"text": "many.", "is_finished": False},
         {"is_finished": True, "finish_reason": "COMPLETE"}],
        "COMPLETE", "stop",
    ),
    "command-at-once": (
        {"generations": [{"finish_reason": "MAX_TOKENS", "id": "0aac", "text": " Germany."}], "id": "78bb"},
        [{"generations": [{"finish_reason": "MAX_TOKENS", "id": "0aac", "text": " Germany."}], "id": "78bb"}],
        "MAX_TOKENS", "length",
    ),
    "command-r": (
        {"response_id": "r1", "text": " Germany.", "generation_id": "g1", "chat_history": [
            {"role": "USER", "message": "What?"}], "finish_reason": "COMPLETE"},
        [{"event_type": "stream-start", "generation_id": "g1", "is_finished": False},
         {"event_type": "text-generation", "text": " Ger", "is_finished": False},
         {"event_type": "text-generation", "text": "many.", "is_finished": False},
         {"event_type": "stream-end", "finish_reason": "COMPLETE", "is_finished": True,
          "response": {"response_id": "r1", "text": " Germany.", "finish_reason": "COMPLETE"}}],
        "COMPLETE", "stop",
    ),
    "jurassic": (
        {"id": 1234, "prompt": {"text": "What?", "tokens": []},
         "completions": [{"data": {"text": " Germany.", "tokens": []}, "finishReason": {"reason": "endoftext"}}]},
        None, "endoftext", "stop",
    ),
    "mistral": (
        {"outputs": [{"text": " Germany.", "stop_reason": "stop"}]},
        [{"outputs": [{"text": " Ger", "stop_reason": None}]}, {"outputs": [{"text": "many.", "stop_reason": "stop"}]}],
        "stop", "stop",
    ),
    "mistral-chat": (
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": " Germany."}, "stop_reason": "stop"}]},
        [{"choices": [{"index": 0, "message": {"role": "assistant", "content": " Ger"}, "stop_reason": None}]},
         {"choices": [{"index": 0, "message": {"role": "assistant", "content": "many."}, "stop_reason": "stop"}]}],
        "stop", "stop",
    ),
    "deepseek": (
        {"choices": [{"text": " Germany.", "stop_reason": "length"}]},
        [{"choices": [{"text": " Ger", "stop_reason": None}]},
         {"choices": [{"text": "many.", "stop_reason": "length"}]}],
        "length", "length",
    ),
    "jamba": (
        {"id": "chatcmpl-1", "model": "jamba-1.5-mini", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": " Germany.", "tool_calls": None},
             "finish_reason": "stop"}],
         "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}},
        [{"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]},
         {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": " Germany."}, "finish_reason": "stop"}],
          "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}}],
        "stop", "stop",
    ),
}  # fmt: skip


@pytest.mark.parametrize("maker", MAKERS)
def test_every_maker_is_read_whole_and_streamed(maker):
    whole, pieces, reason, meaning = MAKERS[maker]
    calls = [decoded(whole)]
    if pieces:
        calls.append(streamed(*pieces[:-1], pieces[-1] | METRICS))

    for call in calls:
        assert texts_of(call) == [" Germany."]
        assert (call.provider_finish_reasons, call.finish_reasons) == ((reason,), (meaning,))
        assert call.usage == Usage(input_tokens=9, output_tokens=3)
        assert call.error_type is None


@pytest.mark.parametrize("maker", [maker for maker in MAKERS if MAKERS[maker][1]])
def test_every_maker_cut_short_has_the_text_that_came(maker):
    pieces = MAKERS[maker][1]
    body = b"".join(map(chunk, pieces))
    for end in range(0, len(body), 7):
        call = decoded(body[:end], streamed=True, headers=(), failure=CUT)

        assert " Germany.".startswith(call.output_text)
        assert call.error_type == (None if any(call.provider_finish_reasons) else "cut")


@pytest.mark.parametrize(
    "body",
    [
        {"generations": [{"text": "a", "finish_reason": "COMPLETE"}, {"text": "b", "finish_reason": "MAX_TOKENS"}]},
        {"inputTextTokenCount": 9, "results": [
            {"tokenCount": 1, "outputText": "a", "completionReason": "COMPLETE"},
            {"tokenCount": 2, "outputText": "b", "completionReason": "MAX_TOKENS"}]},
        {"completions": [{"data": {"text": "a"}, "finishReason": {"reason": "COMPLETE"}},
                         {"data": {"text": "b"}, "finishReason": {"reason": "MAX_TOKENS"}}]},
        {"choices": [{"index": 1, "text": "b", "stop_reason": "MAX_TOKENS"},
                     {"index": 0, "text": "a", "stop_reason": "COMPLETE"}]},
    ],
)  # fmt: skip
def test_alternatives_are_answers_of_their_own(body):
    call = decoded(body)

    assert texts_of(call) == ["a", "b"]
    assert call.provider_finish_reasons == ("COMPLETE", "MAX_TOKENS")
    assert call.usage == Usage(input_tokens=9, output_tokens=3)


def test_streamed_alternatives_find_their_own_pieces():
    call = streamed(
        {"text": "a", "index": 0, "is_finished": False},
        {"text": "b", "index": 1, "is_finished": False},
        {"index": 0, "is_finished": True, "finish_reason": "COMPLETE"},
        {"text": "c", "index": 1, "is_finished": True, "finish_reason": "MAX_TOKENS"} | METRICS,
    )

    assert texts_of(call) == ["a", "bc"]
    assert call.provider_finish_reasons == ("COMPLETE", "MAX_TOKENS")


def test_an_answer_of_an_unknown_maker_is_honestly_unknown_but_for_bedrocks_own_counts():
    whole = decoded({"message": "A cat.", "finishReason": "stop"}, model="twelvelabs.pegasus-1-2-v1%3A0")
    stream = streamed({"new": "shape"}, {"new": "end", **METRICS})

    for call in (whole, stream):
        assert (call.output_messages, call.finish_reasons, call.error_type) == ((), (), None)
        assert call.usage == Usage(input_tokens=9, output_tokens=3)


@pytest.mark.parametrize(
    "counts, usage",
    [
        ({"input": "4", "output": "50", "cache-read-input": "7", "cache-write-input": "0"},
         Usage(input_tokens=11, output_tokens=50, cache_read_input_tokens=7, cache_write_input_tokens=0)),
        ({"input": "4"}, Usage(input_tokens=4)),
        ({"output": "4", "cache-read-input": "7"}, Usage(output_tokens=4)),
        ({"input": "many", "output": "9" * 5000}, Usage()),
        ({"input": "²"}, Usage()),
        ({}, Usage()),
    ],
)  # fmt: skip
def test_counts_in_headers_are_taken_where_the_body_has_none(counts, usage):
    headers = tuple((f"x-amzn-bedrock-{name}-token-count", value) for name, value in counts.items())

    assert decoded({"outputs": []}, headers=headers).usage == usage


def test_counts_in_the_last_chunk_add_the_cache_to_the_input():
    counts = {"inputTokenCount": 4, "outputTokenCount": 5, "cacheReadInputTokenCount": 6,
              "cacheWriteInputTokenCount": 7}  # fmt: skip
    call = streamed({"outputs": [{"text": "a"}], "amazon-bedrock-invocationMetrics": counts})

    assert call.usage == Usage(input_tokens=17, output_tokens=5, cache_read_input_tokens=6, cache_write_input_tokens=7)


def test_tool_calls_of_every_maker_are_read():
    call = ToolCallPart(name="look_up", arguments={"city": "Berlin"})
    cohere_call = {"name": "look_up", "parameters": {"city": "Berlin"}}
    openai_call = {"id": "c1", "function": {"name": "look_up", "arguments": '{"city": "Berlin"}'}}

    assert decoded({"generation_id": "g", "text": "", "tool_calls": [cohere_call]}).tool_calls == (call,)
    assert streamed(
        {"event_type": "tool-calls-generation", "tool_calls": [cohere_call]},
        {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": {"tool_calls": [cohere_call]}},
    ).tool_calls == (call,)
    said = {"message": {"content": "", "tool_calls": [openai_call]}, "stop_reason": "tool_calls"}
    answer = decoded({"choices": [{"index": 0, **said}]})
    assert answer.tool_calls == (ToolCallPart(name="look_up", arguments={"city": "Berlin"}, id="c1"),)
    assert answer.finish_reasons == ("tool_call",)


@pytest.mark.parametrize(
    "body",
    [
        {"images": [PNG], "error": None},
        {"images": [PNG], "seeds": [7], "finish_reasons": [None]},
        {"result": "success", "artifacts": [{"base64": PNG, "finishReason": "SUCCESS", "seed": 7}]},
    ],
)
def test_images_are_known_by_the_hash_of_their_bytes_and_have_a_price_of_their_own(body):
    call = decoded(body)

    assert call.output_messages[0].parts == (PNG_PART,)
    assert call.finish_reasons[0] in (None, "stop")
    assert call.billing == {"other_charges": ["images"]}


@pytest.mark.parametrize(
    "asked, model, body",
    [
        ({"inputText": "a"}, "amazon.titan-embed-text-v2%3A0",
         {"embedding": [0.1], "embeddingsByType": {"float": [0.1]}, "inputTextTokenCount": 9}),
        ({"texts": ["a"], "input_type": "search_document"}, "cohere.embed-english-v3",
         {"embeddings": [[0.1]], "id": "e1", "response_type": "embeddings_floats", "texts": ["a"]}),
        ({"inputs": [{"content": [{"type": "text", "text": "a"}]}]}, "cohere.embed-v4%3A0",
         {"embeddings": {"float": [[0.1]]}, "response_type": "embeddings_by_type"}),
        ({"schemaVersion": "nova-multimodal-embed-v1", "taskType": "SINGLE_EMBEDDING",
          "singleEmbeddingParams": {"text": {"value": "a", "truncationMode": "END"}}},
         "amazon.nova-2-multimodal-embeddings-v1%3A0", {"embeddings": [{"embeddingType": "TEXT", "embedding": [1]}]}),
    ],
)  # fmt: skip
def test_embeddings_are_read_by_what_was_embedded_and_what_it_used(asked, model, body):
    call = decoded(body, asked=asked, model=model, headers=COUNTS[:1])

    assert (call.operation_name, call.output_messages) == ("embeddings", ())
    assert call.input_messages == (Message(role="user", parts=(TextPart(text="a"),)),)
    assert call.usage == Usage(input_tokens=9)


@pytest.mark.parametrize(
    "asked, model, operation, messages, parameters",
    [
        ({"prompt": "Hi", "max_gen_len": 5, "images": [PNG]}, "meta.llama3-2-11b", "text_completion",
         [("user", (TextPart(text="Hi"), PNG_PART))], {"max_gen_len": 5}),
        ({"inputText": "Hi", "textGenerationConfig": {"topP": 1}}, "amazon.titan-text-express-v1", "text_completion",
         [("user", (TextPart(text="Hi"),))], {"textGenerationConfig": {"topP": 1}}),
        ({"prompt": "A cat", "mode": "text-to-image"}, "stability.sd3-5-large-v1%3A0", "image_generation",
         [("user", (TextPart(text="A cat"),))], {"mode": "text-to-image"}),
        ({"text_prompts": [{"text": "A cat", "weight": 1}]}, "arn", "image_generation",
         [("user", (TextPart(text="A cat"),))], {}),
        ({"taskType": "IMAGE_VARIATION", "imageVariationParams": {"text": "A cat", "images": [PNG], "similarity": 1}},
         "amazon.nova-canvas-v1%3A0", "image_generation", [("user", (TextPart(text="A cat"), PNG_PART))],
         {"taskType": "IMAGE_VARIATION", "imageVariationParams": {"similarity": 1}}),
        ({"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": PNG}}, "amazon.titan-image-generator",
         "image_generation", [("user", (PNG_PART,))],
         {"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {}}),
        ({"schemaVersion": "nova-multimodal-embed-v1", "singleEmbeddingParams": {
            "image": {"format": "png", "source": {"bytes": PNG}},
            "video": {"source": {"s3Location": {"uri": "s3://b/a.mp4"}}}}}, "arn", "embeddings",
         [("user", (PNG_PART, MediaPart(kind="video", reference="s3://b/a.mp4")))],
         {"schemaVersion": "nova-multimodal-embed-v1", "singleEmbeddingParams": {}}),
        ({"texts": ["a", "b"], "truncate": "END"}, "cohere.embed-english-v3", "embeddings",
         [("user", (TextPart(text="a"),)), ("user", (TextPart(text="b"),))], {"truncate": "END"}),
        ({"images": [f"data:image/png;base64,{PNG}"]}, "cohere.embed-english-v3", "embeddings",
         [("user", (PNG_PART,))], {}),
        ({"inputText": "Hi", "inputImage": PNG}, "amazon.titan-embed-image-v1", "embeddings",
         [("user", (TextPart(text="Hi"), PNG_PART))], {}),
        ({"query": "q", "documents": ["a", {"text": "b"}], "top_n": 1}, "cohere.rerank-v3-5%3A0", "rerank",
         [("user", (TextPart(text="q"),)), ("user", (TextPart(text="a"),)), ("user", (TextPart(text="b"),))],
         {"top_n": 1}),
        ({"inputPrompt": "What?", "mediaSource": {"s3Location": {"uri": "s3://b/a.mp4"}}}, "twelvelabs.pegasus", "chat",
         [("user", (TextPart(text="What?"), MediaPart(kind="file", reference="s3://b/a.mp4")))], {}),
        ({"message": "Hi", "preamble": "Be kind.", "documents": [{"snippet": "x"}], "chat_history": [
            {"role": "USER", "message": "a"}, {"role": "CHATBOT", "message": "b"}]}, "cohere.command-r-v1%3A0", "chat",
         [("system", (TextPart(text="Be kind."),)), ("user", (TextPart(text="a"),)),
          ("assistant", (TextPart(text="b"),)), ("user", (TextPart(text="Hi"),))], {"documents": [{"snippet": "x"}]}),
        ({"message": "", "tool_results": [{"call": {"name": "now", "parameters": {}}, "outputs": [{"t": 1}]}]},
         "cohere.command-r-v1%3A0", "chat", [("tool", (ToolResultPart(result=[{"t": 1}], id="now"),))], {}),
        ({"messages": [{"role": "user", "content": [{"text": "Hi"}]}], "system": [{"text": "Be kind."}],
          "schemaVersion": "messages-v1"}, "amazon.nova-micro-v1%3A0", "chat",
         [("system", (TextPart(text="Be kind."),)), ("user", (TextPart(text="Hi"),))],
         {"schemaVersion": "messages-v1"}),
        ({"messages": [{"role": "system", "content": "Be kind."}, {"role": "tool", "tool_call_id": "c1",
                                                                   "content": "18 C"}], "temperature": 0},
         "mistral.mistral-large-2407-v1%3A0", "chat",
         [("system", (TextPart(text="Be kind."),)), ("tool", (ToolResultPart(result="18 C", id="c1"),))],
         {"temperature": 0}),
    ],
)  # fmt: skip
def test_every_form_of_a_request_is_read(asked, model, operation, messages, parameters):
    call = decoded({}, asked=asked, model=model)

    assert call.operation_name == operation
    assert [(each.role, each.parts) for each in call.input_messages] == messages
    assert call.parameters == parameters


def test_tools_of_every_maker_are_read():
    schema = {"city": {"type": "str", "required": True}}
    cohere = {"message": "Hi", "tools": [{"name": "now", "description": "The time", "parameter_definitions": schema}]}
    openai = {"messages": [], "tools": [{"type": "function", "function": {"name": "now", "parameters": schema}}]}
    nova = {"messages": [], "toolConfig": {"tools": [{"toolSpec": {"name": "now", "inputSchema": {"json": schema}}}],
                                           "toolChoice": {"auto": {}}}}  # fmt: skip

    assert decoded({}, asked=cohere).tool_definitions == (
        ToolDefinition(name="now", description="The time", parameters=schema),
    )
    assert decoded({}, asked=openai).tool_definitions == (ToolDefinition(name="now", parameters=schema),)
    assert decoded({}, asked=nova).tool_definitions == (ToolDefinition(name="now", parameters=schema),)
    assert decoded({}, asked=nova).parameters == {"toolConfig": {"toolChoice": {"auto": {}}}}


def test_a_guardrail_that_steps_in_ends_the_stream_and_is_no_error():
    blocked = {"outputText": "Input blocked", "index": 0.0, "totalOutputTextTokenCount": 3.0,
               "inputTextTokenCount": 6.0, "amazon-bedrock-guardrailAction": "INTERVENED"}  # fmt: skip
    call = streamed(blocked)

    assert (call.output_text, call.error_type) == ("Input blocked", None)
    assert (call.finish_reasons, call.provider_finish_reasons) == (("content_filter",), (None,))
    assert call.usage == Usage(input_tokens=6, output_tokens=3)
    assert call.billing == {"other_charges": ["guardrails"]}


def test_what_the_bill_depends_on_beside_the_tokens_stands_in_headers():
    headers = (
        ("X-Amzn-Bedrock-Service-Tier", "flex"),
        ("X-Amzn-Bedrock-PerformanceConfig-Latency", "optimized"),
    )

    assert decoded(CLAUDE, headers=headers).billing == {"service_tier": "flex", "speed": "optimized"}


def test_what_the_maker_says_of_the_bill_is_told_too():
    kept = {"cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 7}}
    nova = {"output": {}, "usage": {"inputTokens": 1, "totalTokens": 3, "serverToolUsage": {"webSearches": 1}}}

    assert decoded({**CLAUDE, "usage": CLAUDE["usage"] | kept}).billing == {"cache_write_1h_tokens": 7}
    assert decoded(nova | {"amazon-bedrock-guardrailAction": "NONE"}).billing == {
        "total_tokens": 3,
        "other_charges": ["webSearches", "guardrails"],
    }


@pytest.mark.parametrize(
    "pieces, error_type, said",
    [
        ([exception("modelStreamErrorException", "It died")], "modelStreamErrorException", "It died"),
        ([{"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}], "overloaded_error", "Busy"),
    ],
)
def test_an_error_in_a_stream_keeps_what_came_before_it(pieces, error_type, said):
    call = streamed(*CLAUDE_STREAM[:7], *pieces)

    assert (call.error_type, call.error_message) == (error_type, said)
    assert (call.output_text, call.usage.input_tokens) == ("Ger", 18140)


@pytest.mark.parametrize(
    "status, headers, body, error_type, said",
    [
        (400, (("x-amzn-errortype", "ValidationException:http://internal.amazon.com/"),), {"message": "Bad"},
         "ValidationException", "Bad"),
        (424, (("x-amzn-errortype", "ModelErrorException"),), {"message": "Oops", "originalStatusCode": 500},
         "ModelErrorException", "Oops"),
        (429, (), {"message": "Slow down"}, "429", "Slow down"),
        (200, (), {"images": [], "error": "Filtered"}, "error", "Filtered"),
        (500, (), b"", "500", None),
    ],
)  # fmt: skip
def test_an_error_answer_is_a_call_in_the_words_of_the_provider(status, headers, body, error_type, said):
    call = decoded(body, status=status, headers=headers, streamed=True)

    assert (call.error_type, call.error_message) == (error_type, said)
    assert call.streaming is (not body)


def test_a_request_without_an_answer_is_a_call_with_the_failure():
    assert decoded(None, failure=CUT).error_type == "cut"
    assert decoded(b'{"gen', failure=CUT).error_type == "cut"
    assert streamed(*CLAUDE_STREAM[:3]).error_type == "cut"


@pytest.mark.parametrize("body", [b"", b"Hello", b"[]", b"\0" * 40, event("messageStart", role="assistant")])
def test_a_good_answer_that_is_no_object_and_no_stream_of_chunks_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object, or an event stream"):
        decoded(body)


def test_a_request_that_is_no_json_object_is_undecodable():
    with pytest.raises(UndecodableExchange, match="request body"):
        decoded(CLAUDE, asked=b"{" + b"[" * 100_000)


def test_chunks_that_cannot_be_opened_are_passed_over():
    closed = [event("chunk"), event("chunk", bytes="é"), event("chunk", bytes="bm8ganNvbg=="), event("new", x=1)]

    assert streamed(*closed, *CLAUDE_STREAM).output_text == "Germany."


@pytest.mark.parametrize(
    "method, path, body, claimed",
    [
        ("POST", "/model/m/invoke", b'{"prompt": "Hi"}', True),
        ("POST", "/model/m/invoke-with-response-stream", b"{}", True),
        ("POST", "/model/m/converse", b"{}", False),
        ("GET", "/model/m/invoke", b"{}", False),
        ("POST", "/model/m/invoke", b"", False),
        ("POST", "/invoke", b"{}", False),
    ],
)
def test_an_invocation_is_known_by_its_request(method, path, body, claimed):
    assert bedrock_invoke.claims(Request(method=method, uri=HOST + path, body=body)) is claimed


@pytest.mark.parametrize(
    "host, provider",
    [
        ("bedrock-runtime.eu-central-1.amazonaws.com", "aws.bedrock"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "aws.bedrock"),
        ("vpce-0a1b-c2d3.bedrock-runtime.us-east-1.vpce.amazonaws.com", "aws.bedrock"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", "aws.bedrock"),
        ("bedrock-runtime.us-east-1.amazonaws.com.example.org", None),
        ("s3.us-east-1.amazonaws.com", None),
        ("localhost:8787", None),
    ],
)
def test_bedrock_is_known_by_its_hosts(host, provider):
    assert wire.provider_of(f"https://{host}/model/m/invoke") == provider


def test_the_package_reads_the_format_and_adds_who_served_it():
    call = wire.decode(exchange_of(CLAUDE, asked=CLAUDE_ASKED))

    assert (call.provider_name, call.output_text) == ("aws.bedrock", "Germany.")


def claude_of(name):
    """An answer with ids, signatures and latencies of its own."""
    text = json.dumps([CLAUDE, CLAUDE_STREAM]).replace("_1", f"_{name}").replace("Eqo", f"Eqo{name}")
    whole, pieces = json.loads(text)
    metrics = {**METRICS["amazon-bedrock-invocationMetrics"], "invocationLatency": ord(name)}
    return whole | {"id": name}, [*pieces[:-1], pieces[-1] | {"amazon-bedrock-invocationMetrics": metrics}]


def test_two_recordings_of_one_answer_differ_in_what_varies_alone():
    first, second = (lifted(claude_of(name)[0], bedrock_invoke.VOLATILE) for name in "ab")

    assert first[0] == second[0]
    assert len(first[1]) == len(second[1]) == 3


def test_two_recordings_of_one_stream_differ_in_what_varies_alone():
    bodies = (without_padding(b"".join(map(chunk, claude_of(name)[1])))[0] for name in "ab")
    first, second = (fold(body, volatile=bedrock_invoke.VOLATILE) for body in bodies)

    assert first.varies != second.varies
    assert first.value == second.value


def test_a_request_that_repeats_what_varied_is_the_same_request():
    def asked(name):
        results = [{"type": "tool_result", "tool_use_id": f"toolu_{name}", "content": "18 C"}]
        said = [{"role": "assistant", "content": claude_of(name)[0]["content"]}, {"role": "user", "content": results}]
        return {"messages": said}

    first, second = (lifted(asked(name), bedrock_invoke.VOLATILE_REQUEST)[0] for name in "ab")

    assert first == second


def places_in(value, place=()):
    yield place
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places_in(child, (*place, key))


def with_value_at(value, place, new):
    if not place:
        return new
    changed = copy.copy(value)
    changed[place[0]] = with_value_at(value[place[0]], place[1:], new)
    return changed


NAMES = ["text", "content", "tools", "bytes", "source", "images", "index"]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=2),
    max_leaves=4,
)
ASKED = [
    "messages", "message", "system", "tools", "toolConfig", "chat_history", "tool_results", "prompt", "inputText",
    "texts", "images", "text_prompts", "inputs", "documents", "xParams", "mediaSource", "anthropic_version",
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_stands_at_whatever_place_raises_nothing_but_undecodable(data):
    whole, pieces, *_ = data.draw(st.sampled_from([*MAKERS.values(), (CLAUDE, CLAUDE_STREAM)]))
    whole = with_value_at(whole, data.draw(st.sampled_from(list(places_in(whole)))), data.draw(ODD))
    pieces = pieces or [whole]
    pieces = with_value_at(pieces, data.draw(st.sampled_from(list(places_in(pieces))[1:])), data.draw(ODD))
    asked = data.draw(st.dictionaries(st.sampled_from(ASKED), ODD, max_size=3))
    for body in (dumps(whole).encode("utf-8", "surrogatepass"), b"".join(map(chunk, pieces))):
        with contextlib.suppress(UndecodableExchange):
            assert decoded(body, asked=asked).request_model == "cohere.command-text-v14"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2000), st.binary(max_size=40))
def test_any_bytes_raise_nothing_but_undecodable(place, noise):
    body = b"".join(map(chunk, CLAUDE_STREAM))
    with contextlib.suppress(UndecodableExchange):
        assert decoded(body[:place] + noise + body[place:]).output_text in "Germany."
