"""Recorded payloads of OKX's and Bybit's public side, through the library's own calls into rows of ours.

Every file of the recorded folder is read here or in `test_recorded`, or is of a call that is never made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.venues.ccxt_venue import facts, funding
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.facts import Listed
from services.venues.ccxt_venue.levels import book_of
from services.venues.ccxt_venue.manners import OPTIONS
from services.venues.ccxt_venue.sockets import Proof, Unproven

pytestmark = pytest.mark.recorded
D = Decimal
AT = 1_800_000_000_000
BTC = "BTC/USDT:USDT"
H8 = Decimal(8)

MARKET = {
    "bybit": {
        "instruments-info?category=linear": "http_get_instruments_linear",
        "instruments-info?category=inverse": "http_get_instruments_inverse",
        "market/orderbook": "http_get_orderbook",
        "funding/history": "http_get_funding_history",
        "account/fee-rate": "http_get_fee_rate",
    },
    "okx": {
        "public/instruments": "http_get_instruments_swap",
        "market/books": "http_get_order_book",
        "funding-rate-history": "http_get_funding_rate_history",
        "position-tiers": "http_get_position_tiers",
        "mark-price": "http_get_mark_price",
        "trade-fee": "http_get_trade_fee_response",
        "index-tickers": "http_get_index_price",
    },
}
STREAMED = {
    "bybit": (
        "ws_subscription_ack",
        "ws_orderbook_snapshot",
        "ws_orderbook_delta",
        "ws_subscription_failure",
    ),
    "okx": ("ws_books_snapshot", "ws_books_update"),
}
ELSEWHERE = {
    "bybit": {
        "http_get_account_info", "http_get_executions", "http_get_user_query_api", "http_get_wallet_balance",
        "http_get_orders_history", "http_get_orders_history_with_duplicate", "http_get_orders_realtime",
        "http_get_orders_realtime_tp_sl", "http_get_positions", "http_get_positions_with_open_time",
    },
    "okx": {
        "http_get_account_balance", "http_get_instruments_swap", "http_get_orders_algo_history",
        "http_get_orders_algo_pending", "http_get_orders_algo_pending_attached_oco",
        "http_get_orders_algo_pending_close_fraction", "http_get_orders_history", "http_get_orders_pending",
        "http_get_positions", "http_transaction_detail", "http_transaction_detail_empty_fee",
        "ws_funding_rate",
    },
}  # fmt: skip
"""Read in `test_recorded`."""
NEVER_ASKED = {
    "bybit": {
        "http_get_instruments_inverse_symbol_type", "http_get_instruments_linear_symbol_type",
        "http_get_instruments_option", "http_get_instruments_option_symbol_id", "http_get_instruments_spot",
        "http_get_instruments_spot_xstocks", "http_get_klines_linear",
        "http_get_order_partially_filled_rejected", "http_get_trades_recent",
        "http_get_user_escrow_sub_members", "http_get_user_sub_apikeys", "http_get_user_sub_members",
        "http_get_user_sub_members_paged", "http_get_wallet_balance_spot_short",
        "http_get_wallet_balance_with_spot_borrow", "http_post_user_update_master_api",
        "http_post_user_update_sub_api", "ws_account_execution", "ws_account_execution_adl",
        "ws_account_execution_fast", "ws_account_execution_fast_envelope_id", "ws_account_order",
        "ws_account_order_buy_stop_market", "ws_account_order_filled", "ws_account_order_limit_if_touched",
        "ws_account_order_market_if_touched", "ws_account_order_partially_filled_rejected",
        "ws_account_order_sell_market_if_touched", "ws_account_order_stop_limit",
        "ws_account_order_stop_loss", "ws_account_order_stop_market", "ws_account_order_take_profit",
        "ws_account_position", "ws_account_position_short", "ws_account_position_with_open_time",
        "ws_account_wallet", "ws_account_wallet_locked_exceeds_total", "ws_account_wallet_small_order",
        "ws_auth_failure", "ws_auth_success", "ws_kline", "ws_order_response", "ws_public_trade",
        "ws_ticker_linear", "ws_ticker_option",
    },
    "okx": {
        "common_optional_string_to_u64", "http_balance_detail_new_fields", "http_balance_detail_old_fields",
        "http_cancel_algo_order_response", "http_get_account_positions-history", "http_get_candlesticks",
        "http_get_candlesticks_full", "http_get_instruments_futures", "http_get_instruments_margin",
        "http_get_instruments_option", "http_get_instruments_spot", "http_get_option_summary",
        "http_get_orders_pending_with_attached_tp_sl", "http_get_spread_orders", "http_get_spread_trades",
        "http_get_spreads", "http_get_trades", "http_place_algo_order_rejected",
        "http_place_algo_order_response", "http_place_order_response", "http_set_position_mode_response",
        "ws_account", "ws_account_empty", "ws_bbo_tbt", "ws_candle", "ws_instruments", "ws_opt_summary",
        "ws_orders", "ws_orders_adl", "ws_orders_algo", "ws_orders_fok", "ws_orders_ioc",
        "ws_orders_liquidation", "ws_orders_optimal_limit_ioc", "ws_orders_option", "ws_orders_trigger",
        "ws_sprd_orders", "ws_tickers", "ws_trades",
    },
}  # fmt: skip
"""No private stream is opened, and of the public ones the books alone."""


@pytest.fixture
def payloads(recorded: Path) -> Path:
    return recorded / "other_venue_payloads"


def test_every_recorded_file_is_read_or_of_a_call_that_is_never_made(payloads: Path) -> None:
    for name, routes in MARKET.items():
        files = {path.stem for path in (payloads / f"nautilus_{name}").glob("*.json")}
        read = {*routes.values(), *STREAMED[name], *ELSEWHERE[name]}
        assert files == read | NEVER_ASKED[name], name
        assert not read & NEVER_ASKED[name], name


@asynccontextmanager
async def replayed(name: str, payloads: Path) -> AsyncIterator[tuple[Door, Callable[[str], Any]]]:
    """A door whose exchange is answered with what was recorded; and a reader of the files."""
    keys = {"apiKey": "k", "secret": "s", "password": "p"}
    door = Door(name, {"options": OPTIONS[name], **keys}, local="http://127.0.0.1:1", now_ms=lambda: AT)
    exchange = door._exchange
    folder = payloads / f"nautilus_{name}"

    def read(stem: str) -> Any:
        return exchange.parse_json((folder / f"{stem}.json").read_text())

    async def fetch(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        (stem,) = [stem for part, stem in MARKET[name].items() if part in url and "PreLaunch" not in url] or [
            ""
        ]
        reply = read(stem) if stem else {"retCode": 0, "result": {"list": []}}
        text = (folder / f"{stem}.json").read_text() if stem else ""
        exchange.handle_errors(200, "OK", url, method, {}, text, reply, headers, body)
        return reply

    exchange.fetch = fetch
    try:
        await door.ask("load_markets")
        yield door, read
    finally:
        await door.close()


def listed_of(door: Door, symbol: str = BTC) -> Listed:
    return facts.listed(
        "v", door.markets[symbol], tick_sizes=door.tick_sizes, fees=(None, None), tiers=None, reduce_only=True
    )


async def test_bybits_market_is_read(payloads: Path) -> None:
    async with replayed("bybit", payloads) as (door, _):
        market = listed_of(door)
        spec = market.spec
        assert (market.contract, spec.price_increment, spec.size_increment) == (1, D("0.5"), D("0.001"))
        assert spec.delisting_ts == 1_702_592_000_000_000_000, "it was recorded with a date of its end"
        book = book_of(market, await door.ask("fetch_order_book", BTC, 20), 1_709_891_679_000)
        assert book is not None
        assert (book[0][0], book[1][-1]) == ((D("27450.50"), D("1.500")), (D("27452.00"), D("0.500")))
        rows = await door.ask("fetch_funding_rate_history", BTC, 1_709_856_000_000, 100)
        settled = funding.settled_rows("bybit", "x", rows, AT)
        assert [(row.rate, row.interval_h) for row in settled] == [(D("0.00015"), None), (D("0.0001"), H8)]
        assert facts.fee_pair(await door.ask("fetch_trading_fee", BTC)) == (D("0.0001"), D("0.0006"))


async def test_okxs_market_is_read(payloads: Path) -> None:
    async with replayed("okx", payloads) as (door, read):
        market = listed_of(door)
        told = read("http_get_order_book")["data"][0]
        book = book_of(market, await door.ask("fetch_order_book", BTC, 20), int(told["ts"]))
        assert book is not None
        assert book[0] == [(D(row[0]), D(row[1]) * market.contract) for row in told["bids"]]
        rows = await door.ask("fetch_funding_rate_history", BTC, 1_704_038_400_000, 100)
        settled = funding.settled_rows("okx", "x", rows, AT)
        # What was realised, not what was predicted last.
        assert [(row.rate, row.interval_h) for row in settled] == [(D("-0.00002"), None), (D("0.00015"), H8)]
        (tier,) = facts.tiers_of(list(await door.ask("fetch_market_leverage_tiers", BTC)), D(1))
        assert (tier.initial, tier.maintenance, tier.cap) == (D("0.1"), D("0.03"), None)
        marks = await door.ask("fetch_mark_prices", [BTC])
        assert marks[BTC]["markPrice"] == D("84660.1")
        assert facts.fee_pair(await door.ask("fetch_trading_fee", BTC)) == (D("0.0008"), D("0.001"))
        index = await door.ask("publicGetMarketIndexTickers", {"quoteCcy": "USDT"})
        assert index["data"][0]["idxPx"] == "103895"


class Heard:
    """What the library's handlers want of a connection."""

    url = "ws://127.0.0.1:1/"

    def __init__(self) -> None:
        self.subscriptions: dict[str, object] = {}
        self.futures: dict[str, object] = {}
        self.refused: list[str] = []

    def resolve(self, result: object, name: str) -> None:
        return

    def reject(self, error: Exception, name: str = "") -> None:
        self.refused.append(str(error))


