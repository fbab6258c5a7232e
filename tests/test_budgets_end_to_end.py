"""Budgets in real runs: the marker's limits at replay, live spending that stops in time, the limit of a whole run."""

import json
import re
import threading
from itertools import count

import pytest
from asking_bot import BOT
from provider import raw, status

QUICK = "[pytest]\naddopts = -p no:randomly -p no:syrupy -p no:asyncio -p no:anyio -p no:hypothesispytest\n"
CALL_COST = "0.00045"  # 1000 tokens in, 100 out
SUITE = """
    import pytest
    from bot import ask

    @pytest.mark.llm({within})
    def test_within():
        ask("one?")

    @pytest.mark.llm({beyond})
    def test_beyond():
        ask("返品は十四日以内にお願いします。返金もお願いします。")
        ask("two?")

    @pytest.mark.llm({beyond})
    def test_that_fails_anyway():
        ask("three?")
        ask("four?")
        assert False, "its own failure"

    @pytest.mark.xfail(reason="too dear until the prompt is shorter", strict=True)
    @pytest.mark.llm({beyond})
    def test_expected():
        ask("five?")
        ask("six?")

    @pytest.fixture
    def farewell():
        yield
        ask("seven?")

    @pytest.mark.llm({beyond})
    def test_in_teardown(farewell):
        ask("eight?")

    class TestOld(__import__("unittest").TestCase):
        @pytest.mark.llm({beyond})
        def test_method(self):
            ask("nine?")
            ask("ten?")
"""
FREE = SUITE.format(within="", beyond="")
HELD = SUITE.format(within='max_cost="0.00045", max_calls=1, max_latency=60', beyond='max_cost="0.0005"')
MANY = """
    import pytest
    from bot import ask

    @pytest.mark.llm
    @pytest.mark.parametrize("number", range(40))
    def test_asks(number):
        ask(f"question {number}")
"""


def answer(model="gpt-5-mini-2025-08-07", usage=(1000, 100)):
    tokens = {"prompt_tokens": usage[0], "completion_tokens": usage[1]} if usage else None
    body = {
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "はい。"}}],
        "usage": tokens,
    }
    return raw(200, {"content-type": "application/json"}, json.dumps(body).encode())


@pytest.fixture
def suite(project, provider):
    project.write_file("pytest.ini", QUICK)
    project.write(bot=BOT)
    provider.answer_with(lambda _request: answer())
    return project


def verdicts(result):
    """The outcome and the name of every test, with the first words of what failed."""
    pattern = re.compile(r"(PASSED|FAILED|ERROR|XFAIL) (test_bot.py::\S+)(?: - (.{30}))?")
    return sorted({match.groups("") for line in result.outlines if (match := pattern.match(line))})


def test_a_replay_is_judged_on_recorded_values_and_the_same_for_all_ways_of_running(suite, provider):
    suite.write(test_bot=FREE)
    suite.pytest("--llm-record")
    suite.pytest("--llm-record", "-k", "anyway or expected")  # these fail, or pass strictly: nothing is kept of them
    suite.write(test_bot=FREE.replace("assert False", "assert True").replace("strict=True", "strict=False"))
    suite.pytest("--llm-record", "-k", "anyway or expected")
    suite.write(test_bot=HELD)
    provider.stop()

    alone = suite.pytest("-rA")

    alone.assert_outcomes(passed=2, failed=3, xfailed=1, errors=1)
    found = {name.rpartition("::")[2]: (outcome, said) for outcome, name, said in verdicts(alone)}
    assert found["test_beyond"] == ("FAILED", "Over budget: costs $0.0009, mo")
    assert found["test_that_fails_anyway"][1].startswith("AssertionError: its own")
    assert found["test_method"][0] == "FAILED"
    assert found["test_expected"][0] == "XFAIL"
    page = "\n".join(alone.outlines)
    assert re.search(
        "Over budget: costs \\$0.0009, more than \\$0.0005 \\(test_bot.py::test_beyond\\)\n"
        "What took most:\n"
        '  call 1  gpt-5-mini-2025-08-07  "返品は十四日以内にお願…"  1,000 in, 100 out, \\$0.00045\n'
        '  call 2  gpt-5-mini-2025-08-07  "two\\?"  1,000 in, 100 out, \\$0.00045\n'
        "At today's prices: \\$0.0009\n"
        "These figures were recorded on \\d{4}-\\d\\d-\\d\\d by gpt-5-mini-2025-08-07; nothing was spent now.\n"
        "To look at the calls: pytest-llmwatch show cassettes/test_bot/test_beyond.yaml\n"
        "To measure again \\(calls the live model\\): pytest test_bot.py::test_beyond --llm-record\n",
        page,
    )
    assert "llmwatch budget" in page  # the section of the test that fails anyway
    workers = suite.pytest("-rA", "-n", "4")
    again = suite.pytest("-rA", "--reruns=1")
    last_failed = suite.pytest("-rA", "--lf")
    first = suite.pytest("-rA", "-x")
    assert verdicts(workers) == verdicts(again) == verdicts(alone)
    assert verdicts(last_failed) == [
        one for one in verdicts(alone) if one[0] in {"FAILED", "ERROR"} or "teardown" in one[1]
    ]
    first.assert_outcomes(passed=1, failed=1)


