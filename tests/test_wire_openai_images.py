"""What `wire.openai_images` reads in bytes: images made, edited and varied; whole, streamed, and cut short."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speaking_formats import CUT, JSON_VALUES, disagreements, events_of, exchange_of, form_of, outcome_of

from pytest_llmwatch import wire
from pytest_llmwatch.calls import MediaPart, Message, ModelCall, ReasoningPart, TextPart, Usage
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire import openai_images

URI = "https://api.openai.com/v1/images/generations"
EDITS = "https://api.openai.com/v1/images/edits"
ASKED = {"model": "gpt-image-1", "prompt": "A red cube", "size": "1024x1024"}
CUBE = Message(role="user", parts=(TextPart(text="A red cube"),))
PNG = b"\x89PNG\r\n\x1a\n"
DATA = base64.b64encode(PNG).decode()
USAGE = {
    "input_tokens": 50, "output_tokens": 1056, "total_tokens": 1106,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens_details": {"text_tokens": 56, "image_tokens": 1000},
}  # fmt: skip
WHOLE = {"created": 1, "background": "opaque", "data": [{"b64_json": DATA}], "usage": USAGE}


def image(data=PNG) -> MediaPart:
    return MediaPart(kind="image", reference="sha256:" + hashlib.sha256(data).hexdigest())


def event(kind, data=PNG, **more):
    return {"type": kind, "b64_json": base64.b64encode(data).decode(), "created_at": 1, **more}


STREAM = events_of(
    event("image_generation.partial_image", b"draft 0", partial_image_index=0),
    event("image_generation.partial_image", b"draft 1", partial_image_index=1),
    event("image_generation.completed", usage=USAGE),
)


def decoded(body, *, asked=ASKED, uri=URI, **how) -> ModelCall:
    return openai_images.decode(exchange_of(body, asked=asked, uri=uri, **how))


def test_an_answer_is_read_in_the_words_of_the_conventions():
    assert decoded(WHOLE) == ModelCall(
        operation_name="image_generation",
        request_model="gpt-image-1",
        input_messages=(CUBE,),
        parameters={"size": "1024x1024"},
        output_messages=(Message(role="assistant", parts=(image(),)),),
        usage=Usage(input_tokens=50, output_tokens=1056),
        billing={"total_tokens": 1106, "input_image_tokens": 40, "output_image_tokens": 1000},
    )


def test_every_image_is_an_answer_and_a_rewritten_prompt_is_no_part_of_it():
    call = decoded({"created": 1, "data": [{"url": "https://h/1.png", "revised_prompt": "A cube"}, {"b64_json": DATA}]})

    assert [message.parts for message in call.output_messages] == [
        (ReasoningPart(text="A cube"), MediaPart(kind="image", reference="https://h/1.png")),
        (image(),),
    ]
    assert (call.output_text, call.usage) == ("", Usage())


def test_a_stream_gives_the_finished_image_and_not_its_drafts():
    call = decoded(STREAM, asked=ASKED | {"stream": True})

    assert (call.streaming, call.error_type) == (True, None)
    assert call.output_messages == (Message(role="assistant", parts=(image(),)),)
    assert call.usage == Usage(input_tokens=50, output_tokens=1056)


def test_a_cut_stream_gives_the_last_draft_that_came_whole():
    end = STREAM.index(b'data: {"type": "image_generation.completed"')
    call = decoded(STREAM[: end + 30], failure=CUT)

    assert call.output_messages == (Message(role="assistant", parts=(image(b"draft 1"),)),)
    assert (call.error_type, call.usage) == ("cut", Usage())


def test_a_stream_cut_at_any_byte_raises_nothing():
    calls = [decoded(STREAM[:end], failure=CUT) for end in range(len(b"data:"), len(STREAM))]

    assert {len(call.output_messages) for call in calls} == {0, 1}
    assert all(call.error_type == ("cut" if call.usage.input_tokens is None else None) for call in calls)


def test_seedream_streams_each_image_and_then_the_usage():
    call = decoded(events_of(
        {"type": "image_generation.partial_succeeded", "model": "seedream-5", "url": "https://h/0", "image_index": 0},
        {"type": "image_generation.partial_succeeded", "model": "seedream-5", "url": "https://h/1", "image_index": 1},
        {"type": "image_generation.completed", "usage": {"generated_images": 2, "output_tokens": 32}},
        done=True,
    ))  # fmt: skip

    assert [message.parts[0].reference for message in call.output_messages] == ["https://h/0", "https://h/1"]
    assert (call.response_model, call.usage) == ("seedream-5", Usage(output_tokens=32))
    assert call.billing["images"] == 2


def test_a_form_is_read_with_the_images_it_sends():
    body, kind = form_of(
        ("model", "gpt-image-1"), ("prompt", "A red cube"), ("n", "2"),
        ("image[]", "a.png", PNG), ("image[]", "b.png", b"other"), ("mask", "m.png", b"mask"),
    )  # fmt: skip
    call = decoded(WHOLE, asked=body, uri=EDITS, sent_as=kind)

    assert call.request_model == "gpt-image-1"
    assert call.input_messages[0].parts == (TextPart(text="A red cube"), image(), image(b"other"), image(b"mask"))
    assert call.parameters == {"n": "2"}
    assert decoded(WHOLE, asked=body, uri=EDITS) == call


@pytest.mark.parametrize(
    "sent, reference",
    [
        ({"images": [{"image_url": "https://h/a.png"}]}, "https://h/a.png"),
        ({"images": [{"file_id": "file-1"}]}, "file-1"),
        ({"image": {"type": "image_url", "url": "https://h/a.png"}}, "https://h/a.png"),
        ({"image": f"data:image/png;base64,{DATA}"}, image().reference),
        ({"image": DATA}, image().reference),
        ({"image_url": "https://h/a.png"}, "https://h/a.png"),
    ],
)
def test_an_image_may_be_sent_in_json(sent, reference):
    call = decoded(WHOLE, asked=ASKED | sent, uri=EDITS)

    assert call.input_messages[0].parts == (TextPart(text="A red cube"), MediaPart(kind="image", reference=reference))
    assert call.parameters == {"size": "1024x1024"}


def test_what_a_second_model_used_is_named_as_another_charge():
    call = decoded(WHOLE | {"svg_usage": {"model": "m", "input_tokens": 1, "output_tokens": 2, "total_tokens": 3}})

    assert call.billing["other_charges"] == ["the tokens of a second model"]
    assert call.usage == Usage(input_tokens=50, output_tokens=1056)


def test_output_that_may_be_images_or_text_is_named_as_another_charge():
    call = decoded(WHOLE | {"usage": {"input_tokens": 50, "output_tokens": 1056, "total_tokens": 1106}})

    assert call.billing["other_charges"] == ["output tokens that are images or text"]


def test_an_error_is_a_call_in_the_words_of_the_provider():
    error = {"message": "Invalid image data.", "type": "image_generation_user_error", "param": "images[0]"}
    call = decoded({"error": error}, status=400)

    assert (call.error_type, call.error_message) == ("image_generation_user_error", "Invalid image data.")
    assert (call.input_messages, call.output_messages) == ((CUBE,), ())


@pytest.mark.parametrize("body", [b"", b"Hello", b"[]", b"{}", b'{"data": 7}', b'data: {"choices": []}\n\n'])
def test_a_good_answer_of_another_format_is_undecodable(body):
    with pytest.raises(UndecodableExchange, match="a JSON object with `data`"):
        decoded(body)


def test_a_request_that_is_neither_form_nor_object_is_undecodable():
    with pytest.raises(UndecodableExchange, match="request body"):
        decoded(WHOLE, asked=b"\x00")


@pytest.mark.parametrize(
    "method, uri, body, claimed",
    [
        ("POST", URI, b'{"prompt": "Hi"}', True),
        ("post", "http://localhost/images/edits/", b"--b\r\n", True),
        ("POST", "https://api.openai.com/v1/images/variations", b"--b\r\n", True),
        ("POST", "https://x.openai.azure.com/openai/deployments/d/images/generations?api-version=1", b"{}", True),
        ("GET", URI, b"{}", False),
        ("POST", "https://api.openai.com/v1/images", b"{}", False),
        ("POST", URI, b"", False),
    ],
)
def test_images_are_known_by_their_request(method, uri, body, claimed):
    assert openai_images.claims(Request(method=method, uri=uri, body=body)) is claimed


def test_the_package_gives_images_to_this_format():
    uri = "https://x.openai.azure.com/openai/deployments/my-dalle/images/generations?api-version=1"
    call = wire.decode(exchange_of(WHOLE, asked={"prompt": "A red cube"}, uri=uri))

    assert (call.operation_name, call.request_model) == ("image_generation", "my-dalle")
    assert call.provider_name == "azure.ai.openai"


def test_openais_own_client_reads_the_same():
    from openai.types import ImagesResponse

    theirs, ours = ImagesResponse.model_validate(WHOLE | {"data": [{"b64_json": DATA}]}), decoded(WHOLE)

    assert ours.usage == Usage(input_tokens=theirs.usage.input_tokens, output_tokens=theirs.usage.output_tokens)
    assert ours.output_messages[0].parts == (image(base64.b64decode(theirs.data[0].b64_json)),)


FIELDS = dict.fromkeys(("data", "usage", "type", "b64_json", "url", "error", "svg_usage"), JSON_VALUES)


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({}, optional=FIELDS), JSON_VALUES, st.binary(max_size=30))
def test_any_body_is_a_call_or_undecodable(body, sent, dirt):
    bodies = (body, events_of({"type": "image_edit.completed"} | body), dirt, json.dumps(body).encode() + dirt)
    for each in bodies:
        for asked in (ASKED | {"image": sent}, b"--b\r\n" + dirt):
            call = outcome_of(openai_images.decode, exchange_of(each, asked=asked, uri=EDITS))

            assert call is None or call.operation_name == "image_generation"


def test_recorded_traffic_is_read_as_the_providers_own_clients_read_it():
    assert disagreements("openai.images") == []
