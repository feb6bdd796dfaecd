"""Two venues and what they quote, by hand: what the tests of `cross_exchange` are built from."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from services.domain.enums import RateKind, Side
from services.domain.events import QuoteRow, RateRow
from services.domain.instrument import Instrument
from services.market.crossing import Look, coin_key
from services.market.executable import CoinBook, coin_book, side_of
from services.market.funding import hours_ns
from services.market.inventory import Stock, stocks
from services.settings.cross import Cross
from services.strategies.base import StrategyView
from services.venues.sim.facts import spot
from tests.strategies.legs import HOUR, MIDNIGHT, perp_of

D = Decimal
NOON = MIDNIGHT + 11 * HOUR
"""An hour before no settlement of anybody: outside every blackout."""
MS = 1_000_000
PARAMS = Cross()


def quote(price: float, half_bps: float = 0.5, top: float = 1.0, depth: float = 5.0) -> QuoteRow:
    half = price * half_bps * 1e-4
    return QuoteRow("", price - half, top, price + half, top, depth, depth)


def rate(bps_8h: str = "0", interval: str = "8") -> RateRow:
    hours = D(interval)
    return RateRow(
        "", D(bps_8h) / 80_000 * hours, hours, RateKind.PREDICTED, NOON, NOON + hours_ns(hours) // 2
    )


def look(spec: Instrument, row: QuoteRow | None, **changed: Any) -> Look:
    base = Look(
        instrument=spec,
        bid=side_of(spec, row, Side.SELL),
        ask=side_of(spec, row, Side.BUY),
        age_ns=100 * MS,
        quote_usd=D(1),
        rate=rate() if spec.is_perp else None,
    )
    return replace(base, **changed)


def btc(venue: str, price: float, coin: str = "USDT", row: QuoteRow | None = None, **changed: Any) -> Look:
    return look(perp_of(venue, "BTC", coin), quote(price) if row is None else row, **changed)


def coin(name: str, venue: str, price: float | None, age_ms: int = 100) -> CoinBook:
    """A coin's spot pair; price None = the venue lists it and quotes nothing."""
    row = None if price is None else quote(price, 1.0, 1e6, 1e7)
    pair = None if name == "USD" else spot(venue, f"{name}/USD", name, "USD")
    return coin_book(pair, venue, name, row, None if row is None else age_ms * MS)


def coins(*books: CoinBook) -> dict[str, CoinBook]:
    return {coin_key(each.coin, each.venue): each for each in books}


ALL_COINS = coins(
    *(coin(name, venue, 1.0) for name in ("USD", "USDT", "USDC") for venue in ("alpha", "beta"))
)


def stock(alpha: str = "10000", beta: str = "10000", low: str = "0.25") -> tuple[Stock, ...]:
    """As much of every coin on each venue."""
    names = ("USD", "USDT", "USDC")
    held = {venue: dict.fromkeys(names, D(each)) for venue, each in (("alpha", alpha), ("beta", beta))}
    return stocks(held, names, D(low))


def view(*looks: Look, now: int = NOON, **changed: Any) -> StrategyView:
    base = StrategyView(
        now=now,
        legs=(),
        depeg={"USDT": "ok", "USDC": "ok", "BUSD": "ok"},
        depeg_d=D("0.05"),
        looks=looks,
        coins=ALL_COINS,
        stocks=stock(),
    )
    return replace(base, **changed)
