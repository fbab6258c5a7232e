"""OpenAI's moderations, and those of Mistral, of texts and of chats. The verdicts stand in the answer as they came.

https://platform.openai.com/docs/api-reference/moderations, https://docs.mistral.ai/api/#tag/classifiers
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, Message, ModelCall, TextPart, ToolResultPart

from .answers import answer_in, asked_in, model_in_path, path_of
from .openai_messages import message_of
from .openai_usage import billing_of, usage_in, usage_of
from .provider_costs import cost_of
from .reading import list_of, objects_of, text_of, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"/moderations/?$")
_NOT_PARAMETERS = frozenset({"model", "input"})
# What no two recordings of the same answer share.
VOLATILE = frozenset({"id"})
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request asks for a moderation."""
    if request.method.upper() != "POST" or not _PATH.search(path_of(request)):
        return False
    return request.body.lstrip()[:1] == b"{" and b'"input"' in request.body


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was judged, and the verdicts, one message for each."""
    asked = asked_in(exchange, expected="a JSON object with `input`")
    answer = answer_in(
        exchange, expected="a JSON object with `results`", is_answer=lambda body: isinstance(body.get("results"), list)
    )
    usage = usage_in(list(answer.bodies))
    return ModelCall(
        operation_name="moderation",
        request_model=text_of(asked.get("model")) or model_in_path(exchange.request),
        response_model=text_of(answer.body.get("model")),
        response_id=text_of(answer.body.get("id")),
        streaming=answer.is_stream,
        input_messages=tuple(_messages_of(asked.get("input"))),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=tuple(
            Message(role="assistant", parts=(ToolResultPart(result=result),))
            for result in objects_of(answer.body.get("results"))
        ),
        usage=usage_of(usage),
        error_type=answer.error_type,
        error_message=answer.error_message,
        cost=cost_of(usage),
        billing=billing_of(usage, tier=text_of(answer.body.get("service_tier"))),
    )


def _messages_of(judged: JSON) -> Iterator[Message]:
    """One message for each text; parts of several kinds are one message, and chats keep their own."""
    parts = objects_of(judged)
    if parts and not any("role" in part for part in parts):
        yield message_of({"role": "user", "content": list(parts)})
        return
    for each in list_of(judged) or [judged]:
        if text := text_of(each):
            yield Message(role="user", parts=(TextPart(text=well_formed(text)),))
        elif isinstance(each, dict | list):
            yield from map(message_of, objects_of(each) if isinstance(each, list) else [each])
