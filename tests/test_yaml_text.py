import json
import os
import random
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmwatch import store
from pytest_llmwatch.errors import UnreadableCassette
from pytest_llmwatch.yaml_text import OneLine, YamlProblem, emit, flow, is_emittable, load

MARKS = list(" \t\n\r:-#|>\"'{}[]&*!%@`~?,=<.+0123456789eExo_\x00\x7f\x85\xa0\u200d\u200f\u2028\u2029\ufeff\uffff😀あé")
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from(MARKS))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda children: st.lists(children) | st.dictionaries(TEXT, children),
    max_leaves=20,
)
WORDS = """
    1:30 0o7 010 1e3 1.5e10 1.5e+10 = << ~ 2026-11-23 0x1F 0b1 1_000 .5 -.5 +1 -0 - ? : # ! & * % @ ` | > --- ... a:b
    !x &a *a .inf -.inf .nan .NaN yes No ON off y N true FALSE null Null 190:20:30 1. 00 <<<<<<< >>>>>>> =======
    [ ] { } , ' " \\ \\n 2001-12-14t21:59:43.10-05:00 tag:yaml.org,2002:str ١٢
"""
ODD = [
    *WORDS.split(),
    *("", " ", "  a", "a  ", "\ta", "a\t", "\n", "\n\n", "a\n", "a\n\n", "\na", " \n", "a\n ", " a\nb"),
    *("\t\nb", "a\n b"),
    *("? a", "- a", "# a", "a: b", "a #b", "a:", ": a", "a\rb", "a\r\nb", "a\x85b", "a\u2028b\nc", "\ufeffa", "\ufeff"),
    *("\x00", "\x1b[0m", "\x80\x9f", "😀", "👩\u200d👩", "\u200fa", "e\u0301", "\u0301", "\uffff", "\U0010ffff"),
    *("\xa0", "a\ufeff"),
    *("<<<<<<< HEAD\na\n>>>>>>> b", "--- a\n", "...\n", "%YAML 1.2\n---\n", "x" * 5000, "a b " * 3000),
    *("k" * 1023, "k" * 1024, "k" * 1025, "あ" * 1024),
]  # fmt: skip


def both_ways(text):
    return load(text), yaml.load(text, Loader=yaml.CSafeLoader)


def same(left, right):
    """Equal, and of the same types all the way down: `1 == True == 1.0` does not count."""
    return json.dumps(left) == json.dumps(right)


@given(JSON)
def test_any_value_is_read_back_by_us_and_by_any_reader_as_blocks_and_on_one_line(value):
    for text in (emit(value), emit(OneLine(value)), emit({"a": [OneLine(value), value]})):
        ours, theirs = both_ways(text)

        assert same(ours, theirs)
        assert same(ours, value) or same(ours, {"a": [value, value]})
    assert "\n" not in flow(value)


@pytest.mark.parametrize("text", ODD)
def test_text_stays_the_text_that_it_is_wherever_it_stands(text):
    value = {"value": text, "list": [text, [text]], "keys": {text: text, f"{text}2": {text: [text]}}}

    for written in (emit(value), emit(OneLine(value)), emit([{text: {text: text}}]), emit(text)):
        ours, theirs = both_ways(written)

        assert same(ours, theirs)
        assert same(ours, value) or same(ours, [{text: {text: text}}]) or ours == text


@pytest.mark.parametrize(
    "number",
    [0, -1, 10**4299, 1.0, -0.0, 1e20, 1e-7, 1.5e300, 5e-324, 1e16, 123456789.123, float("inf"), -float("inf")],
)
def test_a_number_stays_the_number_that_it_is(number):
    for text in (emit({"n": number}), emit(OneLine([number]))):
        ours, theirs = both_ways(text)

        assert repr(ours) == repr(theirs)
        assert repr(number) in repr(ours)


def test_no_number_is_read_as_no_number():
    assert repr(both_ways(emit([float("nan")]))) == "([nan], [nan])"


@pytest.mark.parametrize("value", [[], {}, {"a": []}, {"a": {}}, [[]], [{}], [[], {}], None])
def test_what_is_empty_stays_empty(value):
    assert both_ways(emit(value)) == both_ways(emit(OneLine(value))) == (value, value)


def test_one_line_is_one_line():
    text = emit({"headers": OneLine({"a": ["1", 2, 1e20], "b: c": "x\ny"}), "text": "x"})

    assert text == 'headers: {"a": ["1", 2, 1.0e+20], "b: c": "x\\ny"}\ntext: x\n'


