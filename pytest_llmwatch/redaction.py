"""What may stand in a file: headers by name, and no secret in a URL, a header, a body or a message.

A secret is what stands in a field that holds secrets (`api_key`), what looks like a key (`key_shapes`), and a value of
the environment (`environment_secrets`). The first two need no environment: a replay goes by them alone. In the place of
a secret stands its kind, `[redacted:api_key]`, and `~redacted.api_key~` where a URL or a form allows no brackets. Kinds
in capitals are variables.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from .aws_frames import Frame, framed, frames_of
from .environment_secrets import Forms, forms_of, values_in
from .errors import SettingError
from .json_leaves import Leaf, Path, leaves_of, place_in_literal
from .key_shapes import SHAPES, Span, may_hold_shape, shapes_in
from .request_key import IGNORED_QUERY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .exchange import Exchange, Headers, Request, Response

KEPT_REQUEST_HEADERS = re.compile(
    r"accept|content-type|content-encoding|anthropic-(?:version|beta)|openai-beta|x-stainless-(?:retry-count|lang|package-version)"
    r"|amz-sdk-request|x-amz-target|x-amzn-bedrock-(?:accept|save)|mcp-protocol-version"
)
KEPT_RESPONSE_HEADERS = re.compile(
    r"content-type|content-encoding|location|x-goog-upload-(?:url|status)|retry-after(?:-ms)?|x-should-retry"
    r"|openai-(?:model|processing-ms|version)|allow"
    r"|x-amzn-errortype|x-amzn-bedrock-.*|x-envoy-upstream-service-time|server-timing|x-gemini-service-tier"
    r"|(?:anthropic-)?x?-?ratelimit-.*|x-metrics-.*|num_tokens|x-inference-time"
)
URI_HEADERS = frozenset({"location", "x-goog-upload-url"})
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
# Random by nature, no secret, and needed byte for byte by the next request or by whoever looks at the picture.
OPAQUE_FIELDS = frozenset(
    {"encryptedcontent", "signature", "thoughtsignature", "b64json", "partialimageb64", "embedding", "bytes"}
    | {"bytesbase64encoded", "imagebytes", "videobytes", "filedata", "encryptedindex", "encryptedstdout"}
)
MEDIA = re.compile(r"[A-Za-z0-9+/_=-]{256,}")
LONG_KEYS = ("bedrock-api-key-", "ABSK", "IQoJb3JpZ2lu")
PLACEHOLDER = re.compile(r"\[redacted:[^\]\s]+\]|~redacted\.[^~\s]+~")
# Whether a text is a variable or looks like a key depends on the run; what stands in a field of a secret does not.
OF_THIS_RUN = re.compile(
    rf"\[redacted:(?:[A-Z0-9_]+|{'|'.join(sorted({shape.kind for shape in SHAPES if not shape.in_uri}))})\]"
    rf"|~redacted\.(?:[A-Z0-9_]+|{'|'.join(sorted({shape.kind for shape in SHAPES}))})~"
)
LONGEST_SECRET = 4096
NUMBER = "number"
SHORTEST_SECRET = 4
# What may stand for a secret, if it is not empty: no spaces, and no letters that only texts have.
RUN = re.compile(r"[!-~]*")
LOGIN = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#@]*@")
PARAMETER = re.compile(r"(?<=[?&#])([^=&#?]+)=([^&#]+)")
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
    spans = _not_exempt(text, spans, Secrets(exempt=compiled(exempt, setting="llm_not_secrets")))
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


def redacted(exchange: Exchange, secrets: Secrets = KNOWN) -> Exchange:
    """The exchange as it may be written, and its request as it is keyed. To do it again changes nothing."""
    response, failure = exchange.response, exchange.failure
    return replace(
        exchange,
        request=redacted_request(exchange.request, secrets),
        response=None if response is None else redacted_response(response, secrets),
        failure=None if failure is None else replace(failure, message=redacted_text(failure.message, secrets)),
    )


def redacted_request(request: Request, secrets: Secrets = KNOWN) -> Request:
    """The request as it may be written and keyed."""
    body = request.body
    return replace(
        request,
        uri=redacted_uri(request.uri, secrets),
        headers=_headers(request.headers, KEPT_REQUEST_HEADERS, secrets),
        body=redacted_body(body, request.header("content-type") or "", secrets) if body else body,
    )


def redacted_response(response: Response, secrets: Secrets = KNOWN) -> Response:
    """The response as it may be written."""
    return replace(
        response,
        reason=redacted_text(response.reason, secrets),
        headers=_headers(response.headers, KEPT_RESPONSE_HEADERS, secrets),
        body=redacted_body(response.body, response.header("content-type") or "", secrets),
    )


def kinds_replaced(before: Response, after: Response) -> list[str]:
    """Which kinds of secrets the redaction has taken out of an answer, each once."""
    new = Counter(_kinds_in(after))
    new.subtract(_kinds_in(before))
    return sorted(kind for kind, count in new.items() if count > 0)


def _kinds_in(response: Response) -> list[str]:
    said = "\n".join(value for name, value in response.headers if KEPT_RESPONSE_HEADERS.fullmatch(name.lower()))
    body = response.body
    frames, _rest = frames_of(body) if body[:1] == b"\0" else ([], b"")
    chunks = [_chunk_of(frame.payload) or frame.payload for frame in frames] or [body]
    text = "\n".join([said, *(chunk.decode("utf-8", "replace") for chunk in chunks)])
    return [found.strip("[]~").removeprefix("redacted")[1:] for found in PLACEHOLDER.findall(text)]


def redacted_text(text: str, secrets: Secrets = KNOWN) -> str:
    """A text that somebody is to read."""
    return _applied(text, _plain_spans(text, secrets))


def redacted_uri(uri: str, secrets: Secrets = KNOWN) -> str:
    """The URL without user and password, its secret parameters by name only; every other byte as it was."""
    if not secrets.forms and not secrets.patterns and _is_plain(uri):
        return uri
    if "@" in uri:
        uri = LOGIN.sub(r"\1", uri)
    spans = _plain_spans(uri, secrets, in_uri=True)
    if "?" in uri or "#" in uri:
        spans += [
            Span(*match.span(2), name)
            for match in PARAMETER.finditer(uri)
            if ((name := unquote_plus(match[1]).lower()) in IGNORED_QUERY or _normal(name) in SECRET_FIELDS)
            and not PLACEHOLDER.fullmatch(match[2])
        ]
    spans = _not_exempt(uri, spans, secrets)
    return _applied(uri, [replace(span, in_uri=True) for span in spans]) if spans else uri


def redacted_body(body: bytes, content_type: str, secrets: Secrets = KNOWN) -> bytes:
    """The body, every byte that is no secret as it was; frames of an AWS event stream get the right checksums."""
    if body[:1] == b"\0":
        frames, rest = frames_of(body)
        if frames:
            return _redacted_frames(frames, secrets) + _redacted_binary(rest, secrets)
    # A stream may have a key in pieces, which no search over the whole would find.
    if body[:1] == b"{" and b"\n{" not in body and not _may_hold(body, secrets):
        return body
    text = body.decode("utf-8", "surrogateescape")
    spans = _body_spans(text, content_type.lower(), secrets)
    return _applied(text, spans).encode("utf-8", "surrogateescape") if spans else body


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


def placeholder(span: Span) -> str:
    """What stands in the place of a secret; nothing in the place of its second piece."""
    if not span.kind:
        return ""
    if span.kind == NUMBER:
        return "0"
    return f"~redacted.{span.kind}~" if span.in_uri else f"[redacted:{span.kind}]"


def may_stand_for_another(key: str) -> bool:
    """Whether the key of a recorded request has a variable or what looked like a key in it."""
    return "redacted" in key and OF_THIS_RUN.search(key) is not None


def literal_in(text: str) -> tuple[str, ...]:
    """What looks in a text that nobody has redacted yet as if a replay might put something else in its place."""
    return tuple(sorted(set(OF_THIS_RUN.findall(text)))) if "redacted" in text else ()


def fits(recorded: str, text: str, literal: Collection[str] = ()) -> bool:
    """Whether a text is the recorded one, with nothing or a word in the place of each variable and each key.

    Those of `literal` the application has written itself: they stand for themselves.
    """
    pieces, end = [], 0
    for match in OF_THIS_RUN.finditer(recorded):
        if match[0] not in literal:
            pieces.append(recorded[end : match.start()])
            end = match.end()
    pieces.append(recorded[end:])
    if len(pieces) == 1 or not text.startswith(pieces[0]):
        return recorded == text
    ends = [len(pieces[0])]
    for piece in pieces[1:]:
        ends = _ends_after(text, piece, ends)
    return len(text) in ends


def _ends_after(text: str, piece: str, starts: list[int]) -> list[int]:
    """Where a piece can end that follows nothing or a word from one of these places."""
    ends: set[int] = set()
    done = -1
    for start in starts:
        run = RUN.match(text, start, start + LONGEST_SECRET)
        last = run.end() if run else start
        places = (start, *range(max(start + SHORTEST_SECRET, done + 1), last + 1))
        ends.update(place + len(piece) for place in places if text.startswith(piece, place))
        done = max(done, last)
    return sorted(ends)


def _applied(text: str, spans: Iterable[Span]) -> str:
    pieces, end = [], 0
    for span in merged(spans):
        pieces += [text[end : span.start], placeholder(span)]
        end = span.end
    return "".join([*pieces, text[end:]])


def _headers(headers: Headers, names: re.Pattern[str], secrets: Secrets) -> Headers:
    kept = tuple((name.lower(), value) for name, value in headers if names.fullmatch(name.lower()))
    together = "\n".join(value for _name, value in kept)
    if not secrets.forms and not secrets.patterns and _is_plain(together):
        return kept
    return tuple(
        (name, redacted_uri(value, secrets) if name in URI_HEADERS else redacted_text(value, secrets))
        for name, value in kept
    )


def _plain_spans(text: str, secrets: Secrets, *, in_uri: bool = False) -> list[Span]:
    spans = shapes_in(text, secrets.patterns)
    if secrets.forms:
        spans += values_in(text, secrets.forms, in_uri=in_uri, whole_words=True)
    return _not_exempt(text, spans, secrets)


def _values(text: str, secrets: Secrets) -> list[Span]:
    return _not_exempt(text, values_in(text, secrets.forms), secrets)


def _not_exempt(text: str, spans: list[Span], secrets: Secrets) -> list[Span]:
    if not spans or not secrets.exempt:
        return spans
    kept = [found.span() for one in secrets.exempt for found in one.finditer(text)]
    return [span for span in spans if not any(start <= span.start and span.end <= end for start, end in kept)]


@functools.lru_cache(maxsize=1024)  # few URLs and headers, many times
def _is_plain(text: str) -> bool:
    return not any(sign in text for sign in "?@#") and not may_hold_shape(text.encode("utf-8", "surrogateescape"))


def _may_hold(body: bytes, secrets: Secrets) -> bool:
    return bool(secrets.patterns or secrets.forms) or may_hold_shape(body) or _may_hold_field(body)


def _may_hold_field(body: bytes) -> bool:
    plain = body.translate(SMALL_LETTERS, b"-_")
    for tell in FIELD_TELLS:  # noqa: SIM110 - a generator costs as much as the searches
        if tell in plain:
            return True
    return False


def _normal(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _secret_field(names: tuple[str, ...]) -> str | None:
    """The secret field that a text under these keys belongs to."""
    name = names[-1] if names else ""
    if _normal(name) in SECRET_FIELDS:
        return name.lower()
    if len(names) > 1 and names[-2].lower() in HOLDERS and SECRET_HEADER.fullmatch(name):
        return name.lower()
    if name in DESCRIPTIONS:
        return None
    inside = ((above, one) for above, one in zip(("", *names), names[:-1], strict=False) if above not in SCHEMAS)
    return next((one.lower() for _above, one in inside if _normal(one) in SECRET_FIELDS), None)


def _secret_fields(leaves: list[Leaf]) -> dict[Path, str]:
    """The places of values whose names stand beside them: `{"name": "X-Api-Key", "value": ...}`."""
    fields: dict[Path, str] = {}
    for leaf in leaves:
        if leaf.is_key or leaf.names[-1:] not in (("name",), ("key",)):
            continue
        is_header = "headers" in leaf.names and SECRET_HEADER.fullmatch(leaf.text) is not None
        if is_header or _normal(leaf.text) in SECRET_FIELDS:
            fields[*leaf.path[:-1], "value"] = leaf.text.lower()
    return fields


def _body_spans(text: str, kind: str, secrets: Secrets) -> list[Span]:
    if kind.startswith("multipart/"):
        return _multipart_spans(text, secrets)
    if SURROGATE.search(text):
        return _values(text, secrets)  # no text: what looks like a key there may be a part of a picture
    # urllib and curl call every body a form unless they are told otherwise.
    if kind.startswith("application/x-www-form-urlencoded") and text[:1] not in "{[":
        return _form_spans(text, secrets)
    return _text_spans(text, secrets)


def _form_spans(text: str, secrets: Secrets) -> list[Span]:
    fields = [
        Span(*match.span(2), name)
        for match in PAIR.finditer(text)
        if _normal(name := unquote_plus(match[1]).lower()) in SECRET_FIELDS and not PLACEHOLDER.fullmatch(match[2])
    ]
    spans = [*_not_exempt(text, fields, secrets), *_plain_spans(text, secrets, in_uri=True)]
    return [replace(span, in_uri=True) for span in spans]


def _multipart_spans(text: str, secrets: Secrets) -> list[Span]:
    spans = _values(text, secrets)
    end = 0
    while (head := text.find("\r\n\r\n", end)) >= 0 and (last := text.find("\r\n--", start := head + 4)) >= 0:
        name, content = PART_NAME.search(text, end, head), text[start:last]
        end = last
        if SURROGATE.search(content) or "\0" in content:
            continue
        if name is not None and _normal(name[1]) in SECRET_FIELDS and content and not PLACEHOLDER.fullmatch(content):
            spans += _moved(_not_exempt(content, [Span(0, len(content), name[1].lower())], secrets), start)
        spans += _moved(_text_spans(content, secrets), start)
    return spans


def _moved(spans: Iterable[Span], by: int) -> list[Span]:
    return [replace(span, start=span.start + by, end=span.end + by) for span in spans]


def _text_spans(text: str, secrets: Secrets) -> list[Span]:
    """The secrets of a text that is JSON, a stream of JSON values, or prose."""
    if EVENTS.match(text):
        lines = [match.span(1) for match in DATA_LINE.finditer(text)]
        spans = _spans_of_leaves(text, _leaves_of_lines(text, lines), secrets)
        return spans + shapes_in(_without(text, lines), secrets.patterns) + _values(text, secrets)
    first = text.lstrip()[:1]
    if first not in ("{", "[", '"'):
        return _plain_spans(text, secrets)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        lines = [match.span() for match in re.finditer(r"[^\r\n]+", text)]
        if len(lines) > 1 and all(text[start] in '{["' for start, _end in lines):
            return _spans_of_leaves(text, _leaves_of_lines(text, lines), secrets) + _values(text, secrets)
        # Cut short, or no JSON at all.
        return _spans_of_leaves(text, leaves_of(text), secrets) + _plain_spans(text, secrets)
    leaves = leaves_of(text)
    if first == "[":  # Gemini's streams without `alt=sse`: each item is an event
        for leaf in leaves:
            leaf.place = ("[]", *leaf.place[2:]) if len(leaf.place) > 2 else leaf.place
    return _spans_of_leaves(text, leaves, secrets) + _values(text, secrets)


def _without(text: str, lines: Iterable[tuple[int, int]]) -> str:
    """The text with nothing to be found in these lines, and everything else in its place."""
    pieces, at = [], 0
    for start, end in lines:
        pieces += [text[at:start], "\0" * (end - start)]
        at = end
    return "".join([*pieces, text[at:]])


def _leaves_of_lines(text: str, lines: Iterable[tuple[int, int]]) -> list[Leaf]:
    leaves: list[Leaf] = []
    for start, end in lines:
        found = leaves_of(text, start, end) if text[start : start + 1] in ("{", "[", '"') else []
        leaves += found or [Leaf(text[start:end], start, end, (), ("",))]
    return leaves


def _spans_of_leaves(text: str, leaves: list[Leaf], secrets: Secrets) -> list[Span]:
    spans: list[Span] = []
    places: dict[object, list[Leaf]] = {}
    fields = _secret_fields(leaves)
    for leaf in leaves:
        if leaf.is_number:
            spans += _not_exempt(text, _number_spans(leaf), secrets)
            continue
        field = None if leaf.is_key else fields.get(leaf.path) or _secret_field(leaf.names)
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
    is_secret = _normal(leaf.names[-1]) in SECRET_FIELDS and leaf.text != "0"
    return [Span(leaf.start, leaf.end, NUMBER)] if is_secret else []


def _spans_across(text: str, pieces: list[Leaf], secrets: Secrets) -> list[Span]:
    """What only the pieces together say: the placeholder is in the first, nothing in the others."""
    if len({piece.text for piece in pieces}) == 1:
        return []
    whole = "".join(piece.text for piece in pieces)
    found = merged(_string_spans(whole, pieces[0].names, secrets) if _secret_field(pieces[0].names) is None else [])
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
        return _not_exempt(text, [] if PLACEHOLDER.fullmatch(text) else [Span(0, len(text), field)], secrets)
    spans: list[Span] = []
    is_opaque = _is_opaque(text, names)
    if not is_opaque:
        if text.lstrip()[:1] in ("{", "["):
            spans += _nested_fields(text)
        spans += shapes_in(text, secrets.patterns)
    if secrets.forms:
        spans += values_in(text, secrets.forms, whole_words=not is_opaque)
    return _not_exempt(text, spans, secrets)


def _is_opaque(text: str, names: tuple[str, ...]) -> bool:
    if names and _normal(names[-1]) in OPAQUE_FIELDS:
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
    fields = _secret_fields(leaves)
    for leaf in leaves:
        if leaf.is_number:
            spans += _number_spans(leaf)
        elif leaf.is_key or not leaf.text or PLACEHOLDER.fullmatch(leaf.text):
            continue
        elif field := fields.get(leaf.path) or _secret_field(leaf.names):
            spans.append(Span(leaf.start, leaf.end, field))
        elif leaf.text.lstrip()[:1] in ("{", "["):
            for found in _nested_fields(leaf.text):
                start, end = place_in_literal(text, leaf, found.start, found.end)
                spans.append(replace(found, start=start, end=end))
    return spans


def _redacted_binary(body: bytes, secrets: Secrets) -> bytes:
    text = body.decode("utf-8", "surrogateescape")
    return _applied(text, _values(text, secrets)).encode("utf-8", "surrogateescape")


def _redacted_frames(frames: list[Frame], secrets: Secrets) -> bytes:
    inner = [_chunk_of(frame.payload) for frame in frames]
    texts = [
        (frame.payload if chunk is None else chunk).decode("utf-8", "surrogateescape")
        for frame, chunk in zip(frames, inner, strict=True)
    ]
    whole, lines, start = "\n".join(texts), [], 0
    for text in texts:
        lines.append((start, start + len(text)))
        start += len(text) + 1
    spans = merged(_spans_of_leaves(whole, _leaves_of_lines(whole, lines), secrets) + _values(whole, secrets))
    result = []
    for frame, chunk, text, (start, end) in zip(frames, inner, texts, lines, strict=True):
        own = _moved((span for span in spans if start <= span.start < end), -start)
        payload = frame.payload
        if own:
            changed = _applied(text, own).encode("utf-8", "surrogateescape")
            payload = changed if chunk is None else _with_chunk(payload, changed)
        result.append(framed(replace(frame, payload=payload)))
    return b"".join(result)


def _chunk_of(payload: bytes) -> bytes | None:
    """What Bedrock's `InvokeModelWithResponseStream` wraps: the model's own JSON as base64 in a field `bytes`."""
    try:
        value = json.loads(payload)
        return base64.b64decode(value["bytes"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error):
        return None


def _with_chunk(payload: bytes, chunk: bytes) -> bytes:
    text = payload.decode()
    leaf = next(leaf for leaf in leaves_of(text) if leaf.names[-1:] == ("bytes",) and not leaf.is_key)
    return (text[: leaf.start] + base64.b64encode(chunk).decode() + text[leaf.end :]).encode()
