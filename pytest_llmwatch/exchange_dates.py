"""When an exchange was made: as the file says, else as the response does."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .exchange import Exchange

_CREATED = re.compile(rb'"(?:created(?:_at)?"\s*:\s*(\d{10})\b|createTime"\s*:\s*"([^"]+)")')
_FIRST_YEAR = 2020  # before it no model was served; a `date` header that says so is a placeholder


def date_of(exchange: Exchange) -> datetime | None:
    """When an exchange was recorded; where the file does not say it, the response may: in its `date`, or its body."""
    if exchange.at is not None or exchange.response is None:
        return exchange.at
    dates = (_date_of_header(exchange.response.header("date")), _date_of_body(exchange.response.body))
    return next((date for date in dates if date is not None and date.year >= _FIRST_YEAR), None)


def _date_of_header(header: str | None) -> datetime | None:
    from email.utils import parsedate_to_datetime  # 8 ms to import, for a file of other recorders only

    try:
        return _in_utc(parsedate_to_datetime(header or ""))
    except ValueError:
        return None


def _date_of_body(body: bytes) -> datetime | None:
    found = _CREATED.search(body)
    try:
        if found is None or found[1]:
            return datetime.fromtimestamp(int(found[1]), UTC) if found else None
        return _in_utc(datetime.fromisoformat(found[2].decode()))
    except ValueError:
        return None


def _in_utc(date: datetime) -> datetime:
    return date if date.tzinfo else date.replace(tzinfo=UTC)
