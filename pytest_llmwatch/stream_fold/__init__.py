"""A streamed answer as a fold: what its events have in common once, then what changes from one to the next.

A fold is plain JSON. `framing` says how the stream is cut into events, `style` how the provider writes JSON. `events`
are the envelopes: each has the `data` of its events, or says what differs from the one it is `like`. Where `data` holds
a null named in `fill`, a value stands that is kept elsewhere (the answer, one of the `texts`, a value of `varies`, the
place of the event); one named in `columns` differs from event to event. `order` says which envelope comes when.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON

from .padding import without_padding

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["VOLATILE", "Folded", "fold", "unfold", "without_padding"]

# Paths in an event's data, places in lists left out, whose values tell two recordings of one answer apart.
VOLATILE = frozenset(
    {
        *("id", "created", "created_at", "system_fingerprint", "responseId", "createTime", "generation_id"),
        *("response.id", "response.created_at", "response.completed_at", "response.generation_id", "message.id"),
        *("message.created_at", "response_id", "interaction.id", "interaction_id", "x_groq.id"),
        *("interaction.created", "interaction.updated"),
        # Times that were taken while it answered: Ollama, Groq, Bedrock.
        *("total_duration", "load_duration", "prompt_eval_duration", "eval_duration", "metrics.latencyMs"),
        *(f"{place}.{name}_time" for place in ("usage", "x_groq.usage") for name in ("queue", "prompt", "completion")),
        *("usage.total_time", "x_groq.usage.total_time"),
        *(f"amazon-bedrock-invocationMetrics.{name}" for name in ("invocationLatency", "firstByteLatency")),
    }
)

# What the least fold says beside its data is not held against it: a stream of one event reads better so, too.
_HEAD = 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """A stream told once: `value` reads the same for the same answer, `varies` differs in every recording.

    `check` in `varies` is the CRC-32 of the body: an edit by hand is noticed, also one that keeps every length.
    """

    value: JSON
    varies: dict[str, JSON] = field(default_factory=dict)


def fold(body: bytes, *, answer: str = "", volatile: frozenset[str] = VOLATILE) -> Folded | None:
    """The fold of a body; `None` where it is no stream, would not come back byte for byte, or is no smaller.

    `answer` is a text that the caller keeps elsewhere, and gives to `unfold` again.
    """
    from .folding import folded

    found = folded(body, answer, volatile)
    if found is None:
        return None
    value, varies = found[0], {**found[1], "check": zlib.crc32(body)}
    try:
        whole = unfold(value, varies=varies, answer=answer) == body
    except ValueError:
        return None
    is_smaller = _size([value, varies]) < _size(_unfolded(body)) + _HEAD
    return Folded(value=value, varies=varies) if whole and is_smaller else None


def _unfolded(body: bytes) -> str:
    """The body as it would stand in a file otherwise: as one text."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return base64.b64encode(body).decode()


def _size(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass"))


def unfold(value: JSON, *, varies: Mapping[str, JSON], answer: str = "") -> bytes:
    """The body of a fold, of at most 64 MiB.

    Raises:
        ValueError: this is no fold, or not with these `varies` and this `answer`.
    """
    from .unfolding import unfolded

    try:
        body = unfolded(value, varies, answer)
        check = varies.get("check")
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError) as error:
        raise ValueError("this is no fold of a stream") from error
    if check is not None and check != zlib.crc32(body):  # folds of earlier versions have none
        raise ValueError("it is not the answer that was recorded")
    return body
