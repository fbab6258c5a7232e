"""The cassette: a test's exchanges as a YAML file that reads well in a pull request.

A head (`llmwatch`, `test`, `recorded`, `totals`), then each interaction: `role`, where it is not the test's own;
`call`, what it says to a reader; `varies`, one line of all that no two recordings share; `request` and `response`,
from which everything is read again. A body stands in one of four forms: `json` (a value; equal, not the same bytes),
`stream` (folded), `text`, or as an attachment at the end of the file, where the vectors and the media of JSON bodies
are too. The last line is `count`.

Files of vcrpy and its kin (`interactions`, no `llmwatch`) load as they are.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from . import yaml_text
from .bodies import json_of
from .calls import JSON
from .errors import UnreadableCassette
from .exchange import Exchange, Request, Response, TransferFailure
from .foreign_cassettes import cut_short, foreign_document, foreign_exchange, status_in
from .lifting import attached, attachment, expanded_size, put_back
from .stream_fold import unfold

if TYPE_CHECKING:
    from collections.abc import Callable

    from .exchange import Headers

FORMAT = 1
COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
# What begins an interaction as we write it: its reading, then all that varies.
BEGINNING = re.compile(
    r"^(?P<call>- (?:role: [a-z]+\n  )?call:\n)(?P<reading>(?: {4}.*\n|\n)+)(?:  varies: (?P<varies>\{.*\})\n)?",
    re.MULTILINE,
)
HEAD = re.compile(r"""^(?:interactions|llmwatch)\s*:|"interactions"\s*:""", re.MULTILINE)
BODIES_LIMIT = 512_000_000  # bytes that the folds and attachments of one file may come to
NO_LAST_LINE = "its last line, `count`, is missing"
LAST_LINE = re.compile(r"^count:.*\n*\Z", re.MULTILINE)
COST_IN_READING = re.compile(r'^ {4}cost_usd: "?([0-9.]+)"?$', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cassette:
    """The exchanges of one test or fixture, in order of start.

    `recorded` are the facts of the recording that change every time (`at`, `commit`, `sdks` ...); `None` values are
    left out of the file. `version` is that of the format it was read from; 0 is vcrpy's.
    """

    test: str | None = None
    exchanges: tuple[Exchange, ...] = ()
    recorded: dict[str, JSON] = field(default_factory=dict)
    version: int = FORMAT


def parse(text: str, path: str) -> Cassette:
    """Read a cassette of ours or of vcrpy.

    Raises:
        UnreadableCassette: no YAML, cut short, or something else than a cassette; `path` and the line are named.
    """
    if not text.strip():
        raise UnreadableCassette(path, "the file is empty", line=1)
    try:
        document, beginnings = _document_in(text)
    except yaml_text.YamlProblem as error:
        raise _broken(error, text, path) from error
    version = document.get("llmwatch", 0) if isinstance(document, dict) else 0
    if not isinstance(version, int) or version > FORMAT:
        problem = f"written in format {version!r}; this version reads up to {FORMAT}"
        raise UnreadableCassette(path, problem, line=1, remedy="upgrade")
    if not isinstance(document, dict) or not isinstance(document.get("interactions"), list):
        if version and LAST_LINE.search(text) is None:
            raise UnreadableCassette(path, f"the file was cut short: {NO_LAST_LINE}", line=text.count("\n") or 1)
        problem = "this is not a cassette: it has no list of `interactions`"
        raise UnreadableCassette(path, problem, line=1, remedy="move away")
    _check_whole(document, text, path)
    recorded = document.get("recorded")
    recorded = recorded if isinstance(recorded, dict) else {}
    at = _date_in(recorded)
    exchanges, room = [], _Room()
    for place, item in enumerate(document["interactions"]):
        try:
            beginning = beginnings[place] if beginnings else None
            exchanges.append(_exchange_in(item, document, beginning, at, room) if version else foreign_exchange(item))
        except (
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            ArithmeticError,
            RecursionError,
            binascii.Error,
        ) as error:
            problem = f"interaction {place + 1} of {len(document['interactions'])}: {_said(error)}"
            raise UnreadableCassette(path, problem, line=_line_of(place, text)) from error
    return Cassette(
        test=document.get("test") if isinstance(document.get("test"), str) else None,
        exchanges=tuple(exchanges),
        recorded=recorded,
        version=version,
    )


def _broken(error: yaml_text.YamlProblem, text: str, path: str) -> UnreadableCassette:
    """What to say of a file that no parser accepts."""
    if not error.problem.startswith(yaml_text.INVALID):
        return UnreadableCassette(path, error.problem, line=error.line)
    if HEAD.search(text) is None:
        problem = f"this is not a cassette (it is {error.problem})"
        return UnreadableCassette(path, problem, line=error.line, remedy="move away")
    is_cut = text.startswith("llmwatch:") and LAST_LINE.search(text) is None
    problem = f"the file was cut short: {NO_LAST_LINE}, and it is {error.problem}" if is_cut else error.problem
    return UnreadableCassette(path, problem, line=error.line)


def _said(error: Exception) -> str:
    """What is wrong with an interaction, in the words of the file."""
    if isinstance(error, KeyError):
        return f"`{error.args[0]}` is missing"
    if isinstance(error, binascii.Error):
        return "what should be base64 is not"
    return str(error) if isinstance(error, ValueError) else "it does not have the form of an interaction"


def _check_whole(document: dict[str, Any], text: str, path: str) -> None:
    if "llmwatch" not in document:
        if cut_short(document, text):
            problem = "the file was cut short: its last line, `version`, is missing"
            raise UnreadableCassette(path, problem, line=text.count("\n") or 1)
        return
    held, count = len(document["interactions"]), document.get("count")
    if count == held:
        return
    if count is None:
        problem = f"the file was cut short: {NO_LAST_LINE}"
    elif not isinstance(count, int):
        problem = "`count` in its last line must be a number"
    elif count > held:
        problem = f"the file was cut short: it has {held} of {count} interactions"
    else:
        problem = f"it has {held} interactions, and `count` in its last line says {count}"
    raise UnreadableCassette(path, problem, line=text.count("\n") or 1)


@dataclass(frozen=True, slots=True)
class _Beginning:
    """What was left out of the document at the beginning of an interaction; `varies` where it was written there."""

    reading: str
    varies: JSON


def _document_in(text: str) -> tuple[Any, list[_Beginning]]:
    """The document, and what was left out of it because a replay can do without, or read it faster.

    Parsing YAML is what a replay spends most of its time on. Where the file does not have the shape we write, nothing
    is left out.
    """
    if not text.startswith("llmwatch:"):
        return foreign_document(text) or yaml_text.load(text), []
    beginnings: list[_Beginning] = []

    def blank(match: re.Match[str]) -> str:
        try:
            varies = json_of(match["varies"].encode()) if match["varies"] else None
        except (ValueError, RecursionError):
            return match[0]  # the parser of YAML says what is wrong with it
        beginnings.append(_Beginning(match["reading"], varies))
        return match["call"] + "\n" * (match[0].count("\n") - match["call"].count("\n"))

    lean = BEGINNING.sub(blank, text)
    document = yaml_text.load(lean)
    held = document.get("interactions") if isinstance(document, dict) else None
    if isinstance(held, list) and (len(held) != len(beginnings) or any(map(_has_reading, held))):
        return yaml_text.load(text), []
    return document, beginnings


def _has_reading(item: Any) -> bool:
    """Whether something of the reading was not left out: a comment written into it ended it too early for us."""
    return isinstance(item, dict) and item.get("call") is not None


def _line_of(place: int, text: str) -> int | None:
    """The line on which the list's item of that number begins, in a file of the usual layout."""
    lines = interaction_lines(text)
    return lines[place] if place < len(lines) else None


