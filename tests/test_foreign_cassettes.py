import base64
import gzip
import json
import zlib
from importlib.util import find_spec

import pytest
import yaml

from pytest_llmwatch.bodies import LIMIT, decoded, opened
from pytest_llmwatch.exchange import Request, Response
from pytest_llmwatch.foreign_cassettes import cut_short, foreign_document, foreign_exchange
from pytest_llmwatch.yaml_text import YamlProblem, load

ANSWER = b'{"answer":"Zo\xc3\xab"}'
# As vcrpy 9 writes it.
VCRPY = """\
interactions:
- request:
    body: '{"q":"hi"}'
    headers:
      Content-Type:
      - application/json
    method: POST
    uri: https://h/x
  response:
    body:
      string: "{\\"answer\\":\\n \\"Zo\\xEB\\"}"
    headers:
      Content-Encoding:
      - gzip
      Set-Cookie:
      - a=1
      - b=2
    status:
      code: 200
      message: OK
- request:
    body:
      q: 1
      stream: true
    headers: {}
    method: post
    uri: https://h/y
  response:
    body:
      string: ''
    headers: {}
    status:
      code: 500
      message: null
version: 1
"""
# As cassetter 0.16 writes it, in files of either name.
CASSETTER = """\
version: 1
interactions:
- request:
    method: POST
    uri: https://h/x
    headers:
      accept:
      - "*/*"
    body:
      type: json
      content:
        q: "1e3"
        "n": 1.5
        d: 2026-11-23
  response:
    status: 200
    headers:
      content-type:
      - text/event-stream
    body:
      type: text
      content: |+
        data: {"a": 1}
        
        data: [DONE]
        
  recorded_at: 2026-11-23T23:47:02.407026+00:00
- request:
    method: GET
    uri: https://h/y
    headers: {}
    body:
      type: none
  response:
    status: 404
    headers: {}
    body:
      type: binary
      content: >-
        00ff0a
  recorded_at: 2026-11-23T23:47:02.506803+00:00
"""  # noqa: W293 - the lines end so


def exchanges(text):
    document = foreign_document(text) or load(text)
    return [foreign_exchange(item) for item in document["interactions"]]


