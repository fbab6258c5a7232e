"""Candidates on the disk: what `--llm-check` got from the live model, kept apart until somebody decides.

They lie below `<root>/.llmwatch/candidates`, each at the path that its baseline has below the root. Beside the cassette
and the snapshot stands what is known of them, `<test>.candidate.json`. It is written last and deleted last: what has no
such file, or does not have the hashes in it, was never finished.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import store
from .errors import UnreadableCandidate, UnreadableCassette
from .file_names import CASSETTES, SNAPSHOTS

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = ".llmwatch"
FACTS = ".candidate.json"
FORMAT = 1
ABOVE = "_above"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a candidate; hashes are `None` where there is no such file.

    Attributes:
        test: The test's node id, or that of a wider fixture.
        cassette: The path of the baseline's cassette from the root.
        snapshot: That of its file of snapshots, also where there is none.
        verdict: What the check said.
        has_failed: Whether the test failed for an assert of its own.
        was: The hashes of the baseline when the candidate was made: cassette, snapshot.
        now: The hashes of the candidate's own files.
        models: What the run put in place of the models that the test asked for.
        fixtures: The wider fixtures that the test used and that drifted, by their ids.
    """

    test: str
    cassette: str
    snapshot: str
    verdict: str
    has_failed: bool
    was: tuple[str | None, str | None]
    now: tuple[str | None, str | None]
    models: dict[str, str] = field(default_factory=dict)
    fixtures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One candidate as it was found; `path` is that of its cassette, whether or not it has one."""

    root: Path
    path: Path
    facts: Facts

    @property
    def baseline(self) -> Path:
        """The cassette that it would replace."""
        return Path(os.path.normpath(self.root / self.facts.cassette))

    @property
    def files(self) -> tuple[Path, Path]:
        """Its cassette and its snapshot."""
        return self.path, candidate_path(self.root, self.targets[1])

    @property
    def targets(self) -> tuple[Path, Path]:
        """What they would replace."""
        return self.baseline, Path(os.path.normpath(self.root / self.facts.snapshot))

    @property
    def is_whole(self) -> bool:
        """Whether its files are those that the check wrote."""
        return hashes_of(self.files) == self.facts.now

    @property
    def is_outdated(self) -> bool:
        """Whether the baseline has changed since."""
        return hashes_of(self.targets) != self.facts.was

    @property
    def is_taken_over(self) -> bool:
        """Whether the baseline is the candidate already: an `accept` was killed before it had tidied up."""
        pairs = zip(hashes_of(self.targets), self.facts.now, strict=True)
        return self.facts.now != self.facts.was and all(new is None or held == new for held, new in pairs)


def folder_of(root: Path) -> Path:
    """Where the candidates of a project are."""
    return root / FOLDER / "candidates"


def candidate_path(root: Path, path: Path) -> Path:
    """Where the candidate for a file lies; for one that is not below the root, the way up has a name of its own."""
    parts = Path(os.path.relpath(path, root)).parts
    return folder_of(root).joinpath(*(ABOVE if part == os.pardir else part for part in parts))


def way_to(root: Path, path: Path) -> str:
    """The way from the root to a file, the same on every system."""
    return Path(os.path.relpath(path, root)).as_posix()


def snapshot_beside(cassette: Path) -> Path:
    """The snapshot file of the test with this cassette."""
    return cassette.parent.parent.parent / SNAPSHOTS / cassette.parent.name / f"{cassette.stem}.snap"


def facts_path(cassette: Path) -> Path:
    """Where what is known of the candidate with this cassette stands."""
    return cassette.with_name(cassette.stem + FACTS)


def hash_of(path: Path) -> str | None:
    """The hash of a file; `None` where there is none.

    Raises:
        OSError: it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def hashes_of(files: tuple[Path, Path]) -> tuple[str | None, str | None]:
    """The hashes of a cassette and a snapshot."""
    return hash_of(files[0]), hash_of(files[1])


