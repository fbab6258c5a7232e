"""The page of an output that is not the approved one: the verdict, what changed, why, and how to accept it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_llmwatch.drift.verdicts import path_text
from pytest_llmwatch.drift.visible import columns, visible, visible_json
from pytest_llmwatch.drift.words import changed_spans, changed_text, shortened
from pytest_llmwatch.expectations.expectation import shown
from pytest_llmwatch.yaml_text import YamlProblem, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.calls import JSON
    from pytest_llmwatch.drift.verdicts import ChangedValue, Comparison
    from pytest_llmwatch.expectations.facts import ChangedFact
    from pytest_llmwatch.snapshot_files import Snapshot
    from pytest_llmwatch.snapshot_notes import Note, SnapshotNotes

# pytest writes ten columns before a line, and cuts a page of more than eight lines or 640 characters.
WIDTH = 70
LINES = 8
CHARACTERS = 640
NAME = 10
SHOWN_CHANGES = 3
CONTEXT = 1
EVERYTHING = 10**9


def short_page(note: Note, notes: SnapshotNotes, head: str) -> list[str]:
    """The lines that pytest shows behind `assert` without cutting them."""
    command = _row("accept", notes.command)
    for width in (WIDTH - NAME - 2, 44, 30):
        body = _body(note, notes, width)
        lines = [head, *map(_cut, body[: LINES - 2]), command]
        if sum(map(len, lines)) <= CHARACTERS:
            break
    return lines


def full_page(note: Note, notes: SnapshotNotes) -> list[str]:
    """All that there is to say: every fact, every changed place, the whole text with its changed words marked."""
    comparison = note.comparison
    if comparison is None:
        return [*_head(note), "  now:", *_text_lines(note.after.text), *_advice(notes)]
    facts = [_row("fact", _fact(fact)) for fact in comparison.changed_facts]
    values = [_row("value", _value(change, EVERYTHING)) for change in comparison.changed_values]
    diff = list(diff_lines(note.before.text if note.before else "", note.after.text))
    return [*_head(note), *facts, *values, *_cause(note, notes), *(f"  {line}" for line in diff), *_advice(notes)]


def unasked_page(op: str, value: object, snapshot: str) -> list[str]:
    """Where the value's own `==` answered, so that nothing was compared."""
    kind = visible(type(value).__name__)
    return [
        f"{shown(value, 24)} {op} {snapshot}",
        f"not compared: `{kind}.__eq__` answered before llm_snapshot was asked.",
        f"  write     assert {snapshot} {op} ...   (or compare its fields)",
    ]


def head_of(note: Note, op: str, snapshot: str) -> str:
    """What stands behind `assert`."""
    return f"{_shown(note.after, 24)} {op} {snapshot}"


def _shown(snapshot: Snapshot, width: int) -> str:
    """The output on a line: a text in quotes, a value as JSON."""
    if snapshot.kind == "text":
        return shown(snapshot.text, width)
    try:
        return shown(load(f"{snapshot.text}\n"), width)
    except YamlProblem:
        return shown(snapshot.text, width)


def unwanted_page(note: Note, head: str) -> list[str]:
    """Where `!=` failed: nothing was approved, or it is the approved output."""
    if note.comparison is None:
        return [head, "there is no approved output to differ from"]
    return [head, f"it {visible(note.comparison.reason)} ({note.comparison.verdict})"]


def _head(note: Note) -> list[str]:
    comparison = note.comparison
    if comparison is None:
        return [f"new: no output was approved yet under the name {visible(note.after.name)}"]
    lines = [f"{comparison.verdict}: {visible(comparison.reason)}"]
    if comparison.similarity is not None and f"{comparison.similarity:.2f} alike" not in comparison.reason:
        least = note.tolerance.similarity
        lines.append(_row("similarity", f"{comparison.similarity:.2f} (at least {least:g})"))
    return lines


def _body(note: Note, notes: SnapshotNotes, width: int) -> list[str]:
    comparison = note.comparison
    if comparison is None:
        return [*_head(note), _row("now", _shown(note.after, width))]
    changes = _changes(comparison, width)
    if note.before is not None and not comparison.changed_values and comparison.verdict != "not comparable":
        before, after = changed_text(note.before.text, note.after.text, width=width)
        changes = [*changes[:2], _row("approved", before), _row("now", after)]
    return [*_head(note), *changes, *_cause(note, notes)]


