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

from pytest_llmwatch.cassette import Cassette, parse
from pytest_llmwatch.cassette_text import dump
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


STREAM = "".join(
    f'data: {{"id":"c","object":"chat.completion.chunk","choices":[{{"index":0,"delta":{{"content":"{piece}"}}}}]}}\n\n'
    for piece in ("You can return it", " within", " 14 days", ", if it is", " undamaged.")
).encode()


def streamed(body=STREAM):
    asked = json.dumps({"model": "m", "messages": [{"role": "user", "content": "?"}], "stream": True}).encode()
    return Exchange(
        request=Request(method="POST", uri="https://api.openai.com/v1/chat/completions", body=asked),
        response=Response(status=200, headers=(("content-type", "text/event-stream"),), body=body),
    )


@pytest.mark.parametrize("comment", ["# checked", "  # checked", "      # checked"])
def test_a_comment_inside_a_reading_changes_nothing(comment):
    text = dump(Cassette(exchanges=(streamed(), streamed())))
    place = text.index("    output_text:", text.index("    output_text:") + 1)

    read = parse(f"{text[:place]}{comment}\n{text[place:]}", "t.yaml")

    assert [one.response.body for one in read.exchanges] == [STREAM, STREAM]


@pytest.mark.parametrize("varies", ['{"started": 1, "started": 2}', '{"a": ' * 5000])
def test_a_damaged_line_of_what_varies_is_refused(varies):
    text = dump(Cassette(exchanges=(exchange(started=1.0),)))

    with pytest.raises(UnreadableCassette, match=r"t\.yaml"):
        parse(re.sub("  varies: .*", lambda _: f"  varies: {varies}", text), "t.yaml")


@pytest.mark.parametrize("other", ["within 30 days", "within 14 dayz"])
def test_a_streamed_answer_edited_by_hand_is_refused_whatever_its_length(other):
    text = dump(Cassette(exchanges=(streamed(),)))
    edited = text.replace("within 14 days", other)

    assert edited != text
    with pytest.raises(UnreadableCassette, match=r"a streamed answer cannot be edited by hand \(.+\): record it again"):
        parse(edited, "t.yaml")


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1e400}',
        b'{"a":-1e999}',
        b'{"a":0.1234567890123456789012345}',
        b'{"a":1e-400}',
        b'{"a":1e-99999999999999999999999}',
        b'{"a":123456789012345678901.5}',
        '{"a":"あ"}'.encode("utf-16"),
        '{"a":"あ"}'.encode("utf-32-le"),
        b'\xef\xbb\xbf{"a":1}',
    ],
)
def test_json_that_would_not_say_the_same_again_keeps_its_bytes(body):
    [after] = again(exchange(body=body, answer=body)).exchanges

    assert (after.request.body, after.response.body) == (body, body)


@pytest.mark.parametrize(
    "number", ["0.1", "0.10000000000000001", "1.50", "1e5", "1E+2", "-0.0", "0.006929283495992422"]
)
def test_a_number_that_loses_nothing_stands_as_a_value(number):
    text = dump(Cassette(exchanges=(exchange(answer=f'{{"a":{number}}}'.encode()),)))

    assert "\n    json:\n" in text
    assert parse(text, "t.yaml").exchanges[0].response.body == f'{{"a":{float(number)!r}}}'.encode()


def test_half_a_character_outside_a_body_does_not_make_a_file_that_cannot_be_read():
    before = exchange()
    odd = replace(
        before.request, method="PO\ud800", uri="https://h/\udc80", headers=(("x", "\ud800"), ("date", "\ud801"))
    )

    [after] = again(replace(before, request=odd)).exchanges

    assert after.request.uri == "https://h/\ufffd"
    assert dict(after.request.headers) == {"x": "\ufffd", "date": "\ufffd"}


def test_a_tool_that_strips_trailing_spaces_changes_nothing():
    prompt = "Two spaces end this line  \na tab this one\t\nan ideographic space this one\u3000\nand the last one "
    body = json.dumps({"messages": [{"content": prompt}]}, ensure_ascii=False, separators=(",", ":")).encode()
    text = dump(Cassette(exchanges=(exchange(body=body, answer=prompt.encode()),)))

    stripped = "".join(f"{line.rstrip()}\n" for line in text.split("\n")[:-1])
    [after] = parse(stripped, "t.yaml").exchanges

    assert (after.request.body, after.response.body) == (body, prompt.encode())


def made_of(*interactions, attachments=()):
    held = [{"call": {}, "request": {"method": "GET", "uri": "u"}, "response": each} for each in interactions]
    return emit({"llmwatch": 1, "interactions": held, "attachments": list(attachments), "count": len(held)})


FOLD = {"framing": "lines", "order": "0*1000000", "events": [{"raw": "x" * 60}]}


@pytest.mark.parametrize(
    "text",
    [
        made_of(*[{"status": 200, "stream": FOLD}] * 10),
        made_of(
            {"status": 200, "json": [0] * 1000, "attached": {f"/{place}": 0 for place in range(1000)}},
            attachments=[{"text": "x" * 1_000_000}],
        ),
        made_of(
            {"status": 200, "json": [0] * 1000, "attached": {f"/{place}": 0 for place in range(1000)}},
            attachments=[{"float32": "AAAA" * 100_000}],
        ),
        made_of(*[{"status": 200, "attached": 0}] * 600, attachments=[{"base64": "AAAA" * 250_000}]),
    ],
    ids=["folds", "text in one body", "numbers in one body", "bytes of many bodies"],
)
def test_a_small_file_cannot_fill_the_memory(text):
    assert len(text) < 2_000_000
    with pytest.raises(UnreadableCassette, match=r"(?i)the bodies come to more than 512 MB"):
        parse(text, "t.yaml")


def test_an_attachment_nested_too_deep_is_named():
    text = made_of({"status": 200, "json": [0], "attached": {"/0": 0}}, attachments=[{"numbers": "[" * 9000}])

    with pytest.raises(UnreadableCassette, match=r"Interaction 1 of 1: attachment 0 cannot be read"):
        parse(text, "t.yaml")
