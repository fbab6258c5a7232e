"""What a budget makes of calls: the limits, the sums, what is not known, and what a limit may be."""

from dataclasses import replace
from decimal import Decimal

import pytest

from pytest_llmwatch import (
    Attempt,
    Message,
    ModelCall,
    SettingError,
    TextPart,
    Usage,
    any_of,
    not_,
    within_budget,
)
from pytest_llmwatch.budgets import Budget, breaches_of, budget_of, money_of, written
from pytest_llmwatch.costly_calls import first_words, lines_of_costliest
from pytest_llmwatch.drift.visible import columns
from pytest_llmwatch.spend import spend_of


def call(cost="0.01", read=100, wrote=50, *, latency=1.5, first=0.5, retries=0, said="Hello?", **facts):
    return ModelCall(
        operation_name=facts.pop("operation_name", "chat"),
        request_model="gpt-5-mini",
        input_messages=(Message(role="user", parts=(TextPart(text=said),)),),
        usage=Usage(input_tokens=read, output_tokens=wrote),
        latency=latency,
        time_to_first_chunk=first,
        attempts=(Attempt(status=429),) * retries,
        cost=None if cost is None else Decimal(cost),
        **facts,
    )


CALLS = (call(), call("0.03", 200, 80, latency=2.5, first=0.25, retries=2))


@pytest.mark.parametrize(
    "limits, reasons",
    [
        ({"max_cost": "0.04"}, []),
        ({"max_cost": "0.039"}, ["costs $0.04, more than $0.039"]),
        ({"max_cost": 0}, ["costs $0.04, more than $0.00"]),
        ({"max_input_tokens": 299}, ["reads 300 tokens, more than 299 tokens"]),
        ({"max_output_tokens": 130}, []),
        ({"max_output_tokens": 1}, ["writes 130 tokens, more than 1 token"]),
        ({"max_calls": 1}, ["makes 2 calls, more than 1 call"]),
        ({"max_retries": 0}, ["needs 2 retries, more than 0 retries"]),
        ({"max_latency": 2.5}, []),
        ({"max_latency": "2.499"}, ["call 2 takes 2.5 s, more than 2.499 s"]),
        ({"max_ttft": 0.3}, ["call 1 begins to answer after 0.5 s, more than 0.3 s"]),
        ({"max_cost": 1, "max_calls": 1, "max_ttft": 1, "max_retries": 1}, ["makes 2 calls", "needs 2 retries"]),
    ],
)
def test_calls_are_within_each_limit_or_beyond_it(limits, reasons):
    breaches = breaches_of(CALLS, budget_of(limits, place="here"))

    assert [breach.reason.startswith(reason) for breach, reason in zip(breaches, reasons, strict=True)] == [
        True for _ in reasons
    ]


@pytest.mark.parametrize(
    "calls, limits, reason",
    [
        (
            (call(None, cost_reason="no price is known"),),
            {"max_cost": 1},
            "cannot be enforced: call 1: no price",
        ),
        ((call(), call(None)), {"max_cost": "0.005"}, "costs at least $0.01, more than $0.005"),
        (
            (call(read=None), call(read=None)),
            {"max_input_tokens": 9},
            "call 1, and 1 more: the input",
        ),
        (
            (call(latency=None),),
            {"max_latency": 9},
            "call 1: the recording has no times",
        ),
        ((call(first=None, streaming=True),), {"max_ttft": 9}, "max_ttft cannot be enforced"),
        ((call(wrote=None, operation_name="unknown"),), {"max_output_tokens": 9}, "no wire format is known"),
    ],
)
def test_what_is_not_known_is_not_within_a_limit(calls, limits, reason):
    (breach,) = breaches_of(calls, budget_of(limits, place="here"))

    assert reason in breach.reason


def test_a_request_that_no_model_ran_for_uses_no_tokens():
    turned_away = call("0", None, None, error_type="rate_limit_error", price_source="free of charge")
    limits = budget_of({"max_cost": "0.01", "max_input_tokens": 100, "max_output_tokens": 50}, place="here")

    assert breaches_of((turned_away, call()), limits) == ()
    assert len(breaches_of((replace(turned_away, price_source="recorded"), call()), limits)) == 2


def test_what_needs_no_figure_is_within_any_limit():
    counting = call(read=None, wrote=None, operation_name="count_tokens")
    whole = call(first=None, latency=0.2)

    assert breaches_of((), budget_of(dict.fromkeys(("max_cost", "max_latency", "max_calls"), 0), place="here")) == ()
    assert breaches_of((counting,), Budget(max_input_tokens=0, max_output_tokens=0)) == ()
    assert breaches_of((whole,), Budget(max_ttft=Decimal("0.2"))) == ()


def test_calls_of_judges_count_for_their_own_limit_alone():
    budget = Budget(max_cost=Decimal("0.05"), max_judge_cost=Decimal("0.02"))

    (breach,) = breaches_of(CALLS, budget, judge_calls=(call("0.021"),))

    assert (breach.name, breach.reason) == ("max_judge_cost", "judging costs $0.021, more than $0.02")


