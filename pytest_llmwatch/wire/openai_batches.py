"""OpenAI's batches, and the hosts that speak them: begun, looked at, cancelled. What was asked stands in another file.

https://platform.openai.com/docs/api-reference/batch
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, Message, ModelCall, ToolResultPart

from .answers import answer_in, asked_in, path_of
from .openai_usage import media_billing_of, media_usage_of
from .provider_errors import ProviderError
from .reading import object_of, objects_of, text_of

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange, Request

_BEGIN = re.compile(r"(?<!/messages)/batches/?$")
_CANCEL = re.compile(r"(/v\d+/batches/[^/]+|/batches/batch_[^/]+)/cancel/?$")
_LOOK = re.compile(r"(/v\d+/batches/[^/]+|/batches/batch_[^/]+)/?$")
_STATE = ("status", "request_counts", "errors")
_TIMES = (
    *("created_at", "in_progress_at", "expires_at", "finalizing_at", "completed_at"),
    *("failed_at", "expired_at", "cancelling_at", "cancelled_at"),
)
# What no two recordings of the same answer share.
VOLATILE = frozenset({"id", "input_file_id", "output_file_id", "error_file_id", *_TIMES})
VOLATILE_REQUEST = frozenset({"input_file_id"})


def claims(request: Request) -> bool:
    """Whether a request begins a batch, cancels it, or asks for its state; a list of batches is no call."""
    method, path = request.method.upper(), path_of(request)
    if method == "GET":
        return bool(_LOOK.search(path))
    if method != "POST":
        return False
    is_begun = _BEGIN.search(path) and b'"input_file_id"' in request.body and request.body.lstrip()[:1] == b"{"
    return bool(is_begun or _CANCEL.search(path))


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: the state of a batch, and what it used where it says so."""
    is_begun = bool(_BEGIN.search(path_of(exchange.request)))
    asked = asked_in(exchange, expected="a JSON object with `input_file_id`") if is_begun else {}
    answer = answer_in(exchange, expected="a JSON object with `status`", is_answer=_is_answer)
    # Together wraps the new one.
    batch = object_of(answer.body.get("job")) or answer.body
    usage = object_of(batch.get("usage"))
    failure = _failure_in(batch)
    state: dict[str, JSON] = {name: batch[name] for name in _STATE if batch.get(name) is not None}
    return ModelCall(
        operation_name="batch",
        request_model=text_of(asked.get("model")) or text_of(asked.get("model_id")),
        response_model=text_of(batch.get("model")) or text_of(batch.get("model_id")),
        response_id=text_of(batch.get("id")),
        streaming=answer.is_stream,
        parameters={name: value for name, value in asked.items() if name != "model"},
        output_messages=(Message(role="assistant", parts=(ToolResultPart(result=state),)),) if state else (),
        usage=media_usage_of(usage),
        error_type=answer.error_type or (failure.type if failure else None),
        error_message=answer.error_message or (failure.message if failure else None),
        billing={"batch": True} | media_billing_of(usage),
    )


def _is_answer(body: dict[str, JSON]) -> bool:
    return "status" in body or body.get("object") == "batch" or isinstance(body.get("job"), dict)


def _failure_in(batch: dict[str, JSON]) -> ProviderError | None:
    """Why the whole batch failed, which its state says in an answer that is good itself."""
    if (text_of(batch.get("status")) or "").lower() != "failed":
        return None
    first = next(iter(objects_of(object_of(batch.get("errors")).get("data"))), {})
    return ProviderError(type=text_of(first.get("code")) or "failed", message=text_of(first.get("message")))
