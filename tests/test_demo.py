"""The example suite and the command that tells the story of it."""

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pytest_llmwatch.demo import story
from pytest_llmwatch.demo.server import DemoServer

EXAMPLES = Path(__file__).parent.parent / "examples"
CLEAN = {name: value for name, value in os.environ.items() if not story.FOREIGN_VARIABLES.fullmatch(name)}


def run(*arguments, cwd, env=None):
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env=CLEAN | {"PYTHONIOENCODING": "utf-8"} | (env or {}),
        capture_output=True,
        encoding="utf-8",
        timeout=180,
        check=False,
    )


@pytest.fixture
def examples(tmp_path):
    """A copy of the example suite, far from this project's settings."""
    copy = tmp_path / "examples"
    shutil.copytree(EXAMPLES, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    (copy / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
    )
    return copy


def cassettes_in(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*.yaml")}


def said_in(folder):
    """What was asked and answered, without the times, versions and ports that another recording changes."""
    return {
        name: [
            (each["request"]["json"], each["response"].get("json", each["response"].get("text")))
            for each in yaml.safe_load(content)["interactions"]
        ]
        for name, content in cassettes_in(folder).items()
    }


def test_the_demo_records_replays_and_refuses_an_edited_prompt_whatever_surrounds_it(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text("raise SystemExit('this conftest.py was loaded')\n", encoding="utf-8")
    address, folder = "http://127.0.0.1:1/v1", str(tmp_path)
    around = {"PYTEST_ADDOPTS": "--no-such-option", "LLMWATCH_RECORD": "nonsense", "LLMWATCH_PASSTHROUGH_HOSTS": "*"}
    around |= {"OPENAI_API_KEY": "sk-somebody", "OPENAI_BASE_URL": address, "MODEL_BASE_URL": address}
    around |= {"HTTP_PROXY": address, "TMPDIR": folder, "TEMP": folder, "TMP": folder}

    done = run("pytest_llmwatch", "demo", cwd=tmp_path, env=around)

    assert done.returncode == 0, done.stdout + done.stderr
    said = [
        r"^1\. Record",
        r"^\$ python -m pytest -q --llm-record$",
        r"5 cassettes written",
        r"^2\. Read",
        r"within 14 days",
        r"Can I return a used phone\?",
        r"^3\. Replay",
        r"^\$ python -m pytest -q$",
        r"5 replayed",
        r"^4\. The provider moves the model",
        r"^\$ python -m pytest -q --llm-check$",
        r"gpt-5-mini-2025-08-07\s+(?:to|->)\s+gpt-5-mini-2026-02-11",
        r"20% instead of 10%",
        r"^5\. Edit a prompt",
        r"No recording matches this request \(refund_bot/test_refund_bot\.py::test_a_used_phone_can_be_returned\)",
        r"politely.*\n.*briefly",
        r"^    To record it: pytest \S+ --llm-record$",
        r"^6\. Record it again",
        r"1 cassette written",
        r"^7\. What to type next",
    ]
    place = 0
    for pattern in said:
        found = re.compile(pattern, re.MULTILINE).search(done.stdout, place)
        assert found, f"{pattern} is not in what follows:\n{done.stdout[place:]}"
        place = found.end()
    assert done.stderr == ""
    assert "sk-somebody" not in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"pytest.ini", "conftest.py"}


def test_a_story_that_goes_otherwise_says_so_and_fails(examples):
    bot = examples / "refund_bot" / "test_refund_bot.py"
    bot.write_text(bot.read_text(encoding="utf-8").replace("14 days", "15 days"), encoding="utf-8")
    out = io.StringIO()

    assert story.tell(out, examples) == 1

    assert "The demo did not go as it should: the recording run failed" in out.getvalue()


def test_without_the_openai_package_the_demo_says_what_to_install(tmp_path):
    script = "import sys; sys.modules['openai'] = None; from pytest_llmwatch.cli import main; sys.exit(main(['demo']))"

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=CLEAN, capture_output=True, encoding="utf-8", check=False
    )

    assert done.returncode == 1
    assert "-m pip install openai" in done.stdout
    assert done.stderr == ""


def test_the_examples_replay_without_a_key_and_without_a_server(examples):
    before = cassettes_in(examples)

    done = run("pytest", "-p", "no:randomly", cwd=examples)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 replayed" in done.stdout
    assert cassettes_in(examples) == before


def test_the_recordings_of_the_examples_are_what_the_demo_model_says(examples):
    before = said_in(examples)
    with DemoServer() as server:
        done = run("pytest", "--llm-record", cwd=examples, env={"MODEL_BASE_URL": server.base_url})

    assert done.returncode == 0, done.stdout + done.stderr
    assert said_in(examples) == before
