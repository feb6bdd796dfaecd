"""A feed in a line or two for the picture's tests."""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import RateKind
from services.domain.events import IndexRow, MarketFrame, MarkRow, QuoteRow, RateRow
from services.domain.instrument import Instrument
from services.market.picture import MarketPicture
from services.settings.parameters import Freshness
from tests.portfolio.builders import perp, spot

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
T0 = 1_677_628_800 * SECOND

BTC = perp("BTC", "USDT")
BTC_C = perp("BTC", "USDC")
BTC_USD = spot("BTC")
USDC_USD = spot("USDC")
USDC_BETA = spot("USDC", venue="beta")
INSTRUMENTS: dict[str, Instrument] = {
    spec.id: spec for spec in (BTC, BTC_C, BTC_USD, USDC_USD, USDC_BETA, perp("USDT"))
}


def picture(
    instruments: dict[str, Instrument] | None = None,
    *,
    step: int = 0,
    par: tuple[str, ...] = (),
    caps: dict[str, Decimal] | None = None,
) -> MarketPicture:
    known = INSTRUMENTS if instruments is None else instruments
    return MarketPicture(known, Freshness(), step, par, rate_caps=caps)


def quote(instrument: Instrument, bid: float, ask: float) -> QuoteRow:
    return QuoteRow(instrument.id, bid, 1.0, ask, 1.0, 5.0, 5.0)


def frame(
    seq: int,
    ts: int,
    *,
    venue: str = "alpha",
    quotes: tuple[QuoteRow, ...] = (),
    marks: tuple[MarkRow, ...] = (),
    rates: tuple[RateRow, ...] = (),
    indexes: tuple[IndexRow, ...] = (),
    ts_event: int | None = None,
) -> MarketFrame:
    event = ts if ts_event is None else ts_event
    return MarketFrame(venue, event, ts, seq, quotes, marks, rates, indexes)


def mark(instrument: Instrument, value: float) -> MarkRow:
    return MarkRow(instrument.id, value, value)


def rate(
    value: str,
    ts: int,
    *,
    kind: RateKind = RateKind.SETTLED,
    interval: str | None = "8",
    instrument: Instrument = BTC,
) -> RateRow:
    hours = None if interval is None else Decimal(interval)
    next_ts = None if hours is None else ts + int(hours * HOUR)
    return RateRow(instrument.id, Decimal(value), hours, kind, ts, next_ts)
