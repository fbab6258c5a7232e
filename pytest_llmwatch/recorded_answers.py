"""The calls in a cassette, each served once, in recorded order for every request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from .attempts import LogicalCall, logical_calls, retry_number
from .calls import JSON
from .exchange import Exchange, Request
from .placeholders import fits, may_stand_for_another
from .request_key import key_of, request_target


@dataclass(slots=True)
class _Recorded:
    """The calls of one key in recorded order: those left, and those that were served, in that order."""

    left: list[LogicalCall] = field(default_factory=list)
    served: list[LogicalCall] = field(default_factory=list)

    def next(self, role: str | None) -> LogicalCall | None:
        """The next call; one of this role where there is one left."""
        if not self.left:
            return None
        place = next((place for place, call in enumerate(self.left) if call.outcome.role == role), 0)
        call = self.left.pop(place)
        self.served.append(call)
        return call

    def latest(self, role: str | None) -> LogicalCall | None:
        """The call that was served last; one of this role where there was one."""
        of_role = (call for call in reversed(self.served) if call.outcome.role == role)
        return next(of_role, self.served[-1] if self.served else None)


@dataclass(frozen=True, slots=True)
class _Loose:
    """A recording that answers more than the request with its key."""

    target: str
    body: JSON
    recorded: _Recorded
    literal: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class RecordedAnswers:
    """What a cassette answers. Nothing is read before the first request, and one caller asks at a time.

    Attributes:
        loaded: The cassette's exchanges.
        body_of: What counts of a request's body.
        redact: How secrets of today are taken out.
    """

    loaded: tuple[Exchange, ...]
    body_of: Callable[[Request], JSON]
    redact: Callable[[Exchange], Exchange]
    _index: dict[str, _Recorded] | None = None
    _loose: list[_Loose] | None = None
    _found: dict[str, _Recorded] = field(default_factory=dict)

    def again(self, key: str, request: Request, body: JSON, role: str | None) -> LogicalCall | None:
        """The call of this key that was served last, for a client library that tries again."""
        recorded = self._recorded(key, request, body)
        return None if recorded is None else recorded.latest(role)

    def serve(self, key: str, request: Request, body: JSON, role: str | None) -> LogicalCall | None:
        """The next recorded call of this key, from now on a served one."""
        recorded = self._recorded(key, request, body)
        return None if recorded is None else recorded.next(role)

    def count(self, key: str) -> int:
        """How many calls of this key are recorded."""
        recorded = (self._index or {}).get(key) or self._found.get(key)
        return len(recorded.left) + len(recorded.served) if recorded else 0

    def candidates(self, role: str | None) -> list[tuple[Request, JSON]]:
        """The recorded requests with what counts of them, for a nearest one to be found; this role's, if it has any."""
        first_tries = [exchange for exchange in self.loaded if not retry_number(exchange.request)]
        of_role = [exchange for exchange in first_tries if exchange.role == role]
        return [(one.request, self.body_of(one.request)) for one in of_role or first_tries]

    @property
    def unserved(self) -> list[int]:
        """The positions of the exchanges that nobody asked for; the tries of a call go together."""
        if self._index is None:
            return list(range(len(self.loaded)))
        places = {id(exchange): place for place, exchange in enumerate(self.loaded)}
        left = (call for recorded in self._index.values() for call in recorded.left)
        return sorted(places[id(exchange)] for call in left for exchange in call.exchanges)

    def _recorded(self, key: str, request: Request, body: JSON) -> _Recorded | None:
        if self._index is None:
            self._index = self._indexed()
        return self._index.get(key) or self._loosely(key, request, body)

    def _indexed(self) -> dict[str, _Recorded]:
        index: dict[str, _Recorded] = defaultdict(_Recorded)
        keyed = ((self._key(exchange.request), exchange) for exchange in self.loaded)
        for key, call in logical_calls(keyed):
            index[key].left.append(call)
        return dict(index)

    def _loosely(self, key: str, request: Request, body: JSON) -> _Recorded | None:
        """The recording of this request with variables of that time in it; a retry belongs to the one found before."""
        if self._loose is None:
            self._loose = self._loose_ones()
        if not self._loose or (retry_number(request) and key in self._found):
            return self._found.get(key)
        target = request_target(request)
        found = [
            one.recorded
            for one in self._loose
            if fits(one.target, target, one.literal) and _fits(one.body, body, one.literal)
        ]
        recorded = next((one for one in found if one.left), found[-1] if found else None)
        if recorded is not None:
            self._found[key] = recorded
        return recorded

    def _loose_ones(self) -> list[_Loose]:
        """What may answer a request with another key: recordings with variables, and those nobody has redacted."""
        loose = []
        for key, recorded in (self._index or {}).items():
            outcome = [*recorded.served, *recorded.left][0].outcome
            request = outcome.request
            today = self.redact(Exchange(request=request)).request
            if may_stand_for_another(key) or (today.uri, today.body) != (request.uri, request.body):
                loose.append(_Loose(request_target(today), self.body_of(today), recorded, outcome.literal))
        return loose

    def _key(self, request: Request) -> str:
        return key_of(request_target(request), self.body_of(request))


def _fits(recorded: JSON, body: JSON, literal: tuple[str, ...]) -> bool:
    """Whether a body is the recorded one but for its variables."""
    if isinstance(recorded, str) and isinstance(body, str):
        return fits(recorded, body, literal)
    if isinstance(recorded, dict) and isinstance(body, dict):
        return recorded.keys() == body.keys() and all(
            _fits(item, body[name], literal) for name, item in recorded.items()
        )
    if isinstance(recorded, list) and isinstance(body, list):
        return len(recorded) == len(body) and all(map(_fits, recorded, body, [literal] * len(body)))
    return recorded == body and isinstance(recorded, bool) == isinstance(body, bool)
