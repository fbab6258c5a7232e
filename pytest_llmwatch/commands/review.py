"""`pytest-llmwatch review`: candidates and pending recordings one by one, worst first, to be accepted or rejected."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from pytest_llmwatch.drift.visible import visible_id, visible_lines
from pytest_llmwatch.errors import LLMWatchError, SettingError
from pytest_llmwatch.reports.review_page import ReviewPage, page_of

from . import approval
from .accept import fixture_lines
from .cases import CaseGroup, cases_of, in_groups
from .waiting import UnknownName, chosen, name_of, root_here, waiting_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .cases import Case

Word = Literal["accepted", "rejected", "skipped"]
DECISIONS: dict[str, Word] = {"a": "accepted", "r": "rejected", "s": "skipped"}
HELP = (
    "a accepts it, r rejects it, s leaves it; A, R, S do that for all of this group; d shows all of it, q ends; "
    "then Enter"
)


@dataclass(slots=True)
class Review:
    """One walk through what waits."""

    root: Path
    groups: list[CaseGroup]
    stdin: TextIO
    out: TextIO
    width: int
    colour: bool
    counts: Counter[Word] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many cases there are."""
        return sum(len(group.cases) for group in self.groups)

    @property
    def left(self) -> int:
        """How many still wait."""
        return self.total - self.counts["accepted"] - self.counts["rejected"]

    def walk(self) -> None:
        """Show each case and do what the user says, until the last one or `q`."""
        for group in self.groups:
            left = list(group.cases)
            while left:
                self._show(left[0], group if len(left) == len(group.cases) else None)
                answer = self._asked(left)
                if answer == "q":
                    return
                left = self._without_decided(left, answer)

    def _without_decided(self, left: list[Case], answer: str) -> list[Case]:
        """Decide on the first case, or on all of them; what was refused of all is left for another day."""
        meant = left if answer.isupper() else left[:1]
        word = DECISIONS[answer.lower()]
        is_quiet = word == "skipped" and len(meant) > 1
        refused = [case for case in meant if not self._decided(case, word, quietly=is_quiet)]
        if is_quiet:
            self.out.write(f"  skipped: {len(meant)} still wait\n\n")
        if answer.isupper():
            self.counts["skipped"] += len(refused)
            return []
        return [*refused, *left[1:]]

    def _show(self, case: Case, group: CaseGroup | None, *, in_full: bool = False) -> None:
        """The page of a case; above the first of a group stands what the group is."""
        page = _page(case, f"[{self.counts.total() + 1}/{self.total}]", group)
        for line in page_of(page, width=self.width, colour=self.colour, in_full=in_full):
            self.out.write(f"{line}\n")

    def _asked(self, left: list[Case]) -> str:
        """The letter of a decision, or `q`."""
        while True:
            answer = self._read(len(left))
            if answer == "d":
                self._show(left[0], None, in_full=True)
            elif answer == "q" or answer.lower() in DECISIONS:
                return answer
            else:
                self.out.write(f"{HELP}\n")

    def _read(self, alike: int) -> str:
        group = f"  A R S all {alike} of this group" if alike > 1 else ""
        self.out.write(f"a accept  r reject  s skip{group}  d details  q quit, then Enter > ")
        self.out.flush()
        line = self.stdin.readline()
        if not line:
            self.out.write("\n")  # the end of input leaves the cursor behind the question
            return "q"
        return line.strip()[:1] or "?"

    def _decided(self, case: Case, word: Word, *, quietly: bool = False) -> bool:
        try:
            said = self._said_of(case, word)
        except (LLMWatchError, OSError) as error:
            self.out.write(f"  not {word}: {visible_id(case.waiting.test)}: {visible_lines(str(error))}\n\n")
            return False
        self.counts[word] += 1
        if not quietly:
            left = fixture_lines(case.waiting) if word == "accepted" else ()
            self.out.writelines(f"  {line}\n" for line in (f"{word}: {visible_id(said)}", *left))
            self.out.write("\n")
        return True

    def _said_of(self, case: Case, word: Word) -> str:
        if word == "accepted":
            return approval.accept(case.waiting, self.root, force=False)
        if word == "rejected":
            return approval.reject(case.waiting, self.root)
        return f"{case.waiting.test} still waits"


