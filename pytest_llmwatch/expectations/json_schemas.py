"""JSON of a shape: a JSON Schema, a Pydantic model, a dataclass or a TypedDict."""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from pytest_llmwatch.calls import JSON
from pytest_llmwatch.drift.words import shortened
from pytest_llmwatch.errors import SettingError

from .expectation import Expectation, Rule, arguments, quoted, shown
from .given import refusal
from .json_texts import Found, json_from
from .nearest import nearest_label
from .places import path_of
from .time_limits import SECONDS, OutOfTime, limited
from .typed_schemas import is_generic, schema_of
from .verdicts import Verdict

if TYPE_CHECKING:
    import types

    from jsonschema.exceptions import ValidationError

Schema = Mapping[str, JSON] | bool
# What is wrong, one entry a place: the path, the sentence, what stands there, the nearest that would pass.
Fault = tuple[str | None, str, "str | None", "str | None"]

_MOST_FAULTS = 20
# Of a list of a million bad items nobody wants to know more.
_MOST_ERRORS = 1000


def json_of(
    schema_or_model: Schema | type | types.UnionType,
    *,
    in_text: bool = False,
    schemas: Iterable[Mapping[str, JSON]] = (),
) -> Expectation:
    """JSON that fits a JSON Schema, a Pydantic model, a dataclass, a `TypedDict`, or a list or choice of them.

    The value may be a text, bytes, or parsed already. A text must be the JSON and nothing else, as the program that
    reads it wants it: a markdown fence around it fails.

    Args:
        schema_or_model: A schema of any draft (`$schema` says which, 2020-12 otherwise), or a class. `format` is
            checked for dates, times, e-mail and IP addresses, UUIDs and regular expressions.
        in_text: Take the JSON out of a fence or out of prose.
        schemas: Further schemas, which `$ref` names by their `$id`. Nothing is fetched from a network.

    Example:
        >>> from pytest_llmwatch import json_of
        >>> invoice = {"type": "object", "required": ["total"], "properties": {"total": {"type": "number"}}}
        >>> '{"total": 40}' == json_of(invoice)
        True
        >>> '{"sum": 40}' == json_of(invoice)
        False
    """
    further = _further_schemas(schemas)
    faults_of = _faults_by_model(schema_or_model) or _faults_by_schema(schema_or_model, further)

    def judge(value: object) -> Verdict:
        if is_generic(schema_or_model) or _is_instance(value, schema_or_model):
            value = _fields_of(value)
        found = json_from(value, in_text=in_text)
        if isinstance(found, Verdict):
            return found
        try:
            faults = limited(partial(faults_of, found), key=lambda: (judge, _key_of(found.value)))
        except OutOfTime:
            reason = f"was given up after {SECONDS:g} seconds: a pattern of the schema backtracks too much"
            return Verdict(passed=False, is_undecided=True, reason=reason)
        except (RecursionError, OverflowError, ValueError) as error:
            return Verdict(passed=False, reason=f"cannot be held against the schema: {error}")
        return _verdict(found, faults)

    written = arguments(schema_or_model, in_text=in_text)
    return Rule(wanted=f"json_of({written})", rule=judge)


def _key_of(value: JSON) -> object:
    """What tells a value from others; what is no JSON after all is like nothing else."""
    try:
        return json.dumps(value, default=id)
    except (TypeError, ValueError, RecursionError):
        return object()


def _further_schemas(schemas: object) -> list[Mapping[str, JSON]]:
    """The schemas; a single one is one, not its keys."""
    given = [schemas] if isinstance(schemas, Mapping) else schemas
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise refusal("json_of(schemas=)", given, "a list of JSON Schemas, each with its $id")
    further = list(given)
    for each in further:
        if not isinstance(each, Mapping) or not isinstance(each.get("$id"), str):
            raise refusal("json_of(schemas=)", each, 'JSON Schemas with the "$id" that $ref names them by')
    return further


