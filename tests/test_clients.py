"""Real client libraries, recorded against the loopback provider and replayed with nobody there."""

from __future__ import annotations

import json

import pytest
from provider import cut, gzipped, raw, status, stream, text, tool_call

from pytest_llmwatch.cassette import parse

BOT = """
    import os
    from pathlib import Path

    import openai

    URL = os.environ["MODEL_BASE_URL"]


    def client(**options):
        return openai.OpenAI(base_url=URL, **{"max_retries": 0, **options})


    def async_client(**options):
        return openai.AsyncOpenAI(base_url=URL, **{"max_retries": 0, **options})


    def question(text, **parameters):
        return {"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}], **parameters}


    def ask(text, **parameters):
        return client().chat.completions.create(**question(text, **parameters)).choices[0].message.content


    def counting_client(sent, **options):
        hooks = {"request": [sent.append]}
        return client(http_client=openai.DefaultHttpxClient(event_hooks=hooks), **options)


    def note(*values):
        with Path("noted.txt").open("a", encoding="utf-8") as file:
            print(*values, sep=" | ", file=file)
"""


@pytest.fixture
def project(project):
    project.write(bot=BOT)
    return project


def noted(project):
    """What the tests of the project noted, and a clean sheet."""
    file = project.path / "noted.txt"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.unlink()
    return lines


def recorded(project, name):
    """The exchanges in a cassette."""
    path = project.cassette(name)
    return parse(path.read_text(encoding="utf-8"), path.name).exchanges


def record_then_replay(project, provider, *, tests=1):
    """Record with the provider there, replay with the provider gone."""
    project.pytest("--llm-record").assert_outcomes(passed=tests)
    served = provider.requests_served
    provider.stop()
    result = project.pytest()
    result.assert_outcomes(passed=tests)
    assert provider.requests_served == served
    return result


def record_hosts(project, *hosts):
    project.write_file("pytest.ini", f"[pytest]\naddopts = -p no:randomly\nllm_record_hosts = {' '.join(hosts)}\n")


def test_openai_calls_of_every_kind_replay_with_the_provider_gone(project, provider):
    provider.script(
        text("Within 14 days."),
        text("At once: 返品できます 🙂"),
        stream("one two three", chunks=3),
        stream("four five six", chunks=4),
        tool_call("refund", {"item": "phone", "days": 14}),
        tool_call("refund", {"item": "電話"}),
        text("raw"),
        gzipped(text("compressed")),
        gzipped(stream("compressed as well", chunks=3)),
    )
    project.write(
        test_bot="""
        import asyncio
        import json

        import pytest
        from bot import ask, async_client, client, question

        pytestmark = pytest.mark.llm
        TOOLS = [{"type": "function", "function": {"name": "refund", "parameters": {"type": "object"}}}]


        def streamed(text):
            chunks = client().chat.completions.create(**question(text, stream=True))
            return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


        def test_plain():
            assert ask("plain") == "Within 14 days."


        def test_async():
            async def answer():
                async with async_client() as openai:
                    return await openai.chat.completions.create(**question("async"))

            assert asyncio.run(answer()).choices[0].message.content == "At once: 返品できます 🙂"


        def test_stream():
            assert streamed("stream") == "one two three"


        def test_async_stream():
            async def answer():
                async with async_client() as openai:
                    chunks = await openai.chat.completions.create(**question("async stream", stream=True))
                    return [chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices]

            assert "".join(asyncio.run(answer())) == "four five six"


        def test_tool(llm_cassette):
            message = client().chat.completions.create(**question("tool", tools=TOOLS)).choices[0].message
            assert json.loads(message.tool_calls[0].function.arguments) == {"item": "phone", "days": 14}
            assert llm_cassette.tool_calls[0].arguments == {"item": "phone", "days": 14}


        def test_streamed_tool(llm_cassette):
            chunks = client().chat.completions.create(**question("streamed tool", tools=TOOLS, stream=True))
            deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
            pieces = [piece.function.arguments or "" for delta in deltas for piece in delta.tool_calls or ()]
            assert json.loads("".join(pieces)) == {"item": "電話"}
            assert llm_cassette.tool_calls[0].arguments == {"item": "電話"}


        def test_raw_response():
            response = client().chat.completions.with_raw_response.create(**question("raw"))
            assert response.status_code == 200
            assert response.headers["content-type"] == "application/json"
            assert response.parse().choices[0].message.content == "raw"


        def test_gzip():
            assert ask("gzip") == "compressed"


        def test_gzip_stream():
            assert streamed("gzip stream") == "compressed as well"
        """
    )
    record_then_replay(project, provider, tests=9)

    [plain] = recorded(project, "test_plain")
    assert json.loads(plain.request.body)["messages"] == [{"role": "user", "content": "plain"}]
    assert json.loads(plain.response.body)["choices"][0]["message"]["content"] == "Within 14 days."
    [compressed] = recorded(project, "test_gzip")
    assert json.loads(compressed.response.body)["choices"][0]["message"]["content"] == "compressed"
    assert compressed.response.header("content-encoding") is None
    [streamed] = recorded(project, "test_gzip_stream")
    assert streamed.response.body.endswith(b"data: [DONE]\n\n")
    assert streamed.time_to_first_chunk <= streamed.duration
    assert not any(project.api_key.encode() in content for content in project.files().values())


