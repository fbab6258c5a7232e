"""pytest runs that begin where pytest, an SDK and the HTTP clients are imported: two thirds of what a short run takes.

A process that has imported them forks for every run; the plugin itself is imported anew in each. To the run, an SDK is
not imported before it asks for it. A run with a variable that Python itself reads starts a Python of its own instead.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib.abc
import importlib.machinery
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from _pytest.config import default_plugins

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import ModuleType

# pytest imports them at once, and would rewrite the asserts of what is on a shelf.
PLUGINS = ("anyio", "xdist.plugin", "xdist.dsession", "syrupy", "pytest_timeout", "pytest_rerunfailures")
LONGEST = 1_000_000


def can_run(environment: dict[str, str]) -> bool:
    """Whether this system forks safely, and the run is one for which Python need not start anew."""
    named = {name for name in environment if name.startswith("PYTHON")} - {"PYTHONIOENCODING", "PYTHONUNBUFFERED"}
    return sys.platform == "linux" and not named


def run(args: Sequence[str], *, cwd: Path, environment: dict[str, str], timeout: float) -> tuple[int, str, str]:
    """The exit code and what was printed.

    Raises:
        subprocess.TimeoutExpired: it took longer, and was killed with all that it had started.
    """
    outputs = [cwd.parent / f"printed-{name}.txt" for name in ("out", "err")]
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(path.open("wb")) for path in outputs]
        asked = json.dumps({"args": list(args), "cwd": str(cwd), "environment": environment}).encode()
        mine, its = socket.socketpair()
        with mine, its:
            socket.send_fds(_server(), [asked], [its.fileno(), *(file.fileno() for file in files)])
            its.close()
            mine.settimeout(timeout)
            pid = int(_line(mine))
            try:
                code = int(_line(mine))
            except TimeoutError:
                os.killpg(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(args), timeout) from None
    out, err = (path.read_text(encoding="utf-8", errors="replace") for path in outputs)
    return code, out, err


def _line(connection: socket.socket) -> str:
    read = b""
    while not read.endswith(b"\n"):
        got = connection.recv(100)
        if not got:
            raise ConnectionError(f"the forking process is gone; it said {read!r}")
        read += got
    return read.decode()


@functools.cache
def _server() -> socket.socket:
    """The connection to the process that forks, which ends with this one."""
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, __file__, str(its.fileno())],
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
    mine.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
    atexit.register(_end, process, mine)
    return mine


def _end(process: subprocess.Popen[bytes], connection: socket.socket) -> None:
    connection.close()
    process.wait()


class Shelf(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """A package with all that it needs, ready, and not in `sys.modules` before somebody imports it."""

    def __init__(self, name: str, below: Shelf | None = None) -> None:
        known = set(sys.modules)
        importlib.import_module(name)
        new = {each for each in set(sys.modules) - known if _package_of(each) not in sys.stdlib_module_names}
        self._package = _package_of(name)
        self._modules = {each: sys.modules[each] for each in new}
        self._below = below

    def clear(self) -> None:
        """Take all out of `sys.modules`."""
        for name in self._modules:
            del sys.modules[name]

    def find_spec(self, name: str, _path: object, _target: object = None) -> importlib.machinery.ModuleSpec | None:
        """Ours, where the module is on the shelf."""
        if name not in self._modules:
            return None
        self.take(_package_of(name))
        del sys.modules[name]  # what is there already would be loaded anew
        return importlib.machinery.ModuleSpec(name, self)

    def take(self, package: str | None = None) -> None:
        """Put the modules of a package into `sys.modules`; of the shelf's own, all that it needs."""
        is_all = package in (None, self._package)
        if is_all and self._below is not None:
            self._below.take()
        for name, module in self._modules.items():
            if is_all or _package_of(name) == package:
                sys.modules.setdefault(name, module)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The module itself."""
        module = self._modules[spec.name]
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing but to let it be as it was."""
        module.__spec__ = self._spec


def _package_of(name: str) -> str:
    return name.partition(".")[0]


def serve(connection: socket.socket) -> None:
    """Fork for every run that is asked for, one at a time, and tell its process and its exit code."""
    for name in (*PLUGINS, *(f"_pytest.{plugin}" for plugin in default_plugins)):
        importlib.import_module(name)
    for name, module in sys.modules.items():
        if _package_of(name) in map(_package_of, PLUGINS):
            module.__doc__ = "PYTEST_DONT_REWRITE"  # else pytest warns that it comes too late
    # What the plugin imports to know the HTTP clients; then the SDK, which needs one of them.
    clients = Shelf("vcr.patch")
    sdk = Shelf("openai", below=clients)
    for shelf in (clients, sdk):
        shelf.clear()
    sys.meta_path[:0] = [clients, sdk]
    gc.freeze()  # what is imported is no garbage, and to look at it in each run would copy its memory
    while True:
        asked, descriptors, _flags, _address = socket.recv_fds(connection, LONGEST, 3)
        if not asked:
            return
        teller, out, err = descriptors
        pid = os.fork()
        if not pid:
            connection.close()
            os.close(teller)
            _become(json.loads(asked), out, err)
            return
        os.close(out)
        os.close(err)
        with socket.socket(fileno=teller) as told, contextlib.suppress(BrokenPipeError):
            told.sendall(f"{pid}\n".encode())
            _, status = os.waitpid(pid, 0)
            told.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(asked: dict[str, object], out: int, err: int) -> None:
    """What `python -m pytest` is in that folder, with that environment."""
    os.setsid()
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    os.chdir(str(asked["cwd"]))
    environment = asked["environment"]
    assert isinstance(environment, dict)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    args = asked["args"]
    assert isinstance(args, list)
    sys.argv = ["pytest", *args]
    sys.path[0] = str(asked["cwd"])
    runpy.run_module("pytest", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
