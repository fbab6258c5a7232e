"""Every client with every kind of answer: recorded, then replayed while the server counts. One run per column."""

from __future__ import annotations

import json
import re
import struct
import threading
import zlib

import pytest
from provider import Provider, raw, status, stream, text, tool_call

SAID = "Within 14 days, 返品できます."
ARGUMENTS = {"item": "電話", "days": 14}
SDKS = (
    "openai",
    "openai_async",
    "anthropic",
    "anthropic_async",
    "google_genai",
    "google_genai_async",
    "boto3",
)
HTTP_CLIENTS = ("httpx", "httpx_async", "httpx2", "httpx2_async", "requests", "urllib3", "aiohttp", "urllib")
KINDS = ("plain", "stream", "retry", "tool")
CELLS = [f"{client}-{kind}" for client in (*SDKS, *HTTP_CLIENTS) for kind in KINDS if client in SDKS or kind != "tool"]

CLIENTS = '''
    import asyncio
    import json
    import os
    import urllib.request
    from urllib.error import HTTPError

    URL = os.environ["MODEL_BASE_URL"]
    ROOT = URL.removesuffix("/v1")
    PATH = f"{URL}/chat/completions"


    def asked_of(kind):
        """The question in the words of openai_chat."""
        asked = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": kind}]}
        if kind == "stream":
            asked["stream"] = True
        if kind == "tool":
            asked["tools"] = [{"type": "function", "function": {"name": "refund", "parameters": {"type": "object"}}}]
        return asked


    def read_openai(kind, answer):
        if kind == "tool":
            return json.loads(answer.choices[0].message.tool_calls[0].function.arguments)
        return answer.choices[0].message.content


    def openai(kind):
        import openai

        client = openai.OpenAI(base_url=URL, max_retries=1)
        answer = client.chat.completions.create(**asked_of(kind))
        if kind == "stream":
            return "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
        return read_openai(kind, answer)


    async def openai_async(kind):
        import openai

        async with openai.AsyncOpenAI(base_url=URL, max_retries=1) as client:
            answer = await client.chat.completions.create(**asked_of(kind))
            if kind == "stream":
                return "".join([chunk.choices[0].delta.content or "" async for chunk in answer if chunk.choices])
            return read_openai(kind, answer)


    def messages_of(kind):
        asked = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": kind}]}
        if kind == "tool":
            asked["tools"] = [{"name": "refund", "input_schema": {"type": "object"}}]
        return asked


    def read_anthropic(kind, answer):
        return answer.content[0].input if kind == "tool" else answer.content[0].text


    def anthropic(kind):
        import anthropic

        client = anthropic.Anthropic(base_url=ROOT, api_key="sk-ant-none", max_retries=1)
        if kind == "stream":
            with client.messages.stream(**messages_of(kind)) as stream:
                return "".join(stream.text_stream)
        return read_anthropic(kind, client.messages.create(**messages_of(kind)))


    async def anthropic_async(kind):
        import anthropic

        async with anthropic.AsyncAnthropic(base_url=ROOT, api_key="sk-ant-none", max_retries=1) as client:
            if kind == "stream":
                async with client.messages.stream(**messages_of(kind)) as stream:
                    return "".join([piece async for piece in stream.text_stream])
            return read_anthropic(kind, await client.messages.create(**messages_of(kind)))


    def google_client():
        from google import genai

        retries = genai.types.HttpRetryOptions(attempts=2, initial_delay=0, jitter=0)
        options = genai.types.HttpOptions(base_url=ROOT, retry_options=retries)
        return genai.Client(api_key="none", vertexai=False, http_options=options)


    def contents_of(kind):
        asked = {"model": "gemini-3-flash", "contents": kind}
        if kind == "tool":
            declared = {"name": "refund", "parameters": {"type": "OBJECT"}}
            asked["config"] = {"tools": [{"function_declarations": [declared]}]}
        return asked


    def read_google(kind, answer):
        return answer.function_calls[0].args if kind == "tool" else answer.text


    def google_genai(kind):
        client = google_client()
        models = client.models
        if kind == "stream":
            return "".join(piece.text for piece in models.generate_content_stream(**contents_of(kind)))
        return read_google(kind, models.generate_content(**contents_of(kind)))


    async def google_genai_async(kind):
        client = google_client()
        models = client.aio.models
        if kind == "stream":
            return "".join([piece.text async for piece in await models.generate_content_stream(**contents_of(kind))])
        return read_google(kind, await models.generate_content(**contents_of(kind)))


    def boto3(kind):
        import boto3
        from botocore.config import Config

        bedrock = boto3.client(
            "bedrock-runtime",
            region_name="eu-central-1",
            endpoint_url=ROOT,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="none",
            config=Config(retries={"total_max_attempts": 2, "mode": "standard"}),
        )
        asked = {
            "modelId": "eu.anthropic.claude-haiku-4-5",
            "messages": [{"role": "user", "content": [{"text": kind}]}],
        }
        if kind == "stream":
            events = bedrock.converse_stream(**asked)["stream"]
            deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
            return "".join(deltas)
        if kind == "tool":
            asked["toolConfig"] = {"tools": [{"toolSpec": {"name": "refund", "inputSchema": {"json": {}}}}]}
        content = bedrock.converse(**asked)["output"]["message"]["content"][0]
        return content["toolUse"]["input"] if kind == "tool" else content["text"]


    def read_body(status, body):
        """What a client by hand makes of an answer; `None` where it is to try again."""
        if status == 429:
            return None
        if body.startswith("data:"):
            events = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: {")]
            return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"])
        return json.loads(body)["choices"][0]["message"]["content"]


    def twice(post):
        def ask(kind):
            return post(asked_of(kind)) or post(asked_of(kind))

        return ask


    def twice_async(post):
        async def ask(kind):
            return await post(asked_of(kind)) or await post(asked_of(kind))

        return ask


    @twice
    def httpx(payload):
        import httpx

        answer = httpx.post(PATH, json=payload)
        return read_body(answer.status_code, answer.text)


    @twice_async
    async def httpx_async(payload):
        import httpx

        async with httpx.AsyncClient() as client, client.stream("POST", PATH, json=payload) as answer:
            return read_body(answer.status_code, "".join([piece async for piece in answer.aiter_text()]))


    @twice
    def httpx2(payload):
        import httpx2

        with httpx2.stream("POST", PATH, json=payload) as answer:
            return read_body(answer.status_code, "".join(answer.iter_text()))


    @twice_async
    async def httpx2_async(payload):
        import httpx2

        async with httpx2.AsyncClient() as client:
            answer = await client.post(PATH, json=payload)
            return read_body(answer.status_code, answer.text)


    @twice
    def requests(payload):
        import requests

        with requests.post(PATH, json=payload, stream=True) as answer:
            return read_body(answer.status_code, b"".join(answer.iter_content(16)).decode())


    @twice
    def urllib3(payload):
        import urllib3

        answer = urllib3.PoolManager().request("POST", PATH, json=payload, preload_content=False, retries=False)
        return read_body(answer.status, b"".join(answer.stream(16)).decode())


    @twice_async
    async def aiohttp(payload):
        import aiohttp

        async with aiohttp.ClientSession() as session, session.post(PATH, json=payload) as answer:
            return read_body(answer.status, b"".join([piece async for piece in answer.content.iter_any()]).decode())


    @twice
    def urllib(payload):
        request = urllib_request.Request(PATH, json.dumps(payload).encode(), {"Content-Type": "application/json"})
        try:
            with urllib_request.urlopen(request) as answer:
                return read_body(answer.status, answer.read().decode())
        except HTTPError as error:
            return read_body(error.code, error.read().decode())
'''.replace("    import urllib.request\n", "    import urllib.request as urllib_request\n")

