"""JSON-RPC over HTTP, as MCP and A2A speak it: a request, and one object or events that answer it.

https://www.jsonrpc.org/specification
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import Answer, answer_in
from .reading import object_from, object_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmwatch.calls import JSON
    from pytest_llmwatch.exchange import Exchange, Request

EXPECTED = "a JSON-RPC object with `result`"


def method_of(request: Request) -> str | None:
    """The method that a request calls; `None` where it is no JSON-RPC."""
    # A look before the parse: every request to a host that passes is asked about.
    if request.method.upper() != "POST" or request.body.lstrip()[:1] != b"{" or b'"jsonrpc"' not in request.body:
        return None
    return text_of((object_from(request.body) or {}).get("method"))


def params_of(asked: dict[str, JSON]) -> dict[str, JSON]:
    """What the method is called with."""
    return object_of(asked.get("params"))


def results_in(answer: Answer) -> list[dict[str, JSON]]:
    """The results that came, in order: one, or one for each event of a stream."""
    return [object_of(body["result"]) for body in answer.bodies if "result" in body]


def rpc_answer_in(exchange: Exchange, *, is_end: Callable[[dict[str, JSON]], bool]) -> Answer:
    """What came back to a request; where it was only accepted, nothing.

    Raises:
        UndecodableExchange: something that is no JSON-RPC came.
    """
    response = exchange.response
    # The answer comes in the stream that the client holds open.
    if response is not None and response.status == 202 and not response.body.lstrip().startswith((b"{", b"data:")):
        return Answer()
    return answer_in(
        exchange,
        expected=EXPECTED,
        is_answer=lambda body: "jsonrpc" in body or "result" in body,
        is_end=lambda body: "error" in body or ("result" in body and is_end(object_of(body["result"]))),
    )
