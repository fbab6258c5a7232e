import base64
import contextlib
import itertools
import json
import os
import random
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_llmwatch.cassette import parse
from pytest_llmwatch.stream_fold import fold, unfold, without_padding
from pytest_llmwatch.stream_fold.framing import aws_message, frames_of

PIECES = [
    "The",
    " refund",
    " is",
    " paid",
    " with",
    "in",
    " 14",
    " days",
    ",",
    " if",
    " the",
    " phone",
    " is",
    " un",
    "damaged",
    ".\n\n",
    "-",
    " Keep",
    ' "',
    "the",
    '"',
    " box",
    " &",
    " <b>",
    "all",
    "</b>",
    " parts",
    ".",
]
PIECES_JA = ["返", "品は", "十四", "日以", "内に", "お願い", "します", "。", "ただし", "、", "破損", "のない", "もの"]
USAGE = {"input_tokens": 24, "output_tokens": 700, "total_tokens": 724}


def tokens(pieces, size, seed=7):
    chance, out, length = random.Random(seed), [], 0
    while length < size:
        out.append(chance.choice(pieces))
        length += len(out[-1].encode())
    return out


def dumps(value, **style):
    return json.dumps(
        value, ensure_ascii=style.pop("ensure_ascii", False), separators=style.pop("separators", (",", ":"))
    )


def sse(events, *, named=False, end="\n", **style):
    lines = []
    for event in events:
        if isinstance(event, str):
            lines.append(event + end * 2)
        else:
            name = f"event: {event['type']}{end}" if named else ""
            lines.append(f"{name}data: {dumps(event, **style)}{end * 2}")
    return "".join(lines).encode()


def openai_chat(pieces, identity="chatcmpl-A1b2C3d4E5f6"):
    def chunk(delta, finish=None):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        head = {"id": identity, "object": "chat.completion.chunk", "created": 1770747154, "model": "gpt-5-mini"}
        return {**head, "service_tier": "default", "system_fingerprint": "fp_1", "choices": [choice], "usage": None}

    body = [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        *(chunk({"content": each}) for each in pieces),
    ]
    return sse([*body, chunk({}, "stop"), {**chunk({}), "choices": [], "usage": USAGE}, "data: [DONE]"])


