"""A stream of one JSON object a line, as far as it came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .reading import object_from

if TYPE_CHECKING:
    from pytest_llmwatch.calls import JSON


def objects_in_lines(body: bytes) -> list[dict[str, JSON]]:
    """The objects of a body's lines; a line that is none, such as one that was cut, is left out."""
    return [found for line in body.split(b"\n") if (found := object_from(line)) is not None]
