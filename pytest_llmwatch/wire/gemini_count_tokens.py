"""Google's count of the tokens of contents that are not answered. No model runs, so nothing is used.

https://ai.google.dev/api/tokens
https://docs.cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.publishers.models/countTokens
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmwatch.calls import ModelCall

from .answers import answer_in, asked_in
from .gemini_address import model_in_path, target_of
from .gemini_contents import field_of, input_messages_of, tools_of
from .reading import int_of, object_of, text_of

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange, Request

_NOT_PARAMETERS = frozenset({"model", "contents", "systemInstruction", "system_instruction", "tools"})
VOLATILE: frozenset[str] = frozenset()
VOLATILE_REQUEST = frozenset(
    f"contents[*].parts[*].{name}" for name in ("thoughtSignature", "functionCall.id", "functionResponse.id")
)


def claims(request: Request) -> bool:
    """Whether a request asks how long contents are."""
    if request.method.upper() != "POST" or target_of(request)[1] != "countTokens":
        return False
    return request.body.lstrip()[:1] == b"{"


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was counted, and what went wrong; the count stays in the recorded bytes."""
    sent = asked_in(exchange, expected="a JSON object with `contents`")
    # Either the contents alone, or the request whole, as it would be sent.
    asked = object_of(field_of(sent, "generateContentRequest")) or sent
    answer = answer_in(
        exchange,
        expected="a JSON object with `totalTokens`",
        is_answer=lambda body: int_of(body.get("totalTokens")) is not None,
    )
    return ModelCall(
        operation_name="count_tokens",
        request_model=model_in_path(exchange.request) or text_of(asked.get("model")),
        streaming=answer.is_stream,
        input_messages=tuple(input_messages_of(asked)),
        tool_definitions=tuple(tools_of(asked)),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        error_type=answer.error_type,
        error_message=answer.error_message,
    )
