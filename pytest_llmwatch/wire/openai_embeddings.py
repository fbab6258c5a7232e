"""OpenAI's embeddings, and the many hosts that speak them. The vectors stay in the recorded bytes.

https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pytest_llmwatch.calls import JSON, MediaPart, Message, ModelCall, Part, TextPart, Usage
from pytest_llmwatch.errors import UndecodableExchange

from .provider_costs import cost_of
from .provider_errors import ProviderError, error_in, error_of_status
from .reading import (
    hash_of_base64,
    hash_of_json,
    int_of,
    json_of,
    list_of,
    media_reference,
    object_from,
    object_of,
    text_of,
    well_formed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request

# Voyage and Perplexity name theirs after what they embed.
_PATH = re.compile(r"/(multimodal|contextualized)?embeddings/?$")
_MODEL_IN_PATH = re.compile(r"/(?:deployments|serving-endpoints)/([^/]+)/embeddings")
_INPUTS = ("input", "inputs")
_NOT_PARAMETERS = frozenset({"model", *_INPUTS})
# What no two recordings of the same answer share.
VOLATILE = frozenset({"id", "created", "created_at", "request_id"})
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request asks for embeddings."""
    if request.method.upper() != "POST" or not _PATH.search(_path_of(request)):
        return False
    asked = object_from(request.body) or {}
    return any(name in asked for name in _INPUTS)


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was embedded, by which model, and what it used."""
    request = exchange.request
    asked = object_from(request.body)
    if asked is None:
        raise UndecodableExchange(
            "request body", expected="a JSON object with `input`", got=request.body[:40], exchange=exchange
        )
    error, body = _answer_in(exchange)
    usage = object_of(body.get("usage"))
    return ModelCall(
        operation_name="embeddings",
        request_model=text_of(asked.get("model")) or _model_in_path(request),
        response_model=text_of(body.get("model")),
        response_id=text_of(body.get("id")),
        input_messages=tuple(message for name in _INPUTS for message in _messages_of(asked.get(name))),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        usage=_usage_of(usage),
        error_type=(error.type or "error") if error else None,
        error_message=error.message if error else None,
        cost=cost_of(usage),
        billing=_billing_of(usage),
    )


def _path_of(request: Request) -> str:
    return request.uri.partition("#")[0].partition("?")[0]


def _model_in_path(request: Request) -> str | None:
    found = _MODEL_IN_PATH.search(_path_of(request))
    return unquote(found[1]) if found else None


def _answer_in(exchange: Exchange) -> tuple[ProviderError | None, dict[str, JSON]]:
    response, failure = exchange.response, exchange.failure
    if response is None or (not response.body and failure):
        return ProviderError(type=failure.kind if failure else "cut", message=failure.message if failure else None), {}
    if not 200 <= response.status < 300:
        return error_of_status(response.status, response.body), {}
    try:
        value = json_of(response.body)
    except ValueError:
        if failure:
            return ProviderError(type=failure.kind, message=failure.message), {}
        value = None
    body = object_of(value)
    is_answer = "data" in body or body.get("object") == "list"
    error = error_in(value) if body.get("error") or not is_answer else None
    if error is None and not is_answer:
        raise UndecodableExchange(
            "response body", expected="a JSON object with `data`", got=response.body[:40], exchange=exchange
        )
    return error, body


def _messages_of(embedded: JSON) -> Iterator[Message]:
    """One message for each vector that was asked for."""
    rows = list_of(embedded)
    # A list of numbers is one text, cut into tokens already.
    texts = rows if rows and not all(int_of(row) is not None for row in rows) else [embedded]
    for text in texts:
        if text:
            yield Message(role="user", parts=tuple(_parts_of(text)))


def _parts_of(embedded: JSON) -> Iterator[Part]:
    if isinstance(embedded, str):
        yield from [TextPart(text=well_formed(embedded))] if embedded else []
    elif isinstance(embedded, dict):
        yield from _object_parts(embedded)
    elif any(int_of(token) is not None for token in list_of(embedded)):
        yield MediaPart(kind="tokens", reference=hash_of_json(embedded))
    else:
        # The chunks of one document, which are embedded in the light of each other.
        yield from (part for chunk in list_of(embedded) if isinstance(chunk, str | dict) for part in _parts_of(chunk))


def _object_parts(embedded: dict[str, JSON]) -> Iterator[Part]:
    """`{"text": ...}` and `{"image": ...}` (Jina, Azure), `{"content": [...]}` (Voyage, OpenRouter) and its parts."""
    if isinstance(embedded.get("content"), list | str):
        yield from _parts_of(embedded["content"])
        return
    if text := text_of(embedded.get("text")):
        yield TextPart(text=well_formed(text))
    for name, value in embedded.items():
        kind = next((kind for kind in ("image", "video", "audio", "pdf") if kind in name), None)
        if kind and (address := text_of(value) or text_of(object_of(value).get("url"))):
            is_address = address.startswith(("http://", "https://", "data:"))
            yield MediaPart(kind=kind, reference=media_reference(address) if is_address else hash_of_base64(address))


def _usage_of(usage: dict[str, JSON]) -> Usage:
    """What was used; nothing is written, so a total alone (Voyage) is what was read."""
    counted = (int_of(usage.get(name)) for name in ("prompt_tokens", "total_tokens"))
    return Usage(
        input_tokens=next((number for number in counted if number is not None), None),
        # Some say that it is 0.
        output_tokens=int_of(usage.get("completion_tokens")),
        cache_read_input_tokens=int_of(object_of(usage.get("prompt_tokens_details")).get("cached_tokens")),
    )


def _billing_of(usage: dict[str, JSON]) -> dict[str, JSON]:
    """What the bill depends on beside the tokens; Voyage counts what it sees in pixels."""
    sent = object_of(usage.get("prompt_tokens_details"))
    others: list[JSON] = [name for name in ("image_pixels", "video_pixels") if int_of(usage.get(name))]
    facts: dict[str, JSON] = {
        "total_tokens": int_of(usage.get("total_tokens")),
        "input_audio_tokens": int_of(sent.get("audio_tokens")),
        "input_image_tokens": int_of(sent.get("image_tokens")),
        "other_charges": others,
    }
    return {name: value for name, value in facts.items() if value}
