"""Which words of a text changed, and how to show them when the text is a thousand times longer than the change."""

from __future__ import annotations

import re
import sys
import unicodedata
from bisect import bisect_left
from collections import Counter
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from .visible import columns, spelled, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

Span = tuple[int, int, int, int]

# What an alignment may cost: about 12 MB and 20 ms. Beyond, text is aligned by lines, then by its unique lines.
_MOST_PAIRS = 10**8
_MOST_CHARACTERS = 30_000
_MOST_REFINED = 8
_MOST_EXCERPTS = 3
_WORD_MARGIN = 64
_LONG_WORD = 48
_MOST_LOOK_ALIKE = 1000


def segments(text: str) -> list[str]:
    """The text in words, white space and single punctuation marks; joined they are the text again.

    Japanese and Chinese, which have no spaces, are cut where the script changes: kanji, hiragana, katakana, the rest.
    An emoji sequence, a letter with its combining marks and a surrogate pair stay whole.
    """
    return _patterns()[0].findall(text)


def letters(text: str) -> int:
    """How many letters a reader counts: an emoji sequence, a letter with its combining marks are one each."""
    return len(text) if text.isascii() else sum(1 for _ in _patterns()[1].finditer(text))


def changed_spans(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[Span]:
    """Where two sequences differ: start and end in the first, start and end in the second.

    Long sequences are aligned by what stands once in each; failing that they are one span.
    """
    head = _shared_length(before, after)
    tail = _shared_length(before[head:][::-1], after[head:][::-1])
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if not old and not new:
        return []
    whole = (head, head + len(old), head, head + len(new))
    if not old or not new:
        return [whole]
    align = _aligned if len(old) * len(new) <= _MOST_PAIRS else _anchored
    return [(a + head, b + head, c + head, d + head) for a, b, c, d in align(old, new)]


def changed_text(before: str, after: str, *, width: int = 100) -> tuple[str, str]:
    """Both texts in at most `width` columns, with the changed words in `[-these-]` and `{+those+}` marks.

    A text that does not fit is shown around its first changes, with `…` for what is left out. The marks are those of
    `git diff --word-diff`: they need no colour. Everything is `visible` text, safe to print.
    """
    spans = text_spans(before, after)
    if not spans:
        same = shortened(before, width)
        return same, same
    texts = _whole(before, after, spans)
    if texts is not None and max(map(columns, texts)) <= width:
        return texts
    return _excerpts(before, after, spans, width)


def shortened(text: str, width: int, show: Callable[[str], str] = visible) -> str:
    """The visible text, or its beginning and its end around a `…` where it is too wide."""
    if len(text) <= 4 * width:
        shown = show(text)
        if columns(shown) <= width:
            return shown
    end = _fitting(text, (width - 1) // 2, show, at_end=True)
    return f"{_fitting(text, width - 1 - columns(end), show)}…{end}"


def look_alike(old: str, new: str) -> bool:
    """Whether two short texts are the same letters composed and decomposed, as Windows and macOS write が."""
    if max(len(old), len(new)) > _MOST_LOOK_ALIKE:
        return False
    return unicodedata.normalize("NFC", old) == unicodedata.normalize("NFC", new)


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The expressions for a word and for a letter with all that hangs on it, built when first needed."""
    marks = rf"[{_combining_marks()}\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
    hangs = rf"{marks}*(?:\u200d\S?{marks}*)*"
    kana = r"\u3041-\u3096\u309d-\u309f"
    katakana = r"\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
    kanji = r"\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    letter = rf"(?:[^\W{kana}{katakana}{kanji}]{hangs})"
    single = rf"(?:\r\n|[\U0001f1e6-\U0001f1ff]{{2}}|[\ud800-\udbff][\udc00-\udfff]|.){hangs}"
    words = (
        rf"\d+(?:[.,]\d+)+(?![^\W{kana}{katakana}{kanji}])",
        rf"{letter}+(?:['\u2019]{letter}+)*",
        rf"(?:[{kanji}]{hangs})+",
        rf"[{kana}]{hangs}(?:[{kana}\u30fc]{hangs})*",
        rf"(?:[{katakana}]{hangs})+",
        rf"[^\S\r\n]+{hangs}",
        single,
    )
    return re.compile("|".join(words), re.DOTALL), re.compile(single, re.DOTALL)


def _combining_marks() -> str:
    """The inside of a character class, which `re` has no name for. Marks beyond U+1F000 are the variation selectors."""
    codes = [code for code in range(0x300, 0x1F000) if unicodedata.category(chr(code))[0] == "M"]
    runs = [list(run) for _, run in groupby(enumerate(codes), lambda pair: pair[1] - pair[0])]
    ranges = "".join(f"\\U{run[0][1]:08x}-\\U{run[-1][1]:08x}" for run in runs)
    return rf"{ranges}\u200c\U000e0100-\U000e01ef"


def _shared_length(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    if isinstance(one, str) and isinstance(other, str):
        return shared_characters(one, other)
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def shared_characters(one: str, other: str) -> int:
    """How many characters at the beginning of two texts are the same."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one.startswith(other[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return low


def _aligned(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[Span]:
    from rapidfuzz.distance import LCSseq

    numbers: dict[Hashable, int] = {}
    left, right = ([numbers.setdefault(item, len(numbers)) for item in items] for items in (old, new))
    spans: list[Span] = []
    for change in LCSseq.opcodes(left, right):
        if change.tag == "equal":
            continue
        span = (change.src_start, change.src_end, change.dest_start, change.dest_end)
        if spans and spans[-1][1] == span[0] and spans[-1][3] == span[2]:
            span = (spans[-1][0], span[1], spans.pop()[2], span[3])
        spans.append(span)
    return spans


def _anchored(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[Span]:
    """Spans between the items that stand once in each sequence, in the same order: a patience diff, one level deep."""
    old_places, new_places = _places_of_singles(old), _places_of_singles(new)
    pairs = [(at, new_places[item]) for item, at in old_places.items() if item in new_places]
    spans: list[Span] = []
    a = c = 0
    for b, d in [*_rising(pairs), (len(old), len(new))]:
        if b > a or d > c:
            spans.append((a, b, c, d))
        a, c = b + 1, d + 1
    return spans


def _places_of_singles(items: Sequence[Hashable]) -> dict[Hashable, int]:
    counts = Counter(items)
    return {item: index for index, item in enumerate(items) if counts[item] == 1}


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest choice of pairs, given in order of their first number, whose second numbers rise too."""
    ends: list[int] = []
    piles: list[int] = []
    before: list[int] = []
    for index, (_, place) in enumerate(pairs):
        pile = bisect_left(ends, place)
        before.append(piles[pile - 1] if pile else -1)
        ends[pile : pile + 1] = [place]
        piles[pile : pile + 1] = [index]
    rising: list[tuple[int, int]] = []
    index = piles[-1] if piles else -1
    while index >= 0:
        rising.append(pairs[index])
        index = before[index]
    return rising[::-1]


def text_spans(before: str, after: str) -> list[Span]:
    """The changed words of two texts as character offsets; long texts are compared by lines."""
    head = shared_characters(before, after)
    tail = shared_characters(before[head:][::-1], after[head:][::-1])
    start, spare = max(0, head - _WORD_MARGIN), max(0, tail - _WORD_MARGIN)
    old, new = before[start : len(before) - spare], after[start : len(after) - spare]
    spans_of = _word_spans if len(old) + len(new) <= _MOST_CHARACTERS else _line_spans
    return _joined([(a + start, b + start, c + start, d + start) for a, b, c, d in spans_of(old, new)], before)


def _word_spans(old: str, new: str) -> list[Span]:
    return [_narrowed(span, old, new) for span in _spans_by(segments, old, new)]


def _line_spans(old: str, new: str) -> list[Span]:
    spans: list[Span] = []
    for a, b, c, d in _spans_by(lambda text: text.splitlines(keepends=True), old, new):
        if a < b and c < d and b - a + d - c <= _MOST_CHARACTERS and len(spans) < _MOST_REFINED:
            spans += [(a + e, a + f, c + g, c + h) for e, f, g, h in _word_spans(old[a:b], new[c:d])]
        else:
            spans.append((a, b, c, d))
    return spans


def _spans_by(cut: Callable[[str], list[str]], old: str, new: str) -> list[Span]:
    """The changed spans of two texts cut in pieces, as character offsets."""
    old_parts, new_parts = cut(old), cut(new)
    old_at, new_at = _offsets(old_parts), _offsets(new_parts)
    spans = changed_spans(old_parts, new_parts)
    return [(old_at[a], old_at[b], new_at[c], new_at[d]) for a, b, c, d in spans]


def _offsets(parts: list[str]) -> list[int]:
    offsets = [0]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return offsets


def _narrowed(span: Span, old: str, new: str) -> Span:
    """Within words as long as a base64 image, or that look alike, the letters that changed."""
    a, b, c, d = span
    if min(b - a, d - c) <= _LONG_WORD and not look_alike(old[a:b], new[c:d]):
        return span
    inner = _spans_by(_patterns()[1].findall, old[a:b], new[c:d])
    if not inner or inner[-1][1] - inner[0][0] > (b - a) // 2:
        return span
    return a + inner[0][0], a + inner[-1][1], c + inner[0][2], c + inner[-1][3]


def _joined(spans: list[Span], before: str) -> list[Span]:
    """Changes with next to nothing between them made one; a rewritten sentence is not a dozen small changes."""
    joined: list[Span] = []
    for span in spans:
        if joined and _is_slight(before[joined[-1][1] : span[0]], joined[-1], span):
            joined[-1] = (joined[-1][0], span[1], joined[-1][2], span[3])
        else:
            joined.append(span)
    return joined


def _is_slight(gap: str, left: Span, right: Span) -> bool:
    if len(gap) <= 4 and not any(map(str.isalnum, gap)):
        return True
    return "\n" not in gap and len(gap) <= min(max(b - a, d - c) for a, b, c, d in (left, right))


def _whole(before: str, after: str, spans: list[Span], most: int = 4000) -> tuple[str, str] | None:
    if max(len(before), len(after)) > most:
        return None
    sides = ["", ""]
    at = (0, 0)
    for span in spans:
        marks = _marked(before, after, span, sys.maxsize)
        sides[0] += visible(before[at[0] : span[0]]) + marks[0]
        sides[1] += visible(after[at[1] : span[2]]) + marks[1]
        at = span[1], span[3]
    return sides[0] + visible(before[at[0] :]), sides[1] + visible(after[at[1] :])


def _marked(before: str, after: str, span: Span, width: int) -> tuple[str, str]:
    a, b, c, d = span
    old, new = before[a:b], after[c:d]
    show = spelled if look_alike(old, new) else visible
    return (
        f"[-{shortened(old, width, show)}-]" if old else "",
        f"{{+{shortened(new, width, show)}+}}" if new else "",
    )


def _excerpts(before: str, after: str, spans: list[Span], width: int) -> tuple[str, str]:
    shown = spans[: max(1, min(_MOST_EXCERPTS, width // 30))]
    hidden = len(spans) - len(shown)
    note = f" +{hidden} more" if hidden else ""
    room = max(16, (width - columns(note)) // len(shown))
    marks = [_marked(before, after, span, room * 2 // 3 - 4) for span in shown]
    context = [max(0, room - 2 - max(map(columns, pair))) // 2 for pair in marks]
    old = _excerpt(before, [span[:2] for span in shown], [pair[0] for pair in marks], context)
    new = _excerpt(after, [span[2:] for span in shown], [pair[1] for pair in marks], context)
    return old + note, new + note


def _excerpt(text: str, spans: list[tuple[int, int]], marks: list[str], context: list[int]) -> str:
    shown = _gap(text[: spans[0][0]], 0, context[0])
    for index, (span, mark) in enumerate(zip(spans, marks, strict=True)):
        is_last = index + 1 == len(spans)
        gap = text[span[1] :] if is_last else text[span[1] : spans[index + 1][0]]
        shown += mark + _gap(gap, context[index], 0 if is_last else context[index + 1])
    return shown


def _gap(text: str, left: int, right: int) -> str:
    """Unchanged text: `left` columns of its beginning and `right` of its end, or all of it where that is no longer."""
    if len(text) <= 4 * (left + right):
        whole = visible(text)
        if columns(whole) <= left + right:
            return whole
    if not text:
        return ""
    return f"{_fitting(text, left)}…{_fitting(text, right, at_end=True)}"


def _fitting(text: str, width: int, show: Callable[[str], str] = visible, *, at_end: bool = False) -> str:
    """The words at the beginning (or the end) of a text that fit; letters where not even half a line of words does."""
    most = 4 * max(width, 1)
    sample = text[-most:] if at_end else text[:most]
    taken: list[str] = []
    for pattern in _patterns():
        taken = _taken(pattern.findall(sample), width, show, at_end=at_end)
        if 2 * sum(map(columns, taken)) >= width:
            break
    return "".join(reversed(taken) if at_end else taken)


def _taken(parts: list[str], width: int, show: Callable[[str], str], *, at_end: bool) -> list[str]:
    taken: list[str] = []
    for part in reversed(parts) if at_end else parts:
        shown = show(part)
        width -= columns(shown)
        if width < 0:
            break
        taken.append(shown)
    return taken
