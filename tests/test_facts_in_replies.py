"""Facts of a short reference in a long reply, told freely: what `same_facts_as` is mostly asked."""

import pytest

from pytest_llmwatch.expectations.facts import changed_facts

CONTRADICTED = [
    (
        "Used phones cannot be returned.",
        (
            "Thanks for asking! Used phones can be returned within 14 days, as long as they are undamaged and you"
            " still have the receipt."
        ),
        "cannot -> can",
    ),
    (
        "Refunds take 14 days.",
        (
            "Hello! Refunds usually take about 30 days to arrive on your card. If you do not see it by then, "
            "please write to us again."
        ),
        "14 days -> 30 days",
    ),
    (
        "Paris is the capital of France.",
        (
            "The capital of France is not Paris; it is Lyon, which lies in the south-east and has been the seat "
            "of government for a very long time."
        ),
        "France -> France is not Paris",
    ),
    (
        "The meeting is on Friday at 3 pm in Berlin.",
        (
            "Sure! Your meeting takes place in Munich this Friday, and it starts at 15:00. Don't forget to bring "
            "the slides, and let me know if anything is unclear."
        ),
        "Berlin -> Munich",
    ),
    (
        "The meeting is on Friday at 3 pm in Berlin.",
        (
            "Sure! Your meeting takes place in Berlin this Thursday, and it starts at 15:00. Don't forget to "
            "bring the slides, and let me know if anything is unclear."
        ),
        "Friday -> Thursday",
    ),
    (
        "Premium users may export their data.",
        (
            "As a premium user you have many options: you may not export your data, but you can view it online "
            "whenever you want, from any device you own."
        ),
        "may -> may not",
    ),
    (
        "Prices increased in 2023.",
        (
            "According to the report, prices decreased noticeably in 2023, mostly because energy became cheaper "
            "and demand was weak across the whole region."
        ),
        "increased -> decreased",
    ),
    (
        "中古の携帯は返品できません。",
        "お問い合わせありがとうございます。中古の携帯は、お届けから14日以内であれば返品できます。その際は領収書を同封のうえ、着払いでお送りください。送料は当店が負担いたします。",
        "「返品できません」 → 「返品できます」",
    ),
    (
        "会議は金曜日の15時からです。",
        "承知しました。会議は木曜日の午後3時から始まります。資料の準備をお忘れなく。ご不明な点があればいつでもお知らせください。場所は本社の会議室で、オンライン参加はできません。",
        "「金曜日」 → 「木曜日」",
    ),
    (
        "ログインには二段階認証が必須です。",
        "ログインの際、二段階認証は任意です。設定画面からいつでも有効にできますので、必要に応じてご利用ください。なお、パスワードは定期的に変更することをおすすめします。",
        "「必須」 → 「任意」",
    ),
    (
        "日本の首都は東京です。",
        "日本の首都は京都です。長い歴史を持つ都市で、多くの寺社仏閣があり、世界中から観光客が訪れています。四季折々の風景を楽しむことができ、食文化も豊かです。とても人気があります。",
        "「東京」 → 「京都」",
    ),
    (
        "The library opens at 9 am and closes at 6 pm.",
        (
            "Of course! Our library is open from 9 am until 8 pm every weekday. On Saturdays it closes earlier, "
            "and on Sundays we are closed, but you can always return books through the slot."
        ),
        "6 pm -> 8 pm",
    ),
    (
        "Ibuprofen should be taken with food.",
        (
            "It is best to take ibuprofen without food, at least one hour before a meal, and with plenty of "
            "water. If your stomach hurts, see a doctor."
        ),
        "with -> without",
    ),
    (
        "The function returns None if the key is missing.",
        (
            "`get(key)` raises no error: if the key is missing, the function does not return None but the default"
            " that you passed when you created the table."
        ),
        "returns -> does not return",
    ),
    (
        "Shipping to Canada costs $25.",
        (
            "We ship to Canada! Shipping costs $15 and usually takes five to seven business days. You will get a "
            "tracking number by email as soon as the parcel leaves."
        ),
        "$25 -> $15",
    ),
    (
        "Smoking is forbidden on the terrace.",
        (
            "Guests often ask about this: smoking is allowed on the terrace, while inside the restaurant it is of"
            " course forbidden by law, as everywhere in the country."
        ),
        "forbidden -> allowed",
    ),
    (
        "Marie Curie discovered polonium.",
        (
            "Polonium was discovered in 1898 by Lise Meitner, who named it after the country of her birth. It is "
            "one of the rarest natural elements and highly radioactive."
        ),
        "Curie -> Lise",
    ),
    (
        "The trial is free for 30 days.",
        (
            "You can try everything for 14 days for free. After that the subscription renews by itself unless you"
            " cancel it in your account settings before the last day."
        ),
        "30 days -> 14 days",
    ),
    (
        "The password must be at least 12 characters.",
        (
            "Choose a password of at most 12 characters, with a digit and a special sign in it. Do not reuse an "
            "old one, and do not write it down where others can read it."
        ),
        "at least 12 -> at most 12",
    ),
    (
        "年会費は無料です。",
        "ゴールドカードの年会費は11,000円(税込)です。初年度に限り半額となりますので、ぜひこの機会にお申し込みください。お手続きはオンラインで完結し、来店は不要です。",
        "「無料」 → 「11,000円」",
    ),
    (
        "ペットの同伴はできません。",
        "当ホテルでは、小型犬に限りペットの同伴ができます。ご予約の際に頭数をお知らせください。なお、レストランへの入場はご遠慮いただいております。ご理解のほどお願いいたします。",
        "「同伴はできません」 → 「同伴ができます」",
    ),
    (
        "チェックアウトは午前11時までです。",
        "チェックアウトは午前10時までとなっております。延長をご希望の場合は、1時間につき1,500円を頂戴しております。混雑時はお受けできないことがございますので、ご了承ください。",
        "「午前11時」 → 「午前10時」",
    ),
    (
        "水は100度で沸騰します。",
        "標準気圧では、水は90度で沸騰します。気圧が低い高地では、より低い温度で沸騰するため、料理に時間がかかることがあります。圧力鍋を使えば沸点を上げることができます。",
        "100 -> 90",
    ),
]
STANCES = [
    (
        "Shipping is free.",
        "Thanks for asking! We ship worldwide. Please note that shipping costs extra, depending on your country.",
        "free -> costs extra",
    ),
    (
        "送料は無料です。",
        "お問い合わせありがとうございます。全国に配送しております。送料は別途かかりますので、ご注意ください。お届けは三日ほどです。",
        "「無料」 → 「別途かかりますので」",
    ),
]
KEPT = [
    (
        "Shipping is free.",
        "Thanks for asking! We ship worldwide, with tracking. There is no charge for shipping. Gift paper costs extra.",
    ),
    (
        "送料は無料です。",
        "お問い合わせありがとうございます。全国に配送しております。送料はかかりませんので、ご安心ください。お届けは三日ほどです。",
    ),
    (
        "Used phones can be returned within 14 days.",
        (
            "Thanks for asking! Yes, used phones can be returned within 14 days, as long as they are not damaged "
            "and you have the receipt. Please do not send the battery."
        ),
    ),
    (
        "Refunds take 14 days.",
        (
            "Hello! Refunds usually take two weeks to arrive on your card. If you do not see it by then, please "
            "write to us again."
        ),
    ),
    (
        "Paris is the capital of France.",
        (
            "The capital of France is Paris. It is not only the largest city of the country but also its cultural"
            " centre, with over two million residents."
        ),
    ),
    (
        "The meeting is on Friday at 3 pm in Berlin.",
        (
            "Sure! Your meeting takes place in Berlin this Friday, and it starts at 15:00. Don't forget to bring "
            "the slides, and let me know if anything is unclear."
        ),
    ),
    (
        "You must enable two-factor authentication.",
        (
            "For your safety it is required to enable two-factor authentication before you log in for the first "
            "time. You can't skip this step, sorry about that!"
        ),
    ),
    (
        "Prices increased in 2023.",
        (
            "According to the report, prices rose noticeably in 2023, mostly because supply decreased and demand "
            "was strong across the whole region."
        ),
    ),
    (
        "中古の携帯は返品できます。",
        "お問い合わせありがとうございます。中古の携帯も、お届けから14日以内であれば返品できます。ただし、破損がある場合は対応できませんのでご了承ください。送料は当店が負担いたします。",
    ),
    (
        "会議は金曜日の15時からです。",
        "承知しました。会議は金曜日の午後3時から始まります。資料の準備をお忘れなく。ご不明な点があればいつでもお知らせください。場所は本社の会議室で、オンライン参加はできません。",
    ),
    (
        "日本の首都は東京です。",
        "日本の首都は東京です。人口は約1400万人で、世界でも有数の大都市として知られています。京都はかつての首都でしたが、現在の首都ではありません。観光地としても人気があります。",
    ),
    (
        "The library opens at 9 am and closes at 6 pm.",
        (
            "Of course! Our library is open from 9:00 to 18:00 every weekday. If you cannot come in person, you "
            "can return books through the slot next to the door at any hour."
        ),
    ),
    (
        "Ibuprofen should be taken with food.",
        (
            "Ibuprofen is best taken with food or milk, since it can upset the stomach. Do not take more than the"
            " label says, and never combine it with alcohol."
        ),
    ),
    (
        "The function returns None if the key is missing.",
        (
            "`get(key)` raises no error: if the key is missing, the function returns None. Pass a default as the "
            "second argument to get something else instead."
        ),
    ),
    (
        "Shipping to Canada costs $25.",
        (
            "We ship to Canada! Shipping costs 25 dollars and usually takes five to seven business days. You will"
            " get a tracking number by email as soon as the parcel leaves."
        ),
    ),
    (
        "Smoking is forbidden on the terrace.",
        (
            "Guests often ask about this: smoking is prohibited on the terrace as well as inside the restaurant. "
            "There is a small area in front of the building where it is allowed."
        ),
    ),
    (
        "Marie Curie discovered polonium.",
        (
            "Polonium was discovered in 1898 by Marie Curie and her husband Pierre, who named it after the "
            "country of her birth. It is one of the rarest natural elements and not stable."
        ),
    ),
    (
        "年会費は無料です。",
        "このカードの年会費は永年無料です。入会金もかかりません。お手続きはオンラインで完結し、最短5分で審査結果をお知らせいたします。学生の方もお申し込みいただけます。",
    ),
    (
        "ペットの同伴はできません。",
        "申し訳ございませんが、当ホテルではペットの同伴はできません。近隣のペットホテルをご紹介しておりますので、ご希望の場合はフロントまでお申し付けください。お手数をおかけします。",
    ),
    (
        "チェックアウトは午前11時までです。",
        "チェックアウトは11:00までとなっております。お荷物はフロントでお預かりできますので、ご出発までごゆっくりお過ごしください。混雑時はお待ちいただくことがございます。",
    ),
    (
        "水は100度で沸騰します。",
        "標準気圧では、水は100度で沸騰します。気圧が低い高地では、より低い温度で沸騰するため、料理に時間がかかることがあります。圧力鍋を使わないと、なかなか火が通りません。",
    ),
]


@pytest.mark.parametrize("reference, reply, shown", CONTRADICTED + STANCES)
def test_a_reply_that_contradicts_its_reference_is_seen_and_nothing_else_in_it(reference, reply, shown):
    certain = [str(fact) for fact in changed_facts(reference, reply) if fact.is_certain]

    assert certain == [shown]


@pytest.mark.parametrize("reference, reply", KEPT)
def test_what_a_reply_adds_and_denies_of_other_things_contradicts_nothing(reference, reply):
    assert [str(fact) for fact in changed_facts(reference, reply) if fact.is_certain] == []