@pytest.mark.parametrize("workers", [0, 4])
def test_a_live_suite_of_four_dollars_stops_at_half_a_dollar(suite, provider, workers):
    suite.write(test_bot=MANY)
    provider.answer_with(lambda _request: answer(usage=(1000, 50_000)))  # ten cents each
    old = suite.write_file("cassettes/test_bot/test_asks[39].yaml", "llmwatch: 1\ninteractions: []\ncount: 0\n")

    result = suite.pytest("--llm-record", "--llm-max-cost=0.50", "-n", str(workers))

    made = len(provider.requests)
    assert result.ret == 1
    assert 4 <= made <= 4 + workers
    result.assert_outcomes(passed=made, failed=40 - made)
    assert len(suite.files()) == made + 1
    assert old.read_text(encoding="utf-8") == "llmwatch: 1\ninteractions: []\ncount: 0\n"
    # A worker that asks while none of the first calls has told its price guesses it by the length.
    price = "$0.*" if workers else "$0.10025, as the 4 calls of gpt-5-mini in this run did, on average"
    result.stdout.fnmatch_lines(
        [
            "Live spending is over: *this call *(test_bot.py::test_asks*).",
            "  limit      $0.50 for the whole run (--llm-max-cost)",
            "  spent      $0.*",
            f"  this call  {price}",
            "The call was not made, and no other live call of this run is. Nothing that was recorded is lost.",
            "To allow more: pytest *test_bot.py::test_asks* --llm-record --llm-max-cost=2",
            "Live spending is over: *an earlier call *(test_bot.py::test_asks*).",
            "  spent      $0.* when that call was refused",
            f"  that call  {price}",
            f"spent ${made * 0.10025:.5f} of $0.50".replace("00 of", " of"),
            # Four workers that begin at once guess what a call costs: a fifth may slip by.
            "This run fails. Live spending was stopped before it exceeded $0.50 (--llm-max-cost)*"
            if made == 4
            else f"This run fails. Over the limit of the whole run: ${made * 0.10025:.5f}, more than $0.50*",
        ]
    )
    result.stdout.no_fnmatch_line("To record what was refused*")


def test_concurrent_calls_of_one_test_do_not_both_slip_by(suite, provider):
    threads = """
        import threading
        from bot import ask

        def test_threads(llm_cassette):
            threads = [threading.Thread(target=ask, args=(f"question {n}",)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    """
    suite.write(test_bot=threads)
    suite.pytest("--llm-record")
    baseline = suite.files()

    result = suite.pytest("--llm-record", "--llm-max-cost=0.0010")

    result.assert_outcomes(failed=1)
    assert len(provider.requests) == 8 + 2
    assert dict(suite.files(), **baseline) == suite.files()
    result.stdout.fnmatch_lines(
        [
            "  this call  $0.00045, as its recording did (request * in its cassette)",
            "5 more calls were refused for that.",
            "This came in another thread, and the test did not learn of it; it fails all the same.",
            "2 recorded so far, kept in cassettes/test_bot/test_threads.pending.yaml; *test_threads.yaml is as it was.",
            "spent $0.0009 of $0.001",
        ]
    )
    result.stdout.no_fnmatch_line("*PytestUnhandledThreadExceptionWarning*")


