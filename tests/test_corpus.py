"""Traffic that providers really sent, recorded by others with vcrpy: read, rewritten, and replayed by every client.

What a file holds is read by vcrpy and opened by httpx here, so that nothing of ours judges itself.
"""

from __future__ import annotations

import base64
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_llmwatch.cassette import parse
from pytest_llmwatch.cassette_text import dump
from pytest_llmwatch.hosts import is_unstored

PADDING = re.compile(rb',\s*"obfuscation"\s*:\s*"[^"\\]*"|"obfuscation"\s*:\s*"[^"\\]*"\s*,')


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One interaction of a file, as vcrpy reads it and a client would have seen it."""

    method: str
    uri: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    status: int
    answer_headers: tuple[tuple[str, str], ...]
    answer: bytes


@pytest.fixture(scope="module")
def files():
    """Every file of the corpus, in one order."""
    corpus = os.environ.get("LLMWATCH_CORPUS")
    if not corpus:
        pytest.skip("LLMWATCH_CORPUS is not set: the recorded traffic is not here")
    found = sorted(Path(corpus).rglob("*.yaml"))
    assert found
    return found


@pytest.fixture(scope="module")
def truths(files):
    """What each file holds, in the order of `files`."""
    return [truths_of(file) for file in files]


@pytest.fixture(scope="module")
def cassettes(files):
    """What we read in each file, in the order of `files`."""
    return [parse(file.read_text(encoding="utf-8"), file.name) for file in files]


def truths_of(file):
    from vcr.serialize import deserialize
    from vcr.serializers import yamlserializer

    requests, responses = deserialize(file.read_text(encoding="utf-8"), yamlserializer)
    return [truth_of(request, response) for request, response in zip(requests, responses, strict=True)]


def truth_of(request, response):
    headers = tuple((name, text_of(value)) for name, value in request.headers.items())
    answer_headers = tuple((name, text_of(value)) for name, values in response["headers"].items() for value in values)
    # vcrpy before 4.2 wrote httpx responses flat.
    body = response.get("body", {})
    answer = body.get("string", body.get("base64_string", response.get("content")))
    return Truth(
        method=request.method.upper(),  # aiohttp users write "post" as well
        uri=request.uri,
        headers=headers,
        body=opened(bytes_of(request.body), headers),
        status=response["status"]["code"] if "status" in response else response["status_code"],
        answer_headers=answer_headers,
        answer=opened(bytes_of(answer), answer_headers),
    )


def text_of(value):
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def bytes_of(value):
    return value.encode() if isinstance(value, str) else bytes(value or b"")


def opened(body, headers):
    """The body as httpx would hand it to an application; as it is where its header lies."""
    import httpx

    coding = [(name, value) for name, value in headers if name.lower() == "content-encoding"]
    try:
        return httpx.Response(200, headers=coding, content=body).content
    except httpx.DecodingError:
        return body


def content_type(headers):
    return next((value for name, value in headers if name.lower() == "content-type"), None)


def every_byte(body, _kind):
    """What two readings of one file share."""
    return body


def substance(body, kind):
    """What two recordings of one body share: the value of JSON, else the bytes without padding."""
    if kind and "amazon.eventstream" in kind:
        return events_of(body)
    try:
        return json.dumps(json.loads(body), sort_keys=True)
    except ValueError:
        return b"".join(without_padding(line) for line in body.splitlines(keepends=True))


def without_padding(line):
    name, _, data = line.partition(b":")
    try:
        event = json.loads(data) if name == b"data" else None
    except ValueError:
        event = None
    return PADDING.sub(b"", line, count=1) if isinstance(event, dict) and "obfuscation" in event else line


def events_of(body):
    """The messages of an AWS event stream, whose checksums botocore holds to; `p` is padding."""
    from botocore.eventstream import EventStreamBuffer

    buffer = EventStreamBuffer()
    buffer.add_data(body)
    return [(message.headers, payload_of(message.payload)) for message in buffer]


def payload_of(payload):
    try:
        value = json.loads(payload)
    except ValueError:
        return payload
    return json.dumps({name: item for name, item in value.items() if name != "p"}, sort_keys=True)


def differences(truth, exchange, form):
    """The parts of an exchange that are not what the file holds; bodies are compared in this form."""
    request, response = exchange.request, exchange.response
    kind, answer_kind = content_type(truth.headers), content_type(truth.answer_headers)
    pairs = {
        "method": (truth.method, request.method),
        "uri": (truth.uri, request.uri),
        "request headers": (kept(truth.headers), kept(request.headers)),
        "request": (form(truth.body, kind), form(request.body, kind)),
        "status": (truth.status, response.status),
        "headers": (kept(truth.answer_headers), kept(response.headers)),
        "answer": (form(truth.answer, answer_kind), form(response.body, answer_kind)),
    }
    return [name for name, (expected, got) in pairs.items() if expected != got]


def kept(headers):
    """The headers without those that speak of a body's form on the wire."""
    form = ("content-encoding", "content-length", "transfer-encoding")
    return sorted((name, value) for name, value in headers if name.lower() not in form)


