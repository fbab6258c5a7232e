"""The calls that a budget was spent on, a line each: which, what was asked, how much it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .budgets import amount_text, largest, written
from .drift.visible import columns, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .budgets import Measure
    from .calls import ModelCall

SHOWN_CALLS = 3
PROMPT_COLUMNS = 24
_LOOKED_AT = 400


def lines_of_costliest(calls: Sequence[ModelCall], measure: Measure, *, most: int = SHOWN_CALLS) -> list[str]:
    """The calls that took most, one line each and safe to print, and how many more there are."""
    ranked = largest(calls, measure)
    lines = [line_of(number, call, measure) for number, call in ranked[:most]]
    left = len(ranked) - len(lines)
    return [*lines, *([f"and {left} more {'call' if left == 1 else 'calls'}"] if left else [])]


def line_of(number: int, call: ModelCall, measure: Measure | None = None) -> str:
    """`call 2  gpt-5-mini  "Can I return a used phone?"  1,200 in, 300 out, $0.0009`."""
    said = first_words(call)
    return "  ".join(
        filter(None, (f"call {number}", model_of(call), f'"{said}"' if said else "", _took(call, measure)))
    )


def model_of(call: ModelCall) -> str:
    """The model that served, else the one asked for."""
    return visible(call.response_model or call.request_model or f"no model named ({call.operation_name})")


def first_words(call: ModelCall) -> str:
    """How the last thing begins that the user said, else the last message; safe to print."""
    texts = [(message.role, message.text) for message in call.input_messages if message.text.strip()]
    own = [text for role, text in texts if role == "user"]
    said = (own or [text for _role, text in texts] or [""])[-1]
    text = visible(" ".join(said[:_LOOKED_AT].split()))
    return text if columns(text) <= PROMPT_COLUMNS else f"{_beginning(text, PROMPT_COLUMNS - 1)}…"


def _beginning(text: str, width: int) -> str:
    taken = 0
    for place, char in enumerate(text):
        taken += columns(char)
        if taken > width:
            return text[:place].rstrip()
    return text


def _took(call: ModelCall, measure: Measure | None) -> str:
    usage = call.usage
    came = ((usage.input_tokens, "in"), (usage.output_tokens, "out"))
    parts = [f"{number:,} {word}" for number, word in came if number is not None] or ["tokens not reported"]
    parts.append("cost not known" if call.cost is None else amount_text(call.cost))
    if call.attempts:
        parts.append(written(len(call.attempts), "retries"))
    figure = measure.of(call) if measure is not None and measure.unit == "seconds" else None
    return ", ".join(parts if figure is None else [*parts, written(figure, "seconds")])
