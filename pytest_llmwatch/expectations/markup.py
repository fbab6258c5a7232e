"""Expectations of markup: XML, HTML, Markdown."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from .expectation import Expectation, arguments, quoted, text_rule
from .fences import judged_bare
from .given import count_given, items_given
from .nearest import nearest_label
from .places import line_of
from .time_limits import SECONDS, OutOfTime, limited
from .verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VOID = _words(
    """
    area base br col embed hr img input link meta param source track wbr
    """
)
_END_IS_OPTIONAL = _words(
    """
    p li dt dd tr td th thead tbody tfoot option optgroup colgroup caption html head body rt rp
    """
)
_KNOWN = _words(
    """
    a abbr address article aside audio b bdi bdo blockquote button canvas caption cite code data datalist del
    details dfn dialog div em fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup i iframe ins
    kbd label legend main map mark math menu meter nav noscript object ol output picture pre progress q ruby s samp
    script search section select slot small span strong style sub summary sup svg table template textarea time
    title u ul var video center font
    """
)
_DEEPEST = 100
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")
_FENCE_LINE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_TABLE_RULE = re.compile(
    r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?[ \t]*|[ \t]*\|[ \t]*:?-+:?[ \t]*\|[ \t]*"
)
_LINK = re.compile(r"(?<!!)\[[^\]\n]{1,500}\]\([^)\s]{1,2000}")
_IMAGE = re.compile(r"!\[[^\]\n]{0,500}\]\(")
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]*(?:\s[^<>\n]{0,1000})?/?>")
_CODE_SPAN = re.compile(r"`[^`\n]{1,1000}`")


def xml_of(*, required: Iterable[str] = (), in_text: bool = False) -> Expectation:
    """A well-formed XML document, with these elements in it.

    A document type is refused, and with it every entity that could expand or fetch something.

    Args:
        required: Paths from the root: `order.customer.name`; `/` does as well as the dot.
        in_text: Take the XML out of a markdown fence.

    Example:
        >>> from pytest_llmwatch import xml_of
        >>> "<order><id>4711</id></order>" == xml_of(required=["order.id"])
        True
    """
    paths = [path.strip("/").replace("/", ".") for path in items_given("xml_of(required=)", required)]

    def judge(value: str) -> Verdict:
        return judged_bare(value, lambda text: _judge_xml(text, paths), what="XML", in_text=in_text)

    return text_rule(f"xml_of({arguments(required=paths or None, in_text=in_text)})", judge)


def _judge_xml(text: str, required: list[str]) -> Verdict:
    from xml.parsers import expat

    reader = _ElementPaths()
    # Whatever encoding the document names: it comes as text, and goes in as UTF-8.
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(text.strip().encode("utf-8", "surrogatepass"), True)  # noqa: FBT003 - it is the last part
    except expat.ExpatError as error:
        place = f"line {error.lineno}, column {error.offset + 1}"
        return Verdict(passed=False, reason=f"is not XML: {expat.ErrorString(error.code)}", place=place)
    except _Refused:
        place = f"line {parser.CurrentLineNumber}"
        return Verdict(passed=False, reason="has a document type, which is not read", place=place)
    missing = [path for path in required if path not in reader.paths]
    if missing:
        return Verdict(
            passed=False,
            reason=f"has no element {', '.join(map(quoted, missing))}",
            nearest=nearest_label(missing[0], reader.paths),
        )
    return Verdict(passed=True, reason="is well-formed XML")


class _Refused(Exception):
    """A document type declaration."""


class _ElementPaths:
    """The paths of the elements that a parser met."""

    def __init__(self) -> None:
        self.paths: dict[str, None] = {}
        self._open: list[str] = []

    def start(self, name: str, _: object) -> None:
        # Deeper paths would take the square of their depth in memory; nobody asks for them.
        path = f"{self._open[-1]}.{name}" if 0 < len(self._open) < _DEEPEST else name if not self._open else "…"
        self._open.append(path)
        self.paths[self._open[-1]] = None

    def end(self, _: str) -> None:
        self._open.pop()

    def refuse(self, *_: object) -> None:
        raise _Refused


def html_of(*, required: Iterable[str] = (), forbidden: Iterable[str] = (), in_text: bool = False) -> Expectation:
    """HTML and nothing around it: known elements, closed where they must be, in the right order.

    Browsers read anything; this finds what a person would call broken. Elements of other vocabularies need a hyphen in
    their name, as custom elements have.

    Args:
        required: Elements that must occur, as `h1`.
        forbidden: Elements that must not, as `script`.
        in_text: Take the HTML out of a markdown fence.

    Example:
        >>> from pytest_llmwatch import html_of
        >>> "<ul><li>ink<li>pen</ul>" == html_of(required=["li"], forbidden=["script"])
        True
    """
    needed = [each.lower() for each in items_given("html_of(required=)", required)]
    banned = [each.lower() for each in items_given("html_of(forbidden=)", forbidden)]

    def judge(value: str) -> Verdict:
        try:
            return limited(
                lambda: judged_bare(
                    value, lambda text: _judge_html(text, needed, banned), what="HTML", in_text=in_text
                ),
                key=lambda: (judge, value),
            )
        except OutOfTime:
            return Verdict(passed=False, is_undecided=True, reason=f"was given up after {SECONDS:g} seconds")

    written = arguments(required=needed or None, forbidden=banned or None, in_text=in_text)
    return text_rule(f"html_of({written})", judge)


def _judge_html(text: str, required: list[str], forbidden: list[str]) -> Verdict:
    bare = text.strip()
    if not re.match(r"<(?:!doctype|!--|[a-z])", bare, re.IGNORECASE):
        at = bare.find("<")
        where = "is not HTML: there is no tag" if at < 0 else "text stands around the HTML"
        return Verdict(passed=False, reason=where, place="line 1" if at else None)
    reader = _Elements()
    try:
        reader.feed(bare)
        reader.close()
    except AssertionError as error:  # how the parser of the standard library refuses a broken declaration
        return Verdict(passed=False, reason=f"is not HTML: {error}"[:100], place=f"line {reader.getpos()[0]}")
    reader.finish()
    if reader.faults:
        reason, place = reader.faults[0]
        details = tuple(f"{where}: {why}" for why, where in reader.faults[1:20])
        return Verdict(passed=False, reason=reason, place=place, details=details)
    for name in forbidden:
        if name in reader.seen:
            return Verdict(passed=False, reason=f"has a <{name}>, which is forbidden", place=reader.seen[name])
    missing = [name for name in required if name not in reader.seen]
    if missing:
        return Verdict(passed=False, reason=f"has no {', '.join(f'<{name}>' for name in missing)}")
    return Verdict(passed=True, reason="is HTML")


class _Elements(HTMLParser):
    """The elements of a text, and what is wrong with them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: dict[str, str] = {}
        self.faults: list[tuple[str, str]] = []
        self._open: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's
        place = self._place()
        self.seen.setdefault(tag, place)
        if tag not in _KNOWN | _VOID | _END_IS_OPTIONAL and "-" not in tag and not self._is_foreign():
            self.faults.append((f"<{tag}> is no element of HTML", place))
        if tag not in _VOID:
            self._open.append((tag, place))

    def handle_data(self, data: str) -> None:
        if not self._open and data.strip():
            self.faults.append(("text stands outside of every element", self._place()))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        depth = next((n for n, (name, _) in enumerate(reversed(self._open)) if name == tag), None)
        if depth is None:
            self.faults.append((f"</{tag}> closes nothing", self._place()))
            return
        for _ in range(depth):
            self._left_open(*self._open.pop())
        self._open.pop()

    def finish(self) -> None:
        """Note what is still open at the end."""
        for tag, place in self._open:
            self._left_open(tag, place)

    def _left_open(self, tag: str, place: str) -> None:
        if tag not in _END_IS_OPTIONAL:
            self.faults.append((f"<{tag}> is never closed", place))

    def _is_foreign(self) -> bool:
        return any(name in ("svg", "math") for name, _ in self._open)

    def _place(self) -> str:
        line, column = self.getpos()
        return f"line {line}, column {column + 1}" if column else f"line {line}"