def wrong_in(files, truths, cassettes, form):
    """One line for every interaction that is not what its file holds."""
    return [
        f"{file.name}, interaction {place}: {', '.join(found)}"
        for file, expected, cassette in zip(files, truths, cassettes, strict=True)
        for place, (truth, exchange) in enumerate(zip(expected, cassette.exchanges, strict=True))
        if (found := differences(truth, exchange, form))
    ]


def test_every_file_is_read_as_vcrpy_reads_it(files, truths, cassettes):
    wrong = wrong_in(files, truths, cassettes, every_byte)

    assert not wrong, "\n".join(wrong)


def test_every_file_is_rewritten_without_a_loss(files, truths, cassettes):
    rewritten = [parse(dump(cassette), file.name) for file, cassette in zip(files, cassettes, strict=True)]

    wrong = wrong_in(files, truths, rewritten, substance)
    assert not wrong, "\n".join(wrong)
    assert all(cassette.version >= 1 for cassette in rewritten)


def test_a_rewritten_file_rewritten_again_loses_no_line_but_the_note_on_its_padding(files, cassettes):
    texts = [dump(cassette) for cassette in cassettes]

    changed = [
        file.name
        for file, text in zip(files, texts, strict=True)
        if dump(parse(text, file.name)) != re.sub(r"^    dropped: .*\n", "", text, flags=re.MULTILINE)
    ]
    assert not changed, "\n".join(changed)


# Every module of the inner project is one client; all send what the files hold and keep what they are answered.

CONFTEST = """
    import sys
    from pathlib import Path

    REACHED = Path(__file__).with_name("reached.txt")
    OUTSIDE = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"}


    def stay_inside(event, arguments):
        if event in OUTSIDE:
            with REACHED.open("a", encoding="utf-8") as file:
                print(event, arguments, file=file)
            raise OSError("this run stays off the network")


    sys.addaudithook(stay_inside)
"""

TRAFFIC = """
    import base64
    import json
    import ssl
    from pathlib import Path

    import pytest

    FOLDER = Path(__file__).parent
    FILES = json.loads((FOLDER / "requests.json").read_text(encoding="utf-8"))
    TLS = ssl.create_default_context()  # one for all clients: it takes longer to load than a test to run
    UNRECORDED = ("POST", "https://api.openai.com/v1/chat/completions", {}, b'{"model": "never-recorded"}')

    each_file = pytest.mark.parametrize("number", FILES)


    def requests_of(number):
        return [(method, uri, headers, base64.b64decode(body)) for method, uri, headers, body in FILES[number]]


    def keep(client, number, answers):
        lines = [json.dumps([status, kind, base64.b64encode(body).decode()]) for status, kind, body in answers]
        (FOLDER / "answers" / f"{client}-{number}").write_text("\\n".join(lines), encoding="utf-8")
"""

SYNC = """
    {imports}
    import pytest
    from traffic import TLS, UNRECORDED, each_file, keep, requests_of

    pytestmark = pytest.mark.llm


    def answers_to(asked):
        with {client} as client:
            return [ask(client, *request) for request in asked]


    def ask(client, method, uri, headers, body):
        answer = client.request(method, {uri}, headers=headers, {body}=body)
        return answer.status_code, answer.headers.get("content-type"), answer.content


    @each_file
    def test_replays(number):
        keep("{name}", number, answers_to(requests_of(number)))


    def test_misses():
        answers_to([UNRECORDED])
"""

ASYNC = """
    import asyncio

    {imports}
    import pytest
    from traffic import TLS, UNRECORDED, each_file, keep, requests_of

    pytestmark = pytest.mark.llm


    async def answers_to(asked):
        async with {client} as client:
            return [await ask(client, *request) for request in asked]


    async def ask(client, method, uri, headers, body):
        answer = await client.request(method, {uri}, headers=headers, {body}=body)
        return answer.{status}, answer.headers.get("content-type"), {read}


    @each_file
    def test_replays(number):
        keep("{name}", number, asyncio.run(answers_to(requests_of(number))))


    def test_misses():
        asyncio.run(answers_to([UNRECORDED]))
"""

