"""Our Binance client over real sockets against a scripted server with a small exchange behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import urlsplit

from services.domain.enums import Side
from services.domain.events import AccountReport, BalanceRow, Event, OrderFilled, PositionRow, WorkingRow
from services.venues.binance.build import build_binance
from services.venues.binance.hosts import BinanceSettings, Hosts
from services.venues.binance.rest import WINDOWS
from services.venues.wire.budget import Budget, Window
from services.venues.wire.rest import Timings
from services.venues.wire.stream import Habits
from tests.binance.exchange import MARK, Exchange
from tests.binance.server import SYMBOL, fake
from tests.conformance.subject import Can, Entry, Subject
from tests.conformance.wire import Wire

PATIENCE_S = 15.0
STEP_S = 0.02
"""Its clock is the wall's: time that is to pass is only made long enough to tell two stamps apart."""


class FakeLike(Protocol):
    """An exchange that misbehaves when it is told to."""

    failing: bool
    twice: bool
    backwards: bool


class SocketSubject(Subject):
    """A client over two relays, one before REST and one before the streams."""

    server: FakeLike
    wires: tuple[Wire, Wire]
    order_line: bytes
    """How a request that sends an order begins."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def deliver(self, due: int, event: Event) -> None:
        self.heard.append((self.now(), event))
        self._changed.set()

    def wake(self, due: int, token: object) -> None:
        raise AssertionError("a live venue wakes by itself")

    def now(self) -> int:
        return time.time_ns()

    async def until(self, found: Callable[[], Any], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not found():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            told = [event for event in self.events if type(event).__name__ != "MarketFrame"]
            raise AssertionError(f"{what} never came; heard {told}") from None

    async def elapse(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, STEP_S))

    async def lose_reply(self) -> None:
        self.wires[0].mute_next = self.order_line

    async def fail_questions(self, *, on: bool) -> None:
        self.server.failing = on

    async def cut(self) -> None:
        for wire in self.wires:
            wire.refusing = True
            wire.cut()

    async def mend(self) -> None:
        for wire in self.wires:
            wire.refusing = False

    async def say_twice(self, *, on: bool) -> None:
        self.server.twice = on

    async def overtake(self, *, on: bool) -> None:
        self.server.backwards = on


class BinanceSubject(SocketSubject):
    def __init__(self, server: Exchange, rest: Wire, stream: Wire) -> None:
        super().__init__()
        self.name, self.perp = "binance", f"{SYMBOL}.binance"
        self.server: Exchange = server
        self.order_line = b"POST /fapi/v1/order"
        self.wires = (rest, stream)
        hosts = Hosts(rest=f"http://127.0.0.1:{rest.port}", stream=f"ws://127.0.0.1:{stream.port}")
        self.client = build_binance(
            self.name,
            BinanceSettings(hosts=hosts, symbols=(SYMBOL,), key="key"),
            "secret",
            self,
            timings=Timings(read_s=1.0, total_s=1.5),
            habits=Habits(beat_s=0.3, silence_s=1.0, ready_s=2.0),
            budget=Budget(
                tuple(Window(name=each.name, span_s=each.span_s, limit=10_000) for each in WINDOWS)
            ),
        )
        self.door = self.client

    async def elapse(self, seconds: float) -> None:
        self.server.passed(seconds)
        await super().elapse(seconds)

    def mark(self) -> Decimal:
        return MARK

    def truth(self) -> AccountReport:
        """What the exchange holds, written down from its own rows."""
        server, at = self.server, self.now()
        return AccountReport(
            venue=self.name,
            request="truth",
            balances=(BalanceRow("USDT", server.wallet, None, None),),
            positions=(PositionRow(self.perp, server.size, server.entry, None),) if server.size else (),
            orders=tuple(
                WorkingRow(
                    client_order_id=name,
                    venue_order_id="",
                    instrument=self.perp,
                    side=Side.BUY,
                    quantity=Decimal(1),
                    filled=Decimal(0),
                    price=None,
                    reduce_only=False,
                )
                for name in (
                    *(row["clientOrderId"] for row in server.open()),
                    *(row["clientAlgoId"] for row in server.open_algos()),
                )
            ),
            fills=tuple(
                OrderFilled(
                    venue=self.name,
                    instrument=self.perp,
                    client_order_id="",
                    venue_order_id=str(row["orderId"]),
                    trade_id=str(row["id"]),
                    side=Side(row["side"].lower()),
                    quantity=Decimal(row["qty"]),
                    price=Decimal(row["price"]),
                    fee=Decimal(row["commission"]),
                    fee_coin="USDT",
                    ts_event=row["time"] * 1_000_000,
                    ts=at,
                )
                for row in server.trades
            ),
            ts_event=at,
            ts=at,
        )


def port_of(address: str) -> int:
    port = urlsplit(address).port
    assert port is not None
    return port


@asynccontextmanager
async def opened() -> AsyncIterator[Subject]:
    server = Exchange()
    async with fake(server):
        rest, stream = Wire(port_of(server.rest)), Wire(port_of(server.stream))
        await rest.listen()
        await stream.listen()
        subject = BinanceSubject(server, rest, stream)
        marks = asyncio.create_task(server.run_marks())
        try:
            await subject.client.start()
            yield subject
        finally:
            marks.cancel()
            await asyncio.gather(marks, return_exceptions=True)
            await subject.client.close()
            await rest.close()
            await stream.close()


MISSING = frozenset({Can.MOVES, Can.UNHEARD, Can.FUNDING})
"""The exchange behind the script has a still market and settles nothing: released conditional orders, fills
unheard and funding are held against scripted replies (tests/binance)."""
BINANCE = Entry("binance", opened, frozenset(Can) - MISSING, cases=30, without=MISSING)
