"""Agents that are asked over the Agent2Agent protocol: messages, the tasks they become, and streams of both.

https://a2a-protocol.org/latest/specification/; the names of before 1.0 (`message/send`) and since (`SendMessage`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, FinishReason, MediaPart, Message, ModelCall, Part, TextPart

from .answers import Answer, asked_in
from .json_rpc import method_of, params_of, results_in, rpc_answer_in
from .provider_errors import ProviderError
from .reading import hash_of_base64, hash_of_json, list_of, object_of, objects_of, text_of, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmwatch.exchange import Exchange, Request

_METHODS = frozenset(
    {
        *("message/send", "message/stream", "tasks/get", "tasks/resubscribe", "tasks/send", "tasks/sendSubscribe"),
        *("SendMessage", "SendStreamingMessage", "GetTask", "SubscribeToTask"),
    }
)
_FINISH_REASONS: dict[str | None, FinishReason | None] = {
    "completed": "stop",
    "failed": "error",
    "canceled": "error",
    "cancelled": "error",
    "rejected": "error",
    # The agent waits for its user.
    "input-required": None,
    "auth-required": None,
}
_ROLES = {"user": "user", "agent": "assistant", "ROLE_USER": "user", "ROLE_AGENT": "assistant"}
# What no two recordings of the same answer share; in a stream's events places in lists are left out.
_IDS = ("contextId", "taskId", "messageId")
VOLATILE = frozenset(
    {
        *("id", "result.id", "result.status.timestamp", "result.artifact.artifactId"),
        *(f"result.{place}{name}" for place in ("", "status.message.", "message.") for name in _IDS),
        *(f"result.{place}.{name}" for place in ("history[*]", "history") for name in _IDS),
        *(f"result.{place}.artifactId" for place in ("artifacts[*]", "artifacts")),
        *(f"result.task.{name}" for name in ("id", "contextId", "status.timestamp")),
        *(f"result.task.{place}.artifactId" for place in ("artifacts[*]", "artifacts")),
        *(f"result.{event}.{name}" for event in ("statusUpdate", "artifactUpdate") for name in _IDS),
        *("result.statusUpdate.status.timestamp", "result.artifactUpdate.artifact.artifactId"),
    }
)
VOLATILE_REQUEST = frozenset({"id", "params.id", *(f"params.message.{name}" for name in _IDS)})


def claims(request: Request) -> bool:
    """Whether a request asks an agent, or asks for what became of it."""
    return method_of(request) in _METHODS


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what the agent was told, and what it has said by now."""
    body = asked_in(exchange, expected="a JSON-RPC object that asks an agent")
    asked = params_of(body)
    answer = rpc_answer_in(exchange, is_end=_is_end)
    results = [_flat(result) for result in results_in(answer)]
    state = next((state for result in reversed(results) if (state := _state_of(result))), None)
    # An agent that answers at once has no task.
    is_finished = state in _FINISH_REASONS
    parts = tuple(_parts_of_results(results))
    error = answer.error or _failure_in(results, state)
    answer = Answer(is_stream=answer.is_stream, bodies=answer.bodies, error=error)
    told = object_of(asked.get("message"))
    return ModelCall(
        operation_name="invoke_agent",
        response_id=next((found for result in results if (found := _id_of(result))), None),
        streaming=answer.is_stream,
        input_messages=tuple(map(_message_of, [told] if told else _history_in(results))),
        parameters={"method": body.get("method"), **{name: asked[name] for name in asked if name != "message"}},
        output_messages=(Message(role="assistant", parts=parts),) if parts or is_finished else (),
        finish_reasons=(_FINISH_REASONS.get(state),) if parts or is_finished else (),
        provider_finish_reasons=(state if is_finished else None,) if parts or is_finished else (),
        error_type=answer.error_type,
        error_message=answer.error_message,
    )


