"""The market picture: figures on the grid, ages and proofs (SEMANTICS 1 and 2, Freshness)."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import RateKind
from services.domain.events import IndexRow, MarketFrame, QuoteRow, VenueLink
from services.domain.money import grid_decimal
from services.domain.venue_events import VenueFacts
from services.market.feeds import PictureState
from services.market.picture import MarketPicture
from services.settings.parameters import Freshness
from tests.market.feed import (
    BTC,
    BTC_USD,
    HOUR,
    INSTRUMENTS,
    MINUTE,
    SECOND,
    T0,
    frame,
    mark,
    picture,
    quote,
    rate,
)


def full(seq: int, ts: int) -> MarketFrame:
    return frame(
        seq,
        ts,
        quotes=(quote(BTC, 22_999.9, 23_000.1),),
        marks=(mark(BTC, 23_000.04),),
        indexes=(IndexRow("USDT", 0.9998765),),
    )


# ---- figures -----------------------------------------------------------------------------------------------


def test_floats_leave_only_on_the_instruments_grid() -> None:
    seen = picture()
    seen.apply(full(1, T0))
    assert seen.mark(BTC.id) == Decimal("23000.0")
    assert seen.mid(BTC.id) == Decimal("23000.0")
    assert seen.index("alpha", "USDT") == Decimal("0.999876")
    assert seen.quote_usd(BTC.id) == seen.settle_usd(BTC.id) == Decimal("0.999876")


@pytest.mark.parametrize(
    ("index", "usd"),
    [
        (0.0000012345, "0.0000012345"),
        (0.0000001, "0.0000001"),
        (0.00999949, "0.00999949"),
        (0.0100004, "0.0100"),
    ],
)
def test_a_coin_far_below_a_cent_keeps_its_figures(index: float, usd: str) -> None:
    """On six places the first would be worth a fifth less than it is, and the second unknown."""
    seen = picture()
    seen.apply(frame(1, T0, indexes=(IndexRow("PEPE", index),)))
    assert seen.index("alpha", "PEPE") == Decimal(usd)


def test_nothing_seen_is_none_everywhere() -> None:
    seen = picture()
    for found in (
        seen.quote(BTC.id),
        seen.mark_row(BTC.id),
        seen.mark(BTC.id),
        seen.mid(BTC.id),
        seen.index("alpha", "USDT"),
        seen.quote_age(BTC.id, T0),
        seen.mark_age(BTC.id, T0),
        seen.index_age("alpha", "USDT", T0),
        seen.rate_age(BTC.id, T0),
        seen.venue_age("alpha", T0),
        seen.rate(BTC.id),
        seen.smoothed_rate(BTC.id, Decimal(8)),
        seen.quote_usd("NOTHING.alpha"),
        seen.settle_usd("NOTHING.alpha"),
        seen.mark("NOTHING.alpha"),
    ):
        assert found is None
    assert not seen.connected("alpha", T0)
    assert not seen.quote_fresh(BTC.id, T0)
    assert not seen.mark_fresh(BTC.id, T0)
    assert not seen.rate_fresh(BTC.id, T0)
    assert list(seen.settlements(BTC.id)) == []


def test_usd_is_one_and_a_stablecoin_is_one_only_where_assumed_at_par() -> None:
    assert picture().index("alpha", "USD") == 1
    assert picture().index_fresh("alpha", "USD", T0)
    assert picture().index("alpha", "USDT") is None
    assumed = picture(par=("USDT",))
    assert assumed.index("alpha", "USDT") == 1
    assert assumed.index_fresh("alpha", "USDT", T0)
    assert not assumed.index_fresh("alpha", "USDC", T0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_an_impossible_figure_is_unknown(bad: float) -> None:
    seen = picture()
    seen.apply(full(1, T0))
    seen.apply(
        frame(
            2,
            T0,
            quotes=(quote(BTC, bad, 23_000.0),),
            marks=(mark(BTC, bad),),
            indexes=(IndexRow("USDT", bad),),
        )
    )
    assert seen.mark(BTC.id) is None
    assert seen.fresh_mark(BTC.id, T0) is None
    assert seen.index("alpha", "USDT") is None
    assert seen.fresh_index("alpha", "USDT", T0) is None
    assert seen.mid(BTC.id) is None
    assert seen.fresh_quote(BTC.id, T0) is None
    assert not seen.quote_fresh(BTC.id, T0)
    assert seen.quote(BTC.id) is not None


@pytest.mark.parametrize(("bid", "ask"), [(2.0, 1.0), (1.0, math.nan), (1.0, math.inf), (1.0, 0.0)])
def test_a_crossed_or_one_sided_book_is_no_quote(bid: float, ask: float) -> None:
    seen = picture()
    seen.apply(frame(1, T0, quotes=(quote(BTC, bid, ask),)))
    assert seen.mid(BTC.id) is None
    assert not seen.quote_fresh(BTC.id, T0)


@given(value=st.floats(min_value=0.01, max_value=1e7))
@settings(max_examples=80)
def test_rounding_to_the_grid_is_idempotent(value: float) -> None:
    once = BTC.price_of(value)
    assert BTC.price_of(float(once)) == once
    assert grid_decimal(float(once), BTC.price_increment) == once


# ---- ages and proofs ---------------------------------------------------------------------------------------


def test_age_counts_from_the_update() -> None:
    seen = picture()
    seen.apply(full(1, T0))
    assert seen.quote_age(BTC.id, T0 + 2 * SECOND) == 2 * SECOND
    assert seen.quote_fresh(BTC.id, T0 + 3 * SECOND - 1)
    assert not seen.quote_fresh(BTC.id, T0 + 3 * SECOND)
    assert seen.mark_fresh(BTC.id, T0 + 10 * SECOND - 1)
    assert not seen.mark_fresh(BTC.id, T0 + 10 * SECOND)
    assert not seen.index_fresh("alpha", "USDT", T0 + 10 * SECOND)
    assert seen.mark(BTC.id) is not None


def test_a_living_intact_connection_vouches_for_a_silent_datum() -> None:
    seen = picture()
    seen.apply(full(1, T0))
    seen.apply(frame(2, T0 + 20 * SECOND))
    assert seen.quote_age(BTC.id, T0 + 21 * SECOND) == SECOND
    assert seen.quote_fresh(BTC.id, T0 + 21 * SECOND)


def test_the_connection_vouches_for_max_quiet_only() -> None:
    seen = picture()
    seen.apply(full(1, T0))
    for second in range(1, 90):
        seen.apply(frame(1 + second, T0 + second * SECOND))
    assert seen.quote_fresh(BTC.id, T0 + 62 * SECOND)
    assert not seen.quote_fresh(BTC.id, T0 + 63 * SECOND)
    assert not seen.mark_fresh(BTC.id, T0 + 70 * SECOND)
    assert seen.connected("alpha", T0 + 89 * SECOND)


def test_no_frame_vouches_for_what_is_asked_for_beside_the_stream() -> None:
    """While a venue's REST was down its stream of books kept the last marks fresh for seventy seconds."""
    seen = picture()
    seen.vouch(facts("marks", "indexes", "rates"))
    seen.apply(full(1, T0))
    seen.apply(frame(2, T0, rates=(rate("0.0001", T0, kind=RateKind.PREDICTED),)))
    for second in range(1, 125):
        seen.apply(frame(2 + second, T0 + second * SECOND))
    last = [
        max(second for second in range(125) if fresh(T0 + second * SECOND))
        for fresh in (
            lambda now: seen.quote_fresh(BTC.id, now),
            lambda now: seen.mark_fresh(BTC.id, now),
            lambda now: seen.index_fresh("alpha", "USDT", now),
            lambda now: seen.rate_fresh(BTC.id, now),
        )
    ]
    assert last == [62, 9, 9, 119]
    assert seen.mark_age(BTC.id, T0 + 60 * SECOND) == 60 * SECOND
    seen.vouch(facts())
    assert seen.mark_fresh(BTC.id, T0 + 69 * SECOND), "a stream of marks vouches for them"
    seen.vouch(facts("quotes"))
    assert [seen.quote_fresh(BTC.id, T0 + each * SECOND) for each in (2, 3)] == [True, False], "polled books"


