"""What a run says of `--llm-model`: whom it asked instead of whom, what it did not find, and what cannot be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmwatch.drift.visible import visible
from pytest_llmwatch.model_swap import model_swaps, swap_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmwatch.exchange import Request
    from pytest_llmwatch.model_swap import ModelSwap, SwapFacts

SHOWN_MODELS = 8


def swap_lines(facts: Mapping[str, Sequence[SwapFacts]]) -> list[str]:
    """The summary's lines, from the facts of each test: what was swapped, and which swap had nothing to do."""
    every = [one for each in facts.values() for one in each]
    swaps = model_swaps(dict.fromkeys(line for one in every for line in one["swaps"]))
    asked = sorted({model for one in every for model in one["asked"]})
    chosen = {model: swap for model in asked if (swap := swap_for(model, swaps)) is not None}
    lines = []
    for model, swap in chosen.items():
        times = sum(
            any(model in one["asked"] and model not in one["signed"] for one in each) for each in facts.values()
        )
        noun = "recording" if times == 1 else "recordings"
        if times:
            lines.append(f"model asked: {visible(swap.new)} in place of {visible(model)} ({times} {noun})")
    idle = [swap.old for swap in swaps if swap not in chosen.values()]
    return [*lines, *(_idle_line(old, asked) for old in idle)]


def _idle_line(old: str, asked: Sequence[str]) -> str:
    shown = ", ".join(map(visible, asked[:SHOWN_MODELS])) + (" …" if len(asked) > SHOWN_MODELS else "")
    others = f"asked for: {shown}" if asked else "no request over HTTP names a model"
    return f"no request asked for {visible(old)}; {others} (--llm-model, llm_models)"


def signed_page(test: str, request: Request, model: str, swap: ModelSwap) -> str:
    """The page for a request whose signature forbids another model."""
    address = request.uri.partition("?")[0].split("://", 1)[-1]
    lines = (
        f"The model of this request cannot be swapped, for the request is signed ({test}).",
        f"  {request.method} {address}",
        f"  --llm-model {swap} would change what the signature covers, and the provider would refuse it.",
        "No call was made. Either of these works:",
        f"  - change {model} to {swap.new} in the code, and run without --llm-model",
        "  - sign in with a key, which signs nothing (for Amazon Bedrock: AWS_BEARER_TOKEN_BEDROCK)",
    )
    return "\n".join(map(visible, lines))
