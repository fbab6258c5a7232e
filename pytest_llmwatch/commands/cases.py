"""What waits, with what it would change: read from the files, attributed, put in groups, the worst first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from pytest_llmwatch import store
from pytest_llmwatch.drift.attribution import Attribution, attribution, not_comparable
from pytest_llmwatch.drift.groups import grouped
from pytest_llmwatch.drift.pairing import paired_calls
from pytest_llmwatch.drift.verdicts import SEVERITY
from pytest_llmwatch.errors import UnreadableCassette, UnreadableSnapshot
from pytest_llmwatch.recorded_calls import sdks_of
from pytest_llmwatch.request_key import ignored_field

from .prices import installed_prices, pricer, project_lines, project_prices
from .reading import Reader
from .third_parties import decoder, installed_formats
from .waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from pytest_llmwatch.calls import ModelCall
    from pytest_llmwatch.cassette import Cassette
    from pytest_llmwatch.snapshot_files import SnapshotFile

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """An answer or a snapshot, as it was and as it would be; `None` where a side has none."""

    title: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to decide on.

    Attributes:
        found: What would change; `None` where there is no baseline.
        texts: The answers and snapshots that would change.
        before: The facts of the baseline's recording.
        after: Those of the candidate's.
        sentence: What its group has in common.
    """

    waiting: Waiting
    found: Attribution | None
    texts: tuple[Texts, ...] = ()
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.waiting.problem is not None:
            return "damaged"
        return "new" if self.found is None else self.found.verdict

    @property
    def rank(self) -> tuple[object, ...]:
        """To sort by, the worst last."""
        if self.found is None:
            return (-1.0, ())
        return (float(SEVERITY.index(self.found.verdict)), self.found.severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseGroup:
    """Cases that changed after the same thing, the worst first; `sentence` says what it is, for more than one."""

    cases: tuple[Case, ...]
    sentence: str | None = None


def cases_of(waiting: Iterable[Waiting], warn: Callable[[str], None]) -> list[Case]:
    """Each with what it would change.

    Raises:
        SettingError: the project's prices, or the fields that it ignores, make no sense.
    """
    reader = Reader(
        decode=decoder(installed_formats(warn)),
        price=pricer(project_prices(), installed_prices(warn)),
        ignored=[ignored_field(line) for line in project_lines("llm_ignore_request_fields")],
    )
    return [_case(one, reader) for one in waiting]


def _case(one: Waiting, reader: Reader) -> Case:
    if one.problem is not None:
        return Case(waiting=one, found=not_comparable(one.problem, test=one.test))
    try:
        after = _at(one.path, reader.cassette)
        snapshots = _snapshots_of(one, reader)
    except (UnreadableCassette, UnreadableSnapshot) as error:
        damaged = replace(one, problem=error.problem)
        return Case(waiting=damaged, found=not_comparable(error.problem, test=one.test))
    try:
        before = _at(one.target, reader.cassette)
    except UnreadableCassette as error:
        return Case(waiting=one, found=not_comparable(f"the recording: {error.problem}", test=one.test))
    return _compared(one, before, after, snapshots, reader)


def _compared(
    one: Waiting,
    before: Cassette | None,
    after: Cassette | None,
    snapshots: tuple[SnapshotFile | None, SnapshotFile | None],
    reader: Reader,
) -> Case:
    old, new = (() if cassette is None else reader.calls(cassette) for cassette in (before, after))
    texts = tuple(_texts(old, new, snapshots))
    sides: list[Mapping[str, object]] = [cassette.recorded if cassette else {} for cassette in (before, after)]
    # A check knew the tolerances of the test's own comparisons.
    known = one.candidate.facts.verdict if one.candidate and one.candidate.facts.verdict in SEVERITY else None
    if before is None and known is None:
        return Case(waiting=one, found=None, texts=texts, after=sides[1])
    sdks = [sdks_of(cassette) if cassette else None for cassette in (before, after)]
    found = attribution(old, new, sdks_before=sdks[0], sdks_after=sdks[1], test=one.test)
    found = found if known is None else replace(found, verdict=known)
    return Case(waiting=one, found=found, texts=texts, before=sides[0], after=sides[1])


def _at(path: Path, read: Callable[[str, str], Content]) -> Content | None:
    text = store.read_text(path)
    return None if text is None else read(text, str(path))


def _snapshots_of(one: Waiting, reader: Reader) -> tuple[SnapshotFile | None, SnapshotFile | None]:
    """The approved snapshots and those that would be; a pending recording has none."""
    if one.candidate is None:
        return None, None
    before, after = (_at(files[1], reader.snapshots) for files in (one.candidate.targets, one.candidate.files))
    return (before, after) if after else (None, None)


def _texts(
    old: Sequence[ModelCall], new: Sequence[ModelCall], snapshots: tuple[SnapshotFile | None, SnapshotFile | None]
) -> Iterator[Texts]:
    """Snapshots first; an answer that a snapshot shows already is not shown again."""
    seen = set()
    for one in _snapshot_texts(*snapshots):
        seen.add((one.before, one.after))
        yield one
    many = max(len(old), len(new)) > 1
    for before, after in paired_calls(old, new):
        texts = (None if before is None else _answer(old[before]), None if after is None else _answer(new[after]))
        if texts[0] != texts[1] and texts not in seen:
            number = (before if after is None else after) or 0
            yield Texts(title=f"answer of call {number + 1}" if many else "answer", before=texts[0], after=texts[1])


def _snapshot_texts(before: SnapshotFile | None, after: SnapshotFile | None) -> Iterator[Texts]:
    for snapshot in after.snapshots if after else ():
        held = before.named(snapshot.name) if before else None
        if held is None or held.text != snapshot.text:
            before_text = None if held is None else held.text
            yield Texts(title=f"snapshot {snapshot.name}", before=before_text, after=snapshot.text)


def _answer(call: ModelCall) -> str:
    """The text of an answer, then the tools that it calls; what went wrong where it is no answer."""
    called = [f"{part.name}({json.dumps(part.arguments, ensure_ascii=False)})" for part in call.tool_calls]
    error = [f"(error: {call.error_type})"] if call.error_type else []
    return "\n".join([*([call.output_text] if call.output_text else []), *called, *error])


def in_groups(cases: Sequence[Case]) -> list[CaseGroup]:
    """What changed after the same thing together, apart from what waits for another reason; the worst group first."""
    groups: list[CaseGroup] = []
    for sort in sorted({_sort(case) for case in cases}):
        groups += _groups_of([case for case in cases if _sort(case) == sort])
    return sorted(groups, key=lambda group: group.cases[0].rank, reverse=True)


def _sort(case: Case) -> tuple[str, bool]:
    return case.waiting.kind, case.waiting.has_failed


def _groups_of(cases: Sequence[Case]) -> Iterator[CaseGroup]:
    case_of = {id(case.found): case for case in cases if case.found is not None}
    taken: set[int] = set()
    for group in grouped(case.found for case in cases if case.found is not None):
        members = tuple(sorted((case_of[id(one)] for one in group.members), key=lambda case: case.rank, reverse=True))
        taken.update(id(one) for one in group.members)
        yield CaseGroup(cases=members, sentence=group.sentence if len(members) > 1 else None)
    left = [case for case in cases if case.found is None or id(case.found) not in taken]
    if new := [case for case in left if case.found is None]:
        sentence = f"{len(new)} tests have no recording yet" if len(new) > 1 else None
        yield CaseGroup(cases=tuple(new), sentence=sentence)
    yield from (CaseGroup(cases=(case,)) for case in left if case.found is not None)
