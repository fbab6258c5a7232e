"""What calls cost: tables of calls in, money or the reason why not out."""

import copy
import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pytest_llmwatch import wire
from pytest_llmwatch.calls import ModelCall, Usage
from pytest_llmwatch.cassette import parse
from pytest_llmwatch.commands.prices import pricer, project_prices
from pytest_llmwatch.errors import SettingError
from pytest_llmwatch.exchange import Exchange, Request, Response, TransferFailure
from pytest_llmwatch.exchange_dates import date_of
from pytest_llmwatch.own_prices import Price, price_table
from pytest_llmwatch.priced_calls import priced_when_asked
from pytest_llmwatch.pricing import cost_of, price_of
from pytest_llmwatch.spend import dollars, spend_of, spent_text

DAY = datetime(2026, 11, 1, tzinfo=UTC)
LEAST_SHARE = 0.79


def called(model="gpt-5-mini", provider="openai", *, tokens=(1000, 100), cached=None, **facts):
    read, written = tokens
    usage = Usage(input_tokens=read, output_tokens=written, cache_read_input_tokens=cached)
    facts = {"operation_name": "chat", "request_model": model, "usage": usage} | facts
    return ModelCall(provider_name=provider, **facts)


def answered(body=b"{}", *, headers=(), **facts):
    request = Request(method="POST", uri="https://api.openai.com/v1/chat/completions")
    return Exchange(request=request, response=Response(status=200, headers=headers, body=body), **facts)


@pytest.mark.parametrize(
    "call, cost",
    [
        (called(), "0.00045"),
        (called(cached=400), "0.00036"),
        (called("claude-sonnet-4-5", "anthropic"), "0.0045"),
        (called("claude-sonnet-4-5", "gcp.vertex_ai"), "0.0045"),
        (called("claude-sonnet-4-5", "anthropic", billing={"cache_write_1h_tokens": 100},
                usage=Usage(input_tokens=1000, output_tokens=100, cache_write_input_tokens=100)), "0.0048"),
        (called("models/gemini-2.5-flash", "gcp.gemini"), "0.00055"),
        (called(billing={"service_tier": "default"}), "0.00045"),
        (called(billing={"service_tier": "flex"}), "0.000225"),
        (called(billing={"batch": True}), "0.000225"),
        (called(billing={"web_search_requests": 1}), "0.01045"),
        (called("command-r-plus-08-2024", "cohere", tokens=(1476, 58),
                billing={"billed_input_tokens": 44, "billed_output_tokens": 28}), "0.00039"),
        (called("text-embedding-3-small", operation_name="embeddings", tokens=(1000, None)), "0.00002"),
    ],
)  # fmt: skip
def test_a_call_costs_what_the_table_says(call, cost):
    assert cost_of(call, at=DAY) == Price(cost=Decimal(cost), source="genai-prices")


def test_counting_tokens_a_tool_and_moderation_by_openai_are_free_and_use_nothing():
    counting = ModelCall(operation_name="count_tokens", provider_name="anthropic", request_model="claude-sonnet-4-5")
    moderating = ModelCall(operation_name="moderation", provider_name="openai")
    executing = ModelCall(operation_name="execute_tool")

    for call in (counting, executing, moderating):
        assert cost_of(call, at=DAY) == Price(cost=Decimal(0), source="free of charge")
    assert spend_of([called(), counting, executing]).usage.input_tokens == 1000
    assert cost_of(replace(moderating, provider_name="mistral_ai"), at=DAY).cost is None


def test_the_price_is_that_of_the_day_of_the_recording():
    call = called("o3", tokens=(1000, 1000))

    assert cost_of(call, at=datetime(2025, 5, 1, tzinfo=UTC)).cost == Decimal("0.05")
    assert cost_of(call, at=datetime(2025, 7, 1, tzinfo=UTC)).cost == Decimal("0.01")
    assert cost_of(call, at=None).reason == "the recording has no date, and the price of o3 has changed"


