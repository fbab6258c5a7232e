"""Where secrets stand in a text: plain, a URL, a form, a multipart body, JSON, a stream of JSON values.

A secret is what stands in a field that holds secrets (`secret_fields`), what looks like a key (`key_shapes`), and a
value of the environment (`environment_secrets`). The first two need no environment: a replay goes by them alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from .environment_secrets import Forms, forms_of, values_in
from .errors import SettingError
from .json_leaves import Leaf, leaves_of, place_in_literal
from .key_shapes import Span, shapes_in
from .placeholders import NUMBER, PLACEHOLDER
from .secret_fields import SECRET_FIELDS, normal, secret_field, secret_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Random by nature, no secret, and needed byte for byte by the next request or by whoever looks at the picture.
OPAQUE_FIELDS = frozenset(
    {"encryptedcontent", "signature", "thoughtsignature", "b64json", "partialimageb64", "embedding", "bytes"}
    | {"bytesbase64encoded", "imagebytes", "videobytes", "filedata", "encryptedindex", "encryptedstdout"}
)
MEDIA = re.compile(r"[A-Za-z0-9+/_=-]{256,}")
LONG_KEYS = ("bedrock-api-key-", "ABSK", "IQoJb3JpZ2lu")
PAIR = re.compile(r"(?:^|(?<=&))([^=&]+)=([^&]+)")
PART_NAME = re.compile(r'content-disposition:[^\r\n]{0,1000}?[; ]name="?([^";\r\n]+)', re.IGNORECASE)
# Beside what an event says, JSON on a line of its own: what only begins like a stream may be anything.
DATA_LINE = re.compile(r"^(?:data: ?|[ \t]*(?=[{\[\"]))([^\r\n]*)", re.MULTILINE)
EVENTS = re.compile(r"\s*(?:data|event|id|retry)?:")
SURROGATE = re.compile("[\udc80-\udcff]")
Patterns = tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What is secret beside known fields and shapes, and what is not.

    Attributes:
        patterns: Those of `llm_secret_patterns` and of the hook.
        exempt: Those of `llm_not_secrets`; what lies in a match of one stays.
        forms: The values of the environment (`forms_of`); none at replay.
    """

    patterns: Patterns = ()
    exempt: Patterns = ()
    forms: Forms = field(default_factory=dict)


KNOWN = Secrets()


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret in a text: its kind (that of a key, or the name of a variable) and the line, from 1."""

    kind: str
    line: int


def findings_in(
    text: str,
    *,
    environ: Mapping[str, str] | None = None,
    patterns: Iterable[str] = (),
    exempt: Iterable[str] = (),
) -> list[Finding]:
    """The secrets that stand in a text, such as a whole cassette: keys, values of the environment, signed URLs.

    Raises:
        SettingError: a pattern does not compile.
    """
    spans = shapes_in(text, compiled(patterns)) + values_in(text, forms_of(environ or {}))
    spans = not_exempt(text, spans, Secrets(exempt=compiled(exempt, setting="llm_not_secrets")))
    return [Finding(span.kind, text.count("\n", 0, span.start) + 1) for span in merged(spans)]


def compiled(patterns: Iterable[str | re.Pattern[str]], *, setting: str = "llm_secret_patterns") -> Patterns:
    """The patterns of a setting and of the hook.

    Raises:
        SettingError: one does not compile.
    """
    made = []
    for pattern in patterns:
        try:
            made.append(re.compile(pattern))
        except (re.error, TypeError) as error:
            raise SettingError(f"{setting}: {pattern!r} does not compile: {error}") from error
    return tuple(made)


def merged(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that overlap as one, of the kind that reaches furthest.

    Where a value of the environment is only partly inside a key, the kind is the variable: a replay, which does not
    know the variable, makes another text of it, and a variable stands for any text there.
    """
    result: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        before = result[-1] if result else None
        if before is None or span.start >= before.end:
            result.append(span)
        elif span.end > before.end:
            kept = span if span.kind.isupper() else before
            result[-1] = replace(kept, start=before.start, end=span.end)
    return result


def plain_spans(text: str, secrets: Secrets, *, in_uri: bool = False) -> list[Span]:
    """The secrets of a text without fields, and of a URL apart from its parameters."""
    spans = shapes_in(text, secrets.patterns)
    if secrets.forms:
        spans += values_in(text, secrets.forms, in_uri=in_uri, whole_words=True)
    return not_exempt(text, spans, secrets)


