"""Tests and files as a user types them where pytest was started, which may be below or above the root."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def typed_id(config: pytest.Config, test: str) -> str:
    """A test's id, from the folder where pytest was started.

    pytest has a method for it, whose argument was a text at one time and is none at another.
    """
    place, colons, names = test.partition("::")
    return f"{typed_path(config, config.rootpath / place)}{colons}{names}"


def typed_path(config: pytest.Config, path: Path) -> str:
    """A path, from the folder where pytest was started; as it is where no way leads there (another drive)."""
    with contextlib.suppress(ValueError):
        return Path(os.path.relpath(path, config.invocation_params.dir)).as_posix()
    return path.as_posix()
