"""What a body is: compressed or not, JSON, form, multipart, text or bytes."""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import zlib
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from .calls import JSON
    from .exchange import Headers, Request

LIMIT = 512 * 1024 * 1024  # bytes of a body that was small when it was compressed
CHUNK = 16 * 1024 * 1024
MEMBERS = 100
MARKS = {"gzip": b"\x1f\x8b", "x-gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
STEP = 256
STEADY_BOUNDARY = "the-boundary-of-a-recording"
CONTROLS = bytes(set(range(32)) - set(b"\t\n\f\r"))


class _Duplicate(ValueError):
    """An object has the same key twice: values cannot hold that, so the bytes must stay."""


class _Unopened(Exception):
    """The body is compressed and stays so: no decoder is installed, it is broken, or it would be endless."""


def decoded(body: bytes, encoding: str | None) -> tuple[bytes, str | None]:
    """The body without its content coding, and the coding still in force.

    A header that speaks of a coding which a plain body never had is common in recordings; it is not in force. What
    cannot be decoded stays as it came, with its coding: the client could read it then, and can again.
    """
    codings = [
        coding for part in (encoding or "").split(",") if (coding := part.strip().lower()) not in ("", "identity")
    ]
    while codings and body:
        try:
            body = _without(codings[-1], body)
        except (_Unopened, zlib.error):
            return body, ", ".join(codings)
        codings.pop()
    return body, None


def opened(body: bytes, headers: Headers) -> tuple[bytes, Headers]:
    """The body decoded, and the headers without what spoke of its former form."""
    codings = [value for name, value in headers if name.lower() == "content-encoding"]
    body, in_force = decoded(body, ", ".join(codings))
    plain = header_free(headers, "content-encoding", "content-length")
    return body, plain if in_force is None else (*plain, ("content-encoding", in_force))


def _without(coding: str, body: bytes) -> bytes:
    # `deflate` and `br` have no mark by which they are known; compressed bytes are never text.
    if not body.startswith(MARKS[coding]) if coding in MARKS else is_plain(body):
        return body
    match coding:
        case "gzip" | "x-gzip":
            return _inflated(body, 31)
        case "zstd":
            return _zstd(body)
        case "br":
            return _brotli(body)
        case "deflate":
            try:
                return _inflated(body, 15)
            except (_Unopened, zlib.error):
                return _inflated(body, -15)  # as some servers understand the word
    raise _Unopened


def is_plain(body: bytes) -> bool:
    """Whether it is text, without control characters."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return body.translate(None, CONTROLS) == body


def _inflated(body: bytes, window: int) -> bytes:
    """Everything that can be read, also of several members and of a stream that was cut."""
    out = bytearray()
    for _ in range(MEMBERS):
        decoder = zlib.decompressobj(window)
        try:
            while body and len(out) <= LIMIT:
                out += decoder.decompress(body, CHUNK)
                body = decoder.unconsumed_tail
            out += decoder.flush() if not body else b""
        except zlib.error:
            if out:
                break  # padding behind a whole body
            raise
        if len(out) > LIMIT or not (out or decoder.eof):
            raise _Unopened
        body = decoder.unused_data
        if not body:
            break
    else:
        raise _Unopened  # more members than anybody sends
    return bytes(out)


def _brotli(body: bytes) -> bytes:
    try:
        import brotli
    except ImportError:
        try:
            import brotlicffi as brotli
        except ImportError:
            raise _Unopened from None
    decoder, out = brotli.Decompressor(), bytearray()
    try:
        # A few bytes can stand for megabytes: the limit is looked at often enough to be one.
        for start in range(0, len(body), STEP):
            out += decoder.process(body[start : start + STEP])
            if len(out) > LIMIT:
                raise _Unopened
    except brotli.error:
        raise _Unopened from None
    return bytes(out)


def _zstd(body: bytes) -> bytes:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            zstd = importlib.import_module(name)
        except ImportError:
            continue
        try:
            return _zstd_frames(zstd, body)
        except zstd.ZstdError:
            raise _Unopened from None
    try:
        import zstandard
    except ImportError:
        raise _Unopened from None
    try:
        with zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True) as reader:
            out = bytes(reader.read(LIMIT + 1))
    except zstandard.ZstdError:
        raise _Unopened from None
    if len(out) > LIMIT:
        raise _Unopened
    return out


def _zstd_frames(zstd: ModuleType, body: bytes) -> bytes:
    out = bytearray()
    for _ in range(MEMBERS):
        decoder = zstd.ZstdDecompressor()
        out += decoder.decompress(body, LIMIT + 1 - len(out))
        if len(out) > LIMIT:
            raise _Unopened
        body = decoder.unused_data if decoder.eof else b""
        if not body.startswith(MARKS["zstd"]):
            return bytes(out)
    raise _Unopened


def json_of(body: bytes) -> JSON:
    """The body as an object or a list.

    Raises:
        ValueError: the body is no JSON, is a bare scalar, has a key twice, or a number without end.
    """
    return _json_of(body, _finite)


def exact_json_of(body: bytes) -> JSON:
    """The body as a value that says all that its bytes say, but for white space.

    Raises:
        ValueError: as `json_of`; also where it is not plain UTF-8, or a number loses digits.
    """
    return _json_of(body.decode(), _whole)


def _json_of(body: str | bytes, float_of: Callable[[str], float]) -> JSON:
    value: JSON = json.loads(body, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=float_of)
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


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"a number without end: {text[:40]}")
    return value


def _whole(text: str) -> float:
    value = _finite(text)
    # Some write all the seventeen digits that name a double: those of `0.10000000000000001` say no more than `0.1`.
    try:
        is_kept = repr(value) == text or Decimal(text) in (Decimal(repr(value)), Decimal(f"{value:.16e}"))
    except ArithmeticError:
        is_kept = False  # an exponent beyond all bounds
    if not is_kept:
        raise ValueError(f"a number with more digits than are kept: {text[:40]}")
    return value


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
    boundary = _boundary_of(content_type)
    if not boundary:
        return _opaque(body)
    parts = [_part(piece) for piece in body.split(b"--" + boundary.encode())[1:] if not piece.startswith(b"--")]
    return {"multipart": parts}


def _boundary_of(content_type: str) -> str:
    pieces = (piece.strip() for piece in content_type.split(";"))
    return next((piece[9:].strip('"') for piece in pieces if piece.startswith("boundary=")), "")


def with_steady_boundary(request: Request) -> Request:
    """A multipart request under a boundary that is always the same; clients draw theirs at random."""
    content_type = request.header("content-type") or ""
    drawn = _boundary_of(content_type) if content_type.lower().startswith("multipart/") else ""
    if not drawn or STEADY_BOUNDARY.encode() in request.body:
        return request
    headers = tuple(
        (name, value.replace(drawn, STEADY_BOUNDARY) if name.lower() == "content-type" else value)
        for name, value in request.headers
    )
    body = request.body.replace(b"--" + drawn.encode(), b"--" + STEADY_BOUNDARY.encode())
    return replace(request, headers=headers, body=body)


def _part(piece: bytes) -> JSON:
    head, _, content = piece.strip(b"\r\n").partition(b"\r\n\r\n")
    headers: list[JSON] = [line.strip() for line in sorted(_text(head).split("\r\n")) if line.strip()]
    return {"headers": headers, "content": _opaque(content) if content else None}


def header_free(headers: Headers, *names: str) -> Headers:
    """The headers without those named, whatever their case."""
    return tuple((name, value) for name, value in headers if name.lower() not in names)
