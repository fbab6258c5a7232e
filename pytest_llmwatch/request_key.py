r"""Which requests are the same request: method, host, path, significant query and the canonical body.

Headers never count. What clients or frameworks draw anew at every run is left out of the body: `IGNORED_FIELDS`, and
what `llm_ignore_request_fields` adds. A line of that setting is a path (`messages[*].id`), or a path and a pattern
(`messages[*].content ~ \d{4}-\d\d-\d\d`): then only the text that matches is left out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from .bodies import canonical_body
from .errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .calls import JSON
    from .exchange import Request

IGNORED_FIELDS = ("user", "safety_identifier", "prompt_cache_key", "metadata.user_id")
IGNORED_RPC_FIELDS = ("id", "params._meta.progressToken")
IGNORED_QUERY = frozenset(
    {"key", "api_key", "apikey", "api-key", "x-api-key", "subscription-key", "code", "sig", "signature", "auth"}
    | {"token", "access_token", "auth_token", "id_token", "refresh_token", "secret", "client_secret", "password"}
    | {f"x-amz-{name}" for name in ("signature", "credential", "date", "security-token", "algorithm", "expires")}
    | {f"x-goog-{name}" for name in ("signature", "credential", "date", "algorithm", "expires")}
)
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
ESCAPED = re.compile(r"(?:%(?!2[Ff5])[0-9A-Fa-f]{2})+")
STEP = re.compile(r"\[(\*|\d+)\]|\.?(\*\*|\*|[^.\[\]]+)")


@dataclass(frozen=True, slots=True)
class IgnoredField:
    """A place in a JSON body, and the part of its text to leave out (all of it without a pattern)."""

    steps: tuple[str | int, ...]
    pattern: re.Pattern[str] | None = None


def ignored_field(line: str, *, setting: str = "llm_ignore_request_fields") -> IgnoredField:
    """Read one line of `llm_ignore_request_fields`, or of another setting of the same form.

    Raises:
        SettingError: the path or the pattern cannot be read.
    """
    path, tilde, pattern = (piece.strip() for piece in line.partition(" ~ "))
    path = path.removeprefix("$").removeprefix(".")
    if not path or STEP.sub("", path):
        raise SettingError(f"{setting}: {line!r} is not a path such as messages[*].id")
    try:
        compiled = re.compile(pattern) if tilde else None
    except re.error as error:
        raise SettingError(f"{setting}: the pattern in {line!r} does not compile: {error}") from error
    return IgnoredField(tuple(_step(match) for match in STEP.finditer(path)), compiled)


def _step(match: re.Match[str]) -> str | int:
    index, name = match.groups()
    return name if index is None else index if index == "*" else int(index)


DEFAULT_IGNORED = tuple(ignored_field(path) for path in IGNORED_FIELDS)
RPC_IGNORED = tuple(ignored_field(path) for path in IGNORED_RPC_FIELDS)


def significant_body(request: Request, ignored: Iterable[IgnoredField] = ()) -> JSON:
    """The request's body as a value, without what does not count."""
    body = canonical_body(request.body, request.header("content-type"))
    defaults = RPC_IGNORED if isinstance(body, dict) and "jsonrpc" in body else DEFAULT_IGNORED
    for field in (*defaults, *ignored):
        body = _without(body, field.steps, field.pattern)
    return body


def without(value: JSON, field: IgnoredField) -> JSON:
    """A copy of the value in which the place of the field is gone; the value itself where it has no such place."""
    return _without(value, field.steps, field.pattern)


def request_target(request: Request) -> str:
    """Method, host, path and significant query, on one line.

    The port of a loopback address does not count: servers started for a test get another one at each run.
    """
    parts = urlsplit(request.uri)
    host = (parts.hostname or "").lower()
    port = parts.port if parts.scheme in ("http", "https") else None
    if host in LOOPBACK:
        host, port = "localhost", None
    elif port in (80, 443):
        port = None
    query = sorted(
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name.lower() not in IGNORED_QUERY
    )
    tail = f"?{urlencode(query)}" if query else ""
    # Clients differ in what they escape: a model's `:` is `%3A` to botocore. A slash in a name stays escaped.
    path = ESCAPED.sub(lambda match: unquote(match[0]), parts.path) if "%" in parts.path else parts.path
    return f"{request.method.upper()} {host}{f':{port}' if port else ''}{path or '/'}{tail}"


def without_ignored(request: Request, ignored: Sequence[IgnoredField]) -> Request:
    """The request without fields that do not count, to compare what it says; as it is where its body is no JSON."""
    if not ignored:
        return request
    try:
        body: JSON = json.loads(request.body)
    except (ValueError, RecursionError):
        return request
    for field in ignored:
        body = without(body, field)
    return replace(request, body=json.dumps(body).encode())


def request_key(request: Request, ignored: Iterable[IgnoredField] = ()) -> str:
    """The same text for the same request, and for no other."""
    return key_of(request_target(request), significant_body(request, ignored))


def key_of(target: str, body: JSON) -> str:
    """A key from a target and a significant body."""
    text = CANONICAL.encode(body)
    if ".0" in text or "e+" in text:  # only then may it hold a whole number written as a float
        text = CANONICAL.encode(_level(body))
    return target + "\n" + text


def _level(value: JSON) -> JSON:
    """1.0 and 1 are the same number to every provider, and clients differ in which they send."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _level(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_level(item) for item in value]
    return value


def _without(value: JSON, steps: tuple[str | int, ...], pattern: re.Pattern[str] | None) -> JSON:
    """A copy of the value in which the place is gone; the value itself where it has no such place."""
    if not steps:
        return pattern.sub("", value) if pattern and isinstance(value, str) else value
    step, rest = steps[0], steps[1:]
    if step == "**":
        deeper = _each(value, lambda item: _without(item, steps, pattern))
        return _without(deeper, rest, pattern)
    if step == "*":
        return _each(value, lambda item: _without(item, rest, pattern)) if rest or pattern else _emptied(value)
    if isinstance(value, dict) and step in value:
        return _dict_without(value, str(step), rest, pattern)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        changed = [] if not rest and pattern is None else [_without(value[step], rest, pattern)]
        return [*value[:step], *changed, *value[step + 1 :]]
    return value


def _dict_without(
    value: dict[str, JSON], name: str, rest: tuple[str | int, ...], pattern: re.Pattern[str] | None
) -> JSON:
    if not rest and pattern is None:
        return {key: item for key, item in value.items() if key != name}
    return {key: _without(item, rest, pattern) if key == name else item for key, item in value.items()}


def _emptied(value: JSON) -> JSON:
    return type(value)() if isinstance(value, (dict, list)) else value


def _each(value: JSON, change: Callable[[JSON], JSON]) -> JSON:
    if isinstance(value, dict):
        return {key: change(item) for key, item in value.items()}
    if isinstance(value, list):
        return [change(item) for item in value]
    return value
