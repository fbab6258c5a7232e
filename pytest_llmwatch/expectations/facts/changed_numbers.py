"""Numbers, money, dates, times and versions that a text states otherwise."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .pairing import paired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .changes import ChangedFact, Kind
    from .mentions import Mention
    from .pairs import Pair

_CLEAR = ("ratio", "duration", "workdays", "data")


def changed_numbers(pair: Pair) -> Iterator[ChangedFact]:
    """The values that only one side has, with what came in their place."""
    left, right = pair.numbers
    gone, come = _without_counterpart(left, right), _without_counterpart(right, left)
    for before, after in paired(gone, come):
        # Of two texts that tell freely, one speaks of an hour and the other of a year: neither says otherwise.
        is_certain = before is not None and after is not None and (_is_one_sort(before, after) or not pair.is_free)
        yield pair.changed(kind_of(before, after), before, after, is_certain=is_certain)


def _is_one_sort(one: Mention, other: Mention) -> bool:
    """Whether one can stand for the other: money, a time of day, a date; not money for a duration."""
    is_money = _are_money(one), _are_money(other)
    return one.kind == other.kind and (all(is_money) or not (any(is_money) and _is_measured(one, other)))


def _is_measured(*mentions: Mention) -> bool:
    return all(mention.dimension is not None for mention in mentions)


def plain_values(mention: Mention) -> set[object]:
    """The numbers as they are written, whatever they measure."""
    if mention.kind == "date":
        return {
            float(part) for value in mention.values if isinstance(value, tuple) for part in value if part is not None
        }
    if mention.kind == "weekday":
        return set()
    if mention.kind == "time":
        return {float(value[1] // 60) for value in mention.values if isinstance(value, tuple)}
    if mention.kind == "version":
        return {
            float(value) for value in mention.values if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value)
        }
    values = {value[1] for value in mention.values if isinstance(value, tuple)}
    return values or set(mention.values)


def agree(one: Mention, other: Mention) -> bool:
    """Whether two numbers that stand in the same place say the same."""
    return _agree(one, other, plain_values(other)) or _agree(other, one, plain_values(one))


def kind_of(before: Mention | None, after: Mention | None) -> Kind:
    """What sort of fact two numbers are, of which one may be missing."""
    sides = [side for side in (before, after) if side is not None]
    kinds = {side.kind for side in sides}
    if before is not None and after is not None and _is_other_unit(before, after):
        return "unit"
    if "weekday" in kinds:
        return "date"
    for kind in ("date", "time", "version"):
        if kind in kinds:
            return kind
    dimensions = {side.dimension for side in sides if side.dimension}
    if any(dimension.startswith("money") for dimension in dimensions):
        return "money"
    return "percentage" if "ratio" in dimensions else "duration" if dimensions & {"duration", "workdays"} else "number"


def _without_counterpart(mentions: list[Mention], others: list[Mention]) -> list[Mention]:
    """The mentions with which none of the others agrees, each value once."""
    known = {(other.dimension, value) for other in others for value in other.values}
    plain = {value for other in others for value in plain_values(other)}
    dates = [other for other in others if other.kind == "date"]
    sharing = _by_value(others)
    missing: dict[object, Mention] = {}
    for mention in mentions:
        if mention.values in missing or _is_known(mention, known):
            continue
        if mention.kind == "date":
            candidates = dates + others[:1]
        else:
            candidates = [other for value in _said_by(mention) for other in sharing.get(value, ())]
        if not any(_agree(mention, other, plain) for other in candidates):
            missing[mention.values] = mention
    return list(missing.values())


def _by_value(mentions: list[Mention]) -> dict[object, list[Mention]]:
    """One of each sort by all that it says: dates aside, only what shares something with a mention can agree."""
    distinct = {(mention.kind, mention.dimension, mention.values): mention for mention in mentions}
    found: dict[object, list[Mention]] = {}
    for mention in distinct.values():
        for value in _said_by(mention):
            found.setdefault(value, []).append(mention)
    return found


def _said_by(mention: Mention) -> set[object]:
    return plain_values(mention) | mention.values


def _is_known(mention: Mention, known: set[tuple[str | None, object]]) -> bool:
    """Whether the other side has it in the same dimension: nearly always, and quickly found."""
    return any(
        (mention.dimension, value) in known
        for value in mention.values
        if not isinstance(value, tuple) or mention.kind != "number"
    )


def _agree(mention: Mention, other: Mention, plain: set[object]) -> bool:
    kinds = {mention.kind, other.kind}
    if kinds == {"date"}:
        return _is_same_date(mention, other)
    if kinds == {"number"}:
        return _is_same_amount(mention, other)
    if kinds == {"date", "number"} and mention.kind == "date":
        return all(value in plain for value in plain_values(mention))
    if mention.kind == other.kind:
        return bool(mention.values & other.values)
    return bool(plain_values(mention) & plain_values(other))


def _is_same_amount(mention: Mention, other: Mention) -> bool:
    """Of one dimension: what they measure. Of an unknown one, or nothing of any money: what is written."""
    written = plain_values(mention) & plain_values(other)
    if mention.dimension is None or other.dimension is None or written == {0.0}:
        return bool(written)
    if mention.dimension == other.dimension:
        return bool(_measure(mention) & _measure(other))
    # A pound is money and a weight, m a metre and a million: only what is surely another thing is.
    return bool(written) and not (_is_clear(mention) and _is_clear(other))


def _is_same_date(mention: Mention, other: Mention) -> bool:
    """Whether the parts that both give (year, month, day) are equal."""
    (one,), (two,) = mention.values, other.values
    if not isinstance(one, tuple) or not isinstance(two, tuple):
        return False
    shared = [(a, b) for a, b in zip(one, two, strict=True) if a is not None and b is not None]
    return bool(shared) and all(a == b for a, b in shared)


def _are_money(*mentions: Mention) -> bool:
    return all((mention.dimension or "").startswith("money") for mention in mentions)


def _is_clear(mention: Mention) -> bool:
    dimension = mention.dimension or ""
    return dimension in _CLEAR or (dimension.startswith("money") and dimension != "money:GBP")


def _measure(mention: Mention) -> set[object]:
    return {value for value in mention.values if not isinstance(value, tuple)}


def _is_other_unit(before: Mention, after: Mention) -> bool:
    is_number = before.kind == after.kind == "number" and not _are_money(before, after)
    return is_number and bool(plain_values(before) & plain_values(after))
