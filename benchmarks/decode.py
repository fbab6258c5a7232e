"""How fast streams are read, in megabytes of body per second, against what the provider's own package needs for them.

    python benchmarks/decode.py                          # long generated streams
    LLMWATCH_CORPUS=... python benchmarks/decode.py      # and recorded ones

Both sides get the same bytes in the same process, in turn, with the network left out: ours makes a `ModelCall`, the
package's own classes parse the stream and accumulate the answer where they can. It needs openai, anthropic,
google-genai and botocore. A figure is the median of the rounds, in CPU time.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmwatch import aws_frames, wire
from pytest_llmwatch.cassette import parse
from pytest_llmwatch.exchange import Exchange, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Read = Callable[[bytes], str]

BAR = 1.0
WORDS = ("Within 14 days, ", "if undamaged, ", "返品できます。", 'we refund \\"all\\" of it.\n')
PATHS = {
    "openai_chat": "https://api.openai.com/v1/chat/completions",
    "openai_responses": "https://api.openai.com/v1/responses",
    "anthropic_messages": "https://api.anthropic.com/v1/messages",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
    "bedrock_converse": "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse-stream",
}
ASKED = {
    "openai_chat": {"model": "gpt-5-mini", "stream": True, "messages": [{"role": "user", "content": "?"}]},
    "openai_responses": {"model": "gpt-5-mini", "stream": True, "input": "?"},
    "anthropic_messages": {"model": "claude", "stream": True, "max_tokens": 9, "messages": []},
    "gemini": {"contents": [{"parts": [{"text": "?"}]}]},
    "bedrock_converse": {"messages": [{"role": "user", "content": [{"text": "?"}]}]},
}


def generated(name: str, pieces: int) -> bytes:
    """A stream of so many pieces of text, as the provider writes it."""
    texts = [WORDS[number % len(WORDS)] for number in range(pieces)]
    return {
        "openai_chat": chat_stream,
        "openai_responses": responses_stream,
        "anthropic_messages": messages_stream,
        "gemini": gemini_stream,
        "bedrock_converse": converse_stream,
    }[name](texts)


def events(items: list[dict[str, object]], *, named: bool = False, end: str = "") -> bytes:
    lines = (
        (f"event: {item['type']}\n" if named else "") + f"data: {json.dumps(item, ensure_ascii=False)}\n\n"
        for item in items
    )
    return ("".join(lines) + end).encode()


def chat_stream(texts: list[str]) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1764000000, "model": "gpt-5-mini"}
    usage = {"prompt_tokens": 9, "completion_tokens": len(texts), "total_tokens": 9 + len(texts)}

    def chunk(delta: dict[str, object], reason: str | None = None) -> dict[str, object]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**head, "system_fingerprint": "fp_1", "choices": [choice], "usage": None}

    items = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": text}) for text in texts)]
    return events([*items, chunk({}, "stop"), {**head, "choices": [], "usage": usage}], end="data: [DONE]\n\n")


def responses_stream(texts: list[str]) -> bytes:
    state = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1764000000,
        "status": "in_progress",
        "output": [],
        "model": "gpt-5-mini",
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "metadata": {},
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "temperature": 1.0,
        "top_p": 1.0,
    }
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    said = {"type": "output_text", "text": "".join(texts), "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [said]}
    usage = {
        "input_tokens": 9,
        "output_tokens": len(texts),
        "total_tokens": 9 + len(texts),
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    items = [
        {"type": "response.created", "response": state},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **place, "part": {**said, "text": ""}},
        *({"type": "response.output_text.delta", **place, "delta": text, "logprobs": []} for text in texts),
        {"type": "response.output_text.done", **place, "text": said["text"], "logprobs": []},
        {"type": "response.content_part.done", **place, "part": said},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {**state, "status": "completed", "output": [item], "usage": usage}},
    ]
    return events([{**item, "sequence_number": number} for number, item in enumerate(items)], named=True)


def messages_stream(texts: list[str]) -> bytes:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 1},
    }
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    deltas = ({"type": "text_delta", "text": text} for text in texts)
    items = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": len(texts)}},
        {"type": "message_stop"},
    ]
    return events(items, named=True)


def gemini_stream(texts: list[str]) -> bytes:
    usage = {"promptTokenCount": 9, "candidatesTokenCount": len(texts), "totalTokenCount": 9 + len(texts)}
    items = [
        {
            "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}],
            "usageMetadata": usage,
            "modelVersion": "gemini-2.5-flash",
            "responseId": "r1",
        }
        for text in texts
    ]
    items[-1]["candidates"][0]["finishReason"] = "STOP"
    return events(items)


def converse_stream(texts: list[str]) -> bytes:
    usage = {"inputTokens": 9, "outputTokens": len(texts), "totalTokens": 9 + len(texts)}
    items = [
        ("messageStart", {"role": "assistant"}),
        *(("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}) for text in texts),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": usage, "metrics": {"latencyMs": 9}}),
    ]
    return b"".join(framed(kind, body) for kind, body in items)


def framed(kind: str, body: dict[str, object]) -> bytes:
    names = ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event"))
    headers = aws_frames.headers_with(names)
    return aws_frames.framed(aws_frames.Frame(headers=headers, payload=json.dumps(body).encode()))


def ours(name: str) -> Read:
    asked = Request(method="POST", uri=PATHS[name], body=json.dumps(ASKED[name]).encode())
    return lambda body: wire.decode(Exchange(request=asked, response=Response(status=200, body=body))).output_text


@dataclass(slots=True)
class Wire:
    """What stands in for the network: it answers anything with the stream that it holds."""

    body: bytes = b""

    def client(self, library: str = "httpx") -> object:
        """A client of httpx, or of httpx2, on this wire."""
        httpx = importlib.import_module(library)
        headers = {"content-type": "text/event-stream"}
        answer = lambda _: httpx.Response(200, headers=headers, content=self.body)  # noqa: E731 - one line of glue
        return httpx.Client(transport=httpx.MockTransport(answer))

    def stream(self) -> Iterator[bytes]:
        """The body as urllib3 gives it."""
        yield self.body


def of_openai_chat() -> Read:
    from openai import OpenAI

    line = Wire()
    model = OpenAI(api_key="none", http_client=line.client())

    def read(body: bytes) -> str:
        line.body = body
        with model.chat.completions.stream(model="m", messages=[]) as stream:
            return stream.get_final_completion().choices[0].message.content or ""

    return read


def of_openai_responses() -> Read:
    from openai import OpenAI

    line = Wire()
    model = OpenAI(api_key="none", http_client=line.client())

    def read(body: bytes) -> str:
        line.body = body
        with model.responses.stream(model="m", input="?") as stream:
            return stream.get_final_response().output_text

    return read


def of_anthropic() -> Read:
    from anthropic import Anthropic

    line = Wire()
    model = Anthropic(api_key="none", http_client=line.client("httpx2"))

    def read(body: bytes) -> str:
        line.body = body
        with model.messages.stream(model="m", max_tokens=9, messages=[]) as stream:
            return "".join(block.text for block in stream.get_final_message().content if block.type == "text")

    return read


def of_gemini() -> Read:
    from google import genai
    from google.genai import types

    line = Wire()
    model = genai.Client(api_key="none", http_options=types.HttpOptions(httpx_client=line.client()))

    def read(body: bytes) -> str:
        line.body = body
        pieces = model.models.generate_content_stream(model="gemini-2.5-flash", contents="?")
        parts = (part for piece in pieces for one in piece.candidates or () for part in one.content.parts or ())
        return "".join(part.text or "" for part in parts)

    return read


def of_botocore() -> Read:
    from botocore.eventstream import EventStream
    from botocore.parsers import create_parser
    from botocore.session import get_session

    line = Wire()
    shape = get_session().get_service_model("bedrock-runtime").operation_model("ConverseStream").output_shape
    parser = create_parser("rest-json")._event_stream_parser

    def read(body: bytes) -> str:
        line.body = body
        events = EventStream(line, shape.members["stream"], parser, "ConverseStream")
        deltas = (event.get("contentBlockDelta", {}).get("delta", {}) for event in events)
        return "".join(delta.get("text", "") for delta in deltas)

    return read


PEERS = {
    "openai_chat": of_openai_chat,
    "openai_responses": of_openai_responses,
    "anthropic_messages": of_anthropic,
    "gemini": of_gemini,
    "bedrock_converse": of_botocore,
}


def recorded(corpus: Path) -> dict[str, list[bytes]]:
    """The whole streams of the corpus that both sides can read, by format."""
    found: dict[str, list[bytes]] = defaultdict(list)
    for file in sorted(corpus.rglob("*.yaml")):
        for exchange in parse(file.read_text(encoding="utf-8"), file.name).exchanges:
            name = next((each.__name__ for each in wire.formats() if each.claims(exchange.request)), "")
            name = name.rpartition(".")[2]
            if name not in PEERS or exchange.response is None or exchange.response.status != 200:
                continue
            call = wire.read(exchange)
            if call.streaming and not call.error_type:
                found[name].append(exchange.response.body)
    return found


def readable(read: Read, body: bytes) -> bool:
    """Whether a provider's package reads the stream of somebody who only speaks like that provider."""
    try:
        read(body)
    except Exception:  # noqa: BLE001 - a foreign package, on what another host sent
        return False
    return True


