"""What differs in a project's recordings, as a comment on a pull request: nothing a model said is alive in it."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from pytest_llmwatch.drift.groups import grouped
from pytest_llmwatch.drift.visible import visible
from pytest_llmwatch.spend import dollars

from .attribution_page import cost_text, lines_of, listed_changes, text_lines
from .run_page import headline, is_only_moved, is_only_rewritten, is_told, total_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmwatch.drift.changes import Change
    from pytest_llmwatch.drift.run_changes import RunChanges, TestChange

# GitHub refuses a comment of more than 65,536 characters.
LONGEST = 60_000
_WIDTH = 100
_MOST_ROWS = 50
_MARKS = re.compile(r"([\\`*_\[\]#|~$])")
# What GitHub would turn into a mention, a reference or a link: taken apart by a comment that nobody sees.
_ALIVE = re.compile(r"(?<=@)|(?<=:)(?=//)|(?<=[Ww][Ww][Ww])(?=\.)|(?<=\bGH)(?=-)|(?<=\#)")
_APART = "<!-- -->"


def prose(text: str) -> str:
    """A text of somebody else's as plain words: no markup, no HTML, no mention, no link, on one line."""
    escaped = _MARKS.sub(r"\\\1", html.escape(visible(text), quote=False))
    return _ALIVE.sub(_APART, escaped)


def fenced(lines: Sequence[str], language: str = "diff") -> list[str]:
    """Visible lines in a code block whose fence is longer than any in them."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *lines, fence]


def markdown(run: RunChanges, failures: Sequence[str] = ()) -> Iterator[str]:
    """The whole report; the details of the mildest tests are left out where it would be too long for a comment."""
    head = [*_head(run, failures)]
    tail = ["", *_folded("Cost of all recordings", list(total_lines(run)), language="")]
    yield from head
    room = LONGEST - sum(map(len, [*head, *tail]))
    left_out = 0
    for block in _details(run):
        size = sum(len(line) + 1 for line in block)
        if size > room:
            left_out += 1
            continue
        room -= size
        yield from block
    if left_out:
        yield ""
        yield f"The details of {left_out} more are too long for a comment: `pytest-llmwatch diff` shows them."
    yield from tail


def _head(run: RunChanges, failures: Sequence[str]) -> Iterator[str]:
    yield "### Model calls: what changed"
    yield ""
    yield prose(headline(run))
    if failures:
        yield ""
        yield from (f"- :x: {prose(failure)}" for failure in failures)
    compared = [one for one in run.tests if one.status in ("changed", "moved")]
    groups = grouped(one.attribution for one in compared if one.attribution is not None)
    if groups:
        yield ""
        yield from (f"- {prose(group.sentence)}" for group in groups[:_MOST_ROWS])
    if run.tests:
        yield ""
        yield from _table(run)


def _table(run: RunChanges) -> Iterator[str]:
    yield "| test | verdict | similarity | cost |"
    yield "|---|---|---|---|"
    for test in run.tests[:_MOST_ROWS]:
        verdict = f"**{test.verdict}**" if test.verdict in ("broken", "not comparable", "drifted") else test.verdict
        said = verdict if test.status == "changed" else _status(test, verdict)
        yield f"| {prose(test.test)} | {said} | {_similarity(test)} | {prose(_cost(test))} |"
    if len(run.tests) > _MOST_ROWS:
        yield ""
        yield f"and {len(run.tests) - _MOST_ROWS} more"


def _status(test: TestChange, verdict: str) -> str:
    word = {"added": "new", "removed": "gone", "moved": "moved"}.get(test.status, test.status)
    return word if test.verdict == "same" else f"{word}, {verdict}"


def _similarity(test: TestChange) -> str:
    scores = [one.similarity for one in (test.attribution, *test.snapshots) if one is not None]
    known = [score for score in scores if score is not None]
    return f"{min(known):.2f}" if known else ""


def _cost(test: TestChange) -> str:
    if test.attribution is None or test.attribution.problem:
        return ""
    spend = test.attribution.spend
    if test.status in ("added", "removed"):
        cost = (spend.after if test.status == "added" else spend.before).cost
        return "unknown" if cost is None else dollars(cost)
    return cost_text(spend)


def _details(run: RunChanges) -> Iterator[list[str]]:
    """What can be unfolded: what the tests of a group have in common, then each test."""
    compared = [one for one in run.tests if one.status in ("changed", "moved")]
    told: dict[int, Sequence[Change]] = {}
    for group in grouped(one.attribution for one in compared if one.attribution is not None):
        if len(group.members) > 1 and group.causes:
            lines = listed_changes(group.causes, width=_WIDTH)
            yield ["", *_folded(f"What {len(group.members)} tests have in common", lines)]
            told |= {id(each): group.causes for each in group.members}
    for test in compared:
        if is_only_moved(test) or is_only_rewritten(test):
            continue
        lines = _lines_of(test, told.get(id(test.attribution), ()))
        if lines:
            yield ["", *_folded(f"{test.test}: {test.verdict}", lines)]


def _lines_of(test: TestChange, told: Sequence[Change]) -> list[str]:
    lines = [f"moved from {visible(test.former)}"] if test.former else []
    if test.attribution is not None and not test.attribution.is_same:
        lines += lines_of(test.attribution, width=_WIDTH, told=told)
    for snapshot in test.snapshots:
        lines.append(f"snapshot {visible(snapshot.name)}: {visible(snapshot.reason)}")
        if snapshot.before is not None and snapshot.after is not None and not is_told(snapshot, test):
            lines += text_lines(snapshot.before, snapshot.after, width=_WIDTH)
    # A diff is coloured where its signs stand at the margin.
    return [line.lstrip() if line.lstrip()[:2] in ("- ", "+ ") else line for line in lines]


def _folded(summary: str, lines: list[str], language: str = "diff") -> list[str]:
    told = _ALIVE.sub(_APART, html.escape(visible(summary), quote=False))
    return ["<details>", f"<summary>{told}</summary>", "", *fenced(lines, language), "", "</details>"]
