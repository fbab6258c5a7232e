"""Which facts of a reference a text states otherwise."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from pytest_llmwatch.drift.words import changed_spans, segments

from .names import is_name_like, japanese_names, name_mentions
from .numbers import number_mentions
from .opposites import contradicting, is_modal, japanese_opposites, stem
from .polarity import is_japanese, negations, prefixed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_llmwatch.drift.words import Span

    from .mentions import Mention

Kind = Literal[
    "number", "money", "percentage", "date", "time", "duration", "unit", "version", "negation", "modality", "opposite",
    "name", "identifier", "order",
]  # fmt: skip

# Above this share of equal words two texts are versions of one another, and what stands in one place is comparable.
_NEAR = 0.85
_NEAR_LENGTH = 80
_SHORT_LENGTH = 90
_LONG = 100_000
_MARGIN = 2000
_MOST_COMPARED = 200_000
_MOST_EXCHANGED = 12
_KANJI = re.compile("[一-龥々]")
_MOST = 20
_WORD = re.compile(
    r"[A-Za-zÀ-ɏ](?:[\wÀ-ɏ'’&+-]|\.(?=\w))*|[-−]?[$¥€£]?\d(?:\d|[.,](?=\d))*%?|[ァ-ヴー]+|[一-龥々]|[ぁ-ん]"
    r"|(?![À-ɏ])[^\w\s]",
    re.ASCII,
)
_ROLE = re.compile(r"([一-龥々ァ-ヴーA-Za-z0-9]+)(が|を|に|へ|から|より|は)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFact:
    """A fact that a text states otherwise than its reference.

    Attributes:
        kind: What sort of fact.
        before: What the reference says; `None` when the fact stands in the text alone.
        after: What the text says; `None` when the fact stands in the reference alone.
        before_line: The line of the reference, from 1.
        after_line: The line of the text, from 1.
        is_certain: Whether the two contradict. A fact that is only left out or added is not a contradiction: a summary
            leaves things out.
    """

    kind: Kind
    before: str | None
    after: str | None
    before_line: int | None = None
    after_line: int | None = None
    is_certain: bool = True

    def __str__(self) -> str:
        """The change on one line: `$40 -> $400`."""
        sides = [side if side is not None else "(nothing)" for side in (self.before, self.after)]
        if not any(map(is_japanese, sides)):
            return " -> ".join(sides)
        return " → ".join(f"「{side}」" if side in (self.before, self.after) else side for side in sides)


def changed_facts(reference: str, text: str) -> tuple[ChangedFact, ...]:
    """What the text states otherwise than the reference, in English and Japanese; the certain ones first.

    Example:
        >>> from pytest_llmwatch.expectations.facts import changed_facts
        >>> [str(fact) for fact in changed_facts("It costs $40 and is refundable.", "It costs $400 and is refundable.")]
        ['$40 -> $400']
    """
    pair = _Pair(*_unlike_lines(normal(reference), normal(text)))
    facts = [*_numbers(pair), *_polarity(pair), *_names(pair), *_in_place(pair), *_order(pair)]
    unique: list[ChangedFact] = []
    for fact in facts:
        if not any(_says_more(other, fact) for other in unique):
            unique.append(fact)
    return tuple(sorted(unique, key=lambda fact: not fact.is_certain))


def _says_more(one: ChangedFact, other: ChangedFact) -> bool:
    """Whether one change is the other and perhaps more: `5 GB -> 5 MB` and `GB -> MB`."""
    return (other.before or "") in (one.before or "") and (other.after or "") in (one.after or "")


def normal(text: str) -> str:
    """NFKC: full-width digits and letters are the ordinary ones."""
    return unicodedata.normalize("NFKC", text)


def _unlike_lines(reference: str, text: str) -> tuple[str, str]:
    """Long texts without what both have, in lines, at the beginning and at the end: that states equal facts.

    Emptied lines stay, so that places are right. Of what is left the first 200,000 characters are compared.
    """
    if max(len(reference), len(text)) <= _LONG:
        return reference, text
    reference, text = _emptied_lines(reference, text)
    head = max(0, _shared_length(reference, text) - _MARGIN)
    reference, text = ("\n" * each.count("\n", 0, head) + each[head:] for each in (reference, text))
    tail = max(0, _shared_length(reference[::-1], text[::-1]) - _MARGIN)
    reference, text = reference[: len(reference) - tail], text[: len(text) - tail]
    return _beginning(reference), _beginning(text)


def _beginning(text: str) -> str:
    emptied = len(text) - len(text.lstrip("\n"))
    return text[: emptied + _MOST_COMPARED]


def _shared_length(one: str, other: str) -> int:
    """How many characters at the beginning are the same."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one.startswith(other[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return low


