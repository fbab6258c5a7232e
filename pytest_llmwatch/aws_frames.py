"""Frames of an AWS event stream, taken apart and put together with the right lengths and checksums.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

PRELUDE = 12
CHECKSUM = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: its headers as they are on the wire, and its payload."""

    headers: bytes
    payload: bytes


def frames_of(body: bytes) -> tuple[list[Frame], bytes]:
    """The whole frames at the beginning of a body, and the bytes behind them that are none."""
    frames = []
    place = 0
    while len(body) - place >= PRELUDE + CHECKSUM:
        size = int.from_bytes(body[place : place + 4])
        headers = int.from_bytes(body[place + 4 : place + 8])
        checksum = int.from_bytes(body[place + 8 : place + 12])
        is_whole = PRELUDE + CHECKSUM + headers <= size <= len(body) - place
        if not is_whole or zlib.crc32(body[place : place + 8]) != checksum:
            break
        start = place + PRELUDE
        frames.append(Frame(body[start : start + headers], body[start + headers : place + size - CHECKSUM]))
        place += size
    return frames, body[place:]


def framed(frame: Frame) -> bytes:
    """The frame's bytes."""
    size = PRELUDE + len(frame.headers) + len(frame.payload) + CHECKSUM
    prelude = size.to_bytes(4) + len(frame.headers).to_bytes(4)
    message = prelude + zlib.crc32(prelude).to_bytes(4) + frame.headers + frame.payload
    return message + zlib.crc32(message).to_bytes(4)
