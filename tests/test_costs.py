"""Money from end to end: while recording, in the cassette, at replay without the table, in the summary."""

import json

import pytest
from asking_bot import BOT
from provider import raw

QUESTIONS = """
    import sys

    from bot import ask

    def test_one(llm_cassette):
        ask("one?")
"""
ASKS_FOR_MONEY = (
    QUESTIONS
    + """
        spend = llm_cassette.spend
        print("COST", spend.cost, llm_cassette.last.price_source, [str(each) for each in spend.unpriced])
        print("LOADED", "genai_prices" in sys.modules)
"""
)
ASKS_FOR_TOKENS = (
    QUESTIONS
    + """
        assert llm_cassette.last.usage.input_tokens == llm_cassette.spend.usage.input_tokens > 0
        assert llm_cassette.calls[0].output_text
        print("LOADED", "genai_prices" in sys.modules)
"""
)


def answer(model="gpt-5-mini", usage=(1000, 100)):
    tokens = {"prompt_tokens": usage[0], "completion_tokens": usage[1]} if usage else None
    body = {
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}],
        "usage": tokens,
    }
    return raw(200, {"content-type": "application/json"}, json.dumps(body).encode())


def said(result, word):
    return next(line.partition(word)[2].strip() for line in result.outlines if word in line)


def test_a_recording_says_what_it_spent_and_the_cassette_keeps_the_price_of_the_day(project, provider):
    project.write(bot=BOT, test_bot=ASKS_FOR_MONEY)
    provider.script(answer())

    result = project.pytest("--llm-record", "-s")

    result.assert_outcomes(passed=1)
    assert said(result, "COST") == "0.00045 genai-prices []"
    result.stdout.fnmatch_lines(["calls: 1 live request", "spent $0.00045", "1 cassette written"])
    text = project.cassette("test_one").read_text(encoding="utf-8")
    assert '    cost_usd: "0.00045"\n' in text
    assert '"cost_usd": "0.00045"}\n' in text


def test_a_replay_gives_the_price_of_the_recording_without_the_table(project, provider):
    project.write(bot=BOT, test_bot=ASKS_FOR_MONEY)
    provider.script(answer())
    project.pytest("--llm-record")
    cassette = project.cassette("test_one")
    text = cassette.read_text(encoding="utf-8")
    cassette.write_text(text.replace('cost_usd: "0.00045"', 'cost_usd: "0.00077"'), encoding="utf-8")
    provider.stop()

    result = project.pytest("-s")

    result.assert_outcomes(passed=1)
    assert said(result, "COST") == "0.00077 recorded []"
    assert said(result, "LOADED") == "False"
    result.stdout.no_fnmatch_line("spent*")


@pytest.mark.parametrize("is_priced", [True, False])
def test_a_replay_that_looks_at_no_money_does_not_load_the_table(project, provider, is_priced):
    project.write(bot=BOT, test_bot=ASKS_FOR_TOKENS)
    provider.script(answer())
    project.pytest("--llm-record")
    cassette = project.cassette("test_one")
    if not is_priced:
        text = cassette.read_text(encoding="utf-8")
        cassette.write_text(text.replace('    cost_usd: "0.00045"\n', ""), encoding="utf-8")

    result = project.pytest("-s")

    result.assert_outcomes(passed=1)
    assert said(result, "LOADED") == "False"


def test_a_cassette_without_a_price_is_priced_at_its_date(project, provider):
    project.write(bot=BOT, test_bot=ASKS_FOR_MONEY)
    provider.script(answer("o3", (1000, 1000)))
    project.pytest("--llm-record")
    cassette = project.cassette("test_one")
    lines = cassette.read_text(encoding="utf-8").splitlines(keepends=True)
    lines = ["  at: 2025-05-01T00:00:00Z\n" if line.startswith("  at: ") else line for line in lines]
    cassette.write_text("".join(line for line in lines if "    cost_usd" not in line), encoding="utf-8")

    result = project.pytest("-s")

    result.assert_outcomes(passed=1)
    assert said(result, "COST") == "0.05 genai-prices []"


