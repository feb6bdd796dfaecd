"""After its last band a protective order takes at any price, where the profile allows it (SEMANTICS 3)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.domain.enums import OrderType, PairState, Purpose, Side
from services.domain.orders import OrderRequest
from services.execution.actions import Place
from services.execution.ids import IdCounter
from services.execution.stops import StopBook
from services.execution.table import OrderTable
from services.settings.parameters import Settings
from tests.desk.world import DeskWorld, quick
from tests.execution.builders import BTC_A, INSTRUMENTS, START, Book

D = Decimal


def allowing(settings: Settings, allow: bool) -> Settings:
    return replace(settings, exec=replace(settings.exec, allow_market=allow))


def out_of_reach(_: DeskWorld, order: OrderRequest) -> OrderRequest:
    """What has a limit never meets anybody: it ends unfilled."""
    if not order.reduce_only or order.price is None:
        return order
    price = order.price * (2 if order.side is Side.SELL else D("0.5"))
    return replace(order, price=INSTRUMENTS[BTC_A].round_price(order.side, price))


@pytest.mark.parametrize("allow", [True, False])
def test_a_flatten_that_finds_nobody_in_any_band_takes_at_any_price_if_it_may(allow: bool) -> None:
    w = DeskWorld(settings=allowing(quick(), allow))
    w.until(lambda each: each.pair_states() == [PairState.HEDGED])
    sent, before = len(w.sent), w.positions()
    w.on_submit = out_of_reach
    w.command("flatten")
    w.run(6)
    closing = [each.order for each in w.sent[sent:]]
    assert len(closing) > 5
    assert all(order.purpose is Purpose.FLATTEN and order.reduce_only for order in closing)
    market = [order for order in closing if order.type is OrderType.MARKET]
    assert all(order.price is None and order.attempt >= 6 for order in market)
    assert bool(market) is allow
    assert (w.positions() != before) is allow, "what has no limit fills"
    assert all(abs(size) <= abs(before[name]) for name, size in w.positions().items())


def test_a_stop_too_after_its_five_bands() -> None:
    settings = allowing(Settings(), True)
    stops, table, prices = (
        StopBook(settings, INSTRUMENTS, IdCounter("abc123")),
        OrderTable(settings.exec),
        Book(),
    )
    prices.mids[BTC_A] = D(22_000)
    stops.on_position(BTC_A, D("0.5"), D(23_000), D(23_000), START)
    actions = stops.on_mark(BTC_A, D(22_500), START, prices)
    kinds = []
    for _ in range(7):
        (place,) = [action for action in actions if isinstance(action, Place)]
        kinds.append((place.order.type, place.order.price is None))
        entry = table.add(place.order, START)
        table.denied(entry.id, "nothing there", START)
        stops.on_order(entry, START, prices)
        stop = stops.get(BTC_A)
        assert stop is not None
        actions = stops.on_timer(BTC_A, stop.next_at, prices)
    assert kinds == [(OrderType.LIMIT, False)] * 5 + [(OrderType.MARKET, True)] * 2
