"""The addresses of Google's models: `.../models/gemini-2.5-flash:generateContent`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from pytest_llmwatch.exchange import Request

# The name that a gateway gives a model may hold slashes: `models/google/gemini-2.5-flash`.
_MODEL = re.compile(r".*/(models|tunedModels|endpoints)/(.+)")


def target_of(request: Request) -> tuple[str, str]:
    """The address of what is asked, and the method it is asked for: the path up to its last colon, and the rest."""
    path = unquote(request.uri.partition("#")[0].partition("?")[0])
    name, _, method = path.rstrip("/").rpartition(":")
    return name, method


def model_in_path(request: Request) -> str | None:
    """The model, with its collection where that is not `models`: `tunedModels/x`, `endpoints/123`."""
    model = _MODEL.match(target_of(request)[0])
    if model is None:
        return None
    return model[2] if model[1] == "models" else f"{model[1]}/{model[2]}"
