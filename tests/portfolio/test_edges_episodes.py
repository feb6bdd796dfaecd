"""Closed trades at their edges: what begins, ends and belongs to an episode, in coins that are no dollar."""

from __future__ import annotations

from services.domain.enums import Side
from services.domain.records import EpisodeRecord
from services.portfolio.episodes import EpisodeBook
from tests.portfolio.builders import d, fill, perp, spot
from tests.portfolio.test_episodes import BTC_C, BTC_T, exchanged, settled

USD = d("0.8")
"""Of a USDT, here."""


def trade(
    book: EpisodeBook,
    side: Side,
    size: str,
    price: str,
    *,
    fee: str = "0",
    pair: str | None = None,
    reason: str = "",
) -> tuple[EpisodeRecord, ...]:
    return book.fill(
        fill(BTC_T, side, size, price, fee=fee, ts=1_000), BTC_T, pair=pair, strategy="s", quote_usd=USD,
        fee_usd=USD, reason=reason,
    )  # fmt: skip


def planned(*names: str) -> EpisodeBook:
    book = EpisodeBook()
    for name in names:
        book.open_pair(
            name,
            strategy="s",
            hedge_group="BTC",
            instruments=(BTC_T.id, BTC_C.id),
            now=1,
            capital_at_risk=d(1),
        )
    return book


def test_more_of_the_same_side_is_the_same_trade_whatever_its_size() -> None:
    book = EpisodeBook()
    for side, back in ((Side.BUY, Side.SELL), (Side.SELL, Side.BUY)):
        assert trade(book, side, "1", "100") == ()
        assert trade(book, side, "3", "100") == ()
        (closed,) = trade(book, back, "4", "110", reason="stop")
        assert closed.price_pnl == (d(32) if side is Side.BUY else d(-32))
        assert closed.reason == "stop"
        assert book.state.open == {}


def test_an_exact_close_is_no_flip_and_a_flip_shares_the_fee_by_size() -> None:
    book = EpisodeBook()
    trade(book, Side.SELL, "2", "100")
    (closed,) = trade(book, Side.BUY, "2", "90", fee="6")
    assert (closed.reason, closed.fees, book.state.open) == ("closed", d("4.8"), {})
    trade(book, Side.SELL, "2", "100")
    (turned,) = trade(book, Side.BUY, "6", "90", fee="6", reason="ticket")
    assert (turned.reason, turned.fees) == ("ticket", d("1.6"))
    (end,) = trade(book, Side.SELL, "4", "90")
    assert (end.fees, end.reason) == (d("3.2"), "closed")


def test_the_notional_is_the_largest_leg_in_dollars() -> None:
    book = EpisodeBook()
    trade(book, Side.BUY, "2", "100")
    trade(book, Side.SELL, "1", "150")
    (closed,) = trade(book, Side.SELL, "1", "90")
    assert closed.notional == d(160)


def test_a_fill_of_a_pair_that_is_over_is_a_position_and_of_spot_nothing() -> None:
    book = EpisodeBook()
    assert trade(book, Side.BUY, "1", "100", pair="P-09") == ()
    assert list(book.state.open) == [BTC_T.id]
    coin = spot("USDC")
    told = fill(coin, Side.BUY, "1", "1")
    assert book.fill(told, coin, pair="P-09", strategy="s", quote_usd=d(1), fee_usd=d(1)) == ()
    assert list(book.state.open) == [BTC_T.id]


def test_a_pair_made_again_from_a_lost_store_starts_from_what_it_held() -> None:
    book = planned("P-01")
    book.hold("P-01", BTC_T.id, d(-2), d(100))
    assert book.id_of(BTC_T.id, "P-01") == "P-01"
    trade(book, Side.BUY, "2", "90", pair="P-01")
    (closed,) = book.close_pair("P-01", 9, "over")
    assert closed.price_pnl == d(16)


def test_whatever_has_touched_a_pair_makes_a_record_of_it() -> None:
    """A round trip at one price without a fee; a payment; a payment of unknown worth."""
    book = planned("round", "paid", "waits", "none")
    trade(book, Side.SELL, "1", "100", pair="round")
    trade(book, Side.BUY, "1", "100", pair="round")
    book.funding(settled("5"), USD, pair="paid")
    book.funding(settled("5"), None, pair="waits")
    assert [each.net_pnl for each in book.close_pair("round", 9, "")] == [d(0)]
    assert [each.net_pnl for each in book.close_pair("paid", 9, "")] == [d(4)]
    assert book.close_pair("waits", 9, "") == ()
    assert book.close_pair("none", 9, "") == ()
    assert book.state.open == {}
    assert [each.id for each in book.price("USDT", USD)] == ["waits"]
    assert book.price("USDT", USD) == (), "told once"


def test_what_was_exchanged_is_settled_once_however_often_it_is_asked() -> None:
    book = exchanged((("beta", Side.SELL, "10", "2", "0"), ("alpha", Side.BUY, "10", "1", "0")))
    book.exchange("P-01", (spot("USDC", venue="beta"), d(1)), (spot("USDC", venue="alpha"), d(1)))
    (closed,) = book.close_pair("P-01", 9, "")
    assert closed.price_pnl == d(10)


def test_a_perp_of_another_venue_is_another_position() -> None:
    book = EpisodeBook()
    trade(book, Side.BUY, "1", "100")
    there = perp("BTC", "USDT", venue="beta")
    assert book.fill(
        fill(there, Side.SELL, "1", "100"), there, pair=None, strategy="s", quote_usd=USD, fee_usd=USD
    ) == ()  # fmt: skip
    assert sorted(book.state.open) == [BTC_T.id, there.id]
