"""What a reviewer sees when the same answers are recorded again: only what no two recordings share."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import replace

import yaml
from provider import stream, text, tool_call

ASKS = """
    import json
    import os
    import urllib.request
    from pathlib import Path

    import pytest

    pytestmark = pytest.mark.llm
    TOOLS = [{"type": "function", "function": {"name": "refund", "parameters": {"type": "object"}}}]


    def ask(content, **parameters):
        body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": content}], **parameters}
        url = os.environ["MODEL_BASE_URL"] + "/chat/completions"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request) as response, Path("heard.txt").open("ab") as heard:
            heard.write(response.read().rstrip() + b"\\n\\n")


    def test_plain():
        ask("Can I return a used phone?")
        ask("And who pays the postage?")


    def test_stream():
        ask("Say it for a child.", stream=True, stream_options={"include_usage": True})


    def test_tool():
        ask("Refund order 17.", tools=TOOLS)


    def test_streamed_tool():
        ask("Refund order 18.", tools=TOOLS, stream=True)
"""

ANSWERS = (
    text("Within 14 days,\nif it is undamaged.\n"),
    text("返品の送料はお客様のご負担です。"),
    stream("You can bring it back. Two weeks, no more!", chunks=9),
    tool_call("refund", {"order": 17, "reason": "defect"}),
    tool_call("refund", {"order": 18, "reason": "壊れた"}),
)
INTERACTIONS = {"test_plain": 2, "test_stream": 1, "test_tool": 1, "test_streamed_tool": 1}


def drawn(answer, *, seed):
    """The same answer with everything that a hosted model draws anew at every call."""

    def anew(request):
        reply = replace(answer(request), wait=seed / 1000)
        pieces = tuple(piece_drawn(piece, seed * 1000 + place) for place, piece in enumerate(reply.pieces))
        headers = [(name, value) for name, value in reply.headers if name not in ("x-request-id", "set-cookie")]
        headers += [
            ("x-request-id", f"req_{seed:032}"),
            ("set-cookie", f"__cf_bm=cookie{seed}; path=/"),
            ("x-ratelimit-remaining-tokens", str(150_000 - seed)),
            ("cf-ray", f"{seed:016}-NRT"),
        ]
        own = [(name, str(seed) if name == "openai-processing-ms" else value) for name, value in headers]
        return replace(reply, pieces=pieces, headers=tuple(own))

    return anew


def piece_drawn(piece, seed):
    """One body or one event with ids, times and padding of its own; all events of a stream share the id."""
    is_event = piece.startswith(b"data: ")
    if piece.endswith(b"[DONE]\n\n"):
        return piece
    value = json.loads(piece.removeprefix(b"data: "))
    value |= {"id": f"chatcmpl-{seed // 1000:029}", "created": 1_770_000_000 + seed // 1000}
    for choice in value["choices"]:
        for call in (choice.get("message") or choice["delta"]).get("tool_calls", ()):
            if "id" in call:
                call["id"] = f"call_{seed // 1000:024}"
    if not is_event:
        return json.dumps(value, ensure_ascii=False, indent=2).encode()
    value["obfuscation"] = "x7Kq"[: seed % 4 + 1] * (seed // 1000)
    return b"data: %b\n\n" % json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def record(project, provider, *, seed):
    """The cassettes of one recording, and what the tests heard."""
    provider.script(*[drawn(answer, seed=10 * seed + place) for place, answer in enumerate(ANSWERS)])
    project.pytest("--llm-record").assert_outcomes(passed=len(INTERACTIONS))
    files = {name: project.cassette(name).read_text(encoding="utf-8") for name in INTERACTIONS}
    return files, heard(project)


def heard(project):
    file = project.path / "heard.txt"
    content = file.read_text(encoding="utf-8")
    file.unlink()
    return re.sub(r',"obfuscation":"\w*"', "", content)


def changed_lines(before, after):
    """The lines of each text that are not in the other, by their numbers."""
    old, new = before.splitlines(), after.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    changes = [change for change in matcher.get_opcodes() if change[0] != "equal"]
    gone = {number: old[number] for _, start, end, _, _ in changes for number in range(start, end)}
    come = {number: new[number] for _, _, _, start, end in changes for number in range(start, end)}
    return gone, come


def lines_of_head(content):
    """The numbers of the lines of the block `recorded`."""
    lines = content.splitlines()
    start = lines.index("recorded:")
    end = next(number for number, line in enumerate(lines) if number > start and not line.startswith(" "))
    return range(start + 1, end)


def test_recording_the_same_answers_again_changes_the_head_and_one_line_per_interaction(project, provider):
    project.write(test_bot=ASKS)
    first, first_heard = record(project, provider, seed=1)
    second, second_heard = record(project, provider, seed=2)

    assert first_heard != second_heard
    for name, interactions in INTERACTIONS.items():
        gone, come = changed_lines(first[name], second[name])
        for content, changed in ((first[name], gone), (second[name], come)):
            outside = {number: line for number, line in changed.items() if number not in lines_of_head(content)}
            assert all(line.strip().startswith("varies: {") for line in outside.values()), (name, outside)
            assert len(outside) == interactions, (name, outside)


def test_what_varies_stands_after_the_reading_and_is_served_again(project, provider):
    project.write(test_bot=ASKS)
    files, recorded = record(project, provider, seed=1)
    provider.stop()

    project.pytest().assert_outcomes(passed=len(INTERACTIONS))

    assert values_in(heard(project)) == values_in(recorded)
    for name, content in files.items():
        for interaction in yaml.safe_load(content)["interactions"]:
            keys = list(interaction)
            assert keys[keys.index("call") + 1] == "varies", (name, keys)


def values_in(content):
    """What was heard, event by event and body by body: JSON is recorded by its value."""
    return [value_of(piece) for piece in content.split("\n\n")]


def value_of(piece):
    try:
        return json.loads(piece.removeprefix("data: "))
    except ValueError:
        return piece
