"""An order of ours and the rows that a venue says of it."""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import Purpose, Side
from services.domain.orders import OrderRequest
from tests.binance.server import SYMBOL, now_ms

D = Decimal
NAME = "abcdef000000001e1000"
OTHER = "abcdef000000002e1000"
HOUR_MS = 3_600_000
NS = 1_000_000


def order(name: str = NAME, **more: object) -> OrderRequest:
    return OrderRequest(
        **{
            "client_order_id": name,
            "instrument": f"{SYMBOL}.binance",
            "side": Side.BUY,
            "quantity": D("0.010"),
            "price": D("60000.1"),
            "purpose": Purpose.ENTRY,
            "origin": "operator",
            **more,
        }  # type: ignore[arg-type]
    )


def reply(**more: object) -> dict[str, object]:
    return {
        "orderId": 77, "symbol": SYMBOL, "status": "NEW", "clientOrderId": NAME, "side": "BUY",
        "origQty": "0.010", "executedQty": "0", "type": "LIMIT", "timeInForce": "GTC", "price": "60000.1",
        "updateTime": now_ms(), **more,
    }  # fmt: skip


def trade_row(**more: object) -> dict[str, object]:
    return {
        "symbol": SYMBOL, "id": 501, "orderId": 77, "side": "BUY", "price": "60000", "qty": "0.010",
        "commission": "-0.3", "commissionAsset": "USDT", "time": now_ms(), "maker": False, **more,
    }  # fmt: skip