def facts(*asked: str) -> VenueFacts:
    return VenueFacts(
        venue="alpha", ts=T0, conditional=True, dead_man=True, conditional_survives_dead_man=True, asked=asked
    )


def test_a_lost_frame_ends_the_proof_until_a_fresh_row() -> None:
    seen = picture()
    seen.apply(full(1, T0))
    seen.apply(frame(3, T0 + 4 * SECOND))
    assert not seen.quote_fresh(BTC.id, T0 + 4 * SECOND)
    seen.apply(frame(4, T0 + 5 * SECOND))
    assert not seen.quote_fresh(BTC.id, T0 + 5 * SECOND)
    seen.apply(frame(5, T0 + 6 * SECOND, quotes=(quote(BTC, 1.0, 1.1),)))
    seen.apply(frame(6, T0 + 20 * SECOND))
    assert seen.quote_fresh(BTC.id, T0 + 20 * SECOND)
    assert not seen.mark_fresh(BTC.id, T0 + 20 * SECOND)


def test_a_frame_that_was_overtaken_or_repeated_changes_nothing() -> None:
    seen = picture()
    seen.apply(full(1, T0))
    seen.apply(frame(3, T0 + 2 * SECOND, marks=(mark(BTC, 24_000.0),)))
    late = frame(2, T0 + SECOND, marks=(mark(BTC, 22_000.0),))
    before = msgspec.msgpack.encode(seen.state)
    seen.apply(late)
    assert seen.mark(BTC.id) == Decimal("24000.0")
    assert msgspec.msgpack.encode(seen.state) == before