def openai_responses(pieces, identity="resp_0a4bc5e23769d65c", item="msg_0b5cbf1ce3f8b01c"):
    numbers = itertools.count()

    def event(kind, **facts):
        return {"type": kind, **facts, "sequence_number": next(numbers)}

    def response(status, output, usage):
        return {
            "id": identity,
            "object": "response",
            "created_at": 1768775269,
            "status": status,
            "error": None,
            "instructions": "Answer in the language of the question. " * 5,
            "model": "gpt-5-mini",
            "output": output,
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "top_p": 1.0,
            "tools": [],
            "usage": usage,
        }

    text = "".join(pieces)
    place = {"item_id": item, "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    message = {"id": item, "type": "message", "status": "in_progress", "content": [], "role": "assistant"}
    done = {**message, "status": "completed", "content": [{**part, "text": text}]}
    return sse(
        [
            event("response.created", response=response("in_progress", [], None)),
            event("response.in_progress", response=response("in_progress", [], None)),
            event("response.output_item.added", output_index=0, item=message),
            event("response.content_part.added", **place, part=part),
            *(event("response.output_text.delta", **place, delta=each, logprobs=[]) for each in pieces),
            event("response.output_text.done", **place, text=text, logprobs=[]),
            event("response.content_part.done", **place, part={**part, "text": text}),
            event("response.output_item.done", output_index=0, item=done),
            event("response.completed", response=response("completed", [done], USAGE)),
        ],
        named=True,
    )


def anthropic_messages(pieces, identity="msg_01GTUGFBnF2aWeZJjz8Ate5v", seed=1):
    message = {"id": identity, "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": []}
    events = [
        {"type": "message_start", "message": {**message, "stop_reason": None, "usage": USAGE}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": each}}
            for each in pieces
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": USAGE},
        {"type": "message_stop"},
    ]
    chance = random.Random(seed)
    padded = [f"{dumps(event)[:-1]}{' ' * chance.randrange(16)}}}" for event in events]
    padded.insert(2, '{"type": "ping"}')
    return "".join(f"event: {json.loads(each)['type']}\ndata: {each}\n\n" for each in padded).encode()


def gemini_chunks(pieces, identity="O4pyaoO6FrXO_uMPga2X6QY"):
    for number, each in enumerate(pieces, 1):
        finish = {"finishReason": "STOP"} if number == len(pieces) else {}
        yield {
            "candidates": [{"content": {"parts": [{"text": each}], "role": "model"}, **finish, "index": 0}],
            "usageMetadata": {"promptTokenCount": 137, "candidatesTokenCount": number, "totalTokenCount": 137 + number},
            "modelVersion": "gemini-2.5-flash",
            "responseId": identity,
        }


def gemini_sse(pieces, identity="O4pyaoO6FrXO_uMPga2X6QY"):
    return sse(gemini_chunks(pieces, identity), end="\r\n", separators=(",", ": "))


def gemini_array(pieces):
    chunks = [json.dumps(chunk, ensure_ascii=False, indent=2) for chunk in gemini_chunks(pieces)]
    return ("[" + "\n,\r\n".join(chunks) + "\n]").encode()


def aws(name, payload):
    headers = (":event-type", name, ":content-type", "application/json", ":message-type", "event")
    return aws_message(headers, payload)


def bedrock_converse(pieces, *, padded=True):
    def message(name, seed, **payload):
        letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        return aws(name, dumps({**payload, "p": letters[: seed * 7 % 60 + 1]} if padded else payload))

    deltas = [
        message("contentBlockDelta", number, contentBlockIndex=0, delta={"text": each})
        for number, each in enumerate(pieces)
    ]
    usage = {"inputTokens": 24, "outputTokens": 700, "totalTokens": 724}
    metadata = message("metadata", 3, metrics={"latencyMs": 812}, usage=usage)
    stops = message("contentBlockStop", 9, contentBlockIndex=0), message("messageStop", 8, stopReason="end_turn")
    return b"".join([message("messageStart", 4, role="assistant"), *deltas, *stops, metadata])


def bedrock_invoke(pieces):
    events = [line[6:] for line in anthropic_messages(pieces, seed=2).decode().split("\n") if line[:6] == "data: "]
    inner = [base64.b64encode(dumps(json.loads(event)).encode()).decode() for event in events]
    return b"".join(aws("chunk", dumps({"bytes": each, "p": "abcdefg"[: 1 + len(each) % 7]})) for each in inner)


def ollama(pieces, minute=25):
    def line(number, text, **facts):
        stamp = f"2024-05-30T16:{minute}:{10 + number // 20}.{number * 48271 % 10**9:09d}Z"
        return dumps(
            {"model": "llama3", "created_at": stamp, "message": {"role": "assistant", "content": text}, **facts}
        )

    lines = [line(number, each, done=False) for number, each in enumerate(pieces)]
    last = line(len(pieces), "", done_reason="stop", done=True, total_duration=957581, eval_count=len(pieces))
    return ("\n".join([*lines, last]) + "\n").encode()


WIRES = {
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "anthropic_messages": anthropic_messages,
    "gemini_sse": gemini_sse,
    "gemini_array": gemini_array,
    "bedrock_converse": bedrock_converse,
    "bedrock_invoke": bedrock_invoke,
    "ollama": ollama,
}


def size(value):
    return len(json.dumps(value, ensure_ascii=False).encode())


def comes_back(body, answer=""):
    """The fold of a body, which gives the body back also after a way through a file."""
    found = fold(body, answer=answer)
    assert found is not None
    value, varies = json.loads(json.dumps([found.value, found.varies]))

    assert unfold(value, varies=varies, answer=answer) == body
    return found


@pytest.mark.parametrize("pieces", [PIECES, PIECES_JA], ids=["English", "Japanese"])
@pytest.mark.parametrize("wire", WIRES)
def test_a_long_answer_stands_once(wire, pieces):
    said = tokens(pieces, 3000)
    answer = "".join(said)
    body, _ = without_padding(WIRES[wire](said))

    found = comes_back(body, answer)

    assert (size(found.value) + len(answer.encode())) / len(answer.encode()) < (
        2.3 if wire == "openai_responses" else 1.9
    )
    assert answer[5:60] not in json.dumps(found.value, ensure_ascii=False)


@pytest.mark.parametrize("wire", WIRES)
def test_without_the_answer_its_text_stands_in_the_fold_once(wire):
    said = tokens(PIECES, 3000)
    body, _ = without_padding(WIRES[wire](said))

    text = json.dumps(comes_back(body).value, ensure_ascii=False)

    assert text.count(json.dumps("".join(said))[60:160]) == 1


@pytest.mark.parametrize(
    "one, other",
    [
        (openai_chat(PIECES), openai_chat(PIECES, "chatcmpl-Z9y8")),
        (openai_responses(PIECES), openai_responses(PIECES, "resp_ffff0000", "msg_9999aaaa")),
        (anthropic_messages(PIECES), anthropic_messages(PIECES, "msg_other0", seed=5)),
        (gemini_sse(PIECES), gemini_sse(PIECES, "another")),
        (ollama(PIECES), ollama(PIECES, minute=47)),
    ],
)
def test_two_recordings_of_one_answer_differ_in_what_varies_only(one, other):
    first, second = comes_back(one), comes_back(other)

    assert first.value == second.value
    assert first.varies != second.varies


EVENT = {"id": "x", "object": "chunk", "choices": [{"delta": {"content": "Hi"}}], "n": 1.5}


@pytest.mark.parametrize(
    "body",
    [
        sse([EVENT] * 5),
        sse([EVENT] * 5, end="\r\n"),
        sse([EVENT] * 2) + sse([EVENT] * 3, end="\r\n"),
        sse([EVENT] * 5).replace(b"data: ", b"data:"),
        b"\xef\xbb\xbf" + sse([EVENT] * 5),
        sse([": OPENROUTER PROCESSING", EVENT, ": ", EVENT, EVENT, "data: [DONE]"]),
        b"".join(b"id: %d\nevent: message\nretry: 3000\n" % n + sse([EVENT]) for n in range(6)),
        b"".join(b"event: a\nid: same\n" + sse([EVENT]) for n in range(6)),
        sse([EVENT, "data: {\ndata: }", EVENT, EVENT]),
        sse([EVENT] * 4).replace(b"\n\n", b"\nevent: after\n\n"),
        sse([EVENT] * 4)[:-20],
        sse([{**EVENT, "é": "né"}] * 4)[:-3],
        sse([{**EVENT, "text": "né <b> & /"}] * 4, ensure_ascii=True),
        sse([{**EVENT, "text": "né <b> & /"}] * 4).replace(b"<", rb"\u003c").replace(b"&", rb"\u0026"),
        sse([{**EVENT, "text": "né <b> & /"}] * 4).replace(b"/", rb"\/"),
        sse([{**EVENT, "text": 'né "q" \''}] * 4, ensure_ascii=True)
        .replace(b"'", rb"\u0027")
        .replace(rb"\"", rb"\u0022"),
        sse([{**EVENT, "text": "né"}] * 4, ensure_ascii=True).replace(rb"\u00e9", rb"\u00E9"),
        sse([EVENT] * 4).replace(b"1.5", b"1.50"),
        b"".join(sse([EVENT]).replace(b"1.5", number) for number in (b"1e-5", b"1.0", b"1", b"-0", b"1E5", b"-0.0")),
        sse([EVENT, EVENT]) + b'data: {"a":1,"a":2}\n\n' + sse([EVENT]),
        sse([EVENT, EVENT]) + rb'data: {"half":"\ud83d"}' + b"\n\n" + sse([EVENT]),
        sse([EVENT, EVENT]) + b'data: {"x":NaN}\n\ndata: "text"\n\ndata: 5\n\n' + sse([EVENT]),
        sse([EVENT, EVENT]) + b"data: \xff\xfe\n\n" + sse([EVENT]),
        sse([EVENT] * 9) + sse([{**EVENT, "text": "half a character"}]).replace(b"half", b"\xf4") + sse([EVENT] * 9),
        sse([EVENT, {**EVENT, "": 1, "a.b": 2, "~": 3, "0": 4, "{event}": "\x010\x02"}, EVENT]),
        sse([EVENT, EVENT], separators=(", ", ": ")) + sse([EVENT, EVENT]),
        sse([{**EVENT, "all": "one two three four five six"[:n]} for n in range(0, 27, 3)]),
        gemini_array(PIECES),
        gemini_array(PIECES).replace(b"\n", b"").replace(b"  ", b""),
        gemini_array(PIECES)[:-40],
        ollama(PIECES),
        ollama(PIECES)[:-30],
        ollama(PIECES).replace(b"\n", b"\r\n"),
        ollama(PIECES).replace(b"\n", b"\n\n"),
        bedrock_converse(PIECES),
        bedrock_converse(PIECES, padded=False)[:-9],
        bedrock_invoke(PIECES),
        bedrock_converse(PIECES) + b"no message",
        aws("chunk", '{"bytes":"bm8ganNvbg=="}') * 3 + aws("chunk", '{"bytes":"eyJhIjoxfQ=="}') * 9,
    ],
)
def test_a_stream_comes_back_byte_for_byte(body):
    comes_back(body)


def test_one_odd_event_does_not_spoil_the_rest():
    said = tokens(PIECES, 1000)
    odd = b'data: {"a":1,"a":2}\n\n'
    body = openai_chat(said).replace(b"data: [DONE]", odd + b"data: [DONE]")

    found = comes_back(body, "".join(said))

    assert {"raw": odd.decode()} in found.value["events"]
    assert size(found.value) < len(body) / 5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"plain text",
        b'{"id":"x"}',
        b'{\n "id": "x"\n}\n',
        b"[1, 2]",
        b"data: [DONE]\n\n",
        b"\x00\x01\x02",
        b"[" * 9999,
    ],
)
def test_what_is_no_stream_has_no_fold(body):
    assert fold(body) is None


