"""`--llm-model OLD=NEW`: the live model that is asked is NEW, through every client, and what is recorded is that."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from asking_bot import BOT
from provider import raw
from speaking import says

from pytest_llmwatch.cassette import parse
from pytest_llmwatch.errors import SettingError
from pytest_llmwatch.model_swap import model_swaps, swap_for
from pytest_llmwatch.reports.model_swap import swap_lines

CLIENTS = """
    import asyncio
    import io
    import os

    import aiohttp
    import anthropic
    import openai
    import pytest
    import requests
    from google import genai

    URL = os.environ["MODEL_BASE_URL"]
    ORIGIN = URL.removesuffix("/v1")
    ASKED = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "返品できますか?"}]}
    OPENAI = {"base_url": URL, "max_retries": 0}
    CLAUDE = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": ASKED["messages"]}
    GEMINI = {"model": "gemini-2.5-flash", "contents": "返品できますか?"}


    GOOGLE = genai.Client(api_key="AIza-secret", vertexai=False, http_options={"base_url": ORIGIN})


    def of_openai():
        return openai.OpenAI(**OPENAI).chat.completions.create(**ASKED).model


    def of_openai_stream():
        return [chunk.model for chunk in openai.OpenAI(**OPENAI).chat.completions.create(**ASKED, stream=True)][-1]


    def of_async_openai():
        async def asked():
            async with openai.AsyncOpenAI(**OPENAI) as client:
                return (await client.chat.completions.create(**ASKED)).model

        return asyncio.run(asked())


    def of_async_openai_stream():
        async def asked():
            async with openai.AsyncOpenAI(**OPENAI) as client:
                chunks = await client.chat.completions.create(**ASKED, stream=True)
                return [chunk.model async for chunk in chunks][-1]

        return asyncio.run(asked())


    def of_azure():
        client = openai.AzureOpenAI(azure_endpoint=ORIGIN, api_version="2025-01-01", api_key="az-secret", max_retries=0)
        return client.chat.completions.create(**ASKED).model


    def of_a_form():
        file = ("gpt-5-mini.wav", io.BytesIO(b"RIFF" + bytes(range(256))))
        return openai.OpenAI(**OPENAI).audio.transcriptions.create(model="gpt-5-mini", file=file).text


    def of_anthropic():
        return anthropic.Anthropic(base_url=ORIGIN, api_key="sk-ant-secret").messages.create(**CLAUDE).model


    def of_google():
        return GOOGLE.models.generate_content(**GEMINI).model_version


    def of_google_stream():
        return [chunk.model_version for chunk in GOOGLE.models.generate_content_stream(**GEMINI)][-1]


    def of_google_by_aiohttp():
        async def asked():
            async with GOOGLE.aio as client:
                return (await client.models.generate_content(**GEMINI)).model_version

        return asyncio.run(asked())


    def of_aiohttp_json():
        async def asked():
            async with aiohttp.ClientSession() as session:
                async with session.post(URL + "/chat/completions", json=ASKED, params={"v": "1"}) as answer:
                    return (await answer.json())["model"]

        return asyncio.run(asked())


    def of_requests():
        return requests.post(URL + "/chat/completions", json=ASKED).json()["model"]


    @pytest.mark.parametrize("ask", [one for name, one in list(globals().items()) if name.startswith("of_")])
    def test_model(ask, llm_cassette):
        model = ask()
        old, new = os.environ["OLD"], os.environ["NEW"]
        if ask is not of_a_form:
            assert model == llm_cassette.last.response_model
            assert new in model
            assert old not in model
        assert llm_cassette.last.request_model.endswith(new)
"""
ASKS = """
    from bot import ask


    def test_{name}(llm_cassette):
        ask("Can I return a used phone?")