def test_a_sequence_that_starts_anew_is_taken_and_proves_nothing_older() -> None:
    seen = picture()
    seen.apply(full(50, T0))
    seen.apply(frame(1, T0 + 5 * SECOND, quotes=(quote(BTC, 1.0, 1.1),)))
    assert seen.mid(BTC.id) is not None
    seen.apply(frame(2, T0 + 15 * SECOND))
    assert seen.quote_fresh(BTC.id, T0 + 15 * SECOND)
    assert not seen.mark_fresh(BTC.id, T0 + 15 * SECOND)


def test_a_link_that_went_down_vouches_for_nothing_and_neither_does_the_next_one() -> None:
    seen = picture()
    seen.apply(full(1, T0))
    seen.link(VenueLink("alpha", T0 + SECOND, up=False))
    assert not seen.connected("alpha", T0 + SECOND)
    assert seen.quote_age(BTC.id, T0 + 2 * SECOND) == 2 * SECOND
    seen.link(VenueLink("alpha", T0 + 3 * SECOND, up=True))
    seen.apply(frame(1, T0 + 4 * SECOND))
    assert seen.connected("alpha", T0 + 4 * SECOND)
    assert seen.quote_age(BTC.id, T0 + 4 * SECOND) == 4 * SECOND


def test_the_heartbeat_decides_whether_a_connection_lives() -> None:
    seen = picture()
    seen.apply(full(1, T0))
    assert seen.venue_age("alpha", T0 + 9 * SECOND) == 9 * SECOND
    assert seen.connected("alpha", T0 + 10 * SECOND - 1)
    assert not seen.connected("alpha", T0 + 10 * SECOND)


def test_a_venue_clock_running_ahead_makes_nothing_younger() -> None:
    seen = picture()
    seen.apply(frame(1, T0, marks=(mark(BTC, 1.0),), ts_event=T0 + HOUR))
    assert not seen.mark_fresh(BTC.id, T0 + 10 * SECOND)
    delayed = picture()
    delayed.apply(frame(1, T0 + 30 * SECOND, marks=(mark(BTC, 1.0),), ts_event=T0))
    assert not delayed.mark_fresh(BTC.id, T0 + 30 * SECOND)


def test_in_a_history_run_the_limit_is_twice_the_series_own_step() -> None:
    seen = picture(step=HOUR)
    seen.apply(full(1, T0))
    assert seen.quote_fresh(BTC.id, T0 + 2 * HOUR - 1)
    assert not seen.quote_fresh(BTC.id, T0 + 2 * HOUR)
    assert seen.connected("alpha", T0 + HOUR)
    assert seen.balance_limit_ns == 2 * HOUR
    assert picture(step=SECOND).balance_limit_ns == 90 * SECOND


# ---- rates -------------------------------------------------------------------------------------------------


