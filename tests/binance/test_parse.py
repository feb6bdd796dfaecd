"""Binance's rows become ours: filters, brackets, funding, and everything that must be refused."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from services.domain.enums import RateKind
from services.domain.events import OrderFilled
from services.venues.binance import frames, parse
from services.venues.binance import schemas as wire
from services.venues.binance.filters import FilterError, filters_of
from services.venues.binance.orders import OrderBook
from services.venues.binance.parse import ParseError
from services.venues.sim.facts import perp
from services.venues.wire.numbers import BadNumber
from tests.binance.samples import HOUR_MS, NS, order
from tests.binance.server import filters, symbol_row

D = Decimal
HOUR = HOUR_MS * NS
EIGHT = 1_790_006_400_000 // (8 * HOUR_MS) * 8 * HOUR_MS


def symbol(**more: object) -> wire.Symbol:
    return msgspec.json.decode(json.dumps(symbol_row(**more)), type=wire.Symbol)  # type: ignore[arg-type]


def instrument(row: wire.Symbol, hours: int = 8) -> object:
    return parse.instrument_of("binance", row, fees=None, brackets=None, leverage=None, interval_h=hours)


@pytest.mark.parametrize(
    ("more", "hours", "why"),
    [
        ({"contractType": "CURRENT_QUARTER"}, 8, "CURRENT_QUARTER is no perpetual"),
        ({"contractType": ""}, 8, "no perpetual"),
        ({"status": "SETTLING"}, 8, "SETTLING"),
        ({"marginAsset": "BTC"}, 8, "settles in 'BTC'"),
        ({"quoteAsset": "BTC", "marginAsset": "BTC"}, 8, "quoted in 'BTC'"),
        ({}, 3, "funding every 3 hours"),
        ({"filters": filters()[1:]}, 8, "no PRICE_FILTER tickSize"),
        ({"filters": filters()[:3]}, 8, "no MIN_NOTIONAL"),
    ],
)
def test_what_is_no_open_perpetual_is_refused_by_name(more: dict[str, object], hours: int, why: str) -> None:
    with pytest.raises(ParseError, match=f"BTCUSDT: .*{why}"):
        instrument(symbol(**more), hours)


@pytest.mark.parametrize(
    ("most", "market", "largest"),
    [("1000", "120", "120"), ("100", "120", "100"), ("1000", "120.1234567", "120.123"), ("0", "120", "120"),
     ("0", "0", UNSET)],
)  # fmt: skip
def test_one_order_is_bounded_by_the_smaller_of_two_bounds(most: str, market: str, largest: object) -> None:
    bounds = {"LOT_SIZE": most, "MARKET_LOT_SIZE": market}
    rows = [{**row, "maxQty": bounds.get(str(row["filterType"]), row.get("maxQty"))} for row in filters()]
    found = instrument(symbol(filters=rows)).max_size  # type: ignore[attr-defined]
    assert found is UNSET if largest is UNSET else found == D(str(largest))


def test_a_pulled_in_delivery_date_is_a_delisting() -> None:
    spec = instrument(symbol(deliveryDate=EIGHT))
    assert spec.delisting_ts == EIGHT * NS  # type: ignore[attr-defined]


@pytest.mark.parametrize("bad", ["0", "-0.1", "NaN", "Infinity", "1e30"])
@pytest.mark.parametrize("field", ["tickSize", "stepSize"])
def test_a_grid_that_is_none_is_refused(field: str, bad: str) -> None:
    rows = [{**row, field: bad} if field in row else row for row in filters()]
    with pytest.raises((BadNumber, FilterError, ParseError)):
        instrument(symbol(filters=rows))


def test_brackets_become_tiers_by_the_leverage_that_is_set() -> None:
    rows = tuple(
        wire.Bracket(lever, D(cap), D(floor), D(ratio), D(cum))
        for lever, cap, floor, ratio, cum in (
            (20, 1_000_000, 50_000, "0.025", "750"), (50, 50_000, 0, "0.01", "0"),
        )
    )  # fmt: skip
    tiers = parse.tiers_of(wire.Brackets("X", rows), 25)
    assert tiers is not None
    assert [(t.cap, t.initial) for t in tiers] == [
        (50_000, D("0.04")), (1_000_000, D("0.05")), (None, 1),
    ]  # fmt: skip
    assert tiers[1].maintenance * 100_000 - tiers[1].cum == 1_750
    assert parse.tiers_of(None, 25) is None
    assert parse.tiers_of(wire.Brackets("X", rows), None) is None
    for broken in (D("0"), D("1.5"), D("NaN")):
        bad = (msgspec.structs.replace(rows[0], maintMarginRatio=broken),)
        with pytest.raises((ParseError, BadNumber)):
            parse.tiers_of(wire.Brackets("X", bad), 25)


def test_settlements_lie_on_their_hour_and_carry_the_gap_before_them() -> None:
    rows = [
        wire.FundingRate("X", D("0.0003"), EIGHT + 12 * HOUR_MS + 3),
        wire.FundingRate("X", D("0.0001"), EIGHT + 7),
        wire.FundingRate("X", D("0.0002"), EIGHT + 8 * HOUR_MS),
        wire.FundingRate("X", D("0.0004"), EIGHT + 36 * HOUR_MS),
    ]
    told = parse.settled("binance", rows)
    assert [(row.rate, row.interval_h) for row in told] == [
        (D("0.0001"), None), (D("0.0002"), 8), (D("0.0003"), 4), (D("0.0004"), None),
    ]  # fmt: skip
    assert [row.rate_ts % HOUR for row in told] == [0, 0, 0, 0]
    assert told[1].next_ts == (EIGHT + 16 * HOUR_MS) * NS
    assert {row.kind for row in told} == {RateKind.SETTLED}
    with pytest.raises(ParseError, match="at no hour"):
        parse.on_the_hour(EIGHT + 20 * 60_000, "x")


def test_k2_only_closed_candles_count() -> None:
    """Bug K2: an unfinished candle repaints."""
    candle = frames.Candle(t=1, T=2, s="X", i="1m", o=D(2), h=D(4), l=D(1), c=D(3), v=D(5), x=False)
    assert parse.closed_candle(frames.CandleFrame(1, candle)) is None
    closed = msgspec.structs.replace(candle, x=True)
    assert parse.closed_candle(frames.CandleFrame(1, closed)) is closed
    with pytest.raises(ParseError, match="holds not its own"):
        parse.closed_candle(frames.CandleFrame(1, msgspec.structs.replace(candle, h=D(2))))


def test_a7_only_what_has_held_its_dollar_as_margin_may_weigh() -> None:
    assert parse.weight_of("USDTUSD", D("0.0001")) == D("0.9999")
    for bad in (D("1.5"), D("-0.1"), D("NaN")):
        with pytest.raises((ParseError, BadNumber)):
            parse.weight_of("USDTUSD", bad)
    with pytest.raises(ParseError):
        parse.index_of("USD", D(1))


def test_the_mark_bounds_a_limit_and_unknown_it_lets_only_reducing_orders_pass() -> None:
    limits = filters_of(symbol())
    assert limits.refusal(order(), D(60_000)) == ""
    assert "mark is not known" in limits.refusal(order(), None)
    assert limits.refusal(order(reduce_only=True), None) == ""
    assert limits.refusal(order(reduce_only=True, quantity=D("0.001")), D(60_000)) == ""
    assert "below 100" in limits.refusal(order(quantity=D("0.001")), D(60_000))


TEXTS = ["NaN", "Infinity", "-Infinity", "-1", "0", "1e30", "1e999999999", "1_000", "", "x", "1.5", "60000"]
VALUES = st.sampled_from([*TEXTS, None, True, 1.5, [], {}]) | st.integers() | st.floats()


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from("lzLntqTiNcxXSfos"), VALUES, max_size=5))
def test_no_fill_is_made_of_impossible_numbers(spoilt: dict[str, object]) -> None:
    told: list[object] = []
    book = OrderBook("binance", {}, lambda: 1, told.append, lambda text: None)
    fields = {
        "s": "BTCUSDT", "c": "a" * 20, "S": "BUY", "f": "GTC", "q": "1", "x": "TRADE", "X": "FILLED", "i": 7,
        "l": "1", "z": "1", "L": "60000", "T": 1_700_000_000_000, "t": 5, "n": "0.1", "N": "USDT", **spoilt,
    }  # fmt: skip
    try:
        text = json.dumps({"E": 1, "T": 1, "o": fields})
        book.frame(frames.ORDER.decode(text).o)
    except (msgspec.DecodeError, ParseError, BadNumber):
        pass
    for event in told:
        for name in ("quantity", "price", "fee", "filled"):
            value = getattr(event, name, D(1))
            assert value.is_finite()
            assert name == "fee" or value >= 0
        assert 0 < event.ts_event < 10**20  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("maker", "said", "fee"),
    [
        ("0", {}, D(0)),
        ("0", {"n": "0", "N": None}, D(0)),
        ("0.0002", {"n": "0", "N": None}, D(0)),
        ("0", {"n": "0.1", "N": "BNB"}, D("0.1")),
        ("0.0002", {}, None),
        (None, {}, None),
        ("0", {"n": "0.1"}, None),
    ],
)
def test_a_commission_that_is_none_is_left_out_and_any_other_has_to_be_told(
    maker: str | None, said: dict[str, object], fee: Decimal | None
) -> None:
    """Makers pay nothing on some books: each of their fills ended the private connection."""
    spec = replace(perp("binance", "BTCUSDC", "BTC", "USDC"), maker_fee=None if maker is None else D(maker))
    told: list[object] = []
    book = OrderBook("binance", {"BTCUSDC": spec}, lambda: 1, told.append, lambda text: None)
    fields = {
        "s": "BTCUSDC", "c": "a" * 20, "S": "BUY", "f": "GTC", "q": "1", "x": "TRADE", "X": "FILLED", "i": 7,
        "l": "1", "z": "1", "L": "60000", "T": 1_700_000_000_000, "t": 5, "m": True, **said,
    }  # fmt: skip
    frame = frames.ORDER.decode(json.dumps({"E": 1, "T": 1, "o": fields})).o
    if fee is None:
        with pytest.raises(ParseError, match="without a fee"):
            book.frame(frame)
        return
    book.frame(frame)
    (fill,) = [event for event in told if isinstance(event, OrderFilled)]
    assert (fill.fee, fill.fee_coin) == (fee, said.get("N") or "USDC")


@settings(max_examples=100)
@given(VALUES, VALUES, VALUES)
def test_no_mark_rate_or_position_is_made_of_impossible_numbers(
    first: object, second: object, third: object
) -> None:
    mark = {"s": "X", "E": 1_700_000_000_000, "p": first, "i": second, "r": third, "T": EIGHT}
    try:
        frame = frames.MARK.decode(json.dumps(mark))
        row, rate = parse.mark_of("v", frame), parse.predicted("v", frame, 8)
    except (msgspec.DecodeError, ParseError, BadNumber):
        return
    assert 0 < row.mark < 1e20
    assert 0 < row.index < 1e20
    assert rate is None or abs(rate.rate) < 1
