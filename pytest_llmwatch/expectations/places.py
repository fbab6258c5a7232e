"""Places in texts and in JSON values, as failure pages write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmwatch.drift.visible import visible, visible_json

from .expectation import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

_MARGIN = 16


def line_of(text: str, at: int) -> str:
    """The line and, beyond the first letter, the column of a character, both from 1."""
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    return f"line {line}" if column == 1 else f"line {line}, column {column}"


def around(text: str, start: int, end: int, width: int = 60) -> str:
    """The part of a text with a little of what stands around it, quoted."""
    if end - start + 2 * _MARGIN >= width:
        return quoted(text[start:end], width)
    left, right = max(0, start - _MARGIN), end + _MARGIN
    head, tail = "…" if left else "", "…" if right < len(text) else ""
    return f"{head}{quoted(text[left:right], width)}{tail}"


def path_of(keys: Iterable[object]) -> str | None:
    """A path into a JSON value, as `items[2].price`; `None` for the value itself."""
    path = ""
    for key in keys:
        if isinstance(key, str) and key.isidentifier() and visible(key) == key:
            path += f".{key}" if path else key
        elif isinstance(key, str):
            path += f"[{visible_json(key)}]"
        else:
            path += f"[{key}]"
    return path or None
