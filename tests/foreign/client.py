"""An unmodified ccxt of 2022 trades on our server. Run by the test in an environment of its own."""

# ruff: noqa: T201
from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import ccxt

MARKET = "BTC/USD:USD"
FUTURE = "BTC-PERP"
PATIENCE_S = 60


def client(port: str, secret: str) -> Any:
    made = ccxt.ftx({"apiKey": "trader", "secret": secret, "enableRateLimit": False})
    made.urls["api"] = {"public": f"http://127.0.0.1:{port}", "private": f"http://127.0.0.1:{port}"}
    return made


def until(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (told := found()):
        assert time.monotonic() < deadline
    return told


def market(ftx: Any) -> float:
    """The lowest bid that rests."""
    names = {row["id"] for row in ftx.load_markets().values()}
    assert {"USDT-PERP", "BTC-PERP", "ETH-PERP", "USDT/USD", "BTC/USD", "BTC/USDT"} <= names
    assert len(ftx.fetch_currencies()) >= 4
    book = ftx.fetch_order_book(MARKET)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert ftx.fetch_ticker(MARKET)["bid"] is not None
    assert len(ftx.fetch_tickers()) == len(names)
    (future,) = [row for row in ftx.publicGetFutures()["result"] if row["name"] == FUTURE]
    assert float(future["mark"]) > 0
    assert ftx.publicGetFuturesFutureName({"future_name": FUTURE})["result"]["perpetual"]
    stats = ftx.publicGetFuturesFutureNameStats({"future_name": FUTURE})["result"]
    assert stats["nextFundingTime"]
    rate = ftx.fetch_funding_rate(MARKET)
    assert rate["fundingRate"] is not None
    assert len(ftx.fetch_funding_rate_history(MARKET)) >= 30
    ahead = ftx.milliseconds() + 86_400_000
    for frame in ("15s", "1m", "1h"):
        # The market's time runs ahead of this client's.
        candles = until(partial(ftx.fetch_ohlcv, MARKET, frame, params={"until": ahead}))
        assert all(row[3] <= row[1] <= row[2] and row[3] <= row[4] <= row[2] for row in candles)
    assert isinstance(ftx.fetch_trades(MARKET), list)
    return float(round(book["bids"][0][0] * 0.9, 1))


def account(ftx: Any) -> None:
    told = ftx.privateGetAccount()["result"]
    assert float(told["totalAccountValue"]) > 0
    assert float(told["takerFee"]) > float(told["makerFee"])
    assert ftx.fetch_balance()["total"]["USDT"] == 15_000
    assert ftx.fetch_trading_fees()
    ftx.set_leverage(5)
    assert ftx.privateGetAccount()["result"]["leverage"] in (5, "5")


def orders(ftx: Any, low: float) -> None:
    resting = ftx.create_order(MARKET, "limit", "buy", 0.01, low, {"postOnly": True, "clientOrderId": "py-1"})
    assert [order["id"] for order in ftx.fetch_open_orders()] == [resting["id"]]
    assert ftx.fetch_order(None, MARKET, {"clientOrderId": "py-1"})["id"] == resting["id"]
    try:
        ftx.create_order(MARKET, "limit", "buy", 0.01, low, {"clientOrderId": "py-1"})
    except ccxt.DuplicateOrderId:
        pass
    else:
        raise AssertionError("a client id was taken twice")
    moved = ftx.edit_order(resting["id"], MARKET, "limit", "buy", 0.02, low)
    assert moved["id"] != resting["id"]
    ftx.cancel_order(moved["id"])
    until(lambda: ftx.fetch_order(moved["id"])["status"] == "canceled")
    crossing = ftx.create_order(MARKET, "limit", "buy", 0.01, round(low * 1.2, 1), {"postOnly": True})
    assert until(lambda: ftx.fetch_orders(MARKET))
    assert crossing["filled"] == 0
    ftx.create_order(MARKET, "limit", "buy", 0.01, low, {"timeInForce": "IOC"})
    assert ftx.fetch_open_orders() == []
    ftx.create_order(MARKET, "market", "buy", 0.03)
    until(lambda: sum(fill["amount"] for fill in ftx.fetch_my_trades(MARKET)) > 0.029)
    (held,) = ftx.fetch_positions()
    assert (held["side"], held["contracts"]) == ("long", 0.03)
    ftx.create_order(MARKET, "market", "sell", 0.01, None, {"reduceOnly": True})
    until(lambda: ftx.fetch_positions()[0]["contracts"] == 0.02)


def conditional(ftx: Any, low: float) -> None:
    mark = float(ftx.publicGetFuturesFutureName({"future_name": FUTURE})["result"]["mark"])
    params = {"stopPrice": low, "reduceOnly": True}
    stop = ftx.create_order(MARKET, "stop", "sell", 0.01, None, params)
    entry = ftx.create_order(MARKET, "stop", "buy", 0.01, None, {"stopPrice": round(mark * 1.2, 1)})
    limit = ftx.create_order(MARKET, "stop", "sell", 0.01, low, {"stopPrice": low, "reduceOnly": True})
    profit = ftx.create_order(
        MARKET, "takeProfit", "sell", 0.01, None, {"triggerPrice": round(mark * 1.2, 1), "reduceOnly": True}
    )
    trail = ftx.create_order(
        MARKET, "trailingStop", "sell", 0.01, None, {"trailValue": -round(mark * 0.05, 1), "reduceOnly": True}
    )
    made = [stop, entry, limit, profit, trail]
    told = ftx.fetch_open_orders(MARKET, None, None, {"type": "stop"})
    assert {order["id"] for order in told} == {order["id"] for order in made}
    moved = ftx.edit_order(stop["id"], MARKET, "stop", "sell", 0.02, None, {"triggerPrice": low})
    assert moved["id"] != stop["id"]
    ftx.cancel_order(profit["id"], MARKET, {"type": "stop"})
    soon = ftx.create_order(
        MARKET, "trailingStop", "sell", 0.01, None, {"trailValue": -0.5, "reduceOnly": True}
    )
    until(lambda: ftx.privateGetConditionalOrdersConditionalOrderIdTriggers(
        {"conditional_order_id": soon["id"]}
    )["result"])  # fmt: skip
    until(lambda: ftx.fetch_positions()[0]["contracts"] == 0.01)
    ftx.cancel_all_orders()
    until(lambda: not ftx.fetch_open_orders(MARKET, None, None, {"type": "stop"}))


def refused(port: str) -> None:
    try:
        client(port, "wrong").fetch_balance()
    except ccxt.AuthenticationError:
        return
    raise AssertionError("a wrong signature was let in")


def main(port: str) -> None:
    ftx = client(port, "secret")
    low = market(ftx)
    account(ftx)
    orders(ftx, low)
    conditional(ftx, low)
    refused(port)
    # The market runs: an hour is some seconds, and at its end funding is paid.
    paid = until(ftx.fetch_funding_history)
    assert paid[0]["amount"] != 0
    print("ok")


main(sys.argv[1])
