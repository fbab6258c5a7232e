"""What the marker `llm` of a test sets, and what it does not take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import SettingError
from .settings import SETTINGS

if TYPE_CHECKING:
    import pytest


MARKER_ARGUMENTS = frozenset(setting.marker for setting in SETTINGS.values() if setting.marker)


def marker_arguments(item: pytest.Item) -> dict[str, Any]:
    """What the `llm` markers of a test set, the closest one winning.

    Raises:
        SettingError: an argument is not known.
    """
    from .budgets import BUDGET_ARGUMENTS

    taken = MARKER_ARGUMENTS.union(BUDGET_ARGUMENTS)
    arguments: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("llm"))):
        unknown = sorted(set(marker.kwargs) - taken)
        if marker.args or unknown:
            said = _unknown_argument(unknown[0] if unknown else marker.args[0], taken)
            known = ", ".join(sorted(taken))
            raise SettingError(f"@pytest.mark.llm takes {said}\n  it takes: {known}")
        arguments.update(marker.kwargs)
    return arguments


def _unknown_argument(given: object, taken: frozenset[str]) -> str:
    """What the marker does not take, and what was meant; the test's name stands before it in every report."""
    from .drift.visible import visible
    from .expectations.nearest import nearest_of

    if given not in taken and isinstance(given, str) and given.isidentifier():
        near = "max_output_tokens" if given == "max_tokens" else nearest_of(given, taken)
        return f"no {given}" + (f"; did you mean {near}?" if near else "")
    return f"arguments by their names, as max_calls=1, and not {visible(repr(given))[:60]}"