def _emptied_lines(reference: str, text: str) -> tuple[str, str]:
    left, right = reference.split("\n"), text.split("\n")
    shared = Counter(left) & Counter(right)

    def emptied(lines: list[str]) -> str:
        spare = Counter(shared)
        kept = []
        for line in lines:
            spare[line] -= 1
            kept.append("" if spare[line] >= 0 else line)
        return "\n".join(kept)

    return emptied(left), emptied(right)


@dataclass(frozen=True)
class _Pair:
    """Two texts in NFKC, and how they stand to one another."""

    before: str
    after: str

    @cached_property
    def words(self) -> tuple[list[re.Match[str]], list[re.Match[str]]]:
        return list(_WORD.finditer(self.before)), list(_WORD.finditer(self.after))

    @cached_property
    def spans(self) -> list[Span]:
        """The words that were exchanged, place by place."""
        one, other = ([match.group() for match in words] for words in self.words)
        # Which of several shortest alignments is found may depend on the order: both orders shall say the same.
        if one <= other:
            return changed_spans(one, other)
        return [(c, d, a, b) for a, b, c, d in changed_spans(other, one)]

    @cached_property
    def likeness(self) -> float:
        """The share of words that stand in both, in order."""
        left, right = self.words
        changed = sum(b - a + d - c for a, b, c, d in self.spans)
        return 1 - changed / max(1, len(left) + len(right))

    @property
    def is_near(self) -> bool:
        return self.likeness >= _NEAR and len(self.before) >= _NEAR_LENGTH

    @cached_property
    def is_japanese(self) -> bool:
        return is_japanese(self.before)

    @property
    def is_short(self) -> bool:
        return max(len(self.before), len(self.after)) <= _SHORT_LENGTH

    def changed(
        self, kind: Kind, before: Mention | str | None, after: Mention | str | None, *, is_certain: bool = True
    ) -> ChangedFact:
        return ChangedFact(
            kind=kind,
            before=_text_of(before),
            after=_text_of(after),
            before_line=_line(self.before, before),
            after_line=_line(self.after, after),
            is_certain=is_certain,
        )


def _text_of(mention: Mention | str | None) -> str | None:
    return mention if mention is None or isinstance(mention, str) else mention.text


def _line(text: str, mention: Mention | str | None) -> int | None:
    if mention is None:
        return None
    start = text.find(mention) if isinstance(mention, str) else mention.start
    return text.count("\n", 0, max(0, start)) + 1


def _numbers(pair: _Pair) -> Iterator[ChangedFact]:
    left, right = number_mentions(pair.before), number_mentions(pair.after)
    gone, come = _without_counterpart(left, right), _without_counterpart(right, left)
    is_both = bool(gone and come)
    for before, after in _paired(gone, come):
        kind = _kind_of_number(before, after)
        yield pair.changed(kind, before, after, is_certain=is_both and before is not None and after is not None)


