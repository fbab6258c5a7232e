"""The real client packages, format by format: what they tell at replay is what they told when recorded.

And what `llm_cassette` reads in the bytes is what the packages read in them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from provider import cut, gzipped
from speaking import breaks, calls, refuses, says

OLD_OPENAI = pytest.param(
    "LLMWATCH_OLD_OPENAI",
    marks=pytest.mark.skipif(
        "LLMWATCH_OLD_OPENAI" not in os.environ, reason="needs the Python of an environment with openai 2"
    ),
    id="openai-2",
)
NEEDS_CLIENTS = pytest.mark.skipif(
    "LLMWATCH_CLIENTS" not in os.environ, reason="needs the Python of an environment with litellm and langchain"
)

# By the word of the prompt that asks for it. `busy` is refused once, and then answered.
ANSWERS = {
    "plain": says("Within 14 days: 返品できます 🙂"),
    "tool": calls("refund", item="電話", days=14),
    "thinks": says("Yes.", thought="Let me see.", written=30, thinking=18),
    "short": says("Within", is_short=True),
    "squeezed": gzipped(says("compressed 🙂")),
    "breaks": breaks("one two three four"),
    "torn": cut(says("one two three four")),
    "refused": refuses(400, "No such thing."),
    "busy": says("Finally."),
}

SEEN = """
    import asyncio
    import json
    import os
    from pathlib import Path

    import pytest

    URL = os.environ["MODEL_BASE_URL"]
    ORIGIN = URL.removesuffix("/v1")
    KINDS = ["plain", "tool", "thinks", "short", "squeezed"]
    # For packages that keep their connections from one coroutine to the next.
    LOOP = asyncio.Runner()
    REFUND = {"type": "object", "properties": {"item": {"type": "string"}, "days": {"type": "integer"}}}


    # Every kind of answer in every way to ask; with coroutines the first two kinds.
    def each_way(**ways):
        cases = [
            pytest.param(ask, kind, id=f"{way}-{kind}")
            for way, ask in ways.items()
            for kind in KINDS[: 2 if way.startswith("async") else None]
        ]
        return pytest.mark.parametrize("ask, kind", cases)


    def note(*values):
        with Path("noted.txt").open("a", encoding="utf-8") as file:
            file.write(json.dumps([os.environ["PYTEST_CURRENT_TEST"], *values], ensure_ascii=False) + "\\n")


    def agree(call, *, text, tools, model, finish, tokens):
        assert call.output_text == text
        assert [(each.name, each.arguments) for each in call.tool_calls] == tools
        assert call.response_model == model
        assert call.provider_finish_reasons == (finish,)
        usage = call.usage
        assert tokens == (
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_input_tokens,
            usage.reasoning_output_tokens,
        )
        assert call.error_type is None
        note(text, tools, model, finish, tokens)


    def failure_of(ask):
        try:
            ask()
        except Exception as error:
            kind = type(error)
            note(kind.__module__, kind.__name__, str(error), getattr(error, "status_code", None))
            return error
        raise AssertionError("nothing was raised")
"""

OPENAI = """
    import openai
    from seen import *

    OPTIONS = {"base_url": URL, "max_retries": 0}
    CLIENT = openai.OpenAI(**OPTIONS)


    def sync(ask, **options):
        return ask(CLIENT.with_options(**options))


    def asynchronous(ask):
        async def asked():
            async with openai.AsyncOpenAI(**OPTIONS) as client:
                return await ask(client)

        return asyncio.run(asked())
