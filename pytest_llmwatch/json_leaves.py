"""The strings of a JSON text with their places in it: so that one can be changed and every other byte stays.

It reads what parses and what was cut short.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

# A string that was cut short goes to the end: to look for another in it would take the square of its length.
TOKEN = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z))(\s*:)?|([{}\[\],])|(-?\d[\d.eE+-]*)', re.DOTALL)
UNIT = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)
# What tells the streams apart that providers send through one another: choices, content blocks, output items.
NUMBERS = frozenset({"index", "output_index", "content_index", "contentBlockIndex", "summary_index"})

DEEPEST = 200

Path = tuple["str | int", ...]


@dataclass(slots=True)
class Leaf:
    """A string, or a number with a key: `start` and `end` are inside the quotes, `names` the keys above, nearest last.

    `place` is the same for the pieces of one text that came in several events.
    """

    text: str
    start: int
    end: int
    names: tuple[str, ...]
    place: Path
    is_key: bool = False
    is_number: bool = False
    path: Path = ()
    offsets: list[int] | None = None


def leaves_of(text: str, start: int = 0, end: int | None = None) -> list[Leaf]:
    """The strings of one JSON value, in order, the keys among them."""
    leaves: list[Leaf] = []
    stack: list[str | int] = [""]
    numbers: dict[Path, list[str]] = {}
    for match in TOKEN.finditer(text, start, len(text) if end is None else end):
        literal, colon, mark, number = match.groups()
        if literal is not None:
            value = _decoded(literal)
            path = tuple(stack)
            if colon:
                stack[-1] = value
            names = tuple(step for step in path if isinstance(step, str))
            last = match.end(1) - _is_closed(literal)
            leaves.append(Leaf(value, match.start(1) + 1, last, names, path, is_key=bool(colon), path=path))
        elif number is not None:
            if stack[-1] in NUMBERS:
                numbers.setdefault(tuple(stack[:-1]), []).append(f"{stack[-1]}={number}")
            elif isinstance(stack[-1], str) and stack[-1]:
                names = tuple(step for step in stack if isinstance(step, str))
                leaves.append(Leaf(number, *match.span(4), names, tuple(stack), is_number=True))
        elif len(stack) > DEEPEST and mark in "{[":
            break
        else:
            _step(stack, mark)
    if numbers:
        for leaf in leaves:
            leaf.place = _numbered(leaf.place, numbers)
    return leaves


def _step(stack: list[str | int], mark: str) -> None:
    here = stack[-1]
    if mark == "{":
        stack.append("")
    elif mark == "[":
        stack.append(0)
    elif mark == "," and isinstance(here, int):
        stack[-1] = here + 1
    elif mark == "," and len(stack) > 1:
        stack[-1] = ""  # what is cut short before its colon belongs to no key
    elif mark in "}]" and len(stack) > 1:
        stack.pop()


def _decoded(literal: str) -> str:
    if "\\" not in literal:
        return literal[1:] if not _is_closed(literal) else literal[1:-1]
    try:
        return str(json.loads(literal, strict=False))
    except ValueError:
        return literal[1:] if not _is_closed(literal) else literal[1:-1]


def _is_closed(literal: str) -> bool:
    """Whether a string has its closing quote, one that no backslash escapes."""
    if len(literal) < 2 or literal[-1] != '"':
        return False
    before = literal[1:-1]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 0


def _numbered(path: Path, numbers: dict[Path, list[str]]) -> Path:
    """The path with the numbers that objects on it give themselves, in place of their positions."""
    result: list[str | int] = []
    for length in range(len(path) + 1):
        own = numbers.get(path[:length], [])
        if length:
            step = path[length - 1]
            result.append("#" if own and isinstance(step, int) else step)
        result.extend(own)
    return tuple(result)


def place_in_literal(text: str, leaf: Leaf, start: int, end: int) -> tuple[int, int]:
    """Where in the JSON text a part of a leaf's string stands, whatever its escapes."""
    literal = text[leaf.start : leaf.end]
    if len(literal) == len(leaf.text):
        return leaf.start + start, leaf.start + end
    if leaf.offsets is None:
        leaf.offsets = [*(match.start() for match in UNIT.finditer(literal)), len(literal)]
    return leaf.start + leaf.offsets[start], leaf.start + leaf.offsets[end]
