"""The account after fills that have not happened."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import Side
from services.portfolio.hypothetical import with_fills
from services.portfolio.inputs import AccountInput
from services.portfolio.ledger import Ledger
from services.portfolio.margin import account_margin
from tests.portfolio.builders import account, d, fill, perp, position, spot
from tests.portfolio.strategies import accounts, decimals

PAR: dict[str, Decimal | None] = {"USD": d(1), "USDT": d(1), "USDC": d(1)}
BTC = perp("BTC", "USDT")


def test_an_opening_buy_pays_the_taker_fee_and_is_valued_at_the_mark() -> None:
    before = account({"USDT": d(10_000)}, indexes=PAR, marks={BTC.id: d(20_000)})
    after = with_fills(before, [(BTC, Side.BUY, d(1), d(20_100))])
    margin = account_margin(after)
    assert margin.equity == d(10_000) - d("10.05") - d(100)
    assert margin.notional == d(20_000)
    assert before.positions == ()
    assert before.balances == {"USDT": d(10_000)}


def test_without_a_mark_the_account_is_infinite() -> None:
    after = with_fills(account(), [(BTC, Side.BUY, d(1), d(20_100))])
    assert account_margin(after).infinite


def test_an_unknown_taker_fee_makes_collateral_unknown() -> None:
    dark = perp("BTC", "USDT", taker_fee=None)
    after = with_fills(account(marks={dark.id: d(20_000)}), [(dark, Side.BUY, d(1), d(20_000))])
    assert account_margin(after).infinite


def test_reducing_realises_and_closing_leaves_nothing_open() -> None:
    held = position(BTC, "2", "20000", "21000", PAR)
    before = account({"USDT": d(1_000)}, (held,), indexes=PAR)
    half = with_fills(before, [(BTC, Side.SELL, d(1), d(21_000))])
    assert half.balances["USDT"] == d(2_000) - d("10.5")
    gone = with_fills(half, [(BTC, Side.SELL, d(1), d(21_000))])
    margin = account_margin(gone)
    assert not margin.anything_open
    assert margin.equity == d(3_000) - d(21)


def test_a_flip_opens_at_the_fill_price() -> None:
    held = position(BTC, "1", "20000", "21000", PAR)
    after = with_fills(account({}, (held,), indexes=PAR), [(BTC, Side.SELL, d(3), d(21_000))])
    assert (after.positions[0].size, after.positions[0].entry) == (d(-2), d(21_000))


def test_spot_moves_both_balances() -> None:
    pair = spot("USDC")
    after = with_fills(account({"USD": d(1_000)}, indexes=PAR), [(pair, Side.BUY, d(100), d("0.9"))])
    assert after.balances == {"USD": d(1_000) - d(90) - d("0.045"), "USDC": d(100)}


@given(
    account_=accounts(),
    side=st.sampled_from(Side),
    quantity=decimals("0.001", "5", 3),
    price=decimals("15000", "30000", 1),
)
@settings(max_examples=60)
def test_the_hypothesis_equals_what_the_ledger_books(
    account_: AccountInput, side: Side, quantity: Decimal, price: Decimal
) -> None:
    held = next((row for row in account_.positions if row.instrument.id == BTC.id), None)
    ledger = Ledger()
    for coin, balance in account_.balances.items():
        ledger.adopt_balance("alpha", coin, balance)
    if held is not None and held.size != 0:
        ledger.adopt_position("alpha", BTC.id, held.size, held.entry, 1)
    assert BTC.taker_fee is not None
    fee = quantity * price * BTC.taker_fee
    ledger.apply_fill(fill(BTC, side, quantity, price, fee=fee), BTC, d(1))
    after = with_fills(account_, [(BTC, side, quantity, price)])
    booked = ledger.account("alpha")
    row = next(row for row in after.positions if row.instrument.id == BTC.id)
    assert (row.size, row.entry) == (booked.positions[BTC.id].size, booked.positions[BTC.id].entry)
    assert abs(after.balances["USDT"] - booked.balances["USDT"]) <= d("0.00000001")
