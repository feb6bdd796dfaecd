"""Spot's frames and rows, spoilt on purpose: refused by name or read, and nothing is booked of nonsense."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.events import OrderFilled
from services.venues.binance.filters import FilterError
from services.venues.binance.market import PublicEars
from services.venues.binance.parse import ParseError
from services.venues.binance.spot import schemas as spot
from services.venues.binance.spot.filters import spot_filters_of
from services.venues.binance.spot.parse import instrument_of
from services.venues.binance.spot.private import SpotPrivateEars
from services.venues.wire.numbers import BadNumber
from services.venues.wire.stream import Renew
from tests.binance.spot_server import filters, symbol_row
from tests.binance.test_ears import JSON
from tests.binance.test_spot_recorded import Booked

VALUES = st.sampled_from([None, True, "NaN", "Infinity", "1e30", "-1", "0", "", "1", 1, 0, -1, 1.5, 10**30])
GOOD = {
    "e": "executionReport", "E": 1, "s": "BTCUSDT", "c": "a" * 20, "S": "BUY", "f": "GTC", "q": "1",
    "x": "TRADE", "X": "FILLED", "i": 7, "l": "1", "z": "1", "L": "60000", "T": 1_700_000_000_000, "t": 5,
    "n": "0.001", "N": "BTC", "C": "", "r": "NONE",
}  # fmt: skip
RATES = spot.Rates(maker=Decimal("0.001"), taker=Decimal("0.002"), buyer=Decimal("0.003"), seller=Decimal(0))


def ears_of(private: Booked, troubles: list[str]) -> SpotPrivateEars:
    return SpotPrivateEars(private, "key", lambda text: "", now_ms=lambda: 1, trouble=troubles.append)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from("lzLntqTiNcCxXSfos"), VALUES, max_size=4), st.booleans())
def test_no_fill_of_spot_is_made_of_impossible_numbers(spoilt: dict[str, Any], wrapped: bool) -> None:
    private, troubles = Booked(), []  # type: ignore[var-annotated] # a list of texts
    frame: dict[str, Any] = {**GOOD, **spoilt}
    ears = ears_of(private, troubles)
    try:
        ears.heard(json.dumps({"subscriptionId": 0, "event": frame} if wrapped else frame))
    except Renew:
        assert not [event for event in private.told if isinstance(event, OrderFilled)]
    for event in private.told:
        for name in ("quantity", "price", "fee", "filled"):
            value = getattr(event, name, Decimal(1))
            assert value.is_finite()
            assert value >= 0 or name == "fee"


@settings(max_examples=60)
@given(
    st.sampled_from(["outboundAccountPosition", "balanceUpdate", "odd", "executionReport", "listStatus"]),
    st.dictionaries(st.sampled_from([*"EBadTsuflcC", "id", "status", "event", "stream"]), JSON, max_size=7),
)
def test_every_word_of_the_account_is_booked_named_or_renews(name: str, fields: dict[str, Any]) -> None:
    private, troubles = Booked(), []  # type: ignore[var-annotated] # a list of texts
    ears = ears_of(private, troubles)
    try:
        ears.heard(json.dumps({"e": name, **fields}))
    except Renew:
        return
    assert ears.applied + ears.refused + sum(ears.passed.values()) >= 1


@pytest.mark.parametrize("key", ["event", "data"])
def test_a_frame_that_is_nested_without_end_is_refused_and_one_of_the_account_missed(key: str) -> None:
    troubles: list[str] = []
    nested = f'{{"stream":"a","{key}":' * 5_000 + "1" + "}" * 5_000
    ears = ears_of(Booked(), troubles)
    with pytest.raises(Renew, match="no frame"):
        ears.heard(nested)
    public = PublicEars({}, trouble=troubles.append, snapshot=lambda symbol: None, spot=True)
    public.heard(nested)
    assert (ears.refused, public.refused, len(troubles)) == (1, 1, 2)


@settings(max_examples=60)
@given(
    st.integers(0, 6),
    st.dictionaries(
        st.sampled_from(
            ["tickSize", "stepSize", "minQty", "maxQty", "minNotional", "maxNotional", "bidMultiplierUp"]
        ),
        VALUES,
        min_size=1,
        max_size=2,
    ),
)
def test_no_instrument_is_made_of_impossible_filters(which: int, spoilt: dict[str, Any]) -> None:
    rows = [{**row, **spoilt} if number == which else row for number, row in enumerate(filters())]
    try:
        row = msgspec.json.decode(json.dumps(symbol_row(filters=rows)), type=spot.Symbol)
        found = instrument_of("v", row, RATES)
    except (msgspec.DecodeError, ParseError, BadNumber):
        return
    for figure in (found.price_increment, found.size_increment, found.min_size, found.min_notional):
        assert figure.is_finite()
        assert figure >= 0
    assert min(found.price_increment, found.size_increment) > 0


def test_fees_are_never_less_than_the_dearer_side_and_absurd_ones_are_refused() -> None:
    row = msgspec.json.decode(json.dumps(symbol_row()), type=spot.Symbol)
    spec = instrument_of("v", row, RATES)
    assert (spec.maker_fee, spec.taker_fee) == (Decimal("0.004"), Decimal("0.005"))
    absurd = msgspec.structs.replace(RATES, taker=Decimal("0.4"))
    with pytest.raises(ParseError, match="a fee of"):
        instrument_of("v", row, absurd)


def test_the_older_minimum_is_read_too_and_one_without_any_is_refused_by_name() -> None:
    plain = [row for row in filters() if row["filterType"] != "NOTIONAL"]
    old = {"filterType": "MIN_NOTIONAL", "minNotional": "10", "applyToMarket": False, "avgPriceMins": 5}
    row = msgspec.json.decode(json.dumps(symbol_row(filters=[*plain, old])), type=spot.Symbol)
    found = spot_filters_of(row)
    assert (found.min_notional, found.min_on_market, found.max_notional) == (10, False, 0)
    bare = msgspec.json.decode(json.dumps(symbol_row(filters=plain)), type=spot.Symbol)
    with pytest.raises(FilterError, match="BTCUSDT: no NOTIONAL minNotional"):
        spot_filters_of(bare)
