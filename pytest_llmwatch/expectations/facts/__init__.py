"""What a text states that a similarity score does not see: numbers, dates, negations, opposites, names.

Each module finds one kind of `Mention` in English and Japanese text; `comparing` says which of them changed.
"""

from __future__ import annotations

from .comparing import ChangedFact, Kind, changed_facts

__all__ = ["ChangedFact", "Kind", "changed_facts"]
