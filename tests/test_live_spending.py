"""Money of live calls: what one will cost, what is set aside, what becomes of it, and what a run says in the end."""

import subprocess
import sys
import threading
from decimal import Decimal

import pytest

from pytest_llmwatch import Exchange, Message, ModelCall, Request, Response, TextPart, TransferFailure, Usage
from pytest_llmwatch.accounts import Account, Settlement, Stop, account_in
from pytest_llmwatch.calls import MediaPart, ToolCallPart, ToolDefinition, ToolResultPart
from pytest_llmwatch.errors import BudgetExceeded
from pytest_llmwatch.estimates import Recorded, estimate_of, tokens_in
from pytest_llmwatch.ledger import OwnLedger, SharedLedger
from pytest_llmwatch.own_prices import Price
from pytest_llmwatch.refusals import page_of
from pytest_llmwatch.reports.budget_page import StopFacts, next_figure, stop_page
from pytest_llmwatch.reports.run_cost import RunCost, alarms_of, lines_of
from pytest_llmwatch.run_limit import _recorded_cost
from pytest_llmwatch.spending_gate import settlement_of

CENT = Decimal("0.01")
REQUEST = Request(method="POST", uri="https://api.openai.com/v1/chat/completions")


def call(said="Hello there", *, parameters=None, model="gpt-5-mini", cost=None, **facts):
    return ModelCall(
        operation_name=facts.pop("operation_name", "chat"),
        request_model=model,
        input_messages=(Message(role="user", parts=(TextPart(text=said),)),),
        parameters=parameters or {},
        cost=None if cost is None else Decimal(cost),
        **facts,
    )


def a_token_a_dollar(asked):
    return Price(cost=Decimal((asked.usage.input_tokens or 0) + (asked.usage.output_tokens or 0)), source="llm_prices")


def recorded(key, said, number, cost, **facts):
    return Recorded(key=key, body={"messages": said}, call=call(said, cost=cost, **facts), number=number)


def estimate(asked, *, key="key", body=None, baseline=(), price=a_token_a_dollar, average=None):
    return estimate_of(asked, key=key, body=body, baseline=baseline, price=price, average=average)


def test_a_recording_of_the_same_request_is_the_estimate_and_the_dearest_of_several():
    baseline = [recorded("key", "a", 1, "0.01"), recorded("key", "a", 2, "0.02"), recorded("other", "a", 3, "9")]

    found = estimate(call(), baseline=baseline, average=(3, Decimal(5)))

    assert (found.cost, found.least) == (Decimal("0.02"), 7)
    assert found.least_source == "for its input alone, 7 tokens by its length"
    assert found.source == "as its recording did (request 2 in its cassette)"


def test_else_the_nearest_recording_of_that_model_is():
    baseline = [
        recorded("1", "Summarise this long letter about phones", 1, "0.03"),
        recorded("2", "Can I return a used phone?", 2, "0.01"),
        recorded("3", "Can I return a used laptop?", 3, "9", model="gpt-5"),
        recorded("4", "Can I return a used laptop?", 4, None),
        recorded("5", "Can I return a used laptop?", 5, "0", error_type="rate_limit_error"),
    ]

    found = estimate(call(), body={"messages": "Can I return a used laptop?"}, baseline=baseline)

    assert (found.cost, found.source) == (CENT, "as the nearest recording did (request 2 in its cassette)")


@pytest.mark.parametrize(
    "asked, most, least, source",
    [
        (call("a" * 40), 1014, 14, "by its length: 14 tokens in, 1,000 out (assumed, it sets no limit)"),
        (call("返品" * 10), 1024, 24, "by its length: 24 tokens in"),
        (call("a" * 40, parameters={"max_tokens": 50}), 64, 14, "50 out (max_tokens=50)"),
        (call("a" * 40, parameters={"generationConfig": {"maxOutputTokens": 7}}), 21, 14, "7 out (maxOutputTokens=7)"),
        (call("a" * 40, parameters={"max_tokens": 50, "n": 3}), 164, 14, "150 out (max_tokens=50, 3 times)"),
        (call("a" * 40, parameters={"max_tokens": True, "n": "x"}), 1014, 14, "1,000 out"),
        (call("a" * 40, operation_name="embeddings"), 14, 14, "by its length: 14 tokens in"),
        (call("a" * 40, error_type="cut", streaming=True), 1014, 14, "by its length"),
    ],
)
def test_else_its_length_and_the_limit_of_its_answer_are(asked, most, least, source):
    found = estimate(asked)

    assert (found.cost, found.least) == (most, least)
    assert source in found.source