def interaction_lines(text: str) -> list[int]:
    """The lines on which the interactions begin, in a file of the usual layout, indented or not."""
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines, 1) if line.startswith("interactions:")), len(lines))
    dash = next((line[: len(line) - len(line.lstrip())] + "- " for line in lines[first:] if line.strip()), "- ")
    return [number for number, line in enumerate(lines[first:], first + 1) if line.startswith(dash)]


def _date_in(recorded: dict[str, JSON]) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(recorded.get("at")))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _cost_in(item: dict[str, Any], beginning: _Beginning | None) -> Decimal | None:
    """The price of the day, without parsing the reading: most replays need nothing of it."""
    if beginning is None:
        cost = (_mapping(item, "call") or {}).get("cost_usd")
        try:
            return None if cost is None else Decimal(str(cost))
        except ArithmeticError:
            raise ValueError("`cost_usd` must be a number") from None
    found = COST_IN_READING.search(beginning.reading)
    return Decimal(found[1]) if found else None


def _exchange_in(
    item: Any, document: dict[str, Any], beginning: _Beginning | None, at: datetime | None, room: _Room
) -> Exchange:
    if not isinstance(item, dict):
        raise ValueError("it is not a mapping")  # noqa: TRY004 - a sentence for the user, as those below
    if item.get("response") is None and item.get("failure") is None:
        raise ValueError("it has neither a `response` nor a `failure`")
    asked = _mapping(item, "request")
    if asked is None:
        raise ValueError("it has no `request`")
    if missing := [name for name in ("method", "uri") if asked.get(name) is None]:
        raise ValueError(f"the request has no `{missing[0]}`")
    varies = _mapping({"varies": beginning.varies} if beginning and beginning.varies else item, "varies") or {}
    entries = document.get("attachments") or []

    def answer() -> str:
        call = item.get("call") if beginning is None else yaml_text.load(_from_answer(beginning.reading))
        return str((call or {}).get("output_text", ""))

    def content_of(side: str) -> tuple[Headers, bytes]:
        held = _mapping(item, side) or {}
        headers = _headers_in(_mapping(held, "headers"), _mapping(varies, f"{side}_headers"))
        return headers, _body_in(held, varies.get(side) or {}, entries, answer, room)

    request_headers, request_body = content_of("request")
    response = None
    if item.get("response") is not None:
        headers, body = content_of("response")
        status, reason = status_in(item["response"].get("status")), item["response"].get("reason") or ""
        response = Response(status=status, reason=str(reason), headers=headers, body=body)
    return Exchange(
        request=Request(
            method=str(asked["method"]).upper(),
            uri=str(asked["uri"]),
            headers=request_headers,
            body=request_body,
        ),
        response=response,
        failure=_failure_in(_mapping(item, "failure")),
        started=_seconds(varies, "started"),
        duration=_seconds(varies, "latency"),
        time_to_first_chunk=_seconds(varies, "time_to_first_chunk"),
        at=at,
        cost=_cost_in(item, beginning),
        literal=tuple(map(str, varies.get("literal") or ())),
        role=_role_in(item),
    )


