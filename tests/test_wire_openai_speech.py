"""What `wire.openai_speech` reads in bytes: sound as it is, in JSON, in event streams, and cut short."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speaking_formats import CUT, JSON_VALUES, disagreements, events_of, exchange_of, outcome_of

from pytest_llmwatch import wire
from pytest_llmwatch.calls import MediaPart, Message, ModelCall, TextPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire import openai_speech

URI = "https://api.openai.com/v1/audio/speech"
ASKED = {"model": "gpt-4o-mini-tts", "input": "Hello.", "voice": "alloy"}
MP3 = b"\xff\xf3\xc4\xc4\x00Y\x9c9\xc8\x00"


def sound(data) -> tuple[Message, ...]:
    reference = "sha256:" + hashlib.sha256(data).hexdigest()
    return (Message(role="assistant", parts=(MediaPart(kind="audio", reference=reference),)),)


def b64(data) -> str:
    return base64.b64encode(data).decode()


STREAM = events_of(
    {"type": "speech.audio.delta", "audio": b64(b"one")},
    {"type": "speech.audio.delta", "audio": b64(b"two")},
    {"type": "speech.audio.done", "usage": {"input_tokens": 3, "output_tokens": 9, "total_tokens": 12}},
)


def decoded(body, *, asked=ASKED, **how) -> ModelCall:
    return openai_speech.decode(exchange_of(body, asked=asked, uri=URI, **how))


def test_sound_is_read_in_the_words_of_the_conventions():
    assert decoded(MP3, came_as="audio/mpeg") == ModelCall(
        operation_name="speech",
        request_model="gpt-4o-mini-tts",
        input_messages=(Message(role="user", parts=(TextPart(text="Hello."),)),),
        parameters={"voice": "alloy"},
        output_messages=sound(MP3),
    )


@pytest.mark.parametrize("came_as", ["audio/pcm", "application/octet-stream"])
@pytest.mark.parametrize("body", [b":\x00\x01", b"data: \xff", b'{"a": 1}', MP3, b"ID3\x04"])
def test_sound_may_begin_with_any_bytes(body, came_as):
    assert decoded(body, came_as=came_as).output_messages == sound(body)


@pytest.mark.parametrize("body", [b":\x00\x01", b"{\xff\x00", MP3, b"ID3\x04"])
def test_sound_is_known_without_its_header(body):
    assert decoded(body).output_messages == sound(body)


def test_mistral_answers_with_the_sound_in_json():
    call = decoded({"audio_data": b64(MP3)}, came_as="application/json")

    assert (call.output_messages, call.streaming) == (sound(MP3), False)


def test_a_stream_of_sound_is_put_together():
    call = decoded(STREAM, asked=ASKED | {"stream_format": "sse"}, came_as="text/event-stream")

    assert (call.streaming, call.output_messages, call.error_type) == (True, sound(b"onetwo"), None)
    assert (call.usage, call.billing) == (Usage(input_tokens=3, output_tokens=9), {"total_tokens": 12})


def test_a_stream_of_mistral_says_its_kinds_in_the_names_of_the_events():
    stream = (
        b'event: speech.audio.delta\ndata: {"audio_data": "b25l"}\n\n'
        b'event: speech.audio.done\ndata: {"usage": {"prompt_tokens": 2, "completion_tokens": 4}}\n\n'
    )
    call = decoded(stream, asked=ASKED | {"stream": True})

    assert (call.output_messages, call.usage) == (sound(b"one"), Usage(input_tokens=2, output_tokens=4))
    assert call.error_type is None


def test_a_stream_cut_at_any_byte_is_a_call_with_the_sound_so_far():
    asked = ASKED | {"stream_format": "sse"}
    calls = [decoded(STREAM[:end], asked=asked, failure=CUT) for end in range(len(b"data:"), len(STREAM))]

    assert next(call.output_messages for call in calls if call.output_messages) == sound(b"one")
    assert {call.output_messages for call in calls} == {(), sound(b"one"), sound(b"onetwo")}
    assert all(call.error_type == ("cut" if call.usage.input_tokens is None else None) for call in calls)


def test_sound_that_was_cut_is_a_call_with_what_came_and_the_failure():
    call = decoded(MP3[:4], came_as="audio/mpeg", failure=CUT)

    assert (call.output_messages, call.error_type) == (sound(MP3[:4]), "cut")
    assert decoded(b"", failure=CUT).error_type == "cut"
    assert decoded(None, failure=CUT).error_type == "cut"


@pytest.mark.parametrize("status", [400, 200])
def test_an_error_is_a_call_in_the_words_of_the_provider(status):
    call = decoded({"error": {"type": "invalid_request_error", "message": "No voice"}}, status=status)

    assert (call.error_type, call.error_message, call.output_messages) == ("invalid_request_error", "No voice", ())


@pytest.mark.parametrize(
    "body, came_as", [(b"", None), (b"{}", None), (b"<html>", "text/html"), (b'{"text": ""}', None)]
)
def test_a_good_answer_of_another_format_is_undecodable(body, came_as):
    with pytest.raises(UndecodableExchange, match="sound, or a JSON object"):
        decoded(body, came_as=came_as)


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", URI, b'{"input": "Hi"}', True),
        (
            "POST",
            "https://x.openai.azure.com/openai/deployments/tts/audio/speech?api-version=1",
            b'{"input": ""}',
            True,
        ),
        ("POST", "https://openrouter.ai/api/v1/audio/speech/", b'{"input": ""}', True),
        ("GET", URI, b'{"input": "Hi"}', False),
        ("POST", "https://api.openai.com/v1/audio/transcriptions", b'{"input": ""}', False),
        ("POST", URI, b"", False),
    ],
)
def test_speech_is_known_by_its_request(method, uri, body, claimed):
    assert openai_speech.claims(Request(method=method, uri=uri, body=body)) is claimed


def test_the_package_gives_speech_to_this_format():
    uri = "https://x.openai.azure.com/openai/deployments/my-tts/audio/speech?api-version=1"
    call = wire.decode(exchange_of(MP3, asked={"input": "Hi"}, uri=uri))

    assert (call.operation_name, call.request_model) == ("speech", "my-tts")


FIELDS = dict.fromkeys(("audio", "audio_data", "usage", "type", "error"), JSON_VALUES)


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({}, optional=FIELDS), JSON_VALUES, st.binary(max_size=30), st.booleans())
def test_any_body_is_a_call_or_undecodable(body, said, dirt, is_stream):
    for each in (body, events_of({"type": "speech.audio.delta"} | body), dirt, json.dumps(body).encode() + dirt):
        asked = ASKED | {"input": said, "stream": is_stream}
        call = outcome_of(openai_speech.decode, exchange_of(each, asked=asked, uri=URI))

        assert call is None or call.operation_name == "speech"


def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it():
    assert disagreements("openai.audio.speech") == []