def markdown_of(
    *,
    headings: Iterable[str] | None = None,
    max_depth: int | None = None,
    no_tables: bool = False,
    no_code: bool = False,
    no_links: bool = False,
    no_images: bool = False,
    no_html: bool = False,
) -> Expectation:
    r"""Markdown with these headings, in this order, and without what the place it goes to cannot show.

    Every text is Markdown; a fence that is never closed fails all the same.

    Args:
        headings: The text of headings that must occur, in this order; others may stand between them.
        max_depth: The deepest level of a heading, 1 to 6; 0 for none at all.
        no_tables: Whether a table fails.
        no_code: Whether a code block fails, and code in a line.
        no_links: Whether a link fails.
        no_images: Whether an image fails.
        no_html: Whether an HTML tag fails.

    Example:
        >>> from pytest_llmwatch import markdown_of
        >>> "# Refunds\n\nWithin 14 days." == markdown_of(headings=["Refunds"], max_depth=2, no_tables=True)
        True
    """
    wanted = None if headings is None else items_given("markdown_of(headings=)", headings)
    if max_depth is not None:
        count_given("markdown_of(max_depth=)", max_depth, "a level from 1 to 6, or 0 for no heading", most=6)
    forbidden = [
        (no_links, "a link", _LINK),
        (no_images, "an image", _IMAGE),
        (no_html, "an HTML tag", _TAG),
        (no_code, "code", _CODE_SPAN),
    ]

    def judge(value: str) -> Verdict:
        outline = _Outline(value)
        if outline.unclosed:
            return Verdict(passed=False, reason="a fence is never closed", place=outline.unclosed)
        faults = [
            (f"a heading of level {level}, at most {max_depth} is wanted", place, f'"{text}"')
            for level, text, place in outline.headings
            if max_depth is not None and level > max_depth
        ]
        faults += [("has a table", place, "") for place in outline.tables if no_tables]
        faults += [("has a code block", place, "") for place in outline.fences if no_code]
        for is_forbidden, what, pattern in forbidden:
            match = pattern.search(outline.prose) if is_forbidden else None
            if match:
                faults.append((f"has {what}", line_of(outline.prose, match.start()), quoted(match[0])))
        if faults:
            reason, place, found = faults[0]
            details = tuple(f"{where}: {why}" for why, where, _ in faults[1:20])
            return Verdict(passed=False, reason=reason, place=place, found=found or None, details=details)
        return _judge_headings(wanted or [], [text for _, text, _ in outline.headings])

    written = arguments(
        headings=wanted,
        max_depth=max_depth,
        no_tables=no_tables,
        no_code=no_code,
        no_links=no_links,
        no_images=no_images,
        no_html=no_html,
    )
    return text_rule(f"markdown_of({written})", judge)


