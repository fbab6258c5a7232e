"""What is read in recorded traffic is what the manifest of the corpus says, call by call, endpoint by endpoint."""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

from pytest_llmwatch import wire
from pytest_llmwatch.cassette import parse

EMPTY = hashlib.sha256(b"").hexdigest()
CORPUS = os.environ.get("LLMWATCH_CORPUS")
# Where a call always has an answer, so that one which the manifest does not know was invented.
CHATS = frozenset(
    {
        *("openai.chat", "openai.responses", "anthropic.messages", "gemini.generateContent", "cohere.v2.chat"),
        *("gemini.streamGenerateContent", "bedrock.converse", "bedrock.converse_stream", "ollama.chat"),
    }
)


def interactions():
    """The calls of the manifest with their files, by endpoint."""
    found = defaultdict(list)
    for line in Path(CORPUS, "manifest.jsonl").read_text(encoding="utf-8").splitlines() if CORPUS else ():
        entry = json.loads(line)
        for interaction in entry["interactions"]:
            if interaction["llm_call"]:
                found[interaction["endpoint"]].append((entry["file"], interaction))
    return found


INTERACTIONS = interactions()


@pytest.fixture(scope="module")
def exchanges():
    """The exchanges of a file of the corpus, read once."""
    read = {}

    def exchanges(file):
        if file not in read:
            read[file] = parse(Path(CORPUS, file).read_text(encoding="utf-8"), file).exchanges
        return read[file]

    return exchanges


def expected_of(interaction):
    """The manifest's raw numbers in our words: cached input and reasoning count inside input and output."""
    want, endpoint = interaction["expected"], interaction["endpoint"]
    values = {
        "request_model": want["model_requested"],
        "response_model": want["model_served"],
        "cache_read_input_tokens": want["cached_tokens"] or None,
        "cache_write_input_tokens": want["cache_write_tokens"] or None,
        "reasoning_output_tokens": want["reasoning_tokens"] or None,
    }
    values = {name: value for name, value in values.items() if value is not None}
    if want["input_tokens"] is not None:
        outside = (want["cached_tokens"] or 0) + (want["cache_write_tokens"] or 0)
        values["input_tokens"] = want["input_tokens"] + (outside if cache_is_outside(endpoint) else 0)
    if want["output_tokens"] is not None:
        outside = (want["reasoning_tokens"] or 0) if reasoning_is_outside(endpoint, want) else 0
        values["output_tokens"] = want["output_tokens"] + outside
    reason = want["finish_reason"]
    if reason not in {None, ""} and not str(reason).startswith("PROMPT_BLOCKED"):
        values["finish_reason"] = str(reason)
    if not want["text_unspecified"] and (want["text_sha256"] or endpoint in CHATS):
        values["text"] = want["text_sha256"] or EMPTY
    if want["tool_calls"] or endpoint in CHATS:
        values["tool_calls"] = want["tool_calls"] or []
    if endpoint in CHATS:
        values |= {name: None for name in ("input_tokens", "output_tokens") if want[name] is None}
    if want["error"] is not None or interaction["status"] < 400:
        values["failed"] = want["error"] is not None
    return values | {"streaming": interaction["streaming"] is not None}


def cache_is_outside(endpoint):
    return endpoint == "anthropic.messages" or endpoint.startswith("bedrock.")


def reasoning_is_outside(endpoint, want):
    if endpoint.startswith("gemini."):
        return True
    numbers = [want[name] for name in ("input_tokens", "output_tokens", "reasoning_tokens", "total_tokens")]
    return endpoint == "openai.chat" and None not in numbers and 0 < numbers[2] == numbers[3] - sum(numbers[:2])


def read_in(call):
    reasons = call.provider_finish_reasons
    return {
        "request_model": call.request_model,
        "response_model": call.response_model,
        "finish_reason": str(reasons[0]) if reasons and reasons[0] is not None else None,
        "text": hashlib.sha256(call.output_text.encode()).hexdigest(),
        "tool_calls": [part.name for part in call.tool_calls],
        "failed": bool(call.error_type),
        "streaming": call.streaming,
        **{name: getattr(call.usage, name) for name in call.usage.__slots__},
    }


@pytest.mark.skipif(not CORPUS, reason="LLMWATCH_CORPUS is not set: the recorded traffic is not here")
@pytest.mark.parametrize("endpoint", sorted(INTERACTIONS) or ["none"])
def test_every_value_that_the_manifest_knows_is_read(endpoint, exchanges):
    count = 0
    for file, interaction in INTERACTIONS[endpoint]:
        want = expected_of(interaction)
        got = read_in(wire.read(exchanges(file)[interaction["index"]]))
        count += len(want)

        assert {name: got[name] for name in want} == want, f"{file}, interaction {interaction['index']}"
    print(f"{endpoint}: {count} values of {len(INTERACTIONS[endpoint])} calls agree")


@pytest.mark.skipif(not CORPUS, reason="LLMWATCH_CORPUS is not set: the recorded traffic is not here")
def test_the_manifest_is_not_empty():
    assert sum(map(len, INTERACTIONS.values())) > 0
