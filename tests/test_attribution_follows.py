"""What follows from an earlier answer is not taken for a change of the prompt; JSON answers, errors, loose calls."""

import itertools
import json
from dataclasses import replace
from decimal import Decimal

import pytest
from recordings import SPEAKERS, Say, Turn, Use, calls_of
from test_attribution import AGENTS, ENGLISH, found, judged

from pytest_llmwatch.calls import Message, ModelCall, TextPart
from pytest_llmwatch.drift.attribution import attribution
from pytest_llmwatch.drift.groups import grouped
from pytest_llmwatch.drift.verdicts import Tolerance
from pytest_llmwatch.reports.attribution_page import lines_of, wrapped


def message(role, text):
    return Message(role=role, parts=(TextPart(text=text),))


def asked(*texts, answer="Yes.", **facts):
    roles = ("user", "assistant") * len(texts)
    messages = tuple(message(role, text) for role, text in zip(roles, texts, strict=False))
    answered = (message("assistant", answer),)
    return ModelCall(operation_name="chat", input_messages=messages, output_messages=answered, **facts)


def with_use(agent, *, result="It rains.", **arguments):
    uses = list(agent.turns[0].uses)
    uses[0] = replace(uses[0], arguments=uses[0].arguments | arguments, result=result)
    return agent.turn(0, uses=tuple(uses))


@pytest.mark.parametrize("spoken", SPEAKERS)
def test_another_argument_of_a_tool_call_is_an_effect_and_what_is_told_of_it_later_follows(spoken):
    attributed = judged(ENGLISH, with_use(ENGLISH, city="Munich"), spoken)

    causes, effects, consequences = found(attributed)
    assert causes == set()
    assert effects == {("tool call", "tool call get_forecast, argument city")}
    assert {name for _kind, name in consequences} >= {"result of get_forecast"}
    assert all(change.calls == (2,) for change in attributed.consequences)


@pytest.mark.parametrize("spoken", SPEAKERS)
def test_one_more_tool_called_is_one_effect(spoken):
    more = Use("pay", {"amount": 3}, "paid")
    changed = ENGLISH.turn(0, uses=(*ENGLISH.turns[0].uses, more))

    attributed = judged(ENGLISH, changed, spoken)

    causes, effects, consequences = found(attributed)
    assert (causes, effects) == (set(), {("tool call", "tool call pay")})
    assert consequences


@pytest.mark.parametrize("spoken", SPEAKERS)
def test_one_more_turn_of_an_agent_follows_from_the_answer_before_it(spoken):
    extra = Turn(uses=(Use("get_forecast", {"city": "Hamburg"}, "It rains there."),))
    first = ENGLISH.turn(0, uses=ENGLISH.turns[0].uses[:1])
    changed = first.but(turns=(first.turns[0], extra, first.turns[1]))

    attributed = judged(ENGLISH, changed, spoken)

    causes, effects, consequences = found(attributed)
    assert (causes, effects) == (set(), {("tool call", "tool call search_docs")})
    assert ("call", "call") in consequences
    assert attributed.verdict == "drifted"


def test_a_call_that_the_application_makes_anew_is_one_cause():
    agent = AGENTS["en"].but(turns=ENGLISH.turns[1:], tools=())
    calls = calls_of(agent, "openai_chat")
    another = calls_of(agent.but(said=(Say("user", "Which language is this?"),)), "openai_chat")

    added = attribution(calls, [*another, *calls])
    removed = attribution([*another, *calls], calls)

    assert [(one.kind, one.calls) for one in added.causes] == [("call", (1,))]
    assert [(one.kind, one.calls) for one in removed.causes] == [("call", (1,))]
    assert added.sentence.startswith("call 1 was added; the answer is the same")
    assert added.verdict == removed.verdict == "drifted"
    told = lines_of(added, width=40)
    assert any("asked: Which language is this?" in line for line in told), told


def test_a_new_call_with_the_words_of_an_old_one_is_said_to_be_like_it():
    agent = AGENTS["en"].but(turns=ENGLISH.turns[1:], tools=())
    calls = calls_of(agent, "openai_chat")[:1]
    told = replace(
        calls[0],
        input_messages=(Message(role="system", parts=(TextPart(text="Be long."),)), *calls[0].input_messages),
    )

    added = attribution(calls, [*calls, told]).causes
    assert added[0].after["like"].startswith("call 1, sent otherwise; ")
    assert "like" not in attribution(calls, [*calls, replace(told, input_messages=())]).causes[0].after


def test_calls_made_at_the_same_time_may_come_in_any_order():
    one, other = asked("Translate: cat", answer="Katze"), asked("Summarise the report", answer="It is short.")

    assert attribution([one, other], [other, one]).is_same


