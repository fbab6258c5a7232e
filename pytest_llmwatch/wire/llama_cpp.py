"""The completions of llama.cpp's server by its own address; what it does at `/v1` is in OpenAI's formats.

https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, FinishReason, Message, ModelCall, TextPart, Usage

from .answers import answer_in, asked_in, path_of
from .provider_facts import facts_in_body
from .reading import first_text, int_of, text_of, well_formed

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"/(completion|infill)/?$")
_SENT = frozenset({"prompt", "input_prefix", "input_suffix", "model"})
_FINISH_REASONS: dict[str | None, FinishReason] = {"eos": "stop", "word": "stop", "limit": "length"}
# Before `stop_type`, each had a field of its own.
_STOPPED = {"stopped_eos": "eos", "stopped_word": "word", "stopped_limit": "limit"}
# What no two recordings of the same answer share.
VOLATILE = frozenset({"timings", "id_slot", "slot_id", "generation_settings.seed"})
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request asks for a text to be completed, or for what goes into a gap."""
    found = _PATH.search(path_of(request)) if request.method.upper() == "POST" else None
    if found is None or request.body.lstrip()[:1] != b"{":
        return False
    return (b'"prompt"' if found[1] == "completion" else b'"input_prefix"') in request.body


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    asked = asked_in(exchange, expected="a JSON object with `prompt`")
    answer = answer_in(
        exchange,
        expected="a JSON object with `content`",
        is_answer=lambda body: "content" in body,
        is_end=lambda body: body.get("stop") is True,
        streamed=asked.get("stream") is True,
    )
    bodies = answer.bodies
    end = bodies[-1] if bodies else {}
    text = "".join(text for body in bodies if (text := text_of(body.get("content"))))
    reasons = (_reason_of(end),) if any("content" in body for body in bodies) else ()
    parts = (TextPart(text=well_formed(text)),) if text else ()
    return ModelCall(
        operation_name="text_completion",
        request_model=text_of(asked.get("model")),
        response_model=first_text(bodies, "model"),
        streaming=answer.is_stream,
        input_messages=_messages_of(asked),
        parameters={name: value for name, value in asked.items() if name not in _SENT},
        output_messages=(Message(role="assistant", parts=parts),) if reasons else (),
        finish_reasons=tuple(map(_FINISH_REASONS.get, reasons)),
        provider_finish_reasons=reasons,
        usage=Usage(
            input_tokens=int_of(end.get("tokens_evaluated")),
            output_tokens=int_of(end.get("tokens_predicted")),
            # `tokens_cached` counts what stays in the cache; what was taken from it stands with the times.
            cache_read_input_tokens=int_of(_timings_of(end).get("cache_n")),
        ),
        error_type=answer.error_type,
        error_message=answer.error_message,
        provider_facts=facts_in_body(end.get("timings")),
    )


def _timings_of(body: dict[str, JSON]) -> dict[str, JSON]:
    timings = body.get("timings")
    return timings if isinstance(timings, dict) else {}


def _reason_of(end: dict[str, JSON]) -> str | None:
    named = text_of(end.get("stop_type"))
    flags = (word for name, word in _STOPPED.items() if end.get(name) is True)
    return next(flags, None) if named in (None, "none") else named


def _messages_of(asked: dict[str, JSON]) -> tuple[Message, ...]:
    texts = (text_of(asked.get(name)) for name in ("input_prefix", "prompt", "input_suffix"))
    return tuple(Message(role="user", parts=(TextPart(text=well_formed(text)),)) for text in texts if text)
