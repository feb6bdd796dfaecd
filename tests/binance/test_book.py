"""The local book: chain of diffs, holes, and the recorded captures against their own tickers."""

from __future__ import annotations

import gzip
from bisect import bisect_right
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.venues.binance import frames
from services.venues.binance import schemas as wire
from services.venues.binance.book import BookError, LocalBook
from services.venues.wire.numbers import BadNumber

D = Decimal


def diff(first: int, last: int, before: int | None, bids: str = "", asks: str = "") -> frames.DepthFrame:
    return frames.DepthFrame(s="X", E=1, U=first, u=last, pu=before, b=rows(bids), a=rows(asks))


def rows(text: str) -> list[wire.Level]:
    """`price:size price:size`."""
    return [(D(part.split(":")[0]), D(part.split(":")[1])) for part in text.split()]


def snapshot(last: int, bids: str = "9:1 8:2", asks: str = "11:1 12:2") -> wire.Depth:
    return wire.Depth(last, rows(bids), rows(asks))


def test_what_waited_is_applied_from_the_snapshot_on() -> None:
    book = LocalBook()
    book.diff(diff(1, 4, 0, bids="9:7"))
    book.diff(diff(5, 8, 4, bids="9.5:3", asks="11:0"))
    assert book.wants_snapshot
    book.snapshot(snapshot(6))
    assert book.filled
    assert (book.best_bid(), book.best_ask()) == ((D("9.5"), D(3)), (D(12), D(2)))
    assert book.depth(-1, D("8")) == 6
    assert book.depth(-1, D("8.5")) == 4
    assert book.depth(1, D(12)) == 2
    assert book.last_id == 8


def test_the_first_diff_after_a_snapshot_must_hold_its_number() -> None:
    book = LocalBook()
    book.snapshot(snapshot(6))
    assert not book.filled
    book.diff(diff(3, 5, 2, bids="9:99"))
    assert not book.filled, "older than the snapshot: passed over"
    with pytest.raises(BookError, match="older than the diff"):
        book.diff(diff(8, 9, 7))


def test_a_hole_ends_the_book() -> None:
    book = LocalBook()
    book.snapshot(snapshot(6))
    book.diff(diff(6, 8, 5))
    with pytest.raises(BookError, match="a hole: 9 does not follow 8"):
        book.diff(diff(10, 11, 9))
    assert not book.filled


def test_on_spot_each_diff_starts_after_the_last() -> None:
    book = LocalBook(spot=True)
    book.snapshot(snapshot(6))
    book.diff(diff(5, 6, None, bids="9:99"))
    assert not book.filled
    book.diff(diff(5, 8, None, bids="9:5"))
    book.diff(diff(9, 9, None))
    assert book.best_bid() == (D(9), D(5))
    with pytest.raises(BookError, match="a hole"):
        book.diff(diff(11, 12, None))


def test_crossed_books_and_impossible_levels_are_refused() -> None:
    book = LocalBook()
    book.snapshot(snapshot(6))
    with pytest.raises(BookError, match="cross"):
        book.diff(diff(6, 7, 5, bids="11.5:1"))
    assert not book.filled
    for bad in ("0:1", "-1:1", "NaN:1", "1:-1", "1:NaN", "1:Infinity", "1e30:1"):
        with pytest.raises(BadNumber):
            LocalBook().snapshot(snapshot(1, bids=bad))
    with pytest.raises(BookError, match="back to"):
        LocalBook().diff(diff(5, 4, 3))


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40), st.integers(0, 3)), max_size=40))
def test_diffs_lead_where_a_plain_dict_leads(changes: list[tuple[bool, int, int]]) -> None:
    book = LocalBook()
    book.snapshot(wire.Depth(0, [], []))
    plain: dict[bool, dict[Decimal, Decimal]] = {True: {}, False: {}}
    for number, (is_bid, ticks, size) in enumerate(changes):
        price = D(ticks if is_bid else ticks + 100)
        frame = diff(number, number, number - 1)
        row = [(price, D(size))]
        book.diff(msgspec.structs.replace(frame, b=row if is_bid else [], a=[] if is_bid else row))
        plain[is_bid][price] = D(size)
        if not size:
            del plain[is_bid][price]
    assert book.best_bid() == max(plain[True].items(), default=None)
    assert book.best_ask() == min(plain[False].items(), default=None)
    assert book.depth(-1, D(20)) == sum((size for price, size in plain[True].items() if price >= 20), D(0))
    assert book.depth(1, D(120)) == sum((size for price, size in plain[False].items() if price <= 120), D(0))


class Line(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


def replayed(path: Path, *, spot: bool) -> tuple[int, int]:
    """Diffs applied, and how many of them were held against the ticker of their update number."""
    line = msgspec.json.Decoder(Line)
    tickers: list[tuple[int, frames.BookTickerFrame]] = []
    book = LocalBook(spot=spot)
    tops: list[tuple[int, object, object]] = []
    with gzip.open(path, "rb") as lines:
        for raw in lines:
            text = raw.split(b" ", 1)[1]
            found = line.decode(text)
            if not found.stream:
                book.snapshot(msgspec.json.decode(text, type=wire.Depth))
            elif found.stream.endswith("@bookTicker"):
                ticker = frames.BOOK_TICKER.decode(found.data)
                tickers.append((ticker.u, ticker))
            elif "@depth" in found.stream:
                book.diff(frames.DEPTH.decode(found.data))
            if book.filled and (not tops or tops[-1][0] != book.last_id):
                tops.append((book.last_id, book.best_bid(), book.best_ask()))
    numbers = [number for number, _ in tickers]
    held = 0
    for number, bid, ask in tops:
        at = bisect_right(numbers, number)
        if 0 < at < len(numbers):
            ticker = tickers[at - 1][1]
            assert (bid, ask) == ((ticker.b, ticker.B), (ticker.a, ticker.A)), number
            held += 1
    return len(tops), held


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "spot"), [("usdm_btcusdt_20240808.gz", False), ("spot_btcusdt_20240808.gz", True)]
)
def test_the_recorded_books_equal_their_tickers_at_every_update(
    recorded: Path, name: str, spot: bool
) -> None:
    applied, held = replayed(recorded / "l2_binance_2024-08-08" / name, spot=spot)
    assert applied > 1_000
    assert held > 0.95 * applied
