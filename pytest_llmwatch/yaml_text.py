"""YAML as a reviewer likes it: JSON values out as readable text, and back without surprises.

1. Text of several lines is a block scalar wherever that loses nothing; all other text is one line, never folded.
2. Non-ASCII stands as itself; what a terminal or an editor would not show is escaped.
3. Any YAML 1.1 reader gives the same value back. Ours takes the parser's events, so that aliases and foreign tags
   are refused with their line, deep nesting is bounded, and no constructor ever runs.
"""

from __future__ import annotations

import base64
import functools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .calls import JSON

if TYPE_CHECKING:
    from collections.abc import Iterable

INVALID = "not valid YAML: "
DEPTH_LIMIT = 200
DEPTH_EMITTED = 150  # what holds the value, a cassette, has levels of its own
KEY_WIDTH = 1000  # a key of more than 1024 characters must be announced by a question mark
RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"})
PLAIN = re.compile(r"[^\W\d_](?:[\w ./()+@%;,_~$*-]|:(?=[^\s]))*", re.UNICODE)
UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\uffff]"
)
BLOCK_UNSAFE = UNSHOWN  # a block scalar has no escapes
STRIPPED = re.compile(r"[^\S\n](?:\n|\Z)")  # editors and commit hooks take spaces at the end of a line away
NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|(?:[-+]?[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?")
DIGITS = 4300  # Python reads no longer number
WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
ENDLESS = {f"{sign}.{word}" for sign in ("", "+", "-") for word in ("inf", "Inf", "INF")} | {".nan", ".NaN", ".NAN"}
STANDARD = "tag:yaml.org,2002:"
TEXT_MAKER = re.compile(r"tag:yaml\.org,2002:python/object(?:/new|/apply)?:(?:[\w.]+\.)?(?:istr|upstr|str|unicode)")
CONFLICT = re.compile(r"^(?:<{7}|>{7})(?: |\r?$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class OneLine:
    """A value that `emit` writes on a single line, in flow style."""

    value: JSON


class Binary(str):
    """Base64 of bytes, with a line break at its end, which `emit` writes with the tag `!!binary`."""

    __slots__ = ()


class YamlProblem(ValueError):
    """The text is not YAML that we accept; `line` counts from 1."""

    def __init__(self, problem: str, line: int | None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


def is_emittable(value: JSON) -> bool:
    """Whether `load` gives the value back: YAML has no lone surrogate, and we read no depth or number without end."""
    waiting: list[tuple[JSON, int]] = [(value, 0)]
    while waiting:
        held, depth = waiting.pop()
        if isinstance(held, str):
            if not _is_whole(held):
                return False
        elif isinstance(held, (dict, list)):
            if depth >= DEPTH_EMITTED or (isinstance(held, dict) and not all(map(_is_whole, held))):
                return False
            waiting += [(item, depth + 1) for item in (held.values() if isinstance(held, dict) else held)]
        elif isinstance(held, int) and abs(held) >= 10**DIGITS:
            return False
    return True


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def emit(value: Any) -> str:
    """The value as a YAML document of block style, ending in a newline: JSON, and `OneLine` anywhere in it."""
    lines: list[str] = []
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]  # a line's head, what stands behind it, its block's indent
    while waiting:
        head, item, indent = waiting.pop()
        if not isinstance(item, (dict, list)) or not item:
            lines.append(f"{head} {_inline(item, indent)}" if head else _inline(item, indent))
            continue
        pad = " " * indent
        if head.endswith("-"):
            first = f"{head} "  # a list's item begins on the line of its dash
        else:
            first = pad
            lines += [head] if head else []
        children = _entries(item, first, pad, indent) if isinstance(item, dict) else _items(item, first, pad, indent)
        waiting += reversed(children)
    return "\n".join(lines) + "\n"


def _entries(value: dict[str, Any], first: str, pad: str, indent: int) -> list[tuple[str, Any, int]]:
    heads = [f"? {key}\n{pad}:" if len(key) > KEY_WIDTH else f"{key}:" for key in map(_scalar, value)]
    items = zip(heads, value.values(), strict=True)
    return [
        ((pad if place else first) + head, item, indent + (2 if isinstance(item, dict) else 0))
        for place, (head, item) in enumerate(items)
    ]


def _items(value: list[Any], first: str, pad: str, indent: int) -> list[tuple[str, Any, int]]:
    return [
        ((pad if place else first) + "-", item, indent + (2 if isinstance(item, (dict, list)) else 0))
        for place, item in enumerate(value)
    ]


def _inline(value: Any, indent: int) -> str:
    if isinstance(value, Binary):
        return f"!!binary {_literal(value, indent)}"
    if isinstance(value, str):
        return _literal(value, indent) if "\n" in value and not _needs_quotes(value) else _scalar(value)
    return flow(value.value if isinstance(value, OneLine) else value)


def flow(value: JSON) -> str:
    """The value on a single line, as JSON is written but for numbers that YAML 1.1 would read as text."""
    pieces: list[str] = []
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        before, item = waiting.pop()
        pieces.append(before)
        if isinstance(item, dict):
            heads = [f"? {key} : " if len(key) > KEY_WIDTH else f"{key}: " for key in map(_quoted, item)]
            waiting.append(("}", _NOTHING))
            waiting += reversed(_separated("{", heads, item.values()))
        elif isinstance(item, list):
            waiting.append(("]", _NOTHING))
            waiting += reversed(_separated("[", [""] * len(item), item))
        elif item is not _NOTHING:
            pieces.append(_atom(item))
    return "".join(pieces)


_NOTHING = object()  # stands behind a closing bracket


def _separated(opening: str, heads: list[str], items: Iterable[Any]) -> list[tuple[str, Any]]:
    if not heads:
        return [(opening, _NOTHING)]
    return [
        ((", " if place else opening) + head, item) for place, (head, item) in enumerate(zip(heads, items, strict=True))
    ]


def _atom(value: str | float | None) -> str:
    if isinstance(value, str):
        return _quoted(value)
    return _float(value) if isinstance(value, float) else json.dumps(value)


def _float(value: float) -> str:
    text = repr(value)
    if text[-1] in "fn":
        return text.replace("inf", ".inf").replace("nan", ".nan")
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")  # YAML 1.1 reads 1e+20 as text
    return text


def _needs_quotes(text: str) -> bool:
    return any(pattern.search(text) for pattern in (BLOCK_UNSAFE, STRIPPED)) or not text.strip()


def _literal(text: str, indent: int) -> str:
    body = text.rstrip("\n")
    newlines = len(text) - len(body)
    chomping = {0: "-", 1: ""}.get(newlines, "+")
    indicator = "2" if text[0] in " \t\n" else ""
    pad = " " * (indent + 2)
    lines = (pad + line if line else "" for line in body.split("\n"))
    return f"|{indicator}{chomping}\n" + "\n".join(lines) + "\n" * max(newlines - 1, 0)


def _scalar(text: str) -> str:
    if PLAIN.fullmatch(text) and not text.endswith((" ", ":")) and text.lower() not in RESERVED:
        return text if UNSHOWN.search(text) is None else _quoted(text)
    return _quoted(text)


def _quoted(text: str) -> str:
    return UNSHOWN.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def load(text: str) -> Any:
    """The value of a YAML document of maps, lists and scalars; keys are text, as in JSON, and `!!binary` is bytes.

    What YAML readers disagree about (`010`, `1_000`, `1:30`, `yes`, dates) stays text.

    Raises:
        YamlProblem: not YAML, an alias, a foreign tag, a key twice, nesting deeper than `DEPTH_LIMIT`, or several
            documents.
    """
    import yaml

    refuse_damage(text)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        parser = loader(text)
        try:
            return _document(parser.get_event)
        finally:
            parser.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        # libyaml has a limit of its own since 0.2.6, which it may meet while it still looks ahead.
        is_deep = error.problem is not None and "nesting depth" in error.problem
        said = f"nested more than {DEPTH_LIMIT} deep" if is_deep else f"{INVALID}{error.problem or error}"
        raise YamlProblem(said, line) from error
    except yaml.reader.ReaderError as error:
        line = text.encode("utf-8", "surrogateescape").count(b"\n", 0, error.position) + 1
        raise YamlProblem(f"a character that YAML does not allow ({error.reason})", line) from error
    except yaml.YAMLError as error:
        raise YamlProblem(INVALID + str(error).split("\n")[0], None) from error


def refuse_damage(text: str) -> None:
    """Name what no parser would name well.

    Raises:
        YamlProblem: an unresolved merge conflict, or bytes that are no UTF-8 (as marked by `surrogateescape`).
    """
    if ("<<<<<<<" in text or ">>>>>>>" in text) and (marker := CONFLICT.search(text)):
        raise YamlProblem("an unresolved merge conflict", text.count("\n", 0, marker.start()) + 1)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        if text.startswith(("\udcff\udcfe", "\udcfe\udcff")):
            said = "the file is written in UTF-16"
        else:
            said = f"byte 0x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else "half a character"
        raise YamlProblem(f"not UTF-8: {said}", text.count("\n", 0, error.start) + 1) from error


def _document(get_event: Any) -> Any:  # noqa: C901, PLR0912, PLR0915 - one loop over a dozen events, hot
    """Build the value from events without recursion."""
    import yaml

    scalar, mapping, sequence = yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent
    mapping_end, sequence_end = yaml.MappingEndEvent, yaml.SequenceEndEvent
    stack: list[tuple[Any, Any, bool]] = []  # containers being filled, each with the key it stands under
    text_makers: dict[int, Any] = {}  # by depth: tagged containers that are the arguments of a string type
    container: Any = None
    key: Any = None
    has_key = False
    documents = 0
    root: Any = None
    while True:
        event = get_event()
        kind = type(event)
        if kind is scalar:
            value = event.value
            if container.__class__ is dict and not has_key:
                if event.tag is not None or value == "<<":
                    value = _special_key(event)
                if value in container:
                    raise _problem(f"the key {value[:80]!r} is there twice in one mapping", event)
                key, has_key = value, True
                continue
            if event.tag is not None:
                value = _tagged(event)
            elif event.implicit[0]:
                value = _read(event)
        elif kind is mapping or kind is sequence:
            if len(stack) >= DEPTH_LIMIT:
                raise _problem(f"nested more than {DEPTH_LIMIT} deep", event)
            if event.tag is not None and _makes_text(event):
                text_makers[len(stack)] = event
            elif container.__class__ is dict and not has_key:
                raise _problem("a mapping or a list cannot be a key", event)
            stack.append((container, key, has_key))
            container, key, has_key = ({} if kind is mapping else []), None, False
            continue
        elif kind is mapping_end or kind is sequence_end:
            value = container
            container, key, has_key = stack.pop()
            if text_makers and (event := text_makers.pop(len(stack), None)):
                value = _made_text(value, event)
                if container.__class__ is dict and not has_key:
                    if value in container:
                        raise _problem(f"the key {value[:80]!r} is there twice in one mapping", event)
                    key, has_key = value, True
                    continue
        elif kind is yaml.AliasEvent:
            raise _problem("aliases are not accepted in a cassette", event)
        elif kind is yaml.DocumentStartEvent:
            documents += 1
            if documents > 1:
                raise _problem("a second document begins here", event)
            continue
        elif kind is yaml.StreamEndEvent:
            return root
        else:
            continue
        if container is None:
            root = value
        elif container.__class__ is list:
            container.append(value)
        else:
            container[key] = value
            has_key = False


def _special_key(event: Any) -> str:
    if event.tag is None:
        if event.implicit[0]:
            raise _problem("merge keys are not accepted in a cassette", event)
        return str(event.value)
    value = _tagged(event)
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else str(event.value)


def _read(event: Any) -> str | float | None:
    try:
        # The memory of a few short words is not worth holding whole bodies.
        return _plain(event.value) if len(event.value) < 40 else _plain.__wrapped__(event.value)
    except ValueError as error:
        raise _problem(f"a number of {len(event.value)} digits", event) from error


@functools.lru_cache(maxsize=4096)  # a cassette says the same few names again and again
def _plain(text: str) -> str | float | None:
    if text in WORDS:
        return WORDS[text]
    if text in TRUTH:
        return TRUTH[text]
    if text[0] in "-+.0123456789":
        if NUMBER.fullmatch(text):
            return float(text) if "." in text else int(text)
        if text in ENDLESS:
            return float(text.replace(".", ""))
    return text


def _tagged(event: Any) -> Any:
    text, kind = event.value, event.tag.removeprefix(STANDARD)
    if kind in ("!", "str", "timestamp", "python/unicode", "python/str") or TEXT_MAKER.fullmatch(event.tag):
        return text
    if kind in ("binary", "python/bytes"):
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except ValueError as error:
            raise _problem(f"broken base64: {error}", event) from error
    kinds: dict[str, tuple[type, ...]] = {"null": (type(None),), "bool": (bool,), "int": (int,), "float": (int, float)}
    value = _read(event)
    if not isinstance(value, kinds.get(kind.removeprefix("python/"), ())):
        raise _problem(f"the tag {event.tag!r} is not accepted in a cassette", event)
    return value


def _makes_text(event: Any) -> bool:
    """Whether the container holds the arguments of a string type: vcrpy writes aiohttp's header names so."""
    if TEXT_MAKER.fullmatch(event.tag):
        return True
    if event.tag in ("!", f"{STANDARD}map", f"{STANDARD}seq", f"{STANDARD}python/tuple", f"{STANDARD}python/list"):
        return False
    raise _problem(f"the tag {event.tag!r} is not accepted in a cassette", event)


def _made_text(value: Any, event: Any) -> str:
    """The text that the constructor would give; nothing is constructed."""
    arguments = value.get("args") if isinstance(value, dict) and set(value) <= {"args", "state"} else value
    if not isinstance(arguments, list) or [type(argument) for argument in arguments] not in ([], [str]):
        raise _problem(f"the tag {event.tag!r} is accepted with one plain text only", event)
    return arguments[0] if arguments else ""


def _problem(text: str, event: Any) -> YamlProblem:
    return YamlProblem(text, event.start_mark.line + 1)
