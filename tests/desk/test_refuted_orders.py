"""Orders that a second look found refused, begun or held back where SEMANTICS 3 and 7 say otherwise."""

from __future__ import annotations

import decimal
import math
from decimal import Decimal

from msgspec.structs import replace

from services.desk import gatekeeping, ladder
from services.desk.state import Stopping
from services.domain.enums import OrderState, PairState, Purpose, TradingState
from services.domain.events import (
    AccountReport,
    Event,
    MarketFrame,
    OrderReport,
    StopRequested,
    StoreHealth,
    Timer,
)
from services.domain.money import DESK_CONTEXT
from services.domain.orders import OrderRequest
from services.execution.pair_state import OrderMemo
from services.execution.table import OrderEntry
from services.risk.gate import reserved
from services.strategies.base import ClosePair
from tests.desk.world import Answers, DeskWorld, S, quick


def _queued_hedge(world: DeskWorld) -> OrderEntry | None:
    return next(
        (
            entry
            for entry in world.desk.core.orders.open_orders()
            if entry.request.purpose is Purpose.HEDGE and entry.state is OrderState.INITIALIZED
        ),
        None,
    )


def test_a_hedge_is_inside_its_reservation_when_it_is_durable_too() -> None:
    """By then it stands among the open orders itself: its own quantity must not eat its reservation.

    A hedge inside its reservation is refused only by the trading state, an unknown instrument or its band;
    here the order rate is used up, as it is in a busy second.
    """
    world = DeskWorld(settings=quick())
    world.until(lambda w: _queued_hedge(w) is not None)
    core, entry = world.desk.core, _queued_hedge(world)
    assert entry is not None
    pair = core.pairs.get(entry.request.pair or "")
    assert pair is not None
    leg = pair.leg(entry.request.leg)
    ctx = gatekeeping.order_context(core, entry.request)
    assert reserved(ctx, entry.request) == leg.target - leg.size
    core.throttle.sent(core.now, 500)
    assert world.desk.submit.ask_gate(entry.request).allowed
    # One lot less than the order is reserved: now the order rate does refuse it.
    leg.target = leg.size + entry.request.quantity - Decimal("0.001")
    assert not world.desk.submit.ask_gate(entry.request).allowed


def hedged() -> DeskWorld:
    world = DeskWorld(settings=quick())
    return world.until(lambda w: PairState.HEDGED in w.pair_states()).run(1)


def _exit(world: DeskWorld, *, discretionary: bool) -> PairState:
    """The strategy wants its pair closed."""
    pair = world.pair()
    assert pair is not None
    desk = world.desk
    with decimal.localcontext(DESK_CONTEXT):
        desk.strategies._carry(
            "funding_arb",
            desk.state.strategies["funding_arb"],
            ClosePair(pair=pair.id, reason="spread below exit level", discretionary=discretionary),
        )
    return pair.state


def test_a_strategy_begins_no_exit_in_a_halt_before_a_read_or_at_a_stop() -> None:
    """Strategies may not send, not even to exit; a pair stop is protection and passes."""
    world = hedged()
    world.answer("halt", reason="test")
    assert _exit(world, discretionary=True) is PairState.HEDGED
    assert _exit(world, discretionary=False) is PairState.CLOSING

    world = hedged()
    world.desk.life.start()
    assert _exit(world, discretionary=True) is PairState.HEDGED

    world = hedged()
    world.desk.state.stopping = Stopping("test", world.now + 10 * S, world.now)
    assert _exit(world, discretionary=True) is PairState.HEDGED

    assert _exit(hedged(), discretionary=True) is PairState.CLOSING


def test_the_margin_ladder_takes_over_an_exit_that_a_halt_refuses() -> None:
    """A strategy's exit under way at a halt is no reason to wait with protection, nor to take it further."""
    world = hedged()
    core, submit = world.desk.core, world.desk.submit
    pair = world.pair()
    assert pair is not None
    world.answer("halt", reason="test")
    core.out = []
    with decimal.localcontext(DESK_CONTEXT):
        actions = core.pairs.request_close(
            pair.id, "strategy", core.now, submit.prices, origin="strategy:funding_arb"
        )
        submit.run(actions)
        assert pair.state in (PairState.CLOSING, PairState.FROZEN)
        assert not pair.close_purpose.protective
        ladder._cut(core, submit, "alpha", Decimal("0.3"), "margin usage 0.85")
    for effect in core.out:
        carry = world.machine._carry.get(type(effect))
        if carry is not None:
            carry(effect)
    assert pair.close_purpose is Purpose.STOP
    held = {leg.instrument: leg.size for leg in pair.legs}
    world.run(60)
    shares = [leg.size / held[leg.instrument] for leg in pair.legs]
    assert all(Decimal("0.69") < share <= Decimal("0.7") for share in shares), shares
    assert world.trading_state is TradingState.HALTED


