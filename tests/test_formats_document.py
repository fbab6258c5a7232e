"""docs/formats.md: its table is what the code claims, and its example works, in a test run and in the command."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from provider import raw

from pytest_llmwatch import wire
from pytest_llmwatch.exchange import Exchange, Request, TransferFailure

TEXT = (Path(__file__).parent.parent / "docs" / "formats.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (`[^|]+`) \| (`[^|]+`) \|$", re.MULTILINE)
NAMED = ROW.findall(TEXT)
# One of these is a body of each format.
BODIES = [
    {"model": "m", "max_tokens": 1, "messages": []},
    {"model": "m", "input": "a", "voice": "b"},
    {"model": "m", "prompt": "a"},
    {"model": "m", "message": "a"},
    {"model": "m", "texts": ["a"]},
    {"model": "m", "query": "a", "documents": ["b"]},
    {"contents": [], "instances": [{"prompt": "a", "content": "a"}], "content": {}, "requests": []},
    {"input_file_id": "file-1", "endpoint": "/v1/responses"},
    {"inputs": "a", "text": "a", "q": "a"},
    {"input_prefix": "a", "input_suffix": "b"},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "a"}},
    {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": {}}},
]
ASKS = """
    import json
    import os
    import urllib.request


    def ask(question, **more):
        body = json.dumps({"engine": "acme-1", "question": question, **more}).encode()
        url = os.environ["MODEL_BASE_URL"].removesuffix("/v1") + "/acme/v1/answer"
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method="POST")) as response:
            return response.read().decode()


    def test_acme(llm_cassette):
        assert "Within" in ask("Can I return it?")
        assert "14" in ask("When?", stream=True)

        for call, text in zip(llm_cassette.calls, ["Within 14 days.", "14 days."], strict=True):
            assert (call.provider_name, call.request_model, call.response_model) == ("acme", "acme-1", "acme-1.2")
            assert (call.output_text, call.finish_reasons) == (text, ("stop",))
            assert (call.usage.input_tokens, call.usage.output_tokens, call.error_type) == (9, 4, None)
        assert [call.streaming for call in llm_cassette.calls] == [False, True]
