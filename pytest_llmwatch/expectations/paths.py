"""Patterns of paths into JSON values: `items[*].id`, `*_id`, `**.created`."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass

from pytest_llmwatch.errors import SettingError

Path = tuple[str | int, ...]

_STEP = re.compile(r"\.?(?:\[(?P<index>\d+|\*)\]|\[(?P<quoted>\"(?:[^\"\\]|\\.)*\")\]|(?P<name>[^.\[\]]+))")


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPattern:
    """A pattern, one step a key or an index; `**` stands for any number of steps."""

    steps: tuple[str | int, ...]

    def fits(self, path: Path) -> bool:
        """Whether this is a path that the pattern means."""
        return _fits(self.steps, path)


def path_pattern(text: str) -> PathPattern:
    """The pattern in a text; `SettingError` where it is none. `""` and `$` are the value itself."""
    steps: list[str | int] = []
    at = len("$") if text.startswith("$") else 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            raise SettingError(f"{text!r} is not a path like items[0].id, items[*].id, *_id or **.id")
        if step["index"] is not None:
            steps.append("[*]" if step["index"] == "*" else int(step["index"]))
        else:
            steps.append(_unquoted(step["quoted"]) if step["quoted"] else step["name"])
        at = step.end()
    return PathPattern(steps=tuple(steps))


def _unquoted(text: str) -> str:
    import json

    # A glob is never meant inside quotes.
    return re.sub(r"([*?\[])", r"[\1]", str(json.loads(text)))


def _fits(steps: tuple[str | int, ...], path: Path) -> bool:
    if not steps:
        return not path
    if steps[0] == "**":
        return any(_fits(steps[1:], path[skipped:]) for skipped in range(len(path) + 1))
    return bool(path) and _fits_step(steps[0], path[0]) and _fits(steps[1:], path[1:])


def _fits_step(step: str | int, key: str | int) -> bool:
    if isinstance(key, int):
        return step in ("[*]", "*") or step == key
    return isinstance(step, str) and step != "[*]" and fnmatch.fnmatchcase(key, step)
