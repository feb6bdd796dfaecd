"""Account reads that a second look found believed too much, too little, or lost (SEMANTICS 5.6, 7, 10)."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from services.domain.enums import PairState, Side
from services.domain.events import (
    AccountReport,
    Event,
    FundingSettled,
    MarketFrame,
    OrderFilled,
    PositionRow,
    TransferBooked,
)
from tests.desk.world import Answers, DeskWorld, S, quick

D = Decimal


def hedged() -> DeskWorld:
    world = DeskWorld(settings=quick())
    return world.until(lambda w: PairState.HEDGED in w.pair_states()).run(1)


def _swallow_foreign_fills(due: int, event: Event) -> Answers:
    """Neither the event nor the read's list names fills that are not ours: a venue that reports them late."""
    if isinstance(event, OrderFilled) and not event.client_order_id:
        return ()
    if isinstance(event, AccountReport):
        ours = tuple(fill for fill in event.fills if fill.client_order_id)
        return ((due, replace(event, fills=ours)),)
    return ((due, event),)


def test_a_leg_that_two_reads_show_missing_is_missing_without_any_venue_event() -> None:
    """The other leg is cut to match by reducing orders; new risk waits for `reconcile accept`."""
    world = hedged()
    pair = world.pair()
    assert pair is not None
    world.wire.hook = _swallow_foreign_fills
    held = world.position(pair.short.instrument)
    world.foreign(pair.short.instrument, Side.BUY, str(abs(held)))
    sent = len(world.sent)
    world.run(45)
    assert all(not each.increasing for each in world.sent[sent:])
    assert world.position(pair.long.instrument) == 0
    assert all(size == 0 for size in world.naked().values())
    assert ("reconcile", "account:" + pair.short.instrument.rpartition(".")[2]) in [
        cause[:2] for cause in world.causes()
    ]


def test_one_read_alone_is_no_missing_leg() -> None:
    world = hedged()
    pair = world.pair()
    assert pair is not None
    venue = pair.short.instrument.rpartition(".")[2]
    lied: list[int] = []

    def lie_once(due: int, event: Event) -> Answers:
        if isinstance(event, AccountReport) and event.venue == venue and not lied:
            lied.append(due)
            return ((due, replace(event, positions=())),)
        return ((due, event),)

    world.wire.hook = lie_once
    world.run(60)
    assert lied
    assert world.pair_states() == [PairState.HEDGED]


def test_a_position_found_during_a_flatten_is_closed_by_it() -> None:
    """It shows in the venue's reads only; the gate must count it as reducible."""
    world = hedged()
    other = "ETH-USDT-PERP.alpha"
    assert world.position(other) == 0
    world.wire.hook = _swallow_foreign_fills
    world.foreign(other, Side.BUY, "0.5")
    command = world.command("flatten")
    world.until(lambda w: command in w.done, 120)
    assert world.positions() == {}
    assert world.done[command].ok, world.done[command].text


def test_a_word_that_cannot_be_taken_never_hides_a_difference() -> None:
    """A read whose missing events stay missing after they were handled is compared all the same."""
    world = hedged()
    venue = "alpha"
    strange = "DOGE-PERP.alpha"

    def add(due: int, event: Event) -> Answers:
        if not isinstance(event, AccountReport) or event.venue != venue:
            return ((due, event),)
        fill = OrderFilled(
            venue=venue, instrument=strange, client_order_id="", venue_order_id="", trade_id=f"d{due}",
            side=Side.BUY, quantity=D(5), price=D(1), fee=D(0), fee_coin="USD",
            ts_event=event.ts_event, ts=due,
        )  # fmt: skip
        rows = (*event.positions, PositionRow(strange, D(5), D(1), None))
        return ((due, replace(event, fills=(*event.fills, fill), positions=rows)),)

    world.wire.hook = add
    world.run(45)
    assert ("reconcile", "account:alpha") in [cause[:2] for cause in world.causes()]


def test_accepting_and_flattening_move_our_books_by_the_difference_not_to_an_old_figure() -> None:
    world = hedged()
    pair = world.pair()
    assert pair is not None
    world.wire.hook = _swallow_foreign_fills
    other = "ETH-USDT-PERP.alpha"
    world.foreign(other, Side.BUY, "0.5")
    world.until(lambda w: any(book.differences for book in w.desk.state.venues.values()))
    spec = world.desk.core.instruments[other]
    world.answer("reconcile accept")
    assert world.desk.core.ledger.size(spec) == D("0.5")
    world.answer("reconcile accept")
    assert world.desk.core.ledger.size(spec) == D("0.5")


