"""The guard: while a test replays, nothing but passthrough leaves the process.

It stands in for what every Python client comes through in the end (`socket`), and for two libraries that do their own
networking in native code (gRPC, uvloop), which are taken care of when they are loaded. It is put in place once, costs
a comparison while nobody replays, and takes itself away again without touching what others have put over it.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import socket
import sys
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .errors import ConnectionNotAllowed, ReplayRefusal
from .hosts import names_host
from .reports.guard_page import Reach, guard_page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, ModuleType

    from .reports.guard_page import Attempt

PACKAGE = str(Path(__file__).parent)
STDLIB = str(Path(socket.__file__).parent)
INSTALLED = ("site-packages", "dist-packages")
RUNS_OTHERS = ("threading", "concurrent.", "contextvars", "asyncio.base_", "asyncio.events", "asyncio.runners")
LOCAL_NAMES = ("localhost", "*.localhost", "0.0.0.0", "::")
LOCAL_SCHEMES = ("unix:", "unix-abstract:", "vsock:", "inproc:")
GRPC_SCHEMES = ("dns:", "ipv4:", "ipv6:", "passthrough:", "xds:", "google-c2p:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The test that replays, and where its refusals go."""

    test: str
    refuse: Callable[[ReplayRefusal], ReplayRefusal]
    is_covered: bool = True


@dataclass(slots=True)
class _Patch:
    """A name that ours stands in for; `is_own` where the owner itself had it, and did not inherit it."""

    owner: Any
    name: str
    make: Callable[[Guard, Any], Any]
    ours: Any = None
    beneath: Any = None
    is_own: bool = False

    def put(self, guard: Guard) -> None:
        if self.ours is not None and vars(self.owner).get(self.name) is self.ours:
            return
        self.beneath = getattr(self.owner, self.name)
        self.is_own = self.name in vars(self.owner)
        self.ours = functools.wraps(self.beneath)(self.make(guard, self.beneath))
        setattr(self.owner, self.name, self.ours)

    def take_away(self) -> None:
        if vars(self.owner).get(self.name) is not self.ours:
            return  # somebody has put something over it, or has put the real one back
        if self.is_own:
            setattr(self.owner, self.name, self.beneath)
        else:
            delattr(self.owner, self.name)


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
    _patches: list[_Patch] = field(default_factory=list)
    _arrivals: _Arrivals | None = None

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
        self._patches = list(_socket_patches())
        for patch in self._patches:
            patch.put(self)
        for name in LOADED:
            if name in sys.modules:
                self.arrived(sys.modules[name])
        self._arrivals = _Arrivals(self.arrived)
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


