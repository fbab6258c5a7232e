"""The bundled demo server, asked by the real openai package."""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import sys
import time
from urllib.parse import urlsplit

import openai
import pytest

from pytest_llmwatch.demo.server import DemoServer

ORDER_STATUS = {
    "type": "function",
    "function": {
        "name": "get_order_status",
        "description": "The state of an order",
        "parameters": {
            "type": "object",
            "properties": {"order_id": {"type": "string"}, "detailed": {"type": "boolean"}},
            "required": ["order_id"],
        },
    },
}


@pytest.fixture
def demo():
    with DemoServer() as demo:
        yield demo


@pytest.fixture
def client(demo):
    with openai.OpenAI(base_url=demo.base_url, api_key="sk-test", max_retries=0) as client:
        yield client


def ask(client, question, **parameters):
    messages = [{"role": "user", "content": question}]
    return client.chat.completions.create(**{"model": "gpt-5-mini", "messages": messages} | parameters)


def content_of(completion):
    return completion.choices[0].message.content


def test_a_question_is_answered_by_the_policy(client):
    completion = ask(client, "Can I return a used phone?")

    assert content_of(completion).startswith("Yes, you can return a used phone within 14 days")
    assert completion.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    "question, answer",
    [
        ("My camera arrived broken", "I am sorry that your camera arrived that way."),
        ("Can I get my money back for a download?", "Digital goods can be refunded within 7 days"),
        ("Who pays the postage?", "Return shipping costs 4.90 EUR"),
        ("When will I see it?", "A refund reaches your account 5 working days"),
        ("I lost the receipt", "You need no receipt"),
        ("Can I swap the jacket for another size?", "You can exchange your jacket once"),
        ("I want to send back a book", "You can return an unused book within 30 days"),
        ("使ったカメラは返品できますか？", "はい、使用済みのカメラは"),
        ("届いた時計が壊れていました", "時計に不具合があり"),
        ("電子書籍は返金できますか？ダウンロード前です", "デジタル商品は"),
        ("送料はいくらですか？", "返送料は700円"),
        ("いつ返金されますか？", "商品が倉庫に到着してから5営業日"),
        ("領収書をなくしました", "レシートがなくても"),
        ("別のサイズに交換したい靴があります", "靴は、お届けから30日以内に一度だけ"),
        ("返品したいです", "未使用の商品は"),
    ],
)
def test_every_topic_is_known_in_both_languages(client, question, answer):
    assert content_of(ask(client, question)).startswith(answer)


@pytest.mark.parametrize("question", ["What is the capital of France?", "フランスの首都はどこですか？"])
def test_an_unknown_question_is_quoted_in_the_answer(client, question):
    answer = content_of(ask(client, question))

    assert question in answer
    assert "support@shop.example" in answer


def test_a_follow_up_keeps_the_topic(client):
    messages = [
        {"role": "user", "content": "Can I return a used phone?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": [{"type": "text", "text": "And a laptop?"}]},
    ]

    assert "a used laptop within 14 days" in content_of(ask(client, "", messages=messages))


def test_a_system_prompt_can_ask_for_one_sentence(client):
    question = {"role": "user", "content": "Can I return a phone?"}
    long = content_of(ask(client, "", messages=[question]))
    short = content_of(ask(client, "", messages=[{"role": "system", "content": "Answer briefly."}, question]))

    assert long.startswith(short)
    assert short.endswith("full refund.")


def test_the_same_request_is_answered_by_the_same_bytes(demo):
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Refund?"}]}
    first, again = post(demo, body)[2], post(demo, body)[2]

    assert first == again


def test_the_served_model_is_dated_and_usage_is_counted(client):
    completion = ask(client, "Can I return a used phone?")
    longer = ask(client, "Can I return a used phone? " * 10)

    assert completion.model == "gpt-5-mini-2025-08-07"
    assert 5 < completion.usage.prompt_tokens < 30
    assert 20 < completion.usage.completion_tokens < 80
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    assert longer.usage.prompt_tokens > completion.usage.prompt_tokens
    assert longer.id != completion.id


