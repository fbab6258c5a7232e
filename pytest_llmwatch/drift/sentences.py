"""An attribution in one sentence, as a person would say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .changes import Change, cause_key, percent_text
from .fields import Missing
from .visible import visible, visible_json
from .words import shortened, text_spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmwatch.calls import JSON

    from .attribution import Attribution

_MOST_SAID = 3
_WIDTH = 44
_SHORT_TEXT = 24
_SLIGHT = 0.005
# Whose names say already which one: `user message 2`, `openai`.
_NAMED = ("SDK", "message", "document", "tool result", "tool")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@dataclass(frozen=True, slots=True)
class _Words:
    """How to say that something has gone, has come, or is another."""

    gone: str
    come: str
    other: str


_SAID = {
    "fact": _Words("the answer lost {}", "the answer added {}", "the answer says {1} instead of {0}"),
    "error": _Words("the error {} is gone", "it failed with {}", "it failed with {1} instead of {0}"),
    "finish reason": _Words(
        "it no longer says that it finished with {}", "it finished with {}", "it finished with {1} instead of {0}"
    ),
    "format": _Words("the answer is no longer {}", "the answer is {}", "the answer is no longer {0} but {1}"),
}


def sentence_of(attribution: Attribution, told: Sequence[Change] = ()) -> str:
    """`the model served moved from a to b; the answer lost 14 days; format still valid; similarity 0.71; 12 % cheaper`.

    What was sent otherwise first, then what came of it.
    """
    if attribution.problem:
        return f"not comparable: {visible(attribution.problem)}"
    causes = list(_causes(attribution, {cause_key(change) for change in told}))
    effects = list(_effects(attribution))
    if attribution.is_same:
        return "; ".join(["nothing changed", *_costs(attribution)])
    sent = [_listed(causes, _MOST_SAID)] if causes else [] if told else ["nothing that was sent changed"]
    came = _listed(effects, _MOST_SAID) if effects else "the answer is the same"
    return "; ".join([*sent, came, *_quality(attribution), *_costs(attribution)])


def _listed(said: list[str], most: int) -> str:
    if len(said) <= most:
        return ", ".join(said)
    return f"{', '.join(said[: most - 1])} and {len(said) - most + 1} more changes"


def _causes(attribution: Attribution, told: set[tuple[str, str, str, str]]) -> Iterator[str]:
    yield from (cause_text(change) for change in attribution.causes if cause_key(change) not in told)


def cause_text(change: Change) -> str:
    """One cause in words: `the system prompt's third line changed`."""
    article = "" if change.kind in _NAMED else "the "
    name = f"{article}{visible(change.name)}"
    if change.kind == "call":
        return f"call {change.calls[0] if change.calls else 1} {_came_or_went(change)}"
    if change.kind in ("model served", "model asked for", "provider"):
        sides = ["unknown" if isinstance(each, Missing) else value_text(each) for each in (change.before, change.after)]
        return f"{name} moved from {sides[0]} to {sides[1]}"
    if isinstance(change.before, Missing) or isinstance(change.after, Missing):
        return f"{name} {_came_or_went(change)}"
    if change.kind == "SDK":
        return f"{name} moved from {value_text(change.before)} to {value_text(change.after)}"
    if _is_long(change.before) or _is_long(change.after):
        return f"{name}{lines_text(change.before, change.after)} changed"
    return f"{name} changed from {value_text(change.before)} to {value_text(change.after)}"


def _came_or_went(change: Change) -> str:
    return "was added" if isinstance(change.before, Missing) else "was removed"


def _is_long(value: JSON | Missing) -> bool:
    """Whether a value is too long to be said in a sentence: a text of several words is."""
    if not isinstance(value, str):
        return isinstance(value, dict | list)
    return "\n" in value or len(value) > (_SHORT_TEXT if any(map(str.isspace, value)) else _WIDTH)


def value_text(value: JSON | Missing) -> str:
    """A value in a sentence: a name as it is, everything else as JSON, and none of it long."""
    if isinstance(value, Missing):
        return "nothing"
    if isinstance(value, str) and value and not any(map(str.isspace, value)):
        return shortened(value, _WIDTH)
    return shortened(visible_json(value), _WIDTH, str)


def _facts_text(facts: list[Change]) -> str:
    """`says 20% instead of 10% and lost 14 days`."""
    said = [effect_text(change).removeprefix("the answer ") for change in facts[:_MOST_SAID]]
    if len(facts) > _MOST_SAID:
        hidden = len(facts) - _MOST_SAID
        return f"{', '.join(said)} and {hidden} more {'fact' if hidden == 1 else 'facts'}"
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)


def words_text(value: JSON | Missing) -> str:
    """Words of an answer, in a sentence, as they stand there."""
    return shortened(value, _WIDTH) if isinstance(value, str) else value_text(value)


def lines_text(before: JSON | Missing, after: JSON | Missing) -> str:
    """`'s third line` where one line of a long text changed, `'s lines 3 and 7`; empty where that says nothing."""
    if not isinstance(before, str) or not isinstance(after, str):
        return ""
    lines = changed_lines(before, after)
    if not lines or max(before.count("\n"), after.count("\n")) == 0:
        return ""
    if len(lines) == 1:
        number = lines[0]
        return f"'s {_ORDINALS[number - 1]} line" if number <= len(_ORDINALS) else f"'s line {number}"
    if len(lines) <= _MOST_SAID:
        return f"'s lines {', '.join(map(str, lines[:-1]))} and {lines[-1]}"
    return f" ({len(lines)} lines of it)"


def changed_lines(before: str, after: str) -> list[int]:
    """The numbers of the lines with a change, from 1, in the newer text; where words only went, the line they left."""
    lines: set[int] = set()
    for a, b, c, d in text_spans(before, after):
        first = after.count("\n", 0, c) + 1
        gone, come = before[a:b], after[c:d]
        begins_line = come.startswith("\n") and gone[:1] in ("", "\n")
        last = first + come.rstrip("\n").count("\n")
        lines.update(range(first + begins_line, last + 1) or [first])
    return sorted(lines)


def _effects(attribution: Attribution) -> Iterator[str]:
    facts = [change for change in attribution.effects if change.kind == "fact"]
    others = [change for change in attribution.effects if change.kind not in ("fact", "wording", "finish reason")]
    finished = [change for change in attribution.effects if change.kind == "finish reason"]
    yield from (effect_text(change) for change in others if change.is_harmful)
    yield from (effect_text(change) for change in finished)
    if facts:
        yield f"the answer {_facts_text(facts)}"
    yield from (effect_text(change) for change in others if not change.is_harmful)
    if not facts and any(change.kind == "wording" for change in attribution.effects) and not others:
        yield "the answer is worded otherwise"


def effect_text(change: Change) -> str:
    """One effect in words: `the answer lost 14 days`."""
    gone, come = isinstance(change.after, Missing), isinstance(change.before, Missing)
    show = words_text if change.kind in ("fact", "format") else value_text
    before, after = show(change.before), show(change.after)
    if change.kind in _SAID:
        words = _SAID[change.kind]
        return (
            words.gone.format(before)
            if gone
            else words.come.format(after)
            if come
            else words.other.format(before, after)
        )
    name = f"the answer's {visible(change.name)}" if change.kind == "field" else f"the {visible(change.name)}"
    if gone or come:
        return f"{name} {'is gone' if gone else 'is new'}"
    if _is_long(change.before) or _is_long(change.after):
        return f"{name} changed"
    return f"{name} is {after} instead of {before}"


def _quality(attribution: Attribution) -> Iterator[str]:
    """What did not break, where something changed that might have."""
    if not attribution.effects:
        return
    if any(change.is_harmful and change.kind in ("format", "field", "error") for change in attribution.effects):
        pass
    elif any(change.kind in ("field", "format") for change in attribution.effects):
        yield "format still valid"
    if attribution.similarity is not None:
        yield f"similarity {attribution.similarity:.2f}"


def _costs(attribution: Attribution) -> Iterator[str]:
    ratio = attribution.spend.cost_ratio
    if ratio is None or abs(ratio - 1) < _SLIGHT:
        return
    yield percent_text(ratio)
