"""OpenAI's text completions, and the many hosts that speak them: whole answers and event streams.

https://platform.openai.com/docs/api-reference/completions; the same for what goes into a gap (DeepSeek, Mistral), and
for the prompts that a gateway keeps, whose answers may be those of a chat: https://portkey.ai/docs/api-reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, FinishReason, MediaPart, Message, ModelCall, TextPart

from .answers import answer_in, asked_in, model_in_path, path_of
from .openai_messages import answer_of, whole_message
from .openai_usage import billing_of, usage_in, usage_of
from .provider_costs import cost_of
from .reading import first_text, hash_of_json, int_of, list_of, object_of, objects_of, text_of, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"((?<!/chat)/completions|/serving-endpoints/[^/]+/invocations)/?$")
_STORED_PROMPT = re.compile(r"/prompts/[^/]+/completions/?$")
_NOT_PARAMETERS = frozenset({"model", "prompt"})
_FINISH_REASONS: dict[str | None, FinishReason] = {
    "stop": "stop",
    # Together; Hugging Face.
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "model_length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "error": "error",
}
# What no two recordings of the same answer share.
VOLATILE = frozenset({"id", "created", "system_fingerprint", "choices[*].message.tool_calls[*].id"})
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request asks for a text to be completed."""
    if request.method.upper() != "POST" or request.body.lstrip()[:1] != b"{":
        return False
    path = path_of(request)
    if _STORED_PROMPT.search(path):
        return True
    return bool(_PATH.search(path)) and b'"prompt"' in request.body


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    request = exchange.request
    asked = asked_in(exchange, expected="a JSON object with `prompt`")
    answer = answer_in(
        exchange,
        expected="a JSON object with `choices`",
        is_answer=_is_answer,
        is_end=_ends,
        streamed=asked.get("stream") is True,
    )
    chunks = list(answer.bodies)
    choices, usage = _choices_of(chunks), usage_in(chunks)
    reasons = tuple(choice.finish_reason for choice in choices)
    is_chat = bool(_STORED_PROMPT.search(path_of(request))) and not any(choice.is_text for choice in choices)
    return ModelCall(
        operation_name="chat" if is_chat else "text_completion",
        request_model=text_of(asked.get("model")) or model_in_path(request),
        response_model=first_text(chunks, "model"),
        response_id=first_text(chunks, "id"),
        streaming=answer.is_stream,
        input_messages=tuple(_messages_of(asked.get("prompt"))),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=tuple(choice.message(is_stream=answer.is_stream) for choice in choices),
        finish_reasons=tuple(map(_FINISH_REASONS.get, reasons)),
        provider_finish_reasons=reasons,
        usage=usage_of(usage),
        error_type=answer.error_type,
        error_message=answer.error_message,
        cost=cost_of(usage),
        billing=billing_of(usage, tier=first_text(chunks, "service_tier")),
    )


def _is_answer(body: dict[str, JSON]) -> bool:
    return "choices" in body or _is_of_writer(body) or (text_of(body.get("object")) or "").startswith("text_completion")


def _is_of_writer(body: dict[str, JSON]) -> bool:
    return isinstance(body.get("value"), str)


def _ends(body: dict[str, JSON]) -> bool:
    # Writer's stream just stops.
    choices = objects_of(body.get("choices"))
    return _is_of_writer(body) or any(text_of(choice.get("finish_reason")) for choice in choices)


def _messages_of(prompt: JSON) -> Iterator[Message]:
    """One message for each prompt; each of them is answered `n` times."""
    rows = list_of(prompt)
    # A list of numbers is one prompt, cut into tokens already.
    prompts = rows if rows and not all(int_of(row) is not None for row in rows) else [prompt]
    for each in prompts:
        if text := text_of(each):
            yield Message(role="user", parts=(TextPart(text=well_formed(text)),))
        elif each and isinstance(each, list):
            yield Message(role="user", parts=(MediaPart(kind="tokens", reference=hash_of_json(each)),))


@dataclass(slots=True)
class _Choice:
    """One of the alternatives, while its pieces arrive, in the shape of a chat's message."""

    pieces: list[dict[str, JSON]] = field(default_factory=list)
    finish_reason: str | None = None
    is_text: bool = False

    def add(self, choice: dict[str, JSON]) -> None:
        # Together sends the text twice.
        piece = next((object_of(choice[name]) for name in ("delta", "message") if choice.get(name)), {})
        if isinstance(choice.get("text"), str):
            thoughts = {name: choice.get(name) for name in ("reasoning", "reasoning_content")}
            piece = {"content": choice["text"] or piece.get("content"), **thoughts}
            self.is_text = True
        self.pieces.append(piece)
        self.finish_reason = text_of(choice.get("finish_reason")) or self.finish_reason

    def message(self, *, is_stream: bool) -> Message:
        return answer_of([whole_message(self.pieces)] if is_stream else self.pieces)


def _choices_of(chunks: list[dict[str, JSON]]) -> list[_Choice]:
    """The choices in the order of their indexes."""
    found: dict[int, _Choice] = {}
    for chunk in chunks:
        choices = [{"text": chunk["value"]}] if _is_of_writer(chunk) else objects_of(chunk.get("choices"))
        for place, choice in enumerate(choices):
            index = int_of(choice.get("index"))
            found.setdefault(place if index is None else index, _Choice()).add(choice)
    return [found[index] for index in sorted(found)]