def test_padding_is_dropped_and_all_else_keeps_its_bytes():
    event = '{"type":"response.output_text.delta","delta":"a, \\"obfuscation\\":","n":1.0%s,"x":{"obfuscation":"k"}}'
    other = '{"type":"other","obfuscation":"kept"}'
    padded, bare = event % ',"obfuscation":"aZ3"', event % ""
    rest = f"\n\ndata: {other}\n\n"

    assert without_padding(f"data: {padded}{rest}".encode()) == (f"data: {bare}{rest}".encode(), ("obfuscation",))
    assert without_padding(bedrock_converse(PIECES)) == (bedrock_converse(PIECES, padded=False), ("p",))
    assert without_padding(openai_chat(PIECES)) == (openai_chat(PIECES), ())


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(max_size=8) | st.sampled_from(["type", "id", "{id}", "\x010\x02", "a" * 30, "日本語", "<>&/"])
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=4))
OBJECTS = st.dictionaries(TEXTS, TREES, max_size=4)
ENDS = st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\n\r\n", ""])
FIELDS = st.sampled_from(["", "event: a\n", "id: 1\n", "id: 2\r\n", ": note\n\n", "event: {event}\n", "\n"])


@st.composite
def streams(draw):
    shapes = draw(st.lists(OBJECTS, min_size=1, max_size=3))
    begin = draw(st.sampled_from(["data: ", "data:", "", "["]))
    out = []
    for _ in range(draw(st.integers(1, 12))):
        event = draw(st.sampled_from(shapes))
        changed = {key: draw(LEAVES) if draw(st.booleans()) else held for key, held in event.items()}
        text = json.dumps(
            changed,
            ensure_ascii=draw(st.booleans()),
            separators=draw(st.sampled_from([(",", ":"), (", ", ": ")])),
        )
        out.append(draw(FIELDS) * (begin[:4] == "data") + begin + text + draw(ENDS))
    body = "".join(out).encode()
    return body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body


