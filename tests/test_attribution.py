"""Attribution on a table of changes, alone and in pairs: names exactly what changed, nothing else."""

import base64
import itertools
import json
from dataclasses import replace

import pytest
from recordings import SPEAKERS, Agent, Say, Tool, Turn, Use, calls_of

from pytest_llmwatch.drift.attribution import Attribution, attribution

CITY = {"type": "string", "description": "The city"}
DAYS = {"type": "integer", "enum": [1, 3, 7]}
FORECAST = Tool("get_forecast", "The weather to come.", {"city": CITY, "days": DAYS}, ("city",))
SEARCH = Tool("search_docs", "Finds passages.", {"query": {"type": "string"}}, ("query",))

ENGLISH = Agent(
    system="You help customers.\nBe polite.\nAnswer in two sentences.",
    said=(
        Say("user", "Hello there."),
        Say("assistant", "Hello! What can I do for you?"),
        Say("user", "Can I return a used phone, and what will the weather be in Berlin?"),
    ),
    tools=(FORECAST, SEARCH),
    parameters={"temperature": 0.2, "top_p": 1},
    turns=(
        Turn(
            uses=(
                Use("get_forecast", {"city": "Berlin", "days": 3}, '{"sky": "clear", "degrees": 21}'),
                Use("search_docs", {"query": "returns"}, "Used phones may be returned within 14 days."),
            )
        ),
        Turn(text="You can return it within 14 days for a fee of $40. The sky over Berlin stays clear."),
    ),
)
JAPANESE = Agent(
    system="お客様を手伝います。\n丁寧に話してください。\n二文で答えてください。",
    said=(
        Say("user", "こんにちは。"),
        Say("assistant", "こんにちは。ご用件は何でしょうか。"),
        Say("user", "中古の電話は返品できますか。京都の天気も教えてください。"),
    ),
    tools=(FORECAST, SEARCH),
    parameters={"temperature": 0.2, "top_p": 1},
    turns=(
        Turn(
            uses=(
                Use("get_forecast", {"city": "京都", "days": 3}, '{"空": "晴れ", "気温": 21}'),
                Use("search_docs", {"query": "返品"}, "中古の電話は14日以内に返品できます。"),
            )
        ),
        Turn(text="14日以内なら返品できます。手数料は4,000円です。京都は晴れが続きます。"),
    ),
)
AGENTS = {"en": ENGLISH, "ja": JAPANESE}
WORDS = {
    "en": {
        "polite": ("polite", "very brief"),
        "asked": ("used phone", "used laptop"),
        "passage": ("14 days", "30 days"),
        "number": ("$40", "$400"),
        "lost": (" within 14 days", ""),
        "city": "Munich",
    },
    "ja": {
        "polite": ("丁寧に", "簡潔に"),
        "asked": ("中古の電話", "中古の時計"),
        "passage": ("14日", "30日"),
        "number": ("4,000円", "40,000円"),
        "lost": ("14日以内なら", ""),
        "city": "大阪",
    },
}


def tools(agent, *, forecast=FORECAST, others=(SEARCH,)):
    return agent.but(tools=(forecast, *others))


def schema(agent, **properties):
    return tools(agent, forecast=replace(FORECAST, properties={"city": CITY, "days": DAYS} | properties))


def last(agent, before, after):
    text = agent.turns[-1].text

    assert before in text

    return agent.turn(-1, text=text.replace(before, after))


def media(agent, kind, data):
    final = agent.said[-1]
    sent = (kind, base64.b64encode(data).decode())
    return agent.but(said=(*agent.said[:-1], replace(final, media=(*final.media, sent))))


def result(agent, place, before, after):
    uses = list(agent.turns[0].uses)
    uses[place] = replace(uses[place], result=uses[place].result.replace(before, after))
    return agent.turn(0, uses=tuple(uses))


def argument(agent, **arguments):
    uses = list(agent.turns[0].uses)
    uses[0] = replace(uses[0], arguments=uses[0].arguments | arguments)
    return agent.turn(0, uses=tuple(uses))


