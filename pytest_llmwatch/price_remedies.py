"""What gives a call without a cost its price: a line of the ini file where one helps, else what to do in words."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from .own_prices import OwnPrice
from .pricing import cost_of

if TYPE_CHECKING:
    from datetime import datetime

    from .calls import ModelCall

IN_CODE = "name its cost in code: with the hook pytest_llmwatch_price, or an entry point in pytest_llmwatch.prices"
_FREE = OwnPrice(pattern="*", input=Decimal(0), output=Decimal(0), cached=Decimal(0), cache_write=Decimal(0))
_WITHOUT_OUTPUT = frozenset({"embeddings", "rerank"})
# A line of the ini file ends a name at a space, and the line at a `#`.
_NOT_IN_PATTERN = re.compile(r"[\s#=]")


def remedy_of(call: ModelCall, at: datetime | None, reason: str) -> tuple[str | None, str]:
    """The line for `llm_prices` where any price per token would do, and what to do in words."""
    if call.operation_name == "unknown":
        return None, "add the wire format (docs/formats.md); no request to a model? llm_passthrough_hosts leaves it out"
    if "stream_options" in reason:
        return None, f"ask for it and record again, or {IN_CODE}"
    if reason.startswith("llm_prices"):
        return None, "complete the line of that pattern in llm_prices"
    named = call.request_model or call.response_model
    # Whether a price helps is tried, not guessed: with one that fits everything.
    if named is None or cost_of(replace(call, cost=None), at=at, own=(_FREE,)).cost is None:
        return None, IN_CODE
    pattern = _NOT_IN_PATTERN.sub("?", f"{call.provider_name}/{named}" if call.provider_name else named)
    usage = call.usage
    wanted = {
        "input": True,
        "output": call.operation_name not in _WITHOUT_OUTPUT,
        "cached": bool(usage.cache_read_input_tokens),
        "cache_write": bool(usage.cache_write_input_tokens),
    }
    amounts = " ".join(f"{name}=?" for name, is_wanted in wanted.items() if is_wanted)
    return f"{pattern} {amounts}", "add to llm_prices in the ini file, each ? being US dollars per million tokens"


def remedy_lines(call: ModelCall, at: datetime | None, reason: str) -> list[str]:
    """The remedy as a page shows it: the line to paste where there is one, and the other way beside it."""
    line, advice = remedy_of(call, at, reason)
    if line is None:
        return [f"To enforce it, {advice}."]
    named = (call.request_model or "").replace("\\", "").replace('"', "")
    return [
        f"To enforce it, {advice}:",
        "  llm_prices =",
        f"      {line}",
        "or name its cost in conftest.py:",
        "  from decimal import Decimal",
        "  def pytest_llmwatch_price(call):",
        f'      return Decimal("0.001") if call.request_model == "{named}" else None',
    ]
