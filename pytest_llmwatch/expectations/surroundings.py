"""What an expectation is told about the run it is in: the default of a similarity, a folder to keep things, the judges.

One per process: a test compares texts in any thread, where no fixture and no configuration can be asked.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .judge_memories import JudgeMemory

    Surroundings = tuple[str, Callable[[], Path | None], Callable[[], JudgeMemory | None]]

_EMBEDDING = "embedding"
_known: list[Surroundings] = [(_EMBEDDING, lambda: None, lambda: None)]


def enter(
    backend: str,
    folder: Callable[[], Path | None],
    judges: Callable[[], JudgeMemory | None] = lambda: None,
) -> Callable[[], None]:
    """Make these the surroundings until the function that it returns is called."""
    told = (backend, folder, judges)
    _known.append(told)

    def leave() -> None:
        if told in _known[1:]:
            _known.remove(told)

    return leave


def default_backend() -> str:
    """The backend of `similar_to` where a test names none: ini `llm_similarity`."""
    return _known[-1][0]


def kept_folder() -> Path | None:
    """Where embeddings outlive the run; `None` where nothing is to be kept."""
    return _known[-1][1]()


def judge_memory() -> JudgeMemory | None:
    """The memory of the test that is running, through which a judge is asked; `None` outside a test of ours."""
    return _known[-1][2]()
