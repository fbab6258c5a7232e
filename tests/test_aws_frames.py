"""AWS event streams: `aws_frames` takes apart and puts together what botocore's own parser does."""

from __future__ import annotations

import struct

import pytest
from bedrock_streams import event, exception
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmwatch.aws_frames import Frame, framed, frames_of, headers_with, may_begin_frame, text_headers

STREAM = event("messageStart", role="assistant") + event("metadata", text="größe \U0001f600") + exception("oops", "No")


def as_botocore_reads(body):
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    return [(message.headers, message.payload) for message in buffer]


def as_we_read(body):
    frames, _ = frames_of(body)
    return [(dict(text_headers(frame.headers)), frame.payload) for frame in frames]


def test_a_stream_is_read_as_botocore_reads_it():
    assert as_we_read(STREAM) == as_botocore_reads(STREAM)
    assert len(as_we_read(STREAM)) == 3


@given(st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=50), max_size=5), st.binary(max_size=200))
def test_what_is_put_together_is_read_by_botocore_and_by_us(headers, payload):
    body = framed(Frame(headers_with(headers.items()), payload))

    assert as_we_read(body) == as_botocore_reads(body) == [(headers, payload)]


def test_a_stream_cut_at_any_byte_gives_the_frames_that_came_whole_and_the_rest():
    whole = as_we_read(STREAM)
    for end in range(len(STREAM)):
        frames, rest = frames_of(STREAM[:end])

        assert as_we_read(STREAM[:end]) == whole[: len(frames)]
        assert b"".join(map(framed, frames)) + rest == STREAM[:end]
        assert may_begin_frame(rest) == bool(rest)


VALUES_OF_EVERY_TYPE = (
    *(b"\x00", b"\x01", b"\x02\x07", b"\x03\x00\x07", b"\x04" + bytes(4), b"\x05" + bytes(8), b"\x06\x00\x02ab"),
    *(b"\x08" + bytes(8), b"\x09" + bytes(16)),
)
HEADERS_OF_EVERY_TYPE = b"".join(
    [*(bytes([1, ord("a") + place]) + value for place, value in enumerate(VALUES_OF_EVERY_TYPE))]
) + headers_with([("said", "text")])


def test_headers_that_are_no_text_are_passed_over():
    body = framed(Frame(HEADERS_OF_EVERY_TYPE, b""))

    assert list(text_headers(HEADERS_OF_EVERY_TYPE)) == [("said", "text")]
    assert as_botocore_reads(body)[0][0]["said"] == "text"


@given(st.binary(max_size=60) | st.binary(max_size=30).map(lambda noise: HEADERS_OF_EVERY_TYPE[:-3] + noise))
def test_any_bytes_are_headers_as_far_as_they_can_be_read(block):
    assert all(isinstance(text, str) for pair in text_headers(block) for text in pair)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"data: 1", b"\0" * 12, struct.pack(">III", 16, 0, 7), b"\xff" * 40, STREAM[:8] + bytes(99)]
)
def test_other_bytes_are_no_frames(body):
    assert frames_of(body) == ([], body)
    assert not may_begin_frame(body)


@pytest.mark.parametrize("pair", [("n" * 256, ""), ("n", "t" * 0x8000)])
def test_a_header_that_does_not_fit_is_refused(pair):
    with pytest.raises(ValueError, match="too long"):
        headers_with([pair])
