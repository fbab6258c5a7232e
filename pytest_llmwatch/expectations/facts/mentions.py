"""One fact as it stands in a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MentionKind = Literal["number", "version", "date", "weekday", "time", "negation", "name", "identifier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A part of a text, and where it begins."""

    text: str
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A fact found in a text.

    Attributes:
        kind: What it is.
        text: How it is written there.
        start: Its first character; the text was brought to NFKC before.
        values: What it says, in as many readings as it has: two mentions that share one agree.
        dimension: What a number measures (`money:USD`, `duration`), where that is known.
        is_firm: Whether it is certainly of this kind: the first word of a sentence may be a name or not.
    """

    kind: MentionKind
    text: str
    start: int
    values: frozenset[object]
    dimension: str | None = None
    is_firm: bool = True
