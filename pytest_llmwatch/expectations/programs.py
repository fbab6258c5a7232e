"""Expectations of programs: Python that compiles, SQL that only reads what it may."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, cast

from pytest_llmwatch.errors import MissingExtra, SettingError

from .expectation import Expectation, arguments, quoted, text_rule
from .fences import judged_bare
from .given import items_given
from .nearest import nearest_label
from .time_limits import SECONDS, OutOfTime, limited
from .verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlglot.expressions import Expr

_WRITES = """
    Insert Update Delete Merge Create Drop Alter TruncateTable Command Copy LoadData Set Use Grant Revoke Into
    Attach Detach Pragma Kill Transaction Commit Rollback Analyze Cache Uncache Refresh Comment Put Export Lock
"""


def python_code(*, defines: Iterable[str] = (), in_text: bool = False) -> Expectation:
    r"""Python that this version of Python can read; it is not run.

    Args:
        defines: Names of functions, classes or variables that it must define at its top level.
        in_text: Take the code out of a markdown fence.

    Example:
        >>> from pytest_llmwatch import python_code
        >>> "def double(x):\n    return 2 * x" == python_code(defines=["double"])
        True
    """
    names = items_given("python_code(defines=)", defines)

    def judge(value: str) -> Verdict:
        return judged_bare(value, lambda text: _judge_python(text, names), what="code", in_text=in_text)

    return text_rule(f"python_code({arguments(defines=names or None, in_text=in_text)})", judge)


def _judge_python(text: str, names: list[str]) -> Verdict:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an escape that Python does not know; as errors they would be faults
            tree = ast.parse(text)
    except SyntaxError as error:
        place = f"line {error.lineno}" + (f", column {error.offset}" if error.offset else "") if error.lineno else None
        found = quoted(error.text.strip(), 60) if error.text else None
        return Verdict(passed=False, reason=f"is not Python: {error.msg}", place=place, found=found)
    except (RecursionError, MemoryError):
        return Verdict(passed=False, reason="is not Python to work with: it is nested too deeply")
    except ValueError as error:  # NUL, a lone surrogate
        return Verdict(passed=False, reason=f"is not Python: {error}"[:100])
    return _judge_tree(tree, names)


def _judge_tree(tree: ast.Module, names: list[str]) -> Verdict:
    match tree.body:
        case []:
            return Verdict(passed=False, reason="is not Python: there is no statement")
        case [ast.Expr(value=ast.Name() | ast.Constant())]:
            return Verdict(passed=False, reason="is a word or a value, no code")
    defined = set(_defined_by(tree.body))
    missing = [name for name in names if name not in defined]
    if missing:
        reason = f"does not define {', '.join(map(quoted, missing))}"
        return Verdict(passed=False, reason=reason, nearest=nearest_label(missing[0], sorted(defined)))
    return Verdict(passed=True, reason="is Python")


def _defined_by(statements: list[ast.stmt]) -> Iterable[str]:
    for statement in statements:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (node.id for each in targets for node in ast.walk(each) if isinstance(node, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def sql_of(
    *, dialect: str | None = None, tables: Iterable[str] | None = None, read_only: bool = True, in_text: bool = False
) -> Expectation:
    """SQL that parses, as the extra `[sql]` (sqlglot) reads it; nothing is run.

    Args:
        dialect: `postgres`, `mysql`, `sqlite`, `bigquery` ...; without it what most of them take.
        tables: The tables it may name, `schema.table` where it must name the schema. Upper and lower case are the same.
        read_only: Whether anything but a query fails, also one that hides in a `WITH`.
        in_text: Take the SQL out of a markdown fence.

    Example:
        >>> from pytest_llmwatch import sql_of
        >>> "SELECT name FROM users" == sql_of(dialect="postgres", tables=["users"])
        True
    """
    _need_sqlglot(dialect)
    allowed = None if tables is None else sorted(items_given("sql_of(tables=)", tables))

    def judge(value: str) -> Verdict:
        try:
            return limited(
                lambda: judged_bare(
                    value,
                    lambda text: _judge_sql(text, dialect, allowed, read_only=read_only),
                    what="SQL",
                    in_text=in_text,
                ),
                key=lambda: (judge, value),
            )
        except OutOfTime:
            return Verdict(passed=False, is_undecided=True, reason=f"was given up after {SECONDS:g} seconds")

    written = arguments(dialect=dialect, tables=allowed, in_text=in_text)
    written += "" if read_only else f"{', ' if written else ''}read_only=False"
    return text_rule(f"sql_of({written})", judge)


def _need_sqlglot(dialect: str | None) -> None:
    try:
        from sqlglot.dialects.dialect import Dialect
    except ModuleNotFoundError:
        raise MissingExtra("sql_of reads SQL with sqlglot, which is not installed.", extra="sql") from None
    try:
        Dialect.get_or_raise(dialect)
    except ValueError as error:
        raise SettingError(f"sql_of: {error}") from None


def _judge_sql(text: str, dialect: str | None, allowed: list[str] | None, *, read_only: bool) -> Verdict:
    import sqlglot
    from sqlglot.errors import ErrorLevel, ParseError, SqlglotError

    try:
        parsed = sqlglot.parse(text, dialect=dialect, error_level=ErrorLevel.IMMEDIATE)
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        place = f"line {first['line']}, column {first['col']}" if first.get("line") else None
        reason = f"is not SQL: {first.get('description') or error}"[:120]
        return Verdict(passed=False, reason=reason, place=place, found=_highlight(first.get("highlight")))
    except (SqlglotError, RecursionError, ValueError) as error:
        return Verdict(
            passed=False, reason=f"is not SQL: {str(error).splitlines()[0] if str(error) else 'unreadable'}"[:120]
        )
    statements = [each for each in parsed if each is not None]
    if not statements:
        return Verdict(passed=False, reason="is not SQL: there is no statement")
    fault = next(filter(None, (_fault_of(each, allowed, read_only=read_only) for each in statements)), None)
    return fault or Verdict(passed=True, reason="is SQL")


def _highlight(text: object) -> str | None:
    return quoted(text) if isinstance(text, str) and text else None


def _fault_of(statement: Expr, allowed: list[str] | None, *, read_only: bool) -> Verdict | None:
    from sqlglot import exp

    writes = tuple(getattr(exp, name) for name in _WRITES.split() if hasattr(exp, name))
    is_query = isinstance(statement, exp.Query | exp.Describe | exp.Show)
    # `SELECT` alone is no sign of sense: prose parses as an expression with an alias.
    if not is_query and not isinstance(statement, writes):
        return Verdict(passed=False, reason="is an expression, no statement of SQL")
    culprit = statement.find(*writes)
    if read_only and (culprit is not None or statement.args.get("locks")):
        what = culprit.key.upper() if culprit is not None else "FOR UPDATE"
        return Verdict(passed=False, reason=f"does more than read: {what}")
    if allowed is None:
        return None
    own = {cte.alias.casefold() for cte in statement.find_all(exp.CTE)}
    for table in cast("Iterable[exp.Table]", statement.find_all(exp.Table)):
        name = ".".join(part.name for part in table.parts if part.name)
        if name and name.casefold() not in own and name.casefold() not in map(str.casefold, allowed):
            near = nearest_label(name, allowed)
            return Verdict(passed=False, reason=f"names the table {quoted(name)}, which is not allowed", nearest=near)
    return None
