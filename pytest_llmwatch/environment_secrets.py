"""The secrets that the environment of this run holds, in every form in which they may stand in a text."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from .key_shapes import Span, looks_random

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .calls import JSON

SECRET_NAME = re.compile(
    r".*(?:KEYS?|TOKENS?|SECRETS?|PASSWORD|PASSWD|PWD|PASS|PASSPHRASE|CREDENTIALS?|AUTH|DSN|PAT|JWT|COOKIE|SIGNATURE)"
    r"|.*(?:API_?KEY|SECRET|ACCESS_?KEY|PRIVATE_?KEY|AUTH_?TOKEN|ACCESS_?TOKEN|PASSWORD|CREDENTIAL).*",
    re.IGNORECASE,
)
# `PWD` is a folder; the sockets and files that some of these name are in the path rule below.
NOT_SECRET = frozenset({"PWD", "OLDPWD"})
FILE = re.compile(
    r"(?:~|\.{1,2})?[\\/].*\.\w{1,8}|(?:~|\.{1,2})[\\/].*|[A-Za-z]:[\\/].*"
    r"|/(?:home|users|root|tmp|var|etc|usr|opt|mnt|srv|run|private|app|builds|secrets|dev|proc|data|code|src|volumes)/.*",
    re.IGNORECASE,
)
LOGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^\s/:@]*)(?::([^\s/@]*))?@")
PARAMETER = re.compile(r"[?&;]([A-Za-z_.-]+)=([^&;\s#]+)")
MINIMUM = 8

Forms = dict[str, str]


def forms_of(environ: Mapping[str, str]) -> Forms:
    """Each form of each secret in an environment, with the name of its variable, the longest first."""
    forms: Forms = {}
    for name, value in environ.items():
        for secret in secrets_of(name, value):
            for form in _written(secret):
                forms.setdefault(form, name.upper())
    return dict(sorted(forms.items(), key=lambda item: -len(item[0])))


class SeenSecrets:
    """The secrets that the environment of a run has held so far; it is read again when it changes."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}
        self._forms: Forms = {}

    def forms(self, environ: Mapping[str, str]) -> Forms:
        """`forms_of` what the environment holds and has held, also where a test has set a variable for a while."""
        now = dict(environ)
        if now != self._seen:
            self._seen = now
            forms = forms_of(now) | self._forms
            self._forms = dict(sorted(forms.items(), key=lambda item: -len(item[0])))
        return self._forms


def secrets_of(name: str, value: str) -> Iterator[str]:
    """What is secret in one variable: the random words of a value whose name says so, the password of any URL."""
    if len(value) < MINIMUM or name.upper() in NOT_SECRET:
        return
    login = LOGIN.search(value) if "://" in value else None
    if login is not None:
        parts = [part for part in login.groups() if part]
        yield from filter(looks_random, dict.fromkeys([*parts, *map(unquote, parts)]))
    if not SECRET_NAME.fullmatch(name):
        return
    if value.lstrip()[:1] in ("{", "["):
        yield from _in_json(value)
    elif "://" in value:
        yield from (word for _name, word in PARAMETER.findall(value) if looks_random(word))
    else:
        # A secret has no spaces; what has them is `Bearer ...`, several keys, or a passphrase made of words.
        yield from (word for word in re.split(r"[\s,;]+", value) if looks_random(word) and not FILE.fullmatch(word))


def _in_json(value: str) -> Iterator[str]:
    try:
        waiting: list[JSON] = [json.loads(value)]
    except (ValueError, RecursionError):
        return
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [item for name, item in one.items() if SECRET_NAME.fullmatch(name) or not isinstance(item, str)]
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, str) and "-----BEGIN" not in one and not any(map(str.isspace, one)) and looks_random(one):
            yield one


def _written(secret: str) -> Iterator[str]:
    """Raw, JSON-escaped (up to three times), URL-encoded, and base64 of it wherever it begins in what was encoded."""
    plain = [secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]]
    for _level in range(2):
        plain += [json.dumps(form)[1:-1] for form in plain]
    coded = list(_base64(secret.encode("utf-8", "surrogateescape")))
    for form in dict.fromkeys([*plain, *coded]):
        yield form
        if "/" in form:
            yield form.replace("/", "\\/")  # as PHP and others write JSON
    for form in dict.fromkeys([secret, *coded]):
        for safe in ("", "/", "/:@", "!~*'()"):  # as Python, browsers and others do it
            encoded = quote(form, safe=safe, errors="surrogateescape")
            yield encoded
            yield re.sub("%..", lambda match: match[0].lower(), encoded)


def _base64(secret: bytes) -> Iterator[str]:
    """The characters that all of the secret and nothing else decides, for each of the three places in a group."""
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + secret).decode()
        inner = whole[-(-shift * 8 // 6) : (shift + len(secret)) * 8 // 6]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")


def values_in(text: str, forms: Forms) -> list[Span]:
    """Where a text holds a secret of the environment, in any form; they may overlap."""
    spans = []
    for form, name in forms.items():
        start = text.find(form)
        while start >= 0:
            spans.append(Span(start, start + len(form), name))
            start = text.find(form, start + 1)
    return spans
