"""What a body is: compressed or not, JSON, form, multipart, text or bytes."""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from .calls import JSON
    from .exchange import Headers


class _Duplicate(ValueError):
    """An object has the same key twice: values cannot hold that, so the bytes must stay."""


def decompressed(body: bytes, encoding: str | None) -> bytes:
    """The body without its content coding; as it is where the header lies or no decoder is installed."""
    for coding in reversed([part.strip().lower() for part in (encoding or "").split(",")]):
        body = _without(coding, body)
    return body


def _without(coding: str, body: bytes) -> bytes:
    try:
        if coding in ("gzip", "x-gzip") and body[:2] == b"\x1f\x8b":
            return _inflated(body, 31)
        if coding == "deflate":
            return _inflated(body, 15 if body[:1] == b"\x78" else -15)
        if coding == "br":
            return _brotli(body)
        if coding == "zstd" and body[:4] == b"\x28\xb5\x2f\xfd":
            return _zstd(body)
    except (zlib.error, ValueError):
        pass  # a stale header over a plain body is common in recordings
    return body


def _inflated(body: bytes, window: int) -> bytes:
    """Everything that can be read, also of several members and of a stream that was cut."""
    out = b""
    while body:
        decoder = zlib.decompressobj(window)
        try:
            out += decoder.decompress(body) + decoder.flush()
        except zlib.error:
            if out:
                break  # padding behind a whole body
            raise
        body = decoder.unused_data
    return out


def _brotli(body: bytes) -> bytes:
    try:
        import brotli
    except ImportError:
        try:
            import brotlicffi as brotli
        except ImportError:
            return body
    try:
        return bytes(brotli.decompress(body))
    except brotli.error:
        return body


def _zstd(body: bytes) -> bytes:
    try:
        import zstandard
    except ImportError:
        return body
    try:
        return bytes(zstandard.ZstdDecompressor().decompressobj().decompress(body))
    except zstandard.ZstdError:
        return body


def json_of(body: bytes) -> JSON:
    """The body as an object or a list.

    Raises:
        ValueError: the body is no JSON, is a bare scalar, has a key twice, or a number JSON does not know.
    """
    value: JSON = json.loads(body, object_pairs_hook=_unique, parse_constant=_no_constant)
    if not isinstance(value, (dict, list)):
        raise ValueError("a bare scalar")  # noqa: TRY004 - the one exception callers expect
    return value


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Duplicate
    return value


def _no_constant(name: str) -> float:
    raise ValueError(name)


def canonical_body(body: bytes, content_type: str | None) -> JSON:
    """The body as a value that two equal requests share, whatever their key order, boundary or white space."""
    if not body:
        return None
    kind = (content_type or "").split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return _multipart(body, content_type or "")
    # urllib and curl call every body a form unless they are told otherwise.
    if kind == "application/x-www-form-urlencoded" and body[:1] not in b"{[":
        return {"form": [[name, value] for name, value in sorted(parse_qsl(_text(body), keep_blank_values=True))]}
    try:
        return json_of(body)
    except (ValueError, RecursionError):
        return _opaque(body)


def _opaque(body: bytes) -> JSON:
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _multipart(body: bytes, content_type: str) -> JSON:
    """The parts in order; the boundary, which clients draw at random, is gone."""
    boundary = next(
        (piece.strip()[9:].strip('"') for piece in content_type.split(";") if piece.strip().startswith("boundary=")), ""
    )
    if not boundary:
        return _opaque(body)
    parts = [_part(piece) for piece in body.split(b"--" + boundary.encode())[1:] if not piece.startswith(b"--")]
    return {"multipart": parts}


def _part(piece: bytes) -> JSON:
    head, _, content = piece.strip(b"\r\n").partition(b"\r\n\r\n")
    headers: list[JSON] = [line.strip() for line in sorted(_text(head).split("\r\n")) if line.strip()]
    return {"headers": headers, "content": _opaque(content) if content else None}


def header_free(headers: Headers, *names: str) -> Headers:
    """The headers without those named, whatever their case."""
    return tuple((name, value) for name, value in headers if name.lower() not in names)
