"""Fills booked in the venue's order, whatever the order in which they are heard."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import Side
from services.domain.events import FundingSettled, OrderFilled
from services.portfolio.ledger import Ledger, LedgerState
from services.portfolio.position_book import KEPT_FILLS
from services.venues.sim.accounts import AccountBooks
from tests.portfolio.builders import d, fill, perp

BTC = perp("BTC", "USDT")
D = Decimal


def told(number: int, side: Side, quantity: str, price: str, **more: str) -> OrderFilled:
    return fill(BTC, side, quantity, price, trade_id=f"alpha-t{number}", ts=1_000 + number, **more)


def heard(fills: list[OrderFilled]) -> Ledger:
    ledger = Ledger(("alpha",))
    for each in fills:
        ledger.apply_fill(each, BTC, d(1))
    return ledger


def figures(ledger: Ledger) -> tuple[Decimal, Decimal, Decimal, Decimal, int, int]:
    held = ledger.account("alpha").positions[BTC.id]
    balance = ledger.account("alpha").balances["USDT"]
    return held.size, held.entry, balance, held.realised, held.opened_ts, held.episode


def test_a_strangers_trade_told_after_ours_that_came_later_stands_before_it() -> None:
    """1 at 20 000; somebody buys 1 at 21 000 while we are away; back again we sell 1 at 22 000."""
    ours, stranger = told(1, Side.BUY, "1", "20000"), told(2, Side.BUY, "1", "21000")
    after = told(3, Side.SELL, "1", "22000")
    ledger = heard([ours, after])
    assert ledger.account("alpha").balances["USDT"] == 2_000
    late = ledger.apply_fill(stranger, BTC, d("0.9"))
    assert (late.realised, late.realised_usd) == (D(-500), D(-450)), "by so much the sale brought less"
    assert (late.size_before, late.size_after, late.closed, late.opened) == (0, 1, 0, 1)
    assert figures(ledger) == (D(1), D(20_500), D(1_500), D(1_500), 1_001, 1)
    assert figures(ledger) == figures(heard([ours, stranger, after]))


ANY = st.lists(
    st.tuples(st.sampled_from(list(Side)), st.integers(1, 40), st.integers(19_000, 21_000)),
    min_size=2,
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(trades=ANY, seed=st.integers(0, 10**6))
def test_any_order_of_hearing_gives_the_exchanges_own_books(
    trades: list[tuple[Side, int, int]], seed: int
) -> None:
    fills = [
        told(number, side, str(D(size) / 10), str(price), fee="0.5")
        for number, (side, size, price) in enumerate(trades, 1)
    ]
    theirs = AccountBooks({"USDT": D(0)})
    for each in fills:
        theirs.trade(BTC, each.side, each.quantity, each.price, each.fee)
    Random(seed).shuffle(fills)
    ledger = heard(fills)
    size, entry, balance, *_ = figures(ledger)
    held = theirs.holdings.get(BTC.id)
    assert (size, balance) == (theirs.size(BTC.id), theirs.balances["USDT"])
    assert entry == (D(0) if held is None else held.entry)


@pytest.mark.parametrize(
    ("ids", "first_ts", "late_ts", "behind"),
    [
        (("a-9", "a-10"), 50, 50, False),
        (("a-10", "a-9"), 50, 50, True),
        (("a-10", "a-9"), 50, 90, True),
        (("a-9", "a-10"), 50, 10, False),
        (("a-9", "b-8"), 50, 50, False),
        (("a-9", "b-10"), 50, 49, True),
        (("xyz", "abc"), 50, 49, True),
        (("xyz", "abc"), 50, 51, False),
    ],
)
def test_numbers_of_one_series_decide_and_else_the_venues_time(
    ids: tuple[str, str], first_ts: int, late_ts: int, behind: bool
) -> None:
    """A venue's clock may jump, the numbers of its trades do not."""
    ledger = Ledger(("alpha",))
    ledger.apply_fill(fill(BTC, Side.BUY, "1", "100", trade_id="a-1", ts=1), BTC, d(1))
    ledger.apply_fill(fill(BTC, Side.SELL, "1", "130", trade_id=ids[0], ts=first_ts), BTC, d(1))
    ledger.apply_fill(fill(BTC, Side.BUY, "1", "120", trade_id=ids[1], ts=late_ts), BTC, d(1))
    assert ledger.account("alpha").balances["USDT"] == (20 if behind else 30)


