"""The demo server's side of OpenAI chat completions: what it complains about and how it writes an answer.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .assistant import JSON, Completion, FinishReason, completion_for, object_in, pieces_of, tokens_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CREATED = 1_765_000_000
SERVED_MODELS = {
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
}
ROLES = ("system", "assistant", "user", "function", "tool", "developer")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """One request as it arrived.

    `path` has the query with it; the names in `headers` are in lower case; `body` is as sent, without chunk framing.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def json(self) -> object:
        """The body as JSON, `None` where it is something else."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to send, piece by piece.

    `chunked` frames each piece by itself, else the sum of the pieces is the content length. `wait` passes before the
    status line, `delay` before each piece after the first. After `cut_after` pieces the connection is dropped.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    pieces: tuple[bytes, ...] = ()
    chunked: bool = False
    wait: float = 0.0
    delay: float = 0.0
    cut_after: int | None = None


def reply_to(request: ReceivedRequest) -> Reply:
    """The server's reply to any request at all."""
    path = request.path.partition("?")[0]
    if request.method == "GET" and path == "/v1/models":
        return json_reply({"object": "list", "data": [model_entry(model) for model in SERVED_MODELS.values()]})
    if (request.method, path) != ("POST", "/v1/chat/completions"):
        return error_reply(404, f"Invalid URL ({request.method} {path})")
    payload = request.json
    if not isinstance(payload, dict):
        return error_reply(400, "We could not parse the JSON body of your request.")
    return complaint_about(payload) or completion_reply(payload, completion_for(payload))


def model_entry(model: str) -> JSON:
    """One line of the list of models."""
    return {"id": model, "object": "model", "created": CREATED, "owned_by": "demo"}


def complaint_about(payload: JSON) -> Reply | None:
    """What is wrong with a chat completions request, in the words of OpenAI; `None` when it is in order."""
    model = payload.get("model")
    if not isinstance(model, str) or not model:
        return error_reply(400, "you must provide a model parameter")
    if model not in SERVED_MODELS and model not in SERVED_MODELS.values():
        message = f"The model `{model}` does not exist or you do not have access to it."
        return error_reply(404, message, code="model_not_found")
    if "messages" not in payload:
        message = "Missing required parameter: 'messages'."
        return error_reply(400, message, param="messages", code="missing_required_parameter")
    if payload.get("stream_options") and not payload.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        return error_reply(400, message, param="stream_options")
    return complaint_about_messages(payload["messages"]) or complaint_about_tools(payload.get("tools"))


def complaint_about_messages(messages: object) -> Reply | None:
    """What is wrong with the messages."""
    if not isinstance(messages, list):
        message = "Invalid type for 'messages': expected an array of objects."
        return error_reply(400, message, param="messages", code="invalid_type")
    if not messages:
        message = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        return error_reply(400, message, param="messages", code="empty_array")
    for position, entry in enumerate(messages):
        role = entry.get("role") if isinstance(entry, dict) else None
        if role not in ROLES:
            supported = ", ".join(f"'{name}'" for name in ROLES)
            message = f"Invalid value: '{role}'. Supported values are: {supported}."
            return error_reply(400, message, param=f"messages[{position}].role", code="invalid_value")
    return None


def complaint_about_tools(tools: object) -> Reply | None:
    """What is wrong with the tools."""
    if tools is None:
        return None
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        message = "Invalid type for 'tools': expected an array of objects."
        return error_reply(400, message, param="tools", code="invalid_type")
    for position, tool in enumerate(tools):
        function = tool.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            param = f"tools[{position}].function"
            message = f"Missing required parameter: '{param}.name'."
            return error_reply(400, message, param=f"{param}.name", code="missing_required_parameter")
    return None


def error_reply(
    status: int,
    message: str,
    *,
    error_type: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
) -> Reply:
    """An error as OpenAI writes it."""
    error = {"message": message, "type": error_type, "param": param, "code": code}
    return json_reply({"error": error}, status=status)


def json_reply(body: JSON, *, status: int = 200) -> Reply:
    """A JSON body in one piece."""
    encoded = json_bytes(body)
    headers = (("content-type", "application/json"), *account_headers(encoded))
    return Reply(status=status, headers=headers, pieces=(encoded,))


def json_bytes(body: JSON) -> bytes:
    """JSON as the server sends it; half a surrogate pair, which a prompt may hold, becomes a question mark."""
    return json.dumps(body, ensure_ascii=False).encode(errors="replace")


