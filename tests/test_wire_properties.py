"""What holds for every wire format: decoding is total, and a stream is worth what it said until it was cut."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_llmwatch import wire
from pytest_llmwatch.calls import ModelCall
from pytest_llmwatch.cassette import parse
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Exchange, Request, Response, TransferFailure
from pytest_llmwatch.readings import reading_of

CORPUS = os.environ.get("LLMWATCH_CORPUS")
LONGEST = 30_000
# Cuts of one stream: at every byte of one that is no longer, at every few bytes of others.
CUTS = 6_000
FORMATS = {each.__name__.rpartition(".")[2]: each for each in wire.formats()}
DOCUMENT = (Path(__file__).parent.parent / "docs" / "formats.md").read_text(encoding="utf-8")
# The requests that the document names for each format.
REQUESTS = {
    name: [re.sub(r"\{\w+\}", "some-1", each).partition(" ") for each in re.findall(r"`([^`]+)`", requests)]
    for name, requests in re.findall(r"^\| `(\w+)` \| (`[^|]+`) \|", DOCUMENT, re.MULTILINE)
}
# The words of the formats, so that what is drawn gets past the first look.
WORDS = sorted(
    {
        *(
            "choices",
            "delta",
            "message",
            "messages",
            "content",
            "text",
            "type",
            "role",
            "usage",
            "id",
            "model",
            "input",
        ),
        *("output", "finish_reason", "tool_calls", "function", "arguments", "index", "error", "response", "item"),
        *("candidates", "parts", "contents", "embedding", "data", "results", "score", "stop_reason", "content_block"),
        *("prompt", "tools", "delta", "stream", "total_tokens", "input_tokens", "documents", "query", "texts", "name"),
        *("response.completed", "message_start", "content_block_delta", "text_delta", "done", "steps", "outputs"),
    }
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(WORDS)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=6)
BODIES = (
    st.binary(max_size=60)
    | VALUES.map(lambda value: json.dumps(value).encode())
    | st.lists(OBJECTS, max_size=4).map(
        lambda items: "".join(f"data: {json.dumps(each)}\n\n" for each in items).encode()
    )
    | st.lists(OBJECTS, max_size=4).map(lambda items: "".join(f"{json.dumps(each)}\n" for each in items).encode())
)


def read(format_, exchange):
    """The call, or `None` where the format refuses; whatever it reads can be told in a cassette."""
    try:
        call = format_.decode(exchange)
    except UndecodableExchange as refusal:
        str(refusal)
        return None
    assert isinstance(call, ModelCall)
    reading_of(call)
    return call


@pytest.mark.parametrize("name", FORMATS)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(data=st.data())
def test_any_bytes_are_read_or_refused_by_name(name, data):
    method, _, path = data.draw(st.sampled_from(REQUESTS[name]))
    request = Request(method=method, uri=f"https://host.example{path}", body=data.draw(BODIES))
    response = Response(status=data.draw(st.sampled_from([200, 204, 400, 429, 529])), body=data.draw(BODIES))
    failure = data.draw(st.none() | st.just(TransferFailure(kind="cut")))
    exchange = Exchange(request=request, response=data.draw(st.just(response) | st.none()), failure=failure)

    FORMATS[name].claims(request)
    read(FORMATS[name], exchange)


def streams():
    """A short stream of each format that has one in the corpus: the shortest with a text that is not tiny."""
    found = {}
    for file in sorted(Path(CORPUS).rglob("*.yaml")) if CORPUS else ():
        for exchange in parse(file.read_text(encoding="utf-8"), file.name).exchanges:
            name = next((name for name, each in FORMATS.items() if each.claims(exchange.request)), None)
            size = len(exchange.response.body) if exchange.response else 0
            if name is None or not 0 < size < (len(found[name].response.body) if name in found else LONGEST):
                continue
            call = wire.read(exchange)
            if call.streaming and not call.error_type and len(call.output_text) > 20:
                found[name] = exchange
    return found


STREAMS = streams()
needs_corpus = pytest.mark.skipif(not CORPUS, reason="LLMWATCH_CORPUS is not set: the recorded traffic is not here")
each_stream = pytest.mark.parametrize("name", sorted(STREAMS) or ["none"])


def with_body(exchange, body):
    return replace(exchange, response=replace(exchange.response, body=body))


@needs_corpus
@each_stream
def test_a_stream_that_is_cut_anywhere_has_the_beginning_of_its_text(name):
    exchange = STREAMS[name]
    whole, body = wire.read(exchange), exchange.response.body
    failure = TransferFailure(kind="cut", message="gone")
    grown = 0
    for end in range(1, len(body), 1 + len(body) // CUTS):
        call = wire.read(replace(with_body(exchange, body[:end]), failure=failure))

        # A final event may say the text again without the white space around it.
        assert whole.output_text.lstrip().startswith(call.output_text.lstrip()), end
        assert len(call.output_text) >= grown, end
        assert call.output_text == whole.output_text or call.error_type, end
        grown = len(call.output_text.lstrip())
    assert grown > 0


@needs_corpus
@each_stream
@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"])
def test_other_line_ends_and_comments_change_nothing(name, line_end):
    exchange = STREAMS[name]
    body = exchange.response.body
    if not body.lstrip().startswith((b"data:", b"event:", b"id:", b":")) or b"\r" in body:
        pytest.skip("this stream has no events of text, or has such line ends itself")
    other = body.replace(b"\n\n", b"\n\n: keep alive\n\n").replace(b"\n", line_end)

    assert wire.read(with_body(exchange, other)) == wire.read(exchange)


@needs_corpus
def test_the_formats_that_stream_most_are_among_the_streams():
    assert {"openai_chat", "openai_responses", "anthropic_messages", "gemini"} <= STREAMS.keys()