def _judge_headings(wanted: list[str], present: list[str]) -> Verdict:
    rest = iter(present)
    for heading in wanted:
        if heading in rest:
            continue
        if heading in present:
            return Verdict(passed=False, reason=f"the heading {quoted(heading)} stands out of order")
        reason = f"has no heading {quoted(heading)}"
        return Verdict(passed=False, reason=reason, nearest=nearest_label(heading, present))
    return Verdict(passed=True, reason="is such Markdown")


class _Outline:
    """Headings, fences and tables of a Markdown text; `prose` is the text with the fences blanked out."""

    def __init__(self, text: str) -> None:
        self.headings: list[tuple[int, str, str]] = []
        self.tables: list[str] = []
        self.fences: list[str] = []
        self.unclosed: str | None = None
        lines = text.split("\n")
        marks = ""
        prose: list[str] = []
        for number, line in enumerate(lines, 1):
            fence = _FENCE_LINE.match(line)
            if marks:
                if fence and fence[1].startswith(marks) and not fence[2].strip():
                    marks, self.unclosed = "", None
                prose.append("")
                continue
            if fence and not (fence[1][0] == "`" and "`" in fence[2]):
                marks, self.unclosed = fence[1], f"line {number}"
                self.fences.append(f"line {number}")
                prose.append("")
                continue
            prose.append(line)
            self._read(line, prose[-2] if number > 1 else "", number)
        self.prose = "\n".join(prose)

    def _read(self, line: str, before: str, number: int) -> None:
        heading = _HEADING.fullmatch(line) if line.lstrip().startswith("#") else None
        if heading:
            self.headings.append((len(heading[1]), heading[2] or "", f"line {number}"))
        elif before.strip() and not before.lstrip().startswith(("#", "|", "-", "*", ">")):
            underline = line.strip()
            if underline and set(underline) in ({"="}, {"-"}) and "|" not in before:
                self.headings.append((1 if "=" in underline else 2, before.strip(), f"line {number - 1}"))
        if "|" in before and "-" in line and len(line) < 10_000 and _TABLE_RULE.fullmatch(line):
            self.tables.append(f"line {number - 1}")