def _flat(result: dict[str, JSON]) -> dict[str, JSON]:
    """A result in the form of before 1.0, where the kind of a thing is a field and not the name of its place."""
    kinds = {
        "task": "task",
        "message": "message",
        "statusUpdate": "status-update",
        "artifactUpdate": "artifact-update",
    }
    held = next((name for name in kinds if isinstance(result.get(name), dict)), None)
    return {"kind": kinds[held], **object_of(result[held])} if held and "kind" not in result else result


def _state_of(result: dict[str, JSON]) -> str | None:
    """The state of a task, in the words of before 1.0 (`TASK_STATE_COMPLETED` since)."""
    state = text_of(object_of(result.get("status")).get("state"))
    return state.removeprefix("TASK_STATE_").lower().replace("_", "-") if state else None


def _is_end(result: dict[str, JSON]) -> bool:
    flat = _flat(result)
    return flat.get("final") is True or _is_message(flat) or _state_of(flat) in _FINISH_REASONS


def _is_message(result: dict[str, JSON]) -> bool:
    return result.get("kind") == "message" or ("parts" in result and "status" not in result)


def _id_of(result: dict[str, JSON]) -> str | None:
    names = ("messageId",) if _is_message(result) else ("taskId", "id")
    return next((text for name in names if (text := text_of(result.get(name)))), None)


def _failure_in(results: list[dict[str, JSON]], state: str | None) -> ProviderError | None:
    if _FINISH_REASONS.get(state) != "error":
        return None
    said = "".join(part.text for part in _status_parts(results) if isinstance(part, TextPart))
    return ProviderError(type=state, message=said or None)


def _history_in(results: list[dict[str, JSON]]) -> list[dict[str, JSON]]:
    """What was said before, as far as it is told."""
    return objects_of(next((result["history"] for result in results if "history" in result), None))


def _parts_of_results(results: list[dict[str, JSON]]) -> Iterator[Part]:
    """What the agent made, then what it said of it; how it is getting on is no part of the answer."""
    pieces = [part for result in results for part in _made_parts(result)]
    spoken = [part for result in results if _is_message(result) for part in _parts_of(result)]
    row = [*pieces, *spoken, *_status_parts(results)]
    text = ""
    for part in row:
        if isinstance(part, TextPart):
            text += part.text
            continue
        yield from [TextPart(text=text)] if text else []
        yield part
        text = ""
    yield from [TextPart(text=text)] if text else []


def _made_parts(result: dict[str, JSON]) -> Iterator[Part]:
    for artifact in [object_of(result.get("artifact")), *objects_of(result.get("artifacts"))]:
        yield from _parts_of(artifact)


def _status_parts(results: list[dict[str, JSON]]) -> list[Part]:
    last = next((result for result in reversed(results) if _state_of(result) in _FINISH_REASONS), {})
    return list(_parts_of(object_of(object_of(last.get("status")).get("message"))))


def _message_of(message: dict[str, JSON]) -> Message:
    role = text_of(message.get("role")) or ""
    return Message(role=_ROLES.get(role, role), parts=tuple(_parts_of(message)))


def _parts_of(holder: dict[str, JSON]) -> Iterator[Part]:
    for part in map(object_of, list_of(holder.get("parts"))):
        file = object_of(part.get("file")) or part
        if text := text_of(part.get("text")):
            yield TextPart(text=well_formed(text))
        elif part.get("data") is not None:
            yield TextPart(text=well_formed(json.dumps(part["data"], ensure_ascii=False)))
        elif address := next(
            (found for name in ("uri", "fileWithUri", "url") if (found := text_of(file.get(name)))), None
        ):
            yield MediaPart(kind="file", reference=address)
        elif data := next(
            (found for name in ("bytes", "fileWithBytes", "raw") if (found := text_of(file.get(name)))), None
        ):
            yield MediaPart(kind="file", reference=hash_of_base64(data))
        elif "file" in part:
            yield MediaPart(kind="file", reference=hash_of_json(part))
