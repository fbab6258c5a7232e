import base64
import gzip
import json
import re
from dataclasses import replace
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

BODIES = st.binary() | TEXT.map(str.encode) | JSON.map(lambda value: json.dumps(value, ensure_ascii=False).encode())
# The recorder takes these three away; with a body that was opened they would lie.
FORM_HEADERS = {"content-encoding", "content-length", "transfer-encoding"}
NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]) | st.just("-"), min_size=1, max_size=8)
HEADERS = st.lists(st.tuples(NAMES.filter(lambda name: name.lower() not in FORM_HEADERS), TEXT), max_size=4).map(tuple)
JSON_TYPE = (("content-type", "application/json"),)
SECONDS = st.none() | st.integers(0, 10**8).map(lambda milliseconds: milliseconds / 1000)
REQUESTS = st.builds(Request, method=st.sampled_from(["GET", "POST", "DELETE"]), uri=TEXT, headers=HEADERS, body=BODIES)
RESPONSES = st.builds(Response, status=st.integers(100, 599), reason=TEXT, headers=HEADERS, body=BODIES)
FAILURES = st.builds(TransferFailure, kind=st.sampled_from(["connect", "timeout", "cut"]), message=TEXT)
EXCHANGES = st.builds(
    Exchange,
    request=REQUESTS,
    response=st.none() | RESPONSES,
    failure=st.none() | FAILURES,
    started=SECONDS,
    duration=SECONDS,
    time_to_first_chunk=SECONDS,
).filter(lambda exchange: exchange.response or exchange.failure)

# What is written in a form of its own: ids and times, vectors, media, and texts that look like such a form.
NUMBERS = st.lists(st.floats(-2, 2, width=32) | st.integers(-9, 9), min_size=60, max_size=70)
BULK = st.integers(380, 400).map(lambda size: base64.b64encode(bytes(range(200)) * 3)[: size * 2].decode())
LOOKALIKES = st.sampled_from(["[attachment 0: 600 characters]", "[attachment 0: 64 numbers]", "data: [DONE]", "<id>"])
LEAVES = JSON | NUMBERS | BULK | LOOKALIKES
CALLS = st.lists(
    st.fixed_dictionaries({"id": LEAVES, "function": st.fixed_dictionaries({"arguments": LEAVES})}), max_size=2
)
PARTS = st.fixed_dictionaries({"content": LEAVES}, optional={"role": LEAVES, "tool_calls": CALLS, "reasoning": LEAVES})
ENDS = {"created": LEAVES | st.integers(0, 2**31), "model": LEAVES, "usage": LEAVES, "system_fingerprint": LEAVES}
COMPLETIONS = st.fixed_dictionaries(
    {"id": LEAVES, "object": st.just("chat.completion")},
    optional={"choices": st.lists(st.fixed_dictionaries({"index": LEAVES, "message": PARTS}), max_size=3), **ENDS},
)
CHUNKS = st.fixed_dictionaries(
    {"id": LEAVES, "object": st.just("chat.completion.chunk")},
    optional={
        "choices": st.lists(st.fixed_dictionaries({"index": LEAVES, "delta": PARTS}), max_size=2),
        **ENDS,
        "obfuscation": st.text("aZ9", max_size=9),
    },
)
FRAMES = st.sampled_from(["data: {}\n\n", "data:{}\n\n", "data: {}\r\n\r\n", "event: chunk\ndata: {}\n\n", ": {}\n\n"])
PADDING = re.compile(rb', ?"obfuscation": ?"\w*"|"obfuscation": ?"\w*", ?')


@st.composite
def streams(draw):
    """A stream of chunks as some provider may send it, whole or cut anywhere."""
    frame, spaces = draw(FRAMES), draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    is_ascii, chunks = draw(st.booleans()), draw(st.lists(CHUNKS, max_size=5))
    texts = [json.dumps(chunk, separators=spaces, ensure_ascii=is_ascii) for chunk in chunks]
    whole = "".join(frame.format(text) for text in texts) + draw(st.sampled_from(["", "data: [DONE]\n\n"]))
    body = whole.encode()
    return body[: len(body) - draw(st.sampled_from([0, 0, 0, 1, 2, 9]))]


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


