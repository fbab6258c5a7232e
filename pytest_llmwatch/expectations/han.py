"""Whether Chinese characters are those of a Japanese or of a Chinese text.

Told by the character sets of both: what JIS does not have, no Japanese text is written in; what JIS keeps among rare
ones and GB or Big5 among the frequent ones, hardly any is.
"""

from __future__ import annotations

import re
from functools import cache

_HIRAGANA = re.compile(r"[\u3041-\u309f]")
# Words that hold a Chinese sentence together; no Japanese one has these letters side by side, or at all.
_CHINESE_WORDS = re.compile(
    "[你您妳们們这這很吗嗎她它呢吧么麼哪啊个]|我[是有的要也在想会會]|[他也就不]是|是[我的一不]|可以|没有|沒有|今天|明天|"
    "昨天|不好|好的|不到|也不|一下"
)
_SECOND_LEVEL = b"\x98\x9f"  # of JIS, in Shift_JIS
_SHORT_TEXT = 20
# Japanese words of two rare letters there are.
_SOME = 4
_RARE = 0.25
_OWN = 0.05


def chinese_signs(text: str, han: str) -> str | None:
    """The letters that make a text Chinese and not Japanese, or what else does; `None` where it may be Japanese.

    Args:
        text: All of it.
        han: The Chinese characters in it, in their order.
    """
    hiragana = len(_HIRAGANA.findall(text))
    foreign = [letter for letter in han if _is_foreign(letter)]
    if len(foreign) > hiragana:
        return f"it has characters that Japanese does not have ({_some(foreign)})"
    if hiragana:
        return None
    words = [match[0] for match in _CHINESE_WORDS.finditer(text)]
    rare = [letter for letter in han if _is_rare(letter)]
    if words or (len(han) >= _SOME and len(rare) >= _RARE * len(han)):
        return f"it has words and characters of Chinese ({_some([*words, *rare])})"
    return None


def japanese_signs(text: str, han: str) -> str | None:
    """The letters that make a text Japanese and not Chinese; `None` where it may be Chinese."""
    kana = _HIRAGANA.findall(text)
    if len(kana) > 2 * _OWN * (len(han) + len(kana)):
        return f"it has kana ({_some(kana)})"
    own = [letter for letter in han if _is_japanese(letter)]
    if len(own) > _OWN * len(han):
        return f"it has characters that only Japanese has ({_some(own)})"
    return None


def is_long_without_kana(text: str, kana: float) -> bool:
    """Whether a text goes on for longer than a Japanese word or address does, with (nearly) no kana in it."""
    return kana < _OWN and len(text) >= _SHORT_TEXT


@cache
def _is_foreign(letter: str) -> bool:
    return not _encoded(letter, "euc_jis_2004") and _is_frequent_in_chinese(letter)


@cache
def _is_rare(letter: str) -> bool:
    """Whether JIS has it on its second level, and a Chinese set on its first."""
    code = _encoded(letter, "shift_jis")
    return (not code or code >= _SECOND_LEVEL) and _is_frequent_in_chinese(letter)


@cache
def _is_japanese(letter: str) -> bool:
    is_chinese = _encoded(letter, "gb2312") or _encoded(letter, "big5") or letter == "〇"
    return bool(_encoded(letter, "shift_jis")) and not is_chinese


def _is_frequent_in_chinese(letter: str) -> bool:
    simplified, traditional = _encoded(letter, "gb2312"), _encoded(letter, "big5")
    return b"\xb0" <= simplified[:1] <= b"\xd7" or b"\xa4" <= traditional[:1] <= b"\xc6"


def _encoded(letter: str, codec: str) -> bytes:
    try:
        return letter.encode(codec)
    except UnicodeEncodeError:
        return b""


def _some(letters: list[str]) -> str:
    return " ".join(list(dict.fromkeys(letters))[:4])
