"""The end-to-end story of docs/story.md: every screen in it is what the commands print.

`LLMWATCH_WRITE_DOCS=1 pytest tests/test_story.py` tells it again and writes the document.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from provider import text as says
from story import COLUMNS, Story

DOCUMENT = Path(__file__).parent.parent / "docs" / "story.md"

BOT = '''\
import os

from openai import OpenAI

PROMPT = """\\
You are the support desk of a shop.
Answer in full sentences, in the language of the customer.
Be polite."""


def ask(question):
    client = OpenAI(base_url=os.environ.get("MODEL_BASE_URL"))
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": question}]
    answer = client.chat.completions.create(model="gpt-5-mini", messages=messages)
    return answer.choices[0].message.content
'''

TESTS = """\
import pytest
from bot import ask


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("Can I return a used phone?", id="used"),
        pytest.param("届いたカメラが壊れていました。返金できますか？", id="damaged"),
    ],
)
def test_returns(question, llm_snapshot):
    assert ask(question) == llm_snapshot
"""

POLITE = {
    "used": "Yes, you can return a used phone within 14 days of delivery, if it is undamaged. We refund the price you "
    "paid, minus a 10% restocking fee.",
    "damaged": "ご不便をおかけし、申し訳ございません。"
    "お届けから30日以内に写真をお送りいただければ、全額返金いたします。",
}
BRIEF = {
    "used": "You can return a used phone within 14 days of delivery, if it is undamaged. We refund the price you paid, "
    "minus a 10% restocking fee.",
    "damaged": "申し訳ございません。お届けから30日以内に写真をお送りいただければ、全額返金いたします。",
}
MOVED = {
    "used": "You can return a used phone if it is undamaged. We refund the price you paid, minus a 20% restocking fee.",
    "damaged": "申し訳ございません。お届けから30日以内にお写真をお送りいただければ、全額を返金いたします。",
}


def model(answers, served):
    """What a provider does behind an alias: these answers, under that name."""

    def answer(request):
        question = request["messages"][-1]["content"]
        said = answers["used" if "phone" in question else "damaged"]
        return lambda received: _served_by(says(said)(received), served)

    return answer


def _served_by(reply, served):
    body = json.loads(b"".join(reply.pieces)) | {"model": served}
    return replace(reply, pieces=(json.dumps(body).encode(),))


@pytest.fixture
def story(tmp_path, provider, project):
    folder = tmp_path / "shop"
    folder.mkdir()
    own = {
        "COLUMNS": str(COLUMNS - 20),
        "OPENAI_API_KEY": "none",
        "HOME": str(tmp_path),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "You",
        "GIT_AUTHOR_EMAIL": "you@example.com",
        "GIT_COMMITTER_NAME": "You",
        "GIT_COMMITTER_EMAIL": "you@example.com",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_ADDOPTS": f"{project.environment()['PYTEST_ADDOPTS']} -p no:randomly -p no:cacheprovider",
    }
    return Story(folder=folder, environment=project.environment(own | {"LC_ALL": "C.UTF-8", "TERM": "xterm"}))


def commit(story, message):
    story.runs("git add .", is_shown=False)
    story.runs(f"git commit -q -m '{message}'", is_shown=False)
    assert story.last == 0, story.screen


def tell(story, provider):
    story.says("""\
# A prompt is edited, a model moves: the whole story

Every screen below is printed by the commands themselves, in a scratch repository against a model server on the same
machine; a test tells the story again and compares.

A bot and its tests:""")
    story.runs("git init -q -b main", is_shown=False)
    story.writes("bot.py", BOT)
    story.writes("test_bot.py", TESTS)
    story.writes("pytest.ini", "[pytest]\naddopts = -q\n")

    story.says("## Record\n\nThe first run asks the model, and keeps what it says beside the tests:")
    provider.answer_with(model(POLITE, "gpt-5-mini-2025-08-07"))
    story.runs("pytest --llm-record")
    assert story.last == 0
    story.says("The approved answers of a test are one file:")
    story.shows("__snapshots__/test_bot/test_returns[used].snap")
    story.says("Commit cassettes and snapshots. From now on the tests need neither key nor network:")
    commit(story, "Test the answers about returns")
    provider.stop()
    story.runs("pytest")
    assert story.last == 0

    story.says("## Edit a word of the prompt")
    story.edits("bot.py", "Be polite.", "Be brief.")
    story.says("The old answer is not used for the new prompt; the failure shows the word and the command:")
    story.runs("pytest -k used")
    assert story.last == 1
    assert "[-polite-]" in story.screen

    story.says("## Record again, and read what it did\n\nThe prompt was edited on purpose, so ask the model again:")
    provider.restart()
    provider.answer_with(model(BRIEF, "gpt-5-mini-2025-08-07"))
    story.runs("pytest --llm-record")
    assert story.last == 0
    commit(story, "Answer briefly")

    story.says("""\
## The provider moves the model behind the alias

Nothing changed here, but `gpt-5-mini` is served by another model since last night. `--llm-check` asks it and compares
with what was approved; it changes no cassette and no snapshot:""")
    provider.answer_with(model(MOVED, "gpt-5-mini-2026-01-15"))
    story.runs("pytest --llm-check")
    assert story.last == 1
    assert "gpt-5-mini-2026-01-15" in story.screen

    story.says("## Decide\n\nWithout a terminal, as in CI, `review` lists what waits, worst first, and the commands:")
    story.runs("pytest-llmwatch review")
    assert story.last == 1
    story.says("On a terminal it asks. Here the first is rejected, the second accepted:")
    story.runs("pytest-llmwatch review", keys=["r\n", "a\n"])
    story.says("No model was called for that: what was paid for in the check is what is kept.")
    story.runs("pytest -k damaged")
    assert story.last == 0

    story.says("## What a pull request changes\n\nAgainst the first commit, with no test run and no network:")
    story.runs("git tag approved HEAD~1", is_shown=False)
    story.runs("pytest-llmwatch diff approved")
    assert "gpt-5-mini-2026-01-15" in story.screen
    story.says("In CI, let it fail where an answer drifted:")
    story.runs("pytest-llmwatch diff approved --fail-on drifted")
    assert story.last in (0, 1)


def test_the_story_in_the_docs_is_what_happens(story, provider):
    try:
        tell(story, provider)
    finally:
        print(story.document)

    if os.environ.get("LLMWATCH_WRITE_DOCS"):
        DOCUMENT.write_text(story.document, encoding="utf-8")
    assert story.document == DOCUMENT.read_text(encoding="utf-8")
