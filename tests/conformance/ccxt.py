"""Two exchanges through the library against scripted servers: other contract sizes, other ways to ask."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from services.domain.enums import Side
from services.domain.events import AccountReport, BalanceRow, Event, OrderFilled, PositionRow, WorkingRow
from services.venues.ccxt_venue.build import build_ccxt
from services.venues.ccxt_venue.door import WINDOW
from services.venues.ccxt_venue.feed import Pace
from services.venues.ccxt_venue.followed import Habits
from services.venues.ccxt_venue.profile import CcxtSettings
from services.venues.wire.budget import Budget, Window
from tests.ccxt_venue.bybit import BybitExchange
from tests.ccxt_venue.exchange import MARK, Exchange, fake
from tests.ccxt_venue.okx import OkxExchange
from tests.ccxt_venue.streams import BybitBooks, OkxBooks
from tests.conformance.subject import Can, Entry, Subject
from tests.conformance.wire import Wire

PATIENCE_S = 15.0
STEP_S = 0.02
QUICK = Pace(books_s=0.1, marks_s=0.2, coins_s=0.2, rates_s=0.3, look_s=0.05, hasty_s=0.02, silence_s=0.6)


class CcxtSubject(Subject):
    def __init__(self, server: Exchange, wire: Wire) -> None:
        super().__init__()
        self.name, self.perp = server.name, f"{server.market}.{server.name}"
        self.algo = "algo-" if server.name == "okx" else ""
        """Before the number of an order that waits."""
        self.server = server
        self.wire = wire
        self.client = build_ccxt(
            self.name,
            CcxtSettings(
                exchange=server.name,
                symbols=(server.market,),
                key="key",
                local=f"http://127.0.0.1:{wire.port}",
                spot=server.spot,
            ),
            "secret",
            self,
            passphrase="word",
            pace=QUICK,
            timeout_s=1.0,
            budget=Budget([Window(name=WINDOW, span_s=1, limit=10_000_000)]),
            follow=Habits(step_s=0.05, silence_s=1.0, ready_s=1.0, most_wait_s=0.5),
        )
        self.door = self.client
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
        self.server.passed(seconds)
        await asyncio.sleep(min(seconds, STEP_S))

    def mark(self) -> Decimal:
        return MARK

    def truth(self) -> AccountReport:
        """What the exchange holds, written down from its own rows."""
        server, at = self.server, self.now()
        return AccountReport(
            venue=self.name,
            request="truth",
            balances=(
                BalanceRow("USDT", server.wallet, None, None),
                *((BalanceRow("BTC", server.coins, None, None),) if server.coins else ()),
            ),
            positions=(PositionRow(self.perp, server.size, server.entry, None),) if server.size else (),
            orders=tuple(
                WorkingRow(
                    client_order_id=row["name"],
                    venue_order_id=f"{self.algo}{row['id']}" if row["state"] == "waiting" else row["id"],
                    instrument=self.perp,
                    side=Side(row["side"]),
                    quantity=row["quantity"],
                    filled=row["filled"],
                    price=row["price"],
                    reduce_only=row["reduces"],
                    trigger=row["trigger"],
                )
                for row in (*server.open(), *server.waiting())
            ),
            fills=tuple(
                OrderFilled(
                    venue=self.name,
                    instrument=self.perp,
                    client_order_id="",
                    venue_order_id=row["order"]["id"],
                    trade_id=row["id"],
                    side=Side(row["order"]["side"]),
                    quantity=row["quantity"],
                    price=row["price"],
                    fee=row["fee"],
                    fee_coin=row["coin"],
                    ts_event=row["ms"] * 1_000_000,
                    ts=at,
                )
                for row in server.trades
            ),
            ts_event=at,
            ts=at,
        )

    def fee_coin(self, side: Side) -> str:
        return "BTC" if self.server.spot and side is Side.BUY else "USDT"

    def held(self, report: AccountReport) -> Decimal:
        """Of spot: what was bought beside the one of the beginning, before the commission taken from it."""
        if not self.server.spot:
            return super().held(report)
        total = sum((row.total for row in report.balances if row.coin == "BTC"), Decimal(0))
        return total - 1 + sum(fill.fee for fill in report.fills if fill.fee_coin == "BTC")

    async def lose_reply(self) -> None:
        self.wire.mute_next = self.server.order_path.encode()

    async def fail_questions(self, *, on: bool) -> None:
        self.server.failing = on

    async def cut(self) -> None:
        self.wire.refusing = True
        self.wire.cut()

    async def mend(self) -> None:
        self.wire.refusing = False

    async def say_twice(self, *, on: bool) -> None:
        self.server.twice = on

    async def overtake(self, *, on: bool) -> None:
        self.server.backwards = on


def opener(make: Callable[[], Exchange]) -> Callable[[], Any]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Subject]:
        server = make()
        if not server.spot:
            # Coins are asked for, so that both ways to a book are held to the suite.
            (OkxBooks if server.name == "okx" else BybitBooks)(server)
        async with fake(server):
            wire = Wire(urlsplit(server.rest).port or 0)
            await wire.listen()
            subject = CcxtSubject(server, wire)
            try:
                await subject.client.start()
                yield subject
            finally:
                await subject.client.close()
                await wire.close()

    return opened


STILL = frozenset({Can.MOVES, Can.UNHEARD, Can.FUNDING, Can.SPARES})
"""The exchange behind the script has a still market and settles nothing. Of OKX's switch nobody has said that
it spares conditional orders: that is a declared capability. Bybit has none through the library."""
COINS = STILL | {Can.CONDITIONAL, Can.REDUCE_ONLY, Can.CUT}
"""Spot has the line of the perpetuals, which is cut there."""
NO_SWITCH = {Can.DEAD_MAN}


def entry(name: str, make: Callable[[], Exchange], cases: int, without: frozenset[Can]) -> Entry:
    return Entry(name, opener(make), frozenset(Can) - without, cases=cases, without=without)


OKX = entry("okx", OkxExchange, 29, STILL)
BYBIT = entry("bybit", BybitExchange, 27, STILL | NO_SWITCH)
OKX_SPOT = entry("okx_spot", partial(OkxExchange, spot=True), 23, COINS)
BYBIT_SPOT = entry("bybit_spot", partial(BybitExchange, spot=True), 21, COINS | NO_SWITCH)
