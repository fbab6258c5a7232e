"""The contents of `gemini`, sent and received: the same parts in both directions.

The API reads every field in two spellings (`inlineData`, `inline_data`), and one object where it documents a list.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from pytest_llmwatch.calls import (
    JSON,
    MediaPart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
)

from .reading import hash_of_base64, hash_of_json, media_reference, object_of, objects_of, text_of, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ROLES = {"model": "assistant", "function": "tool"}
# Where a part is not text alone.
_HELD = (
    *("functionCall", "functionResponse", "inlineData", "fileData"),
    *("executableCode", "codeExecutionResult", "toolCall", "toolResponse"),
)
_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,9})\]|\['([^']*)'\]|\["([^"]*)"\]""")
# Far from where `reading` refuses JSON as too deep.
_DEEPEST = 100


def field_of(value: dict[str, JSON], name: str) -> JSON:
    """A field in either of its spellings; `name` is in camel case."""
    return value[name] if name in value else value.get(snake_case(name))


@functools.cache
def snake_case(name: str) -> str:
    """The other spelling of a field."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def each_of(value: JSON) -> list[dict[str, JSON]]:
    """The objects in a list, or the one that stands for a list of one."""
    return [value] if isinstance(value, dict) else objects_of(value)


def input_messages_of(asked: dict[str, JSON]) -> Iterator[Message]:
    """The messages of a request, the system prompt first."""
    system = field_of(asked, "systemInstruction")
    if isinstance(system, str):
        system = {"parts": {"text": system}}
    if parts := parts_of(each_of(object_of(system).get("parts"))):
        yield Message(role="system", parts=parts)
    for content in each_of(asked.get("contents")):
        role = text_of(content.get("role")) or "user"
        yield Message(role=_ROLES.get(role, role), parts=parts_of(each_of(content.get("parts"))))


def parts_of(pieces: Iterable[dict[str, JSON]]) -> tuple[Part, ...]:
    """What the parts hold; neighbouring pieces of text are joined."""
    return tuple(part for kind, row in groupby(_whole_calls(pieces), _kind_of) for part in _parts_in(kind, row))


def candidate_parts(candidate: dict[str, JSON]) -> list[dict[str, JSON]]:
    """The parts of an answer or of a piece of it."""
    return each_of(object_of(candidate.get("content")).get("parts"))


def is_function_call(part: dict[str, JSON]) -> bool:
    """Whether a part asks the application to call a function."""
    return isinstance(field_of(part, "functionCall"), dict)


def _kind_of(part: dict[str, JSON]) -> str:
    if any(field_of(part, name) is not None for name in _HELD):
        return "other"
    return "thought" if part.get("thought") is True else "text"


def _parts_in(kind: str, row: Iterable[dict[str, JSON]]) -> Iterator[Part]:
    if kind == "other":
        for part in row:
            yield from _other_parts(part)
    elif text := well_formed("".join(text_of(part.get("text")) or "" for part in row)):
        yield ReasoningPart(text=text) if kind == "thought" else TextPart(text=text)


def _other_parts(part: dict[str, JSON]) -> Iterator[Part]:
    is_thought = part.get("thought") is True
    if (text := text_of(part.get("text"))) and not is_thought:
        yield TextPart(text=well_formed(text))
    # The images of a thought are drafts of the one in the answer.
    if not is_thought:
        yield from _media_in(part)
    # Google runs this code itself, on its way to the answer: it asks the application for nothing.
    if code := text_of(object_of(field_of(part, "executableCode")).get("code")):
        yield ReasoningPart(text=well_formed(code))
    yield from _tool_calls_in(part)
    yield from _tool_results_in(part)


def _media_in(part: dict[str, JSON]) -> Iterator[Part]:
    for name in ("inlineData", "fileData"):
        medium = field_of(part, name)
        if isinstance(medium, dict):
            yield MediaPart(kind=_media_kind(medium), reference=_reference_of(medium))


def _media_kind(medium: dict[str, JSON]) -> str:
    kind = (text_of(field_of(medium, "mimeType")) or "").partition("/")[0]
    return kind if kind in ("image", "audio", "video") else "file"


def _reference_of(medium: dict[str, JSON]) -> str:
    """The address of a medium, a hash of its bytes, or a hash of all that is said of it where it has neither."""
    if address := text_of(field_of(medium, "fileUri")):
        return media_reference(address)
    if data := text_of(medium.get("data")):
        # Google's own SDK writes the alphabet for URLs, others the common one, some without padding.
        plain = data.replace("-", "+").replace("_", "/").rstrip("=")
        return hash_of_base64(plain + "=" * (-len(plain) % 4))
    return hash_of_json(medium)


def _tool_calls_in(part: dict[str, JSON]) -> Iterator[Part]:
    for name, naming in (("functionCall", "name"), ("toolCall", "toolType")):
        call = object_of(field_of(part, name))
        if called := text_of(field_of(call, naming)):
            yield ToolCallPart(name=called, arguments=call.get("args"), id=text_of(call.get("id")))


def _tool_results_in(part: dict[str, JSON]) -> Iterator[Part]:
    for name in ("functionResponse", "toolResponse"):
        answer = field_of(part, name)
        if isinstance(answer, dict):
            # The Gemini API gives ids to the calls of few models; the others are answered by name.
            call_id = text_of(answer.get("id")) or text_of(answer.get("name"))
            yield ToolResultPart(result=answer.get("response"), id=call_id)
            for held in each_of(answer.get("parts")):
                yield from _media_in(held)
    ran = field_of(part, "codeExecutionResult")
    if isinstance(ran, dict):
        result: JSON = {said: ran[said] for said in ("outcome", "output") if said in ran}
        yield ToolResultPart(result=result, id=text_of(ran.get("id")))


@dataclass(slots=True)
class _GrowingCall:
    """A function call whose arguments are streamed in pieces, each with the place of its value.

    https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling
    """

    call: dict[str, JSON]
    pieces: dict[str, list[JSON]] = field(default_factory=dict)

    def add(self, call: dict[str, JSON]) -> None:
        for piece in each_of(field_of(call, "partialArgs")):
            path = text_of(field_of(piece, "jsonPath")) or ""
            self.pieces.setdefault(path, []).extend(_values_in(piece))

    def settle(self) -> None:
        """Give the call the arguments that the pieces add up to."""
        args: dict[str, JSON] = {**object_of(self.call.get("args"))}
        for path, values in self.pieces.items():
            if values:
                texts = [value for value in values if isinstance(value, str)]
                _put(args, _steps_of(path), "".join(texts) if len(texts) == len(values) else values[-1])
        if self.pieces:
            self.call["args"] = args


def _whole_calls(parts: Iterable[dict[str, JSON]]) -> list[dict[str, JSON]]:
    """The parts, in which a function call that was streamed is one part."""
    whole: list[dict[str, JSON]] = []
    calls: list[_GrowingCall] = []
    is_open = False
    for part in parts:
        call = field_of(part, "functionCall")
        if not isinstance(call, dict):
            whole.append(part)
            continue
        if text_of(call.get("name")) or not is_open:
            calls.append(_GrowingCall({**call}))
            whole.append({**part, "functionCall": calls[-1].call})
        calls[-1].add(call)
        # The last piece is an empty call.
        is_open = field_of(call, "willContinue") is True
    for growing in calls:
        growing.settle()
    return whole


def _values_in(piece: dict[str, JSON]) -> Iterator[JSON]:
    """The one value of a piece; none where it only says that a value has ended."""
    names = [name for name in ("stringValue", "numberValue", "boolValue") if field_of(piece, name) is not None]
    if names:
        yield field_of(piece, names[0])
    elif "nullValue" in piece or "null_value" in piece:
        yield None


def _steps_of(path: str) -> list[str | int]:
    """The steps of a JSON path (`$.rooms[0].name`); none where it is no path to one value."""
    steps: list[str | int] = []
    place = 1
    while path.startswith("$") and place < len(path) and len(steps) < _DEEPEST:
        found = _STEP.match(path, place)
        if found is None:
            return []
        steps.append(int(found[2]) if found[2] else next(name for name in found.group(1, 3, 4) if name is not None))
        place = found.end()
    return steps if place == len(path) else []


def _put(args: dict[str, JSON], steps: list[str | int], value: JSON) -> None:
    """Set the value at a place; a place that cannot be in these arguments is a missing field."""
    held: Any = args
    for step, following in pairwise(steps):
        if not _has_place(held, step, [] if isinstance(following, int) else {}):
            return
        held = held[step]
    if steps and _has_place(held, steps[-1], value):
        held[steps[-1]] = value


def _has_place(held: JSON, step: str | int, new: JSON) -> bool:
    """Whether a value can have a step; the next place of a list, and every name in an object, is made where new."""
    if isinstance(held, dict) and isinstance(step, str):
        held.setdefault(step, new)
        return True
    if isinstance(held, list) and isinstance(step, int) and step <= len(held):
        held.extend([new] if step == len(held) else [])
        return True
    return False


def tools_of(asked: dict[str, JSON]) -> Iterator[ToolDefinition]:
    """The tools a request offers: its functions, and Google's own by their names (`googleSearch`)."""
    for tool in each_of(asked.get("tools")):
        for name, settings in tool.items():
            if snake_case(name) == "function_declarations":
                yield from map(_function_of, each_of(settings))
            elif settings is not None:
                yield ToolDefinition(name=_camel_case(name), parameters=settings or None)


def _function_of(function: dict[str, JSON]) -> ToolDefinition:
    schema = field_of(function, "parametersJsonSchema")
    return ToolDefinition(
        name=text_of(function.get("name")) or "",
        description=text_of(function.get("description")),
        parameters=function.get("parameters") if schema is None else schema,
    )


def _camel_case(name: str) -> str:
    return re.sub("_([a-z])", lambda letter: letter[1].upper(), name)
