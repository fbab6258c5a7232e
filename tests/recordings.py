"""Recordings of one small agent in four wire formats: real request and response bodies, decoded as any other."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field, replace

from pytest_llmwatch import wire
from pytest_llmwatch.calls import Attempt
from pytest_llmwatch.exchange import Exchange, Request, Response

_IDS = itertools.count(1)
HOSTS = {
    "openai_chat": ("https://api.openai.com/v1/chat/completions", "https://api.groq.com/openai/v1/chat/completions"),
    "openai_responses": ("https://api.openai.com/v1/responses", "https://api.x.ai/v1/responses"),
    "anthropic": ("https://api.anthropic.com/v1/messages", "https://api.deepseek.com/anthropic/v1/messages"),
    "gemini": (
        "https://generativelanguage.googleapis.com/v1beta/models/{model}:generateContent",
        "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/{model}:generateContent",
    ),
}


@dataclass(frozen=True)
class Tool:
    """A tool with the JSON Schema of its parameters."""

    name: str
    description: str
    properties: dict
    required: tuple = ()

    @property
    def schema(self):
        return {"type": "object", "properties": self.properties, "required": list(self.required)}


@dataclass(frozen=True)
class Say:
    """A turn of the conversation: `user` or `assistant` text, perhaps with the bytes of an image or a document."""

    role: str
    text: str
    media: tuple = ()


@dataclass(frozen=True)
class Use:
    """A tool that the model asks for, and what comes back."""

    name: str
    arguments: dict
    result: str = ""


@dataclass(frozen=True)
class Turn:
    """A call of the model: what came back is a text, or tools to use before the next turn."""

    text: str = ""
    uses: tuple = ()
    finish: str = "stop"
    usage: tuple = (100, 20)
    status: int = 200
    latency: float = 1.0
    retries: int = 0


@dataclass(frozen=True)
class Agent:
    """What is sent, and what came back turn by turn."""

    system: str
    said: tuple
    turns: tuple
    tools: tuple = ()
    parameters: dict = field(default_factory=dict)
    model: str = "model-1"
    served: str | None = "model-1-2025-08"
    host: int = 0
    stream: bool = False

    def but(self, **changes):
        return replace(self, **changes)

    def turn(self, number, **changes):
        turns = list(self.turns)
        turns[number] = replace(turns[number], **changes)
        return replace(self, turns=tuple(turns))


def calls_of(agent, wire_format):
    """The decoded calls of an agent's run; the ids of answers and tool calls are new every time."""
    tries = [turn.retries for turn in agent.turns]
    decoded = [wire.decode(exchange) for exchange in exchanges_of(agent, wire_format)]
    failed = Attempt(status=500, duration=0.1, wait=0.1)
    return [replace(call, attempts=(failed,) * count) for call, count in zip(decoded, tries, strict=True)]


def exchanges_of(agent, wire_format):
    """What goes over the wire in an agent's run."""
    speak = SPEAKERS[wire_format]
    history, exchanges = [], []
    for turn in agent.turns:
        ids = [f"id_{next(_IDS)}" for _ in turn.uses]
        asked, answered = speak(agent, history, turn, ids)
        exchange = Exchange(
            request=Request(
                method="POST",
                uri=HOSTS[wire_format][agent.host].format(model=agent.model),
                headers=(("content-type", "application/json"), ("anthropic-version", "2023-06-01")),
                body=json.dumps(asked, ensure_ascii=False).encode(),
            ),
            response=Response(
                status=turn.status,
                headers=(("content-type", "application/json"),),
                body=json.dumps(answered, ensure_ascii=False).encode(),
            ),
            duration=turn.latency,
        )
        exchanges.append(exchange)
        history.append((turn, ids))
    return exchanges


def _openai_chat(agent, history, turn, ids):
    messages = [{"role": "system", "content": agent.system}] if agent.system else []
    for say in agent.said:
        content = say.text
        if say.media:
            content = [{"type": "text", "text": say.text}, *map(_openai_media, say.media)]
        messages.append({"role": say.role, "content": content})
    for done, done_ids in history:
        messages.append(_openai_chat_answer(done, done_ids))
        for use, name in zip(done.uses, done_ids, strict=True):
            messages.append({"role": "tool", "tool_call_id": name, "content": use.result})
    asked = {"model": agent.model, "messages": messages, **agent.parameters}
    if agent.tools:
        asked["tools"] = [
            {"type": "function", "function": {"name": t.name, "description": t.description, "parameters": t.schema}}
            for t in agent.tools
        ]
    if turn.status >= 400:
        return asked, {"error": {"type": "server_error", "message": "overloaded"}}
    finish = "tool_calls" if turn.uses else turn.finish
    answered = {
        "id": f"chatcmpl-{next(_IDS)}",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": _openai_chat_answer(turn, ids), "finish_reason": finish}],
        "usage": dict(zip(("prompt_tokens", "completion_tokens"), turn.usage, strict=True)),
    }
    return asked, answered | ({"model": agent.served} if agent.served else {})


