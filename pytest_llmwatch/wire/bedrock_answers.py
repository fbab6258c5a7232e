"""What comes back from a model that Bedrock invokes: every maker has a body of their own, known by its fields.

`pieces` are the objects of a stream, or the one body that is no stream. What nobody knows is an answer without a
message, not an error: Bedrock's own count of tokens is there all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_llmwatch.calls import JSON, MediaPart, Message, Part, TextPart, Usage

from . import anthropic_content, anthropic_usage, bedrock_messages, openai_messages
from .cohere_messages import first_calls_of
from .openai_usage import usage_in, usage_of
from .reading import first_text, hash_of_base64, int_of, list_of, object_of, objects_of, text_of, well_formed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Pieces = list[dict[str, JSON]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, as far as it came; `usage` and `billing` are what the maker's own fields say."""

    messages: tuple[Message, ...] = ()
    finish_reasons: tuple[str | None, ...] = ()
    usage: Usage = field(default_factory=Usage)
    billing: dict[str, JSON] = field(default_factory=dict)
    model: str | None = None
    id: str | None = None


def answer_in(pieces: Pieces) -> Answer:
    """The answer in the pieces."""
    read = next((read for is_theirs, read in _MAKERS if any(map(is_theirs, pieces))), None)
    return read(pieces) if read else Answer()


def _with(*names: str) -> Callable[[dict[str, JSON]], bool]:
    return lambda piece: not piece.keys().isdisjoint(names)


def _is_anthropic(piece: dict[str, JSON]) -> bool:
    kind = text_of(piece.get("type")) or ""
    return kind == "message" or kind.startswith(("message_", "content_block_"))


def _anthropic(pieces: Pieces) -> Answer:
    is_whole = pieces[0].get("type") == "message"
    message = pieces[0] if is_whole else anthropic_content.whole_message(pieces)
    usage = object_of(message.get("usage"))
    kept_long = int_of(object_of(usage.get("cache_creation")).get("ephemeral_1h_input_tokens"))
    return Answer(
        messages=(anthropic_content.answer_of(message),) if message else (),
        finish_reasons=(text_of(message.get("stop_reason")),) if message else (),
        usage=anthropic_usage.usage_of(usage),
        billing={"cache_write_1h_tokens": kept_long} if kept_long else {},
        model=text_of(message.get("model")),
        id=text_of(message.get("id")),
    )


def _anthropic_completion(pieces: Pieces) -> Answer:
    return _text_answer(pieces, text="completion", reason="stop_reason")


def _nova(pieces: Pieces) -> Answer:
    events = [(name, object_of(piece[name])) for piece in pieces for name in bedrock_messages.EVENTS if name in piece]
    answer = bedrock_messages.whole_answer(events) if events else pieces[0]
    message = object_of(object_of(answer.get("output")).get("message"))
    return Answer(
        messages=(bedrock_messages.answer_of(message),) if message else (),
        finish_reasons=(text_of(answer.get("stopReason")),) if message else (),
        usage=bedrock_messages.usage_of(object_of(answer.get("usage"))),
        billing=bedrock_messages.billing_of(answer, is_guarded=False),
    )


def _titan(pieces: Pieces) -> Answer:
    is_stream = any("outputText" in piece for piece in pieces)
    rows = pieces if is_stream else [row for piece in pieces for row in objects_of(piece.get("results"))]
    counts = [row.get("totalOutputTextTokenCount" if is_stream else "tokenCount") for row in rows]
    # What a body lists are alternatives, what a stream sends are pieces of one.
    numbers = [0] * len(rows) if is_stream else range(len(rows))
    return replace(
        _alternatives(rows, numbers, text="outputText", reason="completionReason"),
        usage=Usage(
            input_tokens=_last_int(piece.get("inputTextTokenCount") for piece in pieces),
            output_tokens=_last_int(counts) if is_stream else _sum_of(counts),
        ),
    )


def _llama(pieces: Pieces) -> Answer:
    return replace(
        _text_answer(pieces, text="generation", reason="stop_reason"),
        usage=Usage(
            input_tokens=_last_int(piece.get("prompt_token_count") for piece in pieces),
            output_tokens=_last_int(piece.get("generation_token_count") for piece in pieces),
        ),
    )


def _cohere_command(pieces: Pieces) -> Answer:
    """Alternatives in a list; in a stream, pieces with the number of theirs."""
    rows = [row for piece in pieces for row in (objects_of(piece.get("generations")) or [piece])]
    is_stream = any("is_finished" in row for row in rows)
    numbers = [int_of(row.get("index")) or 0 if is_stream else place for place, row in enumerate(rows)]
    answer = _alternatives(rows, numbers, text="text", reason="finish_reason")
    return replace(answer, id=first_text(pieces, "id"))


def _cohere_chat(pieces: Pieces) -> Answer:
    last = next((whole for piece in reversed(pieces) if (whole := object_of(piece.get("response")))), {})
    said = [piece for piece in pieces if text_of(piece.get("event_type")) in (None, "text-generation")]
    text = "".join(text for piece in said if (text := text_of(piece.get("text")))) or text_of(last.get("text"))
    calls = next((calls for piece in (*reversed(pieces), last) if (calls := list_of(piece.get("tool_calls")))), [])
    parts: list[Part] = [TextPart(text=well_formed(text))] if text else []
    return Answer(
        messages=(Message(role="assistant", parts=(*parts, *first_calls_of(calls))),),
        finish_reasons=(_last_text([last, *pieces], "finish_reason"),),
        id=first_text([*pieces, last], "response_id"),
    )


