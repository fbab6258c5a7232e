"""What differs in two answers: error, form, finish reason, facts, tool calls, JSON fields, words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import MediaPart, ModelCall, ToolCallPart
from pytest_llmwatch.request_key import ignored_field, without

from .changes import Change
from .fields import MISSING, Missing, changed_fields
from .verdicts import IGNORED_TEXT, SETTING, DriftVerdict, compare_texts, severity, text_without
from .words import changed_spans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.calls import JSON

    from .verdicts import Comparison, Tolerance

_CUT_SHORT = ("length", "content_filter", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerChanges:
    """What became of one answer.

    Attributes:
        verdict: The worst of what was found.
        changes: Each difference.
        similarity: How alike two texts are; `None` where that was not asked, as for JSON.
    """

    verdict: DriftVerdict = "same"
    changes: tuple[Change, ...] = ()
    similarity: float | None = None


def answer_changes(before: ModelCall, after: ModelCall, tolerance: Tolerance) -> AnswerChanges:
    """Compare two answers to what was asked as one and the same question."""
    changes = [*_error_changes(before, after), *_finish_changes(before, after), *_tool_call_changes(before, after)]
    changes += _media_changes(before, after)
    verdicts: list[DriftVerdict] = ["broken" if change.is_harmful else "drifted" for change in changes]
    comparison, said = _text_changes(before.output_text, after.output_text, tolerance)
    if comparison is not None and not (changes and not after.output_text):
        verdicts.append(comparison.verdict)
    return AnswerChanges(
        verdict=worst_of(verdicts),
        changes=(*changes, *said),
        similarity=comparison.similarity if comparison and before.output_text and after.output_text else None,
    )


def worst_of(verdicts: list[DriftVerdict]) -> DriftVerdict:
    """The gravest verdict; `same` of none."""
    return max(verdicts, key=severity, default="same")


def _error_changes(before: ModelCall, after: ModelCall) -> Iterator[Change]:
    if before.error_type != after.error_type:
        sides = [MISSING if each is None else each for each in (before.error_type, after.error_type)]
        yield Change(
            kind="error", name="error", before=sides[0], after=sides[1], is_harmful=after.error_type is not None
        )


def _finish_changes(before: ModelCall, after: ModelCall) -> Iterator[Change]:
    old, new = (_listed(call.finish_reasons) for call in (before, after))
    if old == new or after.error_type or before.error_type:
        return
    is_harmful = any(reason in _CUT_SHORT for reason in after.finish_reasons)
    yield Change(kind="finish reason", name="finish reason", before=old, after=new, is_harmful=is_harmful)


def _listed(reasons: tuple[str | None, ...]) -> JSON | Missing:
    if len(reasons) > 1:
        return list(reasons)
    return MISSING if not reasons or reasons[0] is None else reasons[0]


def _tool_call_changes(before: ModelCall, after: ModelCall) -> Iterator[Change]:
    """Calls added, removed, and changed in their arguments; aligned by name, in their order."""
    old, new = before.tool_calls, after.tool_calls
    done = 0
    for a, b, c, d in changed_spans([part.name for part in old], [part.name for part in new]):
        for one, other in zip(old[done:a], new[c - (a - done) : c], strict=True):
            yield from _argument_changes(one, other)
        yield from (Change(kind="tool call", name=f"tool call {part.name}", before=part.arguments) for part in old[a:b])
        yield from (Change(kind="tool call", name=f"tool call {part.name}", after=part.arguments) for part in new[c:d])
        done = b
    for one, other in zip(old[done:], new[len(new) - (len(old) - done) :], strict=True):
        yield from _argument_changes(one, other)


def _argument_changes(one: ToolCallPart, other: ToolCallPart) -> Iterator[Change]:
    for change in changed_fields(one.arguments, other.arguments):
        place = f", argument {change.path}" if change.path else ", arguments"
        yield Change(kind="tool call", name=f"tool call {one.name}{place}", before=change.before, after=change.after)


def _media_changes(before: ModelCall, after: ModelCall) -> Iterator[Change]:
    old, new = (_media(call) for call in (before, after))
    if old != new:
        yield Change(kind="media", name="media in the answer", before=old, after=new)


def _media(call: ModelCall) -> list[JSON]:
    parts = call.output_messages[0].parts if call.output_messages else ()
    return [f"{part.kind} {part.reference}" for part in parts if isinstance(part, MediaPart)]


def _text_changes(before: str, after: str, tolerance: Tolerance) -> tuple[Comparison | None, list[Change]]:
    if before == after:
        return None, []
    comparison = compare_texts(before, after, tolerance)
    if comparison.verdict == "same":
        return comparison, []
    if not before or not after:
        sides = [text or MISSING for text in (before, after)]
        return comparison, [Change(kind="answer", name="text of the answer", before=sides[0], after=sides[1])]
    old, new = _json_in(before), _json_in(after)
    if not isinstance(old, Missing) and not isinstance(new, Missing):
        return comparison, list(_field_changes(_counting(old, tolerance), _counting(new, tolerance)))
    lost = [] if isinstance(old, Missing) else [_lost_form(after)]
    said = [text_without(text, tolerance.ignore) for text in (before, after)]
    facts = [] if lost else _fact_changes(*said, counts=tolerance.facts)
    return comparison, [*lost, *facts, Change(kind="wording", name="wording", before=before, after=after)]


def _fact_changes(before: str, after: str, *, counts: bool) -> list[Change]:
    """The facts stated otherwise, which is harmful, and those left out or added, which is not."""
    from pytest_llmwatch.expectations.facts import changed_facts

    return [
        Change(
            kind="fact",
            name=fact.kind,
            before=_side(fact.before),
            after=_side(fact.after),
            is_harmful=counts and fact.is_certain,
        )
        for fact in changed_facts(before, after)
    ]


def _side(value: str | None) -> JSON | Missing:
    return MISSING if value is None else value


def _counting(value: JSON, tolerance: Tolerance) -> JSON:
    """The value without what a tolerance leaves out."""
    for line in tolerance.ignore:
        if not IGNORED_TEXT.match(line):
            value = without(value, ignored_field(line, setting=SETTING))
    return value


def _json_in(text: str) -> JSON | Missing:
    """The object or the list that a text is."""
    if not text.lstrip().startswith(("{", "[")):
        return MISSING
    try:
        found: JSON = json.loads(text)
    except (ValueError, RecursionError):
        return MISSING
    return found


def _lost_form(after: str) -> Change:
    is_fenced = after.lstrip().startswith("```")
    shape = "JSON in a code fence" if is_fenced else "JSON that does not parse" if _begins_json(after) else "plain text"
    return Change(kind="format", name="form of the answer", before="JSON", after=shape, is_harmful=True)


def _begins_json(text: str) -> bool:
    return text.lstrip().startswith(("{", "["))


def _field_changes(before: JSON, after: JSON) -> Iterator[Change]:
    """The fields that differ; one that is gone, or of another type, breaks who reads it."""
    for change in changed_fields(before, after):
        is_gone = isinstance(change.after, Missing) and not change.path.endswith("]")
        is_other = not isinstance(change.before, Missing) and _type_of(change.before) != _type_of(change.after)
        name = change.path or "the whole answer"
        harm = is_gone or (is_other and not isinstance(change.after, Missing))
        yield Change(kind="field", name=name, before=change.before, after=change.after, is_harmful=harm)


def _type_of(value: JSON | Missing) -> str:
    """The type as JSON has it: `1` and `1.0` are numbers alike."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__
