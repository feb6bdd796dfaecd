"""Closed trades (SEMANTICS 11)."""

from __future__ import annotations

import msgspec
import pytest

from services.domain.enums import Side
from services.domain.events import FundingSettled
from services.domain.records import EpisodeRecord
from services.portfolio.episodes import EpisodeBook, EpisodesState
from services.portfolio.ledger import Ledger
from tests.portfolio.builders import d, fill, perp, spot

BTC_T = perp("BTC", "USDT")
BTC_C = perp("BTC", "USDC", venue="beta")


def trade(
    book: EpisodeBook,
    side: Side,
    quantity: str,
    price: str,
    *,
    fee: str = "0",
    ts: int = 1_000,
    pair: str | None = None,
    leg: object = None,
    usd: str | None = "1",
) -> tuple[EpisodeRecord, ...]:
    instrument = BTC_C if leg == "long" else BTC_T
    index = None if usd is None else d(usd)
    return book.fill(
        fill(instrument, side, quantity, price, fee=fee, ts=ts),
        instrument,
        pair=pair,
        strategy="funding_arb",
        quote_usd=index,
        fee_usd=index,
        capital_at_risk=d(200),
    )


def settled(amount: str, instrument: str = BTC_T.id) -> FundingSettled:
    return FundingSettled(
        venue="alpha",
        payment_id="p",
        instrument=instrument,
        size=d(1),
        price=d(20_000),
        rate=d(0),
        amount=d(amount),
        coin="USDT",
        ts_event=2_000,
        ts=2_000,
    )


def test_a_position_from_flat_to_flat_is_one_trade_net_of_fees_and_funding() -> None:
    """Bug I4: no trade's result leaves out its fees or its funding."""
    book = EpisodeBook()
    assert trade(book, Side.BUY, "1", "20000", fee="10") == ()
    assert trade(book, Side.BUY, "1", "21000", fee="10") == ()
    book.funding(settled("-3"), d("0.99"))
    assert trade(book, Side.SELL, "1", "22000", fee="10") == ()
    (record,) = trade(book, Side.SELL, "1", "19500", fee="10", ts=9_000)
    assert record.price_pnl == d(500)
    assert record.fees == d(40)
    assert record.funding == d("-2.97")
    assert record.net_pnl == d(500) - d(40) - d("2.97")
    assert record.notional == d(42_000)
    assert (record.opened_ts, record.closed_ts) == (1_000, 9_000)
    assert record.kind == "position"
    assert record.capital_at_risk == d(200)


def test_a_flip_closes_one_and_opens_the_next() -> None:
    book = EpisodeBook()
    trade(book, Side.BUY, "1", "20000")
    (record,) = trade(book, Side.SELL, "3", "21000", fee="30", ts=2_000)
    assert record.price_pnl == d(1_000)
    assert record.fees == d(10)
    assert record.reason == "flip"
    (second,) = trade(book, Side.BUY, "2", "20000", ts=3_000)
    assert second.price_pnl == d(2_000)
    assert second.fees == d(20)
    assert record.id != second.id
    assert second.opened_ts == 2_000


def test_a_pair_is_one_trade_made_of_its_own_fills() -> None:
    book = EpisodeBook()
    book.open_pair(
        "P-01",
        strategy="funding_arb",
        hedge_group="BTC",
        instruments=(BTC_T.id, BTC_C.id),
        now=500,
        capital_at_risk=d(100),
    )
    trade(book, Side.BUY, "5", "20000")
    trade(book, Side.SELL, "1", "20000", pair="P-01", fee="10", usd="0.999")
    trade(book, Side.BUY, "1", "20010", pair="P-01", leg="long", fee="10")
    book.funding(settled("7"), d(1), pair="P-01")
    trade(book, Side.BUY, "1", "20500", pair="P-01", fee="10")
    trade(book, Side.SELL, "1", "20520", pair="P-01", leg="long", fee="10")
    (record,) = book.close_pair("P-01", 8_000, "max hold")
    assert record.kind == "pair"
    assert record.price_pnl == d(-500) + d(510)
    assert record.fees == d("39.99")
    assert record.funding == d(7)
    assert record.net_pnl == record.price_pnl + record.funding - record.fees
    assert (record.opened_ts, record.closed_ts, record.reason) == (500, 8_000, "max hold")
    assert record.instruments == (BTC_T.id, BTC_C.id)
    assert book.id_of(BTC_T.id, None) == f"{BTC_T.id}#1"


def test_a_pair_that_never_filled_leaves_no_record_and_a_failed_attempt_books_its_fees() -> None:
    book = EpisodeBook()
    for name in ("P-01", "P-02"):
        book.open_pair(
            name,
            strategy="s",
            hedge_group="BTC",
            instruments=(BTC_T.id, BTC_C.id),
            now=1,
            capital_at_risk=d(1),
        )
    assert book.close_pair("P-01", 2, "cancelled") == ()
    trade(book, Side.SELL, "1", "20000", pair="P-02", fee="10")
    trade(book, Side.BUY, "1", "20000", pair="P-02", fee="10")
    (record,) = book.close_pair("P-02", 2, "reversed")
    assert record.net_pnl == d(-20)
    assert book.close_pair("P-02", 3, "again") == ()


def test_a_flow_without_an_index_waits_and_the_record_with_it() -> None:
    book = EpisodeBook()
    trade(book, Side.BUY, "1", "20000")
    assert trade(book, Side.SELL, "1", "21000", usd=None, fee="5") == ()
    assert book.waiting_coins() == ("USDT",)
    assert book.price("USDC", d(1)) == ()
    (record,) = book.price("USDT", d("0.5"))
    assert record.price_pnl == d(500)
    assert record.fees == d("2.5")
    assert book.waiting_coins() == ()