def test_a_changed_prompt_is_one_cause_for_all_calls_that_sent_it():
    before = [asked("One?", answer="1"), asked("Two?", answer="2"), asked("Three?", answer="3")]
    after = [replace(call, input_messages=(message("system", "Be brief."), *call.input_messages)) for call in before]

    attributed = attribution(before, after)

    assert [(one.kind, one.calls) for one in attributed.causes] == [("system prompt", (1, 2, 3))]


@pytest.mark.parametrize(
    "answers, prompts",
    [
        (("Katze", "Kater"), ("Spell this: {}", "Spell this: {}")),
        (('{"name": "Ann", "age": 7}', '{"name": "Bob", "age": 7}'), ("About Ann, aged 7", "About Bob, aged 7")),
        (("東京です。", "大阪です。"), ("次の文を英語にしてください。{}", "次の文を英語にしてください。{}")),
    ],
)  # fmt: skip
def test_an_answer_put_into_the_next_prompt_is_a_consequence(answers, prompts):
    recordings = [
        [asked("First", answer=answer), asked(prompt.format(answer) if "{}" in prompt else prompt, answer="Done.")]
        for answer, prompt in zip(answers, prompts, strict=True)
    ]

    attributed = attribution(*recordings)

    assert attributed.causes == ()
    assert [one.name for one in attributed.consequences] == ["user message 1"]


def test_a_prompt_that_changed_beside_the_answer_in_it_is_a_cause():
    before = [asked("First", answer="Katze"), asked("Spell this: Katze")]
    after = [asked("First", answer="Kater"), asked("Write this backwards: Kater")]

    assert [one.name for one in attribution(before, after).causes] == ["user message 1"]


def test_the_id_of_an_earlier_answer_is_no_parameter_that_changed():
    recordings = [
        [
            asked("One?", response_id=f"resp_{number}"),
            asked("Two?", parameters={"previous_response_id": f"resp_{number}"}),
        ]
        for number in (1, 2)
    ]

    assert attribution(*recordings).is_same


@pytest.mark.parametrize(
    "before, after, effects, verdict",
    [
        ({"a": 1, "b": [1, 2]}, {"a": 2, "b": [1, 2]}, [("field", "a")], "broken"),
        ({"a": {"b": "x"}}, {"a": {}}, [("field", "a.b")], "broken"),
        ({"a": 1}, {"a": 1, "c": 3}, [("field", "c")], "broken"),
        ({"a": 1}, {"a": "1"}, [("field", "a")], "broken"),
        ([1, 2, 3], [1, 3], [("field", "[1]")], "broken"),
        ({"都市": "東京"}, {"都市": "大阪"}, [("field", "都市")], "broken"),
    ],
)
def test_json_answers_are_compared_by_their_paths(before, after, effects, verdict):
    attributed = attribution(
        [asked("?", answer=json.dumps(before))], [asked("?", answer=json.dumps(after, ensure_ascii=False, indent=1))]
    )

    assert [(one.kind, one.name) for one in attributed.effects] == effects
    if before != {"都市": "東京"}:
        assert attributed.verdict == verdict


@pytest.mark.parametrize(
    "after, shape",
    [
        ('```json\n{"a": 1}\n```', "JSON in a code fence"),
        ('{"a": 1', "JSON that does not parse"),
        ("The value of a is 1.", "plain text"),
    ],
)
def test_json_that_is_none_any_more_is_a_broken_format(after, shape):
    attributed = attribution([asked("?", answer='{"a": 1}')], [asked("?", answer=after)])

    assert attributed.verdict == "broken"
    assert (attributed.effects[0].kind, attributed.effects[0].after) == ("format", shape)
    assert (
        f"the answer is no longer JSON but {shape!r}".replace("'", '"') in attributed.sentence
        or shape in attributed.sentence
    )


@pytest.mark.parametrize("spoken", SPEAKERS)
def test_an_error_where_there_was_an_answer_breaks_it(spoken):
    attributed = judged(ENGLISH, ENGLISH.turn(-1, status=503, text=""), spoken)

    assert attributed.effects[0].kind == "error"
    assert attributed.verdict == "broken"
    assert attributed.causes == ()


def test_sdks_are_compared_where_both_are_known():
    calls = [asked("?")]

    changed = attribution(calls, calls, sdks_before={"openai": "1.9.0"}, sdks_after={"openai": "2.1.0", "httpx": "1"})
    unknown = attribution(calls, calls, sdks_before=None, sdks_after={"openai": "2.1.0"})

    assert [(one.kind, one.name) for one in changed.causes] == [("SDK", "openai"), ("SDK", "httpx")]
    assert unknown.is_same


