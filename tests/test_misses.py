"""What happens to a request that no recording answers, and to one that is none of ours."""

from __future__ import annotations

import os
import subprocess

import pytest
from provider import raw, text, tool_call

from pytest_llmwatch.cassette import parse
from pytest_llmwatch.hosts import LOOPBACK_HOSTS, is_metadata_service, is_token_endpoint, is_unstored, names_host

INI = "[pytest]\naddopts = -p no:randomly\n"

BOT = """
    import os
    from pathlib import Path

    import openai

    URL = os.environ["MODEL_BASE_URL"]
    ITEM = os.environ.get("ITEM", "phone")


    def client():
        return openai.OpenAI(base_url=URL)


    def async_client():
        return openai.AsyncOpenAI(base_url=URL)


    def question(text):
        return {"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}]}


    def ask(text=None, **parameters):
        asked = question(text or f"Can I return a used {ITEM}?")
        return client().chat.completions.create(**asked, **parameters).choices[0].message.content


    async def ask_async(openai, text=None):
        answer = await openai.chat.completions.create(**question(text or f"Can I return a used {ITEM}?"))
        return answer.choices[0].message.content
"""
EDITED = {"ITEM": "laptop"}


@pytest.fixture
def project(project):
    project.write(bot=BOT)
    return project


def recorded(project, name):
    """The exchanges in a cassette."""
    path = project.cassette(name)
    return parse(path.read_text(encoding="utf-8"), path.name).exchanges


def failures_of(result):
    """The text of each failure by the name of its test."""
    texts, name = {}, None
    for line in result.outlines:
        if line.startswith("____"):
            name = line.strip("_ ")
        elif line.startswith("===="):
            name = None
        elif name is not None:
            texts[name] = f"{texts.get(name, '')}{line}\n"
    return texts


def assert_pages(failures, module, names):
    """Every one of these tests failed with the page, not with a traceback or what a client library makes of it."""
    assert sorted(failures) == sorted(names)
    for name, page in failures.items():
        assert page.startswith(f"No recording matches this request ({module}.py::{name}).\n")
        assert "phone" in page
        assert "laptop" in page
        assert f"To record it: pytest {module}.py::{name} --llm-record" in page
        assert "Traceback" not in page
        assert "Connection error" not in page


def test_a_miss_of_openai_reaches_the_user_as_a_page_from_wherever_it_happens(project, provider):
    provider.answer_with(lambda _: "Yes.")
    project.write(
        test_bot="""
        import asyncio
        import contextlib
        import threading
        from concurrent.futures import ThreadPoolExecutor

        import pytest
        from bot import ITEM, ask, ask_async, async_client, client, question

        pytestmark = pytest.mark.llm


        def test_sync():
            assert ask() == "Yes."


        def test_stream():
            chunks = client().chat.completions.create(**question(f"Can I return a used {ITEM}?"), stream=True)
            assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Yes."


        def test_async():
            assert asyncio.run(ask_async(async_client())) == "Yes."


        def test_gather():
            async def ask_both():
                async with async_client() as openai:
                    return await asyncio.gather(ask_async(openai), ask_async(openai))

            assert asyncio.run(ask_both()) == ["Yes.", "Yes."]


        def test_gather_returning_exceptions():
            async def ask_both():
                async with async_client() as openai:
                    return await asyncio.gather(ask_async(openai), ask_async(openai), return_exceptions=True)

            assert asyncio.run(ask_both()) == ["Yes.", "Yes."]


        def test_task_group():
            async def ask_both():
                async with async_client() as openai, asyncio.TaskGroup() as group:
                    group.create_task(ask_async(openai))
                    group.create_task(ask_async(openai))

            asyncio.run(ask_both())


        def test_thread_pool():
            with ThreadPoolExecutor(2) as pool:
                assert list(pool.map(lambda _: ask(), range(2))) == ["Yes.", "Yes."]


        def test_plain_thread():
            thread = threading.Thread(target=ask)
            thread.start()
            thread.join()


        def test_swallowed_exception():
            with contextlib.suppress(Exception):
                ask()


        def test_swallowed_base_exception():
            try:
                ask()
            except BaseException:
                pass


        def test_turned_into_another_error():
            try:
                ask()
            except BaseException as error:
                raise RuntimeError("The bot is down.") from None


        @pytest.mark.xfail(reason="a refusal is not the failure that was expected")
        def test_xfail():
            assert ask() == "No."


        @pytest.fixture
        def answer():
            return ask()


        def test_fixture(answer):
            assert answer == "Yes."
        """
    )
    first = project.pytest("--llm-record")
    first.assert_outcomes(passed=12, xfailed=1)
    served = provider.requests_served
    project.pytest().assert_outcomes(passed=12, xfailed=1)
    result = project.pytest(env=EDITED)

    assert provider.requests_served == served
    result.assert_outcomes(failed=12, errors=1)
    failures = failures_of(result)
    setup = failures.pop("ERROR at setup of test_fixture")
    assert setup.startswith("No recording matches this request (test_bot.py::test_fixture).\n")
    assert_pages(
        failures,
        "test_bot",
        [
            "test_sync",
            "test_stream",
            "test_async",
            "test_gather",
            "test_gather_returning_exceptions",
            "test_task_group",
            "test_thread_pool",
            "test_plain_thread",
            "test_swallowed_exception",
            "test_swallowed_base_exception",
            "test_turned_into_another_error",
            "test_xfail",
        ],
    )
    assert "caught this refusal and went on" in failures["test_swallowed_base_exception"]


