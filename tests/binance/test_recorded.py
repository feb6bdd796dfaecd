"""Every recorded payload: understood, or refused by name; none dropped in silence."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.domain.events import Event, OrderFilled
from services.venues.binance import frames, parse
from services.venues.binance import schemas as wire
from services.venues.binance.ears import Ears
from services.venues.binance.market import MarketEars, PublicEars
from services.venues.binance.orders import OrderBook
from services.venues.binance.private import PrivateEars
from services.venues.sim.facts import perp
from services.venues.wire.stream import Renew

pytestmark = pytest.mark.recorded
D = Decimal
FUTURES = "derivatives_trading_usds_futures"


@pytest.fixture
def payloads(recorded: Path) -> Path:
    return recorded / "binance_payloads"


def official(payloads: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(
        (payloads / "official_connector_market_and_streams.json").read_text()
    )
    return found


class Booked:
    """The private side with its own order book, as `Trading` holds it."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.troubles: list[str] = []
        self.accounts: list[frames.AccountFrame] = []
        self.orders = OrderBook("binance", {}, lambda: 1, self.told.append, self.troubles.append)

    def order_frame(self, frame: frames.OrderFrame) -> None:
        assert self.orders.frame(frame.o)

    def algo_frame(self, frame: frames.AlgoFrame) -> None:
        self.orders.algo(frame.o, 1)

    def account_frame(self, frame: frames.AccountFrame) -> None:
        self.accounts.append(frame)

    def margin_called(self, symbols: tuple[str, ...]) -> None:
        raise AssertionError("nobody was called for margin in these recordings")

    def changed(self, text: str) -> None:
        raise AssertionError(text)


def accounted(ears: Ears) -> int:
    return ears.applied + ears.refused + sum(ears.passed.values())


# --- streams ---------------------------------------------------------------------------------------------

USER_DATA = {
    "account_update": "applied",
    "account_update_bnfcr": "applied",
    "algo_update_canceled": "applied",
    "algo_update_new": "applied",
    "order_update_adl": "adl",
    "order_update_calculated": "liquidation",
    "order_update_calculated_pending": "warned",
    "order_update_delivery": "renewed",  # a fill without its fee: the account's trades tell it whole
    "order_update_insurance": "liquidation",
    "order_update_new": "applied",
    "order_update_settlement": "fill",
    "order_update_trade": "fill",
    "order_update_trade_partial": "fill",
    "trade_lite": "passed",
}


def test_every_frame_of_the_user_data_stream_is_booked_or_named(payloads: Path) -> None:
    files = sorted((payloads / "nautilus" / "futures" / "user_data_json").glob("*.json"))
    assert {path.stem for path in files} == USER_DATA.keys()
    renewals: list[str] = []
    for path in files:
        private = Booked()
        ears = PrivateEars(private, trouble=private.troubles.append)
        outcome = "applied"
        try:
            ears.heard(path.read_bytes())
        except Renew as why:
            outcome = "renewed"
            renewals.append(str(why))
        fills = [event for event in private.told if isinstance(event, OrderFilled)]
        if fills:
            assert all(fill.quantity > 0 and fill.price > 0 and fill.fee > 0 for fill in fills)
            outcome = "adl" if fills[0].adl else "liquidation" if fills[0].liquidation else "fill"
            assert fills[0].client_order_id == "", "nobody's order here"
        elif ears.passed:
            outcome = "passed"
        elif private.troubles and outcome == "applied":
            outcome = "warned"
        assert outcome == USER_DATA[path.stem], path.stem
        assert accounted(ears) == 1
    (why_renewed,) = renewals
    assert "without a fee" in why_renewed


NOT_ASKED_FOR = {
    "24hrMiniTicker", "24hrTicker", "EquityUpdate", "aggTrade", "compositeIndex", "continuous_kline",
    "contractInfo", "forceOrder", "trade",
}  # fmt: skip


def test_every_public_frame_of_the_official_client_is_applied_or_named(payloads: Path) -> None:
    names = ("BNBUSDT", "BTCUSDT")
    specs = {name: perp("binance", name, name[:3], "USDT") for name in names}
    refused: list[str] = []
    public = PublicEars(specs, trouble=refused.append, snapshot=lambda symbol: None)
    market = MarketEars("binance", names, {}, trouble=refused.append)
    public.greeting()
    market.greeting()
    sent = 0
    for group, ears in (("public", public), ("market", market)):
        for case in official(payloads)[f"{FUTURES}/websocket_streams/test_{group}_api_ws_streams"].values():
            told = case["expected_response"]
            sent += len(told) if isinstance(told, list) else 1
            ears.heard(json.dumps(told))
    nautilus = sorted((payloads / "nautilus" / "futures" / "market_data_json").glob("*.json"))
    for path in nautilus:
        ears = public if path.stem.startswith(("book", "depth")) else market
        sent += 1
        ears.heard(path.read_bytes())
    assert accounted(public) + accounted(market) == sent
    assert (public.applied, market.applied) == (8, 10)
    assert market.marks["BTCUSDT"] > 0
    unknown = {line.partition(":")[0] for line in refused if "was not asked for" in line}
    assert unknown == NOT_ASKED_FOR
    others = [line for line in refused if "was not asked for" not in line]
    assert all(line.startswith(("depthUpdate: ", "book ", "kline: ")) for line in others), others


