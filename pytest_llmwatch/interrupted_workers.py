"""What recordings in workers kept when a run was interrupted: their reports never come, their last word does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from .reports.summary import Entry

OUTPUT = "llmwatch"
WORKERS = pytest.StashKey["list[Worker]"]()


class Worker(Protocol):
    """A worker of pytest-xdist, as its controller has it."""

    config: pytest.Config


def hold(worker: Worker) -> None:
    """Remember a worker: what it says at its end may come when nobody listens any more."""
    worker.config.stash.setdefault(WORKERS, []).append(worker)


def share(config: pytest.Config, entries: list[Entry]) -> list[Entry]:
    """In a worker, hand its entries over; where the summary is, get those of the workers too."""
    output: dict[str, object] | None = getattr(config, "workeroutput", None)
    if output is not None:
        output[OUTPUT] = entries
        return entries
    told = (getattr(worker, "workeroutput", {}).get(OUTPUT, []) for worker in config.stash.get(WORKERS, []))
    return [*entries, *(entry for each in told for entry in each)]
