"""httpx and its fork httpx2, sync and async: the same edge, with the module passed in."""

from __future__ import annotations

import asyncio
import functools
import sys
from typing import TYPE_CHECKING, Any

from vcr.stubs.httpx_stubs import vcr_handle_async_request, vcr_handle_request

from pytest_llmwatch.bodies import header_free
from pytest_llmwatch.exchange import Exchange, TransferFailure
from pytest_llmwatch.raised import until_given_up

from .switchboard import plain_request, playable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from pytest_llmwatch.exchange import FailureKind, Request

    from .switchboard import Switchboard, Transfer

Patch = tuple[object, str, object]


def patches(board: Switchboard) -> Iterator[Patch]:
    """The transports of each module that is there."""
    for name in ("httpx", "httpx2"):
        module = sys.modules.get(name)
        if module is not None:
            sync, asynchronous = module.HTTPTransport, module.AsyncHTTPTransport
            yield sync, "handle_request", _sync(board, module, sync.handle_request)
            yield asynchronous, "handle_async_request", _async(board, module, asynchronous.handle_async_request)


def _sync(board: Switchboard, httpx: Any, real: Callable[..., Any]) -> Callable[..., Any]:
    watched = _byte_stream(httpx, httpx.SyncByteStream)

    def timed(transport: object, request: object) -> Any:
        response = real(transport, request)
        response.stream = watched(response.stream, board.carried())
        return response

    stub = vcr_handle_request(board, timed, httpx)

    @functools.wraps(real)
    def handle_request(transport: object, request: Any) -> Any:
        request.read()
        asked, request = _swapped(board, httpx, request)
        transfer = board.open(asked)
        if transfer is None:
            return real(transport, request)
        if not transfer.is_live:
            return _replayed(transfer, httpx, request)
        with board.carrying(transfer):
            try:
                response = stub(transport, request)
            except Exception as error:
                _failed(transfer, httpx, error)
                raise
        return _with_end(response, transfer, httpx, request)

    return handle_request


def _async(board: Switchboard, httpx: Any, real: Callable[..., Any]) -> Callable[..., Any]:
    watched = _byte_stream(httpx, httpx.AsyncByteStream)

    async def timed(transport: object, request: object) -> Any:
        response = await real(transport, request)
        response.stream = watched(response.stream, board.carried())
        return response

    stub = vcr_handle_async_request(board, timed, httpx)

    @functools.wraps(real)
    async def handle_async_request(transport: object, request: Any) -> Any:
        await request.aread()
        asked, request = _swapped(board, httpx, request)
        transfer = board.open(asked)
        if transfer is None:
            return await real(transport, request)
        if isinstance(transfer.answer, Exchange):
            await until_given_up(transfer.answer)
            return _replayed(transfer, httpx, request)
        with board.carrying(transfer):
            try:
                response = await stub(transport, request)
            except (Exception, asyncio.CancelledError) as error:
                _failed(transfer, httpx, error)
                raise
        return _with_end(response, transfer, httpx, request)

    return handle_async_request


def _request_of(request: Any) -> Request:
    return plain_request(request.method, str(request.url), tuple(request.headers.multi_items()), request.content)


def _swapped(board: Switchboard, httpx: Any, request: Any) -> tuple[Request, Any]:
    """What is to be sent, in our words and in the client's: a request of its own where another model is asked."""
    asked = _request_of(request)
    sent = board.swapped(asked)
    if sent is asked:
        return asked, request
    # The length is that of the new body: `httpx` counts it.
    headers = header_free(sent.headers, "transfer-encoding")
    options = {"content": sent.body, "extensions": request.extensions}
    return sent, httpx.Request(sent.method, sent.uri, headers=headers, **options)


def _failed(transfer: Transfer, httpx: Any, error: BaseException) -> None:
    transfer.failure = TransferFailure(kind=_kind_of(httpx, error), message=str(error))
    transfer.finish(None)


def _kind_of(httpx: Any, error: BaseException) -> FailureKind:
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    return "connect" if isinstance(error, httpx.ConnectError) else "cut"


def _error_of(httpx: Any, failure: TransferFailure, request: object) -> Exception:
    kinds = {"timeout": httpx.ReadTimeout, "cancelled": httpx.ReadTimeout, "connect": httpx.ConnectError}
    error: Exception = kinds.get(failure.kind, httpx.RemoteProtocolError)(failure.message, request=request)
    return error


def _replayed(transfer: Transfer, httpx: Any, request: object) -> Any:
    """The recorded response, or the recorded failure raised. vcrpy's stub would build a request of its own first."""
    answer = transfer.answer
    assert isinstance(answer, Exchange)
    if answer.response is None and answer.failure is not None:
        raise _error_of(httpx, answer.failure, request)
    played = playable(answer)
    message = played["status"]["message"]
    response = httpx.Response(
        played["status"]["code"],
        headers=[(name, value) for name, values in played["headers"].items() for value in values],
        stream=httpx.ByteStream(played["body"]["string"]),  # `content` would close the response at once
        extensions={"reason_phrase": message.encode("ascii")} if message else None,
    )
    return _with_end(response, transfer, httpx, request)


def _with_end(response: Any, transfer: Transfer, httpx: Any, request: object) -> Any:
    """Let a body that ended early end early for the application too."""
    if transfer.broken is not None:
        response.stream = _ends_early(httpx, response.stream, _error_of(httpx, transfer.broken, request))
    return response


def _byte_stream(httpx: Any, base: type) -> Callable[[Any, Transfer], Any]:
    """A stream that notes when pieces come, and keeps what came where the transfer breaks."""

    class Watched(base):  # type: ignore[misc]  # the base is the client library's own
        def __init__(self, stream: Any, transfer: Transfer) -> None:
            self._stream = stream
            self._transfer = transfer

        def __iter__(self) -> Iterator[bytes]:
            try:
                for piece in self._stream:
                    self._transfer.chunk_came()
                    yield piece
            except httpx.TransportError as error:
                self._transfer.failure = TransferFailure(kind=_kind_of(httpx, error), message=str(error))

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for piece in self._stream:
                    self._transfer.chunk_came()
                    yield piece
            except httpx.TransportError as error:
                self._transfer.failure = TransferFailure(kind=_kind_of(httpx, error), message=str(error))

        def close(self) -> None:
            self._stream.close()

        async def aclose(self) -> None:
            await self._stream.aclose()

    return Watched


def _ends_early(httpx: Any, stream: Any, error: Exception) -> Any:
    class EndsEarly(httpx.ByteStream):  # type: ignore[misc]
        def __iter__(self) -> Iterator[bytes]:
            yield from stream
            raise error

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in stream:
                yield piece
            raise error

    return EndsEarly(b"")
