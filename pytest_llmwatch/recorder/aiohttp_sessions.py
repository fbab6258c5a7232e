"""aiohttp: vcrpy stands in for `ClientSession._request`; this wraps around and beneath it."""

from __future__ import annotations

import asyncio
import errno
import functools
import hashlib
import json
import sys
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from pytest_llmwatch.bodies import header_free
from pytest_llmwatch.exchange import Exchange, TransferFailure
from pytest_llmwatch.raised import until_given_up

from .switchboard import plain_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_llmwatch.exchange import FailureKind, Request

    from .switchboard import Switchboard, Transfer


def patches(board: Switchboard) -> Iterator[tuple[object, str, object]]:
    """The session's one method, where aiohttp is there."""
    client = sys.modules.get("aiohttp.client")
    if client is not None:
        yield client.ClientSession, "_request", _edge(board, client.ClientSession._request)


def _edge(board: Switchboard, real: Callable[..., Any]) -> Callable[..., Any]:
    from vcr.stubs.aiohttp_stubs import vcr_request

    async def timed(session: object, method: str, url: object, **options: Any) -> Any:
        response = await real(session, method, url, **options)
        await _read_watched(response, board.carried())
        return response

    stub = vcr_request(board, timed)

    @functools.wraps(real)
    async def request(session: Any, method: str, url: Any, **options: Any) -> Any:
        asked = await _request_of(session, method, url, options)
        sent = board.swapped(asked)
        if sent is not asked:
            asked, url, options = sent, _address_of(session, sent), _options_of(sent, options)
        transfer = board.open(asked)
        if transfer is None:
            return await real(session, method, url, **options)
        if isinstance(transfer.answer, Exchange):
            await until_given_up(transfer.answer)
        _raise_recorded(transfer)
        with board.carrying(transfer):
            try:
                response = await stub(session, method, _url_of(session, url), **options)
            except (Exception, asyncio.CancelledError) as error:
                if transfer.is_live and getattr(transfer.answer, "exchange", None) is None:
                    transfer.failure = TransferFailure(kind=_kind_of(error), message=str(error))
                    transfer.finish(None)
                raise
        if transfer.broken is not None:
            _break(response, _error_of(transfer.broken, asked))
        return response

    return request


def _break(response: Any, error: Exception) -> None:
    """Let a body that ended early end early for the application too, however it reads."""

    async def read(*_args: object, **_options: object) -> None:
        raise error

    # `set_exception` would keep back what had arrived: so the stream has no end, and waiting for more of it raises.
    response.content._eof = False
    response.content._wait = read
    response.read = response.text = response.json = read


def _url_of(session: Any, url: object) -> object:
    return session._build_url(url)


async def _request_of(session: Any, method: str, url: object, options: dict[str, Any]) -> Request:
    full = _url_of(session, url)
    if options.get("params"):
        full = full.extend_query(options["params"])  # type: ignore[attr-defined]  # yarl.URL
    headers = {str(name): str(value) for name, value in session._prepare_headers(options.get("headers")).items()}
    if options.get("json") is not None:
        headers.setdefault("Content-Type", "application/json")
        body = json.dumps(options["json"]).encode()
    else:
        body = await _body_of(options, headers)
    return plain_request(method, str(full), tuple(headers.items()), body)


def _address_of(session: Any, sent: Request) -> Any:
    """The address that is asked instead, in the client's own type."""
    url: Any = type(_url_of(session, sent.uri))
    return url(sent.uri, encoded=True)


def _options_of(sent: Request, options: dict[str, Any]) -> dict[str, Any]:
    """The options with another body; the length is that of the new one: aiohttp counts it."""
    kept = {name: value for name, value in options.items() if name not in ("json", "params", "chunked", "compress")}
    return {**kept, "data": sent.body, "headers": header_free(sent.headers, "transfer-encoding")}


async def _body_of(options: dict[str, Any], headers: dict[str, str]) -> bytes:
    """The body as bytes. A stream is read here, and put back for the client to send."""
    data: Any = options.get("data")
    if data is not None and hasattr(data, "__aiter__"):
        pieces = [bytes(piece) async for piece in data]
        options["data"] = b"".join(pieces)
        return b"".join(pieces)
    if data is None or isinstance(data, (bytes, bytearray, str)):
        return data.encode() if isinstance(data, str) else bytes(data or b"")
    if isinstance(data, (dict, list, tuple)):
        pairs = list(data.items()) if isinstance(data, dict) else list(data)
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        return urlencode(
            [(name, value if isinstance(value, (str, int, float)) else _digest(value)) for name, value in pairs]
        ).encode()
    return _form_of(data) if hasattr(data, "_fields") else _digest(data).encode()


def _form_of(form: Any) -> bytes:
    """A form's fields, named and hashed: aiohttp renders a form only once, when it is sent."""
    fields = [
        [dict(options).get("name", ""), dict(options).get("filename", ""), _digest(value)]
        for options, _headers, value in getattr(form, "_fields", ())
    ]
    return json.dumps({"form": fields}).encode()


def _digest(value: Any) -> str:
    if hasattr(value, "read") and hasattr(value, "seek"):
        place = value.tell()
        content = value.read()
        value.seek(place)
        value = content.encode() if isinstance(content, str) else content
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"sha256:{hashlib.sha256(value).hexdigest()}"
    # A body that cannot be read ahead matches nothing: better a miss than the answer to another one.
    return f"unreadable {type(value).__name__} {uuid.uuid4()}"


async def _read_watched(response: Any, transfer: Transfer) -> None:
    """Read the body piece by piece into the response; a break ends it, and is remembered."""
    import aiohttp

    pieces = []
    try:
        async for piece in response.content.iter_any():
            transfer.chunk_came()
            pieces.append(piece)
    except (aiohttp.ClientError, TimeoutError) as error:
        transfer.failure = TransferFailure(kind=_kind_of(error), message=str(error))
    response._body = b"".join(pieces)


def _kind_of(error: BaseException) -> FailureKind:
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    if isinstance(error, TimeoutError):
        return "timeout"
    return "connect" if "Connector" in type(error).__name__ else "cut"


def _error_of(failure: TransferFailure, request: Request) -> Exception:
    import aiohttp

    if failure.kind in ("timeout", "cancelled"):
        return aiohttp.ServerTimeoutError(failure.message)
    if failure.kind == "connect":
        return _refusal(failure.message, request)
    return aiohttp.ClientPayloadError(failure.message)


def _refusal(message: str, request: Request) -> Exception:
    import aiohttp
    from aiohttp.client_reqrep import ConnectionKey

    parts = urlsplit(request.uri)
    secure = parts.scheme == "https"
    key = ConnectionKey(parts.hostname or "", parts.port, secure, True, None, None, None)  # noqa: FBT003
    return aiohttp.ClientConnectorError(key, OSError(errno.ECONNREFUSED, message))


def _raise_recorded(transfer: Transfer) -> None:
    answer = transfer.answer
    if isinstance(answer, Exchange) and answer.response is None and answer.failure is not None:
        raise _error_of(answer.failure, answer.request)