def test_a_miss_of_anthropic_and_google_reaches_the_user_as_a_page(project, provider):
    of_anthropic = (
        b'{"id": "m", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn", '
        b'"content": [{"type": "text", "text": "Yes."}], "usage": {"input_tokens": 1, "output_tokens": 1}}'
    )
    of_google = b'{"candidates": [{"content": {"role": "model", "parts": [{"text": "Yes."}]}}]}'
    is_json = {"content-type": "application/json"}
    provider.answer_with(lambda asked: raw(200, is_json, of_google if "contents" in asked else of_anthropic))
    project.write_file("pytest.ini", f"{INI}llm_record_hosts = 127.0.0.1\n")
    project.write(
        test_others="""
        import asyncio

        import anthropic
        import pytest
        from bot import ITEM, URL
        from google import genai

        pytestmark = pytest.mark.llm
        ORIGIN = URL.removesuffix("/v1")
        PROMPT = f"Can I return a used {ITEM}?"
        ASKED = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": PROMPT}]}
        ANTHROPIC = {"base_url": ORIGIN, "api_key": "sk-ant"}
        GEMINI = {"model": "gemini-3-flash", "contents": PROMPT}


        def google():
            return genai.Client(api_key="AIza", vertexai=False, http_options={"base_url": ORIGIN})


        def test_anthropic():
            assert anthropic.Anthropic(**ANTHROPIC).messages.create(**ASKED).content[0].text == "Yes."


        def test_async_anthropic():
            answer = asyncio.run(anthropic.AsyncAnthropic(**ANTHROPIC).messages.create(**ASKED))
            assert answer.content[0].text == "Yes."


        def test_google():
            client = google()
            assert client.models.generate_content(**GEMINI).text == "Yes."


        def test_async_google():
            client = google()
            assert asyncio.run(client.aio.models.generate_content(**GEMINI)).text == "Yes."
        """
    )
    project.pytest("--llm-record").assert_outcomes(passed=4)
    served = provider.requests_served
    result = project.pytest(env=EDITED)

    result.assert_outcomes(failed=4)
    assert_pages(
        failures_of(result),
        "test_others",
        ["test_anthropic", "test_async_anthropic", "test_google", "test_async_google"],
    )
    assert provider.requests_served == served


