"""The text of a cassette: what a pull request shows of each call, and what a replay reads it from.

Every interaction begins with its reading and one line of all that varies, so that two recordings of the same call
differ there alone; what is bulky stands at the end of the file.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from . import wire, yaml_text
from .attempts import attempts_of, retry_number
from .bodies import exact_json_of
from .calls import JSON, ModelCall
from .cassette import FORMAT, Cassette
from .lifting import Attachments, lifted
from .priced_calls import with_price
from .pricing import known_price
from .readings import reading_of, totals_of
from .recorded_calls import logical_calls_in
from .spend import spend_of
from .stream_fold import VOLATILE, fold, without_padding
from .yaml_text import OneLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from .exchange import Exchange, Headers
    from .own_prices import Price

VOLATILE_HEADERS = re.compile(
    r".*processing-ms|.*ratelimit.*|retry-after(?:-ms)?|server-timing|.*latency.*|x-envoy-.*|x-metrics-.*|.*-time"
    r"|date|set-cookie|cf-ray|.*request-?id|amz-sdk-request"
)


def dump(
    cassette: Cassette,
    decode: Callable[[Exchange], ModelCall] = wire.decode,
    price: Callable[[ModelCall, Exchange], Price] = known_price,
) -> str:
    """The file's text; `decode` reads the calls that stand above the exchanges, and `price` says what each cost."""
    attachments = Attachments()
    read = [(wire.read(exchange, decode), exchange) for exchange in cassette.exchanges]
    calls = [with_price(call, price(call, exchange)) for call, exchange in read]
    head: dict[str, Any] = {"llmwatch": FORMAT, "test": cassette.test}
    if cassette.recorded:
        head["recorded"] = {name: value for name, value in cassette.recorded.items() if value is not None}
    outcomes = _outcomes(cassette.exchanges, calls)
    head["totals"] = totals_of(spend_of(call for role, call in outcomes if role is None))
    if judging := [call for role, call in outcomes if role is not None]:
        head["judge_totals"] = totals_of(spend_of(judging))
    head["interactions"] = [
        _exchange_out(exchange, call, attachments) for exchange, call in zip(cassette.exchanges, calls, strict=True)
    ]
    if attachments.entries:
        head["attachments"] = [OneLine(entry) for entry in attachments.entries]
    head["count"] = len(cassette.exchanges)  # the last line: a file that was cut short lacks it
    return yaml_text.emit(head)


def _outcomes(exchanges: tuple[Exchange, ...], calls: list[ModelCall]) -> list[tuple[str | None, ModelCall]]:
    """The calls with their roles; the tries of client libraries that came before them are in their `attempts`."""
    call_of = {id(exchange): call for exchange, call in zip(exchanges, calls, strict=True)}
    return [
        (one.outcome.role, replace(call_of[id(one.outcome)], attempts=attempts_of(one)))
        for one in logical_calls_in(exchanges)
    ]


def _exchange_out(exchange: Exchange, call: ModelCall, attachments: Attachments) -> dict[str, Any]:
    in_request, in_response = wire.volatile_of(exchange.request)
    request, response = exchange.request, exchange.response
    varies = _times_out(exchange)
    reading = _shown(reading_of(call, attempt=retry_number(request) + 1))
    answer = reading.get("output_text", "")
    sent = _Side(name="request", volatile=in_request, varies=varies, attachments=attachments)
    out: dict[str, Any] = {
        **({"role": exchange.role} if exchange.role else {}),
        "call": reading,
        "varies": OneLine(varies),
        "request": {
            **_shown({"method": request.method, "uri": request.uri}),
            **sent.content(request.headers, request.body),
        },
    }
    if response is not None:
        came = _Side(name="response", volatile=in_response, varies=varies, attachments=attachments, answer=answer)
        reason = {"reason": response.reason} if response.reason else {}
        out["response"] = {
            "status": response.status,
            **_shown(reason),
            **came.content(response.headers, response.body),
        }
    if exchange.failure is not None:
        out["failure"] = _shown({"kind": exchange.failure.kind, "message": exchange.failure.message})
    if not varies:
        del out["varies"]
    return out


