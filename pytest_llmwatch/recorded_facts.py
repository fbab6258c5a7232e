"""The facts of a recording that change with time: when, at which commit, with which libraries."""

from __future__ import annotations

import contextlib
import functools
import platform
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from .calls import JSON

SDKS = ("openai", "anthropic", "google-genai", "boto3", "litellm", "httpx2", "httpx", "requests", "aiohttp")


def recorded_facts(folder: Path) -> dict[str, JSON]:
    """The facts of a recording that change with time: when, at which commit, with which libraries."""
    # One test may import what an earlier one in the folder did not.
    loaded = (name for name in SDKS if name.replace("google-genai", "google").split("-")[0] in sys.modules)
    versions: dict[str, JSON] = {name: version for name in loaded if (version := _version_of(name)) is not None}
    return {**_facts_of_run(folder), "sdks": versions or None}


@functools.cache
def _version_of(name: str) -> str | None:
    from importlib import metadata

    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(name)
    return None


@functools.cache
def _facts_of_run(folder: Path) -> dict[str, JSON]:
    from importlib import metadata

    commit = _git(folder, "rev-parse", "--short=12", "HEAD")
    dirty = bool(_git(folder, "status", "--porcelain", "--untracked-files=no")) if commit else None
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "pytest-llmwatch": metadata.version("pytest-llmwatch"),
    }


def _git(folder: Path, *arguments: str) -> str | None:
    existing = next((one for one in (folder, *folder.parents) if one.is_dir()), folder)
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(existing), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - fixed arguments
        return done.stdout.strip() if done.returncode == 0 else None
    return None
