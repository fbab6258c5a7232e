"""IBM watsonx's own text generation and embeddings; its chats are those of `openai_chat`.

https://cloud.ibm.com/apidocs/watsonx-ai
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pytest_llmwatch.calls import JSON, FinishReason, Message, ModelCall, TextPart, Usage

from .answers import Answer, answer_in, asked_in, path_of
from .reading import first_text, int_of, list_of, object_of, objects_of, text_of, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"/ml/v1(?:-beta)?/(?:deployments/([^/]+)/)?text/(generation|generation_stream|embeddings)/?$")
_FINISH_REASONS: dict[str | None, FinishReason] = {
    "eos_token": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "token_limit": "length",
    "error": "error",
}
_UNFINISHED = ("not_finished",)
_NOT_PARAMETERS = frozenset({"input", "inputs", "model_id", "parameters"})
# What no two recordings of the same answer share.
VOLATILE = frozenset({"created_at", "results[*].seed", "results.seed"})
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request asks watsonx for a text, or for vectors."""
    if request.method.upper() != "POST" or not _PATH.search(path_of(request)):
        return False
    return request.body.lstrip()[:1] == b"{"


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    found = _PATH.search(path_of(exchange.request))
    deployment, kind = (found[1], found[2]) if found else (None, "generation")
    asked = asked_in(exchange, expected="a JSON object with `input`")
    answer = answer_in(
        exchange,
        expected="a JSON object with `results`",
        is_answer=lambda body: "results" in body,
        is_end=lambda body: any(_reason_of(result) for result in objects_of(body.get("results"))),
        streamed=kind == "generation_stream",
    )
    results = [result for body in answer.bodies for result in objects_of(body.get("results"))]
    is_text = kind != "embeddings"
    messages, reasons = _said(results, is_stream=answer.is_stream) if is_text else ((), ())
    return ModelCall(
        operation_name="text_completion" if is_text else "embeddings",
        request_model=text_of(asked.get("model_id")) or (unquote(deployment) if deployment else None),
        response_model=first_text(answer.bodies, "model_id"),
        streaming=answer.is_stream,
        input_messages=tuple(_messages_of(asked)),
        parameters=object_of(asked.get("parameters"))
        | {name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=messages,
        finish_reasons=tuple(map(_FINISH_REASONS.get, reasons)),
        provider_finish_reasons=reasons,
        usage=_usage_of(answer, results),
        error_type=answer.error_type,
        error_message=answer.error_message,
    )


def _reason_of(result: dict[str, JSON]) -> str | None:
    reason = (text_of(result.get("stop_reason")) or "").lower()
    return None if reason in ("", *_UNFINISHED) else reason


def _said(results: list[dict[str, JSON]], *, is_stream: bool) -> tuple[tuple[Message, ...], tuple[str | None, ...]]:
    """The texts and why they ended; the events of a stream are pieces of one."""
    groups = [results] if is_stream and results else [[result] for result in results]
    texts = ("".join(text for piece in group if (text := text_of(piece.get("generated_text")))) for group in groups)
    reasons = (next((found for piece in reversed(group) if (found := _reason_of(piece))), None) for group in groups)
    return tuple(_message_of("assistant", text) for text in texts), tuple(reasons)


def _message_of(role: str, text: str) -> Message:
    return Message(role=role, parts=(TextPart(text=well_formed(text)),) if text else ())


def _messages_of(asked: dict[str, JSON]) -> Iterator[Message]:
    for text in (asked.get("input"), *list_of(asked.get("inputs"))):
        if isinstance(text, str) and text:
            yield _message_of("user", text)


def _usage_of(answer: Answer, results: list[dict[str, JSON]]) -> Usage:
    """The tokens; in a stream the counts grow, or are 0 where they have been said."""
    read = [int_of(body.get("input_token_count")) for body in (*answer.bodies, *results)]
    written = [int_of(result.get("generated_token_count")) for result in results]
    counts = ([number for number in numbers if number is not None] for numbers in (read, written))
    add = max if answer.is_stream else sum
    input_tokens, output_tokens = (add(numbers) if numbers else None for numbers in counts)
    return Usage(input_tokens=input_tokens, output_tokens=output_tokens)
