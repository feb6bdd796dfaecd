"""Errors, numbers, funding and facts of the ccxt room, without a library and without a socket."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from services.domain.enums import RateKind
from services.venues.ccxt_venue import facts, funding
from services.venues.ccxt_venue.build import build_ccxt
from services.venues.ccxt_venue.errors import told, wire_error
from services.venues.ccxt_venue.exact import Exact, exact
from services.venues.ccxt_venue.levels import book_of, quote_of
from services.venues.ccxt_venue.line import Line
from services.venues.ccxt_venue.okx import Okx
from services.venues.ccxt_venue.profile import CcxtSettings
from services.venues.ccxt_venue.rows import Account, margined_apart, order_of, position_of
from services.venues.ccxt_venue.settled import Settled
from services.venues.hours import HOUR_MS
from services.venues.wire.budget import Lane
from services.venues.wire.errors import ErrorKind
from services.venues.wire.numbers import BadNumber
from tests.binance.server import Heard

D = Decimal
HOUR = 3_600_000
NOW = 1_700_000_400_000
MARKET: dict[str, Any] = {
    "id": "BTC-USDT-SWAP", "symbol": "BTC/USDT:USDT", "base": "BTC", "quote": "USDT", "settle": "USDT",
    "swap": True, "linear": True, "active": True, "contractSize": D("0.01"),
    "precision": {"amount": D("0.01"), "price": D("0.1")},
    "limits": {"amount": {"min": D("0.02")}, "cost": {"min": None}},
}  # fmt: skip


def listed(**more: Any) -> facts.Listed:
    return facts.listed(
        "okx", {**MARKET, **more}, tick_sizes=True, fees=(None, None), tiers=None, reduce_only=True
    )


def raised(*names: str) -> Exception:
    """An exception of classes of these names, the last the most special."""
    made: type[Exception] = Exception
    for name in names:
        made = type(name, (made,), {})
    return made("bybit GET https://h/v5?api_key=visible&sign=visible said\n no")


@pytest.mark.parametrize(
    ("names", "write", "kind"),
    [
        (("OperationFailed", "NetworkError", "RequestTimeout"), True, ErrorKind.UNKNOWN),
        (("OperationFailed", "NetworkError", "ExchangeNotAvailable"), True, ErrorKind.UNKNOWN),
        (
            ("OperationFailed", "NetworkError", "ExchangeNotAvailable", "OnMaintenance"),
            True,
            ErrorKind.UNKNOWN,
        ),
        (("OperationFailed", "BadResponse", "NullResponse"), True, ErrorKind.UNKNOWN),
        (("ExchangeError",), True, ErrorKind.UNKNOWN),
        (("TypeError",), True, ErrorKind.UNKNOWN),
        (("NetworkError", "DDoSProtection"), True, ErrorKind.UNKNOWN),
        (("ExchangeError", "InvalidOrder", "DuplicateOrderId"), True, ErrorKind.UNKNOWN),
        (("NetworkError", "RateLimitExceeded"), True, ErrorKind.THROTTLED),
        (("NetworkError", "InvalidNonce"), True, ErrorKind.AUTH),
        (("ExchangeError", "AuthenticationError", "PermissionDenied"), True, ErrorKind.AUTH),
        (("ExchangeError", "InsufficientFunds"), True, ErrorKind.REJECTED),
        (("ExchangeError", "InvalidOrder"), True, ErrorKind.REJECTED),
        (("ExchangeError", "OperationRejected", "MarketClosed"), True, ErrorKind.REJECTED),
        (("NetworkError", "RequestTimeout"), False, ErrorKind.UNAVAILABLE),
        (("KeyError",), False, ErrorKind.UNAVAILABLE),
    ],
)
def test_only_a_venues_own_no_is_a_refusal(names: tuple[str, ...], write: bool, kind: ErrorKind) -> None:
    assert wire_error(raised(*names), write=write).kind is kind


def test_what_never_left_is_unavailable_and_not_in_doubt() -> None:
    error = raised("NetworkError", "ExchangeNotAvailable")
    error.__cause__ = raised("ClientConnectorError")
    assert wire_error(error, write=True).kind is ErrorKind.UNAVAILABLE


def test_no_query_of_an_address_is_told() -> None:
    assert "visible" not in told(raised("NetworkError"))
    assert "\n" not in told(raised("NetworkError"))


def test_digits_of_the_wire_are_kept() -> None:
    row = Exact().parse_json('{"a": 0.10000000000000000555, "b": 1e-9, "c": 12345678901234567890123, "d": 7}')
    assert row == {"a": "0.10000000000000000555", "b": "1e-9", "c": "12345678901234567890123", "d": 7}
    assert Exact().parse_json('{"a": NaN}') is None
    assert exact(0.0005) == D("0.0005")


@given(st.one_of(st.none(), st.floats(), st.text(max_size=8), st.booleans(), st.integers(max_value=-1),
                 st.sampled_from(["NaN", "Infinity", "1e99", "-0.1", "1_0"])))  # fmt: skip
def test_nothing_is_accepted_with_an_absurd_number(bad: object) -> None:
    number = exact_or(bad)
    if isinstance(number, Decimal) and number.is_finite() and 0 < number < 10**20:
        return
    book = {"bids": [[number, D(1)]], "asks": [[D(2), D(1)]], "timestamp": None}
    assert book_of(listed(), book, NOW) is None
    with pytest.raises(BadNumber):
        position_of({"contracts": D(1), "side": "long", "entryPrice": number}, listed(), None)
    with pytest.raises(BadNumber):
        listed(contractSize=number)


def exact_or(value: object) -> object:
    return Exact().parse_number(value)


@pytest.mark.parametrize(
    "book",
    [
        {"bids": [], "asks": [[D(2), D(1)]]},
        {"bids": [[D(2), D(1)]], "asks": [[D(2), D(1)]]},
        {"bids": [[D(1), D(1)], [D("1.5"), D(1)]], "asks": [[D(2), D(1)]]},
        {"bids": [[D(1), D(1)]], "asks": [[D(2), D(1)]], "timestamp": NOW - 20_000},
        {"bids": None, "asks": [[D(2), D(1)]]},
    ],
)
def test_a_book_not_to_be_trusted_is_a_row_of_zeros(book: dict[str, Any]) -> None:
    assert book_of(listed(), book, NOW) is None
    row = quote_of(listed(), None)
    assert (row.bid, row.bid_size, row.ask, row.ask_size) == (0, 0, 0, 0)


def test_contracts_are_told_in_base_units_and_back() -> None:
    market = listed()
    assert (market.spec.size_increment, market.spec.min_size) == (D("0.0001"), D("0.0002"))
    assert market.contracts(D("0.0003")) == D("0.03")
    with pytest.raises(BadNumber):
        market.contracts(D("0.00005"))
    book = {"bids": [[D(100), D(200)]], "asks": [[D("100.1"), D(50)]], "timestamp": NOW}
    levels = book_of(market, book, NOW)
    assert levels == ([(D(100), D(2))], [(D("100.1"), D("0.5"))])
    row = quote_of(market, levels)
    assert (row.bid_size, row.ask_size) == (2.0, 0.5)
    held = position_of({"contracts": D(5), "side": "short", "entryPrice": D(9)}, market, 1)
    assert held is not None
    assert held.size == D("-0.05")
    with pytest.raises(BadNumber):
        position_of({"contracts": None}, market, None)
    with pytest.raises(BadNumber):
        position_of({"contracts": D(5), "side": "long", "entryPrice": D(9), "hedged": True}, market, None)


@pytest.mark.parametrize(
    ("more", "end"),
    [
        ({}, None),
        ({"info": {"deliveryTime": "0"}}, None),
        ({"info": {"expTime": ""}}, None),
        ({"info": {"deliveryTime": "1702592000000"}}, 1702592000000),
        ({"info": {"expTime": "1702592000000"}}, 1702592000000),
        ({"expiry": 1702592000001, "info": {"expTime": "1702592000000"}}, 1702592000001),
    ],
)
def test_the_end_of_a_perpetual_stands_in_the_venues_own_row(more: dict[str, Any], end: int | None) -> None:
    """The library tells it of none: a pair on OKX or Bybit lost one leg to the venue's settlement."""
    found = facts.listed(
        "x", {**MARKET, **more}, tick_sizes=True, fees=(None, None), tiers=None, reduce_only=True
    )
    assert found.spec.delisting_ts == (None if end is None else end * 1_000_000)
    with pytest.raises(BadNumber, match="end"):
        facts.listed(
            "x", {**MARKET, "info": {"expTime": "soon"}}, tick_sizes=True, fees=(None, None), tiers=None,
            reduce_only=True,
        )  # fmt: skip


