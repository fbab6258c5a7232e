"""A demo model server that speaks OpenAI chat completions; it needs nothing but the standard library.

It plays the support desk of a shop (`assistant`) in the words of the wire (`chat_completions`); this module listens and
sends. The answer is computed from the prompt, so the same request is answered by the same bytes.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from .assistant import Completion, FinishReason, ToolCall, object_in
from .chat_completions import ReceivedRequest, Reply, completion_reply, error_reply, reply_to

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Completion",
    "DemoServer",
    "FinishReason",
    "ReceivedRequest",
    "Reply",
    "ToolCall",
    "completion_reply",
    "error_reply",
    "object_in",
    "reply_to",
]


class DemoServer:
    """The model server on the loopback interface, on a free port unless one is given.

    `base_url` is what an OpenAI client wants (with `/v1`), `origin` is the same without a path. `requests_served`
    counts everything that arrived, errors included. `pace` is the time in seconds between two pieces of a stream.
    After `stop`, connections are refused; another `start` serves on the same port again.
    """

    def __init__(self, *, port: int = 0, pace: float = 0.0) -> None:
        self.requests_served = 0
        self._pace = pace
        self._port = port
        self._counting = threading.Lock()
        self._listener: _Listener | None = None

    @property
    def origin(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def base_url(self) -> str:
        """The address an OpenAI client wants."""
        return f"{self.origin}/v1"

    def start(self) -> Self:
        """Listen; on return, connections are accepted."""
        if self._listener is None:
            self._listener = _Listener(self._port, self)
            self._port = self._listener.server_address[1]
        return self

    def stop(self) -> None:
        """Refuse connections and drop the open ones."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def serve(self, request: ReceivedRequest) -> Reply:
        """Count a request and answer it; called on the thread of its connection."""
        with self._counting:
            self.requests_served += 1
        return self.reply_to(request)

    def reply_to(self, request: ReceivedRequest) -> Reply:
        """The reply to a request."""
        reply = reply_to(request)
        if not (self._pace and reply.chunked):
            return reply
        return Reply(headers=reply.headers, pieces=reply.pieces, chunked=True, delay=self._pace)


class _Listener(ThreadingHTTPServer):
    """The listening socket, its accept loop and the connections it accepted."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, demo: DemoServer) -> None:
        self.demo = demo
        self.closing = threading.Event()
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Connection)
        # `shutdown` waits for one round of the loop.
        self.loop = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.loop.start()

    def server_bind(self) -> None:
        # HTTPServer would ask the name service for the name of 127.0.0.1, which takes seconds on some machines.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        self.loop.join()
        self.server_close()
        for connection in tuple(self.connections):
            _hang_up(connection)


def _hang_up(connection: socket.socket) -> None:
    # The client may have been quicker.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Connection(BaseHTTPRequestHandler):
    """One connection, kept alive between its requests."""

    protocol_version = "HTTP/1.1"
    server_version = "llmwatch-demo"
    sys_version = ""
    disable_nagle_algorithm = True
    server: _Listener

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)
        if self.server.closing.is_set():
            _hang_up(self.connection)

    def handle(self) -> None:
        # A client that goes away is no error.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def serve(self) -> None:
        headers = {name.lower(): ", ".join(self.headers.get_all(name, [])) for name in self.headers}
        request = ReceivedRequest(method=self.command, path=self.path, headers=headers, body=self.read_body())
        self.send(self.server.demo.serve(request))

    # The base class looks its methods up by these names.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815

    def read_body(self) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return b"".join(self.read_chunks())
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def read_chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def send(self, reply: Reply) -> None:
        if self.server.closing.wait(reply.wait):
            self.close_connection = True
            return
        self.send_head(reply)
        for number, piece in enumerate(reply.pieces):
            if number == reply.cut_after or (number and self.server.closing.wait(reply.delay)):
                self.close_connection = True
                return
            self.send_piece(piece, chunked=reply.chunked)
        if reply.cut_after is not None and reply.cut_after >= len(reply.pieces):
            self.close_connection = True
        elif reply.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def send_head(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.chunked:
            self.send_header("transfer-encoding", "chunked")
        else:
            self.send_header("content-length", str(sum(map(len, reply.pieces))))
        self.end_headers()

    def send_piece(self, piece: bytes, *, chunked: bool) -> None:
        if not chunked:
            self.wfile.write(piece)
        elif piece:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def log_message(self, *_: object) -> None:
        """Quiet: the terminal belongs to pytest."""
