"""What one comparison says: an approved value, the value of today, and whether the difference matters."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pytest_llmwatch.calls import JSON
from pytest_llmwatch.errors import SettingError
from pytest_llmwatch.request_key import ignored_field, without

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_llmwatch.expectations.facts import ChangedFact  # noqa: TC004 - importing it costs a tenth of a second
    from pytest_llmwatch.request_key import IgnoredField

DriftVerdict = Literal["same", "within tolerance", "drifted", "broken", "not comparable"]
# From what needs nobody's eyes to what nobody can judge; a list of comparisons is shown from the end.
SEVERITY: tuple[DriftVerdict, ...] = ("same", "within tolerance", "drifted", "broken", "not comparable")
PASSING: frozenset[DriftVerdict] = frozenset({"same", "within tolerance"})
# Measured by benchmarks/snapshots.py on answers of one model and of others to the same prompts.
DEFAULT_SIMILARITY = 0.5
# What nobody leaves out by the way: an approved answer without its deadline or its price is another answer. Bare
# numbers and names come and go with the wording.
PROMISES = frozenset({"money", "percentage", "date", "time", "duration", "limit"})
IGNORED_TEXT = re.compile(r"^\s*~ ?")
SHOWN_FACTS = 3
SETTING = "llm_snapshot(ignore=...)"
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far a text may move from the approved one.

    Attributes:
        similarity: The least likeness that passes, from 0 (any words) to 1 (the same words); see `likeness`.
        facts: Whether a fact stated otherwise (a number, a date, a negation, a name) breaks it, and an amount, a date
            or a duration left out lets it drift.
        ignore: What is left out before anything is compared: paths of a structured value (`items[*].id`,
            `note ~ pattern`), and `~ pattern` for a text.
    """

    similarity: float = DEFAULT_SIMILARITY
    facts: bool = True
    ignore: tuple[str, ...] = ()