def test_the_markers_limit_counts_calls_under_way(suite, provider):
    suite.write(
        test_bot="""
            from concurrent.futures import ThreadPoolExecutor
            import pytest
            from bot import ask

            @pytest.mark.llm(max_cost="0.005")
            def test_pool():
                with ThreadPoolExecutor(20) as pool:
                    list(pool.map(ask, [f"question {number}" for number in range(20)]))
        """
    )
    everybody = threading.Event()
    provider.answer_with(lambda _request: (everybody.wait(1), answer())[1])

    result = suite.pytest("--llm-record")

    result.assert_outcomes(failed=1)
    assert len(provider.requests) == 2  # a fifth of a cent each, by their length: no room for a third
    result.stdout.fnmatch_lines(
        [
            "Live spending is over: *this call would exceed the limit (test_bot.py::test_pool).",
            "  spent      $0.00, and $0.00400* set aside for calls under way",
            "  this call  $0.00200*, by its length: *",
        ]
    )


def test_what_was_refused_for_want_of_money_is_not_checked_and_has_not_drifted(suite, provider):
    wide = """
    @pytest.fixture(scope="module")
    def farewell():
        ask("bye?")

    @pytest.mark.llm
    def test_with_fixture(farewell):
        ask("still there?")
    """
    suite.write(test_bot=MANY.replace("range(40)", "range(3)") + wide)
    suite.pytest("--llm-record").assert_outcomes(passed=4)

    result = suite.pytest("--llm-check", "--llm-max-cost=0.0005", "-v")

    result.assert_outcomes(passed=1, failed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*test_asks[[]1[]] FAILED (not checked: no money left)*",
            "Not checked, no money left: this call would exceed the limit (test_bot.py::test_asks[[]1[]]).",
            "tests: 1 checked, 2 not checked (no money left)",
            "fixtures: 1 not checked (no money left)",
            "checked against the recordings: 1 same",
        ]
    )
    result.stdout.no_fnmatch_line("*drifted*")
    assert not (suite.path / ".llmwatch").exists()


def test_the_markers_limit_stops_a_live_test_and_no_other(suite, provider):
    suite.write(
        test_bot="""
            import pytest
            from bot import ask

            @pytest.mark.llm(max_cost="0.001")
            def test_runs_away():
                for number in range(50):
                    ask(f"question {number}")

            @pytest.mark.llm(max_cost="0.001")
            def test_modest():
                ask("one?")
        """
    )

    result = suite.pytest("--llm-record")

    result.assert_outcomes(passed=1, failed=1)
    assert len(provider.requests) == 3 + 1
    result.stdout.fnmatch_lines(
        [
            "Live spending is over: the limit was exceeded already when this call *(test_bot.py::test_runs_away).",
            "  limit      $0.001 for this test (max_cost of @pytest.mark.llm)",
            'To allow more: @pytest.mark.llm(max_cost="0.002"), then pytest test_bot.py::test_runs_away --llm-record',
            "3 recorded so far, kept in cassettes/test_bot/test_runs_away.pending.yaml; no cassette was written.",
        ]
    )
    result.stdout.no_fnmatch_line("To record what was refused*")
    source = (suite.path / "test_bot.py").read_text(encoding="utf-8")
    suite.write(test_bot=source.replace("0.001", "0.0004"))
    provider.answer_with(lambda _request: answer(usage=(100, 10)))
    suite.pytest("-k", "modest").assert_outcomes(failed=1)
    suite.pytest("-k", "modest", "--llm-record").assert_outcomes(
        passed=1
    )  # its dear recording does not stand in the way


def test_what_has_no_price_is_not_called_under_a_limit_and_the_page_has_both_remedies(suite, provider):
    suite.write(
        bot=BOT.replace("gpt-5-mini", "qwen3:4b"),
        test_bot="""
            import pytest
            from bot import ask

            @pytest.mark.llm(max_cost=1)
            def test_one():
                ask("one?")
        """,
    )
    provider.answer_with(lambda _request: answer("qwen3:4b"))

    live = suite.pytest("--llm-record")

    assert provider.requests == []
    remedies = ["  llm_prices =", "      qwen3:4b input=? output=?", "  def pytest_llmwatch_price(call):"]
    live.stdout.fnmatch_lines(["The limit of live spending cannot be enforced for this call*", *remedies])
    source = (suite.path / "test_bot.py").read_text(encoding="utf-8")
    suite.write(test_bot=source.replace("max_cost=1", ""))
    suite.pytest("--llm-record").assert_outcomes(passed=1)
    suite.write(test_bot=source)

    replayed = suite.pytest()

    replayed.assert_outcomes(failed=1)
    reason = "max_cost cannot be enforced: call 1: no price is known for qwen3:4b of an unknown host"
    replayed.stdout.fnmatch_lines([f"Over budget or not: {reason} (test_bot.py::test_one)", *remedies])
    whole = suite.pytest("--llm-max-cost=1", "-k", "none or one", "-o", "markers=llm")
    whole.stdout.fnmatch_lines(
        ["This run fails. The limit of the whole run, $1.00 (--llm-max-cost), cannot be enforced: 1 call*"]
    )
    suite.write_file("pytest.ini", QUICK + "llm_prices =\n    qwen3:4b input=1 output=1\n")
    suite.pytest("--llm-max-cost=1").assert_outcomes(passed=1)