def _verdict(found: Found, faults: list[Fault]) -> Verdict:
    facts: dict[str, JSON] = {"json_out_of": found.out_of} if found.out_of else {}
    if not faults:
        return Verdict(passed=True, reason=f"fits{found.note}", facts=facts)
    place, reason, came, nearest = faults[0]
    details = [f"{where + ': ' if where else ''}{why}" for where, why, _, _ in faults[1:_MOST_FAULTS]]
    if len(faults) > _MOST_FAULTS:
        details.append(f"and {_more(len(faults))}")
    return Verdict(
        passed=False,
        reason=f"{reason}{found.note}",
        place=place,
        found=came,
        nearest=nearest,
        details=tuple(details),
        facts=facts,
    )


def _faults_by_schema(schema_or_type: object, schemas: Iterable[Mapping[str, JSON]]) -> Callable[[Found], list[Fault]]:
    import jsonschema
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # it ships no types
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    is_type = isinstance(schema_or_type, type) or is_generic(schema_or_type)
    schema = schema_of(schema_or_type) if is_type else schema_or_type
    if not isinstance(schema, Mapping | bool):
        raise SettingError(f"json_of wants a JSON Schema (a dict) or a class, not {shown(schema)}")
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(cast("dict[str, Any]", schema))  # its stub knows no booleans
        registry = REGISTRY.with_contents(
            [(str(each.get("$id", "")), each) for each in schemas], default_specification=DRAFT202012
        )
    except jsonschema.SchemaError as error:
        place = path_of(error.absolute_path)
        raise SettingError(
            f"This is not a JSON Schema: {error.message}" + (f"\n  at {place}" if place else "")
        ) from None
    validator = kind(schema, registry=registry, format_checker=kind.FORMAT_CHECKER)

    def faults_of(found: Found) -> list[Fault]:
        try:
            errors = list(islice(validator.iter_errors(found.value), _MOST_ERRORS))
        except Unresolvable as error:
            reason = f"the schema's $ref {quoted(error.ref)} leads nowhere; schemas=[...] takes that schema"
            return [(None, reason, None, None)]
        except re.error as error:
            return [(None, f"a pattern of the schema is no regular expression: {error}", None, None)]
        place_of = _places_in(found.value)
        errors = sorted(map(_deepest, errors), key=lambda error: place_of(error.absolute_path))
        return [fault for error in errors for fault in _faults_of_error(error)]

    return faults_of


def _more(count: int) -> str:
    least = "" if count < _MOST_ERRORS else "at least "
    return f"{least}{count - _MOST_FAULTS} more fault{'' if count == _MOST_FAULTS + 1 else 's'}"


def _places_in(value: JSON) -> Callable[[Iterable[str | int]], list[int]]:
    """A key that sorts paths as their places follow one another in the document; a parent comes before its parts."""

    def place_of(path: Iterable[str | int]) -> list[int]:
        places: list[int] = []
        held: Any = value
        for step in path:
            places.append(step if isinstance(step, int) else list(held).index(step))
            held = held[step]
        return places

    return place_of


def _deepest(error: ValidationError) -> ValidationError:
    """The reason behind "is not valid under any of the given schemas", as far as one branch is plainly meant."""
    from jsonschema.exceptions import best_match

    if error.validator in ("anyOf", "oneOf") and error.context:
        return best_match([error]) or error
    return error


def _faults_of_error(error: ValidationError) -> list[Fault]:
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    known = schema.get("properties") or {}
    keys, value, limit = list(error.absolute_path), error.instance, error.validator_value
    if error.validator == "required" and isinstance(value, dict):
        missing = re.fullmatch(r"'(.*)' is a required property", error.message, re.DOTALL)
        name = missing[1] if missing else ""
        near = nearest_label(name, [key for key in value if key not in known])
        return [(path_of([*keys, name]), "is missing", None, f"{near} stands there" if near else None)]
    if error.validator == "additionalProperties" and limit is False and isinstance(value, dict):
        extra = [key for key in value if key not in known and not _is_patterned(key, schema)]
        return [
            (path_of([*keys, key]), "is not in the schema", shown(value[key]), nearest_label(key, known))
            for key in extra
        ]
    reason, nearest = _sentence(error, cast("Any", limit))
    return [(path_of(keys), reason, shown(value), nearest)]


