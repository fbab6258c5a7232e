"""What a run that recorded or checked says of drift: counts, what changed many tests at once, then the worst tests."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict

from pytest_llmwatch.drift.visible import columns, visible_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_llmwatch.calls import JSON
    from pytest_llmwatch.drift.attribution import Attribution

Source = Literal["check", "record"]
VERDICTS = ("broken", "not comparable", "drifted", "within tolerance", "new", "same")
FAILING = frozenset({"drifted", "broken", "not comparable"})
SHOWN_TESTS = 10
SHOWN_GROUPS = 3
LEAST_WIDTH = 60


class DriftFacts(TypedDict):
    """What a test's answers became, as it travels on a report (JSON-safe).

    `found` is the attribution, `None` for a test without a baseline; `candidate` is where the new answers are kept;
    `has_failed` says that the test failed for a reason of its own; `is_interrupted`, that it never ended.
    `is_unapproved`: there is a recording, and no approved output beside it.
    """

    source: Source
    verdict: str
    candidate: str | None
    has_failed: bool
    found: dict[str, JSON] | None
    is_interrupted: NotRequired[bool]
    is_unapproved: NotRequired[bool]


class Tested(TypedDict):
    """A test, or a fixture of wider scope, with what its answers became."""

    test: str
    is_fixture: bool
    drift: DriftFacts


def drift_lines(tested: Iterable[Tested], *, width: int, in_full: bool, with_table: bool = False) -> list[str]:
    """The lines of the summary; none where nothing was compared.

    Args:
        tested: The tests whose answers were compared.
        width: In how many columns.
        in_full: Whether every test is named.
        with_table: Whether figures of all tests are wanted beside each other, as for another model.
    """
    ones = sorted(tested, key=_worst_first)
    changed = [one for one in ones if one["drift"]["verdict"] != "same" or (in_full and _has_changes(one))]
    width = max(width, LEAST_WIDTH)
    lines = [_counts(ones)] if ones else []
    if changed:
        lines += _groups(changed, width=width)
    if with_table:
        lines += table_lines(ones, width=width)
    if changed and (in_full or not with_table):
        lines += _tests(changed, width=width, in_full=in_full)
    fixtures = [one for one in ones if one["is_fixture"] and one["drift"]["verdict"] in FAILING]
    if fixtures and fixtures[0]["drift"]["source"] == "check":
        lines.append(f"{_count(len(fixtures), 'fixture')} drifted, for which no test fails: the exit code is 1")
    kept = [one["drift"]["verdict"] for one in ones if one["drift"]["candidate"] is not None]
    if kept:
        same = f" ({kept.count('same')} only because what was served with the same answer moved)"
        lines.append(
            f"{_count(len(kept), 'candidate')} kept{same if 'same' in kept else ''}, no recording was changed. "
            "To decide: pytest-llmwatch review"
        )
    return lines


def _found(one: Tested) -> Attribution | None:
    from pytest_llmwatch.drift.attribution import Attribution

    found = one["drift"]["found"]
    return None if found is None else Attribution.from_json(found)


def _worst_first(one: Tested) -> tuple[Any, ...]:
    found = _found(one)
    rank = VERDICTS.index(one["drift"]["verdict"])
    return rank, [] if found is None else [-part for part in found.severity], one["test"]


def _has_changes(one: Tested) -> bool:
    found = _found(one)
    return found is not None and not found.is_same


def _counts(ones: Sequence[Tested]) -> str:
    counts = Counter(one["drift"]["verdict"] for one in ones)
    head = (
        "checked against the recordings" if ones[0]["drift"]["source"] == "check" else "compared with what they replace"
    )
    return f"{head}: {', '.join(f'{counts[verdict]} {verdict}' for verdict in VERDICTS if counts[verdict])}"


def _groups(changed: Sequence[Tested], *, width: int) -> Iterator[str]:
    """What several tests have in common; one test speaks for itself."""
    from pytest_llmwatch.drift.groups import grouped

    from .attribution_page import wrapped

    groups = [group for group in grouped(filter(None, map(_found, changed))) if len(group.members) > 1]
    yield from (line for group in groups[:SHOWN_GROUPS] for line in wrapped(group.sentence, width, indent="  "))
    left = len(groups) - SHOWN_GROUPS
    if left > 0:
        yield f"and {_count(left, 'smaller group')}"


def _tests(changed: Sequence[Tested], *, width: int, in_full: bool) -> Iterator[str]:
    from .attribution_page import wrapped

    shown = changed if in_full else changed[:SHOWN_TESTS]
    for one in shown:
        yield f"  {one['drift']['verdict']}: {visible_id(one['test'])}{_end_of_test(one['drift'])}"
        found = _found(one)
        if one["drift"].get("is_unapproved"):
            yield "    its approved output is missing"
        if found is not None and not (found.is_same and one["drift"].get("is_unapproved")):
            yield from (f"    {line}" for line in wrapped(found.sentence, width - 4))
    if len(changed) > len(shown):
        yield f"  and {_count(len(changed) - len(shown), 'other test')} (-v shows all)"


def _end_of_test(drift: DriftFacts) -> str:
    if drift.get("is_interrupted"):
        return ", and the test was interrupted: this may be only a part"
    return ", and the test failed for a reason of its own" if drift["has_failed"] else ""


def table_lines(tested: Iterable[Tested], *, width: int) -> list[str]:
    """One row a test: verdict, similarity, what it costs and takes now and how much more that is; sums below."""
    ones = sorted(tested, key=_worst_first)
    rows = [_row(one) for one in ones]
    if not rows:
        return []
    head = ("test", "verdict", "similar", "cost", "latency")
    cells = [head, *rows, _sums(ones)]
    widths = [max(columns(row[place]) for row in cells) for place in range(1, len(head))]
    room = max(width - sum(widths) - 2 * len(widths) - 1, 16)
    room = min(room, max(columns(row[0]) for row in cells))
    return [_line(row, room, widths) for row in cells]


def _row(one: Tested) -> tuple[str, ...]:
    found = _found(one)
    name, verdict = visible_id(one["test"]), one["drift"]["verdict"]
    if found is None:
        return name, verdict, "", "", ""
    spend, similar = found.spend, found.similarity
    cost = _money_change(spend.before.cost, spend.after.cost)
    latency = _time_change(spend.before.latency, spend.after.latency)
    return name, verdict, "" if similar is None else f"{similar:.2f}", cost, latency


def _sums(ones: Sequence[Tested]) -> tuple[str, ...]:
    """The sums over the tests of which both sides are known."""
    spends = [found.spend for one in ones if (found := _found(one)) is not None]
    money = [(each.before.cost, each.after.cost) for each in spends]
    times = [(each.before.latency, each.after.latency) for each in spends]
    known_money = [(old, new) for old, new in money if old is not None and new is not None]
    known_times = [(old, new) for old, new in times if old is not None and new is not None]
    cost = _money_change(_sum(old for old, _ in known_money), _sum(new for _, new in known_money))
    latency = _time_change(sum(old for old, _ in known_times), sum(new for _, new in known_times))
    partly = "" if len(known_money) == len(money) else f" ({len(known_money)} of {len(money)} priced)"
    return f"all{partly}", "", "", cost if known_money else "?", latency if known_times else "?"


def _sum(values: Iterable[Decimal]) -> Decimal:
    return sum(values, Decimal(0))


def _money_change(before: Decimal | None, after: Decimal | None) -> str:
    from pytest_llmwatch.spend import dollars

    return f"{'?' if after is None else dollars(after)}{_percent(before, after)}"


def _time_change(before: float | None, after: float | None) -> str:
    return f"{'?' if after is None else f'{after:.2f} s'}{_percent(before, after)}"


def _percent(before: Decimal | float | None, after: Decimal | float | None) -> str:
    if before is None or after is None or not before:
        return ""
    change = (float(after) / float(before) - 1) * 100
    return f" {change:+.0f} %"


def _line(row: Sequence[str], room: int, widths: Sequence[int]) -> str:
    name = _end_of(row[0], room)
    cells = [name + " " * (room - columns(name))]
    cells += [cell + " " * (width - columns(cell)) for cell, width in zip(row[1:], widths, strict=True)]
    return "  ".join(cells).rstrip()


def _end_of(text: str, room: int) -> str:
    """The text, or its end behind a `…`: tests of one file differ there."""
    if columns(text) <= room:
        return text
    while columns(text) > room - 1:
        text = text[1:]
    return f"…{text}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else noun + 's'}"
