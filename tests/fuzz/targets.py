"""Every fuzz target by name: what it is called with, and what to begin with."""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz import binance, ccxt, control, ftx

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
