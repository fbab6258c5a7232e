"""Anthropic's text completions: whole answers and event streams. Nothing reports their tokens.

https://platform.claude.com/docs/en/api/completions
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, FinishReason, Message, ModelCall, TextPart

from .answers import answer_in, asked_in, path_of
from .reading import first_text, text_of, well_formed

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"/complete/?$")
_NOT_PARAMETERS = frozenset({"model", "prompt"})
_FINISH_REASONS: dict[str | None, FinishReason] = {
    "stop_sequence": "stop",
    "max_tokens": "length",
    "refusal": "content_filter",
}
# What no two recordings of the same answer share.
VOLATILE = frozenset({"id", "log_id", "request_id"})
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request asks for a text to be completed."""
    if request.method.upper() != "POST" or not _PATH.search(path_of(request)):
        return False
    return request.body.lstrip()[:1] == b"{" and b'"prompt"' in request.body


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    asked = asked_in(exchange, expected="a JSON object with `prompt`")
    answer = answer_in(
        exchange,
        expected="a JSON object with `completion`",
        is_answer=_is_answer,
        is_end=lambda body: text_of(body.get("stop_reason")) is not None,
        streamed=asked.get("stream") is True,
    )
    pieces = [body for body in answer.bodies if "completion" in body]
    text, prompt = _text_of(pieces, is_stream=answer.is_stream), text_of(asked.get("prompt"))
    parts = (TextPart(text=well_formed(text)),) if text else ()
    reasons = (next((reason for piece in reversed(pieces) if (reason := text_of(piece.get("stop_reason")))), None),)
    return ModelCall(
        operation_name="text_completion",
        request_model=text_of(asked.get("model")),
        response_model=first_text(pieces, "model"),
        response_id=first_text(pieces, "id"),
        streaming=answer.is_stream,
        input_messages=(Message(role="user", parts=(TextPart(text=well_formed(prompt)),)),) if prompt else (),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=(Message(role="assistant", parts=parts),) if pieces else (),
        finish_reasons=tuple(map(_FINISH_REASONS.get, reasons)) if pieces else (),
        provider_finish_reasons=reasons if pieces else (),
        error_type=answer.error_type,
        error_message=answer.error_message,
    )


def _is_answer(body: dict[str, JSON]) -> bool:
    return "completion" in body or body.get("type") in ("completion", "ping")


def _text_of(pieces: list[dict[str, JSON]], *, is_stream: bool) -> str:
    texts = [text_of(piece.get("completion")) or "" for piece in pieces]
    # Until 2023-06-01 the events had no names, and each one repeated all that came before.
    if is_stream and not any("type" in piece for piece in pieces):
        return texts[-1] if texts else ""
    return "".join(texts)