def values_of_environment(text: str, secrets: Secrets) -> list[Span]:
    """The values of the environment in a text, and nothing that only looks like a key."""
    return not_exempt(text, values_in(text, secrets.forms), secrets)


def not_exempt(text: str, spans: list[Span], secrets: Secrets) -> list[Span]:
    """Those of the spans that no pattern of `llm_not_secrets` covers."""
    if not spans or not secrets.exempt:
        return spans
    kept = [found.span() for one in secrets.exempt for found in one.finditer(text)]
    return [span for span in spans if not any(start <= span.start and span.end <= end for start, end in kept)]


def body_spans(text: str, kind: str, secrets: Secrets) -> list[Span]:
    """The secrets of a body, by its content type in small letters."""
    if kind.startswith("multipart/"):
        return _multipart_spans(text, secrets)
    if SURROGATE.search(text):
        return values_of_environment(text, secrets)  # no text: what looks like a key there may be a part of a picture
    # urllib and curl call every body a form unless they are told otherwise.
    if kind.startswith("application/x-www-form-urlencoded") and text[:1] not in "{[":
        return _form_spans(text, secrets)
    return _text_spans(text, secrets)


def _form_spans(text: str, secrets: Secrets) -> list[Span]:
    fields = [
        Span(*match.span(2), name)
        for match in PAIR.finditer(text)
        if normal(name := unquote_plus(match[1]).lower()) in SECRET_FIELDS and not PLACEHOLDER.fullmatch(match[2])
    ]
    spans = [*not_exempt(text, fields, secrets), *plain_spans(text, secrets, in_uri=True)]
    return [replace(span, in_uri=True) for span in spans]


def _multipart_spans(text: str, secrets: Secrets) -> list[Span]:
    spans = values_of_environment(text, secrets)
    end = 0
    while (head := text.find("\r\n\r\n", end)) >= 0 and (last := text.find("\r\n--", start := head + 4)) >= 0:
        name, content = PART_NAME.search(text, end, head), text[start:last]
        end = last
        if SURROGATE.search(content) or "\0" in content:
            continue
        if name is not None and normal(name[1]) in SECRET_FIELDS and content and not PLACEHOLDER.fullmatch(content):
            spans += moved(not_exempt(content, [Span(0, len(content), name[1].lower())], secrets), start)
        spans += moved(_text_spans(content, secrets), start)
    return spans


def moved(spans: Iterable[Span], by: int) -> list[Span]:
    """The spans of a part of a text, as spans of the whole."""
    return [replace(span, start=span.start + by, end=span.end + by) for span in spans]


def _text_spans(text: str, secrets: Secrets) -> list[Span]:
    """The secrets of a text that is JSON, a stream of JSON values, or prose."""
    if EVENTS.match(text):
        lines = [match.span(1) for match in DATA_LINE.finditer(text)]
        spans = spans_of_leaves(text, leaves_of_lines(text, lines), secrets)
        return spans + shapes_in(_without(text, lines), secrets.patterns) + values_of_environment(text, secrets)
    first = text.lstrip()[:1]
    if first not in ("{", "[", '"'):
        return plain_spans(text, secrets)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        lines = [match.span() for match in re.finditer(r"[^\r\n]+", text)]
        if len(lines) > 1 and all(text[start] in '{["' for start, _end in lines):
            return spans_of_leaves(text, leaves_of_lines(text, lines), secrets) + values_of_environment(text, secrets)
        # Cut short, or no JSON at all.
        return spans_of_leaves(text, leaves_of(text), secrets) + plain_spans(text, secrets)
    leaves = leaves_of(text)
    if first == "[":  # Gemini's streams without `alt=sse`: each item is an event
        for leaf in leaves:
            leaf.place = ("[]", *leaf.place[2:]) if len(leaf.place) > 2 else leaf.place
    return spans_of_leaves(text, leaves, secrets) + values_of_environment(text, secrets)


def _without(text: str, lines: Iterable[tuple[int, int]]) -> str:
    """The text with nothing to be found in these lines, and everything else in its place."""
    pieces, at = [], 0
    for start, end in lines:
        pieces += [text[at:start], "\0" * (end - start)]
        at = end
    return "".join([*pieces, text[at:]])


