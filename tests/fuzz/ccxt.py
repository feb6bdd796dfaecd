"""What is read of ccxt's rows, as a function of bytes that raises when something escapes; no library."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from services.venues.ccxt_venue import facts, funding, okx_algo
from services.venues.ccxt_venue.errors import READING
from services.venues.ccxt_venue.exact import Exact
from services.venues.ccxt_venue.levels import book_of, quote_of
from services.venues.ccxt_venue.rows import TradeRow, fill_of, order_of, position_of, text_of, working_of
from tests.fuzz.sane import sane

NOW_MS = 1_700_000_000_000
MARKET = {
    "id": "BTC-USDT-SWAP", "symbol": "BTC/USDT:USDT", "base": "BTC", "quote": "USDT", "settle": "USDT",
    "contractSize": "0.01", "precision": {"amount": "0.01", "price": "0.1"}, "expiry": None, "active": True,
    "limits": {"amount": {"min": "0.01"}, "cost": {"min": None}}, "info": {"upperFundingRate": "0.005"},
}  # fmt: skip


def _listed(row: Mapping[str, Any]) -> facts.Listed:
    return facts.listed("v", row, tick_sizes=True, fees=(None, None), tiers=None, reduce_only=True)


LISTED = _listed(MARKET)


def _trade(row: Mapping[str, Any]) -> object:
    told = {**TRADE, **row}
    # As the manners of the exchanges hand it on.
    told |= {name: text_of(told[name], name) for name in ("id", "order")}
    told |= {name: str(told[name] or "") for name in ("market", "name", "coin")}
    told["maker"] = told["maker"] is True
    return fill_of("v", TradeRow(**told), LISTED, NOW_MS)


def _book(row: Mapping[str, Any]) -> object:
    """A book that cannot be trusted is a row of zeros, never an error."""
    return quote_of(LISTED, book_of(LISTED, row, NOW_MS))


TRADE = {
    "market": "BTC-USDT-SWAP", "id": "7", "order": "8", "name": "", "side": "buy", "contracts": "1",
    "price": "60000", "fee": "0.3", "coin": "USDT", "maker": False, "ms": str(NOW_MS),
}  # fmt: skip
READERS: dict[str, Callable[[Any], object]] = {
    "market": _listed,
    "fees": facts.fee_pair,
    "tiers": lambda rows: facts.tiers_of(rows, Decimal(1)),
    "book": _book,
    "rate": lambda row: funding.rate_row("okx", "X.v", row, NOW_MS),
    "plain rate": lambda row: funding.rate_row("gate", "X.v", row, NOW_MS),
    "settled": lambda rows: funding.settled_rows("bybit", "X.v", rows, NOW_MS),
    "position": lambda row: position_of(row, LISTED, None),
    "order": lambda row: order_of(row, LISTED, crossed=False),
    "working": lambda row: working_of(row, LISTED),
    "trade": _trade,
    "waits": lambda row: working_of(okx_algo.row_of(row, "BTC/USDT:USDT"), LISTED),
    "became": okx_algo.released,
}
ORDER = {
    "id": "5", "clientOrderId": "a", "status": "open", "side": "sell", "amount": "3", "filled": "1",
    "price": "60000.5", "reduceOnly": True, "triggerPrice": None,
}  # fmt: skip
ALGO = {
    "algoId": "5", "algoClOrdId": "a", "state": "live", "side": "sell", "sz": "2", "slTriggerPx": "50000",
    "slOrdPx": "-1", "ordId": "", "ordIdList": ["9"], "reduceOnly": "true",
}  # fmt: skip
SAMPLES: dict[str, object] = {
    "market": MARKET,
    "fees": {"maker": "-0.0001", "taker": "0.0005"},
    "tiers": [
        {"maxNotional": "100000", "maxLeverage": "20", "maintenanceMarginRate": "0.01"},
        {"maxNotional": None, "maxLeverage": "10", "maintenanceMarginRate": "0.02"},
    ],
    "book": {"bids": [["1.0", "2"], ["0.9", "3"]], "asks": [["1.1", "2"]], "timestamp": NOW_MS},
    "rate": {"fundingRate": "0.0001", "info": {"fundingTime": str(NOW_MS + 1), "nextFundingTime": str(NOW_MS + 28_800_001)}},  # noqa: E501
    "plain rate": {"fundingRate": "0.0001", "interval": "8h", "fundingTimestamp": NOW_MS + 9},
    "settled": [{"timestamp": NOW_MS - 28_800_000, "fundingRate": "0.1e-3"}, {"timestamp": NOW_MS, "fundingRate": "0"}],  # noqa: E501
    "position": {"contracts": "2", "side": "long", "entryPrice": "60000", "leverage": "10", "hedged": False},
    "order": ORDER,
    "working": ORDER,
    "trade": TRADE,
    "waits": ALGO,
    "became": ALGO,
}  # fmt: skip
SEEDS = tuple(json.dumps({kind: sample}).encode() for kind, sample in SAMPLES.items())


def rows(data: bytes) -> None:
    """Each sample's reader on whatever stands in its place."""
    told = Exact().parse_json(data.decode("utf-8", "replace"))
    if not isinstance(told, dict):
        return
    for kind, value in told.items():
        read = READERS.get(kind)
        if read is None:
            continue
        try:
            found = read(value)
        except READING:
            assert kind != "book", "a book that cannot be read is none"
            continue
        sane(found)
