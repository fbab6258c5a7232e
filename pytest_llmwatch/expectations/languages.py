"""Expectations of the language of a text: by its script, and for Latin letters by its small words."""

from __future__ import annotations

import re
from collections import Counter

from .expectation import Expectation, text_rule
from .given import choice_given, refusal
from .han import chinese_signs, is_long_without_kana, japanese_signs
from .verdicts import Verdict

_SCRIPTS: dict[str, str] = {
    "kana": r"\u3041-\u309f\u30a0-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "han": r"\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "hangul": r"\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "cyrillic": r"\u0400-\u052f",
    "greek": r"\u0370-\u03ff\u1f00-\u1fff",
    "arabic": r"\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff",
    "hebrew": r"\u0590-\u05ff",
    "devanagari": r"\u0900-\u097f",
    "bengali": r"\u0980-\u09ff",
    "tamil": r"\u0b80-\u0bff",
    "telugu": r"\u0c00-\u0c7f",
    "thai": r"\u0e00-\u0e7f",
    "georgian": r"\u10a0-\u10ff",
    "armenian": r"\u0530-\u058f",
    "latin": r"A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff",
}
_RUNS = re.compile("|".join(f"(?P<{name}>[{letters}]+)" for name, letters in _SCRIPTS.items()))
# Languages that a script gives away; where several share one, the letters that only one of them has.
_BY_SCRIPT = {
    "ja": "kana",
    "zh": "han",
    "ko": "hangul",
    "ru": "cyrillic",
    "uk": "cyrillic",
    "el": "greek",
    "ar": "arabic",
    "fa": "arabic",
    "he": "hebrew",
    "hi": "devanagari",
    "bn": "bengali",
    "ta": "tamil",
    "te": "telugu",
    "th": "thai",
    "ka": "georgian",
    "hy": "armenian",
}
_OWN_LETTERS = {"ru": "ыэъёЫЭЪЁ", "uk": "іїєґІЇЄҐ", "fa": "پچژگکی", "ar": "ةىكي"}
_RIVALS = {"ru": "uk", "uk": "ru", "ar": "fa", "fa": "ar"}
_SMALL_WORDS = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the of and to in is that it for was on are with as you be at this have from or not by but what all "
        "were we when your can there their which will if do how would about them then these some her him "
        "has had who did its our i my me yes please he she they within been could should after before",
        "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden "
        "aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur "
        "oder aber vor zur bis mehr durch man sein wurde wir ich können wenn ja bitte ihre ihr innerhalb",
        "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont la "
        "avec son mais comme ou si leur y dont elle aux d l être ces ont été cette nous vous je tout votre "
        "vos oui dans jours peut sous après avant c'est",
        "es": "de la que el en y a los del se las por un para con no una su al lo como más pero sus le ya o este "
        "sí porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos durante "
        "es son fue ser está usted puede dentro",
        "it": "di e il la che in un a per è una sono con non del si da come le dei i al alla della nel più anche "
        "gli lo ma su questo dal delle o ha se nella ci ai essere suo loro dopo prima può entro sì",
        "pt": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das "
        "tem à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso você são pode "
        "dentro sim",
        "nl": "de en van het een in is dat op te zijn met voor niet aan er om ook als dan maar bij of uit nog "
        "door naar worden heeft hebben over wordt ze u kan deze dit geen wij ik je binnen ja uw",
        "sv": "och i att det som en på är av för med till den har de inte om ett han men var jag sig från vi så "
        "kan när år under också efter eller nu där du ska inom ni",
        "pl": "i w na z do że się nie to jest o za od po jak dla przez przy są oraz co tym ale być który czy "
        "tylko może już tak było także które tego jego w ciągu można",
        "tr": "ve bir bu da de için ile çok olarak daha en gibi kadar olan sonra ne var ya ama mi her o ben siz "
        "değil içinde ise veya olduğu tarafından evet",
        "id": "yang dan di dari untuk pada dengan ini itu tidak dalam akan ke adalah juga ada atau oleh anda saya "
        "kami sebagai dapat bisa telah sudah karena lebih hari",
        "vi": "và của là có không được cho các một trong người với này để những khi đã từ như cũng đến vào nhưng "
        "bạn thì tôi ra về ngày",
    }.items()
}
# What people write for a code; each is offered, none is taken, for a name may mean another code elsewhere.
_MEANT = {"jp": "ja", "jpn": "ja", "kr": "ko", "cn": "zh", "ua": "uk", "gr": "el", "cz": "cs", "eng": "en", "ger": "de"}
_NAMES = [
    "ar",
    "arabic",
    "bn",
    "bengali",
    "de",
    "german",
    "el",
    "greek",
    "en",
    "english",
    "es",
    "spanish",
    "fa",
    "persian",
    "fr",
    "french",
    "he",
    "hebrew",
    "hi",
    "hindi",
    "hy",
    "armenian",
    "id",
    "indonesian",
    "it",
    "italian",
    "ja",
    "japanese",
    "ka",
    "georgian",
    "ko",
    "korean",
    "nl",
    "dutch",
    "pl",
    "polish",
    "pt",
    "portuguese",
    "ru",
    "russian",
    "sv",
    "swedish",
    "ta",
    "tamil",
    "te",
    "telugu",
    "th",
    "thai",
    "tr",
    "turkish",
    "uk",
    "ukrainian",
    "vi",
    "vietnamese",
    "zh",
    "chinese",
]
_MEANT |= {name: code for code, name in zip(_NAMES[::2], _NAMES[1::2], strict=True)}
_NOT_PROSE = re.compile(r"```.{0,100000}?(?:```|\Z)|`[^`\n]{1,500}`|https?://\S{1,2000}", re.DOTALL)
_WORD = re.compile(rf"[{_SCRIPTS['latin']}]+(?:['’][{_SCRIPTS['latin']}]+)*")
_ENOUGH = 0.6
_SAMPLE = 200_000


