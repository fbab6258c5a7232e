"""What a key looks like: the shapes that vendors give their keys, credentials in headers, signatures of URLs.

Only what stands free is a key: `sk-` in the middle of base64 is not. What is made of words (`sk-your-key-goes-here`) is
no key either; see `looks_random`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

RUN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+|[!#$%&*+=?^~@]+")
PIECE = re.compile(r"[A-Za-z0-9!#$%&*+=?^~@]+")
HEX = re.compile(r"(?=.*\d.*\d)(?=.*[a-fA-F].*[a-fA-F])[0-9a-fA-F]{16,}")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{6}", re.IGNORECASE)
NUMBER = re.compile(r"(?<![A-Za-z0-9])\d+(?![A-Za-z0-9])")
VOWELS = re.compile(r"[aeiouy]", re.IGNORECASE)
DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:?\d\d(?::?\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")


@dataclass(frozen=True, slots=True)
class Span:
    """A secret in a text: where, and of which kind; `in_uri` where only characters of URLs may take its place."""

    start: int
    end: int
    kind: str
    in_uri: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of secret. A text without any of the `tells` has none; group 1 of the pattern is the secret."""

    kind: str
    tells: tuple[str, ...]
    pattern: re.Pattern[str]
    is_real: Callable[[str], bool] = lambda _secret: True
    in_uri: bool = False


def looks_random(text: str) -> bool:
    """Whether a generator made this: letters of both cases, digits and signs change too often for words.

    Words, names, dates, versions and model names do not; a random text of eight or nine characters may not either.
    """
    if len(text) < 8 or len(set(text)) < 6 or DATE.fullmatch(text):
        return False
    pieces = PIECE.findall(text)
    if UUID.search(text) or any(HEX.fullmatch(piece) or _is_odd_word(piece) for piece in pieces):
        return True
    changes = sum(len(RUN.findall(piece)) - 1 for piece in pieces)
    length = sum(map(len, pieces))
    return changes >= (3 if length < 12 else 4) and length <= 4 * changes


def _is_odd_word(piece: str) -> bool:
    if piece.isdecimal():
        return len(piece) >= 20
    if len(piece) < 12 or not piece.isalpha():
        return len(piece) >= 16 and not piece.isalpha() and len(RUN.findall(piece)) >= 4
    return bool(CONSONANTS.search(piece)) or 5 * len(VOWELS.findall(piece)) < len(piece)


def _is_key(key: str) -> bool:
    """Whether a generator made this, and not a counter: `sk-1234567890123456789012` is the number of a parcel."""
    return UUID.search(key) is not None or looks_random(NUMBER.sub("", key))


def _is_login(encoded: str) -> bool:
    """Whether this is the base64 of `user:password`."""
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_" if "-" in encoded else None)
        return b":" in decoded and decoded.decode().isprintable()
    except (binascii.Error, ValueError):
        return False


def _is_no_example(key: str) -> bool:
    return "EXAMPLE" not in key


def _key(kind: str, prefix: str, rest: str, *tells: str, is_real: Callable[[str], bool] = _is_key) -> Shape:
    pattern = re.compile(rf"(?<![A-Za-z0-9+/_-])({prefix}{rest})(?![A-Za-z0-9])")
    return Shape(kind, tells or (prefix,), pattern, is_real)


def _parameter(kind: str, names: str, value: str, *tells: str) -> Shape:
    """A part of a URL's query that opens what it points to."""
    pattern = re.compile(rf"[?&;](?:{names})=(?!~redacted)({value})", re.IGNORECASE)
    return Shape(kind, tells, pattern, in_uri=True)


