"""Cloudflare's Workers AI by its own address, `/ai/run/@cf/...`: an answer inside `result`, or a stream of `response`.

https://developers.cloudflare.com/api/resources/ai/methods/run/
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pytest_llmwatch.calls import JSON, FinishReason, MediaPart, Message, ModelCall, TextPart

from .answers import Answer, answer_in, asked_in, path_of
from .openai_messages import answer_of, message_of, tools_of, whole_message
from .openai_usage import billing_of, usage_in, usage_of
from .reading import first_text, hash_of_base64, hash_of_bytes, list_of, object_of, objects_of, text_of, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"/(?:ai/run|workers-ai)/((?:@|%40)[^/]+/.+?)/?$")
_SENT = frozenset({"messages", "prompt", "text", "tools"})
_FINISH_REASONS: dict[str | None, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_call",
    "content_filter": "content_filter",
}
_EXPECTED = "a JSON object with `result`"
# What no two recordings of the same answer share; `p` is padding.
VOLATILE = frozenset({"p", "result.id", "result.created", "result.choices[*].message.tool_calls[*].id"})
VOLATILE_REQUEST = frozenset({"messages[*].tool_calls[*].id", "messages[*].tool_call_id"})


def claims(request: Request) -> bool:
    """Whether a request runs a model by its name in the address."""
    if request.method.upper() != "POST" or not _PATH.search(path_of(request)):
        return False
    return request.body.lstrip()[:1] == b"{" and any(f'"{name}"'.encode() in request.body for name in _SENT)


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    asked = asked_in(exchange, expected="a JSON object with `messages`, `prompt` or `text`")
    picture = _picture_in(exchange)
    answer = Answer() if picture else _answer_in(exchange, streamed=asked.get("stream") is True)
    results = [object_of(body["result"]) if "result" in body else body for body in answer.bodies]
    is_embedding = any("data" in result for result in results)
    message, reason = _said(results, is_stream=answer.is_stream)
    messages = (picture,) if picture else (message,) if message and not is_embedding else ()
    usage = usage_in(results)
    return ModelCall(
        operation_name=_operation_of(asked, is_embedding=is_embedding, is_picture=picture is not None),
        request_model=_model_in(exchange.request),
        response_model=first_text(results, "model"),
        response_id=first_text(results, "id"),
        streaming=answer.is_stream,
        input_messages=tuple(_messages_of(asked)),
        tool_definitions=tuple(tools_of(asked)),
        parameters={name: value for name, value in asked.items() if name not in _SENT},
        output_messages=messages,
        finish_reasons=tuple(_FINISH_REASONS.get(reason) for _ in messages),
        provider_finish_reasons=tuple(reason for _ in messages),
        usage=usage_of(usage),
        error_type=answer.error_type,
        error_message=answer.error_message,
        billing=billing_of(usage, tier=None),
    )


def _model_in(request: Request) -> str | None:
    found = _PATH.search(path_of(request))
    return unquote(found[1]) if found else None


def _operation_of(asked: dict[str, JSON], *, is_embedding: bool, is_picture: bool) -> str:
    if is_embedding:
        return "embeddings"
    if is_picture:
        return "generate_content"
    return "chat" if "messages" in asked else "text_completion"


def _answer_in(exchange: Exchange, *, streamed: bool) -> Answer:
    return answer_in(
        exchange,
        expected=_EXPECTED,
        is_answer=lambda body: any(name in body for name in ("result", "response", "choices")),
        is_end=lambda body: bool(object_of(body.get("usage"))) or bool(_reason_of(body)),
        streamed=streamed,
    )


def _picture_in(exchange: Exchange) -> Message | None:
    """The picture or the sound that some models answer with, as it is."""
    response = exchange.response
    kind = (response.header("content-type") or "").partition("/")[0].lower() if response else ""
    if response is None or kind not in ("image", "audio") or not 200 <= response.status < 300:
        return None
    return Message(role="assistant", parts=(MediaPart(kind=kind, reference=hash_of_bytes(response.body)),))


def _said(results: list[dict[str, JSON]], *, is_stream: bool) -> tuple[Message | None, str | None]:
    """The message, in the shape of a chat's: a few models answer as OpenAI's do, the others with `response`."""
    choices = [choice for result in results for choice in objects_of(result.get("choices"))[:1]]
    pieces = [object_of(choice.get("delta")) or object_of(choice.get("message")) for choice in choices]
    if not choices:
        pieces = [_piece_of(result) for result in results]
    if not any(pieces):
        return None, None
    reason = next((found for result in reversed(results) if (found := _reason_of(result))), None)
    return answer_of([whole_message(pieces)] if is_stream else pieces), reason


def _piece_of(result: dict[str, JSON]) -> dict[str, JSON]:
    response = next(
        (result[name] for name in ("response", "summary", "translated_text", "text") if name in result), None
    )
    # A number is what the model wrote, too, and a stream says it without quotes.
    text = response if isinstance(response, str | dict) else "" if response is None else json.dumps(response)
    calls: list[JSON] = [
        {"id": call.get("id"), "function": call if "name" in call else object_of(call.get("function"))}
        for call in objects_of(result.get("tool_calls"))
    ]
    if image := text_of(result.get("image")):
        return {"content": [{"type": "image", "image": {"file_id": hash_of_base64(image)}}]}
    return {"content": text, "tool_calls": calls} if response is not None or calls else {}


def _reason_of(result: dict[str, JSON]) -> str | None:
    choice = next(iter(objects_of(result.get("choices"))), {})
    return text_of(choice.get("finish_reason")) or text_of(result.get("finish_reason"))


def _messages_of(asked: dict[str, JSON]) -> Iterator[Message]:
    yield from map(message_of, objects_of(asked.get("messages")))
    for name in ("prompt", "text"):
        for text in list_of(asked.get(name)) or [asked.get(name)]:
            if isinstance(text, str) and text:
                yield Message(role="user", parts=(TextPart(text=well_formed(text)),))
