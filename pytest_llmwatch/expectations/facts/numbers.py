"""Numbers in English and Japanese: digits, words, kanji; with their units, as money, in dates and times of day."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from .mentions import Mention
from .units import MONTHS, SIGNS, UNITS

if TYPE_CHECKING:
    from collections.abc import Iterator

_ONES_WRITTEN = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
"""
_ONES = _ONES_WRITTEN.split()
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = ["third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]
_WORDS: dict[str, float] = {
    **{word: float(value) for value, word in enumerate(_ONES)},
    **{word: 10.0 * value for value, word in enumerate(_TENS, 2)},
    **{word: float(value) for value, word in enumerate(_ORDINALS, 3)},
}
_SCALES = {
    "hundred": 1e2,
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
    "trillion": 1e12,
    "k": 1e3,
    "m": 1e6,
    "bn": 1e9,
    "b": 1e9,
    "千万": 1e7,
    "万": 1e4,
    "億": 1e8,
    "兆": 1e12,
    "千": 1e3,
    "百": 1e2,
}
_DIGITS = {digit: value for value, digit in enumerate("〇一二三四五六七八九")} | {"零": 0, "両": 2}
_PLACES = {"十": 10, "百": 100, "千": 1000}
_MYRIADS = {"万": 10**4, "億": 10**8, "兆": 10**12}
_JAPANESE_WORDS = {"ひとつ": 1, "ひとり": 1, "ふたつ": 2, "ふたり": 2, "みっつ": 3, "よっつ": 4}
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "明治": 1867}
_MONTHS_WRITTEN = "january|jan february|feb march|mar april|apr may june|jun july|jul august|aug september|sept|sep"
_MONTHS_WRITTEN += " october|oct november|nov december|dec"
_MONTHS = {name: number for number, names in enumerate(_MONTHS_WRITTEN.split(), 1) for name in names.split("|")}
_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun", *"月火水木金土日"]
_WEEKDAY = re.compile(r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day(?=s?\b)|[月火水木金土日]曜日?")
_LONGEST = 40

_MONTH = r"(?P<month>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\.?"
_ERA_YEAR = r"(?:(?P<era>令和|平成|昭和|大正|明治)(?P<ey>元|\d{1,2})|(?<!\d)(?P<y2>[12]\d{3}))年"
_DATES = (
    r"(?<![\d.])(?P<y1>[12]\d{3})(?P<sep>[-/.])(?P<m1>\d{1,2})(?P=sep)(?P<d1>\d{1,2})(?!\d)",
    rf"{_ERA_YEAR}(?:(?P<m2>\d{{1,2}})月(?:(?P<d2>\d{{1,2}})日(?!間))?)?(?!間|前|後|以)",
    r"(?<!\d)(?P<m3>\d{1,2})月(?P<d3>\d{1,2})日(?!間)",
)
_ENGLISH_DATES = (
    rf"\b{_MONTH} (?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<y>[12]\d{{3}})\b)?",
    rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH}\b(?:,? (?P<y>[12]\d{{3}})\b)?",
    rf"\b{_MONTH},? (?P<y>[12]\d{{3}})\b",
)
_DATE = re.compile("|".join(_DATES))
_ENGLISH_DATE = tuple(re.compile(pattern, re.IGNORECASE) for pattern in _ENGLISH_DATES)
_TIME = re.compile(
    r"(?P<part>午前|午後)?\s?(?<!\d)(?P<jh>\d{1,2})時(?!間)(?:(?P<jm>\d{1,2})分|(?P<half>半))?"
    r"|(?<![\d:.])(?P<h>\d{1,2}):(?P<m>\d{2})(?::\d{2})?(?![\d:])\s?(?P<ap>[ap]\.?m\b\.?)?"
    r"|(?<![\d:.])(?P<h2>\d{1,2})\s?(?P<ap2>[ap]\.?m\b\.?)",
    re.IGNORECASE,
)
_VERSION = re.compile(
    r"(?<![\w.])v?\d+\.\d+(?:\.\d+)+(?:[-+][\w.]*\w)?|(?<![\w.])v\d+(?:\.\d+)*\b"
    r"|(?:(?<=version )|(?<=Version )|(?<=\bver )|(?<=バージョン)|(?<=Python ))\d+(?:\.\d+)*",
)
_NUMBER = re.compile(r"(?<![A-Za-z0-9_.])\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|(?<![A-Za-z_])\d+(?:\.\d+)?")
_SCALE = re.compile(r"[ -]?(hundred|thousand|million|billion|trillion|bn|[kKmMbB](?![A-Za-z])|千万|万|億|兆|千)")
_FURTHER = re.compile(r"(?<=[千万億兆])(\d{1,4})(千|百)?(億|万)?")
_UNIT = re.compile(
    r"[ -]?("
    + "|".join(
        re.escape(unit) + (r"(?![A-Za-z])" if unit[-1].isalpha() and unit.isascii() else "")
        for unit in sorted(UNITS, key=len, reverse=True)
        if unit not in SIGNS
    )
    + ")",
    re.IGNORECASE,
)
_FREE = re.compile(
    r"\b(?:free of charge|for free|at no (?:extra |additional )?(?:charge|cost)|no charge|costs? nothing|pays? nothing"
    r"|(?:(?<=\bis )|(?<=\bare )|(?<=\bcomes ))free(?! (?:to|from|of)\b))\b"
    r"|無料|無償|(?<=[料費代金])[はも](?:一切)?(?:かか|掛か)りません",
    re.IGNORECASE,
)
_COUNTERS = "人つ個本枚頭匹台年月日時分秒円件回度歳才名冊軒階杯着倍割歩番位点問章行字色週種類羽隻棟戸部語"
_KANJI = re.compile(
    rf"(?<![〇零一二三四五六七八九十百千万億兆両])[〇零一二三四五六七八九十百千万億兆両]{{1,20}}(?=(?:か|カ|ヶ|ヵ)?[{_COUNTERS}])"
)
_NOT_COUNTED = re.compile("一[部度種番行語時方]|千葉|十分")
_WORD = "|".join([*_WORDS, "dozen"])
_ENGLISH = re.compile(
    rf"\b(?:{_WORD})(?:[- ](?:and )?(?:{_WORD}|hundred|thousand|million|billion|trillion))*\b", re.IGNORECASE
)
_LASTING = "|".join(
    re.escape(unit)
    for unit, (dimension, _) in sorted(UNITS.items(), key=lambda each: -len(each[0]))
    if dimension == "duration" and (len(unit) > 2 or not unit.isascii())
)
_COUNT = rf"\d+|an?|{'|'.join(_ONES)}"
_HALF = re.compile(
    rf"\bhalf[ -](?:an?[ -])?(?={_LASTING})|半(?=年|日(?!本))"
    rf"|\b(?P<whole>{_COUNT}) and a half(?=[ -](?:{_LASTING}))"
    rf"|(?:\b(?P<count>{_COUNT}) |(?<!\d)(?P<digits>\d+))(?P<unit>{_LASTING})(?: and a half\b|半)",
    re.IGNORECASE,
)
_OVER = {"once": 1.0, "twice": 2.0, "thrice": 3.0}
# `Once you have paid` counts nothing.
_TIMES_OVER = re.compile(
    r"\b(?:twice|thrice)\b"
    r"|(?<!\bat )\bonce(?= (?:an?|per|every|each|daily|weekly|monthly|only)\b|[.,;!?)]|$)",
    re.IGNORECASE,
)


