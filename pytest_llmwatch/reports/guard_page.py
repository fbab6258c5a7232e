"""The page that a user reads when a replaying test reaches for the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_llmwatch.drift.visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

Attempt = Literal["connection", "datagram", "name lookup", "gRPC call"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """One try to leave the process, with what is known of who made it.

    Attributes:
        client: The library or module that the application called, such as `requests` or `urllib.request`.
        place: The application's line, such as `bot.py:12 (ask)`; `None` where no code of the application is running.
        thread: The thread's name, but for the main one.
        is_older: Whether that thread was there before the test.
    """

    test: str
    attempt: Attempt
    host: str
    port: int | None
    client: str
    place: str | None
    thread: str | None = None
    is_older: bool = False


def guard_page(reach: Reach, *, passing: Sequence[str], is_covered: bool) -> str:
    """The whole page: test, destination, who asked for it, what to do."""
    return "\n".join([*_facts(reach), *_remedy(reach, passing, is_covered=is_covered)])


def address_of(host: str, port: int | None) -> str:
    """Host and port as people write them."""
    shown = f"[{host}]" if ":" in host else host
    return visible(f"{shown}:{port}" if port else shown)


def _facts(reach: Reach) -> list[str]:
    lines = [
        f"A replay reaches for the network ({reach.test}).",
        f"  {address_of(reach.host, reach.port)}   {reach.attempt} by {reach.client}",
    ]
    if reach.place:
        lines.append(f"  from {reach.place}")
    if reach.thread:
        older = ", which was there before this test" if reach.is_older else ""
        lines.append(f"  in thread {reach.thread}{older}")
    return lines


def _remedy(reach: Reach, passing: Sequence[str], *, is_covered: bool) -> list[str]:
    lines = []
    if not is_covered:
        lines.append("The test is not recorded. If it calls a model: ask for llm_cassette, or mark it with llm.")
    elif reach.attempt == "gRPC call":
        lines.append('gRPC is not recorded; over HTTP it is. For Google\'s clients that is transport="rest".')
    else:
        lines.append("No recording can answer it: it is not an HTTP request of a client that is recorded.")
    hosts = " ".join([*passing, visible(reach.host)])
    lines += [
        f"To let it pass, in the ini file: llm_passthrough_hosts = {hosts}",
        "To do without the guard: llm_guard = off",
    ]
    return lines
