import base64
import gzip
import json
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmwatch.cassette import Cassette, dump, parse
from pytest_llmwatch.errors import UnreadableCassette
from pytest_llmwatch.exchange import Exchange, Request, Response, TransferFailure
from pytest_llmwatch.yaml_text import YamlProblem, emit, load

MARKS = list(" \t\n\r:-#|>\"'{}[]&*!%@`~\x00\x85\u2028😀あ\ufeff")
ODD = st.characters(exclude_categories=["Cs"]) | st.sampled_from(MARKS)
TEXT = st.text(alphabet=ODD)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda children: st.lists(children) | st.dictionaries(TEXT, children),
    max_leaves=20,
)


def exchange(body=b"", answer=b"", **facts):
    return Exchange(
        request=Request(method="POST", uri="https://h/x", headers=(("content-type", "application/json"),), body=body),
        response=Response(status=200, reason="OK", headers=(("a", "1"), ("a", "2")), body=answer),
        **facts,
    )


def again(*exchanges):
    return parse(dump(Cassette(test="t.py::t", exchanges=exchanges, recorded={"at": "now"})), "t.yaml")


@given(JSON)
def test_what_is_emitted_is_read_back_by_us_and_by_any_reader(value):
    text = emit(value)

    assert load(text) == value
    assert yaml.load(text, Loader=yaml.CSafeLoader) == value


@given(st.binary() | TEXT.map(str.encode) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_survives(body):
    read = again(exchange(body=b"", answer=body)).exchanges[0].response.body

    assert read == body or json.loads(read) == json.loads(body)


def test_facts_and_failures_survive():
    gone = TransferFailure(kind="cut", message="gone")
    cut = exchange(answer=b"data: 1\n\n", failure=gone, started=1.5, duration=0.25)
    refused = Exchange(request=cut.request, failure=TransferFailure(kind="connect", message="refused"))

    read = again(cut, refused)

    assert read.exchanges == (cut, refused)
    assert (read.test, read.recorded) == ("t.py::t", {"at": "now"})


def test_a_prompt_stands_as_text_line_by_line():
    body = json.dumps({"messages": [{"content": "一行目\nsecond line\n"}]}).encode()

    text = dump(Cassette(exchanges=(exchange(body=body),)))

    assert "content: |\n          一行目\n          second line\n" in text


@pytest.mark.parametrize(
    "text, line, problem",
    [
        ("a: [1, 2", 2, ""),
        ("interactions:\n- request: {method: GET\n", 3, ""),
        ("a: &x 1\nb: *x\n", 2, "aliases"),
        ("a: 1\nb: !!python/object/apply:os.system ['true']\n", 2, "tag"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("[" * 300 + "]" * 300, 1, "deep"),
    ],
)
def test_hostile_or_broken_yaml_is_refused_with_its_line(text, line, problem):
    with pytest.raises(YamlProblem) as caught:
        load(text)

    assert problem in caught.value.problem
    assert caught.value.line == line


@pytest.mark.parametrize(
    "text, problem",
    [
        ("hello", "not a cassette"),
        ("interactions: 1", "not a cassette"),
        ("llmwatch: 99\ninteractions: []", "format 99"),
        ("interactions:\n- 1", r"interactions\[0\]"),
        ("interactions:\n- request: {uri: x}\n  response: {}", r"interactions\[0\]"),
    ],
)
def test_a_file_that_is_no_cassette_is_named(text, problem):
    with pytest.raises(UnreadableCassette, match=rf"cassettes/x\.yaml.*{problem}"):
        parse(text, "cassettes/x.yaml")


def test_a_vcrpy_cassette_is_read_with_its_compressed_body_opened():
    packed = base64.b64encode(gzip.compress(b'{"a":1}')).decode()
    text = f"""
interactions:
- request: {{body: '{{"q":1}}', headers: {{content-type: [application/json]}}, method: post, uri: 'https://h/x'}}
  response:
    body: {{string: !!binary {packed}}}
    headers: {{Content-Encoding: [gzip], X-Y: [a, b]}}
    status: {{code: 200, message: OK}}
version: 1
"""
    read = parse(text, "old.yaml").exchanges[0]

    assert read.request.method == "POST"
    assert read.response == Response(status=200, reason="OK", headers=(("X-Y", "a"), ("X-Y", "b")), body=b'{"a":1}')


def test_every_recorded_cassette_survives_being_rewritten():
    corpus = os.environ.get("LLMWATCH_CORPUS")
    if not corpus:
        pytest.skip("LLMWATCH_CORPUS is not set: the recorded traffic is not here")
    files = sorted(Path(corpus).rglob("*.yaml"))

    for file in files:
        old = parse(file.read_text(encoding="utf-8"), file.name)
        new = parse(dump(Cassette(test="t", exchanges=old.exchanges)), file.name)
        for before, after in zip(old.exchanges, new.exchanges, strict=True):
            assert before.request.uri == after.request.uri
            assert same_content(before.response.body, after.response.body), file
            assert same_content(before.request.body, after.request.body), file
    assert files


def same_content(before, after):
    return before == after or json.loads(before) == json.loads(after)


@pytest.mark.parametrize("lines", [1, 2, 8])
def test_a_file_that_was_cut_at_a_line_is_told_from_a_whole_one(lines):
    text = dump(Cassette(test="t", exchanges=(exchange(), exchange())))
    cut = "".join(text.splitlines(keepends=True)[:-lines])

    with pytest.raises(UnreadableCassette, match=r"t\.yaml, line \d+: .*(cut short|neither)"):
        parse(cut, "t.yaml")
