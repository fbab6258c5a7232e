"""What a pytest collection, in a process of its own, says about a project's cassettes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmwatch.collected import COLLECT_TO
from pytest_llmwatch.max_age import max_age_in
from pytest_llmwatch.unused import Unused

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN_LINES = 15
NO_TESTS_COLLECTED = 5  # pytest's exit code


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """The project's tests as far as cassettes go; all paths are resolved.

    Attributes:
        root: pytest's rootdir; the current folder where pytest did not come that far.
        cassettes: Where the cassettes of the collected tests are, written or not.
        modules: The files that were collected.
        fixtures: The names of all fixtures; `None` where they are not known.
        secret_patterns: What the project calls a secret beside the known ones.
        not_secrets: What it says is none.
        max_age: How old a recording may be; `None` for any age.
        unused: By path from the root, what the last replay left over.
        problem: Why the collection is not whole, a text for the user; nobody is called an orphan then.
    """

    root: Path
    cassettes: frozenset[Path] = frozenset()
    modules: frozenset[Path] = frozenset()
    fixtures: frozenset[str] | None = None
    secret_patterns: tuple[str, ...] = ()
    not_secrets: tuple[str, ...] = ()
    max_age: timedelta | None = None
    unused: dict[str, Unused] = field(default_factory=dict)
    problem: str | None = None


def collect(paths: Iterable[Path]) -> Collection:
    """Collect the project that these paths are in (without any, the current folder); no test runs."""
    folders = sorted({str(path if path.is_dir() else path.parent) for path in paths})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--color=no", *folders]
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch, "collected.json")
        done = subprocess.run(  # noqa: S603 - pytest, with the user's own paths
            command,
            env=os.environ | {COLLECT_TO: str(target)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        said = _gist(done.stdout + done.stderr)
        if not target.exists():
            problem = f"pytest ended with exit code {done.returncode} before it had collected anything:\n{said}"
            if done.returncode in (0, NO_TESTS_COLLECTED):
                problem = "pytest runs without the plugin pytest-llmwatch here (-p no:llmwatch, or autoload is off)"
            return Collection(root=Path.cwd(), problem=problem)
        facts = json.loads(target.read_text(encoding="ascii"))
    failed = ", ".join(each or "the root" for each in facts["failed"])
    return Collection(
        root=Path(facts["root"]).resolve(),
        cassettes=frozenset(Path(each).resolve() for each in facts["cassettes"]),
        modules=frozenset(Path(each).resolve() for each in facts["modules"]),
        fixtures=None if facts["fixtures"] is None else frozenset(facts["fixtures"]),
        secret_patterns=tuple(facts["secret_patterns"]),
        not_secrets=tuple(facts["not_secrets"]),
        max_age=max_age_in(facts["max_age"]),
        unused=facts["unused"],
        problem=f"these could not be collected: {failed}\n{said}" if failed else None,
    )


def _gist(output: str) -> str:
    """The errors in what pytest printed, or the end of it where none is marked."""
    lines = [line for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E  ", "ERROR", "ImportError"))]
    return "\n".join((errors or lines)[-SHOWN_LINES:])
