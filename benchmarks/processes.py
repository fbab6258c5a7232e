"""What both benchmarks share: a scratch environment, and the CPU time of a whole process."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PLUGINS = ("llmwatch", "recording", "cassetter", "syrupy", "anyio")


def environment(folder: Path, *packages: str) -> Path:
    """The Python of a virtual environment with this checkout and the packages, made where it is not there yet."""
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(folder / "venv", with_pip=True)
        install(python, *packages)
    install(python, "--force-reinstall", "--no-deps")
    return python


def install(python: Path, *arguments: str) -> None:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(REPOSITORY), *arguments]
    subprocess.run(command, check=True)


def pytest_command(python: Path, *arguments: str, plugin: str | None) -> list[str]:
    """pytest with one plugin of those installed, or with none."""
    others = [option for name in PLUGINS if name != plugin for option in ("-p", f"no:{name}")]
    return [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *others, *arguments]


def cpu_of(command: list[str], folder: Path) -> float:
    """User and system seconds of a command and its children; wall time says little on a busy machine."""
    with (folder / "output.txt").open("w+", encoding="utf-8") as output:
        process = subprocess.Popen(command, cwd=folder, env=environ(), stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{' '.join(command)}\n{output.read()[-4000:]}")
    return usage.ru_utime + usage.ru_stime


def environ() -> dict[str, str]:
    """The environment without anything that would switch pytest, a recorder or a proxy."""
    foreign = ("PYTEST_", "LLMWATCH_", "OPENAI_", "PYTHON")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(foreign) and not name.lower().endswith("_proxy")
    }
    return {**kept, "OPENAI_API_KEY": "sk-benchmark"}
