"""How large a recording is, what changes in it when it is made again, and how fast it loads, beside its peers.

    python benchmarks/cassettes.py [--rounds N] [--folder FOLDER]

Every contender records the same suite twice, each time into an empty folder. The server gives the same answers both
times and draws anew what a hosted model draws at every call: ids, times, cookies, rate limits, the padding of events.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import re
import shutil
import statistics
import string
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from processes import REPOSITORY, cpu_of, environ, environment, pytest_command
from replay import BY_NAME, OURS, ratio

sys.path.insert(0, str(REPOSITORY))

from pytest_llmwatch.demo.server import (
    Completion,
    DemoServer,
    ReceivedRequest,
    Reply,
    ToolCall,
    completion_reply,
    object_in,
)

CONTENDERS = tuple(BY_NAME[name] for name in (OURS, "pytest-recording", "cassetter"))
PEERS = tuple(each.name for each in CONTENDERS[1:])
FACTS = random.Random(20261123)
IMAGE = b"\x89PNG\r\n\x1a\n" + FACTS.randbytes(24_000)
VECTOR = [round(FACTS.gauss(0, 0.025), 8) for _ in range(1536)]
TOKEN = re.compile(r"[ぁ-ん]{1,2}|[一-龥]|[ァ-ー]{1,3}|\s?\w{1,6}|\s?[^\w\s]|\s+")

POLICY = (
    "You may return the phone within 14 days of delivery if it is undamaged and the original packaging is there. "
    "Open the order in your account, choose **Return**, and print the label:\n\n"
    "1. Remove the SIM card and your accounts.\n2. Pack the phone so that it cannot move.\n"
    "3. Hand the parcel to any post office; we pay the postage.\n\n"
    'The money is back on the card "within five working days" after the parcel came in. '
)
JAPANESE = (
    "お届けから14日以内で、破損がなければ返品いただけます。マイページのご注文履歴から「返品」を選び、"
    "ラベルを印刷してください。送料は当店が負担いたします。返金は到着後5営業日以内に行われます。\n\n"
)
TOOLS = (
    ToolCall(name="find_order", arguments='{"customer": "C-1042", "since": "2026-11-01"}'),
    ToolCall(name="open_return", arguments='{"order": "A-17", "reason": "The screen flickers.", "pickup": false}'),
)
# By the question that is asked: the suite below asks each once.
COMPLETIONS = {
    "plain": Completion(content=POLICY[:190]),
    "stream": Completion(content=(POLICY * 8)[:3000]),
    "tool": Completion(tool_calls=TOOLS, finish_reason="tool_calls"),
    "japanese": Completion(content=JAPANESE * 6),
    "image": Completion(content="A used phone with a crack from the upper left corner to the middle."),
}
SCENARIOS = {
    "plain": "a short answer as JSON",
    "stream": "a stream of a 3 kB answer",
    "tool": "two tool calls",
    "japanese": "a stream in Japanese",
    "embedding": "an embedding of 1,536 floats",
    "image": "an image of 24 kB in the request",
}
STREAMS = ("stream", "japanese")

SUITE = """
import base64
from pathlib import Path

import pytest

{mark}
SYSTEM = "You work at the support desk of a shop.\\nAnswer in one short paragraph.\\n"
TOOLS = [
    {{"type": "function", "function": {{"name": name, "parameters": {{"type": "object", "properties": {{}}}}}}}}
    for name in ("find_order", "open_return")
]


def ask(client, question, **more):
    asked = [{{"role": "system", "content": SYSTEM}}, {{"role": "user", "content": question}}]
    return client.chat.completions.create(model="gpt-5-mini", messages=asked, **more)


def streamed(client, question):
    pieces = ask(client, question, stream=True, stream_options={{"include_usage": True}})
    return "".join(chunk.choices[0].delta.content or "" for chunk in pieces if chunk.choices)


def test_plain(client):
    assert ask(client, "plain").choices[0].message.content


def test_stream(client):
    assert len(streamed(client, "stream")) == 3000


def test_tool(client):
    assert len(ask(client, "tool", tools=TOOLS).choices[0].message.tool_calls) == 2


def test_japanese(client):
    assert streamed(client, "japanese")


def test_embedding(client):
    made = client.embeddings.create(model="text-embedding-3-small", input="a used phone", encoding_format="float")
    assert len(made.data[0].embedding) == 1536


def test_image(client):
    image = base64.b64encode(Path(__file__).with_name("image.png").read_bytes()).decode()
    parts = [
        {{"type": "text", "text": "image"}},
        {{"type": "image_url", "image_url": {{"url": f"data:image/png;base64,{{image}}"}}}},
    ]
    assert ask(client, parts).choices[0].message.content
"""

# Prints the least CPU seconds in which every cassette below a folder was read once.
LOADING = """
import sys
import time
from pathlib import Path

