"""The secrets that the environment of this run holds, in every form in which they may stand in a text."""

from __future__ import annotations

import base64
import html
import json
import re
from dataclasses import dataclass
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
# What says something about a secret and is none. Vault's `SECRET_ID` is one.
DESCRIPTION = re.compile(
    r".*[_-](?:(?:FILE|USER)?NAME|(?<!SECRET_)ID|FILE|PATH|DIR|URL|URI|ENDPOINT|HOST|PORT|USER|EMAIL|REGION|ZONE|PROFILE"
    r"|TYPE|KIND|ALGORITHM|ALG|HEADER|PREFIX|SUFFIX|MODE|SCOPE|ISSUER|AUDIENCE|VERSION|ENABLED|DISABLED|LENGTH|SIZE|TTL"
    r"|EXPIRY|EXPIRES|TIMEOUT|FORMAT|ENCODING|LABEL|ALIAS|ARN|COUNT|LIMIT)S?",
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
LONGEST_WORD = 4096
# The rest of a base64 word; before it, the text is read backwards. In URLs `+` is a space, and `/` ends a name.
AFTER = re.compile(r"(?:\\+/|%2[BbFf]|[A-Za-z0-9+/_-])*(?:={1,2}|(?:%3[Dd]){1,2})?")
BEFORE = re.compile(r"(?:/\\+|[BbFf]2%|[A-Za-z0-9+/_-])*")
AFTER_IN_URI = re.compile(r"(?:%2[BbFf]|[A-Za-z0-9_-])*(?:={1,2}|(?:%3[Dd]){1,2})?")
BEFORE_IN_URI = re.compile(r"(?:[BbFf]2%|[A-Za-z0-9_-])*")
ESCAPE = re.compile(r"(?<=%)[0-9A-Fa-f]{2}|(?<=\\)(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|.)")


@dataclass(frozen=True, slots=True)
class Form:
    """One form of a secret: the name of its variable, and whether the text around it may belong to the same base64."""

    name: str
    is_base64: bool = False


Forms = dict[str, Form]


def forms_of(environ: Mapping[str, str]) -> Forms:
    """Each form of each secret in an environment, with the name of its variable, the longest first."""
    forms: Forms = {}
    for name, value in environ.items():
        for secret in secrets_of(name, value):
            for form in _written(secret):
                forms.setdefault(form, Form(name.upper()))
            for form in _encoded(secret):
                forms.setdefault(form, Form(name.upper(), is_base64=True))
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
    """What is secret in one variable: the random words of a value whose name says so, a URL that holds a password.

    Such a URL is a secret as a whole, so that a replay may have that of another database, and so is its password.
    """
    if len(value) < MINIMUM or name.upper() in NOT_SECRET:
        return
    login = LOGIN.search(value) if "://" in value else None
    if login is not None:
        parts = [part for part in login.groups() if part]
        found = list(filter(looks_random, dict.fromkeys([*parts, *map(unquote, parts)])))
        yield from found
        if found and not any(map(str.isspace, value.strip())):
            yield value.strip()
    if not _names_secret(name):
        return
    if value.lstrip()[:1] in ("{", "["):
        yield from _in_json(value)
    elif "://" in value:
        yield from (word for _name, word in PARAMETER.findall(value) if looks_random(word))
    else:
        # A secret has no spaces; what has them is `Bearer ...`, several keys, or a passphrase made of words.
        yield from (word for word in re.split(r"[\s,;]+", value) if looks_random(word) and not FILE.fullmatch(word))


def _names_secret(name: str) -> bool:
    return SECRET_NAME.fullmatch(name) is not None and DESCRIPTION.fullmatch(name) is None


def _in_json(value: str) -> Iterator[str]:
    try:
        waiting: list[JSON] = [json.loads(value)]
    except (ValueError, RecursionError):
        return
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [item for name, item in one.items() if _names_secret(name) or not isinstance(item, str)]
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, str) and "-----BEGIN" not in one and not any(map(str.isspace, one)) and looks_random(one):
            yield one


