"""Calls of a wrapped Python function, in the form that `pytest_llmwatch.in_process` gives them.

The request is `{"model", "args", "kwargs"}`; the answer `{"result": ...}`, or one JSON value a line from a generator.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, Message, ModelCall, TextPart
from pytest_llmwatch.errors import UndecodableExchange

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Exchange, Request, Response


def claims(request: Request) -> bool:
    """Whether the request is a call of a wrapped function."""
    return request.method == "CALL"


def decode(exchange: Exchange) -> ModelCall:
    """The call, its answer as text: a text stays itself, anything else is JSON.

    Raises:
        UndecodableExchange: the body is not what a wrapped function leaves.
    """
    try:
        asked = json.loads(exchange.request.body)
        streaming = exchange.response is not None and exchange.response.header("content-type") == "application/x-ndjson"
        text = _answer(exchange.response, streaming=streaming) if exchange.response else ""
        model, prompt = asked["model"], _prompt(asked)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        got = exchange.request.body[:40]
        raise UndecodableExchange("body", expected="a wrapped function's call", got=got, exchange=exchange) from error
    return ModelCall(
        operation_name="chat",
        provider_name="in_process",
        request_model=model,
        response_model=model,
        streaming=streaming,
        input_messages=(Message(role="user", parts=(TextPart(text=prompt),)),),
        output_messages=(Message(role="assistant", parts=(TextPart(text=text),)),),
    )


def _answer(response: Response, *, streaming: bool) -> str:
    if streaming:
        return "".join(_text(json.loads(line)) for line in response.body.decode().split("\n") if line)
    return _text(json.loads(response.body)["result"])


def _prompt(asked: dict[str, JSON]) -> str:
    args, kwargs = asked.get("args"), asked.get("kwargs")
    if isinstance(args, list) and len(args) == 1 and not kwargs:
        return _text(args[0])
    return _text({"args": args, "kwargs": kwargs})


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