def test_spot_frames_are_refused_by_name_on_the_futures_ears(payloads: Path) -> None:
    refused: list[str] = []
    ears = PrivateEars(Booked(), trouble=refused.append)
    files = sorted((payloads / "nautilus" / "spot" / "user_data_json").glob("*.json"))
    for path in files:
        ears.heard(path.read_bytes())
    assert len(refused) == len(files) == 11
    market = MarketEars("binance", (), {}, trouble=refused.append)
    cases = official(payloads)["spot/websocket_streams/test_default_api_ws_streams"].values()
    told = [row for case in cases for row in _listed(case["expected_response"])]
    for row in told:
        market.heard(json.dumps(row))
    assert accounted(market) == len(told)
    assert market.applied == 0


def _listed(told: object) -> list[object]:
    return told if isinstance(told, list) else [told]


def test_the_spot_capture_of_2021_is_heard_whole_and_its_books_hold(payloads: Path) -> None:
    folder = payloads / "cryptofeed_spot"
    names = ("NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR")
    snapshots: dict[str, tuple[float, wire.Depth]] = {}
    for line in (folder / "BINANCE.http.0.0").read_text().splitlines():
        head, _, rest = line.partition(" -> ")
        if "symbol=" in head and "depth" in head:
            at, _, body = rest.partition(": ")
            symbol = head.partition("symbol=")[2].partition("&")[0]
            snapshots[symbol] = (float(at), msgspec.json.decode(body, type=wire.Depth))
    refused: list[str] = []
    ears = PublicEars(
        {name: perp("binance", name, name[:3], "USDT") for name in names},
        trouble=refused.append,
        snapshot=lambda symbol: None,
        spot=True,
    )
    ears.greeting()
    sent = held = 0
    for line in (folder / "BINANCE.ws.1.0").read_text().splitlines():
        at, _, body = line.partition(": ")
        if not body.startswith("{"):
            continue
        for name, (taken, found) in tuple(snapshots.items()):
            if taken <= float(at):
                ears.filled(name, found)
                del snapshots[name]
        ears.heard(body)
        sent += 1
        book, ticker = ears._books["NKNUSDT"], ears._tickers.get("NKNUSDT")
        if ticker is not None and book.filled and book.last_id == ticker.u:
            assert (book.best_bid(), book.best_ask()) == ((ticker.b, ticker.B), (ticker.a, ticker.A))
            held += 1
    assert sent == 265
    assert accounted(ears) == sent
    assert {line.partition(":")[0] for line in refused} == {"aggTrade", "kline"}
    assert snapshots == {}
    assert held > 20


# --- REST ------------------------------------------------------------------------------------------------

MARKET_DATA: dict[str, Any] = {
    "check_server_time": wire.Time,
    "exchange_information": None,  # all filters written into one row: refused by name
    "get_funding_rate_history": list[wire.FundingRate],
    "get_funding_rate_info": list[wire.FundingInfo],
    "mark_price": wire.PremiumIndex,
    "order_book": wire.Depth,
    "symbol_order_book_ticker": wire.BookTicker,
    "asset_index": wire.AssetIndex,
}
NEVER_ASKED = {
    "adl_risk", "basis", "composite_index_symbol_information", "compressed_aggregate_trades_list",
    "continuous_contract_kline_candlestick_data", "index_price_kline_candlestick_data",
    "kline_candlestick_data", "long_short_ratio", "mark_price_kline_candlestick_data", "old_trades_lookup",
    "open_interest", "open_interest_statistics", "premium_index_kline_data",
    "quarterly_contract_settlement_price", "query_index_price_constituents",
    "query_insurance_fund_balance_snapshot", "recent_trades_list", "rpi_order_book", "symbol_price_ticker",
    "symbol_price_ticker_v2", "taker_buy_sell_volume", "ticker24hr_price_change_statistics",
    "top_trader_long_short_ratio_accounts", "top_trader_long_short_ratio_positions", "trading_schedule",
}  # fmt: skip
"""Calls that this client does not make: their replies can only come by mistake, and are no row of ours."""


