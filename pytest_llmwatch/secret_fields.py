"""Fields that hold secrets, by their names (`api_key`), whatever stands in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .json_leaves import Leaf, Path

SECRET_FIELDS = frozenset(
    {"apikey", "xapikey", "xgoogapikey", "accesstoken", "refreshtoken", "idtoken", "authtoken", "sessiontoken"}
    | {"securitytoken", "assertion", "clientassertion", "password", "passwd", "clientsecret", "secretkey", "privatekey"}
    | {"secretaccesskey", "awssecretaccesskey", "awssessiontoken", "authorization", "proxyauthorization"}
    | {"authorizationtoken", "encodedapikey", "connectionstring", "apitoken", "bearertoken", "secret", "webhooksecret"}
)
SECRET_HEADER = re.compile(r".*(?:key|token|secret|auth|cookie|password|credential).*", re.IGNORECASE)
# Azure writes `"authentication": {"type": "api_key", "key": ...}`.
HOLDERS = frozenset({"headers", "authentication"})
# A field below one of these is described there, and has no value: `"properties": {"password": {"type": "string"}}`.
SCHEMAS = frozenset({"properties", "definitions", "$defs", "schemas"})
DESCRIPTIONS = frozenset({"type", "object", "title", "description"})
FIELD_TELLS = (
    *(b"apikey", b"accesstoken", b"refreshtoken", b"idtoken", b"authtoken", b"sessiontoken", b"securitytoken"),
    *(b"assertion", b"passw", b"secret", b"privatekey", b"authorization", b'headers"', b'headers\\"'),
    *(b"apitoken", b"bearertoken", b"connectionstring", b"authentication"),
)
SMALL_LETTERS = bytes(range(256)).lower()


def may_hold_field(body: bytes) -> bool:
    """Whether a field that holds secrets may be in a body; quick, for the many that have none."""
    plain = body.translate(SMALL_LETTERS, b"-_")
    for tell in FIELD_TELLS:  # noqa: SIM110 - a generator costs as much as the searches
        if tell in plain:
            return True
    return False


def normal(name: str) -> str:
    """The name as `SECRET_FIELDS` has it."""
    return name.lower().replace("_", "").replace("-", "")


def secret_field(names: tuple[str, ...]) -> str | None:
    """The secret field that a text under these keys belongs to."""
    name = names[-1] if names else ""
    if normal(name) in SECRET_FIELDS:
        return name.lower()
    if len(names) > 1 and names[-2].lower() in HOLDERS and SECRET_HEADER.fullmatch(name):
        return name.lower()
    if name in DESCRIPTIONS:
        return None
    inside = ((above, one) for above, one in zip(("", *names), names[:-1], strict=False) if above not in SCHEMAS)
    return next((one.lower() for _above, one in inside if normal(one) in SECRET_FIELDS), None)


def secret_fields(leaves: list[Leaf]) -> dict[Path, str]:
    """The places of values whose names stand beside them: `{"name": "X-Api-Key", "value": ...}`."""
    fields: dict[Path, str] = {}
    for leaf in leaves:
        if leaf.is_key or leaf.names[-1:] not in (("name",), ("key",)):
            continue
        is_header = "headers" in leaf.names and SECRET_HEADER.fullmatch(leaf.text) is not None
        if is_header or normal(leaf.text) in SECRET_FIELDS:
            fields[*leaf.path[:-1], "value"] = leaf.text.lower()
    return fields