TEST = f"""
    import asyncio
    import inspect

    import clients
    import pytest


    @pytest.mark.llm
    @pytest.mark.parametrize("cell", {CELLS!r})
    def test_cell(cell):
        name, _, kind = cell.partition("-")
        answer = getattr(clients, name)(kind)
        if inspect.iscoroutine(answer):
            answer = asyncio.run(answer)
        assert answer == ({ARGUMENTS!r} if kind == "tool" else {SAID!r})
"""


def json_answer(value):
    return raw(200, {"content-type": "application/json"}, json.dumps(value).encode())


def sse(events):
    lines = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return raw(200, {"content-type": "text/event-stream"}, lines.encode())


def halves():
    return SAID[:7], SAID[7:]


def of_openai(kind):
    return {"stream": stream(SAID, chunks=3), "tool": tool_call("refund", ARGUMENTS)}.get(kind, text(SAID))


def of_anthropic(kind):
    told = {"type": "text", "text": SAID}
    used = {"type": "tool_use", "id": "toolu_1", "name": "refund", "input": ARGUMENTS}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": [used if kind == "tool" else told],
        "stop_reason": "tool_use" if kind == "tool" else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 4, "output_tokens": 5},
    }
    if kind != "stream":
        return json_answer(message)
    pieces = [{"type": "text_delta", "text": piece} for piece in halves()]
    return sse(
        [
            {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *({"type": "content_block_delta", "index": 0, "delta": piece} for piece in pieces),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
            {"type": "message_stop"},
        ]
    )


def of_google(kind):
    def answer(part):
        candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
        usage = {"promptTokenCount": 4, "candidatesTokenCount": 5, "totalTokenCount": 9}
        return {"candidates": [candidate], "usageMetadata": usage}

    if kind == "tool":
        return json_answer(answer({"functionCall": {"name": "refund", "args": ARGUMENTS}}))
    if kind != "stream":
        return json_answer(answer({"text": SAID}))
    events = "".join(f"data: {json.dumps(answer({'text': piece}))}\r\n\r\n" for piece in halves())
    return raw(200, {"content-type": "text/event-stream"}, events.encode())


def of_bedrock(kind):
    told, used = {"text": SAID}, {"toolUse": {"toolUseId": "t1", "name": "refund", "input": ARGUMENTS}}
    if kind != "stream":
        content = [used if kind == "tool" else told]
        usage = {"inputTokens": 4, "outputTokens": 5, "totalTokens": 9}
        output = {"message": {"role": "assistant", "content": content}}
        return json_answer({"output": output, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 7}})
    frames = [
        frame("messageStart", {"role": "assistant"}),
        *(frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}}) for piece in halves()),
        frame("messageStop", {"stopReason": "end_turn"}),
    ]
    return raw(200, {"content-type": "application/vnd.amazon.eventstream"}, b"".join(frames))