def test_trouble_of_the_store_does_not_outlive_a_restart() -> None:
    """It clears by itself; but the word that it is well again comes only once, and may have been lost."""
    world = hedged()
    world.machine.feed(StoreHealth(ok=False, text="disk full", ts=world.now))
    assert ("store", "all") in [cause[:2] for cause in world.causes()]
    world.machine.feed(Timer(name="start", ts=world.now))
    world.run(70)
    assert ("store", "all") not in [cause[:2] for cause in world.causes()]
    world.machine.feed(StoreHealth(ok=False, text="disk full", ts=world.now))
    world.run(600)
    assert ("store", "all") in [cause[:2] for cause in world.causes()]


def _left(world: DeskWorld) -> tuple[str, ...] | None:
    return None if world.machine.stopped is None else world.machine.stopped.left


def test_a_stop_never_comes_to_rest_over_a_naked_leg() -> None:
    """Frozen or not: what stands naked at the end of the stop's time is listed."""
    world = hedged()
    pair = world.pair()
    assert pair is not None
    pair.state, pair.resume = PairState.FROZEN, PairState.UNWINDING
    pair.long.size -= Decimal("0.1")
    pair.naked.since, pair.naked.quantity = world.now, Decimal("0.1")
    world.machine.feed(StopRequested("test", world.now + 10 * S, world.now))
    assert _left(world) is None
    world.run(11)
    assert _left(world) == (f"{pair.id} frozen",)


def test_an_order_in_doubt_for_ten_seconds_takes_new_risk_off_its_venue_until_it_is_known() -> None:
    """The pair itself sends nothing in doubt; it is the rest of the desk that must not go on there."""
    world = DeskWorld(settings=quick())
    lost: list[str] = []

    def lose(each: DeskWorld, order: OrderRequest) -> OrderRequest | None:
        if order.leg == 2 and not order.reduce_only:
            lost.append(order.instrument.rpartition(".")[2])
            return None
        return order

    world.on_submit = lose
    world.wire.hook = lambda due, event: () if isinstance(event, OrderReport) else ((due, event),)
    world.until(lambda w: PairState.IN_DOUBT in w.pair_states())
    world.wire.hook = lambda due, event: (
        () if isinstance(event, OrderReport | AccountReport) else ((due, event),)
    )
    world.run(18)
    assert ("in doubt", f"venue:{lost[0]}", TradingState.REDUCING, False) in world.causes()
    world.wire.hook = lambda due, event: ((due, event),)
    world.run(60)
    assert ("in doubt", f"venue:{lost[0]}", TradingState.REDUCING, False) not in world.causes()
    assert all(size == 0 for size in world.naked().values())


def test_a_mark_that_is_no_number_and_an_empty_book_do_not_stop_a_flatten() -> None:
    """Without a fresh mark the band uses the last good mark; it makes nothing fresh and opens nothing."""
    world = hedged()

    def spoil(due: int, event: Event) -> Answers:
        if not isinstance(event, MarketFrame):
            return ((due, event),)
        quotes = tuple(replace(row, bid=0.0, bid_size=0.0) for row in event.quotes)
        marks = tuple(replace(row, mark=math.nan) for row in event.marks)
        return ((due, replace(event, quotes=quotes, marks=marks)),)

    world.wire.hook = spoil
    world.run(5)
    core = world.desk.core
    for instrument in world.positions():
        facts = gatekeeping.market_facts(core, instrument)
        assert facts.mark is not None
        assert not facts.mark_fresh
        assert core.picture.fresh_mark(instrument, core.now) is None
    command = world.command("flatten")
    world.until(lambda w: command in w.done, 90)
    assert world.done[command].ok, world.done[command].text
    assert world.positions() == {}


def test_a_pair_that_lives_long_does_not_remember_every_order() -> None:
    """A state that grows for ever ends in a checkpoint that cannot be written."""
    world = hedged()
    pair = world.pair()
    assert pair is not None
    assert pair.orders
    sizes = (pair.short.size, pair.long.size)
    world.run(700)
    assert not pair.orders
    assert (pair.short.size, pair.long.size) == sizes
    assert world.pair_states() == [PairState.HEDGED]
    world.books_agree()


def test_an_order_whose_turn_was_cut_does_not_hold_its_pair_for_ever() -> None:
    """A turn of too many actions is cut; the pair must not wait for a word on what was never placed."""
    world = hedged()
    pair = world.pair()
    assert pair is not None
    pair.orders["never placed"] = OrderMemo(1, False, Decimal("0.1"))
    world.answer("pair close", id=pair.id)
    world.run(60)
    assert world.positions() == {}
    assert pair.state is PairState.CLOSED