ALNUM, WORD = "[A-Za-z0-9]", "[A-Za-z0-9_-]"
SHAPES = (
    _key("sk-key", "sk-", f"{WORD}{{16,}}"),
    _key("sk-key", "[sr]k_(?:live_|test_)?", f"{ALNUM}{{24,}}", "sk_", "rk_"),
    _key("openai-client-secret", "ek_", f"{ALNUM}{{20,}}"),
    _key("google-key", "AIza", f"{WORD}{{35}}"),
    _key("google-key", "GOCSPX-", f"{WORD}{{20,}}"),
    _key("google-token", r"ya29\.", r"[A-Za-z0-9_.-]{20,}", "ya29."),
    _key("google-token", "1//0", f"{WORD}{{20,}}"),
    _key("groq-key", "gsk_", f"{ALNUM}{{20,}}"),
    _key("xai-key", "xai-", f"{ALNUM}{{20,}}"),
    _key("cerebras-key", "csk-", f"{ALNUM}{{20,}}"),
    _key("huggingface-token", "(?:hf|api_org)_", f"{ALNUM}{{20,}}", "hf_", "api_org_"),
    _key("replicate-token", "r8_", f"{ALNUM}{{20,}}"),
    _key("perplexity-key", "pplx-", f"{ALNUM}{{20,}}"),
    _key("nvidia-key", "nvapi-", f"{WORD}{{20,}}"),
    _key("fireworks-key", "fw_", f"{ALNUM}{{16,}}"),
    _key("together-key", "tgp_v1_", f"{WORD}{{20,}}"),
    _key("tavily-key", "tvly-", f"{WORD}{{16,}}"),
    _key("databricks-token", "dapi", "[0-9a-f]{32}(?:-[0-9])?"),
    _key("jina-key", "jina_", f"{WORD}{{24,}}"),
    _key("voyage-key", "pa-", f"{WORD}{{36,}}"),
    _key("pinecone-key", "pcsk_", f"{WORD}{{24,}}"),
    _key("langsmith-key", "(?:lsv2_(?:pt|sk)|ls__)_?", "[0-9a-f_]{24,}", "lsv2_", "ls__"),
    _key("e2b-key", "e2b_", "[0-9a-f]{24,}"),
    _key("vercel-key", "vck_", f"{ALNUM}{{24,}}"),
    _key("azure-key", f"{ALNUM}{{52}}JQQJ99", f"{ALNUM}{{26}}", "JQQJ99"),
    _key("bedrock-key", "(?:ABSK|bedrock-api-key-)", "[A-Za-z0-9+/=]{60,}", "ABSK", "bedrock-api-key-"),
    _key("aws-key-id", "A(?:KI|SI|BI|CC)A", "[A-Z0-9]{16}", "AKIA", "ASIA", "ABIA", "ACCA", is_real=_is_no_example),
    _key("aws-session-token", "IQoJb3JpZ2lu", "[A-Za-z0-9+/=%]{80,}", is_real=_is_no_example),
    _key("github-token", "gh[pousr]_", f"{ALNUM}{{30,}}", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    _key("github-token", "github_pat_", "[A-Za-z0-9_]{30,}"),
    _key("gitlab-token", "gl(?:pat|ptt|rt)-", r"[A-Za-z0-9_.-]{16,}", "glpat-", "glptt-", "glrt-"),
    _key("slack-token", "(?:xox[abceoprs]|xapp)-", "[A-Za-z0-9-]{12,}", "xox", "xapp-"),
    _key("npm-token", "npm_", f"{ALNUM}{{30,}}"),
    _key("pypi-token", "pypi-AgE", f"{WORD}{{40,}}"),
    _key("sendgrid-key", r"SG\.", rf"{WORD}{{16,}}\.{WORD}{{16,}}", "SG."),
    _key("digitalocean-token", "do[opr]_v1_", "[0-9a-f]{40,}", "_v1_"),
    _key("jwt", r"eyJ[A-Za-z0-9_-]{8,}\.", rf"(?:eyJ{WORD}{{8,}}\.{WORD}{{8,}}|{WORD}*(?:\.{WORD}+){{3}})", "eyJ"),
    Shape(
        "private-key",
        ("PRIVATE KEY-----",),
        re.compile(
            r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:(?!-----BEGIN )[A-Za-z0-9+/=\s\\:,.-]){32,}?"
            r"(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z))"
        ),
    ),
    Shape(
        "slack-webhook",
        ("hooks.slack.com/",),
        re.compile(r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/]{20,})"),
        in_uri=True,
    ),
    Shape(
        "bearer",
        ("earer ", "earer%20", "earer+", "EARER "),
        re.compile(r"(?<![A-Za-z0-9])[Bb](?:earer|EARER)(?: +|%20|\+)([A-Za-z0-9._~+/=-]{16,})"),
        looks_random,
    ),
    Shape(
        "basic",
        ("asic ", "asic%20"),
        re.compile(r"(?<![A-Za-z0-9])[Bb]asic(?: +|%20)([A-Za-z0-9+/_-]{8,}={0,2})(?![A-Za-z0-9])"),
        _is_login,
    ),
    Shape("aws-credential", ("redential=",), re.compile(r"Credential=([A-Za-z0-9]{12,})(?=/\d{8}/)"), _is_no_example),
    Shape("aws-signature", ("ignature=",), re.compile(r"\bSignature=([0-9a-f]{64})(?![A-Za-z0-9])")),
    Shape(
        "password",
        ("://",),
        re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/:@\"'<>]*:([^\s/@\"'<>]+)@"),
        looks_random,
        in_uri=True,
    ),
    _parameter(
        "signature",
        "x-(?:amz|goog|oss)-(?:signature|credential|security-token)",
        r"[^&\s\"'<>\\#;)\]}]+",
        *("ignature=", "redential=", "ecurity-Token=", "ecurity-token="),
    ),
    _parameter("signature", "sig|signature", r"[A-Za-z0-9%+/=_~-]{20,}", "sig=", "ignature="),
)
BYTE_TELLS = tuple(dict.fromkeys(tell.encode() for shape in SHAPES for tell in shape.tells))
# The characters of keys and of URLs' queries; a run of so many is long.
WORD_MARKS = bytes(
    ord("w") if chr(code).isascii() and (chr(code).isalnum() or chr(code) in "-_.~%+/=&") else 32 for code in range(256)
)
LONG_WORD = b"w" * 15
MEDIA_LENGTH = 1024
SHORTEST = len("Basic dTpwYXNz")
ESCAPED_SLASH = re.compile(rb"(?<!\\)\\+/")
DATA_URL = re.compile(r"data:[\w.+/-]*(?:;[\w.+=-]+)*;base64,[A-Za-z0-9+/=_%-]*")


