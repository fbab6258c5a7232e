"""Expectations of how an answer begins: no refusal, no preamble; in English and in Japanese.

The patterns look at the beginning alone: "I cannot" in the fifth sentence is about the matter, not the model.
"""

from __future__ import annotations

import re

from .expectation import Expectation, quoted, text_rule
from .places import line_of
from .verdicts import Verdict

_BEGINNING = 400
_CANNOT = (
    r"(?:can(?:no|['’]|\s?no)?t|can not|am unable to|['’]m unable to|am not able to|['’]m not able to|won['’]t|"
    r"will not|must decline to|have to decline to|am not allowed to|['’]m not allowed to|couldn['’]t|could not)"
)
_HELP = (
    r"(?:help|assist|provide|comply|fulfil|fulfill|answer|respond|do that|do this|share|create|generate|write|discuss|"
    r"engage|support|complete|continue|give|offer|produce|participate|carry out|process|accommodate|advise|"
    r"reveal|disclose|"
    r"talk about|make|translate|summari[sz]e|access|browse)"
)
_SOFTENER = (
    r"(?:(?:I['’]m|I am|we['’]re|my)?\s*(?:very |so |really |truly |deeply )?(?:sorry|apologies|apologi[sz]e|"
    r"afraid|regret)"
    r"[^.!?\n]{0,40}?[,.!;:—-]*\s*(?:but|however)?,?\s*|(?:unfortunately|regrettably|"
    r"thanks? (?:you )?for[^.!?\n]{0,60}[.!,]),?\s*(?:but )?)"
)
_REFUSALS = [
    re.compile(
        rf"\s*{_SOFTENER}{{0,2}}(?:but\s+)?I\s*{_CANNOT}\s+(?:\w+ly\s+|really\s+|to\s+)?{_HELP}\b", re.IGNORECASE
    ),
    re.compile(
        rf"\s*{_SOFTENER}{{0,2}}I\s?(?:['’]m|am) (?:just |only )?(?:an AI|"
        rf"a (?:large )?language model)[^.!?\n]{{0,80}}\b{_CANNOT}\b",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\s*{_SOFTENER}?As an? (?:AI|artificial|large language|language)[^.!?\n]{{0,80}},? I (?:{_CANNOT}|"
        rf"do not|don['’]t)\b",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\s*{_SOFTENER}?I (?:must|have to|need to|will have to|respectfully)\s+(?:respectfully\s+|"
        rf"politely\s+)?(?:decline|refuse)\b",
        re.IGNORECASE,
    ),
    re.compile(rf"\s*{_SOFTENER}?I(?:['’]m| am)\s+(?:not comfortable|uncomfortable)\b", re.IGNORECASE),
    re.compile(
        r"\s*I(?:['’]m| am) sorry,? (?:but )?(?:I )?(?:can(?:no|['’])t|cannot) (?:do|with) (?:that|this)", re.IGNORECASE
    ),
    re.compile(
        r"\s*(?:This|Your|That) (?:request|content|prompt|question)[^.!?\n]{0,40}(?:violates|goes against|"
        r"is against|is not allowed)",
        re.IGNORECASE,
    ),
    re.compile(
        r"\s*It (?:would be|is|['’]s) (?:inappropriate|unethical|against my)[^.!?\n]{0,60}\b(?:me|guidelines|"
        r"polic|programming)",
        re.IGNORECASE,
    ),
]
_JA_SORRY = (
    r"(?:(?:大変|誠に)?(?:申し訳|もうしわけ)(?:ありません|ございません|ない(?:です|のです)?)|すみません|ごめんなさい|"
    r"恐れ入ります|恐縮です|残念ながら|せっかくですが)"
)
_JA_CANNOT = (
    r"(?:でき(?:ません|かねます|ない(?:です|んです|のです)?)|(?:いた|致)?しかねます|ことはできません|"
    r"わけにはいきません|られません)"
)
_JA_HELP = (
    r"(?:お?(?:答え|こたえ|応え|手伝い|力になる|教え|伝え|話し)(?:する)?|"
    r"ご?(?:回答|案内|協力|支援|提供|説明|返答|要望|期待)(?:に|する|いた)?[^。\n]{0,6}?|"
    r"応じ(?:る)?|生成(?:する)?|作成(?:する)?|手助け(?:する)?|サポート(?:する)?)"
)
_JA_REQUEST = r"(?:リクエスト|ご?要望|ご?質問|ご?依頼|お問い合わせ|内容|情報|指示|要求|トピック|話題|件)"
_REFUSALS_JA = [
    re.compile(
        rf"\s*(?:{_JA_SORRY}(?:が|けれども|けど)?[、,。！!]?\s*)?(?:[^。\n]{{0,40}}?(?:{_JA_REQUEST}|こと|それ|これ|"
        rf"私)[^。\n]{{0,20}}?)?{_JA_HELP}[^。\n]{{0,8}}?{_JA_CANNOT}"
    ),
    re.compile(
        rf"\s*(?:{_JA_SORRY}(?:が)?[、,。]?\s*)?[^。\n]{{0,40}}?{_JA_REQUEST}(?:に|には|については)[^。\n]{{0,12}}?(?:対応|"
        rf"お応え|応答|回答|お答え)[^。\n]{{0,6}}?{_JA_CANNOT}"
    ),
    re.compile(
        rf"\s*(?:{_JA_SORRY}(?:が)?[、,。]?\s*)?(?:私は|わたしは)?(?:AI|人工知能|言語モデル)[^。\n]{{0,40}}?(?:として|ので|ため|であり|"
        rf"です(?:から|ので))[^。\n]{{0,60}}?{_JA_CANNOT}"
    ),
]
_PREAMBLES = [
    re.compile(
        r"\s*(?:sure(?: thing)?|certainly|of course|absolutely|definitely|great|got it|understood|no problem|"
        r"okay|ok|alright|"
        r"all right|with pleasure|gladly|yes, of course)\s*(?:[!.,:—–]+(?=\s|$)|-\s|\n)\s*"
        r"(?:(?:here|below|the following|i(?:['’]ll|['’]d| will| would)|let me)\b[^\n]{0,200}?(?:[:.!]\s*\n+|"
        r":\s+|$)\s*)?",
        re.IGNORECASE,
    ),
    re.compile(
        r"\s*(?:that['’]s (?:a|an) )?(?:great|good|excellent|interesting|fantastic) question\b[^\n.!]{0,60}[.!,]+\s*",
        re.IGNORECASE,
    ),
    re.compile(r"\s*(?:thank you|thanks) for (?:your|the|asking|reaching)[^\n.!]{0,80}[.!]+\s*", re.IGNORECASE),
    re.compile(
        r"\s*i(?:['’]d| would)(?: be)? (?:happy|glad|love|delighted)(?: to)? (?:help|assist)[^\n.!]{0,80}[.!:]+\s*",
        re.IGNORECASE,
    ),
    re.compile(
        r"\s*(?:here(?:['’]s| is| are)|below (?:is|are)|the following (?:is|are))\b[^\n]{0,200}?:\s*(?:\n|"
        r"(?=[{\[<`\"])|$)\s*",
        re.IGNORECASE,
    ),
    re.compile(
        r"\s*(?:as (?:you )?requested|as per your request|per your request|based on (?:your|the) (?:request|"
        r"input|information|text|document|context)[^\n,]{0,60}),\s*",
        re.IGNORECASE,
    ),
    re.compile(
        r"\s*let me (?:help|explain|break|walk|provide|start|summari[sz]e)\b[^\n]{0,120}?[.:!]\s*", re.IGNORECASE
    ),
    re.compile(
        r"\s*(?:はい[、。！!]\s*)?(?:承知(?:(?:いた|致)し|し)?(?:ました|です)|かしこまりました|了解(?:(?:いた|致)し|し)?(?:ました|です)|わかりました|"
        r"分かりました|お任せください|喜んで[^。\n]{0,20})[。、！!\n]\s*(?:(?:以下|それでは|では|こちら|次)[^\n]{0,80}?(?:[:：。]\s*(?:\n+|$)|"
        r"[:：])\s*)?"
    ),
    re.compile(
        r"\s*(?:はい[、。！!]\s*)?もちろん(?:です(?:とも)?|ございます)?[。、！!]\s*(?:(?:以下|それでは|では|"
        r"こちら)[^\n]{0,80}?(?:[:：。]\s*(?:\n+|$)|[:：])\s*)?"
    ),
    re.compile(
        r"\s*(?:以下|下記|次)(?:は|が|に|の(?:通り|とおり))[^\n]{0,80}?(?:(?:です|ます|ました|ください)[。:：]?|[:：])\s*(?:\n+|$)\s*"
    ),
    re.compile(r"\s*(?:こちら|これ)(?:が|は)[^\n。]{0,60}?(?:です|になります|ます)[。:：]?\s*(?:\n+|$)\s*"),
    re.compile(
        r"\s*(?:ご質問|お問い合わせ|ご依頼|リクエスト)(?:を|頂き|いただき)?[^\n。]{0,20}?ありがとうございます[。！!]\s*"
    ),
    re.compile(r"\s*(?:素晴らしい|良い|いい|とても良い)(?:ご)?質問(?:です)?(?:ね)?[。！!]\s*"),
]


def not_refusal() -> Expectation:
    """A text that does not begin with the model's refusal to answer, in English or Japanese.

    What a company refuses is an answer: "We cannot refund opened goods" and 「返品はお受けできません」 pass.

    Example:
        >>> from pytest_llmwatch import not_refusal
        >>> "I'm sorry, but I can't help with that." == not_refusal()
        False
        >>> "申し訳ありませんが、返品は14日以内に限ります。" == not_refusal()
        True
    """

    def judge(value: str) -> Verdict:
        beginning = value[:_BEGINNING].lstrip(" \t\r\n*_>#\"'「『“")
        for pattern in [*_REFUSALS, *_REFUSALS_JA]:
            match = pattern.match(beginning)
            if match:
                found = quoted(match[0].strip(), 60)
                return Verdict(passed=False, reason="begins with a refusal", place="line 1", found=found)
        return Verdict(passed=True, reason="begins with no refusal")

    return text_rule("not_refusal()", judge)


def no_preamble() -> Expectation:
    r"""A text that begins with the matter, not with "Sure! Here is ..." or 「承知しました。」.

    Example:
        >>> from pytest_llmwatch import no_preamble
        >>> "Sure! Here is the list:\n- ink" == no_preamble()
        False
    """

    def judge(value: str) -> Verdict:
        beginning = value[:_BEGINNING]
        for pattern in _PREAMBLES:
            match = pattern.match(beginning)
            if match and match[0].strip():
                rest = value[match.end() : match.end() + 200].strip()
                return Verdict(
                    passed=False,
                    reason="begins with a preamble",
                    place=line_of(value, len(match[0]) - len(match[0].lstrip())),
                    found=quoted(match[0].strip(), 60),
                    nearest=f"what follows it: {quoted(rest)}" if rest else None,
                )
        return Verdict(passed=True, reason="begins with the matter")

    return text_rule("no_preamble()", judge)
