"""A loopback model server whose next answers a test can write down.

    provider.script(status(429, headers={"retry-after": "0"}), text("Within 14 days."))
    provider.answer_with(lambda request: text(f"answer number {next(counter)}"))

What is not scripted is answered by the demo server's own rules.
"""

from __future__ import annotations

import json
import socket
import threading
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

from pytest_llmwatch.demo import server
from pytest_llmwatch.demo.server import (
    Completion,
    DemoServer,
    FinishReason,
    ReceivedRequest,
    Reply,
    ToolCall,
    completion_reply,
    error_reply,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Answer = Callable[[ReceivedRequest], Reply]


def demo(request: ReceivedRequest) -> Reply:
    """What the demo server says."""
    return server.reply_to(request)


def text(content: str, *, finish_reason: FinishReason = "stop") -> Answer:
    """This content, whole or streamed as the request asks."""
    return lambda request: completion_reply(
        payload_of(request), Completion(content=content, finish_reason=finish_reason)
    )


def stream(content: str, *, chunks: int = 5, cut_after: int | None = None, delay: float = 0.0) -> Answer:
    """This content as a stream of so many chunks, `delay` seconds apart.

    After `cut_after` chunks of content the connection drops; before them the role has been sent.
    """

    def answer(request: ReceivedRequest) -> Reply:
        payload = payload_of(request) | {"stream": True}
        reply = completion_reply(payload, Completion(content=content), pieces=split_evenly(content, chunks))
        return replace(reply, delay=delay, cut_after=None if cut_after is None else 1 + cut_after)

    return answer


def tool_call(name: str, arguments: Mapping[str, Any]) -> Answer:
    """A call of one tool, whole or streamed as the request asks."""
    call = ToolCall(name=name, arguments=json.dumps(arguments, ensure_ascii=False))
    return lambda request: completion_reply(
        payload_of(request), Completion(tool_calls=(call,), finish_reason="tool_calls")
    )


def status(
    code: int, *, headers: Mapping[str, str] | None = None, error_type: str = "server_error", message: str = ""
) -> Answer:
    """An error of this status."""
    reply = error_reply(code, message or f"Scripted error {code}.", error_type=error_type)
    return always(replace(reply, headers=(*reply.headers, *(headers or {}).items())))


def raw(code: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """Exactly this; the content length is added."""
    return always(Reply(status=code, headers=tuple(headers.items()), pieces=(body,)))


def always(reply: Reply) -> Answer:
    """The same reply to any request."""
    return lambda _: reply


def gzipped(answer: Answer) -> Answer:
    """The same answer, compressed; a stream is flushed after each piece, as proxies do it."""

    def compressed(request: ReceivedRequest) -> Reply:
        reply = answer(request)
        gzip = zlib.compressobj(wbits=31)
        pieces = [gzip.compress(piece) + gzip.flush(zlib.Z_SYNC_FLUSH) for piece in reply.pieces]
        headers = (*reply.headers, ("content-encoding", "gzip"))
        return replace(reply, headers=headers, pieces=(*pieces, gzip.flush()))

    return compressed


def cut(answer: Answer, *, after: int | None = None) -> Answer:
    """The same answer, but the connection drops in the middle of the body.

    `after` counts chunks of a stream, which stays unfinished, and bytes of any other body, which stays shorter than
    its content length. The default is half; 0 drops it right after the headers.
    """

    def torn(request: ReceivedRequest) -> Reply:
        reply = answer(request)
        if reply.chunked:
            return replace(reply, cut_after=len(reply.pieces) // 2 if after is None else after)
        body = b"".join(reply.pieces)
        kept = len(body) // 2 if after is None else after
        return replace(reply, pieces=(body[:kept], body[kept:]), cut_after=1)

    return torn


def hang(seconds: float, then: Answer = demo) -> Answer:
    """Nothing at all for so long, not even a status line, and then an answer."""
    return lambda request: replace(then(request), wait=seconds)


def payload_of(request: ReceivedRequest) -> dict[str, Any]:
    """The JSON object that was asked, filled up so that any request can be answered by a completion."""
    return {"model": "gpt-5-mini", "messages": []} | server.object_in(request.json)


def split_evenly(content: str, parts: int) -> list[str]:
    """The content in so many parts of about one length."""
    edges = [len(content) * number // parts for number in range(parts + 1)]
    return [content[start:end] for start, end in pairwise(edges)]


class Provider(DemoServer):
    """The demo server with a script, and a memory of what it was asked.

    `requests` are in order of arrival. Scripted answers go first, each to one request of any kind; then the function
    of `answer_with`, if there is one, answers; then the demo.
    """

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[ReceivedRequest] = []
        self._script: deque[Answer] = deque()
        self._function: Callable[[Any], Answer | str] | None = None
        self._one_at_a_time = threading.Lock()
        self._reservation: socket.socket | None = None

    def script(self, *answers: Answer) -> None:
        """Answer the next requests with these, in order."""
        self._script.extend(answers)

    def answer_with(self, function: Callable[[Any], Answer | str] | None) -> None:
        """Ask this function about the JSON of every request that the script leaves over; a `str` is a `text`.

        It is called for one request at a time, so that it may count.
        """
        self._function = function

    def reply_to(self, request: ReceivedRequest) -> Reply:
        with self._one_at_a_time:
            self.requests.append(request)
            return self._next_answer(request)(request)

    def _next_answer(self, request: ReceivedRequest) -> Answer:
        if self._script:
            return self._script.popleft()
        if self._function is None:
            return demo
        answer = self._function(request.json)
        return text(answer) if isinstance(answer, str) else answer

    def start(self) -> Self:
        self._release_port()
        return super().start()

    def restart(self) -> Self:
        """Serve again, on the same port."""
        return self.start()

    def stop(self) -> None:
        """Refuse connections and drop the open ones; the port stays ours."""
        super().stop()
        # Bound but not listening: nobody else is given the port, and whoever connects to it is refused.
        if self._reservation is None:
            self._reservation = socket.socket()
            self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._reservation.bind(("127.0.0.1", self._port))

    def _release_port(self) -> None:
        if self._reservation is not None:
            self._reservation.close()
            self._reservation = None

    def __exit__(self, *_: object) -> None:
        super().stop()
        self._release_port()