def _role_in(item: dict[str, Any]) -> str | None:
    role = item.get("role")
    if role is not None and not isinstance(role, str):
        raise ValueError("`role` must be a word")
    return role


class _Room:
    """How much more the bodies of a file may come to, where they take less room in the file: it may be hostile."""

    def __init__(self) -> None:
        self._left = BODIES_LIMIT

    def take(self, size: int) -> None:
        """Take some of it; raises `ValueError` where so much is not left."""
        self._left -= size
        if self._left < 0:
            raise ValueError(f"the bodies come to more than {BODIES_LIMIT // 1_000_000} MB")


def _from_answer(reading: str) -> str:
    """The reading from its answer on, the last thing in it."""
    return reading[max(f"\n{reading}".rfind("\n    output_text:"), 0) :]


def _failure_in(item: dict[str, Any] | None) -> TransferFailure | None:
    if item is None:
        return None
    if "kind" not in item:
        raise ValueError("the failure has no `kind`")
    return TransferFailure(kind=item["kind"], message=str(item.get("message", "")))


def _seconds(varies: dict[str, Any], name: str) -> float | None:
    value = varies.get(name)
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        raise ValueError(f"`{name}` must be a number") from None


def _mapping(item: dict[str, Any], name: str) -> dict[str, Any] | None:
    value = item.get(name)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"`{name}` must be a mapping")
    return value


def _headers_in(*items: dict[str, Any] | None) -> Headers:
    pairs = [
        (name, value if isinstance(value, list) else [value]) for item in items if item for name, value in item.items()
    ]
    return tuple((str(name), str(value)) for name, values in pairs for value in values)


def _body_in(
    item: dict[str, Any], places: dict[str, Any], entries: list[Any], answer: Callable[[], str], room: _Room
) -> bytes:
    held = item.get("attached")
    if isinstance(held, int):
        room.take(expanded_size(entries, [held]))
        return base64.b64decode(str(attachment(entries, held)))
    if "text" in item:
        return str(item["text"]).encode("utf-8", "surrogateescape")
    form = "json" if "json" in item else "stream" if "stream" in item else None
    if form is None:
        return b""
    if held:
        room.take(expanded_size(entries, held.values()))
    value = attached(item[form], held, entries) if held else item[form]
    if form == "json":
        value = put_back(value, places) if places else value
        return COMPACT.encode(value).encode()
    try:
        body = unfold(value, varies=places, answer=answer())
    except ValueError as error:
        raise ValueError(f"a streamed answer cannot be edited by hand ({error}): record it again") from error
    room.take(len(body))
    return body
