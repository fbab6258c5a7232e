r"""The snapshot file: the approved outputs of one test, as text that reads well in a pull request.

    # llmwatch snapshots 1: tests/test_bot.py::test_refund

    --- 1
    kind: text
    recording: 0f3a9c21d4e5
    model: gpt-5-mini-2025-08-07
    tolerance: {"similarity": 0.6, "facts": true}

      You can return it within 14 days.

      Keep the receipt.

    --- second
    ...

    # end

A file without that last line was cut short. After the front matter and an empty line stands the text, each line two
spaces in: nothing in it looks like ours.
A text with what no editor shows or keeps (controls, a space before a line's end) has `escaped: true` in its front
matter, and there `\u202e`, `\r`, `\n`, `\\` are written out.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any, Literal, get_args

from .drift.verdicts import Tolerance
from .errors import UnreadableSnapshot
from .yaml_text import UNSHOWN, YamlProblem, refuse_damage

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT = 1
HEAD = re.compile(r"# llmwatch snapshots (\d+): (\S.*)")
BEGINNING = "--- "
END = "# end"
PLAIN_NAME = re.compile(r"[^\W_](?:[\w ./()+@:,-]*[\w/()+@-])?")
INDENT = "  "
# What editors and commit hooks change, beside what nobody sees: spaces before a line's end, lines at the text's end.
UNSTABLE = re.compile(rf"{UNSHOWN.pattern}|[^\S\n](?=\n|\Z)|\n\Z|\A\n")
ESCAPED = re.compile(rf"\\|{UNSHOWN.pattern}|[^\S\n](?=\n|\Z)|\n(?=\n*\Z)|(?<![^\n])\A\n+")
ESCAPE = re.compile(r"\\(u[0-9a-f]{4}|U[0-9a-f]{8}|.|\Z)", re.DOTALL)
SHORT = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
LONG = {"\\": "\\", "n": "\n", "r": "\r", "t": "\t"}
Kind = Literal["text", "value", "calls", "judgement"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One approved output.

    Attributes:
        name: Unique in its test: what `llm_snapshot(name=...)` says, else 1, 2 ... in the order of the asserts.
        kind: `text`; `value`, `calls` and `judgement` are structured, and their text is YAML.
        text: The output itself.
        recording: The key of the recording that it came from; `None` where the test made no call of its own.
        model: The models that served.
        tolerance: What was in force when it was approved.
        judge: Who judged, by which criteria, in a `judgement`.
    """

    name: str
    kind: Kind
    text: str
    recording: str | None = None
    model: str | None = None
    tolerance: Tolerance | None = None
    judge: str | None = None
    criteria_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFile:
    """The approved outputs of one test, in the order of its asserts."""

    test: str
    snapshots: tuple[Snapshot, ...] = ()

    def named(self, name: str) -> Snapshot | None:
        """The snapshot with this name."""
        return next((one for one in self.snapshots if one.name == name), None)


def with_snapshots(file: SnapshotFile, snapshots: Iterable[Snapshot]) -> SnapshotFile:
    """The file with these snapshots in place of those of their names; new ones stand at the end."""
    held = {one.name: one for one in file.snapshots} | {one.name: one for one in snapshots}
    return SnapshotFile(test=file.test, snapshots=tuple(held.values()))


def dump(file: SnapshotFile) -> str:
    """The file's text."""
    parts = [f"# llmwatch snapshots {FORMAT}: {_line(file.test)}\n"]
    parts += [_written(snapshot) for snapshot in file.snapshots]
    return "\n".join([*parts, f"{END}\n"])


def _written(snapshot: Snapshot) -> str:
    tolerance = snapshot.tolerance
    is_escaped = UNSTABLE.search(snapshot.text) is not None
    front = {
        "kind": snapshot.kind,
        "recording": snapshot.recording,
        "model": None if snapshot.model is None else _line(snapshot.model),
        "judge": None if snapshot.judge is None else _line(snapshot.judge),
        "criteria_sha256": snapshot.criteria_sha256,
        "tolerance": None if tolerance is None else _tolerance_out(tolerance),
        "escaped": "true" if is_escaped else None,
    }
    lines = [BEGINNING + _name_out(snapshot.name)]
    lines += [f"{name}: {value}" for name, value in front.items() if value is not None]
    text = ESCAPED.sub(_escape, snapshot.text) if is_escaped else snapshot.text
    return "\n".join([*lines, "", *(INDENT + line if line else "" for line in text.split("\n"))]) + "\n"


def _name_out(name: str) -> str:
    is_plain = PLAIN_NAME.fullmatch(name) and not UNSHOWN.search(name)
    return name if is_plain else UNSHOWN.sub(_escape, json.dumps(name, ensure_ascii=False))


def _line(text: str) -> str:
    """Text on a line of the front matter: as it is, or as a JSON string."""
    is_plain = not UNSHOWN.search(text) and text == text.strip() and text and text[0] != '"' and "\n" not in text
    return text if is_plain else UNSHOWN.sub(_escape, json.dumps(text, ensure_ascii=False))


def _tolerance_out(tolerance: Tolerance) -> str:
    facts: dict[str, Any] = {"similarity": tolerance.similarity, "facts": tolerance.facts}
    if tolerance.ignore:
        facts["ignore"] = list(tolerance.ignore)
    return UNSHOWN.sub(_escape, json.dumps(facts, ensure_ascii=False))


def _escape(match: re.Match[str]) -> str:
    return "".join(SHORT.get(char) or _code(char) for char in match[0])