def test_the_current_rate_is_the_prediction_where_the_venue_predicts() -> None:
    seen = picture()
    seen.apply(frame(1, T0, rates=(rate("0.0001", T0),)))
    assert seen.rate(BTC.id) == rate("0.0001", T0)
    predicted = msgspec.structs.replace(
        rate("0.0002", T0 + HOUR, kind=RateKind.PREDICTED), next_ts=T0 + 8 * HOUR
    )
    seen.apply(frame(2, T0 + HOUR, rates=(predicted,)))
    assert seen.rate(BTC.id) == predicted
    settled = rate("0.0002", T0 + 8 * HOUR)
    seen.apply(frame(3, T0 + 8 * HOUR, rates=(settled,)))
    assert seen.rate(BTC.id) == settled


def test_a_settled_rate_holds_until_the_next_settlement_is_due() -> None:
    seen = picture()
    seen.apply(frame(1, T0, rates=(rate("0.0001", T0),)))
    seen.apply(frame(2, T0 + 7 * HOUR))
    assert seen.rate_fresh(BTC.id, T0 + 7 * HOUR)
    seen.apply(frame(3, T0 + 8 * HOUR + MINUTE))
    assert seen.rate_fresh(BTC.id, T0 + 8 * HOUR + MINUTE)
    seen.apply(frame(4, T0 + 8 * HOUR + 3 * MINUTE))
    assert not seen.rate_fresh(BTC.id, T0 + 8 * HOUR + 3 * MINUTE)


def test_a_rate_with_unknown_next_settlement_ages_like_any_datum() -> None:
    seen = picture()
    seen.apply(frame(1, T0, rates=(rate("0.0001", T0, interval=None),)))
    assert seen.rate_fresh(BTC.id, T0 + 2 * MINUTE - 1)
    assert not seen.rate_fresh(BTC.id, T0 + 2 * MINUTE)


def test_a_silent_connection_makes_rates_stale() -> None:
    seen = picture()
    seen.apply(frame(1, T0, rates=(rate("0.0001", T0),)))
    assert not seen.rate_fresh(BTC.id, T0 + 2 * MINUTE)


def test_the_smoothed_rate_follows_new_settlements() -> None:
    seen = picture()
    seen.apply(frame(1, T0, rates=(rate("0.0008", T0),)))
    assert seen.smoothed_rate(BTC.id, Decimal(8)) == Decimal("0.0001")
    seen.apply(frame(2, T0 + 8 * HOUR, rates=(rate("0.0016", T0 + 8 * HOUR),)))
    assert seen.smoothed_rate(BTC.id, Decimal(8)) == Decimal("0.00015")


# ---- state -------------------------------------------------------------------------------------------------


def test_state_survives_the_round_trip_and_answers_the_same() -> None:
    seen = picture()
    seen.apply(full(1, T0))
    seen.apply(frame(2, T0, rates=(rate("0.0008", T0), rate("0.0001", T0, kind=RateKind.PREDICTED))))
    seen.apply(frame(7, T0 + SECOND, venue="beta"))
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(seen.state), type=PictureState)
    assert restored == seen.state
    again = MarketPicture(INSTRUMENTS, Freshness(), state=restored)
    now = T0 + 2 * SECOND
    assert again.mark(BTC.id) == seen.mark(BTC.id)
    assert again.rate(BTC.id) == seen.rate(BTC.id)
    assert again.quote_age(BTC.id, now) == seen.quote_age(BTC.id, now)
    assert again.smoothed_rate(BTC.id, Decimal(8)) == seen.smoothed_rate(BTC.id, Decimal(8))


floats = st.floats(allow_nan=True, allow_infinity=True, width=64)


@given(bid=floats, ask=floats, value=floats, index=floats)
@settings(max_examples=100)
def test_no_float_whatever_gives_a_figure_that_is_not_a_positive_number(
    bid: float, ask: float, value: float, index: float
) -> None:
    seen = picture()
    row = QuoteRow(BTC_USD.id, bid, 1.0, ask, 1.0, 1.0, 1.0)
    seen.apply(frame(1, T0, quotes=(row,), marks=(mark(BTC, value),), indexes=(IndexRow("USDT", index),)))
    for found in (seen.mark(BTC.id), seen.index("alpha", "USDT"), seen.fresh_mark(BTC.id, T0)):
        assert found is None or (found.is_finite() and found > 0)
    mid = seen.mid(BTC_USD.id)
    assert mid is None or mid.is_finite()
