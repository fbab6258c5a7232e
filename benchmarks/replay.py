"""How fast a suite of model calls replays, against its peers and against no recording at all.

    python benchmarks/replay.py [--rounds N] [--tests 300] [--folder FOLDER]

Every contender runs the same suite, whole pytest processes taken in turn (A B C D A B C D ...); figures are medians of
the ratios of CPU time within a round. The demo model server runs only while the cassettes are recorded.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from processes import REPOSITORY, cpu_of, environment, pytest_command

sys.path.insert(0, str(REPOSITORY))

from pytest_llmwatch.demo.server import DemoServer, ReceivedRequest, Reply

TESTS_IN_A_FILE = 30
FEW, MANY = 1_000, 10_000
FLOOR = "in memory, no plugin"
OURS = "pytest-llmwatch"

LIVE_CLIENT = """
import openai
import pytest

@pytest.fixture(scope="session")
def client():
    return openai.OpenAI(base_url={base_url!r})
"""

# The very answers of the demo server, given from memory: what is left is pytest, the SDK and its HTTP client.
IN_MEMORY_CLIENT = """
import json
from pathlib import Path

import httpx2
import openai
import pytest

ANSWERS = json.loads(Path(__file__).with_name("answers.json").read_text(encoding="utf-8"))

class InMemory(httpx2.HTTPTransport):
    def handle_request(self, request):
        kind, body = ANSWERS[request.read().decode()]
        return httpx2.Response(200, headers={{"content-type": kind}}, content=body.encode())

@pytest.fixture(scope="session")
def client():
    return openai.OpenAI(base_url={base_url!r}, http_client=httpx2.Client(transport=InMemory()))
"""

VCRPY_CONFIG = """
@pytest.fixture(scope="module")
def vcr_config():
    return {{"match_on": ["method", "scheme", "host", "port", "path", "query", "body"]}}
"""

CASSETTER_CONFIG = """
@pytest.fixture(scope="module")
def vcr_config():
    return {{"match_on": ["method", "uri", "json_body"]}}
"""

SUITE = """
import pytest

{mark}
SYSTEM = {{"role": "system", "content": "You work at the support desk of a shop. Answer in one short paragraph."}}

@pytest.mark.parametrize("number", range({first}, {last}))
def test_refund(client, number):
    asked = [SYSTEM, {{"role": "user", "content": f"Order {{number}}: may I return a used phone? By when?"}}]
    first = client.chat.completions.create(model="gpt-5-mini", messages=asked)
    text = first.choices[0].message.content
    assert text
    asked += [{{"role": "assistant", "content": text}}, {{"role": "user", "content": "And who pays the postage?"}}]
    second = client.chat.completions.create(model="gpt-5-mini", messages=asked, temperature=0.2, seed=number)
    assert second.usage.total_tokens
    asked += [{{"role": "user", "content": "Say it again for a child."}}]
    pieces = client.chat.completions.create(model="gpt-5-mini", messages=asked, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in pieces if chunk.choices)
"""

ONE_TEST = """
import pytest

{mark}
def test_many(client):
    for number in range({calls}):
        asked = [{{"role": "user", "content": f"Order {{number}}: can I return a used phone?"}}]
        assert client.chat.completions.create(model="gpt-5-mini", messages=asked).choices[0].message.content
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way to answer the suite's calls; `recording` are the options with which it makes its cassettes."""

    name: str
    plugin: str | None
    recording: str | None
    mark: str
    conftest: str


