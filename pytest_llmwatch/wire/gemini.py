"""Google's generateContent, of the Gemini API and of Vertex AI: whole answers, event streams and JSON arrays.

https://ai.google.dev/api/generate-content
https://docs.cloud.google.com/vertex-ai/docs/reference/rest/v1/GenerateContentResponse
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, FinishReason, Message, ModelCall, Usage
from pytest_llmwatch.errors import UndecodableExchange

from .answers import failure_of
from .event_stream import events, looks_like_events
from .gemini_address import model_in_path, target_of
from .gemini_contents import (
    candidate_parts,
    each_of,
    field_of,
    input_messages_of,
    is_function_call,
    parts_of,
    snake_case,
    tools_of,
)
from .gemini_usage import billing_of, usage_in, usage_of
from .provider_errors import ProviderError, error_in, error_of_status
from .reading import int_of, json_of, object_from, object_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_llmwatch.exchange import Exchange, Request, Response

_METHODS = ("generateContent", "streamGenerateContent")
_NOT_PARAMETERS = frozenset({"model", "contents", "systemInstruction", "system_instruction", "tools"})
_ANSWERS = ("candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId")
_FINISH_REASONS: dict[str | None, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    # The limit of one request: the answer goes on in the next.
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "LANGUAGE": "error",
    "MALFORMED_FUNCTION_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
    "NO_IMAGE": "error",
    "PUP_LIMITED_DISABLED": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    # Numbers come with `$alt=json;enum-encoding=int`; from 5 on, the two APIs agree on few.
    "1": "stop",
    "2": "length",
    "3": "content_filter",
    "4": "content_filter",
    "7": "content_filter",
    "8": "content_filter",
}
_OPAQUE = ("thoughtSignature", "functionCall.id", "toolCall.id", "toolResponse.id")
_IN_ANSWER = ("responseId", "createTime", *(f"candidates[*].content.parts[*].{name}" for name in _OPAQUE))
# What no two recordings of the same answer share: in a body, in an array of chunks, and in events, whose places are
# told without the lists they pass.
VOLATILE = frozenset(form for name in _IN_ANSWER for form in (name, f"[*].{name}", name.replace("[*]", "")))
VOLATILE_REQUEST = frozenset(
    f"contents[*].parts[*].{spelling}"
    for name in (*_OPAQUE, "functionResponse.id")
    for spelling in (name, snake_case(name))
)


def claims(request: Request) -> bool:
    """Whether a request asks for generated content."""
    if request.method.upper() != "POST" or target_of(request)[1] not in _METHODS:
        return False
    return "contents" in (object_from(request.body) or {})


def decode(exchange: Exchange) -> ModelCall:
    """The call in an exchange: what was asked, and as much of the answer as arrived."""
    request = exchange.request
    asked = object_from(request.body)
    if asked is None:
        raise UndecodableExchange(
            "request body", expected="a JSON object with `contents`", got=request.body[:40], exchange=exchange
        )
    answer = _answer_in(exchange, streamed=target_of(request)[1] == "streamGenerateContent")
    error = answer.error or ProviderError()
    return ModelCall(
        operation_name="chat",
        request_model=model_in_path(request) or text_of(asked.get("model")),
        response_model=answer.model,
        response_id=answer.id,
        streaming=answer.is_stream,
        input_messages=tuple(input_messages_of(asked)),
        tool_definitions=tuple(tools_of(asked)),
        parameters={name: value for name, value in asked.items() if name not in _NOT_PARAMETERS},
        output_messages=answer.messages,
        finish_reasons=tuple(reason for reason, _ in answer.ends),
        provider_finish_reasons=tuple(said for _, said in answer.ends),
        usage=answer.usage,
        error_type=error.type,
        error_message=error.message,
        billing=billing_of(answer.chunks, exchange, asked, answer.model or model_in_path(request)),
    )


_End = tuple[FinishReason | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What came back, as far as it came; `ends` are the finish reasons in the conventions' and the wire's words."""

    is_stream: bool
    id: str | None = None
    model: str | None = None
    messages: tuple[Message, ...] = ()
    ends: tuple[_End, ...] = ()
    usage: Usage = field(default_factory=Usage)
    chunks: tuple[dict[str, JSON], ...] = ()
    error: ProviderError | None = None


