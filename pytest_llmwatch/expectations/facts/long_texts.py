"""Long texts cut to what they do not share: what stands in both states equal facts."""

from __future__ import annotations

from collections import Counter

from pytest_llmwatch.drift.words import shared_characters

_LONG = 100_000
_MARGIN = 2000
_MOST_COMPARED = 200_000


def without_shared(reference: str, text: str) -> tuple[str, str]:
    """Texts of more than 100,000 characters without what both have, in lines, at the beginning and at the end.

    Emptied lines stay, so that places are right. Of what is left the first 200,000 characters are compared.
    """
    if max(len(reference), len(text)) <= _LONG:
        return reference, text
    reference, text = _emptied_lines(reference, text)
    head = max(0, shared_characters(reference, text) - _MARGIN)
    reference, text = ("\n" * each.count("\n", 0, head) + each[head:] for each in (reference, text))
    tail = max(0, shared_characters(reference[::-1], text[::-1]) - _MARGIN)
    reference, text = reference[: len(reference) - tail], text[: len(text) - tail]
    return _beginning(reference), _beginning(text)


def _beginning(text: str) -> str:
    emptied = len(text) - len(text.lstrip("\n"))
    return text[: emptied + _MOST_COMPARED]


def _emptied_lines(reference: str, text: str) -> tuple[str, str]:
    left, right = reference.split("\n"), text.split("\n")
    shared = Counter(left) & Counter(right)

    def emptied(lines: list[str]) -> str:
        spare = Counter(shared)
        kept = []
        for line in lines:
            spare[line] -= 1
            kept.append("" if spare[line] >= 0 else line)
        return "\n".join(kept)

    return emptied(left), emptied(right)