def _written(secret: str) -> Iterator[str]:
    """Raw, as Python, JSON (up to three times) and HTML escape it, in hexadecimal, and URL-encoded once or twice."""
    raw = secret.encode("utf-8", "surrogateescape")
    # Which quotes `repr` escapes depends on those in the text around.
    plain = [secret, repr(secret)[1:-1], repr(secret + '"')[1:-2], repr(raw)[2:-1]]
    plain += [json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]]
    if any(sign in secret for sign in "&<>\"'"):
        plain += _in_html(secret)
    for _level in range(2):
        plain = list(dict.fromkeys([*plain, *(json.dumps(form)[1:-1] for form in plain)]))
    plain += [raw.hex(), raw.hex().upper()]
    for form in dict.fromkeys(plain):
        yield form
        if "/" in form:
            yield form.replace("/", "\\/")  # as PHP and others write JSON
    yield from _in_urls(secret)


def _in_html(secret: str) -> Iterator[str]:
    yield html.escape(secret, quote=False)
    for double in ("&quot;", "&#34;", '"'):
        for single in ("&#x27;", "&#39;", "&apos;", "'"):
            yield html.escape(secret, quote=False).replace('"', double).replace("'", single)
    # Go writes JSON so that it can stand in HTML.
    go = json.dumps(secret, ensure_ascii=False)[1:-1]
    yield go.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _in_urls(form: str) -> Iterator[str]:
    for safe in ("", "/", "/:@", "!~*'()"):  # as Python, browsers and others do it
        encoded = quote(form, safe=safe, errors="surrogateescape")
        for one in (encoded, re.sub("%..", lambda match: match[0].lower(), encoded)):
            yield one
            yield one.replace("%", "%25")


def _encoded(secret: str) -> Iterator[str]:
    """Base64 of the secret wherever it begins in what was encoded, also in JSON and URLs."""
    for form in dict.fromkeys(_base64(secret.encode("utf-8", "surrogateescape"))):
        yield form
        if "/" in form:
            yield form.replace("/", "\\/")
        yield from _in_urls(form)


def _base64(secret: bytes) -> Iterator[str]:
    """The characters that all of the secret and nothing else decides, for each of the three places in a group."""
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + secret).decode()
        inner = whole[-(-shift * 8 // 6) : (shift + len(secret)) * 8 // 6]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")


def values_in(text: str, forms: Forms, *, in_uri: bool = False, whole_words: bool = False) -> list[Span]:
    """Where a text holds a secret of the environment, in any form; they may overlap.

    With `whole_words` a secret in base64 takes the rest of that base64 with it: what stands beside it there depends on
    its length.
    """
    spans = []
    for written, form in forms.items():
        start = text.find(written)
        while start >= 0:
            end = start + len(written)
            place = _word_around(text, start, end, in_uri=in_uri) if whole_words and form.is_base64 else (start, end)
            spans.append(Span(*place, form.name))
            start = text.find(written, start + 1)
    return spans


def _word_around(text: str, start: int, end: int, *, in_uri: bool) -> tuple[int, int]:
    """The base64 word that this is a part of; the part itself where that is media."""
    before, after = (BEFORE_IN_URI, AFTER_IN_URI) if in_uri else (BEFORE, AFTER)
    rest = after.match(text, end, end + LONGEST_WORD)
    head = before.match(text[max(0, start - LONGEST_WORD) : start][::-1])
    first = start - (head.end() if head else 0)
    last = rest.end() if rest else end
    # The `n` of a line break that is written as `\\n` is no part of the word.
    escape = ESCAPE.match(text, first, start)
    first = escape.end() if escape else first
    is_media = last - first > LONGEST_WORD or text.endswith("base64,", 0, first)
    return (start, end) if is_media else (first, last)
