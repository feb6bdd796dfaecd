"""Books and checksums of the FTX dialect: the fact sheet's vectors, random books, recorded captures."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.venues.ftx.book import BookError, FtxBook, checksum_of

D = Decimal


def rows(*pairs: tuple[str, str]) -> list[tuple[Decimal, Decimal]]:
    return [(D(price), D(size)) for price, size in pairs]


@pytest.mark.parametrize(
    ("bids", "asks", "crc"),
    [
        (rows(("5000.5", "10"), ("4995.0", "5")), rows(("5001.0", "6"), ("5002.0", "7")), 2933775928),
        (rows(("5000.5", "10"), ("4995.0", "5")), rows(("5001.0", "6")), 941346228),
        (rows(("1.0001", "25000"), ("1.0", "0.00005")), rows(("1.0002", "3e-7")), 1854009840),
    ],
)
def test_the_fact_sheets_vectors(
    bids: list[tuple[Decimal, Decimal]], asks: list[tuple[Decimal, Decimal]], crc: int
) -> None:
    book = FtxBook()
    book.partial(bids, asks, crc)
    assert book.bids(5) == bids
    assert book.asks(5) == asks


def plain_checksum(bids: dict[Decimal, Decimal], asks: dict[Decimal, Decimal]) -> int:
    def texts(side: dict[Decimal, Decimal], down: bool) -> list[str]:
        best = sorted(side, reverse=down)[:100]
        return [f"{float(price)!r}:{float(side[price])!r}" for price in best]

    return checksum_of(texts(bids, True), texts(asks, False))


LEVELS = st.dictionaries(
    st.integers(1, 300).map(lambda n: D(n) / 10),
    st.integers(1, 10**6).map(lambda n: D(n) / 1000),
    max_size=130,
)
CHANGES = st.lists(
    st.tuples(st.booleans(), st.integers(1, 300), st.integers(0, 5).map(lambda n: D(n) / 8)), max_size=30
)


@given(LEVELS, LEVELS, CHANGES)
def test_updates_lead_where_a_plain_dict_leads(
    below: dict[Decimal, Decimal], above: dict[Decimal, Decimal], changes: list[tuple[bool, int, Decimal]]
) -> None:
    bids = dict(below)
    asks = {price + 100: size for price, size in above.items()}
    book = FtxBook()
    book.partial(bids.items(), asks.items(), plain_checksum(bids, asks))
    for is_bid, ticks, size in changes:
        side, price = (bids, D(ticks) / 10) if is_bid else (asks, D(ticks) / 10 + 100)
        if size:
            side[price] = size
        else:
            side.pop(price, None)
        row = [(price, size)]
        crc = plain_checksum(bids, asks)
        book.update(row if is_bid else [], [] if is_bid else row, crc)
    assert book.bids(200) == sorted(bids.items(), reverse=True)
    assert book.asks(200) == sorted(asks.items())
    assert book.depth(1, D(115)) == sum((s for p, s in asks.items() if p <= 115), D(0))
    assert book.depth(-1, D(15)) == sum((s for p, s in bids.items() if p >= 15), D(0))


def test_a_wrong_checksum_a_crossed_book_and_impossible_levels_end_the_book() -> None:
    book = FtxBook()
    with pytest.raises(BookError, match="before the partial"):
        book.update([], [], 0)
    book.partial(rows(("1", "1")), rows(("2", "1")), plain_checksum({D(1): D(1)}, {D(2): D(1)}))
    with pytest.raises(BookError, match="checksum"):
        book.update(rows(("1", "3")), [], 17)
    assert not book.filled
    with pytest.raises(BookError, match="before the partial"):
        book.update([], [], 0)
    with pytest.raises(BookError, match="cross"):
        book.partial(rows(("3", "1")), rows(("2", "1")), plain_checksum({D(3): D(1)}, {D(2): D(1)}))
    for bad in (rows(("-1", "1")), rows(("1", "-1")), rows(("0", "1"))):
        with pytest.raises(BookError, match="a level of"):
            book.partial(bad, [], 0)


def test_removing_an_unknown_level_is_harmless() -> None:
    book = FtxBook()
    book.partial(rows(("1", "1")), [], plain_checksum({D(1): D(1)}, {}))
    book.update(rows(("0.5", "0")), rows(("9", "0")), plain_checksum({D(1): D(1)}, {}))
    assert book.bids(3) == rows(("1", "1"))