def _without_counterpart(mentions: list[Mention], others: list[Mention]) -> list[Mention]:
    """The mentions with which none of the others agrees, each value once."""
    known = {(other.dimension, value) for other in others for value in other.values}
    plain = {value for other in others for value in _plain_values(other)}
    by_kind: dict[str, list[Mention]] = {}
    for other in others:
        by_kind.setdefault(other.kind, []).append(other)
    missing: dict[object, Mention] = {}
    for mention in mentions:
        if mention.values in missing:
            continue
        if any(
            (mention.dimension, value) in known
            for value in mention.values
            if not isinstance(value, tuple) or mention.kind != "number"
        ):
            continue
        if not any(_agree(mention, other, plain) for other in _candidates(mention, by_kind, others)):
            missing[mention.values] = mention
    return list(missing.values())


def _candidates(mention: Mention, by_kind: dict[str, list[Mention]], others: list[Mention]) -> list[Mention]:
    return by_kind.get("date", []) + others[:1] if mention.kind == "date" else others[:2000]


def _agree(mention: Mention, other: Mention, plain: set[object]) -> bool:
    kinds = {mention.kind, other.kind}
    if kinds == {"date"}:
        return _is_same_date(mention, other)
    if kinds == {"number"}:
        is_measured = mention.dimension is not None and other.dimension is not None
        is_measure_known = is_measured and (mention.dimension == other.dimension or _are_money(mention, other))
        if is_measure_known:
            return mention.dimension == other.dimension and bool(_measure(mention) & _measure(other))
        return bool(_plain_values(mention) & _plain_values(other))
    if kinds == {"date", "number"} and mention.kind == "date":
        return all(value in plain for value in _plain_values(mention))
    if mention.kind == other.kind:
        return bool(mention.values & other.values)
    return bool(_plain_values(mention) & _plain_values(other))


def _are_money(*mentions: Mention) -> bool:
    return all((mention.dimension or "").startswith("money") for mention in mentions)


def _measure(mention: Mention) -> set[object]:
    return {value for value in mention.values if not isinstance(value, tuple)}