async def test_books_that_come_by_stream_are_the_captured_ones(payloads: Path) -> None:
    for name, stems in STREAMED.items():
        async with replayed(name, payloads) as (door, read):
            client, proof, exchange = Heard(), Proof(), door._exchange
            for stem in stems:
                frame = read(stem)
                proof.bybit(frame)
                exchange.handle_message(client, frame)
            (book,) = exchange.orderbooks.values()
            first, last = (read(stem) for stem in stems if "book" in stem)
            if name == "bybit":
                assert client.refused == ["bybit Invalid topic: invalid.topic.BTCUSDT"]
                assert book["bids"][0] == [D("27450.00"), D("0.400")]
                assert [row[0] for row in book["asks"]] == [D("27451.50")], "the other was taken off"
                with pytest.raises(Unproven, match=r"change 123456790 after 123456790"):
                    proof.bybit(last)
                with pytest.raises(Unproven, match="before a whole book"):
                    Proof().bybit(last)
                continue
            assert client.refused == []
            rows = {row[0]: row[1] for told in (first, last) for row in told["data"][0]["bids"]}
            assert book["bids"] == [
                [D(price), D(size)]
                for price, size in sorted(rows.items(), key=lambda row: -D(row[0]))
                if D(size)
            ]
            assert book["nonce"] == last["data"][0]["seqId"]
