"""Words that exclude one another, as plain text, one file for a sort of words and a language."""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Pair = tuple[str, str]


def opposed(name: str) -> Iterator[Pair]:
    """The pairs of a file whose lines are two poles: what stands left of the stroke with what stands right of it."""
    for line in _lines(name):
        left, right = line.split("/")
        yield from product(left.split(), right.split())


def exclusive(name: str) -> Iterator[Pair]:
    """The pairs of a file whose lines are things that exclude one another."""
    for line in _lines(name):
        yield from combinations(line.split(), 2)


def stances(name: str, separator: str | None) -> tuple[list[tuple[list[str], list[str]]], list[str]]:
    """The two sides of every topic of a file, and what after a dash looks like one and says nothing."""
    topics, nothing = [], []
    for line in _lines(name):
        if line.startswith("-"):
            nothing += _phrases(line[1:], separator)
        else:
            left, right = line.split(" / ")
            topics.append((_phrases(left, separator), _phrases(right, separator)))
    return topics, nothing


def _phrases(written: str, separator: str | None) -> list[str]:
    return [phrase.strip() for phrase in written.split(separator)]


def _lines(name: str) -> list[str]:
    from importlib.resources import files

    text = files(__package__).joinpath(f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
