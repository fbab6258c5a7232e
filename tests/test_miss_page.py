"""The page of a miss, from a request and the recorded ones."""

from __future__ import annotations

import json

from pytest_llmwatch.exchange import Request
from pytest_llmwatch.misses import Miss
from pytest_llmwatch.reports.miss_page import miss_page


def asked(uri: str, question: str) -> tuple[Request, object]:
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": question}]}
    return Request(method="POST", uri=uri, body=json.dumps(body).encode()), body


def page(request, *candidates, pending=None):
    made, body = request
    miss = Miss(
        test="test_bot.py::test_a",
        request=made,
        body=body,
        made=1,
        recorded=0,
        candidates=list(candidates),
        has_cassette=True,
    )
    command, cassette = "pytest test_bot.py::test_a --llm-record", "cassettes/test_bot/test_a.yaml"
    return miss_page(miss, command=command, cassette=cassette, pending=pending)


def test_another_port_of_this_machine_is_no_difference():
    shown = page(
        asked("http://127.0.0.1:8001/v1/chat/completions", "a laptop?"),
        asked("http://127.0.0.1:8000/v1/embeddings", "a laptop?"),
        asked("http://localhost:8000/v1/chat/completions", "a phone?"),
    )

    assert "Closest recording, 2 of 2" in shown
    assert 'messages[0].content   "a phone?" -> "a laptop?"' in shown
    assert "uri" not in shown


def test_another_host_is_a_difference():
    shown = page(asked("https://b.example/v1/chat", "a laptop?"), asked("https://a.example/v1/chat", "a laptop?"))

    assert "  uri   https://a.example/v1/chat -> https://b.example/v1/chat" in shown


def test_a_pending_recording_beside_it_is_named_with_what_takes_it_over():
    waiting = ("cassettes/test_bot/test_a.pending.yaml", "test_bot.py::test_a")
    shown = page(asked("https://a.example/v1/chat", "a laptop?"), pending=waiting)

    assert "A recording waits beside it, of a run in which the test did not pass: cassettes/test_bot/test_a.p" in shown
    assert "To take it over (calls no model): pytest-llmwatch accept test_bot.py::test_a\n" in shown
