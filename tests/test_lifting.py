import array
import base64
import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmwatch.lifting import Attachments, attached, attachment, lifted, put_back

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
PHOTO = "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 3).decode()
VECTOR = array.array("f", [number / 977 - 0.3 for number in range(96)])


def written_short(vector):
    """The vector as a provider writes it: the shortest decimal of each 32-bit number."""
    shortest = []
    for number in vector:
        shorter = (float(f"%.{digits}g" % number) for digits in range(6, 10))
        shortest.append(next(one for one in shorter if array.array("f", [one])[0] == number))
    return shortest


ANSWER = {
    "id": "chatcmpl-1",
    "created": 1765000000,
    "choices": [{"message": {"tool_calls": [{"id": "call_1", "name": "find"}, {"id": "call_2", "name": "pay"}]}}],
}


def test_named_leaves_are_lifted_out_and_put_back():
    rest, places = lifted(ANSWER, {"id", "created", "choices[*].message.tool_calls[*].id", "nowhere.at.all"})

    assert rest == {"choices": [{"message": {"tool_calls": [{"name": "find"}, {"name": "pay"}]}}]}
    assert places == {
        "/choices/0/message/tool_calls/0/id": "call_1",
        "/choices/0/message/tool_calls/1/id": "call_2",
        "/created": 1765000000,
        "/id": "chatcmpl-1",
    }
    assert put_back(rest, places) == ANSWER


def test_lifting_leaves_the_value_it_was_given_alone():
    before = json.dumps(ANSWER)
    lifted(ANSWER, {"id", "choices[*].message.tool_calls[*].id"})

    assert json.dumps(ANSWER) == before


@given(JSON)
def test_any_value_survives_lifting(value):
    rest, places = lifted(value, {"id", "a.id", "a[*].id", "[*].id"})

    assert put_back(rest, places) == value


@pytest.mark.parametrize("place", ["/nowhere/id", "/list/7", "/list/x", "/text/id"])
def test_a_place_that_is_not_there_is_named(place):
    with pytest.raises(ValueError, match="no place"):
        put_back({"list": [1], "text": "words"}, {place: 1})


def test_media_and_vectors_become_notes_and_stand_once():
    attachments = Attachments()
    numbers = written_short(VECTOR)
    value = {"a/b": [{"url": PHOTO}, {"url": PHOTO}], "embedding": numbers, "text": "word " * 400}

    noted, places = attachments.detached(value)

    assert noted == {
        "a/b": [{"url": f"[attachment 0: image/png, {len(PHOTO)} characters]"}] * 2,
        "embedding": "[attachment 1: 96 numbers]",
        "text": "word " * 400,
    }
    assert places == {"/a~1b/0/url": 0, "/a~1b/1/url": 0, "/embedding": 1}
    assert list(attachments.entries[1]) == ["float32_short"]
    assert attached(noted, places, attachments.entries) == value


@pytest.mark.parametrize(
    "numbers",
    [
        [0.1 + number / 3 for number in range(70)],  # 64-bit values
        [1e300, *[0.5] * 80],
        list(range(100)),
        [0, *[0.25] * 70],
        [-0.0, 1e-45, 3.4028235e38, *[0.5] * 70],
    ],
)
def test_numbers_keep_their_value_whatever_they_are(numbers):
    attachments = Attachments()
    noted, places = attachments.detached(numbers)

    assert noted == f"[attachment 0: {len(numbers)} numbers]"
    assert repr(attached(noted, places, attachments.entries)) == repr(numbers)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=64, max_size=80))
def test_any_vector_keeps_its_values(numbers):
    attachments = Attachments()
    noted, places = attachments.detached({"vector": numbers})

    assert repr(attached(noted, places, attachments.entries)) == repr({"vector": numbers})


@pytest.mark.parametrize(
    "entries, index",
    [
        ([], 0),
        ([{"text": "a"}], -1),
        ([{"text": "a"}], "0"),
        (["a"], 0),
        ([{"float32": "?"}], 0),
        ([{"numbers": "x"}], 0),
    ],
)
def test_a_broken_attachment_is_a_plain_error(entries, index):
    with pytest.raises(ValueError, match="attachment"):
        attachment(entries, index)


@pytest.mark.parametrize(
    "text",
    ["data:" + "a" * 500_000 + "!", "data:" + ";" * 500_000 + "!", "data:" + ";a" * 250_000 + "!", "a" * 500_000 + "!"],
)
def test_a_long_text_that_is_nearly_a_data_url_takes_no_time(text):
    start = time.process_time()

    assert Attachments().detached([text]) == ([text], {})
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "head", ["data:", "data:;base64,", "data:image/svg+xml;charset=utf-8;base64,", "data:a/b;base64,"]
)
def test_a_data_url_is_known_with_and_without_parameters(head):
    text = head * head.endswith(",") + "QUJD" * 200

    assert Attachments().detached([text])[1] == {"/0": 0}


@pytest.mark.parametrize("form", ["numbers", "float32", "float32_short", "text", "base64"])
def test_an_attachment_nested_without_end_is_a_plain_error(form):
    with contextlib.suppress(ValueError):
        assert attachment([{form: "[" * 100_000}], 0) == "[" * 100_000
