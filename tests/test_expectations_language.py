"""Japanese is told from Chinese, which shares its characters; codes are taken as people write them."""

import pytest

from pytest_llmwatch import SettingError, language

JAPANESE = [
    "東京都",
    "返品不可",
    "在庫切",
    "返品は14日以内です。",
    "憂鬱",
    "拉致被害者",
    "送料無料キャンペーン",
    "了解",
    "一般的",
    "是非",
    "我慢",
    "不要",
    "以上。",
    "時々",
    "綺麗",
    "株式会社山田製作所",
    "東京都千代田区永田町一丁目",
    "返金処理済",
    "没収",
    "辛辣",
    "刹那",
    "曖昧",
    "齋藤",
    "国際連合",
    "翌日配達可",
    "二〇二四年",
    "邓小平は中国の政治家です。",
]
CHINESE = [
    "今天天气很好",
    "谢谢您的来信",
    "没问题",
    "我是一个学生",
    "您可以在十四天内退货。",
    "我们的カメラ可以退货。",
    "谢谢",
    "你好",
    "我是学生",
    "可以退款",
    "請問有什麼可以幫您",
    "謝謝您的來信",
    "明天下午三点",
    "对不起",
    "这个",
    "好的",
    "无法退款",
    "已发货",
    "感謝您的支持",
    "退货期限为十四天",
    "抱歉，不能退货",
]


@pytest.mark.parametrize("text", JAPANESE)
def test_japanese_is_japanese_also_in_kanji_alone(text):
    assert text == language("ja"), language("ja").judge(text)


@pytest.mark.parametrize("text", CHINESE)
def test_chinese_is_chinese_and_not_japanese(text):
    assert text == language("zh"), language("zh").judge(text)
    assert text != language("ja"), language("ja").judge(text)


@pytest.mark.parametrize(
    "text", ["返品は14日以内です。", "返金処理済", "送料無料キャンペーン", "返品期限内返品可能です", "営業時間外"]
)
def test_japanese_is_not_chinese(text):
    assert text != language("zh"), language("zh").judge(text)


def test_what_gives_chinese_away_is_named():
    assert language("ja").judge("谢谢您").reason == "is not in ja: it has characters that Japanese does not have (谢)"


@pytest.mark.parametrize("code", ["EN", "en-US", "en_GB", " en "])
def test_case_and_region_do_not_matter(code):
    assert language(code) == "You can return it within 14 days."


@pytest.mark.parametrize(
    "code, said",
    [
        ("jp", 'write "ja"'),
        ("japanese", 'write "ja"'),
        ("Chinese", 'write "zh"'),
        ("xx", "no language"),
        (None, "None"),
    ],
)
def test_another_word_is_refused_and_the_code_offered(code, said):
    with pytest.raises(SettingError, match=said):
        language(code)
