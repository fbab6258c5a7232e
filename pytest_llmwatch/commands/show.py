"""`pytest-llmwatch show`: what the calls in cassettes were, as pages for people or as JSON lines for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, TextIO

from pytest_llmwatch import wire
from pytest_llmwatch.attempts import retry_number
from pytest_llmwatch.drift.visible import visible
from pytest_llmwatch.errors import LLMWatchError
from pytest_llmwatch.priced_calls import with_price
from pytest_llmwatch.recorded_calls import logical_calls_in, read_call
from pytest_llmwatch.reports.call_page import CallPage, Place, lines_of

from .cassette_files import files_at, read, said_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_llmwatch.calls import JSON, ModelCall
    from pytest_llmwatch.exchange import Exchange
    from pytest_llmwatch.own_prices import Price

    from .cassette_files import CassetteFile

    Show = Callable[[CassetteFile, tuple[Exchange, ...]], Iterator[str]]


def show(arguments: Sequence[str], lines: Show, *, out: TextIO, warn: Callable[[str], None]) -> int:
    """Print every cassette that can be read; 1 where one could not."""
    code = 0
    for argument in arguments:
        try:
            files = files_at(argument)
        except LLMWatchError as error:
            warn(str(error))
            code = 1
            continue
        for file in files:
            try:
                exchanges = read(file).exchanges
            except LLMWatchError as error:
                warn(said_of(error))
                code = 1
                continue
            out.writelines(f"{line}\n" for line in lines(file, exchanges))
    return code


def json_lines(decode: Callable[[Exchange], ModelCall], price: Callable[[ModelCall, Exchange], Price]) -> Show:
    """One JSON object for every exchange, tries of client libraries included."""

    def lines(file: CassetteFile, exchanges: tuple[Exchange, ...]) -> Iterator[str]:
        for index, exchange in enumerate(exchanges):
            call = wire.read(exchange, decode)
            # ASCII: what an answer may hold stays harmless on a terminal.
            yield json.dumps(_facts(file, index, exchange, with_price(call, price(call, exchange))))

    return lines


def pages(
    decode: Callable[[Exchange], ModelCall],
    price: Callable[[ModelCall, Exchange], Price],
    *,
    width: int,
    colour: bool,
    folded: bool,
) -> Show:
    """A page for every call as the application saw it, with its failed tries on it."""

    def lines(file: CassetteFile, exchanges: tuple[Exchange, ...]) -> Iterator[str]:
        calls = logical_calls_in(exchanges)
        if not calls:
            yield f"{visible(file.name)}: no call is recorded in it"
        for number, one in enumerate(calls, 1):
            call = read_call(one, decode)
            call = with_price(call, price(call, one.outcome))
            place = Place(file=file.name, number=number, of=len(calls))
            page = CallPage(place=place, call=call, exchange=one.outcome)
            yield from lines_of(page, width=width, colour=colour, folded=folded)
            yield ""

    return lines


def _facts(file: CassetteFile, index: int, exchange: Exchange, call: ModelCall) -> dict[str, JSON]:
    return {
        "file": file.name,
        "index": index,
        "role": exchange.role,
        "attempt": retry_number(exchange.request) + 1,
        "operation_name": call.operation_name,
        "provider_name": call.provider_name,
        "request_model": call.request_model,
        "response_model": call.response_model,
        "streaming": call.streaming,
        "usage": asdict(call.usage),
        "finish_reasons": list(call.finish_reasons),
        "provider_finish_reasons": list(call.provider_finish_reasons),
        "output_text": call.output_text,
        "tool_calls": [part.name for part in call.tool_calls],
        "error_type": call.error_type,
        "cost_usd": None if call.cost is None else float(call.cost),
        "cost_reason": call.cost_reason,
        "price_source": call.price_source,
    }
