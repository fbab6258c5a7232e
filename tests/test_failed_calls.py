"""Calls that came to no answer: a local model that raises, and calls that the application gave up on."""

import pydantic
import pytest
from provider import hang, text

from pytest_llmwatch.raised import failure_of, raise_again

LOCAL = """
    import asyncio
    import os

    import pytest

    class TooLong(Exception):
        def __init__(self, length, most):
            super().__init__(f"{length} tokens: {most} at most")

    def check(prompt):
        assert "LIVE" in os.environ
        if "key" in prompt:
            raise KeyError(prompt)
        if "long" in prompt:
            raise TooLong(9000, 4096)

    def generate(prompt):
        check(prompt)
        return prompt.upper()

    async def generate_async(prompt):
        check(prompt)
        return prompt.upper()

    def pieces(prompt):
        yield "piece"
        check(prompt)

    async def pieces_async(prompt):
        yield "piece"
        check(prompt)

    def test_plain(llm_cassette):
        model = llm_cassette.wrap(generate, model="tiny")
        with pytest.raises(KeyError) as caught:
            model("key")
        assert caught.value.args == ("key",)
        with pytest.raises(TooLong, match="9000 tokens: 4096 at most"):
            model("long")
        assert model("short") == "SHORT"
        assert [call.error_type for call in llm_cassette.calls] == ["raised", "raised", None]
        assert llm_cassette.calls[1].error_message == "test_local.TooLong: 9000 tokens: 4096 at most"

    def test_local_type(llm_cassette):
        class Nowhere(Exception):
            pass

        def model(prompt):
            raise Nowhere("never seen again") if "LIVE" in os.environ else AssertionError

        with pytest.raises(Exception, match="never seen again"):
            llm_cassette.wrap(model, model="tiny")("x")

    def test_async(llm_cassette):
        with pytest.raises(KeyError):
            asyncio.run(llm_cassette.wrap(generate_async, model="tiny")("key"))

    def test_generator(llm_cassette):
        came = []
        with pytest.raises(KeyError):
            for piece in llm_cassette.wrap(pieces, model="tiny")("key"):
                came.append(piece)
        assert came == ["piece"]

    def test_async_generator(llm_cassette):
        came = []

        async def read():
            async for piece in llm_cassette.wrap(pieces_async, model="tiny")("key"):
                came.append(piece)

        with pytest.raises(KeyError):
            asyncio.run(read())
        assert came == ["piece"]

    def test_given_up(llm_cassette):
        async def slow(prompt):
            assert "LIVE" in os.environ
            await asyncio.sleep(30)

        async def ask():
            await asyncio.wait_for(llm_cassette.wrap(slow, model="tiny")("x"), 0.2)

        with pytest.raises(TimeoutError):
            asyncio.run(ask())
"""


def test_what_a_wrapped_function_raises_is_recorded_and_raised_again(project):
    project.write(test_local=LOCAL)

    project.pytest("--llm-record", env={"LIVE": "1"}).assert_outcomes(passed=6)
    project.pytest().assert_outcomes(passed=6)


def test_an_exception_that_no_text_makes_is_raised_again_as_what_was_recorded():
    with pytest.raises(pydantic.ValidationError) as recorded:
        pydantic.TypeAdapter(int).validate_python("many")

    with pytest.raises(RuntimeError, match=r"ValidationError: 1 validation error for int"):
        raise_again(failure_of(recorded.value))


def test_each_recording_names_the_libraries_that_were_loaded_when_it_was_made(project):
    project.write(
        test_local="""
            def model(prompt):
                return prompt

            def test_one(llm_cassette):
                llm_cassette.wrap(model, model="m")("one")

            def test_two(llm_cassette):
                import anthropic
                llm_cassette.wrap(model, model="m")("two")
        """
    )

    project.pytest("--llm-record").assert_outcomes(passed=2)

    assert [b"anthropic:" in content for name, content in sorted(project.files().items()) if "cassettes/" in name] == [
        False,
        True,
    ]


GIVEN_UP = """
    import asyncio
    import os

    import {client}
    import pytest

    async def ask(question):
        {ask}

    async def with_fallback(question):
        try:
            return await asyncio.wait_for(ask(question), 3)
        except TimeoutError:
            return "Please try again later."

    def test_fallback(llm_cassette):
        assert asyncio.run(with_fallback("slow?")) == "Please try again later."
        assert llm_cassette.last.error_type == "cancelled"
        assert asyncio.run(ask("quick?")) == "Within 14 days."
"""
OPENAI = """
        async with openai.AsyncOpenAI(base_url=os.environ["MODEL_BASE_URL"]) as client:
            messages = [{"role": "user", "content": question}]
            answer = await client.chat.completions.create(model="gpt-5-mini", messages=messages)
            return answer.choices[0].message.content
"""
AIOHTTP = """
        body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": question}]}
        async with aiohttp.ClientSession() as session:
            async with session.post(os.environ["MODEL_BASE_URL"] + "/chat/completions", json=body) as response:
                return (await response.json())["choices"][0]["message"]["content"]
"""


def test_a_call_that_was_given_up_is_recorded_and_given_up_again(project, provider):
    for client, ask in (("openai", OPENAI), ("aiohttp", AIOHTTP)):
        provider.restart()
        provider.script(hang(9, text("Too late.")), text("Within 14 days."))
        project.write(test_bot=GIVEN_UP.format(client=client, ask=ask.strip()))

        project.pytest("--llm-record").assert_outcomes(passed=1)
        assert "kind: cancelled" in project.cassette("test_fallback").read_text(encoding="utf-8")
        provider.stop()
        project.pytest().assert_outcomes(passed=1)
