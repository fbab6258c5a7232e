"""When a model stops answering: a dated table of what providers have announced, and whose calls it concerns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .calls import ModelCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown:
    """The end of a model at its own provider.

    Attributes:
        model: Its name, an alias or a snapshot.
        provider: Who serves it, in the words of `gen_ai.provider.name`.
        on: The first day on which it does not answer.
        announced: The day on which that became known.
        page: Where the provider says it.
    """

    model: str
    provider: str
    on: date
    announced: date
    page: str


@dataclass(frozen=True, slots=True)
class Ending:
    """A shutdown as it concerns calls: `is_sure` where they are known to be calls of the provider that says it."""

    shutdown: Shutdown
    is_sure: bool


def shutdowns_in(table: dict[str, Any]) -> tuple[Shutdown, ...]:
    """The shutdowns of the table `model_shutdowns.toml`; what has no day of announcement was known when it was read."""
    return tuple(
        Shutdown(
            model=model,
            provider=provider,
            on=row["on"],
            announced=row.get("announced", min(table["read"], row["on"])),
            page=page,
        )
        for provider, page in table["pages"].items()
        for row in table[provider]
        for model in row["models"]
    )


def endings_of(calls: Iterable[ModelCall], shutdowns: Iterable[Shutdown], *, today: date) -> list[Ending]:
    """Which models of these calls end, as known on that day, the first to go first; each model once."""
    known: dict[str, list[Shutdown]] = {}
    for shutdown in shutdowns:
        if shutdown.announced <= today:
            known.setdefault(shutdown.model, []).append(shutdown)
    found: dict[Shutdown, bool] = {}
    for call in calls:
        for model in _models_of(call):
            for shutdown in known.get(model, ()):
                if call.provider_name in (None, shutdown.provider):
                    found[shutdown] = found.get(shutdown, False) or call.provider_name is not None
    endings = [Ending(shutdown, is_sure) for shutdown, is_sure in found.items()]
    return sorted(endings, key=lambda ending: (ending.shutdown.on, ending.shutdown.model))


def _models_of(call: ModelCall) -> Iterator[str]:
    for name in (call.request_model, call.response_model):
        if name:
            # A fine-tuned model ends with its base: `ft:gpt-4o-mini-2024-07-18:org::id`.
            yield name.split(":")[1] if name.startswith("ft:") else name.removeprefix("models/")