"""

CHAT = """
    import openai
    import pytest
    from of_openai import *


    def question(text, **more):
        tool = {"type": "function", "function": {"name": "refund", "parameters": REFUND}}
        return {"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}], "tools": [tool], **more}


    def streaming(text):
        return question(text, stream=True, stream_options={"include_usage": True})


    def told(completion):
        choice, usage = completion.choices[0], completion.usage
        calls = [call.function for call in choice.message.tool_calls or ()]
        return {
            "text": choice.message.content or "",
            "tools": [(call.name, json.loads(call.arguments)) for call in calls],
            "model": completion.model,
            "finish": choice.finish_reason,
            "tokens": (
                usage.prompt_tokens,
                usage.completion_tokens,
                usage.prompt_tokens_details.cached_tokens,
                usage.completion_tokens_details.reasoning_tokens,
            ),
        }


    def told_in(chunks):
        choices = [choice for chunk in chunks for choice in chunk.choices]
        pieces = [piece.function for choice in choices for piece in choice.delta.tool_calls or ()]
        arguments = "".join(piece.arguments or "" for piece in pieces)
        last = chunks[-1].model_copy(update={"choices": [choices[-1].model_copy(update={"message": MESSAGE})]})
        tools = [(pieces[0].name, json.loads(arguments))] if pieces else []
        text = "".join(choice.delta.content or "" for choice in choices)
        return {**told(last), "text": text, "tools": tools}


    MESSAGE = openai.types.chat.ChatCompletionMessage(role="assistant")


    async def all_of(chunks):
        return [chunk async for chunk in await chunks]


    @each_way(
        sync=lambda text: told(sync(lambda client: client.chat.completions.create(**question(text)))),
        asynchronous=lambda text: told(asynchronous(lambda client: client.chat.completions.create(**question(text)))),
        stream=lambda text: told_in(sync(lambda client: list(client.chat.completions.create(**streaming(text))))),
        asynchronous_stream=lambda text: told_in(
            asynchronous(lambda client: all_of(client.chat.completions.create(**streaming(text))))
        ),
    )
    def test_answers(ask, kind, llm_cassette):
        said = ask(kind)
        agree(llm_cassette.last, **said)
        assert len(llm_cassette.calls) == 1


    def test_busy(llm_cassette):
        said = told(sync(lambda client: client.chat.completions.create(**question("busy")), max_retries=1))
        [call] = llm_cassette.calls
        agree(call, **said)
        assert [attempt.status for attempt in call.attempts] == [429]


    def test_refused(llm_cassette):
        error = failure_of(lambda: sync(lambda client: client.chat.completions.create(**question("refused"))))
        assert (llm_cassette.last.error_type, llm_cassette.last.error_message) == (error.type, error.body["message"])


    @pytest.mark.parametrize("kind", ["breaks", "torn"])
    @pytest.mark.parametrize("way", ["sync", "async"])
    def test_half(kind, way, llm_cassette):
        got = []

        def read(client):
            for chunk in client.chat.completions.create(**streaming(kind)):
                got.extend(choice.delta.content or "" for choice in chunk.choices)

        async def read_async(client):
            async for chunk in await client.chat.completions.create(**streaming(kind)):
                got.extend(choice.delta.content or "" for choice in chunk.choices)

        error = failure_of(lambda: sync(read) if way == "sync" else asynchronous(read_async))
        assert "".join(got) == llm_cassette.last.output_text != ""
        assert llm_cassette.last.error_type == ("cut" if kind == "torn" else error.body["type"])
        note("".join(got))
"""

RESPONSES = """
    import pytest
    from of_openai import *


    def question(text, **more):
        tool = {"type": "function", "name": "refund", "parameters": REFUND, "strict": False}
        return {"model": "gpt-5-mini", "input": text, "tools": [tool], **more}


    def told(response):
        usage, calls = response.usage, [item for item in response.output if item.type == "function_call"]
        return {
            "text": response.output_text,
            "tools": [(call.name, json.loads(call.arguments)) for call in calls],
            "model": response.model,
            "finish": response.incomplete_details.reason if response.incomplete_details else response.status,
            "tokens": (
                usage.input_tokens,
                usage.output_tokens,
                usage.input_tokens_details.cached_tokens,
                usage.output_tokens_details.reasoning_tokens,
            ),
        }


    def told_in(events):
        said = told(events[-1].response)
        assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == said["text"]
        return said


    def of_helper(client, text):
        with client.responses.stream(**question(text)) as stream:
            return list(stream)[-1].response


    async def all_of(events):
        return [event async for event in await events]


    @each_way(
        sync=lambda text: told(sync(lambda client: client.responses.create(**question(text)))),
        asynchronous=lambda text: told(asynchronous(lambda client: client.responses.create(**question(text)))),
        stream=lambda text: told_in(sync(lambda client: list(client.responses.create(**question(text), stream=True)))),
        asynchronous_stream=lambda text: told_in(
            asynchronous(lambda client: all_of(client.responses.create(**question(text), stream=True)))
        ),
        helper=lambda text: told(sync(lambda client: of_helper(client, text))),
    )
    def test_answers(ask, kind, llm_cassette):
        said = ask(kind)
        agree(llm_cassette.last, **said)
        assert len(llm_cassette.calls) == 1


    def test_thoughts(llm_cassette):
        response = sync(lambda client: client.responses.create(**question("thinks")))
        [thought, _] = llm_cassette.last.output_messages[0].parts
        assert thought.text == response.output[0].summary[0].text


    def test_busy(llm_cassette):
        said = told(sync(lambda client: client.responses.create(**question("busy")), max_retries=1))
        [call] = llm_cassette.calls
        agree(call, **said)
        assert [attempt.status for attempt in call.attempts] == [429]


    def test_refused(llm_cassette):
        error = failure_of(lambda: sync(lambda client: client.responses.create(**question("refused"))))
        assert (llm_cassette.last.error_type, llm_cassette.last.error_message) == (error.type, error.body["message"])


    def test_torn(llm_cassette):
        got = []

        def read(client):
            for event in client.responses.create(**question("torn"), stream=True):
                got.append(event.delta if event.type == "response.output_text.delta" else "")

        failure_of(lambda: sync(read))
        assert "".join(got) == llm_cassette.last.output_text != ""
        assert llm_cassette.last.error_type == "cut"
        note("".join(got))


    def test_breaks(llm_cassette):
        # This error is an event like any other to the package.
        events = sync(lambda client: list(client.responses.create(**question("breaks"), stream=True)))
        call = llm_cassette.last
        assert (call.error_type, call.error_message) == (events[-1].code, events[-1].message)
        assert call.output_text == "".join(each.delta for each in events if each.type == "response.output_text.delta")
        note([event.type for event in events])
"""

EMBEDDINGS = """
    from of_openai import *
    from test_chat import question

    ASKED = {"model": "text-embedding-3-small", "input": "plain"}


    def test_embeddings(llm_cassette):
        answers = [
            sync(lambda client: client.embeddings.create(**ASKED)),
            sync(lambda client: client.embeddings.create(**ASKED, encoding_format="float")),
            asynchronous(lambda client: client.embeddings.create(**ASKED)),
        ]
        for answer, call in zip(answers, llm_cassette.calls, strict=True):
            assert answer.data[0].embedding == [0.25, -0.5, 0.125]
            assert call.operation_name == "embeddings"
            assert (call.response_model, call.usage.input_tokens) == (answer.model, answer.usage.prompt_tokens)
            note(answer.data[0].embedding)


    def test_busy(llm_cassette):
        answer = sync(lambda client: client.embeddings.create(**ASKED | {"input": "busy"}), max_retries=1)
        [call] = llm_cassette.calls
        assert [attempt.status for attempt in call.attempts] == [429]
        note(answer.data[0].embedding)
"""

ANTHROPIC = """
    import anthropic
    import pytest
    from seen import *

    OPTIONS = {"base_url": ORIGIN, "max_retries": 0}
    CLIENT = anthropic.Anthropic(**OPTIONS)


    def question(text, **more):
        return {
            "model": "claude-haiku-4-5",
            "max_tokens": 64,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": text}],
            "tools": [{"name": "refund", "input_schema": REFUND}],
            **more,
        }


    def sync(ask, **options):
        return ask(CLIENT.with_options(**options))


    def asynchronous(ask):
        async def asked():
            async with anthropic.AsyncAnthropic(**OPTIONS) as client:
                return await ask(client)

        return asyncio.run(asked())


    def told(message):
        usage, blocks = message.usage, message.content
        cached, written = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
        return {
            "text": "".join(block.text for block in blocks if block.type == "text"),
            "tools": [(block.name, block.input) for block in blocks if block.type == "tool_use"],
            "model": message.model,
            "finish": message.stop_reason,
            "tokens": (usage.input_tokens + cached + written, usage.output_tokens, cached, None),
        }


    def of_helper(client, text):
        with client.messages.stream(**question(text)) as stream:
            return stream.get_final_message()


    async def of_async_helper(client, text):
        async with client.messages.stream(**question(text)) as stream:
            return await stream.get_final_message()


    def told_in(events):
        begun, changed = events[0].message, next(event for event in events if event.type == "message_delta")
        deltas = [event.delta for event in events if event.type == "content_block_delta"]
        arguments = "".join(delta.partial_json for delta in deltas if delta.type == "input_json_delta")
        blocks = [event.content_block for event in events if event.type == "content_block_start"]
        usage = begun.usage.model_copy(update={"output_tokens": changed.usage.output_tokens})
        said = begun.model_copy(update={"usage": usage, "stop_reason": changed.delta.stop_reason})
        return {
            **told(said),
            "text": "".join(delta.text for delta in deltas if delta.type == "text_delta"),
            "tools": [(block.name, json.loads(arguments)) for block in blocks if block.type == "tool_use"],
        }


    @each_way(
        sync=lambda text: told(sync(lambda client: client.messages.create(**question(text)))),
        asynchronous=lambda text: told(asynchronous(lambda client: client.messages.create(**question(text)))),
        stream=lambda text: told_in(sync(lambda client: list(client.messages.create(**question(text), stream=True)))),
        helper=lambda text: told(sync(lambda client: of_helper(client, text))),
        asynchronous_helper=lambda text: told(asynchronous(lambda client: of_async_helper(client, text))),
    )
    def test_answers(ask, kind, llm_cassette):
        said = ask(kind)
        agree(llm_cassette.last, **said)
        assert len(llm_cassette.calls) == 1


    def test_thoughts(llm_cassette):
        message = sync(lambda client: client.messages.create(**question("thinks")))
        [thought, _] = llm_cassette.last.output_messages[0].parts
        assert thought.text == message.content[0].thinking


    def test_busy(llm_cassette):
        said = told(sync(lambda client: client.messages.create(**question("busy")), max_retries=1))
        [call] = llm_cassette.calls
        agree(call, **said)
        assert [attempt.status for attempt in call.attempts] == [429]


    def test_refused(llm_cassette):
        error = failure_of(lambda: sync(lambda client: client.messages.create(**question("refused"))))
        said = error.body["error"]
        assert (llm_cassette.last.error_type, llm_cassette.last.error_message) == (said["type"], said["message"])


    @pytest.mark.parametrize("kind", ["breaks", "torn"])
    @pytest.mark.parametrize("way", ["sync", "async"])
    def test_half(kind, way, llm_cassette):
        got = []

        def read(client):
            with client.messages.stream(**question(kind)) as stream:
                got.extend(stream.text_stream)

        async def read_async(client):
            async with client.messages.stream(**question(kind)) as stream:
                async for text in stream.text_stream:
                    got.append(text)

        error = failure_of(lambda: sync(read) if way == "sync" else asynchronous(read_async))
        assert "".join(got) == llm_cassette.last.output_text != ""
        assert llm_cassette.last.error_type == ("cut" if kind == "torn" else error.body["error"]["type"])
        note("".join(got))
"""

GOOGLE = """
    import pytest
    from google import genai
    from google.genai import types
    from seen import *

    CONFIG = types.GenerateContentConfig(
        system_instruction="Be brief.",
        tools=[
            types.Tool(
                function_declarations=[types.FunctionDeclaration(name="refund", parameters_json_schema=REFUND)]
            )
        ],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


    def client_of(**options):
        return genai.Client(api_key="AIza-secret", vertexai=False, http_options={"base_url": ORIGIN, **options})


    CLIENT = client_of()


    def sync(ask):
        return ask(CLIENT.models)


    def question(text):
        return {"model": "gemini-2.5-flash", "contents": text, "config": CONFIG}


    def told(*chunks):
        parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
        usage = chunks[-1].usage_metadata
        return {
            "text": "".join(part.text for part in parts if part.text and not part.thought),
            "tools": [(part.function_call.name, part.function_call.args) for part in parts if part.function_call],
            "model": chunks[-1].model_version,
            "finish": chunks[-1].candidates[0].finish_reason.value,
            "tokens": (
                usage.prompt_token_count,
                usage.candidates_token_count + (usage.thoughts_token_count or 0),
                usage.cached_content_token_count,
                usage.thoughts_token_count,
            ),
        }


    def asynchronous(ask):
        async def asked():
            async with client_of().aio as client:
                return await ask(client.models)

        return asyncio.run(asked())


    async def all_of(chunks):
        return [chunk async for chunk in await chunks]


    @each_way(
        sync=lambda text: told(sync(lambda models: models.generate_content(**question(text)))),
        asynchronous=lambda text: told(asynchronous(lambda models: models.generate_content(**question(text)))),
        stream=lambda text: told(*sync(lambda models: list(models.generate_content_stream(**question(text))))),
        asynchronous_stream=lambda text: told(
            *asynchronous(lambda models: all_of(models.generate_content_stream(**question(text))))
        ),
    )
    def test_answers(ask, kind, llm_cassette):
        said = ask(kind)
        agree(llm_cassette.last, **said)
        assert len(llm_cassette.calls) == 1


    def test_thoughts(llm_cassette):
        sync(lambda models: models.generate_content(**question("thinks")))
        assert llm_cassette.last.output_messages[0].parts[0].text == "Let me see."


    def test_busy(llm_cassette):
        client = client_of(retry_options=types.HttpRetryOptions(attempts=2, initial_delay=0.01, max_delay=0.01))
        said = told(client.models.generate_content(**question("busy")))
        # Nothing on Google's wire tells a repetition from another call.
        busy, call = llm_cassette.calls
        agree(call, **said)
        assert busy.error_type == "RESOURCE_EXHAUSTED"


    def test_refused(llm_cassette):
        error = failure_of(lambda: sync(lambda models: models.generate_content(**question("refused"))))
        assert (llm_cassette.last.error_type, llm_cassette.last.error_message) == (error.status, error.message)


    @pytest.mark.parametrize("kind", ["breaks", "torn"])
    @pytest.mark.parametrize("way", ["sync", "async"])
    def test_half(kind, way, llm_cassette):
        got = []

        def read(models):
            for chunk in models.generate_content_stream(**question(kind)):
                got.append(chunk.text or "")

        async def read_async(models):
            async for chunk in await models.generate_content_stream(**question(kind)):
                got.append(chunk.text or "")

        error = failure_of(lambda: sync(read) if way == "sync" else asynchronous(read_async))
        assert "".join(got) == llm_cassette.last.output_text != ""
        assert llm_cassette.last.error_type == ("cut" if kind == "torn" else error.status)
        note("".join(got))


    def test_embeddings(llm_cassette):
        asked = {"model": "gemini-embedding-001", "contents": "plain"}
        answer = sync(lambda models: models.embed_content(**asked))
        assert answer.embeddings[0].values == [0.25, -0.5, 0.125]
        assert len(llm_cassette.calls) == 1
"""


LITELLM = """
    import litellm
    import pytest
    from seen import *

    litellm.suppress_debug_info = True
    TOOLS = [{"type": "function", "function": {"name": "refund", "parameters": REFUND}}]
    MODELS = {
        "openai": {"model": "openai/gpt-5-mini", "api_base": URL},
        "anthropic": {"model": "anthropic/claude-haiku-4-5", "api_base": ORIGIN},
        "gemini": {"model": "gemini/gemini-2.5-flash", "api_base": f"{ORIGIN}/v1beta/models/gemini-2.5-flash"},
    }


    def asked(name, text, **more):
        messages = [{"role": "user", "content": text}]
        return {"api_key": "sk-secret", "max_retries": 0, "messages": messages, "tools": TOOLS, **MODELS[name], **more}


    def streamed(name, text):
        return asked(name, text, stream=True, stream_options={"include_usage": True})


    def whole(chunks):
        return litellm.stream_chunk_builder(list(chunks))


    async def streaming(name, text):
        return whole([chunk async for chunk in await litellm.acompletion(**streamed(name, text))])


    WAYS = {
        "sync": lambda name, text: litellm.completion(**asked(name, text)),
        "async": lambda name, text: LOOP.run(litellm.acompletion(**asked(name, text))),
        "stream": lambda name, text: whole(litellm.completion(**streamed(name, text))),
        "async_stream": lambda name, text: LOOP.run(streaming(name, text)),
    }


    @pytest.mark.parametrize("kind", ["plain", "tool"])
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("name", MODELS)
    def test_answers(name, way, kind, llm_cassette):
        answer = WAYS[way](name, kind)
        choice, usage = answer.choices[0], answer.usage
        call = llm_cassette.last
        assert call.output_text == (choice.message.content or "")
        tools = [(one.function.name, json.loads(one.function.arguments)) for one in choice.message.tool_calls or ()]
        assert [(one.name, one.arguments) for one in call.tool_calls] == tools
        assert (call.usage.input_tokens, call.usage.output_tokens) == (usage.prompt_tokens, usage.completion_tokens)
        assert call.finish_reasons == ({"tool_calls": "tool_call"}.get(choice.finish_reason, choice.finish_reason),)
        assert len(llm_cassette.calls) == 1
        note(choice.message.content, tools, usage.prompt_tokens, usage.completion_tokens)


    @pytest.mark.parametrize("name", MODELS)
    def test_refused(name, llm_cassette):
        failure_of(lambda: litellm.completion(**asked(name, "refused")))
        assert llm_cassette.last.error_message == "No such thing."


    def test_embeddings(llm_cassette):
        options = {"model": "openai/text-embedding-3-small", "api_base": URL, "api_key": "sk-secret"}
        answer = litellm.embedding(input="plain", **options)
        assert answer.data[0]["embedding"] == [0.25, -0.5, 0.125]
        assert llm_cassette.last.operation_name == "embeddings"
        assert llm_cassette.last.usage.input_tokens == answer.usage.prompt_tokens
"""

LANGCHAIN = """
    import pytest
    from langchain_anthropic import ChatAnthropic
    from langchain_google_genai import ChatGoogleGenerativeAI
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings
    from seen import *

    OPENAI = {"model": "gpt-5-mini", "base_url": URL, "api_key": "sk-secret", "max_retries": 0}
    GOOGLE = {"model": "gemini-2.5-flash", "base_url": ORIGIN, "google_api_key": "AIza-secret", "max_retries": 1}
    ANTHROPIC = {"model": "claude-haiku-4-5", "base_url": ORIGIN, "api_key": "sk-ant-secret", "max_retries": 0}
    MODELS = {
        "chat": lambda: ChatOpenAI(**OPENAI, stream_usage=True),
        "responses": lambda: ChatOpenAI(**OPENAI, use_responses_api=True),
        "anthropic": lambda: ChatAnthropic(**ANTHROPIC),
        "google": lambda: ChatGoogleGenerativeAI(**GOOGLE),
    }
    REFUND_TOOL = {"type": "function", "function": {"name": "refund", "description": "Refund.", "parameters": REFUND}}


    def added(chunks):
        first, *others = chunks
        for chunk in others:
            first = first + chunk
        return first


    WAYS = {
        "sync": lambda model, text: model.invoke(text),
        "async": lambda model, text: LOOP.run(model.ainvoke(text)),
        "stream": lambda model, text: added(model.stream(text)),
    }


    @pytest.mark.parametrize("kind", ["plain", "tool"])
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("name", MODELS)
    def test_answers(name, way, kind, llm_cassette):
        message = WAYS[way](MODELS[name]().bind_tools([REFUND_TOOL]), kind)
        call, usage = llm_cassette.last, message.usage_metadata
        text = "".join(block["text"] for block in message.content_blocks if block["type"] == "text")
        tools = [(one["name"], one["args"]) for one in message.tool_calls]
        assert call.output_text == text
        assert [(one.name, one.arguments) for one in call.tool_calls] == tools
        assert (call.usage.input_tokens, call.usage.output_tokens) == (usage["input_tokens"], usage["output_tokens"])
        assert call.usage.cache_read_input_tokens == usage["input_token_details"]["cache_read"]
        assert call.response_model == message.response_metadata["model_name"]
        assert len(llm_cassette.calls) == 1
        note(text, tools, usage)


    @pytest.mark.parametrize("name", MODELS)
    def test_refused(name, llm_cassette):
        failure_of(lambda: MODELS[name]().invoke("refused"))
        assert llm_cassette.last.error_message == "No such thing."


    def test_embeddings(llm_cassette):
        options = {"base_url": URL, "api_key": "sk-secret", "check_embedding_ctx_length": False}
        assert OpenAIEmbeddings(model="text-embedding-3-small", **options).embed_query("plain") == [0.25, -0.5, 0.125]
        assert llm_cassette.last.operation_name == "embeddings"
"""


def answers(asked):
    """The answer that the prompt asks for by its word, each `busy` prompt being refused the first time."""
    text = json.dumps(asked)
    return next(answer for word, answer in ANSWERS.items() if f'"{word}"' in text)


@pytest.fixture
def model(provider):
    """The provider, answering the prompts of this module."""
    refused = set()

    def answer(asked):
        text = json.dumps(asked, sort_keys=True)
        if '"busy"' in text and text not in refused:
            refused.add(text)
            return refuses(429, headers={"retry-after": "0"})
        return answers(asked)

    provider.answer_with(answer)
    return provider


def pytest_of(project, variable, *args):
    """Run pytest, by the Python that the variable names where there is one."""
    environment = project.environment({"ANTHROPIC_API_KEY": "sk-ant-secret", "LITELLM_LOCAL_MODEL_COST_MAP": "True"})
    command = [os.environ[variable] if variable else sys.executable, "-m", "pytest", *args]
    done = subprocess.run(
        command, cwd=project.path, env=environment, capture_output=True, text=True, check=False, timeout=200
    )
    print(done.stdout, done.stderr, sep="\n")
    return pytest.RunResult(done.returncode, done.stdout.splitlines(), done.stderr.splitlines(), 0.0)


def record_then_replay(project, provider, *, tests, python=None):
    """Record with the provider there and replay with it gone; the tests note the same both times."""
    project.write_file("pytest.ini", "[pytest]\naddopts = -p no:randomly\nllm_record_hosts = 127.0.0.1\n")
    project.write(seen=SEEN)
    notes = project.path / "noted.txt"
    pytest_of(project, python, "--llm-record").assert_outcomes(passed=tests)
    told = notes.read_text(encoding="utf-8")
    notes.unlink()
    served = provider.requests_served
    provider.stop()

    pytest_of(project, python).assert_outcomes(passed=tests)
    assert notes.read_text(encoding="utf-8") == told
    assert provider.requests_served == served
    written = b"".join(project.files().values())
    assert b"-secret" not in written
    assert project.api_key.encode() not in written


@pytest.mark.parametrize("python", [pytest.param(None, id="openai"), OLD_OPENAI])
def test_openai_tells_at_replay_what_it_told_when_recorded(project, model, python):
    project.write(of_openai=OPENAI, test_chat=CHAT, test_responses=RESPONSES, test_embeddings=EMBEDDINGS)

    record_then_replay(project, model, tests=46, python=python)


def test_anthropic_tells_at_replay_what_it_told_when_recorded(project, model):
    project.write(test_anthropic=ANTHROPIC)

    record_then_replay(project, model, tests=26)


def test_google_genai_tells_at_replay_what_it_told_when_recorded(project, model):
    project.write(test_google=GOOGLE)

    record_then_replay(project, model, tests=22)


@NEEDS_CLIENTS
def test_litellm_and_langchain_tell_at_replay_what_they_told_when_recorded(project, model):
    project.write(test_litellm=LITELLM, test_langchain=LANGCHAIN)

    record_then_replay(project, model, tests=57, python="LLMWATCH_CLIENTS")