"""
END = {"ended": "done", "tokens": {"in": 9, "out": 4}}
WHOLE = {"engine": "acme-1.2", "ticket": "t-1", "answer": "Within 14 days.", **END}
PIECES = [{"engine": "acme-1.2", "ticket": "t-2", "answer": "14 "}, {"answer": "days."}, END]


def claimed(method, path):
    """The formats that read a request to this path, with the operations they name."""
    for body in BODIES:
        request = Request(method=method, uri=f"https://host.example{path}", body=json.dumps(body).encode())
        format_ = next((each for each in wire.formats() if each.claims(request)), None)
        if format_ is not None:
            call = format_.decode(Exchange(request=request, failure=TransferFailure(kind="timeout")))
            yield format_.__name__.rpartition(".")[2], call.operation_name


def test_the_table_has_every_format_in_the_order_in_which_they_are_asked():
    assert [name for name, *_ in NAMED] == [each.__name__.rpartition(".")[2] for each in wire.formats()]


@pytest.mark.parametrize("name, requests, operations", NAMED, ids=[name for name, *_ in NAMED])
def test_a_row_of_the_table_names_requests_that_its_format_claims_and_the_operations_it_reads(
    name, requests, operations
):
    found = set()
    for said in re.findall(r"`([^`]+)`", requests):
        method, _, path = said.partition(" ")
        path = "python:bot.ask" if method == "CALL" else re.sub(r"\{\w+\}", "some-1", path)
        if method == "CALL":
            request = Request(method=method, uri=path, body=b'{"model": "m", "args": [], "kwargs": {}}')
            format_ = next(each for each in wire.formats() if each.claims(request))
            call = format_.decode(Exchange(request=request, failure=TransferFailure(kind="timeout")))
            read = {(format_.__name__.rpartition(".")[2], call.operation_name)}
        else:
            read = set(claimed(method, path))
        mine = {operation for reader, operation in read if reader == name}
        assert mine, f"{said} is read by {read or 'nobody'}"
        found |= mine

    assert found == set(re.findall(r"`([^`]+)`", operations))


@pytest.fixture
def acme(project, provider):
    """A project with the code of the document, and a server that speaks as Acme does."""
    code = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    (module,) = (block for block in code if "def claims" in block)
    project.write(test_bot=ASKS)
    project.write_file("pytest.ini", "[pytest]\naddopts = -p no:randomly\nllm_record_hosts = 127.0.0.1\n")
    stream = "".join(f"data: {json.dumps(piece)}\n\n" for piece in PIECES).encode()
    provider.script(
        raw(200, {"content-type": "application/json"}, json.dumps(WHOLE).encode()),
        raw(200, {"content-type": "text/event-stream"}, stream),
    )
    (hook,) = (block for block in code if "def pytest_llmwatch_decode" in block)
    return module, hook


def command(project, *arguments, path):
    done = subprocess.run(
        [sys.executable, "-m", "pytest_llmwatch", *arguments],
        cwd=project.path,
        env=project.environment({"PYTHONPATH": str(path)}),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_example_is_recorded_and_replayed_by_the_hook(project, provider, acme):
    module, hook = acme
    project.write_file("acme_llmwatch.py", module)
    project.write_file("conftest.py", hook)

    project.pytest("--llm-record").assert_outcomes(passed=1)
    project.pytest().assert_outcomes(passed=1)

    assert provider.requests_served == 2
    assert "output_text: Within 14 days." in project.cassette("test_acme").read_text(encoding="utf-8")


def test_the_example_is_shown_and_priced_by_the_command_once_its_package_is_installed(project, acme, tmp_path):
    module, hook = acme
    project.write_file("acme_llmwatch.py", module)
    project.write_file("conftest.py", hook)
    project.pytest("--llm-record").assert_outcomes(passed=1)
    (project.path / "acme_llmwatch.py").unlink()
    (metadata,) = (block for block in re.findall(r"^```toml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
    source, installed = tmp_path / "source", tmp_path / "installed"
    source.mkdir()
    (source / "pyproject.toml").write_text(metadata, encoding="utf-8")
    (source / "acme_llmwatch.py").write_text(module, encoding="utf-8")
    packed(source, installed)

    shown = [json.loads(line) for line in command(project, "show", "--json", ".", path=installed).splitlines()]
    price = re.search(r"`(acme/\* [^`]+)`", TEXT)[1]
    project.write_file("pytest.ini", f"[pytest]\nllm_prices = {price}\n")
    costs = [json.loads(line) for line in command(project, "cost", "--json", path=installed).splitlines()]

    assert [each["output_text"] for each in shown] == ["Within 14 days.", "14 days."]
    assert [each["cost_usd"] for each in shown] == [None, None]
    assert costs[-1]["cost_usd"] == 2 * (9 * 1 + 4 * 4) / 1_000_000
    assert [each["name"] for each in costs if each["by"] == "model"] == ["acme/acme-1.2"]


def packed(source, target):
    """Lay a project out as an installer does: its modules, and a folder with its entry points."""
    import tomllib

    held = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))
    name, version = held["project"]["name"], held["project"]["version"]
    facts = target / f"{name.replace('-', '_')}-{version}.dist-info"
    facts.mkdir(parents=True)
    for module in held["tool"]["setuptools"]["py-modules"]:
        (target / f"{module}.py").write_bytes((source / f"{module}.py").read_bytes())
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    groups = held["project"]["entry-points"].items()
    lines = [f"[{group}]\n" + "".join(f"{key} = {to}\n" for key, to in entries.items()) for group, entries in groups]
    (facts / "entry_points.txt").write_text("".join(lines), encoding="utf-8")
