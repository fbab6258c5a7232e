"""What `wire.openai_transcriptions` reads in bytes: JSON, plain texts, subtitles, event streams, and cut ones."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speaking_formats import CUT, JSON_VALUES, disagreements, events_of, exchange_of, form_of, outcome_of

from pytest_llmwatch import wire
from pytest_llmwatch.calls import MediaPart, Message, ModelCall, TextPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire import multipart, openai_transcriptions

URI = "https://api.openai.com/v1/audio/transcriptions"
WAV = b"RIFF\xff\x00\r\n--b0und\r\r\n\n"
AUDIO = MediaPart(kind="audio", reference="sha256:" + hashlib.sha256(WAV).hexdigest())
TOKENS = {"type": "tokens", "input_tokens": 14, "input_token_details": {"audio_tokens": 10, "text_tokens": 4},
          "output_tokens": 5, "total_tokens": 19}  # fmt: skip
STREAM = events_of(
    {"type": "transcript.text.delta", "delta": "Größe"},
    {"type": "transcript.text.delta", "delta": " ist 7."},
    {"type": "transcript.text.done", "text": "Größe ist 7.", "usage": TOKENS},
    done=True,
)


def asked_with(*fields):
    return form_of(("model", "whisper-1"), *fields, ("file", "a.wav", WAV))


def decoded(body, *fields, asked=None, uri=URI, **how) -> ModelCall:
    form, kind = asked_with(*fields) if asked is None else (asked, None)
    return openai_transcriptions.decode(exchange_of(body, asked=form, uri=uri, sent_as=kind, **how))


def test_an_answer_is_read_in_the_words_of_the_conventions():
    fields = ("prompt", "Names"), ("temperature", "0"), ("timestamp_granularities[]", "word")

    assert decoded({"text": "Hello.", "usage": {"type": "duration", "seconds": 4}}, *fields) == ModelCall(
        operation_name="transcription",
        request_model="whisper-1",
        input_messages=(Message(role="user", parts=(TextPart(text="Names"), AUDIO)),),
        parameters={"temperature": "0", "timestamp_granularities": ["word"]},
        output_messages=(Message(role="assistant", parts=(TextPart(text="Hello."),)),),
        billing={"input_audio_seconds": 4},
    )


@pytest.mark.parametrize(
    "usage, tokens, billing",
    [
        (TOKENS, Usage(input_tokens=14, output_tokens=5), {"total_tokens": 19, "input_audio_tokens": 10}),
        ({"prompt_tokens": 3, "completion_tokens": 11, "total_tokens": 389, "prompt_audio_seconds": 3,
          "service_tier": "standard", "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 375}},
         Usage(input_tokens=3, output_tokens=11, cache_read_input_tokens=0),
         {"service_tier": "standard", "total_tokens": 389, "input_audio_tokens": 375, "input_audio_seconds": 3}),
        ({"type": "duration", "seconds": 3.5}, Usage(), {"input_audio_seconds": 3.5}),
        ({"input_tokens": "9", "seconds": True}, Usage(), {}),
        (None, Usage(), {}),
    ],
)  # fmt: skip
def test_usage_is_tokens_or_seconds_as_the_provider_has_it(usage, tokens, billing):
    call = decoded({"text": "Hello.", "usage": usage})

    assert (call.usage, call.billing) == (tokens, billing)


def test_a_reported_cost_is_exact():
    assert decoded({"text": "Hi", "usage": {"input_tokens": 1, "cost": 0.00010625}}).cost == Decimal("0.00010625")


@pytest.mark.parametrize(
    "response_format, body",
    [
        ("text", b"Hello.\n"),
        ("text", b"data: was what he said\n"),
        ("text", b"42"),
        ("srt", b"1\n00:00:00,000 --> 00:00:01,000\nHello.\n\n"),
        ("vtt", b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello.\n"),
    ],
)
def test_a_text_that_was_asked_for_is_the_answer_as_it_is(response_format, body):
    call = decoded(body, ("response_format", response_format))

    assert (call.output_text, call.streaming, call.error_type) == (body.decode(), False, None)


def test_the_header_tells_a_text_and_a_server_may_answer_json_all_the_same():
    assert decoded(b"Hello.", came_as="text/plain; charset=utf-8").output_text == "Hello."
    assert decoded({"text": "Hello."}, ("response_format", "text")).output_text == "Hello."


def test_a_stream_reads_like_the_whole_answer():
    call = decoded(STREAM, ("stream", "true"))

    assert (call.streaming, call.output_text, call.error_type) == (True, "Größe ist 7.", None)
    assert call.usage == Usage(input_tokens=14, output_tokens=5)


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    calls = [decoded(STREAM[:end], ("stream", "true"), failure=CUT) for end in range(len(b"data:"), len(STREAM))]
    texts = [call.output_text for call in calls]

    assert all("Größe ist 7.".startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)
    assert all(call.error_type == ("cut" if call.usage.input_tokens is None else None) for call in calls)


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "transcript.text.segment", "text": " Hello.", "speaker": "A", "id": "seg_0"},
         {"type": "transcript.text.done", "text": "Hello."}],
        [{"type": "transcription.language", "language": "en"}, {"type": "transcription.text.delta", "text": "Hel"},
         {"type": "transcription.text.delta", "text": "lo."}, {"type": "transcription.done", "text": "Hello."}],
        [{"type": "transcription.segment", "text": "Hello."}, {"type": "transcription.done"}],
        [{"object": "transcription.chunk", "choices": [{"delta": {"content": "Hel"}, "finish_reason": None}]},
         {"object": "transcription.chunk", "choices": [{"delta": {"content": "lo."}, "finish_reason": "stop"}]}],
    ],
    ids=["speakers", "Mistral", "Mistral's segments", "vLLM"],
)  # fmt: skip
def test_every_host_has_events_of_its_own(events):
    call = decoded(events_of(*events), ("stream", "true"))

    assert (call.streaming, call.output_text, call.error_type) == (True, "Hello.", None)


@pytest.mark.parametrize(
    "sent, reference",
    [
        ({"input_audio": {"data": "UklGRg==", "format": "wav"}}, "sha256:" + hashlib.sha256(b"RIFF").hexdigest()),
        ({"file_url": "https://h/a.wav"}, "https://h/a.wav"),
        ({"file": "data:audio/wav;base64,UklGRg=="}, "sha256:" + hashlib.sha256(b"RIFF").hexdigest()),
        ({"file_id": "f1"}, "f1"),
    ],
)
def test_sound_may_be_sent_in_json(sent, reference):
    call = decoded({"text": "Hi"}, asked={"model": "m", "language": "en"} | sent)

    assert call.input_messages == (Message(role="user", parts=(MediaPart(kind="audio", reference=reference),)),)
    assert call.parameters == {"language": "en"}


def test_a_translation_is_its_own_operation_and_azure_names_the_model_in_the_address():
    uri = "https://x.openai.azure.com/openai/deployments/my-whisper/audio/translations?api-version=1"
    form, kind = form_of(("file", "a.wav", WAV))
    call = wire.decode(exchange_of({"text": "Hi"}, asked=form, uri=uri, sent_as=kind))

    assert (call.operation_name, call.request_model) == ("translation", "my-whisper")
    assert call.provider_name == "azure.ai.openai"


@pytest.mark.parametrize("status", [400, 200])
def test_an_error_is_a_call_in_the_words_of_the_provider(status):
    error = {"error": {"type": "invalid_request_error", "message": "Too short"}}
    call = decoded(error, ("response_format", "text"), status=status)

    assert (call.error_type, call.error_message) == ("invalid_request_error", "Too short")
    assert (call.output_messages, call.input_messages[0].parts) == ((), (AUDIO,))


def test_an_answer_that_never_came_or_was_cut_is_a_call_with_the_failure():
    outcomes = [decoded(body, failure=CUT) for body in (None, b"", b'{"text": "Hel')]

    assert [call.error_type for call in outcomes] == ["cut"] * 3
    assert decoded(b"Hel", ("response_format", "text"), failure=CUT).output_text == "Hel"


@pytest.mark.parametrize("body", [b"", b"Hello", b"{}", b'{"data": []}', b'data: {"a": 1}\n\n'])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `text`"):
        decoded(body)


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", URI, b"--b\r\n", True),
        ("POST", "https://api.cohere.com/v2/audio/transcriptions", b"--b\r\n", True),
        ("POST", "http://localhost:8000/v1/audio/translations/", b"--b\r\n", True),
        ("POST", URI, b'{"input_audio": {}}', True),
        ("GET", URI, b"--b\r\n", False),
        ("POST", "https://api.openai.com/v1/audio/speech", b"--b\r\n", False),
        ("POST", URI, b"", False),
    ],
)
def test_a_transcription_is_known_by_its_request(method, uri, body, claimed):
    assert openai_transcriptions.claims(Request(method=method, uri=uri, body=body)) is claimed


@pytest.mark.parametrize("sent_as", [None, "multipart/form-data; boundary=another", "given"])
def test_a_form_is_read_by_its_header_or_its_first_line(sent_as):
    body, kind = form_of(("model", "m"), ("model", "n"), ("file", "a b;c.wav", WAV), boundary="a b'()+_,-./:=?")
    headers = (
        ("Content-Type", kind.replace("boundary=", 'boundary="') + '"' if sent_as == "given" else sent_as or ""),
    )
    form = multipart.form_of(Request(method="POST", uri=URI, headers=headers, body=body))

    assert form == multipart.Form(fields={"model": ["m", "n"]}, files=(("file", WAV),))


def test_urllib3_and_httpx_send_forms_that_are_read_back():
    import httpx
    from urllib3.filepost import encode_multipart_formdata

    theirs, kind = encode_multipart_formdata({"model": "größe", "file": ("a.wav", WAV, "audio/wav")})
    other = httpx.Request("POST", URI, data={"model": "größe"}, files={"file": ("a.wav", WAV)})
    forms = [
        multipart.form_of(Request(method="POST", uri=URI, headers=(("content-type", kind),), body=theirs)),
        multipart.form_of(Request(method="POST", uri=URI, headers=tuple(other.headers.items()), body=other.read())),
    ]

    assert forms == [multipart.Form(fields={"model": "größe"}, files=(("file", WAV),))] * 2


@given(st.binary(max_size=60), st.sampled_from(["", 'multipart/form-data; boundary="b"']))
def test_any_bytes_are_a_form_or_none(body, kind):
    for each in (body, b"--b\r\n" + body, b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + body):
        form = multipart.form_of(Request(method="POST", uri=URI, headers=(("content-type", kind),), body=each))

        assert form is None or form.fields or form.files


FIELDS = dict.fromkeys(("text", "usage", "type", "error", "choices", "delta", "model"), JSON_VALUES)


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({}, optional=FIELDS), JSON_VALUES, st.binary(max_size=30))
def test_any_body_is_a_call_or_undecodable(body, sent, dirt):
    for each in (body, events_of({"type": "transcript.text.done"} | body), dirt, json.dumps(body).encode() + dirt):
        asked = {"model": "m", "input_audio": sent, "response_format": sent}
        call = outcome_of(openai_transcriptions.decode, exchange_of(each, asked=asked, uri=URI))

        assert call is None or call.operation_name == "transcription"


def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it():
    # The list of expected values leaves out the model of a form, and the text at the end of a stream.
    wrong = [each for each in disagreements("openai.audio.transcriptions") if "diarize" not in each[0]]

    assert wrong == []