def response_with(body, **facts):
    response = {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": body, **facts}
    item = {"request": {"method": "GET", "uri": "https://h/"}, "response": response}
    return foreign_exchange(item).response


def request_with(**facts):
    item = {"request": {"method": "POST", "uri": "https://h/", **facts}, "response": {"status": 200}}
    return foreign_exchange(item).request


def test_vcrpy_in_yaml():
    first, second = exchanges(VCRPY)

    assert first.request == Request(
        method="POST", uri="https://h/x", headers=(("Content-Type", "application/json"),), body=b'{"q":"hi"}'
    )
    assert first.response == Response(
        status=200,
        reason="OK",
        headers=(("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")),
        body='{"answer":\n "Zoë"}'.encode(),
    )
    assert second.request == Request(method="POST", uri="https://h/y", body=b'{"q":1,"stream":true}')
    assert second.response == Response(status=500)


def test_vcrpy_in_json_is_read_as_in_yaml():
    assert exchanges(json.dumps(load(VCRPY))) == exchanges(VCRPY)


def test_cassetter():
    first, second = exchanges(CASSETTER)

    assert first.request.body == b'{"q":"1e3","n":1.5,"d":"2026-11-23"}'
    assert first.response.body == b'data: {"a": 1}\n\ndata: [DONE]\n\n'
    assert second.request.body == b""
    assert second.response == Response(status=404, body=b"\x00\xff\n")


def test_pydantic_ai_has_the_value_of_a_json_body_in_its_place():
    text = """
interactions:
- request:
    headers: {content-type: [application/json]}
    method: POST
    parsed_body:
      messages:
      - content: |
          one
          two
    uri: https://h/x
  response:
    headers: {content-type: [application/json]}
    parsed_body: {a: [1, 2.5, null]}
    status: {code: 200, message: OK}
version: 1
"""
    [read] = exchanges(text)

    assert read.request.body == b'{"messages":[{"content":"one\\ntwo\\n"}]}'
    assert read.response.body == b'{"a":[1,2.5,null]}'


def test_a_header_name_of_a_string_type_is_its_text():
    class Name(str):
        __slots__ = ()

        def __reduce__(self):
            return (Name, (str(self),))

    item = {"method": "GET", "uri": "https://h/", "headers": {Name("Accept"): ["*/*"], Name("X-A"): ["1"]}}
    written = yaml.dump({"interactions": [{"request": item, "response": {"status": 200}}], "version": 1})
    tag = "!!python/object/apply:multidict._multidict.istr"
    text = "\n".join(line[: line.index("!!")] + tag if "!!python" in line else line for line in written.split("\n"))

    assert f"? {tag}\n" in text
    assert exchanges(text)[0].request.headers == (("Accept", "*/*"), ("X-A", "1"))


@pytest.mark.parametrize(
    "headers, expected",
    [
        (None, ()),
        ([], ()),
        ({"a": "1", "b": ["2", "3"], "c": None}, (("a", "1"), ("b", "2"), ("b", "3"))),
        ({"a": b"caf\xe9", b"b": [b"1"], "n": 5}, (("a", "café"), ("b", "1"), ("n", "5"))),
        ([["a", "1"], ["a", "2"]], (("a", "1"), ("a", "2"))),
        (["a: 1\r\n", "b:2"], (("a", "1"), ("b", "2"))),
        ({"Content-Length": ["3"], "Transfer-Encoding": "chunked", "Content-Encoding": ["gzip"]}, ()),
    ],
)
def test_headers_in_all_their_forms(headers, expected):
    assert request_with(headers=headers).headers == expected
    assert response_with({"string": "abc"}, headers=headers).headers == expected


@pytest.mark.parametrize(
    "body, expected",
    [
        (None, b""),
        ("", b""),
        ("é\udcff", b"\xc3\xa9\xff"),
        (b"\x00", b"\x00"),
        ({}, b"{}"),
        ({"string": "x"}, b"x"),
        ({"encoding": "UTF-8", "string": "x"}, b"x"),
        ({"encoding": "ASCII-8BIT", "base64_string": "AP8="}, b"\x00\xff"),
        ({"string": None}, b""),
        ({"string": "x", "model": "m"}, b'{"string":"x","model":"m"}'),
        ({"type": "text", "content": "x", "model": "m"}, b'{"type":"text","content":"x","model":"m"}'),
        ([1, True, None], b"[1,true,null]"),
        (True, b"true"),
    ],
)
def test_bodies_in_all_their_forms(body, expected):
    assert request_with(body=body).body == expected


def test_a_response_of_httpx_is_flat_in_older_files():
    item = {"status_code": 201, "http_version": "HTTP/1.1", "headers": {"a": "b"}, "content": "x"}

    read = foreign_exchange({"request": {"method": "GET", "uri": "https://h/"}, "response": item}).response

    assert read == Response(status=201, headers=(("a", "b"),), body=b"x")


@pytest.mark.parametrize(
    "headers", [{"content-encoding": ["{}"]}, {"Content-Encoding": "{}"}, {"content-type": "text/x"}, {}]
)
@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate", "br", "zstd"])
def test_a_compressed_body_is_opened_whether_its_header_was_kept_or_not(coding, headers):
    packed = packed_with(coding, ANSWER * 20)
    headers = {name: json.loads(json.dumps(value).replace("{}", coding.split()[-1])) for name, value in headers.items()}
    if coding == "raw deflate" and "content-encoding" not in str(headers).lower():
        pytest.skip("nothing tells raw deflate from noise")

    read = response_with({"string": packed}, headers=headers)

    assert read.body == ANSWER * 20
    assert read.header("content-encoding") is None


def packed_with(coding, body):
    if coding == "gzip":
        return gzip.compress(body)
    if coding == "deflate":
        return zlib.compress(body)
    if coding == "raw deflate":
        return zlib.compress(body, wbits=-15)
    if coding == "br":
        return pytest.importorskip("brotli").compress(body)
    return pytest.importorskip("zstandard").compress(body)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity", "utf-8", "gzip, br", "", None])
@pytest.mark.parametrize("body", [ANSWER, b"", b"data: x\n\n", b"{}", b"x"])
def test_a_stale_header_over_a_plain_body_is_not_in_force(body, coding):
    assert decoded(body, coding) == (body, None)


@pytest.mark.parametrize(
    "body, coding, in_force",
    [
        (b"\x00\x01\xff\xfe", "compress", "compress"),
        (gzip.compress(b"\x00\xff", mtime=0), "Compress, GZIP", "compress"),
        (b"\x1f\x8b\x08\x00 no gzip at all", "gzip", "gzip"),
    ],
)
def test_what_cannot_be_decoded_keeps_its_header(body, coding, in_force):
    left, headers = opened(body, (("Content-Encoding", coding), ("content-length", "9"), ("a", "b")))

    assert headers == (("a", "b"), ("content-encoding", in_force))
    assert left in (body, b"\x00\xff")


@pytest.mark.skipif(
    any(find_spec(name) for name in ("brotli", "brotlicffi")), reason="a decoder of br is installed: nothing is missing"
)
def test_a_coding_without_its_decoder_keeps_its_header():
    packed = base64.b64decode("iwOAaGVsbG8gd29ybGQD")

    read = response_with({"string": packed}, headers={"content-encoding": "br"})

    assert (read.body, read.headers) == (packed, (("content-encoding", "br"),))


def test_a_stream_that_was_cut_gives_what_had_come():
    packed = gzip.compress(b"data: x\n\n" * 5000, 1)

    body, in_force = decoded(packed[: len(packed) // 2], "gzip")

    assert in_force is None
    assert 0 < len(body) < 45_000
    assert (b"data: x\n\n" * 5000).startswith(body)


def test_several_members_are_one_body():
    assert decoded(gzip.compress(b"a") + gzip.compress(b"b") + b"\0\0", "gzip") == (b"ab", None)


def test_an_endless_body_stays_as_it_came():
    zeros = zlib.compressobj(wbits=-15)
    block = zeros.compress(bytes(1 << 20)) + zeros.flush(zlib.Z_FULL_FLUSH)
    packed = block * (LIMIT // (1 << 20) + 1)

    assert decoded(gzip.compress(packed), "deflate, gzip") == (packed, "deflate")


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"request": None},
        {"request": {"method": "GET", "uri": "x"}},
        {"request": {"method": "GET", "uri": "x"}, "response": None},
        {"request": {"method": "GET"}, "response": {"status": 200}},
        {"request": {"method": None, "uri": "x"}, "response": {"status": 200}},
        {"request": {"method": "GET", "uri": "x"}, "response": {}},
        {"request": {"method": "GET", "uri": "x"}, "response": {"status": {"code": "x"}}},
        {"request": {"method": "GET", "uri": "x", "headers": [1]}, "response": {"status": 200}},
        {"request": {"method": "GET", "uri": "x", "headers": {"a": {"b": 1}}}, "response": {"status": 200}},
        {"request": {"method": "GET", "uri": "x", "body": "\ud800"}, "response": {"status": 200}},
        {"request": {"method": "GET", "uri": "x"}, "response": {"status": 200, "body": {"base64_string": "*"}}},
        {"request": {"method": "GET", "uri": "x", "body": {"type": "binary", "content": "x"}}, "response": {}},
    ],
)
def test_what_is_no_interaction_is_refused(item):
    with pytest.raises((ValueError, KeyError, TypeError)):
        foreign_exchange(item)


def test_a_file_of_vcrpy_that_was_cut_is_an_error_or_known_as_cut():
    for end in range(len("interactions:\n"), len(VCRPY) - len("1\n")):
        text = VCRPY[:end]
        assert is_broken(text) or cut_short(load(text), text), text[-40:]
    assert not cut_short(load(VCRPY), VCRPY)


def test_a_file_of_cassetter_that_was_cut_inside_an_interaction_is_known_as_cut():
    lines = CASSETTER.splitlines(keepends=True)
    whole = "".join(lines[: lines.index("- request:\n", 5)])

    assert not cut_short(load(CASSETTER), CASSETTER)
    assert not cut_short(load(whole), whole)
    for end in range(6, len(lines)):
        text = "".join(lines[:end])
        if text != whole:
            assert is_broken(text) or cut_short(load(text), text), text[-60:]


def is_broken(text):
    try:
        exchanges(text)
    except (YamlProblem, ValueError, KeyError, TypeError):
        return True
    return False


def test_what_precedes_the_first_key_does_not_hide_a_cut():
    for before in ("", "\ufeff", "---\n", "# made by hand\n\n", "%YAML 1.1\n---\n"):
        assert cut_short({"interactions": []}, f"{before}interactions: []\n")
        assert not cut_short({"interactions": [], "version": 1}, f"{before}interactions: []\nversion: 1\n")


@pytest.mark.parametrize("text", ["interactions: []", "[1]", "# {", "", "{interactions: [], version: 1}", "{a: 'x'}"])
def test_what_is_no_json_is_left_to_the_yaml_reader(text):
    assert foreign_document(text) is None


@pytest.mark.parametrize("text", ['{"a": [1, {"b": null}]}', '\n {"a": 1}\n', "\ufeff{}", '{"a": NaN}'])
def test_json_is_read_as_json(text):
    assert repr(foreign_document(text)) == repr(json.loads(text.removeprefix("\ufeff")))


@pytest.mark.parametrize(
    "text, line, problem",
    [
        ('{"version": 1,\n "interactions": [\n {"request": ', 3, "not whole JSON"),
        ('{"a": 1}\n}', 2, "not whole JSON: Extra data"),
        ("{", 1, "not whole JSON"),
        ('{"a": ' + "[" * 100_000, 1, "deep"),
        ('{"a": ' + "[" * 300 + "]" * 300 + "}", 1, "deep"),
        ('{"a": 1,\n"a": 2}', None, "the key 'a' is there twice"),
        ('{"a": ' + "1" * 5000 + "}", None, "Exceeds the limit"),
        ('{"a": 1,\n<<<<<<< HEAD\n"b": 2}', 2, "an unresolved merge conflict"),
        ('{"a": 1,\n"b": "\udce9"}', 2, "not UTF-8: byte 0xe9"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_json_that_is_hostile_or_damaged_is_refused(text, line, problem):
    with pytest.raises(YamlProblem) as caught:
        foreign_document(text)

    assert problem in caught.value.problem
    assert caught.value.line == line