def test_a_price_that_never_changed_needs_no_date():
    assert cost_of(called("gpt-4o-mini"), at=None).cost == Decimal("0.00021")


def test_what_the_provider_reports_is_never_calculated():
    call = called(cost=Decimal("0.7"))

    assert cost_of(call, at=DAY, own=price_table(["* input=1 output=1"])) == Price(
        cost=Decimal("0.7"), source="provider"
    )


def test_the_model_that_served_is_the_one_that_costs():
    call = called("gpt-5-mini", response_model="gpt-5-nano-2025-08-07")

    assert cost_of(called("gpt-5", response_model="gpt-5-mini-2025-08-07"), at=DAY).cost == Decimal("0.00045")
    assert cost_of(call, at=DAY).cost == Decimal("0.00009")


@pytest.mark.parametrize(
    "model, provider, vendor, asked",
    [
        ("gpt-5-mini", None, "openai", "gpt-5-mini"),
        ("openai/gpt-5-mini", "portkey", "openai", "gpt-5-mini"),
        ("anthropic/claude-sonnet-4-5", None, "anthropic", "claude-sonnet-4-5"),
        ("google/gemini-2.5-flash", None, "gcp.gemini", "gemini-2.5-flash"),
    ],
)
def test_behind_an_unknown_host_the_vendors_price_holds_where_the_name_says_whose_it_is(model, provider, vendor, asked):
    assert cost_of(called(model, provider), at=DAY) == cost_of(called(asked, vendor), at=DAY)
    assert cost_of(called(model, provider), at=DAY).cost