{imports}

paths = sorted(Path(sys.argv[1]).rglob("*.yaml"))
used = []
for _ in range(8):
    began = time.process_time()
    for path in paths:
        {load}
    used.append(time.process_time() - began)
print(min(used))
"""
LOADERS = {
    OURS: {
        "imports": "from pytest_llmwatch.cassette import parse",
        "load": 'parse(path.read_text(encoding="utf-8"), path.name)',
    },
    "pytest-recording": {
        "imports": "import vcr.serializers.yamlserializer\nfrom vcr.persisters.filesystem import FilesystemPersister",
        "load": "FilesystemPersister.load_cassette(path, vcr.serializers.yamlserializer)",
    },
    "cassetter": {
        "imports": "from cassetter import Cassetter",
        "load": 'Cassetter(record_mode="none").cassette(path).load()',
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Two recordings of the suite by one contender."""

    first: Path
    second: Path

    def size(self, scenario: str) -> int:
        """The bytes of a scenario's cassette."""
        return self._file(self.second, scenario).stat().st_size

    def changed_lines(self, scenario: str) -> tuple[int, int]:
        """The lines that git calls added and removed between the two."""
        files = [str(self._file(folder, scenario)) for folder in (self.first, self.second)]
        command = ["git", "diff", "--no-index", "--numstat", *files]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not done.stdout:
            return 0, 0
        added, removed, _names = done.stdout.split("\t", 2)
        return int(added), int(removed)

    def _file(self, folder: Path, scenario: str) -> Path:
        [found] = folder.rglob(f"test_{scenario}.yaml")
        return found


class HostedModel(DemoServer):
    """A server in the wire shapes of api.openai.com, whose volatile values depend on `seed` and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.seed = 0

    def reply_to(self, request: ReceivedRequest) -> Reply:
        chance = random.Random(f"{self.seed} {request.path} {question_in(request)}")
        if request.path.endswith("/embeddings"):
            reply = Reply(headers=(("content-type", "application/json"),), pieces=(json_body(embedding()),))
        else:
            completion = COMPLETIONS[question_in(request)]
            pieces = TOKEN.findall(completion.content or "")
            reply = redrawn(completion_reply(object_in(request.json), completion, pieces=pieces), chance)
        return replace(reply, headers=hosted_headers(reply, chance))


def question_in(request: ReceivedRequest) -> str:
    """The question of the suite."""
    messages = object_in(request.json).get("messages")
    content = messages[-1]["content"] if messages else "embedding"
    return content if isinstance(content, str) else content[0]["text"]


def embedding() -> dict[str, object]:
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": VECTOR}],
        "model": "text-embedding-3-small",
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }


def json_body(value: object) -> bytes:
    """A whole answer as OpenAI writes it, indented."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def drawn(chance: random.Random, length: int) -> str:
    return "".join(chance.choices(string.ascii_letters + string.digits, k=length))


def redrawn(reply: Reply, chance: random.Random) -> Reply:
    """A demo reply with an id, times and padding of its own."""
    name, created = f"chatcmpl-{drawn(chance, 29)}", 1_765_000_000 + chance.randrange(10_000_000)
    pieces = []
    for piece in reply.pieces:
        if piece.endswith(b"[DONE]\n\n"):
            pieces.append(piece)
            continue
        value = json.loads(piece.removeprefix(b"data: ")) | {"id": name, "created": created}
        for choice in value["choices"]:
            for call in (choice.get("message") or choice["delta"]).get("tool_calls", ()):
                call["id"] = f"call_{drawn(chance, 24)}"
        if reply.chunked:
            value["obfuscation"] = drawn(chance, chance.randrange(1, 17))
            line = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            pieces.append(f"data: {line}\n\n".encode())
        else:
            pieces.append(json_body(value))
    return replace(reply, pieces=tuple(pieces))