def frame(kind, payload):
    """One message of an AWS event stream."""
    named = {":message-type": "event", ":event-type": kind, ":content-type": "application/json"}
    headers = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in named.items()
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack("!I", zlib.crc32(message))


class EveryFormat(Provider):
    """Answers each format in its own words, and the first of each two `retry` requests with 429."""

    FORMATS = (("/messages", of_anthropic), ("enerateContent", of_google), ("/converse", of_bedrock))

    def __init__(self):
        super().__init__()
        self._busy = False
        self._turn = threading.Lock()

    def reply_to(self, request):
        self.requests.append(request)
        kind = next(kind for kind in KINDS if f'"{kind}"'.encode() in request.body)
        with self._turn:
            self._busy = kind == "retry" and not self._busy
            if self._busy:
                return status(429, headers={"retry-after": "0"}, error_type="rate_limit_error")(request)
        wire = next((wire for part, wire in self.FORMATS if part in request.path), of_openai)
        return wire(kind)(request)


@pytest.fixture
def provider():
    with EveryFormat() as provider:
        yield provider


def column_of(result, verdict):
    """Each cell of one run: `ok`, or pytest's words for it."""
    found = (re.match(r"\S+::test_cell\[(\S+?)\] (.*?) +\[", line) for line in result.outlines)
    words = {match[1]: match[2] for match in found if match}
    return {cell: "ok" if word.startswith(f"PASSED ({verdict} ") else word for cell, word in words.items()}


def table_of(columns):
    lines = [f"{'':28}" + "".join(f"{name:16}" for name in columns)]
    lines += [f"{cell:28}" + "".join(f"{column.get(cell, '-'):16}" for column in columns.values()) for cell in CELLS]
    return "\n".join(lines)


def test_every_client_is_recorded_and_replayed_without_a_request(project, provider):
    project.write_file("pytest.ini", "[pytest]\naddopts = -p no:randomly\nllm_record_hosts = 127.0.0.1\n")
    project.write(clients=CLIENTS, test_matrix=TEST)

    columns = {"record": column_of(project.pytest("-v", "--llm-record"), "recorded")}
    served = provider.requests_served
    columns["replay"] = column_of(project.pytest("-v"), "replayed")

    print(table_of(columns))
    retries = sum(cell.endswith("-retry") for cell in CELLS)
    assert columns == dict.fromkeys(columns, dict.fromkeys(CELLS, "ok"))
    assert served == len(CELLS) + retries
    assert provider.requests_served == served
