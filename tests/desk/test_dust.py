"""Dust: below one lot or the venue's minimum. Listed, counted, kept by instrument, never retried."""

from __future__ import annotations

import json
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from services.desk import booking, gatekeeping, holdings
from services.desk.views import positions
from services.domain.enums import PairState, Side
from services.domain.events import OrderCanceled
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.domain.venue_events import InstrumentsListed
from services.execution.pair_state import Leg, Pair
from services.risk.gate import limit_board
from services.venues.sim.facts import perp
from tests.desk.world import MS, DeskWorld, quick

D = Decimal
PERP = perp("alpha", "BTC-USDT-PERP", "BTC", "USDT")
LEAST = D("0.05")
"""The venue's minimum in these tests, ten lots and more."""


def coarse(world: DeskWorld) -> None:
    """From now on the venues take no small order of the held instruments."""
    core = world.desk.core
    for name in world.legs():
        spec: Instrument = core.instruments[name]
        core.instruments[name] = replace(spec, min_size=LEAST)
    # Every book keeps the facts it was made with.
    core.bind(core.settings)


def closed_with_dust(left: str = "0.004") -> tuple[DeskWorld, str]:
    """A pair closes, but the book never takes the last of one leg: less than the venue's minimum stays."""
    world = DeskWorld(settings=quick())
    world.until(lambda w: PairState.HEDGED in w.pair_states()).run(1)
    pair = world.pair()
    assert pair is not None
    instrument = pair.long.instrument
    coarse(world)

    def all_but_the_last(w: DeskWorld, order: OrderRequest) -> OrderRequest | None:
        if order.instrument != instrument:
            return order
        part = min(order.quantity, w.position(instrument) - D(left))
        due = w.now + 60 * MS
        venue = instrument.rpartition(".")[2]
        if part < order.quantity:
            end = OrderCanceled(venue, order.client_order_id, "remainder", max(part, D(0)), due, due)
            w.queue.deliver(due, end)
        return replace(order, quantity=part) if part > 0 else None

    world.on_submit = all_but_the_last
    assert world.answer("pair close", id=pair.id).ok
    world.until(lambda w: w.desk.core.pairs.get(pair.id) is None, 300)
    assert world.position(instrument) == D(left)
    world.on_submit = lambda w, order: order
    return world, instrument


def test_dust_of_a_closed_pair_is_kept_by_instrument_and_listed_without_a_stop_demand() -> None:
    world, instrument = closed_with_dust()
    assert world.desk.state.dust == {instrument: D("0.004")}
    (row,) = positions(world.desk.core)
    assert (row.instrument, row.size, row.dust, row.foreign, row.pair) == (
        instrument, D("0.004"), True, False, None,
    )  # fmt: skip
    assert row.stop.kind == "DUST"
    assert instrument not in world.desk.state.unpaired
    assert not any(alert.key.startswith(("no stop", "foreign:")) for alert in world.desk.core.alerts.open())


def test_dust_is_counted_in_the_limits_and_not_retried() -> None:
    world, instrument = closed_with_dust()
    sent = len(world.sent)
    world.run(120)
    assert len(world.sent) == sent
    ctx = gatekeeping.context(world.desk.core, instrument, world.sent[-1].order.side, "operator", None)
    symbol = world.desk.core.instruments[instrument].symbol
    (row,) = [c for c in limit_board(ctx) if c.name == "position notional" and c.subject == symbol]
    mark = world.exchange.venues[instrument.rpartition(".")[2]].floor.mark(instrument)
    assert row.value is not None
    assert abs(row.value - D("0.004") * mark) < 1


def test_a_flatten_lists_dust_as_left_and_does_not_wait_for_it() -> None:
    world, instrument = closed_with_dust()
    sent = len(world.sent)
    command = world.command("flatten")
    world.until(lambda w: command in w.done, 10)
    done = world.done[command]
    assert done.exit == 5
    (left,) = json.loads(done.result)["positions_left"]
    assert left == f"{instrument} 0.004: dust: below one lot or the venue's minimum"
    assert len(world.sent) == sent