def test_the_reads_go_on_when_an_answer_is_lost_just_before_a_timer() -> None:
    """A timer that comes while a younger question is open must not be the last one."""
    world = hedged()

    def lose(due: int, event: Event) -> Answers:
        return () if isinstance(event, AccountReport) and event.venue == "alpha" else ((due, event),)

    world.wire.hook = lose
    core = world.desk.core
    from services.desk import account

    account.ask(core, "alpha", "in doubt")
    core.out.clear()
    world.desk.life.timer("read alpha")
    assert core.state.timers.get("read alpha") is not None
    core.state.timers.pop("read alpha")
    core.out.clear()
    world.desk.life.timer("read alpha")
    due = core.state.timers.get("read alpha")
    assert due is not None
    assert due <= world.now + 31 * S


def test_a_flatten_never_proves_flat_over_a_position_in_an_unknown_instrument() -> None:
    """We cannot close it, so it is listed as left, with its size."""
    world = hedged()
    strange = "DOGE-PERP.alpha"

    def add(due: int, event: Event) -> Answers:
        if not isinstance(event, AccountReport) or event.venue != "alpha":
            return ((due, event),)
        rows = (*event.positions, PositionRow(strange, D(5), D(1), None))
        return ((due, replace(event, positions=rows)),)

    world.wire.hook = add
    command = world.command("flatten")
    world.until(lambda w: command in w.done, 180)
    done = world.done[command]
    assert not done.ok
    assert done.exit == 5
    assert f"{strange} 5" in done.text
    assert world.positions() == {}


def test_two_deposits_in_one_read_issue_units_one_after_the_other() -> None:
    """The second one comes to an equity that already holds the first."""
    world = hedged()
    core = world.desk.core
    before = core.units.state.units
    assert before is not None
    equity = core.breaker.state.last
    assert equity is not None
    usd = equity.value * before
    money = [TransferBooked("alpha", f"t{n}", "USD", usd, world.now, world.now) for n in (1, 2)]
    for each in money:
        world.exchange.venues["alpha"].state.account.balances["USD"] += each.amount

    def add(due: int, event: Event) -> Answers:
        if isinstance(event, AccountReport) and event.venue == "alpha":
            return ((due, replace(event, transfers=tuple(money))),)
        return ((due, event),)

    world.wire.hook = add
    world.run(45)
    units = core.units.state.units
    assert units is not None
    assert abs(units / before - 3) < D("0.01")
    assert core.breaker.state.last is not None
    assert abs(core.breaker.state.last.value - equity.value) < D("0.01")


def test_what_the_opening_read_lists_is_not_booked_again_by_the_next() -> None:
    """Fills, payments and transfers of the second before it come again: they are in the balances already."""
    world = DeskWorld(settings=quick())
    start = world.now
    money = TransferBooked("alpha", "before", "USD", D(70_000), start, start)
    paid = FundingSettled(
        venue="alpha", payment_id="p0", instrument="BTC-USDT-PERP.alpha", size=D(1), price=D(1), rate=D(0),
        amount=D(900), coin="USD", ts_event=start, ts=start,
    )  # fmt: skip

    def add(due: int, event: Event) -> Answers:
        if isinstance(event, AccountReport) and event.venue == "alpha":
            return ((due, replace(event, transfers=(money,), payments=(paid,))),)
        return ((due, event),)

    world.wire.hook = add
    world.run(45)
    ours = world.desk.core.ledger.account("alpha").balances["USD"]
    theirs = {row.coin: row.total for row in world.exchange.books("alpha").balances}["USD"]
    assert abs(ours - theirs) < 100
    assert not [cause for cause in world.causes() if cause[0] == "reconcile"]


def test_a_fill_of_ours_that_is_late_is_no_missing_leg() -> None:
    """An exit that filled unheard makes the venue's position smaller; its order's last word comes first."""
    world = hedged()
    pair = world.pair()
    assert pair is not None
    sizes = (pair.short.size, pair.long.size)

    def deaf(due: int, event: Event) -> Answers:
        if isinstance(event, MarketFrame):
            return ((due, event),)
        if isinstance(event, AccountReport):
            return ((due, replace(event, fills=())),)
        return ((due + 20 * S, event),)

    world.wire.hook = deaf
    world.answer("pair close", id=pair.id)
    # Inside the venue's settling time: after it a read that lists neither order nor fill is its last word.
    world.run(8)
    assert world.naked()["BTC"] != 0
    assert (pair.short.size, pair.long.size) == sizes
    world.wire.hook = lambda due, event: ((due, event),)
    world.run(120)
    assert pair.short.size >= 0
    assert pair.long.size >= 0
    assert all(size == 0 for size in world.naked().values())
    world.books_agree()