HTTPX = {"uri": "uri", "body": "content", "status": "status_code", "read": "answer.content"}
# Without `encoded`, yarl writes the `%3A` of a Bedrock model as a colon: another path.
AIOHTTP = {"uri": "URL(uri, encoded=True)", "body": "data", "status": "status", "read": "await answer.read()"}
CLIENTS = {
    "httpx": (SYNC, {"imports": "import httpx", "client": "httpx.Client(verify=TLS)", **HTTPX}),
    "httpx_async": (ASYNC, {"imports": "import httpx", "client": "httpx.AsyncClient(verify=TLS)", **HTTPX}),
    "httpx2": (SYNC, {"imports": "import httpx2", "client": "httpx2.Client(verify=TLS)", **HTTPX}),
    "httpx2_async": (ASYNC, {"imports": "import httpx2", "client": "httpx2.AsyncClient(verify=TLS)", **HTTPX}),
    "requests": (SYNC, {"imports": "import requests", "client": "requests.Session()", "uri": "uri", "body": "data"}),
    "aiohttp": (
        ASYNC,
        {"imports": "import aiohttp\n    from yarl import URL", "client": "aiohttp.ClientSession()", **AIOHTTP},
    ),
}
# What each client writes by itself, or what no longer fits a body that was opened.
CLIENTS_OWN = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "content-encoding"}
)


def test_files_of_vcrpy_replay_untouched_and_nothing_leaves_the_process(project, files, truths):
    texts = [file.read_bytes() for file in files]

    wrong = wrong_replays(project, files, truths, texts, clients=("httpx", "httpx2_async", "requests"), form=every_byte)

    assert not wrong, "\n".join(wrong)


def test_every_client_gets_from_a_rewritten_file_what_was_recorded(project, files, truths, cassettes):
    texts = [dump(cassette).encode() for cassette in cassettes]

    wrong = wrong_replays(project, files, truths, texts, clients=tuple(CLIENTS), form=substance)

    assert not wrong, "\n".join(wrong)


def wrong_replays(project, files, truths, texts, *, clients, form):
    """Replay all files with each client; one line for every answer that is not the recorded one."""
    replayable = [[truth for truth in expected if not is_unstored(truth.uri)] for expected in truths]
    write_project(project, replayable, texts, clients)

    result = project.pytest("-p", "no:cacheprovider", "--tb=line")

    refusal = re.compile(r"^No recording matches this request \(test_(\w+)\.py::test_misses\)", re.MULTILINE)
    assert sorted(refusal.findall(result.stdout.str())) == sorted(clients)
    assert not (project.path / "reached.txt").exists()
    wrong = [
        f"{client}, {file.name}, answer {place}: {what}"
        for client in clients
        for number, (file, expected) in enumerate(zip(files, replayable, strict=True))
        for place, what in wrong_answers(project.path / "answers" / f"{client}-{number:03}", expected, form)
    ]
    if not wrong:
        result.assert_outcomes(passed=len(clients) * len(files), failed=len(clients))
    return wrong


def write_project(project, truths, texts, clients):
    hosts = "localhost localhost:* 127.0.0.1:*"
    project.write_file("pytest.ini", f"[pytest]\naddopts = -p no:randomly\nllm_record_hosts = {hosts}\n")
    project.write(conftest=CONFTEST, traffic=TRAFFIC)
    requests = {f"{number:03}": [sendable(truth) for truth in expected] for number, expected in enumerate(truths)}
    project.write_file("requests.json", json.dumps(requests))
    (project.path / "answers").mkdir()
    for client in clients:
        source, facts = CLIENTS[client]
        project.write(**{f"test_{client}": source.format(name=client, **facts)})
        folder = project.path / "cassettes" / f"test_{client}"
        folder.mkdir(parents=True)
        for number, text in enumerate(texts):
            (folder / f"test_replays[{number:03}].yaml").write_bytes(text)


def sendable(truth):
    headers = {name: value for name, value in truth.headers if name.lower() not in CLIENTS_OWN}
    return truth.method, truth.uri, headers, base64.b64encode(truth.body).decode()


def wrong_answers(path, truths, form):
    """The place of every answer that is not what the file holds, and what is wrong with it."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if len(lines) != len(truths):
        yield len(lines), f"{len(lines)} of {len(truths)} answers came"
    for place, (line, truth) in enumerate(zip(lines, truths, strict=False)):
        status, kind, packed = json.loads(line)
        body, expected_kind = base64.b64decode(packed), content_type(truth.answer_headers)
        if (status, kind) != (truth.status, expected_kind):
            yield place, f"{status} {kind}, not {truth.status} {expected_kind}"
        if form(body, kind) != form(truth.answer, expected_kind):
            yield place, f"{body[:60]!r}, not {truth.answer[:60]!r}"
