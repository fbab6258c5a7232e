"""Expectations of what a text says, letter by letter: parts, beginnings, patterns, labels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, get_args

from pytest_llmwatch.drift.words import changed_text, look_alike, shortened
from pytest_llmwatch.errors import SettingError

from .expectation import Rule, arguments, quoted, text_rule
from .given import choice_given, refusal, text_given, texts_given
from .nearest import nearest_label, plain
from .places import around, line_of
from .time_limits import SECONDS, OutOfTime, span_of
from .verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .expectation import Expectation

Normalise = Literal["nfkc", "space", "all"]

_SPACE = re.compile(r"\s+")


def containing(*texts: str, ignore_case: bool = False) -> Expectation:
    """A text in which every one of these stands.

    Example:
        >>> from pytest_llmwatch import containing
        >>> "Refunds take 14 days." == containing("refund", "14", ignore_case=True)
        True
    """
    wanted = texts_given("containing", texts)

    def judge(value: str) -> Verdict:
        folded = _cased(value, ignore_case=ignore_case)
        missing = [text for text in wanted if _cased(text, ignore_case=ignore_case) not in folded]
        if not missing:
            return Verdict(passed=True, reason=f"contains {_listed(wanted)}")
        return Verdict(
            passed=False, reason=f"does not contain {_listed(missing)}", nearest=_nearest_in(value, missing[0])
        )

    return text_rule(f"containing({arguments(*texts, ignore_case=ignore_case)})", judge)


def containing_any(*texts: str, ignore_case: bool = False) -> Expectation:
    """A text in which at least one of these stands.

    Example:
        >>> from pytest_llmwatch import containing_any
        >>> "返品できます。" == containing_any("返品", "返金")
        True
    """
    wanted = texts_given("containing_any", texts)

    def judge(value: str) -> Verdict:
        folded = _cased(value, ignore_case=ignore_case)
        found = next((text for text in wanted if _cased(text, ignore_case=ignore_case) in folded), None)
        if found is None:
            return Verdict(passed=False, reason=f"contains none of {_listed(wanted)}")
        return Verdict(passed=True, reason=f"contains {quoted(found)}", place=_place_of(value, found))

    return text_rule(f"containing_any({arguments(*texts, ignore_case=ignore_case)})", judge)


def starting_with(text: str, *, ignore_case: bool = False) -> Expectation:
    """A text that begins with this one.

    Example:
        >>> from pytest_llmwatch import starting_with
        >>> "Dear customer, ..." == starting_with("Dear")
        True
    """
    text_given("starting_with", text)

    def judge(value: str) -> Verdict:
        begins = _cased(value, ignore_case=ignore_case).startswith(_cased(text, ignore_case=ignore_case))
        if begins:
            return Verdict(passed=True, reason=f"begins with {quoted(text)}", place="line 1")
        at = _cased(value, ignore_case=ignore_case).find(_cased(text, ignore_case=ignore_case))
        return Verdict(
            passed=False,
            reason=f"does not begin with {quoted(text)}",
            place="line 1",
            found=quoted(value[: len(text) + 40]),
            details=() if at < 0 else (f"it stands further on, at {line_of(value, at)}",),
        )

    return text_rule(f"starting_with({arguments(text, ignore_case=ignore_case)})", judge)


def equal_to(text: str, *, ignore_case: bool = False, normalise: Normalise | None = None) -> Expectation:
    """This text, letter by letter; `==` alone does it too, this one forgives and explains.

    Args:
        text: The text.
        ignore_case: Whether `A` and `a` are the same.
        normalise: `"nfkc"`: full-width and half-width letters, ligatures and composed letters are the same;
            `"space"`: white space at the ends counts nothing, elsewhere any amount is one space; `"all"`: both.

    Example:
        >>> from pytest_llmwatch import equal_to
        >>> "ＡＢＣ  １２３" == equal_to("abc 123", ignore_case=True, normalise="all")
        True
    """
    if not isinstance(text, str):
        raise refusal("equal_to", text, "a text", "any other value is compared by == alone")
    if normalise is not None:
        choice_given("equal_to(normalise=)", normalise, get_args(Normalise), "way")

    def judge(value: str) -> Verdict:
        came, wanted = (_normal(each, normalise, ignore_case=ignore_case) for each in (value, text))
        if came == wanted:
            return Verdict(passed=True, reason="is the same text")
        before, after = changed_text(wanted, came, width=140)
        reason = "looks the same, but is written in other code points" if look_alike(came, wanted) else "differs"
        at = next((i for i, (a, b) in enumerate(zip(came, wanted, strict=False)) if a != b), 0)
        return Verdict(
            passed=False, reason=reason, place=line_of(came, at), details=(f"wanted  {before}", f"came    {after}")
        )

    return text_rule(f"equal_to({arguments(text, ignore_case=ignore_case, normalise=normalise)})", judge)


def matching(regex: str | re.Pattern[str], *, whole: bool = False) -> Expectation:
    r"""A text in which this regular expression matches, anywhere; with `whole=True` from its first letter to its last.

    A search that computes for more than five seconds is given up, and the verdict says so.

    Example:
        >>> from pytest_llmwatch import matching
        >>> "Order #4711 is on its way." == matching(r"#\d{4}")
        True
    """
    pattern = _pattern_of(regex)

    def judge(value: str) -> Verdict:
        try:
            span = span_of(pattern, value, whole=whole)
        except OutOfTime:
            reason = f"the search was given up after {SECONDS:g} seconds: the expression backtracks too much"
            return Verdict(passed=False, is_undecided=True, reason=reason)
        if span is None:
            return Verdict(passed=False, reason="does not match as a whole" if whole else "matches nowhere")
        return Verdict(
            passed=True, reason="matches", place=line_of(value, span[0]), found=around(value, span[0], span[1])
        )

    written = regex if isinstance(regex, str) else regex.pattern
    setting = ", whole=True" if whole else ""
    return text_rule(f'matching(r"{shortened(written, 58, show=str)}"{setting})', judge)


def _pattern_of(regex: object) -> re.Pattern[str]:
    written = regex.pattern if isinstance(regex, re.Pattern) else regex
    text_given("matching", written, "a regular expression for texts")
    if isinstance(regex, re.Pattern):
        return regex
    try:
        return re.compile(str(regex))
    except re.error as error:
        hint = "a letter that means itself is escaped, as \\["
        raise SettingError(f"matching({quoted(str(regex))}) is no regular expression: {error}; {hint}") from None


def one_of(labels: Iterable[object], *, ignore_case: bool = False) -> Expectation:
    """One of these labels and nothing else; they may be an `Enum` class, whose values count.

    White space and a full stop around the label are not forgiven: a program that reads it would not either.

    Example:
        >>> from pytest_llmwatch import one_of
        >>> "refund" == one_of(["refund", "exchange", "repair"])
        True
    """
    import enum

    if isinstance(labels, str):
        labels = (labels,)
    if not isinstance(labels, Iterable):
        raise refusal("one_of", labels, 'a list of labels or an Enum class, as one_of(["refund", "repair"])')
    choices = [label.value if isinstance(label, enum.Enum) else label for label in labels]

    if not choices:
        raise SettingError("one_of([]) takes one label at least: nothing is one of none")

    def is_same(value: object, choice: object) -> bool:
        if isinstance(value, enum.Enum):
            value = value.value
        if ignore_case and isinstance(value, str) and isinstance(choice, str):
            return value.casefold() == choice.casefold()
        return type(value) is type(choice) and value == choice

    def judge(value: object) -> Verdict:
        if value is None and None not in choices:
            return Verdict(passed=False, is_undecided=True, reason="is None, not a label")
        if any(is_same(value, choice) for choice in choices):
            return Verdict(passed=True, reason="is one of the labels")
        return Verdict(passed=False, reason=_none_of(choices), nearest=nearest_label(value, choices))

    return Rule(wanted=f"one_of({arguments(choices, ignore_case=ignore_case)})", rule=judge)


def _none_of(choices: Sequence[object]) -> str:
    return f"is none of the {len(choices)} labels" if len(choices) > 1 else "is not the label"


def _cased(text: str, *, ignore_case: bool) -> str:
    return text.casefold() if ignore_case else text


def _normal(text: str, normalise: Normalise | None, *, ignore_case: bool) -> str:
    if normalise in ("nfkc", "all"):
        text = unicodedata.normalize("NFKC", text)
    if normalise in ("space", "all"):
        text = _SPACE.sub(" ", text).strip()
    return _cased(text, ignore_case=ignore_case)


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(quoted(text) for text in texts)


def _place_of(value: str, text: str) -> str | None:
    at = value.find(text)
    return line_of(value, at) if at >= 0 else None


def _nearest_in(value: str, text: str) -> str | None:
    """The same text in other letters or white space: what a reader would call the same."""
    for same in (str.casefold, plain):
        if same(text) and same(text) in same(value):
            at = same(value).find(same(text))
            return f"{quoted(value[max(0, at) : at + len(text) + 2])}, in other letters"
    return None
