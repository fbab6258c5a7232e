"""The main job, told with a real pytest: record, replay offline, catch a model that moved, edit a prompt, see drift."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from .server import DemoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .server import ReceivedRequest, Reply

APP = "refund_bot/refund_bot.py"
TEST = "refund_bot/test_refund_bot.py::test_a_used_phone_can_be_returned"
CASSETTE = "refund_bot/cassettes/test_refund_bot/test_a_used_phone_can_be_returned.yaml"
PROMPT_EDIT = ("Answer politely", "Answer briefly")
REFUSAL = "No recording matches this request"
MOVES = ((b"-2025-08-07", b"-2026-02-11"), (b"10%", b"20%"))
DRIFT = "20% instead of 10%"
SHOWN_LINES = 50
TIMEOUT = 120.0

# What would let the machine at hand, or a pytest around this command, govern the pytest inside. Keys go too: what is
# told here must work without one. So do proxies, which would stand between a test and the server on this machine.
FOREIGN_VARIABLES = re.compile(r"(?i:.*_API_KEY|OPENAI_.*|LLMWATCH_.*|MODEL_BASE_URL|.*_PROXY)|(?:PYTEST|COV)_.*")

NO_OPENAI = """\
The demo asks its model through the openai package, which is not installed here. Install it and try again:

    {python} -m pip install openai
"""
NO_EXAMPLES = """\
The example suite was not found in {places}. Install the package again, or run the command from a checkout.
"""
NEXT = """\
That is the whole loop. In your own project:

    mark a test with @pytest.mark.llm, or give it the argument llm_cassette
    pytest path/to/test_bot.py --llm-record    asks the real model once (your key, your money)
    git add path/to/cassettes                  the recordings belong to the tests
    pytest                                     replays them: no network, no cost, and any made-up key will do
    pytest --llm-check                         asks the model again, say every night, and fails where its answers drift
    pytest-llmwatch review                     shows what drifted, and takes it over or not
