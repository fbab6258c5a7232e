"""Names of people, places and things, and what programs call things: identifiers, addresses, paths."""

from __future__ import annotations

import re

from .mentions import Mention

_ADDRESS = re.compile(r"https?://[^\s<>\"'、。）」]+|[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+")
_QUOTED = re.compile(r"`([^`\n]{1,80})`")
_IDENTIFIER = re.compile(
    r"(?<![\w/.-])(?:/[\w.-]+){2,}|\b[A-Za-z]\w*_\w+\b|\b[a-z]+(?:[A-Z][a-z0-9]+)+\b|(?<![\wÀ-ɏ-])--?[a-z][\w-]{2,}"
    r"|\b[A-Za-z]{1,64}[-_]?\d[\w.-]*\b",
    re.ASCII,
)
_CAPITAL = re.compile(r"\b[A-Z]{2,}[a-z]?\b|\b[A-Z][a-zA-Z'’&-]+\b", re.ASCII)
_KANJI_NAME = re.compile(
    r"(?:株式会社)([一-龥々ァ-ヴーA-Za-z]{1,12})|([一-龥々]{1,4}|[ァ-ヴー]{2,10})(?=さん|様|氏|くん|先生|社長|市|県|都|府|駅|大学|銀行)"
)
_HANGING = re.compile(r"(?:n['’]t|['’](?:s|d|m|ll|ve|re))$")
_KATAKANA = re.compile(r"[ァ-ヴー]{3,}")
# Written with a capital all the same: at the beginning of a sentence, in a heading, before a name, in a date.
_CAPITALISED = """
I A An The This That These Those It He She They We You In On At For And But Or If When While As By To Of From With
After Before However Also There Here What Who How Why Where Which Is Are Was Were Do Does Did Yes No Not Its His Her
Their Our My Your One Two Then Thus So Some Many Most Each Every All Both Another Such Overall Additionally
Furthermore Moreover Finally First Second Third Despite Although Because Since During Once Let Please Sure Mr Mrs Ms
Dr Can Could Will Would Should Might Must Have Has Had Be Been Only Even Just Still Yet Very Never Always AM PM
OK None True False
"""
_CALENDAR = """
Monday Tuesday Wednesday Thursday Friday Saturday Sunday
January February March April May June July August September October November December
"""
_DATES = frozenset(_CALENDAR.split())
_NO_NAMES = frozenset(_CAPITALISED.split()) | _DATES
_LEAST_ROOT = 4
_LONGEST_ENDING = 3
_GENDERS = frozenset("aeio")
_SENTENCE_ENDS = '.!?:;\n"“(*#-•>'


def name_mentions(text: str) -> list[Mention]:
    """Names and identifiers of a text in NFKC. What begins a sentence is not firmly a name."""
    found: list[Mention] = []
    taken = bytearray(len(text))
    for pattern in (_ADDRESS, _QUOTED, _IDENTIFIER):
        for match in pattern.finditer(text):
            if not any(taken[match.start() : match.end()]):
                taken[match.start() : match.end()] = b"\1" * len(match.group())
                written = match.group().strip("`.,;:")
                found.append(_mention("identifier", written, match.start(), written.lower()))
    for match in _CAPITAL.finditer(text):
        if any(taken[match.start() : match.end()]):
            continue
        written = match.group().strip("'’-&")
        written = _HANGING.sub("", written)
        if compound := re.match(r"([A-Z][\w'’]*)-[a-z]", written):
            written = compound.group(1)
        if written in _NO_NAMES or len(written) < 2:
            continue
        is_plain = written[1:].islower()
        found.append(
            _mention(
                "name", written, match.start(), written.lower(), is_firm=not (is_plain and _begins(text, match.start()))
            )
        )
    return found


def japanese_names(text: str) -> list[Mention]:
    """What stands before さん or 市, or after 株式会社."""
    return [
        _mention("name", written, match.start(), written)
        for match in _KANJI_NAME.finditer(text)
        if (written := match.group(1) or match.group(2))
    ]


def is_name_like(word: str) -> bool:
    """Whether a word that was exchanged for another in the same place is a name: capitalised, or in katakana."""
    if _KATAKANA.fullmatch(word):
        return True
    return re.fullmatch(r"[A-Z][\wÀ-ɏ'’.&+-]*", word, re.ASCII) is not None and word not in _NO_NAMES


def has_a_place(word: str) -> bool:
    """Whether it says something else in another place: a number, a name, a day."""
    return any(map(str.isdigit, word)) or word in _DATES or is_name_like(word)


def is_same_name(one: str, other: str) -> bool:
    """Whether two lower-case names are forms of one: Greece and Greek, a plural; not Maria and Mario."""
    if one == other:
        return True
    is_gendered = one[:-1] == other[:-1] and {one[-1:], other[-1:]} <= _GENDERS
    root = one[: max(_LEAST_ROOT, len(one) - _LONGEST_ENDING)]
    return not is_gendered and len(one) > _LEAST_ROOT and other.startswith(root)


def _begins(text: str, at: int) -> bool:
    """Whether a sentence, a line or a quotation begins there."""
    before = text[max(0, at - 20) : at]
    stripped = before.rstrip(" \t")
    return (not stripped and at <= len(before)) or (stripped != "" and stripped[-1] in _SENTENCE_ENDS)


def _mention(kind: str, text: str, start: int, value: str, *, is_firm: bool = True) -> Mention:
    return Mention(
        kind="name" if kind == "name" else "identifier",
        text=text,
        start=start,
        values=frozenset([value]),
        is_firm=is_firm,
    )
