"""What a test says that `--llm-check` made to fail."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pytest_llmwatch.drift.visible import visible

from .attribution_page import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_llmwatch.drift.attribution import Attribution
    from pytest_llmwatch.drift.verdicts import Comparison

WIDTH = 100
SAME_ANSWERS = "The model answers as it did: the code that makes this of its answers differs."


def check_page(
    test: str,
    verdict: str,
    found: Attribution | None,
    *,
    compared: Sequence[tuple[str, Comparison]] = (),
    candidate: str | None,
    command: str,
) -> str:
    """The whole page: what changed, where the new answers are kept, what to type.

    Args:
        test: The test's id.
        verdict: In a word.
        found: What changed since the recording; `None` where there is none.
        compared: The test's own comparisons with approved outputs, by their names.
        candidate: Where the new answers are kept, as it is to be typed.
        command: What records the test again.
    """
    lines = [f"The live answers are not those of the recording: {verdict} ({visible(test)})."]
    lines += _comparisons(compared)
    if found is not None and not found.is_same:
        lines += [f"  {line}" for line in lines_of(found, width=WIDTH - 2)]
    elif compared:
        lines.append(f"  {SAME_ANSWERS}")
    if candidate is None:
        return "\n".join([*lines, f"To record it again: {command}"])
    lines.append(f"Kept in {visible(candidate)}; what was approved is as it was.")
    lines.append("To look at it and decide: pytest-llmwatch review")
    lines.append(f"To take it over: pytest-llmwatch accept {shlex.quote(candidate)}")
    return "\n".join(lines)


def _comparisons(compared: Iterable[tuple[str, Comparison]]) -> Iterator[str]:
    for name, comparison in compared:
        if not comparison.passed:
            yield f"  llm_snapshot {visible(name)} {visible(comparison.reason)} ({comparison.verdict})"
