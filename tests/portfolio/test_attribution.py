"""The parts of the waterfall sum to the change of equity, to the last digit, whatever the order."""

from __future__ import annotations

from decimal import Decimal, localcontext

from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.money import DESK_CONTEXT, ZERO
from services.portfolio.attribution import Parts, VenueParts, revalue, worth
from tests.decimals import decimals

COINS = ("USD", "USDT", "BTC")
PARTS = ("price", "funding", "adjustments", "transfers")
amounts = decimals("-1e7", "1e7", 8)
indexes = decimals("0.000001", "1e6", 6)
steps = st.lists(
    st.tuples(
        st.sampled_from(PARTS),
        st.dictionaries(st.sampled_from((*COINS, "USDT|BTC-USDT-PERP.alpha")), amounts, max_size=3),
        st.dictionaries(st.sampled_from(COINS), st.none() | indexes, max_size=3),
    ),
    max_size=25,
)


@settings(max_examples=100, deadline=None)
@given(steps)
def test_the_parts_sum_to_the_change_of_equity_exactly(moves: list[tuple[str, dict, dict]]) -> None:
    with localcontext(DESK_CONTEXT):
        book = VenueParts()
        held: dict[str, Decimal] = dict.fromkeys(COINS, Decimal(1_000))
        known: dict[str, Decimal | None] = dict.fromkeys(COINS, Decimal(2))
        revalue(book, held, known)
        book.parts, begun = Parts(), worth(book)
        for part, changed, moved in moves:
            held |= changed
            known |= moved
            change = revalue(book, held, known)
            setattr(book.parts, part, getattr(book.parts, part) + change)
            assert begun + book.parts.total() == worth(book)


def test_what_a_coin_does_after_a_payment_is_currency() -> None:
    book = VenueParts()
    revalue(book, {"USDT": ZERO}, {"USDT": Decimal("1.00")})
    book.parts.funding += revalue(book, {"USDT": Decimal(100)}, {"USDT": Decimal("0.99")})
    revalue(book, {"USDT": Decimal(100)}, {"USDT": Decimal("0.90")})
    assert (book.parts.funding, book.parts.currency) == (Decimal(99), Decimal(-9))


def test_an_amount_that_is_no_number_keeps_the_last_one() -> None:
    book = VenueParts()
    revalue(book, {"USDT": Decimal(5)}, {"USDT": Decimal(1)})
    assert revalue(book, {"USDT": Decimal("NaN")}, {"USDT": None}) == ZERO
    assert worth(book) == Decimal(5)


def test_an_index_that_is_none_or_no_price_leaves_everything_at_the_last_one() -> None:
    book = VenueParts()
    revalue(book, {"USDT": Decimal(5)}, {"USDT": Decimal(2)})
    book.parts = Parts()
    for index in (None, "NaN", "Infinity", "-Infinity", "-1", "0"):
        known = None if index is None else Decimal(index)
        assert revalue(book, {"USDT": Decimal(5)}, {"USDT": known}) == ZERO
    assert (book.parts, worth(book)) == (Parts(), Decimal(10))


def test_an_amount_that_is_no_number_holds_nothing_else_up() -> None:
    book = VenueParts()
    revalue(book, {"USDT": Decimal(5), "USD": Decimal(1)}, {"USDT": Decimal(2), "USD": Decimal(1)})
    assert revalue(book, {"USDT": Decimal("NaN"), "USD": Decimal(4)}, {}) == Decimal(3)


def test_a_closed_position_leaves_no_row_and_an_empty_coin_keeps_its_index() -> None:
    book = VenueParts()
    held = {"USDT": Decimal(5), "USDT|BTC-USDT-PERP.alpha": Decimal(7)}
    revalue(book, held, {"USDT": Decimal(2)})
    assert revalue(book, {}, {}) == Decimal(-24)
    assert list(book.held) == ["USDT"]
    assert (book.held["USDT"].amount, book.held["USDT"].index) == (ZERO, Decimal(2))
    assert revalue(book, {"USDT": Decimal(1)}, {}) == Decimal(2)
