"""Bytes to a fold: events of one shape share an envelope, and what varies among them becomes columns."""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .columns import EVENT_LIMIT, LIMIT, column_out, digits_out, joined
from .framing import EVENT_HOLE, Frame, bytes_of, frames_of
from .json_text import Number, Style, Styles, parse, style_out
from .patches import DEPTH_LIMIT, Leaf, Named, Thing, Tree, Varying, difference, leaves, plain, rebuilt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_llmwatch.calls import JSON

    from .framing import Framing

DEFAULT_AROUND: dict[Framing, tuple[str, ...]] = {
    "sse": ("data: ", "\n\n"),
    "lines": ("", "\n"),
    "array": ("", "\n,\r\n"),
    "aws": (":event-type", EVENT_HOLE, ":content-type", "application/json", ":message-type", "event"),
}

# Shared from this length on; shorter texts read better where they stand.
_LONG = 24
_SURELY_ANSWER = 8
_SEARCHES = 256
# An envelope is compared with the first ones and with those just before it.
_FIRST_ONES, _JUST_BEFORE, _COMPARED = 4, 6, 256
_KINDS = ("type", "object", "event_type")
_ID_KEYS = frozenset(
    {"id", "item_id", "call_id", "tool_call_id", "tool_use_id", "toolUseId", "message_id", "response_id"}
)
_ID = re.compile(
    r"(msg|rs|fc|call|toolu|srvtoolu|mcptoolu|tooluse|resp|ws|fs|ci|ig|cu|mcp|mcpl|mcpr|ctc|gen|chatcmpl(?:-tool)?)"
    r"[-_][\w-]{4,}"
)


@dataclass(slots=True)
class _Group:
    """The events of one shape: their places, and their values leaf by leaf."""

    frame: Frame
    style: Style | None = None
    tree: Tree = None
    places: list[int] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    rows: list[list[Leaf]] = field(default_factory=list)
    columns: dict[str, Sequence[Leaf]] = field(default_factory=dict)


class _Lifted:
    """The values that change from recording to recording, each under a name made of its path."""

    def __init__(self) -> None:
        self.values: dict[str, JSON] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._used = Counter({"check": 1})  # a name that `fold` needs for itself

    def name_of(self, path: str, value: JSON) -> str:
        """The name under which a value is kept: its path, with a number where another value has the path already."""
        key = path, json.dumps(value)
        if key not in self._names:
            self._used[path] += 1
            self._names[key] = path if self._used[path] == 1 else f"{path} {self._used[path]}"
            self.values[self._names[key]] = value
        return self._names[key]


def folded(body: bytes, answer: str, volatile: frozenset[str]) -> tuple[dict[str, JSON], dict[str, JSON]] | None:
    """The fold and what varies; `None` where the body is no stream, or too long."""
    found = frames_of(body) if len(body) <= LIMIT else None
    if found is None or len(found[1]) > EVENT_LIMIT:
        return None
    framing, frames = found
    groups, order = _grouped(frames, body)
    if all(group.frame.raw is not None for group in groups):
        return None
    counts = _counts(groups)
    lifted = _Lifted()
    for group in groups:
        if group.frame.raw is None:
            _settle(group, counts, lifted, volatile)
    shared = _Shared(groups, answer)
    value: dict[str, JSON] = {"framing": framing}
    style = Counter(group.style for group in groups for _ in group.places if group.style).most_common(1)[0][0]
    around = Counter(group.frame.around for group in groups for _ in group.frames).most_common(1)[0][0]
    if style != Style():
        value["style"] = style_out(style)
    if around != DEFAULT_AROUND[framing]:
        value["around"] = _around_out(around, framing)
    if shared.texts:
        value["texts"] = list(shared.texts)
    if counts:
        value["counts"] = {path: [start, step] for path, (start, step) in counts.items()}
    value["events"] = list(_envelopes(groups, framing, (style, around), shared.name_of, lifted))
    if order != list(range(len(groups))):
        value["order"] = _order_out(order)
    return value, lifted.values


def _grouped(frames: list[Frame], body: bytes) -> tuple[list[_Group], list[int]]:
    styles = Styles(body.decode("utf-8", "replace"))
    groups: dict[object, _Group] = {}
    numbers: dict[object, int] = {}
    order = []
    position = 0
    for frame in frames:
        key, style, tree, row = _read(frame, styles)
        group = groups.get(key)
        if group is None:
            raw = frame if style else Frame(raw=bytes_of(frame))
            group = groups[key] = _Group(frame=raw, style=style, tree=tree)
            numbers[key] = len(numbers)
        order.append(numbers[key])
        group.places.append(position)
        if style:
            group.frames.append(frame)
            group.rows.append(row)
            position += 1
    for group in groups.values():
        paths = [path for path, _ in leaves(group.tree)] if group.style else []
        group.columns = dict(zip(paths, zip(*group.rows, strict=True), strict=True)) if paths else {}
    return list(groups.values()), order


