"""The items that the events of an `openai_responses` stream add up to, as far as it goes.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON

from .reading import int_of, object_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

# What the `.delta` and `.done` events of a name carry: the type of their item, its field, and the type of its parts.
_PIECES: dict[str, tuple[str, str, str | None]] = {
    "response.output_text": ("message", "content", "output_text"),
    "response.refusal": ("message", "content", "refusal"),
    "response.reasoning_text": ("reasoning", "content", "reasoning_text"),
    # OpenRouter's first version.
    "response.reasoning": ("reasoning", "content", "reasoning_text"),
    "response.reasoning_summary_text": ("reasoning", "summary", "summary_text"),
    "response.function_call_arguments": ("function_call", "arguments", None),
    "response.custom_tool_call_input": ("custom_tool_call", "input", None),
    "response.mcp_call_arguments": ("mcp_call", "arguments", None),
    "response.code_interpreter_call_code": ("code_interpreter_call", "code", None),
}


@dataclass(slots=True)
class _GrowingItem:
    """An item while its events arrive; `pieces` are its texts by field, type and place."""

    kind: str
    id: str | None = None
    said: dict[str, JSON] = field(default_factory=dict)
    is_done: bool = False
    pieces: dict[tuple[str, str | None, int], list[str]] = field(default_factory=dict)

    def whole(self) -> dict[str, JSON]:
        # A finished item tells all; where one leaves a field empty, and before that, its events know more.
        grown = {name: value for name, value in self._grown().items() if not (self.is_done and self.said.get(name))}
        return {"type": self.kind} | self.said | grown

    def _grown(self) -> dict[str, JSON]:
        found: dict[str, JSON] = {}
        for (name, part, _), texts in sorted(self.pieces.items(), key=lambda item: item[0][2]):
            text = "".join(texts)
            if part is None:
                found[name] = text
            else:
                row = found.setdefault(name, [])
                if isinstance(row, list):
                    row.append({"type": part, "refusal" if part == "refusal" else "text": text})
        return found


class _Items:
    """The items of a stream, in the order in which they began."""

    def __init__(self) -> None:
        self.all: list[_GrowingItem] = []
        self._by_place: dict[tuple[int, str], _GrowingItem] = {}
        self._by_id: dict[tuple[str, str], _GrowingItem] = {}

    def begin(self, event: dict[str, JSON], kind: str, item_id: str | None) -> _GrowingItem:
        item = _GrowingItem(kind, item_id)
        self.all.append(item)
        place = int_of(event.get("output_index"))
        self._by_place |= {(place, kind): item} if place is not None else {}
        self._by_id |= {(item_id, kind): item} if item_id else {}
        return item

    def of(self, event: dict[str, JSON], kind: str, item_id: str | None) -> _GrowingItem:
        """The item that an event belongs to; begun here where no event announced it."""
        # Proxies give several items one index, leave the index out (llama.cpp), or draw an id for every event.
        place = int_of(event.get("output_index"))
        found = None if place is None else self._by_place.get((place, kind))
        if found is None and item_id:
            found = self._by_id.get((item_id, kind))
        if found is None and place is None and self.all and self.all[-1].kind == kind:
            found = self.all[-1]
        return found or self.begin(event, kind, item_id)


def items_in(events: Iterable[dict[str, JSON]]) -> list[dict[str, JSON]]:
    """The whole items, and of those that were cut short what had arrived."""
    items = _Items()
    for event in events:
        _take(event, items)
    return [item.whole() for item in items.all]


def _take(event: dict[str, JSON], items: _Items) -> None:
    name, _, state = (text_of(event.get("type")) or "").rpartition(".")
    if name == "response.output_item":
        _take_item(object_of(event.get("item")), event, items, state)
    elif name in _PIECES and state in ("delta", "done"):
        _take_text(event, items, name, state)
    elif (kind := name.removeprefix("response.")).endswith("_call") and kind != name:
        # `response.web_search_call.searching`: where a stream is taken up again, this may be the first word of it.
        items.of(event, kind, text_of(event.get("item_id")))


def _take_item(said: dict[str, JSON], event: dict[str, JSON], items: _Items, state: str) -> None:
    kind, item_id = text_of(said.get("type")), text_of(said.get("id"))
    if kind is None:
        return
    item = items.of(event, kind, item_id)
    if item.said and (item.is_done or state == "added") and item_id != item.id:
        item = items.begin(event, kind, item_id)
    item.id, item.said, item.is_done = item.id or item_id, said, state == "done"


def _take_text(event: dict[str, JSON], items: _Items, name: str, state: str) -> None:
    kind, held_in, part = _PIECES[name]
    item = items.of(event, kind, text_of(event.get("item_id")))
    at = int_of(event.get("summary_index" if held_in == "summary" else "content_index")) or 0
    texts = item.pieces.setdefault((held_in, part, at), [])
    if state == "delta":
        texts.append(text_of(event.get("delta")) or text_of(object_of(event.get("delta")).get("text")) or "")
    elif whole := next((text for each in ("text", "refusal", held_in) if (text := text_of(event.get(each)))), None):
        texts[:] = [whole]
    if (called := text_of(event.get("name"))) and not item.said.get("name"):
        item.said = item.said | {"name": called}
