"""Tolerant reading of provider JSON, shared by the wire formats: what is not of the wanted type is missing."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmwatch.calls import JSON

# Deeper values are refused at the door, so that nobody behind it (a hash, a diff, `==`) runs out of stack.
_DEEPEST = 200
# `json.loads` makes a new one at every call that says something about constants.
_DECODER = json.JSONDecoder(parse_constant=lambda _: None)


def json_of(source: bytes | str) -> JSON:
    """The JSON value of a text; raises `ValueError` and nothing else. `NaN` and `Infinity` are read as null."""
    text = source if isinstance(source, str) else source.decode("utf-8-sig", errors="replace")
    try:
        value: JSON = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None
    if text.count("[") + text.count("{") > _DEEPEST and _is_too_deep(value):
        raise ValueError("JSON nested too deeply")
    return value


def _is_too_deep(value: JSON) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        held = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list))
        level = [child for children in held for child in children]
        if not level:
            return False
    return True


def object_from(source: bytes | str) -> dict[str, JSON] | None:
    """The JSON object of a text; `None` where it is something else."""
    try:
        value = json_of(source)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def object_of(value: JSON) -> dict[str, JSON]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: JSON) -> list[JSON]:
    """The list, or an empty one."""
    return value if isinstance(value, list) else []


def objects_of(value: JSON) -> list[dict[str, JSON]]:
    """The objects in a list."""
    return [item for item in list_of(value) if isinstance(item, dict)]


def text_of(value: JSON) -> str | None:
    """The text; `None` where it is empty or no text."""
    return value if isinstance(value, str) and value else None


def int_of(value: JSON) -> int | None:
    """The whole number; `None` for true and false, which Python counts as numbers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def money_of(value: JSON) -> Decimal | None:
    """An amount given as a number or a text; `None` where it is negative or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return amount if amount.is_finite() and amount >= 0 else None


def well_formed(text: str) -> str:
    """The text with surrogate halves joined where a stream split a character, and replaced where one half is lost."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", errors="surrogatepass").decode("utf-16", errors="replace")
    return text


def first_text(objects: Iterable[dict[str, JSON]], name: str) -> str | None:
    """The first text that a field has in a row of objects."""
    return next((text for item in objects if (text := text_of(item.get(name)))), None)


def media_reference(address: str) -> str:
    """The address itself, or `sha256:...` of the bytes that a `data:` address holds."""
    if not address.startswith("data:"):
        return address
    head, _, data = address.partition(",")
    if head.endswith(";base64"):
        return hash_of_base64(data)
    return hash_of_bytes(unquote_to_bytes(data.encode(errors="replace")))


def hash_of_base64(data: str) -> str:
    """`sha256:...` of the bytes that a base64 text holds; of the text itself where it is not base64."""
    raw = data.encode(errors="replace")
    try:
        return hash_of_bytes(base64.b64decode(raw, validate=True))
    except binascii.Error:
        return hash_of_bytes(raw)


def hash_of_json(value: JSON) -> str:
    """`sha256:...` of a value, whatever the order of its keys."""
    return hash_of_bytes(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def hash_of_bytes(data: bytes) -> str:
    """`sha256:...` of bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