def _openai_media(medium):
    kind, data = medium
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    return {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{data}"}}


def _openai_chat_answer(turn, ids):
    message = {"role": "assistant", "content": turn.text or None}
    if turn.uses:
        message["tool_calls"] = [
            {"id": name, "type": "function", "function": {"name": u.name, "arguments": json.dumps(u.arguments)}}
            for u, name in zip(turn.uses, ids, strict=True)
        ]
    return message


def _openai_responses(agent, history, turn, ids):
    items = []
    for say in agent.said:
        kind = "input_text" if say.role == "user" else "output_text"
        content = [{"type": kind, "text": say.text}, *map(_responses_media, say.media)]
        items.append({"role": say.role, "content": content})
    for done, done_ids in history:
        items += _responses_items(done, done_ids)
        for use, name in zip(done.uses, done_ids, strict=True):
            items.append({"type": "function_call_output", "call_id": name, "output": use.result})
    asked = {"model": agent.model, "input": items, **agent.parameters}
    if agent.system:
        asked["instructions"] = agent.system
    if agent.tools:
        asked["tools"] = [
            {"type": "function", "name": t.name, "description": t.description, "parameters": t.schema}
            for t in agent.tools
        ]
    if turn.status >= 400:
        return asked, {"error": {"type": "server_error", "message": "overloaded"}}
    answered = {
        "id": f"resp_{next(_IDS)}",
        "object": "response",
        "status": "incomplete" if turn.finish == "length" else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if turn.finish == "length" else None,
        "output": _responses_items(turn, ids),
        "usage": dict(zip(("input_tokens", "output_tokens"), turn.usage, strict=True)),
    }
    return asked, answered | ({"model": agent.served} if agent.served else {})


def _responses_media(medium):
    kind, data = medium
    if kind == "image":
        return {"type": "input_image", "image_url": f"data:image/png;base64,{data}"}
    return {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{data}"}


def _responses_items(turn, ids):
    items = []
    if turn.text:
        content = [{"type": "output_text", "text": turn.text, "annotations": []}]
        items.append({"type": "message", "id": f"msg_{next(_IDS)}", "role": "assistant", "content": content})
    for use, name in zip(turn.uses, ids, strict=True):
        arguments = json.dumps(use.arguments)
        items.append({"type": "function_call", "call_id": name, "name": use.name, "arguments": arguments})
    return items


def _anthropic(agent, history, turn, ids):
    messages = []
    for say in agent.said:
        content = [{"type": "text", "text": say.text}, *map(_anthropic_media, say.media)]
        messages.append({"role": say.role, "content": content})
    for done, done_ids in history:
        messages.append({"role": "assistant", "content": _anthropic_blocks(done, done_ids)})
        results = [
            {"type": "tool_result", "tool_use_id": name, "content": use.result}
            for use, name in zip(done.uses, done_ids, strict=True)
        ]
        messages.append({"role": "user", "content": results})
    asked = {"model": agent.model, "max_tokens": 500, "messages": messages, **agent.parameters}
    if agent.system:
        asked["system"] = agent.system
    if agent.tools:
        asked["tools"] = [{"name": t.name, "description": t.description, "input_schema": t.schema} for t in agent.tools]
    if turn.status >= 400:
        return asked, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    stop = "tool_use" if turn.uses else {"stop": "end_turn", "length": "max_tokens"}[turn.finish]
    answered = {
        "id": f"msg_{next(_IDS)}",
        "type": "message",
        "role": "assistant",
        "content": _anthropic_blocks(turn, ids),
        "stop_reason": stop,
        "usage": dict(zip(("input_tokens", "output_tokens"), turn.usage, strict=True)),
    }
    return asked, answered | ({"model": agent.served} if agent.served else {})


def _anthropic_media(medium):
    kind, data = medium
    media_type = "image/png" if kind == "image" else "application/pdf"
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}}


def _anthropic_blocks(turn, ids):
    text = [{"type": "text", "text": turn.text}] if turn.text else []
    return text + [
        {"type": "tool_use", "id": name, "name": use.name, "input": use.arguments}
        for use, name in zip(turn.uses, ids, strict=True)
    ]


def _gemini(agent, history, turn, ids):
    roles = {"user": "user", "assistant": "model"}
    contents = [
        {"role": roles[say.role], "parts": [{"text": say.text}, *map(_gemini_media, say.media)]} for say in agent.said
    ]
    for done, _ids in history:
        contents.append({"role": "model", "parts": _gemini_parts(done)})
        results = [{"functionResponse": {"name": use.name, "response": {"result": use.result}}} for use in done.uses]
        contents.append({"role": "user", "parts": results})
    asked = {"contents": contents}
    if agent.parameters:
        asked["generationConfig"] = agent.parameters
    if agent.system:
        asked["systemInstruction"] = {"parts": [{"text": agent.system}]}
    if agent.tools:
        functions = [{"name": t.name, "description": t.description, "parameters": t.schema} for t in agent.tools]
        asked["tools"] = [{"functionDeclarations": functions}]
    if turn.status >= 400:
        return asked, {"error": {"code": turn.status, "status": "UNAVAILABLE", "message": "overloaded"}}
    finish = {"stop": "STOP", "length": "MAX_TOKENS"}[turn.finish]
    answered = {
        "candidates": [
            {"content": {"role": "model", "parts": _gemini_parts(turn)}, "finishReason": finish, "index": 0}
        ],
        "usageMetadata": dict(zip(("promptTokenCount", "candidatesTokenCount"), turn.usage, strict=True)),
        "responseId": f"r{next(_IDS)}",
    }
    return asked, answered | ({"modelVersion": agent.served} if agent.served else {})


def _gemini_media(medium):
    kind, data = medium
    return {"inlineData": {"mimeType": "image/png" if kind == "image" else "application/pdf", "data": data}}


def _gemini_parts(turn):
    text = [{"text": turn.text}] if turn.text else []
    return text + [{"functionCall": {"name": use.name, "args": use.arguments}} for use in turn.uses]


SPEAKERS = {
    "openai_chat": _openai_chat,
    "openai_responses": _openai_responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
}