def _code(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"


def parse(text: str, path: str) -> SnapshotFile:
    """The file of that text.

    Raises:
        UnreadableSnapshot: it is damaged, foreign or of a newer version; the message has the path and the line.
    """
    try:
        refuse_damage(text)
    except YamlProblem as problem:
        raise UnreadableSnapshot(path, problem.problem, line=problem.line) from problem
    lines = text.replace("\r\n", "\n").split("\n")
    test = _test_in(lines[0], path)
    lines = _whole(lines, path)
    starts = [number for number, line in enumerate(lines) if line.startswith(BEGINNING)]
    between = [n for n, line in enumerate(lines[1 : starts[0] if starts else None], 1) if line.strip()]
    if between:
        raise UnreadableSnapshot(path, "text that belongs to no snapshot", line=between[0] + 1)
    snapshots: dict[str, Snapshot] = {}
    for start, end in pairwise([*starts, len(lines)]):
        snapshot = _snapshot(lines[start:end], start + 1, path)
        if snapshot.name in snapshots:
            raise UnreadableSnapshot(path, f"a second snapshot has the name {snapshot.name!r}", line=start + 1)
        snapshots[snapshot.name] = snapshot
    return SnapshotFile(test=test, snapshots=tuple(snapshots.values()))


def _whole(lines: list[str], path: str) -> list[str]:
    """The lines before the last one, which says that nothing was cut off."""
    last = len(lines) - 1
    while not lines[last].strip():
        last -= 1
    if lines[last].rstrip() != END:
        is_longer = END in lines
        problem = (
            f"text stands behind the last line, `{END}`"
            if is_longer
            else f"cut short: its last line, `{END}`, is missing"
        )
        raise UnreadableSnapshot(path, problem, line=last + 1)
    return lines[:last]


def _test_in(line: str, path: str) -> str:
    head = HEAD.fullmatch(line.removeprefix("\ufeff"))
    if head is None:
        wanted = "# llmwatch snapshots 1: <the test>"
        raise UnreadableSnapshot(path, f"the first line is not {wanted!r}", line=1, remedy="restore")
    if int(head[1]) > FORMAT:
        raise UnreadableSnapshot(
            path, f"format {head[1]} of snapshots is newer than {FORMAT}", line=1, remedy="upgrade"
        )
    return _text_in(head[2], 1, path)


def _snapshot(lines: list[str], number: int, path: str) -> Snapshot:
    """One snapshot from its lines, the first of which has this number."""
    end = next((place for place, line in enumerate(lines) if not line.strip()), None)
    if end is None:
        problem = "no empty line and no text stand after this front matter"
        raise UnreadableSnapshot(path, problem, line=number + len(lines) - 1)
    front: dict[str, str] = {}
    for place, line in enumerate(lines[1:end], 1):
        name, colon, value = line.partition(": ")
        if not colon or line[0].isspace():
            problem = f"{line!r} is no line of a front matter; the text begins after an empty line, two spaces in"
            raise UnreadableSnapshot(path, problem, line=number + place)
        front[name] = value
    if front.get("kind") not in KINDS:
        problem = f"the kind {front.get('kind')!r} is none of {', '.join(KINDS)}"
        raise UnreadableSnapshot(path, problem, line=number)
    at = dict(zip(front, count(number + 1), strict=False))
    text = _body(lines[end + 1 :], number + end + 1, path, is_escaped=front.get("escaped") == "true")
    if not text and front["kind"] != "text":
        raise UnreadableSnapshot(path, f"nothing stands where the {front['kind']} should be", line=number + end)
    return Snapshot(
        name=_text_in(lines[0].removeprefix(BEGINNING).strip(), number, path),
        kind=front["kind"],  # type: ignore[arg-type]  # looked up above
        text=text,
        recording=front.get("recording"),
        model=_text_in(front["model"], at["model"], path) if "model" in front else None,
        tolerance=_tolerance_in(front["tolerance"], at["tolerance"], path) if "tolerance" in front else None,
        judge=_text_in(front["judge"], at["judge"], path) if "judge" in front else None,
        criteria_sha256=front.get("criteria_sha256"),
    )


def _text_in(text: str, number: int, path: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        return str(json.loads(text))
    except ValueError as error:
        raise UnreadableSnapshot(path, f"broken quotes: {text[:60]}", line=number) from error


@functools.lru_cache  # a suite has one or two, in every file
def _tolerance_of(text: str) -> Tolerance:
    facts = json.loads(text)
    ignore = tuple(map(str, facts.get("ignore", [])))
    return Tolerance(similarity=float(facts["similarity"]), facts=bool(facts["facts"]), ignore=ignore)


def _tolerance_in(text: str, number: int, path: str) -> Tolerance:
    try:
        return _tolerance_of(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableSnapshot(path, f"a tolerance that cannot be read: {text[:80]}", line=number) from error


def _body(lines: list[str], number: int, path: str, *, is_escaped: bool) -> str:
    """The text of the lines, two spaces out; empty lines at its end belong to the file."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    body = lines[:end]
    stray = [place for place, line in enumerate(body) if not line.startswith(INDENT) and line.strip()]
    if stray:
        problem = f"{body[stray[0]][:60]!r} stands at the margin; a snapshot's text stands two spaces in"
        raise UnreadableSnapshot(path, problem, line=number + stray[0])
    text = "\n".join([line.removeprefix(INDENT) for line in body])
    return ESCAPE.sub(_unescape, text) if is_escaped else text


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) > 1:
        return chr(min(int(code[1:], 16), 0x10FFFF))
    return LONG.get(code, f"\\{code}")
