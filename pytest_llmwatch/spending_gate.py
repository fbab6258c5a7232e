"""Asked before every live call: whether there is money for it. What is spent is settled when the answer is there."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from . import wire
from .accounts import Account, Settlement, Stop
from .calls import ModelCall
from .errors import BudgetExceeded
from .estimates import Estimate, Recorded, estimate_of
from .exchange import Exchange, Request
from .ledger import Ledger
from .own_prices import Price
from .pricing import is_unbilled
from .reports.budget_page import StopFacts, UnpricedFacts, stop_page, unpriced_page
from .reports.miss_page import request_line

if TYPE_CHECKING:
    from .calls import JSON

ERROR = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """A limit with the account of what was spent of it.

    Attributes:
        words: Whose limit it is, and where it is set; `name` is what it is called there.
        is_of_run: It is that of the whole run, and counts calls of every role.
        role: The role whose calls a test's limit counts; `None` for the test's own.
    """

    limit: Decimal
    ledger: Ledger
    words: str
    name: str = "--llm-max-cost"
    is_of_run: bool = False
    role: str | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A live call that is asked for, with what it will cost."""

    line: str
    request: Request
    estimate: Estimate
    cost: Decimal

    def least_of(self, purse: Purse) -> Decimal | None:
        """What is enough to admit it, where no other call is under way.

        A test's own limit is judged when it is over. Until then it stops what exceeds it for certain: were the dear
        recording of before the estimate, no cheaper prompt could ever be recorded.
        """
        return None if purse.is_of_run else min(self.estimate.least, self.cost)

    def share_of(self, purse: Purse, held: Account) -> tuple[Decimal, str]:
        """What a purse is asked for, and where that comes from."""
        least = self.least_of(purse)
        if least is None or held.under_way:
            return self.cost, self.estimate.source
        return least, self.estimate.least_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What live calls of one test or fixture have to pass.

    Attributes:
        purses: Those of the test first: when one refuses, that of the run goes on.
        baseline: What the cassette holds; asked when an estimate is needed.
        command: What makes the test's calls live, as a user types it.
        mask: Takes secrets out of a page.
        is_check: What is refused is not recorded but compared.
    """

    test: str
    purses: Sequence[Purse]
    baseline: Callable[[], Sequence[Recorded]]
    decode: Callable[[Exchange], ModelCall]
    price: Callable[[ModelCall, Exchange], Price]
    command: str
    mask: Callable[[str], str] = field(default=str)
    is_check: bool = False

    def reserve(self, request: Request, key: str, body: JSON, role: str | None) -> Callable[[Exchange], None]:
        """Set money aside for a call; the function that it returns is told what came of it.

        Raises:
            BudgetExceeded: there is not enough, or nobody knows what the call will cost.
        """
        purses = [purse for purse in self.purses if purse.is_of_run or purse.role == role]
        if not purses:
            return _nothing
        call = wire.read(Exchange(request=request), self.decode)
        with purses[-1].ledger.opened() as account:
            held = replace(account)
        estimate = self._estimate(call, request, key, body, held.average(call.request_model))
        line = request_line(request, body)
        if estimate.cost is None:
            raise self._unpriced(purses[-1], line, request, estimate, held)
        wanted = _Wanted(line, request, estimate, estimate.cost)
        self._take(wanted, purses)
        return functools.partial(self._settle, wanted, purses)

    def _estimate(
        self, call: ModelCall, request: Request, key: str, body: JSON, average: tuple[int, Decimal] | None
    ) -> Estimate:
        today = Exchange(request=request, at=datetime.now(UTC))

        def price(asked: ModelCall) -> Price:
            return self.price(asked, today)

        return estimate_of(call, key=key, body=body, baseline=self.baseline(), price=price, average=average)

    def _take(self, wanted: _Wanted, purses: Sequence[Purse]) -> None:
        for place, purse in enumerate(purses):
            with purse.ledger.opened() as account:
                held = replace(account)
                stop = self._stop(wanted, purse, held)
                is_admitted = account.reserve(wanted.cost, purse.limit, stop, least=wanted.least_of(purse))
            if not is_admitted:
                for earlier in purses[:place]:
                    with earlier.ledger.opened() as account:
                        account.release(wanted.cost)
                raise self._refusal(wanted, purse, held, stop)

    def _stop(self, wanted: _Wanted, purse: Purse, held: Account) -> Stop:
        share, source = wanted.share_of(purse, held)
        return Stop(
            test=self.test,
            request=self.mask(wanted.line),
            spent=held.spent,
            reserved=held.reserved,
            guessed=held.guessed,
            estimate=share,
            source=source,
        )

    def _refusal(self, wanted: _Wanted, purse: Purse, held: Account, stop: Stop) -> BudgetExceeded:
        facts = StopFacts(
            test=self.test,
            request=wanted.line,
            limit=purse.limit,
            limit_words=purse.words,
            stop=held.stop or stop,
            is_later=held.is_stopped,
            enough=max(stop.spent + stop.reserved + wanted.cost, self._recorded_cost()),
            marker=None if purse.is_of_run else purse.name,
            command=self.command,
            is_check=self.is_check,
        )
        return BudgetExceeded(
            self.mask(stop_page(facts)),
            request=wanted.request,
            limit=purse.limit,
            spent=held.spent + held.reserved,
            estimate=stop.estimate,
            is_later=held.is_stopped,
        )

    def _recorded_cost(self) -> Decimal:
        """What all calls of the test cost when they were recorded, as far as that is known."""
        return sum((one.call.cost for one in self.baseline() if one.call.cost is not None), Decimal(0))

    def _unpriced(self, purse: Purse, line: str, request: Request, estimate: Estimate, held: Account) -> BudgetExceeded:
        facts = UnpricedFacts(
            test=self.test,
            request=line,
            call=estimate.call,
            limit=purse.limit,
            limit_words=purse.words,
            reason=estimate.source,
            marker=None if purse.is_of_run else purse.name,
            command=self.command,
        )
        return BudgetExceeded(
            self.mask(unpriced_page(facts)),
            request=request,
            limit=purse.limit,
            spent=held.spent + held.reserved,
            estimate=None,
        )

    def _settle(self, wanted: _Wanted, purses: Sequence[Purse], exchange: Exchange) -> None:
        call = wire.read(exchange, self.decode)
        price = self.price(call, exchange)
        for purse in purses:
            least = wanted.least_of(purse)
            guess = wanted.cost if least is None else least
            with purse.ledger.opened() as account:
                account.settle(wanted.cost, settlement_of(call, exchange, price, guess), guess=guess)


def settlement_of(call: ModelCall, exchange: Exchange, price: Price, estimate: Decimal) -> Settlement:
    """What a call that is over has cost; one that broke off counts as its estimate, since it may be billed."""
    if price.cost is not None:
        # What no model ran for says nothing of what its calls cost on average.
        return Settlement(cost=price.cost, model=None if is_unbilled(exchange) else call.request_model)
    status = exchange.response.status if exchange.response else 0
    if is_unbilled(exchange) or not estimate:
        return Settlement(cost=Decimal(0))
    if exchange.failure is not None or status >= ERROR:
        return Settlement(cost=None)
    return Settlement(cost=None, reason=price.reason or "no price is known")


def _nothing(_exchange: Exchange) -> None:
    """A call for which nothing was set aside."""
