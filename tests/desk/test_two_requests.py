"""Two requests from outside on one pair, one behind the other (SEMANTICS 3, 7 and 10)."""

from __future__ import annotations

import decimal
from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk import exits
from services.domain.enums import PairState, Purpose, TradingState
from services.domain.events import (
    AccountReport,
    Event,
    LatchFound,
    MarketFrame,
    OrderFilled,
    StrategyOverrun,
)
from services.domain.money import DESK_CONTEXT
from services.domain.orders import OrderRequest
from services.domain.scopes import ScopeHalt
from services.settings.guards import Breaker
from services.settings.parameters import Pair
from services.strategies.base import FreezePair, ThawPair
from tests.desk.world import Answers, DeskWorld, quick, refuse


class OneLegOut:
    """Exits of the leg that goes first are taken, those of the other refused."""

    def __init__(self) -> None:
        self.first = 0

    def __call__(self, world: DeskWorld, order: OrderRequest) -> OrderRequest | None:
        if order.purpose is not Purpose.EXIT:
            return order
        self.first = self.first or order.leg
        return order if order.leg == self.first else refuse(world, order)


def _hedged() -> DeskWorld:
    """Exits that one leg does not follow are stopped; refusals alone trip nothing."""
    settings = replace(
        quick(), pair=Pair(exit_policy="cancel"), breaker=Breaker(rejects_in_row=40, rejects_count=80)
    )
    return DeskWorld(settings=settings).until(lambda w: w.pair_states() == [PairState.HEDGED])


def _close(world: DeskWorld) -> None:
    pair = world.pair()
    assert pair is not None
    assert world.answer("pair close", id=pair.id).ok


def _naked(world: DeskWorld) -> bool:
    return any(world.naked().values())


def _stopped() -> DeskWorld:
    world = _hedged()
    world.on_submit = OneLegOut()
    _close(world)
    return world.until(lambda w: w.pair_states() == [PairState.FROZEN], 10)


def test_an_exit_that_the_policy_stopped_waits_for_a_person_though_its_own_page_reduces() -> None:
    """Neither the page nor a strategy whose data were stale for a while is a person."""
    world = _stopped()
    pair = world.pair()
    assert pair is not None
    sent = len(world.sent)
    world.run(20)
    core, submit = world.desk.core, world.desk.submit
    exits.freeze(core, submit, FreezePair(pair=pair.id, reason="stale", since=world.now))
    exits.thaw(core, submit, ThawPair(pair=pair.id))
    world.run(10)
    assert (world.pair_states(), world.trading_state) == ([PairState.FROZEN], TradingState.REDUCING)
    assert _naked(world)
    assert [each for each in world.sent[sent:] if each.order.trigger is None] == []
    world.on_submit = lambda _world, order: order
    _close(world)
    world.until(lambda w: w.pair_states() == [], 30).run(1)
    assert world.positions() == {}


def test_a_halt_cuts_what_the_policy_stopped() -> None:
    world = _stopped()
    assert _naked(world)
    assert world.answer("halt", reason="test").ok
    world.run(10)
    assert not _naked(world)
    assert world.pair_states() == [PairState.HEDGED]


def test_a_close_in_a_part_that_is_halted_already_leaves_nothing_naked() -> None:
    """The latch says that the pair's flatten was halted; the flatten itself went with the engine."""
    world = _hedged()
    pair = world.pair()
    assert pair is not None
    scopes = (ScopeHalt("flatten", f"pair:{pair.id}", "flatten of the pair"),)
    latch = LatchFound(TradingState.ACTIVE, "", "", world.now, world.now, scopes)
    world.machine.feed(latch)
    world.on_submit = OneLegOut()
    _close(world)
    world.until(_naked, 10).run(5)
    assert world.answer("halt", reason="test").ok
    world.run(10)
    assert not _naked(world)
    assert world.pair_states() == [PairState.HEDGED]


def test_a_pause_leaves_the_exit_of_a_pair_that_was_once_in_doubt_as_it_is() -> None:
    """It may go on resting; only an entry ends with what it has."""
    world = _hedged()
    pair = world.pair()
    assert pair is not None
    pair.resume = PairState.OPENING  # where it went back to, long ago
    _close(world)
    assert world.answer("pause", name="funding_arb").ok
    assert (pair.state, pair.no_rest) == (PairState.CLOSING, "")


def test_a_frozen_pair_whose_strategy_was_dropped_is_closed_by_hand_once_its_data_are_fresh() -> None:
    """Nobody was left to say that they are: the answer was "ok", and the pair stayed."""
    world = _hedged().run(1)
    pair = world.pair()
    assert pair is not None
    hears = world.wire.hook

    def dark(due: int, event: Event) -> Answers:
        return () if isinstance(event, MarketFrame) and event.venue == "beta" else ((due, event),)

    world.wire.hook = dark
    world.until(lambda w: w.pair_states() == [PairState.FROZEN], 60)
    world.machine.feed(StrategyOverrun(strategy="funding_arb", ts=world.now))
    _close(world)
    world.run(10)
    assert (world.pair_states(), len(world.positions())) == ([PairState.FROZEN], 2)
    world.wire.hook = hears
    world.until(lambda w: w.pair_states() == [], 60).run(1)
    assert world.positions() == {}