def _shown(value: Any) -> Any:
    """The value with a mark where it has half a character, for which YAML has no form."""
    if isinstance(value, str):
        return (
            value
            if yaml_text.is_emittable(value)
            else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        )
    if isinstance(value, OneLine):
        return OneLine(_shown(value.value))
    if isinstance(value, dict):
        return {_shown(name): _shown(item) for name, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list) else value


def _times_out(exchange: Exchange) -> dict[str, JSON]:
    times = {
        "started": exchange.started,
        "latency": exchange.duration,
        "time_to_first_chunk": exchange.time_to_first_chunk,
    }
    literal: dict[str, JSON] = {"literal": list(exchange.literal)} if exchange.literal else {}
    return {**literal, **{name: round(value, 3) for name, value in times.items() if value is not None}}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One side of an exchange on its way into the file; what varies and what is bulky goes where all such things go."""

    name: str
    volatile: frozenset[str]
    varies: dict[str, JSON]
    attachments: Attachments
    answer: str = ""

    def content(self, headers: Headers, body: bytes) -> dict[str, Any]:
        steady, moving = _headers_out(headers)
        if moving:
            self.varies[f"{self.name}_headers"] = moving
        return {**({"headers": steady} if steady else {}), **(self._body(body) if body else {})}

    def _body(self, body: bytes) -> dict[str, Any]:
        return self._json(body) or self._stream(body) or self._plain(body)

    def _json(self, body: bytes) -> dict[str, Any] | None:
        try:
            value = exact_json_of(body)
            if not yaml_text.is_emittable(value):
                return None
        except (ValueError, RecursionError):
            return None
        value, places = lifted(value, self.volatile)
        return self._formed("json", value, places)

    def _stream(self, body: bytes) -> dict[str, Any] | None:
        lean, dropped = without_padding(body)
        folded = fold(lean, answer=self.answer, volatile=self.volatile | VOLATILE)
        if folded is None or not yaml_text.is_emittable([folded.value, folded.varies]):
            return None
        return {
            **({"dropped": OneLine(list(dropped))} if dropped else {}),
            **self._formed("stream", folded.value, folded.varies),
        }

    def _formed(self, form: str, value: JSON, places: dict[str, JSON]) -> dict[str, Any]:
        if places:
            self.varies[self.name] = places
        value, bulk = self.attachments.detached(value)
        return {**({"attached": OneLine(bulk)} if bulk else {}), form: _lean(value) if form == "stream" else value}

    def _plain(self, body: bytes) -> dict[str, Any]:
        try:
            return {"text": body.decode()}
        except UnicodeDecodeError:
            return {"attached": self.attachments.add("base64", base64.b64encode(body).decode())}


def _lean(folded: Any) -> dict[str, Any]:
    """A fold with one line for each of its parts: what a reviewer wants of a stream stands in the reading."""
    return {
        name: [OneLine(event) for event in part] if name == "events" else OneLine(part) if _is_deep(part) else part
        for name, part in folded.items()
    }


def _is_deep(part: JSON) -> bool:
    return isinstance(part, dict) or (isinstance(part, list) and not all(isinstance(item, str) for item in part))


def _headers_out(headers: Headers) -> tuple[dict[str, JSON], dict[str, JSON]]:
    steady: dict[str, JSON] = {}
    moving: dict[str, JSON] = {}
    for name, value in headers:
        name, value = _shown(name), _shown(value)  # noqa: PLW2901 - a header from now on as it can be written
        names = moving if VOLATILE_HEADERS.fullmatch(name.lower()) else steady
        held = names.get(name)
        names[name] = value if held is None else [*held, value] if isinstance(held, list) else [held, value]
    return steady, moving