def test_a_key_too_long_for_a_reader_is_announced():
    value = {"k" * 2000: [1, {"a\nb" * 400: {"c": "d\ne"}}], "last": "l"}

    for text in (emit(value), emit(OneLine(value))):
        assert both_ways(text) == (value, value)
    assert emit(value).startswith("? kkk")


@pytest.mark.parametrize("shape", [lambda value: [value], lambda value: {"k": value}, lambda value: [{"k": value}]])
def test_no_depth_stops_the_emitter(shape):
    value = "end"
    for _ in range(2500):
        value = shape(value)

    assert "end" in emit(value)
    assert "end" in flow(value)
    assert not is_emittable(value)


@pytest.mark.parametrize("text", ["\ud800", "a\udc80b"])
def test_half_a_character_has_no_form(text):
    assert not is_emittable(text)
    assert not is_emittable([{"a": text}])
    assert not is_emittable({text: 1})
    assert is_emittable([{"a": "😀"}])


def test_a_number_that_python_does_not_read_has_no_form():
    assert is_emittable([10**4299])
    assert not is_emittable([-(10**4300)])


@pytest.mark.parametrize("depth", [149, 150])
def test_whatever_is_emittable_is_read_back_inside_a_cassette(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    document = {"interactions": [{"response": {"json": value}}]}

    assert is_emittable(value) is (depth <= 150)
    assert load(emit(document)) == document


@pytest.mark.parametrize(
    "text, value",
    [
        ("a: 010", {"a": "010"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: 1:30", {"a": "1:30"}),
        ("a: 0x1F", {"a": "0x1F"}),
        ("a: yes", {"a": "yes"}),
        ("a: =", {"a": "="}),
        ("a: 2026-11-23", {"a": "2026-11-23"}),
        ("a: 1e3", {"a": "1e3"}),
        ("a: 1.5e10", {"a": "1.5e10"}),
        ("a: ١٢", {"a": "١٢"}),
        ("a: [-.5, .5, 5., -0, +1]", {"a": ["-.5", 0.5, 5.0, 0, 1]}),
        ("a: [.inf, -.INF]", {"a": [float("inf"), -float("inf")]}),
        ("a: [!!float 1, !!int 1, !!null '', !!bool true]", {"a": [1, 1, None, True]}),
        ("200: a\ntrue: b\n~: c\n1.0: d", {"200": "a", "true": "b", "~": "c", "1.0": "d"}),
        ('"<<": a', {"<<": "a"}),
        ("a: !!str 1\nb: !!python/unicode 'x'\nc: !!python/tuple [1]", {"a": "1", "b": "x", "c": [1]}),
        ("? !!python/object/apply:multidict._multidict.istr\n- Accept\n: - '*/*'", {"Accept": ["*/*"]}),
        ("? !!python/object/new:multidict._multidict.istr [a]\n: b\nc: d", {"a": "b", "c": "d"}),
        ("? !!python/object/new:multidict._multidict.istr {args: [a], state: {x: y}}\n: b", {"a": "b"}),
        ("? !!python/object:multidict._multidict.istr a\n: b", {"a": "b"}),
        ("!!binary aGk=: !!binary |\n  aGk=\n", {"hi": b"hi"}),
        ("a: &anchor b", {"a": "b"}),
        ("\ufeffa: b", {"a": "b"}),
        ("", None),
        ("# nothing", None),
    ],
)  # fmt: skip
def test_what_readers_disagree_about_is_text_and_a_string_type_is_its_string(text, value):
    assert same_or_bytes(load(text), value)


def same_or_bytes(left, right):
    return left == right and repr(left) == repr(right)


@pytest.mark.parametrize(
    "text, line, problem",
    [
        ("a: 1\nb: 2\na: 3", 3, "the key 'a' is there twice"),
        ("a: {b: 1,\n b: 2}", 2, "twice"),
        ("a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> other\n", 2, "an unresolved merge conflict"),
        ("a: 1\nb: 'x\n\n  y\n>>>>>>> other\n  z'", 5, "an unresolved merge conflict"),
        ("a: 1\nb:\n  <<: {c: 1}", 3, "merge keys"),
        ("a: &x [1]\nb: *x", 2, "aliases"),
        ("a: &x [*x]", 1, "aliases"),
        ("a: 1\n? {b: c}\n: d", 2, "cannot be a key"),
        ("a: 1\n? [b]\n: d", 2, "cannot be a key"),
        ("\n\na: " + "1" * 5000, 3, "a number of 5000 digits"),
        ("a: 1\nb: !!binary '*'", 2, "broken base64"),
        ("a: 1\nb: !!binary é", 2, "broken base64"),
        ("a: 1\nb: !!binary aGk", 2, "broken base64"),
        ("a: 1\nb: c\x00d", 2, "does not allow"),
        ("a: é\nb: c\x1bd", 2, "does not allow"),
        ("a: 1\nb:\n\t- c", 3, ""),
        ("\udcff\udcfea", 1, "UTF-16"),
        ("a: 1\nb: caf\udce9", 2, "not UTF-8: byte 0xe9"),
        ("a: 1\nb: \ud800", 2, "not UTF-8: half a character"),
        ("a: 1\nb: !!python/object/apply:os.system ['true']", 2, "the tag"),
        ("a: 1\nb: !!python/object/apply:a.istr [[x]]", 2, "one plain text only"),
        ("a: 1\nb: !!python/object/apply:a.istr [1]", 2, "one plain text only"),
        ("a: 1\nb: !!python/object/apply:a.istr [a, b]", 2, "one plain text only"),
        ("a: 1\nb: !!python/object/new:a.istr {args: [a], listitems: [b]}", 2, "one plain text only"),
        ("a: 1\nb: !!python/object/apply:a.istrange [a]", 2, "the tag"),
        ("a: 1\nb: !!python/name:builtins.str", 2, "the tag"),
        ("a: 1\nb: !!set {a}", 2, "the tag"),
        ("a: 1\nb: !!int x", 2, "the tag"),
        ("%YAML 9.9\n--- a", 1, ""),
        ("[" * 100_000, 1, "deep"),
        ("- " * 100_000 + "a", 1, "deep"),
        ("{a: " * 100_000, 1, "deep"),
        ("? " * 100_000, 1, ""),
        ("\n".join(" " * depth + "a:" for depth in range(2000)), 201, "deep"),
        ("[\n" * 5_000_000, 201, "deep"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_what_is_hostile_or_damaged_is_refused_with_its_line_and_at_once(text, line, problem):
    began = time.monotonic()

    with pytest.raises(YamlProblem) as caught:
        load(text)

    assert problem in caught.value.problem
    assert caught.value.line == line
    assert time.monotonic() - began < 5


DAMAGE = [
    *("!!binary ", "!!python/object/apply:os.system [x]", "? !!python/object/new:a.istr\n- x\n: ", "!!int x"),
    *("!!set {a}", "[", "{", "}", "]"),
    *("- ", "? ", ": ", "&a ", "*a", "<<: ", "\t", "\x00", "\udcff", "\ud800", "\n", "'", '"', "|2-"),
    *("%YAML 1.2\n", "---\n", "...\n", "\n<<<<<<< HEAD\n", "1" * 5000, ".inf", "!", "!<x>", "\ufeff", "\x85"),
    "\\ud800",
]  # fmt: skip


def test_a_damaged_cassette_gives_a_value_or_a_problem_and_nothing_else():
    corpus = os.environ.get("LLMWATCH_CORPUS")
    files = sorted(Path(corpus).rglob("*.yaml"), key=lambda path: path.stat().st_size)[:30:5] if corpus else []
    seeds = [file.read_text(encoding="utf-8") for file in files] or [emit({"a": [{"b": "c\nd", "e": [1, None]}] * 20})]
    chance = random.Random(7)

    outcomes = [outcome_of(damaged(chance.choice(seeds), chance)) for _ in range(2000)]

    assert {"value", "problem"} == set(outcomes)


def damaged(text, chance):
    start = chance.randrange(max(1, len(text) - 1500))
    text = text[start : start + 1500]
    for _ in range(chance.choice((1, 2, 5))):
        place = chance.randrange(len(text) + 1)
        piece = chance.choice((*DAMAGE, chr(chance.randrange(0x110000))))
        text = chance.choice(
            (text[:place] + piece + text[place:], text[:place] + text[place + 20 :], text[:place] or "a")
        )
    return text


def outcome_of(text):
    try:
        load(text)
    except YamlProblem:
        return "problem"
    return "value"


def test_a_file_too_large_is_refused_unread(tmp_path):
    path = tmp_path / "huge.yaml"
    path.touch()
    os.truncate(path, 3_000_000_000)
    began = time.monotonic()

    with pytest.raises(UnreadableCassette, match=r"3,000\.0 MB; a cassette may have up to 256 MB\n  .*huge\.yaml"):
        store.read_text(path)

    assert time.monotonic() - began < 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path):
    path = tmp_path / "pipe.yaml"
    os.mkfifo(path)

    with pytest.raises(UnreadableCassette, match="not a regular file"):
        store.read_text(path)
