"""What a text states that a similarity score does not see: numbers, dates, negations, opposites, names.

`numbers`, `polarity` and `names` each find one kind of `Mention` in English and Japanese text; the `changed_` modules
say which of them changed between the two texts of a `Pair`; `comparing` puts that together.
"""

from __future__ import annotations

from .changes import ChangedFact, Kind
from .comparing import changed_facts

__all__ = ["ChangedFact", "Kind", "changed_facts"]