def _plain_values(mention: Mention) -> set[object]:
    """The numbers as they are written, whatever they measure."""
    if mention.kind == "date":
        return {
            float(part) for value in mention.values if isinstance(value, tuple) for part in value if part is not None
        }
    if mention.kind == "time":
        return {float(value[1] // 60) for value in mention.values if isinstance(value, tuple)}
    if mention.kind == "version":
        return {
            float(value) for value in mention.values if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value)
        }
    values = {value[1] for value in mention.values if isinstance(value, tuple)}
    return values or set(mention.values)


def _is_same_date(mention: Mention, other: Mention) -> bool:
    """Whether the parts that both give (year, month, day) are equal."""
    (one,), (two,) = mention.values, other.values
    if not isinstance(one, tuple) or not isinstance(two, tuple):
        return False
    shared = [(a, b) for a, b in zip(one, two, strict=True) if a is not None and b is not None]
    return bool(shared) and all(a == b for a, b in shared)


def _paired(gone: list[Mention], come: list[Mention]) -> Iterator[tuple[Mention | None, Mention | None]]:
    """Each that is gone with the one that came in its place: of its kind and dimension where there is one."""
    rest = come[:_MOST]
    singles: list[Mention] = []
    for wanted in (lambda m: (m.kind, m.dimension), lambda m: m.kind, lambda _: None):
        for mention in gone[:_MOST] if not singles else singles.copy():
            at = next((i for i, other in enumerate(rest) if wanted(other) == wanted(mention)), None)
            if at is not None:
                yield mention, rest.pop(at)
                if mention in singles:
                    singles.remove(mention)
            elif mention not in singles:
                singles.append(mention)
        if not singles:
            break
    yield from ((mention, None) for mention in singles)
    yield from ((None, mention) for mention in rest)


def _kind_of_number(before: Mention | None, after: Mention | None) -> Kind:
    sides = [side for side in (before, after) if side is not None]
    kinds = {side.kind for side in sides}
    if (
        kinds == {"number"}
        and len(sides) == 2
        and not _are_money(*sides)
        and _plain_values(sides[0]) & _plain_values(sides[1])
    ):
        return "unit"
    for kind in ("date", "time", "version"):
        if kind in kinds:
            return kind
    dimensions = {side.dimension for side in sides if side.dimension}
    if any(dimension.startswith("money") for dimension in dimensions):
        return "money"
    return "percentage" if "ratio" in dimensions else "duration" if "duration" in dimensions else "number"


def _polarity(pair: _Pair) -> Iterator[ChangedFact]:
    opposites = list(_opposites(pair))
    left, right = negations(pair.before), negations(pair.after)
    more = len(right) - len(left)
    left_forms, right_forms = prefixed(pair.before), prefixed(pair.after)
    forms = len(right_forms) - len(left_forms)
    # In a short text `not fat` and `thin` say the same.
    if abs(more) == 1 and pair.is_short and len(opposites) == 1:
        return
    yield from opposites
    if more:
        # `not possible` and `impossible` say the same.
        is_form = abs(more) == 1 and more * forms < 0
        if not is_form:
            yield _denied(pair, left, right)
    elif forms:
        yield _denied(pair, left_forms, right_forms)


def _denied(pair: _Pair, left: list[Mention], right: list[Mention]) -> ChangedFact:
    """The negation that only one side has, with the words in its place on the other."""
    fewer, many = (left, right) if len(right) > len(left) else (right, left)
    spare = Counter(mention.text.lower() for mention in fewer)
    spare.subtract(mention.text.lower() for mention in many)
    cue = next(mention for mention in many if spare[mention.text.lower()] < 0)
    is_come = many is right
    text, all_words = (pair.after, pair.words[1]) if is_come else (pair.before, pair.words[0])
    for span in pair.spans:
        words = all_words[slice(*span[2:])] if is_come else all_words[slice(*span[:2])]
        is_here = words and words[0].start() < cue.start + len(cue.text) and cue.start < words[-1].end()
        if is_here and span[1] - span[0] + span[3] - span[2] <= _MOST_EXCHANGED:
            return pair.changed("negation", *_exchanged(pair, span))
    shown = _with_word_before(text, cue.start, cue.start + len(cue.text))
    return pair.changed("negation", None if is_come else shown, shown if is_come else None)


def _exchanged(pair: _Pair, span: Span) -> tuple[str | None, str | None]:
    """Both sides of an exchange in whole words; where one is empty, with the word that stands there on both."""
    a, b, c, d = span
    shown: list[str | None] = []
    for text, words, start, end in ((pair.before, pair.words[0], a, b), (pair.after, pair.words[1], c, d)):
        if start < end:
            more = int((a < b and c < d) == pair.is_japanese)
            shown.append(_with_word_before(text, words[start].start(), words[end - 1].end(), more))
            continue
        # 可能 and 不可能: what was put in belongs to what follows; `is` and `is not`: to what stands before.
        at = (
            start
            if pair.is_japanese and _KANJI.match(words[start].group() if start < len(words) else "")
            else start - 1
        )
        inside = words[at] if 0 <= at < len(words) else None
        shown.append(None if inside is None else _with_word_before(text, inside.start(), inside.end(), more=0))
    return shown[0], shown[1]


def _with_word_before(text: str, start: int, end: int, more: int = 1) -> str:
    """The part of the text, with whole words at its ends."""
    window = text[max(0, start - 60) : end + 30]
    offset = max(0, start - 60)
    at = offset
    parts: list[tuple[int, str]] = []
    for part in segments(window):
        parts.append((at, part))
        at += len(part)
    inside = [i for i, (place, part) in enumerate(parts) if place < end and place + len(part) > start]
    if not inside:
        return text[start:end]
    first, last = inside[0], inside[-1]
    if more and not is_japanese(text[start:end]) and first >= 2 and parts[first - 1][1].isspace():
        first -= 2
    elif more and is_japanese(text[start:end]) and first >= 1 and parts[first - 1][1].isalnum():
        first -= 1
    return "".join(part for _, part in parts[first : last + 1]).strip()


def _opposites(pair: _Pair) -> Iterator[ChangedFact]:
    left, right = _stems_of(pair.before), _stems_of(pair.after)
    gone, come = left.keys() - right.keys(), right.keys() - left.keys()
    for word in sorted(gone):
        for other in sorted(contradicting(word, come)):
            if contradicting(word, left.keys()) and contradicting(other, right.keys()):
                continue  # both texts speak of both: `rose, then fell` and `grew, then declined`
            kind: Kind = "modality" if is_modal(word, other) else "opposite"
            yield pair.changed(kind, left[word], right[other])
    if not pair.is_japanese:
        return
    for one, other in japanese_opposites():
        for x, y in ((one, other), (other, one)):
            if x in pair.before and y not in pair.before and y in pair.after and x not in pair.after:
                kind = "modality" if is_modal(one, other) else "opposite"
                yield pair.changed(kind, x, y)


def _stems_of(text: str) -> dict[str, str]:
    """Each stem with the word as it is written first."""
    found: dict[str, str] = {}
    for match in re.finditer(r"([A-Za-z]+)(?:['’][A-Za-z]+)?", text):
        word, whole = match.group(1), match.group().lower()
        if not whole.endswith(("n't", "n’t")):  # won't is not won
            found.setdefault(stem(word.lower()), word)
    return found


def _names(pair: _Pair) -> Iterator[ChangedFact]:
    left, right = name_mentions(pair.before), name_mentions(pair.after)
    gone = _unnamed(left, right, pair.after)
    come = _unnamed(right, left, pair.before)
    gone, come = _without_initials(gone, come, pair)
    yield from _named(pair, gone, come)
    if pair.is_japanese:
        one, other = japanese_names(pair.before), japanese_names(pair.after)
        lost = [mention for mention in one if mention.text not in pair.after]
        new = [mention for mention in other if mention.text not in pair.before]
        if lost and new:
            yield from _named(pair, lost, new)


def _named(pair: _Pair, gone: list[Mention], come: list[Mention]) -> Iterator[ChangedFact]:
    for before, after in _paired(gone, come):
        kinds = {side.kind for side in (before, after) if side is not None}
        kind: Kind = "identifier" if "identifier" in kinds else "name"
        # A text may leave names out. One that comes new into a text which is otherwise the same was made up.
        yield pair.changed(kind, before, after, is_certain=after is not None and (before is not None or pair.is_near))


def _unnamed(mentions: list[Mention], others: list[Mention], text: str) -> list[Mention]:
    """The firm names of one side that the other does not have in any form."""
    known = {value for mention in others for value in mention.values}
    lowered = text.lower()
    words = {word[:8] for word in re.findall(r"\w+", lowered)}
    missing: dict[str, Mention] = {}
    for mention in mentions:
        name = mention.text.lower()
        if not mention.is_firm or name in known or name in missing or len(missing) > 10 * _MOST:
            continue
        # Russia and Russian, a plural, a possessive: one name.
        root = name[: max(4, len(name) - 3)]
        is_inflected = len(name) >= 5 and name.isalpha() and any(word.startswith(root[:8]) for word in words)
        if name not in lowered and not is_inflected:
            missing[name] = mention
    return list(missing.values())


def _without_initials(gone: list[Mention], come: list[Mention], pair: _Pair) -> tuple[list[Mention], list[Mention]]:
    """Without the abbreviations that the other side spells out: SC and Supreme Court."""
    for short, long, text in ((gone, come, pair.after), (come, gone, pair.before)):
        for mention in [m for m in short if m.text.isalpha() and len(m.text) <= 5 and m.text.lower() != m.text]:
            if len(text) <= _LONG and _spells_out(mention.text.lower().removesuffix("s"), text):
                short.remove(mention)
                initials = set(mention.text.lower())
                long[:] = [other for other in long if other.text[0].lower() not in initials]
    return gone, come


def _spells_out(letters: str, text: str) -> bool:
    return len(letters) >= 2 and letters in "".join(word[0].lower() for word in re.findall(r"[A-Z]\w*", text))


def _in_place(pair: _Pair) -> Iterator[ChangedFact]:
    """In texts that are nearly the same: numbers and names exchanged for one that also stands elsewhere."""
    if not pair.is_near:
        return
    gone, come = Counter[str](), Counter[str]()
    for a, b, c, d in pair.spans:
        gone.update(word.group() for word in pair.words[0][a:b])
        come.update(word.group() for word in pair.words[1][c:d])
    moved = gone & come
    gone, come = gone - moved, come - moved
    yield from _exchanged_words(pair, "number", [_with_digits(words) for words in (gone, come)])
    names = [[_name_of(word) for word in words if is_name_like(word)] for words in (gone, come)]
    is_spelled_out = any(
        _spells_out(word.lower().removesuffix("s"), text)
        for words, text in ((names[0], pair.after), (names[1], pair.before))
        for word in words[:_MOST]
        if word[:2].isupper() and len(word) <= 5 and len(text) <= _LONG
    )
    if not is_spelled_out:
        yield from _exchanged_words(pair, "name", names)


def _name_of(word: str) -> str:
    """A name without what hangs on it: Sims-based, Ann's, Paris."""
    return re.split(r"-(?=[a-z])|['’]s$", word)[0].rstrip(".,'’&-")


def _with_digits(words: Iterable[str]) -> list[str]:
    return [word for word in words if any(map(str.isdigit, word))]


def _exchanged_words(pair: _Pair, kind: Kind, sides: list[list[str]]) -> Iterator[ChangedFact]:
    gone, come = sides
    if kind == "number":
        values = [
            Counter(value for mention in number_mentions(" ".join(side)) for value in _plain_values(mention))
            for side in sides
        ]
        is_changed = bool(gone and come) and values[0] != values[1]
    else:
        roots = [{word.lower().rstrip(".,'’s") for word in side} for side in sides]
        is_changed = bool(gone and come) and not any(
            one[: max(4, len(one) - 3)] == other[: max(4, len(one) - 3)] for one in roots[0] for other in roots[1]
        )
    if is_changed:
        for before, after in list(zip(gone, come, strict=False))[:_MOST]:
            yield pair.changed(kind, before, after)


def _order(pair: _Pair) -> Iterator[ChangedFact]:
    """The same words with their parts exchanged: who did it to whom, which number belongs to which name."""
    if pair.before == pair.after or max(len(pair.before), len(pair.after)) > _LONG:
        return
    find = _japanese_roles if pair.is_japanese else _english_order
    left, right = find(pair.before), find(pair.after)
    if left is None or right is None or left == right:
        return
    if pair.is_japanese:
        nouns = [Counter(noun for noun, _ in side) for side in (left, right)]
        particles = [Counter(particle for _, particle in side) for side in (left, right)]
        if len(left) < 2 or nouns[0] != nouns[1] or particles[0] != particles[1] or Counter(left) == Counter(right):
            return
        shown = ["".join(f"{noun}{particle}" for noun, particle in side[:4]) for side in (left, right)]
    else:
        bags = [Counter(word.group().lower() for word in words) for words in pair.words]
        shared = sum((bags[0] & bags[1]).values()) / max(1, *(sum(bag.values()) for bag in bags))
        if shared < 0.97 or Counter(left) != Counter(right):
            return
        at = next(index for index, (one, other) in enumerate(zip(left, right, strict=True)) if one != other)
        shown = [" … ".join(word for (word,) in side[at : at + 3]) for side in (left, right)]
    yield ChangedFact(kind="order", before=shown[0], after=shown[1])


def _english_order(text: str) -> list[tuple[str, ...]] | None:
    return [
        (word,)
        for found in re.findall(r"[\w$%.]+", text)
        if (word := found.strip(".")) and (any(map(str.isdigit, word)) or is_name_like(word))
    ]


def _japanese_roles(text: str) -> list[tuple[str, ...]] | None:
    return [(noun, "が" if particle == "は" else particle) for noun, particle in _ROLE.findall(text)]
