"""Reconciliation through the whole desk: the venue is the truth, and nothing is invented."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk import figures
from services.desk.views.pairs import pair_views
from services.domain.enums import PairState, Side, TradingState
from services.domain.events import (
    AccountReport,
    Event,
    FundingSettled,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderReport,
)
from services.domain.records import FillRecord
from tests.desk.world import Answers, DeskWorld, quick

ETH = "ETH-USDT-PERP.beta"


@pytest.fixture
def hedged() -> DeskWorld:
    return DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])


def _reconciled(world: DeskWorld) -> list[str]:
    return [name for name, *_ in world.causes() if name == "reconcile"]


def test_a_foreign_fill_is_booked_shown_and_changes_no_pair(hedged: DeskWorld) -> None:
    sizes = [(leg.instrument, leg.size) for pair in hedged.desk.core.pairs.live() for leg in pair.legs]
    hedged.foreign(ETH, Side.BUY, "0.5")
    hedged.run(40)
    hedged.books_agree()
    assert any(note.key == f"foreign:{ETH}" for note in hedged.told)
    rows = [row for row in hedged.keeper.rows if isinstance(row, FillRecord) and row.foreign]
    assert [row.size for row in rows] == [Decimal("0.5")]
    assert sizes == [(leg.instrument, leg.size) for p in hedged.desk.core.pairs.live() for leg in p.legs]
    assert _reconciled(hedged) == []


def test_a_foreign_addition_to_our_leg_leaves_the_pairs_size_alone(hedged: DeskWorld) -> None:
    short, _ = hedged.legs()
    pair = hedged.pair()
    assert pair is not None
    own = pair.short.size
    hedged.foreign(short, Side.SELL, "0.1")
    hedged.run(40)
    hedged.books_agree()
    assert pair.short.size == own
    assert hedged.pair_states() == [PairState.HEDGED]


def test_a_foreign_resting_order_is_seen_and_flatten_cancels_it(hedged: DeskWorld) -> None:
    hedged.foreign(ETH, Side.BUY, "0.5", price="1200.00")
    hedged.run(40)
    assert len(hedged.desk.state.venues["beta"].foreign_orders) == 1
    identity = hedged.command("flatten")
    hedged.until(lambda w: identity in w.done, 60)
    assert hedged.done[identity].exit == 0, hedged.done[identity].text
    assert hedged.exchange.books("beta").orders == ()
    assert hedged.positions() == {}


@pytest.mark.parametrize("lost", ["fills", "all words", "all words and probes"])
def test_a_missing_fill_comes_back_from_a_report_once(lost: str) -> None:
    """Bug O2: the venue is read and compared again and again."""
    world = DeskWorld(settings=quick())
    dropped: list[Event] = []
    kinds: tuple[type, ...] = (OrderFilled,)
    if lost != "fills":
        kinds = (OrderFilled, OrderAccepted, OrderCanceled)
    if lost == "all words and probes":
        kinds = (*kinds, OrderReport)

    def drop(due: int, event: Event) -> Answers:
        if isinstance(event, kinds) and len(dropped) < 6:
            dropped.append(event)
            return ()
        return ((due, event),)

    world.wire.hook = drop
    world.until(lambda w: len(dropped) >= 1, 120)
    world.run(100)
    assert any(isinstance(event, OrderFilled) for event in dropped)
    world.books_agree()
    rows = [row for row in world.keeper.rows if isinstance(row, FillRecord)]
    assert len({row.trade_id for row in rows}) == len(rows)
    assert all(size == 0 for size in world.naked().values())
    assert all(state is PairState.HEDGED for state in world.pair_states())
    ids = [each.order.client_order_id for each in world.sent]
    assert len(ids) == len(set(ids))


def test_a_small_difference_is_adopted_and_the_day_has_a_bound(hedged: DeskWorld) -> None:
    account, alerts = hedged.exchange.venues["alpha"].state.account, hedged.desk.core.alerts
    for _ in range(6):
        account.add("USD", Decimal(-8))
        hedged.until(lambda _: alerts.is_open("figures differ:alpha"), 35)
        hedged.run(35)
        assert not alerts.is_open("figures differ:alpha"), "the next read agrees"
    told = [
        note for note in hedged.told if note.key == "figures differ:alpha" and "resolved" not in note.text
    ]
    assert len(told) == 1, "one that flaps is not told anew before its repeat is due"
    assert "USD" in told[0].text
    hedged.books_agree()
    assert _reconciled(hedged) == []
    assert hedged.desk.state.adoption.usd == Decimal(48)
    account.add("USD", Decimal(-8))
    hedged.run(35)
    assert _reconciled(hedged) == ["reconcile"], "small differences must not creep"


def test_a_large_difference_reduces_until_it_is_accepted(hedged: DeskWorld) -> None:
    """Bug O2: a mismatch stops new risk."""
    hedged.exchange.venues["alpha"].state.account.add("USDT", Decimal(-500))
    hedged.run(60)
    assert ("reconcile", "account:alpha", TradingState.REDUCING, True) in hedged.causes()
    before = hedged.desk.core.ledger.account("alpha").balances["USDT"]
    assert hedged.answer("resume", reason="never mind").exit == 4
    hedged.run(120)
    assert _reconciled(hedged) == ["reconcile"]
    answer = hedged.answer("reconcile accept")
    assert answer.ok
    assert "USDT" in answer.result
    after = hedged.desk.core.ledger.account("alpha").balances["USDT"]
    assert before - after == Decimal(500)
    hedged.run(60)
    assert _reconciled(hedged) == []
    hedged.books_agree()


def test_a_position_that_no_fill_explains_is_never_invented(hedged: DeskWorld) -> None:
    """It appears in the report: shown line by line, REDUCING, adopted by a person, then flattened."""
    from services.venues.sim.accounts import fee_of

    venue = hedged.exchange.venues["beta"]
    spec = hedged.desk.core.instruments[ETH]
    price = venue.floor.mark(ETH)
    venue.state.account.trade(spec, Side.BUY, Decimal(1), price, fee_of(spec, Decimal(1), price, False))
    fills = hedged.desk.state.counters.fills
    hedged.run(60)
    assert _reconciled(hedged) == ["reconcile"]
    assert hedged.desk.state.counters.fills == fills
    assert ETH not in hedged.desk.core.ledger.account("beta").positions
    assert hedged.answer("reconcile accept").ok
    hedged.run(60)
    hedged.books_agree()
    identity = hedged.command("flatten")
    hedged.until(lambda w: identity in w.done, 60)
    assert hedged.done[identity].exit == 0, hedged.done[identity].text
    assert hedged.positions() == {}


def test_a_foreign_reduction_of_our_leg_is_a_missing_leg(hedged: DeskWorld) -> None:
    short, long = hedged.legs()
    sent = len(hedged.sent)
    hedged.foreign(short, Side.BUY, "0.2")
    hedged.run(60)
    assert len(hedged.sent) > sent
    assert not any(each.increasing for each in hedged.sent[sent:])
    assert hedged.positions() == {}, "cut to match, then exit"
    assert {each.order.instrument for each in hedged.sent[sent:]} == {short, long}
    hedged.books_agree()
    assert hedged.desk.state.episodes[-1].reason == "leg missing: foreign fill"


def test_deleveraging_at_the_venue_cuts_the_other_leg() -> None:
    world = DeskWorld("adl", settings=quick())
    world.until(lambda w: w.pair_states() == [PairState.HEDGED])
    world.run(3600 - world.seconds - 10)
    before = world.positions()
    assert len(before) >= 2
    sent = len(world.sent)
    world.run(70)
    assert len(world.sent) > sent
    assert not any(each.increasing for each in world.sent[sent:])
    assert all(size == 0 for size in world.naked().values())
    assert not any(instrument in world.positions() for instrument in before)
    world.run(40)
    world.books_agree()


def test_a_settlement_row_that_does_not_come_is_an_alert_and_never_booked(hedged: DeskWorld) -> None:
    held: list[FundingSettled] = []

    def without(due: int, event: Event) -> Answers:
        if isinstance(event, FundingSettled):
            held.append(event)
            return ()
        if isinstance(event, AccountReport):
            return ((due, replace(event, payments=())),)
        return ((due, event),)

    hedged.wire.hook = without
    hedged.run(21 * 60)
    assert len(held) >= 1
    assert any(note.key.startswith("missed settlement:") for note in hedged.told)
    assert hedged.desk.state.counters.received == 0
    assert hedged.desk.state.counters.paid == 0


def test_a_missed_payment_is_booked_once_from_the_next_report(hedged: DeskWorld) -> None:
    held: list[FundingSettled] = []

    def drop(due: int, event: Event) -> Answers:
        if isinstance(event, FundingSettled):
            held.append(event)
            return ()
        return ((due, event),)

    hedged.wire.hook = drop
    hedged.run(11 * 60)
    assert len(held) == 1
    hedged.books_agree()
    assert hedged.desk.state.counters.received > 0
    for event in held:
        hedged.machine.feed(event)
    hedged.books_agree()


def test_a_payment_that_is_not_what_our_position_had_to_bring_is_an_alert(hedged: DeskWorld) -> None:
    """The row is booked, the venue being the truth; the alert goes with the next one that agrees."""
    paid: list[FundingSettled] = []

    def short(due: int, event: Event) -> Answers:
        if isinstance(event, FundingSettled):
            event = replace(event, amount=event.amount * Decimal("0.9"))
            paid.append(event)
        return ((due, event),)

    hedged.wire.hook = short
    hedged.until(lambda w: bool(paid) and any(note.key.startswith("figures differ") for note in w.told), 900)
    key = f"figures differ:{paid[0].instrument}"
    alerts, books = hedged.desk.core.alerts, hedged.desk.core.ledger.account(paid[0].venue)
    assert alerts.is_open(key)
    assert paid[0].payment_id in books.payments.ids
    (view,) = (each for each in alerts.views() if each.key == key)
    assert str(paid[0].amount.normalize()) in view.text.replace("+", "")
    (pair,) = pair_views(hedged.desk.core)
    assert pair.settled[0].ts == paid[0].ts_event
    assert pair.settled[0].realised == pair.funding_realised
    assert pair.settled[0].expected == pair.funding_expected
    held = hedged.desk.core.ledger.size(hedged.desk.core.instruments[paid[0].instrument])
    due = paid[0].amount / Decimal("0.9")
    agreeing = replace(paid[0], payment_id="next", amount=due, ts_event=paid[0].ts_event + 1)
    figures.at_instant(hedged.desk.core, paid[0].instrument, agreeing.ts_event, held, None)
    hedged.machine.feed(agreeing)
    assert not alerts.is_open(key)


def test_reports_that_overtake_each_other_change_nothing(hedged: DeskWorld) -> None:
    turn = [0]

    def jumble(due: int, event: Event) -> Answers:
        if isinstance(event, AccountReport):
            turn[0] += 1
            return ((due + (turn[0] % 3) * 1_500_000_000, event),)
        return ((due, event),)

    hedged.wire.hook = jumble
    pair = hedged.pair()
    assert pair is not None
    hedged.command("pair close", id=pair.id)
    hedged.run(120)
    assert hedged.positions() == {}
    assert _reconciled(hedged) == [], [d.text for d in hedged.decisions("difference")]
    hedged.books_agree()
