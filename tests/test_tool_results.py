"""Tool calls and what became of them: pairing, and the failures that nobody raised."""

import pytest
from provider import text, tool_call

from pytest_llmwatch import Message, ModelCall, TextPart, ToolCallPart, ToolDefinition, ToolResult, ToolResultPart
from pytest_llmwatch.tool_results import failure_in, tool_failures, tool_results


def user(said):
    return Message(role="user", parts=(TextPart(text=said),))


def asks(*calls):
    return Message(role="assistant", parts=calls)


def gives(*results):
    return Message(role="tool", parts=results)


def asked(*messages, answer=None, finish="tool_call", **fields):
    said = answer or asks(TextPart(text="Done."))
    return ModelCall(input_messages=messages, output_messages=(said,), finish_reasons=(finish,), **fields)


def part(name, call_id=None, **arguments):
    return ToolCallPart(name=name, arguments=arguments, id=call_id)


def result(value, call_id=None):
    return ToolResultPart(result=value, id=call_id)


def results_of(*calls):
    return [one.result and one.result.result for one in tool_results(calls)]


HELLO = user("返品できますか")
A, B = part("search", "c1", q="電話"), part("weather", "c2", city="東京")


def test_results_are_paired_by_id_whatever_their_order():
    first = asked(HELLO, answer=asks(A, B))
    second = asked(HELLO, asks(A, B), gives(result("晴れ", "c2")), gives(result("14日以内", "c1")))

    assert results_of(first, second) == ["14日以内", "晴れ"]


@pytest.mark.parametrize("ids", [(None, None), ("search", "weather")], ids=["by order", "by name"])
def test_without_ids_results_are_paired_by_name_or_order(ids):
    one, other = part("search", q="a"), part("weather", city="b")
    first = asked(HELLO, answer=asks(one, other))
    second = asked(HELLO, asks(one, other), gives(result("r1", ids[0]), result("r2", ids[1])))

    assert results_of(first, second) == ["r1", "r2"]


def test_a_call_that_is_made_twice_has_its_own_result_each_time():
    same = part("search", "c1", q="a")
    turn = [HELLO, asks(same), gives(result("", "c1"))]
    first, second = asked(HELLO, answer=asks(same)), asked(*turn, answer=asks(same))
    third = asked(*turn, asks(same), gives(result("found", "c1")))

    assert results_of(first, second, third) == ["", "found"]


def test_equal_calls_of_two_conversations_are_told_apart():
    same = part("search", q="a")
    one, other = user("one"), user("two")
    calls = [asked(one, answer=asks(same)), asked(other, answer=asks(same))]
    calls += [asked(one, asks(same), gives(result("1"))), asked(other, asks(same), gives(result("2")))]

    assert results_of(*calls) == ["1", "2"]


def test_a_conversation_that_the_provider_keeps_has_results_alone():
    assert results_of(asked(HELLO, answer=asks(A, B)), asked(gives(result("x", "c2"), result("y", "c1")))) == ["y", "x"]


def test_documents_of_a_retrieval_answer_no_tool_call():
    assert results_of(asked(HELLO, answer=asks(A)), asked(gives(result("a document", "doc-1")))) == [None]


def test_a_tool_that_the_provider_ran_has_its_result_in_the_answer():
    searched = asked(HELLO, answer=asks(part("web_search", "s1"), result(["hit"], "s1")), finish="stop")
    silent = asked(HELLO, answer=asks(part("web_search_call", "s2")), finish="stop")

    assert results_of(searched, silent) == [["hit"]]


def test_a_call_that_nobody_answered_is_a_failure():
    first = asked(HELLO, answer=asks(A, B))
    second = asked(HELLO, asks(A, B), gives(result("14日以内", "c1")))
    lonely = asked(user("x"), answer=asks(A))

    assert [one.reason for one in tool_failures([first, second])] == [
        "no result: the request that went on with the conversation has none for it"
    ]
    assert [one.reason for one in tool_failures([lonely])] == ["no result: no request followed that has one"]


