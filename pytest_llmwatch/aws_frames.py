"""Messages of an AWS event stream, taken apart and put together with the right lengths and checksums.

https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PRELUDE = 12
CHECKSUM = 4
_TEXT = 7
# How long the values of the other types are: true, false, byte, short, integer, long, timestamp, uuid.
_LENGTHS = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_LONGEST_NAME, _LONGEST_TEXT = 0xFF, 0x7FFF


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: its headers as they are on the wire, and its payload."""

    headers: bytes
    payload: bytes

    @property
    def size(self) -> int:
        """How many bytes it takes on the wire."""
        return PRELUDE + len(self.headers) + len(self.payload) + CHECKSUM


def frames_of(body: bytes) -> tuple[list[Frame], bytes]:
    """The whole frames at the beginning of a body, and the bytes behind them that are none."""
    frames = []
    place = 0
    while (size := _size_at(body, place)) and size <= len(body) - place:
        headers = int.from_bytes(body[place + 4 : place + 8])
        start = place + PRELUDE
        frames.append(Frame(body[start : start + headers], body[start + headers : place + size - CHECKSUM]))
        place += size
    return frames, body[place:]


def may_begin_frame(body: bytes) -> bool:
    """Whether bytes are a frame, or the beginning of one that was cut."""
    # The length comes first, and hardly one has 16 megabytes.
    return bool(_size_at(body, 0)) if len(body) >= PRELUDE else body[:1] == b"\0"


def _size_at(body: bytes, place: int) -> int | None:
    """The length of the frame whose prelude stands here; `None` where none does."""
    if len(body) - place < PRELUDE:
        return None
    size, headers, checksum = struct.unpack_from(">III", body, place)
    is_prelude = checksum == zlib.crc32(body[place : place + 8]) and headers + PRELUDE + CHECKSUM <= size
    return size if is_prelude else None


def framed(frame: Frame) -> bytes:
    """The frame's bytes."""
    prelude = struct.pack(">II", frame.size, len(frame.headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + frame.headers + frame.payload
    return message + struct.pack(">I", zlib.crc32(message))


def text_headers(headers: bytes) -> Iterator[tuple[str, str]]:
    """Names and values of the headers that are text, as far as they can be read."""
    place = 0
    while place < len(headers):
        kind = place + 1 + headers[place]
        value = kind + 1
        if kind >= len(headers):
            return
        length = _LENGTHS.get(headers[kind])
        if length is None:
            length = int.from_bytes(headers[value : value + 2])
            value += 2
        place, name = value + length, headers[place + 1 : kind]
        if headers[kind] == _TEXT and place <= len(headers):
            yield name.decode(errors="replace"), headers[value:place].decode(errors="replace")


def headers_with(texts: Iterable[tuple[str, str]]) -> bytes:
    """The bytes of headers that are text; raises `ValueError` where one is too long."""
    block = b""
    for name, text in texts:
        key, value = name.encode(), text.encode()
        if len(key) > _LONGEST_NAME or len(value) > _LONGEST_TEXT:
            raise ValueError("a header that is too long")
        block += bytes([len(key)]) + key + bytes([_TEXT]) + struct.pack(">H", len(value)) + value
    return block
