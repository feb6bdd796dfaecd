"""An unmodified ccxt of 2022 trades on our server. Run by the test in an environment of its own."""

# ruff: noqa: T201
from __future__ import annotations

import sys
import time
from typing import Any

import ccxt

MARKET = "BTC/USD:USD"


def client(port: str, secret: str) -> Any:
    made = ccxt.ftx({"apiKey": "trader", "secret": secret, "enableRateLimit": False})
    made.urls["api"] = {"public": f"http://127.0.0.1:{port}", "private": f"http://127.0.0.1:{port}"}
    return made


def main(port: str) -> None:
    ftx = client(port, "secret")
    assert len(ftx.load_markets()) >= 10
    assert len(ftx.fetch_currencies()) >= 4
    book = ftx.fetch_order_book(MARKET)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert ftx.fetch_ohlcv(MARKET, "1m")
    assert ftx.fetch_funding_rate(MARKET)["fundingRate"] is not None
    assert len(ftx.fetch_funding_rate_history(MARKET)) >= 30
    assert ftx.fetch_balance()["total"]["USDT"] == 15_000
    low = round(book["bids"][0][0] * 0.9, 1)
    resting = ftx.create_order(MARKET, "limit", "buy", 0.01, low)
    assert [order["id"] for order in ftx.fetch_open_orders()] == [resting["id"]]
    ftx.cancel_order(resting["id"])
    deadline = time.monotonic() + 5
    while ftx.fetch_order(resting["id"])["status"] != "canceled":
        assert time.monotonic() < deadline
    ftx.create_order(MARKET, "market", "buy", 0.01)
    while not ftx.fetch_my_trades(MARKET):
        assert time.monotonic() < deadline
    (held,) = ftx.fetch_positions()
    assert (held["side"], held["contracts"]) == ("long", 0.01)
    stop = ftx.create_order(MARKET, "stop", "sell", 0.01, None, {"stopPrice": 10_000.0, "reduceOnly": True})
    assert [order["id"] for order in ftx.fetch_open_orders(MARKET, None, None, {"type": "stop"})] == [
        stop["id"]
    ]
    moved = ftx.create_order(MARKET, "limit", "buy", 0.01, low)
    assert ftx.edit_order(moved["id"], MARKET, "limit", "buy", 0.02, low)["id"] != moved["id"]
    ftx.cancel_all_orders()
    ftx.fetch_funding_history()
    ftx.set_leverage(5)
    try:
        client(port, "wrong").fetch_balance()
    except ccxt.AuthenticationError:
        print("ok")
        return
    raise AssertionError("a wrong signature was let in")


main(sys.argv[1])