@pytest.mark.parametrize(
    "parameters",
    [
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function", "function": {"name": "search"}}},
        {"tool_choice": {"type": "any"}},
        {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
    ],
)
def test_a_forced_call_is_the_answer_itself(parameters):
    call = asked(HELLO, answer=asks(A), parameters=parameters, tool_definitions=(ToolDefinition(name="search"),))

    assert tool_failures([call]) == ()
    assert len(tool_results([call])) == 1


@pytest.mark.parametrize(
    "value",
    [
        "Error: connection refused",
        "error executing tool search: 500",
        "ValueError: bad id",
        "requests.exceptions.ConnectionError: [Errno 111]",
        "Traceback (most recent call last):\n  File" + " x" * 900,
        "<tool_use_error>File not found</tool_use_error>",
        "[ERROR] no route",
        "Failed to fetch the order",
        "Could not find order 17",
        "Tool search not found",
        "Unknown tool: serch",
        "Permission denied",
        "Request timed out",
        "HTTP 503",
        "404 Not Found",
        "An error occurred while searching",
        "エラー: 接続できません",
        "エラーが発生しました。",
        "注文の取得に失敗しました",
        "接続に失敗したため、中止します",
        "Error: none\nError: disk full",
        "Error: no such order",
        "タイムアウトしました",
        "検索できませんでした。",
        {"error": "no such order"},
        '{"error": {"message": "quota", "code": 429}}',
        '{"success": false, "data": null}',
        '{"ok": false}',
        {"status": "error", "detail": "x"},
        {"status": 500, "body": "..."},
        {"isError": True, "content": [{"type": "text", "text": "x"}]},
        {"エラー": "見つからない"},
        {"状態": "失敗"},
        {"result": {"error": "x"}},
        [{"type": "text", "text": '{"error": "x"}'}],
        [{"text": "Error: x"}],
        [{"json": {"error": "x"}}],
        {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"},
        [{"error": "a"}, {"error": "b"}],
    ],
    ids=repr,
)
def test_an_error_inside_a_result_is_a_failure(value):
    assert failure_in(value).startswith("an error: ")


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", " \n", "null", "None", "[]", "{}", '""', [], {}),
        *({"results": []}, '{"results": [], "total": 0}', {"result": ""}, {"output": None}, [None, ""]),
        *([{"type": "text", "text": ""}], "No results found.", "0 results", "no matching documents found"),
        *("There are no records for order 17", "Nothing found", "結果なし", "該当する注文はありません。"),
        *("商品が見つかりませんでした", "データがありません", "0件"),
    ],
    ids=repr,
)
def test_an_empty_result_is_a_failure(value):
    assert failure_in(value).startswith("the result is empty")


