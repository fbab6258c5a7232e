"""What an attribution is made of: a change of one field, and what two recordings cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, cast, get_args

from pytest_llmwatch.calls import JSON

from .fields import MISSING, Missing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmwatch.calls import ModelCall

CauseKind = Literal[
    "model served", "model asked for", "provider", "system prompt", "message", "document", "retrieval", "tool result",
    "tool", "parameter", "call", "SDK",
]  # fmt: skip
EffectKind = Literal["error", "format", "finish reason", "fact", "tool call", "field", "wording", "media", "answer"]
ChangeKind = CauseKind | EffectKind
CAUSE_KINDS: tuple[CauseKind, ...] = get_args(CauseKind)
EFFECT_KINDS: tuple[EffectKind, ...] = get_args(EffectKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that differs between two recordings.

    Attributes:
        kind: What sort of thing.
        name: Which one, in a person's words: `user message 2`, `tool search, parameter limit: type`.
        before: What it was, or `MISSING` where it is new.
        after: What it is, or `MISSING` where it is gone.
        calls: The calls it was found in, from 1: those of the newer recording, save where the call itself is gone.
        is_consequence: It follows from an answer that changed earlier in the same recording.
        is_harmful: The answer is not of the form it had: cut short, no JSON any more, an error.
    """

    kind: ChangeKind
    name: str
    before: JSON | Missing = MISSING
    after: JSON | Missing = MISSING
    calls: tuple[int, ...] = ()
    is_consequence: bool = False
    is_harmful: bool = False

    def to_json(self) -> dict[str, JSON]:
        """As JSON; `before` and `after` are left out where there is nothing."""
        facts: dict[str, JSON] = {"kind": self.kind, "name": self.name}
        if not isinstance(self.before, Missing):
            facts["before"] = self.before
        if not isinstance(self.after, Missing):
            facts["after"] = self.after
        facts["calls"] = list(self.calls)
        flags = {"is_consequence": self.is_consequence, "is_harmful": self.is_harmful}
        return facts | {name: True for name, is_set in flags.items() if is_set}

    @classmethod
    def from_json(cls, facts: dict[str, JSON]) -> Change:
        """What `to_json` wrote."""
        return cls(
            kind=cast("ChangeKind", facts["kind"]),  # written by `to_json`, which had one
            name=str(facts["name"]),
            before=facts.get("before", MISSING),
            after=facts.get("after", MISSING),
            calls=tuple(cast("list[int]", facts["calls"])),  # as above
            is_consequence=facts.get("is_consequence", False) is True,
            is_harmful=facts.get("is_harmful", False) is True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the calls of one recording used; `None` where a call does not say."""

    calls: int
    retries: int
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    latency: float | None

    def to_json(self) -> dict[str, JSON]:
        """As JSON, money as text."""
        return {
            "calls": self.calls,
            "retries": self.retries,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": None if self.cost is None else f"{self.cost:f}",
            "latency": self.latency,
        }

    @classmethod
    def from_json(cls, facts: dict[str, JSON]) -> Totals:
        """What `to_json` wrote."""
        cost = facts["cost_usd"]
        return cls(
            calls=cast("int", facts["calls"]),  # these are of the types that `to_json` has written
            retries=cast("int", facts["retries"]),
            input_tokens=cast("int | None", facts["input_tokens"]),
            output_tokens=cast("int | None", facts["output_tokens"]),
            cost=None if cost is None else Decimal(str(cost)),
            latency=cast("float | None", facts["latency"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendChange:
    """What both recordings used."""

    before: Totals
    after: Totals

    @property
    def cost_ratio(self) -> float | None:
        """The new cost as a multiple of the old; `None` where either is not known, or there was none."""
        return ratio(self.before.cost, self.after.cost)


def ratio(before: Decimal | float | None, after: Decimal | float | None) -> float | None:
    """The second as a multiple of the first; `None` where that says nothing."""
    if before is None or after is None or not before:
        return None
    return float(after) / float(before)


def percent_text(ratio: float) -> str:
    """`12 % cheaper`, `40 % dearer`, `3.1 times the cost`."""
    if ratio >= 2:
        return f"{ratio:.1f} times the cost"
    return f"{abs(ratio - 1) * 100:.0f} % {'cheaper' if ratio < 1 else 'dearer'}"


def cause_key(change: Change) -> tuple[str, str, str, str]:
    """What two tests must have in common to be told together."""
    return change.kind, change.name, repr(change.before), repr(change.after)


def totals_of(calls: Iterable[ModelCall]) -> Totals:
    """The sums over calls."""
    from pytest_llmwatch.spend import spend_of

    spend = spend_of(calls)
    return Totals(
        calls=spend.calls,
        retries=spend.retries,
        input_tokens=spend.usage.input_tokens,
        output_tokens=spend.usage.output_tokens,
        cost=spend.cost,
        latency=spend.latency,
    )


def merged(changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes, each once: one that was found in several calls names them all."""
    found: dict[tuple[object, ...], Change] = {}
    for change in changes:
        key = (change.kind, change.name, repr(change.before), repr(change.after), change.is_consequence)
        known = found.get(key)
        calls = change.calls if known is None else tuple(sorted({*known.calls, *change.calls}))
        found[key] = replace(change, calls=calls)
    return tuple(found.values())
