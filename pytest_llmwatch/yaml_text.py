"""YAML as a reviewer likes it: JSON values out as readable text, and back without surprises.

1. Text of several lines is a block scalar wherever that loses nothing; all other text is one line, never folded.
2. Non-ASCII stands as itself; what a terminal or an editor would not show is escaped.
3. Any YAML 1.1 reader gives the same value back. Ours takes the parser's events, so that aliases and foreign tags
   are refused with their line, deep nesting is bounded, and no constructor ever runs.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .calls import JSON

DEPTH_LIMIT = 200
RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"})
PLAIN = re.compile(r"[^\W\d_](?:[\w ./()+@%;,_~$*-]|:(?=[^\s]))*", re.UNICODE)
UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\uffff]"
)
BLOCK_UNSAFE = UNSHOWN  # a block scalar has no escapes
NUMBER = re.compile(r"[-+]?(?:\d+|(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?)")
WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
STANDARD = "tag:yaml.org,2002:"


class YamlProblem(ValueError):
    """The text is not YAML that we accept; `line` counts from 1."""

    def __init__(self, problem: str, line: int | None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


def is_emittable(text: str) -> bool:
    """Whether YAML can hold the text: a lone surrogate has no form in it."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def emit(value: JSON) -> str:
    """The value as a YAML document of block style, ending in a newline."""
    return "\n".join(_block(value, 0)) + "\n"


def _block(value: JSON, indent: int) -> Iterator[str]:
    pad = " " * indent
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _entry(f"{pad}{_scalar(key)}:", item, indent)
    elif isinstance(value, list) and value:
        for item in value:
            yield from _item(item, indent)
    else:
        yield pad + _inline(value, indent)


def _entry(head: str, item: JSON, indent: int) -> Iterator[str]:
    if isinstance(item, (dict, list)) and item:
        yield head
        yield from _block(item, indent + (2 if isinstance(item, dict) else 0))
    else:
        yield f"{head} {_inline(item, indent)}"


def _item(item: JSON, indent: int) -> Iterator[str]:
    pad = " " * indent
    if isinstance(item, (dict, list)) and item:
        first, *rest = _block(item, indent + 2)
        yield f"{pad}- {first[indent + 2 :]}"
        yield from rest
    else:
        yield f"{pad}- {_inline(item, indent)}"


def _inline(value: JSON, indent: int) -> str:
    if isinstance(value, str):
        return _literal(value, indent) if "\n" in value and not _needs_quotes(value) else _scalar(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, float):
        return _float(value)
    return json.dumps(value)


def _float(value: float) -> str:
    text = repr(value)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")  # YAML 1.1 reads 1e+20 as text
    return text


def _needs_quotes(text: str) -> bool:
    return BLOCK_UNSAFE.search(text) is not None or not text.strip("\n") or not text.strip()


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
    """The value of a YAML document of maps, lists and scalars; `!!binary` is bytes.

    Raises:
        YamlProblem: not YAML, an alias, a foreign tag, nesting deeper than `DEPTH_LIMIT`, or several documents.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        parser = loader(text)
        try:
            return _document(parser.get_event)
        finally:
            parser.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise YamlProblem(error.problem or str(error), line) from error
    except yaml.reader.ReaderError as error:
        line = text.encode("utf-8", "surrogateescape").count(b"\n", 0, error.position) + 1
        raise YamlProblem(f"a character that YAML does not allow ({error.reason})", line) from error
    except UnicodeEncodeError as error:
        raise YamlProblem("bytes that are no UTF-8", text.count("\n", 0, error.start) + 1) from error
    except yaml.YAMLError as error:
        raise YamlProblem(str(error).split("\n")[0], None) from error


def _document(get_event: Any) -> Any:  # noqa: C901, PLR0912 - one loop over a dozen events, hot
    """Build the value from events without recursion."""
    import yaml

    scalar, mapping, sequence = yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent
    mapping_end, sequence_end = yaml.MappingEndEvent, yaml.SequenceEndEvent
    stack: list[tuple[Any, Any]] = []  # containers being filled, each with the key it stands under
    container: Any = None
    key: Any = None
    has_key = False
    documents = 0
    root: Any = None
    while True:
        event = get_event()
        kind = type(event)
        if kind is scalar:
            value = _plain(event.value) if event.tag is None and event.implicit[0] else _resolved(event)
        elif kind is mapping or kind is sequence:
            if len(stack) >= DEPTH_LIMIT:
                raise _problem(f"nested more than {DEPTH_LIMIT} deep", event)
            _check_tag(event)
            stack.append((container, key))
            if container.__class__ is dict and not has_key:
                raise _problem("a mapping or a list cannot be a key", event)
            container, key, has_key = ({} if kind is mapping else []), None, False
            continue
        elif kind is mapping_end or kind is sequence_end:
            value = container
            container, key = stack.pop()
            has_key = container.__class__ is dict
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
        elif has_key:
            container[key] = value
            has_key = False
        else:
            key, has_key = value, True


def _resolved(event: Any) -> Any:
    text: str = event.value
    if event.tag is not None and event.tag != "!":
        return _tagged(event)
    return _plain(text) if event.implicit[0] else text


@functools.lru_cache(maxsize=4096)  # a cassette says the same few names again and again
def _plain(text: str) -> str | float | None:
    if text in WORDS:
        return WORDS[text]
    if text in TRUTH:
        return TRUTH[text]
    if text[0] in "-+.0123456789" and NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text


def _tagged(event: Any) -> Any:
    kind = event.tag.removeprefix(STANDARD)
    if kind == "binary":
        try:
            return base64.b64decode(event.value)
        except binascii.Error as error:
            raise _problem(f"broken base64: {error}", event) from error
    if kind in ("str", "python/unicode", "python/str"):
        return event.value
    raise _problem(f"the tag {event.tag!r} is not accepted in a cassette", event)


def _check_tag(event: Any) -> None:
    if event.tag not in (None, "!", f"{STANDARD}map", f"{STANDARD}seq"):
        raise _problem(f"the tag {event.tag!r} is not accepted in a cassette", event)


def _problem(text: str, event: Any) -> YamlProblem:
    return YamlProblem(text, event.start_mark.line + 1)
