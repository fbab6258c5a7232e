import json

import pytest

from pytest_llmwatch.bodies import with_steady_boundary
from pytest_llmwatch.errors import SettingError
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.request_key import ignored_field, request_key, request_target, significant_body

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi", "id": "a1"}], "temperature": 0}
URI = "https://api.openai.com/v1/chat/completions"


def asked(body, uri=URI, content_type="application/json", method="POST"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request(method=method, uri=uri, headers=(("Content-Type", content_type),), body=data)


def changed(**fields):
    return {**CHAT, **fields}


@pytest.mark.parametrize(
    "other",
    [
        dict(reversed(CHAT.items())),
        changed(temperature=0.0),
        changed(user="u-1"),
        changed(safety_identifier="x", prompt_cache_key="y"),
    ],
)
def test_what_does_not_count_makes_the_same_key(other):
    assert request_key(asked(other)) == request_key(asked(CHAT))


@pytest.mark.parametrize(
    "other",
    [
        changed(model="n"),
        changed(temperature=1),
        changed(temperature=False),
        changed(tools=[]),
        changed(stream=True),
        changed(messages=[{"role": "user", "content": "hi ", "id": "a1"}]),
        changed(messages=[{"role": "user", "content": "ｈi", "id": "a1"}]),
        changed(messages=[{"role": "system", "content": "hi", "id": "a1"}]),
    ],
)
def test_every_other_change_makes_another_key(other):
    assert request_key(asked(other)) != request_key(asked(CHAT))


@pytest.mark.parametrize(
    "uri, target",
    [
        ("https://API.openai.com:443/v1/x", "POST api.openai.com/v1/x"),
        ("https://h.example:8443/v1/x", "POST h.example:8443/v1/x"),
        ("http://127.0.0.1:49152/v1/x", "POST localhost/v1/x"),
        ("http://[::1]:1/v1/x", "POST localhost/v1/x"),
        ("https://h/x?b=2&a=1&key=SECRET", "POST h/x?a=1&b=2"),
        ("https://h/x?X-Amz-Signature=s&alt=sse", "POST h/x?alt=sse"),
    ],
)
def test_a_target_has_host_path_and_the_query_that_counts(uri, target):
    assert request_target(asked(CHAT, uri)) == target


@pytest.mark.parametrize(
    "line, other",
    [
        ("messages[*].id", changed(messages=[{"role": "user", "content": "hi", "id": "b2"}])),
        ("$.messages[0].id", changed(messages=[{"role": "user", "content": "hi", "id": "b2"}])),
        ("**.id", changed(messages=[{"role": "user", "content": "hi", "id": "b2"}])),
        ("temperature", changed(temperature=0.5)),
        (r"messages[*].content ~ \d\d:\d\d", changed(messages=[{"role": "user", "content": "hi12:30", "id": "a1"}])),
    ],
)
def test_an_ignored_place_does_not_count(line, other):
    fields = [ignored_field(line)]

    assert request_key(asked(other), fields) == request_key(asked(CHAT), fields)
    assert request_key(asked(changed(model="n")), fields) != request_key(asked(CHAT), fields)


@pytest.mark.parametrize("line", ["", "messages[", "a..b..", "a ~ ("])
def test_a_line_that_is_no_path_is_refused(line):
    with pytest.raises(SettingError, match="llm_ignore_request_fields"):
        ignored_field(line)


def test_a_multipart_body_counts_without_its_boundary():
    def form(boundary, text):
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n{text}\r\n'
        body = f"{part}--{boundary}--\r\n".encode()
        return asked(body, content_type=f"multipart/form-data; boundary={boundary}")

    assert request_key(form("xyz", "sound")) == request_key(form("q1", "sound"))
    assert request_key(form("xyz", "sound")) != request_key(form("xyz", "noise"))


def test_a_multipart_request_is_kept_under_a_boundary_that_is_always_the_same():
    def form(boundary):
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper --xy\r\n'
        body = f"{part}--{boundary}--\r\n".encode()
        return asked(body, content_type=f'multipart/form-data; boundary="{boundary}"')

    assert with_steady_boundary(form("xyz-1")) == with_steady_boundary(form("xyz-2"))
    assert b"whisper --xy\r\n" in with_steady_boundary(form("xyz-1")).body
    assert request_key(with_steady_boundary(form("xyz-1"))) == request_key(form("q"))
    assert with_steady_boundary(asked(CHAT)) == asked(CHAT)


def test_a_form_counts_by_its_pairs_and_bytes_by_their_hash():
    form = "application/x-www-form-urlencoded"

    assert request_key(asked(b"a=1&b=2", content_type=form)) == request_key(asked(b"b=2&a=1", content_type=form))
    assert request_key(asked(b"\xff\x00", content_type="x")) != request_key(asked(b"\xff\x01", content_type="x"))


def test_the_number_of_a_remote_procedure_call_does_not_count():
    one, two = ({"jsonrpc": "2.0", "id": number, "method": "tools/call"} for number in (1, 2))

    assert significant_body(asked(one)) == significant_body(asked(two))


def test_a_path_is_the_same_however_a_client_escapes_it():
    def target(path):
        return request_target(Request(method="POST", uri=f"https://bedrock.example{path}"))

    assert target("/model/nova-lite-v1%3A0/converse") == target("/model/nova-lite-v1:0/converse")
    assert target("/model/%E6%97%A5/x") == target("/model/日/x")
    assert target("/files/a%2Fb") != target("/files/a/b")
    assert target("/files/a%252Fb") != target("/files/a%2Fb")
