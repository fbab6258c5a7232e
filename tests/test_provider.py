"""The scriptable provider, and the scratch projects that are pointed at it."""

from __future__ import annotations

import gzip
import http.client
import itertools
import json
import os
import threading
import time
from contextlib import closing
from typing import NamedTuple
from urllib.parse import urlsplit

import openai
import pytest
from provider import cut, gzipped, hang, raw, status, stream, text, tool_call


@pytest.fixture
def client(provider):
    with openai.OpenAI(base_url=provider.base_url, api_key="sk-test", max_retries=0) as client:
        yield client


def ask(client, question="Can I return a used phone?", **parameters):
    messages = [{"role": "user", "content": question}]
    return client.chat.completions.create(**{"model": "gpt-5-mini", "messages": messages} | parameters)


def content_of(completion):
    return completion.choices[0].message.content


class Received(NamedTuple):
    """What arrived of a response, down to where it was cut."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    is_complete: bool


def response_to(provider, *, stream=False):
    address = urlsplit(provider.origin)
    messages = [{"role": "user", "content": "返品したいです"}]
    body = json.dumps({"model": "gpt-5-mini", "messages": messages, "stream": stream})
    with closing(http.client.HTTPConnection(address.hostname, address.port, timeout=5)) as connection:
        connection.request("POST", "/v1/chat/completions?trace=1", body, {"X-Trace": "on"})
        with connection.getresponse() as response:
            try:
                return Received(response.status, response.headers, response.read(), is_complete=True)
            except http.client.IncompleteRead as error:
                return Received(response.status, response.headers, error.partial, is_complete=False)


def test_requests_are_remembered_as_they_arrived(provider):
    response_to(provider)

    [request] = provider.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions?trace=1")
    assert request.headers["x-trace"] == "on"
    assert request.json["messages"][0]["content"] == "返品したいです"
    assert json.loads(request.body) == request.json
    assert provider.requests_served == 1


def test_scripted_answers_come_in_order_and_then_the_demo(provider, client):
    provider.script(text("first"), tool_call("lookup", {"名": "値"}))
    first, second, third = ask(client), ask(client), ask(client)

    assert content_of(first) == "first"
    assert second.choices[0].message.tool_calls[0].function.arguments == '{"名": "値"}'
    assert second.choices[0].finish_reason == "tool_calls"
    assert content_of(third).startswith("Yes, you can return a used phone")


def test_a_text_is_streamed_when_the_request_wants_a_stream(provider, client):
    provider.script(text("one two three"))
    chunks = list(ask(client, stream=True))

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "one two three"


def test_a_text_answers_models_the_demo_does_not_know(provider, client):
    provider.script(text("はい", finish_reason="length"))
    completion = ask(client, model="qwen3:8b")

    assert completion.model == "qwen3:8b"
    assert completion.choices[0].finish_reason == "length"


def test_a_stream_has_as_many_chunks_as_told(provider, client):
    provider.script(stream("0123456789", chunks=5))
    contents = [chunk.choices[0].delta.content for chunk in ask(client, stream=True)]

    assert [content for content in contents if content] == ["01", "23", "45", "67", "89"]


def test_a_delayed_stream_arrives_piece_by_piece(provider, client):
    provider.script(stream("abcd", chunks=4, delay=0.02))
    arrivals = [time.perf_counter() for _ in ask(client, stream=True)]

    assert arrivals[-1] - arrivals[0] > 0.06


def test_a_function_answers_what_the_script_leaves_over(provider, client):
    numbers = itertools.count(1)
    provider.script(text("scripted"))
    provider.answer_with(lambda request: f"answer number {next(numbers)} to {request['model']}")

    assert content_of(ask(client)) == "scripted"
    assert content_of(ask(client)) == "answer number 1 to gpt-5-mini"
    assert content_of(ask(client)) == "answer number 2 to gpt-5-mini"


def test_a_function_is_called_for_one_request_at_a_time(provider, client):
    numbers = itertools.count(1)

    def slow_answer(request):
        number = next(numbers)
        time.sleep(0.001)
        return text(str(number))

    provider.answer_with(slow_answer)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(content_of(ask(client)))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(int, answers)) == list(range(1, 21))
    assert provider.requests_served == 20


def test_an_sdk_retries_a_scripted_status(provider, client):
    provider.script(status(429, headers={"retry-after": "0.01"}, error_type="rate_limit_error"), text("at last"))
    completion = ask(client.with_options(max_retries=1))

    assert content_of(completion) == "at last"
    assert [request.headers["x-stainless-retry-count"] for request in provider.requests] == ["0", "1"]


def test_a_scripted_status_reaches_a_client_that_does_not_retry(provider, client):
    provider.script(status(429, headers={"retry-after": "2"}, error_type="rate_limit_error", message="Slow down."))
    with pytest.raises(openai.RateLimitError) as raised:
        ask(client)

    assert raised.value.body["message"] == "Slow down."
    assert raised.value.type == "rate_limit_error"
    assert raised.value.response.headers["retry-after"] == "2"


def test_a_gzipped_answer_is_compressed_on_the_wire(provider, client):
    provider.script(gzipped(text("圧縮済み")), gzipped(text("圧縮済み")))
    response = response_to(provider)
    body = gzip.decompress(response.body)

    assert response.headers["content-encoding"] == "gzip"
    assert json.loads(body)["choices"][0]["message"]["content"] == "圧縮済み"
    assert content_of(ask(client)) == "圧縮済み"


def test_a_gzipped_stream_is_readable_piece_by_piece(provider, client):
    provider.script(gzipped(stream("0123456789", chunks=5, delay=0.01)))
    contents = [chunk.choices[0].delta.content for chunk in ask(client, stream=True)]

    assert [content for content in contents if content] == ["01", "23", "45", "67", "89"]


def test_a_raw_answer_is_sent_as_it_is(provider):
    provider.script(raw(202, {"content-type": "text/plain", "x-own": "yes"}, b"\x00\xff"))
    response = response_to(provider)

    assert (response.status, response.headers["x-own"], response.body) == (202, "yes", b"\x00\xff")


def test_a_cut_body_is_shorter_than_its_content_length(provider):
    provider.script(cut(text("an answer that stops early"), after=40))
    response = response_to(provider)

    assert not response.is_complete
    assert len(response.body) == 40
    assert int(response.headers["content-length"]) > 40


def test_a_cut_stream_is_left_unfinished(provider, client):
    provider.script(stream("0123456789", chunks=5, cut_after=2), cut(stream("0123456789", chunks=5), after=2))
    received = []
    with pytest.raises(openai.APIConnectionError):
        received.extend(chunk.choices[0].delta.content for chunk in ask(client, stream=True))
    response = response_to(provider, stream=True)

    assert received == ["", "01", "23"]
    assert not response.is_complete
    assert response.body.count(b"data: ") == 2


def test_a_cut_body_can_stop_right_after_the_headers(provider):
    provider.script(cut(text("nothing of this"), after=0))
    response = response_to(provider)

    assert not response.is_complete
    assert response.body == b""


def test_a_connection_is_usable_after_a_cut(provider, client):
    provider.script(cut(text("gone")))
    completion = ask(client.with_options(max_retries=1))

    assert content_of(completion).startswith("Yes")
    assert provider.requests_served == 2


def test_a_hanging_provider_times_the_client_out_and_stops_at_once(provider, client):
    provider.script(hang(60))
    with pytest.raises(openai.APITimeoutError):
        ask(client.with_options(timeout=0.1))
    started = time.perf_counter()
    provider.stop()

    assert time.perf_counter() - started < 1


def test_a_provider_answers_after_hanging(provider, client):
    provider.script(hang(0.05, then=text("late")))
    started = time.perf_counter()

    assert content_of(ask(client)) == "late"
    assert time.perf_counter() - started >= 0.05


def test_a_stopped_provider_refuses_until_it_is_restarted_on_the_same_port(provider, client):
    ask(client)
    address = provider.origin
    provider.stop()
    with pytest.raises(openai.APIConnectionError):
        ask(client)
    provider.stop()
    provider.restart()

    assert provider.origin == address
    assert content_of(ask(client)).startswith("Yes")
    assert provider.requests_served == 2


ASKS = """
    import os, openai

    def test_refund():
        client = openai.OpenAI(base_url=os.environ["MODEL_BASE_URL"])
        reply = client.chat.completions.create(
            model="gpt-5-mini", messages=[{"role": "user", "content": "返品したいです"}]
        )
        print(reply.choices[0].message.content)
        assert reply.choices[0].message.content.startswith("未使用")