def test_a_token_limit_cuts_the_answer(client):
    completion = ask(client, "Can I return a used phone?", max_completion_tokens=5)

    assert completion.choices[0].finish_reason == "length"
    assert completion.usage.completion_tokens <= 5
    assert "Yes, you can return a used phone".startswith(content_of(completion))


@pytest.mark.parametrize("question", ["Can I return a used phone?", "使ったカメラは返品できますか？"])
def test_a_stream_adds_up_to_the_plain_answer(client, question):
    chunks = list(ask(client, question, stream=True))
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    assert streamed == content_of(ask(client, question))
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)
    assert len(chunks) > 10


def test_a_stream_ends_with_usage_when_asked(client):
    question = "Can I return a used phone?"
    *chunks, last = ask(client, question, stream=True, stream_options={"include_usage": True})

    assert last.choices == []
    assert last.usage == ask(client, question).usage
    assert all(chunk.usage is None for chunk in chunks)


def test_an_async_client_is_served_concurrently(demo):
    async def ask_both():
        async with openai.AsyncOpenAI(base_url=demo.base_url, api_key="sk-test") as client:
            return await asyncio.gather(ask(client, "Can I return a phone?"), streamed(client))

    async def streamed(client):
        return [chunk async for chunk in await ask(client, "返品したいです", stream=True)]

    plain, chunks = asyncio.run(ask_both())

    assert content_of(plain).startswith("You can return an unused phone")
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks).startswith("未使用の商品は")
    assert demo.requests_served == 2


@pytest.mark.parametrize(
    "question, order", [("Where is my order A-1007?", "A-1007"), ("注文A-1007の状況を教えて", "A-1007")]
)
def test_a_tool_is_called_when_the_question_names_it(client, question, order):
    choice = ask(client, question, tools=[ORDER_STATUS]).choices[0]

    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.tool_calls[0].function.name == "get_order_status"
    assert json.loads(choice.message.tool_calls[0].function.arguments) == {"order_id": order, "detailed": True}


def test_a_tool_is_left_alone_by_other_questions(client):
    choice = ask(client, "Can I return a used phone?", tools=[ORDER_STATUS]).choices[0]

    assert choice.finish_reason == "stop"
    assert choice.message.tool_calls is None


def test_a_forced_tool_is_called_and_a_forbidden_one_is_not(client):
    forced = {"type": "function", "function": {"name": "get_order_status"}}
    called = ask(client, "Hello", tools=[ORDER_STATUS], tool_choice=forced)
    forbidden = ask(client, "Where is my order A-1007?", tools=[ORDER_STATUS], tool_choice="none")

    assert called.choices[0].message.tool_calls[0].function.name == "get_order_status"
    assert forbidden.choices[0].message.tool_calls is None


def test_a_streamed_tool_call_adds_up_to_the_plain_one(client):
    question = "Where is my order A-1007?"
    [plain] = ask(client, question, tools=[ORDER_STATUS]).choices[0].message.tool_calls
    deltas = [chunk.choices[0].delta for chunk in ask(client, question, tools=[ORDER_STATUS], stream=True)]
    parts = [delta.tool_calls[0] for delta in deltas if delta.tool_calls]

    assert parts[0].function.name == "get_order_status"
    assert "".join(part.function.arguments for part in parts) == plain.function.arguments
    assert len(parts) > 2


def test_a_tool_result_is_reported(client):
    first = ask(client, "Where is my order A-1007?", tools=[ORDER_STATUS]).choices[0].message
    messages = [
        {"role": "user", "content": "Where is my order A-1007?"},
        first.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "shipped on 2 May"},
    ]
    answer = content_of(ask(client, "", messages=messages, tools=[ORDER_STATUS]))

    assert answer == "Here is what I found: shipped on 2 May"


def test_a_json_schema_is_filled_from_the_question(client):
    schema = {
        "type": "object",
        "properties": {
            "order_number": {"type": "string"},
            "total": {"type": "number"},
            "paid": {"enum": ["no", "yes"]},
        },
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "invoice", "schema": schema}}
    answer = content_of(ask(client, "Total 12.50 for order A-7, paid: yes", response_format=wanted))

    assert json.loads(answer) == {"order_number": "A-7", "total": 12.5, "paid": "yes"}