def test_the_tolerance_of_the_test_is_the_one_that_counts():
    before, after = [asked("?", answer="It takes 14 days.")], [asked("?", answer="It takes 15 days.")]

    assert attribution(before, after).verdict == "broken"
    assert attribution(before, after, tolerance=Tolerance(facts=False)).verdict == "within tolerance"
    assert attribution(before, after, tolerance=Tolerance(ignore=(r"~ \d+ days",))).verdict == "same"


def test_the_sentence_is_what_a_person_would_say():
    before = [
        asked(
            "Can I return it?", answer="Yes, you can return it within 14 days.",
            request_model="x", response_model="x-2025-08", cost=Decimal("0.0100"),
        )
    ]  # fmt: skip
    prompt = message("system", "You help.\nBe kind.\nUse two sentences.")
    before = [replace(before[0], input_messages=(prompt, *before[0].input_messages))]
    after = [
        replace(
            before[0],
            response_model="x-2026-01",
            input_messages=(message("system", "You help.\nBe kind.\nUse one."), *before[0].input_messages[1:]),
            output_messages=(message("assistant", "Yes, you can return it."),),
            cost=Decimal("0.0088"),
        )
    ]

    sentence = attribution(before, after).sentence

    assert sentence.startswith(
        "the model served moved from x-2025-08 to x-2026-01, the system prompt's third line changed; "
        "the answer lost 14 days; similarity 0."
    )
    assert sentence.endswith("; 12 % cheaper")


def test_a_run_is_grouped_by_what_the_answers_have_in_common():
    before = [asked("?", answer="It takes 14 days.", request_model="x", response_model="x-2025-08")]
    worded = [
        replace(before[0], response_model="x-2026-01", output_messages=(message("assistant", "14 days it takes."),))
    ]
    broken = [
        replace(before[0], response_model="x-2026-01", output_messages=(message("assistant", "It takes 30 days."),))
    ]
    other = [replace(before[0], output_messages=(message("assistant", "It always takes 14 days."),))]

    groups = grouped([attribution(before, each) for each in [worded, worded, broken, other, before]])

    assert [group.sentence for group in groups] == [
        "3 answers changed after the model served moved from x-2025-08 to x-2026-01; 1 of them broken",
        "1 answer changed though nothing that was sent changed",
    ]
    assert groups[0].members[0].verdict == "broken"
    assert grouped([attribution(before, worded)] * 2)[0].sentence == (
        "2 answers changed, all after the model served moved from x-2025-08 to x-2026-01"
    )


def test_the_facts_of_an_answer_are_told_in_one_breath():
    attributed = attribution(
        [asked("?", answer="Return it within 14 days, minus a 10% fee, for $5.")],
        [asked("?", answer="Return it, minus a 20% fee, for $6.")],
    )

    assert "the answer says" in attributed.sentence
    assert attributed.sentence.count("the answer") == 1
    assert " and lost 14 days; " in attributed.sentence


@pytest.mark.parametrize(
    "text, width, lines",
    [
        ("the model served moved to gpt-5-mini-2025-08-07", 40, ["the model served moved to", "gpt-5-mini-2025-08-07"]),
        ("返品は14日以内です。手数料は無料です。", 20, ["返品は14日以内です。", "手数料は無料です。"]),
        ("a" * 50, 40, ["a" * 50]),
        ("", 40, []),
    ],
)
def test_lines_are_broken_at_spaces_and_between_japanese_letters(text, width, lines):
    assert wrapped(text, width) == lines


@pytest.mark.parametrize("spoken, other", list(itertools.combinations(SPEAKERS, 2)))
def test_the_same_conversation_in_another_format_differs_in_nothing_that_was_said(spoken, other):
    attributed = attribution(calls_of(ENGLISH, spoken), calls_of(ENGLISH, other))

    assert {one.kind for one in attributed.causes} <= {"provider", "parameter"}
    assert (attributed.effects, attributed.consequences) == ((), ())


def test_a_value_as_deep_as_no_stack_is_not_comparable():
    deep: list = []
    for _ in range(20_000):
        deep = [deep]
    calls = [asked("?"), asked("?", parameters={"deep": deep})]

    assert attribution(calls[:1], calls[1:]).verdict in ("same", "not comparable")


def test_a_tool_result_that_goes_missing_is_one_change():
    said = tuple(one for one in ENGLISH.said)
    uses = ENGLISH.turns[0].uses
    fewer = ENGLISH.turn(0, uses=uses[:1])

    attributed = judged(ENGLISH.but(said=said), fewer, "anthropic")

    assert found(attributed)[1] == {("tool call", "tool call search_docs")}
    assert found(attributed)[2] == {("message", "call of search_docs"), ("retrieval", "result of search_docs")}
