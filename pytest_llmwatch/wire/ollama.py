"""Ollama's own API: chats, text completions and embeddings; whole answers, and streams of one JSON object a line.

https://docs.ollama.com/api
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import (
    JSON,
    FinishReason,
    MediaPart,
    Message,
    ModelCall,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Usage,
)

from .answers import asked_in, path_of
from .json_lines import answer_in_lines
from .openai_messages import tools_of
from .provider_facts import nanoseconds
from .reading import (
    first_text,
    hash_of_base64,
    int_of,
    list_of,
    media_reference,
    object_of,
    objects_of,
    text_of,
    well_formed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"/api/(chat|generate|embed|embeddings)/?$")
_NEEDED = {"chat": b'"messages"', "generate": b'"model"', "embed": b'"input"', "embeddings": b'"prompt"'}
_OPERATIONS = {"chat": "chat", "generate": "text_completion"}
_CONTENT = {
    "chat": frozenset({"messages", "tools"}),
    "generate": frozenset({"prompt", "system", "images"}),
    "embed": frozenset({"input"}),
    "embeddings": frozenset({"prompt"}),
}
# `load` and `unload` say that a model came into memory, or left it: nothing was asked.
_FINISH_REASONS: dict[str | None, FinishReason] = {"stop": "stop", "length": "length", "tool_calls": "tool_call"}
_TIMES = (
    ("total_duration", "server_latency_ms"),
    ("load_duration", "load_time_ms"),
    ("prompt_eval_duration", "prompt_time_ms"),
    ("eval_duration", "completion_time_ms"),
)
# What no two recordings of the same answer share.
VOLATILE = frozenset(
    {
        *("created_at", "total_duration", "load_duration", "prompt_eval_duration", "eval_duration"),
        *("message.tool_calls[*].id", "message.tool_calls.id"),
    }
)
VOLATILE_REQUEST = frozenset({"messages[*].tool_calls[*].id", "messages[*].tool_call_id"})


def claims(request: Request) -> bool:
    """Whether a request asks an Ollama server for an answer or for embeddings."""
    found = _PATH.search(path_of(request))
    if request.method.upper() != "POST" or found is None:
        return False
    # Applications of all kinds have an `/api/chat`; every request to Ollama names its model.
    return request.body.lstrip()[:1] == b"{" and b'"model"' in request.body and _NEEDED[found[1]] in request.body


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    found = _PATH.search(path_of(exchange.request))
    kind = found[1] if found else "chat"
    asked = asked_in(exchange, expected="a JSON object with `model`")
    # A stream is what comes where nobody asked for anything else.
    is_stream_wanted = kind in _OPERATIONS and asked.get("stream") is not False
    answer = answer_in_lines(
        exchange,
        expected="a JSON object with `done` or `embeddings`",
        is_answer=_is_answer,
        is_end=lambda body: body.get("done") is True,
        streamed=is_stream_wanted,
    )
    pieces = [body for body in answer.bodies if "message" in body or "response" in body or "done" in body]
    is_answered = bool(pieces) and kind in _OPERATIONS
    reason = first_text(reversed(pieces), "done_reason")
    return ModelCall(
        operation_name=_OPERATIONS.get(kind, "embeddings"),
        request_model=text_of(asked.get("model")),
        response_model=first_text(answer.bodies, "model"),
        streaming=answer.is_stream,
        input_messages=tuple(_asked_messages(kind, asked)),
        tool_definitions=tuple(tools_of(asked)) if kind == "chat" else (),
        parameters={name: value for name, value in asked.items() if name not in _CONTENT[kind] | {"model"}},
        output_messages=(_answer_of(pieces),) if is_answered else (),
        finish_reasons=(_FINISH_REASONS.get(reason),) if is_answered else (),
        provider_finish_reasons=(reason,) if is_answered else (),
        usage=Usage(
            input_tokens=_last_number(answer.bodies, "prompt_eval_count"),
            output_tokens=_last_number(answer.bodies, "eval_count"),
            cache_read_input_tokens=_last_number(answer.bodies, "prompt_eval_cached_count"),
        ),
        error_type=answer.error_type,
        error_message=answer.error_message,
        provider_facts={name: fact for body in answer.bodies for name, fact in nanoseconds(body, _TIMES).items()},
    )


def _is_piece(body: dict[str, JSON]) -> bool:
    return "done" in body or "message" in body or "response" in body or bool(text_of(body.get("error")))


def _is_answer(body: dict[str, JSON]) -> bool:
    return _is_piece(body) or "embedding" in body or "embeddings" in body


def _last_number(bodies: tuple[dict[str, JSON], ...], name: str) -> int | None:
    return next((number for body in reversed(bodies) if (number := int_of(body.get(name))) is not None), None)


def _asked_messages(kind: str, asked: dict[str, JSON]) -> Iterator[Message]:
    if kind == "chat":
        yield from map(_message_of, objects_of(asked.get("messages")))
    elif kind == "generate":
        if system := text_of(asked.get("system")):
            yield Message(role="system", parts=(TextPart(text=well_formed(system)),))
        prompt = tuple(_parts_of({"content": asked.get("prompt"), "images": asked.get("images")}))
        yield from [Message(role="user", parts=prompt)] if prompt else []
    else:
        texts = asked.get("input" if kind == "embed" else "prompt")
        for text in texts if isinstance(texts, list) else [texts]:
            if isinstance(text, str):
                yield Message(role="user", parts=(TextPart(text=well_formed(text)),))


def _message_of(message: dict[str, JSON]) -> Message:
    role = text_of(message.get("role")) or ""
    if role == "tool":
        name = text_of(message.get("tool_call_id")) or text_of(message.get("tool_name")) or text_of(message.get("name"))
        return Message(role=role, parts=(ToolResultPart(result=message.get("content"), id=name),))
    return Message(role=role, parts=tuple(_parts_of(message)))


def _answer_of(pieces: list[dict[str, JSON]]) -> Message:
    """The one message that the pieces of an answer add up to; those of a text completion are no messages."""
    said = [_said_in(piece) for piece in pieces]
    whole: dict[str, JSON] = {
        name: "".join(text_of(piece.get(name)) or "" for piece in said) for name in ("thinking", "content")
    }
    whole |= {name: [item for piece in said for item in list_of(piece.get(name))] for name in ("images", "tool_calls")}
    return Message(role=first_text(said, "role") or "assistant", parts=tuple(_parts_of(whole)))


def _said_in(piece: dict[str, JSON]) -> dict[str, JSON]:
    if "message" in piece:
        return object_of(piece["message"])
    # A model that draws answers with `image`.
    image = text_of(piece.get("image"))
    return {**piece, "content": piece.get("response"), "images": [image] if image else []}


def _parts_of(message: dict[str, JSON]) -> Iterator[Part]:
    if thought := text_of(message.get("thinking")):
        yield ReasoningPart(text=well_formed(thought))
    if text := text_of(message.get("content")):
        yield TextPart(text=well_formed(text))
    for image in list_of(message.get("images")):
        if isinstance(image, str) and image:
            is_address = image.startswith(("data:", "http://", "https://"))
            yield MediaPart(kind="image", reference=media_reference(image) if is_address else hash_of_base64(image))
    for call in objects_of(message.get("tool_calls")):
        function = object_of(call.get("function"))
        if name := text_of(function.get("name")):
            yield ToolCallPart(name=name, arguments=function.get("arguments"), id=text_of(call.get("id")))
