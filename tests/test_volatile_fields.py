"""Two recordings of one answer differ in ids and times; their cassettes differ in the lines that hold what varies."""

from __future__ import annotations

import math
import os
import re
from collections import defaultdict
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from pytest_llmwatch import wire
from pytest_llmwatch.cassette import Cassette, parse
from pytest_llmwatch.cassette_text import dump

CORPUS = os.environ.get("LLMWATCH_CORPUS")
# What providers draw or measure anew for every answer, by the names they give it; not read off our own lists.
# In what a tool gave back such a value is a part of the result.
OPAQUE = frozenset({"id", "response_id", "encrypted_content", "signature"})
DRAWN = re.compile(
    r'"(?P<name>id|responseId|system_fingerprint|toolUseId|(?:response|request|generation|message|item|call|tool_call'
    r"|tool_use|container|conversation|interaction|previous_response)_id|created|created_at|completed_at|createTime"
    r"|encrypted_content|signature|thoughtSignature|thought_signature|total_duration|load_duration|eval_duration"
    r'|prompt_eval_duration|(?:queue|prompt|completion|total)_time)"(?P<colon>\s*:\s*)'
    r'(?:"(?P<text>[^"\\\n]{9,})"|(?P<number>\d+\.\d+|\d{6,}))'
)
VARYING_LINE = re.compile(r"(?:  varies: |recorded:|  at: ).*")


def exchanges():
    """The exchanges of the corpus with a response of text, with their places, by format."""
    found = defaultdict(list)
    for file in sorted(Path(CORPUS).rglob("*.yaml")) if CORPUS else ():
        for index, exchange in enumerate(parse(file.read_text(encoding="utf-8"), file.name).exchanges):
            claiming = next((each for each in wire.formats() if each.claims(exchange.request)), None)
            # Binary event streams have checksums over what would be changed.
            if claiming and exchange.response and not exchange.response.body.startswith(b"\0"):
                place = f"{file.relative_to(CORPUS)}, interaction {index}"
                found[claiming.__name__.rpartition(".")[2]].append((place, exchange))
    return found


EXCHANGES = exchanges()


def redrawn(exchange):
    """The same answer with other ids and times; one id becomes the same other wherever it stands."""
    sent = exchange.request.body.decode("utf-8", "replace")

    def other(match):
        name, colon, text, number = match.group("name", "colon", "text", "number")
        if text is None:
            return f'"{name}"{colon}{following(number)}'
        # What the application chose itself, or a name that somebody gave, is no draw.
        is_drawn = text not in sent and any(char.isdigit() for char in text)
        return f'"{name}"{colon}"{rotated(text) if is_drawn else text}"'

    body = DRAWN.sub(other, exchange.response.body.decode("utf-8", "surrogateescape"))
    return replace(exchange, response=replace(exchange.response, body=body.encode("utf-8", "surrogateescape")))


def following(number):
    """Another number of the same kind, whose digits a double holds as the first one's."""
    if "." in number:
        return repr(math.nextafter(float(number), math.inf))
    return f"{number[:-1]}{(int(number[-1]) + 3) % 9 + 1}"


def rotated(text):
    """A text of the same shape: its last digits and letters moved on; a time keeps its form."""
    is_time = re.match(r"\d{4}-\d\d-\d\dT", text)
    head, tail = (text[:17], text[17:]) if is_time else (text[:-6], text[-6:])
    if is_time:
        return head + re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 6), tail)
    shift = str.maketrans(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "3456789012defghijklmnopqrstuvwxyzabcDEFGHIJKLMNOPQRSTUVWXYZABC",
    )
    return head + tail.translate(shift)


def without_ids(value):
    if isinstance(value, dict):
        return {name: without_ids(item) for name, item in value.items() if name not in OPAQUE}
    return [without_ids(item) for item in value] if isinstance(value, list | tuple) else value


def text_of(exchange):
    return dump(Cassette(test="test_bot.py::test_one", exchanges=(exchange,)))


def steady_lines(text):
    return [line for line in text.splitlines() if not VARYING_LINE.fullmatch(line)]


@pytest.mark.skipif(not CORPUS, reason="LLMWATCH_CORPUS is not set: the recorded traffic is not here")
@pytest.mark.parametrize("name", sorted(EXCHANGES) or ["none"])
def test_another_recording_of_an_answer_differs_in_what_varies_only(name):
    changed = 0
    for place, exchange in EXCHANGES[name]:
        other = redrawn(exchange)
        changed += other != exchange
        call, other_call = wire.read(exchange), wire.read(other)

        assert without_ids(asdict(other_call)) == without_ids(asdict(call)), place
        assert steady_lines(text_of(other)) == steady_lines(text_of(exchange)), place
    print(f"{name}: {changed} of {len(EXCHANGES[name])} answers have something that is drawn")


@pytest.mark.skipif(not CORPUS, reason="LLMWATCH_CORPUS is not set: the recorded traffic is not here")
def test_most_answers_have_something_that_is_drawn():
    every = [exchange for found in EXCHANGES.values() for _, exchange in found]

    assert sum(redrawn(exchange) != exchange for exchange in every) > len(every) / 2