def test_identical_requests_replay_in_recorded_order_and_never_once_more(project, provider):
    provider.script(text("heads"), text("tails"))
    project.write(
        test_coin="""
        import os

        from bot import ask, note


        def test_toss(llm_cassette):
            note(*[ask("Toss a coin.") for _ in range(int(os.environ.get("TOSSES", "2")))])
        """
    )
    record_then_replay(project, provider)
    twice = noted(project)
    thrice = project.pytest(env={"TOSSES": "3"})

    assert twice == ["heads | tails", "heads | tails"]
    thrice.assert_outcomes(failed=1)
    thrice.stdout.fnmatch_lines(["*No recording matches this request*", "*made 3 times, recorded 2 times*"])


def test_concurrent_calls_replay_right_in_any_order(project, provider):
    provider.answer_with(lambda asked: f"{asked['messages'][0]['content']}!")
    project.write(
        test_bot="""
        import asyncio
        import os

        from bot import async_client, question

        NAMES = ["Ada", "Grace", "美咲", "Barbara", "Frances"]


        async def greet(openai, name):
            answer = await openai.chat.completions.create(**question(f"Hello {name}"))
            return answer.choices[0].message.content


        def test_greetings(llm_cassette):
            async def greetings(names):
                async with async_client() as openai:
                    return await asyncio.gather(*(greet(openai, name) for name in names))

            names = NAMES[::-1] if "BACKWARDS" in os.environ else NAMES
            assert asyncio.run(greetings(names)) == [f"Hello {name}!" for name in names]
        """
    )
    record_then_replay(project, provider)

    project.pytest(env={"BACKWARDS": "1"}).assert_outcomes(passed=1)


def test_retries_of_the_client_library_are_attempts_of_one_call_and_not_made_again(project, provider):
    provider.script(status(429, headers={"retry-after": "1"}), text("Finally."))
    provider.answer_with(lambda _: status(429, headers={"retry-after": "30", "retry-after-ms": "1"}))
    project.write(
        test_bot="""
        import openai
        import pytest
        from bot import counting_client, note, question


        def test_recovers(llm_cassette):
            sent = []
            answer = counting_client(sent, max_retries=2).chat.completions.create(**question("Try."))
            assert answer.choices[0].message.content == "Finally."
            [call] = llm_cassette.calls
            assert call.output_text == "Finally."
            [attempt] = call.attempts
            assert attempt.status == 429
            assert attempt.wait >= 0.5
            assert llm_cassette.spend.retries == 1
            assert llm_cassette.spend.wasted >= attempt.wait
            note(len(sent))


        def test_gives_up(llm_cassette):
            sent = []
            with pytest.raises(openai.RateLimitError) as caught:
                counting_client(sent, max_retries=2).chat.completions.create(**question("Try in vain."))
            assert caught.value.status_code == 429
            assert [attempt.status for attempt in llm_cassette.last.attempts] == [429, 429]
            assert llm_cassette.last.error_type == "server_error"
            assert len(llm_cassette.calls) == 1
            note(len(sent), caught.value.response.headers["retry-after"])
        """
    )
    record_then_replay(project, provider, tests=2)

    assert noted(project) == ["2", "3 | 30", "1", "1 | 0"]
    assert [one.response.status for one in recorded(project, "test_recovers")] == [429, 200]
    assert [one.response.status for one in recorded(project, "test_gives_up")] == [429, 429, 429]


