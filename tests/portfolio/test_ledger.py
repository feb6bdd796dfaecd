"""Our own books: average cost, flips, idempotence, spot, funding, state."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import Side
from services.domain.events import (
    AccountReport,
    BalanceRow,
    FundingSettled,
    OrderFilled,
    PositionRow,
    TransferBooked,
)
from services.domain.instrument import Instrument
from services.portfolio.ledger import KEPT_IDS, Ledger, LedgerState
from tests.portfolio.builders import d, fill, perp, spot
from tests.portfolio.strategies import decimals

BTC = perp("BTC", "USDT")


def booked(ledger: Ledger, *trades: tuple[Side, str, str], instrument: Instrument = BTC) -> None:
    for number, (side, quantity, price) in enumerate(trades):
        ledger.apply_fill(
            fill(instrument, side, quantity, price, trade_id=f"t{number}", ts=1_000 + number),
            instrument,
            d(1),
        )


def payment(amount: str = "-5", payment_id: str = "p1", ts: int = 5_000) -> FundingSettled:
    return FundingSettled(
        venue="alpha",
        payment_id=payment_id,
        instrument=BTC.id,
        size=d(2),
        price=d(25_000),
        rate=d("0.0001"),
        amount=d(amount),
        coin="USDT",
        ts_event=ts,
        ts=ts,
    )


@pytest.mark.parametrize(
    ("trades", "size", "entry", "balance"),
    [
        ([(Side.BUY, "1", "20000")], "1", "20000", "0"),
        ([(Side.BUY, "1", "20000"), (Side.BUY, "1", "21000")], "2", "20500", "0"),
        ([(Side.BUY, "2", "20000"), (Side.SELL, "1", "21000")], "1", "20000", "1000"),
        ([(Side.BUY, "1", "20000"), (Side.SELL, "1", "19000")], "0", "0", "-1000"),
        ([(Side.SELL, "1", "20000"), (Side.BUY, "1", "19000")], "0", "0", "1000"),
        ([(Side.SELL, "1", "20000"), (Side.BUY, "3", "21000")], "2", "21000", "-1000"),
        ([(Side.BUY, "1", "20000"), (Side.SELL, "3", "21000")], "-2", "21000", "1000"),
    ],
)
def test_average_cost_table(trades: list[tuple[Side, str, str]], size: str, entry: str, balance: str) -> None:
    ledger = Ledger(("alpha",))
    booked(ledger, *trades)
    held = ledger.account("alpha").positions[BTC.id]
    assert (held.size, held.entry) == (d(size), d(entry))
    assert ledger.account("alpha").balances.get("USDT", d(0)) == d(balance)


def test_a_flip_closes_one_episode_and_opens_the_next() -> None:
    ledger = Ledger()
    booked(ledger, (Side.BUY, "1", "20000"))
    answer = ledger.apply_fill(fill(BTC, Side.SELL, "3", "21000", trade_id="flip", ts=9_000), BTC, d("0.99"))
    assert answer.flipped
    assert (answer.closed, answer.opened) == (d(1), d(2))
    assert answer.realised == d(1_000)
    assert answer.realised_usd == d(990)
    assert answer.episode == 2
    held = ledger.position(BTC)
    assert held is not None
    assert held.opened_ts == 9_000
    assert held.realised == d(1_000)


def test_booking_the_same_fill_twice_is_harmless() -> None:
    ledger = Ledger()
    trade = fill(BTC, Side.BUY, "1", "20000", fee="10")
    assert not ledger.apply_fill(trade, BTC, d(1)).duplicate
    before = msgspec.msgpack.encode(ledger.state)
    assert ledger.apply_fill(trade, BTC, d(1)).duplicate
    assert msgspec.msgpack.encode(ledger.state) == before
    assert ledger.knows_trade("alpha", BTC.id, "t1")


def test_the_same_trade_id_on_another_instrument_is_another_fill() -> None:
    ledger = Ledger()
    other = perp("ETH", "USDT")
    assert not ledger.apply_fill(fill(BTC, Side.BUY, "1", "20000"), BTC, d(1)).duplicate
    assert not ledger.apply_fill(fill(other, Side.BUY, "1", "1500"), other, d(1)).duplicate


def test_fees_leave_the_balance_and_are_counted() -> None:
    ledger = Ledger()
    answer = ledger.apply_fill(fill(BTC, Side.BUY, "1", "20000", fee="10"), BTC, d("0.9"))
    assert ledger.account("alpha").balances["USDT"] == d(-10)
    assert answer.fee_usd == d(9)
    held = ledger.position(BTC)
    assert held is not None
    assert held.fees == d(10)


def test_spot_moves_base_and_quote_balances() -> None:
    ledger = Ledger()
    pair = spot("USDC", "USD")
    ledger.apply_fill(fill(pair, Side.BUY, "1000", "0.9", fee="0.45", fee_coin="USD"), pair, d(1))
    assert ledger.account("alpha").balances == {"USD": d("-900.45"), "USDC": d(1000)}
    assert ledger.position(pair) is None
    assert ledger.account("alpha").positions == {}


def test_a_fee_in_another_coin_is_booked_in_it_and_counted_at_its_index() -> None:
    """On spot a buy pays in the bought coin, anywhere BNB may pay: 0.001 BTC of fee was counted as no fee."""
    pair = spot("BTC", "USDT")
    ledger = Ledger()
    bought = fill(pair, Side.BUY, "1", "20000", fee="0.001", fee_coin="BTC")
    answer = ledger.apply_fill(bought, pair, d("0.99"), d("0.99"), d(20_000))
    assert ledger.account("alpha").balances == {"BTC": d("0.999"), "USDT": d(-20_000)}
    assert answer.fee_usd == d(20)
    paid = fill(BTC, Side.BUY, "1", "20000", fee="0.02", fee_coin="BNB", trade_id="x")
    assert ledger.apply_fill(paid, BTC, d(1), d(1), d(300)).fee_usd == d(6)
    unknown = fill(BTC, Side.BUY, "1", "20000", fee="0.02", fee_coin="BNB", trade_id="y")
    assert ledger.apply_fill(unknown, BTC, d(1)).fee_usd is None


def test_profit_in_one_coin_settled_in_another_needs_both_indexes() -> None:
    mixed = perp("BTC", "USD", settle="USDT")
    ledger = Ledger()
    ledger.apply_fill(fill(mixed, Side.BUY, "1", "20000"), mixed, d("0.5"), d(1))
    with pytest.raises(ValueError, match="needs both indexes"):
        ledger.apply_fill(fill(mixed, Side.SELL, "1", "21000", trade_id="t2"), mixed, None, d(1))
    ledger.apply_fill(fill(mixed, Side.SELL, "1", "21000", trade_id="t3"), mixed, d("0.5"), d(1))
    assert ledger.account("alpha").balances["USDT"] == d(2_000)


def test_an_unknown_index_leaves_the_dollar_figures_unknown() -> None:
    ledger = Ledger()
    booked(ledger, (Side.BUY, "1", "20000"))
    answer = ledger.apply_fill(fill(BTC, Side.SELL, "1", "21000", fee="1", trade_id="x"), BTC, None)
    assert answer.realised == d(1_000)
    assert answer.realised_usd is None
    assert answer.fee_usd is None


def test_funding_is_booked_once_and_kept_with_the_position() -> None:
    ledger = Ledger()
    booked(ledger, (Side.BUY, "2", "25000"))
    assert ledger.apply_funding(payment(), d("0.98"))
    assert not ledger.apply_funding(payment(), d("0.98"))
    held = ledger.position(BTC)
    assert held is not None
    assert (held.funding, held.funding_usd, held.payments) == (d(-5), d("-4.9"), 1)
    assert not held.funding_unpriced
    assert ledger.account("alpha").balances["USDT"] == d(-5)
    assert ledger.apply_funding(payment(payment_id="p2"))
    assert held.funding_unpriced


def test_a_payment_after_the_close_still_moves_the_balance() -> None:
    ledger = Ledger()
    assert ledger.apply_funding(payment("3"))
    assert ledger.account("alpha").balances["USDT"] == d(3)


def test_transfers_are_booked_once() -> None:
    ledger = Ledger()
    row = TransferBooked("alpha", "x1", "USDC", d(500), 1, 1)
    assert ledger.apply_transfer(row)
    assert not ledger.apply_transfer(row)
    assert ledger.account("alpha").balances["USDC"] == d(500)


def test_a_fresh_read_brings_weights_settings_and_time_but_no_amounts() -> None:
    ledger = Ledger()
    report = AccountReport(
        venue="alpha",
        request="r1",
        balances=(BalanceRow("USDT", d(5), d("0.975"), None),),
        positions=(PositionRow(BTC.id, d(1), d(20_000), d(10)),),
        orders=(),
        ts_event=7_000,
        ts=7_020,
    )
    ledger.read(report)
    book = ledger.account("alpha")
    assert book.balance_ts == 7_000
    assert book.weights_total == {"USDT": d("0.975")}
    assert book.weights_initial == {"USDT": None}
    assert book.leverage == {BTC.id: d(10)}
    assert book.balances == {}
    assert book.positions == {}


def test_adopting_takes_the_venues_figures_without_inventing_fills() -> None:
    ledger = Ledger()
    ledger.adopt_balance("alpha", "USDT", d(42))
    ledger.adopt_position("alpha", BTC.id, d(-2), d(20_000), 3_000)
    held = ledger.position(BTC)
    assert held is not None
    assert (held.size, held.entry, held.opened_ts, held.episode) == (d(-2), d(20_000), 3_000, 1)
    ledger.adopt_position("alpha", BTC.id, d(0), d(20_000), 4_000)
    assert ledger.position(BTC) is None
    assert ledger.size(BTC) == 0
    assert ledger.account("alpha").balances == {"USDT": d(42)}


def test_a_stamp_from_far_ahead_makes_no_later_trade_known() -> None:
    """While a venue's clock is an hour off its trades are stamped so; they are forgotten last, not first."""
    ledger = Ledger()
    assert ledger.note_trade(stamped("ahead", 10**9, heard=1_000))
    for number in range(KEPT_IDS + 1):
        assert ledger.note_trade(stamped(f"t{number}", 1_000 + number, heard=1_000 + number))
    assert not ledger.note_trade(stamped("ahead", 10**9, heard=90_000))
    assert not ledger.note_trade(stamped("t0", 1_000, heard=90_000))


