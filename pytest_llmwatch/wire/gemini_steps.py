"""The steps of `gemini_interactions`, sent and received: what was said, thought, called and found, in order.

A stream is folded into whole steps first (`steps_in`), so there is one way to read one. Before there were steps, an
answer had `outputs`, and a request turns with a role; both are still read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

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

from .gemini_contents import each_of
from .reading import (
    hash_of_base64,
    hash_of_json,
    int_of,
    json_of,
    list_of,
    media_reference,
    object_of,
    objects_of,
    text_of,
    well_formed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ROLES = {"model": "assistant", "user_input": "user", "function_result": "tool"}
_MEDIA = {"image": "image", "audio": "audio", "video": "video", "document": "file", "file": "file"}
_CONTENTS = frozenset({"text", *_MEDIA})


def input_messages_of(asked: dict[str, JSON]) -> Iterator[Message]:
    """The messages of a request, the system prompt first."""
    if parts := tuple(_parts_of_content(asked.get("system_instruction"))):
        yield Message(role="system", parts=parts)
    yield from _messages_of(asked.get("input"))


def _messages_of(value: JSON) -> Iterator[Message]:
    if isinstance(value, str):
        yield from [Message(role="user", parts=(TextPart(text=well_formed(value)),))] if value else []
        return
    # Neighbouring steps of one side are one message.
    for role, row in groupby(each_of(value), _role_of):
        yield Message(role=role, parts=tuple(part for step in row for part in _step_parts(step)))


def _role_of(step: dict[str, JSON]) -> str:
    role, kind = text_of(step.get("role")), text_of(step.get("type")) or ""
    if role is None and kind not in _ROLES:
        return "user" if kind in _CONTENTS else "assistant"
    return _ROLES.get(role or kind, role or "user")


def answer_of(steps: Iterable[dict[str, JSON]]) -> Message:
    """The message that the steps of an answer make; what was sent is no part of it."""
    parts = (part for step in steps if step.get("type") != "user_input" for part in _step_parts(step))
    return Message(role="assistant", parts=tuple(_joined(parts)))


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    for kind, row in groupby(parts, type):
        if kind is TextPart:
            yield TextPart(text=well_formed("".join(part.text for part in row if isinstance(part, TextPart))))
        else:
            yield from row


def _step_parts(step: dict[str, JSON]) -> Iterator[Part]:
    kind = text_of(step.get("type")) or ""
    if kind in _CONTENTS:
        yield from _parts_of_content(step)
    elif kind == "thought":
        # The old ones have their text themselves.
        texts = (text_of(each.get("text")) for each in (*objects_of(step.get("summary")), step))
        yield from (ReasoningPart(text=well_formed(text)) for text in texts if text)
    elif kind.endswith("_call"):
        # Google's own tools are known by the kind of their step.
        name = text_of(step.get("name")) or (kind.removesuffix("_call") if kind != "function_call" else None)
        if name:
            yield ToolCallPart(name=name, arguments=step.get("arguments"), id=text_of(step.get("id")))
    elif kind.endswith("_result"):
        call_id = text_of(step.get("call_id")) or text_of(step.get("name"))
        yield ToolResultPart(result=step.get("result"), id=call_id)
    else:
        yield from _parts_of_content(step.get("content"))


def _parts_of_content(content: JSON) -> Iterator[Part]:
    if isinstance(content, str):
        yield from [TextPart(text=well_formed(content))] if content else []
        return
    for item in each_of(content):
        kind = text_of(item.get("type")) or "text"
        if kind == "text":
            if text := text_of(item.get("text")):
                yield TextPart(text=text)
        elif kind in _MEDIA:
            yield MediaPart(kind=_MEDIA[kind], reference=_reference_of(item))
        else:
            yield from _step_parts(item)


def _reference_of(medium: dict[str, JSON]) -> str:
    if address := text_of(medium.get("uri")):
        return media_reference(address)
    data = text_of(medium.get("data"))
    return hash_of_base64(data) if data else hash_of_json(medium)


def steps_in(bodies: tuple[dict[str, JSON], ...]) -> list[dict[str, JSON]]:
    """The steps of a whole answer, or those that the events of a stream add up to."""
    found: dict[int, _GrowingStep] = {}
    for event in bodies:
        index = int_of(event.get("index"))
        begun, delta = object_of(event.get("step")) or object_of(event.get("content")), object_of(event.get("delta"))
        if begun or delta:
            place = max(found, default=0) if index is None else index
            grown = found.setdefault(place, _GrowingStep())
            grown.begun = grown.begun or begun
            grown.deltas += [delta] if delta else []
    if found:
        return [found[place].whole() for place in sorted(found)]
    states = [each for body in bodies for each in (body, object_of(body.get("interaction")))]
    return next((steps for each in reversed(states) for steps in _told_in(each) if steps), [])


def _told_in(state: dict[str, JSON]) -> Iterator[list[dict[str, JSON]]]:
    yield objects_of(state.get("steps"))
    yield objects_of(state.get("outputs"))


@dataclass(slots=True)
class _GrowingStep:
    """A step while its events arrive."""

    begun: dict[str, JSON] = field(default_factory=dict)
    deltas: list[dict[str, JSON]] = field(default_factory=list)

    def whole(self) -> dict[str, JSON]:
        kind = text_of(self.begun.get("type")) or _kind_of(self.deltas)
        begun: dict[str, JSON] = {**self.begun, "type": kind}
        said = _contents_of(self.deltas)
        if kind == "thought":
            summary: list[JSON] = [object_of(each.get("content")) or each for each in self.deltas if _is_thought(each)]
            return {**begun, "summary": [*list_of(begun.get("summary")), *summary]}
        if kind in _CONTENTS:
            return {"type": "model_output", "content": [begun, *said]}
        if said:
            begun["content"] = [*list_of(begun.get("content")), *said]
        return {**begun, **self._other_fields(begun)}

    def _other_fields(self, begun: dict[str, JSON]) -> dict[str, JSON]:
        """What deltas tell whole, and the arguments that come in pieces of JSON."""
        told: dict[str, JSON] = {}
        pieces: list[str] = []
        for delta in self.deltas:
            if isinstance(arguments := delta.get("arguments"), str):
                pieces.append(arguments)
            names = ("id", "call_id", "name", "arguments", "result")
            told |= {name: delta[name] for name in names if delta.get(name) is not None}
        if pieces:
            told["arguments"] = _parsed("".join(pieces), begun.get("arguments"))
        return told


def _kind_of(deltas: list[dict[str, JSON]]) -> str:
    kind = next((kind for delta in deltas if (kind := text_of(delta.get("type")))), "text")
    return {"thought_summary": "thought", "thought_signature": "thought", "arguments_delta": "function_call"}.get(
        kind, kind
    )


def _is_thought(delta: dict[str, JSON]) -> bool:
    return delta.get("type") in ("thought_summary", "thought", "text")


def _contents_of(deltas: list[dict[str, JSON]]) -> list[JSON]:
    """What is said and shown in a step; the pieces of a sound or an image are one."""
    said: list[JSON] = []
    for kind, row in groupby(deltas, lambda each: text_of(each.get("type"))):
        pieces = list(row)
        if kind not in _CONTENTS:
            continue
        if kind == "text":
            said.append({"type": kind, "text": "".join(text_of(each.get("text")) or "" for each in pieces)})
        else:
            data = "".join(text_of(each.get("data")) or "" for each in pieces)
            said.append({**pieces[0], "data": data})
    return said


def _parsed(arguments: str, begun: JSON) -> JSON:
    try:
        return json_of(arguments) if arguments else begun
    except ValueError:
        return arguments


def tools_of(asked: dict[str, JSON]) -> Iterator[ToolDefinition]:
    """The tools a request offers: its functions, and Google's own by their names (`google_search`)."""
    for tool in objects_of(asked.get("tools")):
        kind = text_of(tool.get("type")) or "function"
        if kind == "function":
            yield ToolDefinition(
                name=text_of(tool.get("name")) or "",
                description=text_of(tool.get("description")),
                parameters=tool.get("parameters"),
            )
        else:
            settings = {name: value for name, value in tool.items() if name != "type"}
            yield ToolDefinition(name=kind, parameters=settings or None)
