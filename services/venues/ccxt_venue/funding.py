"""Funding of every exchange in one form: the venue's own rate, its interval, its next instant.

Nothing is guessed. Where an interval or the next instant is not told, it is None, and a market without it is
not traded for funding. Special readers stand in one table, each for a pitfall found in the library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from services.domain.enums import RateKind
from services.domain.events import RateRow
from services.venues.hours import HOUR_MS, hour_of
from services.venues.wire.numbers import BadNumber, wire_decimal, wire_ms, wire_positive

MS = 1_000_000
HIGHEST = Decimal("0.1")
"""No venue's cap is above a tenth per interval: beyond it the figure is of another unit."""
USUAL = (1, 2, 4, 6, 8)
"""Hours between two settlements that venues have."""
Row = Mapping[str, Any]
Found = tuple[Decimal, Decimal | None, int | None]
"""Rate, hours, next settlement in ms."""


def rate_row(exchange: str, instrument: str, row: Row, now_ms: int) -> RateRow:
    """A predicted rate out of a funding structure. Raises BadNumber."""
    rate, hours, due = READERS.get(exchange, _plain)(row, now_ms)
    if abs(rate) >= HIGHEST:
        raise BadNumber(f"{instrument}: a rate of {rate} an interval is out of range")
    if due is not None and due <= now_ms:
        # Told for an instant that has passed: it is of the settlement before.
        due = None
    return RateRow(
        instrument, rate, hours, RateKind.PREDICTED, now_ms * MS, None if due is None else due * MS
    )


def cap_of(exchange: str, row: Row) -> Decimal | None:
    """The largest rate of one interval, either way, that the venue would settle; None = it does not tell.

    Told beside the rate, for it moves with the venue's margin table. Raises BadNumber.
    """
    names = CAPS.get(exchange, ())
    info = row.get("info")
    told = [info.get(name) for name in names] if isinstance(info, Mapping) else []
    bounds = [abs(wire_decimal(each, "funding cap")) for each in told if each not in (None, "")]
    return max(bounds) if bounds and max(bounds) > 0 else None


CAPS = {"bybit": ("fundingCap",), "okx": ("maxFundingRate", "minFundingRate")}
"""Fields of a funding row that bound it."""


def settled_rows(exchange: str, instrument: str, rows: list[Row], now_ms: int) -> list[RateRow]:
    """Settled rates, oldest first. The interval of each is the distance to the one before.

    Raises BadNumber.
    """
    found: dict[int, Decimal] = {}
    for row in rows:
        at = wire_ms(row.get("timestamp"), f"{instrument} settlement")
        rate = wire_decimal(_settled_rate(exchange, row), f"{instrument} settled rate")
        if at <= now_ms and abs(rate) < HIGHEST:
            found[hour_of(at) or at] = rate
    told: list[RateRow] = []
    before: int | None = None
    for at in sorted(found):
        hours = None if before is None else _hours_of_ms(at - before)
        before = at
        told.append(RateRow(instrument, found[at], hours, RateKind.SETTLED, at * MS, None))
    return told


def _settled_rate(exchange: str, row: Row) -> object:
    info = row.get("info")
    if exchange == "krakenfutures" and isinstance(info, Mapping):
        # `fundingRate` there is USD per contract.
        return info.get("relativeFundingRate")
    if exchange == "deribit" and isinstance(info, Mapping):
        return info.get("interest_1h")
    return row.get("fundingRate")


def _hours_of_ms(gap: int) -> Decimal | None:
    """Settlements may be stamped a few seconds off the hour."""
    hours = round(gap / HOUR_MS)
    return Decimal(hours) if hours in USUAL and abs(gap - hours * HOUR_MS) <= 60_000 else None


def _plain(row: Row, now_ms: int) -> Found:
    return _rate(row), _interval(row.get("interval")), _instant(row.get("fundingTimestamp"))


def _bybit(row: Row, now_ms: int) -> Found:
    """The library's interval is of the market list it loaded once; the ticker tells the present one, which
    the venue switches to an hour by itself (pitfall 6)."""
    hours = row["info"].get("fundingIntervalHour")
    found = None if hours in (None, "") else wire_positive(hours, "fundingIntervalHour")
    return _rate(row), _usual(found), _instant(row.get("fundingTimestamp"))


def _okx(row: Row, now_ms: int) -> Found:
    """Two instants tell the interval; the library rounds it to a text (pitfall 7)."""
    due, later = row["info"].get("fundingTime"), row["info"].get("nextFundingTime")
    hours = None
    if due not in (None, "") and later not in (None, ""):
        hours = _hours_of_ms(wire_ms(later, "nextFundingTime") - wire_ms(due, "fundingTime"))
    return _rate(row), hours, _instant(due)


def _binance(row: Row, now_ms: int) -> Found:
    """Only adjusted symbols name an interval; the reader of those puts it into the row, else it is eight
    hours (pitfall 5)."""
    hours = _interval(row.get("interval")) if row.get("interval") else Decimal(8)
    return _rate(row), hours, _instant(row.get("fundingTimestamp"))


def _kraken(row: Row, now_ms: int) -> Found:
    """Told in USD per contract and hour; the library cuts what it makes of it at a quarter (pitfall 8)."""
    info = row["info"]
    absolute = wire_decimal(info.get("fundingRate"), "fundingRate")
    return absolute / wire_positive(info.get("markPrice"), "markPrice"), Decimal(1), _next_hour(now_ms)


def _hourly(row: Row, now_ms: int) -> Found:
    """The library's instant is its own clock's next hour (pitfall 9): so is ours, by the venue's clock."""
    return _rate(row), Decimal(1), _next_hour(now_ms)


def _deribit(row: Row, now_ms: int) -> Found:
    """Of a ticker: the rate now, quoted for eight hours and paid all the time: no instant (pitfall 10)."""
    return wire_decimal(row["info"].get("current_funding"), "current_funding"), Decimal(8), None


READERS: dict[str, Callable[[Row, int], Found]] = {
    "binanceusdm": _binance,
    "bybit": _bybit,
    "okx": _okx,
    "krakenfutures": _kraken,
    "hyperliquid": _hourly,
    "dydx": _hourly,
    "deribit": _deribit,
}
FUNDING_PRICE = {"hyperliquid": "oracle", "dydx": "oracle", "deribit": "index"}
"""What a settlement multiplies the size with, where it is not the mark."""


def _rate(row: Row) -> Decimal:
    return wire_decimal(row.get("fundingRate"), "funding rate")


def _instant(value: object) -> int | None:
    return None if value in (None, "", "0", 0) else wire_ms(value, "next funding")


def _next_hour(now_ms: int) -> int:
    return (now_ms // HOUR_MS + 1) * HOUR_MS


def _interval(value: object) -> Decimal | None:
    """`8h`."""
    if not isinstance(value, str) or not value.endswith("h") or not value[:-1].isdecimal():
        return None
    return _usual(wire_decimal(value[:-1], "funding interval"))


def _usual(hours: Decimal | None) -> Decimal | None:
    return hours if hours is not None and hours in USUAL else None
