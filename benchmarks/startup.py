"""What the plugin adds to every start of pytest where no test uses it.

    python benchmarks/startup.py [--rounds N] [--folder FOLDER]

`pytest --collect-only` on a file with one trivial test, with the plugin and with `-p no:llmwatch`, taken in turn; the
figure is the median difference of CPU time.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
from pathlib import Path

from processes import cpu_of, environment, pytest_command

BAR_MS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40, help="pairs of runs (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="keep the environment here, and use what is there")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        python = environment(folder)
        project = folder / "trivial"
        project.mkdir(exist_ok=True)
        (project / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        (project / "test_trivial.py").write_text("def test_trivial():\n    pass\n", encoding="utf-8")
        print_added(added_ms(python, project, arguments.rounds))


def added_ms(python: Path, project: Path, rounds: int) -> list[float]:
    """Milliseconds that the plugin added, pair by pair; which of the two runs first changes with every pair."""
    with_plugin = pytest_command(python, "--collect-only", plugin="llmwatch")
    without = pytest_command(python, "--collect-only", plugin=None)
    cpu_of(with_plugin, project)
    cpu_of(without, project)
    added = []
    for number in range(rounds):
        if number % 2:
            baseline, used = cpu_of(without, project), cpu_of(with_plugin, project)
        else:
            used, baseline = cpu_of(with_plugin, project), cpu_of(without, project)
        added.append((used - baseline) * 1000)
    return added


def print_added(added: list[float]) -> None:
    low, _, high = statistics.quantiles(added, n=4)
    value = statistics.median(added)
    verdict = "held" if value <= BAR_MS else "MISSED"
    print(f"added: {value:.1f} ms of CPU, median of {len(added)} pairs (at most {BAR_MS}: {verdict})")
    print(f"half of the pairs lie between {low:.1f} and {high:.1f} ms")


if __name__ == "__main__":
    main()
