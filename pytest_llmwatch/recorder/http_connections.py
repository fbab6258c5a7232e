"""http.client and what stands on it: urllib3, requests, botocore.

vcrpy replaces their connection classes by its own `VCRConnection`; this is that class's `getresponse`, with the three
things vcrpy leaves out (see the package).
"""

from __future__ import annotations

import contextlib
import functools
import http.client
from http.client import HTTPException, IncompleteRead
from types import FunctionType
from typing import TYPE_CHECKING, Any

from vcr.request import Request as VCRRequest
from vcr.stubs import VCRConnection, VCRHTTPResponse

from pytest_llmwatch.bodies import header_free
from pytest_llmwatch.exchange import Exchange, TransferFailure

from .switchboard import Switchboard, as_played, plain_request, playable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_llmwatch.exchange import FailureKind, Headers, Request

    from .switchboard import Transfer

PIECE = 65536
vcr_getresponse = VCRConnection.getresponse
vcr_request = VCRConnection.request


def patches() -> Iterator[tuple[object, str, object]]:
    """The method that decides, and the one that learns how the body is wanted."""
    real = http.client.HTTPSConnection
    yield real, "__init__", _with_own_name(real)
    yield VCRConnection, "request", request
    yield VCRConnection, "getresponse", getresponse


def _with_own_name(real: type) -> FunctionType:
    """The constructor, calling `super(HTTPSConnection, self)` on the real class where vcrpy's has taken its name."""
    init = real.__dict__["__init__"]
    names = {**init.__globals__, real.__name__: real}
    copy = FunctionType(init.__code__, names, init.__name__, init.__defaults__, init.__closure__)
    copy.__kwdefaults__ = init.__kwdefaults__
    return copy