def test_spot_fills_are_no_episode() -> None:
    book = EpisodeBook()
    pair = spot("USDC")
    answer = book.fill(
        fill(pair, Side.BUY, "1", "1"), pair, pair=None, strategy="operator", quote_usd=d(1), fee_usd=d(1)
    )
    assert answer == ()
    assert book.state.open == {}


def exchanged(fills: tuple[tuple[str, Side, str, str, str], ...], usd: str | None = "1") -> EpisodeBook:
    """(venue, side, quantity, price, fee in dollars) of one pair that changes hands."""
    book = EpisodeBook()
    book.open_pair(
        "P-01", strategy="cross", hedge_group="USDC", instruments=("a", "b"), now=1, capital_at_risk=d(44)
    )
    for number, (venue, side, quantity, price, fee) in enumerate(fills):
        leg = spot("USDC", venue=venue)
        told = fill(leg, side, quantity, price, fee=fee, fee_coin="USD", trade_id=f"t{number}")
        assert book.fill(told, leg, pair="P-01", strategy="cross", quote_usd=d(1), fee_usd=d(1)) == ()
    index = None if usd is None else d(usd)
    book.exchange("P-01", (spot("USDC", venue="beta"), index), (spot("USDC", venue="alpha"), index))
    return book


def test_spot_that_changed_hands_brings_what_the_venues_are_apart() -> None:
    book = exchanged(
        (
            ("beta", Side.SELL, "3000", "1.004", "1.5"),
            ("alpha", Side.BUY, "3000", "1.001", "1.5"),
            ("beta", Side.SELL, "1000", "1.003", "0.5"),
            ("alpha", Side.BUY, "1000", "1.002", "0.5"),
        )
    )
    (closed,) = book.close_pair("P-01", 9, "exchanged")
    assert (closed.price_pnl, closed.fees, closed.net_pnl) == (d(10), d(4), d(6))
    assert (closed.kind, closed.reason, closed.notional) == ("pair", "exchanged", d("4012.000"))


def test_what_one_leg_did_alone_and_took_back_is_booked_and_a_rest_stays_at_cost() -> None:
    """Sold 2 000 alone, bought 1 500 of them back 2 cents dearer; 400 were matched, 100 stay done alone."""
    book = exchanged(
        (
            ("beta", Side.SELL, "2000", "1.00", "1"),
            ("alpha", Side.BUY, "400", "0.99", "1"),
            ("beta", Side.BUY, "1500", "1.02", "1"),
        )
    )
    (closed,) = book.close_pair("P-01", 9, "reversed")
    assert closed.price_pnl == d(-30) + d(4)
    assert closed.fees == d(3)


def test_a_fee_in_the_coin_that_was_bought_is_a_fee_and_no_loss_of_price() -> None:
    """The legs are counted gross; what the fee took of the coin is missing in the inventory."""
    book, ledger = EpisodeBook(), Ledger()
    book.open_pair(
        "P-01", strategy="cross", hedge_group="USDC", instruments=("a", "b"), now=1, capital_at_risk=d(4)
    )
    legs = spot("USDC", venue="beta"), spot("USDC", venue="alpha")
    sold = fill(legs[0], Side.SELL, "1000", "1.01", fee="1", fee_coin="USD")
    bought = fill(legs[1], Side.BUY, "1000", "1", fee="2", fee_coin="USDC")
    for told, leg, index in ((sold, legs[0], "1"), (bought, legs[1], "0.99")):
        ledger.apply_fill(told, leg, d(1), d(1), d(index))
        book.fill(told, leg, pair="P-01", strategy="cross", quote_usd=d(1), fee_usd=d(index))
    book.exchange("P-01", (legs[0], d(1)), (legs[1], d(1)))
    (closed,) = book.close_pair("P-01", 9, "exchanged")
    assert (closed.price_pnl, closed.fees) == (d(10), d("2.98"))
    held = [ledger.account(name).balances["USDC"] for name in ("alpha", "beta")]
    assert held == [d(998), d(-1_000)]


def test_an_exchange_of_unknown_worth_waits_for_its_index() -> None:
    book = exchanged((("beta", Side.SELL, "10", "2", "0"), ("alpha", Side.BUY, "10", "1", "0")), usd=None)
    assert book.close_pair("P-01", 9, "exchanged") == ()
    (closed,) = book.price("USD", d("0.5"))
    assert closed.price_pnl == d(5)


def test_funding_without_an_open_episode_is_left_to_the_ledger() -> None:
    book = EpisodeBook()
    book.funding(settled("1"), d(1))
    assert book.state == EpisodesState()


def test_state_survives_the_round_trip() -> None:
    book = EpisodeBook()
    trade(book, Side.BUY, "1", "20000", fee="1")
    trade(book, Side.SELL, "0.5", "20100", usd=None)
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(book.state), type=EpisodesState)
    assert restored == book.state


@pytest.mark.parametrize(("filled", "at_risk"), [("1", "300"), ("0.25", "75")])
def test_a_pair_had_no_more_at_risk_than_was_entered(filled: str, at_risk: str) -> None:
    """Win and loss are measured on it (SEMANTICS 4.1): a quarter of a plan that lost its stop lost all of its
    risk, not a quarter."""
    book = EpisodeBook()
    book.open_pair(
        "P-01", strategy="s", hedge_group="BTC", instruments=(BTC_T.id,), now=1, capital_at_risk=d(300)
    )
    assert trade(book, Side.SELL, "1", "20000", pair="P-01") == ()
    assert trade(book, Side.BUY, "1", "20075", pair="P-01") == ()
    (record,) = book.close_pair("P-01", 2, "pair stop", d(filled))
    assert record.capital_at_risk == d(at_risk)
    assert record.net_pnl == d(-75)
