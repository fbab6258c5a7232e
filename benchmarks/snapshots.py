"""What an assert with `llm_snapshot` costs beside syrupy's Amber, and how well its verdicts tell models apart.

    python benchmarks/snapshots.py [--tests 1000] [--rounds 3]
    python benchmarks/snapshots.py --layout [--tests 1000] [--rounds 3]
    LLMWATCH_SEMANTIC=FOLDER python benchmarks/snapshots.py --verdicts [--pairs 3]

The first form runs pytest on scratch suites in this environment: 1,000 tests with one snapshot each and one test with
1,000, each with and without a path argument, in turn with `llm_snapshot` and with syrupy's `snapshot`. What stands in
the table is CPU time for each assert, above a floor: for Amber the same suite comparing with itself, for `llm_snapshot`
the same with `llm_cassette` asked for, because its tests are recorded and replayed too; `with replay` has that on top,
the start of the recorder included.

The second form asks what a file for each test costs against one for each module: the CPU time to read and parse what
all tests approved, and to replace what one of them approved, as a test that passes does.

The third form reads `generations.jsonl` (answers of several models, several to each prompt) and `facts.jsonl` with
`gold_facts.jsonl`: pairs of answers of one model, pairs of answers of two, and pairs with a planted change. A plain
similarity gets the threshold at which it flags as many pairs of one model as our verdicts do.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from processes import REPOSITORY, cpu_of

sys.path.insert(0, str(REPOSITORY))

from typing import TYPE_CHECKING

from pytest_llmwatch import store
from pytest_llmwatch.drift.verdicts import PASSING, Tolerance, compare_texts
from pytest_llmwatch.snapshot_files import Snapshot, SnapshotFile, dump, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEXT = "Undamaged goods can be returned within 14 days. " * 36
PLUGINS = (
    "-p no:cacheprovider -p no:randomly -p no:asyncio -p no:anyio -p no:hypothesispytest -p no:xdist -p no:timeout"
)
MANY_TESTS = """
import pytest
TEXT = {text!r}
@pytest.mark.parametrize("number", range({number}))
def test_answer({fixture}number):
    assert f"{{TEXT}}{{number}}" == {value}
"""
ONE_TEST = """
TEXT = {text!r}
def test_answers({fixture}):
    for number in range({number}):
        assert f"{{TEXT}}{{number}}" == {value}