def account_headers(body: bytes) -> tuple[tuple[str, str], ...]:
    """The headers about the caller that a hosted model sends along, with values of nobody."""
    digest = hashlib.sha256(body).hexdigest()
    return (
        ("x-request-id", f"req_{digest[:32]}"),
        ("openai-organization", "org-demo"),
        ("openai-processing-ms", "12"),
        ("openai-version", "2020-10-01"),
        ("set-cookie", f"__cf_bm={digest[32:]}; path=/; HttpOnly"),
    )


def completion_reply(payload: JSON, completion: Completion, *, pieces: Sequence[str] | None = None) -> Reply:
    """A completion in the form the request asked for: one body, or events with one `piece` of the content each."""
    if not payload.get("stream"):
        return json_reply(completion_body(payload, completion))
    events = [b"data: %b\n\n" % json_bytes(event) for event in events_of(payload, completion, pieces)]
    events.append(b"data: [DONE]\n\n")
    headers = (("content-type", "text/event-stream; charset=utf-8"), *account_headers(b"".join(events)))
    return Reply(headers=headers, pieces=tuple(events), chunked=True)


def completion_id(payload: JSON, completion: Completion) -> str:
    """The same id for the same answer to the same request."""
    digest = hashlib.sha256((json.dumps(payload, sort_keys=True) + repr(completion)).encode()).hexdigest()
    return f"chatcmpl-{digest[:29]}"


def header_fields(payload: JSON, completion: Completion, kind: str) -> JSON:
    """The fields that a whole response and every event of a streamed one begin with."""
    model = str(payload.get("model"))
    return {
        "id": completion_id(payload, completion),
        "object": kind,
        "created": CREATED,
        "model": SERVED_MODELS.get(model, model),
        "service_tier": "default",
        "system_fingerprint": None,
    }


def completion_body(payload: JSON, completion: Completion) -> JSON:
    """A `chat.completion` object."""
    message: JSON = {"role": "assistant", "content": completion.content, "refusal": None, "annotations": []}
    if completion.tool_calls:
        message["tool_calls"] = list(tool_call_entries(payload, completion))
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": completion.finish_reason}
    fields = header_fields(payload, completion, "chat.completion")
    return fields | {"choices": [choice], "usage": usage_of(payload, completion)}


def tool_call_entries(payload: JSON, completion: Completion) -> Iterator[JSON]:
    """The `tool_calls` of a message."""
    suffix = completion_id(payload, completion)[-20:]
    for index, call in enumerate(completion.tool_calls):
        function = {"name": call.name, "arguments": call.arguments}
        yield {"id": f"call_{suffix}{index:04}", "type": "function", "function": function}


def events_of(payload: JSON, completion: Completion, pieces: Sequence[str] | None = None) -> Iterator[JSON]:
    """The `chat.completion.chunk` objects of a streamed response."""
    include_usage = bool(object_in(payload.get("stream_options")).get("include_usage"))
    fields = header_fields(payload, completion, "chat.completion.chunk")
    # With `include_usage` every event has the field, empty until the last one, which has no choices.
    usage = {"usage": None} if include_usage else {}
    for delta, finish_reason in deltas_of(payload, completion, pieces):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        yield fields | {"choices": [choice]} | usage
    if include_usage:
        yield fields | {"choices": [], "usage": usage_of(payload, completion)}


def deltas_of(
    payload: JSON, completion: Completion, pieces: Sequence[str] | None
) -> Iterator[tuple[JSON, FinishReason | None]]:
    """The deltas of a streamed message, each with its finish reason."""
    opening = "" if completion.content is not None else None
    yield {"role": "assistant", "content": opening, "refusal": None}, None
    for piece in pieces if pieces is not None else pieces_of(completion.content or ""):
        yield {"content": piece}, None
    for index, entry in enumerate(tool_call_entries(payload, completion)):
        arguments = entry["function"]["arguments"]
        opened = entry | {"index": index, "function": entry["function"] | {"arguments": ""}}
        yield {"tool_calls": [opened]}, None
        for start in range(0, len(arguments), 8):
            part = {"index": index, "function": {"arguments": arguments[start : start + 8]}}
            yield {"tool_calls": [part]}, None
    yield {}, completion.finish_reason


def usage_of(payload: JSON, completion: Completion) -> JSON:
    """The `usage` object of a response."""
    prompt = 3 + sum(3 + tokens_in(json.dumps(message, ensure_ascii=False)) // 2 for message in payload["messages"])
    prompt += tokens_in(json.dumps(payload["tools"])) // 2 if payload.get("tools") else 0
    answered = tokens_in(completion.content or "")
    answered += sum(8 + tokens_in(call.name) + tokens_in(call.arguments) for call in completion.tool_calls)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answered,
        "total_tokens": prompt + answered,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
