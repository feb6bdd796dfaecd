"""Orders of a busy minute for screen 3: one in doubt, a resting stop, a foreign one, refusals, fills."""

from __future__ import annotations

from typing import Any

from services.views.orders import FillRow, OrderRow, OrdersView
from tests.console.fixtures import QUIET_TS, S, d, maybe


def order(
    id: str, instrument: str, side: str, quantity: str, price: str, state: str, **more: Any
) -> OrderRow:
    small = "USDT-PERP." in instrument and "BTC" not in instrument
    fields: dict[str, Any] = {
        "venue_order_id": f"9{id[-6:]}",
        "filled": d("0"),
        "avg_price": None,
        "trigger": None,
        "live": state in ("accepted", "partially_filled", "in_doubt", "resting"),
        "doubt": state == "in_doubt",
        "doubt_ns": 0,
        "probes": 0,
        "purpose": "entry",
        "origin": "strategy:funding_arb",
        "pair": "P-07",
        "reduce_only": False,
        "post_only": False,
        "foreign": False,
        "protective": False,
        "ts": QUIET_TS - 60 * S,
        "text": "spread 2.33 bps per 8 h, edge 6.2× cost",
        "price_increment": d("0.0001") if small else d("0.1"),
        "size_increment": d("1") if small else d("0.001"),
    }
    return OrderRow(
        id=id,
        instrument=instrument,
        side=side,
        quantity=d(quantity),
        price=maybe(price),
        state=state,
        **(fields | more),
    )


def fill(at: int, instrument: str, side: str, size: str, price: str, pnl: str = "0") -> FillRow:
    return FillRow(
        key=f"{instrument}|t{at}",
        ts=QUIET_TS - at * S,
        instrument=instrument,
        side=side,
        size=d(size),
        price=d(price),
        fee=d("1.2094"),
        fee_coin="USDC",
        pnl=d(pnl),
        settle="USDC",
        order="a1b2c3000000009e1001",
        strategy="strategy:funding_arb",
        foreign=False,
        price_increment=d("0.1"),
        size_increment=d("0.001"),
    )


WORKING = "a1b2c3000000007e1001"
STOP = "a1b2c3000000008s0001"


def busy_orders() -> OrdersView:
    btc, usdc = "BTC-USDT-PERP.alpha", "BTC-USDC-PERP.beta"
    return OrdersView(
        ts=QUIET_TS,
        working=(
            order(
                "a1b2c3000000006h2001",
                usdc,
                "buy",
                "0.103",
                "67,398.0".replace(",", ""),
                "in_doubt",
                purpose="hedge",
                doubt_ns=17 * S,
                probes=6,
                text="timed out; asked by its id",
            ),
            order(
                WORKING,
                btc,
                "sell",
                "0.103",
                "67412.5",
                "partially_filled",
                filled=d("0.040"),
                avg_price=d("67412.5"),
                post_only=True,
            ),
            order(
                STOP,
                "ETH-USDC-PERP.beta",
                "sell",
                "0.850",
                "",
                "accepted",
                purpose="stop",
                trigger=d("3390.0"),
                protective=True,
                reduce_only=True,
                pair=None,
                text="backstop",
                ts=QUIET_TS - 3120 * S,
            ),
            order(
                "web-4411",
                "USDT-PERP.alpha",
                "buy",
                "5000",
                "0.9990",
                "resting",
                purpose="foreign",
                origin="foreign",
                foreign=True,
                pair=None,
                text="not ours, by the venue's last read",
            ),
        ),
        recent=(
            order(
                "a1b2c3000000005e1001",
                btc,
                "sell",
                "0.103",
                "67412.5",
                "filled",
                filled=d("0.103"),
                avg_price=d("67412.9"),
            ),
            order(
                "a1b2c3000000004t0001",
                btc,
                "buy",
                "1.000",
                "67200.0",
                "denied",
                purpose="ticket",
                origin="operator",
                pair=None,
                text="order notional 67,184 > 25,000",
                ts=QUIET_TS - 900 * S,
            ),
            order(
                "a1b2c3000000003e1001",
                usdc,
                "buy",
                "0.050",
                "67380.0",
                "canceled",
                filled=d("0.020"),
                avg_price=d("67380.0"),
                text="stays unfilled",
            ),
        ),
        fills=(
            fill(62, btc, "sell", "0.040", "67412.5"),
            fill(90, usdc, "buy", "0.103", "67398.0"),
            fill(1900, usdc, "sell", "0.050", "67430.5", "1.63"),
        ),
    )
