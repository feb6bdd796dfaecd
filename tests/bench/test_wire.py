"""The wire on loopback: signed orders, the kill's burst, requests in flight, a fast stream, decoding."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from services.venues.ftx.ears import FtxEars
from services.venues.ftx.rest import FtxDialect, FtxRest, cancel_request, order_request
from services.venues.sim.facts import perp
from services.venues.wire.budget import Budget, Lane
from services.venues.wire.pool import Pool, transport_maker
from services.venues.wire.rest import Rest
from services.venues.wire.secret import Secret
from services.venues.wire.stream import Stream
from tests.bench.counterpart import MARKETS
from tests.bench.report import quantile, table
from tests.bench.terminal import ROOT, environment
from tests.bench.yardstick import TICKER, cpu_us, plain

pytestmark = pytest.mark.bench

ORDERS, ROUNDS, IN_FLIGHT, REQUESTS = 500, 40, 20, 2_000
KILL_FLOOR_MS, IN_FLIGHT_FLOOR_MS, DECODE_FLOOR = 25.0, 20.0, 0.25
RATE, SECONDS = 5_000, 8.0
SENT = 0.95
LAG_FLOOR_MS = 50.0
"""A queue that grows would be seconds behind at the end."""

BODY = {
    "market": "SYN000-PERP", "side": "buy", "price": Decimal("100.5"), "type": "limit", "size": Decimal("1"),
    "reduceOnly": True, "ioc": False, "postOnly": False, "clientId": "abcdef000000001e1000",
}  # fmt: skip


@contextlib.contextmanager
def counterpart(rate: int = 0, seconds: float = 0.0) -> Iterator[tuple[int, int]]:
    words = [sys.executable, "-m", "tests.bench.counterpart", str(rate), str(seconds)]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment())
    try:
        assert child.stdout is not None
        http, ws = child.stdout.readline().split()
        yield int(http), int(ws)
    finally:
        child.kill()
        child.communicate()


@contextlib.asynccontextmanager
async def client(port: int) -> AsyncIterator[FtxRest]:
    host = f"http://127.0.0.1:{port}"
    pool = Pool(transport_maker(False))
    dialect = FtxDialect(host, "key", Secret("secret"), None, lambda: time.time_ns() // 1_000_000)
    api = FtxRest(Rest(host, dialect, Budget(()), pool, random=lambda: 0.5))
    # Every connection warm, as they are after some minutes of trading.
    await asyncio.gather(*(api.place(order_request(BODY, Lane.SAFE)) for _ in range(pool.idle)))
    try:
        yield api
    finally:
        await pool.close()


async def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) * 1e3


async def test_orders_and_the_kills_burst() -> None:
    with counterpart() as (port, _):
        async with client(port) as api:
            alone = [await _timed(lambda: api.place(order_request(BODY, Lane.SAFE))) for _ in range(ORDERS)]

            def burst() -> Any:
                return asyncio.gather(
                    *(api.cancel(cancel_request("", str(number))) for number in range(20)),
                    *(api.place(order_request(BODY, Lane.SAFE)) for _ in range(20)),
                )

            bursts = [await _timed(burst) for _ in range(ROUNDS)]
            waiting = iter(range(REQUESTS))
            flights: list[float] = []

            async def fly() -> None:
                for _ in waiting:
                    flights.append(await _timed(lambda: api.place(order_request(BODY, Lane.SAFE))))

            await asyncio.gather(*(fly() for _ in range(IN_FLIGHT)))
    table(
        "orders over loopback, signed, answered at once by another process; ms",
        [
            ("one at a time, p50 and p99", f"{quantile(alone, 0.5):.2f}, {quantile(alone, 0.99):.2f}"),
            (
                "20 cancels and 20 closes, p50, best, worst",
                f"{quantile(bursts, 0.5):.1f}, {min(bursts):.1f}, {max(bursts):.1f}"
                f"   floor {KILL_FLOOR_MS:g}",
            ),
            (
                f"{IN_FLIGHT} in flight, p50 and p99",
                f"{quantile(flights, 0.5):.1f}, {quantile(flights, 0.99):.1f}   floor {IN_FLIGHT_FLOOR_MS:g}",
            ),
        ],
    )
    assert quantile(bursts, 0.5) < KILL_FLOOR_MS
    assert quantile(flights, 0.99) < IN_FLIGHT_FLOOR_MS


class Nobody:
    def order_frame(self, order: object) -> None:
        raise AssertionError(order)

    def fill_frame(self, fill: object) -> None:
        raise AssertionError(fill)


class Measured(FtxEars):
    """Notes how old each ticker is when it has been taken."""

    lags: list[float]
    told = ""

    def heard(self, raw: str | bytes) -> None:
        super().heard(raw)
        if self.frames % 50 == 0:
            frame = json.loads(raw)
            if frame.get("channel") == "ticker" and "data" in frame:
                self.lags.append((time.time() - frame["data"]["time"]) * 1e3)


def ears(kind: type[FtxEars], trouble: Callable[[str], None]) -> FtxEars:
    specs = {name: perp("v", name, name[:6], "USD") for name in MARKETS}
    return kind(
        specs, "", None, None, Nobody(), now_ms=lambda: 0, say=lambda _: None, trouble=trouble, quiet_s=1e9
    )


async def test_a_fast_stream_is_kept_up_with() -> None:
    said: list[str] = []
    with counterpart(RATE, SECONDS) as (_, port):
        ear = ears(Measured, said.append)
        assert isinstance(ear, Measured)
        ear.lags = []
        stream = Stream(f"ws://127.0.0.1:{port}", ear, up=lambda: None, down=said.append, random=lambda: 0.5)
        stream.start()
        cpu, began = time.process_time(), time.monotonic()
        while not said and time.monotonic() - began < 3 * SECONDS:
            await asyncio.sleep(0.05)
        cpu, took = time.process_time() - cpu, time.monotonic() - began
        await stream.close()
    assert len(said) == 1, said
    sent = int(said[0].rpartition(" ")[2])
    tickers = ear.frames - 2 * len(MARKETS) - 1
    half = len(ear.lags) // 2
    early, late = quantile(ear.lags[:half], 0.5), quantile(ear.lags[half:], 0.5)
    table(
        f"stream of {RATE} messages a second for {SECONDS:g} s, websockets on one core",
        [
            ("messages heard of those sent", f"{tickers} of {sent}, {sent / SECONDS:.0f} a second"),
            (
                "CPU of the client",
                f"{100 * cpu / took:.0f} % of a core, {cpu / tickers * 1e6:.0f} µs a message",
            ),
            ("age when taken, median of each half", f"{early:.1f}, {late:.1f} ms   floor {LAG_FLOOR_MS:g}"),
            ("oldest", f"{max(ear.lags):.1f} ms"),
        ],
    )
    assert tickers == sent
    assert sent > SENT * RATE * SECONDS, "the other side did not send as fast as it was to"
    assert late < max(LAG_FLOOR_MS, 2 * early)


def test_decode_dispatch_and_state() -> None:
    ear = ears(FtxEars, lambda _: None)
    ear.greeting()
    ours, theirs = [], []
    for _ in range(9):
        ours.append(cpu_us(lambda: ear.heard(TICKER)))
        theirs.append(cpu_us(plain))
    share = quantile(ours, 0.5) / quantile(theirs, 0.5)
    table(
        "decode, dispatch and state of one ticker, µs of CPU, medians of 9 turns by turns",
        [
            ("ours", f"{quantile(ours, 0.5):.2f}"),
            ("json.loads and a dict", f"{quantile(theirs, 0.5):.2f}"),
            ("share", f"{share:.2f}   floor {DECODE_FLOOR}"),
        ],
    )
    assert ear.refused == 0
    assert share <= DECODE_FLOOR