class _Arrivals:
    """Tells of the libraries below when they are imported, and is out of the way for all others."""

    def __init__(self, arrived: Callable[[ModuleType], None]) -> None:
        self._arrived = arrived

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002 - Python's signature
        """The spec that Python itself would find, with a word to us at the end."""
        spec = PathFinder.find_spec(name, path) if name in LOADED else None
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            self._arrived(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # this loader is for this module alone
        return spec


def grpc_destination(target: str) -> tuple[str, int | None] | None:
    """Host and port of a gRPC target (`dns:///host:443`, `ipv6:[::1]:50051`); `None` for one without a network."""
    if target.startswith(LOCAL_SCHEMES):
        return None
    scheme = next((one for one in GRPC_SCHEMES if target.startswith(one)), "")
    place = target.removeprefix(scheme)
    if place.startswith("//"):
        place = place[2:].partition("/")[2]
    parts = urlsplit(f"//{place.partition(',')[0]}")
    with contextlib.suppress(ValueError):
        return parts.hostname or place, parts.port
    return place, None


def _uri(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"//{shown}" if port is None else f"//{shown}:{port}"


def _is_address(host: str) -> bool:
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return True
    return False


def _destination(sock: socket.socket, address: Any) -> tuple[str, int | None] | None:
    """Host and port of what a socket is to reach; `None` for sockets that stay in the machine, such as AF_UNIX."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple) or not address:
        return None
    host = address[0]
    name = host.decode("ascii", "replace") if isinstance(host, (bytes, bytearray)) else str(host)
    port = address[1] if len(address) > 1 and isinstance(address[1], int) else None
    return name.removeprefix("::ffff:") or "0.0.0.0", port


def _socket_patches() -> Iterator[_Patch]:
    # pytest-socket puts a class of its own there for a while; ours goes to the real one.
    owner = next((one for one in socket.socket.__mro__ if one.__module__ == "socket"), socket.socket)
    yield _Patch(owner, "connect", _connecting)
    yield _Patch(owner, "connect_ex", _connecting)
    yield _Patch(owner, "sendto", functools.partial(_sending, position=-1))
    if hasattr(owner, "sendmsg"):
        yield _Patch(owner, "sendmsg", functools.partial(_sending, position=3))
    yield _Patch(socket, "getaddrinfo", _looking_up)
    yield _Patch(socket, "gethostbyname", _looking_up_one)
    yield _Patch(socket, "gethostbyname_ex", _looking_up_one)
    yield _Patch(socket, "gethostbyaddr", _looking_up_one)


def _connecting(guard: Guard, real: Callable[..., Any]) -> Callable[..., Any]:
    def connect(sock: socket.socket, address: Any) -> Any:
        destination = _destination(sock, address)
        if destination is not None:
            guard.connecting("connection", *destination)
        return real(sock, address)

    return connect


def _sending(guard: Guard, real: Callable[..., Any], *, position: int) -> Callable[..., Any]:
    def send(sock: socket.socket, *args: Any) -> Any:
        destination = _destination(sock, args[position]) if args[position:] else None
        if destination is not None:
            guard.connecting("datagram", *destination)
        return real(sock, *args)

    return send


def _looking_up(guard: Guard, real: Callable[..., Any]) -> Callable[..., Any]:
    def getaddrinfo(host: object, port: object, *args: Any, **options: Any) -> Any:
        guard.looking_up(host, port)
        found = real(host, port, *args, **options)
        guard.found(host, (one[4][0] for one in found))
        return found

    return getaddrinfo


def _looking_up_one(guard: Guard, real: Callable[..., Any]) -> Callable[..., Any]:
    def gethostbyname(host: object) -> Any:
        guard.looking_up(host)
        found = real(host)
        guard.found(host, iter([found] if isinstance(found, str) else found[2]))
        return found

    return gethostbyname


def _asyncio_patches(module: Any) -> Iterator[_Patch]:
    """Its lookups end in `socket` too, but in a thread where nobody knows any more who asked."""
    yield _Patch(module.BaseEventLoop, "getaddrinfo", _looking_up_soon)


def _proactor_patches(module: Any) -> Iterator[_Patch]:
    """Windows: the loop connects by itself."""
    yield _Patch(module.BaseProactorEventLoop, "sock_connect", _connecting_soon)


def _uvloop_patches(module: Any) -> Iterator[_Patch]:
    yield _Patch(module.Loop, "getaddrinfo", _looking_up_soon)
    yield _Patch(module.Loop, "create_connection", _creating_connection)
    yield _Patch(module.Loop, "create_datagram_endpoint", _creating_datagram_endpoint)


def _looking_up_soon(guard: Guard, real: Callable[..., Any]) -> Callable[..., Any]:
    async def getaddrinfo(loop: object, host: object, port: object, **options: Any) -> Any:
        guard.looking_up(host, port)
        found = await real(loop, host, port, **options)
        guard.found(host, (one[4][0] for one in found))
        return found

    return getaddrinfo


def _connecting_soon(guard: Guard, real: Callable[..., Any]) -> Callable[..., Any]:
    async def sock_connect(loop: object, sock: socket.socket, address: Any) -> Any:
        destination = _destination(sock, address)
        if destination is not None:
            guard.connecting("connection", *destination)
        return await real(loop, sock, address)

    return sock_connect


def _creating_connection(guard: Guard, real: Callable[..., Any]) -> Callable[..., Any]:
    async def create_connection(
        loop: object, factory: object, host: Any = None, port: Any = None, **options: Any
    ) -> Any:
        if host:
            guard.looking_up(host, port)
            guard.connecting("connection", str(host), port if isinstance(port, int) else None)
        return await real(loop, factory, host, port, **options)

    return create_connection


def _creating_datagram_endpoint(guard: Guard, real: Callable[..., Any]) -> Callable[..., Any]:
    async def create_datagram_endpoint(
        loop: object, factory: object, local_addr: Any = None, remote_addr: Any = None, **options: Any
    ) -> Any:
        if isinstance(remote_addr, tuple):
            guard.looking_up(remote_addr[0], remote_addr[1])
            guard.connecting("datagram", str(remote_addr[0]), remote_addr[1])
        return await real(loop, factory, local_addr, remote_addr, **options)

    return create_datagram_endpoint


def _grpc_patches(module: Any) -> Iterator[_Patch]:
    """The calls, not the channels: those connect when the first call is made, and may be older than the test."""
    for name, owner in vars(module).items():
        if isinstance(owner, type) and owner.__module__ == module.__name__ and name.endswith("MultiCallable"):
            for verb in ("__call__", "with_call", "future"):
                if verb in vars(owner):
                    yield _Patch(owner, verb, _calling)
    waits = {"grpc._channel": "subscribe", "grpc.aio._channel": "get_state"}
    yield _Patch(module.Channel, waits[module.__name__], _waiting)


def _calling(guard: Guard, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(stub: Any, *args: Any, **options: Any) -> Any:
        _check_channel(guard, stub)
        return real(stub, *args, **options)

    return call


def _waiting(guard: Guard, real: Callable[..., Any]) -> Callable[..., Any]:
    def wait(channel: Any, *args: Any, **options: Any) -> Any:
        if options.get("try_to_connect") or True in args:
            _check_channel(guard, channel)
        return real(channel, *args, **options)

    return wait


def _check_channel(guard: Guard, owner: Any) -> None:
    # A method of one kind of channel, an attribute of the other; older versions do not tell.
    target = getattr(owner._channel, "target", b"unknown")
    destination = grpc_destination((target() if callable(target) else target).decode())
    if destination is not None:
        guard.connecting("gRPC call", *destination)


LOADED: dict[str, Callable[[Any], Iterator[_Patch]]] = {
    "asyncio.base_events": _asyncio_patches,
    "asyncio.proactor_events": _proactor_patches,
    "grpc._channel": _grpc_patches,
    "grpc.aio._channel": _grpc_patches,
    "uvloop": _uvloop_patches,
}