def test_an_unknown_price_stays_unknown_until_the_ini_file_names_one(project, provider):
    project.write(bot=BOT.replace("gpt-5-mini", "qwen3:4b"), test_bot=ASKS_FOR_MONEY)
    provider.script(answer("qwen3:4b"))

    recorded = project.pytest("--llm-record", "-s")

    reason = "no price is known for qwen3:4b of an unknown host"
    assert said(recorded, "COST") == f"None None ['call 1 (qwen3:4b): {reason}']"
    recorded.stdout.fnmatch_lines(["spent $0.0000 (1 call without a price)", f"no price: {reason}"])

    project.write_file("pytest.ini", "[pytest]\nllm_prices =\n    qwen3:* input=1 output=10\n")
    replayed = project.pytest("-s")

    replayed.assert_outcomes(passed=1)
    assert said(replayed, "COST") == "0.002 llm_prices []"


def test_an_error_in_the_ini_files_prices_is_told_once_when_the_run_begins(project):
    project.write(bot=BOT, test_bot=QUESTIONS)
    project.write_file("pytest.ini", "[pytest]\nllm_prices =\n    gpt-5-mini input=cheap\n")

    result = project.pytest()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: llm_prices, line 1: input=cheap is not an amount of US dollars", "  gpt-5-mini input=cheap"]
    )


def test_a_conftest_may_price_what_it_likes_and_go_on_from_the_built_in_price(project, provider):
    project.write(bot=BOT, test_bot=ASKS_FOR_MONEY)
    project.write(
        conftest="""
            from decimal import Decimal

            import pytest

            @pytest.hookimpl(wrapper=True)
            def pytest_llmwatch_price(call, at):
                assert at is not None
                return (yield) * Decimal("0.8")
        """
    )
    provider.script(answer())

    result = project.pytest("--llm-record", "-s")

    result.assert_outcomes(passed=1)
    assert said(result, "COST") == "0.00036 pytest_llmwatch_price []"


def test_what_a_hook_leaves_over_has_its_price_and_reason_from_the_built_in(project, provider):
    project.write(bot=BOT, test_bot=ASKS_FOR_MONEY)
    project.write(
        conftest="""
            def pytest_llmwatch_price(call):
                return None
        """
    )
    provider.script(answer(), answer("qwen3:4b"))

    assert said(project.pytest("--llm-record", "-s"), "COST") == "0.00045 genai-prices []"
    unknown = "no price is known for qwen3:4b of an unknown host"
    assert said(project.pytest("--llm-record", "-s"), "COST") == f"None None ['call 1 (qwen3:4b): {unknown}']"


@pytest.mark.parametrize("price", ["0.1", "Decimal('NaN')", "Decimal('Infinity')", "Decimal('-1')"])
def test_a_hook_that_returns_no_amount_is_told(project, provider, price):
    project.write(bot=BOT, test_bot=ASKS_FOR_MONEY)
    project.write(conftest=f"from decimal import Decimal\ndef pytest_llmwatch_price(call):\n    return {price}\n")
    provider.script(answer())

    result = project.pytest("--llm-record")

    result.stdout.fnmatch_lines(
        [f"*pytest_llmwatch_price returned {price}; return a decimal.Decimal that is not negative, or None*"]
    )


def test_workers_spend_what_one_process_spends(project, provider):
    tests = "".join(f"\n    def test_{number}(llm_cassette):\n        ask('{number}?')\n" for number in range(4))
    project.write(bot=BOT, test_bot="    from bot import ask\n" + tests)
    provider.answer_with(lambda _request: answer())

    alone = project.pytest("--llm-record")
    together = project.pytest("--llm-record", "-n", "2")

    for result in (alone, together):
        result.assert_outcomes(passed=4)
        result.stdout.fnmatch_lines(["calls: 4 live requests", "spent $0.0018"])


def test_a_recording_in_mode_new_keeps_the_price_of_what_was_there(project, provider):
    project.write(bot=BOT, test_bot=ASKS_FOR_MONEY)
    provider.script(answer())
    project.pytest("--llm-record")
    cassette = project.cassette("test_one")
    text = cassette.read_text(encoding="utf-8")
    cassette.write_text(text.replace('cost_usd: "0.00045"', 'cost_usd: "0.00077"'), encoding="utf-8")
    project.write(test_bot=ASKS_FOR_MONEY + '\n        ask("two?")\n')
    provider.script(answer())

    result = project.pytest("--llm-record=new")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["spent $0.00045"])
    text = cassette.read_text(encoding="utf-8")
    assert [line.strip() for line in text.splitlines() if "    cost_usd" in line] == [
        'cost_usd: "0.00077"',
        'cost_usd: "0.00045"',
    ]
    assert '"cost_usd": "0.00122"}\n' in text