def test_without_a_cassette_the_page_says_how_to_make_the_first(project, provider):
    project.write(
        test_bot="""
        from bot import ask


        def test_refund(llm_cassette):
            ask()
        """
    )
    result = project.pytest()

    result.assert_outcomes(failed=1)
    page = failures_of(result)["test_refund"].splitlines()
    assert page[0] == "No recording matches this request (test_bot.py::test_refund)."
    assert page[1].startswith("  POST 127.0.0.1:")
    assert page[1].endswith("/v1/chat/completions  gpt-5-mini")
    assert page[2] == "There is no cassette yet: cassettes/test_bot/test_refund.yaml"
    assert page[3] == "To record it (calls the live model): pytest test_bot.py::test_refund --llm-record"
    assert provider.requests_served == 0
    assert project.files() == {}


def test_the_page_marks_the_changed_words_of_a_japanese_prompt(project, provider):
    project.write(
        test_bot="""
        import os

        from bot import ask

        ITEM = os.environ.get("ITEM", "電話")


        def test_refund(llm_cassette):
            ask(f"先月こちらで購入した中古の{ITEM}を返品できますか？レシートは手元にあります。")
        """
    )
    project.pytest("--llm-record").assert_outcomes(passed=1)
    result = project.pytest(env={"ITEM": "パソコン"})

    result.assert_outcomes(failed=1)
    page = failures_of(result)["test_refund"]
    assert "messages[0].content" in page
    assert "電話" in page
    assert "パソコン" in page
    assert "\\u" not in page


def test_an_application_s_own_server_on_loopback_is_reached_unbuffered_and_not_recorded(project, provider):
    project.write(
        test_app="""
        import asyncio
        import threading
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
        from urllib.request import urlopen

        import aiohttp
        import httpx
        import httpx2
        import pytest
        import requests

        pytestmark = pytest.mark.llm


        class Application(BaseHTTPRequestHandler):
            over = threading.Event()

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.write(b"data: tick\\n\\n")
                self.wfile.flush()
                self.over.wait(30)


        @pytest.fixture
        def url():
            server = ThreadingHTTPServer(("127.0.0.1", 0), Application)
            server.daemon_threads, server.block_on_close = True, False
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}/events"
            server.shutdown()
            server.server_close()


        def test_httpx(url):
            for module in (httpx, httpx2):
                with module.stream("GET", url, timeout=10) as answer:
                    assert next(answer.iter_lines()) == "data: tick"


        def test_async_httpx(url):
            async def first_line():
                async with httpx.AsyncClient(timeout=10) as client, client.stream("GET", url) as answer:
                    async for line in answer.aiter_lines():
                        return line

            assert asyncio.run(first_line()) == "data: tick"


        def test_requests(url):
            with requests.get(url, stream=True, timeout=10) as answer:
                assert next(answer.iter_lines(chunk_size=1)) == b"data: tick"


        def test_urllib(url):
            with urlopen(url, timeout=10) as answer:
                assert answer.readline() == b"data: tick\\n"


        def test_aiohttp(url):
            async def first_line():
                async with aiohttp.ClientSession() as session, session.get(url) as answer:
                    return await answer.content.readline()

            assert asyncio.run(first_line()) == b"data: tick\\n"
        """
    )
    project.pytest(timeout=60).assert_outcomes(passed=5)
    project.pytest("--llm-record", timeout=60).assert_outcomes(passed=5)

    assert project.files() == {}


def test_hosts_are_recorded_or_passed_by_as_the_project_says(project, provider):
    project.write(
        test_hosts="""
        import httpx
        from bot import URL


        def test_get(llm_cassette):
            by_number = f"{URL}/models"
            for address in (by_number, by_number.replace("127.0.0.1", "localhost")):
                assert httpx.get(address).status_code == 200
        """
    )
    project.pytest("--llm-record").assert_outcomes(passed=1)
    by_default = project.files()
    project.write_file("pytest.ini", f"{INI}llm_passthrough_hosts = localhost\n")
    project.pytest("--llm-record").assert_outcomes(passed=1)
    replaced = recorded(project, "test_get")
    project.write_file("pytest.ini", f"{INI}llm_record_hosts = localhost:{provider.base_url.split(':')[2][:-3]}\n")
    project.pytest("--llm-record").assert_outcomes(passed=1)
    named = recorded(project, "test_get")
    served = provider.requests_served
    project.pytest().assert_outcomes(passed=1)

    assert by_default == {}
    assert [one.request.uri.split(":")[1] for one in replaced] == ["//127.0.0.1"]
    assert [one.request.uri.split(":")[1] for one in named] == ["//localhost"]
    assert provider.requests_served == served + 1


