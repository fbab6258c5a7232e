"""What differs in a project's recordings, as a terminal shows it: by cause, worst first, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmwatch.drift.changes import cause_key
from pytest_llmwatch.drift.fields import shortened_line
from pytest_llmwatch.drift.groups import grouped
from pytest_llmwatch.drift.sentences import cause_text
from pytest_llmwatch.drift.visible import columns, visible, visible_id
from pytest_llmwatch.spend import dollars

from .attribution_page import cost_text, lines_of, listed_changes, text_lines, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmwatch.drift.changes import Change, SpendChange, Totals
    from pytest_llmwatch.drift.groups import Group
    from pytest_llmwatch.drift.run_changes import RunChanges, SnapshotChange, TestChange

MOST_PAGES = 8
_MOST_LISTED = 20
_COLOURS = {"broken": "31", "not comparable": "31", "drifted": "33", "within tolerance": "32", "same": "32"}


class _Page:
    """Lines of a certain width, in colour or not; whole pages for the first tests only, unless all are wanted."""

    def __init__(self, *, width: int, colour: bool, in_full: bool) -> None:
        self.width = max(width, 40)
        self.colour = colour
        self.in_full = in_full
        self.pages = 0

    def lines(self, run: RunChanges) -> Iterator[str]:
        yield from wrapped(headline(run), self.width)
        compared = [one for one in run.tests if one.status in ("changed", "moved")]
        by_attribution = {id(one.attribution): one for one in compared if one.attribution is not None}
        groups = grouped(one.attribution for one in compared if one.attribution is not None)
        for group in groups:
            yield from self._group(group, [by_attribution[id(each)] for each in group.members])
        told = {id(each) for group in groups for each in group.members}
        rest = [one for one in compared if one.attribution is None or id(one.attribution) not in told]
        yield from self._rest([one for one in rest if not is_only_moved(one)])
        yield from self._moved([one for one in rest if is_only_moved(one)])
        yield from self._whole(run)
        yield ""
        yield from total_lines(run)

    def _group(self, group: Group, tests: Sequence[TestChange]) -> Iterator[str]:
        yield ""
        yield from wrapped(group.sentence, self.width)
        if len(tests) > 1:
            yield from (
                f"  {line}" for line in listed_changes(group.causes, width=self.width - 2, in_full=self.in_full)
            )
        for test in tests:
            yield from self._test(test, told=group.causes if len(tests) > 1 else ())

    def _rest(self, tests: Sequence[TestChange]) -> Iterator[str]:
        silent = [one for one in tests if is_only_rewritten(one)]
        others = [one for one in tests if not is_only_rewritten(one)]
        alike = [group for group in _by_causes(others) if len(group) > 1]
        for group in alike:
            yield from self._alike(group)
        told = {id(one) for group in alike for one in group}
        single = [one for one in others if id(one) not in told]
        if single:
            yield ""
            yield "No answer changed in:" if all(one.verdict == "same" for one in single) else "Besides:"
        for test in single:
            yield from self._test(test, told=())
        if silent:
            yield ""
            yield f"Recorded again with the same requests and answers: {_counted(len(silent), 'test')}"
            yield from self._names(f"  {visible_id(one.test)}" for one in silent)

    def _alike(self, tests: Sequence[TestChange]) -> Iterator[str]:
        """Tests to which the same happened without any answer being another."""
        causes = tests[0].attribution.causes if tests[0].attribution else ()
        yield ""
        said = f"No answer changed in {len(tests)} tests after {', '.join(cause_text(change) for change in causes)}:"
        yield from wrapped(said, self.width)
        yield from (f"  {line}" for line in listed_changes(causes, width=self.width - 2, in_full=self.in_full))
        yield from self._names(f"  {visible_id(one.test)}" for one in tests)

    def _test(self, test: TestChange, *, told: Sequence[Change]) -> Iterator[str]:
        yield ""
        verdict = self._coloured(test.verdict)
        yield from self._title(f"{visible_id(test.test)}: ", verdict, columns(test.verdict))
        if test.former is not None:
            yield f"  moved from {visible(test.former)}"
        self.pages += 1
        if self.pages > MOST_PAGES and not self.in_full:
            said = test.attribution.sentence if test.attribution else "; ".join(one.reason for one in test.snapshots)
            yield f"  {shortened_line(visible(said), self.width - 2)}"
            return
        if test.attribution is not None:
            shown = lines_of(test.attribution, width=self.width - 2, in_full=self.in_full, told=told)
            yield from (f"  {line}" for line in shown)
        for snapshot in test.snapshots:
            yield from (f"  {line}" for line in self._snapshot(snapshot, test))

    def _title(self, name: str, verdict: str, size: int) -> Iterator[str]:
        if columns(name) + size <= self.width:
            yield f"{name}{verdict}"
        else:
            yield name.rstrip()
            yield f"  {verdict}"

    def _snapshot(self, snapshot: SnapshotChange, test: TestChange) -> Iterator[str]:
        verdict = "" if snapshot.before is None or snapshot.after is None else f"{snapshot.verdict}: "
        name = "snapshots" if snapshot.name == "all" else f"snapshot {visible(snapshot.name)}"
        yield from wrapped(f"{name}   {verdict}{visible(snapshot.reason)}", self.width - 2, indent="  ")
        if snapshot.before is None or snapshot.after is None or is_told(snapshot, test):
            return
        most = 10**6 if self.in_full else 6
        shown = text_lines(snapshot.before, snapshot.after, width=self.width - 4, most=most)
        yield from (f"  {line}" for line in shown)

    def _moved(self, tests: Sequence[TestChange]) -> Iterator[str]:
        if tests:
            yield ""
            yield f"Moved, and otherwise as before: {_counted(len(tests), 'test')}"
            yield from self._names(line for one in tests for line in self._move(one))

    def _move(self, test: TestChange) -> list[str]:
        former, now = visible(test.former or ""), visible(test.files[0])
        line = f"  {former} -> {now}"
        if columns(line) <= self.width:
            return [line]
        return [shortened_line(f"  {former}", self.width), shortened_line(f"    -> {now}", self.width)]

    def _whole(self, run: RunChanges) -> Iterator[str]:
        for status, title in (("added", "New"), ("removed", "Gone")):
            tests = [one for one in run.tests if one.status == status]
            if tests:
                yield ""
                yield f"{title}: {_counted(len(tests), 'test')}"
                yield from self._names(_whole_line(one, self.width) for one in tests)

    def _names(self, lines: Iterator[str]) -> Iterator[str]:
        listed = list(lines)
        shown = listed if self.in_full else listed[:_MOST_LISTED]
        yield from shown
        if len(shown) < len(listed):
            yield f"  and {len(listed) - len(shown)} more (--full names them)"

    def _coloured(self, verdict: str) -> str:
        return f"\x1b[{_COLOURS[verdict]};1m{verdict}\x1b[0m" if self.colour else verdict


def page(run: RunChanges, *, width: int, colour: bool, in_full: bool) -> Iterator[str]:
    """The whole report."""
    printer = _Page(width=width, colour=colour, in_full=in_full)
    yield from printer.lines(run)
    if printer.pages > MOST_PAGES and not in_full:
        yield ""
        yield f"The first {MOST_PAGES} tests are shown whole; --full shows them all."


def headline(run: RunChanges) -> str:
    """The whole in a line: `Against main (8d07dd1): 3 tests changed, 1 test new; 296 recordings as before.`."""
    names = (("changed", "changed"), ("moved", "moved"), ("added", "new"), ("removed", "gone"))
    counts = [(len(run.with_status(status)), word) for status, word in names]  # type: ignore[arg-type]  # they are
    said = [f"{_counted(count, 'test')} {word}" for count, word in counts if count]
    rest = f"{_counted(run.unchanged, 'recording')} as before"
    return f"Against {visible(run.base)}: {', '.join(said) or 'nothing changed'}; {rest}."


def total_lines(run: RunChanges) -> Iterator[str]:
    """What all recordings cost, before and now."""
    before, after = run.spend.before, run.spend.after
    rows = [
        ("", "before", "now"),
        ("calls", f"{before.calls:,}", f"{after.calls:,}"),
        ("input tokens", _count(before.input_tokens), _count(after.input_tokens)),
        ("output tokens", _count(before.output_tokens), _count(after.output_tokens)),
        ("cost", _cost(before), _cost(after)),
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    if run.unreadable:
        left_out = f" (and {len(run.unreadable) - 1} more)" if len(run.unreadable) > 1 else ""
        yield f"In no sum, for it cannot be read: {visible(run.unreadable[0])}{left_out}"
    yield f"All recordings, at the prices of {run.day}:"
    for name, old, new in rows:
        note = _change_note(run.spend) if name == "cost" else ""
        yield f"  {name:<{widths[0]}}  {old:>{widths[1]}}  {new:>{widths[2]}}{note}".rstrip()


def _change_note(spend: SpendChange) -> str:
    said = cost_text(spend)
    return f"  {said}" if said else ""


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _cost(totals: Totals) -> str:
    return "unknown" if totals.cost is None else dollars(totals.cost)


def _by_causes(tests: Sequence[TestChange]) -> list[list[TestChange]]:
    """The tests with causes and nothing else, those with the same together."""
    groups: dict[tuple[object, ...], list[TestChange]] = {}
    for test in tests:
        found = test.attribution
        if found is not None and found.causes and not found.effects and not test.snapshots and test.former is None:
            groups.setdefault(tuple(map(cause_key, found.causes)), []).append(test)
    return list(groups.values())


def is_only_rewritten(test: TestChange) -> bool:
    """Whether a recording was made again, and nothing in it is another, save how long it took."""
    found = test.attribution
    is_same = found is None or (found.is_same and _uses(found.spend.before) == _uses(found.spend.after))
    return is_same and not test.snapshots and test.former is None


def _uses(totals: Totals) -> tuple[object, ...]:
    return totals.calls, totals.retries, totals.input_tokens, totals.output_tokens, totals.cost


def is_only_moved(test: TestChange) -> bool:
    """Whether a test has another place or name, and nothing else."""
    is_same = test.attribution is None or test.attribution.is_same
    return is_same and not test.snapshots and test.former is not None


def is_told(snapshot: SnapshotChange, test: TestChange) -> bool:
    """Whether the same two texts stand among the changes of the recording already."""
    effects = test.attribution.effects if test.attribution else ()
    return any((one.before, one.after) == (snapshot.before, snapshot.after) for one in effects)


def _whole_line(test: TestChange, width: int) -> str:
    """A test that is new or gone, with what it cost; a broken file says so."""
    if test.attribution is None:
        note = _counted(len(test.snapshots), "snapshot")
    elif test.attribution.problem:
        note = f"not comparable: {test.attribution.problem}"
    else:
        spend = test.attribution.spend
        totals = spend.after if test.status == "added" else spend.before
        note = f"{_counted(totals.calls, 'call')}, {_cost(totals) if totals.cost is not None else 'cost unknown'}"
    room = max(width - columns(note) - 6, width // 2)
    return f"  {shortened_line(visible_id(test.test), room)}   {visible(note)}"


def _counted(number: int, one: str) -> str:
    return f"{number:,} {one if number == 1 else f'{one}s'}"
