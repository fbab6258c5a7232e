"""JSON like another, field by field: with a tolerance for numbers, fields left out, lists in any order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from pytest_llmwatch.drift.words import shortened

from .expectation import Expectation, Rule, arguments, shown, verdict_of
from .given import items_given, number_given
from .json_texts import json_from
from .paths import Path, PathPattern, path_pattern
from .places import path_of
from .verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Which item stands for which is asked of every pair; longer lists are compared by equality alone.
_MOST_UNPAIRED = 200
_MOST_DETAILS = 20
_GIVE_THE_VALUE = "json_like takes the value, not its text: json_like(json.loads(...))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A place where two values are not alike, and why."""

    path: Path
    reason: str
    found: str | None = None
    nearest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What is forgiven."""

    tolerance: float
    ignore: tuple[PathPattern, ...]
    any_order: tuple[PathPattern, ...]

    def differences(self, expected: object, value: object, path: Path = ()) -> Iterator[Difference]:
        """Every difference, in the order of the expected value."""
        if any(pattern.fits(path) for pattern in self.ignore):
            return
        if isinstance(expected, Expectation):
            verdict = verdict_of(expected, value)
            if not verdict.passed:
                inner = f" ({verdict.place})" if verdict.place else ""
                reason = f"{verdict.reason}{inner}"
                yield Difference(path=path, reason=reason, found=shown(value), nearest=verdict.nearest)
        elif isinstance(expected, dict) and isinstance(value, dict):
            yield from self._of_objects(expected, value, path)
        elif isinstance(expected, list | tuple) and isinstance(value, list | tuple):
            yield from self._of_lists(expected, value, path)
        elif not self._is_same(expected, value):
            yield Difference(path=path, reason="differs", found=shown(value), nearest=_written(expected))

    def _of_objects(self, expected: dict[Any, object], value: dict[Any, object], path: Path) -> Iterator[Difference]:
        for key, item in expected.items():
            if key in value:
                yield from self.differences(item, value[key], (*path, key))
            elif not self._is_ignored((*path, key)):
                yield Difference(path=(*path, key), reason="is missing", nearest=_written(item))
        for key, item in value.items():
            if key not in expected and not self._is_ignored((*path, key)):
                yield Difference(path=(*path, key), reason="was not expected", found=shown(item))

    def _of_lists(
        self, expected: list[object] | tuple[object, ...], value: list[object] | tuple[object, ...], path: Path
    ) -> Iterator[Difference]:
        places = list(range(len(value)))
        wanted = list(range(len(expected)))
        if any(pattern.fits(path) for pattern in self.any_order):
            pairs = self._pairs(expected, value, path)
            # What found no partner is compared in order: the nearest thing to an explanation.
            wanted = [index for index in wanted if index not in pairs]
            places = [index for index in places if index not in pairs.values()]
        for index, at in zip(wanted, places, strict=False):
            yield from self.differences(expected[index], value[at], (*path, at))
        for index in wanted[len(places) :]:
            if not self._is_ignored((*path, index)):
                yield Difference(path=(*path, index), reason="is missing", nearest=_written(expected[index]))
        for at in places[len(wanted) :]:
            if not self._is_ignored((*path, at)):
                yield Difference(path=(*path, at), reason="was not expected", found=shown(value[at]))

    def _is_ignored(self, path: Path) -> bool:
        return any(pattern.fits(path) for pattern in self.ignore)

    def _is_same(self, expected: object, value: object) -> bool:
        if isinstance(expected, bool) or isinstance(value, bool):
            return expected is value
        if isinstance(expected, int | float) and isinstance(value, int | float):
            return expected == value or _distance(expected, value) <= self.tolerance
        return bool(expected == value)

    def _pairs(
        self, expected: list[object] | tuple[object, ...], value: list[object] | tuple[object, ...], path: Path
    ) -> dict[int, int]:
        """Which expected item stands where in a list of any order, as many as can be paired."""
        pairs: dict[int, int] = {}
        places: dict[str, list[int]] = {}
        for at, item in reversed(list(enumerate(value))):
            places.setdefault(_fingerprint(item, at), []).append(at)
        for index, item in enumerate(expected):
            same = places.get(_fingerprint(item, None))
            if same:
                pairs[index] = same.pop()
        free = [index for index in range(len(expected)) if index not in pairs]
        if len(free) > _MOST_UNPAIRED:
            return pairs
        taken = set(pairs.values())
        left = [at for at in range(len(value)) if at not in taken][:_MOST_UNPAIRED]
        fits = {
            index: [at for at in left if next(self.differences(expected[index], value[at], (*path, at)), None) is None]
            for index in free
        }
        return pairs | matched(fits)


def matched(fits: dict[int, list[int]]) -> dict[int, int]:
    """As many pairs as possible, no place taken twice: an expectation may fit several items."""
    owner: dict[int, int] = {}

    def find(index: int, seen: set[int]) -> bool:
        for at in fits[index]:
            if at not in seen:
                seen.add(at)
                if at not in owner or find(owner[at], seen):
                    owner[at] = index
                    return True
        return False

    for index in fits:
        find(index, set())
    return {index: at for at, index in owner.items()}


def json_like(
    expected: object,
    *,
    tolerance: float = 0,
    ignore: Iterable[str] = (),
    any_order: Iterable[str] = (),
    in_text: bool = False,
) -> Expectation:
    """JSON that is like this value in every field; other expectations may stand inside it.

    Args:
        expected: The value: dicts, lists, texts, numbers, and expectations (or `pytest.approx`) in their places.
        tolerance: How far a number may be from the expected one.
        ignore: Paths of fields that do not count: `created`, `items[*].id`, `items[0]`, `*_id`; `**` is any depth.
        any_order: Paths of lists whose order does not count; `""` is the value itself.
        in_text: Take the JSON out of a fence or out of prose.

    Example:
        >>> from pytest_llmwatch import json_like, matching
        >>> reply = '{"id": "r-17", "total": 40.004, "items": ["pen", "ink"]}'
        >>> reply == json_like(
        ...     {"id": matching("^r-"), "total": 40, "items": ["ink", "pen"]}, tolerance=0.01, any_order=["items"]
        ... )
        True
    """
    paths = "a path such as items[*].id, or a list of paths"
    ignored = items_given("json_like(ignore=)", ignore, paths)
    unordered = items_given("json_like(any_order=)", any_order, paths)
    likeness = Likeness(
        tolerance=number_given("json_like(tolerance=)", tolerance, "a number from 0 on", least=0),
        ignore=tuple(map(path_pattern, ignored)),
        any_order=tuple(map(path_pattern, unordered)),
    )

    def judge(value: object) -> Verdict:
        found = json_from(value, in_text=in_text)
        if isinstance(found, Verdict):
            return found
        try:
            differences = list(islice(likeness.differences(expected, found.value), _MOST_DETAILS))
        except RecursionError:
            return Verdict(passed=False, reason="is nested too deeply to compare")
        if not differences:
            return Verdict(passed=True, reason=f"is alike{found.note}")
        first = differences[0]
        hints = [_GIVE_THE_VALUE] if _is_json_text(expected) else []
        return Verdict(
            passed=False,
            reason=f"{first.reason}{found.note}",
            place=path_of(first.path),
            found=first.found,
            nearest=first.nearest,
            details=(*hints, *map(_line, differences[1:])),
        )

    written = arguments(
        expected,
        tolerance=tolerance or None,
        ignore=ignored or None,
        any_order=unordered or None,
        in_text=in_text,
    )
    return Rule(wanted=f"json_like({written})", rule=judge)


def _is_json_text(expected: object) -> bool:
    """Whether the expected value is a text where its value was meant."""
    return (
        isinstance(expected, str)
        and expected.lstrip()[:1] in ("{", "[")
        and not isinstance(json_from(expected, in_text=False), Verdict)
    )


def _line(difference: Difference) -> str:
    came = f": {difference.found}" if difference.found else ""
    near = f" (nearest {difference.nearest})" if difference.nearest else ""
    return f"{path_of(difference.path) or 'the value'} {difference.reason}{came}{near}"


def _written(expected: object) -> str:
    return shortened(repr(expected), 60, show=str) if isinstance(expected, Expectation) else shown(expected)


def _distance(one: float, other: float) -> float:
    try:
        return abs(one - other)
    except OverflowError:
        return float("inf")


def _fingerprint(item: object, otherwise: object) -> str:
    try:
        return json.dumps(item, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return f"{otherwise} {id(item)}"  # an expectation, or an object: no other value has this