def language(code: str) -> Expectation:
    """A text in this language, by its code (`ja`, `en`, `zh` ...); code blocks and addresses in it do not count.

    Told by their script: ja, zh, ko, el, he, hi, bn, ta, te, th, ka, hy; Russian from Ukrainian and Arabic from
    Persian by the letters that only one of them has, Japanese from Chinese by kana and by the characters and words
    that only one of them has; a short word that both have (東京) passes for either. `en-US` is `en`. Told by
    their small words: en, de, fr, es, it, pt, nl, sv, pl, tr, id, vi; a text without any ("OK", a name) cannot be told
    and does not pass. Three fifths of a text must be in the language: product names in English are no fault.

    Example:
        >>> from pytest_llmwatch import language
        >>> "iPhoneは14日以内なら返品できます。" == language("ja")
        True
    """
    written, code = code, _code_of(code)

    def judge(value: str) -> Verdict:
        text = _NOT_PROSE.sub(" ", value[:_SAMPLE])
        shares = _shares(text)
        if not shares:
            return Verdict(passed=False, is_undecided=True, reason="has no letters to tell a language by")
        return _judge_script(code, text, shares) if code in _BY_SCRIPT else _judge_words(code, text, shares)

    return text_rule(f'language("{written}")', judge)


def _code_of(written: object) -> str:
    """The code without its region, in small letters."""
    if not isinstance(written, str):
        raise refusal("language", written, 'the code of a language, such as "ja"')
    code = re.split(r"[-_]", written.strip().casefold())[0]
    known = sorted([*_BY_SCRIPT, *_SMALL_WORDS])
    if code in _MEANT:
        raise refusal("language", written, f'the code of a language: write "{_MEANT[code]}"')
    return choice_given("language", code, known, "language")


def _shares(text: str) -> dict[str, float]:
    """How much of a text is in which script; a Latin word weighs as much as one Japanese letter."""
    counts: Counter[str] = Counter()
    for run in _RUNS.finditer(text):
        script, size = str(run.lastgroup), len(run[0])
        counts[script] += 1 if script == "latin" else size if script in ("kana", "han") else (size + 1) // 2
    total = sum(counts.values())
    return {script: count / total for script, count in counts.most_common()}


def _judge_script(code: str, text: str, shares: dict[str, float]) -> Verdict:
    script = _BY_SCRIPT[code]
    share = shares.get(script, 0.0)
    if code == "ja":
        share += shares.get("han", 0.0)
    if share < _ENOUGH:
        return _failed(code, f"its script is mostly {next(iter(shares))}", share)
    signs = _other_signs(code, text, shares)
    if signs is not None:
        return _failed(code, signs, None)
    rival = _RIVALS.get(code)
    if rival is not None:
        own, others = (sum(map(text.count, _OWN_LETTERS[each])) for each in (code, rival))
        if others > own:
            return _failed(code, f"it has letters of {rival}", share)
    return Verdict(passed=True, reason=f"is in {code}", score=round(share, 2), limit=_ENOUGH)


def _other_signs(code: str, text: str, shares: dict[str, float]) -> str | None:
    """What tells Chinese from Japanese, which share a script."""
    if code not in ("ja", "zh") or "han" not in shares:
        return None
    han = "".join(run[0] for run in _RUNS.finditer(text) if run.lastgroup == "han")
    if code == "zh":
        return japanese_signs(text, han)
    if is_long_without_kana(text, shares.get("kana", 0.0) / (shares["han"] + shares.get("kana", 0.0))):
        return "it is in Chinese characters without kana"
    return chinese_signs(text, han)


def _judge_words(code: str, text: str, shares: dict[str, float]) -> Verdict:
    share = shares.get("latin", 0.0)
    if share < _ENOUGH:
        return _failed(code, f"its script is mostly {next(iter(shares))}", share)
    words = [word.casefold().replace("’", "'") for word in _WORD.findall(text)]
    hits = {language: sum(word in small for word in words) for language, small in _SMALL_WORDS.items()}
    best = max(hits, key=lambda language: (hits[language], language == code))
    if not hits[best]:
        reason = "no word of it tells the language"
        return Verdict(passed=False, is_undecided=True, reason=reason)
    if best != code:
        return _failed(code, f"its small words are those of {best} ({hits[best]} against {hits[code]})", None)
    return Verdict(passed=True, reason=f"is in {code}", score=round(share, 2), limit=_ENOUGH)


def _failed(code: str, why: str, share: float | None) -> Verdict:
    score = None if share is None else round(share, 2)
    return Verdict(
        passed=False, reason=f"is not in {code}: {why}", score=score, limit=None if score is None else _ENOUGH
    )
