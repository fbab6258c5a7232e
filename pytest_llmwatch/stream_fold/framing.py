"""A body cut into frames, each with the JSON text it carries, for the four ways in which providers stream.

- `sse`: server-sent events, one JSON text in one `data:` line.
- `lines`: one JSON object a line (ndjson).
- `array`: one JSON array, sent object by object (Gemini without `alt=sse`).
- `aws`: binary messages,
  https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pytest_llmwatch import aws_frames
from pytest_llmwatch.wire.event_stream import looks_like_events

from .json_text import end_of_value

if TYPE_CHECKING:
    from collections.abc import Iterator

Framing = Literal["sse", "lines", "array", "aws"]
FRAMINGS: tuple[Framing, ...] = ("sse", "lines", "array", "aws")
EVENT_HOLE, ID_HOLE = "{event}", "{id}"
_EVENT_TYPE = ":event-type"

_DATA = re.compile(r"(?:^|(?<=[\r\n]))data: ?")
_FIELDS = (
    (EVENT_HOLE, re.compile(r"(?:^|(?<=[\r\n]))event: ?([^\r\n]*)")),
    (ID_HOLE, re.compile(r"(?:^|(?<=[\r\n]))id: ?([^\r\n]*)")),
)
_LINE_ENDS = re.compile(r"[\r\n]*")
_LINE_END = re.compile(r"[\r\n]|\Z")
_BLANK_LINE = re.compile(r"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
_BETWEEN = re.compile(r"[\s,\]]*")
_OPENED = re.compile(r'\{"bytes":"([A-Za-z0-9+/=]*)"\}')


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame of a stream.

    `raw` is set where it is kept as it is. Else `payload` is its JSON text, in `around` (before and after; in `aws`
    names and values of the headers). `event` and `id` are those of the stream's own fields, with holes in `around`
    where they stood; `opened` is set where the payload stood as base64 in `{"bytes": ...}`; `spaces` are those before
    its last bracket (Anthropic pads so).
    """

    raw: bytes | None = None
    payload: str = ""
    around: tuple[str, ...] = ()
    event: str | None = None
    id: str | None = None
    opened: bool = False
    spaces: int = 0
    binary: bool = False


def frames_of(body: bytes) -> tuple[Framing, list[Frame]] | None:
    """The frames, whose bytes joined are the body; `None` where it is no stream."""
    if aws_frames.frames_of(body)[0]:
        return "aws", list(_aws(body))
    text = body.decode("utf-8", "surrogateescape")  # a cut stream may end inside a character
    start = text.removeprefix("\ufeff").lstrip()
    if looks_like_events(body):
        return "sse", [_without_spaces(frame) for frame in _sse(text)]
    if start.startswith("{"):
        lines = _lines(text)
        return ("lines", lines) if sum(frame.raw is None for frame in lines) > 1 else None
    if start.startswith("["):
        pieces = list(_array(text))
        return ("array", pieces) if any(frame.raw is None for frame in pieces) else None
    return None


def _raw(text: str) -> Frame:
    return Frame(raw=text.encode("utf-8", "surrogateescape"))


def _without_spaces(frame: Frame) -> Frame:
    text = frame.payload
    bare = text[:-1].rstrip(" ")
    return replace(frame, payload=bare + text[-1:], spaces=len(text) - 1 - len(bare)) if text[-2:-1] == " " else frame


def _sse(text: str) -> Iterator[Frame]:
    place = 0
    for found in _DATA.finditer(text):
        if found.start() < place:
            continue
        line_end = _LINE_END.search(text, found.end())
        end = line_end.start() if line_end else len(text)
        if text[found.end() : found.end() + 1] not in {"{", "["} or text[end - 1] not in "}]":
            continue
        # Comments and other events that stand before this event's own lines are frames of their own.
        for blank in _BLANK_LINE.finditer(text, place, found.start()):
            yield _raw(text[place : blank.end()])
            place = blank.end()
        before = text[place : found.end()]
        # Some send the name of an event after its data.
        following = _DATA.search(text, end)
        blank_line = _BLANK_LINE.search(text, end, following.start() if following else len(text))
        stop = blank_line.end() if blank_line else end if following else len(text)
        ends = _LINE_ENDS.match(text, stop)
        stop = ends.end() if ends else stop
        place = stop
        payload = text[found.end() : end]
        yield _with_fields(Frame(payload=payload, around=(before, text[end:stop])))
    for blank in _BLANK_LINE.finditer(text, place):
        yield _raw(text[place : blank.end()])
        place = blank.end()
    if place < len(text):
        yield _raw(text[place:])


