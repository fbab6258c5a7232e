"""`provider`, a model server on loopback, and `project`, a scratch project with a real pytest run in it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest
import warm_pytest
from hypothesis import settings
from provider import Provider

# Where Python may not keep what it has compiled, every one of hundreds of runs inside compiles the plugin again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell starts its background jobs deaf to Ctrl-C, and what they start is deaf too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says nothing on a busy machine.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# What would let the machine at hand, or the pytest around this one, govern the pytest inside.
FOREIGN_VARIABLES = re.compile(
    r"(?i:.*_API_KEY|OPENAI_.*|LLM_.*|LLMWATCH_.*|.*_PROXY)|PYTEST_.*|CI|BUILD_NUMBER|PY_COLORS|FORCE_COLOR|NO_COLOR"
)

# Plugins that happen to be installed here cost each run inside five times what pytest itself does. A test that needs
# one asks for it: `-p asyncio`.
WITHOUT_BYSTANDERS = "-p no:asyncio -p no:anyio -p no:hypothesispytest"


class Project:
    """A scratch project, its pytest runs, and the files they left.

    `path` is its root; `api_key` is the secret that its tests send.
    """

    api_key = "sk-test-51Hq9ZmW3vKc7RtXb2LpYd8N"

    def __init__(self, path: Path, *, temporary: Path, base_url: str) -> None:
        self.path = path
        self._started: list[subprocess.Popen[str]] = []
        inherited = {name: value for name, value in os.environ.items() if not FOREIGN_VARIABLES.fullmatch(name)}
        self._environment = inherited | {
            "OPENAI_API_KEY": self.api_key,
            "MODEL_BASE_URL": base_url,
            "COLUMNS": "120",
            "PYTHONIOENCODING": "utf-8",
            "PYTEST_ADDOPTS": WITHOUT_BYSTANDERS,
            "PYTEST_DEBUG_TEMPROOT": str(temporary),
        }

    def write(self, **sources: str) -> None:
        """Write `name.py` for every name, dedented."""
        for name, source in sources.items():
            self.write_file(f"{name}.py", textwrap.dedent(source).lstrip("\n"))

    def write_file(self, relative_path: str, content: str) -> Path:
        """Write any file as it is, folders included."""
        path = self.path / relative_path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        # An edit in the same second that leaves a source as long as it was goes unseen.
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()
        return path

    def pytest(
        self, *args: str, env: Mapping[str, str | None] | None = None, timeout: float = 120, is_fresh: bool = False
    ) -> pytest.RunResult:
        """Run pytest to its end; a value of `None` in `env` takes the variable away.

        `is_fresh` is for a run that asks what is imported; every other one may begin with the SDK imported already.
        """
        started = time.perf_counter()
        environment = self.environment(env)
        try:
            if is_fresh or not warm_pytest.can_run(environment):
                code, out, err = self._run_fresh(*args, env=env, timeout=timeout)
            else:
                code, out, err = warm_pytest.run(args, cwd=self.path, environment=environment, timeout=timeout)
        except subprocess.TimeoutExpired:
            pytest.fail(f"pytest was still running after {timeout} s")
        # Shown by the pytest outside when one of its asserts fails.
        print(out, err, sep="\n")
        took = time.perf_counter() - started
        return pytest.RunResult(code, out.splitlines(), err.splitlines(), took)

    def _run_fresh(self, *args: str, env: Mapping[str, str | None] | None, timeout: float) -> tuple[int, str, str]:
        process = self.popen(*args, env=env)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            kill_group(process)
            print(*process.communicate(), sep="\n")
            raise
        return process.returncode, out, err

    def popen(self, *args: str, env: Mapping[str, str | None] | None = None, **kwargs: Any) -> subprocess.Popen[str]:
        """Start pytest and return at once; it leads a process group of its own and is killed when the test ends."""
        piped = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *args],
            cwd=self.path,
            env=self.environment(env),
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            **(piped | kwargs),
        )
        self._started.append(process)
        return process

    def environment(self, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """What a run sees of the environment."""
        changed = self._environment | dict(changes or {})
        return {name: value for name, value in changed.items() if value is not None}

    def files(self) -> dict[str, bytes]:
        """Everything in folders called `cassettes`, by its path in the project."""
        found = (path for folder in self.path.rglob("cassettes") for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(self.path).as_posix(): path.read_bytes() for path in sorted(found)}

    def cassette(self, name: str) -> Path:
        """The one cassette whose path ends with this name, the suffix being optional."""
        ending = re.compile(rf"(?:.*/)?{re.escape(name)}(?:\.[a-z]+)?")
        found = [path for path in self.files() if ending.fullmatch(path)]
        assert len(found) == 1, f"{len(found)} cassettes end with {name!r}; there are {list(self.files())}"
        return self.path / found[0]

    def close(self) -> None:
        """Kill what is still running."""
        for process in self._started:
            if process.poll() is None:
                kill_group(process)
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
            process.wait()


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kill a pytest and its xdist workers."""
    os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A scriptable model server on loopback."""
    with Provider() as provider:
        yield provider


@pytest.fixture
def project(tmp_path: Path, provider: Provider) -> Iterator[Project]:
    """A scratch project whose tests find the provider in the variable `MODEL_BASE_URL`."""
    temporary, path = tmp_path / "temporary", tmp_path / "project"
    temporary.mkdir()
    path.mkdir()
    project = Project(path, temporary=temporary, base_url=provider.base_url)
    # Where the order of tests matters to a test, it says so by writing another ini file.
    project.write_file("pytest.ini", "[pytest]\naddopts = -p no:randomly\n")
    yield project
    project.close()
