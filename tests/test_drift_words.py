"""Words, changed words and visible text: what a person reads when two prompts differ."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmwatch.drift.visible import columns, spelled, visible, visible_json
from pytest_llmwatch.drift.words import changed_spans, changed_text, segments

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=())) | st.text("ab 。の中\n\u200d\u0301\ud83d\ude00")
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
RAW = {"Cc", "Cs", "Zl", "Zp"}
SHOP = "You are a helpful assistant of the shop. " * 30
MISE = "あなたは親切な店員です。お客様の質問に丁寧に答えてください。" * 30


def raw_controls(text):
    return [char for char in text if unicodedata.category(char) in RAW]


@pytest.mark.parametrize(
    "text, words",
    [
        ("Can I, too?", ["Can", " ", "I", ",", " ", "too", "?"]),
        ("don't pay 3.14", ["don't", " ", "pay", " ", "3.14"]),
        ("gpt4o-mini", ["gpt4o", "-", "mini"]),
        ("one\r\n  two", ["one", "\r\n", "  ", "two"]),
        ("中古の携帯を返品できますか？", ["中古", "の", "携帯", "を", "返品", "できますか", "？"]),
        ("スマホを14日以内に", ["スマホ", "を", "14", "日以内", "に"]),
        ("AIモデル、らーめん", ["AI", "モデル", "、", "らーめん"]),
        ("时间很长。", ["时间很长", "。"]),
        ("환불 되나요", ["환불", " ", "되나요"]),
    ],
)
def test_text_is_cut_into_words_in_each_script(text, words):
    assert segments(text) == words


@pytest.mark.parametrize(
    "whole",
    [
        FAMILY,
        "\U0001f1ef\U0001f1f5",
        "❤\ufe0f\u200d\U0001f525",
        "か\u3099",
        "e\u0301te\u0301",
        "葛\U000e0100",
        "\ud83d\ude00",
    ],
)
def test_what_is_one_letter_to_a_reader_is_never_cut(whole):
    words = segments(f"東京 {whole} x")

    assert whole in words


@given(ANY_TEXT)
def test_segments_joined_are_the_text(text):
    words = segments(text)

    assert "".join(words) == text


@given(ANY_TEXT)
def test_no_segment_after_the_first_begins_with_a_combining_mark(text):
    starts = [word[0] for word in segments(text)[1:] if ord(word[0]) < 0x1F000]

    assert not [start for start in starts if unicodedata.category(start).startswith("M")]


@pytest.mark.parametrize(
    "before, after, recorded, this_request",
    [
        (
            "Can I return a used phone?",
            "Can I return a used laptop?",
            "Can I return a used [-phone-]?",
            "Can I return a used {+laptop+}?",
        ),
        ("a used phone now", "a new laptop now", "a [-used phone-] now", "a {+new laptop+} now"),
        ("a phone", "a used phone", "a phone", "a {+used +}phone"),
        ("a used phone", "a phone", "a [-used -]phone", "a phone"),
        ("Reply.", "Reply. ", "Reply.", "Reply.{+ +}"),
        ("one\ntwo", "one\\ntwo", "one[-\\ntwo-]", "one{+\\\\ntwo+}"),
        (
            "中古の携帯を返品できますか？",
            "中古のパソコンを返品できますか？",
            "中古の[-携帯-]を返品できますか？",
            "中古の{+パソコン+}を返品できますか？",
        ),
        ("14日以内に", "30日以内に", "[-14-]日以内に", "{+30+}日以内に"),
        ("東京 駅", "東京\u3000駅", "東京[- -]駅", "東京{+\u3000+}駅"),
    ],
)
def test_only_the_changed_words_are_marked(before, after, recorded, this_request):
    assert changed_text(before, after) == (recorded, this_request)


def test_letters_that_look_alike_are_spelled():
    assert changed_text("画像が", "画像か\u3099") == ("画像[-\\u304c-]", "画像{+\\u304b\\u3099+}")


def test_a_long_text_is_shown_around_its_change():
    texts = changed_text(f"{SHOP}Return a used phone? {SHOP}", f"{SHOP}Return a used laptop? {SHOP}")

    assert texts == (
        "… assistant of the shop. Return a used [-phone-]? You are a helpful assistant of the shop. …",
        "… assistant of the shop. Return a used {+laptop+}? You are a helpful assistant of the shop. …",
    )


def test_a_long_japanese_text_is_shown_around_each_of_its_changes():
    before, after = f"{MISE}中古の携帯は？{MISE}東京{MISE}", f"{MISE}中古の電話は？{MISE}大阪{MISE}"

    recorded, this_request = changed_text(before, after, width=60)

    assert recorded.count("…") == this_request.count("…") == 3
    assert "の[-携帯-]は" in recorded
    assert "[-東京-]" in recorded
    assert "の{+電話+}は" in this_request
    assert "{+大阪+}" in this_request


def test_changes_beyond_the_shown_ones_are_counted():
    before = SHOP.join(["red", "green", "blue", "white", "black"])

    recorded, _ = changed_text(before, before.upper().replace(SHOP.upper(), SHOP), width=100)

    assert recorded.endswith(" +2 more")


def test_equal_texts_have_no_marks():
    assert changed_text("同じ", "同じ") == ("同じ", "同じ")


@given(ANY_TEXT, ANY_TEXT, st.integers(40, 120))
def test_changed_text_is_safe_to_print_and_fits(before, after, width):
    texts = changed_text(before * 3, after + before, width=width)

    for text in texts:
        assert not raw_controls(text)
        assert columns(text) <= width


@given(ANY_TEXT)
def test_visible_text_has_no_control_and_can_be_encoded(text):
    shown = visible(text)

    assert shown.encode() is not None
    assert not raw_controls(shown)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\r\n\tb", r"a\r\n\tb"),
        ("C:\\new", r"C:\\new"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("a\xa0b", r"a\xa0b"),
        ("a\u200bb", r"a\u200bb"),
        ("\x9b31m", r"\x9b31m"),
        ("\ud83d", r"\ud83d"),
        ("\U000e0041", r"\U000e0041"),
        ("東京\u200d大阪", r"東京\u200d大阪"),
        ("a\ufe0f", r"a\ufe0f"),
        (f"{FAMILY} 葛\U000e0100 か\u3099\u3000", f"{FAMILY} 葛\U000e0100 か\u3099\u3000"),
    ],
)
def test_what_a_terminal_would_obey_or_hide_is_spelled_out(text, shown):
    assert visible(text) == shown


def test_no_control_or_override_stays_raw():
    directions = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    unsafe = [char for char in map(chr, range(sys.maxunicode + 1)) if is_unsafe(char, directions)]

    assert not [char for char in unsafe if char in visible(f"a{char}b")]


def is_unsafe(char, directions):
    return unicodedata.category(char) in RAW or unicodedata.bidirectional(char) in directions


def test_json_is_shown_with_its_own_escapes_once():
    assert visible_json({"a": 'say "はい"\n\x7f\u202e'}) == '{"a": "say \\"はい\\"\\n\\x7f\\u202e"}'


def test_spelled_text_is_ascii():
    assert spelled("がa") == r"\u304ca"


@pytest.mark.parametrize("text, width", [("abc", 3), ("携帯", 4), ("か\u3099", 2), ("ｶ", 1)])
def test_japanese_letters_take_two_columns(text, width):
    assert columns(text) == width


@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_spans_hold_every_difference(before, after):
    patched = list(before)
    for a, b, c, d in reversed(changed_spans(before, after)):
        patched[a:b] = after[c:d]

    assert patched == after


LINES = "".join(f"line {number} of the document\n" for number in range(40_000))


@pytest.mark.parametrize(
    "before, after",
    [
        ("used phone " * 100_000, "new laptop " * 100_000),
        ("中古の携帯。" * 150_000, "新品の電話。" * 150_000),
        ("yes\n" * 250_000, "no\n" * 250_000),
        ("x" * 1_000_000, "x" * 500_000 + "y" + "x" * 500_000),
        ("\u0301\u200d" * 500_000, "\u200d\u0301" * 500_000),
        ("\x1b\n" * 500_000, ""),
    ],
)
def test_a_megabyte_has_an_answer_of_one_line(before, after):
    texts = changed_text(before, after)

    assert all(columns(text) <= 100 for text in texts)


def test_small_changes_are_found_in_a_megabyte_of_lines():
    after = f"Tuesday\n{LINES.replace('line 777 ', 'row 777 ')}a laptop?"

    recorded, this_request = changed_text(f"Monday\n{LINES}a phone?", after)

    assert [word in recorded for word in ("[-Monday-]", "[-line-] 777", "[-phone-]")] == [True] * 3
    assert [word in this_request for word in ("{+Tuesday+}", "{+row+} 777", "{+laptop+}")] == [True] * 3