def _answer_in(exchange: Exchange, *, streamed: bool) -> _Answer:
    response = exchange.response
    if response is None or (not response.body and exchange.failure):
        return _Answer(is_stream=streamed, error=failure_of(exchange))
    arrived = _arrived_in(response, streamed=streamed)
    error = next((error for value in arrived.values if (error := _error_in(value))), None)
    if not 200 <= response.status < 300:
        named = error_of_status(response.status, response.body)
        error = replace(error, type=error.type or named.type) if error else named
    # A body that was cut before its first object was complete says nothing against the format.
    is_cut = not arrived.values and (arrived.is_open or exchange.failure is not None)
    if error is None and not is_cut and not any(map(_is_of_this_format, arrived.values)):
        raise UndecodableExchange(
            "response body", expected="a JSON object with `candidates`", got=response.body[:40], exchange=exchange
        )
    answer = _answer_from(arrived.values, is_stream=arrived.is_stream if response.body else streamed)
    is_whole = any(said for _, said in answer.ends) or (bool(arrived.values) and not arrived.is_open)
    if error is None:
        return answer if is_whole else replace(answer, error=failure_of(exchange))
    return replace(answer, error=replace(error, type=error.type or "error"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrived:
    """The JSON objects of a body; `is_open` where its framing leaves open whether that is all of it."""

    values: list[dict[str, JSON]]
    is_stream: bool
    is_open: bool


def _arrived_in(response: Response, *, streamed: bool) -> _Arrived:
    # The body decides: recorders drop headers, and errors come as plain JSON under the header of a stream.
    kind = response.header("content-type") or ""
    text = response.body.decode("utf-8-sig", errors="replace").strip()
    if looks_like_events(response.body) or (not text.startswith(("{", "[")) and "event-stream" in kind):
        return _Arrived(values=[*_objects_in_events(response.body)], is_stream=True, is_open=True)
    values, rest = _objects_in(text)
    if text.startswith("["):
        return _Arrived(values=values, is_stream=streamed, is_open="{" in rest or not rest.endswith("]"))
    has_lines = len(values) > 1 or "ndjson" in kind or (bool(values) and bool(rest))
    return _Arrived(values=values, is_stream=has_lines, is_open=has_lines)


def _objects_in_events(body: bytes) -> Iterator[dict[str, JSON]]:
    for _, data in events(body):
        try:
            yield from each_of(json_of(data))
        except ValueError:
            continue
    # An error in the middle of a stream comes as plain lines of JSON between the events.
    plain = b"\n".join(line for line in body.splitlines() if not looks_like_events(line))
    yield from filter(_error_in, _objects_in(plain.decode("utf-8", errors="replace"))[0])


def _objects_in(text: str) -> tuple[list[dict[str, JSON]], str]:
    """The complete objects of a JSON array, of lines of JSON, or of one text; and what stands behind the last."""
    decoder = json.JSONDecoder()
    found: list[dict[str, JSON] | None] = []
    place = 0
    while (start := text.find("{", place)) >= 0:
        try:
            _, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            break
        # Read again at the door that keeps deep values out.
        found.append(object_from(text[start:place]))
    return [value for value in found if value is not None], text[place:]


def _error_in(value: JSON) -> ProviderError | None:
    """The error in Google's words: its `status` (`RESOURCE_EXHAUSTED`) where it has one, else its number."""
    found = error_in(value)
    if found is None:
        return None
    status = text_of(object_of(object_of(value).get("error")).get("status"))
    return ProviderError(type=status or found.type, message=found.message)


def _is_of_this_format(body: dict[str, JSON]) -> bool:
    # An answer without candidates has no fields at all where nothing is reported.
    return not body or any(name in body or snake_case(name) in body for name in _ANSWERS)


def _answer_from(chunks: list[dict[str, JSON]], *, is_stream: bool) -> _Answer:
    """The answer in the chunks of a stream, or in the one body that is no stream."""
    candidates = _grouped(chunks)
    ends = tuple(candidate.end for candidate in candidates)
    blocked = _block_reason_in(chunks)
    if blocked and not any(said for _, said in ends):
        ends = (("content_filter", blocked),) * max(1, len(candidates))
    return _Answer(
        is_stream=is_stream,
        id=_first_text(chunks, "responseId"),
        model=_first_text(chunks, "modelVersion"),
        messages=tuple(candidate.message for candidate in candidates),
        ends=ends,
        usage=usage_of(usage_in(chunks)),
        chunks=tuple(chunks),
    )


def _first_text(chunks: list[dict[str, JSON]], name: str) -> str | None:
    return next((text for chunk in chunks if (text := text_of(field_of(chunk, name)))), None)


def _block_reason_in(chunks: list[dict[str, JSON]]) -> str | None:
    """Why the prompt was refused: there are no candidates then, and the answer is no error."""
    feedback = (object_of(field_of(chunk, "promptFeedback")) for chunk in chunks)
    return next((reason for item in feedback if (reason := _word_of(field_of(item, "blockReason")))), None)


def _word_of(value: JSON) -> str | None:
    """A name of the API, or its number as text."""
    number = int_of(value)
    return text_of(value) if number is None else str(number)


@dataclass(slots=True)
class _Candidate:
    """One of the alternatives asked for with `candidateCount`, while its pieces arrive."""

    pieces: list[dict[str, JSON]] = field(default_factory=list)
    finish_reason: str | None = None

    @property
    def message(self) -> Message:
        return Message(role="assistant", parts=parts_of(self.pieces))

    @property
    def end(self) -> _End:
        reason = _FINISH_REASONS.get(self.finish_reason)
        # Google has no word of its own for an answer that ends with function calls.
        asks = reason == "stop" and any(map(is_function_call, self.pieces))
        return "tool_call" if asks else reason, self.finish_reason


def _grouped(chunks: Iterable[dict[str, JSON]]) -> list[_Candidate]:
    """The candidates in the order of their indexes."""
    found: dict[int, _Candidate] = {}
    for chunk in chunks:
        for place, candidate in enumerate(each_of(chunk.get("candidates"))):
            index = int_of(candidate.get("index"))
            grown = found.setdefault(place if index is None else index, _Candidate())
            grown.pieces.extend(candidate_parts(candidate))
            grown.finish_reason = _word_of(field_of(candidate, "finishReason")) or grown.finish_reason
    return [found[index] for index in sorted(found)]
