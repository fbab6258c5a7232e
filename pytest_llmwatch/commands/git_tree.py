"""What git knows of a working tree: the revision to compare with, its files, and which of them differ."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmwatch.errors import LLMWatchError

if TYPE_CHECKING:
    from collections.abc import Iterable

REGULAR_FILES = (b"100644", b"100755")
# The branches that a project may call its main one, beside what the remote and git's settings say.
USUAL_NAMES = ("main", "master", "origin/main", "origin/master")
MERGE_BASE = "..."


class GitProblem(LLMWatchError):
    """Git is missing, there is no repository, or it has no such revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A commit to compare with, and how a person calls it."""

    commit: str
    name: str


@dataclass(frozen=True, slots=True)
class Repository:
    """A working tree of git; `root` is its top folder. Paths are relative to that, with slashes."""

    root: Path

    def revision(self, name: str) -> Revision | None:
        """The commit of that name; `main...` is where the branch of today left main, as `git diff` has it."""
        if name.endswith(MERGE_BASE) and len(name) > len(MERGE_BASE):
            return self._merge_base(name.removesuffix(MERGE_BASE))
        commit = self._commit(name)
        return Revision(commit=commit, name=_called(name, commit)) if commit else None

    def main_revision(self) -> Revision:
        """Where this branch left the main one.

        Raises:
            GitProblem: there is no commit yet, no main branch, or nothing that both have in common.
        """
        if not self._commit("HEAD"):
            raise GitProblem("this repository has no commit yet, so there is nothing to compare with: git commit")
        names = [name for name in self._main_names() if self._commit(name)]
        if not names:
            tried = ", ".join(dict.fromkeys(["origin/HEAD", *self._main_names()]))
            raise GitProblem(
                f"no main branch was found (looked for {tried})\nName the revision: pytest-llmwatch diff REV"
            )
        found = next((base for name in names if (base := self._merge_base(name))), None)
        if found is None:
            raise GitProblem(
                f"this branch and {names[0]} have no commit in common\n"
                "In a shallow clone: git fetch --unshallow (in GitHub Actions: fetch-depth: 0)\n"
                f"Or compare with its end: pytest-llmwatch diff {names[0]}"
            )
        return found

    def files(self, revision: Revision) -> dict[str, str]:
        """The regular files of a revision, with the names of their contents."""
        listed = self._git("ls-tree", "-r", "-z", "--full-tree", revision.commit)
        rows = (row.partition(b"\t") for row in listed.split(b"\0") if row)
        facts = ((os.fsdecode(path), head.split()) for head, _tab, path in rows)
        return {path: head[2].decode() for path, head in facts if head[0] in REGULAR_FILES}

    def changed(self, revision: Revision) -> set[str]:
        """The files that git tracks and that are not what they were; git compares without reading what is untouched."""
        options = ("--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules")
        return _paths(self._git("diff", *options, revision.commit, "--"))

    def present(self) -> set[str]:
        """The files of the working tree: tracked and on the disk, or new and not ignored."""
        listed = _paths(self._git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--full-name"))
        return {path for path in listed if (self.root / path).is_file()}

    def contents(self, names: Iterable[str]) -> dict[str, bytes]:
        """The contents of that names, read by one process."""
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return {}
        told = self._git("cat-file", "--batch", given="".join(f"{name}\n" for name in wanted).encode())
        found, at = {}, 0
        for name in wanted:
            end = told.index(b"\n", at)
            head = told[at:end].split()
            size = int(head[2]) if len(head) == 3 else -1
            if size >= 0:
                found[name] = told[end + 1 : end + 1 + size]
            at = end + size + 2
        return found

    def _main_names(self) -> list[str]:
        remote = self._said("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
        configured = self._said("config", "--get", "init.defaultBranch")
        return [name for name in dict.fromkeys([remote, *USUAL_NAMES, configured]) if name]

    def _merge_base(self, name: str) -> Revision | None:
        if not self._commit(name):
            return None
        base = self._said("merge-base", "HEAD", name)
        if not base or base == self._commit(name):
            return Revision(commit=base, name=f"{name} ({base[:7]})") if base else None
        return Revision(commit=base, name=f"{base[:7]}, where this branch left {name}")

    def _commit(self, name: str) -> str:
        return self._said("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")

    def _said(self, *arguments: str) -> str:
        """What git answers on one line; empty where it refuses."""
        done = _run(self.root, arguments)
        return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""

    def _git(self, *arguments: str, given: bytes | None = None) -> bytes:
        done = _run(self.root, arguments, given)
        if done.returncode:
            raise GitProblem(f"git {arguments[0]} failed: {_complaint(done)}")
        return done.stdout


def repository_at(folder: Path) -> Repository:
    """The working tree that a folder is in.

    Raises:
        GitProblem: it is in none, or git is not installed.
    """
    done = _run(folder, ("rev-parse", "--show-toplevel"))
    root = os.fsdecode(done.stdout.rstrip(b"\n"))
    if done.returncode or not root:
        raise GitProblem(
            f"{folder} is in no working tree of git, so there is nothing to compare with\n{_complaint(done)}"
        )
    return Repository(Path(root))


def _run(folder: Path, arguments: Iterable[str], given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", str(folder), *arguments]
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}  # reading must not stand in the way of anybody
    try:
        return subprocess.run(command, input=given, capture_output=True, env=environment, check=False)  # noqa: S603
    except FileNotFoundError:
        raise GitProblem("git is not installed, or not on the PATH: diff asks it for the older files") from None


def _paths(listed: bytes) -> set[str]:
    return {os.fsdecode(path) for path in listed.split(b"\0") if path}


def _called(name: str, commit: str) -> str:
    return name if commit.startswith(name) or name.endswith(commit[:7]) else f"{name} ({commit[:7]})"


def _complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    said = done.stderr.decode("utf-8", "replace").strip()
    return f"git says: {said}" if said else f"git ended with exit code {done.returncode}"