def review(
    names: Sequence[str], *, stdin: TextIO, out: TextIO, warn: Callable[[str], None], width: int, colour: bool
) -> int:
    """Walk through what waits: 0 where nothing is left, 1 where something still waits, 2 for a name that is unknown."""
    root = root_here()
    try:
        waiting = waiting_in(root)
        waiting = [one for one, _fit in chosen(waiting, names, root)] if names else waiting
        groups = in_groups(cases_of(waiting, warn))
    except (UnknownName, SettingError) as error:
        warn(str(error))
        return 2
    if not waiting:
        out.write("Nothing waits for a decision.\n")
        return 0
    walk = Review(root=root, groups=groups, stdin=stdin, out=out, width=width, colour=colour)
    if not stdin.isatty():
        _print(walk)
        return 1
    try:
        walk.walk()
    except KeyboardInterrupt:
        out.write("\n")
    done = ", ".join(f"{walk.counts[word]} {word}" for word in ("accepted", "rejected"))
    out.write(f"{done}, {walk.left} still waiting. No model was called.\n")
    return int(walk.left > 0)


def _print(walk: Review) -> None:
    """All of it with the commands to type: there is nobody to ask."""
    number = 0
    for group in walk.groups:
        for case in group.cases:
            number += 1
            page = _page(case, f"[{number}/{walk.total}]", group if case is group.cases[0] else None)
            lines = [*page_of(page, width=walk.width, colour=walk.colour), *_commands(case), ""]
            walk.out.writelines(f"{line}\n" for line in lines)
    walk.out.write(f"{_left(walk)}\n")


def _left(walk: Review) -> str:
    """How many wait, and what takes over those that `--all` does not refuse."""
    cases = [case for group in walk.groups for case in group.cases]
    ready = sum(approval.is_ready(case.waiting, walk.root) for case in cases)
    if not ready:
        return f"{walk.total} waiting. --all would take none of them over: see above, and name what you want"
    which = "all of them" if ready == walk.total else f"{ready} of them, the others being refused"
    return f"{walk.total} waiting. To take {which}: pytest-llmwatch accept --all"


def _commands(case: Case) -> list[str]:
    name = shlex.quote(name_of(case.waiting))
    accept = [] if case.waiting.problem else [f"  pytest-llmwatch accept {name}"]
    return [*accept, f"  pytest-llmwatch reject {name}"]


def _page(case: Case, place: str, group: CaseGroup | None) -> ReviewPage:
    return ReviewPage(
        place=place,
        test=case.waiting.test,
        verdict=case.verdict,
        file=os.path.relpath(case.waiting.path),
        found=case.found,
        fixtures=list(case.waiting.candidate.facts.fixtures) if case.waiting.candidate else [],
        texts=[(one.title, one.before, one.after) for one in case.texts],
        before=case.before,
        after=case.after,
        notes=list(_notes(case)),
        group=None if group is None else group.sentence,
        alike=[] if group is None else [f"{one.verdict}: {one.waiting.test}" for one in group.cases],
    )


def _notes(case: Case) -> Iterator[str]:
    """What one should know before one accepts."""
    waiting, candidate = case.waiting, case.waiting.candidate
    if waiting.kind == "pending":
        yield "a pending recording: its test did not pass, so it may be only a part"
    elif waiting.has_failed:
        yield "its test failed for a reason of its own, so it may be only a part"
    if candidate is not None and candidate.facts.verdict == "new" and case.found is not None:
        yield "its approved output is missing: to accept it is to approve this one"
    if candidate is not None and candidate.is_outdated:
        yield "the recording has changed since the check: it was not compared with what is there now"
    if candidate is not None and not candidate.is_whole:
        yield "its files are not those that the check wrote"
    for old, new in candidate.facts.models.items() if candidate else ():
        yield f"the check asked {new} in place of {old}: change that in your code too, or the recording does not match"
