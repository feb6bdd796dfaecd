"""Leg 1 that rests, in the whole desk over the simulated exchange: fees, reservation, halt in every state."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk.blackout import entry_check
from services.desk.gatekeeping import open_orders
from services.domain.enums import OrderState, PairState, Purpose
from services.domain.events import MarketFrame, OrderCanceled, OrderFilled, OrderRejected, StopRequested
from services.domain.money import ZERO
from services.domain.orders import OrderRequest
from services.execution.table import OrderEntry
from services.risk.context import Stage
from services.settings.parameters import Execution, Freshness, Settings
from tests.desk.test_halt_states import _halt_and_judge, _naked_is_nothing
from tests.desk.world import MS, DeskWorld, Tap, late, refuse, swallow

D = Decimal


def settings(**more: object) -> Settings:
    """As `quick`, with leg 1 at rest both ways; the window wide enough for the calm market to come by."""
    execution = Execution(entry_style="maker", exit_style="maker", **more)  # type: ignore[arg-type]
    return Settings(fresh=Freshness(self_clear_s=1), exec=execution)


def maker_world(**more: object) -> DeskWorld:
    return DeskWorld(settings=settings(**more))


def resting(world: DeskWorld) -> OrderEntry | None:
    return next(
        (e for e in world.desk.core.orders.open_orders() if e.request.post_only and e.sent is not None), None
    )


def quoted(world: DeskWorld) -> bool:
    entry = resting(world)
    return entry is not None and entry.state is OrderState.ACCEPTED


def fills(world: DeskWorld) -> list[tuple[OrderRequest, OrderFilled]]:
    by_id = {each.order.client_order_id: each.order for each in world.sent}
    return [(by_id[e.client_order_id], e) for e in world.keeper.inputs if isinstance(e, OrderFilled)]


def test_a_pair_opens_with_maker_fees_on_leg_1_and_taker_fees_on_leg_2_and_leaves_the_same_way() -> None:
    world = maker_world(post_only_window_s=120, post_only_requotes=20)
    world.until(lambda w: w.pair_states() == [PairState.HEDGED], 1800)
    pair = world.pair()
    assert pair is not None
    entered = fills(world)
    assert {order.purpose for order, _ in entered} == {Purpose.ENTRY, Purpose.HEDGE}
    for order, fill in entered:
        rate = fill.fee / (fill.quantity * fill.price)
        assert fill.maker is order.post_only is (order.purpose is Purpose.ENTRY)
        assert abs(rate - (D("0.0002") if fill.maker else D("0.0005"))) < D("0.000001")
    (row,) = world.desk.core.state.admitted.values()
    assert abs(row.rested / (row.rested + row.took) - D("0.5")) < D("0.01")
    stats = world.desk.core.state.measured["funding_arb"]
    assert stats.entry.attempts >= 1
    assert stats.entry.filled == row.rested
    assert stats.maker.fills
    assert stats.taker.fills
    assert stats.maker.bps is not None
    assert stats.taker.bps is not None
    assert stats.maker.fees / stats.maker.notional < D("0.00021") < stats.taker.fees / stats.taker.notional
    assert world.answer("pair close", id=pair.id).ok
    world.until(lambda w: w.pair_states() == [], 600)
    exits = fills(world)[len(entered) :]
    assert {order.purpose for order, _ in exits} == {Purpose.EXIT}
    assert any(fill.maker for _, fill in exits)
    assert all(order.reduce_only for order, _ in exits)
    world.books_agree()


def test_a_resting_entry_keeps_its_reservation_and_its_re_quotes_are_no_new_entries() -> None:
    world = maker_world()
    seen = 0
    for _ in range(3):
        world.until(quoted, 600)
        pair = world.pair()
        entry = resting(world)
        assert pair is not None
        assert entry is not None
        for leg in pair.legs:
            rows = [r for r in open_orders(world.desk.core) if r.instrument == leg.instrument]
            assert sum((r.leaves for r in rows), ZERO) + leg.size == leg.target
            assert any(r.stage is Stage.RESERVED for r in rows)
        name = entry.id
        world.until(lambda w, n=name: (e := w.desk.core.orders.get(n)) is None or e.settled)  # type: ignore[misc]
        seen += 1
    assert seen == 3
    assert not world.desk.core.causes.disabled()
    denied = [d.text for d in world.decisions("denied")]
    assert not any("repeat" in text or "order rate" in text for text in denied), denied


@pytest.mark.parametrize("moment", ["sent", "resting", "cancelling", "filled", "hedging"])
def test_halt_in_every_state_of_a_quote_withdraws_it_in_the_same_step(moment: str) -> None:
    world = maker_world(post_only_window_s=120, post_only_requotes=20)

    def met(w: DeskWorld) -> bool:
        entry = resting(w)
        pair = w.pair()
        if moment == "sent":
            return entry is not None and entry.state is OrderState.SUBMITTED
        if moment == "cancelling":
            return entry is not None and entry.state is OrderState.PENDING_CANCEL
        if moment == "filled":
            return not _naked_is_nothing(w) and pair is not None
        if moment == "hedging":
            return any(e.request.purpose is Purpose.HEDGE for e in w.desk.core.orders.open_orders())
        return quoted(w)

    world.until(met, 1800)
    entry = resting(world)
    before = len(world.cancels)
    _halt_and_judge(world)
    if entry is not None and moment in ("sent", "resting"):
        assert entry.id in [name for at, name in world.cancels[before:]]
    assert resting(world) is None
    world.books_agree()


@pytest.mark.parametrize("pattern", ["late", "second leg refused", "second leg lost", "quote lost"])
def test_halt_while_a_quote_fills_badly_leaves_nothing_naked(pattern: str) -> None:
    def made() -> DeskWorld:
        world = maker_world(post_only_window_s=120, post_only_requotes=20)
        if pattern == "late":
            world.wire.hook = late(700 * MS)
        elif pattern == "second leg refused":
            world.on_submit = lambda w, o: refuse(w, o) if o.purpose is Purpose.HEDGE else o
        elif pattern == "second leg lost":
            world.on_submit = lambda w, o: None if o.purpose is Purpose.HEDGE else o
        else:
            world.on_submit = lambda w, o: swallow(w, o) if o.post_only else o
        return world

    base = made()
    first = (lambda w: resting(w) is not None) if pattern == "quote lost" else lambda w: bool(w.positions())
    base.until(first, 1800)
    start = base.machine.events
    for step in (0, 4, 12):
        world = made().until(lambda w, n=start + step: w.machine.events >= n, 1800)  # type: ignore[misc]
        _halt_and_judge(world)


def test_a_pause_withdraws_the_quote_and_opens_nothing_more() -> None:
    world = maker_world().until(quoted, 600)
    entry = resting(world)
    assert entry is not None
    assert world.answer("pause", name="funding_arb").ok
    assert world.cancels[-1] == (world.now, entry.id)
    world.run(30)
    assert [each for each in world.sent if each.order.post_only] == [world.sent[-1]]
    assert world.pair_states() == []


def test_a_graceful_stop_withdraws_the_quote() -> None:
    world = maker_world().until(quoted, 600)
    entry = resting(world)
    assert entry is not None
    world.machine.feed(StopRequested(reason="quit", deadline=world.now + 10_000 * MS, ts=world.now))
    assert world.cancels[-1] == (world.now, entry.id)
    world.run(2)
    assert world.desk.core.state.stopped
    assert resting(world) is None


def test_data_that_go_stale_withdraw_the_quote() -> None:
    world = maker_world().until(quoted, 600)
    entry = resting(world)
    assert entry is not None
    world.wire.hook = lambda due, event: () if isinstance(event, MarketFrame) else ((due, event),)
    world.run(5)
    assert entry.id in [name for _, name in world.cancels]
    assert resting(world) is None


def test_a_quote_that_the_market_overtook_trips_no_breaker_and_is_counted() -> None:
    def crossing(world: DeskWorld, order: OrderRequest) -> OrderRequest | None:
        if not order.post_only:
            return order
        due, venue = world.now + 20 * MS, order.instrument.rpartition(".")[2]
        no = OrderRejected(venue, order.client_order_id, "would match", due, due, would_cross=True)
        world.queue.deliver(due, no)
        return None

    world = maker_world()
    world.on_submit = crossing
    world.until(lambda w: sum(1 for each in w.sent if each.order.post_only) >= 4, 600)
    world.run(20)
    assert not any(name == "rejects" for name, *_ in world.causes())
    assert world.desk.core.state.measured["funding_arb"].entry.refused >= 4
    assert all(each.order.post_only for each in world.sent), "a refused quote became a taking order"


def test_the_exchange_says_which_refusal_is_only_a_crossing() -> None:
    world = maker_world()

    def aggressive(world: DeskWorld, order: OrderRequest) -> OrderRequest | None:
        if not order.post_only or order.price is None:
            return order
        spec = world.desk.core.instruments[order.instrument]
        past = spec.round_price(order.side, order.price * (1 + D("0.01") * order.side.sign))
        return replace(order, price=past)

    world.on_submit = aggressive
    world.until(lambda w: any(isinstance(e, OrderRejected) for e in w.keeper.inputs), 600)
    refusals = [e for e in world.keeper.inputs if isinstance(e, OrderRejected)]
    assert refusals[0].would_cross


@pytest.mark.parametrize(("ahead_s", "blocked"), [(119, True), (121, False), (-59, True), (-61, False)])
def test_no_slice_of_an_entry_goes_out_inside_the_blackout(
    ahead_s: int, blocked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun in time, an entry may not rest its way through a settlement of either leg (SEMANTICS 5.7)."""
    world = maker_world().until(quoted, 600)
    pair, entry = world.pair(), resting(world)
    assert pair is not None
    assert entry is not None
    core = world.desk.core
    known = core.picture.rate(pair.short.instrument, world.now)
    assert known is not None
    assert known.interval_h is not None
    next_ts = world.now + ahead_s * 1000 * MS
    if ahead_s < 0:
        next_ts += int(known.interval_h * 3600) * 1000 * MS
    row = replace(known, next_ts=next_ts)
    monkeypatch.setattr(type(core.picture), "rate", lambda self, name, now=None: row)
    check = entry_check(core, entry.request)
    assert (check is not None) is blocked
    answer = world.desk.submit.ask_gate(replace(entry.request, client_order_id="again"))
    assert ("settles: no entry" in answer.refusal) is blocked
    assert answer.allowed is not blocked
    assert entry_check(core, replace(entry.request, purpose=Purpose.HEDGE)) is None
    assert entry_check(core, replace(entry.request, purpose=Purpose.UNWIND)) is None