def number_mentions(text: str) -> list[Mention]:
    """Dates, times of day, versions and numbers of a text in NFKC; what is part of a date is no number of its own."""
    found: list[Mention] = []
    taken = bytearray(len(text))
    for find in (
        _dates,
        _english_dates,
        _weekdays,
        _times,
        _versions,
        _halves,
        _numbers,
        _kanji_numbers,
        _number_words,
        _times_over,
        _nothing,
    ):
        for mention in find(text):
            end = mention.start + len(mention.text)
            if not any(taken[mention.start : end]):
                taken[mention.start : end] = b"\1" * (end - mention.start)
                found.append(mention)
    return found


def _dates(text: str) -> Iterator[Mention]:
    for match in _DATE.finditer(text):
        part = match.groupdict()
        year = part["y1"] or part["y2"]
        if part["era"]:
            year = _ERAS[part["era"]] + (1 if part["ey"] == "元" else int(part["ey"]))
        yield _date(
            match.group(),
            match.start(),
            year,
            part["m1"] or part["m2"] or part["m3"],
            part["d1"] or part["d2"] or part["d3"],
        )


def _english_dates(text: str) -> Iterator[Mention]:
    for pattern in _ENGLISH_DATE:
        for match in pattern.finditer(text):
            part = match.groupdict()
            yield _date(match.group(), match.start(), part["y"], _MONTHS[part["month"].lower()], part.get("d"))


def _date(text: str, start: int, year: object, month: object, day: object) -> Mention:
    numbers = tuple(None if each is None else int(str(each)) for each in (year, month, day))
    return Mention(kind="date", text=text, start=start, values=frozenset([numbers]), dimension="date")


def _weekdays(text: str) -> Iterator[Mention]:
    for match in _WEEKDAY.finditer(text):
        day = _DAYS.index(match.group()[: 3 if match.group().isascii() else 1].lower()) % 7
        yield Mention(
            kind="weekday", text=match.group(), start=match.start(), values=frozenset([day]), dimension="date"
        )


def _times(text: str) -> Iterator[Mention]:
    for match in _TIME.finditer(text):
        part = match.groupdict()
        hour = int(part["jh"] or part["h"] or part["h2"])
        minute = int(part["jm"] or part["m"] or (30 if part["half"] else 0))
        noon = (part["ap"] or part["ap2"] or "").lower()[:1]
        is_after = noon == "p" or part["part"] == "午後"
        is_before = noon == "a" or part["part"] == "午前"
        if hour > 24 or minute > 59:
            continue
        hours = (
            {hour % 12 + 12} if is_after else {hour % 12} if is_before else {hour, hour + 12} if hour <= 12 else {hour}
        )
        values = frozenset(("time", each % 24 * 60 + minute) for each in hours)
        yield Mention(kind="time", text=match.group().strip(" ."), start=match.start(), values=values, dimension="time")


