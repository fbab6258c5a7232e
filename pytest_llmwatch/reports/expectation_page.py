"""The page of a failed comparison with an expectation, wherever in lists and dicts it stands."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_llmwatch.drift.visible import columns, visible
from pytest_llmwatch.drift.words import segments, shortened
from pytest_llmwatch.expectations.expectation import Expectation, shown, verdict_of
from pytest_llmwatch.expectations.places import path_of
from pytest_llmwatch.expectations.verdicts import Verdict

# pytest writes ten columns before a line, and cuts a page of more than eight lines or 640 characters.
WIDTH = 70
LINES = 8
_MOST_VALUES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One place where a comparison failed: by an expectation, or by a plain value (`verdict` is `None`)."""

    path: tuple[object, ...]
    value: object
    wanted: object
    verdict: Verdict | None


def page_of(op: str, left: object, right: object, *, in_full: bool) -> list[str] | None:
    """The lines that pytest shows behind `assert`; `None` where no expectation is to blame."""
    if op not in ("==", "!="):
        return None
    if op == "!=":
        return _page_of_unwanted(left, right)
    failures = list(_failures(left, right, ()))
    first = next((failure for failure in failures if failure.verdict is not None), None)
    if first is None or first.verdict is None:
        return None
    others = [_line_of(failure) for failure in failures if failure is not first]
    head = _head(left, op, right)
    body = _body(first, first.verdict, in_full=in_full)
    page = [head, *body, *others]
    if in_full:
        return page
    return _fitting([_cut(head), *(row for line in page[1:] for row in _wrapped(line))])


def _failures(left: object, right: object, path: tuple[object, ...]) -> Iterator[Failure]:
    """What differs in two values, in their order, as Python's `==` sees it."""
    if isinstance(left, Expectation) and not isinstance(right, Expectation):
        left, right = right, left
    if isinstance(right, Expectation):
        verdict = _ABSENT if isinstance(left, _Missing) else verdict_of(right, left)
        if not verdict.passed:
            yield Failure(path=path, value=left, wanted=right, verdict=verdict)
        return
    pairs = _pairs(left, right)
    if pairs is None:
        if not _is_same(left, right):
            yield Failure(path=path, value=left, wanted=right, verdict=None)
        return
    for key, one, other in pairs:
        yield from _failures(one, other, (*path, key))


class _Missing:
    """What stands where one of two values has no counterpart."""


_MISSING = _Missing()
_ABSENT = Verdict(passed=False, is_undecided=True, reason="is missing")


def _pairs(left: object, right: object) -> list[tuple[object, object, object]] | None:
    """The parts of two values that belong together; `None` where they have none, or none in common."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        keys = dict.fromkeys([*right, *left])
        return [(key, left.get(key, _MISSING), right.get(key, _MISSING)) for key in keys]
    if (isinstance(left, list) and isinstance(right, list)) or (isinstance(left, tuple) and isinstance(right, tuple)):
        size = max(len(left), len(right))
        padded = [[*each, *[_MISSING] * (size - len(each))] for each in (left, right)]
        return list(zip(range(size), *padded, strict=True))
    if dataclasses.is_dataclass(left) and not isinstance(left, type) and type(left) is type(right):
        names = [field.name for field in dataclasses.fields(left) if field.compare]
        return [(name, getattr(left, name), getattr(right, name)) for name in names]
    return None


def _is_same(left: object, right: object) -> bool:
    return left is right or bool(left == right)


def _page_of_unwanted(left: object, right: object) -> list[str] | None:
    expectation, value = (right, left) if isinstance(right, Expectation) else (left, right)
    if not isinstance(expectation, Expectation):
        return None
    verdict = verdict_of(expectation, value)
    page = [_head(left, "!=", right), f"it {verdict.reason}"]
    if verdict.place:
        page.append(f"  place    {visible(verdict.place)}")
    return [_cut(line) for line in page]


def _head(left: object, op: str, right: object) -> str:
    wanted = shortened(repr(right), 35, show=_plain)
    came = shortened(repr(left), 24, show=_plain) if isinstance(left, Expectation) else shown(left, 24)
    return f"{came} {op} {wanted}"


def _plain(text: str) -> str:
    return visible(text).replace("\\\\", "\\")


def _body(failure: Failure, verdict: Verdict, *, in_full: bool) -> list[str]:
    """What was wanted, why it is not so, where, how far from passing."""
    path = path_of(failure.path)
    lines = [f"{_plain(verdict.reason)}"]
    if path:
        lines = [
            f"at {path}: {lines[0]}",
            f"  wanted   {shortened(repr(failure.wanted), 10**6 if in_full else 59, show=_plain)}",
        ]
    rows = [
        ("place", verdict.place),
        ("found", verdict.found),
        ("score", _score(verdict)),
        ("nearest", verdict.nearest),
    ]
    if verdict.found is None and path and not isinstance(failure.value, _Missing):
        rows.insert(1, ("found", shown(failure.value, 58)))
    lines += [f"  {name:<8} {_plain(text)}" for name, text in rows if text]
    lines += [f"  {_plain(detail)}" for detail in verdict.details]
    if in_full:
        if verdict.facts:
            lines += [f"  {_plain(name)}: {shown(value, 200)}" for name, value in verdict.facts.items()]
        lines += _whole(failure)
    return lines


def _score(verdict: Verdict) -> str | None:
    if verdict.score is None:
        return None
    limit = "" if verdict.limit is None else f"   limit {verdict.limit:g}"
    return f"{verdict.score:g}{limit}"


def _whole(failure: Failure) -> list[str]:
    wanted = ["  wanted:", f"    {_plain(repr(failure.wanted))}"]
    if isinstance(failure.value, _Missing):
        return wanted
    if not isinstance(failure.value, str):
        return [*wanted, f"  came: {shown(failure.value, 4000)}"]
    # A line break is a line here, everything else that cannot be seen is spelled out.
    return [*wanted, "  came:", *(f"    {_plain(line)}" for line in failure.value[:_MOST_VALUES].split("\n"))]


def _line_of(failure: Failure) -> str:
    path = path_of(failure.path) or "the value"
    if failure.verdict is not None:
        place = f" ({failure.verdict.place})" if failure.verdict.place else ""
        return f"at {path}: {_plain(failure.verdict.reason)}{place}"
    if isinstance(failure.value, _Missing):
        return f"at {path}: {shown(failure.wanted, 26)} is missing"
    if isinstance(failure.wanted, _Missing):
        return f"at {path}: {shown(failure.value, 26)} was not expected"
    return f"at {path}: {shown(failure.value, 26)} is not {shown(failure.wanted, 26)}"


def _cut(line: str) -> str:
    return line if columns(line) <= WIDTH else shortened(line, WIDTH, show=str)


def _wrapped(line: str) -> list[str]:
    """The line, or two where it is too wide: a reason is not cut in its middle."""
    if columns(line) <= WIDTH or columns(line) > 2 * WIDTH - 8:
        return [_cut(line)]
    first, rest = "", line
    for word in segments(line):
        if columns(first + word) > WIDTH:
            break
        first += word
        rest = line[len(first) :]
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return [first.rstrip(), _cut(indent + rest.strip())] if first.strip() else [_cut(line)]


def _fitting(lines: list[str]) -> list[str]:
    if len(lines) <= LINES:
        return lines
    return [*lines[: LINES - 1], f"  and {len(lines) - LINES + 1} more lines: -vv shows them"]
