"""Padding that providers declare as such: random letters against the guessing of tokens by the size of a packet."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from .framing import bytes_of, frames_of
from .json_text import parse

if TYPE_CHECKING:
    from .patches import Tree


def without_padding(body: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The body without its declared padding, and the names of what was dropped; all else keeps its bytes.

    That is `obfuscation` of OpenAI's events and `p` of Bedrock's messages, each at the top of the event only.
    """
    # Bedrock's messages are binary, and the least of them has these twelve bytes.
    name = "obfuscation" if b'"obfuscation"' in body else "p" if b'"p"' in body and body[:1] == b"\0" else None
    found = frames_of(body) if name else None
    if found is None or name is None or found[0] != ("aws" if name == "p" else "sse"):
        return body, ()
    if b"".join(map(bytes_of, found[1])) != body:  # an event whose name looks like a hole
        return body, ()
    out, dropped = [], False
    for frame in found[1]:
        bare = None if frame.raw is not None or frame.opened else _without(frame.payload, name)
        dropped = dropped or bare is not None
        out.append(bytes_of(frame if bare is None else replace(frame, payload=bare)))
    return (b"".join(out), (name,)) if dropped else (body, ())


def _without(payload: str, name: str) -> str | None:
    """The JSON text without a key of its top level; `None` where it is not there, or not as padding."""
    if f'"{name}"' not in payload:
        return None
    try:
        value = parse(payload)
    except ValueError:
        return None
    if not isinstance(value, dict) or not isinstance(value.pop(name, None), str):
        return None
    if name == "obfuscation" and not _is_openai(value):
        return None
    member = rf'"{name}" ?: ?"[^"\\]*"'
    for found in re.finditer(rf" ?, ?{member}|{member} ?, ?|{member}", payload):
        bare = payload[: found.start()] + payload[found.end() :]
        try:
            if parse(bare) == value:
                return bare
        except ValueError:
            continue
    return None


def _is_openai(event: dict[str, Tree]) -> bool:
    kind = event.get("type")
    return event.get("object") == "chat.completion.chunk" or (isinstance(kind, str) and kind.startswith("response."))