def _versions(text: str) -> Iterator[Mention]:
    for match in _VERSION.finditer(text):
        value = match.group().removeprefix("v")
        yield Mention(
            kind="version", text=match.group(), start=match.start(), values=frozenset([value]), dimension="version"
        )


def _nothing(text: str) -> Iterator[Mention]:
    """What costs nothing: no money, of any currency."""
    for match in _FREE.finditer(text):
        values = frozenset([0.0, ("plain", 0.0)])
        yield Mention(kind="number", text=match.group(), start=match.start(), values=values, dimension="money")


def _halves(text: str) -> Iterator[Mention]:
    """`half a year`, `an hour and a half`, 「半年」, 「1時間半」."""
    for match in _HALF.finditer(text):
        count = (match["whole"] or match["count"] or match["digits"] or "0").lower()
        value = (float(count) if count.isdecimal() else _WORDS.get(count, 1.0)) + 0.5  # `a`, `an`
        if match["unit"]:
            yield _amount(text, match.start(), match.end(), value, *UNITS[match["unit"].lower()])
        else:
            yield _measured(text, match.start(), match.end(), value)


def _numbers(text: str) -> Iterator[Mention]:
    for match in _NUMBER.finditer(text):
        written = match.group().replace(",", "")
        start, end = match.span()
        if len(written) > _LONGEST:
            yield Mention(kind="number", text=match.group(), start=start, values=frozenset([written]))
            continue
        value = float(written)
        if scale := _SCALE.match(text, end):
            value *= _SCALES[scale.group(1).lower()]
            end = scale.end()
            # 3億5千万, 1万2千: what follows a scale without a gap belongs to the number.
            while follows := _FURTHER.match(text, end):
                parts = (float(follows.group(1)), *(_SCALES.get(each or "", 1) for each in follows.groups()[1:]))
                value += math.prod(parts)
                end = follows.end()
        before = text[max(0, start - 2) : start]
        if before[-1:] in "-−" and before[-1:] and (start == 1 or before[0] in " (:=\n"):
            value, start = -value, start - 1
        yield _measured(text, start, end, value)


def _measured(text: str, start: int, end: int, value: float) -> Mention:
    dimension, factor = None, 1.0
    sign = text[start - 1 : start]
    if sign in SIGNS and sign:
        dimension, start = SIGNS[sign], start - 1
    elif unit := _UNIT.match(text, end):
        dimension, factor = UNITS[unit.group(1).lower()]
        end = unit.end()
    return _amount(text, start, end, value, dimension, factor)


def _amount(text: str, start: int, end: int, value: float, dimension: str | None, factor: float) -> Mention:  # noqa: PLR0917 - the parts of one
    values: frozenset[object] = frozenset([float(f"{value * factor:.9g}")]) if dimension else frozenset([value])
    if dimension == "duration" and factor in MONTHS:
        values |= {f"{value * MONTHS[factor]:.9g} months"}
    return Mention(
        kind="number", text=text[start:end], start=start, values=values | {("plain", value)}, dimension=dimension
    )


def _kanji_numbers(text: str) -> Iterator[Mention]:
    for match in _KANJI.finditer(text):
        if not _NOT_COUNTED.match(text, match.start()):
            yield _measured(text, match.start(), match.end(), _kanji_value(match.group()))
    for word, value in _JAPANESE_WORDS.items():
        for match in re.finditer(word, text):
            yield _measured(text, match.start(), match.end(), float(value))


def _kanji_value(written: str) -> float:
    total = section = digits = 0
    for letter in written[:_LONGEST]:
        if letter in _DIGITS:
            digits = digits * 10 + _DIGITS[letter]
        elif letter in _PLACES:
            section += (digits or 1) * _PLACES[letter]
            digits = 0
        else:
            total += (section + digits or 1) * _MYRIADS[letter]
            section = digits = 0
    return float(total + section + digits)


def _times_over(text: str) -> Iterator[Mention]:
    for match in _TIMES_OVER.finditer(text):
        yield _amount(text, match.start(), match.end(), _OVER[match.group().lower()], None, 1.0)


def _number_words(text: str) -> Iterator[Mention]:
    for match in _ENGLISH.finditer(text):
        words = re.split("[- ]", match.group().lower())[:_LONGEST]
        total = current = 0.0
        for word in words:
            if word in _WORDS:
                current += _WORDS[word]
            elif word == "hundred":
                current = (current or 1) * 100
            elif word == "dozen":
                current = (current or 1) * 12
            elif word != "and":
                total += (current or 1) * _SCALES[word]
                current = 0.0
        value = total + current
        mention = _measured(text, match.start(), match.end(), value)
        # "one" alone is mostly a pronoun.
        if words != ["one"] or mention.dimension:
            yield mention