@given(EXCHANGES)
def test_any_exchange_survives(before):
    [after] = again(before).exchanges

    assert without_content(after) == without_content(before)
    assert same_content(before.request, after.request)
    assert (after.response is None) == (before.response is None)
    assert before.response is None or same_content(before.response, after.response)


@given(COMPLETIONS | LEAVES, COMPLETIONS | LEAVES, st.sampled_from(["chat/completions", "embeddings", "responses"]))
def test_whatever_stands_at_the_place_of_ids_and_vectors_survives(asked, answered, path):
    request = Request(method="POST", uri=f"https://api.openai.com/v1/{path}", body=json.dumps(asked).encode())
    answer = json.dumps(answered, ensure_ascii=False, indent=2).encode()
    before = Exchange(request=request, response=Response(status=200, headers=JSON_TYPE, body=answer))

    after, once_more = again(before, before).exchanges

    assert same_content(before.request, after.request)
    assert same_content(before.response, after.response)
    assert once_more == after


@given(streams())
def test_any_stream_survives_but_for_its_padding(body):
    asked = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": "?"}], "stream": True})
    request = Request(method="POST", uri="https://api.openai.com/v1/chat/completions", body=asked.encode())
    event_stream = (("content-type", "text/event-stream"),)
    before = Exchange(request=request, response=Response(status=200, headers=event_stream, body=body))

    [after] = again(before).exchanges

    assert PADDING.sub(b"", after.response.body) == PADDING.sub(b"", body)


def without_content(exchange):
    """The exchange with empty messages in it: bodies and headers need a comparison of their own."""
    request, response = exchange.request, exchange.response
    return replace(
        exchange,
        request=replace(request, headers=(), body=b""),
        response=response and replace(response, headers=(), body=b""),
    )


def same_content(before, after):
    """The same headers, those of one name in their order, and the same bytes or the same value of JSON."""
    is_same = before.body == after.body or value_in(before.body) == value_in(after.body)
    return is_same and by_name(before.headers) == by_name(after.headers)


def value_in(body):
    """The value of a JSON body as text: 1 is not 1.0 there, nor true."""
    return json.dumps(json.loads(body), sort_keys=True)


def by_name(headers):
    names = {}
    for name, value in headers:
        names.setdefault(name, []).append(value)
    return names


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
        ("interactions:\n- 1\nversion: 1", "interaction 1 of 1: it has no `request`"),
        ("interactions:\n- request: {uri: x}\n  response: {}\nversion: 1", "the request has no `method`"),
    ],
)
def test_a_file_that_is_no_cassette_is_named(text, problem):
    with pytest.raises(UnreadableCassette, match=r"(?s)\n  cassettes/x\.yaml") as caught:
        parse(text, "cassettes/x.yaml")

    assert problem in caught.value.problem


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


@pytest.mark.parametrize("lines", [1, 2, 8])
def test_a_file_that_was_cut_at_a_line_is_told_from_a_whole_one(lines):
    text = dump(Cassette(test="t", exchanges=(exchange(), exchange())))
    cut = "".join(text.splitlines(keepends=True)[:-lines])

    with pytest.raises(UnreadableCassette, match=r"(?i)(cut short|neither).*\n  t\.yaml, line \d+\n"):
        parse(cut, "t.yaml")


def test_the_cassette_in_the_documentation_is_one():
    document = (Path(__file__).parent.parent / "docs" / "cassettes.md").read_text(encoding="utf-8")
    text = document.split("```yaml\n")[1].split("```")[0]
    (exchange,) = parse(text, "docs/cassettes.md").exchanges

    assert json.loads(exchange.response.body)["id"] == "chatcmpl-d37c"
    assert exchange.duration == 0.84
