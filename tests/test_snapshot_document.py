"""The screens of docs/snapshots.md are those of its own example."""

import re
from pathlib import Path

DOCUMENT = (Path(__file__).parent.parent / "docs/snapshots.md").read_text(encoding="utf-8")
SCREEN = re.compile(r"^```console\n\$ pytest(?P<args>[^\n]*)\n(?P<lines>.*?)^```", re.MULTILINE | re.DOTALL)
BOT = """
    def ask(question):
        return "You can return a used phone within 14 days.\\n\\nThe refund of $40 comes by card."


    def extract(text):
        return {"customer": "Ann", "items": [{"id": 7, "price": 40}]}
"""
# What the application says before each screen.
EDITS = [
    BOT,
    BOT,
    BOT.replace("can return", "may return"),
    BOT.replace("can return", "may return").replace("14 days", "30 days").replace('"price": 40', '"price": 45'),
]


def test_the_screens_of_the_document_are_those_of_its_example(project):
    example = re.search(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    screens = list(SCREEN.finditer(DOCUMENT))
    assert example is not None
    assert len(screens) == len(EDITS)
    project.write(test_bot=example[1])
    for bot, screen in zip(EDITS, screens, strict=True):
        project.write(bot=bot)
        result = project.pytest(*screen["args"].split(), "-p", "no:cacheprovider", env={"COLUMNS": "80"})

        missing = [line for line in screen["lines"].splitlines() if line not in result.outlines]
        assert not missing
    file = (project.path / "__snapshots__/test_bot/test_refund.snap").read_text(encoding="utf-8")
    assert f"```text\n{file}```" in DOCUMENT
