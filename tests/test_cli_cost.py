"""`pytest-llmwatch cost`: what recordings cost together, and how to price what has no price yet."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pytest_llmwatch.cassette import Cassette
from pytest_llmwatch.cassette_text import dump
from pytest_llmwatch.cli import main
from pytest_llmwatch.exchange import Exchange, Request, Response
from pytest_llmwatch.own_prices import Price

OPENAI = "https://api.openai.com/v1/chat/completions"
SNOWFLAKE = "https://acme.snowflakecomputing.com/api/v2/cortex/v1/chat/completions"
LOCAL = "http://127.0.0.1:8000/v1/chat/completions"


def asked(model, *, uri=OPENAI, usage=(1000, 200), status=200, started=0.0, attempt=0, streamed=False):
    body = {"model": model, "messages": [{"role": "user", "content": "Yes?"}], "stream": streamed}
    answer = {"model": model, "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Yes."}}]}
    if usage:
        answer["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    if status >= 400:
        answer = {"error": {"type": "server_error", "message": "busy"}}
    return Exchange(
        request=Request(
            method="POST",
            uri=uri,
            headers=(("x-stainless-retry-count", str(attempt)),),
            body=json.dumps(body).encode(),
        ),
        response=Response(
            status=status,
            body=f"data: {json.dumps(answer)}\n\ndata: [DONE]\n\n".encode()
            if streamed
            else json.dumps(answer).encode(),
        ),
        started=started,
        duration=0.5,
    )


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")

    def write(test, *exchanges, prices=None, at="2026-05-01T00:00:00+00:00", folder="."):
        module, _, name = test.partition("::")
        path = tmp_path / folder / "cassettes" / module.removesuffix(".py") / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        cassette = Cassette(test=test, exchanges=exchanges, recorded={"at": at})
        price = [lambda *_: Price(cost=prices)] if prices is not None else []
        path.write_text(dump(cassette, price=price[0]) if price else dump(cassette), encoding="utf-8")
        return path

    return write


def sums(capsys, *arguments):
    assert main(["cost", "--json", *arguments]) == 0
    facts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {(each["by"], each.get("name", each.get("model"))): each for each in facts}


def test_money_and_tokens_are_summed_by_test_model_and_provider(write, capsys):
    write("test_a.py::test_one", asked("gpt-5-mini"), asked("gpt-5"), prices=Decimal("0.25"))
    write("test_a.py::test_two", asked("gpt-5-mini", usage=(1, 2)), prices=Decimal("0.50"))

    found = sums(capsys)

    assert {key: (each["calls"], each["cost_usd"]) for key, each in found.items()} == {
        ("test", "test_a.py::test_one"): (2, 0.5),
        ("test", "test_a.py::test_two"): (1, 0.5),
        ("model", "openai/gpt-5-mini"): (2, 0.75),
        ("model", "openai/gpt-5"): (1, 0.25),
        ("provider", "openai"): (3, 1.0),
        ("total", "total"): (3, 1.0),
    }
    total = found["total", "total"]
    assert (total["input_tokens"], total["output_tokens"]) == (2001, 402)
    assert (total["cache_read_input_tokens"], total["unpriced"]) == (None, 0)


def test_judges_are_summed_by_themselves(write, capsys):
    write("test_a.py::test_one", asked("gpt-5-mini"), replace(asked("gpt-5"), role="judge"), prices=Decimal("0.25"))

    found = sums(capsys)
    assert main(["cost"]) == 0

    assert found["test", "test_a.py::test_one"]["cost_usd"] == 0.25
    assert found["test", "test_a.py::test_one (judge)"]["cost_usd"] == 0.25
    assert (found["role", "judge"]["calls"], found["role", "judge"]["cost_usd"]) == (1, 0.25)
    assert found["total", "total"]["cost_usd"] == 0.5
    assert "\nJudges, of it: $0.2500 for 1 call\n" in capsys.readouterr().out


def test_without_a_path_every_cassettes_folder_below_the_rootdir_is_read(write, tmp_path, monkeypatch, capsys):
    write("test_a.py::test_one", asked("gpt-5-mini"))
    write("test_b.py::test_two", asked("gpt-5-mini"), folder="tests/unit")
    write("test_c.py::test_three", asked("gpt-5-mini"), folder=".venv")
    kept = write("test_a.py::test_kept", asked("gpt-5-mini"))
    kept.rename(kept.with_name("test_kept.pending.yaml"))
    (tmp_path / "tests" / "unit" / "cassettes" / "notes.yaml").write_text("a: 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "tests")

    found = sums(capsys)

    tests = [name for by, name in found if by == "test"]
    assert sorted(tests) == ["test_a.py::test_one", "test_b.py::test_two"]


def test_a_file_that_is_named_twice_counts_once(write, capsys):
    path = write("test_a.py::test_one", asked("gpt-5-mini"))

    found = sums(capsys, ".", str(path))

    assert found["total", "total"]["calls"] == 1


def test_a_failed_try_is_no_call_and_its_time_is_wasted(write, capsys):
    tries = asked("gpt-5-mini", status=500), asked("gpt-5-mini", started=2.0, attempt=1)
    write("test_a.py::test_one", *tries)

    assert main(["cost"]) == 0

    assert "Wasted: 1 failed try in 2.0 s" in capsys.readouterr().out.splitlines()
    total = sums(capsys)["total", "total"]
    assert (total["calls"], total["retries"], total["retry_seconds"]) == (1, 1, 2.0)


def test_the_line_for_the_ini_file_prices_the_call_once_its_amounts_are_filled_in(write, tmp_path, capsys):
    write("test_a.py::test_one", asked("house [1] #2", uri=LOCAL), asked("claude-sonnet-4-6", uri=SNOWFLAKE))
    before = sums(capsys)
    lines = [each["llm_prices"] for (by, _), each in before.items() if by == "unpriced"]
    filled = "\n".join(f"    {line.replace('=?', '=2')}" for line in lines)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nllm_prices =\n{filled}\n", encoding="utf-8")

    after = sums(capsys)

    assert lines == ["house?[1]??2 input=? output=?", "snowflake/claude-sonnet-4-6 input=? output=?"]
    assert before["total", "total"]["cost_usd"] is None
    assert before["total", "total"]["unpriced"] == 2
    assert after["total", "total"]["cost_usd"] == 0.0048


@pytest.mark.parametrize(
    "exchange, ini, said",
    [
        (asked("gpt-5-mini", usage=None), "", "name its cost in code"),
        (asked("gpt-5-mini", usage=None, streamed=True), "", "ask for it and record again"),
        (asked("house", uri=LOCAL), "    house input=1", "complete the line of that pattern"),
        (asked("house", uri="http://127.0.0.1:8000/own"), "", "add the wire format"),
    ],
    ids=["no usage", "no streamed usage", "half a line", "no format"],
)
def test_what_no_new_line_would_price_says_what_would(write, capsys, exchange, ini, said):
    write("test_a.py::test_one", exchange)
    Path("pytest.ini").write_text(f"[pytest]\nllm_prices =\n{ini}\n", encoding="utf-8")

    (unpriced,) = (each for (by, _), each in sums(capsys).items() if by == "unpriced")

    assert unpriced["llm_prices"] is None
    assert unpriced["advice"].startswith(said)


def test_a_sum_that_lacks_a_call_is_marked_and_the_call_is_named(write, capsys):
    write("test_a.py::test_one", asked("gpt-5-mini"), asked("house", uri=LOCAL), asked("gpt-5", usage=None))

    assert main(["cost"]) == 0

    out = capsys.readouterr().out
    row = next(line.split() for line in out.splitlines() if line.startswith("test_a.py::test_one "))
    assert row[1:] == ["3", ">=2,000", "?", ">=400", "?", ">=$0.00065"]
    assert "Total: >=$0.00065 for 3 calls in 1 cassette, prices of the days of the recordings\n" in out
    assert (
        "Without a price: 2 calls\n"
        "  house: no price is known for house of an unknown host\n"
        "    test_a.py::test_one, call 2\n"
        "    add to llm_prices in the ini file, each ? being US dollars per million tokens:\n"
        "        house input=? output=?\n"
    ) in out


def test_the_prices_of_another_day_replace_those_that_were_paid(write, tmp_path, capsys):
    write("test_a.py::test_one", asked("house", uri=LOCAL), prices=Decimal("9.5"))
    lines = "    house input=1 output=0\n    house input=2 output=0 from=2026-06-01\n"
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nllm_prices =\n{lines}", encoding="utf-8")

    costs = {day: sums(capsys, "--at", day)["total", "total"]["cost_usd"] for day in ("2026-05-31", "today")}

    assert costs == {"2026-05-31": 0.001, "today": 0.002}
    assert main(["cost", "--at", "today"]) == 0
    assert f"prices of {datetime.now(UTC):%Y-%m-%d}" in capsys.readouterr().out


def test_a_day_that_is_none_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["cost", "--at", "yesterday"])

    assert "'yesterday' is neither today nor a day such as 2026-01-31" in capsys.readouterr().err


def test_an_unreadable_file_fails_the_command_and_the_others_count(write, capsys):
    write("test_a.py::test_one", asked("gpt-5-mini"))
    write("test_a.py::test_two", asked("gpt-5-mini")).write_text("interactions: [", encoding="utf-8")

    assert main(["cost", "--json"]) == 1

    captured = capsys.readouterr()
    assert "test_two.yaml" in captured.err
    assert json.loads(captured.out.splitlines()[-1])["calls"] == 1


def test_a_path_that_is_not_there_fails_the_command(write, capsys):
    assert main(["cost", "gone.yaml"]) == 1

    assert "gone.yaml: there is no such file or folder" in capsys.readouterr().err


def test_a_project_without_cassettes_is_no_error(write, capsys):
    assert main(["cost"]) == 0

    assert "there is no cassette in the cassettes folders below" in capsys.readouterr().err


def test_what_a_name_would_do_to_a_terminal_is_spelled_out(write, capsys):
    write("test_a.py::test_one", asked("gpt\x1b[2J", uri=LOCAL))

    assert main(["cost"]) == 0

    assert "\x1b" not in capsys.readouterr().out


def test_a_line_of_llm_prices_that_prices_no_call_is_named(write, capsys, tmp_path):
    write("test_a.py::test_one", asked("gpt-5-mini"), asked("house", uri=LOCAL))
    lines = [f"{model} input=1 output=2" for model in ("gpt-5*", "gpt-5-mini", "house", "hause")]
    (tmp_path / "pytest.ini").write_text("[pytest]\nllm_prices =\n    " + "\n    ".join(lines), encoding="utf-8")

    assert main(["cost"]) == 0
    assert capsys.readouterr().out.endswith(
        "\nOf llm_prices these price no recorded call:\n"
        "  gpt-5-mini   an earlier line, gpt-5*, fits first\n"
        "  hause        no call asks for such a model\n"
    )
    found = sums(capsys)
    assert found["idle price", "hause"] == {
        "by": "idle price", "name": "hause", "reason": "no call asks for such a model"
    }  # fmt: skip
    assert ("idle price", "house") not in found

    # Of a part of the recordings nothing can be said.
    assert main(["cost", "cassettes"]) == 0
    assert "llm_prices" not in capsys.readouterr().out
