"""Net asset value per unit (SEMANTICS 9): transfers neither move nor mask it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.portfolio.unit_value import UnitBook, UnitState
from tests.portfolio.builders import d
from tests.portfolio.strategies import decimals

NEARLY = d("1e-20")


def test_the_first_complete_equity_makes_a_unit_worth_one() -> None:
    book = UnitBook()
    assert book.value(None, 1) is None
    assert book.value(d(0), 1) is None
    assert book.value(d(100_000), 2) == 1
    assert book.value(d(95_000), 3) == d("0.95")


def test_a_deposit_does_not_mask_a_drawdown() -> None:
    book = UnitBook()
    book.value(d(100_000), 1)
    assert book.value(d(90_000), 2) == d("0.9")
    assert book.transfer("USD", d(45_000), d(1), d(90_000))
    assert book.value(d(135_000), 3) == d("0.9")


def test_a_withdrawal_does_not_look_like_a_loss() -> None:
    book = UnitBook()
    book.value(d(100_000), 1)
    book.transfer("USDT", d(-50_000), d("0.98"), d(100_000))
    value = book.value(d(100_000) - d(49_000), 2)
    assert value is not None
    assert abs(value - 1) < NEARLY


def test_a_transfer_that_cannot_be_priced_leaves_the_value_unknown_until_it_can() -> None:
    book = UnitBook()
    book.value(d(100_000), 1)
    assert not book.transfer("USDC", d(10_000), None, d(100_000))
    assert book.value(d(109_000), 2, {"USDC": None}) is None
    assert book.late() == 0
    assert book.value(d(109_000), 3, {"USDC": d("0.9")}) == 1
    assert (book.late(), book.late()) == (9_000, 0), "counted once, when its worth is known"


def test_a_transfer_without_equity_before_it_waits_for_the_next_complete_equity() -> None:
    book = UnitBook()
    book.value(d(100_000), 1)
    assert not book.transfer("USD", d(10_000), d(1), None)
    assert book.value(None, 2) is None
    value = book.value(d(104_500), 3)
    assert value is not None
    assert abs(value - d("0.945")) < NEARLY


def test_everything_withdrawn_has_no_value_and_a_new_start_takes_the_last_one() -> None:
    book = UnitBook()
    book.value(d(100_000), 1)
    book.value(d(80_000), 2)
    book.transfer("USD", d(-80_000), d(1), d(80_000))
    assert book.value(d(0), 3) is None
    book.transfer("USD", d(40_000), d(1), d(0))
    assert book.value(d(40_000), 4) == d("0.8")


def test_equity_below_zero_is_a_value_below_zero() -> None:
    book = UnitBook()
    book.value(d(100_000), 1)
    value = book.value(d(-5_000), 2)
    assert value is not None
    assert value < 0


def test_a_transfer_before_the_first_equity_is_part_of_it() -> None:
    book = UnitBook()
    assert book.transfer("USD", d(5), d(1), None)
    assert book.value(d(100), 1) == 1


steps = st.lists(st.tuples(decimals("-0.2", "0.2", 3), decimals("-20000", "50000", 2)), max_size=8)


@given(rows=steps)
@settings(max_examples=60)
def test_transfers_never_move_the_unit_value(rows: list[tuple[Decimal, Decimal]]) -> None:
    """Any sequence of returns and transfers ends at the product of the returns."""
    book = UnitBook()
    equity, expected = d(100_000), d(1)
    book.value(equity, 0)
    for gain, transfer in rows:
        equity *= 1 + gain
        expected *= 1 + gain
        if equity + transfer > 1_000:
            book.transfer("USD", transfer, d(1), equity)
            equity += transfer
        value = book.value(equity, 1)
        assert value is not None
        assert abs(value - expected) < d("1e-25")


def test_state_survives_the_round_trip() -> None:
    book = UnitBook()
    book.value(d(100_000), 1)
    book.transfer("USDC", d(10), None, None)
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(book.state), type=UnitState)
    assert restored == book.state
    assert UnitBook(state=restored).value(d(100_009), 2, {"USDC": d("0.9")}) == 1
