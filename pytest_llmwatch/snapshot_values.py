"""Values as a file of snapshots holds them: a text as it is, everything else as YAML that people can read."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from .calls import JSON, ModelCall
from .drift.verdicts import path_text
from .errors import SnapshotMisuse
from .expectations.verdicts import Verdict
from .readings import prompt_hash, tools_hash
from .snapshot_files import Kind
from .yaml_text import emit, is_emittable

PLACE = tuple[str | int, ...]
HELD = (
    "text, JSON values, enums, dates, decimals, UUIDs, paths, sets, dataclasses, Pydantic models, llm_cassette.calls, "
    "or the verdict of a judge"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A value ready for the file: its kind and its text, and who judged where it is a judgement."""

    kind: Kind
    text: str
    judge: str | None = None
    criteria_sha256: str | None = None


def held(value: object) -> Held:
    """The value as the file holds it.

    Raises:
        SnapshotMisuse: no file can hold it; the message says what of it, and where.
    """
    if isinstance(value, str):
        return Held(kind="text", text=str(value))
    if isinstance(value, Verdict):
        return _held_judgement(value)
    calls = (value,) if isinstance(value, ModelCall) else value
    if isinstance(calls, (tuple, list)) and calls and all(isinstance(call, ModelCall) for call in calls):
        return Held(kind="calls", text=_emitted([projection(call) for call in calls]))
    return Held(kind="value", text=_emitted(plain(value)))


def projection(call: ModelCall) -> dict[str, JSON]:
    """What a call says of itself that another recording of the same conversation would say too: no ids, no times."""
    facts: dict[str, JSON] = {
        "request_model": call.request_model,
        "response_model": call.response_model,
        "prompt_sha256": prompt_hash(call.input_messages) if call.input_messages else None,
        "tools_sha256": tools_hash(call.tool_definitions) if call.tool_definitions else None,
        "finish_reasons": list(call.finish_reasons),
        "tool_calls": [{"name": one.name, "arguments": one.arguments} for one in call.tool_calls],
        "error_type": call.error_type,
        "output_text": call.output_text or None,
    }
    return {name: value for name, value in facts.items() if value not in (None, [])}


def _held_judgement(verdict: Verdict) -> Held:
    facts = verdict.facts
    value: dict[str, JSON] = {"passed": verdict.passed, "score": verdict.score, "reason": verdict.reason}
    judge, criteria = facts.get("judge_model"), facts.get("criteria_sha256")
    return Held(
        kind="judgement",
        text=_emitted({name: item for name, item in value.items() if item is not None}),
        judge=None if judge is None else str(judge),
        criteria_sha256=None if criteria is None else str(criteria),
    )


def _emitted(value: JSON) -> str:
    if not is_emittable(value):
        raise SnapshotMisuse(
            "llm_snapshot cannot hold this value: half a character (a lone surrogate), a nesting of more than 150 "
            "levels, or a number of more than 4,300 digits stands in it"
        )
    return emit(value).removesuffix("\n")


def plain(value: object, path: PLACE = ()) -> JSON:
    """The value in JSON's own types.

    Raises:
        SnapshotMisuse: something in it has no such form.
    """
    if isinstance(value, Enum):
        return plain(value.value, path)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            problem = "is NaN, which equals nothing, not even itself" if math.isnan(value) else "is infinite"
            raise _refused(value, path, f"{problem}; JSON has no such number: hold None or a text in its place")
        return float(value)
    if isinstance(value, (Mapping, list, tuple, AbstractSet)):
        return _plain_container(value, path)
    return _plain_object(value, path)


def _plain_container(value: Mapping[Any, Any] | Iterable[object], path: PLACE) -> JSON:
    if isinstance(value, Mapping):
        return _plain_mapping(value, path)
    if isinstance(value, (list, tuple)):
        return [plain(item, (*path, index)) for index, item in enumerate(value)]
    items = [plain(item, path) for item in value]
    return sorted(items, key=emit)  # a set has no order, a file has


def _plain_mapping(value: Mapping[Any, Any], path: PLACE) -> JSON:
    items: dict[str, JSON] = {}
    for key, item in value.items():
        name = key.value if isinstance(key, Enum) else key
        if not isinstance(name, (str, int, float, bool, type(None), date, UUID)):
            raise _refused(key, path, "is no key that a file can hold")
        if str(name) in items:
            raise _refused(key, path, "is a key that another one of this mapping equals as text")
        items[str(name)] = plain(item, (*path, str(name)))
    return items


def _plain_object(value: object, path: PLACE) -> JSON:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (Decimal, UUID, PurePath)):
        return str(value)
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):  # a Pydantic model; importing pydantic would cost a third second
        return plain(dump(mode="json"), path)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {one.name: plain(getattr(value, one.name), (*path, one.name)) for one in fields if one.compare}
    raise _refused(value, path, f"is of type {type(value).__name__}")


def _refused(value: object, path: PLACE, problem: str) -> SnapshotMisuse:
    from .expectations.expectation import shown

    where = path_text(path) if path else "the value"
    return SnapshotMisuse(f"llm_snapshot cannot hold this: {where} {problem}\n  {shown(value, 60)}\nIt holds {HELD}.")