def test_funding_stays_with_the_position_when_a_late_fill_moves_its_beginning() -> None:
    ledger = heard([told(2, Side.BUY, "1", "20000")])
    paid = FundingSettled(
        venue="alpha", payment_id="p", instrument=BTC.id, size=d(1), price=d(1), rate=d(0), amount=d(5),
        coin="USDT", ts_event=1_003, ts=1_003,
    )  # fmt: skip
    ledger.apply_funding(paid, d(1))
    ledger.apply_fill(told(1, Side.BUY, "1", "19000"), BTC, d(1))
    held = ledger.account("alpha").positions[BTC.id]
    assert (held.entry, held.opened_ts, held.episode) == (D(19_500), 1_001, 1)
    assert (held.funding, held.funding_usd, held.payments) == (5, 5, 1)
    ledger.apply_fill(told(0, Side.SELL, "2", "19000"), BTC, d(1))
    assert (held.size, held.funding, held.payments) == (0, 0, 0), "flat since: nobody's any more"


def test_what_was_adopted_stands_and_what_is_forgotten_is_booked_as_it_comes() -> None:
    ledger = heard([told(2, Side.BUY, "1", "20000")])
    ledger.adopt_position("alpha", BTC.id, d(3), d(19_000), 2_000)
    ledger.apply_fill(told(1, Side.SELL, "1", "19500"), BTC, d(1))
    assert figures(ledger)[:3] == (D(2), D(19_000), D(500))
    many = [told(number, Side.BUY, "1", "100") for number in range(10, 10 + KEPT_FILLS)]
    ledger = heard([*many, told(500, Side.SELL, "1", "150"), told(9, Side.BUY, "1", "5000")])
    assert ledger.account("alpha").balances["USDT"] == 50, "older than all that is kept"
    assert [each.trade_id for each in ledger.account("alpha").positions[BTC.id].fills] == ["alpha-t9"]
    ledger = heard([*many, told(500, Side.SELL, "1", "150"), told(499, Side.BUY, "1", "2000")])
    assert ledger.account("alpha").balances["USDT"] < 0, "younger than most of it"
    assert len(ledger.account("alpha").positions[BTC.id].fills) == KEPT_FILLS


def test_a_late_fill_is_put_in_its_place_after_a_restart_too() -> None:
    ledger = heard([told(1, Side.BUY, "1", "20000"), told(3, Side.SELL, "1", "22000")])
    again = Ledger(state=msgspec.msgpack.decode(msgspec.msgpack.encode(ledger.state), type=LedgerState))
    again.apply_fill(told(2, Side.BUY, "1", "21000"), BTC, d(1))
    assert figures(again)[:3] == (D(1), D(20_500), D(1_500))


def test_a_profit_that_needs_two_indexes_uses_those_of_its_own_fill() -> None:
    """Quoted in USD, settled in USDC: what was booked before is booked anew at what was known then."""
    odd = msgspec.structs.replace(BTC, quote="USD", settle="USDC")
    ledger = Ledger(("alpha",))

    def apply(number: int, side: Side, price: str, usdc: str | None) -> None:
        each = fill(odd, side, "1", price, trade_id=f"t{number}", ts=number)
        index = None if usdc is None else d(usdc)
        ledger.apply_fill(each, odd, index, None if usdc is None else d(1))

    apply(1, Side.BUY, "100", None)
    apply(3, Side.SELL, "120", "0.5")
    assert ledger.account("alpha").balances["USDC"] == 40
    apply(2, Side.BUY, "110", "0.8")
    assert ledger.account("alpha").balances["USDC"] == 30, "15 USD at 0.5, not at 0.8"
    apply(0, Side.SELL, "90", "0.8")
    assert ledger.account("alpha").balances["USDC"] == D("-12.5") + 20, "what opened without an index closes"
