"""Orders and positions that are not ours: shown, counted in the gate's worst case, never managed (bug O8)."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from services.desk import gatekeeping, holdings
from services.desk.views import orders, positions
from services.domain.enums import PairState, Purpose, Severity, Side, TimeInForce
from services.domain.events import AccountReport, Event, OrderFilled, WorkingRow
from services.domain.orders import OrderRequest
from services.risk.gate import check_order, limit_board
from tests.desk.world import Answers, DeskWorld, quick

ETH = "ETH-USDT-PERP.beta"
D = Decimal


def hedged() -> DeskWorld:
    world = DeskWorld(settings=quick())
    return world.until(lambda w: PairState.HEDGED in w.pair_states()).run(1)


def rows(world: DeskWorld, instrument: str) -> list[tuple[str | None, Decimal, bool]]:
    return [
        (row.pair, row.size, row.foreign)
        for row in positions(world.desk.core)
        if row.instrument == instrument
    ]


def ticket(instrument: str, quantity: str, price: Decimal) -> OrderRequest:
    return OrderRequest(
        client_order_id="abc123ticket00000000",
        instrument=instrument,
        side=Side.BUY,
        quantity=D(quantity),
        price=price,
        tif=TimeInForce.GTC,
        purpose=Purpose.TICKET,
        origin="operator",
    )


def worst(world: DeskWorld, name: str, subject: str) -> Decimal:
    ctx = gatekeeping.order_context(world.desk.core, ticket(ETH, "0.1", D(1200)))
    found = [each.value for each in limit_board(ctx) if each.name == name and each.subject == subject]
    assert None not in found
    return sum((value for value in found if value is not None), D(0))


def test_a_foreign_working_order_is_listed_alerted_and_counted_in_the_worst_case() -> None:
    world = hedged()
    before = worst(world, "position notional", "ETH-USDT-PERP")
    counted = worst(world, "open orders", "all")
    world.foreign(ETH, Side.BUY, "5", price="1200.00")
    world.run(3)
    (row,) = [row for row in orders(world.desk.core) if row.foreign]
    assert (row.instrument, row.side, row.quantity, row.origin) == (ETH, "buy", D(5), "foreign")
    assert any(note.key == "foreign orders:beta" for note in world.told), "seen within seconds of its accept"
    assert worst(world, "open orders", "all") == counted + 1
    grown = worst(world, "position notional", "ETH-USDT-PERP") - before
    mark = world.exchange.venues["beta"].floor.mark(ETH)
    assert abs(grown - 5 * mark) < 1, "as if it were filled"


def test_foreign_orders_take_head_room_from_ours() -> None:
    world = hedged()
    mark = world.exchange.venues["beta"].floor.mark(ETH)
    order = ticket(ETH, "10", world.desk.core.instruments[ETH].round_price(Side.BUY, mark))
    assert check_order(gatekeeping.order_context(world.desk.core, order), order).allowed
    world.foreign(ETH, Side.BUY, "80", price="1600.00" if mark > 1601 else "1.00")
    world.run(35)
    answer = check_order(gatekeeping.order_context(world.desk.core, order), order)
    assert not answer.allowed
    assert "position notional" in {check.name for check in answer.failed}


def test_an_order_of_a_second_engine_is_foreign_and_an_alarm() -> None:
    """Bug O8: two consoles on one account. The instance in the client order id tells them apart."""
    world = hedged()

    def second(due: int, event: Event) -> Answers:
        if not isinstance(event, AccountReport) or event.venue != "beta":
            return ((due, event),)
        row = WorkingRow("zz9999000000001e1001", "v9", ETH, Side.BUY, D(1), D(0), D(1200), False)
        return ((due, replace(event, orders=(*event.orders, row))),)

    world.wire.hook = second
    world.run(35)
    (alert,) = [alert for alert in world.desk.core.alerts.open() if alert.key == "foreign orders:beta"]
    assert alert.severity is Severity.ALARM
    assert "instance zz9999" in alert.text
    assert [row.client_order_id for row in orders(world.desk.core) if row.foreign] == ["zz9999000000001e1001"]
    world.wire.hook = lambda due, event: ((due, event),)
    world.run(40)
    assert not any(alert.key == "foreign orders:beta" for alert in world.desk.core.alerts.open())


def test_our_own_orders_are_never_called_foreign() -> None:
    world = DeskWorld(settings=quick())
    world.run(90)
    assert len(world.sent) > 4
    assert not any(note.key.startswith("foreign orders") for note in world.told)


def test_a_manual_trade_on_a_leg_is_foreign_beside_the_pairs_own_fills() -> None:
    world = hedged()
    pair = world.pair()
    assert pair is not None
    short = pair.short
    world.foreign(short.instrument, Side.SELL, "0.1")
    world.run(8)
    assert rows(world, short.instrument) == [(pair.id, -short.size, False), (None, D("-0.1"), True)]
    assert sum(row[1] for row in rows(world, short.instrument)) == world.position(short.instrument)
    world.foreign(short.instrument, Side.BUY, "0.1")
    world.run(8)
    assert rows(world, short.instrument) == [(pair.id, -short.size, False)]
    assert world.pair_states() == [PairState.HEDGED], "the foreign part was taken back, not ours"
    assert not world.desk.core.alerts.is_open(f"foreign:{short.instrument}")


def test_a_foreign_position_counts_in_the_limits() -> None:
    world = hedged()
    before = worst(world, "position notional", "ETH-USDT-PERP")
    world.foreign(ETH, Side.BUY, "2")
    world.run(3)
    mark = world.exchange.venues["beta"].floor.mark(ETH)
    assert abs(worst(world, "position notional", "ETH-USDT-PERP") - before - 2 * mark) < 1
    assert rows(world, ETH) == [(None, D(2), True)]


def test_a_fill_told_twice_by_event_and_read_is_one_foreign_position() -> None:
    world = hedged()

    def twice(due: int, event: Event) -> Answers:
        if isinstance(event, OrderFilled) and not event.client_order_id:
            return ((due, event), (due + 1, event))
        return ((due, event),)

    world.wire.hook = twice
    world.foreign(ETH, Side.BUY, "0.5")
    world.run(40)
    world.books_agree()
    assert rows(world, ETH) == [(None, D("0.5"), True)]


def test_two_strategies_on_one_symbol_with_opposite_sides_the_second_is_refused() -> None:
    """PARAMETERS, situations: no netting of strategies, whichever came first."""
    world = hedged()
    pair = world.pair()
    assert pair is not None
    core = world.desk.core
    quantity = pair.short.size
    # The second strategy would be long what the first is short, against another instrument.
    other = next(
        name
        for name, spec in core.instruments.items()
        if spec.is_perp
        and spec.underlying == "BTC"
        and name not in (pair.short.instrument, pair.long.instrument)
    )
    made, actions, why = core.pairs.plan(
        strategy="second",
        kind="hedge",
        short=other,
        long=pair.short.instrument,
        short_quantity=quantity,
        long_quantity=quantity,
        capital=D(50_000),
        origin="strategy:second",
        reason="test",
        now=world.now,
    )
    assert made is None
    assert actions == ()
    assert why == f"pair {pair.id} holds {pair.short.instrument} on the other side"
    # And a single order of it meets the gate's own check.
    mark = core.picture.mark(pair.short.instrument)
    assert mark is not None
    price = core.instruments[pair.short.instrument].round_price(Side.BUY, mark)
    order = replace(
        ticket(pair.short.instrument, "0.01", price), purpose=Purpose.ENTRY, origin="strategy:second"
    )
    answer = check_order(gatekeeping.order_context(core, order), order)
    assert "strategy conflict" in {check.name for check in answer.failed}


def test_a_lot_that_was_adopted_leaves_the_pair_no_larger_than_what_is_there() -> None:
    """Small enough to be adopted by itself: no leg is called missing for it, and none believes in more."""
    world = hedged()
    pair = world.pair()
    assert pair is not None
    core, leg = world.desk.core, pair.short
    spec = core.instruments[leg.instrument]
    whole, lot = leg.size, spec.size_increment
    held = core.ledger.position(spec)
    assert held is not None
    held.size += lot
    holdings.shrink_legs(core, leg.instrument)
    assert leg.size == whole - lot
    assert holdings.split(core, leg.instrument).foreign == 0
    assert pair.state is PairState.HEDGED
    assert not any(note.key.startswith("leg missing") for note in world.told)