def test_forgotten_ids_count_as_seen() -> None:
    ledger = Ledger()
    for number in range(KEPT_IDS + 1):
        ledger.apply_transfer(TransferBooked("alpha", f"x{number}", "USD", d(1), number, number))
    assert ledger.account("alpha").balances["USD"] == d(KEPT_IDS + 1)
    assert not ledger.apply_transfer(TransferBooked("alpha", "x0", "USD", d(1), 0, 0))
    assert len(ledger.account("alpha").transfers.ids) <= KEPT_IDS


def test_a_venue_whose_clock_is_ahead_for_long_costs_no_fill_when_it_is_right_again() -> None:
    ledger, ahead = Ledger(), 1_000_000
    for number in range(2 * KEPT_IDS):
        ledger.apply_fill(stamped(f"t{number}", ahead + number, heard=1_000 + number), BTC, d(1))
    right = 1_000 + 2 * KEPT_IDS
    assert not ledger.apply_fill(stamped("right", right, heard=right), BTC, d(1)).duplicate
    assert ledger.size(BTC) == 2 * KEPT_IDS + 1


def stamped(trade_id: str, at: int, *, heard: int) -> OrderFilled:
    return msgspec.structs.replace(fill(BTC, Side.BUY, 1, 20_000, trade_id=trade_id, ts=at), ts=heard)