"""


def test_a_project_reaches_the_provider(project, provider):
    project.write(test_bot=ASKS)
    result = project.pytest("-s")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*未使用の商品は*"])
    assert provider.requests_served == 1
    assert provider.requests[0].headers["authorization"] == f"Bearer {project.api_key}"


def test_every_outcome_of_a_project_is_counted(project):
    project.write(
        test_all="""
        import pytest

        def test_passes(): pass
        def test_fails(): assert 0
        def test_skips(): pytest.skip()
        @pytest.mark.xfail
        def test_xfails(): assert 0
        @pytest.mark.xfail
        def test_xpasses(): pass
        @pytest.fixture
        def broken(): raise OSError
        def test_errors(broken): pass
        """
    )
    result = project.pytest()

    result.assert_outcomes(passed=1, failed=1, skipped=1, xfailed=1, xpassed=1, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def foreign_environment(monkeypatch):
    for name in ("CI", "PYTEST_ADDOPTS", "ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "http_proxy", "PYTEST_XDIST_WORKER"):
        monkeypatch.setenv(name, "--foreign")


@pytest.mark.usefixtures("foreign_environment")
def test_a_project_sees_nothing_of_the_environment_around_it(project):
    project.write(test_environment="import os\ndef test_it(): assert '--foreign' not in os.environ.values()")

    project.pytest().assert_outcomes(passed=1)
    assert project.environment()["HOME"] == os.environ["HOME"]


def test_a_run_can_add_and_remove_variables(project):
    project.write(
        test_environment="import os\ndef test_it(): assert os.environ.get('A', '-') + os.environ['B'] == '-b'"
    )

    project.pytest(env={"A": "a", "B": "b"}).assert_outcomes(failed=1)
    project.pytest(env={"A": None, "B": "b"}).assert_outcomes(passed=1)


def test_the_cassettes_of_a_project_are_found_by_name(project):
    project.write_file("cassettes/test_bot/test_refund.yaml", "答え")
    project.write_file("cassettes/test_bot/test_refund.pending.yaml", "pending")
    project.write_file("deep/cassettes/test_refunds.yaml", "other")
    project.write_file("notes.txt", "not a cassette")

    assert project.files()["cassettes/test_bot/test_refund.yaml"] == "答え".encode()
    assert len(project.files()) == 3
    assert project.cassette("test_refund").read_text(encoding="utf-8") == "答え"
    assert project.cassette("test_bot/test_refund.yaml") == project.cassette("test_refund")


def test_a_started_project_can_be_killed(project, provider):
    provider.script(hang(60))
    project.write(test_bot=ASKS)
    process = project.popen()
    deadline = time.monotonic() + 30
    while not provider.requests and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()

    assert process.wait(timeout=10) == -9
    assert provider.requests_served == 1


def test_a_project_that_never_ends_fails_the_test(project, provider):
    provider.script(hang(60))
    project.write(test_bot=ASKS)

    with pytest.raises(pytest.fail.Exception, match="still running after 1 s"):
        project.pytest(timeout=1)