def test_a_step_told_in_places_is_a_step() -> None:
    market = facts.listed(
        "x", {**MARKET, "precision": {"amount": D(2), "price": D(1)}},
        tick_sizes=False, fees=(None, None), tiers=None, reduce_only=False,
    )  # fmt: skip
    assert (market.spec.size_increment, market.spec.price_increment) == (D("0.0001"), D("0.1"))


def row(rate: object, due: object, **more: Any) -> dict[str, Any]:
    return {"fundingRate": rate, "fundingTimestamp": due, **more}


@pytest.mark.parametrize(
    ("exchange", "said", "rate", "hours", "due"),
    [
        # bybit: the ticker's interval, not the one of the market list (pitfall 6)
        ("bybit", row(D("0.0004"), NOW + HOUR, interval="8h", info={"fundingIntervalHour": "1"}), "0.0004", 1, NOW + HOUR),  # noqa: E501
        ("bybit", row(D("0.0004"), NOW + HOUR, interval="8h", info={}), "0.0004", None, NOW + HOUR),
        # okx: two instants (pitfall 7)
        ("okx", row(D("0.0001"), 1, info={"fundingTime": str(NOW + HOUR), "nextFundingTime": str(NOW + 5 * HOUR)}),  # noqa: E501
         "0.0001", 4, NOW + HOUR),
        ("okx", row(D("0.0001"), 1, info={"fundingTime": str(NOW + HOUR), "nextFundingTime": ""}), "0.0001", None, NOW + HOUR),  # noqa: E501
        # krakenfutures: USD per contract and hour, past the library's cut (pitfall 8)
        ("krakenfutures", row(D("0.25"), None, info={"fundingRate": "3", "markPrice": "60000"}), "0.00005", 1,
         (NOW // HOUR + 1) * HOUR),
        # hyperliquid: hourly (pitfall 9)
        ("hyperliquid", row(D("0.0000125"), 5), "0.0000125", 1, (NOW // HOUR + 1) * HOUR),
        # deribit: the rate now, without an instant (pitfall 10)
        ("deribit", {"info": {"current_funding": "0.0002"}}, "0.0002", 8, None),
        # dydx: no call of its own (pitfall 11)
        ("dydx", row("0.00001", None, info={}), "0.00001", 1, (NOW // HOUR + 1) * HOUR),
        # binance: no interval = eight hours (pitfall 5)
        ("binanceusdm", row(D("0.0001"), NOW + HOUR, interval=None), "0.0001", 8, NOW + HOUR),
        ("binanceusdm", row(D("0.0001"), NOW + HOUR, interval="4h"), "0.0001", 4, NOW + HOUR),
        # anybody else: as told; an instant that has passed is none
        ("kucoinfutures", row(D("0.0001"), NOW - 1, interval="4h"), "0.0001", 4, None),
        ("kucoinfutures", row(D("0.0001"), NOW + 1, interval="3h"), "0.0001", None, NOW + 1),
    ],
)  # fmt: skip
def test_funding_is_the_venues_own_with_its_interval(
    exchange: str, said: dict[str, Any], rate: str, hours: int | None, due: int | None
) -> None:
    found = funding.rate_row(exchange, "X.v", said, NOW)
    assert (found.rate, found.interval_h) == (D(rate), None if hours is None else D(hours))
    assert found.next_ts == (None if due is None else due * 1_000_000)
    assert found.kind is RateKind.PREDICTED


@pytest.mark.parametrize("rate", [None, D("NaN"), "x", D("0.1"), D("-1")])
def test_a_rate_out_of_range_is_none(rate: object) -> None:
    with pytest.raises(BadNumber):
        funding.rate_row("kucoinfutures", "X.v", row(rate, NOW + 1, interval="8h"), NOW)


def test_settled_rates_carry_the_distance_to_the_one_before() -> None:
    rows = [{"timestamp": NOW - n * HOUR, "fundingRate": D("0.0001")} for n in (0, 1, 9, 12)]
    told = funding.settled_rows("bybit", "X.v", rows, NOW)
    assert [each.interval_h for each in told] == [None, None, 8, 1]
    kraken = [{"timestamp": NOW - HOUR, "fundingRate": D(9), "info": {"relativeFundingRate": "0.00002"}}]
    assert funding.settled_rows("krakenfutures", "X.v", kraken, NOW)[0].rate == D("0.00002")
    assert funding.settled_rows("bybit", "X.v", [{"timestamp": NOW + 1, "fundingRate": D(0)}], NOW) == []


def test_tiers_take_the_whole_notional_at_its_bracket() -> None:
    rows = [
        {"maxNotional": D(1000), "maxLeverage": D(100), "maintenanceMarginRate": D("0.004")},
        {"maxNotional": D(5000), "maxLeverage": D(50), "maintenanceMarginRate": D("0.01")},
    ]
    first, last = facts.tiers_of(rows, D(10))
    assert (first.cap, first.initial, first.cum) == (D(10_000), D("0.01"), 0)
    assert last.cap is None
    for bad in ([], [{**rows[0], "maintenanceMarginRate": D("0.5")}], [rows[1], rows[0], rows[0]]):
        with pytest.raises(BadNumber):
            facts.tiers_of(bad, D(1))


def test_the_line_goes_down_for_a_silence_and_up_when_all_have_spoken() -> None:
    now, told = [0.0], []
    line = Line(("market", "account"), 5.0, lambda: told.append("up"), told.append, lambda: now[0])
    line.good("market")
    assert told == []
    line.good("account")
    now[0] = 4.0
    line.good("market")
    line.bad("account", "no answer")
    assert told == ["up"]
    now[0] = 5.0
    line.bad("account", "no answer")
    line.bad("account", "no answer")
    assert told == ["up", "account: no answer"]
    now[0] = 6.0
    line.good("account")
    assert told[-1] == "up"


@pytest.mark.parametrize(
    ("settings", "secret", "said"),
    [
        ({"exchange": "nowhere"}, None, "knows no exchange"),
        ({"symbols": ()}, None, "names its symbols"),
        ({"key": "k"}, None, "a key needs its secret"),
        ({"key": "k"}, "s", "passphrase"),
        ({"local": "http://example.org:1"}, None, "plain http"),
    ],
)
def test_a_profile_that_cannot_be_is_refused_in_one_line(
    settings: dict[str, Any], secret: str | None, said: str
) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        build_ccxt("v", CcxtSettings(**{"exchange": "okx", "symbols": ("X",), **settings}), secret, Heard())
    assert "\n" not in str(caught.value)


def test_a_missing_extra_names_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ccxt.async_support", None)
    with pytest.raises(ValueError, match=r"pip install 'stableconsole\[venues\]'"):
        build_ccxt("v", CcxtSettings(exchange="okx", symbols=("X",)), None, Heard())


def test_orders_and_trades_with_missing_figures_are_refused() -> None:
    market = listed()
    for bad in ({"status": "what"}, {"status": "open", "filled": None}, {"status": "open", "filled": D(0)}):
        with pytest.raises(BadNumber):
            order_of(bad, market, crossed=False)


@pytest.mark.parametrize("oldest_first", [True, False])
async def test_a_month_of_hourly_rates_is_read_whichever_end_a_page_is_of(oldest_first: bool) -> None:
    hours = [NOW - n * HOUR_MS for n in range(792)][::-1]

    class Paged:
        asked = 0

        async def ask(
            self, name: str, symbol: str, since: int, limit: int, lane: Lane
        ) -> list[dict[str, Any]]:
            assert lane is Lane.PAST, "a month of all markets: what is asked of the present goes before"
            self.asked += 1
            young = [at for at in hours if at >= since]
            page = young[:limit] if oldest_first else young[-limit:]
            return [{"timestamp": at, "fundingRate": D("0.0001")} for at in page]

    door: Any = Paged()
    market = listed()
    settled = Settled("hyperliquid", door, {}, venue_ms=lambda: NOW, trouble=pytest.fail)
    rows = await settled.news(market, lambda: True)
    # Of the oldest nobody can tell the interval.
    assert len(rows) == (791 if oldest_first else 99)
    assert door.asked == (8 if oldest_first else 1)
    assert {row.interval_h for row in rows} == {1}
    assert await settled.news(market, lambda: True) == []
    assert settled.rate_at(market.id, NOW) == D("0.0001")


@pytest.mark.parametrize(
    ("exchange", "spot", "asked"),
    [
        ("okx", False, ("marks", "indexes", "rates")),
        ("okx", True, ("indexes",)),
        ("krakenfutures", False, ("quotes", "marks", "indexes", "rates")),
    ],
)
async def test_a_venue_says_what_no_stream_of_it_vouches_for(
    exchange: str, *, spot: bool, asked: tuple[str, ...]
) -> None:
    venue = build_ccxt("v", CcxtSettings(exchange=exchange, symbols=("X",), spot=spot), None, Heard())
    assert venue.capabilities.asked == asked
    await venue.close()


@pytest.mark.parametrize("due", ["1587971460", "1587971460000"])
def test_the_switchs_instant_is_read_in_seconds_too(due: str) -> None:
    """OKX's documents write it so: it fired in January 1970."""
    assert Okx().fires_at({"data": [{"triggerTime": due}]}) == 1_587_971_460_000


def test_two_coins_that_are_margined_apart_take_no_new_risk() -> None:
    """One leg's winnings do not carry the other's losses there, and the desk reckons with one pool."""
    tether, circle = listed(), listed(id="BTC-USDC-SWAP", settle="USDC", quote="USDC")
    one, apart = (Account(withdraws=None, hedged=False, margin="", apart=each) for each in (False, True))
    assert margined_apart(apart, (tether, tether)) == margined_apart(one, (tether, circle)) == ()
    assert "margins USDC and USDT apart" in margined_apart(apart, (tether, circle))[0]


@pytest.mark.parametrize(
    ("told", "largest"),
    [
        ({"maxMktSz": "12000", "maxLmtSz": "100000000"}, "120"),
        ({"lotSizeFilter": {"maxOrderQty": "1190.000", "maxMktOrderQty": "500.005"}}, "5"),
        ({"maxMktSz": "", "maxLmtSz": "0"}, None),
        ({}, None),
    ],
)
def test_one_order_is_bounded_in_base_units_where_the_venue_says_so(told: Any, largest: str | None) -> None:
    found = listed(info=told).spec.max_size
    assert found is UNSET if largest is None else found == D(largest)
    assert listed(info=told, swap=False, spot=True, settle=None).spec.max_size is UNSET
    with pytest.raises(BadNumber):
        listed(info={"maxMktSz": "many"})


def test_an_environment_that_an_exchange_has_not_is_named_with_the_one_to_set() -> None:
    """OKX's demo stands under the library's name of a testnet."""
    settings = CcxtSettings(exchange="okx", symbols=("BTC-USDT-SWAP",), environment="demo")
    with pytest.raises(ValueError, match=r"okx has no demo environment .*: set hosts to `testnet` or"):
        build_ccxt("okx", settings, None, Heard())
