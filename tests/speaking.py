"""What a model says, in the wire format that the request asks for, whole or streamed: the provider's answers.

    provider.script(says("Within 14 days."), gzipped(says("Yes.")), cut(says("Within 14 days.")), refuses(429))

Bodies have the fields that the hosted models send: https://platform.openai.com/docs/api-reference,
https://platform.claude.com/docs/en/api/messages, https://ai.google.dev/api/generate-content.
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from provider import Answer, payload_of, split_evenly

from pytest_llmwatch.demo.server import ReceivedRequest, Reply, ToolCall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

JSON = dict[str, Any]
VECTOR = (0.25, -0.5, 0.125)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer before any wire format.

    `read` counts the whole input, `cached` of it from a cache; `written` the whole output, `thinking` of it thoughts.
    """

    text: str = ""
    thought: str = ""
    calls: tuple[ToolCall, ...] = ()
    is_short: bool = False
    read: int = 40
    cached: int = 8
    written: int = 12
    thinking: int = 0

    @property
    def pieces(self) -> list[str]:
        """The text as a stream cuts it."""
        return split_evenly(self.text, 4) if self.text else []

    @property
    def arguments(self) -> list[JSON]:
        """What the tools are called with."""
        return [json.loads(call.arguments) for call in self.calls]


class Format(Protocol):
    """How one wire format says things."""

    def whole(self, said: Said, asked: JSON) -> JSON:
        """The body of an answer that is not streamed."""

    def stream(self, said: Said, asked: JSON) -> list[bytes]:
        """The events of one that is."""

    def refusal(self, status: int, message: str) -> JSON:
        """The body of an error."""

    def breaking(self, message: str) -> bytes:
        """The event of an error in the middle of a stream."""


def says(text: str = "", **facts: Any) -> Answer:
    """This answer, as the request asks for it; the facts are those of `Said`."""
    said = Said(text=text, **facts)

    def answer(request: ReceivedRequest) -> Reply:
        form, asked = asked_in(request)
        if is_streaming(request, asked):
            return event_reply(form.stream(said, asked))
        return json_reply(form.whole(said, asked))

    return answer


def calls(name: str, **arguments: Any) -> Answer:
    """A call of one tool, as the request asks for it."""
    return says(calls=(ToolCall(name=name, arguments=json.dumps(arguments, ensure_ascii=False)),))


def refuses(status: int, message: str = "Slow down.", headers: Mapping[str, str] | None = None) -> Answer:
    """An error in the words of the format that is asked for."""
    extra = tuple((headers or {}).items())
    return lambda request: json_reply(asked_in(request)[0].refusal(status, message), status=status, headers=extra)


