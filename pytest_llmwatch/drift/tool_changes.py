"""What changed in the tools offered to a model: per tool, and per parameter of its JSON Schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .changes import Change
from .fields import MISSING, Missing, changed_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmwatch.calls import JSON, ToolDefinition

# What a schema says of a value that is neither a part of it nor compared as a set.
_PARTS = ("properties", "required", "enum", "items")
_MOST_DEEP = 40


def tool_changes(before: Sequence[ToolDefinition], after: Sequence[ToolDefinition]) -> Iterator[Change]:
    """Tools added, removed, renamed and changed; the order of the tools both have."""
    old, new = _named(before), _named(after)
    gone = [name for name in old if name not in new]
    come = [name for name in new if name not in old]
    renamed = _renamed([old[name] for name in gone], [new[name] for name in come])
    for name, tool in old.items():
        if name in new:
            yield from _changes_in(name, tool, new[name])
        elif name in renamed:
            yield Change(kind="tool", name="tool: name", before=name, after=renamed[name])
            yield from _changes_in(renamed[name], tool, new[renamed[name]])
        else:
            yield Change(kind="tool", name=f"tool {name}", before=_offered(tool))
    for name in come:
        if name not in renamed.values():
            yield Change(kind="tool", name=f"tool {name}", after=_offered(new[name]))
    orders: list[list[JSON]] = [[name for name in old if name in new], [name for name in new if name in old]]
    if orders[0] != orders[1]:
        yield Change(kind="tool", name="order of the tools", before=orders[0], after=orders[1])


def _named(tools: Sequence[ToolDefinition]) -> dict[str, ToolDefinition]:
    """The tools by name; one that bears the name of an earlier one gets a number."""
    named: dict[str, ToolDefinition] = {}
    for tool in tools:
        name, number = tool.name, 2
        while name in named:
            name, number = f"{tool.name} ({number})", number + 1
        named[name] = tool
    return named


def _renamed(gone: list[ToolDefinition], come: list[ToolDefinition]) -> dict[str, str]:
    """New names by old ones: of tools that are the same but for the name, one of each."""
    renamed: dict[str, str] = {}
    for tool in gone:
        like = [one.name for one in come if (one.description, one.parameters) == (tool.description, tool.parameters)]
        if len(like) == 1 and (tool.description or tool.parameters):
            renamed.setdefault(tool.name, like[0])
    return renamed if len(set(renamed.values())) == len(renamed) else {}


def _offered(tool: ToolDefinition) -> JSON:
    facts: dict[str, JSON] = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {name: value for name, value in facts.items() if value is not None}


def _changes_in(name: str, before: ToolDefinition, after: ToolDefinition) -> Iterator[Change]:
    old, new = _or_missing(before.description), _or_missing(after.description)
    if old != new:
        yield Change(kind="tool", name=f"tool {name}: description", before=old, after=new)
    for place, was, now in _schema_changes("", before.parameters, after.parameters, _MOST_DEEP):
        yield Change(kind="tool", name=f"tool {name}, {place}", before=was, after=now)


def _or_missing(value: JSON) -> JSON | Missing:
    return MISSING if value is None else value


Difference = tuple[str, "JSON | Missing", "JSON | Missing"]


def _schema_changes(path: str, before: JSON, after: JSON, deep: int) -> Iterator[Difference]:
    """Each difference of two schemas: `parameter address.city: type`, and both values."""
    if not isinstance(before, dict) or not isinstance(after, dict) or not deep:
        if before != after:
            yield _place(path, ""), _or_missing(before), _or_missing(after)
        return
    yield from _property_changes(path, _mapping(before, "properties"), _mapping(after, "properties"), deep)
    yield from _required_changes(path, before, after)
    if before.get("enum") != after.get("enum"):
        yield _place(path, "enum"), before.get("enum", MISSING), after.get("enum", MISSING)
    if "items" in before or "items" in after:
        yield from _schema_changes(f"{path}[]", before.get("items"), after.get("items"), deep - 1)
    rest = [{key: value for key, value in each.items() if key not in _PARTS} for each in (before, after)]
    for change in changed_fields(rest[0], rest[1]):
        yield _place(path, change.path), change.before, change.after


def _property_changes(path: str, before: dict[str, JSON], after: dict[str, JSON], deep: int) -> Iterator[Difference]:
    for name in dict.fromkeys([*before, *after]):
        inner = f"{path}.{name}" if path else name
        if name not in before or name not in after:
            yield _place(inner, ""), before.get(name, MISSING), after.get(name, MISSING)
        else:
            yield from _schema_changes(inner, before[name], after[name], deep - 1)


def _required_changes(path: str, before: dict[str, JSON], after: dict[str, JSON]) -> Iterator[Difference]:
    """Which parameters of both schemas have become required or optional."""
    old, new = _names(before.get("required")), _names(after.get("required"))
    both = _mapping(before, "properties").keys() & _mapping(after, "properties").keys()
    for name in dict.fromkeys([*old, *new]):
        if name in both and (name in old) != (name in new):
            inner = f"{path}.{name}" if path else name
            yield _place(inner, "required"), name in old, name in new


def _mapping(schema: dict[str, JSON], key: str) -> dict[str, JSON]:
    value = schema.get(key)
    return value if isinstance(value, dict) else {}


def _names(value: JSON) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _place(path: str, attribute: str) -> str:
    whose = f"parameter {path}" if path else "parameters"
    return f"{whose}: {attribute}" if attribute else whose
