"""Cohere's embeddings, in both versions. The vectors stay in the recorded bytes.

https://docs.cohere.com/reference/embed
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, MediaPart, Message, ModelCall, TextPart

from .answers import asked_in, path_of
from .cohere_answers import billing_in, cohere_answer_in, usage_in
from .openai_messages import message_of
from .reading import hash_of_base64, list_of, media_reference, object_from, objects_of, text_of, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"/v[12]/embed/?$")
_INPUTS = ("texts", "images", "inputs")
_NOT_PARAMETERS = frozenset({"model", *_INPUTS})
# What no two recordings of the same answer share.
VOLATILE = frozenset({"id"})
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request asks for embeddings."""
    if request.method.upper() != "POST" or not _PATH.search(path_of(request)):
        return False
    asked = object_from(request.body) or {}
    return any(isinstance(asked.get(name), list) for name in _INPUTS)


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was embedded, by which model, and what it used."""
    asked = asked_in(exchange, expected="a JSON object with `texts`")
    answer = cohere_answer_in(
        exchange, expected="a JSON object with `embeddings`", is_answer=lambda body: "embeddings" in body
    )
    return ModelCall(
        operation_name="embeddings",
        request_model=text_of(asked.get("model")),
        response_id=text_of(answer.body.get("id")),
        streaming=answer.is_stream,
        input_messages=tuple(_messages_of(asked)),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        usage=usage_in(answer),
        error_type=answer.error_type,
        error_message=answer.error_message,
        billing=billing_in(answer),
    )


def _messages_of(asked: dict[str, JSON]) -> Iterator[Message]:
    """One message for each vector that was asked for."""
    for text in list_of(asked.get("texts")):
        if isinstance(text, str):
            yield Message(role="user", parts=(TextPart(text=well_formed(text)),) if text else ())
    for image in list_of(asked.get("images")):
        if address := text_of(image):
            is_address = address.startswith(("data:", "http://", "https://"))
            reference = media_reference(address) if is_address else hash_of_base64(address)
            yield Message(role="user", parts=(MediaPart(kind="image", reference=reference),))
    # From the fourth model on, one vector may be that of texts and images.
    for held in objects_of(asked.get("inputs")):
        yield message_of({"role": "user", "content": held.get("content")})
