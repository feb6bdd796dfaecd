"""Every fuzz target by name: what it is called with, and what to begin with."""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz import binance, ccxt, control, ftx

FOUND: tuple[tuple[str, bytes], ...] = (
    # Prices of more digits than a context has: the key of a level was another one than its price.
    (
        "binance-public",
        b'{"e":"depthUpdate","E":170000000000,"s":"BTCUSDT","U":9,"u":11,"pu":8,"b":[["5000.5","10"]],'
        b'"a":[["5000.6","0"],["5000.7444444444444444444444444444","3"]]}',
    ),
    (
        "ftx-stream",
        b'{"type":"partial","channel":"orderbook","market":"BTC-USDT-PERP","data":{"time":1650000000.5,'
        b'"checksum":1,"bids":[[1.0744444444444444444444444444444,3]],"asks":[],"action":"partial"}}',
    ),
    # An instant of the year 2974: in ns it fits no field of the store.
    (
        "ccxt-rows",
        b'{"rate": {"fundingRate": "0.0001", "info": {"fundingTime": "31700000000001",'
        b' "nextFundingTime": "1700028800001"}}}',
    ),
)
"""What the coverage-guided fuzzer has found, by target."""

Target = Callable[[bytes], None]

TARGETS: dict[str, tuple[Target, tuple[bytes, ...]]] = {
    "ftx-stream": (ftx.stream, ftx.STREAM_SEEDS),
    "ftx-reply": (ftx.reply, ftx.REPLY_SEEDS),
    "sim-body": (ftx.body, ftx.BODY_SEEDS),
    "binance-public": (binance.public, binance.PUBLIC_SEEDS),
    "binance-market": (binance.market, binance.MARKET_SEEDS),
    "binance-private": (binance.private, binance.PRIVATE_SEEDS),
    "binance-reply": (binance.reply, binance.REPLY_SEEDS),
    "ccxt-rows": (ccxt.rows, ccxt.SEEDS),
    "control-socket": (control.socket, control.SOCKET_SEEDS),
    "command-line": (control.line, control.LINE_SEEDS),
    "number": (control.number, control.NUMBER_SEEDS),
}