def _ai21(pieces: Pieces) -> Answer:
    rows: Pieces = []
    for completion in (row for piece in pieces for row in objects_of(piece.get("completions"))):
        reason = object_of(completion.get("finishReason")).get("reason")
        rows.append({"text": object_of(completion.get("data")).get("text"), "reason": reason})
    # A number, which says as little as an id.
    return _alternatives(rows, range(len(rows)), text="text", reason="reason")


def _mistral(pieces: Pieces) -> Answer:
    rows = [row for piece in pieces for row in objects_of(piece.get("outputs"))]
    return _text_answer(rows, text="text", reason="stop_reason")


def _openai(pieces: Pieces) -> Answer:
    """The models that speak as OpenAI's do (Mistral, DeepSeek, Qwen, AI21's Jamba), some with a reason of their own."""
    found: dict[int, Pieces] = {}
    for piece in pieces:
        for place, choice in enumerate(objects_of(piece.get("choices"))):
            index = int_of(choice.get("index"))
            found.setdefault(place if index is None else index, []).append(choice)
    grown = [found[index] for index in sorted(found)]
    return Answer(
        messages=tuple(map(_openai_message, grown)),
        finish_reasons=tuple(_last_text(choices, "finish_reason", "stop_reason") for choices in grown),
        usage=usage_of(usage_in(pieces)),
        model=first_text(pieces, "model"),
        id=first_text(pieces, "id"),
    )


def _openai_message(choices: Pieces) -> Message:
    whole = [object_of(choice["message"]) for choice in choices if object_of(choice.get("message"))]
    deltas = [object_of(choice.get("delta")) for choice in choices]
    # DeepSeek's, asked with a prompt, and the models of one's own that are served in the way of completions.
    deltas += [{"content": choice["text"]} for choice in choices if text_of(choice.get("text"))]
    # Mistral streams its messages under the name of a whole one.
    return openai_messages.answer_of(whole if len(whole) == 1 else [openai_messages.whole_message(whole + deltas)])


def _images(pieces: Pieces) -> Answer:
    artifacts = [row for piece in pieces for row in objects_of(piece.get("artifacts"))]
    made = [image for piece in pieces for image in list_of(piece.get("images"))]
    reasons = [reason for piece in pieces for reason in list_of(piece.get("finish_reasons"))]
    made += [row.get("base64") for row in artifacts]
    reasons += [row.get("finishReason") for row in artifacts]
    parts = tuple(MediaPart(kind="image", reference=hash_of_base64(data)) for data in made if isinstance(data, str))
    # One call makes several images, which are one answer.
    reason = next((text for each in reasons if (text := text_of(each))), None)
    return Answer(messages=(Message(role="assistant", parts=parts),), finish_reasons=(reason,))


def _embeddings(pieces: Pieces) -> Answer:
    """The vectors stay in the recorded bytes."""
    counted = _last_int(piece.get("inputTextTokenCount") for piece in pieces)
    return Answer(usage=Usage(input_tokens=counted), id=first_text(pieces, "id"))


def _text_answer(rows: Pieces, *, text: str, reason: str) -> Answer:
    said = "".join(each for row in rows if (each := text_of(row.get(text))))
    parts = (TextPart(text=well_formed(said)),) if said else ()
    return Answer(messages=(Message(role="assistant", parts=parts),), finish_reasons=(_last_text(rows, reason),))


def _alternatives(rows: Pieces, numbers: Iterable[int], *, text: str, reason: str) -> Answer:
    """One answer for each number that the rows have."""
    found: dict[int, Pieces] = {}
    for number, row in zip(numbers, rows, strict=True):
        found.setdefault(number, []).append(row)
    each = [_text_answer(found[number], text=text, reason=reason) for number in sorted(found)]
    return Answer(
        messages=tuple(message for answer in each for message in answer.messages),
        finish_reasons=tuple(reason for answer in each for reason in answer.finish_reasons),
    )


def _last_text(rows: Iterable[dict[str, JSON]], *names: str) -> str | None:
    texts = [text for row in rows for name in names if (text := text_of(row.get(name)))]
    return texts[-1] if texts else None


def _last_int(values: Iterable[JSON]) -> int | None:
    numbers = [number for value in values if (number := int_of(value)) is not None]
    return numbers[-1] if numbers else None


def _sum_of(values: Iterable[JSON]) -> int | None:
    numbers = [number for value in values if (number := int_of(value)) is not None]
    return sum(numbers) if numbers else None


_MAKERS: tuple[tuple[Callable[[dict[str, JSON]], bool], Callable[[Pieces], Answer]], ...] = (
    (_is_anthropic, _anthropic),
    (_with("completion"), _anthropic_completion),
    (_with("output", *bedrock_messages.EVENTS[:-1]), _nova),
    (_with("outputText"), _titan),
    (lambda piece: any("outputText" in row for row in objects_of(piece.get("results"))), _titan),
    (_with("generation"), _llama),
    (_with("event_type", "generation_id", "chat_history", "response_id"), _cohere_chat),
    (_with("generations", "is_finished"), _cohere_command),
    (_with("completions"), _ai21),
    (_with("outputs"), _mistral),
    (_with("choices"), _openai),
    (_with("images", "artifacts"), _images),
    (_with("embedding", "embeddings", "embeddingsByType"), _embeddings),
)
