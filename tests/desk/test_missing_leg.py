"""Partial ADL, and every other way a venue takes a leg: cut the other to match, then exit (SEMANTICS 5.6)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk import risk
from services.domain.enums import PairState, Purpose, Severity, Side, TradingState
from services.domain.events import Event, MarketFrame, OrderFilled
from services.domain.orders import OrderRequest
from services.execution.pair_state import Leg
from tests.desk.world import Answers, DeskWorld, S, quick, swallow

D = Decimal


def hedged() -> DeskWorld:
    world = DeskWorld(settings=quick())
    return world.until(lambda w: PairState.HEDGED in w.pair_states()).run(1)


def as_adl(due: int, event: Event) -> Answers:
    if isinstance(event, OrderFilled) and not event.client_order_id:
        return ((due, replace(event, adl=True)),)
    return ((due, event),)


def deleverage(world: DeskWorld, leg: Leg, part: str) -> None:
    """The venue's own engine takes a part of the leg."""
    quantity = world.desk.core.instruments[leg.instrument].round_size(leg.size * D(part))
    world.foreign(leg.instrument, leg.side.opposite, str(quantity))


def alarmed(world: DeskWorld, key: str) -> bool:
    return any(note.key == key and note.severity is Severity.ALARM for note in world.told)


@pytest.mark.parametrize("halted", [False, True])
@pytest.mark.parametrize("part", ["0.3", "1"])
def test_partial_adl_cuts_the_other_leg_to_match_then_exits(part: str, halted: bool) -> None:
    world = hedged()
    pair = world.pair()
    assert pair is not None
    if halted:
        assert world.answer("halt").ok
    world.wire.hook = as_adl
    sent = len(world.sent)
    deleverage(world, pair.short, part)
    world.until(lambda w: w.positions() == {}, 30).run(1)
    mine = world.sent[sent:]
    assert mine[0].order.instrument == pair.long.instrument, "first the other leg, to match"
    assert all(each.order.purpose is Purpose.UNWIND for each in mine)
    assert not any(each.increasing for each in mine)
    assert any(
        note.key == f"leg missing:{pair.id}" and note.severity is Severity.ALARM for note in world.told
    )
    assert not any(note.key.startswith("foreign:") for note in world.told), "it is no manual trade"
    (decision,) = world.decisions("leg missing")
    assert (decision.subject, decision.text) == (pair.id, "leg missing: ADL")
    assert world.desk.state.episodes[-1].reason == "leg missing: ADL"
    assert not world.desk.core.alerts.is_open(f"leg missing:{pair.id}"), "it is over"
    assert world.desk.core.alerts.is_open(f"pair ended:{pair.id}"), "and does not pass unseen"
    assert (world.trading_state is TradingState.HALTED) is halted
    world.books_agree()


def test_adl_with_the_other_venue_stale_matches_freezes_pages_and_closes_no_leg_alone() -> None:
    """The cut goes out at the last good price; the exit of what is left waits for data."""
    world = hedged()
    pair = world.pair()
    assert pair is not None
    other = pair.long.instrument.rpartition(".")[2]
    silent = [True]

    def hook(due: int, event: Event) -> Answers:
        if silent[0] and isinstance(event, MarketFrame) and event.venue == other:
            return ()
        return as_adl(due, event)

    world.wire.hook = hook
    world.run(15)
    sent = len(world.sent)
    deleverage(world, pair.short, "0.4")
    world.run(30)
    left = abs(world.position(pair.short.instrument))
    assert left > 0
    assert world.position(pair.long.instrument) == left, "matched"
    assert all(each.order.instrument == pair.long.instrument for each in world.sent[sent:])
    assert pair.state is PairState.FROZEN
    assert alarmed(world, f"frozen:{pair.id}")
    silent[0] = False
    world.run(60)
    assert world.positions() == {}
    assert not world.desk.core.alerts.is_open(f"frozen:{pair.id}")
    world.books_agree()


def test_adl_with_the_other_venue_unreachable_closes_nothing_and_pages() -> None:
    world = hedged()
    pair = world.pair()
    assert pair is not None
    other = pair.long.instrument.rpartition(".")[2]

    def unreachable(w: DeskWorld, order: OrderRequest) -> OrderRequest | None:
        return swallow(w, order) if order.instrument.endswith(f".{other}") else order

    world.on_submit = unreachable
    world.wire.hook = lambda due, event: (
        () if isinstance(event, MarketFrame) and event.venue == other else as_adl(due, event)
    )
    sent = len(world.sent)
    deleverage(world, pair.short, "0.4")
    kept = world.position(pair.short.instrument)
    world.run(9)
    assert world.position(pair.short.instrument) == kept, "the leg that is left is not closed alone"
    assert all(each.order.instrument == pair.long.instrument for each in world.sent[sent:])
    assert pair.state is PairState.IN_DOUBT
    assert alarmed(world, f"in doubt:{pair.id}")


def test_adl_of_a_position_that_belongs_to_no_pair_is_said_and_cuts_no_pair() -> None:
    world = hedged()
    eth = "ETH-USDT-PERP.beta"
    world.foreign(eth, Side.BUY, "1")
    world.run(1)
    world.wire.hook = as_adl
    world.foreign(eth, Side.SELL, "0.4")
    world.run(3)
    assert any(note.key == f"deleveraged:{eth}" for note in world.told)
    assert world.pair_states() == [PairState.HEDGED]


def test_a_flatten_under_way_is_not_slowed_by_a_missing_leg() -> None:
    """Its exit needs no fresh data; a missing leg's would wait for them."""
    world = hedged()
    pair = world.pair()
    assert pair is not None
    world.wire.hook = as_adl
    command = world.command("flatten")
    deleverage(world, pair.short, "0.4")
    world.until(lambda w: command in w.done, 90)
    assert world.done[command].ok, world.done[command].text
    assert pair.close_purpose is Purpose.FLATTEN
    assert world.positions() == {}


def test_a_leg_naked_over_its_bound_beyond_the_time_out_reduces_its_pair_until_it_is_cut() -> None:
    """The other venue refuses whatever would cut it, for ten seconds."""
    world = hedged()
    pair = world.pair()
    assert pair is not None
    cause = ("naked", f"pair:{pair.id}", TradingState.REDUCING, False)
    pair.naked_bound = D(1_000)
    world.wire.hook = as_adl
    book = world.exchange.venues[pair.long.instrument.rpartition(".")[2]].floor
    book.place, place = (lambda ts, order, most=None: None), book.place
    deleverage(world, pair.short, "1")
    world.run(1)
    assert pair.naked.notional > pair.naked_bound
    assert cause not in world.causes(), "inside its time-out"
    world.run(9)
    assert cause in world.causes()
    assert alarmed(world, f"naked:pair:{pair.id}")
    book.place = place
    world.until(lambda w: w.positions() == {}, 60).run(20)
    assert cause not in world.causes()
    assert not world.desk.core.alerts.is_open(f"naked:pair:{pair.id}")


def test_a_naked_leg_that_nobody_can_price_is_over_its_bound() -> None:
    world = hedged()
    pair = world.pair()
    assert pair is not None
    pair.naked.quantity, pair.naked.notional, pair.naked.since = D("0.1"), D(0), world.now - 3 * S
    risk._naked(world.desk.core)
    assert ("naked", f"pair:{pair.id}", TradingState.REDUCING, False) in world.causes()