@pytest.mark.parametrize("value", ["0.5", "$0.50", Decimal("0.50"), 0.5, " 0.5 "])
def test_money_is_read_as_it_is_written(value):
    assert money_of(value, place="") == Decimal("0.5")
    assert money_of(0.1, place="") == Decimal("0.1")


@pytest.mark.parametrize(
    "limits, said",
    [
        ({"max_cost": "abc"}, "t.py::test: max_cost='abc' is not an amount of US dollars, such as \"0.05\""),
        ({"max_cost": -1}, "max_cost=-1 is not an amount"),
        ({"max_cost": float("nan")}, "max_cost=nan is not an amount"),
        ({"max_cost": Decimal("Infinity")}, "is not an amount"),
        ({"max_cost": True}, "max_cost=True is not an amount"),
        ({"max_cost": ["0.1"]}, "is not an amount"),
        ({"max_cost": "x\x1b[31m" * 99}, r"\x1b"),
        ({"max_judge_cost": "1,5"}, "max_judge_cost='1,5' is not an amount"),
        ({"max_calls": 1.5}, "max_calls=1.5 is not a whole number, such as 3"),
        ({"max_calls": "3"}, "max_calls='3' is not a whole number"),
        ({"max_calls": True}, "max_calls=True is not a whole number"),
        ({"max_output_tokens": -1}, "max_output_tokens=-1 is not a whole number"),
        ({"max_latency": "2s"}, "max_latency='2s' is not a number of seconds, such as 2.5"),
    ],
)
def test_a_limit_that_makes_no_sense_is_named_with_its_place(limits, said):
    with pytest.raises(SettingError) as caught:
        budget_of(limits, place="t.py::test")

    assert said in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_limit_of_none_is_no_limit():
    assert budget_of({"max_cost": None, "max_calls": 2, "samples": 9}, place="here").limits == {"max_calls": 2}


def test_an_expectation_needs_a_limit_and_says_what_it_wants():
    with pytest.raises(SettingError, match=r"no limit is given; there are max_cost, .*max_ttft$"):
        within_budget()
    with pytest.raises(SettingError, match="within_budget: max_cost='cheap' is not"):
        within_budget(max_cost="cheap")

    assert repr(within_budget(max_cost="0.050", max_calls=2)) == 'within_budget(max_cost="0.050", max_calls=2)'


@pytest.mark.parametrize("value", [CALLS, list(CALLS), spend_of(CALLS)])
def test_an_expectation_judges_as_the_marker_does(value):
    assert value == within_budget(max_cost="0.04", max_calls=2, max_latency=3)
    assert value == not_(within_budget(max_calls=1))
    assert {"spend": value} == {"spend": any_of(within_budget(max_calls=1), within_budget(max_calls=2))}

    verdict = within_budget(max_cost="0.02", max_calls=1).judge(value)

    assert (verdict.reason, verdict.score, verdict.limit) == ("costs $0.04, more than $0.02", 0.04, 0.02)
    assert verdict.details == (
        "also: makes 2 calls, more than 1 call",
        'call 2  gpt-5-mini  "Hello?"  200 in, 80 out, $0.03, 2 retries',
        'call 1  gpt-5-mini  "Hello?"  100 in, 50 out, $0.01',
    )


def test_an_expectation_that_cannot_be_enforced_passes_neither_way():
    unpriced = call(None)

    assert unpriced != within_budget(max_cost=1)
    assert unpriced != not_(within_budget(max_cost=1))
    assert unpriced == within_budget(max_output_tokens=50)


@pytest.mark.parametrize("value", [None, "text", 3, [1], {"a": 1}, object()])
def test_what_has_no_calls_is_not_within_a_budget(value):
    assert value != within_budget(max_calls=9)
    assert value != not_(within_budget(max_calls=9))


def test_the_calls_that_took_most_come_first_and_the_unknown_before_them():
    calls = (call("0.01"), call("0.03"), call(None), call("0.02", said="返品は十四日以内にお願いします。" * 9))
    measure = breaches_of(calls, Budget(max_cost=Decimal(0)))[0].measure

    assert lines_of_costliest(calls, measure) == [
        'call 3  gpt-5-mini  "Hello?"  100 in, 50 out, cost not known',
        'call 2  gpt-5-mini  "Hello?"  100 in, 50 out, $0.03',
        'call 4  gpt-5-mini  "返品は十四日以内にお願…"  100 in, 50 out, $0.02',
        "and 1 more call",
    ]


@pytest.mark.parametrize("said", ["返品" * 500, "a" * 5000, "x\n" * 900, "\x1b[31m\u202e" * 50, ""])
def test_the_first_words_are_short_and_safe(said):
    words = first_words(call(said=said))

    assert columns(words) <= 24
    assert words.isprintable()


def test_figures_are_written_as_people_write_them():
    assert written(Decimal("0.5"), "money") == "$0.50"
    assert written(Decimal("0.00123"), "money") == "$0.00123"
    assert written(1200, "tokens") == "1,200 tokens"
    assert written(1, "retries") == "1 retry"
    assert written(Decimal("2.50049"), "seconds") == "2.5 s"
    assert written(Decimal("0.0001"), "seconds") == "0.0001 s"
