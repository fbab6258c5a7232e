"""No secret reaches a file, a report or the terminal, whatever becomes of the test; and no replay needs one."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from urllib.parse import quote

import pytest
from provider import raw, status, stream, text

API_KEY = "sk-proj-7hQ9ZmW3vKc7RtXb2LpYd8N"
VAULT = "Zk3/9+qLw7Tb1Xv5"
PASSWORD = "Xk9mQ2zR7t"
AWS_SECRET = "wJa1rXUtnF3MI/K7MD3NG/bPxRf1CYzq8LmN0pQr"
IN_QUERY = "only-in-the-query-77"
IN_FIELD = "only-in-a-field-88"
ENVIRONMENT = {
    "OPENAI_API_KEY": API_KEY,
    "VAULT_TOKEN": VAULT,
    "DATABASE_URL": f"postgres://app:{PASSWORD}@db/x",
    "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
    "AWS_ACCESS_KEY_ID": "AKIA2E0A8F3B244C9986",
    "AWS_EC2_METADATA_DISABLED": "true",
}
QUIET = "[pytest]\naddopts = -p no:randomly -p no:syrupy -p no:asyncio -p no:hypothesispytest\n"

# No source holds a secret: what is found afterwards has been written by a run.
BOT = f"""
    import base64, json, os, urllib.parse, urllib.request

    KEY, VAULT = os.environ.get("OPENAI_API_KEY", ""), os.environ.get("VAULT_TOKEN", "")
    PASSWORD = os.environ.get("DATABASE_URL", "::@").split(":")[2].split("@")[0]

    def send(content, **fields):
        body = {{"model": "gpt-5-mini", "messages": [{{"role": "user", "content": content}}], **fields}}
        login = base64.b64encode(f"app:{{VAULT}}".encode()).decode()
        headers = {{"content-type": "application/json", "authorization": f"Basic {{login}}", "accept": f"a/{{KEY}}"}}
        query = "?api_key={IN_QUERY[:8]}" + "{IN_QUERY[8:]}&v=" + urllib.parse.quote(VAULT, safe="")
        url = os.environ["MODEL_BASE_URL"] + "/chat/completions" + query
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as response:
            return response.read().decode()
"""
TESTS = f"""
    import base64, os

    import pytest
    from bot import KEY, PASSWORD, VAULT, send

    pytestmark = pytest.mark.llm

    def test_prompt():
        encoded = base64.b64encode(b"x" + VAULT.encode() + b"y").decode()
        send(f"key {{KEY}} vault {{VAULT}} password {{PASSWORD}} and {{encoded}}", api_key="{IN_FIELD[:8]}" "{IN_FIELD[8:]}")

    def test_stream():
        print("the answer was", send("stream it", stream=True))

    def test_error_page():
        with pytest.raises(OSError) as caught:
            send("wrong key")
        print(caught.value.read())

    def test_failing():
        answer = send("say the key")
        print("captured", KEY, VAULT)
        assert answer == KEY + VAULT + "edited"

    def test_sigv4():
        import boto3

        client = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=os.environ["MODEL_ROOT"])
        client.invoke_model(modelId="m", body=b'{{"prompt": "' + VAULT.encode() + b'"}}')
