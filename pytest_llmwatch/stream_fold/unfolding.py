"""A fold to bytes. A hostile fold may be wrong, but it makes no more than `LIMIT` bytes of text."""

from __future__ import annotations

import base64
import itertools
import re
from typing import TYPE_CHECKING

from .columns import EVENT_LIMIT, LIMIT, column_in, digits_in, scalar_in
from .folding import DEFAULT_AROUND, place_of
from .framing import EVENT_HOLE, FRAMINGS, ID_HOLE, aws_message, closed, filled, padded
from .json_text import Number, style_in, with_holes, writer_of
from .patches import Named, Varying, node_count, patched, placed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_llmwatch.calls import JSON

    from .framing import Framing
    from .patches import Tree

_RUN = re.compile(r"(\d{1,7})(?:\*(\d{1,7}))?")
_NODE_SIZE = 64  # what a copied value of a tree is charged with: a short fold could copy a large tree many times
_SLICE = re.compile(r"answer (\d{1,9}):(\d{1,9})")


def unfolded(value: JSON, varies: Mapping[str, JSON], answer: str) -> bytes:
    """The bytes; raises `ValueError`, or what Python raises where the fold is not made as it should be."""
    if not isinstance(value, dict) or value.get("framing") not in FRAMINGS:
        raise ValueError("a fold is a mapping with a known `framing`")
    events = value["events"]
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise ValueError("`events` is a list of mappings")
    return _Unfolding(value, events, varies, answer).body()