def test_what_the_application_sends_again_is_a_call_of_its_own(project, provider):
    provider.script(status(503, headers={"retry-after": "9"}), status(500), text("Third time lucky."))
    project.write(
        test_bot="""
        import openai
        from bot import ask, note


        def test_ask(llm_cassette):
            for _ in range(3):
                try:
                    note(ask("Try."))
                except openai.APIStatusError as error:
                    note(error.status_code, error.response.headers.get("retry-after"))
            assert [call.attempts for call in llm_cassette.calls] == [(), (), ()]
            assert [call.error_type for call in llm_cassette.calls] == ["server_error", "server_error", None]
        """
    )
    record_then_replay(project, provider)

    first, second = "503 | 9", "500 | None"
    assert noted(project) == [first, second, "Third time lucky.", "503 | 0", second, "Third time lucky."]


def test_a_stream_that_broke_breaks_again_with_the_same_error_after_the_same_text(project, provider):
    provider.script(*[stream("one two three four", chunks=4, cut_after=2)] * 2, cut(text("half of it")))
    project.write(
        test_bot="""
        import asyncio

        import pytest
        from bot import ask, async_client, client, note, question

        pytestmark = pytest.mark.llm


        def test_stream(llm_cassette):
            got = []
            try:
                for chunk in client().chat.completions.create(**question("stream", stream=True)):
                    got.append(chunk.choices[0].delta.content or "")
            except Exception as error:
                note("".join(got), type(error).__module__, type(error).__name__)
            assert llm_cassette.last.error_type == "cut"
            assert llm_cassette.last.output_text == "".join(got)


        def test_async_stream():
            async def read(got):
                async for chunk in await async_client().chat.completions.create(**question("async", stream=True)):
                    got.append(chunk.choices[0].delta.content or "")

            got = []
            try:
                asyncio.run(read(got))
            except Exception as error:
                note("".join(got), type(error).__module__, type(error).__name__)


        def test_whole():
            try:
                ask("whole")
            except Exception as error:
                note("", type(error).__module__, type(error).__name__)
        """
    )
    record_then_replay(project, provider, tests=3)

    lines = noted(project)
    assert lines[:3] == lines[3:]
    assert [line.split(" | ")[0] for line in lines[:3]] == ["one two t", "one two t", ""]
    assert recorded(project, "test_stream")[0].failure.kind == "cut"
    assert b"two" in recorded(project, "test_stream")[0].response.body