@given(streams(), st.sampled_from(["", "a" * 30, "日本語"]))
def test_any_stream_comes_back_or_has_no_fold(body, answer):
    found = fold(body, answer=answer)

    assert found is None or unfold(found.value, varies=found.varies, answer=answer) == body


@given(
    st.binary() | st.binary().map(lambda body: b"data: " + body) | st.binary().map(lambda body: body + aws("a", "{}"))
)
def test_any_bytes_come_back_or_have_no_fold(body):
    found = fold(body)
    without_padding(body)

    assert found is None or unfold(found.value, varies=found.varies) == body


@given(st.data())
def test_a_changed_fold_gives_bytes_or_a_value_error(data):
    wire = data.draw(st.sampled_from(sorted(WIRES)))
    found = comes_back(WIRES[wire](PIECES), "".join(PIECES))
    value = json.loads(json.dumps(found.value))
    spots = []

    def visit(node):
        for key, item in node.items() if isinstance(node, dict) else enumerate(node):
            spots.append((node, key))
            if isinstance(item, dict | list):
                visit(item)

    visit(value)
    node, key = data.draw(st.sampled_from(spots))
    node[key] = data.draw(TREES | st.sampled_from(["0*999999", "answer 0:9", "text 7", "varies", "count", "9{999999}"]))

    with contextlib.suppress(ValueError):
        assert isinstance(unfold(value, varies=found.varies, answer="".join(PIECES)), bytes)