def test_all_that_a_model_reads_counts():
    parts = (
        MediaPart(kind="image", reference="x"),
        ToolCallPart(name="search", arguments={"q": "phones"}),
        ToolResultPart(result={"found": 3}),
        ToolResultPart(result="three"),
    )
    asked = ModelCall(
        input_messages=(Message(role="user", parts=parts),),
        tool_definitions=(ToolDefinition(name="search", description="Finds things", parameters={"type": "object"}),),
    )

    assert 1020 < estimate(asked).least < 1060
    assert tokens_in("Can I return it? はい") == 7


def test_this_run_knows_better_than_a_guess():
    found = estimate(call("a" * 40), average=(12, Decimal("500.5")))
    large = estimate(call("a" * 4000), average=(1, Decimal(2)))

    assert (found.cost, found.least) == (Decimal("500.5"), 14)
    assert found.source == "as the 12 calls of gpt-5-mini in this run did, on average"
    assert (large.cost, large.source) == (1004, "as the call of gpt-5-mini in this run did, on average")


def test_what_has_no_price_has_no_estimate_but_its_tokens_are_there_for_a_remedy():
    found = estimate(call(), price=lambda _asked: Price(reason="no price is known for x"))

    assert (found.cost, found.source) == (None, "no price is known for x")
    assert found.call.usage == Usage(input_tokens=7, output_tokens=1000)


def stop(**facts):
    money = {"spent": 0, "reserved": 0, "guessed": 0, "estimate": CENT, **facts}
    return Stop(
        test="test_a.py::test_a",
        request="POST api.openai.com/v1  m",
        source="by its length",
        **{name: Decimal(value) for name, value in money.items()},
    )


def test_an_account_sets_aside_settles_and_stops_for_good():
    account = Account()

    assert account.reserve(4 * CENT, 10 * CENT, stop())
    assert account.reserve(6 * CENT, 10 * CENT, stop())
    account.settle(6 * CENT, Settlement(cost=CENT, model="m"))
    assert (account.spent, account.reserved, account.average("m")) == (CENT, 4 * CENT, (1, CENT))
    assert not account.reserve(6 * CENT, 10 * CENT, stop(spent=CENT, reserved=4 * CENT))
    assert not account.reserve(Decimal(0), 10 * CENT, stop())
    assert (account.is_stopped, account.stop) == (True, stop(spent=CENT, reserved=4 * CENT))
    account.settle(4 * CENT, Settlement(cost=None, reason="no usage"))
    assert (account.spent, account.guessed, account.unknown) == (5 * CENT, 4 * CENT, {"no usage": 1})
    assert account_in(account.to_json()) == account


def test_an_account_of_many_calls_without_a_price_is_no_longer_than_that_of_two():
    account, kept = Account(), []
    for number in range(50):
        assert account.reserve(CENT, 100 * CENT, stop())
        account.settle(CENT, Settlement(cost=None, reason=f"no usage {number % 2}"))
        kept.append(len(str(account.to_json())))

    assert account.unknown == {"no usage 0": 25, "no usage 1": 25}
    assert account_in(account.to_json()) == account
    assert kept[-1] <= kept[1] + 10


def test_an_account_may_be_spent_to_its_last_cent_and_is_left_as_it_was_by_a_call_that_another_limit_stops():
    account = Account()

    assert account.reserve(CENT, CENT, stop())
    account.release(CENT)
    assert account == Account()


def test_only_a_call_that_is_alone_is_admitted_for_its_input():
    account = Account()

    assert account.reserve(9 * CENT, 4 * CENT, stop(), least=CENT)
    assert not account.reserve(CENT, 4 * CENT, stop(), least=Decimal(0))
    account = Account()
    assert account.reserve(2 * CENT, 4 * CENT, stop(), least=Decimal(0))
    assert account.reserve(2 * CENT, 4 * CENT, stop(), least=Decimal(0))
    account.settle(2 * CENT, Settlement(cost=3 * CENT))
    account.settle(2 * CENT, Settlement(cost=None), guess=CENT)
    assert (account.spent, account.guessed, account.reserved, account.under_way) == (4 * CENT, CENT, 0, 0)
    assert account.reserve(9 * CENT, 4 * CENT, stop(), least=Decimal(0))