def test_a_refused_connection_is_recorded_and_refused_again(project, provider):
    provider.stop()
    project.write(
        test_bot="""
        import asyncio

        import aiohttp
        import httpx
        import httpx2
        import openai
        import pytest
        import requests
        from urllib.error import URLError
        from urllib.request import urlopen
        from bot import URL, ask, async_client, note, question

        pytestmark = pytest.mark.llm
        PATH = f"{URL}/chat/completions"


        def of_aiohttp():
            async def post():
                async with aiohttp.ClientSession() as session:
                    await session.post(PATH, json=question("aiohttp"))

            asyncio.run(post())


        def of_async_openai():
            asyncio.run(async_client().chat.completions.create(**question("async")))


        @pytest.mark.parametrize(
            "call, expected",
            [
                (lambda: ask("openai"), openai.APIConnectionError),
                (of_async_openai, openai.APIConnectionError),
                (lambda: httpx.post(PATH, json=question("httpx")), httpx.ConnectError),
                (lambda: httpx2.post(PATH, json=question("httpx2")), httpx2.ConnectError),
                (lambda: requests.post(PATH, json=question("requests")), requests.exceptions.ConnectionError),
                (lambda: urlopen(PATH, data=b'{"messages": []}'), URLError),
                (of_aiohttp, aiohttp.ClientConnectorError),
            ],
            ids=["openai", "async", "httpx", "httpx2", "requests", "urllib", "aiohttp"],
        )
        def test_ask(call, expected, llm_cassette):
            with pytest.raises(expected) as caught:
                call()
            assert llm_cassette.last.error_type == "connect"
            note(type(caught.value).__name__)
        """
    )
    project.pytest("--llm-record").assert_outcomes(passed=7)
    provider.restart()
    project.pytest().assert_outcomes(passed=7)

    lines = noted(project)
    assert lines[:7] == lines[7:]
    assert recorded(project, "test_ask[openai]")[0].failure.kind == "connect"
    assert provider.requests_served == 0


def test_http_clients_used_by_hand_are_recorded_like_sdks(project, provider):
    provider.answer_with(
        lambda asked: {
            "gzip": gzipped(text("squeezed")),
            "error": status(400, message="No."),
            "cut": cut(text("never whole")),
        }.get(asked["messages"][0]["content"], text("Yes, 返品できます."))
    )
    project.write(
        hands="""
        import asyncio
        import http.client
        import json
        import urllib.request
        from urllib.error import HTTPError
        from urllib.parse import urlsplit

        import aiohttp
        import httpx
        import httpx2
        import requests
        from bot import URL

        PATH = f"{URL}/chat/completions"


        def by_httpx(payload):
            answer = httpx.post(PATH, json=payload)
            return answer.status_code, answer.text


        def by_httpx2(payload):
            answer = httpx2.post(PATH, json=payload)
            return answer.status_code, answer.text


        def by_async_httpx(payload):
            async def post():
                async with httpx.AsyncClient() as client, client.stream("POST", PATH, json=payload) as answer:
                    return answer.status_code, "".join([piece async for piece in answer.aiter_text()])

            return asyncio.run(post())


        def by_requests(payload):
            answer = requests.post(PATH, json=payload)
            answer.encoding = "utf-8"
            return answer.status_code, answer.text


        def by_requests_stream(payload):
            with requests.post(PATH, json=payload, stream=True) as answer:
                return answer.status_code, b"".join(answer.iter_content(16)).decode()


        def by_urllib(payload):
            request = urllib.request.Request(PATH, json.dumps(payload).encode(), {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request) as answer:
                    return answer.status, answer.read().decode()
            except HTTPError as error:
                return error.code, error.read().decode()


        def by_http_client(payload):
            parts = urlsplit(PATH)
            connection = http.client.HTTPConnection(parts.hostname, parts.port)
            connection.request("POST", parts.path, json.dumps(payload), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()


        def by_aiohttp(payload):
            async def post():
                async with aiohttp.ClientSession() as session, session.post(PATH, json=payload) as answer:
                    return answer.status, await answer.text()

            return asyncio.run(post())


        def by_aiohttp_stream(payload):
            async def post():
                async with aiohttp.ClientSession() as session, session.post(PATH, json=payload) as answer:
                    return answer.status, b"".join([piece async for piece in answer.content.iter_any()]).decode()

            return asyncio.run(post())


        CLIENTS = {name.removeprefix("by_"): value for name, value in dict(globals()).items() if name[:3] == "by_"}
        """,
        test_hands="""
        import json

        import pytest
        from bot import note, question
        from hands import CLIENTS


        @pytest.mark.parametrize("name", CLIENTS)
        def test_ask(name, llm_cassette):
            call = CLIENTS[name]
            status, body = call(question("plain"))
            assert (status, json.loads(body)["choices"][0]["message"]["content"]) == (200, "Yes, 返品できます.")
            status, body = call(question("stream", stream=True))
            assert (status, body.splitlines()[-2:]) == (200, ["data: [DONE]", ""])
            assert llm_cassette.last.output_text == "Yes, 返品できます."
            assert llm_cassette.last.time_to_first_chunk is not None
            status, body = call(question("error"))
            assert (status, json.loads(body)["error"]["message"]) == (400, "No.")
            try:
                call(question("cut"))
            except Exception as error:
                note(name, type(error).__module__, type(error).__name__)
            assert [one.error_type for one in llm_cassette.calls] == [None, None, "server_error", "cut"]


        @pytest.mark.parametrize("name", sorted(CLIENTS.keys() - {"urllib", "http_client"}))
        def test_gzip(name, llm_cassette):
            status, body = CLIENTS[name](question("gzip"))
            assert (status, json.loads(body)["choices"][0]["message"]["content"]) == (200, "squeezed")
        """,
    )
    record_then_replay(project, provider, tests=16)

    lines = noted(project)
    assert lines[:9] == lines[9:]
    assert [line.split(" | ")[0] for line in lines[:9]] == [
        "httpx",
        "httpx2",
        "async_httpx",
        "requests",
        "requests_stream",
        "urllib",
        "http_client",
        "aiohttp",
        "aiohttp_stream",
    ]