# Each change: what it does to an agent, the causes and the effects it must be given, the place it touches.
# A name with {json} is that of OpenAI and Anthropic, with `generationConfig` before it that of Gemini.
CAUSES = {
    "system word": (lambda a, w: a.but(system=a.system.replace(*w["polite"])), "system prompt", "system"),
    "system line added": (lambda a, _: a.but(system=a.system + "\nNever guess."), "system prompt", "system"),
    "system line removed": (lambda a, _: a.but(system=a.system.rpartition("\n")[0]), "system prompt", "system"),
    "system removed": (lambda a, _: a.but(system=""), "system prompt", "system"),
    "user message edited": (
        lambda a, w: a.but(said=(*a.said[:2], replace(a.said[2], text=a.said[2].text.replace(*w["asked"])))),
        "user message 2",
        "said",
    ),
    "first message edited": (
        lambda a, _: a.but(said=(replace(a.said[0], text=a.said[0].text + " 😀"), *a.said[1:])),
        "user message 1",
        "said",
    ),
    "example edited": (
        lambda a, _: a.but(said=(a.said[0], replace(a.said[1], text=a.said[1].text + "!"), a.said[2])),
        "assistant message 1",
        "said",
    ),
    "message removed": (lambda a, _: a.but(said=a.said[1:]), "user message 1", "said"),
    "message added": (
        lambda a, _: a.but(said=(*a.said[:2], Say("user", "42 is my customer number / 42番です"), a.said[2])),
        "user message 2",
        "said",
    ),
    "tool added": (lambda a, _: tools(a, others=(SEARCH, Tool("pay", "Pays.", {}))), "tool pay", "tools"),
    "tool removed": (lambda a, _: tools(a, others=()), "tool search_docs", "tools"),
    "tool renamed": (lambda a, _: tools(a, others=(replace(SEARCH, name="find"),)), "tool: name", "tools"),
    "tool description": (
        lambda a, _: tools(a, forecast=replace(FORECAST, description="The weather.")),
        "tool get_forecast: description",
        "tools",
    ),
    "tool parameter added": (
        lambda a, _: schema(a, unit={"type": "string"}),
        "tool get_forecast, parameter unit",
        "tools",
    ),
    "tool parameter removed": (
        lambda a, _: tools(a, forecast=replace(FORECAST, properties={"city": CITY})),
        "tool get_forecast, parameter days",
        "tools",
    ),
    "tool parameter type": (
        lambda a, _: schema(a, days=DAYS | {"type": "number"}),
        "tool get_forecast, parameter days: type",
        "tools",
    ),
    "tool parameter enum": (
        lambda a, _: schema(a, days=DAYS | {"enum": [1, 3]}),
        "tool get_forecast, parameter days: enum",
        "tools",
    ),
    "tool parameter required": (
        lambda a, _: tools(a, forecast=replace(FORECAST, required=("city", "days"))),
        "tool get_forecast, parameter days: required",
        "tools",
    ),
    "tool parameter description": (
        lambda a, _: schema(a, city=CITY | {"description": "都市"}),
        "tool get_forecast, parameter city: description",
        "tools",
    ),
    "tool order": (lambda a, _: a.but(tools=a.tools[::-1]), "order of the tools", "tools"),
    "temperature": (
        lambda a, _: a.but(parameters=a.parameters | {"temperature": 0.9}),
        "{config}temperature",
        "temperature",
    ),
    "parameter removed": (
        lambda a, _: a.but(parameters={key: value for key, value in a.parameters.items() if key != "temperature"}),
        "{config}temperature",
        "temperature",
    ),
    "parameter list": (
        lambda a, _: a.but(parameters=a.parameters | {"stop": ["。", "END"]}),
        "{config}stop",
        "stop",
    ),
    "parameter object": (
        lambda a, _: a.but(parameters=a.parameters | {"metadata": {"tenant": "東京"}}),
        "{config}metadata",
        "metadata",
    ),
    "system lines swapped": (
        lambda a, _: a.but(system="\n".join(a.system.split("\n")[::-1])),
        "system prompt",
        "system",
    ),
    "system space": (lambda a, _: a.but(system=a.system + " "), "system prompt", "system"),
    "tool parameter nested": (
        lambda a, _: schema(a, city={"type": "object", "properties": {"name": CITY}}),
        None,
        "tools",
    ),
    "parameter added": (lambda a, _: a.but(parameters=a.parameters | {"seed": 7}), "{config}seed", "seed"),
    "model asked for": (lambda a, _: a.but(model="model-2"), "model asked for", "model"),
    "model served": (lambda a, _: a.but(served="model-1-2026-01"), "model served", "served"),
    "provider": (lambda a, _: a.but(host=1), "provider", "host"),
    "retrieved passage": (lambda a, w: result(a, 1, *w["passage"]), "result of search_docs", "passage"),
    "tool result": (lambda a, _: result(a, 0, "21", "12"), "result of get_forecast", "result"),
    "document added": (lambda a, _: media(a, "document", b"one"), "user message 2: file", "media"),
    "image added": (lambda a, _: media(a, "image", b"two"), "user message 2: image", "media"),
}
EFFECTS = {
    "worded otherwise": (lambda a, _: last(a, *WORDING[a.system[:1] == "Y"]), {("wording", "wording")}, "text"),
    "another number": (lambda a, w: last(a, *w["number"]), {("fact", "money"), ("wording", "wording")}, "text"),
    "fact lost": (lambda a, w: last(a, *w["lost"]), {("fact", "duration"), ("wording", "wording")}, "text"),
    "cut short": (lambda a, _: a.turn(-1, finish="length"), {("finish reason", "finish reason")}, "finish"),
    "more tokens": (lambda a, _: a.turn(-1, usage=(100, 99)), set(), "usage"),
    "slower": (lambda a, _: a.turn(-1, latency=9.0), set(), "latency"),
    "retried": (lambda a, _: a.turn(0, retries=2), set(), "retries"),
    "nothing but ids": (lambda a, _: a, set(), "ids"),
}
WORDING = {True: ("You can return", "You may return"), False: ("晴れが続きます", "ずっと晴れです")}