def seconds_of(read: Read, bodies: list[bytes], repeats: int) -> float:
    started = time.process_time()
    for _ in range(repeats):
        for body in bodies:
            read(body)
    return (time.process_time() - started) / repeats


def compared(name: str, bodies: list[bytes], *, rounds: int) -> tuple[float, float]:
    """Megabytes a second, ours and theirs."""
    mine, theirs = ours(name), PEERS[name]()
    bodies = [body for body in bodies if readable(theirs, body)]
    size = sum(map(len, bodies)) / 1e6
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for place, read in enumerate((mine, theirs)):
            took = seconds_of(read, bodies, 1)
            if number:  # the first round warms up
                times[place].append(took)
    return size / statistics.median(times[0]), size / statistics.median(times[1])


def main() -> int:
    """Measure, print, and fail where ours is slower."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pieces", type=int, default=5_000, help="pieces of text in a generated stream")
    options = parser.parse_args()
    corpus = os.environ.get("LLMWATCH_CORPUS")
    held = recorded(Path(corpus)) if corpus else {}
    slower = False
    for name, peer in PEERS.items():
        for kind, bodies in (("generated", [generated(name, options.pieces)]), ("recorded", held.get(name, []))):
            if not bodies:
                continue
            body = bodies[0]
            if kind == "generated" and ours(name)(body) != peer()(body):
                print(f"{name}: the two do not read the same text", file=sys.stderr)
                return 2
            mine, theirs = compared(name, bodies, rounds=options.rounds)
            slower = slower or mine < BAR * theirs
            ratio = f"{mine / theirs:.1f} times{'' if mine >= BAR * theirs else '   MISSED'}"
            print(f"{name:20} {kind:10} ours {mine:7.1f} MB/s   theirs {theirs:7.1f} MB/s   {ratio}", flush=True)
    return int(slower)


if __name__ == "__main__":
    sys.exit(main())
