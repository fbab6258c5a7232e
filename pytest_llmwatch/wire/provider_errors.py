"""The error a provider reports in a body, in the shapes that are in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .reading import int_of, json_of, list_of, object_of, text_of

if TYPE_CHECKING:
    from pytest_llmwatch.calls import JSON

_LONGEST_MESSAGE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderError:
    """An error in the provider's words; `type` is `None` where it has no name for it."""

    type: str | None = None
    message: str | None = None


def error_in(value: JSON) -> ProviderError | None:
    """The error that a JSON value reports; `None` where it reports none.

    `{"error": {...}}` (most), `{"error": "text", "code": ...}` (xAI), `{"object": "error", ...}` (vLLM, Mistral),
    `[{"error": {...}}]` (Google), `{"success": false, "errors": [{...}]}` (Cloudflare) and `{"base_resp": {...}}`
    (MiniMax).
    """
    body = object_of(next(iter(list_of(value)), value))
    error = body.get("error")
    if isinstance(error, dict):
        return ProviderError(type=_name_of(error), message=_message_of(error))
    if isinstance(error, str) and error:
        return ProviderError(type=_name_of(body), message=error)
    if body.get("object") == "error":
        return ProviderError(type=_name_of(body), message=_message_of(body))
    if body.get("success") is False and (listed := _listed_in(body)):
        return listed
    said = object_of(body.get("base_resp"))
    if code := int_of(said.get("status_code")):
        return ProviderError(type=str(code), message=text_of(said.get("status_msg")))
    return None


def _listed_in(body: dict[str, JSON]) -> ProviderError | None:
    """The first of several errors, as Cloudflare and watsonx list them."""
    first = object_of(next(iter(list_of(body.get("errors"))), None))
    return ProviderError(type=_name_of(first), message=_message_of(first)) if first else None


def error_in_event(name: str | None, data: str) -> ProviderError | None:
    """The error that one event of a stream reports, in its body or by its name (`event: error`)."""
    try:
        value = json_of(data)
    except ValueError:
        return ProviderError(message=data[:_LONGEST_MESSAGE]) if name == "error" else None
    flat = object_of(value)
    named = ProviderError(type=_name_of(flat), message=_message_of(flat)) if name == "error" else None
    return error_in(value) or (named and (_listed_in(flat) or named))


def error_of_status(status: int, body: bytes) -> ProviderError:
    """The error of an answer that is not 2xx; without a name in the body it is named by its status."""
    try:
        value = json_of(body)
    except ValueError:
        text = body.decode("utf-8", errors="replace").strip()
        return ProviderError(type=str(status), message=text[:_LONGEST_MESSAGE] or None)
    whole = object_of(value)
    flat = ProviderError(type=_name_of(whole), message=_message_of(whole))
    found = error_in(value) or (flat if flat.message else _listed_in(whole) or flat)
    return ProviderError(type=found.type or str(status), message=found.message)


def _name_of(error: dict[str, JSON]) -> str | None:
    names = (error.get("type"), error.get("code"), error.get("error_type"))
    return next((str(name) for name in names if text_of(name) or int_of(name) is not None), None)


def _message_of(error: dict[str, JSON]) -> str | None:
    # Mistral and FastAPI servers say `detail`, which is a text or a list of what is wrong where.
    said = (error.get("message"), error.get("detail"))
    return next((item if isinstance(item, str) else str(item) for item in said if item), None)