def found(attributed):
    causes = {(one.kind, one.name) for one in attributed.causes}
    effects = {(one.kind, one.name) for one in attributed.effects}
    return causes, effects, {(one.kind, one.name) for one in attributed.consequences}


NESTED = {
    "tool get_forecast, parameter city: type",
    "tool get_forecast, parameter city: description",
    "tool get_forecast, parameter city.name",
}


def causes_of(name, spoken):
    """The causes that a change must be given in a format."""
    cause = CAUSES[name][1]
    config = "generationConfig." if spoken == "gemini" else ""
    return NESTED if cause is None else {cause.format(config=config)}


def judged(agent, changed, spoken):
    return attribution(calls_of(agent, spoken), calls_of(changed, spoken))


def test_the_table_has_forty_changes():
    assert len(CAUSES) + len(EFFECTS) >= 40


@pytest.mark.parametrize("language", AGENTS)
@pytest.mark.parametrize("spoken", SPEAKERS)
@pytest.mark.parametrize("name", CAUSES)
def test_one_thing_sent_otherwise_is_the_one_cause(name, spoken, language):
    agent = AGENTS[language]
    change = CAUSES[name][0]

    attributed = judged(agent, change(agent, WORDS[language]), spoken)

    assert {one.name for one in attributed.causes} == causes_of(name, spoken)
    assert len(attributed.causes) == len(causes_of(name, spoken))
    assert (attributed.effects, attributed.verdict) == ((), "same")
    assert Attribution.from_json(json.loads(json.dumps(attributed.to_json()))) == attributed


@pytest.mark.parametrize("language", AGENTS)
@pytest.mark.parametrize("spoken", SPEAKERS)
@pytest.mark.parametrize("name", EFFECTS)
def test_one_thing_answered_otherwise_is_an_effect_without_a_cause(name, spoken, language):
    agent = AGENTS[language]
    change, effects, _ = EFFECTS[name]

    attributed = judged(agent, change(agent, WORDS[language]), spoken)

    assert found(attributed) == (set(), effects, set())


# The messages behind one that came or went have other numbers.
RENUMBERED = [("message removed", "document added"), ("message removed", "image added")]
RENUMBERED += [("message added", "document added"), ("message added", "image added")]
PAIRS = [
    (one, other)
    for one, other in itertools.combinations([*CAUSES, *EFFECTS], 2)
    if (CAUSES | EFFECTS)[one][2] != (CAUSES | EFFECTS)[other][2] and (one, other) not in RENUMBERED
]


@pytest.mark.parametrize("place", range(len(SPEAKERS)))
def test_two_changes_are_two_findings(place):
    for index, (one, other) in enumerate(PAIRS):
        spoken = [*SPEAKERS][(index + place) % len(SPEAKERS)]
        language = [*AGENTS][(index // 4) % 2]
        agent = changed = AGENTS[language]
        causes, effects = set(), set()
        for name in (one, other):
            changed = (CAUSES | EFFECTS)[name][0](changed, WORDS[language])
            causes |= causes_of(name, spoken) if name in CAUSES else set()
            effects |= EFFECTS[name][1] if name in EFFECTS else set()

        attributed = judged(agent, changed, spoken)

        assert {one.name for one in attributed.causes} == causes, (one, other, spoken, language)
        assert found(attributed)[1:] == (effects, set()), (one, other, spoken, language)