def may_hold_shape(text: bytes) -> bool:
    """Whether it is worth while to look closer: quick, also over megabytes of media, and never wrong when it says no.

    All but a few shapes are long words, and prose has none.
    """
    if b"\\u00" in text:  # a letter of a key may be written so
        return True
    if b"\\/" in text:
        text = ESCAPED_SLASH.sub(b"/", text)
    if b"asic" in text or b"PRIVATE KEY-----" in text or (b"://" in text and b"@" in text):
        return True
    words = _long_words(text)
    if not words:
        return False
    if b"earer" in text or b"EARER" in text:
        return True
    together = b" ".join(words)
    for tell in BYTE_TELLS:  # noqa: SIM110 - a generator costs as much as the searches
        if tell in together:
            return True
    return False


def _long_words(text: bytes) -> list[bytes]:
    marks = text.translate(WORD_MARKS)
    words = []
    start = marks.find(LONG_WORD)
    while start >= 0:
        end = marks.find(b" ", start)
        end = len(text) if end < 0 else end
        word = text[start:end] if end - start < MEDIA_LENGTH else text[start:end].rstrip(b"=")
        # A key stands free, so that inside plain base64 it could only be the beginning.
        is_media = len(word) >= MEDIA_LENGTH and not any(sign in word for sign in (b".", b"=", b"%", b"~", b"&"))
        words.append(word[:64] if is_media else word)
        start = marks.find(LONG_WORD, end)
    return words


def shapes_in(text: str, patterns: Iterable[re.Pattern[str]] = ()) -> list[Span]:
    """The keys in a text, and what `patterns` match; they may overlap."""
    is_worth_while = len(text) >= SHORTEST and may_hold_shape(text.encode("utf-8", "surrogatepass"))
    spans = [
        Span(*match.span(1), shape.kind, shape.in_uri)
        for shape in (SHAPES if is_worth_while else ())
        if any(tell in text for tell in shape.tells)
        for match in shape.pattern.finditer(text)
        if shape.is_real(match[1])
    ]
    if spans and "data:" in text:
        media = [match.span() for match in DATA_URL.finditer(text)]
        spans = [span for span in spans if not any(start <= span.start < end for start, end in media)]
    spans += [Span(*found.span(), "pattern") for one in patterns for found in one.finditer(text) if found[0]]
    return spans
