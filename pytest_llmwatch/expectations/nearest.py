"""The known word that is written most like another one."""

from __future__ import annotations

import difflib
import unicodedata
from typing import TYPE_CHECKING

from .expectation import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONG = 2000


def nearest_label(value: object, choices: Iterable[object]) -> str | None:
    """The choice that is written most like a text, quoted; `None` where none is."""
    found = nearest_of(value, choices)
    return None if found is None else quoted(found)


def nearest_of(value: object, choices: Iterable[object]) -> str | None:
    """The choice that is written most like a text; `None` where none is."""
    if not isinstance(value, str):
        return None
    labels = {plain(choice): choice for choice in choices if isinstance(choice, str)}
    close = difflib.get_close_matches(plain(value[:_LONG]), labels, n=1, cutoff=0.5)
    if close:
        return labels[close[0]]
    return next((label for folded, label in labels.items() if folded and folded in plain(value[:_LONG])), None)


def plain(text: str) -> str:
    """A text without what a reader does not look at: case, width, quotation marks and full stops around it."""
    return unicodedata.normalize("NFKC", text).casefold().strip(" \t\r\n.\"'`*。「」")
