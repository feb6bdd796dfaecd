"""Recorded history as a market: prices at the data's instants, settled rates, default costs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

from services.domain.enums import RateKind, Side
from services.domain.events import FundingSettled, MarketFrame, OrderFilled, OrderRejected
from services.domain.instrument import Instrument
from services.venues.sim.exchange import build_exchange
from services.venues.sim.facts import HOUR_NS, perp, spot
from services.venues.sim.source import HistoryRow
from services.venues.sim.world import history_world
from tests.sim.builders import NS, Queue, Sim, order

D = Decimal
BTC = "BTC-USDT-PERP.gate"
START = 1_672_531_200 * NS


class Recorded:
    """Five bars of eight hours: 20 000 and up, with a rate of 2 bps at each."""

    digest = "feedbeef"
    start = START
    end = START + 4 * 8 * HOUR_NS

    def __init__(self, usd_series: bool = False) -> None:
        self.usd_series = usd_series

    def instruments(self) -> tuple[Instrument, ...]:
        listed: tuple[Instrument, ...] = (perp("gate", "BTC-USDT-PERP", "BTC", "USDT", 8),)
        return (*listed, spot("gate", "USDT/USD", "USDT", "USD")) if self.usd_series else listed

    def next_ts(self, after: int) -> int | None:
        step = 8 * HOUR_NS
        following = max(START, START + ((after - START) // step + 1) * step)
        return following if following <= self.end else None

    def rows_at(self, ts: int) -> Sequence[HistoryRow]:
        bar = (ts - START) // (8 * HOUR_NS)
        rows = [HistoryRow(BTC, 20_000.0 + 100 * bar, D("0.0002"), D(8))]
        return [*rows, HistoryRow("USDT/USD.gate", 0.999)] if self.usd_series else rows


def played(usd_series: bool = False, folder: Path | None = None, resume_at: int | None = None) -> Sim:
    source = Recorded(usd_series)
    return Sim(history_world(source), folder, resume_at, source)


def test_frames_come_at_the_datas_own_instants_and_end_with_them() -> None:
    sim = played()
    frames = [e for e in sim.until(START + 100 * HOUR_NS) if isinstance(e, MarketFrame)]
    assert [(f.ts_event - START) // HOUR_NS for f in frames] == [0, 8, 16, 24, 32]
    assert sim.exchange.end == START + 32 * HOUR_NS
    assert sim.world.label == "HISTORY"


def test_only_settled_rates_are_known_with_the_next_one_an_interval_later() -> None:
    sim = played()
    frames = [e for e in sim.run(9 * 3600) if isinstance(e, MarketFrame)]
    row = frames[1].rates[0]
    assert (row.kind, row.rate, row.interval_h) == (RateKind.SETTLED, D("0.0002"), D(8))
    assert row.rate_ts == START + 8 * HOUR_NS <= frames[1].ts
    assert row.next_ts == START + 16 * HOUR_NS
    assert {r.kind for f in frames for r in f.rates} == {RateKind.SETTLED}


def test_an_order_between_two_instants_meets_the_last_price_with_default_costs() -> None:
    sim = played()
    sim.run(3 * 3600)
    bid, ask = sim.quote(BTC)
    assert (bid, ask) == (D("19999.0"), D("20001.0"))
    fill = next(e for e in sim.send(order("buy", "0.5", ask, BTC, tif="ioc")) if isinstance(e, OrderFilled))
    assert fill.price == ask
    assert fill.fee == D("20001.0") * D("0.5") * D("0.0005")


def test_a_resting_order_fills_only_at_a_bar_that_has_traded_through_its_price() -> None:
    """Between two bars nothing happens to it, however long it rests; a touch of nothing is no fill."""
    sim = played()
    sim.run(60)
    bid, ask = sim.quote(BTC)
    sim.send(order("buy", "0.001", bid, BTC, post_only=True))
    sim.send(order("sell", "0.001", ask, BTC, post_only=True))
    assert not [e for e in sim.run(7 * 3600) if isinstance(e, OrderFilled)]
    fills = [e for e in sim.run(2 * 3600) if isinstance(e, OrderFilled)]
    assert [(f.side, f.price, f.maker, f.fee) for f in fills] == [
        (Side.SELL, ask, True, ask * D("0.001") * D("0.0002"))
    ]


def test_funding_is_paid_at_the_recorded_instant() -> None:
    sim = played()
    sim.run(60)
    _, ask = sim.quote(BTC)
    sim.send(order("buy", "0.5", ask, BTC, tif="ioc"))
    paid = [e for e in sim.run(9 * 3600) if isinstance(e, FundingSettled)]
    assert [(p.ts_event, p.amount) for p in paid] == [(START + 8 * HOUR_NS, D("-0.5") * 20_100 * D("0.0002"))]


def test_accounts_are_50_000_usd_and_before_the_first_price_nothing_trades() -> None:
    sim = played()
    books = sim.exchange.books("gate")
    assert [(b.coin, b.total, b.weight_total) for b in books.balances] == [("USD", D(50_000), D(1))]
    early = Recorded()
    early.rows_at = lambda ts: ()  # type: ignore[method-assign]
    silent = Sim(history_world(early), history=early)
    silent.run(1)
    refused = silent.send(order("buy", "0.5", "20000", BTC))[0]
    assert isinstance(refused, OrderRejected)
    assert refused.reason == "no market yet"


def test_a_coins_index_is_its_usd_series_where_there_is_one() -> None:
    sim = played(usd_series=True)
    first = next(e for e in sim.run(1) if isinstance(e, MarketFrame))
    assert [(i.coin, i.index) for i in first.indexes] == [("USDT", 0.999)]
    without = next(e for e in played().run(1) if isinstance(e, MarketFrame))
    assert without.indexes == ()


def test_a_played_exchange_recovers_too(tmp_path: Path) -> None:
    sim = played(folder=tmp_path)
    sim.run(3600)
    _, ask = sim.quote(BTC)
    sim.send(order("buy", "0.5", ask, BTC, tif="ioc"))
    sim.run(20 * 3600)
    back = played(folder=tmp_path, resume_at=sim.queue.now)
    same, again = sim.exchange.books("gate"), back.exchange.books("gate")
    assert (same.balances, same.positions) == (again.balances, again.positions)
    assert sim.quote(BTC) == back.quote(BTC)


def test_another_history_is_refused() -> None:
    with pytest.raises(ValueError, match="history"):
        build_exchange(history_world(Recorded()), None, Queue())
    other = structs.replace(history_world(Recorded()), history="other")
    with pytest.raises(ValueError, match="history"):
        Sim(other, history=Recorded())