@pytest.mark.parametrize(
    "change",
    [
        {"order": "0*9999999"},
        {"order": "0*1000000", "events": [{"raw": "x" * 1000}]},
        {"order": "0*1000000", "events": [{"data": {"a": "x" * 1000}}]},
        {"order": "0*1000000", "events": [{"data": {"a": None}, "columns": {"a": {"values": [["x" * 99, 1000000]]}}}]},
        {
            "order": "0*1000000",
            "events": [
                {"data": [None], "columns": {"0": {"text": "x" * 1000000, "cuts": "1{1000000}", "growing": True}}},
            ],
        },
        {"events": [{"data": [0] * 10_000}, *[{"like": 0}] * 1_000]},
        {"around": ["{event}" * 10_000, ""], "events": [{"data": {}, "event": "x" * 10_000}]},
        {"order": "0*1000000", "events": [{"data": [None], "fill": {"0": "count"}}], "counts": {"0": [10**4000, 1]}},
        {
            "order": "0*1000000",
            "events": [{"data": [None], "columns": {"0": {"first": 10**4000, "steps": "0{999999}"}}}],
        },
        {
            "order": "0*1000000",
            "events": [{"data": [None], "columns": {"0": {"values": [["\x01" * 100_000, 1000000]]}}}],
        },
        {"texts": ["x" * 1000000], "events": [{"data": [None] * 99, "fill": {str(n): "text 0" for n in range(99)}}]},
    ],
)
def test_a_fold_cannot_be_a_bomb(change):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"more than|more text|more digits"):
            unfold({"framing": "sse", "events": [{"data": {}}], **change}, varies={})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 400 * 2**20


@pytest.mark.parametrize(
    "body",
    [
        openai_chat(tokens(PIECES, 150_000)),
        sse([{f"key {n}": n} for n in range(30_000)]),
        sse([{"text": "x" * n} for n in range(3_000)]),
        b"data: " * 500_000,
        b"data: {" * 300_000,
        b"data: {}\n" * 100_000,
        b"\n" * 2_000_000 + b"data: {}",
        b'data: {"a":"' + b"\\u003c" * 500_000 + b'"}\n\n',
        b"data: " + b'{"a":' * 500_000,
        b"data: [" + b'{"obfuscation": ' * 100_000 + b"\n]",
        b"[" + b"{},\n" * 100_000,
        b"{}\n" * 300_000,
        b"event: x\n" * 300_000 + b"data: {}\n\n",
        sse([{"type": "response.x", "obfuscation": ' , "obfuscation"' * 10_000}]),
    ],
    ids=range(14),
)
def test_a_long_or_hostile_stream_takes_seconds_at_most(body):
    start = time.process_time()

    without_padding(body)
    found = fold(body)

    assert found is None or unfold(found.value, varies=found.varies) == body
    assert time.process_time() - start < 20


def corpus():
    folder = os.environ.get("LLMWATCH_CORPUS")
    if not folder:
        return [pytest.param(None, marks=pytest.mark.skip(reason="LLMWATCH_CORPUS names no folder of recordings"))]
    manifest = (Path(folder) / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in manifest]
    return [Path(folder) / row["file"] for row in rows if any(each.get("streaming") for each in row["interactions"])]


@pytest.mark.parametrize("path", corpus(), ids=str)
def test_every_recorded_stream_folds(path):
    streams = 0
    for exchange in parse(path.read_text(encoding="utf-8"), str(path)).exchanges:
        body, _ = without_padding(exchange.response.body if exchange.response else b"")
        if frames_of(body) is not None:
            found = comes_back(body)
            streams += 1
            assert size([found.value, found.varies]) < len(body) * 1.2 + 256

    assert streams


@example(b"")
@given(st.binary())
def test_padding_of_other_bodies_is_left_alone(body):
    assert without_padding(body) == (body, ())


def test_padding_stays_where_all_else_would_not_keep_its_bytes():
    event = 'data: {"type":"response.x","obfuscation":"abc"}\n\n'
    body = f"event: {{id}}\nid: 5\n{event}{event}".encode()

    assert without_padding(body) == (body, ())


def test_a_fold_of_an_earlier_version_has_no_checksum_and_is_still_read():
    body = openai_chat(PIECES)
    found = fold(body)
    earlier = {name: value for name, value in found.varies.items() if name != "check"}

    assert len(earlier) == len(found.varies) - 1
    assert unfold(found.value, varies=earlier) == body


def test_an_event_with_a_varying_value_called_as_the_checksum_keeps_it():
    body = sse([{"check": "abc", "text": piece} for piece in PIECES])

    found = fold(body, volatile=frozenset({"check"}))

    assert found.varies["check 2"] == "abc"
    assert unfold(found.value, varies=found.varies) == body
