"""Wire formats of other packages, for commands: there is no test here whose `conftest.py` could be asked.

A package names them in the entry-point group `pytest_llmwatch.formats`, each a module or an object with
`claims(request)` and `decode(exchange)`. They are asked before the built-in ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmwatch import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.metadata import EntryPoint

    from pytest_llmwatch.calls import ModelCall
    from pytest_llmwatch.exchange import Exchange
    from pytest_llmwatch.wire import Format

GROUP = "pytest_llmwatch.formats"


def installed_formats(warn: Callable[[str], None]) -> tuple[Format, ...]:
    """The formats of installed packages; one that does not load is told to `warn` and left out."""
    from importlib import metadata

    loaded = (_loaded(entry, warn) for entry in metadata.entry_points(group=GROUP))
    return tuple(each for each in loaded if each is not None)


def _loaded(entry: EntryPoint, warn: Callable[[str], None]) -> Format | None:
    package = entry.dist.name if entry.dist else "a package without a name"
    try:
        found: Format = entry.load()
    except Exception as error:  # noqa: BLE001 - a foreign module is run here: it may fail in any way
        warn(f"the format {entry.name!r} of {package} was left out; it does not load: {type(error).__name__}: {error}")
        return None
    if callable(getattr(found, "claims", None)) and callable(getattr(found, "decode", None)):
        return found
    warn(f"the format {entry.name!r} of {package} was left out; it lacks claims(request) or decode(exchange)")
    return None


def decoder(formats: Sequence[Format]) -> Callable[[Exchange], ModelCall]:
    """Decode by the first of these formats that claims an exchange, else as built in."""

    def decode(exchange: Exchange) -> ModelCall:
        claiming = next((each for each in formats if each.claims(exchange.request)), None)
        return wire.with_facts(claiming.decode(exchange), exchange) if claiming else wire.decode(exchange)

    return decode
