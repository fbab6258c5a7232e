"""What stands in the place of a secret, and which texts it may stand for.

In the place of a secret stands its kind, `[redacted:api_key]`, and `~redacted.api_key~` where a URL or a form allows no
brackets. Kinds in capitals are variables.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .key_shapes import SHAPES, Span

if TYPE_CHECKING:
    from collections.abc import Collection


PLACEHOLDER = re.compile(r"\[redacted:[^\]\s]+\]|~redacted\.[^~\s]+~")
# Whether a text is a variable or looks like a key depends on the run; what stands in a field of a secret does not.
OF_THIS_RUN = re.compile(
    rf"\[redacted:(?:[A-Z0-9_]+|{'|'.join(sorted({shape.kind for shape in SHAPES if not shape.in_uri}))})\]"
    rf"|~redacted\.(?:[A-Z0-9_]+|{'|'.join(sorted({shape.kind for shape in SHAPES}))})~"
)
LONGEST_SECRET = 4096
NUMBER = "number"
SHORTEST_SECRET = 4
# What may stand for a secret, if it is not empty: no spaces, and no letters that only texts have.
RUN = re.compile(r"[!-~]*")


def placeholder(span: Span) -> str:
    """What stands in the place of a secret; nothing in the place of its second piece."""
    if not span.kind:
        return ""
    if span.kind == NUMBER:
        return "0"
    return f"~redacted.{span.kind}~" if span.in_uri else f"[redacted:{span.kind}]"


def may_stand_for_another(key: str) -> bool:
    """Whether the key of a recorded request has a variable or what looked like a key in it."""
    return "redacted" in key and OF_THIS_RUN.search(key) is not None


def literal_in(text: str) -> tuple[str, ...]:
    """What looks in a text that nobody has redacted yet as if a replay might put something else in its place."""
    return tuple(sorted(set(OF_THIS_RUN.findall(text)))) if "redacted" in text else ()


def fits(recorded: str, text: str, literal: Collection[str] = ()) -> bool:
    """Whether a text is the recorded one, with nothing or a word in the place of each variable and each key.

    Those of `literal` the application has written itself: they stand for themselves.
    """
    pieces, end = [], 0
    for match in OF_THIS_RUN.finditer(recorded):
        if match[0] not in literal:
            pieces.append(recorded[end : match.start()])
            end = match.end()
    pieces.append(recorded[end:])
    if len(pieces) == 1 or not text.startswith(pieces[0]):
        return recorded == text
    ends = [len(pieces[0])]
    for piece in pieces[1:]:
        ends = _ends_after(text, piece, ends)
    return len(text) in ends


def _ends_after(text: str, piece: str, starts: list[int]) -> list[int]:
    """Where a piece can end that follows nothing or a word from one of these places."""
    ends: set[int] = set()
    done = -1
    for start in starts:
        run = RUN.match(text, start, start + LONGEST_SECRET)
        last = run.end() if run else start
        places = (start, *range(max(start + SHORTEST_SECRET, done + 1), last + 1))
        ends.update(place + len(piece) for place in places if text.startswith(piece, place))
        done = max(done, last)
    return sorted(ends)
