"""`--llm-model OLD=NEW`: the live model that is asked is another one than the code names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypedDict

from .errors import ModelNotSwapped, SettingError
from .exchange import Request
from .wire.model_names import is_signed, models_in, with_model

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .recording import Recording

EXAMPLE = "gpt-5-mini=gpt-5.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSwap:
    """Whom to ask instead: `old` is a name, or a pattern such as `gpt-5*`; `new` is one name."""

    old: str
    new: str

    def is_for(self, model: str) -> bool:
        """Whether a request for this model is to ask `new`."""
        return model == self.old or fnmatchcase(model, self.old.replace("[", "[[]"))

    def __str__(self) -> str:
        return f"{self.old}={self.new}"


class SwapFacts(TypedDict):
    """What a report carries of it (JSON-safe): the swaps of the run, and the models that a test's requests named.

    `signed` are those of them that could not be swapped.
    """

    swaps: list[str]
    asked: list[str]
    signed: list[str]


def model_swaps(lines: Iterable[str]) -> tuple[ModelSwap, ...]:
    """The swaps that lines `OLD=NEW` name, in their order: the first that fits a model counts.

    Raises:
        SettingError: a line is none, or two say different things of one model.
    """
    new_of: dict[str, str] = {}
    for swap in (_swap_of(line) for line in lines if line.strip()):
        if new_of.setdefault(swap.old, swap.new) != swap.new:
            both = f"{new_of[swap.old]} and {swap.new}"
            raise SettingError(f"{swap.old} cannot be swapped for two models, {both} (--llm-model, llm_models)")
    return tuple(ModelSwap(old=old, new=new) for old, new in new_of.items())


def _swap_of(line: str) -> ModelSwap:
    old, _, new = (part.strip() for part in line.partition("="))
    if not old or not new:
        problem = "does not say which model is asked instead of which"
    elif "*" in new or "?" in new:
        problem = "swaps for a pattern; only the model on the left may be one"
    elif old == new:
        problem = "swaps a model for itself"
    else:
        return ModelSwap(old=old, new=new)
    raise SettingError(f"{line.strip()!r} {problem}; write OLD=NEW, such as {EXAMPLE} (--llm-model, llm_models)")


def swap_for(model: str, swaps: Iterable[ModelSwap]) -> ModelSwap | None:
    """The first swap that is for a model."""
    return next((swap for swap in swaps if swap.is_for(model)), None)


@dataclass(slots=True)
class Swapper:
    """Swaps the models of one run's requests, and remembers whom each test asked for.

    `explain` makes the page for a request that may not be changed, from the test, the request, the model and the swap.
    """

    swaps: tuple[ModelSwap, ...]
    explain: Callable[[str, Request, str, ModelSwap], str]
    _asked: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _signed: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def __call__(self, request: Request, recording: Recording) -> Request:
        """The request as the live model is to get it.

        Raises:
            ModelNotSwapped: it is signed.
        """
        models = models_in(request)
        self._asked[recording.test].update(models)
        chosen = {model: swap for model in models if (swap := swap_for(model, self.swaps)) is not None}
        if chosen and is_signed(request):
            self._signed[recording.test].update(chosen)
            model, swap = next(iter(chosen.items()))
            page = self.explain(recording.test, request, model, swap)
            raise recording.refuse(ModelNotSwapped(page, old=model, new=swap.new))
        return with_model(request, lambda name: chosen[name].new if name in chosen else name) if chosen else request

    def swapped(self, test: str) -> dict[str, str]:
        """The models that a test has asked for so far, with those that were asked instead."""
        chosen = ((model, swap_for(model, self.swaps)) for model in sorted(self._asked.get(test, ())))
        return {model: swap.new for model, swap in chosen if swap is not None}

    def facts_of(self, test: str) -> SwapFacts:
        """What the report of a test is to carry."""
        asked, signed = sorted(self._asked.pop(test, ())), sorted(self._signed.pop(test, ()))
        return SwapFacts(swaps=[str(swap) for swap in self.swaps], asked=asked, signed=signed)
