"""The guard: while a test replays, nothing but passthrough leaves the process.

It stands in for the `ways_out`. It is put in place once, costs a comparison while nobody replays, and takes itself away
again without touching what others have put over it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import sys
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ConnectionNotAllowed, ReplayRefusal
from .hosts import names_host
from .reports.guard_page import Reach, guard_page
from .ways_out import LOADED, Arrivals, Patch, socket_patches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, ModuleType

    from .reports.guard_page import Attempt

PACKAGE = str(Path(__file__).parent)
STDLIB = str(Path(socket.__file__).parent)
INSTALLED = ("site-packages", "dist-packages")
RUNS_OTHERS = ("threading", "concurrent.", "contextvars", "asyncio.base_", "asyncio.events", "asyncio.runners")
LOCAL_NAMES = ("localhost", "*.localhost", "0.0.0.0", "::")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The test that replays, and where its refusals go."""

    test: str
    refuse: Callable[[ReplayRefusal], ReplayRefusal]
    is_covered: bool = True


@dataclass(slots=True)
class Guard:
    """Refuses what is not passthrough while a test holds it.

    Attributes:
        passing: The patterns of hosts that pass.
        shown: A path as a user would type it.
        holder: The test that replays; `None` while nobody does.
    """

    passing: Sequence[str]
    shown: Callable[[Path], str]
    holder: Holder | None = None
    _last: Holder | None = None
    _older: weakref.WeakSet[threading.Thread] = field(default_factory=weakref.WeakSet)
    _names: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _patches: list[Patch] = field(default_factory=list)
    _arrivals: Arrivals | None = None

    def hold(self, holder: Holder | None) -> None:
        """Refuse on behalf of this test from now on, or let everything go."""
        if holder is not None:
            self._last = holder
            if self._arrivals is None:
                self._put()
        self.holder = holder

    def new_test(self) -> None:
        """Tell the threads of the next test from older ones, and stand over what others have put over us."""
        self._older = weakref.WeakSet(threading.enumerate())
        # pytest-socket and pytest-recording write `connect` anew after each of their tests. What is put there later
        # in this test stays on top.
        for patch in self._patches:
            patch.put(self)

    def take_away(self) -> None:
        """Put back what stood there, where nobody has put something else there since."""
        self.holder = self._last = None
        for patch in reversed(self._patches):
            patch.take_away()
        self._patches.clear()
        if self._arrivals in sys.meta_path:
            sys.meta_path.remove(self._arrivals)
        self._arrivals = None

    def _put(self) -> None:
        self._patches = list(socket_patches())
        for patch in self._patches:
            patch.put(self)
        for name in LOADED:
            if name in sys.modules:
                self.arrived(sys.modules[name])
        self._arrivals = Arrivals(self.arrived)
        sys.meta_path.insert(0, self._arrivals)

    def arrived(self, module: ModuleType) -> None:
        """Stand in for what a library does by itself."""
        for patch in LOADED[module.__name__](module):
            patch.put(self)
            self._patches.append(patch)

    def connecting(self, attempt: Attempt, host: str, port: int | None) -> None:
        """Let a connection to this address pass, or not.

        Raises:
            ConnectionNotAllowed: the destination is no passthrough host, and a test replays.
        """
        holder = self._holder()
        if holder is not None and not self._passes(host, port):
            self._refuse(holder, attempt, host, port)

    def looking_up(self, host: object, port: object = None) -> None:
        """Let a name be looked up, or not. An address needs no lookup, and a name of this machine leaves nothing.

        Raises:
            ConnectionNotAllowed: as above.
        """
        holder = self._holder()
        name = host.decode("ascii", "replace") if isinstance(host, (bytes, bytearray)) else host
        if holder is None or not isinstance(name, str) or not name or _is_address(name):
            return
        with_any_port = [one for pattern in self.passing for one in (pattern, pattern.rpartition(":")[0])]
        if names_host((*LOCAL_NAMES, *with_any_port), _uri(name, None)) or name == socket.gethostname():
            return
        self._refuse(holder, "name lookup", name, port if isinstance(port, int) else None)

    def found(self, host: object, addresses: Iterator[object]) -> None:
        """Remember which addresses a name has, since a connection names only those."""
        if self.holder is not None and isinstance(host, str) and not _is_address(host):
            for address in addresses:
                self._names[str(address)].add(host)

    def _passes(self, host: str, port: int | None) -> bool:
        names = (host, *self._names.get(host, ()))
        return any(names_host(self.passing, _uri(name, port)) for name in names)

    def _holder(self) -> Holder | None:
        """Who replays. Between two tests it is the last one, for the threads that it started."""
        if self.holder is not None or self._last is None:
            return self.holder
        thread = threading.current_thread()
        is_left_behind = thread is not threading.main_thread() and thread not in self._older
        return self._last if is_left_behind else None

    def _refuse(self, holder: Holder, attempt: Attempt, host: str, port: int | None) -> None:
        frame = sys._getframe(2)
        if sys.platform == "win32" and frame.f_back is not None and frame.f_back.f_code.co_name == "socketpair":
            return  # made of a connection to itself there
        client, place = self._client_of(frame, "grpc" if attempt == "gRPC call" else "socket")
        thread = threading.current_thread()
        is_main = thread is threading.main_thread()
        reach = Reach(
            test=holder.test,
            attempt=attempt,
            host=host,
            port=port,
            client=client,
            place=place,
            thread=None if is_main else thread.name,
            is_older=not is_main and thread in self._older,
        )
        page = guard_page(reach, passing=self.passing, is_covered=holder.is_covered)
        raise holder.refuse(ConnectionNotAllowed(page, host=host, port=port, client=client))

    def _client_of(self, frame: FrameType | None, client: str) -> tuple[str, str | None]:
        """Whom the application called, and where; without code of the application, who runs the thread."""
        while frame is not None:
            path = frame.f_code.co_filename
            is_installed = any(folder in path for folder in INSTALLED)
            if path.startswith((PACKAGE, "<")):
                frame = frame.f_back
                continue
            module = str(frame.f_globals.get("__name__", "?"))
            if not is_installed and not path.startswith(STDLIB):
                return client, f"{self.shown(Path(path))}:{frame.f_lineno} ({frame.f_code.co_name})"
            if is_installed:
                client = module.partition(".")[0]
            elif not module.startswith(RUNS_OTHERS):
                client = "asyncio" if module.startswith("asyncio.") else module
            frame = frame.f_back
        return client, None


def _uri(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"//{shown}" if port is None else f"//{shown}:{port}"


def _is_address(host: str) -> bool:
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return True
    return False
