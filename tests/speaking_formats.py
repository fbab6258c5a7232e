"""What the tests of the smaller wire formats share: an exchange from a body, a call or nothing, recorded traffic."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from test_wire_openai_chat import corpus, expected_values, recorded, values_read

from pytest_llmwatch import wire
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Exchange, Request, Response, TransferFailure

if TYPE_CHECKING:
    from pytest_llmwatch.calls import ModelCall

CUT = TransferFailure(kind="cut", message="peer closed connection")
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def exchange_of(body, *, asked, uri, method="POST", status=200, sent_as=None, came_as=None, failure=None) -> Exchange:
    def bytes_of(value):
        return value if isinstance(value, bytes) else json.dumps(value).encode()

    request = Request(method=method, uri=uri, headers=header(sent_as), body=bytes_of(asked))
    response = None if body is None else Response(status=status, headers=header(came_as), body=bytes_of(body))
    return Exchange(request=request, response=response, failure=failure)


def header(kind):
    return (("Content-Type", kind),) if kind else ()


def outcome_of(decode, exchange) -> ModelCall | None:
    """The call; nothing where the body is not the format. Every other exception is a failure of the test."""
    try:
        return decode(exchange)
    except UndecodableExchange:
        return None


def events_of(*data, done=False) -> bytes:
    lines = [f"data: {json.dumps(each)}\n\n" for each in data] + (["data: [DONE]\n\n"] if done else [])
    return "".join(lines).encode()


def form_of(*fields, boundary="b0undary") -> tuple[bytes, str]:
    """A form as clients send it, and its content type; a field is (name, text) or (name, file name, bytes)."""
    parts = []
    for name, *rest in fields:
        head = f'Content-Disposition: form-data; name="{name}"'
        if len(rest) == 2:
            head += f'; filename="{rest[0]}"\r\nContent-Type: application/octet-stream'
        content = rest[-1] if isinstance(rest[-1], bytes) else rest[-1].encode()
        parts.append(f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def disagreements(endpoint, *, except_for=()):
    """Where the package reads recorded traffic otherwise than the providers' own clients; and how much was compared."""
    compared, wrong = 0, []
    for name, exchange, interaction in recorded(corpus(), endpoint):
        read = values_read(wire.decode(exchange))
        for field, want in expected_values(interaction).items():
            if (endpoint, field) in except_for:
                continue
            compared += 1
            wrong += [(name, field, want, read[field])] if read[field] != want else []
    assert compared > 0
    return wrong