ANSWER = Response(status=200)


@pytest.mark.parametrize(
    "facts, price, expected",
    [
        ({"response": ANSWER}, Price(cost=CENT), Settlement(cost=CENT, model="gpt-5-mini")),
        ({"response": ANSWER}, Price(reason="no usage"), Settlement(cost=None, reason="no usage")),
        ({"response": Response(status=429)}, Price(reason="an error"), Settlement(cost=Decimal(0))),
        ({"response": Response(status=429)}, Price(cost=Decimal(0)), Settlement(cost=Decimal(0))),
        ({"response": Response(status=503)}, Price(reason="an error"), Settlement(cost=Decimal(0))),
        ({"response": Response(status=400)}, Price(reason="an error"), Settlement(cost=None)),
        ({"failure": TransferFailure(kind="connect")}, Price(reason="-"), Settlement(cost=Decimal(0))),
        ({"failure": TransferFailure(kind="timeout")}, Price(reason="-"), Settlement(cost=None)),
        ({"response": ANSWER, "failure": TransferFailure(kind="cut")}, Price(reason="-"), Settlement(cost=None)),
    ],
)
def test_a_call_that_is_over_costs_what_it_cost_or_what_it_may_have(facts, price, expected):
    assert settlement_of(call(), Exchange(request=REQUEST, **facts), price, CENT) == expected


def test_what_costs_nothing_needs_no_usage():
    silent = settlement_of(call(), Exchange(request=REQUEST, response=ANSWER), Price(reason="no usage"), Decimal(0))

    assert silent == Settlement(cost=Decimal(0))


WORKER = """
import sys
from decimal import Decimal
from pathlib import Path
from pytest_llmwatch.accounts import Settlement, Stop
from pytest_llmwatch.ledger import SharedLedger

none = Decimal(0)
stop = Stop(test="t", request="r", source="s", spent=none, reserved=none, guessed=none, estimate=none)
ledger = SharedLedger(Path(sys.argv[1]))
for _ in range(50):
    with ledger.opened() as account:
        taken = account.reserve(Decimal("0.01"), Decimal("0.60"), stop)
    if taken:
        with ledger.opened() as account:
            account.settle(Decimal("0.01"), Settlement(cost=Decimal("0.01"), model="m" * 50))
"""


def test_processes_spend_from_one_account(tmp_path):
    path = tmp_path / "account.json"
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, str(path)]) for _ in range(3)]

    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    with SharedLedger(path).opened() as account:
        assert (account.spent, account.reserved, account.is_stopped) == (Decimal("0.60"), 0, True)
        account.seen.clear()  # a shorter line than the one that stands there
    with SharedLedger(path).opened() as account:
        assert account.average("m" * 50) is None