def _reduce_only(world: DeskWorld, why: str) -> None:
    """Some cause of REDUCING, by the desk's own door; it is judged with the next event."""
    world.desk.core.raise_cause("test", "all", TradingState.REDUCING, why)
    world.until(lambda w: w.pair_states() == [PairState.UNWINDING], 1)


def _told(world: DeskWorld, pair: str) -> bool:
    return any(note.key == f"exit dropped:{pair}" for note in world.told)


def test_a_close_by_hand_goes_on_behind_the_unwinding_when_its_account_only_reduces() -> None:
    """It was dropped without a word although exits pass there; a halt drops it and says so."""
    world = _hedged()
    pair = world.pair()
    assert pair is not None
    _close(world)
    world.until(_naked, 10)
    _reduce_only(world, "margin ladder")
    assert pair.then_close
    world.until(lambda w: w.pair_states() == [], 60).run(1)
    assert (world.trading_state, world.positions()) == (TradingState.REDUCING, {})
    assert not _told(world, pair.id)


def test_a_halt_ends_a_close_by_hand_and_tells_whoever_waits_for_it() -> None:
    world = _hedged()
    pair = world.pair()
    assert pair is not None
    _close(world)
    world.until(_naked, 10)
    _reduce_only(world, "margin ladder")
    assert world.answer("halt", reason="test").ok
    world.run(10)
    assert not _naked(world)
    assert (world.pair_states(), pair.close_reason) == ([PairState.HEDGED], "")
    assert _told(world, pair.id)
    assert world.desk.core.alerts.is_open(f"exit dropped:{pair.id}")
    assert world.answer("resume", reason="test").ok
    _close(world)
    assert not world.desk.core.alerts.is_open(f"exit dropped:{pair.id}")


def test_a_halt_holds_a_close_by_hand_beside_a_cut_of_the_ladder_and_not_the_cut() -> None:
    """The close had the cut's rights: all of the pair went on closing in HALTED."""
    world = _hedged()
    pair = world.pair()
    assert pair is not None
    size = pair.short.size
    core, submit = world.desk.core, world.desk.submit
    core.out = []
    with decimal.localcontext(DESK_CONTEXT):
        submit.run(core.pairs.request_reduce(pair.id, Decimal("0.25"), "ladder", core.now, submit.prices))
    for effect in core.out:
        if type(effect) in world.machine._carry:
            world.machine._carry[type(effect)](effect)
    _close(world)
    assert world.answer("halt", reason="test").ok
    world.run(10)
    assert _told(world, pair.id)
    assert (world.pair_states(), world.naked()["BTC"]) == ([PairState.HEDGED], 0)
    assert size / 2 < pair.short.size < size


def _strangers_untold(due: int, event: Event) -> Answers:
    """What others trade shows in the positions alone; no word of it is ever heard."""
    if isinstance(event, OrderFilled) and not event.client_order_id:
        return ()
    if isinstance(event, AccountReport):
        mine = tuple(fill for fill in event.fills if fill.client_order_id)
        return ((due, replace(event, fills=mine)),)
    return ((due, event),)


@pytest.mark.parametrize("told", [False, True], ids=["accepted", "told late"])
def test_what_a_stuck_flatten_knows_of_a_leg_is_not_taken_off_it_again_with_the_books(told: bool) -> None:
    """The reads showed the pair's flatten that a part of a leg was gone; then the books took it over, and the
    same part was held for missing once more: so much of the leg stayed, and the answer was "flat"."""
    world = _hedged()
    pair = world.pair()
    assert pair is not None
    world.wire.hook = _strangers_untold
    sent = len(world.sent)
    world.on_submit = refuse
    asked = world.command("flatten", what=pair.id)
    world.run(3)
    tried = {each.order.instrument for each in world.sent[sent:]}
    (leg,) = [each for each in pair.legs if each.instrument not in tried]
    size = leg.size
    part = world.desk.core.instruments[leg.instrument].round_size(size / 4)
    world.foreign(leg.instrument, leg.side.opposite, str(part))
    (run,) = world.desk.core.flattens.running()
    for _ in range(4):
        world.command("reconcile")
        world.run(1.5)
    assert run.extra == {leg.instrument: -part * leg.side.sign}
    assert leg.size == size - part
    if told:
        trade = world.exchange.venues[leg.instrument.rpartition(".")[2]].state.account.fills[-1]
        assert not trade.client_order_id
        world.wire.hook = lambda due, event: ((due, event),)
        world.machine.feed(trade)
    else:
        assert world.answer("reconcile accept").exit == 0
    world.run(1)
    assert leg.size == size - part
    assert (run.extra, run.seen) == ({}, {})
    world.on_submit = lambda _world, order: order
    world.until(lambda w: asked in w.done, 90)
    assert world.done[asked].ok, world.done[asked].text
    assert world.positions() == {}
    world.books_agree()