@pytest.mark.parametrize(
    "uri, patterns, is_named",
    [
        ("http://127.0.0.1:11434/api/chat", ["127.0.0.1:11434"], True),
        ("http://127.0.0.1:8000/api/chat", ["127.0.0.1:11434"], False),
        ("http://127.0.0.1:8000/api/chat", ["127.0.0.1"], True),
        ("https://models.internal/v1", ["*.internal"], True),
        ("https://models.internal/v1", ["models.internal:443"], True),
        ("http://MODELS.internal/v1", ["models.INTERNAL:80"], True),
        ("https://models.internal.example.com/v1", ["*.internal"], False),
        ("http://[::1]:8000/", ["::1"], True),
        ("http://[::1]:8000/", ["[::1]:8000"], True),
        ("http://127.0.0.9:8000/", LOOPBACK_HOSTS, True),
        ("http://app.localhost:8000/", LOOPBACK_HOSTS, True),
        ("http://localhost.example.com/", LOOPBACK_HOSTS, False),
        ("http://0.0.0.0:8000/", LOOPBACK_HOSTS, True),
        ("https://api.openai.com/v1", LOOPBACK_HOSTS, False),
        ("http://host:not-a-port/", ["host"], True),
    ],
)
def test_a_pattern_names_a_host_with_or_without_its_port(uri, patterns, is_named):
    assert names_host(patterns, uri) is is_named


@pytest.mark.parametrize(
    "uri, is_never_stored",
    [
        ("https://oauth2.googleapis.com/token", True),
        ("https://sts.amazonaws.com/", True),
        ("https://sts.eu-central-1.amazonaws.com/", True),
        ("https://login.microsoftonline.com/tenant/oauth2/v2.0/token", True),
        ("http://169.254.169.254/latest/meta-data/iam", True),
        ("http://metadata.google.internal/computeMetadata/v1/", True),
        ("https://eu.i.posthog.com/batch/", True),
        ("https://api.smith.langchain.com/runs/batch", True),
        ("https://o1.ingest.us.sentry.io/api/1/envelope/", True),
        ("https://generativelanguage.googleapis.com/v1beta/models", False),
        ("https://bedrock-runtime.eu-central-1.amazonaws.com/model/x/converse", False),
        ("https://api.openai.com/v1/chat/completions", False),
        ("https://sentry.io.example.com/", False),
    ],
)
def test_tokens_metadata_and_telemetry_are_never_stored(uri, is_never_stored):
    assert is_unstored(uri) is is_never_stored


def test_token_endpoints_and_metadata_services_are_told_apart():
    token, metadata = "https://oauth2.googleapis.com/token", "http://169.254.169.254/latest/api/token"

    assert (is_token_endpoint(token), is_metadata_service(token)) == (True, False)
    assert (is_token_endpoint(metadata), is_metadata_service(metadata)) == (False, True)


def test_a_place_that_is_never_stored_is_answered_at_replay_without_a_recording(project, provider):
    project.write(
        test_cloud="""
        import urllib.request

        import httpx
        import requests


        def test_cloud(llm_cassette):
            token = httpx.post("https://oauth2.googleapis.com/token", data={"grant_type": "refresh_token"})
            assert token.json()["access_token"]
            assert requests.get("http://169.254.169.254/latest/meta-data/").status_code == 404
            with urllib.request.urlopen("https://eu.i.posthog.com/batch/", data=b"{}") as answer:
                assert answer.status == 200
            assert llm_cassette.calls == ()
        """
    )
    project.pytest().assert_outcomes(passed=1)

    assert project.files() == {}


