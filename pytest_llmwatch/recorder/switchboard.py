"""The one object that vcrpy's stubs talk to: it connects each request to the recording in force."""

from __future__ import annotations

import contextlib
import time
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vcr.cassette import Cassette

from pytest_llmwatch.bodies import header_free, opened
from pytest_llmwatch.exchange import Exchange, Request, Response, TransferFailure
from pytest_llmwatch.hosts import is_metadata_service, is_token_endpoint
from pytest_llmwatch.live_calls import LiveCall
from pytest_llmwatch.recording import Recording
from pytest_llmwatch.roles import asking_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_llmwatch.exchange import Headers
    from pytest_llmwatch.hosts import Route

BROKEN = 400
PLACEHOLDER_TOKEN = b'{"access_token":"replayed","token_type":"Bearer","expires_in":3600}'


@dataclass(slots=True)
class Transfer:
    """One request on its way through a client library: its answer, or what becomes of it live."""

    recording: Recording
    answer: Exchange | LiveCall
    first_chunk: float | None = None
    failure: TransferFailure | None = None
    received: Response | None = None

    @property
    def is_live(self) -> bool:
        """Whether the real server is to be asked."""
        return isinstance(self.answer, LiveCall)

    @property
    def broken(self) -> TransferFailure | None:
        """Why the body ends early, if it does, recorded or live."""
        return self.answer.failure if isinstance(self.answer, Exchange) else self.failure

    def chunk_came(self) -> None:
        """Note the time of the first piece of the body."""
        if self.first_chunk is None:
            self.first_chunk = time.monotonic()

    def finish(self, response: Response | None) -> None:
        """Hand what came to the recording; the application gets it as it was."""
        self.received = response
        if isinstance(self.answer, LiveCall):
            self.recording.finish(
                self.answer,
                response=response,
                failure=self.failure,
                ended=time.monotonic(),
                first_chunk=self.first_chunk,
            )


_carried: ContextVar[Transfer | None] = ContextVar("llmwatch_transfer", default=None)


class Switchboard(Cassette):  # type: ignore[misc]  # vcrpy has no types
    """A vcrpy cassette that holds nothing: it plays and keeps what the recording in force says.

    `recording` is the one in force, `None` between tests: then every request passes. `route_of` says where a request
    goes; the tests' settings decide that. `swap`, where there is one, names another model in a request.
    """

    def __init__(self, path: str = "llmwatch", **options: Any) -> None:
        super().__init__(path, **options)
        self.recording: Recording | None = None
        self.route_of: Callable[[Request], Route] = lambda _request: "pass"
        self.swap: Callable[[Request, Recording], Request] | None = None

    def swapped(self, request: Request) -> Request:
        """The request as it is to be sent: the same one, or one that asks another model. A judge keeps its own.

        Raises:
            ModelNotSwapped: it ought to ask another model and cannot.
        """
        if self.swap is None or self.recording is None or self.route_of(request) != "watch" or asking_now():
            return request
        return self.swap(request, self.recording)

    def open(self, request: Request) -> Transfer | None:
        """Begin a transfer; `None` for a request that is not ours.

        Raises:
            ReplayRefusal: the request must not be made and has no recording.
        """
        recording = self.recording
        if recording is None:
            return None
        route = self.route_of(request)
        if route == "watch":
            return Transfer(recording, recording.answer(request))
        if route == "unstored" and recording.mode == "replay":
            return Transfer(recording, _stand_in(request))
        return None

    @contextlib.contextmanager
    def carrying(self, transfer: Transfer) -> Iterator[None]:
        """Make the transfer the one that vcrpy's stubs ask about, in this thread or task."""
        token = _carried.set(transfer)
        try:
            yield
        finally:
            _carried.reset(token)

    @staticmethod
    def carried() -> Transfer:
        """The transfer that the running stub belongs to."""
        transfer = _carried.get()
        if transfer is None:
            raise LookupError("a vcrpy stub ran outside a transfer")
        return transfer

    # What follows is vcrpy's side.

    @property
    def write_protected(self) -> bool:
        """Refusals are raised in `open`, before vcrpy is asked."""
        return False

    def can_play_response_for(self, request: object) -> bool:
        """Whether the answer is recorded. Outside a transfer a stub only asks whether to connect early: no."""
        transfer = _carried.get()
        return transfer is None or not transfer.is_live

    def play_response(self, request: object) -> dict[str, Any]:
        """The recorded answer in vcrpy's form."""
        answer = self.carried().answer
        assert isinstance(answer, Exchange)
        return playable(answer)

    def filter_request(self, request: object) -> object:
        """Everything vcrpy asks about is ours."""
        return request

    def append(self, request: object, response: dict[str, Any]) -> None:
        """Take a live answer."""
        self.carried().finish(_response_of(response))

    def _load(self) -> None:
        """There is no file behind this cassette."""

    def _save(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - vcrpy's signature
        """There is no file behind this cassette."""


def playable(exchange: Exchange) -> dict[str, Any]:
    """An exchange as vcrpy's stubs want a response, with nothing in it that makes a client wait."""
    assert exchange.response is not None
    return as_played(replace(exchange.response, headers=_without_waiting(exchange.request, exchange.response)))


def as_played(response: Response) -> dict[str, Any]:
    """A response as vcrpy's stubs want it."""
    headers: dict[str, list[str]] = {}
    for name, value in response.headers:
        headers.setdefault(name, []).append(value)
    return {
        "status": {"code": response.status, "message": response.reason},
        "headers": headers,
        "body": {"string": response.body},
    }


def _without_waiting(request: Request, response: Response) -> Headers:
    """Waits become zero; an outcome that the client had given up on is not tried again at replay."""
    waits = ("retry-after", "retry-after-ms")
    headers = tuple((name, "0" if name.lower() in waits else value) for name, value in response.headers)
    if response.status >= BROKEN and request.header("x-stainless-retry-count") is not None:
        return (*header_free(headers, "x-should-retry"), ("x-should-retry", "false"))
    return headers


def _response_of(response: dict[str, Any]) -> Response:
    headers = tuple(
        (str(name), value.decode("latin-1") if isinstance(value, bytes) else str(value))
        for name, values in response["headers"].items()
        for value in (values if isinstance(values, list) else [values])
    )
    body, headers = opened(response["body"].get("string") or b"", headers)
    return Response(
        status=response["status"]["code"],
        reason=response["status"]["message"] or "",
        headers=header_free(headers, "transfer-encoding"),
        body=body,
    )


def plain_request(method: str, uri: str, headers: Headers, body: bytes) -> Request:
    """A request whose body is not compressed any more, where it can be read."""
    body, headers = opened(body, headers)
    return Request(method=method, uri=uri, headers=headers, body=body)


def _stand_in(request: Request) -> Exchange:
    """What a place that is never stored answers at replay: a token that opens nothing, no metadata, or nothing."""
    json_type = (("content-type", "application/json"),)
    if is_token_endpoint(request.uri):
        response = Response(status=200, reason="OK", headers=json_type, body=PLACEHOLDER_TOKEN)
    elif is_metadata_service(request.uri):
        response = Response(status=404, reason="Not Found", headers=json_type, body=b"{}")
    else:
        response = Response(status=200, reason="OK", headers=json_type, body=b"{}")
    return Exchange(request=replace(request, body=b""), response=response)
