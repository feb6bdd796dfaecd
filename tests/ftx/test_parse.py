"""Rows of the FTX dialect become ours: signs, states, unknowns, and everything that must be refused."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.enums import InstrumentKind, OrderState, RateKind, Side
from services.venues.ftx import parse
from services.venues.ftx import schemas as wire
from services.venues.ftx.parse import ParseError
from services.venues.wire.numbers import BadNumber

D = Decimal


def decoded(kind: type, text: str) -> object:
    return msgspec.json.decode(text.encode(), type=kind)


FUTURE = """{"name": "USDT-PERP", "underlying": "USDT", "perpetual": true, "enabled": true, "expired": false,
 "mark": 1.0002, "index": 1.0001, "imfFactor": 1e-05, "priceIncrement": 0.0001, "sizeIncrement": 1.0 %s}"""
MARKET = """{"name": "USDT-PERP", "type": "future", "enabled": true, "priceIncrement": 0.0001,
 "sizeIncrement": 1.0, "underlying": "USDT", "restricted": false %s}"""
ACCOUNT = """{"collateral": 1, "freeCollateral": 1, "totalAccountValue": 1, "liquidating": false,
 "leverage": 10, "makerFee": 0.0002, "takerFee": 0.0007}"""


def future(more: str = "") -> wire.Future:
    return decoded(wire.Future, FUTURE % more)  # type: ignore[return-value]


def market(more: str = "") -> wire.Market:
    return decoded(wire.Market, MARKET % more)  # type: ignore[return-value]


def account() -> wire.Account:
    return decoded(wire.Account, ACCOUNT)  # type: ignore[return-value]


def test_a_perpetual_settles_in_usd_every_hour_unless_the_server_says_otherwise() -> None:
    plain = parse.instrument_of("ftx", market(), future(), account())
    assert (plain.id, plain.kind, plain.settle, plain.underlying) == (
        "USDT-PERP.ftx", InstrumentKind.PERP, "USD", "USDT",
    )  # fmt: skip
    assert plain.funding_interval_h == 1
    assert (plain.taker_fee, plain.maker_fee) == (D("0.0007"), D("0.0002"))
    marked = future(', "settleCoin": "USDC", "fundingHours": 8')
    ours = parse.instrument_of("alpha", market(), marked, account())
    assert (ours.settle, ours.quote, ours.funding_interval_h) == ("USDC", "USDC", 8)


def test_a_lower_leverage_of_the_account_is_in_the_stated_margins_too() -> None:
    """The server's table said 10 %; an account that is set to 4x is asked for 25 %."""
    table = [
        {"cap": 250_000, "initial": 0.1, "maintenance": 0.03, "cum": 0},
        {"cap": None, "initial": 0.5, "maintenance": 0.05, "cum": 5_000},
    ]
    stated = future(f', "marginTiers": {msgspec.json.encode(table).decode()}')

    def asked(account: wire.Account | None) -> list[D]:
        return [tier.initial for tier in parse.instrument_of("alpha", market(), stated, account).tiers or ()]

    for leverage, wanted in ((4, "0.25"), (10, "0.1"), (20, "0.1")):
        assert asked(msgspec.structs.replace(account(), leverage=D(leverage))) == [D(wanted), D("0.5")]
    assert asked(None) == [D("0.1"), D("0.5")]


def test_a_market_that_takes_closing_orders_alone_has_ended_as_far_as_we_know() -> None:
    def end(more: str) -> int | None:
        return parse.instrument_of("ftx", market(), future(more), account(), 7).delisting_ts

    assert end("") is None
    assert end(', "closeOnly": true') == 7
    assert end(', "expiry": "1970-01-01T00:00:01+00:00", "closeOnly": true') == 7


def test_unknown_fees_and_margins_stay_unknown() -> None:
    blind = parse.instrument_of("ftx", market(), future(), None)
    assert (blind.taker_fee, blind.maker_fee, blind.tiers) == (None, None, None)


def test_the_stepped_margin_never_understates_the_square_root() -> None:
    spec = parse.instrument_of("ftx", market(), future(), account())
    assert spec.tiers is not None
    for usd in (1_000, 49_999, 50_001, 240_000, 3_000_000, 24_000_000):
        size = D(usd) / D("1.0002")
        tier = next(t for t in spec.tiers if t.cap is None or usd <= t.cap)
        assert tier.initial >= max(D("0.1"), D("1e-05") * size.sqrt())
        assert tier.maintenance >= max(D("0.03"), D("0.6") * D("1e-05") * size.sqrt())
    assert spec.tiers[-1].maintenance == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (market(', "name": "BTC-0924"').name and market(), None),
        (market(), future(', "perpetual": false')),
        (market(), future(', "expired": true')),
        (market(', "enabled": false'), future()),
        (market(', "restricted": true'), future()),
        (market(', "type": "spot"'), None),
    ],
)
def test_what_is_no_open_perpetual_or_spot_is_refused_by_name(
    first: wire.Market, second: wire.Future | None
) -> None:
    with pytest.raises(ParseError, match="USDT-PERP"):
        parse.instrument_of("ftx", first, second, account())


def test_the_wires_funding_sign_is_turned_once() -> None:
    """A long under a positive rate pays: a positive payment on this wire, a negative one in our books."""
    row: wire.FundingPayment = decoded(  # type: ignore[assignment]
        wire.FundingPayment,
        '{"id": 7, "future": "BTC-PERP", "payment": 0.0441342, "rate": 0.0001,'
        ' "time": "2019-05-15T18:00:00+00:00"}',
    )
    ours = parse.payment_of("ftx", row, "USD", 9)
    assert ours.amount == D("-0.0441342")
    assert (ours.payment_id, ours.coin, ours.ts_event) == ("7", "USD", 1557943200 * 10**9)