"""


class WentOtherwise(Exception):
    """A step did not end as the story says; the text says how."""


def tell(out: TextIO, examples: Path | None = None) -> int:
    """Tell the story; 0 when everything went as told, 1 otherwise.

    Args:
        out: Where to print.
        examples: The folder with the example suite; without it, the one that came with the package.
    """
    # A console that cannot show Japanese shows question marks instead of a traceback.
    if hasattr(out, "reconfigure"):
        out.reconfigure(errors="replace")
    if importlib.util.find_spec("openai") is None:
        print(NO_OPENAI.format(python=Path(sys.executable).name), file=out)
        return 1
    # In a wheel the suite lies beside this file, in a checkout at the top.
    places = (Path(__file__).parent / "examples", Path(__file__).parents[2] / "examples")
    examples = examples or next((place for place in places if (place / APP).is_file()), None)
    if examples is None:
        print(NO_EXAMPLES.format(places=" or ".join(map(str, places))), file=out)
        return 1
    # Windows keeps a folder that a dying process still has open; the operating system clears it away later.
    with tempfile.TemporaryDirectory(prefix="llmwatch-demo-", ignore_cleanup_errors=True) as temporary:
        stage = Stage(out=out, folder=Path(temporary).resolve())
        stage.set_up(examples)
        try:
            perform(stage)
        except WentOtherwise as problem:
            stage.say(f"The demo did not go as it should: {problem}")
            return 1
    return 0


def perform(stage: Stage) -> None:
    """The steps, one after another.

    Raises:
        WentOtherwise: one of them did not end as it should.
    """
    with DemoServer() as server:
        stage.title("1. Record: the tests ask a model")
        stage.say(
            f"A small model server runs on this machine, at {server.base_url}. The tests ask it; it needs no key.\n"
            "It sends no bill either: what the run says it spent is what the model it plays would have cost."
        )
        recorded = stage.pytest("--llm-record", base_url=server.base_url)
        stage.expect(recorded.code == 0, "the recording run failed")
        stage.expect(server.requests_served > 0, "the tests did not reach the model server")

    stage.title("2. Read: what was recorded")
    cassette = stage.read(CASSETTE)
    stage.show(cassette, of=CASSETTE)

    stage.title("3. Replay: the server is gone, the tests pass")
    stage.say(f"The server was stopped after {server.requests_served} requests: nothing answers at that address now.")
    replayed = stage.pytest(base_url=server.base_url)
    stage.expect(replayed.code == 0, "the replay failed")

    with MovedServer() as server:
        stage.title("4. The provider moves the model: the answers are not what they were")
        stage.say(
            "Overnight the name gpt-5-mini got another model behind it. Nothing in the suite changed, and its own\n"
            "asserts hold. --llm-check asks the model, compares with what was recorded, and changes no recording."
        )
        checked = stage.pytest("--llm-check", base_url=server.base_url)
        stage.expect(checked.code != 0, "the check of the moved model passed")
        stage.expect(DRIFT in checked.output, "the check did not name what the moved model says")
        stage.expect(stage.read(CASSETTE) == cassette, "the check wrote to the cassette")

    with DemoServer() as server:
        stage.title("5. Edit a prompt: the old answer is not used for it")
        stage.say(f"In {APP}, “{PROMPT_EDIT[0]}” becomes “{PROMPT_EDIT[1]}”.")
        stage.edit(APP, *PROMPT_EDIT)
        edited = stage.pytest(TEST, base_url=server.base_url)
        stage.expect(edited.code != 0, "the test with the edited prompt passed")
        stage.expect(REFUSAL in edited.output, "the test with the edited prompt failed for another reason")
        stage.expect(stage.read(CASSETTE) == cassette, "the replay wrote to the cassette")

        stage.title("6. Record it again: what the edit did to the answer")
        stage.say(
            "Nobody had seen what the model says to that prompt. It was edited on purpose, so ask the model again:"
        )
        again = stage.pytest(TEST, "--llm-record", base_url=server.base_url)
        stage.expect(again.code == 0, "the second recording failed")
        stage.expect(stage.read(CASSETTE) != cassette, "the second recording changed nothing")

    stage.title("7. What to type next")
    stage.say(NEXT)


class MovedServer(DemoServer):
    """The demo server after its provider put another model behind the name: it says so, and asks a higher fee."""

    def reply_to(self, request: ReceivedRequest) -> Reply:
        """The reply to a request, as the other model writes it."""
        reply = super().reply_to(request)
        pieces = reply.pieces
        for old, new in MOVES:
            pieces = tuple(piece.replace(old, new) for piece in pieces)
        return replace(reply, pieces=pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a pytest run ended, and what it printed."""

    code: int
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A copy of the example suite without its recordings, and where to print."""

    out: TextIO
    folder: Path

    def set_up(self, examples: Path) -> None:
        """Copy the suite and give it settings of its own, so that those of a project around it do not count."""
        unwanted = shutil.ignore_patterns("cassettes", "__snapshots__", "__pycache__", ".*")
        shutil.copytree(examples, self.folder, ignore=unwanted, dirs_exist_ok=True)
        (self.folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")

    def title(self, text: str) -> None:
        """Announce a step."""
        self.say(f"\n{text}\n{'=' * len(text)}\n")

    def say(self, text: str) -> None:
        """Print at once, so that it stands before what a process prints."""
        print(text, file=self.out, flush=True)

    def expect(self, as_told: bool, otherwise: str) -> None:  # noqa: FBT001 - reads like an assert
        """Go on only if the story does.

        Raises:
            WentOtherwise: it does not.
        """
        if not as_told:
            raise WentOtherwise(otherwise)

    def read(self, name: str) -> str:
        """The text of a file of the suite.

        Raises:
            WentOtherwise: there is none.
        """
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise WentOtherwise(f"there is no file {name}") from None

    def show(self, text: str, *, of: str) -> None:
        """Print the beginning of a file."""
        lines = text.splitlines()
        more = len(lines) - SHOWN_LINES
        self.say(f"{of}:\n")
        self.say(textwrap.indent("\n".join(lines[:SHOWN_LINES]), "    "))
        self.say(f"    … and {more} more lines\n" if more > 0 else "")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace words in a file of the suite.

        Raises:
            WentOtherwise: the words are not there.
        """
        text = self.read(name)
        self.expect(old in text, f"{name} does not say {old!r}")
        (self.folder / name).write_text(text.replace(old, new), encoding="utf-8")

    def pytest(self, *arguments: str, base_url: str) -> Run:
        """Run pytest on the suite and print what it prints as it comes."""
        command = ["-m", "pytest", "-q", *arguments]
        self.say(f"$ {' '.join(['python', *command])}\n")
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.environment(base_url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        with process, killed_after(TIMEOUT, process):
            lines = []
            for line in process.stdout or ():
                lines.append(line)
                print(f"    {line}", end="", file=self.out, flush=True)
        self.say("")
        return Run(code=process.returncode, output="".join(lines))

    def environment(self, base_url: str) -> dict[str, str]:
        """What a run sees of the environment."""
        kept = {name: value for name, value in os.environ.items() if not FOREIGN_VARIABLES.fullmatch(name)}
        return kept | {
            "MODEL_BASE_URL": base_url,
            "COLUMNS": str(min(shutil.get_terminal_size().columns, 124) - 4),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
            # What plugins that happen to be installed here deprecate is no part of the story.
            "PYTHONWARNINGS": "ignore",
        }


@contextlib.contextmanager
def killed_after(seconds: float, process: subprocess.Popen[str]) -> Iterator[None]:
    """Kill a process that takes longer than that."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
