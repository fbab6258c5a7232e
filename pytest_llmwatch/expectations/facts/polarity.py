"""What a text denies: negations in English and Japanese, and the words that only look like them."""

from __future__ import annotations

import re

from .mentions import Mention

_ENGLISH = re.compile(
    r"\b(?:not|never|none|nobody|nothing|neither|nor|nowhere|cannot|without|hardly|barely|scarcely|seldom|rarely|unable"
    r"|lack(?:s|ed|ing)?|fail(?:s|ed|ing)? to|refus(?:e|es|ed|ing)|no longer|far from|yet to be"
    r"|(?:is|are|was|were|do|does|did|wo|ca|could|should|would|has|have|had)nt)\b"
    r"|\b(?:ca|wo|sha|is|are|was|were|do|does|did|could|should|would|has|have|had|must|need|might|ai)n['’]t\b"
    r"|\bno\b(?![.:]?\s?\d)",
    re.IGNORECASE,
)
_ENGLISH_FALSE = re.compile(
    r"\bnot (?:only|just|to mention|(?:more|less) than)\b|\bno (?:doubt|matter|sooner|(?:more|less|fewer|later) than)\b"
    r"|\bwhether or not\b|\bif not\b|\bwhy not\b|\bnothing but\b|\bnone other\b",
    re.IGNORECASE,
)
_PREFIXED = re.compile(
    r"\b(?:un(?:able|likely|willing|safe|available|successful|happy|healthy|important|necessary|clear|known|usual|fair"
    r"|true|aware|certain|comfortable|reliable|supported|related|changed|affected|common|lawful|limited|pleasant"
    r"|popular|satisfied|sure|wise|stable|expected|acceptable|authorized|verified|paid|restricted)"
    r"|in(?:correct|valid|secure|complete|accurate|effective|efficient|eligible|visible|active|adequate|appropriate"
    r"|consistent|direct|frequent|sufficient|capable|formal|significant|compatible)"
    r"|im(?:possible|proper|perfect|polite|probable|mature)|ir(?:regular|relevant|responsible|reversible)"
    r"|il(?:legal|logical|legible)"
    r"|non-[a-z]+|dis(?:agree\w*|allow\w*|approv\w*|connect\w*|continu\w*|satisfied|honest|able[sd]?))\b",
    re.IGNORECASE,
)
_JAPANESE_FALSE = re.compile(
    r"な(?:けれ|くて)ば?は?(?:な(?:らない|りません|らず)|いけない|いけません)|な(?:い|く)と(?:いけない|いけません|だめ)"
    r"|ねばな(?:らない|りません)|ざるを得ない|かも(?:しれ|知れ)(?:ない|ません)|に(?:違|ちが)い(?:ない|ありません)"
    r"|に(?:他なら|ほかなら|ほかなり)(?:ない|ません)|ほかなりません|(?:の|ん)?では(?:ない|ありません)(?:か|でしょうか)"
    r"|じゃないか|ませんか|少な(?:い|く|か|け)|すくな(?:い|く)|危ない|あぶない|つまらない|もったいない|とんでもない|切ない"
    r"|だけでな(?:く|い)|のみな(?:らず|く)|ばかりでなく|必ず|まず|先ず|はず|いず|おのず|思わず|絶えず|相変わらず|あらず"
    r"|むずか|ずっと|ずつ|わずか|みず|きず|気づ|傷|ないし(?=[一-龥])|申し訳(?:ない|ありません|ございません)|すみません"
    r"|違いない|限りない|何気な|仕方な"
)
_JAPANESE = re.compile(
    r"[ぁ-ん]{0,6}?(?:なかった|なかろう|なければ|なさそう|ませんでした|ません|ない)|なく(?=[てなはも、。]|$)"
    r"|(?<=[わかがさたなばまらきけせてねべめれえいちりみびにし])ず(?=[に、。]|$)|ぬ(?=[。、]|$)|無い|無し|なし(?=[。、で]|$)"
    r"|不(?:可能|可(?!欠|思議|抗力)|能|要|正|適|十分|在|明)|未(?=[一-龥])(?!来|満|明)|非(?=[一-龥])(?!常)|無(?=[効害関能視許断罪償])"
    r"|まい(?=[。、]|$)|皆無"
)
_KANA_OR_KANJI = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def is_japanese(text: str) -> bool:
    """Whether there is a kana or a kanji in it."""
    return _KANA_OR_KANJI.search(text) is not None


def negations(text: str) -> list[Mention]:
    """Every word that denies, in a text in NFKC."""
    patterns = [(_ENGLISH, _ENGLISH_FALSE)]
    if is_japanese(text):
        patterns.append((_JAPANESE, _JAPANESE_FALSE))
    found = []
    for cues, false in patterns:
        # What only looks like a negation keeps its length: the places stay right.
        masked = false.sub(lambda match: "　" * len(match.group()), text)
        found += [_negation(match) for match in cues.finditer(masked)]
    return found


def prefixed(text: str) -> list[Mention]:
    """Every English adjective or verb that is denied by its prefix (`unlikely`, `disallow`)."""
    return [_negation(match) for match in _PREFIXED.finditer(text)]


def _negation(match: re.Match[str]) -> Mention:
    text = match.group()
    return Mention(kind="negation", text=text, start=match.start(), values=frozenset([text.lower()]))
