"""One recording: what a test (or a wider fixture) sent to models, answered from its cassette or live.

A `Recording` knows no client library and no disk. The edges ask it `answer(request)`: it gives the recorded exchange,
or a `LiveCall` to be made and handed back to `finish`, or refuses. Any thread may ask.
"""

from __future__ import annotations

import functools
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from . import wire
from .attempts import LogicalCall, logical_calls, retry_number
from .bodies import with_steady_boundary
from .errors import BudgetExceeded, ReplayRefusal, RequestNotRecorded
from .exchange import Exchange, Request
from .exchange_dates import date_of
from .judge_memory import RememberedJudges
from .live_calls import LiveCall, Settle, admitted
from .misses import Miss
from .placeholders import literal_in
from .priced_calls import with_price
from .pricing import price_of
from .recorded_answers import RecordedAnswers
from .recorded_calls import call_of, read_call
from .redaction import kinds_replaced, redacted
from .request_key import key_of, request_target, significant_body
from .roles import JUDGE, asking_now
from .spend import Spend, origin_text, spend_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .calls import JSON, ModelCall, ToolCallPart
    from .exchange import Response, TransferFailure
    from .own_prices import Price
    from .tool_results import ToolResult
    from .write_policy import Mode


class Recording:
    """The model calls of one test, recorded or replayed.

    Attributes:
        test: The test's node id (or that of the fixture).
        mode: `replay`, `record`, `new` or `check`.
        refusals: What was refused, in order, even where the application swallowed it.
        decode: How a model call is read from an exchange.
        price: What a model call cost; asked when somebody reads the money.
        judges: What the judges of this test said so far.
        reserve: Asked before each live call: it refuses, or answers who is to be told what came of the call.
    """

    def __init__(
        self,
        *,
        test: str,
        mode: Mode,
        clock: Callable[[], float],
        explain: Callable[[Miss], str],
        loaded: Iterable[Exchange] | None = None,
        body_of: Callable[[Request], JSON] = significant_body,
        decode: Callable[[Exchange], ModelCall] = wire.decode,
        price: Callable[[ModelCall, Exchange], Price] = price_of,
        redact: Callable[[Exchange], Exchange] = redacted,
        reserve: Callable[[Request, str, JSON, str | None], Settle] = admitted,
        on_call: Callable[[Exchange], None] = lambda _exchange: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.test = test
        self.mode = mode
        self.refusals: list[ReplayRefusal] = []
        self._clock = clock
        self._began = clock()
        self._thread = threading.get_ident()
        self._explain = explain
        self._body_of = body_of
        self.decode = decode
        self.price = price
        self._now = now
        self._redact = redact
        self.reserve = reserve
        self._on_call = on_call
        self._has_cassette = loaded is not None
        self._loaded = tuple(loaded or ())
        self._answers = RecordedAnswers(loaded=self._loaded, body_of=body_of, redact=redact)
        self._asked: Counter[str] = Counter()
        self._live: list[LiveCall] = []
        self._done: list[tuple[str, LiveCall | LogicalCall]] = []
        self._replaced: set[str] = set()
        self._lock = threading.Lock()
        self.judges = RememberedJudges(read=functools.partial(wire.read, decode=decode), is_replay=mode == "replay")

    def __repr__(self) -> str:
        # Whoever shows it may be in the middle of anything: nothing is decoded, and nobody is waited for.
        done = list(self._done)
        served = [one for _key, one in done if isinstance(one, LogicalCall)]
        made = self._made(done)
        judging = sum(one.outcome.role == JUDGE for one in (*served, *made))
        parts = (
            _count(sum(one.outcome.role is None for one in served), "call replayed", "calls replayed"),
            _count(sum(one.outcome.role is None for one in made), "live call", "live calls"),
            _count(judging, "judge call", "judge calls"),
            _count(self.unfinished, "under way", "under way"),
            _count(len(self.refusals), "refused", "refused"),
        )
        return f"<llm_cassette: {', '.join(filter(None, parts)) or 'no call yet'}>"

    @property
    def calls(self) -> tuple[ModelCall, ...]:
        """The test's own calls so far, in order of start; a client library's retries are inside, as `attempts`."""
        return self._of_role(None)

    @property
    def judge_calls(self) -> tuple[ModelCall, ...]:
        """The calls so far that judged an answer; `calls`, `spend`, `tool_calls` and their kin leave them out."""
        return self._of_role(JUDGE)

    @property
    def made_calls(self) -> tuple[ModelCall, ...]:
        """The calls that went to the live model, and cost money in this run; those of judges too."""
        with self._lock:
            done = list(self._done)
        return tuple(map(self._read, self._made(done)))

    @property
    def last(self) -> ModelCall:
        """The latest call.

        Raises:
            LookupError: no call was made yet.
        """
        __tracebackhide__ = True
        calls = self.calls
        if not calls:
            raise LookupError("no model call was made yet in this test")
        return calls[-1]

    @property
    def spend(self) -> Spend:
        """What the test's own calls so far cost together."""
        return self._spend_of(None)

    @property
    def judge_spend(self) -> Spend:
        """What the calls that judged an answer cost together."""
        return self._spend_of(JUDGE)

    @property
    def origin(self) -> str | None:
        """When and by which models the figures of what was replayed were recorded; `None` where all calls are live."""
        return self.spend.origin or self.judge_spend.origin

    def spend_today(self, role: str | None = None) -> Spend:
        """What the calls so far, the test's own or those of a role, would cost at the prices of today."""
        now = self._now()
        return spend_of(self._at_prices_of(now, call) for call in self._outcomes_of(role))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The tools that all calls so far asked for, in order."""
        return tuple(part for call in self.calls for part in call.tool_calls)

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """Each tool call so far with its result from a request that followed."""
        from .tool_results import tool_results

        return tool_results(self.calls)

    @property
    def tool_failures(self) -> tuple[ToolResult, ...]:
        """The tool results that are errors or empty, and the tool calls that nobody answered."""
        return tuple(result for result in self.tool_results if result.is_failure)

    def wrap(self, function: Callable[..., Any], *, model: str) -> Callable[..., Any]:
        """A stand-in for an in-process model whose calls are recorded and replayed like any other.

        Raises:
            UnrecordableCall: at a call, when JSON cannot hold an argument or the answer.
        """
        from .in_process import wrap

        return wrap(self, function, model)

    @property
    def is_stopped(self) -> bool:
        """Whether a limit of money kept a call from being made."""
        return any(isinstance(one, BudgetExceeded) for one in self.refusals)

    @property
    def replayed(self) -> int:
        """How many calls were answered from the cassette."""
        return sum(isinstance(one, LogicalCall) for _key, one in self._done)

    @property
    def made(self) -> int:
        """How many requests went to the live model, retries included."""
        return sum(one.exchange is not None for one in self._live)

    @property
    def unfinished(self) -> int:
        """How many live calls were begun and never came to an end."""
        return sum(one.exchange is None for one in self._live)

    @property
    def retries(self) -> int:
        """How many tries of client libraries came before the outcomes so far."""
        with self._lock:
            replayed = sum(len(one.failed) for _key, one in self._done if isinstance(one, LogicalCall))
        return replayed + sum(bool(retry_number(one.request)) for one in self._live)

    @property
    def error_statuses(self) -> list[int]:
        """The error statuses that live calls ended with, each once."""
        live = [(one.key, one.exchange) for one in self._live if one.exchange is not None]
        answers = [call.outcome.response for _key, call in logical_calls(live)]
        return sorted({answer.status for answer in answers if answer is not None and answer.status >= 400})

    @property
    def redacted_answers(self) -> list[str]:
        """The kinds of secrets that live answers lost: where the application had one, a replay gives a placeholder."""
        return sorted(self._replaced)

    @property
    def unserved(self) -> list[int]:
        """The positions in the cassette of the recordings that nobody asked for; the tries of a call go together."""
        return self._answers.unserved

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """What the cassette should hold at the end: what was made, and in mode `new` what was there before."""
        made = tuple(one.exchange for one in self._live if one.exchange is not None)
        return (*map(self._redact, self._loaded), *made) if self.mode == "new" else made

    @property
    def loaded(self) -> tuple[Exchange, ...]:
        """What the cassette held when the test began."""
        return self._loaded

    @property
    def kept(self) -> tuple[Exchange, ...]:
        """What this run plays or has recorded: what the cassette holds at the end of a test that passes."""
        is_replay = self.mode == "replay" or (self.mode == "new" and not self.made)
        return self._loaded if is_replay else self.exchanges

    def answer(self, request: Request) -> Exchange | LiveCall:
        """The recorded outcome for a request, or the live call that the caller has to make.

        Raises:
            RequestNotRecorded: this is a replay, and no recording answers.
            BudgetExceeded: the call would be live, and there is not enough money for it.
        """
        redacted = self._redact(Exchange(request=request)).request
        body = self._body_of(redacted)
        key = key_of(request_target(redacted), body)
        with self._lock:
            self._asked[key] += 1
            recorded = None if self.mode in ("record", "check") else self._serve(key, redacted, body)
            if recorded is not None:
                return recorded
            miss = self._miss(redacted, body, key) if self.mode == "replay" else None
        if miss is not None:
            raise self.refuse(RequestNotRecorded(self._explain(miss), request=redacted))
        # Only a placeholder that we have written may stand for another text.
        literal = literal_in(f"{request.uri}\n{request.body.decode('utf-8', 'replace')}")
        return self._start(redacted, key, body, literal)

    def refuse(self, refusal: ReplayRefusal) -> ReplayRefusal:
        """Remember a refusal, so that the test fails even where the application swallows it."""
        refusal.is_aside = threading.get_ident() != self._thread
        with self._lock:
            self.refusals.append(refusal)
        return refusal

    def finish(
        self,
        live: LiveCall,
        *,
        response: Response | None,
        failure: TransferFailure | None,
        ended: float,
        first_chunk: float | None,
    ) -> None:
        """Keep what came of a live call; `ended` and `first_chunk` are readings of the recording's clock."""
        exchange = Exchange(
            request=live.request,
            response=response,
            failure=failure,
            started=live.started - self._began,
            duration=ended - live.started,
            time_to_first_chunk=None if first_chunk is None else first_chunk - live.started,
            at=self._now(),
            literal=live.literal,
            role=None if live.asking is None else live.asking.role,
        )
        # The request is that of the key, whatever a hook makes of it the second time.
        live.exchange = replace(self._redact(exchange), request=live.request, role=exchange.role)
        if response is not None and live.exchange.response is not None:
            self._replaced.update(kinds_replaced(response, live.exchange.response))
        if live.asking is not None:
            live.asking.exchanges.append(live.exchange)
        live.settle(live.exchange)
        self._on_call(live.exchange)

    def _start(self, request: Request, key: str, body: JSON, literal: tuple[str, ...]) -> LiveCall:
        mine = asking_now()
        try:
            settle = self.reserve(request, key, body, None if mine is None else mine.role)
        except ReplayRefusal as refusal:
            self.refuse(refusal)
            raise
        steady = with_steady_boundary(request)
        with self._lock:
            started = self._clock()
            live = LiveCall(request=steady, key=key, started=started, asking=mine, literal=literal, settle=settle)
            self._live.append(live)
            self._done.append((key, live))
        return live

    def _serve(self, key: str, request: Request, body: JSON) -> Exchange | None:
        """The next recorded call of this key. A client library that tries again gets the same outcome once more."""
        mine = asking_now()
        role = None if mine is None else mine.role
        call = self._answers.again(key, request, body, role) if retry_number(request) else None
        if call is not None:
            self._asked[key] -= 1
            return call.outcome
        call = self._answers.serve(key, request, body, role)
        if call is None:
            return None
        self._done.append((key, call))
        if mine is not None:
            mine.exchanges.append(call.outcome)
        return call.outcome

    def _miss(self, request: Request, body: JSON, key: str) -> Miss:
        mine = asking_now()
        role = None if mine is None else mine.role
        return Miss(
            test=self.test,
            request=request,
            body=body,
            made=self._asked[key],
            recorded=self._answers.count(key),
            candidates=self._answers.candidates(role),
            has_cassette=self._has_cassette,
            role=role,
        )

    def _of_role(self, role: str | None) -> tuple[ModelCall, ...]:
        return tuple(map(self._read, self._outcomes_of(role)))

    def _spend_of(self, role: str | None) -> Spend:
        outcomes = self._outcomes_of(role)
        calls = [self._read(outcome) for outcome in outcomes]
        served = {id(one) for _key, one in list(self._done)}
        replayed = [(one.outcome, call) for one, call in zip(outcomes, calls, strict=True) if id(one) in served]
        dates = [date_of(outcome) for outcome, _call in replayed]
        models = [call.response_model or call.request_model for _outcome, call in replayed]
        return spend_of(calls, origin=origin_text(dates, models))

    def _outcomes_of(self, role: str | None) -> list[LogicalCall]:
        with self._lock:
            done = list(self._done)
        by_first_try = {id(call.exchanges[0]): call for call in self._made(done)}
        calls = [one if isinstance(one, LogicalCall) else by_first_try.get(id(one.exchange)) for _key, one in done]
        return [call for call in calls if call is not None and call.outcome.role == role]

    @staticmethod
    def _made(done: Sequence[tuple[str, LiveCall | LogicalCall]]) -> list[LogicalCall]:
        live = [(key, one.exchange) for key, one in done if isinstance(one, LiveCall) and one.exchange]
        return [call for _key, call in logical_calls(live)]

    def _read(self, call: LogicalCall) -> ModelCall:
        return call_of(call, self.decode, self.price)

    def _at_prices_of(self, now: datetime, call: LogicalCall) -> ModelCall:
        """The call without what was billed for it then."""
        read = replace(read_call(call, self.decode), cost=None)
        return with_price(read, self.price(read, replace(call.outcome, at=now, cost=None)))


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}" if number else ""
