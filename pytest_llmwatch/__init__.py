"""Record, replay and watch the model calls of a pytest suite."""

from __future__ import annotations

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
