"""Google's embeddings, of the Gemini API and of Vertex AI. The vectors stay in the recorded bytes.

https://ai.google.dev/api/embeddings
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, Message, ModelCall, TextPart, Usage

from .answers import answer_in, asked_in
from .gemini_address import model_in_path, target_of
from .gemini_contents import each_of, field_of, parts_of
from .reading import int_of, object_from, object_of, text_of, well_formed

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange, Request

_METHODS = ("embedContent", "batchEmbedContents")
_EMBEDDED = frozenset({"model", "content"})
# Nothing: an answer is vectors and a count of tokens.
VOLATILE: frozenset[str] = frozenset()
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request asks for embeddings."""
    if request.method.upper() != "POST" or target_of(request)[1] not in _METHODS:
        return False
    return bool({"content", "requests"} & (object_from(request.body) or {}).keys())


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was embedded, by which model, and what it used."""
    asked = asked_in(exchange, expected="a JSON object with `content` or `requests`")
    answer = answer_in(
        exchange,
        expected="a JSON object with `embedding` or `embeddings`",
        is_answer=lambda body: "embedding" in body or "embeddings" in body,
    )
    each = each_of(asked.get("requests")) if "requests" in asked else [asked]
    used = object_of(field_of(answer.body, "usageMetadata"))
    return ModelCall(
        operation_name="embeddings",
        request_model=model_in_path(exchange.request) or text_of(asked.get("model")),
        streaming=answer.is_stream,
        input_messages=tuple(_message_of(request.get("content")) for request in each),
        parameters=_parameters_of(asked, each),
        # A count of nothing is left out of Google's answers, and so is one that nobody made.
        usage=Usage(input_tokens=int_of(field_of(used, "promptTokenCount"))),
        error_type=answer.error_type,
        error_message=answer.error_message,
    )


def _message_of(content: JSON) -> Message:
    """The message for one vector."""
    if isinstance(content, str):
        return Message(role="user", parts=(TextPart(text=well_formed(content)),) if content else ())
    return Message(role="user", parts=parts_of(each_of(object_of(content).get("parts"))))


def _parameters_of(asked: dict[str, JSON], each: list[dict[str, JSON]]) -> dict[str, JSON]:
    """Everything else that was sent; what the requests of a batch have in common is told once."""
    settings = [{name: value for name, value in request.items() if name not in _EMBEDDED} for request in each]
    if "requests" not in asked:
        return settings[0]
    others = {name: value for name, value in asked.items() if name not in ("requests", "model")}
    if all(setting == settings[0] for setting in settings):
        return others | (settings[0] if settings else {})
    return others | {"requests": [*settings]}
