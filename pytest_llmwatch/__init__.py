"""Record, replay and watch the model calls of a pytest suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .calls import (
        Attempt,
        MediaPart,
        Message,
        ModelCall,
        ReasoningPart,
        TextPart,
        ToolCallPart,
        ToolDefinition,
        ToolResultPart,
        Usage,
    )
    from .errors import (
        ConnectionNotAllowed,
        LLMWatchError,
        ReplayRefusal,
        RequestNotRecorded,
        SettingError,
        UndecodableExchange,
        UnreadableCassette,
        UnrecordableCall,
    )
    from .exchange import Exchange, Request, Response, TransferFailure

__all__ = [
    "Attempt",
    "ConnectionNotAllowed",
    "Exchange",
    "LLMWatchError",
    "MediaPart",
    "Message",
    "ModelCall",
    "ReasoningPart",
    "ReplayRefusal",
    "Request",
    "RequestNotRecorded",
    "Response",
    "SettingError",
    "TextPart",
    "ToolCallPart",
    "ToolDefinition",
    "ToolResultPart",
    "TransferFailure",
    "UndecodableExchange",
    "UnreadableCassette",
    "UnrecordableCall",
    "Usage",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is asked for: a run that uses nothing of ours pays for nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import calls, errors, exchange

    return next(getattr(module, name) for module in (calls, errors, exchange) if name in module.__dict__)
