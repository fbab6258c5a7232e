"""Models that live in the process: a Python function is recorded like a request that goes over a wire."""

from __future__ import annotations

import functools
import inspect
import json
import time
from typing import TYPE_CHECKING, Any

from .errors import UnrecordableCall
from .exchange import Exchange, Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from .recording import LiveCall, Recording

METHOD = "CALL"
SCHEME = "python"
JSON_TYPE = (("content-type", "application/json"),)
LINES_TYPE = (("content-type", "application/x-ndjson"),)


def wrap(recording: Recording, function: Callable[..., Any], model: str) -> Callable[..., Any]:
    """A stand-in for the function whose calls are recorded and replayed.

    Plain functions, coroutine functions and generators of both kinds stay what they are.

    Raises:
        UnrecordableCall: at a call, when JSON cannot hold an argument or the answer.
    """
    kinds: list[tuple[Callable[[Any], bool], Callable[..., Callable[..., Any]]]] = [
        (inspect.isasyncgenfunction, _async_generator),
        (inspect.isgeneratorfunction, _generator),
        (inspect.iscoroutinefunction, _coroutine),
    ]
    make = next((make for fits, make in kinds if fits(function)), _plain)
    return functools.wraps(function)(make(recording, function, model))


def _plain(recording: Recording, function: Callable[..., Any], model: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        answer = recording.answer(_request_of(function, model, args, kwargs))
        if isinstance(answer, Exchange):
            return _result_of(answer)
        result = function(*args, **kwargs)
        _finish(recording, answer, [_dumped(function, {"result": result})], JSON_TYPE)
        return result

    return call


def _coroutine(recording: Recording, function: Callable[..., Any], model: str) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        answer = recording.answer(_request_of(function, model, args, kwargs))
        if isinstance(answer, Exchange):
            return _result_of(answer)
        result = await function(*args, **kwargs)
        _finish(recording, answer, [_dumped(function, {"result": result})], JSON_TYPE)
        return result

    return call


def _generator(recording: Recording, function: Callable[..., Any], model: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Iterator[Any]:
        answer: Exchange | LiveCall | None = recording.answer(_request_of(function, model, args, kwargs))
        if isinstance(answer, Exchange):
            yield from _items_of(answer)
            return
        lines: list[bytes] = []
        first = None
        try:
            for item in function(*args, **kwargs):
                first = first or time.monotonic()
                lines.append(_dumped(function, item))
                yield item
        except Exception:
            answer = None  # an answer that failed is not one to replay
            raise
        finally:  # what was taken is what was recorded, also where the reader stops early
            if answer is not None:
                _finish(recording, answer, lines, LINES_TYPE, first)

    return call


def _async_generator(recording: Recording, function: Callable[..., Any], model: str) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        answer: Exchange | LiveCall | None = recording.answer(_request_of(function, model, args, kwargs))
        if isinstance(answer, Exchange):
            for item in _items_of(answer):
                yield item
            return
        lines: list[bytes] = []
        first = None
        try:
            async for item in function(*args, **kwargs):
                first = first or time.monotonic()
                lines.append(_dumped(function, item))
                yield item
        except Exception:
            answer = None
            raise
        finally:
            if answer is not None:
                _finish(recording, answer, lines, LINES_TYPE, first)

    return call


def _request_of(function: Callable[..., Any], model: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request:
    bound = function
    while isinstance(bound, functools.partial):
        args, kwargs, bound = (*bound.args, *args), {**bound.keywords, **kwargs}, bound.func
    named = bound if hasattr(bound, "__qualname__") else type(bound)
    name = f"{named.__module__}.{named.__qualname__}"
    body = _dumped(function, {"model": model, "args": list(args), "kwargs": kwargs})
    # The function's place is the path: `<locals>` and the like are no part of a host.
    return Request(method=METHOD, uri=f"{SCHEME}:///{name}", headers=JSON_TYPE, body=body)


def _dumped(function: Callable[..., Any], value: object) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (TypeError, ValueError) as error:
        name = getattr(function, "__qualname__", repr(function))
        raise UnrecordableCall(
            f"{name}: a recorded function takes and gives values that JSON can hold: {error}\n"
            "Wrap a smaller function, one that takes the prompt and gives the text."
        ) from error


def _result_of(exchange: Exchange) -> Any:
    body = exchange.response.body if exchange.response else b"{}"
    return json.loads(body)["result"]


def _items_of(exchange: Exchange) -> list[Any]:
    body = exchange.response.body if exchange.response else b""
    return [json.loads(line) for line in body.decode().split("\n") if line]


def _finish(
    recording: Recording,
    live: LiveCall,
    lines: list[bytes],
    headers: tuple[tuple[str, str], ...],
    first: float | None = None,
) -> None:
    response = Response(status=200, headers=headers, body=b"\n".join(lines))
    recording.finish(live, response=response, failure=None, ended=time.monotonic(), first_chunk=first)
