"""Models that live in the process: a Python function is recorded like a request that goes over a wire."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import json
import time
from typing import TYPE_CHECKING, Any

from .errors import UnrecordableCall
from .exchange import Exchange, Request, Response
from .raised import failure_of, raise_again, until_given_up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from .exchange import TransferFailure
    from .live_calls import LiveCall
    from .recording import Recording

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
        with _keeping_failures(recording, answer):
            result = function(*args, **kwargs)
        _finish(recording, answer, [_dumped(function, {"result": result})], JSON_TYPE)
        return result

    return call


def _coroutine(recording: Recording, function: Callable[..., Any], model: str) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        answer = recording.answer(_request_of(function, model, args, kwargs))
        if isinstance(answer, Exchange):
            await until_given_up(answer)
            return _result_of(answer)
        with _keeping_failures(recording, answer):
            result = await function(*args, **kwargs)
        _finish(recording, answer, [_dumped(function, {"result": result})], JSON_TYPE)
        return result

    return call


def _generator(recording: Recording, function: Callable[..., Any], model: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Iterator[Any]:
        answer: Exchange | LiveCall | None = recording.answer(_request_of(function, model, args, kwargs))
        if isinstance(answer, Exchange):
            yield from _items_of(answer)
            raise_again(answer.failure)
            return
        lines: list[bytes] = []
        first = failure = None
        try:
            for item in function(*args, **kwargs):
                first = first or time.monotonic()
                lines.append(_dumped(function, item))
                yield item
        except UnrecordableCall:
            answer = None
            raise
        except Exception as error:
            failure = failure_of(error)
            raise
        finally:  # what was taken is what was recorded, also where the reader stops early
            if answer is not None:
                _finish(recording, answer, lines, LINES_TYPE, first=first, failure=failure)

    return call


def _async_generator(recording: Recording, function: Callable[..., Any], model: str) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        answer: Exchange | LiveCall | None = recording.answer(_request_of(function, model, args, kwargs))
        if isinstance(answer, Exchange):
            for item in _items_of(answer):
                yield item
            await until_given_up(answer)
            raise_again(answer.failure)
            return
        lines: list[bytes] = []
        first = failure = None
        try:
            async for item in function(*args, **kwargs):
                first = first or time.monotonic()
                lines.append(_dumped(function, item))
                yield item
        except UnrecordableCall:
            answer = None
            raise
        except (Exception, asyncio.CancelledError) as error:
            failure = failure_of(error)
            raise
        finally:
            if answer is not None:
                _finish(recording, answer, lines, LINES_TYPE, first=first, failure=failure)

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


@contextlib.contextmanager
def _keeping_failures(recording: Recording, live: LiveCall) -> Iterator[None]:
    try:
        yield
    except (Exception, asyncio.CancelledError) as error:
        _end(recording, live, failure=failure_of(error))
        raise


def _result_of(exchange: Exchange) -> Any:
    raise_again(exchange.failure)
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
    *,
    first: float | None = None,
    failure: TransferFailure | None = None,
) -> None:
    _end(recording, live, Response(status=200, headers=headers, body=b"\n".join(lines)), failure, first)


def _end(
    recording: Recording,
    live: LiveCall,
    response: Response | None = None,
    failure: TransferFailure | None = None,
    first: float | None = None,
) -> None:
    recording.finish(live, response=response, failure=failure, ended=time.monotonic(), first_chunk=first)
