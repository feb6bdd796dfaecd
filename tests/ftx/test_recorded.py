"""Every recorded reply and frame of the dialect: read into rows of ours, refused by name, or never asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.venues.ftx import parse
from services.venues.ftx import schemas as wire
from services.venues.ftx.book import FtxBook
from services.venues.ftx.replies import decode_result
from services.venues.wire.errors import WireError
from services.venues.wire.numbers import wire_positive

pytestmark = pytest.mark.recorded

Read = tuple[Any, Callable[[Any], object]]


def _each(act: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda rows: [act(row) for row in rows]


def _fill(row: wire.Fill) -> object:
    return parse.fill_of("ftx", row, "", "USD", 0)


def _working(row: wire.Order) -> object:
    parse.state_of(row)
    return parse.working_of("ftx", row)


def _conditional(row: wire.Conditional) -> object:
    return parse.conditional_of("ftx", row)


def _proven(data: wire.BookData) -> None:
    FtxBook().partial(data.bids, data.asks, data.checksum)


REPLIES: dict[str, Read] = {
    "Account/GetAccountInfoAsync": (wire.Account, lambda row: wire_positive(row.takerFee, "takerFee")),
    "Account/GetBalancesAsync": (list[wire.Balance], _each(lambda row: parse.balance_of(row, {}))),
    "Account/GetDepositHistoryAsync": (list[wire.Transfer], _each(lambda row: parse.iso_ns(row.time))),
    "Account/GetFundingPaymentsAsync": (
        list[wire.FundingPayment],
        _each(lambda row: parse.payment_of("ftx", row, "USD", 0)),
    ),
    "Account/GetPositionsAsync": (
        list[wire.Position],
        _each(lambda row: parse.position_of("ftx", row, None)),
    ),
    "Account/GetWithdrawalHistoryAsync": (list[wire.Transfer], _each(lambda row: parse.iso_ns(row.time))),
    "ExchangeData/GetAssetsAsync": (list[wire.Coin], _each(lambda row: row.id)),
    "ExchangeData/GetFundingRatesAsync": (
        list[wire.FundingRate],
        _each(lambda row: parse.settled("ftx", row, Decimal(1))),
    ),
    "ExchangeData/GetFutureStatsAsync": (
        wire.FutureStats,
        lambda row: parse.predicted("ftx", "BTC-PERP", row, Decimal(1), 0),
    ),
    "ExchangeData/GetFuturesAsync": (list[wire.Future], _each(lambda row: row.name)),
    "ExchangeData/GetSymbolsAsync": (list[wire.Market], _each(lambda row: row.name)),
    "Trading/CancelOrderAsync": (str, lambda row: row),
    "Trading/CancelOrderByClientIdAsync": (str, lambda row: row),
    "Trading/CancelTriggerOrderAsync": (str, lambda row: row),
    "Trading/GetOpenTriggerOrdersAsync": (list[wire.Conditional], _each(_conditional)),
    "Trading/GetOrderAsync": (wire.Order, _working),
    "Trading/GetOrderByClientOrderIdAsync": (wire.Order, _working),
    "Trading/GetOrdersAsync": (list[wire.Order], _each(_working)),
    "Trading/GetTriggerOrdersAsync": (list[wire.Conditional], _each(lambda row: row.id)),
    "Trading/GetUserTradesAsync": (list[wire.Fill], _each(_fill)),
    "Trading/PlaceOrderAsync": (wire.Order, _working),
    "Trading/PlaceTriggerOrderAsync": (wire.Conditional, _conditional),
}
"""By the call: what it is decoded as, and what makes it ours."""

FRAMES: dict[str, Read] = {
    "Socket/OrderBookUpdate": (
        wire.BookData,
        _proven,
    ),
    "Socket/OrderUpdate": (wire.Order, parse.state_of),
    "Socket/TickerUpdate": (wire.Ticker, lambda row: parse.seconds_ns(row.time)),
    "Socket/TradeUpdate": (tuple[wire.Trade, ...], _each(lambda row: row.price)),
    "Socket/UserTradeUpdate": (wire.Fill, _fill),
}

NEVER_ASKED = {
    "Account/ChangeAccountLeverageAsync", "Account/CreateSavedAddressAsync",
    "Account/DeleteSavedAddressAsync", "Account/GetAirdropsAsync", "Account/GetAllAccountBalancesAsync",
    "Account/GetDepositAddressAsync", "Account/GetSavedAddressesAsync", "Account/GetWithdrawalFeesAsync",
    "Account/WithdrawAsync", "Convert/AcceptQuoteAsync", "Convert/CreateQuoteRequestAsync",
    "Convert/GetQuoteStatusAsync", "ExchangeData/GetExpiredFuturesAsync", "ExchangeData/GetFutureAsync",
    "ExchangeData/GetIndexKlinesAsync", "ExchangeData/GetIndexWeightsAsync", "ExchangeData/GetKlinesAsync",
    "ExchangeData/GetOrderBookAsync", "ExchangeData/GetSymbolAsync", "ExchangeData/GetTradeHistoryAsync",
    "Subaccounts/ChangeSubaccountNameAsync", "Subaccounts/CreateSubaccountAsync",
    "Subaccounts/DeleteSubaccountAsync", "Subaccounts/GetSubaccountBalancesAsync",
    "Subaccounts/GetSubaccountsAsync", "Subaccounts/TransferAsync", "Trading/CancelAllOrdersAsync",
    "Trading/GetTriggerOrderTriggersAsync", "Trading/ModifyOrderAsync",
    "Trading/ModifyOrderByClientOrderIdAsync", "Trading/ModifyTriggerOrderAsync",
}  # fmt: skip
"""Calls that this client does not make: their replies can only come by mistake, and are no row of ours."""


def _body(path: Path) -> bytes:
    """Some of these files have a comma behind the last member."""
    return re.sub(rb",(\s*[}\]])", rb"\1", path.read_bytes())


def test_one_reply_of_every_call_is_read_and_the_others_are_listed(recorded: Path) -> None:
    folder = recorded / "ftx_recorded" / "ftxnet"
    files = {str(path.relative_to(folder).with_suffix("")): path for path in folder.rglob("*.json")}
    assert files.keys() == REPLIES.keys() | FRAMES.keys() | NEVER_ASKED
    assert (len(REPLIES), len(FRAMES), len(NEVER_ASKED)) == (22, 5, 31)
    for name, (kind, ours) in REPLIES.items():
        ours(decode_result(kind, _body(files[name]), name))
    for name, (kind, ours) in FRAMES.items():
        ours(msgspec.json.decode(_body(files[name]), type=kind))


@pytest.mark.parametrize("name", ["GetOrderAsync", "GetUserTradesAsync", "GetOpenTriggerOrdersAsync"])
def test_a_recorded_reply_that_lost_a_number_is_refused_by_name(recorded: Path, name: str) -> None:
    text = _body(recorded / "ftx_recorded" / "ftxnet" / "Trading" / f"{name}.json")
    kind, ours = REPLIES[f"Trading/{name}"]
    assert text.count(b'"size"') >= 1
    for bad in (b'"siez"', b'"size": "NaN", "was"', b'"size": "Infinity", "was"', b'"size": "1e999", "was"'):
        with pytest.raises((WireError, ValueError), match=r"size|reply"):
            ours(decode_result(kind, text.replace(b'"size"', bad), name))


NAUTILUS: dict[str, Read] = {
    "account_info": (wire.Account, lambda row: wire_positive(row.makerFee, "makerFee")),
    "markets": (list[wire.Market], _each(lambda row: row.name)),
    "take_profit": (wire.Conditional, _conditional),
    "trailing_stop": (wire.Conditional, lambda row: row.id),
    "ws_fills": (wire.Frame, lambda row: _fill(wire.FILL.decode(row.data))),
    "ws_orderbook_partial": (wire.Frame, lambda row: _proven(wire.BOOK.decode(row.data))),
    "ws_orderbook_update": (wire.Frame, lambda row: wire.BOOK.decode(row.data)),
    "ws_orders": (wire.Frame, lambda row: parse.state_of(wire.ORDER.decode(row.data))),
    "ws_ticker": (wire.Frame, lambda row: parse.seconds_ns(wire.TICKER.decode(row.data).time)),
    "ws_trades": (wire.Frame, lambda row: wire.TRADES.decode(row.data)),
}


def test_the_other_adapters_captures_are_read_whole(recorded: Path) -> None:
    files = {path.stem: path for path in (recorded / "ftx_recorded" / "nautilus").glob("*.json")}
    assert files.keys() == NAUTILUS.keys()
    for name, (kind, ours) in NAUTILUS.items():
        ours(msgspec.json.decode(files[name].read_bytes(), type=kind))


@pytest.mark.parametrize(("name", "listed", "taken"), [("FTX_2021-04", 678, 387), ("FTX_US_2021-04", 53, 53)])
def test_every_market_of_a_recorded_list_is_taken_or_left_out_by_name(
    recorded: Path, name: str, listed: int, taken: int
) -> None:
    text = (recorded / "ftx_recorded" / "cryptofeed" / f"{name}.rest").read_text().splitlines()[0]
    markets = decode_result(list[wire.Market], text[text.index('{"success"') :].encode(), name)
    kept, refused = [], []
    for market in markets:
        try:
            kept.append(parse.instrument_of("ftx", market, None, None).symbol)
        except parse.ParseError as error:
            refused.append((market.name, str(error).partition(": ")[0]))
    assert (len(markets), len(kept)) == (listed, taken)
    assert len(kept) + len(refused) == listed
    assert all(name == told for name, told in refused)
