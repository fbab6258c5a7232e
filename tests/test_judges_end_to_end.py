"""Judges with the real SDKs: recorded once, replayed with nobody there, and never paid twice for one question."""

import json

from provider import raw, text

SYNC = """
    import os, openai
    from pytest_llmwatch import judged_by, rubric

    client = openai.OpenAI(base_url=os.environ["MODEL_BASE_URL"])

    def ask(question):
        messages = [{{"role": "user", "content": question}}]
        return client.chat.completions.create(model="gpt-5-mini", messages=messages).choices[0].message.content

    def test_polite(llm_cassette):
        reply = ask("Can I return it?")
        polite = rubric("{criteria}", model="gpt-5", client=client, samples=3, at_least={at_least})

        assert (llm_cassette.spend.calls, len(llm_cassette.judge_calls)) == (1, 0)
        assert reply == polite
        assert (llm_cassette.spend.calls, llm_cassette.judge_spend.calls) == (1, 3)
        assert llm_cassette.last.output_text == reply
        assert polite.judge(reply).facts["judge_model"] == "gpt-5-2025-08-07"
        assert polite.judge(reply).facts["scores"] == [0.9, 0.6, 0.9]
"""


def is_judge(request):
    return "response_format" in request


class Scores:
    """Answers questions with a text, and a judge's with one score after the other."""

    def __init__(self, *scores):
        self.scores = scores
        self.judged = 0

    def __call__(self, request):
        if not is_judge(request):
            return "Within 14 days."
        score = self.scores[self.judged % len(self.scores)]
        self.judged += 1
        return json.dumps({"reason": "it is short", "score": score})


def test_a_rubric_is_recorded_and_replayed_and_a_failing_one_asks_nobody_twice(project, provider):
    provider.answer_with(Scores(0.9, 0.6, 0.9))
    project.write(test_bot=SYNC.format(criteria="Polite", at_least=0.7))

    project.pytest("--llm-record").assert_outcomes(passed=1)
    assert provider.requests_served == 4
    cassette = project.cassette("test_polite").read_text(encoding="utf-8")
    assert cassette.count("- role: judge\n  call:\n") == 3
    assert 'judge_totals: {"calls": 3,' in cassette
    provider.stop()
    project.pytest().assert_outcomes(passed=1)

    # Another limit is no other question, and the explanation of a failure asks none.
    project.write(test_bot=SYNC.format(criteria="Polite", at_least=0.9))
    result = project.pytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*is judged 0.8 on average, which is less than 0.9; 2 of 3 samples*",
            "*spread   0.6 to 0.9*",
            "*0.9 ok   it is short*",
        ]
    )
    result.stdout.no_fnmatch_line("*No recording matches*")

    # Other criteria are another question: the page says whose it is.
    project.write(test_bot=SYNC.format(criteria="Very polite", at_least=0.7))
    result = project.pytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*No recording matches this request (test_bot.py::test_polite).",
            "*Judge's call: POST 127.0.0.1*/v1/chat/completions  gpt-5",
            "*Closest recording, 1 of 3 in*",
            "*{+Very polite+}*",
            "*To record it: pytest test_bot.py::test_polite --llm-record",
        ]
    )


def test_a_failing_judge_is_paid_once_when_it_is_recorded(project, provider):
    provider.answer_with(Scores(0.2))
    project.write(test_bot=SYNC.format(criteria="Polite", at_least=0.7).replace(", samples=3", ""))

    result = project.pytest("--llm-record", "-vv")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*is judged 0.2, which is less than 0.7*", "*judge_model: *gpt-5-2025-08-07*"])
    assert provider.requests_served == 2


def test_a_broken_answer_is_an_undecided_verdict_with_what_came(project, provider):
    provider.answer_with(lambda request: "Sure! I'd say 9 out of 10." if is_judge(request) else "Within 14 days.")
    project.write(test_bot=SYNC.format(criteria="Polite", at_least=0.7).replace(", samples=3", ""))

    result = project.pytest("--llm-record")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*could not be judged: the judge answered a text that is not JSON*", '*found*"Sure! I\'d say 9 out of 10."*']
    )


ANTHROPIC = """
    import os, anthropic, pytest
    from pytest_llmwatch import judged_by, rubric

    base_url = os.environ["MODEL_BASE_URL"].removesuffix("/v1")
    polite = rubric("丁寧ですか。", model="claude-haiku-4-5", client={client})

    @pytest.mark.asyncio
    async def test_polite(llm_cassette):
        assert "承知いたしました。" == judged_by(polite, at_least=0.8, samples=2)
        assert llm_cassette.calls == () == llm_cassette.tool_failures
        assert [call.tool_calls[0].name for call in llm_cassette.judge_calls] == ["verdict", "verdict"]
        assert polite.judge("承知いたしました。").facts["judge_model"] == "claude-haiku-4-5-20251001"
"""


