"""Edges of the clocks, prices, life and measured fills, each once changed unnoticed (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.domain.enums import OrderState, Purpose, Side, TimeInForce
from services.execution.entries import OrderEntry
from services.execution.life import Happened, step
from services.execution.measured import (
    KEPT,
    Attempts,
    FillStats,
    Realised,
    expected,
    note_fill,
    p90,
)
from services.execution.patience import Patience
from services.execution.pricing import notional, smallest
from services.execution.stop_levels import StopRule, backstop_level, initial_level, tighter
from services.settings.parameters import Execution, Settings
from tests.execution.builders import BTC_A, INSTRUMENTS, MS, SECOND, START
from tests.execution.test_table import request

D = Decimal
S = OrderState
T = START
WAIT = 2 * SECOND
GTC, IOC = TimeInForce.GTC, TimeInForce.IOC


def entry(tif: TimeInForce = GTC, **facts: object) -> OrderEntry:
    found = OrderEntry(request("a", tif), "alpha", created=T)
    for name, value in facts.items():
        setattr(found, name, value)
    return found


@pytest.mark.parametrize(
    ("tif", "facts", "due"),
    [
        (GTC, {"state": S.INITIALIZED}, None),
        (IOC, {"state": S.INITIALIZED}, None),
        (IOC, {"state": S.FILLED, "sent": T}, None),
        (GTC, {"state": S.SUBMITTED, "sent": T + 5}, T + 5 + WAIT),
        (GTC, {"state": S.SUBMITTED}, T + WAIT),
        (GTC, {"state": S.ACCEPTED, "sent": T}, None),
        (IOC, {"state": S.ACCEPTED, "sent": T + 5}, T + 5 + WAIT),
        (GTC, {"state": S.ACCEPTED, "sent": T, "cancel_sent": T + 9}, None),
        (GTC, {"state": S.PENDING_CANCEL, "sent": T}, None),
        (GTC, {"state": S.PENDING_CANCEL, "sent": T, "answered": T, "cancel_sent": T + 9}, T + 9 + WAIT),
        (
            GTC,
            {
                "state": S.PENDING_CANCEL,
                "sent": T,
                "answered": T,
                "cancel_sent": T + 9,
                "cancel_since": T + 7,
            },
            T + 7 + WAIT,
        ),
        (GTC, {"state": S.PENDING_CANCEL, "sent": T + 3, "cancel_sent": T + 9}, T + 3 + WAIT),
        (GTC, {"state": S.PENDING_CANCEL, "sent": T + 30, "cancel_sent": T + 9}, T + 9 + WAIT),
    ],
)
def test_when_silence_becomes_doubt(tif: TimeInForce, facts: dict[str, object], due: int | None) -> None:
    assert Patience(Execution()).deadline(entry(tif, **facts)) == due


def test_every_doubt_begins_its_probes_anew_and_ends_with_them() -> None:
    patience = Patience(Execution())
    order = entry(state=S.IN_DOUBT, sent=T)
    patience.watch(order, T)
    probes = []
    at = order.next_probe
    for _ in range(8):
        assert at is not None
        probes.append(at - T)
        order.probes += 1
        at = patience.probe_at(order, at)
    steps = [D("0.25"), D("0.5"), D(1), D(2), D(5), D(10), D(20), D(30)]
    assert probes == [int(each * SECOND) for each in steps]
    order.state = S.ACCEPTED
    patience.watch(order, T + SECOND)
    assert (order.doubt_since, order.next_probe) == (None, None)
    order.state = S.IN_DOUBT
    patience.watch(order, T + 50 * SECOND)
    assert (order.probes, order.next_probe) == (0, T + 50 * SECOND + 250 * MS)


def test_a_failed_cancel_is_asked_again_ever_later_and_never_put_off() -> None:
    patience = Patience(Execution())
    order = entry(state=S.ACCEPTED, sent=T, answered=T)
    patience.cancel_failed(order, T)
    assert order.next_cancel is None, "none was sent"
    waits = []
    for _ in range(8):
        patience.cancel_sent(order, T, pending=False)
        assert order.next_cancel is None
        patience.cancel_failed(order, T)
        assert order.next_cancel is not None
        waits.append(order.next_cancel - T)
    assert waits == [int(D(each) * SECOND) for each in ("0.25", "0.5", "1", "2", "5", "10", "10", "10")]
    patience.cancel_failed(order, T - SECOND)
    assert order.next_cancel == T + 9 * SECOND
    patience.cancel_failed(order, T)
    assert order.next_cancel == T + 9 * SECOND, "the earlier time stands"
    assert patience.next_look(order) == T + 9 * SECOND
    assert [patience.cancel_due(order, T + 9 * SECOND + off) for off in (-1, 0)] == [False, True]
    order.state = S.SUBMITTED
    assert patience.next_look(order) == T + WAIT
    order.state, order.next_probe = S.IN_DOUBT, T + 20 * SECOND
    assert patience.next_look(order) == T + 9 * SECOND
    order.state, order.next_probe, order.venue_filled = S.CANCELED, T + 20 * SECOND, D(1)
    assert patience.next_look(order) == T + 20 * SECOND, "gone: only what it owes is asked for"
    assert not patience.cancel_due(order, T + 30 * SECOND)
    before = order.next_cancel
    patience.cancel_failed(order, T - 99 * SECOND)
    assert order.next_cancel == before


@pytest.mark.parametrize(("seen", "again"), [(-1, False), (0, False), (1, True)])
def test_shown_alive_after_its_cancel_it_is_asked_again(seen: int, again: bool) -> None:
    patience = Patience(Execution())
    order = entry(state=S.PENDING_CANCEL, sent=T - SECOND, answered=T - SECOND)
    patience.still_alive(order, T, T)
    assert order.next_cancel is None
    patience.cancel_sent(order, T, pending=False)
    patience.cancel_sent(order, T + 5, pending=True)
    assert (order.cancel_since, order.cancel_sent) == (T, T + 5)
    patience.still_alive(order, T + 5 + seen, T + SECOND)
    assert (order.next_cancel is not None) is again


# -- life, prices, levels --


def test_a_fill_of_an_order_that_was_filled_keeps_it_filled() -> None:
    assert step(S.FILLED, Happened.PART_FILL, filled=True).state is S.FILLED
    assert step(S.REJECTED, Happened.PART_FILL, filled=True).state is S.CANCELED
    assert step(S.DENIED, Happened.LAST_FILL, filled=True).state is S.FILLED
    for happened in (Happened.REJECTED, Happened.NOT_FOUND):
        assert step(S.IN_DOUBT, happened, filled=False).state is S.REJECTED
    assert step(S.IN_DOUBT, Happened.NOT_FOUND, filled=True).state is S.CANCELED
    assert step(S.IN_DOUBT, Happened.REJECTED, filled=True).state is S.REJECTED


@pytest.mark.parametrize(
    ("lot", "size", "minimum", "price", "usd", "least"),
    [
        ("0.1", "0.1", "0", "3", "2", "0.1"),
        ("0.1", "0.5", "0", "3", "2", "0.5"),
        ("0.5", "0.1", "0", "3", "2", "0.5"),
        ("0.1", "0.1", "5", "3", "0.5", "3.4"),
        ("0.1", "7", "5", "3", "0.5", "7"),
        ("0.1", "0.1", "0.6", "0.5", "0.7", "1.8"),
        ("0.1", "0.1", "5", "0", "2", "0.1"),
    ],
)
def test_the_least_order_in_any_coin(
    lot: str, size: str, minimum: str, price: str, usd: str, least: str
) -> None:
    facts = msgspec.structs.replace(
        INSTRUMENTS[BTC_A], size_increment=D(lot), min_size=D(size), min_notional=D(minimum)
    )
    assert smallest(facts, D(price), D(usd), reducing=False) == D(least)
    assert smallest(facts, D(price), D(usd), reducing=True) == D(least), (
        "spared where its venue says so alone"
    )
    spared = msgspec.structs.replace(facts, reduces_any_notional=True)
    assert smallest(spared, D(price), D(usd), reducing=False) == D(least)
    assert smallest(spared, D(price), D(usd), reducing=True) == max(D(lot), D(size))


def test_a_notional_is_in_dollars_and_unknown_when_a_price_is() -> None:
    assert notional(D(-3), D(7), D("0.9")) == D("18.9")
    assert notional(D(3), None, D(1)) is None
    assert notional(D(3), D(7), None) is None


def test_levels_lie_against_the_position() -> None:
    rule = StopRule(D("0.02"), D("0.01"), D("0.03"), D("0.04"))
    assert [initial_level(rule, sign, D(250)) for sign in (1, -1)] == [D(245), D(255)]
    assert [tighter(sign, D(3), D(4)) for sign in (1, -1)] == [D(4), D(3)]
    levels = [backstop_level(INSTRUMENTS[BTC_A], Settings().stop, sign, D("23000.03")) for sign in (1, -1)]
    assert levels == [D("22080.0"), D("23920.1")]


# -- measured --


def realised(notional: str, fees: str, slippage: str, fills: int = 20) -> Realised:
    return Realised(fills, D(notional), D(fees), D(slippage))


def test_rates_and_costs_of_less_than_a_dollar_are_figures_too() -> None:
    assert Attempts(1, asked=D("0.5"), filled=D("0.2")).rate == D("0.4")
    assert Attempts(1, asked=D("0.5"), filled=D(9)).rate == 1
    assert Attempts().rate is None
    small = realised("0.5", "0.0001", "0.0002")
    assert (small.bps, small.slippage_bps) == (6, 4)
    assert (Realised().bps, Realised().slippage_bps) == (None, None)


@pytest.mark.parametrize("mid", [None, "0", "-1", "0.5"])
@pytest.mark.parametrize("purpose", [Purpose.ENTRY, Purpose.EXIT, Purpose.HEDGE])
@pytest.mark.parametrize("maker", [True, False])
def test_a_fill_is_counted_by_its_kind_and_measured_where_its_mid_is_known(
    maker: bool, purpose: Purpose, mid: str | None
) -> None:
    """Half a dollar bought at 0.505 with the mid at 0.5: 1 % of it lost."""
    stats = FillStats()
    note_fill(
        stats, purpose=purpose, maker=maker, side=Side.BUY, price=D("0.505"), notional=D("0.5"),
        mid=None if mid is None else D(mid), fee_usd=D("0.001"),
    )  # fmt: skip
    rested = D("0.5") if maker else D(0)
    assert stats.entry.filled == (rested if purpose is Purpose.ENTRY else 0)
    assert stats.exit.filled == (rested if purpose is Purpose.EXIT else 0)
    known = mid == "0.5"
    kind, other = (stats.maker, stats.taker) if maker else (stats.taker, stats.maker)
    assert kind == (realised("0.5", "0.001", "0.005", 1) if known else Realised())
    assert other == Realised()
    assert stats.slips == ([D("100.00")] if known and not maker else [])


def test_the_percentile_looks_at_the_last_fills_alone() -> None:
    stats = FillStats()
    for count in range(KEPT + 30):
        price = D(100) + (D(9) if count < 30 else D(count) / 1000)
        note_fill(
            stats, purpose=Purpose.HEDGE, maker=False, side=Side.BUY, price=price, mid=D(100), notional=D(7),
            fee_usd=D(0),
        )  # fmt: skip
    assert len(stats.slips) == KEPT
    fine = FillStats()
    note_fill(
        fine, purpose=Purpose.HEDGE, maker=False, side=Side.SELL, price=D("100.012345"), mid=D(100),
        notional=D(7), fee_usd=D(0),
    )  # fmt: skip
    assert fine.slips == [D("-1.23")]
    assert p90(stats) == stats.slips[179]
    for count, nearest in ((1, 1), (9, 9), (10, 9), (11, 10), (20, 18), (21, 19)):
        assert p90(FillStats(slips=[D(each) for each in range(count, 0, -1)])) == nearest


def test_what_the_entry_rule_may_count_on() -> None:
    settings = Execution(entry_style="maker", exit_style="taker", maker_sample=20)
    stats = FillStats(
        entry=Attempts(20, asked=D(10), filled=D(4)),
        exit=Attempts(20, asked=D(10), filled=D(6)),
        maker=realised("100", "0", "0.02"),
        taker=realised("100", "0", "0.03"),
    )
    found = expected(settings, stats)
    assert (found.entry_rest, found.exit_rest, found.maker_slippage, found.taker_slippage) == (
        D("0.4"), 0, 2, 3,
    )  # fmt: skip
    few = FillStats(entry=Attempts(19, asked=D(10), filled=D(4)), taker=realised("100", "0", "1", 19))
    found = expected(settings, few)
    assert (found.entry_rest, found.maker_slippage, found.taker_slippage) == (0, 0, None)
    gain = expected(settings, FillStats(entry=Attempts(20), maker=realised("100", "0", "-0.02")))
    assert (gain.entry_rest, gain.maker_slippage) == (0, 0)
