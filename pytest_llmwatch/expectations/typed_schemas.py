"""The JSON Schema of a dataclass or a `TypedDict`, with the standard library alone: a laptop and a CI never differ."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import types
import typing
import uuid
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from pytest_llmwatch.calls import JSON
from pytest_llmwatch.errors import SettingError

Schema = dict[str, JSON]

_PLAIN: dict[object, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    None: {"type": "null"},
    type(None): {"type": "null"},
    decimal.Decimal: {"type": ["number", "string"]},
    dt.date: {"type": "string", "format": "date"},
    dt.time: {"type": "string"},
    dt.datetime: {"type": "string"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    list: {"type": "array"},
    tuple: {"type": "array"},
    set: {"type": "array"},
    frozenset: {"type": "array"},
    dict: {"type": "object"},
    object: {},
    Any: {},
}
_MARKS = (typing.Required, typing.NotRequired, typing.Annotated, typing.Final)


def schema_of(kind: object) -> Schema:
    """The schema of a dataclass, a `TypedDict`, or a list or choice of them; `SettingError` for anything else.

    A dataclass takes no other fields, a `TypedDict` does, as in Python.
    """
    name = kind.__name__ if isinstance(kind, type) else str(kind)
    if not _has_fields(kind) and not is_generic(kind):
        raise SettingError(
            f"json_of wants a JSON Schema, a Pydantic model, a dataclass or a TypedDict, not the class {name}"
        )
    definitions: Schema = {}
    root = _schema(kind, definitions, name)
    return {**root, "$defs": definitions}


def is_generic(kind: object) -> bool:
    """Whether it is made of other types, as `list[Item]` and `Item | None` are."""
    return typing.get_origin(kind) is not None


def _has_fields(kind: object) -> bool:
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or typing.is_typeddict(kind))


def _schema(kind: Any, definitions: Schema, place: str) -> Schema:  # noqa: ANN401 - annotations may be anything
    while typing.get_origin(kind) in _MARKS or isinstance(kind, typing.NewType):
        kind = kind.__supertype__ if isinstance(kind, typing.NewType) else typing.get_args(kind)[0]
    if kind in _PLAIN:
        return _PLAIN[kind]
    if _has_fields(kind):
        return _reference(kind, definitions)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"enum": [member.value for member in kind]}
    return _generic_schema(kind, definitions, place)


def _reference(kind: type, definitions: Schema) -> Schema:
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name not in definitions:
        definitions[name] = {}  # a class may hold itself
        definitions[name] = _object(kind, definitions)
    return {"$ref": f"#/$defs/{name}"}


def _generic_schema(kind: object, definitions: Schema, place: str) -> Schema:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return {"enum": list(inner)}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_schema(each, definitions, place) for each in inner]}
    if origin is tuple and not (len(inner) == 2 and inner[1] is Ellipsis):
        items: list[JSON] = [_schema(each, definitions, place) for each in inner]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(inner[1], definitions, place)}
    if isinstance(origin, type) and issubclass(origin, Sequence | AbstractSet):
        return {"type": "array", "items": _schema(inner[0], definitions, place)}
    raise SettingError(f"json_of cannot tell how {place} stands in JSON: its type is {kind!r}")


def _object(kind: type, definitions: Schema) -> Schema:
    hints = typing.get_type_hints(kind, include_extras=True)
    if typing.is_typeddict(kind):
        names, required = list(hints), sorted(getattr(kind, "__required_keys__", ()))
    else:
        fields = [field for field in dataclasses.fields(kind) if field.init]
        names = [field.name for field in fields]
        required = [field.name for field in fields if not _has_default(field)]
    properties: Schema = {name: _schema(hints[name], definitions, f"{kind.__name__}.{name}") for name in names}
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": typing.is_typeddict(kind),
    }


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
