"""Markdown fences: the most common thing that stands around an answer and was not asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .places import line_of
from .verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# As CommonMark has it: at most three spaces before it; its end may be missing where the answer was cut short.
_FENCE = re.compile(
    r"^ {0,3}(?P<marks>`{3,}|~{3,})(?P<info>[^\n`]*)\n(?P<inside>.*?)(?:^ {0,3}(?P=marks)|\Z)", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """What stands in a fence, the word behind its opening marks, and where it begins."""

    inside: str
    info: str
    place: str


def fences_of(text: str) -> Iterator[Fence]:
    """The fences of a text, in order."""
    for match in _FENCE.finditer(text):
        yield Fence(inside=match["inside"], info=match["info"].strip(), place=line_of(text, match.start()))


def judged_bare(text: str, judge: Callable[[str], Verdict], *, what: str, in_text: bool) -> Verdict:
    """The verdict on a text that should be this and nothing else, or with `in_text` on what stands in its fence.

    Where a fence alone is what makes a text fail, the verdict says so.
    """
    verdict = judge(text)
    if verdict.passed:
        return verdict
    fence = next(fences_of(text), None)
    if fence is None:
        return verdict
    inner = judge(fence.inside)
    if in_text:
        return replace(inner, reason=f"{inner.reason} (the {what} stands in a markdown fence, {fence.place})")
    if not inner.passed:
        return verdict
    hint = f"in_text=True takes {what} out of a fence"
    return Verdict(passed=False, reason=f"the {what} stands in a markdown fence", place=fence.place, details=(hint,))