def test_market_data_replies_are_read_and_those_never_asked_for_are_listed(payloads: Path) -> None:
    cases = official(payloads)[f"{FUTURES}/rest_api/test_market_data_api"]
    named = {name.removeprefix("test_").removesuffix("_success"): case for name, case in cases.items()}
    assert named.keys() == MARKET_DATA.keys() | NEVER_ASKED
    for name, kind in MARKET_DATA.items():
        body = json.dumps(named[name]["expected_response"]).encode()
        if kind is not None:
            msgspec.json.decode(body, type=kind)
            continue
        info = msgspec.json.decode(body, type=wire.ExchangeInfo)
        with pytest.raises(parse.ParseError, match="BLZUSDT: no LOT_SIZE"):
            parse.instrument_of(
                "binance", info.symbols[0], fees=None, brackets=None, leverage=None, interval_h=8
            )
    (rate,) = parse.settled(
        "binance",
        msgspec.convert(
            named["get_funding_rate_history"]["expected_response"], list[wire.FundingRate], strict=False
        ),
    )
    assert (rate.rate, rate.interval_h) == (D("-0.0375"), None), "one row alone tells no interval"


def test_replies_recorded_from_the_live_venue_are_read(payloads: Path) -> None:
    found = json.loads((payloads / "gocryptotrader_recorded_fapi_public.json").read_text())

    def told(path: str, number: int = 0) -> bytes:
        return json.dumps(found[path]["GET"][number]["data"]).encode()

    assert found.keys() == {
        "/fapi/v1/exchangeInfo", "/fapi/v1/fundingInfo", "/fapi/v1/premiumIndex",
        "/fapi/v1/ticker/bookTicker", "/fapi/v1/time",
    }  # fmt: skip
    info = msgspec.json.decode(told("/fapi/v1/exchangeInfo"), type=wire.ExchangeInfo)
    specs = [
        parse.instrument_of("binance", row, fees=None, brackets=None, leverage=None, interval_h=8)
        for row in info.symbols
    ]
    assert len(specs) == 25
    btc = specs[0]
    assert (btc.id, btc.price_increment, btc.size_increment, btc.min_notional) == (
        "BTCUSDT.binance", D("0.10"), D("0.001"), 100,
    )  # fmt: skip
    assert (btc.delisting_ts, btc.tiers, btc.taker_fee) == (None, None, None)
    hours = msgspec.json.decode(told("/fapi/v1/fundingInfo"), type=list[wire.FundingInfo])
    assert {row.fundingIntervalHours for row in hours} == {4, 8}
    assert all(D("0") < (parse.cap_of(row) or D(0)) <= D("0.1") for row in hours)
    premiums = [
        msgspec.json.decode(told("/fapi/v1/premiumIndex"), type=wire.PremiumIndex),
        *msgspec.json.decode(told("/fapi/v1/premiumIndex", 1), type=list[wire.PremiumIndex]),
    ]
    for premium in premiums:
        row = parse.predicted("binance", premium, 8)
        assert row is not None
        assert row.next_ts is not None
        assert 0 < row.next_ts - row.rate_ts <= 8 * 3600 * 10**9
        assert parse.mark_of("binance", premium).mark > 0
    for number in (0, 1):
        kind: Any = list[wire.BookTicker] if told("/fapi/v1/ticker/bookTicker", number)[:1] == b"[" else None
        tickers = msgspec.json.decode(
            told("/fapi/v1/ticker/bookTicker", number), type=kind or wire.BookTicker
        )
        assert all(row.bidPrice < row.askPrice for row in _listed(tickers))  # type: ignore[attr-defined]
    assert msgspec.json.decode(told("/fapi/v1/time"), type=wire.Time).serverTime == 1620099477465


def test_account_replies_are_read(payloads: Path) -> None:
    folder = payloads / "nautilus" / "futures" / "http_json"
    kinds: dict[str, Any] = {
        "account_info_v2": wire.Account,
        "open_algo_orders": list[wire.AlgoOrder],
        "order_response": wire.Order,
        "position_risk": list[wire.Position],
        "balance": None,  # never asked for: the account has the same figures
    }
    assert {path.stem for path in folder.glob("*.json")} == kinds.keys()
    read = {
        name: msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=kind)
        for name, kind in kinds.items()
        if kind is not None
    }
    assert read["account_info_v2"].assets[0].walletBalance == D("23.72469206")
    assert read["open_algo_orders"][0].triggerPrice == 45_000
    assert parse.state_of(read["order_response"]) is parse.STATES["NEW"]
    assert read["position_risk"][0].positionAmt == D("0.001")
