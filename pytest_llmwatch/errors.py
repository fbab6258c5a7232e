"""Every error of the package, in two trees.

LLMWatchError(Exception)
├── UndecodableExchange     the body is not the wire format that its request claimed
├── UnreadableCassette      a file is cut short, foreign or hostile
├── UnreadableSnapshot      the same of a file of snapshots
├── SnapshotMisuse          `llm_snapshot` got a value or a name that it cannot keep
├── UnwritableCassette      a recording could not be kept where it belongs
├── UnreadableCandidate     what `--llm-check` kept is damaged, or of a newer version
├── SettingError            an option, ini value or marker argument makes no sense
├── OverBudget              the calls of a test went beyond what its marker allows
├── MissingExtra            an expectation needs a package that is not installed
└── UnrecordableCall        an in-process call has arguments or an answer that JSON cannot hold

ReplayRefusal(BaseException)
├── RequestNotRecorded      a replay met a request that no recording answers
├── BudgetExceeded          a live call would have cost more than may be spent
├── ConnectionNotAllowed    a replay reached for the network past the clients that are recorded
└── ModelNotSwapped         `--llm-model` names the model of a request that may not be changed

`ReplayRefusal` is not an `Exception`: client libraries catch those, retry, and report "Connection error." instead.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

    from .exchange import Exchange, Request

Remedy = Literal["restore", "upgrade", "move away"]


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
        place: The file and the line, in words.
        remedy: What helps: `restore` a damaged file, `upgrade` for a newer format, `move away` what is no cassette.
        advice: That in words, with `command`, which records the test, where it is known.
    """

    def __init__(
        self,
        path: str,
        problem: str,
        *,
        line: int | None = None,
        remedy: Remedy = "restore",
        command: str | None = None,
        advice: str | None = None,
    ) -> None:
        from .drift.visible import visible_lines

        # The file may be hostile, and what it says of itself is printed.
        problem = visible_lines(problem).replace("\n", r"\n")
        advice = visible_lines(advice or _advice(remedy, path, command, problem))
        place = visible_lines(f"{path}, line {line}" if line else path)
        # The reason goes first: pytest's short summary shows the beginning of the first line.
        super().__init__(f"{problem[:1].upper()}{problem[1:]}\n  {place}\n{advice}")
        self.path = path
        self.line = line
        self.problem = problem
        self.place = place
        self.remedy = remedy
        self.advice = advice


class UnreadableSnapshot(LLMWatchError):
    """A file of snapshots cannot be read; it is left as it is.

    Attributes:
        path: The file.
        line: The line where reading stopped, from 1, or `None`.
        problem: What is wrong there.
        remedy: What helps: `restore` a damaged file, `upgrade` for a newer format.
    """

    def __init__(self, path: str, problem: str, *, line: int | None = None, remedy: Remedy = "restore") -> None:
        from .drift.visible import visible_lines

        problem = visible_lines(problem).replace("\n", r"\n")
        place = visible_lines(f"{path}, line {line}" if line else path)
        advice = (
            "A newer pytest-llmwatch wrote it. To read it: pip install --upgrade pytest-llmwatch"
            if remedy == "upgrade"
            else f"The file was left as it is. {_restoring(path, problem)}, mend that line, or delete it "
            "and approve the output again (--snapshot-update)."
        )
        super().__init__(f"{problem[:1].upper()}{problem[1:]}\n  {place}\n{visible_lines(advice)}")
        self.path = path
        self.line = line
        self.problem = problem
        self.remedy = remedy


class SnapshotMisuse(LLMWatchError):
    """`llm_snapshot` was given a value that no file can hold, a name twice, or a setting that makes no sense."""


def _restoring(path: str, problem: str) -> str:
    """How git restores the file: of one that is not merged it wants to know which side."""
    quoted = shlex.quote(path)
    if "merge conflict" in problem:
        return f"Take one side (git checkout --ours {quoted}, or --theirs)"
    return f"Restore it (git checkout -- {quoted})"


def _advice(remedy: Remedy, path: str, command: str | None, problem: str) -> str:
    if remedy == "upgrade":
        return "A newer pytest-llmwatch wrote it. To read it: pip install --upgrade pytest-llmwatch"
    record = f"record the test again ({command})" if command else "record the test again"
    if remedy == "move away":
        return f"It was left as it is. Move it away and {record}."
    return f"The file was left as it is. {_restoring(path, problem)}, or delete it and {record}."


class UnwritableCassette(LLMWatchError):
    """A recording could not be kept; no call was made yet."""


class UnreadableCandidate(LLMWatchError):
    """What is known of a candidate cannot be read; it can still be rejected.

    Attributes:
        path: The file that says what is known of it.
        problem: What is wrong with it.
    """

    def __init__(self, path: Path, problem: str) -> None:
        from .drift.visible import visible_lines

        super().__init__(visible_lines(f"{path}: {problem}"))
        self.path = path
        self.problem = problem


class SettingError(LLMWatchError):
    """An option, environment variable, ini value or marker argument that makes no sense."""


class OverBudget(LLMWatchError):
    """The calls of a test went beyond a limit of its marker, or nobody can tell. The text is the whole page.

    Attributes:
        limits: The names of the limits (`max_cost`).
    """

    def __init__(self, page: str, *, limits: tuple[str, ...]) -> None:
        super().__init__(page)
        self.limits = limits


class MissingExtra(LLMWatchError):
    """A package is not installed that only one extra of ours brings.

    Attributes:
        extra: The extra (`semantic`, `sql`).
    """

    def __init__(self, problem: str, *, extra: str, otherwise: str = "") -> None:
        lines = [problem, f"To install it: pip install 'pytest-llmwatch[{extra}]'", otherwise]
        super().__init__("\n".join(filter(None, lines)))
        self.extra = extra


class UnrecordableCall(LLMWatchError):
    """A wrapped function got or gave something that JSON cannot hold."""


class ReplayRefusal(BaseException):
    """A test that must not go on. The text is the whole page that the user reads.

    Attributes:
        is_aside: It came in another thread than the test runs in.
    """

    is_aside = False


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


class BudgetExceeded(ReplayRefusal):
    """A live call was not made: it would have cost more than is left, or nobody knows what it would have cost.

    Attributes:
        request: The request, redacted.
        limit: The most that may be spent, in US dollars.
        spent: What was spent and set aside until then.
        estimate: What the call would have cost, about; `None` where that is not known.
        is_later: Another call was refused before it, and its page has the figures of that one.
    """

    def __init__(
        self,
        page: str,
        *,
        request: Request,
        limit: Decimal,
        spent: Decimal,
        estimate: Decimal | None,
        is_later: bool = False,
    ) -> None:
        super().__init__(page)
        self.is_later = is_later
        self.request = request
        self.limit = limit
        self.spent = spent
        self.estimate = estimate


class ConnectionNotAllowed(ReplayRefusal):
    """The guard refused a connection, a lookup of a name, a datagram or a gRPC call.

    Attributes:
        host: The destination, as it was asked for.
        port: Its port, or `None` where a name was looked up without one.
        client: The library or module that the application called.
    """

    def __init__(self, page: str, *, host: str, port: int | None, client: str) -> None:
        super().__init__(page)
        self.host = host
        self.port = port
        self.client = client


class ModelNotSwapped(ReplayRefusal):
    """A request is signed, so that its model cannot be replaced by another one; no call was made.

    Attributes:
        old: The model that the request asks for.
        new: The model that `--llm-model` wants instead.
    """

    def __init__(self, page: str, *, old: str, new: str) -> None:
        super().__init__(page)
        self.old = old
        self.new = new