def test_botocore_is_recorded_with_its_retries_and_without_its_signature(project, provider):
    answer = {
        "output": {"message": {"role": "assistant", "content": [{"text": "Within 14 days."}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 4, "outputTokens": 5, "totalTokens": 9},
        "metrics": {"latencyMs": 7},
    }
    busy = raw(
        429,
        {"content-type": "application/json", "x-amzn-errortype": "ThrottlingException"},
        b'{"message": "Too many requests"}',
    )
    provider.script(busy, raw(200, {"content-type": "application/json"}, json.dumps(answer).encode()))
    record_hosts(project, "127.0.0.1")
    project.write(
        test_bedrock="""
        import boto3
        from bot import URL


        def test_converse(llm_cassette):
            bedrock = boto3.client(
                "bedrock-runtime",
                region_name="eu-central-1",
                endpoint_url=URL.removesuffix("/v1"),
                aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
                aws_secret_access_key="wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY",
            )
            message = {"role": "user", "content": [{"text": "How long can I return it?"}]}
            answer = bedrock.converse(modelId="eu.anthropic.claude-haiku-4-5", messages=[message])
            assert answer["output"]["message"]["content"] == [{"text": "Within 14 days."}]
            assert [attempt.status for attempt in llm_cassette.last.attempts] == [429]
        """
    )
    record_then_replay(project, provider)

    assert [one.response.status for one in recorded(project, "test_converse")] == [429, 200]
    assert b"AKIAIOSFODNN7EXAMPLE" not in project.cassette("test_converse").read_bytes()


def test_a_redirect_is_followed_at_replay_as_it_was_when_recorded(project, provider):
    project.write(
        test_bot="""
            import os
            import httpx
            import pytest
            import requests

            BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
            URL = os.environ["MODEL_BASE_URL"] + "/chat/completions"

            @pytest.mark.llm
            def test_redirect():
                first = httpx.post(URL, json=BODY, follow_redirects=True)
                second = requests.post(URL, json={**BODY, "n": 1})
                for answer in (first, second):
                    assert answer.json()["choices"][0]["message"]["content"] == "there"
                    assert len(answer.history) == 1
        """
    )
    away = raw(307, {"location": f"{provider.base_url}/moved/chat/completions?key=not-to-be-written"}, b"")
    provider.script(away, text("there"), away, text("there"))

    project.pytest("--llm-record").assert_outcomes(passed=1)
    provider.stop()

    project.pytest().assert_outcomes(passed=1)
    assert b"not-to-be-written" not in b"".join(project.files().values())