def test_a_replay_whose_recordings_cost_too_much_fails_and_says_that_nothing_was_spent(suite, provider):
    flaky = """
        import os, pathlib
        from bot import ask

        def test_one(llm_cassette):
            ask("one?")
            marks = pathlib.Path("marks")
            marks.mkdir(exist_ok=True)
            (marks / str(len(list(marks.iterdir())))).touch()
            assert "FLAKY" not in os.environ or len(list(marks.iterdir())) % 2 == 0

        def test_two(llm_cassette):
            ask("two?")
    """
    suite.write(test_bot=flaky)
    live = suite.pytest("--llm-record", "--reruns=1", env={"FLAKY": "1"})
    live.assert_outcomes(passed=2)
    assert len(provider.requests) == 3
    limited = suite.pytest("--llm-record", "--llm-max-cost=0.01", "--reruns=1", env={"FLAKY": "1"})
    limited.stdout.fnmatch_lines(["spent $0.00135 of $0.01"])  # a live rerun pays again
    provider.stop()

    enough = suite.pytest("--llm-max-cost=0.0009", "--reruns=1", env={"FLAKY": "1"})
    assert enough.ret == 0
    enough.stdout.fnmatch_lines(["cost as recorded: $0.0009 of $0.0009"])  # a rerun costs no more
    for ways in (["-n", "0"], ["-n", "4"]):
        beyond = suite.pytest(*ways, env={"LLMWATCH_MAX_COST": "0.0005"})
        beyond.assert_outcomes(passed=2)
        assert beyond.ret == 1
        beyond.stdout.fnmatch_lines(
            [
                "This run fails. Over the limit of the whole run: $0.0009, more than $0.0005 (--llm-max-cost); these *",
                "  $0.00045  test_bot.py::test_one",
            ]
        )

    assert suite.pytest("--llm-max-cost=0.0005", "-k", "one").ret == 0


def test_errors_cost_nothing_and_answers_without_usage_leave_the_limit_unenforced(suite, provider):
    suite.write(
        test_bot="""
            import contextlib, urllib.error
            from bot import ask

            def test_one(llm_cassette):
                for number in range(5):
                    with contextlib.suppress(urllib.error.HTTPError):
                        ask(f"question {number}")
        """
    )
    answers = count()
    provider.answer_with(lambda _request: status(429) if next(answers) < 5 else answer(usage=None))

    refused = suite.pytest("--llm-record", "--llm-max-cost=0.05")
    replayed = suite.pytest("--llm-max-cost=0.05")
    silent = suite.pytest("--llm-record", "--llm-max-cost=0.05")

    assert replayed.ret == 0
    refused.assert_outcomes(passed=1)
    assert refused.ret == 0
    refused.stdout.fnmatch_lines(["spent $0.00 of $0.05"])
    silent.assert_outcomes(passed=1)
    assert silent.ret == 1
    silent.stdout.fnmatch_lines(
        ["spent $0.01* of $0.05 ($0.01* of it estimated)", "*cannot be enforced: 5 calls have no price.", "  no usage*"]
    )


def test_a_limit_that_makes_no_sense_names_the_test_and_is_no_traceback(suite, provider):
    suite.write(
        test_bot="""
            import pytest

            @pytest.mark.llm(max_cost="cheap")
            def test_one():
                pass

            @pytest.mark.llm(max_price=1)
            def test_two():
                pass
        """
    )

    result = suite.pytest()

    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [
            "@pytest.mark.llm: max_cost='cheap' is not an amount of US dollars*",
            "*@pytest.mark.llm takes no max_price; did you mean max_*",
        ]
    )
    result.stdout.no_fnmatch_line("*budgets.py*")
    for value, said in (
        ("cheap", "'cheap' is not an amount*"),
        ("", "no amount is given; a variable that is not set?*"),
    ):
        wrong = suite.pytest(f"--llm-max-cost={value}")
        assert wrong.ret == pytest.ExitCode.USAGE_ERROR
        wrong.stderr.fnmatch_lines([f"ERROR: --llm-max-cost (LLMWATCH_MAX_COST, llm_max_cost): {said}"])
