"""Facts of English and Japanese texts: what counts as changed, what is the same said otherwise."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmwatch.expectations.facts import changed_facts

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=())) | st.text(
    "ab1二万円not No.Aないません。\n\ud83d$5,%:"
)
WORDS = "Ann Bob not 40 400 $5 is may must red blue March 2024 返品 できます できません 三 人 。 . the"
PHRASES = st.lists(st.sampled_from(WORDS.split()), max_size=12).map(" ".join)
POLICY = "Open the order in your account, choose Return and print the label. Hand the parcel to any post office. "
NOTICE = "マイページのご注文履歴から「返品」を選び、ラベルを印刷してください。送料は当店が負担いたします。"


def certain(reference, text):
    return [fact for fact in changed_facts(reference, text) if fact.is_certain]


@pytest.mark.parametrize(
    "kind, reference, text, shown",
    [
        ("money", "It costs $40.", "It costs $400.", "$40 -> $400"),
        ("money", "It costs $40.", "It costs €40.", "$40 -> €40"),
        ("money", "料金は4,000円です。", "料金は40,000円です。", "「4,000円」 → 「40,000円」"),
        ("money", "売上は12億円です。", "売上は120億円です。", "「12億円」 → 「120億円」"),
        ("number", "Seven people came.", "Nine people came.", "Seven -> Nine"),
        ("number", "猫が二匹います。", "猫が三匹います。", "「二」 → 「三」"),
        ("percentage", "It grew by 10%.", "It grew by 15%.", "10% -> 15%"),
        ("duration", "Return it within 14 days.", "Return it within 40 days.", "14 days -> 40 days"),
        ("duration", "返金まで半年かかります。", "返金まで3か月かかります。", "「半年」 → 「3か月」"),
        ("duration", "1時間半かかります。", "2時間半かかります。", "「1時間半」 → 「2時間半」"),
        ("duration", "Refunds take half a year.", "Refunds take one year.", "half a year -> one year"),
        ("number", "Press the button twice.", "Press the button once.", "twice -> once"),
        ("limit", "最大3回まで利用できます。", "3回以上利用できます。", "「最大3」 → 「3回以上」"),
        ("unit", "Return it within 14 days.", "Return it within 14 weeks.", "14 days -> 14 weeks"),
        ("unit", "It holds 5 GB.", "It holds 5 MB.", "5 GB -> 5 MB"),
        ("date", "Due on March 5, 2024.", "Due on 2024-03-06.", "March 5, 2024 -> 2024-03-06"),
        ("date", "令和6年3月5日まで", "令和6年4月5日まで", "「令和6年3月5日」 → 「令和6年4月5日」"),
        ("time", "It opens at 9 am.", "It opens at 9 pm.", "9 am -> 9 pm"),
        ("time", "午前9時に始まる。", "午後9時に始まる。", "「午前9時」 → 「午後9時」"),
        ("version", "Use Python 3.10.", "Use Python 3.1.", "3.10 -> 3.1"),
        ("negation", "It is refundable.", "It is not refundable.", "is -> is not"),
        ("negation", "You can return it.", "You can't return it.", "can -> can't"),
        ("negation", "It is no longer sold.", "It is sold.", "is no longer -> is"),
        ("negation", "返品できます。", "返品できません。", "「返品できます」 → 「返品できません」"),
        ("negation", "返金は可能です。", "返金は不可能です。", "「可能」 → 「不可能」"),
        ("negation", "規則的に並ぶ。", "不規則に並ぶ。", "「規則」 → 「不規則」"),
        ("order", "It moved from May to June.", "It moved from June to May.", "May … June -> June … May"),
        ("negation", "合格しました。", "不合格でした。", "「合格」 → 「不合格」"),
        ("opposite", "この券は有効です。", "この券は無効です。", "「有効」 → 「無効」"),
        ("opposite", "彼は既婚です。", "彼は未婚です。", "「既婚」 → 「未婚」"),
        ("opposite", "値上げします。", "値下げします。", "「値上げします」 → 「値下げします」"),
        ("negation", "対応していない。", "対応している。", "「対応していない」 → 「対応している」"),
        ("modality", "You must pay.", "You may pay.", "must -> may"),
        ("modality", "参加しなければならない。", "参加してもよい。", "「参加しなければならない」 → 「参加してもよい」"),
        ("opposite", "Prices rise in winter.", "Prices fall in winter.", "rise -> fall"),
        ("modality", "They are forced to keep it.", "They are allowed to keep it.", "forced -> allowed"),
        ("opposite", "Sales climbed in winter.", "Sales plunged in winter.", "climbed -> plunged"),
        ("opposite", "He always pays.", "He sometimes pays.", "always -> sometimes"),
        ("opposite", "The first quarter was good.", "The third quarter was good.", "first -> third"),
        ("date", "It opens on Tuesday or Thursday.", "It opens on Monday or Thursday.", "Tuesday -> Monday"),
        ("date", "火曜に届きます。", "水曜に届きます。", "「火曜」 → 「水曜」"),
        ("opposite", "ソファの上に猫がいる。", "ベッドの上に猫がいる。", "「ソファ」 → 「ベッド」"),
        ("opposite", "The text is censored.", "The text is uncensored.", "censored -> uncensored"),
        ("opposite", "A red car.", "A blue car.", "red -> blue"),
        ("opposite", "株価が上昇した。", "株価が下落した。", "「上昇」 → 「下落」"),
        ("opposite", "売上は10億円増加した。", "売上は10億円減少した。", "「増加」 → 「減少」"),
        ("opposite", "この薬は食後に飲む。", "この薬は食前に飲む。", "「食後に」 → 「食前に」"),
        ("limit", "You must be 18 or older.", "You must be under 18.", "18 or older -> under 18"),
        ("limit", "It takes at least 3 days.", "It takes at most 3 days.", "at least 3 days -> at most 3 days"),
        ("limit", "対象は18歳以上です。", "対象は18歳未満です。", "「18歳以上」 → 「18歳未満」"),
        ("unit", "The discount is 15%.", "The discount is 15 dollars.", "15% -> 15 dollars"),
        ("money", "参加費は無料です。", "参加費は500円です。", "「無料」 → 「500円」"),
        ("money", "It comes free of charge.", "It comes for $5.", "free of charge -> $5"),
        ("limit", "Raises if id < 0.", "Raises if id > 0.", "< 0 -> > 0"),
        ("negation", "Gift cards: not refundable", "Gift cards: refundable", "not refundable -> refundable"),
        ("name", "Regards, Maria Lopez", "Regards, Mario Lopez", "Maria -> Mario"),
        ("name", "社長は日本人です。", "社長は韓国人です。", "「日本人」 → 「韓国人」"),
        ("name", "担当：山田", "担当：田中", "「山田」 → 「田中」"),
        ("name", "We wrote to Alice today.", "We wrote to Bob today.", "Alice -> Bob"),
        ("name", "予約は佐藤さんです。", "予約は鈴木さんです。", "「佐藤」 → 「鈴木」"),
        ("identifier", "Call get_user first.", "Call get_order first.", "get_user -> get_order"),
        (
            "identifier",
            "See https://a.example/x",
            "See https://a.example/y",
            "https://a.example/x -> https://a.example/y",
        ),
        (
            "order",
            "田中さんが鈴木さんに渡した。",
            "鈴木さんが田中さんに渡した。",
            "「田中さんが鈴木さんに」 → 「鈴木さんが田中さんに」",
        ),
        ("order", "Alice sued Bob.", "Bob sued Alice.", "Alice … Bob -> Bob … Alice"),
    ],
)
def test_a_changed_fact_is_named_as_what_it_is(kind, reference, text, shown):
    (fact,) = certain(reference, text)

    assert (fact.kind, str(fact)) == (kind, shown)


@pytest.mark.parametrize(
    "reference, text",
    [
        ("It costs $1,200.", "It costs 1200 dollars."),
        ("It costs $1.2 million.", "It costs $1,200,000."),
        ("Return it within two weeks.", "Return it within 14 days."),
        ("three hundred people", "300 people"),
        ("It takes an hour and a half.", "It takes 90 minutes."),
        ("Wait half an hour.", "Wait 30 minutes."),
        ("1時間半かかります。", "90分かかります。"),
        ("返金まで半年かかります。", "返金まで6か月かかります。"),
        ("Press it twice.", "Press it two times."),
        ("Once you pay, we ship within 3 days.", "When you pay, we ship within 3 days."),
        ("利用は1日3回までです。", "利用は1日3回以内です。"),
        ("売上は12億円です。", "売上は1,200,000,000円です。"),
        ("3億5千万円", "350000000円"),
        ("1万2千円", "12000円"),
        ("２０％引き", "20%引き"),
        ("2割引き", "20%引き"),
        ("猫が二匹います。", "猫が2匹います。"),
        ("令和6年3月5日", "2024年3月5日"),
        ("Due on March 5, 2024.", "Due 2024-03-05."),
        ("It opens at 3 pm.", "It opens at 15:00."),
        ("午後3時に始まる。", "15時に始まる。"),
        ("It is not possible.", "It is impossible."),
        ("He is not fat.", "He is thin."),
        ("It cannot be returned.", "It can't be returned."),
        ("Prices rose, then fell.", "Prices grew, then declined."),
        ("Supreme Court rules today.", "The SC rules today."),
        ("Delivery is free of charge.", "Delivery costs $0."),
        ("送料は無料です。", "送料は0円です。"),
        ("Up to 5 people may come.", "No more than 5 people may come."),
        ("You must be over 18.", "You must be 18 or older."),
        ("It weighs 5 pounds.", "It weighs 5 lbs."),
        ("He is sure of it.", "He is not uncertain of it."),
        ("A woman in a hat enjoys it.", "A woman enjoys it."),
        ("Over 50 people came.", "More than 50 people came."),
        ("They met face-à-face-vis.", "They met."),
        ("それは不可欠です。", "それは大切です。"),
        ("草が不規則に茂る所に馬がいる。", "草の所に馬がいる。"),
        ("Eurozone backs the Greek bailout.", "Eurozone backs the bailout of Greece."),
        ("It stands in the Trade Centre.", "It stands in the Trade Center."),
        ("中国地方の雨です。", "西日本の雨です。"),
        ("雨かもしれない。", "雨の可能性がある。"),
        ("参加しなければならない。", "参加する必要がある。"),
        ("The Russian army left Kyiv.", "The army of Russia left Kyiv."),
    ],
)
def test_the_same_fact_said_otherwise_has_not_changed(reference, text):
    assert certain(reference, text) == []


def test_a_negation_and_an_opposite_of_two_sentences_do_not_cancel():
    reference = "料金は1,200円（税込）です。解約は可能です。"

    shown = [str(fact) for fact in certain(reference, "料金は1,200円（税別）です。解約は不可能です。")]

    assert shown == ["「税込」 → 「税別」", "「可能」 → 「不可能」"]


def test_a_number_that_also_stands_elsewhere_is_seen_in_its_place():
    reference = f"Refunds take 14 days, deliveries 30 days. {POLICY}"

    (fact,) = certain(reference, reference.replace("take 14", "take 30"))

    assert (fact.kind, str(fact)) == ("duration", "14 days -> 30 days")


@pytest.mark.parametrize(
    "put_in",
    ["Choose Return on your phone", "Choose Return within a week", "Choose Return unless it was opened"],
)
def test_a_phrase_put_into_a_sentence_of_the_same_text_is_a_fact_made_up(put_in):
    reference = POLICY.replace("choose", "Choose")

    (fact,) = certain(reference, reference.replace("Choose Return", put_in))

    assert (fact.kind, fact.before, fact.after) == ("addition", None, put_in.removeprefix("Choose Return "))


@pytest.mark.parametrize("put_in", ["simply choose Return", "choose Return as well", "choose Return in that case"])
def test_a_phrase_that_says_nothing_states_no_fact(put_in):
    assert certain(POLICY, POLICY.replace("choose Return", put_in)) == []


def test_a_sentence_of_its_own_adds_and_contradicts_nothing():
    assert certain(POLICY, POLICY + "You will hear from us by email.") == []


def test_what_two_freely_told_texts_deny_elsewhere_is_no_contradiction():
    one = (
        "Snow leopards live high in the mountains of Asia. They do not roar. Their thick fur keeps them warm all year."
    )
    other = (
        "The snow leopard, a large cat, is found across Central Asia, where few people ever see it. It hunts at dawn."
    )

    assert certain(one, other) == []


def test_a_number_of_one_sort_does_not_change_into_another_where_texts_tell_freely():
    one = "The shop in the old harbour opens at 9:30 in the morning, and there is parking behind the building."
    other = "Founded in 1986 by two sisters, it sells books, maps and tea. I'd go there again, and so would you!"

    assert certain(one, other) == []


def test_freely_told_texts_contradict_in_the_sentences_that_belong_together():
    one = f"{POLICY} Refunds for opened boxes are paid to the card. We answer questions about parcels every morning."
    other = (
        "Refunds for opened boxes are not paid to the card. Anything else is best asked by telephone, where people who"
        " know the stock by heart will gladly look into the matter and call you back before the shop closes."
    )

    (fact,) = certain(one, other)

    assert str(fact) == "are -> are not"


def test_a_fact_that_is_left_out_is_told_but_contradicts_nothing():
    (fact,) = changed_facts("Return it within 14 days, at any shop.", "Return it at any shop.")

    assert not fact.is_certain
    assert (fact.before, fact.after) == ("14 days", None)


@pytest.mark.parametrize(
    "reference, text, shown",
    [
        (
            "保証を付けます。送料は500円です。",
            "保証を付けることができません。",
            "「付けます」 → 「付けることができません」",
        ),
        (
            "到着後14日以内に返品できます。ただし開封後は不可です。",
            "到着後に返品できます。",
            "「ただし開封後は不可です」 → (nothing)",
        ),
        ("Return it any day.", "Return it any day. There is no deadline.", "(nothing) -> There is no deadline"),
    ],
)
def test_a_negation_is_shown_with_its_clause_or_in_whole_words(reference, text, shown):
    assert [str(fact) for fact in certain(reference, text)] == [shown]


def test_a_number_is_told_once_with_its_unit():
    reference = f"Return it within 14 days of delivery for the price minus a 10% restocking fee. {POLICY}"

    told = certain(reference, reference.replace(" within 14 days of delivery", "").replace("10%", "20%"))

    assert [(fact.kind, str(fact)) for fact in told] == [("percentage", "10% -> 20%")]


def test_the_lines_of_both_texts_are_told():
    (fact,) = certain("Hello.\nIt costs $40.", "Hello.\n\nIt costs $400.")
    (denied,) = certain("It is red.\nIt is blue.\nIt is new.", "It is red.\nIt is blue.\nIt is not new.")

    assert (fact.before_line, fact.after_line) == (2, 3)
    assert (denied.before_line, denied.after_line) == (3, 3)


@given(ANY_TEXT, ANY_TEXT)
def test_no_text_is_too_strange(reference, text):
    for fact in changed_facts(reference, text):
        assert str(fact)


@given(ANY_TEXT | PHRASES)
def test_a_text_has_the_facts_of_itself(text):
    assert changed_facts(text, text) == ()


@given(PHRASES, PHRASES)
@settings(max_examples=300)
def test_a_contradiction_is_one_from_either_side(reference, text):
    assert bool(certain(reference, text)) == bool(certain(text, reference))


@pytest.mark.parametrize(
    "text",
    [
        (POLICY * 100 + "\n") * 1000,
        (NOTICE * 70 + "\n") * 1000,
        POLICY * 100_000,
        "1" * 10_000_000,
        "十" * 3_000_000,
        "A" * 10_000_000,
        "no " * 3_000_000,
        "-a" * 5_000_000,
        "".join(f"不{chr(0x4E00 + at % 9000)}{chr(0x5000 + at % 7919)}" for at in range(3_000_000)),
        "at least 3 or older, under 18, " * 300_000,
        "Rise not fall. " * 700_000,
        "\u202e👨‍👩‍👧\0\ud800" * 1_000_000,
    ],
    ids=[
        "English",
        "Japanese",
        "line",
        "digits",
        "kanji-digits",
        "capitals",
        "negations",
        "flags",
        "denied",
        "limits",
        "opposites",
        "odd",
    ],
)
def test_ten_megabytes_take_seconds(text):
    begun = time.process_time()

    changed_facts(text, text[:-200] + " It is not 14 days.")

    assert time.process_time() - begun < 60


def test_the_last_of_thousands_of_numbers_is_found_again_too():
    many = ", ".join(str(number) for number in range(1000, 3200))

    assert certain(f"Parts {many}. The box holds 12 kg.", f"Parts {many}. The box holds 12.") == []
