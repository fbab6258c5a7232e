"""How old a recording may be: `90d`, `12w`."""

from __future__ import annotations

import re
from datetime import timedelta

from .errors import SettingError

_AGE = re.compile(r"([1-9]\d{0,4}) ?([dw])")
_DAYS = {"d": 1, "w": 7}


def max_age_in(text: str) -> timedelta | None:
    """The age that a setting says; `None` where it says nothing: no recording is too old then.

    Raises:
        SettingError: it is no age.
    """
    written = text.strip().lower()
    if not written:
        return None
    found = _AGE.fullmatch(written)
    if found is None:
        raise SettingError(
            f"{text!r} is no age; write days or weeks, such as 90d or 12w (llm_max_age, LLMWATCH_MAX_AGE)"
        )
    return timedelta(days=int(found[1]) * _DAYS[found[2]])