def hosted_headers(reply: Reply, chance: random.Random) -> tuple[tuple[str, str], ...]:
    """The headers of api.openai.com behind its content network."""
    kind = next(value for name, value in reply.headers if name == "content-type")
    return (
        ("content-type", kind),
        ("access-control-expose-headers", "X-Request-ID"),
        ("openai-organization", "shop-1"),
        ("openai-processing-ms", str(chance.randrange(300, 5000))),
        ("openai-project", "proj_8Zk2VnTq4sYw"),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-limit-tokens", "200000"),
        ("x-ratelimit-remaining-requests", "499"),
        ("x-ratelimit-remaining-tokens", str(chance.randrange(190_000, 200_000))),
        ("x-ratelimit-reset-requests", "120ms"),
        ("x-ratelimit-reset-tokens", f"{chance.randrange(1, 90)}ms"),
        ("x-request-id", f"req_{chance.randbytes(16).hex()}"),
        ("cf-cache-status", "DYNAMIC"),
        ("set-cookie", f"__cf_bm={drawn(chance, 43)}; path=/; domain=.api.openai.com; HttpOnly; Secure"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("x-content-type-options", "nosniff"),
        ("cf-ray", f"{chance.randbytes(8).hex()}-NRT"),
        ("alt-svc", 'h3=":443"; ma=86400'),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="how often all are loaded (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="keep the environment here for the next run, and the cassettes")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        python = environment(folder.resolve(), "openai>=3", "pytest-recording", "cassetter")
        server = stack.enter_context(HostedModel())
        recorded = {each.name: recorded_twice(each.name, folder, python, server) for each in CONTENDERS}
        print_sizes(recorded)
        print_changes(recorded)
        print_loading(recorded, python, arguments.rounds)


def recorded_twice(name: str, folder: Path, python: Path, server: HostedModel) -> Recorded:
    """Record the suite into an empty folder, and once more into another."""
    contender, made = BY_NAME[name], {}
    for seed in (1, 2):
        place = folder / f"cassettes_{contender.plugin}_{seed}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        # Ours would let a request to this machine pass that is no model call by its form.
        hosts = "llm_record_hosts = 127.0.0.1\n" if name == OURS else ""
        (place / "pytest.ini").write_text(f"[pytest]\nmarkers = vcr\n{hosts}", encoding="utf-8")
        (place / "conftest.py").write_text(contender.conftest.format(base_url=server.base_url), encoding="utf-8")
        (place / "test_desk.py").write_text(SUITE.format(mark=contender.mark), encoding="utf-8")
        (place / "image.png").write_bytes(IMAGE)
        server.seed = seed
        command = pytest_command(python, str(contender.recording), plugin=contender.plugin)
        cpu_of(command, place)
        made[seed] = place
    return Recorded(first=made[1], second=made[2])


def loading_seconds(name: str, python: Path, recorded: Recorded) -> float:
    """The CPU seconds in which a contender's own loader reads all its cassettes."""
    command = [str(python), "-c", LOADING.format(**LOADERS[name]), str(recorded.second)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, env=environ()).stdout)


def print_sizes(recorded: dict[str, Recorded]) -> None:
    print("bytes of the cassette")
    print_head("ours / " + PEERS[0], "ours / " + PEERS[1])
    for scenario, what in SCENARIOS.items():
        print_sizes_line(what, [each.size(scenario) for each in recorded.values()])
    print_sizes_line("all", [sum(each.size(name) for name in SCENARIOS) for each in recorded.values()])
    print("bytes of the cassette / bytes of the streamed text")
    for scenario in STREAMS:
        answer = len((COMPLETIONS[scenario].content or "").encode())
        print_line(SCENARIOS[scenario], [f"{each.size(scenario) / answer:.2f}" for each in recorded.values()])


def print_changes(recorded: dict[str, Recorded]) -> None:
    print("lines that differ between two recordings of the same answers (added and removed)")
    print_head()
    for scenario, what in SCENARIOS.items():
        changes = [each.changed_lines(scenario) for each in recorded.values()]
        print_line(what, [f"+{added} -{removed}" for added, removed in changes])


def print_loading(recorded: dict[str, Recorded], python: Path, rounds: int) -> None:
    """Seconds do not carry over to other machines; the ratios within a round do."""
    seconds: dict[str, list[float]] = {name: [] for name in recorded}
    for _ in range(rounds):
        for name, each in recorded.items():
            seconds[name].append(loading_seconds(name, python, each))
    sizes = {name: sum(each.size(scenario) for scenario in SCENARIOS) for name, each in recorded.items()}
    print(f"loading all of them, CPU, each contender by its own loader, median of {rounds} rounds")
    print_head("ours / " + PEERS[0], "ours / " + PEERS[1])
    of_all = [f"{1000 * statistics.median(used):.2f} ms" for used in seconds.values()]
    print_line("all cassettes", of_all + [f"{ratio(seconds, OURS, peer):.2f}" for peer in PEERS])
    per_mb = {name: [value / sizes[name] * 1e6 for value in used] for name, used in seconds.items()}
    of_mb = [f"{1000 * statistics.median(used):.1f} ms" for used in per_mb.values()]
    print_line("per MB of the file", of_mb + [f"{ratio(per_mb, OURS, peer):.2f}" for peer in PEERS])


def print_head(*more: str) -> None:
    print_line("", [*(each.name for each in CONTENDERS), *more])


def print_sizes_line(what: str, sizes: list[int]) -> None:
    print_line(what, [*(f"{size:,}" for size in sizes), *(f"{sizes[0] / size:.2f}" for size in sizes[1:])])


def print_line(what: str, cells: list[str]) -> None:
    print(f"  {what:33}" + "".join(f"{cell:>24}" for cell in cells))


if __name__ == "__main__":
    main()
