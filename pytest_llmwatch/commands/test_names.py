"""Whether a file of tests can still have a test of a name, by its text alone: nothing is imported or collected."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What makes names that stand nowhere.
MAKERS = frozenset({"globals", "setattr", "exec", "eval", "type"})


def may_define(file: Path, names: str) -> bool:
    """Whether the file may define what stands behind the file in a test's id: `TestShop::test_refund[eu]`.

    In doubt it may: where the text is no Python, where names come from elsewhere or are made.
    """
    wanted = [name.partition("[")[0] for name in names.partition("[")[0].split("::")]
    if not all(name.isidentifier() for name in wanted):
        return True
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return True
    return set(wanted) <= set(_names_in(tree)) or _has_others(tree, is_in_class=len(wanted) > 1)


def _names_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (each.asname or each.name for each in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _has_others(tree: ast.AST, *, is_in_class: bool) -> bool:
    """Whether there are names that the text does not have: of a base class, of `import *`, made by a call."""
    # `scenarios("refund.feature")` and its kin make tests of what another file says.
    body = tree.body if isinstance(tree, ast.Module) else []
    if any(isinstance(each, ast.Expr) and isinstance(each.value, ast.Call) for each in body):
        return True
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(each.name == "*" for each in node.names):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
            return True
        if is_in_class and isinstance(node, ast.ClassDef) and node.bases:
            return True
    return False
