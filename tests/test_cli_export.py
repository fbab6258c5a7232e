"""`pytest-llmwatch export`: what vcrpy replays."""

import json
import os
import stat
from pathlib import Path

import httpx
import pytest
import requests
import vcr
import yaml

from pytest_llmwatch.cassette import Cassette, parse
from pytest_llmwatch.cassette_text import dump
from pytest_llmwatch.cli import main
from pytest_llmwatch.exchange import Exchange, Request, Response, TransferFailure

URI = "https://api.openai.com/v1/chat/completions"
EVENTS = b'data: {"choices": [{"delta": {"content": "\xe3\x81\x82\\n"}}]}\r\n\r\ndata: [DONE]\r\n\r\n'
BODIES = {
    "json": json.dumps({"text": "返品\nできます", "n": [1, 2.5, None]}, ensure_ascii=False).encode(),
    "stream": EVENTS,
    "bytes": bytes(range(256)) * 3,
    "empty": b"",
    "odd text": "\ufeff x: |\n  \x85\u2028 # y\t\x00\n\n".encode(),
}


def exchange(body, *, path="", method="POST", failure=None, **facts):
    return Exchange(
        request=Request(
            method=method,
            uri=URI + path,
            headers=(("content-type", "application/json"),),
            body=b'{"messages": []}' if method == "POST" else b"",
        ),
        response=None
        if body is None
        else Response(
            status=201,
            reason="Created",
            headers=(("content-type", "application/octet-stream"), ("x-ratelimit-limit", "1"), ("allow", "a")),
            body=body,
        ),
        failure=failure,
        **facts,
    )


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name, *exchanges):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump(Cassette(test="t.py::t", exchanges=exchanges)), encoding="utf-8")
        return name

    return write


def bodies_held_in(name):
    return [one.response.body for one in parse(Path(name).read_text(encoding="utf-8"), name).exchanges]


@pytest.mark.parametrize("client", [httpx, requests], ids=lambda client: client.__name__)
def test_vcrpy_replays_what_was_recorded_byte_by_byte(write, tmp_path, client):
    name = write("a.yaml", *(exchange(body, path=f"/{place}") for place, body in enumerate(BODIES.values())))

    assert main(["export", name, "--output", "out"]) == 0

    with vcr.use_cassette(str(tmp_path / "out" / "a.yaml"), record_mode="none"):
        answers = [client.post(f"{URI}/{place}") for place in range(len(BODIES))]
    assert [answer.content for answer in answers] == bodies_held_in(name)
    assert [answer.status_code for answer in answers] == [201] * len(BODIES)
    assert answers[0].headers["x-ratelimit-limit"] == "1"


def test_an_exported_file_is_the_plain_format_with_text_as_text(write, capsys):
    assert main(["export", write("a.yaml", exchange(EVENTS), exchange(b"\xff\x00", method="GET"))]) == 0

    out = capsys.readouterr().out
    document = yaml.safe_load(out)
    assert list(document) == ["interactions", "version"]
    assert document["version"] == 1
    first, second = document["interactions"]
    assert first["request"] == {
        "body": '{"messages":[]}',
        "headers": {"content-type": ["application/json"]},
        "method": "POST",
        "uri": URI,
    }
    assert first["response"]["status"] == {"code": 201, "message": "Created"}
    assert first["response"]["body"]["string"].startswith("data: ")
    assert second["request"]["body"] is None
    assert second["response"]["body"]["string"] == b"\xff\x00"
    assert out.count("!!binary") == 1


def test_a_foreign_cassette_goes_through_unchanged(write, tmp_path, capsys):
    assert main(["export", write("a.yaml", exchange(EVENTS))]) == 0
    once = capsys.readouterr().out
    (tmp_path / "b.yaml").write_text(once, encoding="utf-8")

    assert main(["export", "b.yaml"]) == 0

    assert capsys.readouterr().out == once


