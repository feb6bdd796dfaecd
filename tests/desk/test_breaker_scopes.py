"""Every other breaker through the whole desk: what it stops, what it leaves alone, how it ends (rows H)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk import revaluation, risk
from services.desk.gatekeeping import order_context
from services.domain.effects import Cancel, WriteLatch
from services.domain.enums import Purpose, Side, TradingState
from services.domain.events import Event, IndexRow, MarketFrame, OrderRejected
from services.domain.machine_events import LoopStall
from services.domain.orders import OrderRequest, client_order_id
from services.domain.venue_events import RequestFailed
from services.risk.breaker import DRAWDOWN, ROLLING, BreakerEvent
from services.risk.gate import check_order
from services.settings.parameters import Breaker
from tests.desk.test_breakers_live import lose
from tests.desk.world import Answers, DeskWorld, quick

D = Decimal
PERP = "BTC-USDT-PERP.alpha"
OTHER = "BTC-USDT-PERP.beta"


def desk(**more: object) -> DeskWorld:
    """Nobody trades but the tests."""
    return DeskWorld("calm", settings=replace(quick(), strategies={}, **more)).run(20)


def heard(w: DeskWorld) -> set[str]:
    return {note.key for note in w.told}


def entry(w: DeskWorld, instrument: str = PERP) -> bool:
    """Would a small entry be let out now?"""
    core = w.desk.core
    mark = core.picture.mark(instrument)
    assert mark is not None
    order = OrderRequest(
        client_order_id="q",
        instrument=instrument,
        side=Side.BUY,
        quantity=D("0.01"),
        price=core.instruments[instrument].round_price(Side.BUY, mark),
        purpose=Purpose.TICKET,
        origin="operator",
    )
    return check_order(order_context(core, order), order).allowed


def reject(w: DeskWorld, number: int) -> None:
    """The venue refuses an order of ours."""
    name = client_order_id("abc123", 900_000 + number, Purpose.TICKET, 0, 0)
    order = OrderRequest(
        client_order_id=name,
        instrument=PERP,
        side=Side.BUY,
        quantity=D("0.01"),
        price=D(10000),
        purpose=Purpose.TICKET,
        origin="operator",
    )
    w.desk.core.orders.add(order, w.now)
    w.desk.core.orders.sent(name, w.now)
    w.machine.feed(OrderRejected("alpha", name, "no", w.now, w.now))


# -- scopes --------------------------------------------------------------------------------------------------


def test_a_losing_streak_stops_that_strategy_alone_until_it_is_enabled() -> None:
    w = DeskWorld("calm", settings=quick()).run(20)
    core = w.desk.core
    from services.desk.tripping import trip

    for _ in range(7):
        trip(core, core.trips.episode("funding_arb", D(-1)))
    assert w.causes() == []
    trip(core, core.trips.episode("funding_arb", D(-1)))
    assert ("losing streak", "strategy:funding_arb", TradingState.REDUCING, True) in w.causes()
    assert "strategy:funding_arb" in core.causes.disabled()
    assert core.causes.overall() is TradingState.ACTIVE
    assert entry(w), "the operator's own orders pass"
    assert w.answer("enable", name="funding_arb", reason="looked at").ok
    assert w.causes() == []
    assert core.causes.disabled() == {}


@pytest.mark.parametrize(("count", "gap_s"), [(5, 0), (10, 50)])
def test_rejects_stop_new_risk_at_that_venue_alone_until_resumed(count: int, gap_s: int) -> None:
    w = desk()
    for number in range(count):
        assert ("rejects", "venue:alpha", TradingState.REDUCING, True) not in w.causes()
        reject(w, number)
        if gap_s:
            w.desk.core.trips.accepted("alpha")  # not in a row
            w.run(gap_s)
    assert ("rejects", "venue:alpha", TradingState.REDUCING, True) in w.causes()
    assert not entry(w)
    assert entry(w, OTHER)
    assert w.answer("resume", reason="understood").ok
    assert entry(w)
    reject(w, 20)
    assert w.causes() == [], "counted anew"


def test_a_venues_error_rate_blocks_new_risk_there_and_clears_while_nothing_is_sent() -> None:
    """It clears by the reads that go on: with new risk blocked no order could ever show the venue well."""
    w = desk()
    for number in range(25):
        w.machine.feed(
            RequestFailed(venue="alpha", what="query", subject=str(number), reason="500", ts=w.now)
        )
    assert not entry(w)
    assert entry(w, OTHER)
    assert "venue errors:alpha" in heard(w)
    assert w.desk.core.causes.overall() is TradingState.ACTIVE
    w.run(100)
    assert not entry(w), "not yet"
    w.run(120)
    assert entry(w)
    assert not w.desk.core.alerts.is_open("venue errors:alpha")


def test_a_stall_warns_and_a_long_one_halts_everything_latched() -> None:
    w = desk()
    w.machine.feed(LoopStall(499, w.now))
    assert heard(w) == set()
    w.machine.feed(LoopStall(500, w.now))
    assert w.desk.core.alerts.is_open("loop stall:all")
    assert w.trading_state is TradingState.ACTIVE
    w.run(70)
    assert not w.desk.core.alerts.is_open("loop stall:all"), "a warning that is over goes"
    w.machine.feed(LoopStall(2000, w.now))
    assert w.desk.core.causes.overall() is TradingState.HALTED
    assert w.keeper.latches[-1].state is TradingState.HALTED
    w.run(120)
    assert w.desk.core.causes.overall() is TradingState.HALTED, "it latches"
    assert w.answer("resume", reason="the disk was slow").ok


# -- rows H --------------------------------------------------------------------------------------------------


def test_bug_h6_equity_counts_unrealised_profit_and_coins_at_their_own_price() -> None:
    w = desk()
    before = risk.equity(w.desk.core)
    assert before is not None
    fallen: list[float] = [1.0]

    def fall(due: int, event: Event) -> Answers:
        if not isinstance(event, MarketFrame):
            return ((due, event),)
        rows = tuple(
            IndexRow(row.coin, row.index * fallen[0]) if row.coin == "USDC" else row for row in event.indexes
        )
        return ((due, replace(event, indexes=rows)),)

    w.wire.hook = fall
    fallen[0] = 0.97
    w.run(35)
    after = risk.equity(w.desk.core)
    assert after is not None
    assert abs((before - after) - 30_000 * D("0.03")) < D(20), "30 000 USDC lost three cents each"
    fallen[0] = 1.0
    w.run(35)
    w.foreign(PERP, Side.BUY, "1")
    w.run(5)
    core = w.desk.core
    flat = risk.equity(core)
    held = core.ledger.position(core.instruments[PERP])
    assert held is not None
    assert flat is not None
    held.entry -= 1000
    gained = risk.equity(core)
    assert gained is not None
    assert abs(gained - flat - 1000) < D(5)


def test_bug_h7_a_trip_cancels_what_increases_keeps_what_reduces_and_calls() -> None:
    w = desk()
    core = w.desk.core
    for name, reduce in (("abc123000000800t0000", False), ("abc123000000801x0000", True)):
        order = OrderRequest(
            client_order_id=name,
            instrument=PERP,
            side=Side.BUY,
            quantity=D("0.01"),
            price=D(10000),
            reduce_only=reduce,
            purpose=Purpose.EXIT if reduce else Purpose.TICKET,
            origin="operator",
        )
        core.orders.add(order, w.now)
        core.orders.sent(name, w.now)
        w.exchange.venues["alpha"].submit(w.now, replace(order, reduce_only=False))
    w.run(1)
    lose(w, "6000")
    assert ("breaker daily", "all", TradingState.HALTED, True) in w.causes()
    assert "breaker daily" in heard(w)
    told = [each for each in w.keeper.effects if isinstance(each, WriteLatch | Cancel)]
    latch = next(at for at, each in enumerate(told) if isinstance(each, WriteLatch))
    assert told[latch].state is TradingState.HALTED  # type: ignore[union-attr]
    assert "abc123000000801x0000" not in [name for _, name in w.cancels]
    assert not entry(w)
    assert w.positions() == {}


def test_bug_h11_it_is_evaluated_at_least_every_five_seconds() -> None:
    w = desk()
    for _ in range(30):
        w.run(1)
        last = w.desk.core.breaker.state.last
        assert last is not None
        assert w.now - last.ts <= 5_000_000_000
    # With nothing heard at all the timer looks: unknown is found out in time.
    w.wire.hook = lambda due, event: () if isinstance(event, MarketFrame) else ((due, event),)
    w.run(20)
    assert w.desk.core.causes.overall() is TradingState.REDUCING


def test_a_refused_resume_names_what_still_holds_and_takes_nothing_away() -> None:
    w = desk()
    lose(w, "6000")
    before = w.causes()
    answer = w.answer("resume", reason="go on")
    assert answer.exit == 4
    assert "breaker daily (all) still holds" in answer.text
    assert '--override "breaker daily"' in answer.text
    assert "breaker rolling" in answer.text
    assert w.causes() == before
    wrong = w.answer("resume", reason="go on", override="breaker weekly")
    assert "no such latched cause" in wrong.text
    assert w.answer("resume", reason="go on", rebase="daily").ok, "it takes the rolling one along"
    assert w.causes() == []


# -- what is currency ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [ROLLING, DRAWDOWN])
@pytest.mark.parametrize(("currency", "flattens"), [("-2600", False), ("-2400", True), ("500", True)])
def test_the_action_flatten_looks_at_the_currency_part_of_the_same_loss(
    name: str, currency: str, flattens: bool
) -> None:
    """A loss of 5 % of 100 000 USD or so; more than half of it in coins is never sold at the low."""
    w = desk(breaker=Breaker(flatten=True))
    book = w.desk.core.state.revaluation
    book.total += D(currency)
    event = BreakerEvent(kind="trip", name=name, value=D("0.05"), limit=D("0.05"), text="")
    assert revaluation.wants_flatten(w.desk.core, event, D(95_000)) is flattens
    revaluation.rebased(w.desk.core, "daily" if name == ROLLING else name)
    assert revaluation.currency_loss(w.desk.core, name) == 0


def test_without_figures_it_halts() -> None:
    w = desk(breaker=Breaker(flatten=True))
    event = BreakerEvent(kind="trip", name=ROLLING, value=None, limit=None, text="")
    assert not revaluation.wants_flatten(w.desk.core, event, D(95_000))
    event = BreakerEvent(kind="trip", name=ROLLING, value=D("0.05"), limit=None, text="")
    assert not revaluation.wants_flatten(w.desk.core, event, None)


# -- rows D --------------------------------------------------------------------------------------------------


def test_bug_d11_balances_and_positions_come_in_one_picture_and_an_older_one_is_left_alone() -> None:
    """Two calls can show a fill in the one and not in the other: a read has one venue time for all of it."""
    w = desk()
    old = w.exchange.books("alpha")
    w.foreign(PERP, Side.BUY, "0.5")
    w.run(40)
    now = w.exchange.books("alpha")
    assert [row.size for row in now.positions if row.size] == [D("0.5")]
    assert any(before != after for before, after in zip(old.balances, now.balances, strict=True)), "the fee"
    causes, book = w.causes(), w.desk.core.state.venues["alpha"]
    read = book.report_event
    w.machine.feed(replace(old, request=book.asked or "alpha-1", ts=w.now))
    assert book.report_event == read
    assert w.causes() == causes
    w.books_agree()
