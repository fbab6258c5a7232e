"""What differs in two requests: system prompt, messages, tools, parameters, model, provider."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .changes import CauseKind, Change
from .fields import MISSING, changed_fields
from .message_changes import message_changes
from .tool_changes import tool_changes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmwatch.calls import JSON, Message, ModelCall

    from .message_changes import Asked

SYSTEM = frozenset({"system", "developer"})
# What clients and frameworks draw anew at every run; `request_key` leaves it out of its comparison too.
_VOLATILE = re.compile(r"user|safety_identifier|prompt_cache_key|metadata\.user_id|stream")


def request_changes(before: Asked, after: Asked) -> Iterator[Change]:
    """Everything in which two requests differ; what follows from earlier answers is marked."""
    old, new = before.call, after.call
    yield from _models(old, new)
    prompts = [_leading_system(call.input_messages) for call in (old, new)]
    texts = ["\n".join(message.text for message in prompt) for prompt in prompts]
    yield from _text_change("system prompt", "system prompt", texts[0], texts[1])
    yield from message_changes(before, after, [len(prompt) for prompt in prompts])
    yield from tool_changes(old.tool_definitions, new.tool_definitions)
    yield from _parameters(before, after)


def _models(old: ModelCall, new: ModelCall) -> Iterator[Change]:
    if old.request_model != new.request_model:
        yield _change("model asked for", "model asked for", old.request_model, new.request_model)
    served, asked = (old.response_model, new.response_model), (old.request_model, new.request_model)
    # Where a provider only repeats what it was asked for, that says nothing of its own.
    if None not in served and served[0] != served[1] and served != asked:
        yield _change("model served", "model served", *served)
    if old.provider_name != new.provider_name:
        yield _change("provider", "provider", old.provider_name, new.provider_name)
    if old.operation_name != new.operation_name:
        yield _change("provider", "operation", old.operation_name, new.operation_name)


def _change(kind: CauseKind, name: str, before: JSON | None, after: JSON | None) -> Change:
    sides = [MISSING if value is None else value for value in (before, after)]
    return Change(kind=kind, name=name, before=sides[0], after=sides[1])


def _text_change(kind: CauseKind, name: str, before: str, after: str) -> Iterator[Change]:
    if before != after:
        yield Change(kind=kind, name=name, before=before or MISSING, after=after or MISSING)


def _leading_system(messages: Sequence[Message]) -> Sequence[Message]:
    size = next((place for place, one in enumerate(messages) if one.role not in SYSTEM), len(messages))
    return messages[:size]


def _parameters(before: Asked, after: Asked) -> Iterator[Change]:
    old, new = (_steady(side.call.parameters, side.earlier.ids) for side in (before, after))
    for change in changed_fields(old, new):
        if not _VOLATILE.fullmatch(change.path):
            yield Change(kind="parameter", name=change.path, before=change.before, after=change.after)
    if before.call.streaming != after.call.streaming:
        yield Change(kind="parameter", name="stream", before=before.call.streaming, after=after.call.streaming)


def _steady(parameters: dict[str, JSON], ids: list[str]) -> JSON:
    """Parameters with the number of an earlier answer in place of its id, which is another in every recording."""
    places: dict[str, JSON] = {name: f"(the id of answer {number})" for number, name in enumerate(ids, 1)}
    return {name: places.get(value, value) if isinstance(value, str) else value for name, value in parameters.items()}
