"""Untrusted text made safe for a terminal and a CI log: whatever would be obeyed or not be seen is spelled out."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_llmwatch.calls import JSON

# Controls, spaces that look like a space, bidirectional overrides, fillers, lone surrogates, and the tag characters
# in which prompts are smuggled. The ideographic space U+3000 is ordinary in Japanese and is wide enough to be seen.
_NEVER_SEEN = (
    r"[\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200b\u200e\u200f"
    r"\u2028-\u202f\u205f-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"
    r"\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff]"
)
# Joiners and variation selectors belong in emoji, in Arabic and Indic words and in Japanese names; elsewhere they hide.
_OUT_OF_PLACE = (
    r"(?<![\xa9\xae\u0600-\u109f\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])\u200d"
    r"|(?<![\u0600-\u109f])\u200c"
    r"|(?<![0-9#*\xa1-\ud7ff\ue000-\ufdff\ufe10-\U000dffff])[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
_UNSEEN = re.compile(f"{_NEVER_SEEN}|{_OUT_OF_PLACE}")
_UNSEEN_OR_BACKSLASH = re.compile(rf"\\|{_UNSEEN.pattern}")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_SHORT_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\\": r"\\"}


def visible(text: str) -> str:
    r"""The text on one line, with controls, escapes, overrides and hidden characters written as `\n`, `\x1b`, `\u202e`.

    A backslash is doubled, so that a line break and the two characters `\n` never look the same.
    """
    return _UNSEEN_OR_BACKSLASH.sub(_escape, text)


def visible_lines(text: str) -> str:
    """The text as safe to print as `visible` text, but its line breaks and backslashes stay: for whole pages."""
    return "\n".join(_UNSEEN.sub(_escape, line) for line in text.split("\n"))


def visible_id(test: str) -> str:
    r"""A test's id on one line, as safe to print as `visible` text, and to be typed as it stands.

    pytest has spelled out in it what is not ASCII (`test_price[\u9001\u6599]`): those backslashes stay single.
    """
    return _UNSEEN.sub(_escape, test)


def visible_json(value: JSON) -> str:
    """A JSON value on one line, strings quoted, as safe to print as `visible` text."""
    try:
        written = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply to show)"
    return _UNSEEN.sub(_escape, written)


def spelled(text: str) -> str:
    """Visible text with every character beyond ASCII as its code point, for texts that look alike and are not."""
    return _NOT_ASCII.sub(_escape, visible(text))


def columns(text: str) -> int:
    """How many terminal columns a visible text takes; Japanese letters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(map(_column_count, text))


def _column_count(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    if char in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[char]
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