IGNORING = """
    import os

    import pytest
    from bot import ask


    def test_dated(llm_cassette):
        day, run = os.environ.get("DAY", "2026-11-01"), os.environ.get("RUN", "run-1")
        ask(f"Today is {day}. Can I still return it{os.environ.get('END', '?')}", metadata={"run": run})
"""


def test_fields_that_change_at_every_run_are_ignored_as_the_ini_file_says(project, provider):
    fields = "metadata.run\n    messages[*].content ~ \\d{4}-\\d\\d-\\d\\d"
    project.write_file("pytest.ini", f"{INI}llm_ignore_request_fields =\n    {fields}\n")
    project.write(test_bot=IGNORING)
    project.pytest("--llm-record").assert_outcomes(passed=1)
    later = project.pytest(env={"DAY": "2026-12-24", "RUN": "run-2"})
    edited = project.pytest(env={"DAY": "2026-12-24", "END": "!"})

    later.assert_outcomes(passed=1)
    edited.assert_outcomes(failed=1)
    assert "2026-12-24" not in failures_of(edited)["test_dated"]
    assert b"2026-11-01" in project.cassette("test_dated").read_bytes()


def test_a_hook_decides_what_of_a_body_makes_the_request(project, provider):
    project.write(
        conftest="""
        import re


        def pytest_llmwatch_request_key(request, body):
            if not request.uri.endswith("/chat/completions"):
                return None
            said = [re.sub(r"\\d{4}-\\d\\d-\\d\\d", "DAY", message["content"]) for message in body["messages"]]
            return {"model": body["model"], "said": said}
        """,
        test_bot=IGNORING,
    )
    project.pytest("--llm-record").assert_outcomes(passed=1)
    later = project.pytest(env={"DAY": "2026-12-24", "RUN": "run-2"})
    edited = project.pytest(env={"END": "!"})

    later.assert_outcomes(passed=1)
    edited.assert_outcomes(failed=1)
    edited.stdout.fnmatch_lines(["*No recording matches this request*", "*said[[]0[]]*"])


def test_a_wrapped_function_of_any_kind_is_recorded_and_replayed(project):
    project.write(
        test_local="""
        import asyncio
        import os

        import pytest
        from pytest_llmwatch.errors import UnrecordableCall

        IS_LIVE = "LIVE" in os.environ


        def generate(prompt, *, temperature=0.0):
            assert IS_LIVE
            return {"text": prompt.upper(), "temperature": temperature}


        async def generate_async(prompt):
            assert IS_LIVE
            return prompt[::-1]


        def pieces(prompt):
            assert IS_LIVE
            yield from prompt.split()


        async def pieces_async(prompt):
            assert IS_LIVE
            for piece in prompt.split():
                yield piece


        def test_plain(llm_cassette):
            model = llm_cassette.wrap(generate, model="tiny")
            assert model.__name__ == "generate"
            assert model("返品", temperature=0.5) == {"text": "返品", "temperature": 0.5}
            assert llm_cassette.last.request_model == "tiny"


        def test_async(llm_cassette):
            assert asyncio.run(llm_cassette.wrap(generate_async, model="tiny")("abc")) == "cba"
            assert llm_cassette.last.output_text == "cba"


        def test_generator(llm_cassette):
            assert list(llm_cassette.wrap(pieces, model="tiny")("one two three")) == ["one", "two", "three"]
            assert llm_cassette.last.output_text == "onetwothree"
            assert llm_cassette.last.streaming


        def test_async_generator(llm_cassette):
            async def read():
                return [piece async for piece in llm_cassette.wrap(pieces_async, model="tiny")("four five")]

            assert asyncio.run(read()) == ["four", "five"]


        def test_unrecordable(llm_cassette):
            with pytest.raises(UnrecordableCall, match="generate: .*JSON"):
                llm_cassette.wrap(generate, model="tiny")(object())


        def test_edited(llm_cassette):
            assert llm_cassette.wrap(generate, model="tiny")(os.environ.get("ITEM", "phone"))["text"]
        """
    )
    project.pytest("--llm-record", env={"LIVE": "1"}).assert_outcomes(passed=6)
    project.pytest().assert_outcomes(passed=6)
    result = project.pytest("-k", "edited", env=EDITED)

    result.assert_outcomes(failed=1, deselected=5)
    assert_pages(failures_of(result), "test_local", ["test_edited"])


