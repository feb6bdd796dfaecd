"""A client of 2021 that knows this one exchange, unmodified: what it does not find is an error."""

# ruff: noqa: T201
from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from ftx import FtxClient

MARKET = "BTC-PERP"
PATIENCE_S = 60


def until(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (told := found()):
        assert time.monotonic() < deadline
    return told


def market(ftx: Any) -> float:
    assert len(ftx.get_markets()) >= 10
    assert ftx.get_market("USDT/USD")["type"] == "spot"
    assert {row["name"] for row in ftx.get_futures()} >= {"USDT-PERP", "BTC-PERP", "ETH-PERP"}
    assert ftx.get_future_stats(MARKET)["nextFundingRate"] is not None
    assert ftx.get_funding_rates(MARKET)
    assert ftx.get_historical_data(MARKET, resolution=60, limit=10, start_time=None, end_time=None)
    assert isinstance(ftx.get_trades(MARKET), list)
    book = ftx.get_orderbook(MARKET, 5)
    assert len(book["bids"]) == len(book["asks"]) == 5
    return float(ftx.get_future(MARKET)["mark"])


def main(port: str) -> None:
    api = f"http://127.0.0.1:{port}/api/"
    ftx = FtxClient(base_url=api, api_key="trader", api_secret="secret")
    mark = market(ftx)
    low, high = round(mark * 0.9, 1), round(mark * 1.1, 1)
    assert ftx.get_account_info()["collateral"] > 0
    assert {row["coin"] for row in ftx.get_balances()} >= {"USDT", "USD"}
    assert ftx.get_subaccounts() == []
    placed = ftx.place_order(MARKET, "buy", low, 0.01, post_only=True, client_id="sample-1")
    assert ftx.get_order_status(placed["id"])["status"] in ("new", "open")
    moved = ftx.modify_order(existing_client_order_id="sample-1", size=0.02)
    assert (moved["size"], moved["id"] != placed["id"]) == (0.02, True)
    assert ftx.cancel_order(moved["id"]) == "Order queued for cancelation"
    until(lambda: ftx.get_open_orders(MARKET) == [])
    ftx.place_order(MARKET, "buy", None, 0.02, type="market")
    until(ftx.get_fills)
    assert until(lambda: ftx.get_position(MARKET, show_avg_price=True))["netSize"] == 0.02
    kinds = (
        ftx.place_conditional_order(MARKET, "sell", 0.01, "stop", reduce_only=True, trigger_price=low),
        ftx.place_conditional_order(MARKET, "sell", 0.01, "stop", limit_price=low, trigger_price=low),
        ftx.place_conditional_order(MARKET, "sell", 0.01, "take_profit", trigger_price=high),
        ftx.place_conditional_order(MARKET, "sell", 0.01, "trailing_stop", trail_value=-100),
    )
    assert [row["type"] for row in kinds] == ["stop", "stop", "take_profit", "trailing_stop"]
    assert {row["id"] for row in ftx.get_conditional_orders(MARKET)} == {row["id"] for row in kinds}
    assert ftx.cancel_conditional_order(kinds[0]["id"]) == "Order cancelled"
    ftx.cancel_orders(conditional_orders=True)
    until(lambda: ftx.get_conditional_orders() == [])
    assert len(ftx.get_conditional_order_history(type="stop")) == 2
    assert ftx.get_order_history(side="buy", order_type="market")
    wrong = FtxClient(base_url=api, api_key="trader", api_secret="wrong")
    try:
        wrong.get_account_info()
    except Exception as error:
        assert "Not logged in" in str(error), error  # noqa: PT017 - of an environment without pytest
    else:
        raise AssertionError("a wrong signature was let in")
    print("ok")


main(sys.argv[1])
