"""Cohere's text completions of the first version: whole answers, events, and lines of JSON.

https://docs.cohere.com/v1/reference/generate
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, Message, ModelCall, TextPart

from .answers import asked_in, path_of
from .cohere_answers import FINISH_REASONS, billing_in, cohere_answer_in, usage_in
from .reading import first_text, int_of, object_from, object_of, objects_of, text_of, well_formed

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"/v1/generate/?$")
_NOT_PARAMETERS = frozenset({"model", "prompt"})
# What no two recordings of the same answer share.
VOLATILE = frozenset(
    {"id", "generations[*].id", "response.id", "response.generations[*].id", "response.generations.id"}
)
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request asks for a text to be completed."""
    if request.method.upper() != "POST" or not _PATH.search(path_of(request)):
        return False
    return isinstance((object_from(request.body) or {}).get("prompt"), str)


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    asked = asked_in(exchange, expected="a JSON object with `prompt`")
    answer = cohere_answer_in(
        exchange,
        expected="a JSON object with `generations`",
        is_answer=lambda body: "generations" in body or "is_finished" in body or "event_type" in body,
        streamed=asked.get("stream") is True,
    )
    generations = _generations_in(list(answer.bodies))
    reasons = tuple(_last_text(pieces, "finish_reason") for pieces in generations)
    prompt = text_of(asked.get("prompt"))
    return ModelCall(
        operation_name="text_completion",
        request_model=text_of(asked.get("model")),
        response_id=first_text([*answer.bodies, *_responses_in(answer.bodies)], "id"),
        streaming=answer.is_stream,
        input_messages=(Message(role="user", parts=(TextPart(text=well_formed(prompt)),)),) if prompt else (),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=tuple(map(_message_of, generations)),
        finish_reasons=tuple(map(FINISH_REASONS.get, reasons)),
        provider_finish_reasons=reasons,
        usage=usage_in(answer),
        error_type=answer.error_type,
        error_message=answer.error_message,
        billing=billing_in(answer),
    )


def _responses_in(bodies: tuple[dict[str, JSON], ...]) -> list[dict[str, JSON]]:
    return [response for body in bodies if (response := object_of(body.get("response")))]


def _generations_in(bodies: list[dict[str, JSON]]) -> list[list[dict[str, JSON]]]:
    """The pieces of each alternative, in the order of their numbers; a whole answer has one piece of each."""
    wholes = [body for body in (*bodies, *_responses_in(tuple(bodies))) if "generations" in body]
    # The last event repeats the whole answer.
    rows = objects_of(wholes[-1]["generations"]) if wholes else []
    if rows:
        return [[row] for row in rows]
    found: dict[int, list[dict[str, JSON]]] = {}
    for body in bodies:
        found.setdefault(int_of(body.get("index")) or 0, []).append(body)
    return [] if wholes else [found[number] for number in sorted(found)]


def _message_of(pieces: list[dict[str, JSON]]) -> Message:
    text = well_formed("".join(text_of(piece.get("text")) or "" for piece in pieces))
    return Message(role="assistant", parts=(TextPart(text=text),) if text else ())


def _last_text(pieces: list[dict[str, JSON]], name: str) -> str | None:
    return first_text(reversed(pieces), name)
