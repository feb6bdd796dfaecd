"""Our books and the simulated exchange's own, written apart by intent, agree on every figure (RUNTIME 6)."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import Side
from services.portfolio.funding import funding_cash_flow
from services.portfolio.inputs import AccountInput, PositionInput
from services.portfolio.ledger import Ledger
from services.portfolio.margin import account_margin
from services.venues.sim.accounts import AccountBooks, fee_of, funding_amount, margin_of
from services.venues.sim.facts import OPENING_BALANCES, WEIGHTS, venue_instruments
from tests.portfolio.builders import d, fill
from tests.portfolio.strategies import decimals

LISTED = {spec.id: spec for spec in venue_instruments("alpha")}
NAMES = tuple(LISTED)


@st.composite
def trades(draw: st.DrawFn) -> list[tuple[str, Side, Decimal, Decimal]]:
    rows = []
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=12)):
        spec = LISTED[name]
        low, high = ("0.9", "1.1") if spec.pegged else ("1000", "30000")
        places = 4 if spec.pegged else 1
        quantity = d(draw(st.integers(1, 3_000))) * spec.size_increment
        price = draw(decimals(low, high, places))
        rows.append((name, draw(st.sampled_from(Side)), quantity, price))
    return rows


@given(rows=trades(), data=st.data())
@settings(max_examples=60)
def test_our_ledger_and_margin_equal_the_venues_to_the_last_digit(
    rows: list[tuple[str, Side, Decimal, Decimal]], data: st.DataObject
) -> None:
    theirs = AccountBooks(balances=dict(OPENING_BALANCES))
    ours = Ledger(("alpha",))
    for coin, amount in OPENING_BALANCES.items():
        ours.adopt_balance("alpha", coin, amount)
    for number, (name, side, quantity, price) in enumerate(rows):
        spec = LISTED[name]
        fee = fee_of(spec, quantity, price, maker=False)
        realised = theirs.trade(spec, side, quantity, price, fee)
        booked = ours.apply_fill(fill(spec, side, quantity, price, fee=fee, trade_id=str(number)), spec, d(1))
        assert booked.realised == realised
    book = ours.account("alpha")
    assert {coin: amount for coin, amount in book.balances.items() if amount} == {
        coin: amount for coin, amount in theirs.balances.items() if amount
    }
    held = {name: row for name, row in book.positions.items() if row.size}
    assert {name: (row.size, row.entry) for name, row in held.items()} == {
        name: (row.size, row.entry) for name, row in theirs.holdings.items()
    }
    marks = {
        name: data.draw(decimals("0.9", "1.1", 4) if LISTED[name].pegged else decimals("1000", "30000", 1))
        for name in held
    }
    indexes: dict[str, Decimal | None] = {"USD": d(1), "BTC": d(23_100), "ETH": d(1_600)}
    for coin in ("USDT", "USDC", "BUSD"):
        indexes[coin] = data.draw(decimals("0.8", "1.1", 6))
    account = AccountInput(
        venue="alpha",
        balances=dict(book.balances),
        weights_total={coin: weight[0] for coin, weight in WEIGHTS.items()},
        weights_initial={coin: weight[1] for coin, weight in WEIGHTS.items()},
        indexes=indexes,
        positions=tuple(
            PositionInput(LISTED[name], row.size, row.entry, marks[name], indexes[LISTED[name].quote], d(1))
            for name, row in held.items()
        ),
    )
    mine = account_margin(account)
    venue = margin_of(theirs, LISTED, lambda name: marks[name], lambda coin: indexes[coin] or d(0))
    for first, second in (
        (mine.equity, venue.equity),
        (mine.collateral, venue.collateral),
        (mine.collateral_initial, venue.collateral_initial),
        (mine.maintenance, venue.maintenance),
        (mine.initial, venue.initial),
    ):
        assert first is not None
        assert abs(first - second) < d("1e-20")


@given(size=decimals("-50", "50", 3), price=decimals("1", "30000", 2), rate=decimals("-0.03", "0.03", 8))
@settings(max_examples=50)
def test_the_funding_payment_equals_the_venues(size: Decimal, price: Decimal, rate: Decimal) -> None:
    assert funding_cash_flow(size, price, rate) == funding_amount(size, price, rate)
