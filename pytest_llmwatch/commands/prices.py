"""Prices for commands: those of the project's ini file, and of other packages.

A package names a function in the entry-point group `pytest_llmwatch.prices`: `(call, at) -> Decimal | None`, as the
hook `pytest_llmwatch_price` has it. It is asked before the ini file.
"""

from __future__ import annotations

import configparser
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llmwatch.errors import SettingError
from pytest_llmwatch.exchange_dates import date_of
from pytest_llmwatch.own_prices import Price, PriceTable, price_table, rounded
from pytest_llmwatch.pricing import price_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from decimal import Decimal
    from importlib.metadata import EntryPoint

    from pytest_llmwatch.calls import ModelCall
    from pytest_llmwatch.exchange import Exchange

    Source = Callable[[ModelCall, datetime | None], Decimal | None]

GROUP = "pytest_llmwatch.prices"
SETTING = "llm_prices"
# As pytest looks for them, in this order, here and in every folder above.
INI_FILES = (
    ("pytest.toml", ("pytest",)),
    (".pytest.toml", ("pytest",)),
    ("pytest.ini", ("pytest",)),
    (".pytest.ini", ("pytest",)),
    ("pyproject.toml", ("tool", "pytest", "ini_options")),
    ("pyproject.toml", ("tool", "pytest")),
    ("tox.ini", ("pytest",)),
    ("setup.cfg", ("tool:pytest",)),
)


def pricer(
    own: PriceTable, sources: Sequence[Source], *, day: datetime | None = None
) -> Callable[[ModelCall, Exchange], Price]:
    """Price a call by the first of these that knows it, else as built in; the provider's own figure goes first.

    With a `day`, every call is priced as if it had been made then: what was paid for it does not count.
    """

    def price(call: ModelCall, exchange: Exchange) -> Price:
        if day is not None:
            call = replace(call, cost=None)
        if call.cost is None:
            at = day or date_of(exchange)
            found = next((cost for source in sources if (cost := source(call, at)) is not None), None)
            if found is not None:
                return Price(cost=rounded(found), source="pytest_llmwatch_price")
        return price_of(call, exchange if day is None else replace(exchange, at=day, cost=None), own)

    return price


def project_prices(folder: Path | None = None) -> PriceTable:
    """The prices in the ini file that pytest would take from this folder.

    Raises:
        SettingError: a line makes no sense, or the file cannot be read.
    """
    return price_table(project_lines(SETTING, folder))


def project_lines(setting: str, folder: Path | None = None) -> list[str]:
    """The lines of a setting in the ini file that pytest would take from this folder.

    Raises:
        SettingError: the file cannot be read.
    """
    found = _settings(folder or Path.cwd())
    given = found[1].get(setting, "") if found else ""
    lines = given if isinstance(given, list) else str(given).splitlines()
    return [str(line) for line in lines if str(line).strip()]


def rootdir(folder: Path | None = None) -> Path:
    """Where the ini file is that pytest would take from this folder; the folder itself where there is none.

    Raises:
        SettingError: the file cannot be read.
    """
    start = folder or Path.cwd()
    found = _settings(start)
    return found[0] if found else start.resolve()


def _settings(start: Path) -> tuple[Path, dict[str, Any]] | None:
    """The folder of the ini file, and what it sets."""
    start = start.resolve()
    for place in (start, *start.parents):
        for name, section in INI_FILES:
            path = place / name
            held = _section_of(path, section) if path.is_file() else None
            if held is not None:
                return place, held
    return None


def _section_of(path: Path, section: tuple[str, ...]) -> dict[str, Any] | None:
    """The settings of pytest in a file; `None` where it has none, unless it can be for nothing else."""
    try:
        text = path.read_text(encoding="utf-8")
        held: Any = tomllib.loads(text) if path.suffix == ".toml" else _ini(text)
    except (OSError, ValueError, configparser.Error) as error:
        raise SettingError(f"{path}: it cannot be read ({error})") from error
    for name in section:
        held = held.get(name) if isinstance(held, dict) else None
    if held is None and path.name.lstrip(".") in ("pytest.toml", "pytest.ini"):
        return {}
    return held if isinstance(held, dict) else None


def _ini(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def installed_prices(warn: Callable[[str], None]) -> tuple[Source, ...]:
    """The functions of installed packages; one that does not load is told to `warn` and left out."""
    from importlib import metadata

    loaded = (_loaded(entry, warn) for entry in metadata.entry_points(group=GROUP))
    return tuple(each for each in loaded if each is not None)


def _loaded(entry: EntryPoint, warn: Callable[[str], None]) -> Source | None:
    package = entry.dist.name if entry.dist else "a package without a name"
    try:
        found: Any = entry.load()
    except Exception as error:  # noqa: BLE001 - a foreign module is run here: it may fail in any way
        warn(f"the prices {entry.name!r} of {package} were left out; they do not load: {type(error).__name__}: {error}")
        return None
    if callable(found):
        source: Source = found
        return source
    warn(f"the prices {entry.name!r} of {package} were left out; they are no function (call, at)")
    return None