def anthropic_answer(score):
    verdict = {
        "type": "tool_use",
        "id": "toolu_1",
        "name": "verdict",
        "input": {"reason": "敬語です。", "score": score},
    }
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": [verdict],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 300, "output_tokens": 40},
    }
    return raw(200, {"content-type": "application/json"}, json.dumps(message).encode())


def test_anthropics_clients_judge_by_a_tool_call_sync_and_async(project, provider):
    for client in ("anthropic.Anthropic", "anthropic.AsyncAnthropic"):
        provider.script(anthropic_answer(0.8), anthropic_answer(1.0))
        project.write(test_bot=ANTHROPIC.format(client=f'{client}(base_url=base_url, api_key="x")'))

        project.pytest("-p", "asyncio", "--llm-record").assert_outcomes(passed=1)
        provider.stop()
        project.pytest("-p", "asyncio").assert_outcomes(passed=1)
        provider.restart()

    assert provider.requests_served == 4
    assert {request.path for request in provider.requests} == {"/v1/messages"}


ASYNC = """
    import asyncio, os, openai, pytest
    from pytest_llmwatch import rubric

    async def ask(client, question):
        messages = [{"role": "user", "content": question}]
        return (await client.chat.completions.create(model="gpt-5-mini", messages=messages)).choices[0].message.content

    @pytest.mark.asyncio
    @pytest.mark.parametrize("question", ["Return?", "Repair?", "Refund?"])
    async def test_polite(llm_cassette, question):
        client = openai.AsyncOpenAI(base_url=os.environ["MODEL_BASE_URL"], api_key="x")
        running = asyncio.create_task(ask(client, question + " Again!"))
        reply = await ask(client, question)

        assert reply == rubric("Polite", model="gpt-5", client=client)
        assert await running == "Within 14 days."
        assert [reply, reply] == [rubric("Polite", model="gpt-5", client=client), rubric("Kind", model="gpt-5")]
        assert await ask(client, "And then?") == reply
        assert (llm_cassette.spend.calls, llm_cassette.judge_spend.calls) == (3, 2)
"""


def test_an_async_client_of_the_application_judges_inside_its_loop_also_under_xdist(project, provider):
    provider.answer_with(Scores(1))
    project.write(test_bot=ASYNC)
    without_key = {"OPENAI_API_KEY": None, "OPENAI_BASE_URL": provider.base_url}

    project.pytest("-p", "asyncio", "--llm-record", env={"OPENAI_BASE_URL": provider.base_url}).assert_outcomes(
        passed=3
    )
    assert provider.requests_served == 15
    provider.stop()

    # A rubric without a client makes one, which needs no key at replay.
    project.pytest("-p", "asyncio", "-n", "2", env=without_key).assert_outcomes(passed=3)


THREADS = """
    import threading
    from concurrent.futures import ThreadPoolExecutor
    from bot import ask
    from pytest_llmwatch import judged_by

    begun, go_on = threading.Event(), threading.Event()

    def panel(text, criteria):
        begun.set()
        assert go_on.wait(10)
        with ThreadPoolExecutor(3) as pool:
            votes = list(pool.map(lambda number: ask(f"{criteria} {text} Judge {number}"), range(3)))
        return sum("14" in vote for vote in votes) / 3

    def test_polite(llm_cassette):
        def in_the_background():
            begun.wait(10)
            ask("And a repair?")
            go_on.set()

        thread = threading.Thread(target=in_the_background)
        thread.start()
        assert ask("Can I return it?") == judged_by(panel, "Polite?")
        thread.join()
        asked = [call.input_messages[0].text for call in llm_cassette.calls]
        assert asked == ["Can I return it?", "And a repair?"]
        assert llm_cassette.judge_spend.calls == 3
"""


def test_a_judge_that_asks_from_threads_is_told_from_the_application(project, provider):
    from asking_bot import BOT

    provider.answer_with(lambda _request: text("Within 14 days."))
    project.write(bot=BOT, test_bot=THREADS)

    project.pytest("--llm-record").assert_outcomes(passed=1)
    provider.stop()
    project.pytest().assert_outcomes(passed=1)
    assert provider.requests_served == 5
