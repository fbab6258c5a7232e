"""The ways out of the process, and what stands in for each while the guard is in place.

They are what every Python client comes through in the end (`socket`), and two libraries that do their own networking in
native code (gRPC, uvloop), which are taken care of when they are loaded.
"""

from __future__ import annotations

import contextlib
import functools
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from .reports.guard_page import Attempt


LOCAL_SCHEMES = ("unix:", "unix-abstract:", "vsock:", "inproc:")
GRPC_SCHEMES = ("dns:", "ipv4:", "ipv6:", "passthrough:", "xds:", "google-c2p:")


class Gate(Protocol):
    """Who is asked at a way out, and refuses by raising."""

    def connecting(self, attempt: Attempt, host: str, port: int | None) -> None:
        """Let a connection to this address pass, or not."""

    def looking_up(self, host: object, port: object = None) -> None:
        """Let a name be looked up, or not."""

    def found(self, host: object, addresses: Iterator[object]) -> None:
        """Hear which addresses a name has."""


@dataclass(slots=True)
class Patch:
    """A name that ours stands in for; `is_own` where the owner itself had it, and did not inherit it."""

    owner: Any
    name: str
    make: Callable[[Gate, Any], Any]
    ours: Any = None
    beneath: Any = None
    is_own: bool = False

    def put(self, gate: Gate) -> None:
        """Stand in for it, over whatever stands there now."""
        if self.ours is not None and vars(self.owner).get(self.name) is self.ours:
            return
        self.beneath = getattr(self.owner, self.name)
        self.is_own = self.name in vars(self.owner)
        self.ours = functools.wraps(self.beneath)(self.make(gate, self.beneath))
        setattr(self.owner, self.name, self.ours)

    def take_away(self) -> None:
        """Put back what stood there, where nobody has put something else there since."""
        if vars(self.owner).get(self.name) is not self.ours:
            return  # somebody has put something over it, or has put the real one back
        if self.is_own:
            setattr(self.owner, self.name, self.beneath)
        else:
            delattr(self.owner, self.name)


class Arrivals:
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


