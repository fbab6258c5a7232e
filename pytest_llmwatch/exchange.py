"""One HTTP request and what came of it, as bytes: the truth everything else is read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

Headers = tuple[tuple[str, str], ...]
FailureKind = Literal["connect", "timeout", "cut", "cancelled", "raised"]


def header_of(headers: Headers, name: str) -> str | None:
    """The first value of a header, whatever the case of its name."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was sent; the body is decoded (never gzip)."""

    method: str
    uri: str
    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever the case of its name."""
        return header_of(self.headers, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back; the body is decoded (never gzip) and may have been cut short."""

    status: int
    reason: str = ""
    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever the case of its name."""
        return header_of(self.headers, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFailure:
    """Why a transfer ended before its end.

    `kind` is `connect` (nobody answered), `timeout`, `cut` (the body stopped early), `cancelled` (the application gave
    up) or `raised` (by a wrapped function: `message` is its type and text then); else `message` is the client's own.
    """

    kind: FailureKind
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request, its response if there was one, and the times that cannot be read from the bytes.

    `started` is in seconds since the recording began; `duration` and `time_to_first_chunk` are in seconds. `at` is the
    date of the recording, and `cost` the price of that day, in US dollars. `literal` is what the application itself
    sent and looks like one of our placeholders: it stands for nothing but itself. Two exchanges may be equal without
    these three. `role` is `judge` where a judge of an answer asked, `None` where the test itself did.
    """

    request: Request
    response: Response | None = None
    failure: TransferFailure | None = None
    started: float | None = None
    duration: float | None = None
    time_to_first_chunk: float | None = None
    at: datetime | None = field(default=None, compare=False)
    cost: Decimal | None = field(default=None, compare=False)
    literal: tuple[str, ...] = field(default=(), compare=False)
    role: str | None = None
