"""Server-sent events: bytes in, (event name, data) out.

https://html.spec.whatwg.org/multipage/server-sent-events.html, except that a last event which the stream did not finish
with a blank line is given too: a cut stream is worth what it said.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Not str.splitlines(): that also breaks at U+2028 and other characters which may stand unescaped inside JSON.
_LINE_END = re.compile(r"\r\n|\n|\r")
_OPENINGS = (b"data:", b"event:", b"id:", b"retry:", b":")


def looks_like_events(body: bytes) -> bool:
    """Whether a body begins as an event stream does."""
    return body.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_OPENINGS)


def events(body: bytes) -> Iterator[tuple[str | None, str]]:
    """The events of a body, in order, as far as it goes; any bytes are accepted."""
    text = body.decode("utf-8", errors="replace").removeprefix("\ufeff")
    name: str | None = None
    data: list[str] = []
    for line in (*_LINE_END.split(text), ""):
        if not line:
            if data:
                yield name, "\n".join(data)
            name, data = None, []
            continue
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        elif field == "event":
            name = value.removeprefix(" ")