"""


def flags(*swaps):
    return [f"--llm-model={swap}" for swap in swaps]


def cassette(project, name):
    path = project.cassette(name)
    return parse(path.read_text(encoding="utf-8"), path.name)


@pytest.fixture
def asks(project):
    project.write(bot=BOT, test_bot=ASKS.format(name="refund"))
    return project


def test_every_client_asks_the_other_model_and_that_is_recorded(project, provider):
    transcript = raw(200, {"content-type": "application/json"}, b'{"text": "hi"}')
    provider.answer_with(lambda asked: says("Within 14 days.") if asked else transcript)
    project.write(test_clients=CLIENTS)
    swaps = flags("gpt-5-mini=next", "claude-*=next", "gemini-2.5-flash=next")

    result = project.pytest("--llm-record", *swaps, env={"OLD": "gpt-5-mini", "NEW": "next"})

    tests = 12
    result.assert_outcomes(passed=tests)
    result.stdout.fnmatch_lines(
        [
            "model asked: next in place of claude-haiku-4-5 (1 recording)",
            "model asked: next in place of gemini-2.5-flash (3 recordings)",
            "model asked: next in place of gpt-5-mini (8 recordings)",
        ]
    )
    assert len(provider.requests) == tests
    for request in provider.requests:
        assert b"next" in request.body or "/models/next:" in request.path
        assert "gpt-5-mini" not in request.path
        if "transcriptions" in request.path:
            assert b'filename="gpt-5-mini.wav"' in request.body
            assert bytes(range(256)) in request.body
        else:
            assert "返品できますか?" in json.dumps(request.json, ensure_ascii=False)
    assert any(request.path.startswith("/openai/deployments/next/") for request in provider.requests)
    files = project.files()
    assert len(files) == tests
    assert not any(b"claude-haiku-4-5" in content or b"gemini-2.5-flash" in content for content in files.values())

    # The code asks for the old model still.
    replay = project.pytest(env={"NEW": "next", "OLD": "gpt-5-mini"})
    replay.assert_outcomes(failed=tests)
    replay.stdout.fnmatch_lines(['*model *"next" -> "gpt-5-mini"*'])
    replay.stdout.fnmatch_lines(['*"next" -> "claude-haiku-4-5"*'])


def test_a_signed_request_is_refused_before_the_call(project, provider):
    pytest.importorskip("boto3")
    project.write(
        test_bedrock="""
        import os

        import boto3
        import botocore
        from botocore.config import Config

        ORIGIN = os.environ["MODEL_BASE_URL"].removesuffix("/v1")


        def converse(**credentials):
            client = boto3.client("bedrock-runtime", endpoint_url=ORIGIN, region_name="us-east-1", **credentials)
            messages = [{"role": "user", "content": [{"text": "hi"}]}]
            return client.converse(modelId="anthropic.claude-haiku-v1:0", messages=messages)


        def test_signed(llm_cassette):
            converse(aws_access_key_id="AKIA2E0A8F3B244C9986", aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCY")


        def test_unsigned(llm_cassette):
            answer = converse(config=Config(signature_version=botocore.UNSIGNED))
            assert answer["output"]["message"]["content"][0]["text"] == "Within 14 days."
        """
    )
    said = {"output": {"message": {"role": "assistant", "content": [{"text": "Within 14 days."}]}}, "stopReason": "end"}
    provider.script(raw(200, {"content-type": "application/json"}, json.dumps(said).encode()))

    result = project.pytest("--llm-record", *flags("anthropic.claude-haiku-v1:0=us.amazon.nova-lite-v1:0"))

    result.assert_outcomes(passed=1, failed=1)
    [request] = provider.requests
    assert request.path == "/model/us.amazon.nova-lite-v1%3A0/converse"
    result.stdout.fnmatch_lines(
        [
            "The model of this request cannot be swapped, for the request is signed (test_bedrock.py::test_signed).",
            "  POST 127.0.0.1:*/model/anthropic.claude-haiku-v1%3A0/converse",
            "  - change anthropic.claude-haiku-v1:0 to us.amazon.nova-lite-v1:0 in the code, and run without*",
            "tests: 1 recorded, 1 refused",
            "model asked: us.amazon.nova-lite-v1:0 in place of anthropic.claude-haiku-v1:0 (1 recording)",
        ]
    )
    result.stdout.no_fnmatch_line("*To record what was refused*")


def test_a_swap_that_nothing_asked_for_is_named_with_the_models_that_were(asks, provider):
    result = asks.pytest("--llm-record", *flags("gpt-4o=gpt-5.1"))

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["no request asked for gpt-4o; asked for: gpt-5-mini (--llm-model, llm_models)", "1 cassette written"]
    )
    assert [request.json["model"] for request in provider.requests] == ["gpt-5-mini"]


def test_the_ini_file_and_the_environment_name_swaps_too_and_the_flag_wins(asks, provider):
    provider.answer_with(lambda _: says("Yes."))
    asks.write_file("pytest.ini", "[pytest]\naddopts = -p no:randomly\nllm_models =\n    gpt-5-mini = of-the-file\n")

    asks.pytest("--llm-record").assert_outcomes(passed=1)
    asks.pytest("--llm-record", env={"LLMWATCH_MODEL": "x=y,gpt-5-mini=of-the-shell"}).assert_outcomes(passed=1)
    asks.pytest("--llm-record", *flags("gpt-5-*=of-the-flag")).assert_outcomes(passed=1)

    assert [request.json["model"] for request in provider.requests] == ["of-the-file", "of-the-shell", "of-the-flag"]
    # At replay the file's swaps do nothing: the code asks for what it names.
    replay = asks.pytest()
    replay.assert_outcomes(failed=1)
    replay.stdout.fnmatch_lines(['*model   "of-the-flag" -> "gpt-5-mini"*'])


@pytest.mark.parametrize("arguments, env", [(flags("a=b"), {}), ([], {"LLMWATCH_MODEL": "a=b"})])
def test_a_swap_in_a_replay_is_an_error(asks, arguments, env):
    result = asks.pytest(*arguments, env=env)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: --llm-model a=b changes whom live calls ask*it works with --llm-check or --llm-record*"]
    )


def test_workers_swap_and_say_the_same(asks, provider):
    provider.answer_with(lambda _: says("Yes."))
    asks.write(test_other=ASKS.format(name="other"))

    result = asks.pytest("--llm-record", "-n", "2", *flags("gpt-5-mini=next", "o3=next"))

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "model asked: next in place of gpt-5-mini (2 recordings)",
            "no request asked for o3; asked for: gpt-5-mini (--llm-model, llm_models)",
        ]
    )


def test_only_what_is_missing_is_asked_of_the_other_model(asks, provider):
    provider.answer_with(lambda _: says("Yes."))
    asks.pytest("--llm-record=new", *flags("gpt-5-mini=next")).assert_outcomes(passed=1)
    asks.pytest("--llm-record=new", *flags("gpt-5-mini=next")).assert_outcomes(passed=1)

    assert len(provider.requests) == 1
    assert len(cassette(asks, "test_refund").exchanges) == 1


@pytest.mark.parametrize(
    "lines, problem",
    [
        (["gpt-5"], "does not say which model is asked instead of which"),
        (["=gpt-5"], "does not say"),
        (["gpt-5="], "does not say"),
        (["gpt-5=gpt-*"], "swaps for a pattern"),
        (["gpt-5=gpt-5"], "swaps a model for itself"),
        (["a=b", "a=c"], "a cannot be swapped for two models, b and c"),
    ],
)
def test_a_swap_that_makes_no_sense_is_an_error(lines, problem):
    with pytest.raises(SettingError, match=problem.replace("*", r"\*")):
        model_swaps(lines)


@pytest.mark.parametrize(
    "model, expected",
    [("gpt-5-mini", "a"), ("gpt-5", "b"), ("gpt-50", "b"), ("ogpt-5", None), ("x[1]", "c"), ("x1", None)],
)
def test_the_first_swap_that_fits_counts(model, expected):
    swap = swap_for(model, model_swaps(["gpt-5-mini=a", "gpt-5*=b", "", "gpt-5-mini = a", "x[1] = c"]))

    assert (swap and swap.new) == expected


def test_a_run_that_names_no_model_says_so():
    facts = {"t.py::test": [{"swaps": ["a=b"], "asked": [], "signed": []}]}

    assert swap_lines(facts) == ["no request asked for a; no request over HTTP names a model (--llm-model, llm_models)"]


def test_the_lines_of_a_summary_are_safe_for_a_terminal_and_short():
    facts = {"t.py::test": [{"swaps": ["a=b"], "asked": [*(f"m{n}" for n in range(9)), "\x1b[2J"], "signed": []}]}

    assert swap_lines(facts) == [
        r"no request asked for a; asked for: \x1b[2J, m0, m1, m2, m3, m4, m5, m6 … (--llm-model, llm_models)"
    ]


def test_a_flag_of_the_project_with_the_same_name_stays_the_projects(asks, provider):
    provider.answer_with(lambda _: says("Yes."))
    asks.write(
        conftest="""
        def pytest_addoption(parser):
            parser.addoption("--llm-model", default="house")
            parser.addoption("--llm-max-cost", default="all")

        def pytest_configure(config):
            print("the project's:", config.getoption("--llm-model"), config.getoption("--llm-max-cost"))
        """
    )

    theirs = asks.pytest("-s", "--llm-model", "llama", "test_bot.py", "--llm-record")
    ours = asks.pytest("-s", "--llm-record", "--llmwatch-model", "gpt-5-mini=next")

    theirs.assert_outcomes(passed=1)
    theirs.stdout.fnmatch_lines(["the project's: llama all"])
    ours.assert_outcomes(passed=1)
    ours.stdout.fnmatch_lines(["the project's: house all", "model asked: next in place of gpt-5-mini (1 recording)"])
    assert [request.json["model"] for request in provider.requests] == ["gpt-5-mini", "next"]


def test_a_check_shows_what_the_other_model_does_and_its_answers_can_be_taken_over(asks, provider):
    provider.answer_with(lambda asked: says("Within 11 days." if asked["model"] == "next" else "Within 14 days."))
    asks.pytest("--llm-record").assert_outcomes(passed=1)
    [(path, before)] = asks.files().items()

    check = asks.pytest("--llm-check", *flags("gpt-5-mini=next"))

    check.assert_outcomes(failed=1)
    check.stdout.fnmatch_lines(
        [
            "*fact, duration*14 days -> 11 days*",
            "model asked: next in place of gpt-5-mini (1 recording)",
            "test *verdict *similar *cost *latency*",
            "test_bot.py::test_refund *broken *",
        ]
    )
    assert asks.files()[path] == before

    command = [sys.executable, "-m", "pytest_llmwatch", "accept", "--all"]
    subprocess.run(command, cwd=asks.path, env=asks.environment(), check=True, timeout=60)
    asks.write(bot=BOT.replace("gpt-5-mini", "next"))
    provider.stop()
    asks.pytest().assert_outcomes(passed=1)
