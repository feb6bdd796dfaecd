"""Perps and their facts, by hand: what the board and strategy tests are built from."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from services.domain.enums import PairState, RateKind
from services.domain.events import RateRow
from services.domain.instrument import Instrument
from services.market.board import BoardRules
from services.market.funding import hours_ns
from services.market.legs import LegFacts, entry_rates, leads
from services.settings.funding import Funding
from services.strategies.base import PairFacts, StrategyView
from services.venues.sim.facts import perp

SECOND = 10**9
HOUR = 3_600 * SECOND
MIDNIGHT = 1_677_628_800 * SECOND
"""2023-03-01 00:00 UTC."""
WINDOW = MIDNIGHT + 7 * HOUR
"""An hour before the 08:00 settlement: the entry window of an 8 h leg opens."""
NOTHING_BEFORE = MIDNIGHT + 8 * HOUR

PARAMS = Funding()


def perp_of(venue: str, base: str = "BTC", quote: str = "USDT") -> Instrument:
    symbol = f"{base}-PERP" if quote == "USD" else f"{base}-{quote}-PERP"
    return perp(venue, symbol, base, quote)


def oriented(first: LegFacts, second: LegFacts) -> tuple[LegFacts, LegFacts]:
    """(short, long), as the board puts them."""
    short = leads(first, entry_rates(first), second, entry_rates(second))
    return (first, second) if short else (second, first)


def leg(
    venue: str,
    bps: str | None,
    *,
    smoothed: str | None = None,
    interval: str = "8",
    next_ts: int | None = NOTHING_BEFORE,
    base: str = "BTC",
    quote: str = "USDT",
    kind: RateKind = RateKind.SETTLED,
    settled: tuple[int, ...] = (),
    **changed: Any,
) -> LegFacts:
    """A fresh leg with a rate of `bps` per 8 h, as much smoothed unless said otherwise."""
    hours = Decimal(interval)
    hourly = None if bps is None else Decimal(bps) / 80_000
    row = None
    if hourly is not None:
        began = (next_ts if next_ts is not None else NOTHING_BEFORE) - hours_ns(hours)
        row = RateRow("", hourly * hours, hours, kind, began, next_ts)
    facts = LegFacts(
        instrument=perp_of(venue, base, quote),
        rate=row,
        hourly=hourly,
        smoothed=hourly if smoothed is None else Decimal(smoothed) / 80_000,
        half_spread=Decimal("0.5"),
        mark_usd=Decimal(30_000),
        settled_ts=settled,
        sample=400,
    )
    return replace(facts, **changed)


def rules(**changed: Any) -> BoardRules:
    base = BoardRules(params=PARAMS, depeg={"USDT": "ok", "USDC": "ok", "BUSD": "ok"})
    return replace(base, **changed)


def view(*legs: LegFacts, now: int = WINDOW, **changed: Any) -> StrategyView:
    base = StrategyView(
        now=now,
        legs=legs,
        depeg={"USDT": "ok", "USDC": "ok", "BUSD": "ok"},
        depeg_d=Decimal("0.05"),
    )
    return replace(base, **changed)


def pair(short: LegFacts, long: LegFacts, name: str = "P-01", **changed: Any) -> PairFacts:
    """A hedged pair, two days old, at no profit and no loss."""
    base = PairFacts(
        id=name,
        group="BTC",
        short=short.instrument.id,
        long=long.instrument.id,
        state=PairState.HEDGED,
        opened_ts=WINDOW - 48 * HOUR,
        leg_notional=Decimal(10_000),
        price_pnl=Decimal(0),
        entry_basis=Decimal(0),
    )
    return replace(base, **changed)
