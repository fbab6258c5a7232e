"""Every error of the package, in two trees.

LLMWatchError(Exception)
├── UndecodableExchange     the body is not the wire format that its request claimed
├── UnreadableCassette      a file is cut short, foreign or hostile
├── SettingError            an option, ini value or marker argument makes no sense
└── UnrecordableCall        an in-process call has arguments or an answer that JSON cannot hold

ReplayRefusal(BaseException)
└── RequestNotRecorded      a replay met a request that no recording answers

`ReplayRefusal` is not an `Exception`: client libraries catch those, retry, and report "Connection error." instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .exchange import Exchange, Request


class LLMWatchError(Exception):
    """Something a user can put right."""


class UndecodableExchange(LLMWatchError):
    """The body is not of the claimed format at all.

    Attributes:
        where: The part of the exchange that does not fit (`request body`, `response body`).
        expected: What the format has there.
        got: The beginning of what stands there instead.
    """

    def __init__(self, where: str, *, expected: str, got: object, exchange: Exchange | None = None) -> None:
        super().__init__(f"{where}: expected {expected}, got {got!r}")
        self.where = where
        self.expected = expected
        self.got = got
        self.exchange = exchange


class UnreadableCassette(LLMWatchError):
    """A cassette cannot be read; it is left as it is.

    Attributes:
        path: The file.
        line: The line where reading stopped, from 1, or `None`.
        problem: What is wrong there.
    """

    def __init__(self, path: str, problem: str, *, line: int | None = None) -> None:
        place = f"{path}, line {line}" if line else path
        super().__init__(
            f"{place}: {problem}\n"
            "The file was left as it is. Restore it (git checkout), or delete it and record the test again."
        )
        self.path = path
        self.line = line
        self.problem = problem


class SettingError(LLMWatchError):
    """An option, environment variable, ini value or marker argument that makes no sense."""


class UnrecordableCall(LLMWatchError):
    """A wrapped function got or gave something that JSON cannot hold."""


class ReplayRefusal(BaseException):
    """A replay that must not go on. The text is the whole page that the user reads."""


class RequestNotRecorded(ReplayRefusal):
    """No recording answers this request.

    Attributes:
        request: The request, redacted.
        nearest: The recorded request that is most like it, or `None`.
    """

    def __init__(self, page: str, *, request: Request, nearest: Request | None = None) -> None:
        super().__init__(page)
        self.request = request
        self.nearest = nearest