def leaves_of_lines(text: str, lines: Iterable[tuple[int, int]]) -> list[Leaf]:
    """The leaves of the JSON on each of these lines; a line without JSON is a leaf itself."""
    leaves: list[Leaf] = []
    for start, end in lines:
        found = leaves_of(text, start, end) if text[start : start + 1] in ("{", "[", '"') else []
        leaves += found or [Leaf(text[start:end], start, end, (), ("",))]
    return leaves


def spans_of_leaves(text: str, leaves: list[Leaf], secrets: Secrets) -> list[Span]:
    """The secrets of the leaves of JSON, and those that only several leaves of one place say together."""
    spans: list[Span] = []
    places: dict[object, list[Leaf]] = {}
    fields = secret_fields(leaves)
    for leaf in leaves:
        if leaf.is_number:
            spans += not_exempt(text, _number_spans(leaf), secrets)
            continue
        field = None if leaf.is_key else fields.get(leaf.path) or secret_field(leaf.names)
        for found in _string_spans(leaf.text, leaf.names, secrets, field):
            start, end = place_in_literal(text, leaf, found.start, found.end)
            spans.append(replace(found, start=start, end=end))
        if not leaf.is_key:
            places.setdefault(leaf.place, []).append(leaf)
    for pieces in places.values():
        if len(pieces) > 1:
            spans += _spans_across(text, pieces, secrets)
    return spans


def _number_spans(leaf: Leaf) -> list[Span]:
    # A zero is a number wherever it stands; a placeholder would need as many quotes and escapes as the JSON is deep.
    is_secret = normal(leaf.names[-1]) in SECRET_FIELDS and leaf.text != "0"
    return [Span(leaf.start, leaf.end, NUMBER)] if is_secret else []


def _spans_across(text: str, pieces: list[Leaf], secrets: Secrets) -> list[Span]:
    """What only the pieces together say: the placeholder is in the first, nothing in the others."""
    if len({piece.text for piece in pieces}) == 1:
        return []
    whole = "".join(piece.text for piece in pieces)
    found = merged(_string_spans(whole, pieces[0].names, secrets) if secret_field(pieces[0].names) is None else [])
    spans: list[Span] = []
    at = 0
    for piece in pieces:
        after = at + len(piece.text)
        for span in found:
            start, end = max(span.start, at), min(span.end, after)
            if start < end and not (at <= span.start and span.end <= after):
                place = place_in_literal(text, piece, start - at, end - at)
                spans.append(Span(*place, span.kind if start == span.start else "", span.in_uri))
        at = after
    return spans


def _string_spans(text: str, names: tuple[str, ...], secrets: Secrets, field: str | None = None) -> list[Span]:
    if not text:
        return []
    if field is not None:
        return not_exempt(text, [] if PLACEHOLDER.fullmatch(text) else [Span(0, len(text), field)], secrets)
    spans: list[Span] = []
    is_opaque = _is_opaque(text, names)
    if not is_opaque:
        if text.lstrip()[:1] in ("{", "["):
            spans += _nested_fields(text)
        spans += shapes_in(text, secrets.patterns)
    if secrets.forms:
        spans += values_in(text, secrets.forms, whole_words=not is_opaque)
    return not_exempt(text, spans, secrets)


def _is_opaque(text: str, names: tuple[str, ...]) -> bool:
    if names and normal(names[-1]) in OPAQUE_FIELDS:
        return True
    return len(text) >= 256 and MEDIA.fullmatch(text) is not None and not text.startswith(LONG_KEYS)


def _nested_fields(text: str) -> list[Span]:
    """Secret fields of JSON inside a string, such as the arguments of a tool."""
    try:
        json.loads(text, strict=False)
    except RecursionError:
        return []
    except ValueError:
        if not re.match(r'\s*\[?\s*\{\s*"', text):
            return []  # else it is JSON that was cut short
    spans = []
    leaves = leaves_of(text)
    fields = secret_fields(leaves)
    for leaf in leaves:
        if leaf.is_number:
            spans += _number_spans(leaf)
        elif leaf.is_key or not leaf.text or PLACEHOLDER.fullmatch(leaf.text):
            continue
        elif field := fields.get(leaf.path) or secret_field(leaf.names):
            spans.append(Span(leaf.start, leaf.end, field))
        elif leaf.text.lstrip()[:1] in ("{", "["):
            for found in _nested_fields(leaf.text):
                start, end = place_in_literal(text, leaf, found.start, found.end)
                spans.append(replace(found, start=start, end=end))
    return spans