class KeepingServer(DemoServer):
    """The demo server, which remembers what it answered: content type and body by request body."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, tuple[str, str]] = {}

    def serve(self, request: ReceivedRequest) -> Reply:
        reply = super().serve(request)
        headers = {name.lower(): value for name, value in reply.headers}
        self.answers[request.body.decode()] = (headers["content-type"], b"".join(reply.pieces).decode())
        return reply


CONTENDERS = (
    Contender(
        name=OURS,
        plugin="llmwatch",
        recording="--llm-record",
        mark="pytestmark = pytest.mark.llm",
        conftest=LIVE_CLIENT,
    ),
    Contender(
        name="pytest-recording",
        plugin="recording",
        recording="--record-mode=once",
        mark="pytestmark = pytest.mark.vcr",
        conftest=LIVE_CLIENT + VCRPY_CONFIG,
    ),
    Contender(
        name="cassetter",
        plugin="cassetter",
        recording="--record-mode=once",
        mark="pytestmark = pytest.mark.vcr",
        conftest=LIVE_CLIENT + CASSETTER_CONFIG,
    ),
    Contender(name=FLOOR, plugin=None, recording=None, mark="", conftest=IN_MEMORY_CLIENT),
)
BY_NAME = {contender.name: contender for contender in CONTENDERS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="how often every contender runs (default: %(default)s)")
    parser.add_argument("--tests", type=int, default=300, help="tests in the suite (default: %(default)s)")
    parser.add_argument("--many", type=int, default=MANY, help="calls of the longest cassette (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="keep environment and cassettes here, and use what is there")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        python = environment(folder, "openai>=3", "pytest-recording", "cassetter")
        suite = suite_in(folder, python, arguments.tests)
        few, many = one_test_in(folder, python, FEW), one_test_in(folder, python, arguments.many)
        print_suite(timed(suite, arguments.rounds), arguments)
        print_one_test(timed({**few, **many}, arguments.rounds), arguments.many)


def suite_in(folder: Path, python: Path, tests: int) -> dict[str, tuple[list[str], Path]]:
    """The suite of every contender, recorded: by name, the command and where to run it."""
    files = {
        f"test_{first:05}.py": (SUITE, {"first": first, "last": min(first + TESTS_IN_A_FILE, tests)})
        for first in range(0, tests, TESTS_IN_A_FILE)
    }
    return {each.name: recorded(each, folder / f"{tests}_{each.plugin}", python, files) for each in CONTENDERS}


def one_test_in(folder: Path, python: Path, calls: int) -> dict[str, tuple[list[str], Path]]:
    """The same for one test with many calls, all on one cassette: ours and the floor."""
    files = {"test_many.py": (ONE_TEST, {"calls": calls})}
    return {
        f"{name} {calls}": recorded(BY_NAME[name], folder / f"one_{calls}_{BY_NAME[name].plugin}", python, files)
        for name in (OURS, FLOOR)
    }


def recorded(
    contender: Contender, folder: Path, python: Path, files: dict[str, tuple[str, dict[str, int]]]
) -> tuple[list[str], Path]:
    """Write the files, record them against the demo server; then it is gone."""
    command = pytest_command(python, plugin=contender.plugin)
    if (folder / "recorded").exists():
        return command, folder
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = vcr\n", encoding="utf-8")
    for name, (text, facts) in files.items():
        (folder / name).write_text(text.format(mark=mark_for(contender, text), **facts), encoding="utf-8")
    with KeepingServer() as server:
        live = LIVE_CLIENT if contender.recording is None else contender.conftest
        (folder / "conftest.py").write_text(live.format(base_url=server.base_url), encoding="utf-8")
        cpu_of([*command, contender.recording or "--verbose"], folder)
        if not server.answers:
            sys.exit(f"{contender.name} recorded nothing")
    if contender.recording is None:
        (folder / "answers.json").write_text(json.dumps(server.answers), encoding="utf-8")
        (folder / "conftest.py").write_text(contender.conftest.format(base_url=server.base_url), encoding="utf-8")
    cpu_of(command, folder)
    (folder / "recorded").touch()
    return command, folder


def mark_for(contender: Contender, text: str) -> str:
    """A decorator before a test, `pytestmark` elsewhere."""
    return contender.mark if text is SUITE else contender.mark.replace("pytestmark = ", "@")


def timed(runs: dict[str, tuple[list[str], Path]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of every run in every round; the first round only warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, (command, folder) in runs.items():
            used = cpu_of(command, folder)
            if number:
                seconds[name].append(used)
        print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
    return seconds


def ratio(seconds: dict[str, list[float]], name: str, other: str) -> float:
    """The median of the ratios within a round: what slows the machine down slows both."""
    return statistics.median(one / two for one, two in zip(seconds[name], seconds[other], strict=True))


def print_suite(seconds: dict[str, list[float]], arguments: argparse.Namespace) -> None:
    print(f"{arguments.tests} tests x 3 calls, CPU of the whole process, median of {arguments.rounds} rounds")
    for name, used in seconds.items():
        print(f"  {name:22} {statistics.median(used):6.2f} s")
    print_ratio("ours / pytest-recording with body", ratio(seconds, OURS, "pytest-recording"), 0.85)
    print_ratio("ours / floor", ratio(seconds, OURS, FLOOR), 1.25)
    print_ratio("ours / cassetter", ratio(seconds, OURS, "cassetter"), None)


def print_one_test(seconds: dict[str, list[float]], many: int) -> None:
    print("one test, all calls on one cassette")
    for name, used in seconds.items():
        print(f"  {name:27} {statistics.median(used):6.2f} s")
    print_ratio(f"ours / floor, {FEW:,} calls", ratio(seconds, f"{OURS} {FEW}", f"{FLOOR} {FEW}"), 1.3)
    print_ratio(f"ours / floor, {many:,} calls", ratio(seconds, f"{OURS} {many}", f"{FLOOR} {many}"), 1.3)
    print_ratio(f"ours, {many:,} calls / {FEW:,}", ratio(seconds, f"{OURS} {many}", f"{OURS} {FEW}"), 1.1 * many / FEW)


def print_ratio(what: str, value: float, bar: float | None) -> None:
    verdict = "" if bar is None else f"  (at most {bar:g}: {'held' if value <= bar else 'MISSED'})"
    print(f"  {what:36} {value:6.2f}{verdict}")


if __name__ == "__main__":
    main()