def test_a_recording_tells_its_calls_tools_and_spend_alike_live_and_replayed(project, provider):
    provider.script(text("Yes."), tool_call("refund", {"item": "phone"}))
    project.write(
        test_bot="""
        import pytest
        from bot import ask


        def test_values(llm_cassette):
            with pytest.raises(LookupError):
                llm_cassette.last
            assert llm_cassette.calls == ()
            ask("one")
            ask("two", temperature=0.5)
            first, last = llm_cassette.calls
            assert last == llm_cassette.last
            assert (first.operation_name, first.request_model) == ("chat", "gpt-5-mini")
            assert first.input_messages[0].text == "one"
            assert first.output_text == "Yes."
            assert (first.finish_reasons, last.finish_reasons) == (("stop",), ("tool_call",))
            assert last.parameters == {"temperature": 0.5}
            assert [(tool.name, tool.arguments) for tool in llm_cassette.tool_calls] == [("refund", {"item": "phone"})]
            spend = llm_cassette.spend
            assert (spend.calls, spend.retries, spend.unpriced, spend.wasted) == (2, 0, (), 0.0)
            assert spend.cost == first.cost + last.cost > 0
            assert spend.usage.input_tokens == first.usage.input_tokens + last.usage.input_tokens > 0
            assert spend.usage.output_tokens == first.usage.output_tokens + last.usage.output_tokens > 0
            assert spend.latency == pytest.approx(first.latency + last.latency)
            assert 0 < first.time_to_first_chunk <= first.latency
            assert llm_cassette.test == "test_bot.py::test_values"
        """
    )
    project.pytest("--llm-record").assert_outcomes(passed=1)
    project.pytest().assert_outcomes(passed=1)


@pytest.mark.skipif("LLMWATCH_OLD_OPENAI" not in os.environ, reason="needs the Python of an environment with openai 2")
def test_openai_2_records_replays_and_misses_like_openai_3(project, provider):
    provider.answer_with(lambda _: "Yes.")
    project.write(
        test_bot="""
        import asyncio

        import openai
        from bot import ask, ask_async, async_client


        def test_sync(llm_cassette):
            assert openai.__version__.startswith("2.")
            assert ask() == "Yes."


        def test_async(llm_cassette):
            assert asyncio.run(ask_async(async_client())) == "Yes."
        """
    )

    def old_pytest(*args, env=None):
        command = [os.environ["LLMWATCH_OLD_OPENAI"], "-m", "pytest", *args]
        done = subprocess.run(
            command, cwd=project.path, env=project.environment(env), capture_output=True, text=True, check=False
        )
        return pytest.RunResult(done.returncode, done.stdout.splitlines(), done.stderr.splitlines(), 0.0)

    old_pytest("-p", "no:randomly", "--llm-record").assert_outcomes(passed=2)
    served = provider.requests_served
    old_pytest().assert_outcomes(passed=2)
    result = old_pytest(env=EDITED)

    result.assert_outcomes(failed=2)
    assert_pages(failures_of(result), "test_bot", ["test_sync", "test_async"])
    assert provider.requests_served == served


def test_partials_and_callable_objects_are_recorded_under_a_name_that_lasts(project):
    project.write(
        test_bot="""
            import functools
            import pytest

            class Model:
                def __call__(self, prompt):
                    return prompt.upper()

            def scaled(factor, prompt):
                return prompt * factor

            def test_models(llm_cassette):
                assert llm_cassette.wrap(Model(), model="m")("a") == "A"
                assert llm_cassette.wrap(functools.partial(scaled, 2), model="m")("a") == "aa"
        """
    )

    project.pytest("--llm-record").assert_outcomes(passed=1)

    project.pytest().assert_outcomes(passed=1)
