"""Dollar readings of a stablecoin (SEMANTICS 5.11)."""

from __future__ import annotations

from decimal import Decimal

from services.market.picture import MarketPicture
from services.market.sources import Readings
from tests.market.feed import (
    BTC,
    BTC_C,
    BTC_USD,
    HOUR,
    INSTRUMENTS,
    SECOND,
    T0,
    USDC_BETA,
    USDC_USD,
    frame,
    picture,
    quote,
)
from tests.portfolio.builders import spot


def quoted() -> MarketPicture:
    seen = picture()
    seen.apply(
        frame(
            1,
            T0,
            quotes=(
                quote(USDC_USD, 0.9699, 0.9701),
                quote(BTC_USD, 19_399.0, 19_401.0),
                quote(BTC_C, 19_999.0, 20_001.0),
                quote(BTC, 19_399.0, 19_401.0),
            ),
        )
    )
    seen.apply(frame(1, T0, venue="beta", quotes=(quote(USDC_BETA, 0.9689, 0.9691),)))
    return seen


def test_direct_and_implied_sources() -> None:
    found = Readings(quoted(), T0).of("USDC")
    assert [(source.name, source.value) for source in found] == [
        (USDC_USD.id, Decimal("0.97")),
        (USDC_BETA.id, Decimal("0.969")),
        ("BTC/USD / BTC-USDC-PERP.alpha", Decimal("0.97")),
    ]
    assert all(source.age == 0 for source in found)


def test_spot_goes_before_a_perp_as_the_implying_instrument() -> None:
    btc_spot = spot("BTC", "USDC")
    seen = picture({**INSTRUMENTS, btc_spot.id: btc_spot})
    seen.apply(
        frame(
            1,
            T0,
            quotes=(
                quote(BTC_USD, 19_399.0, 19_401.0),
                quote(BTC_C, 20_999.0, 21_001.0),
                quote(btc_spot, 19_999.0, 20_001.0),
            ),
        )
    )
    (source,) = Readings(seen, T0).of("USDC")
    assert source.name == "BTC/USD / BTC/USDC.alpha"
    assert source.value == Decimal("0.97")


def test_old_wide_and_one_sided_quotes_are_no_source() -> None:
    seen = quoted()
    assert len(Readings(seen, T0 + 10 * SECOND).of("USDC")) == 3
    assert Readings(seen, T0 + 10 * SECOND + 1).of("USDC") == ()
    wide = picture()
    wide.apply(frame(1, T0, quotes=(quote(USDC_USD, 0.9, 1.0),)))
    wide.apply(frame(1, T0, venue="beta", quotes=(quote(USDC_BETA, 0.0, 1.0),)))
    assert Readings(wide, T0).of("USDC") == ()


def test_fifty_bps_of_spread_is_the_widest_source() -> None:
    seen = picture()
    seen.apply(frame(1, T0, quotes=(quote(USDC_USD, 0.9975, 1.0025),)))
    assert len(Readings(seen, T0).of("USDC")) == 1
    seen.apply(frame(2, T0, quotes=(quote(USDC_USD, 0.9974, 1.0025),)))
    assert Readings(seen, T0).of("USDC") == ()


def test_a_coin_at_par_by_assumption_says_so() -> None:
    (source,) = Readings(picture(par=("USDT",)), T0).of("USDT")
    assert (source.name, source.value) == ("assumed par", Decimal(1))


def test_a_coin_with_no_dollar_anchor_has_no_source_but_a_cross() -> None:
    seen = picture({spec.id: spec for spec in (BTC, BTC_C)})
    seen.apply(frame(1, T0, quotes=(quote(BTC, 19_399.0, 19_401.0), quote(BTC_C, 19_999.0, 20_001.0))))
    assert Readings(seen, T0).of("USDC") == ()
    (cross,) = Readings(seen, T0).crosses()
    assert (cross.coin, cross.other) == ("USDT", "USDC")
    assert cross.value == Decimal("1.030928")


def test_a_direct_cross_counts() -> None:
    direct = spot("USDC", "USDT")
    seen = picture({direct.id: direct})
    seen.apply(frame(1, T0, quotes=(quote(direct, 0.9699, 0.9701),)))
    (cross,) = Readings(seen, T0).crosses()
    assert (cross.coin, cross.other, cross.value) == ("USDC", "USDT", Decimal("0.97"))


def test_history_ages_stretch_with_the_series() -> None:
    seen = picture(step=HOUR)
    seen.apply(frame(1, T0, quotes=(quote(USDC_USD, 1.0, 1.0),)))
    assert len(Readings(seen, T0 + 2 * HOUR).of("USDC")) == 1
