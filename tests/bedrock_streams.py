"""Bedrock's binary event streams, as its servers write them: with the random padding `p`, which is not random here."""

from __future__ import annotations

import base64
import json
from typing import Any

from pytest_llmwatch.aws_frames import Frame, framed, headers_with

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def event(name: str, **payload: Any) -> bytes:
    """One event of `converse-stream`."""
    padded = payload | {"p": LETTERS[: len(name) * 7 % 60 + 1]}
    return message(padded, **{":event-type": name, ":content-type": "application/json", ":message-type": "event"})


def chunk(piece: Any) -> bytes:
    """One event of `invoke-with-response-stream`: the maker's own object in base64."""
    return event("chunk", bytes=base64.b64encode(dumps(piece).encode()).decode())


def exception(name: str, text: str, **more: Any) -> bytes:
    """What comes in a stream that has begun when something goes wrong."""
    kinds = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return message({"message": text, **more}, **kinds)


def message(payload: Any, **headers: str) -> bytes:
    """One message with these headers."""
    return framed(Frame(headers_with(headers.items()), dumps(payload).encode()))


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