@pytest.mark.parametrize("fills_after", [True, False], ids=["it fills", "it only rests"])
def test_a_quote_that_was_falsely_called_canceled_is_counted_hedged_once_and_asked_to_go(
    fills_after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next quote stands beside it: one slice more is naked while a hedge takes, for the venue has
    lied; what fills is hedged, what does not is canceled again when a read shows it."""
    world = DeskWorld(
        settings=settings(post_only_window_s=120, post_only_requotes=20), seed=4 if fills_after else 3
    )
    lied: list[OrderEntry] = []
    honest = Tap.cancel

    def cancel(tap: Tap, now: int, instrument: str, name: str, venue_order_id: str) -> None:
        entry = world.desk.core.orders.get(name)
        if lied or entry is None or not entry.request.post_only:
            honest(tap, now, instrument, name, venue_order_id)
            return
        lied.append(entry)
        due = now + 20 * MS
        world.queue.deliver(due, OrderCanceled(tap.name, name, "canceled", entry.filled, due, due))

    monkeypatch.setattr(Tap, "cancel", cancel)
    world.until(lambda _w: bool(lied), 900)
    world.until(lambda w: w.pair_states() == [PairState.HEDGED], 300).run(60)
    pair, (quote,) = world.pair(), lied
    assert pair is not None
    assert quote.filled == (quote.request.quantity if fills_after else 0)
    traded = {Purpose.ENTRY: ZERO, Purpose.HEDGE: ZERO}
    for order, fill in fills(world):
        traded[order.purpose] += fill.quantity
    assert set(traded.values()) == {pair.short.size} == {pair.long.size} == {pair.short.target}
    assert _naked_is_nothing(world)
    world.books_agree()
    assert len([name for _, name in world.cancels if name == quote.id]) == (0 if fills_after else 1)


def test_fees_of_a_failed_attempt_are_an_episode_of_their_own() -> None:
    world = maker_world(post_only_window_s=120, post_only_requotes=20)
    world.on_submit = lambda w, o: refuse(w, o) if o.purpose is Purpose.HEDGE else o
    world.until(lambda w: bool(w.desk.core.state.episodes), 1800)
    (episode,) = world.desk.core.state.episodes
    assert episode.kind == "pair"
    assert episode.fees > 0
    assert episode.net_pnl == episode.price_pnl - episode.fees
    assert world.desk.core.state.pairs.failures
    world.run(20)
    assert world.desk.strategies.states["funding_arb"].failures == {episode.hedge_group: 1}
    assert sum((f.fee for f in (fill for _, fill in fills(world))), ZERO) > 0