trades = st.lists(
    st.tuples(st.sampled_from(Side), decimals("0.001", "5", 3), decimals("15000", "30000", 1)),
    min_size=1,
    max_size=12,
)


@given(rows=trades)
@settings(max_examples=80)
def test_realised_plus_unrealised_is_cash_plus_value(
    rows: list[tuple[Side, Decimal, Decimal]],
) -> None:
    """What was booked and what is open add up to money in, money out and the value held."""
    ledger = Ledger()
    cash = d(0)
    for number, (side, quantity, price) in enumerate(rows):
        ledger.apply_fill(fill(BTC, side, quantity, price, trade_id=f"t{number}"), BTC, d(1))
        cash -= side.sign * quantity * price
    held = ledger.account("alpha").positions[BTC.id]
    mark = rows[-1][2]
    total = ledger.account("alpha").balances.get("USDT", d(0)) + held.size * (mark - held.entry)
    assert held.size == sum(side.sign * quantity for side, quantity, _ in rows)
    assert abs(total - (cash + held.size * mark)) <= len(rows) * d("0.00000001")


@given(rows=trades, data=st.data())
@settings(max_examples=50)
def test_replaying_fills_twice_gives_the_same_ledger(
    rows: list[tuple[Side, Decimal, Decimal]], data: st.DataObject
) -> None:
    fills = [fill(BTC, side, qty, price, trade_id=f"t{n}") for n, (side, qty, price) in enumerate(rows)]
    once, twice = Ledger(), Ledger()
    for row in fills:
        once.apply_fill(row, BTC, d(1))
        twice.apply_fill(row, BTC, d(1))
        again = data.draw(st.sampled_from(fills[: fills.index(row) + 1]))
        twice.apply_fill(again, BTC, d(1))
    assert msgspec.msgpack.encode(once.state) == msgspec.msgpack.encode(twice.state)


@given(rows=trades)
@settings(max_examples=30)
def test_state_survives_the_round_trip(rows: list[tuple[Side, Decimal, Decimal]]) -> None:
    ledger = Ledger(("alpha", "beta"))
    for number, (side, quantity, price) in enumerate(rows):
        ledger.apply_fill(fill(BTC, side, quantity, price, fee="0.1", trade_id=f"t{number}"), BTC, d(1))
    ledger.apply_funding(payment(), d(1))
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(ledger.state), type=LedgerState)
    assert restored == ledger.state
    assert Ledger(state=restored).size(BTC) == ledger.size(BTC)
