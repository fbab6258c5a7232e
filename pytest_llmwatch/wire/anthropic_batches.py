"""Anthropic's batches of messages: begun, looked at, cancelled, and their results, one JSON object a line.

https://platform.claude.com/docs/en/api/creating-message-batches
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, Message, ModelCall, ToolDefinition, ToolResultPart, Usage

from .answers import Answer, answer_in, asked_in, failure_of, path_of, undecodable
from .anthropic_content import answer_of, messages_of, tools_of
from .anthropic_usage import FINISH_REASONS, usage_of
from .provider_errors import error_of_status
from .reading import object_from, object_of, objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmwatch.exchange import Exchange, Request

_BEGIN = re.compile(r"/messages/batches/?$")
_CANCEL = re.compile(r"/messages/batches/[^/]+/cancel/?$")
_LOOK = re.compile(r"/messages/batches/[^/]+/?$")
_RESULTS = re.compile(r"/messages/batches/[^/]+/results/?$")
_STATE = ("processing_status", "request_counts")
_SAID = frozenset({"model", "messages", "system", "tools"})
_TIMES = ("created_at", "expires_at", "ended_at", "archived_at", "cancel_initiated_at")
# What no two recordings of the same answer share.
VOLATILE = frozenset({"id", "request_id", "results_url", "result.message.id", *_TIMES})
VOLATILE_REQUEST: frozenset[str] = frozenset()


def claims(request: Request) -> bool:
    """Whether a request begins a batch, cancels it, or asks for its state or results; a list of batches is no call."""
    method, path = request.method.upper(), path_of(request)
    if method == "GET":
        return bool(_LOOK.search(path) or _RESULTS.search(path))
    if method != "POST":
        return False
    is_begun = _BEGIN.search(path) and b'"requests"' in request.body and request.body.lstrip()[:1] == b"{"
    return bool(is_begun or _CANCEL.search(path))


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked in the batch, its state, or all of its answers."""
    path = path_of(exchange.request)
    if _RESULTS.search(path):
        return _results_call(exchange)
    asked = asked_in(exchange, expected="a JSON object with `requests`") if _BEGIN.search(path) else {}
    answer = answer_in(
        exchange, expected="a JSON object with `processing_status`", is_answer=lambda body: "processing_status" in body
    )
    requests = objects_of(asked.get("requests"))
    params = [object_of(each.get("params")) for each in requests]
    state: dict[str, JSON] = {name: answer.body[name] for name in _STATE if answer.body.get(name) is not None}
    return ModelCall(
        operation_name="batch",
        request_model=_one(text_of(each.get("model")) for each in params),
        response_id=text_of(answer.body.get("id")),
        streaming=answer.is_stream,
        input_messages=tuple(message for each in params for message in messages_of(each)),
        tool_definitions=_distinct(tool for each in params for tool in tools_of(each)),
        parameters=_parameters_of(asked, requests),
        output_messages=(Message(role="assistant", parts=(ToolResultPart(result=state),)),) if state else (),
        error_type=answer.error_type,
        error_message=answer.error_message,
        billing={"batch": True},
    )


def _parameters_of(asked: dict[str, JSON], requests: list[dict[str, JSON]]) -> dict[str, JSON]:
    """Everything else that was sent, in its place."""
    rest: list[JSON] = []
    for each in requests:
        params = {name: value for name, value in object_of(each.get("params")).items() if name not in _SAID}
        rest.append({**each, "params": params})
    return asked | ({"requests": rest} if rest else {})


def _results_call(exchange: Exchange) -> ModelCall:
    """All answers of a batch as one call: a message for each, in the order in which they came."""
    answer = _results_in(exchange)
    results = [object_of(body.get("result")) for body in answer.bodies]
    messages = [object_of(result.get("message")) for result in results]
    reasons = tuple(
        text_of(message.get("stop_reason")) or text_of(result.get("type"))
        for result, message in zip(results, messages, strict=True)
    )
    return ModelCall(
        operation_name="batch",
        response_model=_one(text_of(message.get("model")) for message in messages if message),
        output_messages=tuple(map(answer_of, messages)),
        finish_reasons=tuple(map(FINISH_REASONS.get, reasons)),
        provider_finish_reasons=reasons,
        usage=_sum_of([usage_of(object_of(message.get("usage"))) for message in messages if message]),
        error_type=answer.error_type,
        error_message=answer.error_message,
        billing={"batch": True},
    )


def _results_in(exchange: Exchange) -> Answer:
    response = exchange.response
    if response is None or (not response.body and exchange.failure):
        return Answer(error=failure_of(exchange))
    if not 200 <= response.status < 300:
        return Answer(error=error_of_status(response.status, response.body))
    lines = [line for line in response.body.split(b"\n") if line.strip()]
    bodies = tuple(body for line in lines if (body := object_from(line)) is not None)
    is_answer = any("result" in body for body in bodies)
    if lines and not is_answer and (bodies or not exchange.failure):
        raise undecodable(exchange, expected="lines of JSON objects with `result`")
    return Answer(bodies=bodies, error=failure_of(exchange) if exchange.failure or len(bodies) < len(lines) else None)


def _sum_of(usages: list[Usage]) -> Usage:
    """The tokens together; a number that one of them does not say is not known."""
    totals: dict[str, int | None] = {}
    for each in fields(Usage):
        numbers = [getattr(usage, each.name) for usage in usages]
        totals[each.name] = None if None in numbers or not numbers else sum(numbers)
    return Usage(**totals)


def _one(names: Iterable[str | None]) -> str | None:
    """The name that all share."""
    found = set(names)
    return found.pop() if len(found) == 1 else None


def _distinct(tools: Iterable[ToolDefinition]) -> tuple[ToolDefinition, ...]:
    kept: list[ToolDefinition] = []
    for tool in tools:
        kept += [tool] if tool not in kept else []
    return tuple(kept)
