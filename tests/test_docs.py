"""The code in the documents: every Python block is valid, those marked `run` work as they stand.

A block marked `fails` ends with an assert that fails, and the `text` block behind it is what pytest says about it.
"""

import ast
import re
import runpy
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_llmwatch.reports.expectation_page import page_of

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"^```python(?P<mark>[^\n]*)\n(?P<code>.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
SAID = re.compile(r"\s*^```text\n(?P<text>.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block of Python; `line` is where its code begins, from 1; `said` is the text block behind it."""

    document: str
    line: int
    mark: str
    code: str
    said: str | None = None

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def source(self) -> str:
        """The code, moved down so that a traceback names the line of the document."""
        return "\n" * (self.line - 1) + self.code


def blocks_of(text: str, document: str) -> list[Block]:
    return [
        Block(
            document=document,
            line=text.count("\n", 0, match.start("code")) + 1,
            mark=match["mark"].strip(),
            code=match["code"],
            said=said["text"] if (said := SAID.match(text, match.end())) else None,
        )
        for match in FENCE.finditer(text)
    ]


BLOCKS = [
    block
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
    for block in blocks_of(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
]


def test_blocks_are_found_with_their_line_and_mark():
    text = "Text\n\n```python\na = 1\n```\n\n```console\n$ pytest\n```\n\n```python run\nb = 2\n```\n"

    blocks = blocks_of(text, "x.md")

    assert [(block.place, block.mark, block.code) for block in blocks] == [
        ("x.md:4", "", "a = 1\n"),
        ("x.md:12", "run", "b = 2\n"),
    ]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_a_python_block_is_valid_and_its_mark_is_known(block):
    compile(block.source, block.document, "exec", dont_inherit=True)

    assert block.mark in {"", "run", "fails"}


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.mark == "run"], ids=lambda block: block.place)
def test_a_block_marked_run_works_as_it_stands(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script = tmp_path / block.document.replace("/", "_")
    script.write_text(block.source, encoding="utf-8")

    runpy.run_path(str(script))


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.mark == "fails"], ids=lambda block: block.place)
def test_a_block_marked_fails_fails_with_the_text_behind_it(block):
    *before, last = ast.parse(block.code).body
    assert isinstance(last, ast.Assert)
    assert isinstance(last.test, ast.Compare)
    names = {}
    exec(compile(ast.Module(before, []), block.document, "exec", dont_inherit=True), names)  # noqa: S102 - our own documents
    sides = (last.test.left, *last.test.comparators)
    left, right = (eval(ast.unparse(side), names) for side in sides)  # noqa: S307 - the same

    page = page_of("==", left, right, in_full=False)

    assert left != right
    assert "assert " + "\n  ".join(page) + "\n" == block.said