class _Unfolding:
    """One fold on its way to bytes."""

    def __init__(self, value: dict[str, JSON], events: list[JSON], varies: Mapping[str, JSON], answer: str) -> None:
        self._value = value
        self._framing: Framing = value["framing"]  # type: ignore[assignment]  # `unfolded` has looked
        self._envelopes: list[dict[str, JSON]] = events  # type: ignore[assignment]  # the same
        self._varies = varies
        self._answer = answer
        self._style = style_in(value.get("style", {}))
        self._around = self._around_in(value["around"]) if "around" in value else DEFAULT_AROUND[self._framing]
        every = " ".join(map(str, range(len(events))))
        self._runs = _order_in(value.get("order", every), len(events))
        self._room = LIMIT

    def body(self) -> bytes:
        """The bytes of all frames in their order."""
        frames: list[Iterator[str | bytes]] = [iter(each) for each in self._frames()]
        parts: list[str | bytes] = []
        for number, times in self._runs:
            parts += itertools.islice(frames[number], times)
        if self._framing == "aws":
            return b"".join(parts)  # type: ignore[arg-type]  # only this framing makes bytes
        return "".join(parts).encode("utf-8", "surrogateescape")  # type: ignore[arg-type]  # the others make text

    def _frames(self) -> list[Sequence[str] | Sequence[bytes]]:
        places: list[list[int]] = [[] for _ in self._envelopes]
        position = 0
        for number, times in self._runs:
            places[number] += range(position, position + times)
            if not _is_raw(self._envelopes[number]):
                position += times
        trees: list[Tree] = []
        frames: list[Sequence[str] | Sequence[bytes]] = []
        for envelope, own in zip(self._envelopes, places, strict=True):
            if _is_raw(envelope):
                trees.append(None)
                frames.append(self._raw_frames(envelope, len(own)))
                continue
            tree = self._tree(envelope, trees)
            trees.append(tree)
            frames.append(self._framed(envelope, self._payloads(envelope, tree, own)) if own else ())
        return frames

    def _spend(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise ValueError(f"more than {LIMIT} bytes")

    def _raw_frames(self, envelope: dict[str, JSON], count: int) -> Sequence[str] | Sequence[bytes]:
        if "base64" in envelope:
            raw = base64.b64decode(_text(envelope["base64"]), validate=True)
            self._spend(len(raw) * count)
            return [raw] * count if self._framing == "aws" else [raw.decode("utf-8", "surrogateescape")] * count
        text = _text(envelope["raw"])
        self._spend(len(text) * count)
        return [text.encode()] * count if self._framing == "aws" else [text] * count

    def _tree(self, envelope: dict[str, JSON], earlier: list[Tree]) -> Tree:
        if "like" in envelope:
            like = envelope["like"]
            if type(like) is not int or not 0 <= like < len(earlier):
                raise ValueError("an envelope is like an earlier one")
            tree = patched(earlier[like], envelope)
            self._spend(node_count(tree) * _NODE_SIZE)
        else:
            tree = patched(envelope["data"], {})
        for path, name in _mapping(envelope.get("fill", {})).items():
            number = scalar_in(name) if isinstance(name, dict) else None
            named = Named(_full_name(name, path) if isinstance(name, str) else "")
            tree = placed(tree, path, number if isinstance(number, Number) else named)
        for path in _mapping(envelope.get("columns", {})):
            tree = placed(tree, path, Varying(path))
        return tree

    def _payloads(self, envelope: dict[str, JSON], tree: Tree, places: list[int]) -> list[str]:
        style = style_in(envelope["style"]) if "style" in envelope else self._style
        write = writer_of(style)
        around, things = with_holes(tree, style)
        columns: list[list[str]] = []
        between = [[around[0]]]
        for thing, after in zip(things, around[1:], strict=True):
            held = self._written(thing, envelope, places, write)
            if isinstance(held, str):
                self._spend(len(held))
                between[-1] += (held, after)
            else:
                columns.append(held)
                between.append([after])
        pieces = ["".join(texts) for texts in between]
        self._spend(sum(map(len, pieces)) * len(places))
        if not columns:
            return pieces * len(places)
        if len(columns) == 1:
            before, after = pieces
            return [before + text + after for text in columns[0]]
        rows = zip(*columns, strict=True)
        return ["".join(itertools.chain.from_iterable(zip(pieces, (*row, ""), strict=True))) for row in rows]

    def _written(
        self, thing: object, envelope: dict[str, JSON], places: list[int], write: Callable[[object], str]
    ) -> str | list[str]:
        """The text of a thing: one for all events, or one for each."""
        if isinstance(thing, Number):
            return thing.text
        if isinstance(thing, Varying):
            return self._column(_mapping(envelope["columns"])[thing.path], len(places), write)
        if not isinstance(thing, Named):
            raise TypeError("something that is no JSON")
        if thing.name.startswith("count "):
            held = _mapping(self._value["counts"])[thing.name.removeprefix("count ")]
            start, step = held if isinstance(held, list) else (None, None)
            if type(start) is not int or type(step) is not int:
                raise TypeError("a count is a start and a step")
            return [self._paid(str(start + step * place)) for place in places]
        if thing.name.startswith("varies "):
            held = self._varies[thing.name.removeprefix("varies ")]
            return self._column(held, len(places), write) if isinstance(held, dict) else write(held)
        return write(self._text_named(thing.name))

    def _column(self, column: JSON, count: int, write: Callable[[object], str]) -> list[str]:
        values = column_in(column, count, self._text_named)
        # By identity: a value that repeats is one object, and 1, 1.0 and true are equal.
        texts: dict[int, str] = {}
        for value in values:
            if id(value) not in texts:
                texts[id(value)] = value.text if isinstance(value, Number) else write(value)
            self._spend(len(texts[id(value)]))
        return [texts[id(value)] for value in values]

    def _paid(self, text: str) -> str:
        self._spend(len(text))
        return text

    def _text_named(self, name: str) -> str:
        if name == "answer":
            return self._answer
        if found := _SLICE.fullmatch(name):
            return self._answer[int(found[1]) : int(found[2])]
        texts = self._value["texts"]
        if not isinstance(texts, list) or not name.startswith("text "):
            raise ValueError(f"no such text: {name!r}")
        return _text(texts[int(name.removeprefix("text "))])

    def _framed(self, envelope: dict[str, JSON], payloads: list[str]) -> Sequence[str] | Sequence[bytes]:
        around = self._around_in(envelope["around"]) if "around" in envelope else self._around
        event = _text(envelope["event"]) if "event" in envelope else None
        if "spaces" in envelope:
            spaces = digits_in(self._varies[_text(envelope["spaces"])], len(payloads))
            self._spend(sum(spaces))
            payloads = [padded(payload, count) for payload, count in zip(payloads, spaces, strict=True)]
        self._spend(len(event or "") * sum(part.count(EVENT_HOLE) for part in around))
        around = filled(around, EVENT_HOLE, event)
        self._spend(len(payloads) * sum(map(len, around)))
        if self._framing == "aws":
            return [aws_message(around, closed(each) if envelope.get("opened") else each) for each in payloads]
        before, after = around
        if "id" not in envelope:
            return [before + payload + after for payload in payloads]
        held = envelope["id"]
        column = column_in(held, len(payloads), self._text_named) if isinstance(held, dict) else [_text(held)]
        ids = [_text(each) for each in column] * (1 if isinstance(held, dict) else len(payloads))
        self._spend(sum(map(len, ids)) * sum(part.count(ID_HOLE) for part in around))
        framed = []
        for each, payload in zip(ids, payloads, strict=True):
            before, after = filled(around, ID_HOLE, each)
            framed.append(before + payload + after)
        return framed

    def _around_in(self, value: JSON) -> tuple[str, ...]:
        if self._framing == "aws":
            return tuple(_text(part) for part in itertools.chain.from_iterable(_mapping(value).items()))
        if not isinstance(value, list) or len(value) != 2:
            raise ValueError("`around` is what stands before the data and after")
        return tuple(_text(part) for part in value)


def _is_raw(envelope: dict[str, JSON]) -> bool:
    return "raw" in envelope or "base64" in envelope


def _full_name(name: str, path: str) -> str:
    return f"count {path}" if name == "count" else f"varies {place_of(path)}" if name == "varies" else name


def _order_in(order: JSON, envelopes: int) -> list[tuple[int, int]]:
    runs = []
    total = 0
    for run in _text(order).split(" "):
        found = _RUN.fullmatch(run)
        if found is None or int(found[1]) >= envelopes:
            raise ValueError("`order` names the envelopes in their order")
        times = int(found[2] or 1)
        total += times
        runs.append((int(found[1]), times))
    if total > EVENT_LIMIT:
        raise ValueError(f"more than {EVENT_LIMIT} events")
    return runs


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"no text: {type(value).__name__}")
    return value


def _mapping(value: JSON) -> dict[str, JSON]:
    if not isinstance(value, dict):
        raise TypeError(f"no mapping: {type(value).__name__}")
    return value
