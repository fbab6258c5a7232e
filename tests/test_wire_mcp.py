"""What `wire.mcp` and `wire.a2a` read in JSON-RPC: tools called and agents asked, whole and as events."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speaking_formats import CUT, JSON_VALUES, disagreements, events_of, exchange_of, outcome_of

from pytest_llmwatch.calls import MediaPart, Message, ModelCall, TextPart, ToolCallPart, ToolResultPart
from pytest_llmwatch.errors import UndecodableExchange
from pytest_llmwatch.exchange import Request
from pytest_llmwatch.wire import a2a, mcp

URI = "http://localhost:9999/mcp"
CONTENT = [{"type": "text", "text": "2 + 2 = 4"}]
PROGRESS = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1, "progressToken": 7}}


def rpc(method, **params):
    return {"jsonrpc": "2.0", "id": 3, "method": method, "params": params}


def result(**given):
    return {"jsonrpc": "2.0", "id": 3, "result": given}


TOOL = rpc("tools/call", name="add", arguments={"a": 2, "b": 2})
ASKED = rpc("message/send", message={"kind": "message", "role": "user", "parts": [{"kind": "text", "text": "2 + 2?"}]})


def message(text):
    return {"kind": "message", "role": "agent", "messageId": "m-1", "parts": [{"kind": "text", "text": text}]}


def status(state, text=None, *, final=False):
    told = {"state": state} | ({"message": message(text)} if text else {})
    return result(kind="status-update", taskId="t-1", contextId="c-1", final=final, status=told)


def called(body, *, asked=TOOL, **how) -> ModelCall:
    return mcp.decode(exchange_of(body, asked=asked, uri=URI, **how))


def told(body, *, asked=ASKED, **how) -> ModelCall:
    return a2a.decode(exchange_of(body, asked=asked, uri="http://localhost:9999/", **how))


def test_a_tool_that_is_called_is_an_execution_with_its_arguments_and_its_result():
    assert called(result(content=CONTENT, isError=False)) == ModelCall(
        operation_name="execute_tool",
        input_messages=(Message(role="assistant", parts=(ToolCallPart(name="add", arguments={"a": 2, "b": 2}),)),),
        output_messages=(Message(role="tool", parts=(ToolResultPart(result=CONTENT),)),),
    )


def test_a_structured_result_stands_beside_the_content():
    call = called(result(content=CONTENT, structuredContent={"sum": 4}))

    assert call.output_messages[0].parts == (
        ToolResultPart(result={"content": CONTENT, "structuredContent": {"sum": 4}}),
    )


def test_events_read_like_the_one_object_they_hold():
    whole = called(result(content=CONTENT))
    call = called(events_of(PROGRESS, result(content=CONTENT)))

    assert call.streaming
    assert (call.output_messages, call.error_type) == (whole.output_messages, None)


def test_events_without_a_result_are_cut():
    assert called(events_of(PROGRESS)).error_type == "cut"


def test_a_tool_that_failed_says_why_in_its_result():
    call = called(result(content=[{"type": "text", "text": "No such file"}], isError=True))

    assert (call.error_type, call.error_message) == ("tool_error", "No such file")
    assert call.output_messages != ()


@pytest.mark.parametrize("wrap", [json.dumps, lambda body: events_of(body).decode()], ids=["whole", "events"])
def test_an_error_of_the_protocol_is_named_by_its_code(wrap):
    error = {"jsonrpc": "2.0", "id": 3, "error": {"code": -32602, "message": "Unknown tool: add"}}
    call = called(wrap(error).encode())

    assert (call.error_type, call.error_message) == ("-32602", "Unknown tool: add")
    assert call.output_messages == ()


def test_a_call_that_was_only_accepted_has_no_result_and_no_error():
    call = called(b"Accepted", status=202)

    assert (call.output_messages, call.error_type) == ((), None)


@pytest.mark.parametrize(
    "method, tool, agent",
    [
        ("tools/call", True, False),
        ("message/send", False, True),
        ("message/stream", False, True),
        ("tasks/get", False, True),
        ("SendMessage", False, True),
        ("tools/list", False, False),
        ("initialize", False, False),
    ],
)
def test_a_request_is_known_by_its_method(method, tool, agent):
    request = Request(method="POST", uri=URI, body=json.dumps(rpc(method)).encode())

    assert (mcp.claims(request), a2a.claims(request)) == (tool, agent)


def test_what_is_no_json_rpc_is_not_claimed():
    for body in (b"", b"[]", b'{"method": "tools/call"}', b'{"jsonrpc": "2.0", "tools": 1}'):
        request = Request(method="POST", uri=URI, body=body)

        assert not mcp.claims(request)
        assert not a2a.claims(request)


def test_an_agent_that_answers_at_once_is_read_in_the_words_of_the_conventions():
    assert told(result(**message("4"))) == ModelCall(
        operation_name="invoke_agent",
        response_id="m-1",
        input_messages=(Message(role="user", parts=(TextPart(text="2 + 2?"),)),),
        parameters={"method": "message/send"},
        output_messages=(Message(role="assistant", parts=(TextPart(text="4"),)),),
        finish_reasons=(None,),
        provider_finish_reasons=(None,),
    )


def test_a_stream_of_an_agent_ends_with_its_answer():
    call = told(events_of(status("submitted"), status("working", "Thinking"), status("completed", "4", final=True)))

    assert call.streaming
    assert (call.output_text, call.finish_reasons, call.error_type) == ("4", ("stop",), None)
    assert (call.provider_finish_reasons, call.response_id) == (("completed",), "t-1")


def test_a_stream_cut_at_any_byte_is_a_call_with_what_was_received():
    piece = {"parts": [{"kind": "text", "text": "Größe"}]}
    made = result(kind="artifact-update", taskId="t-1", artifact=piece)
    body = events_of(status("working"), made, status("completed", " 7", final=True))
    calls = [told(body[:end], failure=CUT) for end in range(len("data:"), len(body))]

    assert all("Größe 7".startswith(call.output_text) for call in calls)
    assert all(call.error_type == (None if call.finish_reasons == ("stop",) else "cut") for call in calls)
    assert calls[-1].output_text == "Größe 7"


def test_a_task_is_what_was_made_and_what_was_said_of_it():
    task = {
        "kind": "task",
        "id": "t-1",
        "history": [ASKED["params"]["message"]],
        "artifacts": [{"parts": [{"kind": "file", "file": {"uri": "https://x.test/a.png"}}, {"text": "See "}]}],
        "status": {"state": "completed", "message": message("above")},
    }
    call = told(result(**task), asked=rpc("tasks/get", id="t-1"))

    assert call.input_messages == (Message(role="user", parts=(TextPart(text="2 + 2?"),)),)
    assert call.output_messages[0].parts == (
        MediaPart(kind="file", reference="https://x.test/a.png"),
        TextPart(text="See above"),
    )


def test_the_form_since_1_0_reads_like_the_one_before():
    asked = rpc("SendMessage", message={"role": "ROLE_USER", "parts": [{"text": "2 + 2?"}]})
    said = {"role": "ROLE_AGENT", "parts": [{"text": "4"}]}
    call = told(result(task={"id": "t-1", "status": {"state": "TASK_STATE_COMPLETED", "message": said}}), asked=asked)

    assert call.input_messages[0].role == "user"
    assert (call.output_text, call.finish_reasons, call.response_id) == ("4", ("stop",), "t-1")


@pytest.mark.parametrize("state", ["failed", "rejected", "canceled"])
def test_a_task_that_came_to_nothing_is_an_error_in_the_word_of_its_state(state):
    call = told(result(kind="task", id="t-1", status={"state": state, "message": message("No calculator")}))

    assert (call.error_type, call.error_message, call.finish_reasons) == (state, "No calculator", ("error",))


@pytest.mark.parametrize("read", [called, told])
@pytest.mark.parametrize("body", [b"", b"Hello", b"[]", b'{"choices": []}'])
def test_a_good_answer_of_another_format_is_undecodable(read, body):
    with pytest.raises(UndecodableExchange, match="a JSON-RPC object with `result`"):
        read(body)


FIELDS = dict.fromkeys(("kind", "content", "isError", "status", "parts", "artifacts", "history", "task"), JSON_VALUES)
RESULTS = st.fixed_dictionaries({}, optional=FIELDS) | JSON_VALUES


@pytest.mark.parametrize("module, asked", [(mcp, TOOL), (a2a, ASKED)], ids=["mcp", "a2a"])
@settings(max_examples=100, deadline=None)
@given(given_=RESULTS, params=JSON_VALUES)
def test_any_result_is_a_call_or_undecodable(module, asked, given_, params):
    body = {"jsonrpc": "2.0", "result": given_}
    for sent in (body, events_of(PROGRESS, body), given_):
        for request in (asked, {**asked, "params": params}):
            call = outcome_of(module.decode, exchange_of(sent, asked=request, uri=URI))

            assert call is None or call.operation_name in ("execute_tool", "invoke_agent")


def test_recorded_traffic_is_read_as_the_manifest_says():
    # The manifest knows the text of chats only.
    assert disagreements("mcp", except_for={("mcp", "output_text")}) == []