def _with_fields(frame: Frame) -> Frame:
    around, fields = list(frame.around), {}
    for hole, pattern in _FIELDS:
        if any(hole in part for part in around):
            return frame  # whoever writes so gets no hole
        for place, part in enumerate(around):
            if found := pattern.search(part):
                around[place] = part[: found.start(1)] + hole + part[found.end() :]
                fields[hole] = found[1]
                break
    return replace(frame, around=tuple(around), event=fields.get(EVENT_HOLE), id=fields.get(ID_HOLE))


def _lines(text: str) -> list[Frame]:
    return [
        Frame(payload=line.rstrip("\r\n"), around=("", line[len(line.rstrip("\r\n")) :]))
        if line[:1] == "{" and line.rstrip("\r\n")[-1:] == "}"
        else _raw(line)
        for line in re.findall(r"[^\n]*\n|[^\n]+\Z", text)
    ]


def _array(text: str) -> Iterator[Frame]:
    place = text.find("{")
    if place < 0:
        return
    yield _raw(text[:place])
    while text[place : place + 1] == "{":
        try:
            end = end_of_value(text, place)
        except ValueError:
            break
        between = _BETWEEN.match(text, end)
        stop = between.end() if between else end
        yield Frame(payload=text[place:end], around=("", text[end:stop]))
        place = stop
    if place < len(text):
        yield _raw(text[place:])


def _aws(body: bytes) -> Iterator[Frame]:
    messages, rest = aws_frames.frames_of(body)
    place = 0
    for message in messages:
        whole = body[place : place + message.size]
        yield _aws_frame(whole, message) or Frame(raw=whole)
        place += message.size
    if rest:
        yield Frame(raw=rest)


def _aws_frame(whole: bytes, message: aws_frames.Frame) -> Frame | None:
    headers = tuple(itertools.chain.from_iterable(aws_frames.text_headers(message.headers)))
    try:
        payload = message.payload.decode()
        # Another checksum, or a header that is no text.
        if aws_message(headers, payload) != whole or len(set(headers[::2])) * 2 != len(headers):
            return None
        if opened := _OPENED.fullmatch(payload):
            inner = base64.b64decode(opened[1], validate=True).decode()
            if aws_message(headers, closed(inner)) == whole:
                return _with_name(Frame(payload=inner, around=headers, opened=True, binary=True))
    except (ValueError, binascii.Error):
        return None
    return _with_name(Frame(payload=payload, around=headers, binary=True))


def _with_name(frame: Frame) -> Frame:
    headers = dict(zip(frame.around[::2], frame.around[1::2], strict=True))
    if _EVENT_TYPE not in headers or EVENT_HOLE in frame.around:
        return frame
    name, headers[_EVENT_TYPE] = headers[_EVENT_TYPE], EVENT_HOLE
    return replace(frame, event=name, around=tuple(itertools.chain.from_iterable(headers.items())))


def closed(payload: str) -> str:
    """A payload as Bedrock's `invoke-with-response-stream` wraps it."""
    return '{"bytes":"' + base64.b64encode(payload.encode()).decode() + '"}'


def aws_message(headers: tuple[str, ...], payload: str) -> bytes:
    """A binary message with its checksums; raises `ValueError` where a header is too long."""
    block = aws_frames.headers_with(zip(headers[::2], headers[1::2], strict=True))
    return aws_frames.framed(aws_frames.Frame(block, payload.encode()))


def bytes_of(frame: Frame) -> bytes:
    """The bytes of one frame."""
    if frame.raw is not None:
        return frame.raw
    around = filled(frame.around, EVENT_HOLE, frame.event)
    if frame.binary:
        return aws_message(around, closed(frame.payload) if frame.opened else frame.payload)
    before, after = filled(around, ID_HOLE, frame.id)
    return (before + padded(frame.payload, frame.spaces) + after).encode("utf-8", "surrogateescape")


def filled(around: tuple[str, ...], hole: str, text: str | None) -> tuple[str, ...]:
    """What stands around a payload, with a text in its hole."""
    return around if text is None else tuple(part.replace(hole, text) for part in around)


def padded(payload: str, spaces: int) -> str:
    """A payload with spaces before its last bracket."""
    return payload[:-1] + " " * spaces + payload[-1:] if spaces else payload
