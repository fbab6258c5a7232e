"""`--fail-on drifted|broken|cost=+10%`: what makes a comparison end with exit code 1."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_llmwatch.errors import SettingError
from pytest_llmwatch.spend import dollars

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_llmwatch.drift.run_changes import RunChanges
    from pytest_llmwatch.drift.verdicts import DriftVerdict

COST = re.compile(r"cost=\+?(\d+(?:\.\d+)?)\s*%")
# What cannot be compared is not known to be whole.
FAILING: dict[str, tuple[DriftVerdict, ...]] = {
    "drifted": ("drifted", "broken", "not comparable"),
    "broken": ("broken", "not comparable"),
}
_MOST_UNPRICED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What fails: verdicts, and the share by which the cost of all recordings may grow."""

    verdicts: frozenset[str] = frozenset()
    cost: Decimal | None = None

    def failures(self, run: RunChanges) -> Iterator[str]:
        """Why a comparison fails, a line each."""
        for verdict in ("broken", "not comparable", "drifted"):
            found = [one.test for one in run.tests if one.verdict == verdict]
            if verdict in self.verdicts and found:
                others = f" and {len(found) - 1} more" if len(found) > 1 else ""
                yield f"{verdict}: {found[0]}{others}"
        if self.cost is not None:
            yield from self._cost(run, self.cost)

    def _cost(self, run: RunChanges, share: Decimal) -> Iterator[str]:
        before, after = run.spend.before.cost, run.spend.after.cost
        if run.unreadable:
            yield f"cost: not known, so it cannot pass; it cannot be read: {run.unreadable[0]}"
        elif before is None or after is None:
            side = "now" if after is None else "before"
            yield f"cost: not known {side}, so it cannot pass; pytest-llmwatch cost --at today says what has no price"
        elif after > before * (1 + share / 100):
            yield f"cost: {dollars(before)} -> {dollars(after)}, which is more than {share} % dearer"


def thresholds(given: Iterable[str]) -> Thresholds:
    """Read the values of `--fail-on`, each a list with commas or not.

    Raises:
        SettingError: one is none of those that there are.
    """
    verdicts: set[str] = set()
    cost: Decimal | None = None
    for word in (word.strip() for value in given for word in value.split(",")):
        priced = COST.fullmatch(word)
        if word in FAILING:
            verdicts.update(FAILING[word])
        elif priced:
            cost = min(Decimal(priced[1]), cost) if cost is not None else Decimal(priced[1])
        elif word:
            raise SettingError(f"--fail-on {word}: it is none of drifted, broken, cost=+10%")
    return Thresholds(verdicts=frozenset(verdicts), cost=cost)