def _changes(comparison: Comparison, width: int) -> list[str]:
    """The facts and the places that changed, the first of them."""
    values = comparison.changed_values
    is_said = len(values) == 1 and not isinstance(values[0].before, str)  # the reason has it whole
    rows = [] if is_said else [_row("value", _value(change, width)) for change in values]
    rows += [_row("fact", _fact(fact)) for fact in comparison.changed_facts[1:]]  # the reason has the first
    left = len(rows) - SHOWN_CHANGES
    return rows if left <= 0 else [*rows[:SHOWN_CHANGES], f"  and {left} more"]


def _fact(fact: ChangedFact) -> str:
    line = fact.after_line or fact.before_line
    return f"{fact.kind}  {visible(str(fact))}" + (f"  (line {line})" if line else "")


def _value(change: ChangedValue, width: int) -> str:
    where = visible(path_text(change.path))
    if change.kind in ("added", "removed"):
        value = change.after if change.kind == "added" else change.before
        return f"{where}  is {'new' if change.kind == 'added' else 'gone'}: {_json(value, width // 2)}"
    if isinstance(change.before, str) and isinstance(change.after, str):
        before, after = changed_text(change.before, change.after, width=max(20, (width - columns(where)) // 2))
        return f"{where}  {before} -> {after}"
    return f"{where}  {_json(change.before, width // 3)} -> {_json(change.after, width // 3)}"


def _json(value: JSON, width: int) -> str:
    try:
        return shortened(visible_json(value), max(12, width), show=str)
    except (TypeError, ValueError):
        return json.dumps(str(value))


def _cause(note: Note, notes: SnapshotNotes) -> list[str]:
    """What the recording says about where the difference comes from."""
    before = note.before
    if before is None or before.recording is None:
        return []
    now, served = notes.key_now(), notes.models_now()
    if now == before.recording:
        return [_row("because", "same recording: the code, or the snapshot file, differs")]
    if served is not None and before.model is not None and served != before.model:
        return [_row("because", f"another model served: {visible(before.model)} -> {visible(served)}")]
    return [_row("because", f"another recording is played: {before.recording} -> {now or 'none'}")]


def _advice(notes: SnapshotNotes) -> list[str]:
    return [_row("file", visible(notes.shown)), _row("accept", notes.command)]


def diff_lines(before: str, after: str) -> Iterator[str]:
    """Two texts by lines: changed ones with their changed words marked, one line of what stands around them."""
    old, new = before.split("\n"), after.split("\n")
    spans = changed_spans(old, new)
    at = 0
    for a, b, c, d in spans:
        yield from _between(old, at, a, is_first=at == 0)
        yield from _changed_lines(old[a:b], new[c:d])
        at = b
    yield from _between(old, at, len(old), is_first=False, is_last=True)


def _between(lines: list[str], start: int, end: int, *, is_first: bool, is_last: bool = False) -> Iterator[str]:
    """The unchanged lines around changes; of many, those next to one."""
    count = end - start
    if count <= 2 * CONTEXT + 1:
        yield from (f"  {visible(line)}" for line in lines[start:end])
        return
    if not is_first:
        yield from (f"  {visible(line)}" for line in lines[start : start + CONTEXT])
    yield "  …"
    if not is_last:
        yield from (f"  {visible(line)}" for line in lines[end - CONTEXT : end])


def _changed_lines(old: list[str], new: list[str]) -> Iterator[str]:
    if len(old) == len(new):
        for one, other in zip(old, new, strict=True):
            before, after = changed_text(one, other, width=EVERYTHING)
            yield from (f"- {before}", f"+ {after}")
        return
    yield from (f"- {visible(line)}" for line in old)
    yield from (f"+ {visible(line)}" for line in new)


def _text_lines(text: str) -> list[str]:
    return [f"    {visible(line)}" for line in text.split("\n")]


def _row(name: str, text: str) -> str:
    return f"  {name:<{NAME}} {text}"


def _cut(line: str) -> str:
    return line if columns(line) <= WIDTH + 2 else shortened(line, WIDTH + 2, show=str)
