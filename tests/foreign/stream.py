"""The streams of the same library: log-in, private and public channels, books held to their checksum."""

# ruff: noqa: T201
from __future__ import annotations

import asyncio
import sys
from typing import Any

import ccxt.pro

MARKET = "BTC/USD:USD"
PATIENCE_S = 60


def client(port: str, secret: str) -> Any:
    made = ccxt.pro.ftx({"apiKey": "trader", "secret": secret, "enableRateLimit": False})
    api = f"http://127.0.0.1:{port}"
    made.urls["api"] = {"public": api, "private": api, "ws": f"ws://127.0.0.1:{port}/ws"}
    return made


async def books(ftx: Any, count: int) -> None:
    """Each is checked against the venue's sum by the library, which raises where they differ."""
    assert ftx.safe_value(ftx.options, "checksum", True) is True
    for _ in range(count):
        book = await ftx.watch_order_book(MARKET)
        assert book["bids"][0][0] < book["asks"][0][0]


async def private(ftx: Any) -> None:
    orders = asyncio.create_task(ftx.watch_orders())
    fills = asyncio.create_task(ftx.watch_my_trades())
    trades = asyncio.create_task(ftx.watch_trades(MARKET))
    await asyncio.sleep(1)
    placed = await ftx.create_order(MARKET, "market", "buy", 0.01)
    assert placed["id"] in {row["id"] for row in await orders}
    assert placed["id"] in {row["order"] for row in await fills}
    assert await trades


async def refused(port: str) -> None:
    wrong = client(port, "wrong")
    try:
        await wrong.watch_orders()
    except ccxt.AuthenticationError:
        return
    finally:
        await wrong.close()
    raise AssertionError("a wrong signature was let in")


async def main(port: str) -> None:
    ftx = client(port, "secret")
    try:
        async with asyncio.timeout(PATIENCE_S):
            await books(ftx, 15)
            assert (await ftx.watch_ticker(MARKET))["bid"] is not None
            await private(ftx)
            await refused(port)
    finally:
        await ftx.close()
    print("ok")


asyncio.run(main(sys.argv[1]))