@pytest.mark.parametrize("kind", ["own", "shared"])
def test_threads_spend_from_one_account(tmp_path, kind):
    ledger = OwnLedger() if kind == "own" else SharedLedger(tmp_path / "account.json")
    admitted = []

    def spend():
        with ledger.opened() as account:
            if account.reserve(CENT, 5 * CENT, stop()):
                admitted.append(1)

    threads = [threading.Thread(target=spend) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(admitted) == 5


@pytest.mark.parametrize(
    "facts, lines, alarms",
    [
        ({"spent": "0.49", "is_live": True}, ["spent $0.49 of $0.50"], []),
        ({"spent": "0.49"}, ["cost as recorded: $0.49 of $0.50"], []),
        (
            {"spent": "0.5000000004"},
            ["cost as recorded: $0.5000000004 of $0.50"],
            ["This run fails. Over the limit of the whole run: $0.5000000004"],
        ),
        ({"spent": "0.123456789"}, ["cost as recorded: $0.123457 of $0.50"], []),
        ({"spent": "0.4", "guessed": "0.1", "is_live": True}, ["spent $0.40 of $0.50 ($0.10 of it estimated)"], []),
        (
            {"spent": "0.4", "is_live": True, "is_stopped": True},
            ["spent $0.40 of $0.50"],
            ["This run fails. Live spending was stopped"],
        ),
        ({"spent": "0.6", "is_live": True, "is_stopped": True}, ["spent $0.60 of $0.50"], ["This run fails. Over the"]),
        (
            {"spent": "0", "unknown": {"x\x1b": 1}},
            ["cost as recorded: $0.00 of $0.50"],
            ["This run fails. The limit of the whole run, $0.50"],
        ),
    ],
)
def test_a_run_says_what_it_cost_of_what_it_may(facts, lines, alarms):
    money = {name: Decimal(value) if name in {"spent", "guessed"} else value for name, value in facts.items()}
    cost = RunCost(limit=Decimal("0.50"), **money)

    assert lines_of(cost) == lines
    assert [line.startswith(alarm) for line, alarm in zip(alarms_of(cost), alarms, strict=False)] == [True] * len(
        alarms
    )
    assert cost.is_breached == bool(alarms)
    assert "\x1b" not in "".join(alarms_of(cost))


def entry(test, cost, **facts):
    return {"test": test, "spent": cost, "recorded_cost": cost, **facts}


def test_what_cost_nothing_is_not_among_what_cost_most():
    entries = [entry("a", "0.01"), entry("fixture", "0"), entry("b", "0.02")]

    assert _recorded_cost(CENT, entries).dearest == (("b", 2 * CENT), ("a", CENT))


def page(limit="0.001", *, marker="max_cost", is_later=False, enough="0.0018", is_check=False, **facts):
    return stop_page(
        StopFacts(
            test="test_b.py::test_b",
            request="POST api.openai.com/v1/chat/completions  m",
            limit=Decimal(limit),
            limit_words="for this test",
            stop=stop(**facts),
            is_later=is_later,
            enough=Decimal(enough),
            marker=marker,
            command="pytest test_b.py --llm-record",
            is_check=is_check,
        )
    )


@pytest.mark.parametrize(
    "facts, said",
    [
        ({}, "Live spending is over: this call would exceed the limit (test_b.py::test_b)."),
        ({"spent": "0.0011"}, "Live spending is over: the limit was exceeded already when this call was asked for"),
        ({"reserved": "0.001", "estimate": "0.0002"}, "with the calls under way, this call would exceed the limit"),
        ({"is_check": True}, "Not checked, no money left: this call would exceed the limit"),
        ({"is_later": True}, "an earlier call would have exceeded the limit (test_b.py::test_b)."),
        ({"is_later": True, "spent": "0.0009"}, "  spent      $0.0009 when that call was refused\n"),
        ({"is_later": True}, "  that call  $0.01, by its length\n             POST api.openai.com/v1  m (test_a.py"),
        ({}, 'To allow more: @pytest.mark.llm(max_cost="0.002"), then pytest test_b.py --llm-record'),
        ({"limit": "0", "marker": None}, "To allow more: pytest test_b.py --llm-record --llm-max-cost=0.005"),
        ({"limit": "0.5", "marker": None}, "--llm-max-cost=2"),
    ],
)
def test_the_page_of_a_call_that_was_not_made_has_the_figures_and_a_limit_that_does(facts, said):
    assert said in page(**facts)


@pytest.mark.parametrize(
    "amount, figure",
    [("0.0009", "0.001"), ("0.001", "0.002"), ("0", "0.000002"), ("4.6", "10"), ("9.5", "20"), ("0.3", "0.5")],
)
def test_the_next_figure_is_a_round_one_and_leaves_some_room(amount, figure):
    assert str(next_figure(Decimal(amount))) == figure


def refusal(text, *, is_later=False, is_aside=False):
    money = {"limit": CENT, "spent": CENT, "estimate": CENT}
    made = BudgetExceeded(text, request=REQUEST, is_later=is_later, **money)
    made.is_aside = is_aside
    return made


@pytest.mark.parametrize(
    "refusals, said",
    [
        (["first", "later", "later"], "first\n\n2 more calls were refused for that."),
        (["later", "first"], "first\n\n1 more call was refused for that."),
        (["later", "later"], "later\n\n1 more call was refused for that."),
    ],
)
def test_one_page_says_what_many_calls_were_refused_for(refusals, said):
    caught = [refusal(text, is_later=text == "later") for text in refusals]

    assert page_of(None, caught).startswith(f"{said}\n\nThe application caught this refusal and went on;")


@pytest.mark.parametrize(
    "error, said",
    [
        (None, "This came in another thread, and the test did not learn of it; it fails all the same."),
        (ValueError("empty"), "This came in another thread; the test then ended with ValueError: empty"),
    ],
)
def test_a_refusal_in_another_thread_was_caught_by_nobody(error, said):
    assert page_of(error, [refusal("first", is_aside=True)]) == f"first\n\n{said}"
