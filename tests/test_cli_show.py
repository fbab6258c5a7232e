"""`pytest-llmwatch show`: pages for people, JSON lines for programs."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from pytest_llmwatch.calls import Attempt, Message, ModelCall, TextPart, ToolCallPart, Usage
from pytest_llmwatch.cassette import Cassette
from pytest_llmwatch.cassette_text import dump
from pytest_llmwatch.cli import main
from pytest_llmwatch.drift.visible import columns
from pytest_llmwatch.exchange import Exchange, Request, Response, TransferFailure
from pytest_llmwatch.reports.call_page import CallPage, Place, lines_of, wrapped

URI = "https://api.openai.com/v1/chat/completions"
ANSWER = {
    "model": "gpt-5-mini-2025-08-07",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "14 days."}}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 4},
}


def asked(question="Can I return it?", *, answer=ANSWER, status=200, attempt=0, failure=None):
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": question}]}
    headers = (("content-type", "application/json"), ("x-stainless-retry-count", str(attempt)))
    content = json.dumps(answer).encode() if isinstance(answer, dict) else answer
    return Exchange(
        request=Request(method="POST", uri=URI, headers=headers, body=json.dumps(body).encode()),
        response=None if failure else Response(status=status, body=content),
        failure=failure,
        started=float(attempt),
        duration=0.25,
    )


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name, *exchanges):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump(Cassette(test="test_bot.py::test_one", exchanges=exchanges)), encoding="utf-8")
        return name

    return write


def command(*arguments, **environment):
    inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    return subprocess.run(
        [sys.executable, "-m", "pytest_llmwatch", *arguments],
        env=inherited | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def page_of(call, *, body=b"", width=100, folded=True):
    exchange = Exchange(request=Request(method="POST", uri=URI, body=body), response=Response(status=200))
    page = CallPage(place=Place(file="x.yaml", number=1, of=1), call=call, exchange=exchange)
    return list(lines_of(page, width=width, folded=folded))


def test_every_exchange_is_one_json_line_with_all_its_fields(write, capsys):
    limited = asked(answer={"error": {"type": "rate_limit_error", "message": "slow down"}}, status=429)
    name = write("cassettes/test_bot/test_one.yaml", limited, asked(attempt=1))

    assert main(["show", name, "--json"]) == 0

    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert second == {
        "file": name,
        "index": 1,
        "role": None,
        "attempt": 2,
        "operation_name": "chat",
        "provider_name": "openai",
        "request_model": "gpt-5-mini",
        "response_model": "gpt-5-mini-2025-08-07",
        "streaming": False,
        "usage": {
            "input_tokens": 9,
            "output_tokens": 4,
            "cache_read_input_tokens": None,
            "cache_write_input_tokens": None,
            "reasoning_output_tokens": None,
        },
        "finish_reasons": ["stop"],
        "provider_finish_reasons": ["stop"],
        "output_text": "14 days.",
        "tool_calls": [],
        "error_type": None,
        "cost_usd": 0.00001025,
        "cost_reason": None,
        "price_source": "genai-prices",
    }
    assert (first["index"], first["attempt"], first["error_type"]) == (0, 1, "rate_limit_error")
    assert first["usage"]["input_tokens"] is None


def test_the_call_of_a_judge_is_marked(write, capsys):
    name = write("cassettes/test_bot/test_one.yaml", asked(), replace(asked(), role="judge"))

    assert main(["show", name]) == main(["show", name, "--json"]) == 0

    out = capsys.readouterr().out
    assert f"{name}  call 1 of 2\n" in out
    assert f"{name}  call 2 of 2 (judge)\n" in out
    assert '"index": 1, "role": "judge", ' in out


def test_a_folder_stands_for_all_cassettes_below_it_and_for_no_other_yaml(write, tmp_path, capsys):
    write("tests/cassettes/test_a/test_one.yaml", asked())
    write("tests/cassettes/test_a/test_one.pending.yaml", asked())
    write("tests/recordings/old.yaml", asked())
    write(".venv/cassettes/test_z/test_z.yaml", asked())
    (tmp_path / "compose.yaml").write_text("services: {}\n", encoding="utf-8")

    assert main(["show", "--json", "."]) == 0

    files = [json.loads(line)["file"] for line in capsys.readouterr().out.splitlines()]
    assert files == ["./tests/cassettes/test_a/test_one.yaml", "./tests/recordings/old.yaml"]


@pytest.mark.parametrize(
    "broken, said",
    [
        ("interactions: [", "broken.yaml, line"),
        ("services: {}\n", "broken.yaml, line 1: this is not a cassette"),
        (None, "broken.yaml: there is no such file or folder"),
    ],
)
def test_an_unreadable_file_is_named_and_the_others_are_shown_all_the_same(write, tmp_path, capsys, broken, said):
    if broken is not None:
        (tmp_path / "broken.yaml").write_text(broken, encoding="utf-8")

    assert main(["show", "--json", "broken.yaml", write("good.yaml", asked())]) == 1

    shown = capsys.readouterr()
    assert said in shown.err
    assert [json.loads(line)["file"] for line in shown.out.splitlines()] == ["good.yaml"]


def test_a_folder_without_cassettes_is_said_to_be_one(tmp_path, capsys):
    assert main(["show", str(tmp_path)]) == 1

    assert "there is no cassette in this folder" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to this user")
def test_a_file_that_may_not_be_read_is_said_to_be_one(write, tmp_path, capsys):
    (tmp_path / write("a.yaml", asked())).chmod(0)

    assert main(["show", "a.yaml"]) == 1

    assert "Permission denied" in capsys.readouterr().err


def test_a_body_that_is_not_what_the_request_claims_is_undecodable_and_no_crash(write, capsys):
    odd = Exchange(
        request=Request(method="POST", uri=URI, body=b'{"messages": [], "model": "m"}'),
        response=Response(status=200, headers=(("content-type", "application/json"),), body=b"[1, 2"),
    )

    assert main(["show", "--json", write("a.yaml", odd)]) == 0

    assert json.loads(capsys.readouterr().out)["error_type"] == "undecodable"


def test_a_page_answers_what_was_sent_why_it_was_answered_so_and_what_it_cost(write, capsys):
    limited = asked(answer={"error": {"type": "rate_limit_error", "message": "slow down"}}, status=429)

    assert main(["show", write("a.yaml", limited, asked(attempt=1))]) == 0

    shown = capsys.readouterr().out
    assert "a.yaml  call 1 of 1\n" in shown
    assert "chat, openai: gpt-5-mini, served by gpt-5-mini-2025-08-07\n" in shown
    sent, _, rest = shown.partition("  Why did it answer so?\n")
    answered, _, cost = rest.partition("  What does it cost?\n")
    assert "    user           Can I return it?\n" in sent
    assert answered == (
        "    failed try     status 429 after 0.25 s, then a wait of 0.75 s\n"
        "    finish         stop\n"
        "    answer         14 days.\n"
    )
    assert cost == (
        "    tokens         9 in, 4 out\n"
        "    cost           $0.00001025, by genai-prices\n"
        "    latency        0.250 s\n\n"
    )


def test_a_prompt_that_was_blocked_says_how_the_call_ended(write, capsys):
    blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "modelVersion": "gemini-2.5-flash"}
    uri = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
    request = Request(method="POST", uri=uri, body=b'{"contents": [{"parts": [{"text": "hi"}]}]}')
    answer = Response(status=200, body=json.dumps(blocked).encode())

    assert main(["show", write("a.yaml", Exchange(request=request, response=answer))]) == 0

    shown = " ".join(capsys.readouterr().out.split())
    assert "finish content_filter (the provider's word: PROHIBITED_CONTENT)" in shown


def test_a_transfer_that_failed_says_why(write, capsys):
    gone = asked(failure=TransferFailure(kind="timeout", message="read timed out"))

    assert main(["show", write("a.yaml", gone)]) == 0

    shown = capsys.readouterr().out
    assert "error          timeout: read timed out\n" in shown
    assert "(none: no response came)" in shown


def test_untrusted_text_cannot_command_the_terminal():
    evil = "\x1b[2J\u202e\x9b31m"
    call = ModelCall(
        request_model=evil,
        input_messages=(Message(role=evil, parts=(TextPart(text=f"{evil}\rx"),)),),
        output_messages=(Message(role="assistant", parts=(ToolCallPart(name=evil, arguments={evil: evil}),)),),
        provider_finish_reasons=(evil,),
        error_type=evil,
        parameters={evil: evil},
        attempts=(Attempt(error_type=evil),),
    )

    shown = "".join(page_of(call))

    assert shown.isprintable()
    assert r"\x1b[2J\u202e\x9b31m" in shown


def test_json_on_a_page_is_the_json_that_was_sent():
    shown = "\n".join(page_of(ModelCall(parameters={"stop": ["a\nb", "\\"]}), body=b'{"a": "x\\ny"}'))

    assert r'stop = ["a\nb", "\\"]' in shown
    assert r'{"a": "x\ny"}' in shown


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("text", ["返品" * 2000, "word " * 2000, "x" * 5000, "line\n" * 500])
def test_a_long_text_is_folded_within_the_width_and_full_shows_all_of_it(text, width):
    call = ModelCall(input_messages=(Message(role="user", parts=(TextPart(text=text),)),))
    folded, full = page_of(call, width=width), page_of(call, width=width, folded=False)

    assert len(folded) < 30
    assert any(f"({len(text)} characters; all with --full)" in line for line in folded)
    assert max(columns(line) for line in [*folded, *full] if URI not in line) <= width
    assert "".join(text.split()) in "".join("".join(line.split()) for line in full)


@pytest.mark.parametrize(
    "text, lines",
    [("", [""]), ("ab cd ef", ["ab cd", "ef"]), ("日本語です", ["日本", "語で", "す"]), ("abcdefg", ["abcde", "fg"])],
)
def test_a_line_is_cut_at_spaces_where_there_are_any_and_by_columns(text, lines):
    assert wrapped(text, 5) == lines


def test_unknown_is_not_zero_on_a_page():
    silent = "\n".join(page_of(ModelCall()))
    half = "\n".join(page_of(ModelCall(usage=Usage(output_tokens=3), cost=Decimal("0.00012"))))

    assert "tokens         not reported" in silent
    assert "tokens         unknown in, 3 out" in half
    assert "$0.00012" in half


def test_there_is_no_colour_where_nobody_looks(write):
    assert "\033" not in command("show", write("a.yaml", asked())).stdout


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("no_color, is_coloured", [("", True), ("1", False)])
def test_a_terminal_gets_colour_unless_no_color_is_set(write, no_color, is_coloured):
    import pty

    name = write("a.yaml", asked())
    ours, theirs = pty.openpty()
    environment = os.environ | {"NO_COLOR": no_color, "TERM": "xterm"}
    arguments = [sys.executable, "-m", "pytest_llmwatch", "show", name]
    subprocess.run(arguments, env=environment, stdout=theirs, check=True, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 65536)
    os.close(ours)

    assert b"What did we send?" in shown
    assert (b"\033[" in shown) is is_coloured


@pytest.mark.skipif(sys.platform == "win32", reason="it is a shell's pipe")
def test_a_reader_that_has_seen_enough_is_no_error(write):
    name = write("a.yaml", *[asked(f"question {number} {'x' * 500}") for number in range(500)])
    line = f"{shlex.quote(sys.executable)} -m pytest_llmwatch show --json {name} | head -n 1"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, encoding="utf-8", timeout=60, check=False)

    assert json.loads(done.stdout)["index"] == 0
    assert done.stderr == ""


def test_a_format_of_another_package_is_asked_first_and_one_that_does_not_load_is_named(write, tmp_path):
    (tmp_path / "acme.py").write_text(
        "from pytest_llmwatch import ModelCall\n"
        "def claims(request):\n    return 'openai.com' in request.uri\n"
        "def decode(exchange):\n    return ModelCall(operation_name='chat', request_model='acme-1')\n",
        encoding="utf-8",
    )
    packed = tmp_path / "acme_formats-1.0.dist-info"
    packed.mkdir()
    (packed / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-formats\nVersion: 1.0\n", encoding="utf-8")
    (packed / "entry_points.txt").write_text(
        "[pytest_llmwatch.formats]\nacme = acme\ngone = acme_gone\nempty = acme:claims\n", encoding="utf-8"
    )

    done = command("show", "--json", write("a.yaml", asked()), PYTHONPATH=str(tmp_path))

    assert done.returncode == 0
    assert json.loads(done.stdout)["request_model"] == "acme-1"
    assert json.loads(done.stdout)["provider_name"] == "openai"
    assert "the format 'gone' of acme-formats was left out; it does not load: ModuleNotFoundError" in done.stderr
    assert "the format 'empty' of acme-formats was left out; it lacks claims(request)" in done.stderr


def test_without_a_command_the_help_is_shown(capsys):
    assert main([]) == 2

    assert "show" in capsys.readouterr().out


def test_what_is_read_in_recorded_traffic_is_what_the_manifest_says():
    corpus = os.environ.get("LLMWATCH_CORPUS")
    if not corpus:
        pytest.skip("LLMWATCH_CORPUS is not set: the recorded traffic is not here")
    done = subprocess.run(
        [
            sys.executable,
            str(Path(corpus, "check.py")),
            "--endpoints=openai.chat",
            f"--command={shlex.quote(sys.executable)} -m pytest_llmwatch show --json",
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_what_no_format_reads_is_shown_as_it_came(write, capsys):
    body = "\n".join(f"line {number} \x1b[31m" for number in range(30)).encode()
    unread = Exchange(
        request=Request(method="POST", uri="https://ml.example.com/predict", body=b'{"model": "acme-1", "x": 1}'),
        response=Response(status=200, reason="OK", headers=(("content-type", "text/plain"),), body=body),
    )

    assert main(["show", write("a.yaml", unread)]) == 0

    page = capsys.readouterr().out
    assert "unknown provider: acme-1" in page
    assert "status         200 OK, text/plain\n" in page
    assert r"line 18 \x1b[31m" in page
    assert "line 20" not in page
    assert "\x1b" not in page


@pytest.mark.parametrize("name, text", [("bot.py", "def f():\n    x = {1: [2}\n"), ("c.yaml", "services: {}\n")])
def test_a_file_that_is_no_cassette_is_called_so_and_nobody_is_told_to_delete_it(
    tmp_path, monkeypatch, capsys, name, text
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(text, encoding="utf-8")

    assert main(["show", name]) == 1

    said = capsys.readouterr().err
    assert "this is not a cassette" in said
    assert "delete" not in said


def test_the_command_knows_its_version(capsys):
    from importlib import metadata

    with pytest.raises(SystemExit) as caught:
        main(["--version"])

    assert caught.value.code == 0
    assert capsys.readouterr().out == f"pytest-llmwatch {metadata.version('pytest-llmwatch')}\n"


def test_the_name_of_a_file_cannot_command_the_terminal(tmp_path, capsys):
    folder = tmp_path / "cassettes" / "test_bot"
    folder.mkdir(parents=True)
    (folder / "empty\x1b[2J.yaml").write_text("llmwatch: 1\ninteractions: []\ncount: 0\n", encoding="utf-8")
    (folder / "broken\x1b[2J.yaml").write_text("llmwatch: 1\n", encoding="utf-8")

    assert main(["show", str(tmp_path)]) == 1
    assert main(["show", str(tmp_path / "gone\x1b[2J.yaml")]) == 1

    shown = capsys.readouterr()
    assert r"empty\x1b[2J.yaml: no call is recorded in it" in shown.out
    assert r"broken\x1b[2J.yaml" in shown.err
    assert r"gone\x1b[2J.yaml" in shown.err
    assert "\x1b" not in shown.out + shown.err
