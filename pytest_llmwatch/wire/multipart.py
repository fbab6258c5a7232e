"""Forms with files (`multipart/form-data`): bytes in, fields and files out. Some hosts take the fields as JSON, too.

https://datatracker.ietf.org/doc/html/rfc7578
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON
from pytest_llmwatch.errors import UndecodableExchange

from .reading import object_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmwatch.exchange import Exchange, Request

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s";,]+))', re.IGNORECASE)
_FIRST_LINE = re.compile(rb"\s*--([^\r\n]{1,70})\r?\n")
_NAME = re.compile(r'[;\s]name="?([^";\r\n]*)', re.IGNORECASE)
_FILENAME = re.compile(r"[;\s]filename\*?=", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a form holds: its fields, all of them text, and its files with the names of their fields.

    A field that is there more than once, or is called `name[]`, is a list under its plain name.
    """

    fields: dict[str, JSON] = field(default_factory=dict)
    files: tuple[tuple[str, bytes], ...] = ()


def is_form_or_object(request: Request) -> bool:
    """Whether a body is a form, or JSON, at a first look."""
    return request.body.lstrip()[:1] == b"{" or bool(_boundary_of(request))


def sent_in(exchange: Exchange) -> Form:
    """The form that a request sends, or the JSON object that stands for one.

    Raises:
        UndecodableExchange: it sends neither.
    """
    request = exchange.request
    if form := form_of(request):
        return form
    asked = object_from(request.body)
    if asked is None:
        got = request.body[:40]
        raise UndecodableExchange("request body", expected="a form or a JSON object", got=got, exchange=exchange)
    return Form(fields=asked)


def form_of(request: Request) -> Form | None:
    """The form that a request sends; `None` where it sends none."""
    boundary = _boundary_of(request)
    if not boundary:
        return None
    mark = re.compile(rb"(?:\A\s*|\r?\n)--" + re.escape(boundary) + rb"(?:--)?[ \t]*(?=\r?\n|\Z)")
    fields: dict[str, list[JSON]] = {}
    files: list[tuple[str, bytes]] = []
    lists: set[str] = set()
    for piece in mark.split(request.body)[1:]:
        end = _HEAD_END.search(piece)
        head = piece[: end.start()].decode("utf-8", errors="replace") if end else ""
        named = _NAME.search(head)
        if end is None or named is None:
            continue
        name, content = named[1].removesuffix("[]"), piece[end.end() :]
        if _FILENAME.search(head):
            files.append((name, content))
        else:
            fields.setdefault(name, []).append(content.decode("utf-8", errors="replace"))
            lists |= {name} if named[1] != name else set()
    plain: dict[str, JSON] = {
        name: values if len(values) > 1 or name in lists else values[0] for name, values in fields.items()
    }
    return Form(fields=plain, files=tuple(files)) if plain or files else None


def with_field(request: Request, name: str, changed: Callable[[str], str]) -> bytes:
    """The body of a form with the text of one field changed; that of any other request as it is."""
    boundary = _boundary_of(request)
    if not boundary:
        return request.body
    named = rb'\r?\ncontent-disposition: *form-data; *name="?' + re.escape(name.encode()) + rb'"?'
    value = rb"([^\r\n]+)(?=\r?\n--" + re.escape(boundary) + rb")"
    field = re.compile(rb"(" + named + rb"(?:\r?\n[^\r\n]+)*\r?\n\r?\n)" + value, re.IGNORECASE)
    return field.sub(lambda found: found[1] + changed(found[2].decode(errors="replace")).encode(), request.body)


def _boundary_of(request: Request) -> bytes:
    """The boundary as the header has it, or else the first line: recorders drop headers, and rename what they hold."""
    found = _BOUNDARY.search(request.header("content-type") or "")
    named = (found[1] or found[2]).encode(errors="replace") if found else b""
    if named and b"--" + named in request.body:
        return named
    first = _FIRST_LINE.match(request.body)
    return first[1].rstrip() if first else b""