def test_g3_the_signed_size_is_read_and_never_the_magnitude() -> None:
    row: wire.Position = decoded(  # type: ignore[assignment]
        wire.Position,
        '{"future": "ETH-PERP", "netSize": -0.23, "size": 0.23, "side": "sell", "entryPrice": 138.22,'
        ' "recentAverageOpenPrice": 135.31}',
    )
    ours = parse.position_of("ftx", row, D(10))
    assert ours is not None
    assert (ours.size, ours.entry_price) == (D("-0.23"), D("135.31"))
    flat = msgspec.structs.replace(row, netSize=D(0), entryPrice=None)
    assert parse.position_of("ftx", flat, None) is None
    blank = msgspec.structs.replace(row, entryPrice=None, recentAverageOpenPrice=None)
    with pytest.raises(ParseError, match="entry price"):
        parse.position_of("ftx", blank, None)


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        ("new", 0, OrderState.ACCEPTED),
        ("open", 0, OrderState.ACCEPTED),
        ("open", 3, OrderState.PARTIALLY_FILLED),
        ("closed", 0, OrderState.CANCELED),
        ("closed", 3, OrderState.CANCELED),
        ("closed", 10, OrderState.FILLED),
    ],
)
def test_closed_is_decided_by_what_was_filled(status: str, filled: int, state: OrderState) -> None:
    row = wire.Order(
        id=1, market="X", side="buy", type="limit", size=D(10), filledSize=D(filled), remainingSize=D(0),
        status=status, reduceOnly=False, ioc=False, postOnly=False,
    )  # fmt: skip
    assert parse.state_of(row) is state
    with pytest.raises(ParseError, match="status"):
        parse.state_of(msgspec.structs.replace(row, status="odd"))


def test_collateral_weights_unknown_weigh_nothing() -> None:
    """Bug A7: coins count by their weights; one of unknown weight counts nothing."""
    coins = {
        "USDT": wire.Coin("USDT", True, D("0.975"), False, D("0.95")),
        "DOGE": wire.Coin("DOGE", False, D("0.5")),
        "BTC": wire.Coin("BTC", True, D("0.975")),
    }

    def weights(coin: str) -> tuple[Decimal | None, Decimal | None]:
        row = parse.balance_of(wire.Balance(coin, D(5), D(5)), coins)
        return row.weight_total, row.weight_initial

    assert weights("USD") == (1, 1)
    assert weights("USDT") == (D("0.975"), D("0.95"))
    assert weights("BTC") == (D("0.975"), None), "nobody said what it counts for new risk"
    assert weights("DOGE") == weights("XYZ") == (None, None)


def test_times_are_exact_and_need_their_offset() -> None:
    assert parse.iso_ns("2019-03-05T09:56:55.728933+00:00") == 1551779815728933000
    assert parse.iso_ns("2019-05-15T18:00:00+00:00") == 1557943200 * 10**9
    for bad in ("2019-05-15T18:00:00", "yesterday", "", "1557943200"):
        with pytest.raises(ParseError):
            parse.iso_ns(bad)
    assert parse.seconds_ns(D("1641012223.016193")) == 1641012223016193000
    for value in (D(0), D(-1), D("1e15")):
        with pytest.raises((ParseError, BadNumber)):
            parse.seconds_ns(value)


def test_a_prediction_needs_rate_and_instant() -> None:
    """Bugs E1, E2: rate and instant come from the statistics, and none is made of a half."""
    stats = wire.FutureStats(nextFundingRate=D("0.00025"), nextFundingTime="2019-03-29T03:00:00+00:00")
    row = parse.predicted("ftx", "BTC-PERP", stats, D(1), 5)
    assert row is not None
    assert (row.kind, row.rate, row.rate_ts, row.next_ts) == (
        RateKind.PREDICTED, D("0.00025"), 5, 1553828400 * 10**9,
    )  # fmt: skip
    assert parse.predicted("ftx", "BTC-PERP", wire.FutureStats(nextFundingRate=D(1)), D(1), 5) is None
    rate = parse.settled("ftx", wire.FundingRate("BTC-PERP", D("0.1"), "2019-06-02T08:00:00+00:00"), D(8))
    assert rate.next_ts == rate.rate_ts + 8 * 3600 * 10**9


NUMBERS = st.sampled_from(["NaN", "Infinity", "-1", "0", "1e30", "null", '"1"', '"NaN"', "1.5"])


@given(NUMBERS, NUMBERS, NUMBERS)
def test_no_fill_is_made_of_impossible_numbers(price: str, size: str, fee: str) -> None:
    text = (
        f'{{"id": 1, "market": "X", "orderId": 2, "side": "buy", "price": {price}, "size": {size},'
        f' "fee": {fee}, "liquidity": "taker", "time": "2019-06-02T08:00:00+00:00"}}'
    )
    try:
        row = wire.FILL.decode(text.encode())
        fill = parse.fill_of("ftx", row, "c", "USD", 0)
    except (msgspec.DecodeError, BadNumber, ParseError):
        return
    assert fill.price > 0
    assert fill.quantity > 0
    assert fill.fee.is_finite()
    assert fill.side is Side.BUY
