"""Which facts of a reference a text states otherwise."""

from __future__ import annotations

import unicodedata
from itertools import chain
from typing import TYPE_CHECKING

from .additions import additions
from .changed_names import changed_names, exchanged_in_place
from .changed_numbers import changed_numbers
from .changed_order import changed_order
from .changed_polarity import changed_polarity
from .limits import changed_limits
from .long_texts import without_shared
from .pairs import Pair

if TYPE_CHECKING:
    from .changes import ChangedFact

_FINDERS = (
    changed_numbers,
    changed_limits,
    changed_polarity,
    changed_names,
    exchanged_in_place,
    changed_order,
    additions,
)


def changed_facts(reference: str, text: str) -> tuple[ChangedFact, ...]:
    """What the text states otherwise than the reference, in English and Japanese; the certain ones first.

    Example:
        >>> from pytest_llmwatch.expectations.facts import changed_facts
        >>> [str(fact) for fact in changed_facts("It costs $40 and is refundable.", "It costs $400 and is refundable.")]
        ['$40 -> $400']
    """
    before, after = without_shared(_normal(reference), _normal(text))
    pair = Pair(before=before, after=after)
    unique: list[ChangedFact] = []
    for fact in chain.from_iterable(find(pair) for find in _FINDERS):
        if not any(other.says_more_than(fact) for other in unique):
            unique.append(fact)
    return tuple(sorted(unique, key=lambda fact: not fact.is_certain))


def _normal(text: str) -> str:
    """NFKC: full-width digits and letters are the ordinary ones."""
    return unicodedata.normalize("NFKC", text)
