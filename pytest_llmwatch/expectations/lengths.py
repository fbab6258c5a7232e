"""Expectations of how long a text is: words, characters, sentences, tokens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmwatch.drift.words import letters
from pytest_llmwatch.errors import LLMWatchError, SettingError

from .expectation import Expectation, arguments, text_rule
from .given import Range, range_given
from .verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

_KANA = "\u3041-\u309f"
_KATAKANA = "\u30a0-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_KANJI = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAS_KANA = re.compile(f"[{_KANA}{_KATAKANA}]")
_LATIN = rf"[^\W_{_KANA}{_KATAKANA}{_KANJI}]+(?:['’.,-][^\W_{_KANA}{_KATAKANA}{_KANJI}]+)*"
# A word with the particles and endings behind it, as a Japanese reader would pause; in Chinese every letter counts.
_JAPANESE = re.compile(f"(?:[{_KANJI}]+|[{_KATAKANA}]+)[{_KANA}]*|[{_KANA}]+|{_LATIN}")
_OTHER = re.compile(f"[{_KANJI}]|{_LATIN}")
_PARAGRAPH = re.compile(r"\n[ \t\u3000]*\n|\n[ \t\u3000]*(?:[-*+•・]|\d+[.)]|#+)[ \t]?")
# A full stop ends a sentence before white space that no small letter follows; 「はい。」と is one sentence still.
_END = re.compile(
    r"[。！？｡]+(?![」』）)])|[.!?]+[\"'”’)\]]*(?=\s+[^\sa-z]|\s*\Z)|…+(?=\s+[^\sa-z]|\s*\Z)",
)
_ABBREVIATED = re.compile(
    r"\b(?:mr|mrs|ms|dr|prof|st|no|vs|etc|e\.g|i\.e|cf|fig|approx|inc|ltd|co|[a-z])\.\Z", re.IGNORECASE
)
_WORDY = re.compile(r"\w")


def length(
    *,
    words: Range | None = None,
    characters: Range | None = None,
    sentences: Range | None = None,
    tokens: Range | None = None,
    tokenizer: Callable[[str], object] | str | None = None,
) -> Expectation:
    """A text of this length: a number for exactly that many, `(least, most)` for a range, `None` in it for no limit.

    Args:
        words: Words. Japanese, which has no spaces, is counted in words with what hangs on them (文節: スマホを /
            返品できますか are two), Chinese in characters.
        characters: Characters as a reader counts them: が and an emoji family are one each.
        sentences: Sentences.
        tokens: Tokens, counted by `tokenizer`.
        tokenizer: A function that gives the tokens of a text or their number, or the name of an encoding of tiktoken
            where that package is installed.

    Example:
        >>> from pytest_llmwatch import length
        >>> "Within 14 days. No later." == length(words=(None, 10), sentences=2)
        True
    """
    given = {"words": words, "characters": characters, "sentences": sentences, "tokens": tokens}
    limits = {unit: range_given(f"length({unit}=)", wanted) for unit, wanted in given.items() if wanted is not None}
    if not limits:
        raise SettingError("length() needs one of words=, characters=, sentences=, tokens=, as words=(10, 50)")
    counts: dict[str, Callable[[str], int]] = {
        "words": count_words,
        "characters": letters,
        "sentences": count_sentences,
    }
    if "tokens" in limits:
        counts["tokens"] = _token_counter(tokenizer)

    def judge(value: str) -> Verdict:
        faults: list[Verdict] = []
        passing: list[str] = []
        for unit, (least, most) in limits.items():
            count = counts[unit](value)
            passing.append(_counted_text(count, unit))
            limit = _broken(count, least, most)
            if limit is not None:
                reason = f"has {_counted_text(count, unit)}, {_wanted_text(count, limit, is_exact=least == most)}"
                faults.append(Verdict(passed=False, reason=reason, score=float(count), limit=float(limit)))
        if not faults:
            return Verdict(passed=True, reason=f"has {', '.join(passing)}")
        first = faults[0]
        details = tuple(fault.reason for fault in faults[1:])
        return Verdict(passed=False, reason=first.reason, score=first.score, limit=first.limit, details=details)

    return text_rule(f"length({arguments(**given)})", judge)


def count_words(text: str) -> int:
    """The words of a text; see `length`."""
    pattern = _JAPANESE if _HAS_KANA.search(text) else _OTHER
    return sum(1 for _ in pattern.finditer(text))


def count_sentences(text: str) -> int:
    """The sentences of a text; a heading, an item of a list and a rest without a full stop count as one each."""
    return sum(_count_in(part) for part in _PARAGRAPH.split(text))


def _count_in(part: str) -> int:
    count, start = 0, 0
    for end in _END.finditer(part):
        if _ABBREVIATED.search(part, max(start, end.end() - 8), end.end()):
            continue
        count += bool(_WORDY.search(part, start, end.start()))
        start = end.end()
    return count + bool(_WORDY.search(part, start))


def _broken(count: int, least: int | None, most: int | None) -> int | None:
    """The limit that a count is beyond."""
    if least is not None and count < least:
        return least
    return most if most is not None and count > most else None


def _counted_text(count: int, unit: str) -> str:
    return f"1 {unit.removesuffix('s')}" if count == 1 else f"{count} {unit}"


def _wanted_text(count: int, limit: int, *, is_exact: bool) -> str:
    if is_exact:
        return f"{limit} {'is' if limit == 1 else 'are'} wanted"
    return f"at {'least' if count < limit else 'most'} {limit}"


def _token_counter(tokenizer: Callable[[str], object] | str | None) -> Callable[[str], int]:
    if callable(tokenizer):
        return lambda text: _counted(tokenizer(text))
    if tokenizer is None:
        raise SettingError(
            "length(tokens=...) needs a tokenizer: every model cuts text in its own way.\n"
            "  tokenizer=my_function       a function that gives the tokens of a text, or their number\n"
            '  tokenizer="o200k_base"      an encoding of tiktoken: pip install tiktoken'
        )
    try:
        import tiktoken  # type: ignore[import-not-found,unused-ignore]  # no dependency of ours
    except ModuleNotFoundError:
        raise LLMWatchError(
            f'length(tokenizer="{tokenizer}") counts with tiktoken, which is not installed: pip install tiktoken'
        ) from None
    encoding = tiktoken.get_encoding(tokenizer)
    return lambda text: len(encoding.encode(text.encode("utf-8", "replace").decode(), disallowed_special=()))


def _counted(tokens: object) -> int:
    return tokens if isinstance(tokens, int) else len(list(tokens))  # type: ignore[call-overload]  # a sized or an iterable