def _read(frame: Frame, styles: Styles) -> tuple[object, Style | None, Tree, list[Leaf]]:
    """What tells the shape of a frame, and its style, tree and leaves; without a style where it is to be kept raw."""
    if frame.raw is None:
        try:
            tree = parse(frame.payload)
            shape: list[object] = []
            row: list[Leaf] = []
            _flatten(tree, shape, row, 0)
            style = styles.style_of(tree, frame.payload)
        except (ValueError, RecursionError):
            style = None
        if style is not None:
            if isinstance(tree, dict):
                shape += [tree.get(name) for name in _KINDS if isinstance(tree.get(name), str)]
            if _is_text("".join((*frame.around, frame.event or "", frame.id or ""))):
                key = (frame.around, frame.event, frame.id is None, frame.opened, style, tuple(shape))
                return key, style, tree, row
    return bytes_of(frame), None, None, []


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _flatten(tree: Tree, shape: list[object], row: list[Leaf], depth: int) -> None:
    """Enter the shape of a tree (keys, and small numbers for the kind of everything else) and its leaves."""
    if depth > DEPTH_LIMIT:
        raise ValueError("nested too deep")
    if isinstance(tree, dict):
        shape.append(0)
        for key, item in tree.items():
            shape.append(key)
            _flatten(item, shape, row, depth + 1)
        shape.append(1)
    elif isinstance(tree, list):
        shape.append(2)
        for item in tree:
            _flatten(item, shape, row, depth + 1)
        shape.append(3)
    else:
        # `None`, `True` and `False` are shapes: they tell the events apart that they stand in.
        shape.append(
            4 if isinstance(tree, str) else 5 if tree is None else 6 if tree is True else 7 if tree is False else 8
        )
        row.append(tree)


def _counts(groups: list[_Group]) -> dict[str, tuple[int, int]]:
    """The whole numbers that follow the place of the event in the stream, with start and step."""
    points: dict[str, list[tuple[int, Leaf]]] = {}
    for group in groups:
        for path, values in group.columns.items():
            if isinstance(values[0], (int, Number)) and not isinstance(values[0], bool):
                points.setdefault(path, []).extend(zip(group.places, values, strict=True))
    found = {}
    for path, held in points.items():
        (place, first), (other, second) = min(held), max(held)
        if len(held) < 3 or type(first) is not int or type(second) is not int or first == second:
            continue
        step, rest = divmod(second - first, other - place)
        start = first - step * place
        if not rest and all(type(value) is int and value == start + step * at for at, value in held):
            found[path] = (start, step)
    return found


def _settle(group: _Group, counts: dict[str, tuple[int, int]], lifted: _Lifted, volatile: frozenset[str]) -> None:
    """Put into the tree of a group what each leaf is: a constant, or a thing that stands elsewhere."""
    new: list[Leaf] = []
    for path, values in group.columns.items():
        first = values[0]
        is_constant = all(type(value) is type(first) and repr(value) == repr(first) for value in values)
        if path in counts and type(first) is int:
            new.append(Named("count"))
        elif _is_volatile(path, values, volatile):
            held = first if is_constant else column_out(values, lambda _: None)  # type: ignore[arg-type]  # leaves of JSON
            # An item's id stands at several paths: it is named after its kind.
            own_id = _ID.fullmatch(first) if isinstance(first, str) and is_constant else None
            name = own_id[1] if own_id and path.rpartition(".")[2] in _ID_KEYS else place_of(path)
            new.append(Named(f"varies {lifted.name_of(name, held)}"))  # type: ignore[arg-type]  # the same
        else:
            new.append(first if is_constant else Varying(path))
    group.tree = rebuilt(group.tree, iter(new))


def place_of(path: str) -> str:
    """The path without places in lists: what a user calls it."""
    return ".".join(step for step in path.split(".") if not step.isdigit())


def short_name(name: str, path: str) -> str:
    """A name as it stands at a path: `varies` alone where the varying value is named after the path."""
    return "varies" if name == f"varies {place_of(path)}" else name


def _is_volatile(path: str, values: Sequence[Leaf], volatile: frozenset[str]) -> bool:
    first = values[0]
    if isinstance(first, (str, int, float)) and not isinstance(first, bool) and place_of(path) in volatile:
        return bool(first) and not any(isinstance(value, Number) for value in values)
    if path.rpartition(".")[2] not in _ID_KEYS:
        return False
    return all(isinstance(value, str) and _ID.fullmatch(value) for value in values)