@pytest.mark.parametrize(
    "parameters, error, words",
    [
        ({"model": "gpt-none"}, openai.NotFoundError, "The model `gpt-none` does not exist"),
        ({"messages": []}, openai.BadRequestError, "Invalid 'messages': empty array"),
        ({"messages": [{"role": "robot"}]}, openai.BadRequestError, "Invalid value: 'robot'"),
        ({"extra_body": {"stream_options": {"include_usage": True}}}, openai.BadRequestError, "'stream_options'"),
        ({"tools": [{"type": "function"}]}, openai.BadRequestError, "'tools[0].function.name'"),
    ],
)
def test_a_bad_request_is_refused_in_the_words_of_openai(client, parameters, error, words):
    with pytest.raises(error) as raised:
        ask(client, "Hello", **parameters)

    assert words in raised.value.body["message"]
    assert raised.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    "oddity",
    [
        {"tools": [{"type": "function", "function": {"name": "get_refund", "parameters": 3}}]},
        {"tools": [ORDER_STATUS], "tool_choice": {"function": 3}},
        {"response_format": {"type": "json_schema", "json_schema": 4}},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": "refund \ud800"}]},
        {"stream": True, "stream_options": 3},
    ],
)
def test_an_odd_field_does_not_break_the_connection(demo, oddity):
    status, _, _ = post(demo, {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "refund"}]} | oddity)

    assert status == 200


def test_an_unknown_address_is_not_found(client, demo):
    with pytest.raises(openai.NotFoundError, match=r"Invalid URL \(POST /v1/embeddings\)"):
        client.embeddings.create(model="text-embedding-3-small", input="Hello")

    assert demo.requests_served == 1


def test_a_body_that_is_not_json_is_refused(demo):
    status, _, body = post(demo, b"\xff not JSON")

    assert status == 400
    assert json.loads(body)["error"]["message"] == "We could not parse the JSON body of your request."


def test_a_chunked_request_body_is_read(demo):
    body = json.dumps({"model": "gpt-5-mini", "messages": [{"role": "user", "content": "返金"}]}).encode()
    status, _, _ = post(demo, iter([body[:20], body[20:]]))

    assert status == 200


def test_a_connection_is_kept_alive(demo):
    connection = connection_to(demo)
    for _ in range(3):
        connection.request("GET", "/v1/models")
        socket = connection.sock
        connection.getresponse().read()

    assert connection.sock is socket
    assert demo.requests_served == 3
    connection.close()


def test_a_stopped_server_drops_and_refuses_connections(demo):
    connection = connection_to(demo)
    connection.request("GET", "/v1/models")
    connection.getresponse().read()
    demo.stop()

    assert connection.sock.recv(1) == b""
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        connection.connect()


def test_the_pace_spreads_a_stream_over_time():
    with DemoServer(pace=0.01) as demo, openai.OpenAI(base_url=demo.base_url, api_key="sk-test") as client:
        started = time.perf_counter()
        chunks = list(ask(client, "Can I return a phone?", stream=True))
        took = time.perf_counter() - started

    assert took >= 0.01 * (len(chunks) - 1)


def test_the_server_needs_only_the_standard_library():
    script = "import pytest_llmwatch.demo.server, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    foreign = {name.partition(".")[0] for name in loaded} & {"pytest", "vcr", "httpx", "httpx2", "openai", "yaml"}

    assert foreign == set()


def connection_to(demo):
    address = urlsplit(demo.origin)
    return http.client.HTTPConnection(address.hostname, address.port, timeout=5)


def post(demo, body):
    connection = connection_to(demo)
    encoded = json.dumps(body).encode() if isinstance(body, dict) else body
    connection.request("POST", "/v1/chat/completions", encoded, {"content-type": "application/json"})
    response = connection.getresponse()
    answer = response.status, response.headers, response.read()
    connection.close()
    return answer


def test_the_module_says_how_it_is_called():
    called = [sys.executable, "-m", "pytest_llmwatch.demo"]

    assert "PORT" in subprocess.run([*called, "--help"], capture_output=True, text=True, check=True).stdout
    wrong = subprocess.run([*called, "x"], capture_output=True, text=True, check=False)
    assert "invalid int value: 'x'" in wrong.stderr
    assert "Traceback" not in wrong.stderr
