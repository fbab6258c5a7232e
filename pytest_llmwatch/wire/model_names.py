"""Where a request names the model that it asks for, in every format: in its body, in its address, or in both."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from .multipart import with_field
from .reading import object_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmwatch.calls import JSON
    from pytest_llmwatch.exchange import Request

    Renamed = Callable[[str], str]

# `*` is every item of a list: the requests of a batch, the fallbacks of a router.
_IN_BODY = (
    ("model",),
    ("model_id",),
    ("models", "*"),
    ("generateContentRequest", "model"),
    ("requests", "*", "model"),
    ("requests", "*", "params", "model"),
)
# Google's bodies name a model with its collection: `models/gemini-2.5-flash`, `projects/…/models/gemini-2.5-flash`.
_COLLECTION = re.compile(r"(?:.*/)?models/")
_SIGNED = re.compile(r"(AWS4-|TC3-)?HMAC-", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Address:
    """An address with a model in it: group 1 of the pattern; `plain` are the characters that stand in it unquoted."""

    pattern: re.Pattern[str]
    plain: str = "/@:"


_ADDRESSES = (
    _Address(re.compile(r"/model/(.+)/[a-z-]+/?$"), plain=""),
    _Address(re.compile(r"/(?:models|deployments)/([^/]+/[^/]+)/predictions/?$")),
    _Address(re.compile(r"/(?:models|tunedModels|endpoints)/([^?#]+):[A-Za-z]+/?$")),
    _Address(re.compile(r"/(?:ai/run|workers-ai)/((?:@|%40)[^/]+/.+?)/?$")),
    _Address(re.compile(r"/(?:deployments|serving-endpoints|endpoints|engines)/([^/]+)/.")),
    _Address(re.compile(r"/models/([^/]+(?:/(?!pipeline/)[^/]+)?)(?:/pipeline/[a-z-]+)?/?$")),
    _Address(re.compile(r"/pipeline/[a-z-]+/([^/]+(?:/[^/]+)?)/?$")),
)
_NO_MODELS = frozenset({"count-tokens", "openapi"})  # Vertex: addresses for every model


def models_in(request: Request) -> tuple[str, ...]:
    """The models that a request asks for, each once; none where it names none."""
    names: dict[str, None] = {}

    def seen(name: str) -> str:
        names[name] = None
        return name

    with_model(request, seen)
    return tuple(names)


def with_model(request: Request, renamed: Renamed) -> Request:
    """The request with every model that it names replaced by what `renamed` makes of the name.

    A request in which nothing changes is returned as it is, to the byte.
    """
    if request.method.upper() != "POST":
        return request
    uri, body = _with_model_in_address(request.uri, renamed), _with_model_in_body(request, renamed)
    return request if (uri, body) == (request.uri, request.body) else replace(request, uri=uri, body=body)


def is_signed(request: Request) -> bool:
    """Whether a signature covers the request: whoever changes it is refused."""
    signed_by = request.header("authorization") or ""
    return bool(_SIGNED.match(signed_by)) or "x-amz-signature=" in request.uri.lower()


def _with_model_in_address(uri: str, renamed: Renamed) -> str:
    path = uri.partition("#")[0].partition("?")[0]
    for address in _ADDRESSES:
        found = address.pattern.search(path)
        if found is None:
            continue
        name = unquote(found[1])
        new = name if name in _NO_MODELS else renamed(name)
        return uri if new == name else uri[: found.start(1)] + quote(new, safe=address.plain) + uri[found.end(1) :]
    return uri


def _with_model_in_body(request: Request, renamed: Renamed) -> bytes:
    asked = object_from(request.body) if request.body.lstrip()[:1] == b"{" else None
    if asked is None:
        return with_field(request, "model", renamed)
    # Every place is looked at, also behind one that has changed.
    changed = [_replace_at(asked, place, renamed) for place in _IN_BODY]
    text = json.dumps(asked, ensure_ascii=False, separators=(",", ":"))  # the way in which clients write it
    # Half a surrogate has no bytes; `backslashreplace` writes it as JSON does.
    return text.encode(errors="backslashreplace") if any(changed) else request.body


def _replace_at(holder: JSON, place: tuple[str, ...], renamed: Renamed) -> bool:
    """Replace the names at a place inside a value; whether one has changed."""
    step, *rest = place
    if step == "*":
        keys: list[int] | list[str] = list(range(len(holder))) if isinstance(holder, list) else []
    else:
        keys = [step] if isinstance(holder, dict) and step in holder else []
    return any([_replace_in(holder, key, tuple(rest), renamed) for key in keys])  # noqa: C419 - replaces all of them


def _replace_in(holder: JSON, key: int | str, rest: tuple[str, ...], renamed: Renamed) -> bool:
    held: JSON = holder[key]  # type: ignore[index]  # the key comes from the holder
    if rest:
        return _replace_at(held, rest, renamed)
    if not isinstance(held, str) or not held:
        return False
    new = _renamed_in_collection(held, renamed)
    holder[key] = new  # type: ignore[index]  # as above
    return new != held


def _renamed_in_collection(name: str, renamed: Renamed) -> str:
    found = _COLLECTION.match(name)
    if found is None:
        return renamed(name)
    rest = name[found.end() :]
    new = renamed(rest)
    return new if "models/" in new else found[0] + new
