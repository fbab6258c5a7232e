"""What a test says that `--llm-check` made to fail."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pytest_llmwatch.drift.visible import visible, visible_id

from .attribution_page import lines_of, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_llmwatch.drift.attribution import Attribution
    from pytest_llmwatch.drift.verdicts import Comparison

MOST_WIDTH = 100
SAME_ANSWERS = "The model answers as it did: the code that makes this of its answers differs."


def check_page(
    test: str,
    verdict: str,
    found: Attribution | None,
    *,
    compared: Sequence[tuple[str, Comparison]] = (),
    fixtures: Sequence[str] = (),
    candidate: str | None,
    accepted: str,
    command: str,
    width: int = MOST_WIDTH,
) -> str:
    """The whole page: what changed, where the new answers are kept, what to type.

    Args:
        test: The test's id.
        verdict: In a word.
        found: What changed since the recording; `None` where there is none.
        compared: The test's own comparisons with approved outputs, by their names.
        fixtures: The wider fixtures that drifted and that the test uses, by their ids.
        candidate: Where the new answers are kept, as it is to be typed.
        accepted: What is to be accepted, as it is to be typed.
        command: What records the test again.
        width: That of the terminal.
    """
    width = min(width, MOST_WIDTH) - 2
    is_same = found is None or found.is_same
    lines = [f"The live answers are not those of the recording: {verdict} ({visible_id(test)})."]
    lines += _comparisons(compared)
    for said in fixture_lines(fixtures, is_cause=is_same):
        lines += [f"  {line}" for line in wrapped(said, width, indent="  ")]
    if found is not None and not is_same:
        lines += [f"  {line}" for line in lines_of(found, width=width)]
    elif compared and not fixtures:
        lines.append(f"  {SAME_ANSWERS}")
    if candidate is None:
        return "\n".join([*lines, f"To record it again: {command}"])
    lines.append(f"Kept in {visible(candidate)}; what was approved is as it was.")
    lines.append("To look at it and decide: pytest-llmwatch review")
    lines.append(f"To take it over: pytest-llmwatch accept {visible_id(shlex.quote(accepted))}")
    return "\n".join(lines)


def fixture_lines(fixtures: Iterable[str], *, is_cause: bool) -> list[str]:
    """A line for each wider fixture that drifted: the cause where the test's own answers are the same."""
    start, end = (
        ("it comes from the fixture", ", whose answers drifted") if is_cause else ("the fixture", " drifted too")
    )
    return [f"{start} `{_name(test)}`{end}: {visible_id(test)} has a candidate of its own" for test in fixtures]


def _name(test: str) -> str:
    return visible(test.rpartition("::")[2])


def _comparisons(compared: Iterable[tuple[str, Comparison]]) -> Iterator[str]:
    for name, comparison in compared:
        if not comparison.passed:
            yield f"  llm_snapshot {visible(name)} {visible(comparison.reason)} ({comparison.verdict})"
