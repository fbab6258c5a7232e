"""JSON as a provider writes it: the style of a text, found by trying, and values written back in that style."""

from __future__ import annotations

import functools
import itertools
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_llmwatch.calls import JSON

    from .patches import Tree

# A hole is written as a string of two control characters with its number between them, and found again as such.
_HOLE = re.compile(r'"\\u0001(\d+)\\u0002"')
_HOLE_BEGINS = r"\u0001"
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|/)")
_INDENT = re.compile(r"[{\[]\n( *)")
_MAY_BE_ESCAPED = frozenset("<>&'/=`+\"\x7f\u2028\u2029")
_SEPARATORS = ((",", ":"), (", ", ": "), (",", ": "))


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a provider writes JSON; the defaults are those of most.

    `escaped` are characters written as an escape though JSON does not ask for it (Go: `<>&`), `upper` their digits.
    """

    comma: str = ","
    colon: str = ":"
    indent: int | None = None
    ascii: bool = False
    escaped: str = ""
    upper: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A number whose text does not survive reading and writing, such as `1.50` or `1e-5`."""

    text: str


def style_out(style: Style) -> dict[str, JSON]:
    """What differs from the defaults."""
    default = asdict(Style())
    return {name: value for name, value in asdict(style).items() if value != default[name]}


def style_in(value: JSON) -> Style:
    """The style in a fold; raises `ValueError` where there is none such."""
    if not isinstance(value, dict):
        raise TypeError("a style is a mapping")
    names = {"comma": str, "colon": str, "indent": int, "ascii": bool, "escaped": str, "upper": bool}
    if any(type(item) is not names.get(name) for name, item in value.items()):
        raise ValueError(f"no such style: {value}")
    style = Style(**value)  # type: ignore[arg-type]  # the line above has looked at each
    if (style.comma, style.colon) not in _SEPARATORS or not set(style.escaped) <= _MAY_BE_ESCAPED:
        raise ValueError(f"no such style: {value}")
    if style.indent is not None and not 0 <= style.indent <= 16:
        raise ValueError(f"no such indentation: {style.indent}")
    return style


def parse(text: str) -> Tree:
    """The value of a text, with `Number` where a number would not be written back as it stood.

    Raises:
        ValueError: no JSON, or such as loses something in reading (a key twice, half a surrogate pair, `NaN`).
    """
    if _HOLE_BEGINS in text:
        raise ValueError("a text that may look like a hole")
    try:
        value: Tree = _DECODER.decode(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def _integer(text: str) -> int | Number:
    value = int(text)
    return value if str(value) == text else Number(text)


def _float(text: str) -> float | Number:
    value = float(text)
    return value if repr(value) == text else Number(text)


def _no_constant(name: str) -> float:
    raise ValueError(name)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_int=_integer,
    parse_float=_float,
    parse_constant=_no_constant,
)


def end_of_value(text: str, start: int) -> int:
    """Where the JSON value that begins at `start` ends; raises `ValueError` where none does."""
    try:
        return _DECODER.raw_decode(text, start)[1]
    except RecursionError:
        raise ValueError("nested too deep") from None


@functools.lru_cache(maxsize=64)
def writer_of(style: Style) -> Callable[[object], str]:
    """The function that writes a value in a style."""
    return _writer(style, None)


def _writer(style: Style, default: Callable[[object], str] | None) -> Callable[[object], str]:
    encode = json.JSONEncoder(
        ensure_ascii=style.ascii,
        check_circular=False,
        allow_nan=False,
        indent=style.indent,
        separators=(style.comma, style.colon),
        default=default,
    ).encode
    if not style.escaped and not style.upper:
        return encode
    plain = "".join(re.escape(character) for character in style.escaped if character != '"')
    odd = re.compile(r"\\(?:u[0-9a-f]{4}|.)" + (f"|[{plain}]" if plain else ""))

    def escape(found: re.Match[str]) -> str:
        text = found[0]
        if text[0] != "\\":
            escaped = f"u{ord(text):04x}" if text != "/" else "/"
        elif text == '\\"' and '"' in style.escaped:
            escaped = "u0022"
        else:
            escaped = text[1:]
        if style.upper and len(escaped) == 5:
            escaped = "u" + escaped[1:].upper()
        return "\\" + escaped

    return lambda value: odd.sub(escape, encode(value))


def with_holes(value: object, style: Style) -> tuple[list[str], list[object]]:
    """The text around everything in the value that is no JSON, and those things, in order."""
    things: list[object] = []

    def mark(thing: object) -> str:
        things.append(thing)
        return f"\x01{len(things) - 1}\x02"

    pieces = _HOLE.split(_writer(style, mark)(value))
    if pieces[1::2] != [str(place) for place in range(len(things))]:
        raise ValueError("a text of the stream looks like a hole")
    return pieces[::2], things


def written(value: object, style: Style) -> str:
    """The value as text, `Number`s as they stood."""
    try:
        return writer_of(style)(value)
    except TypeError:
        around, numbers = with_holes(value, style)
        texts = (number.text for number in numbers if isinstance(number, Number))
        return "".join(itertools.chain.from_iterable(zip(around, (*texts, ""), strict=True)))


class Styles:
    """The styles of one stream, learnt from its texts; the style of a text is the first that gives it back."""

    _TRIES = 64  # texts that no known style writes: after so many it is not worth trying all of them

    def __init__(self, stream: str) -> None:
        escapes = {found[1] or "/" for found in _ESCAPE.finditer(stream)}
        codes = [int(code, 16) for code in escapes if code != "/"]
        letters = {letter for code in escapes for letter in code if letter.isalpha()}
        odd = {chr(code) for code in codes} | ({"/"} if "/" in escapes else set())
        self._escaped = "".join(sorted(odd & _MAY_BE_ESCAPED))
        self._ascii = stream.isascii() and any(code > 0x7F for code in codes)
        self._upper = any(letter.isupper() for letter in letters) and not any(letter.islower() for letter in letters)
        self._known: list[Style] = []
        self._failed = 0

    def style_of(self, value: object, text: str) -> Style | None:
        """The style in which the value is written as the text; `None` where there is none."""
        found = next((style for style in self._known if written(value, style) == text), None)
        if found is None and self._failed < self._TRIES:
            self._failed += 1
            found = next((style for style in self._candidates(text) if written(value, style) == text), None)
            if found is not None:
                self._known.append(found)
        return found

    def _candidates(self, text: str) -> Iterator[Style]:
        indented = _INDENT.match(text)
        indent = len(indented[1]) if indented and len(indented[1]) <= 16 else None
        for escaped, ascii_only, (comma, colon) in itertools.product(
            dict.fromkeys((self._escaped, "")), (self._ascii, not self._ascii), _SEPARATORS
        ):
            yield Style(comma=comma, colon=colon, indent=indent, ascii=ascii_only, escaped=escaped, upper=self._upper)
