"""What may stand in a file: headers by name, and no secret in a URL, a header, a body or a message."""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from .aws_frames import Frame, framed, frames_of
from .json_leaves import leaves_of
from .key_shapes import Span, may_hold_shape
from .placeholders import PLACEHOLDER, placeholder
from .request_key import IGNORED_QUERY
from .secret_fields import SECRET_FIELDS, may_hold_field, normal
from .secret_spans import (
    KNOWN,
    Secrets,
    body_spans,
    leaves_of_lines,
    merged,
    moved,
    not_exempt,
    plain_spans,
    spans_of_leaves,
    values_of_environment,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

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
LOGIN = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#@]*@")
PARAMETER = re.compile(r"(?<=[?&#])([^=&#?]+)=([^&#]+)")


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
    return _applied(text, plain_spans(text, secrets))


def redacted_uri(uri: str, secrets: Secrets = KNOWN) -> str:
    """The URL without user and password, its secret parameters by name only; every other byte as it was."""
    if not secrets.forms and not secrets.patterns and _is_plain(uri):
        return uri
    if "@" in uri:
        uri = LOGIN.sub(r"\1", uri)
    spans = plain_spans(uri, secrets, in_uri=True)
    if "?" in uri or "#" in uri:
        spans += [
            Span(*match.span(2), name)
            for match in PARAMETER.finditer(uri)
            if ((name := unquote_plus(match[1]).lower()) in IGNORED_QUERY or normal(name) in SECRET_FIELDS)
            and not PLACEHOLDER.fullmatch(match[2])
        ]
    spans = not_exempt(uri, spans, secrets)
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
    spans = body_spans(text, content_type.lower(), secrets)
    return _applied(text, spans).encode("utf-8", "surrogateescape") if spans else body


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


@functools.lru_cache(maxsize=1024)  # few URLs and headers, many times
def _is_plain(text: str) -> bool:
    return not any(sign in text for sign in "?@#") and not may_hold_shape(text.encode("utf-8", "surrogateescape"))


def _may_hold(body: bytes, secrets: Secrets) -> bool:
    return bool(secrets.patterns or secrets.forms) or may_hold_shape(body) or may_hold_field(body)


def _redacted_binary(body: bytes, secrets: Secrets) -> bytes:
    text = body.decode("utf-8", "surrogateescape")
    return _applied(text, values_of_environment(text, secrets)).encode("utf-8", "surrogateescape")


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
    spans = merged(
        spans_of_leaves(whole, leaves_of_lines(whole, lines), secrets) + values_of_environment(whole, secrets)
    )
    result = []
    for frame, chunk, text, (start, end) in zip(frames, inner, texts, lines, strict=True):
        own = moved((span for span in spans if start <= span.start < end), -start)
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
