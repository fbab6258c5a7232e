"""How commands read recordings and snapshots: a text is parsed once, and its calls are those of the test itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_llmwatch import cassette as cassettes
from pytest_llmwatch import snapshot_files
from pytest_llmwatch.calls import ModelCall
from pytest_llmwatch.cassette import Cassette
from pytest_llmwatch.exchange import Exchange
from pytest_llmwatch.own_prices import Price
from pytest_llmwatch.recorded_calls import calls_of
from pytest_llmwatch.request_key import IgnoredField, without_ignored

if TYPE_CHECKING:
    from pytest_llmwatch.snapshot_files import SnapshotFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads cassettes and snapshots, and prices their calls; a recording that was read before is kept.

    Attributes:
        decode: How a call is read from an exchange.
        price: What a call costs, at the prices of one day.
        ignored: What of a request does not count.
    """

    decode: Callable[[Exchange], ModelCall]
    price: Callable[[ModelCall, Exchange], Price]
    ignored: Sequence[IgnoredField] = ()
    # By text too: one path has two, that of a revision and that of the working tree.
    _read: dict[tuple[str, str], Cassette] = field(default_factory=dict)

    def cassette(self, text: str, path: str) -> Cassette:
        """The recording in a text.

        Raises:
            UnreadableCassette: there is none; it names the path.
        """
        if (path, text) not in self._read:
            self._read[path, text] = cassettes.parse(text, path)
        return self._read[path, text]

    def snapshots(self, text: str, path: str) -> SnapshotFile:
        """The snapshots in a text.

        Raises:
            UnreadableSnapshot: there are none; it names the path.
        """
        return snapshot_files.parse(text, path)

    def calls(self, cassette: Cassette) -> tuple[ModelCall, ...]:
        """The test's own calls as the application saw them, without what does not count, with their prices."""
        plain = (replace(one, request=without_ignored(one.request, self.ignored)) for one in cassette.exchanges)
        return calls_of(plain, self.decode, self.price)