@pytest.mark.parametrize(
    "value",
    [
        *(0, False, "0", "false", "ok", "18 C", "晴れ、18度", "No", "いいえ"),
        *("Error rates fell by 3 % in May.", "Errors are refunded within 14 days.", "Terror alerts", "Timeout is 30 s"),
        *("Cannot be returned after 14 days.", "返品できません。", "エラー率は3%です", "失敗を恐れない人の話"),
        *(
            "No problem, it was sent.",
            "Empty your cart first.",
            "なし崩しに進む",
            "空港まで5分です",
            "404 rooms are free",
        ),
        *({"error": None, "data": 1}, {"error": "", "rows": [1]}, {"errors": [], "id": 1}, {"error": False, "id": 2}),
        *({"status": "ok"}, {"status": 200, "results": [1]}, {"count": 0}, {"deleted": False}, {"success": True}),
        *({"ok": True, "data": None}, {"results": [], "items": [1]}, {"state": "California"}, {"failed": 0}),
        *([{"error": "a"}, {"id": 1}], [{"type": "image", "source": {}}], [0], "{not json", "[1, 2"),
        *("Error: none", "error: null", "エラー: なし", "Errors: 0", "Error: none\nRows: 3"),
        *("返品に失敗したお客様向けの案内です", "支払いに失敗した注文は3件です"),
        *("\ud800\x00", "A long report. " * 60 + "Error: none", "x" * 10**6, "[" * 10**5),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_result_that_says_something_is_no_failure(value):
    assert failure_in(value) is None


def test_a_result_marked_as_an_error_is_a_failure_whatever_it_says():
    call = asked(HELLO, answer=asks(A))
    answered = asked(HELLO, asks(A), gives(ToolResultPart(result="18 C", id="c1", is_error=True)))

    assert [one.reason for one in tool_failures([call, answered])] == ["an error: 18 C"]


def test_the_repr_is_one_short_safe_line():
    call = part("search", q="\x1b[31m" + "電話" * 500)

    shown = repr(ToolResult(call=call, is_failure=True, reason="the result is empty"))

    assert shown.startswith('ToolResult(search {"q": "\\u001b[31m')
    assert shown.endswith(": the result is empty)")
    assert len(shown) < 130


AGENT = """
import os

import openai
from pytest_llmwatch import called, calls_in_order, no_call_of, valid_tool_calls

SCHEMA = {{"type": "object", "properties": {{"q": {{"type": "string"}}}}, "required": ["q"]}}
TOOLS = [{{"type": "function", "function": {{"name": "search", "parameters": SCHEMA}}}}]


def agent(question, found):
    messages = [{{"role": "user", "content": question}}]
    client = openai.OpenAI(base_url=os.environ["MODEL_BASE_URL"], max_retries=0)
    while True:
        answer = client.chat.completions.create(model="gpt-5-mini", messages=messages, tools=TOOLS).choices[0].message
        if not answer.tool_calls:
            return answer.content
        messages.append(answer.model_dump(exclude_none=True))
        for call in answer.tool_calls:
            messages.append({{"role": "tool", "tool_call_id": call.id, "content": found}})


def test_agent(llm_cassette):
    agent("電話を返品できますか", {found!r})

    assert llm_cassette.tool_calls == called("search", arguments={{"q": "電話"}}, times=1)
    assert llm_cassette.tool_calls == calls_in_order("search", only=True)
    assert llm_cassette == no_call_of("delete_*")
    assert llm_cassette == valid_tool_calls()
    assert [one.result.result for one in llm_cassette.tool_results] == [{found!r}]
"""


@pytest.mark.parametrize("flag", ["--llm-record", None])
def test_an_agent_is_judged_on_recording_and_on_replay(project, provider, flag):
    provider.script(tool_call("search", {"q": "電話"}), text("14日以内なら。"))
    project.write(test_bot=AGENT.format(found="14日以内"))
    project.pytest("--llm-record").assert_outcomes(passed=1)
    if flag is None:
        provider.stop()
        project.pytest().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "setting, outcomes",
    [("ignore", {"passed": 1}), ("warn", {"passed": 1, "warnings": 1}), ("fail", {"failed": 1}), ("", {"passed": 1})],
)
def test_silent_tool_failures_do_what_the_ini_option_says(project, provider, setting, outcomes):
    provider.script(tool_call("search", {"q": "電話"}), text("わかりません。"))
    project.write(test_bot=AGENT.format(found='{"error": "timeout"}'))
    project.pytest("--llm-record").assert_outcomes(passed=1)
    project.write_file("pytest.ini", f"[pytest]\naddopts = -p no:randomly\nllm_tool_failures = {setting}\n")

    result = project.pytest()

    result.assert_outcomes(**outcomes)
    if setting in ("warn", "fail"):
        result.stdout.fnmatch_lines(['*search {"q": "電話"}*', "*an error: error: timeout*"])


def test_where_warnings_are_errors_a_silent_tool_failure_fails_the_test(project, provider):
    provider.script(tool_call("search", {"q": "電話"}), text("わかりません。"))
    project.write(test_bot=AGENT.format(found=""))
    project.pytest("--llm-record").assert_outcomes(passed=1)
    project.write_file("pytest.ini", "[pytest]\naddopts = -p no:randomly\nllm_tool_failures = warn\n")

    project.pytest("-W", "error::pytest_llmwatch.tool_verdict.ToolFailureWarning").assert_outcomes(failed=1)


def test_another_value_of_the_option_is_refused(project):
    project.write_file("pytest.ini", "[pytest]\nllm_tool_failures = maybe\n")
    project.write(test_bot="def test_a(): pass\n")

    result = project.pytest()

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*use warn, fail or ignore (llm_tool_failures)*"])


def test_the_assertion_names_the_tool_and_why(project, provider):
    provider.script(tool_call("search", {"q": "電話"}), text("わかりません。"))
    project.write(test_bot=AGENT.format(found="[]") + "    assert llm_cassette.tool_failures == ()\n")

    result = project.pytest("--llm-record")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['*ToolResult(search {"q": "電話"}: the result is empty)*'])
