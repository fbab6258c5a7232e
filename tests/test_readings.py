from decimal import Decimal

from pytest_llmwatch.calls import Message, ModelCall, TextPart, ToolCallPart, ToolDefinition, ToolResultPart, Usage
from pytest_llmwatch.readings import prompt_hash, reading_of, tools_hash
from pytest_llmwatch.yaml_text import emit

ASKED = (Message(role="user", parts=(TextPart(text="返品できますか"),)),)


LOOKS_UP = ToolCallPart(name="find_order", arguments={"order": "A-1"})


def test_a_reading_says_what_the_call_was_one_fact_a_line():
    call = ModelCall(
        operation_name="chat",
        provider_name="openai",
        request_model="gpt-5-mini",
        response_model="gpt-5-mini-2025-08-07",
        input_messages=ASKED,
        parameters={"temperature": 0.2, "stop": ["END"], "stream": False},
        output_messages=(
            Message(
                role="assistant",
                parts=(TextPart(text="はい。\n14日以内です。"), LOOKS_UP),
            ),
        ),
        finish_reasons=("stop",),
        usage=Usage(input_tokens=12, output_tokens=9),
        cost=Decimal("0.0000210"),
    )

    assert emit(reading_of(call, attempt=2)) == (
        "operation_name: chat\n"
        "provider_name: openai\n"
        "request_model: gpt-5-mini\n"
        "response_model: gpt-5-mini-2025-08-07\n"
        "attempt: 2\n"
        "parameters:\n"
        "  temperature: 0.2\n"
        '  stop: ["END"]\n'
        f"prompt_sha256: {emit(prompt_hash(ASKED))}"
        'usage: {"input_tokens": 12, "output_tokens": 9}\n'
        'cost_usd: "0.0000210"\n'
        'finish_reasons: ["stop"]\n'
        "tool_calls:\n"
        '- {"name": "find_order", "arguments": {"order": "A-1"}}\n'
        "output_text: |-\n"
        "  はい。\n"
        "  14日以内です。\n"
    )


def test_what_is_not_known_is_left_out():
    assert reading_of(ModelCall()) == {"operation_name": "unknown"}


def test_a_long_parameter_is_a_hash_as_it_stands_in_the_request():
    schema = {"type": "json_schema", "schema": {"properties": {f"field_{number}": {} for number in range(40)}}}
    facts = reading_of(ModelCall(parameters={"response_format": schema, "seed": 7}))

    assert list(facts["parameters"]["response_format"].value) == ["sha256"]
    assert facts["parameters"]["seed"] == 7


def test_the_prompt_hash_ignores_the_ids_of_tool_calls():
    def talk(identity):
        called = ToolCallPart(name="find", arguments={"order": 1}, id=identity)
        return (
            Message(role="assistant", parts=(called,)),
            Message(role="tool", parts=(ToolResultPart(result="ok", id=identity),)),
        )

    assert prompt_hash(talk("call_1")) == prompt_hash(talk("call_2"))
    assert prompt_hash(talk("call_1")) != prompt_hash(talk("call_1")[:1])


def test_the_tools_hash_sees_a_changed_description():
    one = ToolDefinition(name="find", description="Find an order.", parameters={"type": "object"})
    other = ToolDefinition(name="find", description="Find orders.", parameters={"type": "object"})

    assert tools_hash([one]) != tools_hash([other])
