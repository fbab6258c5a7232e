"""What a test says that `--llm-check` made to fail."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pytest_llmwatch.drift.visible import visible

from .attribution_page import lines_of

if TYPE_CHECKING:
    from pytest_llmwatch.drift.attribution import Attribution

WIDTH = 100


def check_page(test: str, found: Attribution, *, candidate: str | None) -> str:
    """The whole page: what changed, where the new answers are kept, what to type."""
    lines = [f"The live answers are not those of the recording: {found.verdict} ({visible(test)})."]
    lines += [f"  {line}" for line in lines_of(found, width=WIDTH - 2)]
    if candidate is None:
        return "\n".join([*lines, f"To record it again: pytest {shlex.quote(test)} --llm-record"])
    lines.append(f"Kept in {visible(candidate)}; the recording is as it was.")
    lines.append("To look at it and decide: pytest-llmwatch review")
    lines.append(f"To take it over: pytest-llmwatch accept {shlex.quote(candidate)}")
    return "\n".join(lines)