def _sentence(error: ValidationError, limit: Any) -> tuple[str, str | None]:  # noqa: ANN401 - as the keyword has it
    """What is wrong with one value, and the nearest that would pass."""
    value = error.instance
    match error.validator:
        case "type":
            wanted = " or ".join(map(str, limit)) if isinstance(limit, list) else str(limit)
            said = f"is {_type_of(value)}, not {wanted}", _as_type(value, wanted)
        case "enum":
            said = f"is none of {shown(limit, 60)}", nearest_label(value, limit)
        case "const":
            said = f"is not {shown(limit)}", shown(limit)
        case "minimum" | "maximum":
            said = f"is {'less' if error.validator == 'minimum' else 'more'} than {limit}", str(limit)
        case "pattern":
            said = f"does not match {shortened(str(limit), 60, show=str)}", None
        case "format":
            said = f"is not of the format {quoted(str(limit))}", None
        case "minLength" | "maxLength" | "minItems" | "maxItems":
            unit = "characters" if isinstance(value, str) else "items"
            word = "least" if error.validator in ("minLength", "minItems") else "most"
            said = f"has {len(cast('Any', value))} {unit}, at {word} {limit} are wanted", None
        case "anyOf":
            said = f"fits none of {len(limit)} shapes", None
        case "oneOf":
            said = f"fits none of {len(limit)} shapes, or more than one", None
        case _:
            said = _plain(error), None
    return said


def _plain(error: ValidationError) -> str:
    """The validator's own sentence; it begins with the whole value, which may be long."""
    if len(error.message) <= 100:
        return error.message
    return f"breaks the rule {quoted(str(error.validator))} of the schema: {shown(error.validator_value)}"


def _is_patterned(key: str, schema: Mapping[str, Any]) -> bool:
    return any(re.search(pattern, key) for pattern in schema.get("patternProperties") or {})


def _type_of(value: object) -> str:
    names = ((bool, "a boolean"), (str, "a string"), (int | float, "a number"), (list, "an array"), (dict, "an object"))
    return next((name for kind, name in names if isinstance(value, kind)), "null" if value is None else "no JSON")


def _as_type(value: object, wanted: str) -> str | None:
    """A number that stands in quotes, without them."""
    if not isinstance(value, str) or wanted not in ("number", "integer") or len(value) > 40:
        return None
    plain = value.replace(",", "").strip().lstrip("$€£¥")
    return plain if re.fullmatch(r"-?\d+" if wanted == "integer" else r"-?\d+(\.\d+)?", plain, re.ASCII) else None


def _faults_by_model(model: object) -> Callable[[Found], list[Fault]] | None:
    """The check of a Pydantic model or a Pydantic dataclass; `None` for anything else."""
    if not _is_pydantic(model):
        return None
    from pydantic import TypeAdapter, ValidationError

    # An annotation of any form, which `_is_pydantic` has seen.
    adapter: TypeAdapter[object] = TypeAdapter(cast("Any", model))

    def faults_of(found: Found) -> list[Fault]:
        try:
            if found.was_text:
                # Not Python's values: a strict model takes a date as text from JSON, and only from there.
                adapter.validate_json(json.dumps(found.value))
            else:
                adapter.validate_python(found.value)
        except ValidationError as error:
            return [_fault_of_model(dict(each)) for each in error.errors(include_url=False, include_context=False)]
        return []

    return faults_of


def _is_pydantic(model: object) -> bool:
    """Whether it is a model, or a list, a dict or a choice with one in it."""
    if is_generic(model):
        return any(map(_is_pydantic, typing.get_args(model)))
    return isinstance(model, type) and hasattr(model, "__pydantic_validator__")


def _fault_of_model(error: dict[str, Any]) -> Fault:
    place = path_of(error["loc"])
    if error["type"] == "missing":
        return place, "is missing", None, None
    message = str(error["msg"])
    return place, f"{message[:1].lower()}{message[1:]}", shown(error["input"]), None


def _is_instance(value: object, model: object) -> bool:
    try:
        return isinstance(model, type) and isinstance(value, model)
    except TypeError:  # a TypedDict has no instances
        return False


def _fields_of(value: object) -> object:
    """What an instance of the class holds, as JSON has it: it is judged as its JSON would be."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", warnings=False)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, list | tuple):
        return [_fields_of(item) for item in value]
    return {key: _fields_of(item) for key, item in value.items()} if isinstance(value, dict) else value
