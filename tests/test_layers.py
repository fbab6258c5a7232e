"""Imports point down: the table of layers, and the check that holds the code to it.

- L0 values: the standard library, nothing else.
- L1 pure: a foreign library only inside the function that needs it.
- L2 adapters: one foreign thing each.
- L3 shells: pytest and pluggy; everything below.

A module may import its own layer and those below it, never one above, not even for a type or inside a function.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = "pytest_llmwatch"
ROOT = Path(__file__).parent.parent / PACKAGE
NOTHING: frozenset[str] = frozenset()

# For each layer its modules (a package stands for everything in it), each with the foreign libraries it may import.
LAYERS: list[dict[str, frozenset[str]]] = [
    {
        "errors": NOTHING,
        "calls": NOTHING,
        "exchange": NOTHING,
        "roles": NOTHING,
        "tags": NOTHING,
        "drift.visible": NOTHING,
    },
    # Foreign libraries are allowed here too, but inside functions only; see `problem_with`.
    {
        "wire": NOTHING,
        "expectations": NOTHING,
        "drift": NOTHING,
        "statistics": NOTHING,
        "pricing": NOTHING,
        "table_prices": NOTHING,
        "priced_calls": NOTHING,
        "exchange_dates": NOTHING,
        "own_prices": NOTHING,
        "spend": NOTHING,
        "stream_fold": NOTHING,
        "cassette": NOTHING,
        "cassette_text": NOTHING,
        "recording_key": NOTHING,
        "file_names": NOTHING,
        "snapshot_files": NOTHING,
        "snapshot_values": NOTHING,
        "snapshot_calls": NOTHING,
        "snapshot_comparison": NOTHING,
        "snapshot_notes": NOTHING,
        "foreign_cassettes": NOTHING,
        "attempts": NOTHING,
        "recorded_answers": NOTHING,
        "misses": NOTHING,
        "live_calls": NOTHING,
        "recorded_calls": NOTHING,
        "raised": NOTHING,
        "bodies": NOTHING,
        "request_key": NOTHING,
        "write_policy": NOTHING,
        "yaml_text": NOTHING,
        "redaction": NOTHING,
        "placeholders": NOTHING,
        "secret_fields": NOTHING,
        "secret_spans": NOTHING,
        "key_shapes": NOTHING,
        "environment_secrets": NOTHING,
        "json_leaves": NOTHING,
        "aws_frames": NOTHING,
        "hosts": NOTHING,
        "refusals": NOTHING,
        "readings": NOTHING,
        "lifting": NOTHING,
        "tool_results": NOTHING,
        "max_age": NOTHING,
        "model_shutdowns": NOTHING,
        "budgets": NOTHING,
        "price_remedies": NOTHING,
        "costly_calls": NOTHING,
        "accounts": NOTHING,
        "estimates": NOTHING,
    },
    {
        "recorder": frozenset({"vcr"}),
        # Beside vcrpy these raise and recognise what their one client library raises.
        "recorder.aiohttp_sessions": frozenset({"vcr", "aiohttp"}),
        "recorder.http_connections": frozenset({"vcr", "urllib3"}),
        "snapshot": frozenset({"syrupy"}),
        "store": NOTHING,
        "locks": NOTHING,
        "pairs": NOTHING,
        "candidates": NOTHING,
        "history": frozenset({"psycopg"}),
        "telemetry": frozenset({"opentelemetry"}),
        # pytest's terminal writer has no public name: it is `_pytest._io.TerminalWriter`.
        "reports": frozenset({"pytest", "_pytest"}),
        "demo": NOTHING,
        "recording": NOTHING,
        "recorded_facts": NOTHING,
        "judge_memory": NOTHING,
        "thread_contexts": NOTHING,
        "quiet_threads": NOTHING,
        "in_process": NOTHING,
        "guard": NOTHING,
        "ways_out": NOTHING,
        "turns": NOTHING,
        "ledger": NOTHING,
        "model_swap": NOTHING,
        "spending_gate": NOTHING,
    },
    {
        "settings": frozenset({"pytest"}),
        "marker": frozenset({"pytest"}),
        "hookspecs": frozenset({"pytest", "pluggy"}),
        "plugin": frozenset({"pytest", "_pytest", "pluggy"}),
        "report_collector": frozenset({"pytest"}),
        "phases": frozenset({"pytest"}),
        "watch": frozenset({"pytest"}),
        "scope": NOTHING,
        "cassette_writes": NOTHING,
        "hooked_secrets": frozenset({"pytest"}),
        "hooked_prices": frozenset({"pytest"}),
        "cassette_paths": frozenset({"pytest"}),
        "own_folders": frozenset({"pytest"}),
        "renamed": NOTHING,
        "fixture_scope": frozenset({"pytest"}),
        "snapshot_writes": NOTHING,
        "snapshot_fixture": frozenset({"pytest", "syrupy"}),
        "verdict": frozenset({"pytest"}),
        "checking": frozenset({"pytest"}),
        "typed_names": frozenset({"pytest"}),
        "test_ids": frozenset({"pytest"}),
        "drifting": NOTHING,
        "tool_verdict": frozenset({"pytest"}),
        "budget_verdict": frozenset({"pytest"}),
        "live_limits": frozenset({"pytest"}),
        "run_limit": frozenset({"pytest"}),
        "interrupted_workers": frozenset({"pytest"}),
        "masking": frozenset({"pytest", "_pytest"}),
        "terminal": frozenset({"pytest", "_pytest"}),
        "collected": frozenset({"pytest"}),
        "unused": frozenset({"pytest"}),
        "commands": NOTHING,
        "cli": NOTHING,
        "__init__": NOTHING,
        "__main__": NOTHING,
    },
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a module stands, and the foreign libraries it may import."""

    layer: int
    foreign: frozenset[str]