@pytest.mark.parametrize(
    "call, reason",
    [
        (called("qwen3", None), "no price is known for qwen3 of an unknown host"),
        (called("gpt-oss-120b", None), "no price is known for gpt-oss-120b of an unknown host"),
        (called("us.anthropic.claude-opus-4-6-v1", None), "no price is known for us.anthropic.claude-opus-4-6-v1 of"),
        (called("claude-sonnet-4-6", "snowflake"), "genai-prices has no prices of snowflake (it serves claude-sonn"),
        (called("gpt-nine"), "genai-prices has no price for gpt-nine of openai"),
        (called(None), "no model is named"),
        (called(response_model="some-other-model"), "genai-prices has no price for some-other-model of openai"),
        (ModelCall(), "no wire format is known for this request, so its tokens are not known"),
        (called(tokens=(None, None)), "no usage is reported"),
        (called(tokens=(None, None), streaming=True), "no usage is reported; most hosts stream it"),
        (called(tokens=(None, None), error_type="rate_limit"), "an error came (rate_limit), and no usage with it"),
        (called(tokens=(None, 3)), "the input tokens are not reported"),
        (called(tokens=(3, None)), "the output tokens are not reported"),
        (called(tokens=(-3, 1)), "a negative number of tokens is reported"),
        (called(tokens=(10, 1), cached=20), "more cached input (20 tokens) than input (10) is reported"),
        (called(usage=Usage(input_tokens=1, output_tokens=2, reasoning_output_tokens=3)),
         "more reasoning (3 tokens) than output (2) is reported"),
        (called(billing={"total_tokens": 99}), "the total (99 tokens) is not input and output (1000 + 100)"),
        (called(streaming=True, error_type="cut", provider_finish_reasons=(None,)), "the stream ended early: the tok"),
        (called(billing={"service_tier": "scale"}), "genai-prices has no price for gpt-5-mini with service_tier"),
        (called(billing={"speed": "warp"}), "genai-prices has no price for gpt-5-mini with speed warp on 2026-11-01"),
        (called("gpt-5-mini", "azure.ai.openai", billing={"service_tier": "flex"}), "genai-prices has no price"),
        (called(billing={"inference_geo": "us"}), "inference in us is billed with a surcharge that no table has"),
        (called(billing={"other_charges": ["code_interpreter"]}), "more than tokens was billed: code_interpreter"),
        (called("gpt-4o-audio-preview", billing={"input_audio_tokens": 7}), "genai-prices has no price of input tok"),
        (called("gpt-4o-search-preview", parameters={"web_search_options": {}}), "web searches are billed, and how m"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_not_guessed_and_the_reason_is_given(call, reason):
    price = cost_of(call, at=DAY)

    assert (price.cost, price.source) == (None, None)
    assert price.reason.startswith(reason)


def test_a_tier_has_no_price_on_a_day_before_the_table_has_one():
    call = called(billing={"service_tier": "priority"})

    assert cost_of(call, at=DAY).cost == Decimal("0.00081")
    assert cost_of(call, at=datetime(2026, 1, 1, tzinfo=UTC)).reason.endswith("service_tier priority on 2026-01-01")


@pytest.mark.parametrize(
    "lines, call, cost",
    [
        (["qwen3* input=0 output=0"], called("qwen3:4b", None), "0"),
        (["gpt-5-mini input=1 output=10"], called(), "0.002"),
        (["gpt-5-mini input=1 output=10 cached=0.5"], called(cached=400), "0.0018"),
        (["gpt-5-mini input=1 output=10"], called(cached=400), "0.002"),
        (["# ours", "", "groq/llama-* input=2 output=0 # list", "llama-* input=1 output=0"],
         called("llama-3.3-70b", "groq"), "0.002"),
        (["groq/llama-* input=2 output=0", "llama-* input=1 output=0"], called("llama-3.3-70b", None), "0.001"),
        (["meta-llama/* input=1 output=0"], called("meta-llama/Llama-3.3-70B", None), "0.001"),
        (["model[1] input=1 output=0"], called("model[1]", None), "0.001"),
        (["gpt-5-mini input=1 output=0", "gpt-5-mini input=2 output=0 from=2026-06-01"], called(), "0.002"),
        (["gpt-5-mini input=1 output=0", "gpt-5-mini input=2 output=0 from=2026-12-01"], called(), "0.001"),
        (["gpt-5-mini input=2 output=0 from=2026-12-01"], called(), "0.00045"),
        (["text-embedding-3* input=1"], called("text-embedding-3-small", operation_name="embeddings",
                                               tokens=(1000, None)), "0.001"),
    ],
)  # fmt: skip
def test_your_own_prices_win(lines, call, cost):
    assert cost_of(call, at=DAY, own=price_table(lines)).cost == Decimal(cost)


def test_a_price_of_your_own_holds_for_old_recordings_too():
    own = price_table(["gpt-5-mini input=1 output=1"])

    assert cost_of(called(), at=DAY, recorded=Decimal(5)) == Price(cost=Decimal(5), source="recorded")
    assert cost_of(called(), at=DAY, own=own, recorded=Decimal(5)) == Price(cost=Decimal("0.0011"), source="llm_prices")


@pytest.mark.parametrize(
    "lines, at, reason",
    [
        (["gpt-5-mini input=1"], DAY, "llm_prices has no output price for gpt-5-mini"),
        (["g* input=1 output=1 from=2026-01-01", "g* input=2 output=2 from=2026-02-01"], None,
         "the recording has no date, and llm_prices has several prices for g*"),
        (["gpt-5-mini input=1 output=1"], DAY, None),
    ],
)  # fmt: skip
def test_a_price_of_your_own_that_does_not_say_enough_is_no_price(lines, at, reason):
    assert cost_of(called(), at=at, own=price_table(lines)).reason == reason


@pytest.mark.parametrize(
    "line, said",
    [
        ("gpt-5-mini", "a model's name comes first, then input= or output= or both"),
        ("gpt-5-mini cached=1", "a model's name comes first, then input= or output= or both"),
        ("input=1 output=2", "a model's name comes first, then input= or output= or both"),
        ("gpt-5-mini input=free", "input=free is not an amount of US dollars"),
        ("gpt-5-mini input=-1", "input=-1 is not an amount of US dollars"),
        ("gpt-5-mini input=inf", "input=inf is not an amount of US dollars"),
        ("gpt-5-mini input=1 input=2", "input is given twice"),
        ("gpt-5-mini input=1 from=June", "from=June is not a day such as 2026-01-01"),
        ("gpt-5-mini inptu=1", "'inptu=1' is not one of input=, output=, cached=, cache_write=, from="),
    ],
)
def test_an_error_in_a_price_names_its_line(line, said):
    with pytest.raises(SettingError) as caught:
        price_table(["llama* input=0 output=0", line])

    assert str(caught.value).startswith(f"llm_prices, line 2: {said}\n  {line}\n")


@pytest.mark.parametrize(
    "exchange, date",
    [
        (answered(at=DAY, headers=(("date", "Tue, 03 Mar 2026 10:00:00 GMT"),)), DAY),
        (answered(headers=(("date", "Tue, 03 Mar 2026 10:00:00 GMT"),)), datetime(2026, 3, 3, 10, tzinfo=UTC)),
        (answered(b'{"created": 1772532000}', headers=(("date", "DUMMY"),)), datetime(2026, 3, 3, 10, tzinfo=UTC)),
        (answered(b'{"createTime": "2026-03-03T10:00:00Z"}'), datetime(2026, 3, 3, 10, tzinfo=UTC)),
        (answered(headers=(("date", "Thu, 01 Jan 1970 00:00:00 GMT"),)), None),
        (answered(b'{"createTime": "yesterday"}'), None),
        (answered(), None),
    ],
)
def test_the_day_of_a_recording_is_found_where_it_is_said(exchange, date):
    assert date_of(exchange) == date


def test_a_price_is_looked_up_when_the_money_is_read_and_only_then():
    asked = []

    def look_up(call):
        asked.append(call)
        return Price(cost=Decimal(1), source="genai-prices")

    call = priced_when_asked(called(), look_up)

    assert (call.usage.input_tokens, call.request_model, asked) == (1000, "gpt-5-mini", [])
    assert (call.cost, call.cost_reason, call.price_source, call.cost) == (Decimal(1), None, "genai-prices", Decimal(1))
    assert asked == [called()]
    with pytest.raises(AttributeError, match="'ModelCall' object has no attribute 'price'"):
        _ = call.price


def test_a_call_that_waits_for_its_price_is_a_value_like_any_other():
    def waiting():
        return priced_when_asked(called(), lambda _call: Price(cost=Decimal(1), source="provider"))

    plain = called(cost=Decimal(1), price_source="provider")

    assert waiting() == plain == waiting()
    assert waiting() != called()
    assert replace(waiting(), latency=2.0) == replace(plain, latency=2.0)
    assert copy.deepcopy(waiting()) == plain
    assert repr(waiting()).startswith("ModelCall(operation_name=")
    assert "cost=Decimal('1')" in repr(waiting())


def test_a_spend_with_one_unknown_is_unknown_and_says_which_and_why():
    spend = spend_of([called(cost=Decimal("0.5")), called("qwen3", cost_reason="no price is known"), ModelCall()])

    assert (spend.cost, spend.known_cost) == (None, Decimal("0.5"))
    assert [str(each) for each in spend.unpriced] == [
        "call 2 (qwen3): no price is known",
        "call 3 (no model named): the provider does not say, and no price was looked up",
    ]


@pytest.mark.parametrize(
    "cost, unpriced, text",
    [
        ("0.0123", 2, "spent $0.0123 (2 calls without a price)"),
        ("0.0123", 1, "spent $0.0123 (1 call without a price)"),
        ("12.3", 0, "spent $12.3000"),
        ("0.00001851", 0, "spent $0.000019"),
        ("0", 0, "spent $0.0000"),
    ],
)
def test_money_reads_well_however_little_it_is(cost, unpriced, text):
    assert spent_text(Decimal(cost), unpriced=unpriced) == text
    assert dollars(Decimal(cost)) in text


@pytest.mark.parametrize(
    "name, text",
    [
        ("pytest.ini", "[pytest]\naddopts = -q --x=%(y)s\nllm_prices =\n    # ours\n    qwen3 input=1 output=2\n"),
        ("setup.cfg", "[tool:pytest]\nllm_prices =\n    qwen3 input=1 output=2\n"),
        ("tox.ini", "[pytest]\nllm_prices = qwen3 input=1 output=2\n"),
        ("pyproject.toml", '[tool.pytest.ini_options]\nllm_prices = ["qwen3 input=1 output=2"]\n'),
        ("pyproject.toml", '[tool.pytest]\nllm_prices = ["qwen3 input=1 output=2"]\n'),
        ("pytest.toml", '[pytest]\nllm_prices = ["qwen3 input=1 output=2"]\n'),
    ],
)
def test_a_command_takes_the_prices_from_the_ini_file_that_pytest_would_take(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    below = tmp_path / "tests" / "unit"
    below.mkdir(parents=True)

    assert project_prices(below) == price_table(["qwen3 input=1 output=2"])


def test_an_ini_file_that_is_not_of_pytest_is_passed_over(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\nllm_prices = a input=1\n", encoding="utf-8")
    below = tmp_path / "below"
    below.mkdir()
    (below / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")

    assert project_prices(below) == price_table(["a input=1"])
    (below / "pytest.ini").write_text("", encoding="utf-8")
    assert project_prices(below) == ()


def test_a_command_asks_the_prices_of_other_packages_first():
    def by_the_call(call, at):
        return Decimal(3) if call.request_model == "gpt-5-mini" and at == DAY else None

    price = pricer(price_table(["* input=1 output=1"]), [by_the_call])

    assert price(called(), answered(at=DAY)).cost == 3
    assert price(called("gpt-5"), answered(at=DAY)).cost == Decimal("0.0011")
    assert price(called(cost=Decimal(9)), answered(at=DAY)) == Price(cost=Decimal(9), source="provider")


def test_most_recorded_calls_of_real_traffic_have_a_price_and_the_others_a_reason(capsys):
    corpus = os.environ.get("LLMWATCH_CORPUS")
    if not corpus:
        pytest.skip("LLMWATCH_CORPUS is not set: the recorded traffic is not here")
    counts, reasons = Counter(), Counter()
    for file in sorted(Path(corpus).rglob("*.yaml")):
        for exchange in parse(file.read_text(encoding="utf-8"), file.name).exchanges:
            call = wire.read(exchange)
            if (call.usage.input_tokens, call.usage.output_tokens) == (None, None):
                continue
            price = price_of(call, exchange)
            counts[price.source] += 1
            if price.cost is None:
                reasons[f"{call.provider_name}, {call.response_model or call.request_model}: {price.reason}"] += 1
    share = 1 - counts[None] / counts.total()

    with capsys.disabled():
        print(f"\npriced: {share:.1%} of {counts.total()} calls with usage ({dict(counts)})")
        print(*(f"  {times} x {reason}" for reason, times in sorted(reasons.items())), sep="\n")
    assert share >= LEAST_SHARE
    assert not [reason for reason in reasons if reason.endswith(("None", ": "))]


@pytest.mark.parametrize(
    "facts, cost",
    [
        ({"response": Response(status=429)}, 0),
        ({"response": Response(status=503)}, 0),
        ({"failure": TransferFailure(kind="connect")}, 0),
        ({"response": Response(status=400)}, None),
        ({"response": Response(status=200)}, None),
        ({"failure": TransferFailure(kind="timeout")}, None),
    ],
)
def test_what_no_model_ran_for_costs_nothing(facts, cost):
    request = Request(method="POST", uri="https://api.openai.com/v1/chat/completions")
    failed = ModelCall(operation_name="chat", provider_name="openai", request_model="gpt-5-mini", error_type="error")

    exchange = Exchange(request=request, at=DAY, **facts)

    assert price_of(failed, exchange).cost == pricer((), (), day=DAY)(failed, exchange).cost == cost
    if cost == 0:
        assert price_of(failed, replace(exchange, cost=Decimal(0))).source == "free of charge"
