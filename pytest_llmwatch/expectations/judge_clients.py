"""The client that a rubric asks through: one that the test gives, or one made by the model's name."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import sys
from typing import TYPE_CHECKING, Any

from pytest_llmwatch.errors import SettingError

from .surroundings import judge_memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NO_KEY = "none-needed-at-replay"
OWN_CLIENT = "AsyncHttpxClientWrapper"


def is_chat(client: object) -> bool:
    """Whether a client has the shape of openai's."""
    return hasattr(getattr(getattr(client, "chat", None), "completions", None), "create")


def is_client(client: object) -> bool:
    """Whether a client has the shape of openai's or of anthropic's."""
    return is_chat(client) or hasattr(getattr(client, "messages", None), "create")


def is_async(client: object) -> bool:
    """Whether what a client answers has to be awaited."""
    return inspect.iscoroutinefunction(getattr(client, "close", None))


def check_installed(model: str) -> None:
    """Refuse a model whose SDK is not there.

    Raises:
        SettingError: it says what to install.
    """
    package = package_of(model)
    if importlib.util.find_spec(package) is None:
        raise SettingError(
            f"rubric(model={model!r}) asks through the package {package}, which is not installed.\n"
            f"To install it: pip install {package}\n"
            "Or give the client to ask through: rubric(..., client=...)"
        )


def package_of(model: str) -> str:
    """The SDK that a model of this name is asked through."""
    return "anthropic" if model.lower().startswith("claude") else "openai"


def made_client(model: str) -> Any:
    """A client from the environment; a replay needs no key, though the SDK wants one."""
    package = package_of(model)
    sdk = importlib.import_module(package)
    memory = judge_memory()
    is_without = not os.environ.get(f"{package.upper()}_API_KEY")
    key = {"api_key": NO_KEY} if is_without and memory is not None and memory.is_replay else {}
    return sdk.Anthropic(**key) if package == "anthropic" else sdk.OpenAI(**key)


@contextlib.asynccontextmanager
async def on_this_loop(client: Any) -> AsyncIterator[Any]:
    """The client with connections of its own: those that it has belong to the loop of the application.

    Where a test gave it an HTTP client (a proxy, certificates), that one is used as it is.
    """
    sdk = sys.modules.get(type(client).__module__.partition(".")[0])
    make = getattr(sdk, "DefaultAsyncHttpxClient", None)
    if make is None or type(getattr(client, "_client", None)).__name__ != OWN_CLIENT:
        yield client
        return
    async with make() as connections:
        yield client.with_options(http_client=connections)
