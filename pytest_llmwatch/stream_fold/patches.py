"""An event's data as a tree, and a tree told as what differs from another.

A tree is JSON whose leaves may also be things that stand elsewhere: `Number`, `Named` and `Varying`. A path is keys
and list places joined by dots; in a key `~1` is a dot and `~0` a tilde, and `~2` is the empty key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_llmwatch.calls import JSON

from .json_text import Number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


DEPTH_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Named:
    """A value that stands elsewhere under this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Varying:
    """A value that differs from event to event: the column at this path."""

    path: str


Thing = Number | Named | Varying
Leaf = None | bool | int | float | str | Number | Named | Varying
Tree = Leaf | list["Tree"] | dict[str, "Tree"]


def key_out(key: str) -> str:
    """A key as a step of a path."""
    return key.replace("~", "~0").replace(".", "~1") or "~2"


def key_in(step: str) -> str:
    """The key of a step of a path."""
    return "" if step == "~2" else step.replace("~1", ".").replace("~0", "~")


def below(path: str, step: str) -> str:
    """The path one step further down."""
    return f"{path}.{step}" if path else step


def children(tree: Tree) -> Iterator[tuple[str, Tree]]:
    """The steps below a dict or list, and what stands there."""
    if isinstance(tree, dict):
        for key, item in tree.items():
            yield key_out(key), item
    elif isinstance(tree, list):
        for place, item in enumerate(tree):
            yield str(place), item


def leaves(tree: Tree, path: str = "") -> Iterator[tuple[str, Leaf]]:
    """The leaves with their paths, in order; an empty dict or list has none."""
    if isinstance(tree, (dict, list)):
        for step, item in children(tree):
            yield from leaves(item, below(path, step))
    else:
        yield path, tree


def rebuilt(tree: Tree, values: Iterator[Leaf]) -> Tree:
    """A tree of the same shape with other leaves."""
    if isinstance(tree, dict):
        return {key: rebuilt(item, values) for key, item in tree.items()}
    if isinstance(tree, list):
        return [rebuilt(item, values) for item in tree]
    return next(values)


def plain(tree: Tree, path: str, things: dict[str, Thing]) -> JSON:
    """The tree as JSON, with `None` for each thing, which is entered under its path."""
    if isinstance(tree, dict):
        return {key: plain(item, below(path, key_out(key)), things) for key, item in tree.items()}
    if isinstance(tree, list):
        return [plain(item, below(path, str(place)), things) for place, item in enumerate(tree)]
    if isinstance(tree, (Number, Named, Varying)):
        things[path] = tree
        return None
    return tree


@dataclass(frozen=True, slots=True)
class _Patch:
    """A difference while it is found."""

    things: dict[str, Thing]
    without: list[JSON] = field(default_factory=list)
    insert: list[JSON] = field(default_factory=list)
    set: dict[str, JSON] = field(default_factory=dict)

    def compare(self, old: Tree, new: Tree, path: str) -> None:
        """Enter what differs at a path and below it."""
        if isinstance(new, (Number, Named, Varying)):
            if isinstance(old, (dict, list)):
                self.set[path] = None
            if isinstance(new, Varying) or old != new:
                self.things[path] = new
        elif isinstance(old, dict) and isinstance(new, dict) and _same_order(old, new):
            self._compare_members(old, new, path)
        elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            for place, (one, other) in enumerate(zip(old, new, strict=True)):
                self.compare(one, other, below(path, str(place)))
        elif type(old) is not type(new) or repr(old) != repr(new):
            self.set[path] = plain(new, path, self.things)

    def _compare_members(self, old: dict[str, Tree], new: dict[str, Tree], path: str) -> None:
        self.without.extend(below(path, key_out(key)) for key in old if key not in new)
        for before, key in zip((None, *new), new, strict=False):
            where = below(path, key_out(key))
            if key in old:
                self.compare(old[key], new[key], where)
            else:
                self.insert.append([where, before, plain(new[key], where, self.things)])


def difference(old: Tree, new: Tree, things: dict[str, Thing]) -> dict[str, JSON]:
    """What makes the new tree of the old one, as `without`, `insert` ([path, after which key, value]) and `set`."""
    patch = _Patch(things=things)
    patch.compare(old, new, "")
    out: dict[str, JSON] = {"without": patch.without, "insert": patch.insert, "set": patch.set}
    return {name: value for name, value in out.items() if value}


def patched(tree: Tree | JSON, patch: Mapping[str, JSON]) -> Tree:
    """A copy of the tree with a difference applied."""
    without, insert, changed = patch.get("without", []), patch.get("insert", []), patch.get("set", {})
    if not isinstance(without, list) or not isinstance(insert, list) or not isinstance(changed, dict):
        raise TypeError("`without` and `insert` are lists, `set` is a mapping")
    out = copied(tree)
    for path in without:
        container, key = _reached(out, str(path))
        del container[key]
    for item in insert:
        if not isinstance(item, list) or len(item) != 3:
            raise TypeError("`insert` is a list of path, key before it, and value")
        _insert(out, str(item[0]), item[1], copied(item[2]))
    for path, value in changed.items():
        out = placed(out, path, copied(value))
    return out


def copied(tree: Tree | JSON, depth: int = 0) -> Tree:
    """A copy that can be changed; raises `ValueError` where the tree is nested too deep."""
    if depth > DEPTH_LIMIT:
        raise ValueError("nested too deep")
    if isinstance(tree, dict):
        return {key: copied(item, depth + 1) for key, item in tree.items()}
    if isinstance(tree, list):
        return [copied(item, depth + 1) for item in tree]
    return tree


def node_count(tree: Tree) -> int:
    """How many values a tree holds, itself counted."""
    items = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return 1 + sum(map(node_count, items))


def placed(tree: Tree, path: str, value: Tree) -> Tree:
    """The tree, changed to hold something else at a path that it has."""
    if not path:
        return value
    container, key = _reached(tree, path)
    container[key]  # a key that is not there is no place
    container[key] = value
    return tree


def _insert(tree: Tree, path: str, after: JSON, value: Tree) -> None:
    container, key = _reached(tree, path)
    if not isinstance(container, dict) or (after is not None and after not in container):
        raise ValueError(f"nothing can be inserted at {path}")
    items = list(container.items())
    place = 0 if after is None else 1 + list(container).index(str(after))
    container.clear()
    container.update([*items[:place], (str(key), value), *items[place:]])


def _reached(tree: Tree, path: str) -> tuple[Any, str | int]:
    """The container at the end of a path, and the key or place in it."""
    *steps, last = path.split(".")
    for step in steps:
        container: Any = _container(tree)
        tree = container[_key(tree, step)]
    return _container(tree), _key(tree, last)


def _container(tree: Tree) -> list[Any] | dict[Any, Any]:
    if not isinstance(tree, (dict, list)):
        raise TypeError("a path that leads nowhere")
    return tree


def _key(container: Tree, step: str) -> str | int:
    if isinstance(container, dict):
        return key_in(step)
    if not (step.isascii() and step.isdigit()) or len(step) > 9:
        raise ValueError("a place that the list does not have")
    return int(step)


def _same_order(old: dict[str, Tree], new: dict[str, Tree]) -> bool:
    """Whether the keys that both have stand in the same order."""
    return [key for key in old if key in new] == [key for key in new if key in old]