"""  # noqa: E501


def written(secret):
    """The secret raw, in JSON, in URLs, and in base64 at each of the three alignments."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield quote(secret, safe="")
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + secret.encode()).decode()
        inner = whole[-(-shift * 8 // 6) : (shift + len(secret)) * 8 // 6]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")


def leaks(project, *results):
    """Where a secret stands: files that runs have written, and what they printed."""
    places = {
        str(path.relative_to(project.path)): path.read_bytes()
        for path in project.path.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    for number, result in enumerate(results):
        places[f"output {number}"] = "\n".join([*result.outlines, *result.errlines]).encode()
    secrets = [API_KEY, VAULT, PASSWORD, AWS_SECRET, IN_QUERY, IN_FIELD]
    return [
        (place, form)
        for place, content in places.items()
        for secret in secrets
        for form in written(secret)
        if form.encode() in content
    ]


@pytest.fixture
def project(project, provider):
    project.write_file("pytest.ini", QUIET)
    project.write(bot=BOT, test_bot=TESTS)

    def answer(asked):
        said = json.dumps(asked)
        if "stream it" in said:
            return stream(f"The key is {API_KEY}, the vault {VAULT}.", chunks=40)
        if "wrong key" in said:
            return status(401, message=f"Incorrect API key provided: {API_KEY}, {VAULT}")
        if "prompt" in asked:
            return raw(200, {"content-type": "application/json"}, json.dumps({"echo": VAULT}).encode())
        return text(f"Yes: {API_KEY} {VAULT} {PASSWORD}")

    provider.answer_with(answer)
    project.secrets = ENVIRONMENT | {"MODEL_ROOT": provider.base_url.removesuffix("/v1")}
    return project


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_no_secret_is_in_any_file_or_output_of_any_run(project, workers):
    report = ("--junitxml=report.xml", "-o", "junit_logging=all", "-rA")
    runs = [
        project.pytest(*workers, *report, "--llm-record", env=project.secrets),
        project.pytest(*workers, *report, env=project.secrets),
    ]
    project.write(bot=BOT.replace('"gpt-5-mini"', '"gpt-5-nano"'))
    runs.append(project.pytest(*workers, *report, env=project.secrets))

    runs[0].assert_outcomes(passed=4, failed=1)
    runs[1].assert_outcomes(passed=4, failed=1)
    runs[2].assert_outcomes(passed=1, failed=4)
    assert leaks(project, *runs) == []
    cassette = project.cassette("test_prompt").read_text("utf-8")
    assert "api_key=~redacted.api_key~&v=~redacted.VAULT_TOKEN~" in cassette
    assert "key [redacted:sk-key] vault [redacted:VAULT_TOKEN] password [redacted:DATABASE_URL]" in cassette


LITERAL = f"""
    import pytest
    from bot import send

    @pytest.mark.llm
    def test_literal():
        assert "Yes" in send("the word {VAULT} in a prompt")
"""


@pytest.mark.parametrize("mode", ["none", "new"])
@pytest.mark.parametrize("value", [VAULT, None, "Another7Value9Here"])
def test_a_replay_does_not_depend_on_the_environment(project, provider, value, mode):
    project.write(test_bot=LITERAL)
    project.pytest("--llm-record", env=project.secrets).assert_outcomes(passed=1)
    served = provider.requests_served

    project.pytest(f"--llm-record={mode}", env=project.secrets | {"VAULT_TOKEN": value}).assert_outcomes(passed=1)

    assert "the word [redacted:VAULT_TOKEN] in a prompt" in project.cassette("test_literal").read_text("utf-8")
    assert provider.requests_served == served


def test_a_changed_prompt_beside_a_variable_is_not_served(project):
    project.write(test_bot=LITERAL)
    project.pytest("--llm-record", env=project.secrets).assert_outcomes(passed=1)
    project.write(test_bot=LITERAL.replace("in a prompt", "in another prompt"))
    result = project.pytest(env=project.secrets)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*No recording matches this request*"])
    assert leaks(project, result) == []


@pytest.mark.parametrize("changed", ["x@example.org", "[redacted:NAME]"])
def test_a_placeholder_that_the_application_wrote_stands_for_itself_only(project, changed):
    project.write(test_bot=LITERAL.replace(VAULT, "[redacted:EMAIL]"))
    project.pytest("--llm-record", env=project.secrets).assert_outcomes(passed=1)
    project.pytest(env=project.secrets).assert_outcomes(passed=1)
    project.write(test_bot=LITERAL.replace(VAULT, changed))
    result = project.pytest(env=project.secrets)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*No recording matches this request*"])


def test_a_body_that_nobody_could_open_is_replayed_with_its_coding(project, provider):
    body = b"\x0b\x02\x80hello\x03"
    coded = {"content-type": "application/json", "content-encoding": "br"}
    provider.answer_with(lambda _asked: raw(200, coded, body))
    project.write(
        test_bot="""
            import os, urllib.request
            import pytest

            @pytest.mark.llm
            def test_coded():
                url = os.environ["MODEL_BASE_URL"] + "/chat/completions"
                headers = {"content-type": "application/json"}
                request = urllib.request.Request(url, b'{"model": "m", "messages": []}', headers)
                with urllib.request.urlopen(request) as answer:
                    assert answer.headers["content-encoding"] == "br"
                    assert answer.read() == bytes.fromhex("0b028068656c6c6f03")
        """
    )

    project.pytest("--llm-record").assert_outcomes(passed=1)
    project.pytest().assert_outcomes(passed=1)
    assert provider.requests_served == 1


LONG = "Qz7-Lw3Tb1Xv5Rk9Mn2Pd8Fh4Gj6Sc0Ya" * 4
LONG_ONE = """
    import base64, os

    import pytest
    from bot import send

    @pytest.mark.llm
    def test_long():
        secret, word = os.environ.get("LONG_TOKEN", ""), os.environ.get("WORD", "first")
        send(f"{word} {secret}", other=base64.b64encode(f"{word}{secret}".encode()).decode())
"""


def test_a_miss_page_shows_no_part_of_a_long_secret(project):
    project.write(test_bot=LONG_ONE)
    project.pytest("--llm-record", env=project.secrets).assert_outcomes(passed=1)
    result = project.pytest(env=project.secrets | {"LONG_TOKEN": LONG, "WORD": "second"})

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*No recording matches this request*", "*LONG_TOKEN*"])
    assert [line for line in result.outlines if line.startswith("  uri ")] == []
    encoded = "".join(base64.b64encode(bytes(shift) + LONG.encode()).decode() for shift in range(3))
    pieces = {whole[start : start + 6] for whole in (LONG, encoded) for start in range(len(whole) - 5)}
    assert [line for line in result.outlines if any(piece in line for piece in pieces)] == []


INDEPENDENT = """
    import base64

    import pytest
    from bot import KEY, VAULT, send

    @pytest.mark.llm
    def test_independent():
        import os

        login = base64.b64encode(f"app:{VAULT}!".encode()).decode()
        send(f"key {KEY}, login {login}, database {os.environ['DATABASE_URL']}.")
"""


@pytest.mark.parametrize(
    "environment",
    [
        {"OPENAI_API_KEY": "none", "VAULT_TOKEN": None, "DATABASE_URL": "postgres://postgres:postgres@localhost/test"},
        {"OPENAI_API_KEY": None, "VAULT_TOKEN": "Another7Value9Here1", "DATABASE_URL": "sqlite:///::@"},
        {},
    ],
)
def test_a_replay_with_other_keys_logins_and_databases_finds_its_recording(project, environment):
    project.write(test_bot=INDEPENDENT)
    project.pytest("--llm-record", env=project.secrets).assert_outcomes(passed=1)
    project.pytest(env=project.secrets | environment).assert_outcomes(passed=1)

    said = "key [redacted:sk-key], login [redacted:VAULT_TOKEN], database [redacted:DATABASE_URL]."
    assert said in project.cassette("test_independent").read_text("utf-8")


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_run_that_records_says_what_the_answers_lost(project, workers):
    project.write(test_bot=LITERAL)
    result = project.pytest(*workers, "--llm-record", env=project.secrets)
    replayed = project.pytest(*workers, env=project.secrets)

    place = "cassettes/test_bot/test_literal.yaml"
    assert f"redacted in answers: DATABASE_URL, VAULT_TOKEN, sk-key ({place})" in result.outlines
    assert "redacted in answers" not in replayed.stdout.str()
    assert leaks(project, result, replayed) == []


def test_what_the_ini_file_calls_no_secret_is_kept_and_lint_says_nothing_of_it(project):
    parcel = "sk-a1b2c3d4e5f6a7b8c9d0e1f2"
    project.write_file("pytest.ini", QUIET + "llm_not_secrets =\n    sk-a1b2c3[a-z0-9]+\n")
    project.write(test_bot=LITERAL.replace("the word", f"{parcel} and"))
    project.pytest("--llm-record", env=project.secrets).assert_outcomes(passed=1)
    project.pytest().assert_outcomes(passed=1)

    assert f"{parcel} and [redacted:VAULT_TOKEN]" in project.cassette("test_literal").read_text("utf-8")
    linted = subprocess.run(
        [sys.executable, "-m", "pytest_llmwatch", "lint"],
        cwd=project.path,
        env=project.environment(project.secrets),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "secret" not in linted.stdout, linted.stdout
    project.write_file("pytest.ini", QUIET + "llm_not_secrets = (\n")
    project.pytest().stdout.fnmatch_lines(["*llm_not_secrets: '(' does not compile*"])


def test_a_pattern_a_hook_and_a_wrapper_add_to_what_is_redacted(project):
    project.write_file("pytest.ini", QUIET + "llm_secret_patterns = ACME-[0-9]{4}\n")
    project.write(
        conftest="""
            import dataclasses
            import pytest

            def pytest_llmwatch_secrets():
                return ["badge-[a-z]+"]

            @pytest.hookimpl(wrapper=True)
            def pytest_llmwatch_redact(exchange):
                exchange = yield
                body = exchange.request.body.replace(b"Jane", b"[customer]")
                return dataclasses.replace(exchange, request=dataclasses.replace(exchange.request, body=body))
        """,
        test_bot="""
            import pytest
            from bot import send

            @pytest.mark.llm
            def test_hooks():
                send("Jane has ACME-1234 and badge-blue")
        """,
    )
    project.pytest("--llm-record", env=project.secrets).assert_outcomes(passed=1)
    project.pytest(env=project.secrets).assert_outcomes(passed=1)

    assert "[customer] has [redacted:pattern] and [redacted:pattern]" in project.cassette("test_hooks").read_text(
        "utf-8"
    )
    project.write_file("pytest.ini", QUIET + "llm_secret_patterns = (\n")
    project.pytest().stdout.fnmatch_lines(["*llm_secret_patterns: '(' does not compile*"])


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_no_secret_is_in_the_output_of_a_subtest_or_in_a_property(project, workers):
    project.write(
        test_bot="""
        import pytest
        from bot import VAULT, send

        @pytest.mark.llm
        def test_parts(subtests, record_property):
            record_property("vault", VAULT)
            record_property("all", [1, ("x", VAULT), {"y": VAULT}])
            with subtests.test("part"):
                print("captured", VAULT)
                assert send("say the key") == VAULT
        """
    )
    report = ("--junitxml=report.xml", "-o", "junit_logging=all", "-rA")

    result = project.pytest(*workers, *report, "--llm-record", env=project.secrets)

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*Captured stdout call*", "captured *redacted*"])
    assert 'name="vault" value="' in (project.path / "report.xml").read_text(encoding="utf-8")
    assert leaks(project, result) == []
