"""OpenAI's count of the tokens of a response that is not asked for. No model runs, so nothing is used.

https://platform.openai.com/docs/api-reference/responses/input-tokens
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import ModelCall

from .answers import answer_in, asked_in, model_in_path, path_of
from .openai_items import sent_messages, tools_of
from .reading import int_of, text_of

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange, Request

_PATH = re.compile(r"/responses/input_tokens/?$")
_NOT_PARAMETERS = frozenset({"model", "instructions", "input", "tools"})
# What no two recordings of the same answer share.
VOLATILE = frozenset({"request_id"})
VOLATILE_REQUEST = frozenset({"previous_response_id", *(f"input[*].{name}" for name in ("id", "call_id"))})


def claims(request: Request) -> bool:
    """Whether a request asks how long the input of a response is."""
    return (
        request.method.upper() == "POST" and bool(_PATH.search(path_of(request))) and request.body.lstrip()[:1] == b"{"
    )


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was counted, and what went wrong; the count stays in the recorded bytes."""
    asked = asked_in(exchange, expected="a JSON object with `input`")
    answer = answer_in(
        exchange,
        expected="a JSON object with `input_tokens`",
        is_answer=lambda body: int_of(body.get("input_tokens")) is not None,
    )
    return ModelCall(
        operation_name="count_tokens",
        request_model=text_of(asked.get("model")) or model_in_path(exchange.request),
        streaming=answer.is_stream,
        input_messages=tuple(sent_messages(asked)),
        tool_definitions=tuple(tools_of(asked)),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        error_type=answer.error_type,
        error_message=answer.error_message,
    )