def _destination(sock: socket.socket, address: Any) -> tuple[str, int | None] | None:
    """Host and port of what a socket is to reach; `None` for sockets that stay in the machine, such as AF_UNIX."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple) or not address:
        return None
    host = address[0]
    name = host.decode("ascii", "replace") if isinstance(host, (bytes, bytearray)) else str(host)
    port = address[1] if len(address) > 1 and isinstance(address[1], int) else None
    return name.removeprefix("::ffff:") or "0.0.0.0", port


def socket_patches() -> Iterator[Patch]:
    """What stands in for `socket`."""
    # pytest-socket puts a class of its own there for a while; ours goes to the real one.
    owner = next((one for one in socket.socket.__mro__ if one.__module__ == "socket"), socket.socket)
    yield Patch(owner, "connect", _connecting)
    yield Patch(owner, "connect_ex", _connecting)
    yield Patch(owner, "sendto", functools.partial(_sending, position=-1))
    if hasattr(owner, "sendmsg"):
        yield Patch(owner, "sendmsg", functools.partial(_sending, position=3))
    yield Patch(socket, "getaddrinfo", _looking_up)
    yield Patch(socket, "gethostbyname", _looking_up_one)
    yield Patch(socket, "gethostbyname_ex", _looking_up_one)
    yield Patch(socket, "gethostbyaddr", _looking_up_one)


def _connecting(gate: Gate, real: Callable[..., Any]) -> Callable[..., Any]:
    def connect(sock: socket.socket, address: Any) -> Any:
        destination = _destination(sock, address)
        if destination is not None:
            gate.connecting("connection", *destination)
        return real(sock, address)

    return connect


def _sending(gate: Gate, real: Callable[..., Any], *, position: int) -> Callable[..., Any]:
    def send(sock: socket.socket, *args: Any) -> Any:
        destination = _destination(sock, args[position]) if args[position:] else None
        if destination is not None:
            gate.connecting("datagram", *destination)
        return real(sock, *args)

    return send


def _looking_up(gate: Gate, real: Callable[..., Any]) -> Callable[..., Any]:
    def getaddrinfo(host: object, port: object, *args: Any, **options: Any) -> Any:
        gate.looking_up(host, port)
        found = real(host, port, *args, **options)
        gate.found(host, (one[4][0] for one in found))
        return found

    return getaddrinfo


def _looking_up_one(gate: Gate, real: Callable[..., Any]) -> Callable[..., Any]:
    def gethostbyname(host: object) -> Any:
        gate.looking_up(host)
        found = real(host)
        gate.found(host, iter([found] if isinstance(found, str) else found[2]))
        return found

    return gethostbyname


def _asyncio_patches(module: Any) -> Iterator[Patch]:
    """Its lookups end in `socket` too, but in a thread where nobody knows any more who asked."""
    yield Patch(module.BaseEventLoop, "getaddrinfo", _looking_up_soon)


def _proactor_patches(module: Any) -> Iterator[Patch]:
    """Windows: the loop connects by itself."""
    yield Patch(module.BaseProactorEventLoop, "sock_connect", _connecting_soon)


def _uvloop_patches(module: Any) -> Iterator[Patch]:
    yield Patch(module.Loop, "getaddrinfo", _looking_up_soon)
    yield Patch(module.Loop, "create_connection", _creating_connection)
    yield Patch(module.Loop, "create_datagram_endpoint", _creating_datagram_endpoint)


def _looking_up_soon(gate: Gate, real: Callable[..., Any]) -> Callable[..., Any]:
    async def getaddrinfo(loop: object, host: object, port: object, **options: Any) -> Any:
        gate.looking_up(host, port)
        found = await real(loop, host, port, **options)
        gate.found(host, (one[4][0] for one in found))
        return found

    return getaddrinfo


def _connecting_soon(gate: Gate, real: Callable[..., Any]) -> Callable[..., Any]:
    async def sock_connect(loop: object, sock: socket.socket, address: Any) -> Any:
        destination = _destination(sock, address)
        if destination is not None:
            gate.connecting("connection", *destination)
        return await real(loop, sock, address)

    return sock_connect


def _creating_connection(gate: Gate, real: Callable[..., Any]) -> Callable[..., Any]:
    async def create_connection(
        loop: object, factory: object, host: Any = None, port: Any = None, **options: Any
    ) -> Any:
        if host:
            gate.looking_up(host, port)
            gate.connecting("connection", str(host), port if isinstance(port, int) else None)
        return await real(loop, factory, host, port, **options)

    return create_connection


def _creating_datagram_endpoint(gate: Gate, real: Callable[..., Any]) -> Callable[..., Any]:
    async def create_datagram_endpoint(
        loop: object, factory: object, local_addr: Any = None, remote_addr: Any = None, **options: Any
    ) -> Any:
        if isinstance(remote_addr, tuple):
            gate.looking_up(remote_addr[0], remote_addr[1])
            gate.connecting("datagram", str(remote_addr[0]), remote_addr[1])
        return await real(loop, factory, local_addr, remote_addr, **options)

    return create_datagram_endpoint


def _grpc_patches(module: Any) -> Iterator[Patch]:
    """The calls, not the channels: those connect when the first call is made, and may be older than the test."""
    for name, owner in vars(module).items():
        if isinstance(owner, type) and owner.__module__ == module.__name__ and name.endswith("MultiCallable"):
            for verb in ("__call__", "with_call", "future"):
                if verb in vars(owner):
                    yield Patch(owner, verb, _calling)
    waits = {"grpc._channel": "subscribe", "grpc.aio._channel": "get_state"}
    yield Patch(module.Channel, waits[module.__name__], _waiting)


def _calling(gate: Gate, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(stub: Any, *args: Any, **options: Any) -> Any:
        _check_channel(gate, stub)
        return real(stub, *args, **options)

    return call


def _waiting(gate: Gate, real: Callable[..., Any]) -> Callable[..., Any]:
    def wait(channel: Any, *args: Any, **options: Any) -> Any:
        if options.get("try_to_connect") or True in args:
            _check_channel(gate, channel)
        return real(channel, *args, **options)

    return wait


def _check_channel(gate: Gate, owner: Any) -> None:
    # A method of one kind of channel, an attribute of the other; older versions do not tell.
    target = getattr(owner._channel, "target", b"unknown")
    destination = grpc_destination((target() if callable(target) else target).decode())
    if destination is not None:
        gate.connecting("gRPC call", *destination)


LOADED: dict[str, Callable[[Any], Iterator[Patch]]] = {
    "asyncio.base_events": _asyncio_patches,
    "asyncio.proactor_events": _proactor_patches,
    "grpc._channel": _grpc_patches,
    "grpc.aio._channel": _grpc_patches,
    "uvloop": _uvloop_patches,
}