EXACT = Tolerance(similarity=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedValue:
    """A place of a structured value that changed; `added` and `removed` places have one side only."""

    path: Path
    kind: Literal["added", "removed", "type", "value"]
    before: JSON = None
    after: JSON = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The verdict on two values, and what it was made of.

    Attributes:
        verdict: `same`, `within tolerance`, `drifted`, `broken` (format or facts) or `not comparable`.
        reason: One sentence that says why.
        similarity: How alike two texts are written, from 0 to 1; `None` where no texts were compared.
        changed_facts: What the new text states otherwise, or leaves out of what must not be left out.
        changed_values: The places of a structured value that changed.
    """

    verdict: DriftVerdict
    reason: str
    similarity: float | None = None
    changed_facts: tuple[ChangedFact, ...] = ()
    changed_values: tuple[ChangedValue, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether a test with this comparison goes on."""
        return self.verdict in PASSING


def severity(verdict: DriftVerdict) -> int:
    """The higher, the sooner somebody should look."""
    return SEVERITY.index(verdict)


def compare_texts(before: str, after: str, tolerance: Tolerance | None = None) -> Comparison:
    """The verdict on two texts: by their format, by what they state, by how alike they are written."""
    tolerance = tolerance or Tolerance()
    if before == after:
        return Comparison(verdict="same", reason="is the same text", similarity=1.0)
    old, new = text_without(before, tolerance.ignore), text_without(after, tolerance.ignore)
    if old == new:
        return Comparison(verdict="same", reason="is the same text but for what is ignored", similarity=1.0)
    structured = _structured(old)
    if structured is not None:
        return _compare_json_texts(structured, new, tolerance)
    if old.strip() and not new.strip():
        return Comparison(verdict="broken", reason="is empty now", similarity=0.0)
    return _compare_prose(old, new, tolerance)


def compare_values(
    before: JSON,
    after: JSON,
    tolerance: Tolerance | None = None,
    *,
    is_tolerant: Callable[[Path], bool] = lambda _path: False,
) -> Comparison:
    """The verdict on two structured values: exact, but for texts at the places where `is_tolerant` says so."""
    tolerance = tolerance or Tolerance()
    before, after = value_without(before, tolerance.ignore), value_without(after, tolerance.ignore)
    changes = list(_changes(before, after, ()))
    if not changes:
        return Comparison(verdict="same", reason="is the same value")
    shape = next((each for each in changes if each.kind != "value"), None)
    if shape is not None:
        reason = f"has another structure: {_said(shape)}"
        return Comparison(verdict="broken", reason=reason, changed_values=tuple(changes))
    return _compare_leaves(changes, tolerance, is_tolerant)


def value_without(value: JSON, ignore: Iterable[str]) -> JSON:
    """The value without the places that a tolerance leaves out."""
    for field in _fields(ignore):
        value = without(value, field)
    return value


def text_without(text: str, ignore: Iterable[str]) -> str:
    """The text without what a tolerance leaves out of texts (`~ pattern`)."""
    for line in ignore:
        if IGNORED_TEXT.match(line):
            text = ignored_field(f"text ~ {IGNORED_TEXT.sub('', line)}", setting=SETTING).pattern.sub("", text)  # type: ignore[union-attr]  # it has one
    return text


def problem_with_ignored(line: str) -> str | None:
    """What is wrong with a line of what a tolerance leaves out; `None` for one that can be read."""
    if not IGNORED_TEXT.match(line):
        try:
            ignored_field(line)
        except SettingError as error:
            return str(error).partition(": ")[2]
        return None
    try:
        re.compile(IGNORED_TEXT.sub("", line))
    except re.error as error:
        return f"the pattern in {line!r} does not compile: {error}"
    return None


def path_text(path: Path) -> str:
    """A path as people write it: `items[2].price`."""
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(parts).removeprefix(".") or "the value"


def _fields(ignore: Iterable[str]) -> list[IgnoredField]:
    return [ignored_field(line, setting=SETTING) for line in ignore if not IGNORED_TEXT.match(line)]


def _structured(text: str) -> JSON:
    """The object or list that a whole text is; `None` for prose, and for a number or a word alone."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        value: JSON = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _compare_json_texts(before: JSON, after: str, tolerance: Tolerance) -> Comparison:
    value = _structured(after)
    if value is None:
        return Comparison(verdict="broken", reason="was JSON and is not any more")
    compared = compare_values(before, value, tolerance, is_tolerant=lambda _path: True)
    if compared.verdict == "same":
        return Comparison(verdict="within tolerance", reason="is the same JSON, written otherwise", similarity=1.0)
    return compared


def _compare_prose(before: str, after: str, tolerance: Tolerance) -> Comparison:
    similarity = likeness(before, after)
    found = _changed_facts(before, after) if tolerance.facts else ()
    changed = tuple(fact for fact in found if fact.is_certain)
    lost = tuple(fact for fact in found if not fact.is_certain and fact.after is None and fact.kind in PROMISES)
    verdict: DriftVerdict = "drifted"
    if changed:
        verdict, reason = "broken", f"states {_counted(changed)} otherwise: {changed[0]}"
    elif similarity < tolerance.similarity:
        reason = f"is {similarity:.2f} alike, which is less than {tolerance.similarity:g}"
    elif lost:
        reason = f"leaves out {_counted(lost)}: {lost[0].before}"
    else:
        verdict, reason = "within tolerance", f"is {similarity:.2f} alike"
        reason += _moved(found) or " and keeps to the facts" * tolerance.facts
    return Comparison(verdict=verdict, reason=reason, similarity=similarity, changed_facts=(*changed, *lost))


def _counted(facts: tuple[ChangedFact, ...]) -> str:
    return "a fact" if len(facts) == 1 else f"{len(facts)} facts"


def likeness(before: str, after: str) -> float:
    """How alike two texts are written, from 0 to 1: their lexical similarity, less where one is much longer.

    Models and their versions differ in how much they say, and a set of words does not see that: the length makes this
    tell answers of different models apart better than the lexical similarity, an edit ratio or a cosine does.
    """
    from pytest_llmwatch.expectations.lexical import lexical_similarity, normal

    lengths = sorted((len(normal(before)), len(normal(after))))
    share = lengths[0] / lengths[1] if lengths[1] else 1.0
    return round(float(lexical_similarity(before, after) * share**0.5), 2)


def _changed_facts(before: str, after: str) -> tuple[ChangedFact, ...]:
    from pytest_llmwatch.expectations.facts import changed_facts

    return changed_facts(before, after)


def _moved(facts: tuple[ChangedFact, ...]) -> str:
    """What a text that passes leaves out or adds."""
    lost = [fact.before for fact in facts if fact.after is None and fact.before is not None]
    added = [fact.after for fact in facts if fact.before is None and fact.after is not None]
    named = (("leaves out", lost), ("adds", added))
    return "".join(f"; {verb} {_some(values)}" for verb, values in named if values)


def _some(values: list[str]) -> str:
    left = len(values) - SHOWN_FACTS
    return ", ".join(values[:SHOWN_FACTS]) + (f" and {left} more" if left > 0 else "")


def _compare_leaves(
    changes: list[ChangedValue], tolerance: Tolerance, is_tolerant: Callable[[Path], bool]
) -> Comparison:
    """The verdict on changed texts and numbers in an unchanged structure: that of the worst."""
    judged = [(_compare_leaf(each, tolerance, is_tolerant=is_tolerant(each.path)), each) for each in changes]
    worst, where = max(judged, key=lambda pair: severity(pair[0].verdict))
    scores = [one.similarity for one, _change in judged if one.similarity is not None]
    return Comparison(
        verdict=worst.verdict,
        reason=f"{path_text(where.path)} {worst.reason}",
        similarity=min(scores) if scores else None,
        changed_facts=tuple(fact for one, _change in judged for fact in one.changed_facts),
        changed_values=tuple(changes),
    )


def _compare_leaf(change: ChangedValue, tolerance: Tolerance, *, is_tolerant: bool) -> Comparison:
    before, after = change.before, change.after
    if not isinstance(before, str) or not isinstance(after, str):
        return Comparison(verdict="broken", reason=f"was {json.dumps(before)} and is {json.dumps(after)}")
    if is_tolerant:
        return compare_texts(before, after, tolerance)
    prose = compare_texts(before, after, Tolerance(similarity=1.1, facts=tolerance.facts))
    return Comparison(
        verdict=prose.verdict,
        reason="is another text" if prose.verdict == "drifted" else prose.reason,
        similarity=prose.similarity,
        changed_facts=prose.changed_facts,
    )


def _changes(before: JSON, after: JSON, path: Path) -> Iterator[ChangedValue]:
    """The places where two values differ, in the order of the first."""
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _changed_parts(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _changed_parts(dict(enumerate(before)), dict(enumerate(after)), path)
    elif _sort(before) != _sort(after):
        yield ChangedValue(path=path, kind="type", before=before, after=after)
    elif before != after:
        yield ChangedValue(path=path, kind="value", before=before, after=after)


def _changed_parts(before: dict[Any, JSON], after: dict[Any, JSON], path: Path) -> Iterator[ChangedValue]:
    for key in dict.fromkeys([*before, *after]):
        if key not in after:
            yield ChangedValue(path=(*path, key), kind="removed", before=before[key])
        elif key not in before:
            yield ChangedValue(path=(*path, key), kind="added", after=after[key])
        else:
            yield from _changes(before[key], after[key], (*path, key))


def _sort(value: JSON) -> str:
    """The JSON type of a value; 1 and 1.0 are numbers alike."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), "null")


def _said(change: ChangedValue) -> str:
    where = path_text(change.path)
    if change.kind == "type":
        return f"{where} was {_sort(change.before)} and is {_sort(change.after)}"
    return f"{where} is {'new' if change.kind == 'added' else 'gone'}"