def keep(candidate: Candidate, *, cassette: str | None, snapshot: str | None) -> None:
    """Write the files of a candidate in place of an older one; the hashes in its facts are filled in.

    Raises:
        OSError: the disk refuses.
    """
    _hide(candidate.root)
    for path, text in zip(candidate.files, (cassette, snapshot), strict=True):
        if text is None:
            store.remove(path)
        else:
            store.write_text(path, text)
    facts = asdict(candidate.facts) | {"llmwatch_candidate": FORMAT, "now": hashes_of(candidate.files)}
    store.write_text(facts_path(candidate.path), json.dumps(facts, indent=1) + "\n")


def _hide(root: Path) -> None:
    """Keep the folder out of version control."""
    ignore = root / FOLDER / ".gitignore"
    if not ignore.exists():
        store.write_text(ignore, "*\n")


def drop(root: Path, path: Path) -> bool:
    """Delete the candidate with this cassette, and the folders that are empty then; whether there was one."""
    found = [file for file in _files_of(root, path) if file.exists()]
    for file in found:
        store.remove_leftovers(file)
        store.remove(file)
    for file in found:
        _remove_empty(file.parent, folder_of(root))
    return bool(found)


def _files_of(root: Path, path: Path) -> tuple[Path, ...]:
    """The files of the candidate with this cassette, the facts last."""
    facts = facts_path(path)
    if not facts.exists():
        return path, snapshot_beside(path)
    try:
        return *read(root, facts).files, facts
    except UnreadableCandidate:
        return path, snapshot_beside(path), facts


def _remove_empty(folder: Path, top: Path) -> None:
    with contextlib.suppress(OSError):  # something is left in it
        while folder != top.parent:
            folder.rmdir()
            folder = folder.parent


def root_above(folder: Path) -> Path | None:
    """The nearest folder, here or above, that has candidates."""
    return next((each for each in (folder, *folder.parents) if folder_of(each).is_dir()), None)


def all_of(root: Path) -> Iterator[Candidate | UnreadableCandidate]:
    """Every candidate of a project in order of their paths; in place of one that cannot be read, the error."""
    for path in sorted(folder_of(root).rglob(f"*{FACTS}")):
        try:
            yield read(root, path)
        except UnreadableCandidate as error:
            yield error


def read(root: Path, path: Path) -> Candidate:
    """The candidate whose facts stand in this file.

    Raises:
        UnreadableCandidate: they make no sense, or are of a newer version.
    """
    try:
        said = json.loads(store.read_text(path) or "")
        version = said.pop("llmwatch_candidate")
        facts = _facts_in(said) if version == FORMAT else None
    except (ValueError, KeyError, TypeError, AttributeError, UnreadableCassette) as error:
        raise UnreadableCandidate(path, "what is known of it cannot be read") from error
    if facts is None:
        raise UnreadableCandidate(path, f"it is of version {version}: upgrade pytest-llmwatch")
    candidate = Candidate(root=root, path=path.with_name(path.name.removesuffix(FACTS) + ".yaml"), facts=facts)
    if not _belongs(candidate):
        raise UnreadableCandidate(path, f"it lies where no candidate for {facts.cassette} belongs")
    return candidate


def _belongs(candidate: Candidate) -> bool:
    """Whether it lies where it says, and what it would replace are a cassette and the snapshots of the same test.

    Candidates may come from elsewhere, such as a download from CI, and nothing else says which files they may replace.
    """
    cassette, snapshot = candidate.targets
    is_pair = snapshot.name == f"{cassette.stem}.snap" and snapshot.parent.name == cassette.parent.name
    return (
        is_pair
        and cassette.parent.parent.name == CASSETTES
        and candidate_path(candidate.root, cassette) == candidate.path
    )


def _facts_in(said: dict[str, Any]) -> Facts:
    was, now = (_pair(said.pop(name)) for name in ("was", "now"))
    texts = [said[name] for name in ("test", "cassette", "snapshot", "verdict")]
    texts += [text for each in said.get("models", {}).items() for text in each]
    texts += (fixtures := tuple(said.pop("fixtures", ())))
    if not all(isinstance(text, str) for text in texts) or not isinstance(said["has_failed"], bool):
        raise TypeError("a text and a yes or no are wanted")
    return Facts(**said, was=was, now=now, fixtures=fixtures)


def _pair(value: list[str | None]) -> tuple[str | None, str | None]:
    first, second = value
    if not all(each is None or isinstance(each, str) for each in value):
        raise TypeError("a hash is a text")
    return first, second
