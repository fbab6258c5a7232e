"""What `wire.openai_chat` reads in the bodies of its many hosts, each with a twist of its own."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from speaking_formats import events_of, exchange_of

from pytest_llmwatch import wire
from pytest_llmwatch.calls import ModelCall, ReasoningPart, TextPart, ToolCallPart, Usage

ASKED = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
PATH = "/v1/chat/completions"
CALL = {"name": "add", "arguments": '{"a": 1}'}
ADD = ToolCallPart(name="add", arguments={"a": 1}, id="c1")


def decoded(body, *, uri=f"https://h{PATH}", asked=ASKED, **how) -> ModelCall:
    return wire.decode(exchange_of(body, asked=asked, uri=uri, **how))


def answer(message, finish_reason="stop", usage=None, **more):
    return {
        "id": "1",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": usage,
        **more,
    }


def delta(delta, finish_reason=None, **more):
    return {"id": "1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], **more}


def counted(read, written, **more):
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written, **more}


@pytest.mark.parametrize(
    "uri, asked, provider, model",
    [
        ("https://api.groq.com/openai/v1/chat/completions", {"model": "m"}, "groq", "m"),
        ("https://openrouter.ai/api/v1/chat/completions", {"model": "openai/gpt-5"}, "openrouter", "openai/gpt-5"),
        ("https://api.perplexity.ai/chat/completions", {"model": "sonar"}, "perplexity", "sonar"),
        ("https://api.ai21.com/studio/v1/chat/completions", {"model": "jamba"}, "ai21", "jamba"),
        ("https://api.mistral.ai/v1/agents/completions", {"agent_id": "ag_1"}, "mistral_ai", None),
        ("https://api.z.ai/api/paas/v4/chat/completions", {"model": "glm-4.7"}, "z_ai", "glm-4.7"),
        ("https://api.moonshot.ai/v1/chat/completions", {"model": "kimi"}, "moonshot_ai", "kimi"),
        ("https://api.minimax.io/v1/text/chatcompletion_v2", {"model": "MiniMax-M1"}, "minimax", "MiniMax-M1"),
        ("https://api.writer.com/v1/chat", {"model": "palmyra-x5"}, "writer", "palmyra-x5"),
        ("https://models.github.ai/inference/chat/completions", {"model": "openai/gpt-4o"}, "github", "openai/gpt-4o"),
        ("https://models.github.ai/orgs/acme/inference/chat/completions", {"model": "m"}, "github", "m"),
        ("https://api.githubcopilot.com/chat/completions", {"model": "gpt-4o"}, "github_copilot", "gpt-4o"),
        ("https://x.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview", {"model": "m"},
         "azure.ai.inference", "m"),
        ("https://x.eastus2.models.ai.azure.com/chat/completions", {}, "azure.ai.inference", None),
        ("https://integrate.api.nvidia.com/v1/chat/completions", {"model": "m"}, "nvidia", "m"),
        ("https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/endpoints/openapi/chat/completions",
         {"model": "meta/llama-3.1"}, "gcp.vertex_ai", "meta/llama-3.1"),
        ("https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi/chat/completions", {},
         "gcp.vertex_ai", None),
        ("https://aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/123/chat/completions", {},
         "gcp.vertex_ai", "123"),
        ("https://us-south.ml.cloud.ibm.com/ml/v1/text/chat?version=2024-10-08", {"model_id": "ibm/granite"},
         "ibm.watsonx.ai", "ibm/granite"),
        ("https://us-south.ml.cloud.ibm.com/ml/v1/text/chat_stream?version=2024-10-08", {"model_id": "ibm/granite"},
         "ibm.watsonx.ai", "ibm/granite"),
        ("https://us-south.ml.cloud.ibm.com/ml/v1/deployments/my-prompt/text/chat", {}, "ibm.watsonx.ai", "my-prompt"),
        ("https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/llama/invocations", {}, "aws.sagemaker", "llama"),
        ("https://x.cloud.databricks.com/serving-endpoints/chat/completions", {"model": "m"}, "databricks", "m"),
        ("https://x.cloud.databricks.com/serving-endpoints/llama/invocations", {}, "databricks", "llama"),
        ("https://org.snowflakecomputing.com/api/v2/cortex/v1/chat/completions", {"model": "m"}, "snowflake", "m"),
        ("https://api.cloudflare.com/client/v4/accounts/0/ai/v1/chat/completions", {"model": "@cf/m"}, "cloudflare",
         "@cf/m"),
        ("https://ai-gateway.vercel.sh/v1/chat/completions", {"model": "xai/grok-4"}, "vercel", "xai/grok-4"),
        ("https://ark.cn-beijing.volces.com/api/v3/chat/completions", {"model": "doubao"}, "volcengine", "doubao"),
        ("http://localhost:1234/v1/chat/completions", {"model": "lm-studio"}, None, "lm-studio"),
    ],
)  # fmt: skip
def test_a_host_is_known_by_its_address_and_names_its_model(uri, asked, provider, model):
    call = decoded(answer({"content": "4"}), uri=uri, asked={"messages": [], **asked})

    assert (call.operation_name, call.provider_name, call.request_model) == ("chat", provider, model)
    assert call.output_text == "4"


@pytest.mark.parametrize(
    "body, usage",
    [
        # xAI leaves reasoning out of the output, which its total shows.
        (answer({"content": "4"}, usage={"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 41,
                                         "completion_tokens_details": {"reasoning_tokens": 30}}),
         Usage(input_tokens=9, output_tokens=32, reasoning_output_tokens=30)),
        # Perplexity and Databricks count on every chunk, each time all that came.
        (events_of(delta({"content": "a"}, usage=counted(9, 1)), delta({"content": "b"}, "stop", usage=counted(9, 2))),
         Usage(input_tokens=9, output_tokens=2)),
        (events_of(delta({"content": "a"}, "stop", x_groq={"id": "req_1", "usage": counted(9, 2)}), done=True),
         Usage(input_tokens=9, output_tokens=2)),
        (answer({"content": "4"}, usage=counted(9, 2, prompt_cache_hit_tokens=4, prompt_cache_miss_tokens=5)),
         Usage(input_tokens=9, output_tokens=2, cache_read_input_tokens=4)),
        (answer({"content": "4"}, usage=counted(9, 2, cached_tokens=4)),
         Usage(input_tokens=9, output_tokens=2, cache_read_input_tokens=4)),
        (events_of({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": counted(9, 2)}]}),
         Usage(input_tokens=9, output_tokens=2)),
    ],
    ids=["xAI", "Perplexity", "Groq", "DeepSeek", "Together", "Moonshot"],
)  # fmt: skip
def test_tokens_are_counted_as_the_host_means_them(body, usage):
    assert decoded(body).usage == usage


@pytest.mark.parametrize(
    "body, cost",
    [
        (answer({"content": "4"}, usage=counted(9, 2, cost=0.0000123, is_byok=False)), "0.0000123"),
        (answer({"content": "4"}, usage=counted(9, 2, cost={"total_cost": 0.00502})), "0.00502"),
        (answer({"content": "4"}, usage=counted(9, 2, cost_in_usd_ticks=37756000)), "0.0037756"),
        (answer({"content": "4"}, usage=counted(9, 2, estimated_cost=0.0000268)), "0.0000268"),
        (answer({"content": "4", "provider_metadata": {"gateway": {"cost": "0.0045405"}}}), "0.0045405"),
        (events_of(delta({"content": "4"}),
                   delta({"provider_metadata": {"gateway": {"cost": "0.0045405"}}}, "stop"), done=True), "0.0045405"),
        (answer({"content": "4"}, usage=counted(9, 2)), None),
    ],
    ids=["OpenRouter", "Perplexity", "xAI", "DeepInfra", "Vercel", "Vercel streamed", "none"],
)  # fmt: skip
def test_a_cost_that_the_host_reports_is_the_cost(body, cost):
    assert decoded(body).cost == (cost and Decimal(cost))


@pytest.mark.parametrize(
    "deltas, parts",
    [
        # Mistral: thinking in parts, the whole call in one delta, with no index.
        ([{"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]}, {"content": "4"},
          {"content": "", "tool_calls": [{"id": "c1", "function": CALL}]}],
         (ReasoningPart(text="Hm"), TextPart(text="4"), ADD)),
        # Groq, Cerebras, vLLM, SambaNova.
        ([{"role": "assistant", "content": None, "reasoning": "Hm"}, {"content": "4"}],
         (ReasoningPart(text="Hm"), TextPart(text="4"))),
        # DeepSeek, Z.ai, Moonshot, Fireworks.
        ([{"content": None, "reasoning_content": "Hm"}, {"content": "4", "reasoning_content": None}],
         (ReasoningPart(text="Hm"), TextPart(text="4"))),
        # Snowflake: a place for every kind of call, the others empty.
        ([{"content": "4", "function_call": {"name": "", "arguments": ""}, "tool_calls": [
            {"index": 0, "id": "c1", "function": CALL, "custom": {"name": "", "input": ""}}]}],
         (TextPart(text="4"), ADD)),
        # Google: every call is number 0.
        ([{"tool_calls": [{"index": 0, "id": "c1", "function": CALL}]},
          {"tool_calls": [{"index": 0, "id": "c2", "function": CALL}]}],
         (ADD, ToolCallPart(name="add", arguments={"a": 1}, id="c2"))),
        # llama.cpp, in pieces; NVIDIA ends them with `stop`.
        ([{"role": "assistant", "content": None},
          {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "add", "arguments": "{"}}]},
          {"tool_calls": [{"index": 0, "function": {"arguments": '"a": 1}'}}]}], (ADD,)),
    ],
    ids=["Mistral", "Groq", "DeepSeek", "Snowflake", "Google", "llama.cpp"],
)  # fmt: skip
def test_pieces_of_an_answer_are_put_together_as_the_host_sends_them(deltas, parts):
    call = decoded(events_of(*map(delta, deltas), delta({}, "stop"), done=True))

    assert call.output_messages[0].parts == parts
    assert (call.finish_reasons, call.error_type) == (("stop",), None)


def test_copilot_leaves_the_object_out_and_begins_with_nothing():
    first = {"choices": [], "created": 0, "id": "", "prompt_filter_results": [{"prompt_index": 0}]}
    call = decoded(events_of(first, delta({"content": "4"}), delta({"content": None}, "stop"), done=True))

    assert (call.output_text, call.response_id, call.response_model) == ("4", "1", "m")


def test_cloudflare_answers_with_an_object_where_one_is_asked_for():
    assert json.loads(decoded(answer({"role": "assistant", "content": {"city": "Köln"}})).output_text) == {
        "city": "Köln"
    }


def test_mistral_gives_several_messages_where_it_ran_tools_in_between():
    messages = [
        {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "function": CALL}]},
        {"role": "tool", "tool_call_id": "c1", "content": "5"},
        {"role": "assistant", "content": "It is 5."},
    ]
    call = decoded({"choices": [{"index": 0, "messages": messages, "finish_reason": "stop"}]})

    assert (call.output_text, call.tool_calls) == ("It is 5.", (ADD,))


def test_watsonx_names_its_model_with_another_word_and_numbers_its_events():
    chunks = [delta({"content": "4"}) | {"model_id": "ibm/granite", "model": None}, delta({}, "stop") | {"model": None}]
    lines = (f"id: {number}\nevent: message\ndata: {json.dumps(each)}\n\n" for number, each in enumerate(chunks, 1))
    call = decoded("".join(lines).encode(), asked={"model_id": "ibm/granite", "messages": [], "project_id": "p"})

    assert (call.streaming, call.output_text, call.error_type) == (True, "4", None)
    assert (call.response_model, call.parameters) == ("ibm/granite", {"project_id": "p"})


@pytest.mark.parametrize(
    "body, status, error_type, message",
    [
        # Groq fails inside a stream that began well.
        (b'event: error\ndata: {"error":{"message":"Failed to call","type":"invalid_request_error"}}\n\n',
         200, "invalid_request_error", "Failed to call"),
        # OpenRouter: of its upstream in the choice, its own beside it.
        ({"choices": [{"error": {"code": 502, "message": "Upstream"}, "finish_reason": "error", "message": {}}]}, 200,
         "502", "Upstream"),
        (events_of({"id": "1", "error": {"code": "server_error", "message": "Gone"},
                    "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]}), 200,
         "server_error", "Gone"),
        ({"object": "error", "message": "Bad", "type": "BadRequestError", "code": 400}, 400, "BadRequestError", "Bad"),
        ({"detail": "Unauthorized"}, 401, "401", "Unauthorized"),
        ({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No such endpoint"}, 404, "404", "No such endpoint"),
        ({"errors": [{"code": "invalid_input_argument", "message": "No model"}], "status_code": 400}, 400,
         "invalid_input_argument", "No model"),
        ({"success": False, "errors": [{"code": 10000, "message": "Authentication error"}]}, 403, "10000",
         "Authentication error"),
        ({"base_resp": {"status_code": 1004, "status_msg": "login fail"}}, 200, "1004", "login fail"),
        ({"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}, 503, "unavailable_error",
         "Loading model"),
        (b"Too many requests", 429, "429", "Too many requests"),
    ],
    ids=["Groq", "OpenRouter", "OpenRouter streamed", "vLLM", "NVIDIA", "Databricks", "watsonx",
         "Cloudflare", "MiniMax", "llama.cpp", "Azure"],
)  # fmt: skip
def test_an_error_is_read_in_the_words_of_its_host(body, status, error_type, message):
    call = decoded(body, status=status)

    assert (call.error_type, call.error_message) == (error_type, message)


def test_a_good_answer_of_minimax_says_that_it_is_none():
    call = decoded(answer({"content": "4"}, base_resp={"status_code": 0, "status_msg": ""}))

    assert (call.output_text, call.error_type) == ("4", None)


def test_keep_alives_of_openrouter_are_no_part_of_an_answer():
    whole = decoded(b"\n         \n\n" * 3 + json.dumps(answer({"content": "4"})).encode())
    stream = decoded(b": OPENROUTER PROCESSING\n\n" * 3 + events_of(delta({"content": "4"}, "stop"), done=True))

    assert (whole.output_text, whole.streaming, stream.output_text, stream.streaming) == ("4", False, "4", True)


@pytest.mark.parametrize(
    "place, facts",
    [
        ({"usage": counted(9, 2, queue_time=0.05, prompt_time=0.001, completion_time=0.1, total_time=0.101)},
         {"queue_time_ms": 50.0, "prompt_time_ms": 1.0, "completion_time_ms": 100.0, "server_latency_ms": 101.0}),
        ({"time_info": {"queue_time": 0.002, "total_time": 0.02, "created": 1}},
         {"queue_time_ms": 2.0, "server_latency_ms": 20.0}),
        ({"usage": counted(9, 2, time_to_first_token=0.04, total_latency=0.32)},
         {"time_to_first_token_ms": 40.0, "server_latency_ms": 320.0}),
        ({"timings": {"prompt_ms": 30.9, "predicted_ms": 66.1}}, {"prompt_time_ms": 30.9, "completion_time_ms": 66.1}),
    ],
    ids=["Groq", "Cerebras", "SambaNova", "llama.cpp"],
)  # fmt: skip
def test_times_that_the_host_reports_are_facts_of_the_call(place, facts):
    whole = decoded(answer({"content": "4"}) | place)
    stream = decoded(events_of(delta({"content": "4"}, "stop"), delta({}) | place, done=True))

    assert whole.provider_facts == stream.provider_facts == facts