@functools.wraps(vcr_request)
def request(connection: Any, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
    """Take the request and send it: urllib expects a refused connection here, not at `getresponse`.

    urllib3's options (`preload_content` ...) are kept for a real connection.
    """
    connection._llmwatch_options = options
    vcr_request(connection, method, url, body, headers)
    if isinstance(connection.cassette, Switchboard):
        connection._llmwatch_begun = _open(connection)
        _begin(connection, *connection._llmwatch_begun)


@functools.wraps(vcr_getresponse)
def getresponse(connection: Any, *args: Any, **kwargs: Any) -> Any:
    """Answer from the recording, or record what comes."""
    if not isinstance(connection.cassette, Switchboard):
        return vcr_getresponse(connection, *args, **kwargs)  # somebody else's cassette is in force
    begun = connection.__dict__.pop("_llmwatch_begun", None)
    if begun is None:  # put together by putrequest, putheader and endheaders: complete only now
        begun = _open(connection)
        _begin(connection, *begun)
    [transfer] = begun
    if transfer is None:
        return connection.real_connection.getresponse()
    if transfer.is_live:
        _receive(connection, transfer)
    return _play(connection, transfer)


def _open(connection: Any) -> tuple[Transfer | None]:
    """The transfer of a request, boxed: `None` in the box is a request that is not ours."""
    asked = _request_of(connection._vcr_request)
    sent = connection.cassette.swapped(asked)
    if sent is not asked:
        # The length is that of the new body: the client counts it.
        headers = header_free(sent.headers, "transfer-encoding")
        connection._vcr_request = VCRRequest(sent.method, sent.uri, sent.body, dict(headers))
    return (connection.cassette.open(sent),)


def _begin(connection: Any, transfer: Transfer | None) -> None:
    options = connection.__dict__.get("_llmwatch_options", {})
    if transfer is None:
        _send(connection, options)
    elif transfer.is_live:
        with _noting_failure(transfer):
            _send(connection, {**options, "preload_content": False} if "preload_content" in options else options)
    else:
        _raise_recorded(connection, transfer)


@contextlib.contextmanager
def _noting_failure(transfer: Transfer) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if _is_transfer_error(error):
            transfer.failure = TransferFailure(kind=_kind_of(error), message=str(error))
            transfer.finish(None)
        raise


def _request_of(request: Any) -> Request:
    headers = tuple((_text(name), _text(value)) for name, value in request.headers.items())
    body = request.body_bytes
    if isinstance(body, str):
        body = body.encode()
    return plain_request(_text(request.method), request.uri, headers, bytes(body or b""))


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _send(connection: Any, options: dict[str, Any]) -> None:
    request = connection._vcr_request
    deferred = connection.__dict__.get("_deferred_connect")
    if deferred:
        connection._deferred_connect = None
        connection.real_connection.connect(*deferred[0], **deferred[1])
    connection.real_connection.request(
        method=request.method,
        url=connection._url(request.uri),
        body=request.body_bytes,
        headers=request.headers,
        **{name: value for name, value in options.items() if name != "chunked"},
    )


def _receive(connection: Any, transfer: Transfer) -> None:
    transfer.failure = None  # urllib3 looks for an answer even where sending ended in a broken pipe
    with _noting_failure(transfer):
        real = connection.real_connection.getresponse()
    pieces = b"".join(_pieces_of(real, transfer))
    headers: Headers = tuple((str(name), str(value)) for name, value in real.headers.items())
    response = {
        "status": {"code": real.status, "message": real.reason},
        "headers": _by_name(headers),
        "body": {"string": pieces},
    }
    with connection.cassette.carrying(transfer):
        connection.cassette.append(connection._vcr_request, response)


def _by_name(headers: Headers) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name, value in headers:
        names.setdefault(name, []).append(value)
    return names


def _pieces_of(real: Any, transfer: Transfer) -> Iterator[bytes]:
    """The body as it comes from the wire; a break ends it, and is remembered."""
    stream = real.stream(PIECE, decode_content=False) if hasattr(real, "stream") else iter(real.read1, b"")
    try:
        for piece in stream:
            transfer.chunk_came()
            yield piece
        # `read1` of http.client ends quietly, whatever the content length said.
        if not hasattr(real, "stream") and real.length:
            transfer.failure = TransferFailure(kind="cut", message=f"{real.length} more bytes expected")
    except IncompleteRead as error:
        yield error.partial
        transfer.failure = TransferFailure(kind="cut", message=str(error))
    except Exception as error:
        if not _is_transfer_error(error):
            raise
        transfer.failure = TransferFailure(kind=_kind_of(error), message=str(error))


def _is_transfer_error(error: Exception) -> bool:
    return isinstance(error, (OSError, HTTPException)) or type(error).__module__.startswith("urllib3.")


def _kind_of(error: Exception) -> FailureKind:
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return "timeout"
    is_refusal = isinstance(error, ConnectionRefusedError) or "Connection" in type(error).__name__
    return "connect" if is_refusal and "Broken" not in type(error).__name__ else "cut"


def _error_of(connection: Any, failure: TransferFailure) -> Exception:
    if failure.kind == "timeout":
        return TimeoutError(failure.message)
    if failure.kind == "connect":
        return _refusal(connection, failure.message)
    return ConnectionResetError(failure.message)


def _refusal(connection: Any, message: str) -> Exception:
    if _is_of_urllib3(connection):
        from urllib3.exceptions import NewConnectionError

        return NewConnectionError(connection, message)
    return ConnectionRefusedError(message)


def _raise_recorded(connection: Any, transfer: Transfer) -> None:
    answer = transfer.answer
    if isinstance(answer, Exchange) and answer.response is None and answer.failure is not None:
        raise _error_of(connection, answer.failure)


def _play(connection: Any, transfer: Transfer) -> Any:
    if isinstance(transfer.answer, Exchange):
        played = playable(transfer.answer)
    else:
        assert transfer.received is not None
        played = as_played(transfer.received)
    response = _PlayedResponse(played, connection._vcr_request.uri)
    response.breaks_with = None if transfer.broken is None else _cut_error(connection, transfer.broken)
    return response


class _PlayedResponse(VCRHTTPResponse):  # type: ignore[misc]  # vcrpy has no types
    """A played response that can end as the recorded one ended."""

    breaks_with: Callable[[bytes], Exception] | None = None

    def read(self, amt: int | None = None, **kwargs: Any) -> bytes:
        data: bytes = super().read(amt, **kwargs)
        if self.breaks_with is not None and (amt is None or not data):
            raise self.breaks_with(data)
        return data

    def close(self) -> None:
        # A `with` block ends by what this returns: vcrpy's `True` swallows every exception raised in the block.
        super().close()


def _cut_error(connection: object, failure: TransferFailure) -> Callable[[bytes], Exception]:
    """What is raised after the last byte, given what the reader has not seen yet."""
    if _is_of_urllib3(connection):
        from urllib3.exceptions import ProtocolError

        return lambda _rest: ProtocolError(f"Connection broken: {failure.message}")
    return IncompleteRead


def _is_of_urllib3(connection: object) -> bool:
    return any(base.__module__.startswith("urllib3.") for base in type(connection).__mro__)
