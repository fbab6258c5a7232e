"""One case of a review on the terminal: what would change, why, and the texts beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_llmwatch.drift.attribution import Attribution
from pytest_llmwatch.drift.visible import visible, visible_id

from .attribution_page import lines_of, wrapped
from .check_page import SAME_ANSWERS, fixture_lines
from .side_by_side import DIM, painted, side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator


SHOWN_ALIKE = 12
BOLD, RED, YELLOW = "1", "1;31", "1;33"
STYLES = {"broken": RED, "not comparable": RED, "damaged": RED, "drifted": YELLOW}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPage:
    """What a page shows; `place` is `[2/7]`, `notes` are what one should know before one accepts.

    Attributes:
        group: What the case and others have in common; `alike` are all of them, each on a line.
        texts: Title, old and new text of each answer or snapshot that would change.
        fixtures: The wider fixtures that drifted and that the test uses, by their ids.
        before: The facts of the recording that is there; `after` those of the new one.
    """

    place: str
    test: str
    verdict: str
    file: str
    found: Attribution | None
    texts: Sequence[tuple[str, str | None, str | None]] = ()
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)
    fixtures: Sequence[str] = ()
    notes: Sequence[str] = ()
    group: str | None = None
    alike: Sequence[str] = ()


def page_of(page: ReviewPage, *, width: int, colour: bool, in_full: bool = False) -> Iterator[str]:
    """The page's lines in `width` columns, safe to print."""
    if page.group:
        yield from wrapped(page.group, width)
        yield from (f"  {visible_id(one)}" for one in page.alike[:SHOWN_ALIKE])
        left = len(page.alike) - SHOWN_ALIKE
        yield from [f"  and {left} more", ""] if left > 0 else [""]
    verdict = painted(page.verdict, STYLES.get(page.verdict, BOLD), colour)
    yield f"{page.place} {verdict}: {painted(visible_id(page.test), BOLD, colour)}"
    for note in page.notes:
        yield from (f"  {line}" for line in wrapped(note, width - 2, indent="  "))
    is_elsewhere = page.found is not None and page.found.is_same and page.verdict != "same"
    if is_elsewhere or page.fixtures:
        said = fixture_lines(page.fixtures, is_cause=page.found is None or page.found.is_same) or [SAME_ANSWERS]
        yield from (f"  {line}" for each in said for line in wrapped(each, width - 2, indent="  "))
    if page.found is not None and not is_elsewhere:
        yield from (f"  {line}" for line in lines_of(page.found, width=width - 2, in_full=in_full))
    titles = (_title("recorded", page.before), _title("new", page.after))
    for title, before, after in page.texts:
        yield f"  {painted(f'{visible(title)}:', DIM, colour)}"
        yield from side_by_side(before, after, titles=titles, width=width, colour=colour, in_full=in_full)
    if in_full:
        yield f"  {painted(f'what was sent: pytest-llmwatch show {visible(page.file)}', DIM, colour)}"


def _title(word: str, recorded: Mapping[str, object]) -> str:
    """`recorded 2026-11-20 at 1a2b3c4d5e6f`."""
    at, commit = recorded.get("at"), recorded.get("commit")
    day = f" {str(at)[:10]}" if at else ""
    return visible(f"{word}{day}{f' at {commit}' if commit else ''}")
