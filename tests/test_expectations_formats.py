"""The expectations of form: what passes, what fails, and what the verdict says about it."""

import enum
import re
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass
from typing import Literal, NotRequired, Optional, TypedDict

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_llmwatch import (
    Message,
    ModelCall,
    SettingError,
    TextPart,
    all_of,
    any_of,
    containing,
    containing_any,
    equal_to,
    finish_reason,
    html_of,
    json_like,
    json_of,
    judged_by,
    language,
    length,
    markdown_of,
    matching,
    no_leak_of,
    no_pii,
    no_preamble,
    not_,
    not_refusal,
    one_of,
    python_code,
    sql_of,
    starting_with,
    xml_of,
)
from pytest_llmwatch.expectations import time_limits
from pytest_llmwatch.expectations.lengths import count_sentences, count_words
from pytest_llmwatch.expectations.time_limits import OutOfTime, limited, span_of

INVOICE = {
    "type": "object",
    "required": ["total", "currency"],
    "properties": {
        "total": {"type": "number", "minimum": 0},
        "currency": {"enum": ["EUR", "JPY"]},
        "due": {"type": "string", "format": "date"},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "additionalProperties": False,
    "$defs": {"item": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
}
FENCED = '```json\n{"total": 40, "currency": "EUR"}\n```'


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Item:
    name: str
    parts: "list[Item]"
    price: float | None = None


class Reply(TypedDict):
    kind: Literal["refund", "repair"]
    color: NotRequired[Color]
    items: list[Item]


@pytest.mark.parametrize(
    "text, place, reason",
    [
        ('{"total": 40}', "currency", "is missing"),
        ('{"total": "40", "currency": "EUR"}', "total", "is a string, not number"),
        ('{"total": 1, "currency": "Eur"}', "currency", "is none of"),
        ('{"total": -1, "currency": "EUR"}', "total", "is less than 0"),
        ('{"total": 1, "currency": "EUR", "due": "soon"}', "due", "is not of the format"),
        ('{"total": 1, "currency": "EUR", "items": [{"name": "a"}, {}]}', "items[1].name", "is missing"),
        ('{"total": 1, "currency": "EUR", "curency": 2}', "curency", "is not in the schema"),
        ('{"total": 1, "currency": ', "line 1, column 26", "breaks off"),
        ("{'total': 1}", "line 1, column 2", "is not JSON"),
        ('{"total": NaN, "currency": "EUR"}', None, "NaN is no JSON"),
        ('{"total": 1e999, "currency": "EUR"}', None, "too large"),
        ("", None, "the text is empty"),
        (FENCED, "line 1", "the JSON stands in a markdown fence"),
        ('Here you are: {"total": 40, "currency": "EUR"}', "line 1, column 15", "the JSON stands in other text"),
        ("[" * 100_000, None, "nested too deeply"),
        (None, None, "is None, not JSON"),
        (b"\xff{}", "byte 0", "not UTF-8"),
    ],
)
def test_json_that_does_not_fit_is_named_with_its_place(text, place, reason):
    verdict = json_of(INVOICE).judge(text)

    assert not verdict.passed
    assert (verdict.place, reason in verdict.reason) == (place, True), verdict


@pytest.mark.parametrize("wrapped", [FENCED, 'Sure, {"a": 1} or\n{"total": 40, "currency": "EUR"}. Bye {'])
def test_json_is_found_in_text_only_when_asked_and_the_verdict_says_so(wrapped):
    verdict = json_of(INVOICE, in_text=True).judge(wrapped)

    assert verdict.passed
    assert "the JSON stands in" in verdict.reason
    assert wrapped != json_of(INVOICE)


def test_the_nearest_passing_value_is_offered():
    assert json_of(INVOICE).judge('{"total": "40", "currency": "EUR"}').nearest == "40"
    assert json_of(INVOICE).judge('{"total": 1, "currency": "Eur"}').nearest == '"EUR"'
    assert "curency" in str(json_of(INVOICE).judge('{"total": 1, "curency": "EUR"}').nearest)


@pytest.mark.parametrize("value", ['{"total": 1, "currency": "EUR"}', b'{"total": 1, "currency": "EUR"}'])
def test_text_bytes_and_parsed_json_are_judged_alike(value):
    assert value == json_of(INVOICE)
    assert json_of(INVOICE) == {"total": 1, "currency": "EUR"}


@pytest.mark.parametrize(
    "dialect",
    [
        "http://json-schema.org/draft-03/schema#",
        "http://json-schema.org/draft-04/schema#",
        "http://json-schema.org/draft-06/schema#",
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2019-09/schema",
        "https://json-schema.org/draft/2020-12/schema",
    ],
)
def test_every_draft_is_read(dialect):
    schema = {"$schema": dialect, "type": "object", "properties": {"n": {"type": "integer"}}}

    assert json_of(schema) == '{"n": 1}'
    assert json_of(schema) != '{"n": "1"}'


def test_a_reference_by_id_is_followed_without_a_network():
    name = {"$id": "https://example.invalid/name", "type": "string"}
    schema = {"properties": {"name": {"$ref": "https://example.invalid/name"}}}

    assert json_of(schema, schemas=[name]) == '{"name": "Aya"}'
    assert json_of(schema, schemas=[name]) != '{"name": 3}'
    verdict = json_of(schema).judge('{"name": "Aya"}')
    assert (verdict.passed, "leads nowhere" in verdict.reason) == (False, True)


@pytest.mark.parametrize("schema", [{"type": "text"}, 3, int, "object"])
def test_what_is_no_schema_is_refused_when_it_is_written(schema):
    with pytest.raises(SettingError):
        json_of(schema)


def test_a_dataclass_is_a_shape_and_takes_no_other_fields():
    assert json_of(Item) == '{"name": "a", "parts": [{"name": "b", "parts": []}]}'
    assert Item("a", []) == json_of(Item)
    assert json_of(Item).judge('{"name": "a", "parts": [{"name": 1, "parts": []}]}').place == "parts[0].name"
    assert json_of(Item).judge('{"name": "a", "parts": [], "x": 1}').place == "x"


def test_a_typed_dict_is_a_shape():
    assert json_of(Reply) == '{"kind": "refund", "items": [], "color": "red", "more": 1}'
    assert json_of(Reply).judge('{"kind": "return", "items": []}').place == "kind"
    assert json_of(Reply).judge('{"kind": "repair"}').place == "items"


def test_a_pydantic_model_is_a_shape():
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Invoice", total=(float, ...), lines=(list[int], []))

    assert json_of(model) == '{"total": 1.5}'
    assert model(total=1) == json_of(model)
    verdict = json_of(model).judge('{"total": 1, "lines": [1, "x"]}')
    assert (verdict.passed, verdict.place) == (False, "lines[1]")
    assert json_of(model).judge("{}").reason == "is missing"
    assert repr(json_of(model)) == "json_of(Invoice)"


def test_a_pattern_of_a_schema_cannot_hang():
    verdict = json_of({"type": "string", "pattern": "^(a+)+$"}).judge('"' + "a" * 40 + '!"')

    assert not verdict.passed
    assert "given up" in verdict.reason


@pytest.mark.parametrize(
    "expected, settings, value, place",
    [
        ({"a": 1, "b": [1, 2]}, {}, '{"b": [1, 2], "a": 1.0}', True),
        ({"a": 1}, {}, '{"a": 2}', "a"),
        ({"a": 1}, {}, '{"a": true}', "a"),
        ({"a": 1}, {}, '{"a": 1, "b": 2}', "b"),
        ({"a": 1}, {"ignore": ["b"]}, '{"a": 1, "b": 2}', True),
        ({"a": 1}, {"tolerance": 0.1}, '{"a": 1.05}', True),
        ({"a": 1}, {"tolerance": 0.1}, '{"a": 1.2}', "a"),
        ({"l": [{"id": 1, "n": "x"}]}, {"ignore": ["l[*].id"]}, '{"l": [{"id": 9, "n": "x"}]}', True),
        ({"l": [{"id": 1, "n": "x"}]}, {"ignore": ["**.*d"]}, '{"l": [{"id": 9, "n": "y"}]}', "l[0].n"),
        ({"l": [3, 1, 2]}, {"any_order": ["l"]}, '{"l": [1, 2, 3]}', True),
        ({"l": [3, 1, 2]}, {}, '{"l": [1, 2, 3]}', "l[0]"),
        ({"l": [3, 1, 2]}, {"any_order": ["l"]}, '{"l": [1, 2, 2]}', "l[2]"),
        ([containing("a"), containing("ab")], {"any_order": [""]}, '["xab", "a"]', True),
        ({"who": starting_with("A")}, {}, '{"who": "Aya"}', True),
        ({"who": starting_with("A")}, {}, '{"who": "Bo"}', "who"),
        ({"n": pytest.approx(3, rel=0.1)}, {}, '{"n": 3.1}', True),
        ([1, 2, 3], {}, "[1, 2]", "[2]"),
    ],
)
def test_json_is_like_another(expected, settings, value, place):
    verdict = json_like(expected, **settings).judge(value)

    assert (verdict.passed or verdict.place) == place, verdict


def test_a_path_that_is_none_is_refused():
    with pytest.raises(SettingError, match="is not a path"):
        json_like({}, ignore=["a[b"])


@pytest.mark.parametrize(
    "expectation, passing, failing",
    [
        (containing("14", "days"), "within 14 days", "within 14 Days"),
        (containing("REFUND", ignore_case=True), "a refund", "a repair"),
        (containing_any("返品", "返金"), "返金します", "交換します"),
        (starting_with("Dear"), "Dear Aya", "Hi, Dear"),
        (equal_to("Ａ b", normalise="all", ignore_case=True), " a  B", "a-b"),
        (equal_to("abc"), "abc", "abc "),
        (matching(r"\d{3}"), "a 123", "a 12"),
        (matching(re.compile("A+", re.IGNORECASE), whole=True), "aaA", "aab"),
        (one_of(["yes", "no"]), "yes", "Yes"),
        (one_of(Color), "red", "green"),
        (one_of([1, 2]), 1, True),
        (one_of(["yes", None]), None, "None"),
        (xml_of(required=["a.b"]), "<?xml version='1.0' encoding='utf-16'?><a><b/></a>", "<a><c/></a>"),
        (xml_of(), "<a>é</a>", "<a><b></a>"),
        (html_of(required=["p"]), "<!doctype html><p>x<br>y", "<div>x</div>"),
        (html_of(forbidden=["script"]), "<b>x</b>", "<div><script>x</script></div>"),
        (html_of(), "<my-tag></my-tag>", "<div><b>x</div></b>"),
        (html_of(), "<ul><li>a<li>b</ul>", "Sure: <b>x</b>"),
        (markdown_of(headings=["A", "B"]), "# A\ntext\n## C\n# B #\n", "# B\n# A"),
        (markdown_of(max_depth=2), "## A", "### A"),
        (markdown_of(max_depth=0), "```\n# no heading\n```", "Title\n====="),
        (markdown_of(no_tables=True), "a | b", "|a|b|\n|-|-|\n|1|2|"),
        (markdown_of(no_code=True), "a", "run `pytest`"),
        (markdown_of(no_links=True), "![a](b)", "[a](b)"),
        (markdown_of(no_images=True), "[a](b)", "![a](b)"),
        (markdown_of(no_html=True), "a < b > c", "a <b>c</b>"),
        (markdown_of(), "```\nx\n```", "```python\nx = 1"),
        (python_code(), "x = '\\d'", "Sure!"),
        (python_code(defines=["f", "x"]), "x, y = 1, 2\nasync def f(): pass", "def g(): pass"),
        (python_code(), "print(1)", "```python\nprint(1)\n```"),
        (python_code(in_text=True), "Here:\n```python\nprint(1)\n```", "Here:\n```python\nprint(\n```"),
        (finish_reason("stop"), ModelCall(finish_reasons=("stop",)), ModelCall(finish_reasons=("length",))),
        (finish_reason("stop"), ModelCall(finish_reasons=("stop", "stop")), ModelCall()),
        (length(words=(2, 3)), "one two", "one"),
        (length(words=3), "one two three", "one two three four"),
        (length(characters=(None, 3)), "がパ👨‍👩‍👧", "abcd"),
        (length(tokens=(1, 2), tokenizer=str.split), "a b", "a b c"),
    ],
)
def test_what_passes_and_what_fails(expectation, passing, failing):
    assert passing == expectation, expectation.judge(passing)
    assert failing != expectation, expectation.judge(failing)


def test_an_entity_is_never_expanded():
    bomb = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>'

    assert xml_of().judge(bomb).reason == "has a document type, which is not read"


@pytest.mark.parametrize(
    "settings, passing, failing",
    [
        ({}, "SELECT a FROM t", "DELETE FROM t"),
        ({}, "WITH x AS (SELECT 1) SELECT * FROM x", "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x"),
        ({}, "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE t"),
        ({}, "SELECT 'DROP TABLE t'", "SELECT a INTO b FROM t"),
        ({}, "SELECT 1 -- fine", "Here is the query"),
        ({}, "SELECT 1 UNION SELECT 2", "SELECT FROM WHERE"),
        ({"tables": ["users"]}, "SELECT * FROM Users u", "SELECT * FROM users, orders"),
        ({"tables": ["a.users"]}, "SELECT * FROM a.users", "SELECT * FROM users"),
        ({"read_only": False}, "INSERT INTO t VALUES (1)", "INSERT INTO"),
        ({"dialect": "postgres"}, "SELECT a::int FROM t", "SELECT a FROM t FOR UPDATE"),
        ({"in_text": True}, "```sql\nSELECT 1\n```", "```sql\nDROP TABLE t\n```"),
    ],
)
def test_sql_is_read_not_run(settings, passing, failing):
    pytest.importorskip("sqlglot")
    expectation = sql_of(**settings)

    assert passing == expectation, expectation.judge(passing)
    assert failing != expectation, expectation.judge(failing)


def test_an_unknown_dialect_is_refused():
    pytest.importorskip("sqlglot")

    with pytest.raises(SettingError, match="sql_of"):
        sql_of(dialect="postgray")


@pytest.mark.parametrize(
    "text, words, sentences",
    [
        ("", 0, 0),
        ("Within 14 days. No later!", 5, 2),
        ("Dr. Sato doesn't pay $3.50, e.g. today.", 7, 1),
        ("スマホを返品できますか。はい、できます。", 4, 2),
        ("「はい。」と言った。", 3, 1),
        ("我喜欢你。", 4, 1),
        ("# Title\n\n- one\n- two", 3, 3),
        ("Wait... what? Yes", 3, 2),
    ],
)
def test_words_and_sentences_are_counted_as_a_reader_would(text, words, sentences):
    assert (count_words(text), count_sentences(text)) == (words, sentences)


@pytest.mark.parametrize(
    "code, passing, failing",
    [
        ("ja", "返品は14日以内です。", "我们可以在十四天之内为您办理退货手续，请保留好您的收据。"),
        ("ja", "iPhone 15 ProはApple Storeで返品できます。", "You can return it."),
        ("zh", "我们可以在十四天之内退货。", "返品は14日以内にお願いします。"),
        ("ko", "반품할 수 있습니다.", "返品できます"),
        ("ru", "Вы можете вернуть это.", "Ви можете повернути її."),
        ("uk", "Ви можете повернути її.", "Это мы вернём."),
        ("ar", "يمكنك إرجاعه", "می‌توانید آن را پس بگیرید گچ پژ"),
        ("en", "You can return it within 14 days.", "Sie können es innerhalb von 14 Tagen zurückgeben."),
        ("de", "Sie können es innerhalb von 14 Tagen zurückgeben.", "Vous pouvez le retourner dans les 14 jours."),
        ("fr", "Vous pouvez le retourner dans les 14 jours.", "Puede devolverlo dentro de los 14 días."),
        ("es", "Puede devolverlo dentro de los 14 días.", "Você pode devolver em até 14 dias."),
        ("en", "Run it:\n```\nля ля ля ля\n```\nand that is all.", "OK"),
    ],
)
def test_the_language_is_told(code, passing, failing):
    assert passing == language(code), language(code).judge(passing)
    assert failing != language(code), language(code).judge(failing)


REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, but I cannot assist with that request.",
    "I cannot provide medical advice.",
    "I'm unable to share that information.",
    "As an AI language model, I cannot have opinions.",
    "Unfortunately, I can't comply.",
    "I must decline.",
    "申し訳ありませんが、お答えできません。",
    "申し訳ございませんが、そのリクエストにはお応えできません。",
    "恐れ入りますが、その質問には回答いたしかねます。",
    "すみません、お手伝いできません。",
]
ANSWERS = [
    "You cannot return opened goods.",
    "Sorry, we cannot refund opened goods.",
    "I can't find order 4711. Is the number right?",
    "I can help with that.",
    "Sorry to hear that! You can return it within 14 days.",
    "申し訳ありませんが、返品は14日以内に限ります。",
    "申し訳ございません。開封済みの商品は返品できません。",
    "はい、返品できます。",
    "",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_recognised(text):
    assert text != not_refusal()


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_no_refusal(text):
    assert text == not_refusal(), not_refusal().judge(text)


@pytest.mark.parametrize(
    "text",
    [
        "Sure! Here is the list:\n- ink",
        "Certainly. The total is 40.",
        "Here's the JSON you asked for:\n{}",
        'Here is the JSON: {"a": 1}',
        "Great question! It depends.",
        "承知しました。以下が要約です。\n\n要点は三つ。",
        "かしこまりました。",
        "はい、承知いたしました。\n返品できます。",
        "以下の通りです：\n- 返品",
        "もちろんです！返品できます。",
    ],
)
def test_a_preamble_is_recognised(text):
    assert text != no_preamble()


@pytest.mark.parametrize(
    "text",
    [
        "Surely you can.",
        "Here is where the treaty was signed.",
        "Of course the sun is a star.",
        "Certainly not everyone agrees.",
        "はい、返品できます。",
        "もちろん返品できます。",
        "以下のことに気をつけてください、という話ではない。返品は可能です。",
        "The total is 40. Sure!",
    ],
)
def test_the_matter_is_no_preamble(text):
    assert text == no_preamble(), no_preamble().judge(text)


SECRET = "Sesame-4711-kumo"


@pytest.mark.parametrize(
    "text",
    [
        f"It is {SECRET}.",
        "it is SESAME 4711 KUMO",
        "S.e.s.a.m.e.4.7.1.1.k.u.m.o",
        "Sesame\u200b-4711\u200b-kumo",
        "Ｓｅｓａｍｅ－４７１１－ｋｕｍｏ",
        SECRET[::-1],
        "U2VzYW1lLTQ3MTEta3Vtbw==",
        "eHggU2VzYW1lLTQ3MTEta3VtbyB5",
        "IFNlc2FtZS00NzExLWt1bW8u",
        "53 65 73 61 6d 65 2d 34 37 31 31 2d 6b 75 6d 6f",
        "Frfnzr-4711-xhzb",
    ],
)
def test_a_secret_is_found_in_disguise(text):
    verdict = no_leak_of(SECRET).judge(text)

    assert not verdict.passed
    assert "Sesame" not in repr(no_leak_of(SECRET))


def test_a_prompt_is_found_by_eight_words_in_a_row():
    prompt = "You are Kumo, the assistant of a shop. Never tell a customer the discount of more than ten percent."
    japanese = "あなたは店舗のアシスタントです。十パーセントを超える割引をお客様に決して伝えてはいけません。"

    verdict = no_leak_of(prompt).judge("My rules: never tell a customer the discount of more than ten percent!")
    assert not verdict.passed
    assert verdict.score == 11
    assert no_leak_of(prompt) == "You are welcome. The discount is ten percent."
    assert f"指示は「{japanese}」です" != no_leak_of(japanese)
    assert no_leak_of(japanese) == "割引は十パーセントです。"


@pytest.mark.parametrize(
    "kind, text",
    [
        ("email", "write to aya.sato+x@mail.example.co.jp."),
        ("phone", "call 090-1234-5678"),
        ("phone", "電話は０３－１２３４－５６７８です"),
        ("phone", "+81 90 1234 5678"),
        ("phone", "+1 (415) 555-2671"),
        ("phone", "(415) 555-2671"),
        ("phone", "call 09012345678 now"),
        ("credit_card", "4111 1111 1111 1111"),
        ("credit_card", "378282246310005"),
        ("iban", "DE89 3704 0044 0532 0130 00"),
        ("iban", "GB82WEST12345698765432"),
        ("ip_address", "from 8.8.8.8."),
        ("ip_address", "2001:4860:4860::8888"),
        ("my_number", "番号は 1234 5678 9018 です"),
        ("us_ssn", "123-45-6789"),
    ],
)
def test_data_of_a_person_is_found(kind, text):
    assert text != no_pii(kind)
    assert text != no_pii()


@pytest.mark.parametrize(
    "text",
    [
        "Order 4711 of 2026-11-23 costs 1,234,567 yen.",
        "4111 1111 1111 1112",
        "DE89 3704 0044 0532 0130 01",
        "Python 3.11.4, 127.0.0.1, 192.168.0.1",
        "0120-123-456",
        "1234 5678 9012",
        "12:34:56",
        "10.1000/182 and 3.14159265358979",
        "@aya wrote a@b",
    ],
)
def test_other_numbers_are_no_data_of_a_person(text):
    assert text == no_pii(), no_pii().judge(text)


def test_what_is_allowed_may_occur():
    assert no_pii(allow=["support@example.com"]) == "support@example.com"
    assert no_pii(allow=["0312345678"]) == "03-1234-5678"


@pytest.mark.parametrize(
    "write", [lambda: no_pii("mail"), lambda: language("xx"), lambda: finish_reason("done"), length]
)
def test_a_wrong_setting_is_refused_when_it_is_written(write):
    with pytest.raises(SettingError):
        write()


def test_tokens_need_a_tokenizer():
    with pytest.raises(SettingError, match="needs a tokenizer"):
        length(tokens=(1, 3))


CATASTROPHE = re.compile("(a+)+$"), "a" * 40 + "!"


def test_a_search_that_backtracks_too_much_is_given_up():
    with pytest.raises(OutOfTime):
        span_of(*CATASTROPHE, seconds=0.2)


def test_a_search_off_the_main_thread_is_given_up_too():
    outcome = []

    def search():
        try:
            outcome.append(span_of(re.compile("b+"), "abb", seconds=20))
            span_of(*CATASTROPHE, seconds=0.5)
        except OutOfTime:
            outcome.append("out of time")

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()

    assert outcome == [(1, 3), "out of time"]


def test_what_was_given_up_is_not_begun_again_to_explain_it(monkeypatch):
    monkeypatch.setattr(time_limits, "SECONDS", 0.3)
    hostile, text = {"pattern": "(a+)+$"}, "a" * 40 + "!"
    expected = json_of({"type": "object", "additionalProperties": hostile})
    begun = []

    def never_ends():
        begun.append(None)
        while True:
            pass

    for _again in range(3):
        with pytest.raises(OutOfTime):
            limited(never_ends, key=lambda: "never ends")
    first, took_first = timed(lambda: expected.judge({"a": text}))
    second, took_again = timed(lambda: expected.judge({"a": text}))

    assert len(begun) == 1
    assert "was given up after" in first.reason
    assert second == first
    assert took_again < 0.1 < took_first
    assert expected.judge({"a": "a"}).passed
    assert json_of({"type": "object"}).judge({"a": text}).passed


def timed(function):
    began = time.process_time()
    return function(), time.process_time() - began


def test_the_limit_leaves_no_timer_behind():
    import signal

    handler = signal.getsignal(signal.SIGVTALRM)

    assert limited(lambda: 3) == 3
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGVTALRM) is handler


ALL = [
    json_of(INVOICE),
    json_of(Item, in_text=True),
    json_like({"a": [1, containing("x")]}, tolerance=1, ignore=["b"], any_order=["a"], in_text=True),
    matching("a+b"),
    containing("a", ignore_case=True),
    containing_any("a", "あ"),
    starting_with("a"),
    equal_to("a", normalise="all"),
    xml_of(required=["a"]),
    html_of(in_text=True),
    python_code(in_text=True),
    markdown_of(headings=["a"], max_depth=3, no_tables=True, no_code=True, no_links=True, no_html=True),
    one_of(["a", "b"]),
    length(words=3, characters=3, sentences=3),
    language("ja"),
    language("en"),
    not_refusal(),
    no_preamble(),
    no_leak_of("secret-word", "one two three four five six seven eight nine ten eleven twelve"),
    no_pii(),
    finish_reason("stop"),
    judged_by(lambda text, _criteria: (0.5, text), "Good?"),
    judged_by(lambda text, _criteria: text, "Good?", samples=2),
]
HOSTILE = [
    "\ud800 lone",
    "a\x00b",
    "\u202eright to left\u202c مرحبا",
    "👨‍👩‍👧‍👦" * 5,
    "```json\n",
    "<" * 3000,
    "<![x" * 50,
    "((((" * 500,
    "{" * 3000,
    "9" * 6000,
    "a@" * 3000,
    "# " * 2000,
    "|-" * 3000,
]
VALUES = st.one_of(
    st.text(),
    st.text(alphabet=st.characters(), max_size=30),
    st.sampled_from(HOSTILE),
    st.binary(max_size=30),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.recursive(
        st.text(max_size=5) | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    ),
    st.sampled_from(
        [
            object(),
            Exception,
            10**5000,
            (1, 2),
            {1},
            ModelCall(output_messages=(Message(role="assistant", parts=(TextPart(text="x"),)),)),
        ]
    ),
)


@pytest.mark.parametrize("expectation", ALL, ids=repr)
@settings(max_examples=60, deadline=None)
@given(value=VALUES)
def test_an_expectation_never_raises_and_its_double_negation_agrees(expectation, value):
    verdict = expectation.judge(value)

    assert (value == not_(not_(expectation))) is verdict.passed
    assert ([value] == [expectation]) is verdict.passed
    assert ({"a": [value, 1]} == {"a": [expectation, 1]}) is verdict.passed
    assert (value == not_(expectation)) is (not verdict.passed and not verdict.is_undecided)
    assert verdict.passed or verdict.reason


@pytest.mark.parametrize("expectation", ALL, ids=repr)
@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_text_is_judged(expectation, value):
    expectation.judge(value)


@pytest.mark.parametrize("expectation", ALL, ids=repr)
def test_ten_megabytes_are_judged(expectation):
    assert expectation.judge("a b. 返品できます。" * 400_000).reason


def test_a_search_over_one_long_run_of_letters_is_given_up():
    assert matching("a+b").judge("a" * 10_000_000).is_undecided


@settings(max_examples=60, deadline=None)
@given(value=VALUES, others=st.lists(st.sampled_from(ALL), min_size=1, max_size=4))
@example(value=None, others=[containing("a"), one_of(["a"])])
def test_composition_follows_de_morgan(value, others):
    assert (value == not_(any_of(*others))) is (value == all_of(*map(not_, others)))
    assert (value == not_(all_of(*others))) is (value == any_of(*map(not_, others)))


def test_a_value_of_a_wrong_type_passes_neither_way():
    assert containing("x") != None  # noqa: E711 - the reflected comparison is what is tested
    assert not_(containing("x")).judge(None).reason == "is None, not text"
    assert not_(containing("x")) != None  # noqa: E711 - the same


def test_an_expectation_has_no_hash():
    with pytest.raises(TypeError):
        hash(containing("x"))


def test_using_json_of_alone_imports_neither_numpy_nor_rapidfuzz():
    code = """
        import sys
        from pytest_llmwatch import json_of

        assert '{"a": 1}' == json_of({"type": "object"})
        assert '{"a": 1' != json_of({"type": "object"})
        print(sorted({"numpy", "rapidfuzz", "pydantic", "sqlglot", "pytest", "requests"} & set(sys.modules)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == "[]"


def test_faults_are_named_as_they_follow_one_another_in_the_document():
    items = {"type": "array", "items": {"properties": {"p": {"type": "number"}}, "required": ["q"]}}
    schema = {"properties": {"a": {"type": "string"}, "items": items}}
    bad = {"items": [{"p": "x", "q": 1}] * 30, "a": 1}
    verdict = json_of(schema).judge(bad)

    assert verdict.place == "items[0].p"
    assert [line.partition(":")[0] for line in verdict.details[:-1]] == [f"items[{n}].p" for n in range(1, 20)]
    assert verdict.details[-1] == "and 11 more faults"
    assert json_of(schema).judge({"items": [{"p": "x"}], "a": 1}).details == (
        "items[0].p: is a string, not number",
        "a: is a number, not string",
    )
    assert json_of(schema).judge({"items": [{"p": "x", "q": 1}] * 5000}).details[-1] == "and at least 980 more faults"


def test_a_list_or_a_choice_of_classes_is_a_shape_too():
    assert json_of(list[Item]) == '[{"name": "a", "parts": []}]'
    assert json_of(list[Item]) == [Item("a", [])]
    assert json_of(list[Item]).judge('[{"name": "a", "parts": []}, {"name": 1, "parts": []}]').place == "[1].name"
    assert json_of(Item | None) == '{"name": "a", "parts": []}'
    assert json_of(Optional[Item]) == "null"  # noqa: UP045 - people write it so
    assert json_of(dict[str, Item]) != '{"a": 3}'
    with pytest.raises(SettingError, match="cannot tell how"):
        json_of(list[Color | re.Pattern])


def test_a_list_of_pydantic_models_is_a_shape_too():
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Line", total=(float, ...))

    assert json_of(list[model]) == '[{"total": 3}]'
    assert json_of(list[model]) == [model(total=3)]
    assert json_of(list[model]).judge('[{"total": 3}, {}]').place == "[1].total"
    assert json_of(Optional[model]) == "null"  # noqa: UP045 - people write it so


def test_the_text_of_a_value_is_not_the_value():
    assert "json_like takes the value, not its text" in json_like('{"a": 1}').judge({"a": 1}).details[0]


def test_a_search_that_was_given_up_is_not_made_again():
    wanted = matching("(a|aa)+$")
    text = "a" * 60 + "!"
    first = wanted.judge(text)
    begun = time.process_time()

    assert first.is_undecided
    assert wanted.judge(text) == matching("(a|aa)+$").judge(text) == first
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    "given, ours",
    [
        ("tool_calls", "tool_call"),
        ("tool_use", "tool_call"),
        ("end_turn", "stop"),
        ("MAX_TOKENS", "length"),
        ("STOP", "stop"),
    ],
)
def test_a_finish_reason_may_be_given_in_the_words_of_a_provider(given, ours):
    assert ModelCall(finish_reasons=(ours,)) == finish_reason(given)
    assert ModelCall(finish_reasons=("error",)) != finish_reason(given)


def test_the_nearest_finish_reason_is_offered_and_one_call_is_wanted():
    with pytest.raises(SettingError, match='there is no reason "tool_cals"; did you mean "tool_calls"'):
        finish_reason("tool_cals")
    assert "a list of 1, not one model call" in finish_reason("stop").judge((ModelCall(),)).reason


@pytest.mark.parametrize(
    "expectation, text, said",
    [
        (length(words=2), "One", "has 1 word, 2 are wanted"),
        (length(words=1), "One two", "has 2 words, 1 is wanted"),
        (one_of("a"), "b", "is not the label"),
        (
            no_leak_of(" ".join(f"Word{n}, and" for n in range(9))),
            "Word1, and Word2, and Word3, and Word4, and",
            "quotes",
        ),
    ],
)
def test_what_is_said_is_good_english(expectation, text, said):
    assert said in expectation.judge(text).reason


def test_a_quotation_of_a_prompt_is_shown_as_it_stands_in_the_text():
    prompt = "絶対に、値段を誰にも教えないでください。秘密の電話は六月まで発表しないことになっています。"

    assert no_leak_of(prompt).judge(f"はい、{prompt}").found.startswith('"絶対に、値段を誰にも教')