class _Shared:
    """The long texts that occur several times, and the answer."""

    def __init__(self, groups: list[_Group], answer: str) -> None:
        self._answer = answer
        self._searches = _SEARCHES
        held = Counter(text for group in groups for text in _texts_of(group) if len(text) >= _LONG)
        self.texts = [text for text, times in held.items() if times > 1 and self._in_answer(text) is None]
        self._places = {text: place for place, text in enumerate(self.texts)}

    def name_of(self, text: str) -> str | None:
        """The name under which a text stands elsewhere."""
        if text in self._places:
            return f"text {self._places[text]}"
        return self._in_answer(text)

    def _in_answer(self, text: str) -> str | None:
        if text and text == self._answer:
            return "answer"
        if not _LONG <= len(text) < len(self._answer) or self._searches <= 0:
            return None
        self._searches -= 1
        start = self._answer.find(text)
        return f"answer {start}:{start + len(text)}" if start >= 0 else None


def _texts_of(group: _Group) -> Iterator[str]:
    for path, leaf in leaves(group.tree):
        if isinstance(leaf, str) and not _is_kind(path):
            yield leaf
        elif isinstance(leaf, Varying):
            values = [value for value in group.columns[path] if isinstance(value, str)]
            if len(values) == len(group.places):
                yield joined(values)[0]


def _envelopes(
    groups: list[_Group],
    framing: Framing,
    common: tuple[Style, tuple[str, ...]],
    named: Callable[[str], str | None],
    lifted: _Lifted,
) -> Iterator[JSON]:
    trees: list[Tree] = []
    has_spaces = any(frame.spaces for group in groups for frame in group.frames)
    for number, group in enumerate(groups):
        if group.frame.raw is not None:
            trees.append(None)
            yield _raw_out(group.frame.raw, framing)
            continue
        style, around = common
        head: dict[str, JSON] = {"event": group.frame.event} if group.frame.event is not None else {}
        if group.frame.around != around:
            head["around"] = _around_out(group.frame.around, framing)
        if group.style is not None and group.style != style:
            head["style"] = style_out(group.style)
        if group.frame.opened:
            head["opened"] = True
        if group.frame.id is not None:
            ids = [frame.id or "" for frame in group.frames]
            head["id"] = ids[0] if len(set(ids)) == 1 else column_out(ids, named)
        if has_spaces:
            head["spaces"] = lifted.name_of(f"spaces {number}", digits_out([frame.spaces for frame in group.frames]))
        tree = rebuilt(
            group.tree,
            (leaf if _is_kind(path) else _shared_leaf(leaf, named) for path, leaf in leaves(group.tree)),
        )
        trees.append(tree)
        columns: dict[str, JSON] = {
            path: column_out(group.columns[path], named)  # type: ignore[arg-type]  # leaves of JSON
            for path, leaf in leaves(tree)
            if isinstance(leaf, Varying)
        }
        yield {**_shortest(trees, number, groups, head), **({"columns": columns} if columns else {})}


def _is_kind(path: str) -> bool:
    return path.rpartition(".")[2] in _KINDS


def _shared_leaf(leaf: Leaf, named: Callable[[str], str | None]) -> Leaf:
    name = named(leaf) if isinstance(leaf, str) and len(leaf) >= _SURELY_ANSWER else None
    return leaf if name is None else Named(name)


def _shortest(trees: list[Tree], number: int, groups: list[_Group], head: dict[str, JSON]) -> dict[str, JSON]:
    """The envelope, whole or like an earlier one, whichever says less."""
    things: dict[str, Thing] = {}
    data = plain(trees[number], "", things)
    forms: list[dict[str, JSON]] = [{**head, "data": data, **_things_out(things)}]
    if number < _COMPARED:
        candidates = dict.fromkeys([*range(min(number, _FIRST_ONES)), *range(max(0, number - _JUST_BEFORE), number)])
        for other in candidates:
            if groups[other].frame.raw is None:
                things = {}
                patch = difference(trees[other], trees[number], things)
                forms.append({"like": other, **head, **patch, **_things_out(things)})
    return min(forms, key=lambda form: len(json.dumps(form, ensure_ascii=False)))


def _things_out(things: dict[str, Thing]) -> dict[str, JSON]:
    fill: dict[str, JSON] = {
        path: {"number": thing.text} if isinstance(thing, Number) else short_name(thing.name, path)
        for path, thing in things.items()
        if not isinstance(thing, Varying)
    }
    return {"fill": fill} if fill else {}


def _raw_out(raw: bytes, framing: Framing) -> JSON:
    if framing != "aws":
        try:
            return {"raw": raw.decode()}
        except UnicodeDecodeError:
            pass
    return {"base64": base64.b64encode(raw).decode()}


def _around_out(around: tuple[str, ...], framing: Framing) -> JSON:
    return dict(zip(around[::2], around[1::2], strict=True)) if framing == "aws" else list(around)


def _order_out(order: list[int]) -> str:
    runs = ((number, sum(1 for _ in group)) for number, group in itertools.groupby(order))
    return " ".join(f"{number}*{times}" if times > 1 else str(number) for number, times in runs)
