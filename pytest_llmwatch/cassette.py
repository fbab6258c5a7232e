"""The cassette: a test's exchanges as a YAML file that reads well in a pull request.

Our own format has a `llmwatch: 1` head. vcrpy's (`interactions` and `version`) loads as it is. A body stands in one of
three forms: `json` (a value; equal, not the same bytes), `text`, or `base64` where it is neither.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import yaml_text
from .bodies import decompressed, header_free, json_of
from .calls import JSON
from .errors import UnreadableCassette
from .exchange import Exchange, Request, Response, TransferFailure

if TYPE_CHECKING:
    from .exchange import Headers

FORMAT = 1
BASE64_WIDTH = 76


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


def dump(cassette: Cassette) -> str:
    """The file's text."""
    head: dict[str, JSON] = {"llmwatch": FORMAT, "test": cassette.test}
    if cassette.recorded:
        head["recorded"] = {name: value for name, value in cassette.recorded.items() if value is not None}
    head["interactions"] = [_exchange_out(exchange) for exchange in cassette.exchanges]
    head["count"] = len(cassette.exchanges)  # the last line: a file that was cut short lacks it
    return yaml_text.emit(head)


def _exchange_out(exchange: Exchange) -> JSON:
    out: dict[str, JSON] = {
        "request": {
            "method": exchange.request.method,
            "uri": exchange.request.uri,
            **_content_out(exchange.request.headers, exchange.request.body),
        }
    }
    if exchange.response is not None:
        reason = {"reason": exchange.response.reason} if exchange.response.reason else {}
        content = _content_out(exchange.response.headers, exchange.response.body)
        out["response"] = {"status": exchange.response.status, **reason, **content}
    if exchange.failure is not None:
        out["failure"] = {"kind": exchange.failure.kind, "message": exchange.failure.message}
    times = {name: getattr(exchange, name) for name in ("started", "duration", "time_to_first_chunk")}
    known: dict[str, JSON] = {name: round(value, 3) for name, value in times.items() if value is not None}
    if known:
        out["times"] = known
    return out


def _content_out(headers: Headers, body: bytes) -> dict[str, JSON]:
    out: dict[str, JSON] = {}
    names: dict[str, JSON] = {}
    for name, value in headers:
        held = names.get(name)
        names[name] = value if held is None else [*held, value] if isinstance(held, list) else [held, value]
    if names:
        out["headers"] = names
    if body:
        form, content = _body_out(body)
        out[form] = content
    return out


def _body_out(body: bytes) -> tuple[str, JSON]:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return "base64", _wrapped(body)
    try:
        value = json_of(body)
        if yaml_text.is_emittable(json.dumps(value, ensure_ascii=False)):
            return "json", value
    except (ValueError, RecursionError):
        pass
    return "text", text


def _wrapped(body: bytes) -> str:
    text = base64.b64encode(body).decode()
    lines = [text[start : start + BASE64_WIDTH] for start in range(0, len(text), BASE64_WIDTH)]
    return "\n".join(lines) + ("\n" if len(lines) > 1 else "")


def parse(text: str, path: str) -> Cassette:
    """Read a cassette of ours or of vcrpy.

    Raises:
        UnreadableCassette: no YAML, cut short, or something else than a cassette; `path` and the line are named.
    """
    try:
        document = yaml_text.load(text)
    except yaml_text.YamlProblem as error:
        raise UnreadableCassette(path, error.problem, line=error.line) from error
    if not isinstance(document, dict) or not isinstance(document.get("interactions"), list):
        raise UnreadableCassette(path, "this is not a cassette: it has no list of `interactions`", line=1)
    version = document.get("llmwatch", 0)
    if not isinstance(version, int) or version > FORMAT:
        raise UnreadableCassette(path, f"written in format {version!r}; this version reads up to {FORMAT}", line=1)
    held, count = len(document["interactions"]), document.get("count")
    if version and count != held:
        said = "its last line, `count`, is missing" if count is None else f"it holds {held} interactions of {count}"
        raise UnreadableCassette(path, f"the file was cut short: {said}", line=text.count("\n") or 1)
    exchanges = []
    for place, item in enumerate(document["interactions"]):
        try:
            exchanges.append(_exchange_in(item))
        except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
            said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            problem = f"interactions[{place}] cannot be read: {said}"
            raise UnreadableCassette(path, problem, line=_line_of(place, text)) from error
    recorded = document.get("recorded")
    return Cassette(
        test=document.get("test") if isinstance(document.get("test"), str) else None,
        exchanges=tuple(exchanges),
        recorded=recorded if isinstance(recorded, dict) else {},
        version=version,
    )


def _exchange_in(item: Any) -> Exchange:
    if item.get("response") is None and item.get("failure") is None:
        raise ValueError("it has neither a `response` nor a `failure`")
    return Exchange(
        request=_request_in(item["request"]),
        response=_response_in(item["response"]) if item.get("response") is not None else None,
        failure=_failure_in(item.get("failure")),
        **_times_in(item.get("times")),
    )


def _line_of(place: int, text: str) -> int | None:
    """The line where an interaction begins, of the block style that we and vcrpy write."""
    starts = [line for line, content in enumerate(text.split("\n"), 1) if content.startswith("- ")]
    return starts[place] if place < len(starts) else None


def _request_in(item: dict[str, Any]) -> Request:
    headers = _headers_in(item.get("headers"))
    body, headers = _body_in(item, headers)
    return Request(method=str(item["method"]).upper(), uri=str(item["uri"]), headers=headers, body=body)


def _response_in(item: dict[str, Any]) -> Response:
    # vcrpy before 4.2 wrote httpx responses flat, as `status_code` and `content`.
    status, reason = item["status"] if "status" in item else item["status_code"], item.get("reason") or ""
    if isinstance(status, dict):
        status, reason = status["code"], status.get("message") or ""
    headers = _headers_in(item.get("headers"))
    body, headers = _body_in(item, headers)
    return Response(status=int(status), reason=str(reason), headers=headers, body=body)


def _failure_in(item: dict[str, Any] | None) -> TransferFailure | None:
    return None if item is None else TransferFailure(kind=item["kind"], message=str(item.get("message", "")))


def _times_in(item: dict[str, Any] | None) -> dict[str, float | None]:
    names = ("started", "duration", "time_to_first_chunk")
    return {name: float(item[name]) for name in names if item.get(name) is not None} if item else {}


def _headers_in(item: dict[str, Any] | None) -> Headers:
    if item is None:
        return ()
    pairs = [(name, value if isinstance(value, list) else [value]) for name, value in item.items()]
    return tuple((_as_text(name), _as_text(value)) for name, values in pairs for value in values)


def _as_text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _body_in(item: dict[str, Any], headers: Headers) -> tuple[bytes, Headers]:
    """The body decoded, and the headers without what spoke of its former form."""
    if "json" in item:
        return json.dumps(item["json"], ensure_ascii=False, separators=(",", ":")).encode(), headers
    if "text" in item:
        return _as_bytes(item["text"]), headers
    if "base64" in item:
        return base64.b64decode(item["base64"]), headers
    body = item.get("body", item.get("content"))
    if isinstance(body, dict):
        body = body.get("string") if "string" in body else body.get("base64_string")
    encoding = next((value for name, value in headers if name.lower() == "content-encoding"), None)
    plain = header_free(headers, "content-encoding", "content-length", "transfer-encoding")
    return decompressed(_as_bytes(body), encoding), plain


def _as_bytes(value: object) -> bytes:
    if value is None:
        return b""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
