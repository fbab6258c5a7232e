"""Cassettes that others recorded: vcrpy's in YAML and JSON, its dialects, and cassetter's.

What an interaction means is said by its own form, since many of these files do not name their writer.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from . import yaml_text
from .bodies import decoded, header_free, is_plain, opened
from .exchange import Exchange, Request, Response, header_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .exchange import Headers

CASSETTER_BODIES = frozenset({"json", "text", "binary", "none"})
WRAPPED = frozenset({"string", "base64_string", "encoding"})
FIRST_KEY = re.compile(r"\ufeff?(?:[ \t]*(?:[#%-].*)?\r?\n)*(interactions|version):")
READABLE = re.compile(r"^$|json|text/|event-stream|x-www-form-urlencoded", re.IGNORECASE)


def foreign_document(text: str) -> Any | None:
    """The value of a cassette written as JSON; `None` where the text is YAML.

    Raises:
        YamlProblem: JSON that is broken, cut short, nested too deep, or has a key twice in an object.
    """
    if not text.lstrip("\ufeff \t\r\n").startswith("{"):
        return None
    yaml_text.refuse_damage(text)
    try:
        document = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        if re.match(r'\ufeff?\s*\{\s*(?:"|$)', text) is None:
            return None  # a flow mapping may be YAML and no JSON
        raise yaml_text.YamlProblem(f"this is not whole JSON: {error.msg}", error.lineno) from error
    except RecursionError as error:
        raise yaml_text.YamlProblem(f"nested more than {yaml_text.DEPTH_LIMIT} deep", 1) from error
    except yaml_text.YamlProblem:
        raise
    except ValueError as error:  # Python's limit on the digits of a number
        raise yaml_text.YamlProblem(str(error).partition(":")[0], None) from error
    if _is_deep(document):
        raise yaml_text.YamlProblem(f"nested more than {yaml_text.DEPTH_LIMIT} deep", 1)
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise yaml_text.YamlProblem(f"the key {twice[:80]!r} is there twice in one object", None)
    return value


def _is_deep(document: Any) -> bool:
    level: list[Any] = [document]
    for _ in range(yaml_text.DEPTH_LIMIT + 1):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(item: Any) -> Iterator[Any]:
    if isinstance(item, dict):
        yield from item.values()
    elif isinstance(item, list):
        yield from item


def cut_short(document: dict[str, Any], text: str) -> bool:
    """Whether the end of the file is missing, where what is left reads well.

    vcrpy writes `version` last. cassetter writes it first, and `recorded_at` last in each interaction; a cut between
    two of these cannot be seen.
    """
    match = FIRST_KEY.match(text)
    if match is None:
        return False
    if match[1] == "interactions":
        return document.get("version") is None
    items = document.get("interactions")
    if not isinstance(items, list) or not any(_is_cassetter(item) for item in items):
        return False
    return not isinstance(items[-1], dict) or items[-1].get("recorded_at") is None


def _is_cassetter(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    request = item.get("request")
    body = request.get("body") if isinstance(request, dict) else None
    return "recorded_at" in item or (isinstance(body, dict) and _is_typed(body))


def foreign_exchange(item: Any) -> Exchange:
    """One interaction of somebody else's cassette.

    Raises:
        ValueError: it is none; TypeError says the same.
    """
    if not isinstance(item, dict) or not isinstance(item.get("request"), dict):
        raise ValueError("it has no `request`")  # noqa: TRY004 - one sentence for whatever stands there
    if not isinstance(item.get("response"), dict):
        raise ValueError("it has no `response`")  # noqa: TRY004 - the same
    return Exchange(request=_request_in(item["request"]), response=_response_in(item["response"]))


def _request_in(item: dict[str, Any]) -> Request:
    uri = item.get("uri", item.get("url"))
    if not isinstance(item.get("method"), str) or not isinstance(uri, str):
        missing = "uri" if isinstance(item.get("method"), str) else "method"
        raise ValueError(f"the request has no `{missing}`")  # noqa: TRY004 - the same
    headers = header_free(_headers_in(item.get("headers")), "transfer-encoding")
    body, headers = _opened(_body_in(item), headers)
    return Request(method=item["method"].upper(), uri=uri, headers=headers, body=body)


def _response_in(item: dict[str, Any]) -> Response:
    # vcrpy before 6 wrote httpx responses flat, as `status_code` and `content`.
    status: Any = item.get("status", item.get("status_code"))
    reason = item.get("reason")
    if isinstance(status, dict):
        status, reason = status.get("code"), status.get("message")
    headers = header_free(_headers_in(item.get("headers")), "transfer-encoding")
    body, headers = _opened(_body_in(item), headers)
    return Response(status=status_in(status), reason=_as_text(reason or ""), headers=headers, body=body)


def status_in(value: Any) -> int:
    """The status of a response.

    Raises:
        ValueError: there is none, or it is no number.
    """
    if value is None:
        raise ValueError("the response has no `status`")
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ValueError("`status` must be a number") from None


def _headers_in(item: Any) -> Headers:
    """From a mapping of names to one value or several, or from the list of pairs of older files."""
    if not item:
        return ()
    pairs = item.items() if isinstance(item, dict) else (_pair(entry) for entry in item)
    return tuple(
        (_as_text(name), _as_text(value))
        for name, values in pairs
        for value in (values if isinstance(values, list) else [values])
        if value is not None
    )


def _pair(entry: Any) -> tuple[Any, Any]:
    if isinstance(entry, list) and len(entry) == 2:
        return entry[0], entry[1]
    if isinstance(entry, (str, bytes)) and ":" in (line := _as_text(entry)):
        name, _, value = line.partition(":")
        return name.strip(), value.strip()
    raise ValueError("its headers are neither a mapping nor a list of pairs")


def _as_text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise ValueError("a header has a structure for a value")  # noqa: TRY004 - the same
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _body_in(item: dict[str, Any]) -> bytes:
    # pydantic-ai's serializer puts the value in the place of a JSON body, and reads it back as `json.dumps` of it.
    if item.get("parsed_body") is not None:
        return _as_json(item["parsed_body"])
    body = item.get("body", item.get("content"))
    if isinstance(body, dict):
        return b"" if not body and "status" in item else _structured_body(body)
    return _as_bytes(body)


def _structured_body(body: dict[str, Any]) -> bytes:
    if _is_typed(body):
        return _typed_body(body["type"], body.get("content"))
    # aiohttp's `json=` is recorded as the value, before it is JSON.
    if not body or not set(body) <= WRAPPED or isinstance(body.get("string"), (dict, list)):
        return _as_json(body)
    if body.get("base64_string") is not None:
        return base64.b64decode(body["base64_string"], validate=True)
    return _as_bytes(body.get("string"))


def _is_typed(body: dict[str, Any]) -> bool:
    """Whether it is a body of cassetter's: `type`, and `content` where there is any."""
    kind = body.get("type")
    return isinstance(kind, str) and kind in CASSETTER_BODIES and set(body) <= {"type", "content"}


def _typed_body(kind: str, content: Any) -> bytes:
    if kind == "json":
        return _as_json(content)
    return bytes.fromhex(content) if kind == "binary" else _as_bytes(content)


def _as_bytes(value: Any) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else _as_json(value)


def _as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _opened(body: bytes, headers: Headers) -> tuple[bytes, Headers]:
    """The body decoded, also where a filter took the header that named its coding."""
    body, headers = opened(body, headers)
    if header_of(headers, "content-encoding") or not READABLE.search(header_of(headers, "content-type") or ""):
        return body, headers
    for coding in ("gzip", "zstd", "deflate", "br"):
        plain, in_force = decoded(body, coding)
        if in_force is None and plain not in (b"", body) and is_plain(plain):
            return plain, headers
    return body, headers