TABLE = {module: Place(layer, foreign) for layer, modules in enumerate(LAYERS) for module, foreign in modules.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One imported module; `lazy` imports are in a function or for types only, and cost nothing at start."""

    target: str
    line: int
    lazy: bool


def place_of(module: str) -> Place | None:
    """The row of a module: its own, or that of the nearest package above it."""
    while module not in TABLE and "." in module:
        module = module.rpartition(".")[0]
    return TABLE.get(module)


def is_for_types(node: ast.If) -> bool:
    return ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def imports_of(source: str, module: str) -> list[Import]:
    """Every import of a source text, with relative names made absolute.

    `from . import recorder` imports the module `recorder`, as the table has one; other names come from the package.
    """
    # A module's package: `wire.openai_chat` and `wire.__init__` are both in `pytest_llmwatch.wire`.
    package = f"{PACKAGE}.{module}".split(".")[:-1]

    def named(node: ast.AST) -> Iterator[str]:
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=origin, names=names, level=level):
                above = package[: len(package) - level + 1] if level else []
                base = ".".join([*above, *([origin] if origin else [])])
                for alias in names:
                    whole = f"{base}.{alias.name}"
                    yield whole if whole.removeprefix(f"{PACKAGE}.") in TABLE else base
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                # A relative name is given with its package; only the package itself is ever given here.
                yield f"{PACKAGE}{name}" if name.startswith(".") else name

    def walk(node: ast.AST, *, lazy: bool) -> Iterator[Import]:
        if isinstance(node, ast.stmt | ast.expr):
            for target in dict.fromkeys(named(node)):
                yield Import(target=target, line=node.lineno, lazy=lazy)
        lazy_inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for_types = node.body if isinstance(node, ast.If) and is_for_types(node) else []
        for child in ast.iter_child_nodes(node):
            yield from walk(child, lazy=lazy_inside or child in for_types)

    return list(walk(ast.parse(source), lazy=False))


def problem_with(imported: Import, place: Place) -> str | None:
    """Why a module in this place may not have this import; `None` where it may."""
    root, _, inner = imported.target.partition(".")
    if root == PACKAGE:
        target = place_of(inner or "__init__")
        if target is None:
            return f"imports {imported.target}, which is not in the table"
        if target.layer > place.layer:
            return f"is in L{place.layer} and imports {imported.target} of L{target.layer}: imports point down"
        return None
    if root in sys.stdlib_module_names or root in place.foreign:
        return None
    if place.layer == 1:
        return None if imported.lazy else f"imports {root} at the top: move it into the function that needs it"
    allowed = ", ".join(sorted(place.foreign)) or "nothing"
    return f"imports {root}; beside the standard library it may import {allowed}"


def violations(source: str, module: str) -> list[str]:
    """What is wrong with the imports of a module, one line each."""
    place = place_of(module)
    if place is None:
        return [f"{module} has no layer: add it to LAYERS in {Path(__file__).name}"]
    return [
        f"{module}, line {imported.line}: {problem}"
        for imported in imports_of(source, module)
        if (problem := problem_with(imported, place))
    ]


SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted(ROOT.glob("**/*.py"))
    # In a wheel the example suite lies inside the package; it is the user's code, not ours.
    if not path.is_relative_to(ROOT / "demo" / "examples")
}


@pytest.mark.parametrize("module", SOURCES)
def test_imports_point_down(module):
    found = violations(SOURCES[module].read_text(encoding="utf-8"), module)

    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "module, source, expected",
    [
        ("calls", "import dataclasses", None),
        ("errors", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .exchange import Exchange", None),
        ("calls", "def f():\n    import numpy", "calls, line 2: imports numpy; beside the standard library"),
        ("wire.openai_chat", "from ..calls import ModelCall", None),
        ("wire.__init__", "from . import openai_chat", None),
        ("spend", "from . import pricing", None),
        ("drift.text", "def f():\n    from rapidfuzz import fuzz", None),
        ("drift.text", "from rapidfuzz import fuzz", "drift.text, line 1: imports rapidfuzz at the top"),
        ("drift.text", "class C:\n    import yaml", "drift.text, line 2: imports yaml at the top"),
        ("cassette", "from .recorder import Recorder", "cassette, line 1: is in L1 and imports"),
        ("cassette", "import pytest_llmwatch.store", "cassette, line 1: is in L1 and imports pytest_llmwatch.store"),
        ("cassette", "def f():\n    from . import store", "cassette, line 2: is in L1 and imports"),
        ("cassette", "if TYPE_CHECKING:\n    from .store import Store", "cassette, line 2: is in L1 and imports"),
        ("wire.openai_chat", "from .. import plugin", "is in L1 and imports pytest_llmwatch.plugin of L3"),
        ("wire.openai_chat", "from .. import ModelCall", "is in L1 and imports pytest_llmwatch of L3"),
        ("cassette", 'import importlib\nimportlib.import_module(".store", __package__)', "cassette, line 2: is in L1"),
        ("recorder", "from vcr.cassette import Cassette", None),
        ("recorder", "def f():\n    import syrupy", "beside the standard library it may import vcr"),
        ("store", "import yaml", "beside the standard library it may import nothing"),
        ("store", "from .settings import Settings", "is in L2 and imports pytest_llmwatch.settings of L3"),
        ("plugin", "import pytest\ndef f():\n    from . import recorder", None),
        ("plugin", "import yaml", "plugin, line 1: imports yaml"),
        ("cassette", "from .odds_and_ends import x", "which is not in the table"),
        ("odds_and_ends", "", "odds_and_ends has no layer: add it to LAYERS in test_layers.py"),
    ],
)
def test_the_check_sees_what_it_must_see(module, source, expected):
    found = violations(source, module)

    if expected is None:
        assert found == []
    else:
        assert len(found) == 1
        assert expected in found[0]
