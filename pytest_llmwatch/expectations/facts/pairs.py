"""Two texts side by side: which words were exchanged, how alike they are, which sentences belong together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_llmwatch.drift.words import changed_spans

from .changes import ChangedFact
from .clauses import is_one_clause, partners
from .mentions import Excerpt, Mention
from .numbers import number_mentions
from .polarity import is_japanese

if TYPE_CHECKING:
    from pytest_llmwatch.drift.words import Span

    from .changes import Kind

Placed = Mention | Excerpt

# Above this share of equal words two texts are versions of one another, and what stands in one place is comparable.
_NEAR = 0.85
_NEAR_LENGTH = 80
_SHORT_LENGTH = 90
# Below this share two texts are told freely: only clauses that speak of the same can contradict.
_FREE = 0.5
_WORD = re.compile(
    r"[A-Za-zÀ-ɏ](?:[\wÀ-ɏ'’&+-]|\.(?=\w))*|[-−]?[$¥€£]?\d(?:\d|[.,](?=\d))*%?|[ァ-ヴー]+|[一-龥々]|[ぁ-ん]"
    r"|(?![À-ɏ])[^\w\s]",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two texts in NFKC, and how they stand to one another.

    Attributes:
        before: The reference.
        after: The text.
        before_line: The line of the whole reference that `before` begins on.
        after_line: The line of the whole text that `after` begins on.
    """

    before: str
    after: str
    before_line: int = 1
    after_line: int = 1

    @cached_property
    def words(self) -> tuple[list[re.Match[str]], list[re.Match[str]]]:
        """The words, numbers, kana, kanji and marks of both."""
        return list(_WORD.finditer(self.before)), list(_WORD.finditer(self.after))

    @cached_property
    def numbers(self) -> tuple[list[Mention], list[Mention]]:
        """The numbers, dates, times and versions of both."""
        return number_mentions(self.before), number_mentions(self.after)

    @cached_property
    def spans(self) -> list[Span]:
        """The words that were exchanged, place by place."""
        one, other = ([match.group() for match in words] for words in self.words)
        # Which of several shortest alignments is found may depend on the order: both orders shall say the same.
        if one <= other:
            return changed_spans(one, other)
        return [(c, d, a, b) for a, b, c, d in changed_spans(other, one)]

    @cached_property
    def likeness(self) -> float:
        """The share of words that stand in both, in order."""
        left, right = self.words
        changed = sum(b - a + d - c for a, b, c, d in self.spans)
        return 1 - changed / max(1, len(left) + len(right))

    @property
    def is_near(self) -> bool:
        """Whether they are versions of one text."""
        return self.likeness >= _NEAR and len(self.before) >= _NEAR_LENGTH

    @cached_property
    def is_japanese(self) -> bool:
        """Whether the reference is Japanese."""
        return is_japanese(self.before)

    @property
    def is_short(self) -> bool:
        """Whether both are no longer than a sentence."""
        return max(len(self.before), len(self.after)) <= _SHORT_LENGTH

    @cached_property
    def is_free(self) -> bool:
        """Whether each tells in its own words, at more length than a clause."""
        is_simple = self.is_short and is_one_clause(self.before) and is_one_clause(self.after)
        return not is_simple and self.likeness < _FREE

    @cached_property
    def comparable(self) -> tuple[Pair, ...]:
        """What can be held against one another: the whole texts, or, where they are told freely, some clauses."""
        if not self.is_free:
            return (self,)
        return tuple(
            Pair(
                before=one.text,
                after=other.text,
                before_line=self.before_line + self.before.count("\n", 0, one.start),
                after_line=self.after_line + self.after.count("\n", 0, other.start),
            )
            for one, other in partners(self.before, self.after)
        )

    def changed(
        self, kind: Kind, before: Placed | str | None, after: Placed | str | None, *, is_certain: bool = True
    ) -> ChangedFact:
        """A change with its places."""
        return ChangedFact(
            kind=kind,
            before=_text_of(before),
            after=_text_of(after),
            before_line=_line(self.before, before, self.before_line),
            after_line=_line(self.after, after, self.after_line),
            is_certain=is_certain,
        )


def _text_of(mention: Placed | str | None) -> str | None:
    return mention if mention is None or isinstance(mention, str) else mention.text


def _line(text: str, mention: Placed | str | None, first: int) -> int | None:
    if mention is None:
        return None
    start = text.find(mention) if isinstance(mention, str) else mention.start
    return text.count("\n", 0, max(0, start)) + first
