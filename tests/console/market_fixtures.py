"""A quiet market for the pictures of screen 2: eight rows, a book of ten levels, two hours of candles."""

from __future__ import annotations

import math
from decimal import Decimal

from services.views.markets import (
    BookView,
    BucketView,
    CandleView,
    LevelView,
    MarketRow,
    MarketsView,
    SettledView,
)
from tests.console.fixtures import QUIET_TS, S, d, maybe

_ROWS = (
    ("BTC-USDT-PERP", "alpha", "67183.5", "67184.1", "67184.0", 67180.2, "1.92", "8", 57, "-0.620", 200),
    ("BTC-USDT-PERP", "beta", "67185.0", "67186.0", "67185.4", 67180.2, "-0.38", "1", 57, "", 400),
    ("BTC-USDC-PERP", "alpha", "67170.8", "67171.4", "67171.1", 67175.0, "1.40", "8", 57, "", 200),
    ("BTC-USDC-PERP", "beta", "67171.0", "67171.9", "67171.5", 67175.0, "-0.41", "1", 57, "0.620", 400),
    ("USDT-PERP", "alpha", "0.9994", "0.9996", "0.9995", 0.9994, "1.35", "8", 57, "-45000", 200),
    ("USDC-PERP", "beta", "0.9998", "1.0000", "0.9999", 0.9998, "0.12", "1", 57, "44970", 400),
    ("DOGE-USDT-PERP", "gamma", "", "", "0.0712", 0.0711, "", "", None, "", 47_000),
    ("BTC/USD", "alpha", "67120.0", "67124.5", "", None, "", "", None, "", 900),
)


def row(
    symbol: str,
    venue: str,
    bid: str,
    ask: str,
    mark: str,
    index: float | None,
    rate: str,
    per: str,
    settles_m: int | None,
    held: str,
    age_ms: int,
) -> MarketRow:
    spot = "/" in symbol
    small = d(bid or mark) < 2
    spread = None if not bid else float((d(ask) - d(bid)) / d(bid)) * 10_000
    return MarketRow(
        instrument=f"{symbol}.{venue}",
        symbol=symbol,
        venue=venue,
        kind="spot" if spot else "perp",
        bid=maybe(bid),
        ask=maybe(ask),
        spread_bps=spread,
        mark=maybe(mark),
        index=index,
        basis_bps=None if index is None or not mark else (float(mark) / index - 1) * 10_000,
        rate=maybe(rate),
        predicted=True,
        interval_h=maybe(per),
        settles_ns=None if settles_m is None else settles_m * 60 * S,
        held=d(held or "0"),
        price_increment=d("0.0001") if small else d("0.1"),
        size_increment=d("1") if small else d("0.001"),
        age_ms=age_ms,
        level="stale" if age_ms > 10_000 else "fresh",
        note="unknown fee" if venue == "gamma" else "",
    )


def quiet_markets() -> MarketsView:
    return MarketsView(ts=QUIET_TS, rows=tuple(row(*each) for each in _ROWS))


def _levels(start: Decimal, step: Decimal) -> tuple[LevelView, ...]:
    sizes = ("0.412", "1.250", "0.870", "2.140", "3.300", "1.020", "4.800", "2.600", "6.120", "3.900")
    ours = {3: d("0.120")}
    return tuple(LevelView(start + step * at, d(size), ours.get(at, d("0"))) for at, size in enumerate(sizes))


def quiet_book(instrument: str = "BTC-USDT-PERP.alpha") -> BookView:
    minute = 60 * S
    start = QUIET_TS // minute * minute - 119 * minute
    mids = [67_100 + 90 * math.sin(at / 9) + 35 * math.sin(at / 2.3) for at in range(121)]
    candles = tuple(
        CandleView(
            start + at * minute,
            mids[at],
            max(mids[at : at + 2]) + 6 + at % 5,
            min(mids[at : at + 2]) - 4 - at % 7,
            mids[at + 1],
            1.2 + 2.5 * math.sin(at / 17),
        )
        for at in range(120)
    )
    hours = QUIET_TS // (3_600 * S)
    settled = tuple(
        SettledView((hours - 8 * (40 - at)) * 3_600 * S, d(f"{1.1 + 1.4 * math.sin(at / 5):.2f}"))
        for at in range(40)
    )
    return BookView(
        ts=QUIET_TS,
        instrument=instrument,
        price_increment=d("0.1"),
        size_increment=d("0.001"),
        quote="USDT",
        bids=_levels(d("67183.5"), d("-1.1")),
        asks=_levels(d("67184.1"), d("1.1")),
        whole=True,
        age_ms=200,
        level="fresh",
        mark=d("67184.0"),
        index=67180.2,
        minutes=1,
        candles=candles,
        settled=settled,
        rate=d("1.92"),
        predicted=True,
        interval_h=d("8"),
        settles_ns=57 * 60 * S,
        spread_samples=1200,
        spread_median_bps=0.4,
        spread_wide_bps=1.1,
        spreads=tuple(
            BucketView(*each)
            for each in ((0.1, 340), (0.2, 410), (0.3, 120), (0.4, 90), (0.7, 130), (1.0, 80), (1.6, 30))
        ),
    )