def breaks(text: str, message: str = "The server is overloaded.") -> Answer:
    """The first half of a stream, and then an error in place of the rest."""

    def answer(request: ReceivedRequest) -> Reply:
        form, asked = asked_in(request)
        events = form.stream(Said(text=text), asked)
        return event_reply([*events[: len(events) // 2], form.breaking(message)])

    return answer


def asked_in(request: ReceivedRequest) -> tuple[Format, JSON]:
    """The format that a request asks for, its JSON, with the model of its path."""
    path, asked = unquote(request.path.partition("?")[0]), payload_of(request)
    place, _, method = path.rpartition(":")
    form = FORMATS[method if place else path.rpartition("/")[2]]
    return form, asked | ({"model": place.rpartition("/")[2]} if place else {})


def is_streaming(request: ReceivedRequest, asked: JSON) -> bool:
    return asked.get("stream") is True or ":streamGenerateContent" in unquote(request.path)


def json_reply(body: JSON, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(status=status, headers=(("content-type", "application/json"), *headers), pieces=(content,))


def event_reply(events: list[bytes]) -> Reply:
    return Reply(headers=(("content-type", "text/event-stream; charset=utf-8"),), pieces=tuple(events), chunked=True)


def event(data: JSON | str, *, name: str | None = None, ending: str = "\n") -> bytes:
    """A server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    head = f"event: {name}{ending}" if name else ""
    return f"{head}data: {text}{ending}{ending}".encode()


def openai_refusal(status: int, message: str) -> JSON:
    kind = {429: "rate_limit_exceeded", 400: "invalid_request_error"}.get(status, "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": kind}}


class ChatCompletions:
    """OpenAI's chat completions."""

    def whole(self, said: Said, asked: JSON) -> JSON:
        message: JSON = {"role": "assistant", "content": said.text or None, "refusal": None, "annotations": []}
        if said.calls:
            message["tool_calls"] = list(self._calls(said))
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._reason(said)}
        return self._head("chat.completion", asked["model"]) | {"choices": [choice], "usage": self._usage(said)}

    def stream(self, said: Said, asked: JSON) -> list[bytes]:
        has_usage = (asked.get("stream_options") or {}).get("include_usage") is True
        head = self._head("chat.completion.chunk", asked["model"]) | ({"usage": None} if has_usage else {})
        chunks = [
            head | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]}
            for delta, reason in self._deltas(said)
        ]
        last = [head | {"choices": [], "usage": self._usage(said)}] if has_usage else []
        return [*map(event, [*chunks, *last]), event("[DONE]")]

    def refusal(self, status: int, message: str) -> JSON:
        return openai_refusal(status, message)

    def breaking(self, message: str) -> bytes:
        return event(openai_refusal(500, message))

    def _head(self, kind: str, model: str) -> JSON:
        return {
            "id": "chatcmpl-CgXk1",
            "object": kind,
            "created": 1_765_000_000,
            "model": f"{model}-2025-08-07",
            "service_tier": "default",
            "system_fingerprint": None,
        }

    def _reason(self, said: Said) -> str:
        return "length" if said.is_short else "tool_calls" if said.calls else "stop"

    def _calls(self, said: Said) -> Iterator[JSON]:
        for index, call in enumerate(said.calls):
            function = {"name": call.name, "arguments": call.arguments}
            yield {"id": f"call_{index}", "type": "function", "function": function}

    def _deltas(self, said: Said) -> Iterator[tuple[JSON, str | None]]:
        yield {"role": "assistant", "content": None if said.calls else "", "refusal": None}, None
        for piece in said.pieces:
            yield {"content": piece}, None
        for index, call in enumerate(self._calls(said)):
            function = call["function"]
            yield {"tool_calls": [{"index": index, **call, "function": {**function, "arguments": ""}}]}, None
            for piece in split_evenly(function["arguments"], 3):
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, None
        yield {}, self._reason(said)

    def _usage(self, said: Said) -> JSON:
        return {
            "prompt_tokens": said.read,
            "completion_tokens": said.written,
            "total_tokens": said.read + said.written,
            "prompt_tokens_details": {"cached_tokens": said.cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": said.thinking, "audio_tokens": 0},
        }


class Responses:
    """OpenAI's responses."""

    def whole(self, said: Said, asked: JSON) -> JSON:
        usage = {
            "input_tokens": said.read,
            "input_tokens_details": {"cached_tokens": said.cached, "cache_write_tokens": 0},
            "output_tokens": said.written,
            "output_tokens_details": {"reasoning_tokens": said.thinking},
            "total_tokens": said.read + said.written,
        }
        incomplete = {"reason": "max_output_tokens"} if said.is_short else None
        status = "incomplete" if said.is_short else "completed"
        ended = {"output": list(self._items(said)), "status": status, "usage": usage, "incomplete_details": incomplete}
        return self._begun(asked["model"]) | ended

    def stream(self, said: Said, asked: JSON) -> list[bytes]:
        begun, ended = self._begun(asked["model"]), self.whole(said, asked)
        events = [
            {"type": "response.created", "response": begun},
            {"type": "response.in_progress", "response": begun},
            *(one for at, item in enumerate(self._items(said)) for one in self._growing(said, item, at)),
            {"type": f"response.{ended['status']}", "response": ended},
        ]
        return [event({**one, "sequence_number": number}, name=one["type"]) for number, one in enumerate(events)]

    def refusal(self, status: int, message: str) -> JSON:
        return openai_refusal(status, message)

    def breaking(self, message: str) -> bytes:
        error = {"type": "error", "code": "server_error", "message": message, "param": None, "sequence_number": 9}
        return event(error, name="error")

    def _begun(self, model: str) -> JSON:
        return {
            "id": "resp_0c71",
            "object": "response",
            "created_at": 1_765_000_000,
            "status": "in_progress",
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "max_output_tokens": None,
            "model": f"{model}-2025-08-07",
            "output": [],
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "reasoning": {"effort": "medium", "summary": None},
            "store": True,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": None,
            "user": None,
            "metadata": {},
        }

    def _items(self, said: Said) -> Iterator[JSON]:
        if said.thought:
            yield {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": said.thought}]}
        if said.text:
            text = {"type": "output_text", "annotations": [], "logprobs": [], "text": said.text}
            status = "incomplete" if said.is_short else "completed"
            yield {"id": "msg_1", "type": "message", "status": status, "role": "assistant", "content": [text]}
        for index, call in enumerate(said.calls):
            ids = {"id": f"fc_{index}", "call_id": f"call_{index}"}
            yield {"type": "function_call", "status": "completed", "name": call.name, "arguments": call.arguments} | ids

    def _growing(self, said: Said, item: JSON, at: int) -> Iterator[JSON]:
        place = {"item_id": item["id"], "output_index": at}
        empty = {"message": {"content": []}, "reasoning": {"summary": []}, "function_call": {"arguments": ""}}
        begun = item | {"status": "in_progress"} | empty[item["type"]]
        yield {"type": "response.output_item.added", "output_index": at, "item": begun}
        if item["type"] == "message":
            place, part = place | {"content_index": 0}, item["content"][0]
            yield {"type": "response.content_part.added", **place, "part": part | {"text": ""}}
            for piece in said.pieces:
                yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
            yield {"type": "response.output_text.done", **place, "text": said.text, "logprobs": []}
            yield {"type": "response.content_part.done", **place, "part": part}
        elif item["type"] == "function_call":
            for piece in split_evenly(item["arguments"], 3):
                yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
            done = {"name": item["name"], "arguments": item["arguments"]}
            yield {"type": "response.function_call_arguments.done", **place, **done}
        else:
            place |= {"summary_index": 0}
            part = {"type": "summary_text", "text": ""}
            yield {"type": "response.reasoning_summary_part.added", **place, "part": part}
            yield {"type": "response.reasoning_summary_text.delta", **place, "delta": said.thought}
            yield {"type": "response.reasoning_summary_text.done", **place, "text": said.thought}
            yield {"type": "response.reasoning_summary_part.done", **place, "part": part | {"text": said.thought}}
        yield {"type": "response.output_item.done", "output_index": at, "item": item}


class Embeddings:
    """OpenAI's embeddings: one vector, in base64 where the client asks for that."""

    def whole(self, said: Said, asked: JSON) -> JSON:
        packed = base64.b64encode(struct.pack("<3f", *VECTOR)).decode()
        vector = packed if asked.get("encoding_format") == "base64" else list(VECTOR)
        data = [{"object": "embedding", "index": 0, "embedding": vector}]
        usage = {"prompt_tokens": said.read, "total_tokens": said.read}
        return {"object": "list", "data": data, "model": asked["model"], "usage": usage}

    def refusal(self, status: int, message: str) -> JSON:
        return openai_refusal(status, message)


class Messages:
    """Anthropic's messages."""

    def whole(self, said: Said, asked: JSON) -> JSON:
        return self._begun(said, asked["model"]) | {
            "content": list(self._blocks(said)),
            "stop_reason": self._reason(said),
            "usage": self._usage(said, said.written),
        }

    def stream(self, said: Said, asked: JSON) -> list[bytes]:
        changed = {"stop_reason": self._reason(said), "stop_sequence": None}
        events = [
            {"type": "message_start", "message": self._begun(said, asked["model"])},
            *(one for at, block in enumerate(self._blocks(said)) for one in self._growing(said, block, at)),
            {"type": "message_delta", "delta": changed, "usage": self._usage(said, said.written)},
            {"type": "message_stop"},
        ]
        return [event(one, name=one["type"]) for one in events]

    def refusal(self, status: int, message: str) -> JSON:
        kind = {429: "rate_limit_error", 400: "invalid_request_error"}.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011C"}

    def breaking(self, message: str) -> bytes:
        error = {"type": "overloaded_error", "message": message}
        return event({"type": "error", "error": error, "request_id": "req_011C"}, name="error")

    def _begun(self, said: Said, model: str) -> JSON:
        return {
            "id": "msg_01XF",
            "type": "message",
            "role": "assistant",
            "model": f"{model}-20251001",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self._usage(said, 1),
        }

    def _reason(self, said: Said) -> str:
        return "max_tokens" if said.is_short else "tool_use" if said.calls else "end_turn"

    def _usage(self, said: Said, written: int) -> JSON:
        return {
            "input_tokens": said.read - said.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": said.cached,
            "output_tokens": written,
            "service_tier": "standard",
        }

    def _blocks(self, said: Said) -> Iterator[JSON]:
        if said.thought:
            yield {"type": "thinking", "thinking": said.thought, "signature": "EqQBCgIYAhIM"}
        if said.text:
            yield {"type": "text", "text": said.text}
        for index, (call, arguments) in enumerate(zip(said.calls, said.arguments, strict=True)):
            yield {"type": "tool_use", "id": f"toolu_{index}", "name": call.name, "input": arguments}

    def _growing(self, said: Said, block: JSON, at: int) -> Iterator[JSON]:
        empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}
        yield {"type": "content_block_start", "index": at, "content_block": block | empty[block["type"]]}
        yield {"type": "ping"}
        for delta in self._deltas(said, block):
            yield {"type": "content_block_delta", "index": at, "delta": delta}
        yield {"type": "content_block_stop", "index": at}

    def _deltas(self, said: Said, block: JSON) -> Iterator[JSON]:
        if block["type"] == "text":
            yield from ({"type": "text_delta", "text": piece} for piece in said.pieces)
        elif block["type"] == "thinking":
            yield {"type": "thinking_delta", "thinking": block["thinking"]}
            yield {"type": "signature_delta", "signature": block["signature"]}
        else:
            written = json.dumps(block["input"], ensure_ascii=False)
            pieces = ("", *split_evenly(written, 3))
            yield from ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)


class GeneratedContent:
    """Google's generateContent; a stream is of events, which end in both characters of a line's end."""

    def whole(self, said: Said, asked: JSON) -> JSON:
        return self._chunk(said, asked["model"], list(self._parts(said)), reason=self._reason(said))

    def stream(self, said: Said, asked: JSON) -> list[bytes]:
        rows = [[part] for part in self._parts(said)]
        if said.text:
            rows[-1:] = [[{"text": piece}] for piece in said.pieces]
        reasons = [None] * (len(rows) - 1) + [self._reason(said)]
        return [
            event(self._chunk(said, asked["model"], parts, reason=reason), ending="\r\n")
            for parts, reason in zip(rows, reasons, strict=True)
        ]

    def refusal(self, status: int, message: str) -> JSON:
        name = {429: "RESOURCE_EXHAUSTED", 400: "INVALID_ARGUMENT", 503: "UNAVAILABLE"}.get(status, "INTERNAL")
        return {"error": {"code": status, "message": message, "status": name}}

    def breaking(self, message: str) -> bytes:
        # Not an event: plain lines between them.
        return json.dumps(self.refusal(503, message), indent=2).encode() + b"\r\n\r\n"

    def _chunk(self, said: Said, model: str, parts: list[JSON], *, reason: str | None) -> JSON:
        ended = {"finishReason": reason} if reason else {}
        written = said.written - said.thinking
        usage = {"promptTokenCount": said.read, "totalTokenCount": said.read + said.written}
        usage |= {"cachedContentTokenCount": said.cached} if said.cached else {}
        usage |= {"thoughtsTokenCount": said.thinking} if said.thinking else {}
        return {
            "candidates": [{"content": {"role": "model", "parts": parts}, **ended, "index": 0}],
            "usageMetadata": usage | ({"candidatesTokenCount": written} if reason else {}),
            "modelVersion": f"{model}-001",
            "responseId": "lyqOabaLKfLk",
        }

    def _reason(self, said: Said) -> str:
        return "MAX_TOKENS" if said.is_short else "STOP"

    def _parts(self, said: Said) -> Iterator[JSON]:
        if said.thought:
            yield {"text": said.thought, "thought": True}
        for call, arguments in zip(said.calls, said.arguments, strict=True):
            yield {"functionCall": {"name": call.name, "args": arguments}, "thoughtSignature": "CoQBAdHtim8="}
        if said.text:
            yield {"text": said.text}


class EmbeddedContents:
    """Google's batchEmbedContents."""

    def whole(self, _said: Said, _asked: JSON) -> JSON:
        return {"embeddings": [{"values": list(VECTOR)}]}

    def refusal(self, status: int, message: str) -> JSON:
        return GENERATED.refusal(status, message)


GENERATED = GeneratedContent()
FORMATS: dict[str, Any] = {
    "completions": ChatCompletions(),
    "responses": Responses(),
    "embeddings": Embeddings(),
    "messages": Messages(),
    "generateContent": GENERATED,
    "streamGenerateContent": GENERATED,
    "batchEmbedContents": EmbeddedContents(),
}
