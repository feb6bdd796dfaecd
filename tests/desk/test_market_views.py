"""Screen 2's views against a played desk: every instrument, the selected one's book, what is unknown."""

from __future__ import annotations

import pytest

from services.desk.views.cache import ViewCache
from services.desk.views.markets import book_view, markets_view
from services.domain.instrument import venue_of
from services.market.tape import Tape
from services.venues.sim.depth import levels
from tests.screens.scenes import Run

BTC = "BTC-USDT-PERP.alpha"


@pytest.fixture(scope="module")
def played() -> tuple[Run, Tape]:
    run, tape = Run("funding-harvest"), Tape()
    run._machine.on_market = tape.hear
    run.at(12)
    return run, tape


def test_every_instrument_has_a_row_with_its_figures(played: tuple[Run, Tape]) -> None:
    core = played[0]._desk.core
    view = markets_view(core, ViewCache())
    assert {row.instrument for row in view.rows} == set(core.instruments)
    row = next(row for row in view.rows if row.instrument == BTC)
    assert row.bid is not None
    assert row.ask is not None
    assert row.mark is not None
    assert row.bid < row.ask
    assert row.spread_bps == pytest.approx(float((row.ask - row.bid) / (row.ask + row.bid) * 20_000), rel=0.5)
    assert row.basis_bps == pytest.approx((float(row.mark) / (row.index or 1) - 1) * 10_000, abs=0.1)
    assert row.interval_h == 8
    held = {row.instrument for row in view.rows if row.held}
    assert held == {
        name for book in core.ledger.state.accounts.values() for name, p in book.positions.items() if p.size
    }
    assert all(row.mark is None and row.rate is None for row in view.rows if row.kind == "spot")


def test_the_book_is_the_venues_with_our_orders_marked(played: tuple[Run, Tape]) -> None:
    run, tape = played
    exchange = run._machine.waker
    view = book_view(
        run._desk.core,
        f"{BTC}@5",
        tape,
        lambda name, count: levels(exchange.venues[venue_of(name)].floor, name, count),  # type: ignore[attr-defined]
    )
    assert view is not None
    assert view.whole
    assert [level.price for level in view.bids] == sorted((level.price for level in view.bids), reverse=True)
    assert view.bids[0].price < view.asks[0].price
    assert view.minutes == 5
    assert len(view.candles) >= 2
    assert view.spread_samples > 10
    assert view.settled[-1].ts <= view.ts


def test_without_levels_the_quote_is_all_that_is_said(played: tuple[Run, Tape]) -> None:
    view = book_view(played[0]._desk.core, BTC, Tape(), lambda _name, _count: None)
    assert view is not None
    assert not view.whole
    assert len(view.bids) <= 2
    assert view.candles == ()
    assert view.spread_median_bps is None


@pytest.mark.parametrize("argument", ["", "NOPE.alpha", f"{BTC}@7", f"{BTC}@x"])
def test_what_does_not_exist_has_no_view(played: tuple[Run, Tape], argument: str) -> None:
    found = book_view(played[0]._desk.core, argument, Tape(), lambda _name, _count: None)
    assert found is None if argument != f"{BTC}@x" else found is not None
