"""Asked before every live call: whether there is money for it. What is spent is settled when the answer is there."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from . import wire
from .accounts import Account, Settlement
from .calls import ModelCall
from .errors import BudgetExceeded
from .estimates import Estimate, Recorded, estimate_of
from .exchange import Exchange, Request
from .ledger import Ledger
from .own_prices import Price
from .pricing import is_unbilled
from .reports.budget_page import StopFacts, stop_page
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


Shares = list[tuple[Purse, Decimal]]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A live call that is asked for."""

    line: str
    request: Request
    estimate: Estimate

    def source_of(self, purse: Purse, share: Decimal | None) -> str:
        """Where the share that a purse is asked for comes from."""
        return self.estimate.source if purse.is_of_run or share is None else self.estimate.least_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What live calls of one test or fixture have to pass.

    Attributes:
        purses: Those of the test first: when one refuses, that of the run goes on.
        baseline: What the cassette holds; asked when an estimate is needed.
        command: What makes the test's calls live, as a user types it.
        mask: Takes secrets out of a page.
    """

    test: str
    purses: Sequence[Purse]
    baseline: Callable[[], Sequence[Recorded]]
    decode: Callable[[Exchange], ModelCall]
    price: Callable[[ModelCall, Exchange], Price]
    command: str
    mask: Callable[[str], str] = field(default=str)

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
        wanted = _Wanted(request_line(request, body), request, estimate)
        if estimate.cost is None:
            raise self._refusal(wanted, purses[-1], held, None)
        # A test's own limit is judged when it is over. Until then it stops what exceeds it for certain: were the dear
        # recording of before the estimate, no cheaper prompt could ever be recorded.
        shares = [(purse, estimate.cost if purse.is_of_run else estimate.least) for purse in purses]
        self._take(wanted, shares)
        return functools.partial(self._settle, shares)

    def _estimate(
        self, call: ModelCall, request: Request, key: str, body: JSON, average: tuple[int, Decimal] | None
    ) -> Estimate:
        today = Exchange(request=request, at=datetime.now(UTC))

        def price(asked: ModelCall) -> Price:
            return self.price(asked, today)

        return estimate_of(call, key=key, body=body, baseline=self.baseline(), price=price, average=average)

    def _take(self, wanted: _Wanted, shares: Shares) -> None:
        for place, (purse, share) in enumerate(shares):
            with purse.ledger.opened() as account:
                held = replace(account)
                is_admitted = account.reserve(share, purse.limit)
            if not is_admitted:
                for earlier, taken in shares[:place]:
                    with earlier.ledger.opened() as account:
                        account.release(taken)
                raise self._refusal(wanted, purse, held, share)

    def _refusal(self, wanted: _Wanted, purse: Purse, held: Account, share: Decimal | None) -> BudgetExceeded:
        facts = StopFacts(
            test=self.test,
            request=wanted.line,
            call=wanted.estimate.call,
            limit=purse.limit,
            limit_words=purse.words,
            account=held,
            estimate=share,
            source=wanted.source_of(purse, share),
            marker=None if purse.is_of_run else purse.name,
            command=self.command,
        )
        return BudgetExceeded(
            self.mask(stop_page(facts)),
            request=wanted.request,
            limit=purse.limit,
            spent=held.spent + held.reserved,
            estimate=share,
        )

    def _settle(self, shares: Shares, exchange: Exchange) -> None:
        call = wire.read(exchange, self.decode)
        price = self.price(call, exchange)
        for purse, share in shares:
            with purse.ledger.opened() as account:
                account.settle(share, settlement_of(call, exchange, price, share))


def settlement_of(call: ModelCall, exchange: Exchange, price: Price, estimate: Decimal) -> Settlement:
    """What a call that is over has cost; one that broke off counts as its estimate, since it may be billed."""
    if price.cost is not None:
        return Settlement(cost=price.cost, model=call.request_model)
    status = exchange.response.status if exchange.response else 0
    if is_unbilled(exchange) or not estimate:
        return Settlement(cost=Decimal(0))
    if exchange.failure is not None or status >= ERROR:
        return Settlement(cost=None)
    return Settlement(cost=None, reason=price.reason or "no price is known")


def _nothing(_exchange: Exchange) -> None:
    """A call for which nothing was set aside."""
