"""One recorded call as a page: what was sent, why it was answered so, what it cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_llmwatch.bodies import json_of
from pytest_llmwatch.calls import MediaPart, ModelCall, ReasoningPart, TextPart, ToolCallPart
from pytest_llmwatch.drift.visible import columns, visible, visible_json
from pytest_llmwatch.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_llmwatch.calls import Attempt, Message, Part, ToolDefinition

LABEL_WIDTH = 14
LEAST_TEXT_WIDTH = 20
FOLDED_LINES = 12
UNREAD_LINES = 20
BOLD, RED, DIM = "1", "31", "2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a call stands: the file, and which of its calls it is, from 1."""

    file: str
    number: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPage:
    """A call with its place and with the exchange it was read from."""

    place: Place
    call: ModelCall
    exchange: Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A label and a text; `is_visible` says that the text is safe to print as it is."""

    label: str
    text: str
    style: str = ""
    is_visible: bool = False
    folded_at: int = FOLDED_LINES


def lines_of(page: CallPage, *, width: int = 100, colour: bool = False, folded: bool = True) -> Iterator[str]:
    """The page's lines in `width` columns, safe to print; a long text is folded unless the caller wants all of it."""
    place = page.place
    role = f" ({visible(page.exchange.role)})" if page.exchange.role else ""
    yield _painted(f"{visible(place.file)}  call {place.number} of {place.of}{role}", BOLD, colour)
    yield from _table([_Row(label="call", text=_headline(page))], width, colour, folded)
    questions = (
        ("What did we send?", _sent(page)),
        ("Why did it answer so?", _answered(page)),
        ("What does it cost?", _cost(page.call)),
    )
    for question, rows in questions:
        yield f"  {_painted(question, BOLD, colour)}"
        yield from _table(rows, width, colour, folded)


def wrapped(text: str, width: int) -> list[str]:
    """Visible text in lines of at most `width` columns, cut at spaces where there are any."""
    lines, start = [], 0
    while (end := _end_of_line(text, start, width)) < len(text):
        space = text.rfind(" ", start, end + 1)
        cut = space if space - start > (end - start) // 2 else end
        lines.append(text[start:cut])
        start = cut + (text[cut] == " ")
    return [*lines, text[start:]]


def _end_of_line(text: str, start: int, width: int) -> int:
    """Where the columns are used up; behind one character at least, however wide it is."""
    taken = 0
    for place in range(start, len(text)):
        taken += columns(text[place])
        if taken > width:
            return max(place, start + 1)
    return len(text)


def _painted(text: str, style: str, colour: bool) -> str:  # noqa: FBT001 - private, three words long
    return f"\033[{style}m{text}\033[0m" if colour and style else text


def _table(rows: Iterable[_Row], width: int, colour: bool, folded: bool) -> Iterator[str]:  # noqa: FBT001 - private
    room = max(width - LABEL_WIDTH - 5, LEAST_TEXT_WIDTH)
    for row in rows:
        label = visible(row.label)
        label = label if columns(label) <= LABEL_WIDTH else f"{label[: LABEL_WIDTH - 1]}…"
        lines = _fitted(row, room, folded)
        for number, line in enumerate(lines):
            head = label if number == 0 else ""
            pad = " " * (LABEL_WIDTH + 1 - columns(head))
            yield f"    {_painted(head, DIM, colour)}{pad}{_painted(line, row.style, colour)}".rstrip()


def _fitted(row: _Row, room: int, folded: bool) -> list[str]:  # noqa: FBT001 - private
    """The text's lines in the room there is; of a long text its beginning, and how much there is."""
    show = str if row.is_visible else visible
    begin = row.text[: row.folded_at * room] if folded else row.text
    lines = [piece for line in begin.split("\n") for piece in wrapped(show(line.removesuffix("\r")), room)]
    if not folded or (len(lines) <= row.folded_at and begin == row.text):
        return lines
    return [*lines[: row.folded_at - 1], f"… ({len(row.text)} characters; all with --full)"]


def _headline(page: CallPage) -> str:
    call, request = page.call, page.exchange.request
    models = call.request_model or _model_in(request.body) or "no model named"
    if call.response_model and call.response_model != call.request_model:
        models = f"{models}, served by {call.response_model}"
    streamed = ", streamed" if call.streaming else ""
    served = f"{call.operation_name}, {call.provider_name or 'unknown provider'}: {models}{streamed}"
    return f"{served}\n{request.method} {request.uri}"


def _model_in(body: bytes) -> str | None:
    """The model that a request names which no decoder has taken apart."""
    try:
        value = json_of(body)
    except (ValueError, RecursionError):
        return None
    model = value.get("model") if isinstance(value, dict) else None
    return model if isinstance(model, str) else None


def _sent(page: CallPage) -> Iterator[_Row]:
    call = page.call
    for message in call.input_messages:
        yield from _message(message)
    if call.tool_definitions:
        yield _Row(label="tools", text="\n".join(map(_signature, call.tool_definitions)))
    shown = [f"{visible(name)} = {visible_json(value)}" for name, value in call.parameters.items() if name != "stream"]
    if shown:
        yield _Row(label="parameters", text="\n".join(shown), is_visible=True)
    if not call.input_messages:
        yield _Row(label="body", text=_body(page.exchange.request.body), is_visible=True)


