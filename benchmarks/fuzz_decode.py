"""Decode what providers really sent, mutated at random: bytes, JSON values, events, ends, and two bodies in one.

    LLMWATCH_CORPUS=... python benchmarks/fuzz_decode.py --seed 1 --inputs 100000

A decoder may say `UndecodableExchange`, nothing else; it takes less than a second; and what it reads can be told in a
cassette. An input is made from the seed and its number alone: `--first 4711 --inputs 1 --show` makes one again.
"""

from __future__ import annotations

import argparse
import collections
import copy
import json
import os
import random
import resource
import signal
import sys
import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmwatch import wire
from pytest_llmwatch.cassette import Cassette, parse
from pytest_llmwatch.cassette_text import dump
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Exchange, Request, Response, TransferFailure
from pytest_llmwatch.readings import reading_of

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 1.0
# One of so many is written to a cassette, which takes longer than to read it.
WRITTEN = 20
HANG = 20
MEMORY = 2 << 30
LONGEST = 200_000

# What JSON text may hold and `json.dumps` would not write; the name stands in for it until the text is there.
RAW = {
    "@huge@": "9" * 4000,
    "@too-huge@": "9" * 5000,
    "@infinite@": "1e999",
    "@nan@": "NaN",
    "@deep@": "[" * 150 + "]" * 150,
    "@deeper@": '{"a":' * 190 + "1" + "}" * 190,
    "@deepest@": "[" * 50_000 + "]" * 50_000,
    "@half@": '"\\ud83d"',
    "@tiny@": "1e-4000",
}
NASTY = (
    *(None, True, False, 0, 1, -1, 1.5, -0.0, 1e308, 2**63, 2**64 + 1),
    *("", " ", "0", "x" * 10_000, "\x00", "\u2028", "é" * 50, "null", "[DONE]", '{"a": [1, 2'),
    *("data:;base64,AAAA", "data:image/png;base64,%%%", "data:,é", "https://[::1", "text", "function", "error"),
    *([], {}, [[]], [None], [{}], {"": None}, {"type": None}, {"text": {"value": 1}}, [0, "a", None, {}, [[1]]]),
    *RAW,
)
BYTES = (b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r", b"\n\n", b"data:", b"event: error\n", b"data: [DONE]\n\n", b"{")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An input that broke a rule, and how to make it again."""

    number: int
    format: str
    rule: str
    detail: str


def material_in(corpus: Path) -> dict[str, list[Exchange]]:
    """The exchanges of the corpus by the format that claims them."""
    found: dict[str, list[Exchange]] = collections.defaultdict(list)
    for file in sorted(corpus.rglob("*.yaml")):
        for exchange in parse(file.read_text(encoding="utf-8"), file.name).exchanges:
            claiming = format_of(exchange)
            response = exchange.response
            if claiming and response and len(response.body) + len(exchange.request.body) < LONGEST:
                found[claiming].append(exchange)
    return {**found, "in_process": list(wrapped_calls())}


def wrapped_calls() -> Iterator[Exchange]:
    """Calls of wrapped functions, which no provider has sent: whole, and from a generator."""
    asked = Request(method="CALL", uri="python:bot.ask", body=b'{"model": "m", "args": ["a", 1], "kwargs": {"b": [2]}}')
    yield Exchange(request=asked, response=Response(status=200, body=b'{"result": {"text": "Yes.", "of": [1, null]}}'))
    lines = Response(status=200, headers=(("content-type", "application/x-ndjson"),), body=b'"Y"\n"es"\n{"a": 1}\n')
    yield Exchange(request=asked, response=lines)


def format_of(exchange: Exchange) -> str | None:
    name = next((each.__name__ for each in wire.formats() if each.claims(exchange.request)), None)
    return name and name.rpartition(".")[2]


def mutated(exchange: Exchange, other: Exchange, chance: random.Random) -> Exchange:
    """An exchange with one to four things wrong in it."""
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        spot = chance.random()
        if spot < 0.7:
            exchange = with_body(exchange, mutated_body(exchange.response.body, other.response.body, chance))
        elif spot < 0.92:
            request = exchange.request
            exchange = replace(
                exchange, request=replace(request, body=mutated_body(request.body, other.request.body, chance))
            )
        else:
            exchange = with_other_facts(exchange, other, chance)
    return exchange


def with_body(exchange: Exchange, body: bytes) -> Exchange:
    return replace(exchange, response=replace(exchange.response, body=body))


def with_other_facts(exchange: Exchange, other: Exchange, chance: random.Random) -> Exchange:
    request, response = exchange.request, exchange.response
    return chance.choice(
        (
            lambda: replace(exchange, failure=TransferFailure(kind="cut", message="gone")),
            lambda: replace(exchange, response=replace(response, status=chance.choice((199, 204, 400, 429, 500, 599)))),
            lambda: replace(exchange, response=replace(response, headers=other.response.headers)),
            lambda: replace(exchange, response=Response(status=200)),
            lambda: replace(exchange, request=replace(request, uri=other.request.uri)),
            lambda: replace(exchange, request=replace(request, uri=request.uri + "?a=%zz&stream=true#x")),
            lambda: replace(exchange, response=other.response),
        )
    )()


def mutated_body(body: bytes, other: bytes, chance: random.Random) -> bytes:
    """A body with something wrong in it, never much longer than it was."""
    if chance.random() < 0.6:
        changed = with_other_value(body, chance)
    else:
        changed = chance.choice((flipped, without_piece, doubled, with_bytes, cut_short, spliced, shuffled))(
            body, other, chance
        )
    return changed[: 4 * LONGEST]


def flipped(body: bytes, _: bytes, chance: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.choice((1, 2, 8, 64)) if changed else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def without_piece(body: bytes, _: bytes, chance: random.Random) -> bytes:
    start, end = span_in(body, chance)
    return body[:start] + body[end:]


def doubled(body: bytes, _: bytes, chance: random.Random) -> bytes:
    start, end = span_in(body, chance)
    return body[:end] + body[start:end] * chance.choice((1, 2, 30)) + body[end:]


def with_bytes(body: bytes, _: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(body) + 1)
    return body[:place] + chance.choice(BYTES) * chance.choice((1, 3, 500)) + body[place:]


def cut_short(body: bytes, _: bytes, chance: random.Random) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def spliced(body: bytes, other: bytes, chance: random.Random) -> bytes:
    return body[: chance.randrange(len(body) + 1)] + other[chance.randrange(len(other) + 1) :]


def shuffled(body: bytes, _: bytes, chance: random.Random) -> bytes:
    """The events, or the lines, in another order, some of them missing or there twice."""
    events = body.split(b"\n\n")
    joint = b"\n\n" if len(events) > 2 else b"\n"
    pieces = body.split(joint)
    return joint.join(chance.choices(pieces, k=len(pieces)))


def span_in(body: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(body) + 1)
    return start, min(len(body), start + chance.choice((1, 4, 40, 400, 4000)))


def with_other_value(body: bytes, chance: random.Random) -> bytes:
    """A body whose JSON, or the JSON in one line or one event of it, holds something else somewhere."""
    lines = [body]
    try:
        value = json.loads(body)
        place, head = 0, b""
    except (ValueError, RecursionError):
        lines = body.split(b"\n")
        places = [at for at, line in enumerate(lines) if b"{" in line]
        if not places:
            return body
        place = chance.choice(places)
        head, brace, rest = lines[place].partition(b"{")
        try:
            value = json.loads(brace + rest)
        except (ValueError, RecursionError):
            return body
    try:
        text = json.dumps(value_changed(value, chance), ensure_ascii=chance.random() < 0.5)
    except (ValueError, RecursionError):
        return body
    for name, raw in RAW.items():
        text = text.replace(f'"{name}"', raw)
    lines[place] = head + text.encode(errors="replace")
    return b"\n".join(lines)


def value_changed(value: object, chance: random.Random) -> object:
    """The value with another at one place of it, however deep."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.08:
        return something(value, chance)
    if isinstance(value, list):
        at = chance.randrange(len(value))
        kind = chance.random()
        if kind < 0.05:
            return value * chance.choice((0, 2, 200)) if len(value) < 100 else value[::-1]
        return [*value[:at], value_changed(value[at], chance), *value[at + 1 :]]
    name = chance.choice(list(value))
    kind = chance.random()
    if kind < 0.08:
        return {key: held for key, held in value.items() if key != name}
    if kind < 0.12:
        return {chance.choice(("", "type", "text", "role", "id", "index", name * 2)): value[name], **value}
    return value | {name: value_changed(value[name], chance)}


def something(value: object, chance: random.Random) -> object:
    kind = chance.random()
    if kind < 0.1:
        return [copy.deepcopy(value)]
    if kind < 0.15:
        return str(value)
    if kind < 0.2 and isinstance(value, int | float):
        return value * chance.choice((-1, 10**9, 10**30)) if abs(value) < 1e100 else 0
    if kind < 0.3 and isinstance(value, str):
        return value[: chance.randrange(len(value) + 1)]
    return chance.choice(NASTY)


def broken_rule(exchange: Exchange, *, written: bool) -> tuple[str, str] | None:
    """The rule that an exchange breaks, with the facts; `None` where all is well. `written` tries a cassette, too."""
    started = time.perf_counter()
    try:
        call = wire.decode(exchange)
    except UndecodableExchange as error:
        str(error)
        call = None
    except Exception:  # noqa: BLE001 - this is what is looked for
        return "raises nothing else", traceback.format_exc(limit=-3)
    took = time.perf_counter() - started
    if took > LIMIT:
        return f"takes less than {LIMIT} s", f"{took:.1f} s for {len(exchange.response.body)} bytes"
    if call is None:
        return None
    try:
        reading_of(call)
        if written:
            parse(dump(Cassette(exchanges=(exchange,))), "mutated.yaml")
    except Exception:  # noqa: BLE001 - the same
        return "can be told in a cassette", traceback.format_exc(limit=-3)
    return None


def main() -> int:
    """Make inputs, decode them, and say what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--format", help="one format only")
    parser.add_argument("--show", action="store_true", help="print each input")
    options = parser.parse_args()
    corpus = os.environ.get("LLMWATCH_CORPUS")
    if not corpus:
        print("LLMWATCH_CORPUS is not set: the recorded traffic is not here", file=sys.stderr)
        return 2
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, on_alarm)
    material = material_in(Path(corpus))
    names = sorted(material)
    everything = [exchange for name in names for exchange in material[name]]
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts: collections.Counter[str] = collections.Counter()
    failures: list[Failure] = []
    for number in range(options.first, options.first + options.inputs):
        chance = random.Random(f"{options.seed}:{number}")
        name = chance.choice(names)
        exchange = chance.choice(material[name])
        other = chance.choice(everything if chance.random() < 0.2 else material[name])
        if options.format not in (None, name):
            continue
        exchange = mutated(exchange, other, chance)
        if options.show:
            print(exchange)
        signal.alarm(HANG)
        broken = broken_rule(exchange, written=number % WRITTEN == 0)
        signal.alarm(0)
        counts[format_of(exchange) or "unclaimed"] += 1
        if broken:
            failures.append(Failure(number=number, format=name, rule=broken[0], detail=broken[1]))
            print(f"{failures[-1].number} {name}: {broken[0]}\n{broken[1]}", flush=True)
    took = time.perf_counter() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    print(f"{sum(counts.values())} inputs in {took:.0f} s ({sum(counts.values()) / took:.0f}/s), memory +{grown} MB")
    print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    print(f"{len(failures)} failures with seed {options.seed}")
    return 1 if failures else 0


def on_alarm(*_: object) -> None:
    raise TimeoutError(f"still decoding after {HANG} s")


if __name__ == "__main__":
    sys.exit(main())
