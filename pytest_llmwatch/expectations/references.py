"""The references that a text is compared with: texts, files, and lists of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pytest_llmwatch.errors import SettingError

Reference = str | Path


def texts_of(references: Iterable[Reference | Iterable[Reference]]) -> list[str]:
    """The texts of all references, files read.

    Raises:
        SettingError: there is none, or one that is no text and no file that can be read.
    """
    texts = list(_flat(references))
    if not texts:
        raise SettingError("There is no reference to compare with: give at least one text or file")
    return texts


def _flat(references: Iterable[object]) -> Iterable[str]:
    for reference in references:
        if isinstance(reference, str):
            yield reference
        elif isinstance(reference, Path):
            yield _read(reference)
        elif isinstance(reference, Iterable) and not isinstance(reference, (bytes, bytearray, dict)):
            yield from _flat(reference)
        else:
            raise SettingError(f"{reference!r:.60} is no reference: give a text, a pathlib.Path, or a list of them")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        where = (
            "" if path.is_absolute() else f"\nIt was looked for at {path.absolute()}; Path(__file__).parent is safer."
        )
        raise SettingError(f"The reference {path} cannot be read: {error.strerror}.{where}") from error
    except UnicodeDecodeError as error:
        raise SettingError(f"The reference {path} is no UTF-8 text: byte {error.start} is not.") from error