def _body(body: bytes) -> str:
    """The beginning of a request that no decoder has taken apart."""
    try:
        return visible_json(json_of(body))
    except (ValueError, RecursionError):
        return visible(body.decode("utf-8", "backslashreplace")) or "(empty)"


def _message(message: Message) -> Iterator[_Row]:
    """A row for every part; the first bears the role unless the part has a label of its own."""
    for number, part in enumerate(message.parts):
        row = _part(part)
        yield replace(row, label=row.label or (message.role if number == 0 else ""))
    if not message.parts:
        yield _Row(label=message.role, text="(empty)")


def _part(part: Part) -> _Row:
    if isinstance(part, TextPart):
        return _Row(label="", text=part.text)
    if isinstance(part, ReasoningPart):
        return _Row(label="reasoning", text=part.text)
    if isinstance(part, ToolCallPart):
        return _Row(label="tool call", text=f"{visible(part.name)} {visible_json(part.arguments)}", is_visible=True)
    if isinstance(part, MediaPart):
        return _Row(label=part.kind, text=part.reference)
    if isinstance(part.result, str):
        return _Row(label="tool result", text=part.result)
    return _Row(label="tool result", text=visible_json(part.result), is_visible=True)


def _signature(tool: ToolDefinition) -> str:
    schema = tool.parameters if isinstance(tool.parameters, dict) else {}
    properties = schema.get("properties")
    names = ", ".join(properties) if isinstance(properties, dict) else ""
    about = f": {' '.join(tool.description.split())}" if tool.description else ""
    return f"{tool.name}({names}){about}"


def _answered(page: CallPage) -> Iterator[_Row]:
    call, response = page.call, page.exchange.response
    for attempt in call.attempts:
        yield _Row(label="failed try", text=_attempt(attempt))
    if call.error_type:
        said = f": {call.error_message}" if call.error_message else ""
        yield _Row(label="error", text=f"{call.error_type}{said}", style=RED)
    if response is None:
        yield _Row(label="answer", text="(none: no response came)")
    elif call.operation_name == "unknown":
        kind = response.header("content-type")
        yield _Row(label="status", text=", ".join(filter(None, (f"{response.status} {response.reason}".strip(), kind))))
        body = response.body.decode("utf-8", "backslashreplace") or "(empty)"
        yield _Row(label="body", text=body, folded_at=UNREAD_LINES)
    elif response.status >= 400 or not (call.output_messages or call.error_type):
        yield _Row(label="status", text=f"{response.status} {response.reason}".strip())
    for number, message in enumerate(call.output_messages):
        yield _Row(label="finish", text=_finish(call, number))
        yield from (replace(row, label=row.label or "answer") for row in map(_part, message.parts))
    # A prompt that was blocked has an end and no message.
    for number in range(len(call.output_messages), len(call.finish_reasons)):
        yield _Row(label="finish", text=_finish(call, number))


def _finish(call: ModelCall, number: int) -> str:
    reason = call.finish_reasons[number] if number < len(call.finish_reasons) else None
    own = call.provider_finish_reasons[number] if number < len(call.provider_finish_reasons) else None
    shown = reason or own or "not said"
    return shown if own in (None, shown) else f"{shown} (the provider's word: {own})"


def _attempt(attempt: Attempt) -> str:
    came = attempt.error_type or (f"status {attempt.status}" if attempt.status else "no response")
    took = "" if attempt.duration is None else f" after {attempt.duration:.3g} s"
    return came + took + ("" if attempt.wait is None else f", then a wait of {attempt.wait:.3g} s")


def _cost(call: ModelCall) -> Iterator[_Row]:
    usage = call.usage
    came = (_tokens(usage.input_tokens, "in"), _tokens(usage.output_tokens, "out"))
    cached = (
        (usage.cache_read_input_tokens, "of the input read from the cache"),
        (usage.cache_write_input_tokens, "of the input written to the cache"),
        (usage.reasoning_output_tokens, "of the output spent on reasoning"),
    )
    details = [f"{number} {words}" for number, words in cached if number]
    known = usage.input_tokens is not None or usage.output_tokens is not None
    yield _Row(label="tokens", text=", ".join([*came, *details]) if known else "not reported")
    yield _Row(label="cost", text=_money(call))
    first = "" if call.time_to_first_chunk is None else f", first chunk after {call.time_to_first_chunk:.3f} s"
    yield _Row(label="latency", text="not recorded" if call.latency is None else f"{call.latency:.3f} s{first}")


def _money(call: ModelCall) -> str:
    if call.cost is None:
        return f"not known: {call.cost_reason}" if call.cost_reason else "not reported"
    source = "says the provider" if call.price_source in (None, "provider") else f"by {call.price_source}"
    return f"${call.cost:f}, {'on the day of the recording' if call.price_source == 'recorded' else source}"


def _tokens(number: int | None, word: str) -> str:
    return f"{'unknown' if number is None else number} {word}"
