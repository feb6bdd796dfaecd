"""From books and picture to margin figures: what is stale is unknown, never harmless."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.domain.enums import Side
from services.domain.events import (
    AccountReport,
    BalanceRow,
    IndexRow,
    MarketFrame,
    MarkRow,
    PositionRow,
)
from services.market.picture import MarketPicture
from services.portfolio.account import account_input
from services.portfolio.ledger import Ledger
from services.portfolio.margin import account_margin
from services.settings.parameters import Freshness
from tests.portfolio.builders import d, fill, perp, spot

SECOND = 1_000_000_000
T0 = 1_000_000 * SECOND
BTC = perp("BTC", "USDT")
ETH = perp("ETH", "USDT")
OTHER = perp("BTC", "USDT", venue="beta")
INSTRUMENTS = {spec.id: spec for spec in (BTC, ETH, OTHER, spot("USDC"))}


def world() -> tuple[Ledger, MarketPicture]:
    ledger = Ledger(("alpha",))
    ledger.read(
        AccountReport(
            venue="alpha",
            request="r",
            balances=(
                BalanceRow("USDT", d(10_000), d("0.975"), d("0.95")),
                BalanceRow("USD", d(100), d(1), d(1)),
            ),
            positions=(PositionRow(BTC.id, d(1), d(20_000), d(5)),),
            orders=(),
            ts_event=T0,
            ts=T0,
        )
    )
    ledger.adopt_balance("alpha", "USDT", d(10_000))
    ledger.adopt_balance("alpha", "USD", d(100))
    ledger.apply_fill(fill(BTC, Side.BUY, "1", "20000"), BTC, d(1))
    picture = MarketPicture(INSTRUMENTS, Freshness())
    picture.apply(
        MarketFrame(
            "alpha",
            T0,
            T0,
            1,
            marks=(MarkRow(BTC.id, 21_000.0, 21_000.0), MarkRow(ETH.id, 1_600.0, 1_600.0)),
            indexes=(IndexRow("USDT", 0.999),),
        )
    )
    return ledger, picture


def test_the_account_as_it_stands() -> None:
    ledger, picture = world()
    account = account_input(ledger, picture, "alpha", INSTRUMENTS, T0 + SECOND)
    assert account.balances == {"USDT": d(10_000), "USD": d(100)}
    assert account.indexes == {"USDT": d("0.999"), "USD": d(1)}
    assert account.marks == {BTC.id: d("21000.0"), ETH.id: d("1600.0")}
    assert account.leverage_settings == {BTC.id: d(5)}
    (held,) = account.positions
    assert (held.size, held.entry, held.mark) == (d(1), d(20_000), d(21_000))
    margin = account_margin(account)
    assert margin.equity == d(11_000) * d("0.999") + d(100)
    assert margin.symbol_leverage == {BTC.symbol: d(5)}


@pytest.mark.parametrize("age", [10, 89])
def test_stale_marks_and_indexes_make_it_infinite(age: int) -> None:
    ledger, picture = world()
    account = account_input(ledger, picture, "alpha", INSTRUMENTS, T0 + age * SECOND)
    assert account_margin(account).infinite
    last = account_input(ledger, picture, "alpha", INSTRUMENTS, T0 + age * SECOND, stale_ok=True)
    assert account_margin(last).equity is not None


def test_balances_not_read_for_ninety_seconds_make_collateral_unknown() -> None:
    ledger, picture = world()
    late = T0 + 90 * SECOND
    picture.apply(
        MarketFrame(
            "alpha",
            late,
            late,
            2,
            marks=(MarkRow(BTC.id, 21_000.0, 21_000.0),),
            indexes=(IndexRow("USDT", 1.0),),
        )
    )
    assert account_margin(account_input(ledger, picture, "alpha", INSTRUMENTS, late)).collateral is None
    just = account_input(ledger, picture, "alpha", INSTRUMENTS, late - 1)
    assert account_margin(just).collateral is not None


def test_an_account_never_read_is_unknown_even_at_last_known_figures() -> None:
    _, picture = world()
    account = account_input(Ledger(), picture, "alpha", INSTRUMENTS, T0, stale_ok=True)
    assert not account.balances_known


def test_a_position_in_an_unknown_instrument_makes_everything_unknown() -> None:
    ledger, picture = world()
    ledger.adopt_position("alpha", "DOGE-PERP.alpha", d(5), d(1), T0)
    account = account_input(ledger, picture, "alpha", INSTRUMENTS, T0, stale_ok=True)
    assert account_margin(account).collateral is None


def test_flat_positions_are_left_out() -> None:
    ledger, picture = world()
    ledger.apply_fill(fill(BTC, Side.SELL, "1", "20500", trade_id="t2"), BTC, d(1))
    account = account_input(ledger, picture, "alpha", INSTRUMENTS, T0)
    assert account.positions == ()
    assert account_margin(account).leverage == Decimal(0)


def test_a_flat_or_unknown_position_hides_none_behind_it() -> None:
    ledger, picture = world()
    book = ledger.account("alpha")
    held = book.positions.pop(BTC.id)
    ledger.adopt_position("alpha", ETH.id, d(0), d(1), T0)
    ledger.adopt_position("alpha", "DOGE-PERP.alpha", d(5), d(1), T0)
    book.positions[BTC.id] = held
    account = account_input(ledger, picture, "alpha", INSTRUMENTS, T0)
    assert [each.instrument.id for each in account.positions] == [BTC.id]
    assert not account.balances_known


def test_the_last_known_figures_hold_however_old_the_read_is() -> None:
    ledger, picture = world()
    late = T0 + 3_600 * SECOND
    assert account_input(ledger, picture, "alpha", INSTRUMENTS, late, stale_ok=True).balances_known
    assert not account_input(ledger, picture, "alpha", INSTRUMENTS, late).balances_known


def test_the_coins_of_its_perps_have_their_index_also_where_none_of_them_lies() -> None:
    ledger, picture = world()
    del ledger.account("alpha").balances["USDT"]
    account = account_input(ledger, picture, "alpha", INSTRUMENTS, T0)
    assert account.indexes == {"USD": d(1), "USDT": d("0.999")}
    assert account.positions[0].quote_usd == account.positions[0].settle_usd == d("0.999")


def test_the_input_is_a_copy_that_later_booking_does_not_touch() -> None:
    ledger, picture = world()
    account = account_input(ledger, picture, "alpha", INSTRUMENTS, T0)
    before = msgspec.msgpack.encode(account)
    ledger.apply_fill(fill(BTC, Side.SELL, "1", "20500", fee="3", trade_id="t2"), BTC, d(1))
    assert msgspec.msgpack.encode(account) == before