def test_dust_that_adds_up_to_what_the_venue_takes_stands_alone_with_a_stop() -> None:
    world, instrument = closed_with_dust()
    core = world.desk.core
    pair = Pair(
        id="P-99",
        strategy="funding_arb",
        kind="hedge",
        origin="strategy:funding_arb",
        short=Leg(1, "ETH-USDT-PERP.beta", Side.SELL, D(1)),
        long=Leg(2, instrument, Side.BUY, D(1), size=D("0.05"), bought=D(1), entry_cost=D(20_000)),
        naked_bound=D(1),
        slice_notional=D(1),
        state=PairState.CLOSED,
    )
    held = core.ledger.position(core.instruments[instrument])
    assert held is not None
    held.size += D("0.05")
    holdings.keep_dust(core, world.desk.submit, pair)
    assert world.desk.state.dust == {}
    assert world.desk.state.unpaired == {instrument: D("0.054")}
    assert core.stops.get(instrument) is not None
    (row,) = positions(core)
    assert (row.size, row.dust, row.stop.kind) == (D("0.054"), False, "LOCAL")


def test_dust_that_somebody_takes_is_gone_from_the_books() -> None:
    world, instrument = closed_with_dust()
    spec = world.desk.core.instruments[instrument]
    world.foreign(instrument, Side.SELL, "0.004")
    world.run(10)
    assert world.position(instrument) == 0
    assert world.desk.core.ledger.size(spec) == 0
    assert world.desk.state.dust == {}
    assert positions(world.desk.core) == ()


def test_dust_against_a_new_leg_is_no_missing_leg() -> None:
    """The venue shows the net; what of ours stands against the pair only hides there."""
    world = DeskWorld(settings=quick())
    world.until(lambda w: PairState.HEDGED in w.pair_states()).run(1)
    pair = world.pair()
    assert pair is not None
    short, core = pair.short, world.desk.core
    core.state.dust[short.instrument] = D("0.004")
    spec = core.instruments[short.instrument]
    held = core.ledger.position(spec)
    assert held is not None
    held.size += D("0.004")
    assert booking.check_legs(core, world.desk.submit, short.instrument, "test") == ()
    assert holdings.split(core, short.instrument).paired == -short.size


def raised(world: DeskWorld, instrument: str, minimum: str) -> None:
    """The venue lists it anew."""
    spec = replace(world.desk.core.instruments[instrument], min_size=D(minimum))
    venue = instrument.rpartition(".")[2]
    world.machine.feed(InstrumentsListed(venue=venue, instruments=(spec,), ts=world.now))


def test_a_leg_below_a_raised_minimum_keeps_the_other_one_and_a_flatten_says_so() -> None:
    """A hundred times the old one: the other leg closed alone would leave this one naked, beyond reach."""
    world = DeskWorld(settings=quick()).until(lambda w: PairState.HEDGED in w.pair_states()).run(1)
    held, sent = world.positions(), len(world.sent)
    pair = world.pair()
    assert pair is not None
    stuck, other = pair.short.instrument, pair.long.instrument
    raised(world, stuck, "50")
    assert world.answer("pair close", id=pair.id).ok
    world.run(30)
    (alert,) = [each for each in world.desk.core.alerts.open() if each.key == f"stuck:{pair.id}"]
    assert "is less than its venue takes (50): neither leg is closed" in alert.text
    command = world.command("flatten")
    world.until(lambda w: command in w.done, 90)
    assert world.done[command].exit == 5
    left = json.loads(world.done[command].result)["positions_left"]
    assert [line.split(":")[0] for line in left] == [f"{name} {held[name]}" for name in (stuck, other)]
    assert all("less than its venue takes" in line for line in left)
    assert world.positions() == held
    assert len(world.sent) == sent
    # The remedy that the line names.
    world.foreign(stuck, Side.BUY, str(-held[stuck]))
    world.until(lambda w: not w.positions(), 90)
    world.until(lambda w: w.desk.core.pairs.get(pair.id) is None, 300)
    assert not any(each.key == f"stuck:{pair.id}" for each in world.desk.core.alerts.open())
    world.books_agree()


def test_no_dust_is_what_its_venue_still_takes_to_reduce() -> None:
    """Under its least notional, over its lot: it has a stop like anything else."""
    spec = replace(PERP, min_notional=D(900))
    picture = SimpleNamespace(last_mark=lambda _: D(20_000), quote_usd=lambda _: D(1))
    for spared, dust in ((UNSET, True), (True, False)):
        listed = {spec.id: replace(spec, reduces_any_notional=spared)}
        core: Any = SimpleNamespace(instruments=listed, picture=picture)
        assert holdings.is_dust(core, spec.id, D("0.01")) is dust
        assert holdings.is_dust(core, spec.id, D("0.0001"))
