"""The hooks that other plugins and `conftest.py` files may implement; ours are `trylast` implementations of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from .calls import JSON, ModelCall
    from .exchange import Exchange, Request


@pytest.hookspec(firstresult=True)
def pytest_llmwatch_decode(exchange: Exchange) -> ModelCall | None:
    """Read a model call from an exchange, or return `None` to leave it to the next."""


@pytest.hookspec(firstresult=True)
def pytest_llmwatch_request_key(request: Request, body: JSON) -> JSON:
    """Return the part of a request's body that makes it this request, or `None` to leave it as it is.

    `body` is the parsed body without the ignored fields. Take out what changes at every run: a timestamp inside a
    prompt, an id that a framework draws. Two requests are the same when method, host, path, query and this are equal.
    """


@pytest.hookspec
def pytest_llmwatch_secrets() -> Sequence[str | re.Pattern[str]] | None:
    """Return regular expressions of secrets beside the known ones; what they match is replaced before it is kept."""


@pytest.hookspec(firstresult=True)
def pytest_llmwatch_redact(exchange: Exchange, item: pytest.Item) -> Exchange | None:
    """Return the exchange as it may be kept, or `None` to leave it to the built-in; wrap that one to go on from it.

    Asked before a request is compared, when it has no response yet, at replay too, and again with the response. The
    request that is kept is that of the first time; to redact what is redacted must change nothing.
    """


@pytest.hookspec(firstresult=True)
def pytest_llmwatch_price(
    call: ModelCall, at: datetime | None, exchange: Exchange, item: pytest.Item
) -> Decimal | None:
    """Return what a call cost in US dollars, or `None` to leave it to the built-in; wrap that one to go on from it.

    Asked when somebody reads the money or a cassette is written, and only where the provider itself named no cost. `at`
    is when the call was recorded, `None` where that is not known. Under a limit of live spending it is asked before
    a call is made: `call.usage` is an estimate then, and `exchange.response` is `None`.
    """