"""
SUITES = {"{number} tests, 1 snapshot each": MANY_TESTS, "1 test, {number} snapshots": ONE_TEST}
KINDS = {"llm_snapshot": "llm_snapshot", "llm_cassette": "llm_cassette", "Amber": "snapshot", "floor": None}
Pair = tuple[str, str]


def suite_of(source: str, fixture: str | None, number: int) -> str:
    is_many = source is MANY_TESTS
    asked = "" if fixture is None else fixture + ", " * is_many
    value = fixture if fixture in ("llm_snapshot", "snapshot") else 'f"{TEXT}{number}"'
    return source.format(text=TEXT, number=number, fixture=asked, value=value)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", *PLUGINS.split(), *arguments]


def overheads(number: int, rounds: int) -> None:
    print(f"{'microseconds for each assert':44} {'llm_snapshot':>14} {'Amber':>8} {'ratio':>6} {'with replay':>12}")
    for title, source in SUITES.items():
        with tempfile.TemporaryDirectory() as folder:
            projects = {kind: prepared(Path(folder) / kind, source, number) for kind in KINDS}
            for argument in ([], ["."]):
                times = {kind: [] for kind in KINDS}
                for _ in range(rounds):
                    for kind, project in projects.items():
                        times[kind].append(cpu_of(command(*argument), project))
                each = {kind: statistics.median(taken) / number * 1e6 for kind, taken in times.items()}
                ours, theirs = each["llm_snapshot"] - each["llm_cassette"], each["Amber"] - each["floor"]
                whole = each["llm_snapshot"] - each["floor"]
                name = title.format(number=f"{number:,}") + (" (pytest .)" if argument else "")
                print(f"{name:44} {ours:>14.0f} {theirs:>8.0f} {ours / theirs:>6.2f} {whole:>12.0f}")


def prepared(project: Path, source: str, number: int) -> Path:
    """A suite whose snapshots are approved."""
    project.mkdir()
    (project / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (project / "test_answers.py").write_text(suite_of(source, KINDS[project.name], number), encoding="utf-8")
    cpu_of(command("--snapshot-update"), project)
    return project


def layouts(number: int, rounds: int) -> None:
    """One file for each test against one for each module, through the reader and the writer that the plugin has."""
    one = Snapshot(name="1", kind="text", text=TEXT, recording="0" * 12, model="gpt-5-mini", tolerance=Tolerance())
    module = "test_answers.py"
    files = {
        "a file for each test": [
            SnapshotFile(test=f"{module}::test_answer[{at}]", snapshots=(one,)) for at in range(number)
        ],
        "a file for the module": [
            SnapshotFile(test=module, snapshots=tuple(replace(one, name=f"n{at}") for at in range(number)))
        ],
    }
    print(f"{'microseconds for each test':24} {'read and parse':>16} {'replace one':>14} {'its bytes':>12}")
    for title, held in files.items():
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{at}.snap" for at in range(len(held))]
            for path, file in zip(paths, held, strict=True):
                store.write_text(path, dump(file))
            loading, replacing = (
                min(cpu_taken(work, paths) for _ in range(rounds)) for work in (loaded, with_first_replaced)
            )
            print(f"{title:24} {loading / number * 1e6:>16.1f} {replacing * 1e6:>14.0f} {paths[0].stat().st_size:>12,}")


def loaded(paths: list[Path]) -> list[SnapshotFile]:
    return [parse(store.read_text(path) or "", str(path)) for path in paths]


def with_first_replaced(paths: list[Path]) -> None:
    file = loaded(paths[:1])[0]
    store.write_text(paths[0], dump(file))


def cpu_taken(work: Callable[[list[Path]], object], paths: list[Path]) -> float:
    began = time.process_time()
    work(paths)
    return time.process_time() - began


def rows_of(path: Path) -> Iterator[dict[str, object]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def pairs_of(path: Path, most: int) -> tuple[list[Pair], list[Pair]]:
    """Pairs of answers to one prompt: of the same model, and of different ones."""
    answers: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in rows_of(path):
        answers[str(row["set"]).split("/")[0], str(row["pid"])][str(row["set"])] += row["samples"]
    chance = random.Random(7)
    same, different = [], []
    for models in answers.values():
        several = {model: samples for model, samples in models.items() if len(samples) > 1}
        for samples in several.values():
            chosen = list(combinations(samples, 2))
            chance.shuffle(chosen)
            same += chosen[:most]
        for one, other in combinations(sorted(several), 2):
            different += [(chance.choice(several[one]), chance.choice(several[other])) for _ in range(most)]
    return same, different


def ratio(one: str, other: str) -> float:
    from rapidfuzz import fuzz

    return fuzz.ratio(one, other) / 100


def cosine(one: str, other: str) -> float:
    from pytest_llmwatch.expectations.embedding import cosines

    return cosines(one, [other])[0]


def confusion(folder: Path, most: int, *, with_cosine: bool) -> None:
    same, different = pairs_of(folder / "generations.jsonl", most)
    verdicts = [[compare_texts(*pair).verdict for pair in pairs] for pairs in (same, different)]
    print(
        f"{'':22}"
        + "".join(f"{name:>18}" for name in ("same", "within tolerance", "drifted", "broken"))
        + "    flagged"
    )
    for title, found in zip(("one model", "two models"), verdicts, strict=True):
        counts = Counter(found)
        cells = "".join(f"{counts[name]:>18}" for name in ("same", "within tolerance", "drifted", "broken"))
        print(f"{title:22}{cells}{flagged(found):>11.3f}")
    rate = flagged(verdicts[0])
    plain: dict[str, Callable[[str, str], float]] = {"rapidfuzz ratio": ratio}
    if with_cosine:
        plain["embedding cosine"] = cosine
    for name, score in plain.items():
        scores = [[score(*pair) for pair in pairs] for pairs in (same, different)]
        threshold = sorted(scores[0])[min(len(same) - 1, round(rate * len(same)))]
        rates = [sum(one < threshold for one in found) / len(found) for found in scores]
        print(f"{name} below {threshold:.2f}: flags {rates[0]:.3f} of one model, {rates[1]:.3f} of two models")


def flagged(verdicts: list[str]) -> float:
    return sum(verdict not in PASSING for verdict in verdicts) / len(verdicts)


def planted(folder: Path) -> None:
    gold = {row["id"]: row for row in rows_of(folder / "gold_facts.jsonl")}
    counts: Counter[tuple[str, bool]] = Counter()
    for row in rows_of(folder / "facts.jsonl"):
        source = str(gold[row["id"]]["src"])
        if source.startswith("synth"):
            verdict = compare_texts(str(row["reference"]), str(row["candidate"])).verdict
            counts[source, verdict == "broken"] += 1
    for source in sorted({source for source, _ in counts}):
        found, missed = counts[source, True], counts[source, False]
        print(f"{source:22} {found} broken, {missed} not")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layout", action="store_true")
    parser.add_argument("--verdicts", action="store_true")
    parser.add_argument("--pairs", type=int, default=3, help="pairs for each prompt and model, or two models")
    parser.add_argument("--no-cosine", action="store_true", help="leave the embedding out, which takes minutes")
    given = parser.parse_args()
    if given.layout:
        layouts(given.tests, given.rounds)
        return
    if not given.verdicts:
        overheads(given.tests, given.rounds)
        return
    folder = Path(os.environ["LLMWATCH_SEMANTIC"])
    confusion(folder, given.pairs, with_cosine=not given.no_cosine)
    planted(folder)


if __name__ == "__main__":
    main()