def test_a_foreign_cassette_is_exported_without_its_secrets(tmp_path, monkeypatch, capsys):
    key, value = "sk-proj-4fQ9ZmW3vKc7RtXb2LpYd8N", "Zk3/9+qLw7Tb1Xv5"
    foreign = {
        "interactions": [
            {
                "request": {
                    "body": json.dumps({"api_key": "plain", "text": f"{key} {value}"}),
                    "headers": {"Authorization": [f"Bearer {key}"], "content-type": ["application/json"]},
                    "method": "POST",
                    "uri": f"{URI}?api_key=secret-in-query",
                },
                "response": {
                    "body": {"string": f"you sent {key}"},
                    "headers": {"Set-Cookie": ["session=abc"], "content-type": ["text/plain"]},
                    "status": {"code": 200, "message": "OK"},
                },
            }
        ],
        "version": 1,
    }
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(foreign), encoding="utf-8")
    monkeypatch.setenv("VAULT_TOKEN", value)

    assert main(["export", str(tmp_path / "a.yaml")]) == 0

    out = capsys.readouterr().out
    for secret in (key, value, "plain\\", "secret-in-query", "uthorization", "ookie"):
        assert secret not in out
    (only,) = yaml.safe_load(out)["interactions"]
    text = "[redacted:sk-key] [redacted:VAULT_TOKEN]"
    assert json.loads(only["request"]["body"]) == {"api_key": "[redacted:api_key]", "text": text}
    assert only["response"]["body"]["string"] == "you sent [redacted:sk-key]"


def test_what_vcrpy_cannot_hold_is_named_and_the_rest_is_written(write, capsys):
    refused = exchange(None, failure=TransferFailure(kind="connect", message="no route"), started=0.0)
    cut = exchange(EVENTS, failure=TransferFailure(kind="cut"), duration=0.5)

    assert main(["export", write("a.yaml", refused, cut)]) == 0

    shown = capsys.readouterr()
    assert len(yaml.safe_load(shown.out)["interactions"]) == 1
    assert "a.yaml: call 1 was left out: vcrpy has no form for a transfer that failed (connect: no route)" in shown.err
    assert "a.yaml: call 2 was cut short (cut); vcrpy will replay it as if it were whole" in shown.err
    assert "times" not in shown.err


def test_several_cassettes_need_a_folder_and_keep_their_places_in_it(write, tmp_path, capsys):
    write("tests/cassettes/test_a/test_one.yaml", exchange(b"{}"))
    write("tests/cassettes/test_b/test_one.yaml", exchange(b"{}"))

    assert main(["export", "tests"]) == 2
    assert "say where to write them with --output FOLDER" in capsys.readouterr().err
    assert main(["export", "tests", "--output", "out/"]) == 0
    assert capsys.readouterr().out == "2 files written below out/\n"

    written = sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "out").rglob("*.yaml"))
    assert written == ["out/test_a/test_one.yaml", "out/test_b/test_one.yaml"]


@pytest.mark.parametrize("output", ["tests/cassettes", "."])
def test_a_cassette_is_never_replaced_by_its_export(write, tmp_path, capsys, output):
    name = write("tests/cassettes/a.yaml" if output != "." else "a.yaml", exchange(b"{}"))
    before = (tmp_path / name).read_bytes()

    assert main(["export", name, "--output", output]) == 1

    assert "it would replace a cassette" in capsys.readouterr().err
    assert (tmp_path / name).read_bytes() == before


def test_two_cassettes_for_one_place_are_refused(write, capsys):
    names = [write("a/x.yaml", exchange(b"{}")), write("b/x.yaml", exchange(b"{}"))]

    assert main(["export", *names, "--output", "out"]) == 1

    assert "a/x.yaml: not exported, b/x.yaml would go to out/x.yaml too" in capsys.readouterr().err


@pytest.mark.parametrize("broken", ["interactions: [", None])
def test_an_unreadable_cassette_is_named(tmp_path, monkeypatch, capsys, broken):
    monkeypatch.chdir(tmp_path)
    if broken:
        (tmp_path / "a.yaml").write_text(broken, encoding="utf-8")

    assert main(["export", "a.yaml"]) == 1

    shown = capsys.readouterr()
    assert "a.yaml" in shown.err
    assert shown.out == ""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to this user")
def test_a_folder_that_may_not_be_written_to_is_named(write, tmp_path, capsys):
    closed = tmp_path / "closed"
    closed.mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)

    assert main(["export", write("a.yaml", exchange(b"{}")), "--output", "closed"]) == 1

    assert "closed/a.yaml: it cannot be written (Permission denied)" in capsys.readouterr().err


def test_an_output_that_is_a_file_is_named(write, tmp_path, capsys):
    (tmp_path / "out").write_text("", encoding="utf-8")

    assert main(["export", write("a.yaml", exchange(b"{}")), "--output", "out"]) == 2

    assert "--output out is a file: name a folder" in capsys.readouterr().err
