"""Anthropic's count of the tokens of a message that is not sent. No model runs, so nothing is used.

https://platform.claude.com/docs/en/api/messages-count-tokens, and
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/count-tokens
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import ModelCall

from .answers import answer_in, asked_in, path_of
from .anthropic_content import messages_of, tools_of
from .reading import int_of, text_of

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"(/messages/count_tokens|/publishers/anthropic/models/count-tokens:rawPredict)/?$")
_NOT_PARAMETERS = frozenset({"model", "messages", "system", "tools"})
# What no two recordings of the same answer share.
VOLATILE = frozenset({"request_id"})
VOLATILE_REQUEST = frozenset(f"messages[*].content[*].{name}" for name in ("id", "tool_use_id", "signature", "data"))


def claims(request: Request) -> bool:
    """Whether a request asks how long a message is."""
    if request.method.upper() != "POST" or not _PATH.search(path_of(request)):
        return False
    return request.body.lstrip()[:1] == b"{" and b'"messages"' in request.body


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was counted, and what went wrong; the count stays in the recorded bytes."""
    asked = asked_in(exchange, expected="a JSON object with `messages`")
    answer = answer_in(
        exchange,
        expected="a JSON object with `input_tokens`",
        is_answer=lambda body: int_of(body.get("input_tokens")) is not None,
    )
    return ModelCall(
        operation_name="count_tokens",
        request_model=text_of(asked.get("model")),
        streaming=answer.is_stream,
        input_messages=tuple(messages_of(asked)),
        tool_definitions=tuple(tools_of(asked)),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        error_type=answer.error_type,
        error_message=answer.error_message,
    )
