"""Our Binance spot client over real sockets against a scripted server with a small exchange behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from services.domain.enums import Side
from services.domain.events import AccountReport, BalanceRow, OrderFilled
from services.venues.binance.hosts import SpotHosts, SpotSettings
from services.venues.binance.rest import SPOT_WINDOWS
from services.venues.binance.spot.build import build_spot
from services.venues.wire.budget import Budget, Window
from services.venues.wire.rest import Timings
from services.venues.wire.stream import Habits
from tests.binance.server import fake
from tests.binance.spot_exchange import SpotExchange
from tests.binance.spot_server import SYMBOL
from tests.conformance.binance import SocketSubject, port_of
from tests.conformance.subject import Can, Entry, Subject
from tests.conformance.wire import Wire

BASE = "BTC"


class SpotSubject(SocketSubject):
    def __init__(self, server: SpotExchange, rest: Wire, stream: Wire) -> None:
        super().__init__()
        self.name, self.perp = "binance_spot", f"{SYMBOL}.binance_spot"
        self.server = server
        self.wires = (rest, stream)
        self.order_line = b"POST /api/v3/order"
        self._opening = server.total(BASE)
        streams = f"ws://127.0.0.1:{stream.port}"
        hosts = SpotHosts(
            rest=f"http://127.0.0.1:{rest.port}",
            stream=streams,
            api=f"{streams}/ws-api/v3",
            index=server.rest,
        )
        self.client = build_spot(
            self.name,
            SpotSettings(hosts=hosts, symbols=(SYMBOL,), key="key"),
            "secret",
            self,
            timings=Timings(read_s=1.0, total_s=1.5),
            habits=Habits(beat_s=0.3, silence_s=1.0, ready_s=2.0),
            budget=Budget(
                tuple(Window(name=each.name, span_s=each.span_s, limit=100_000) for each in SPOT_WINDOWS)
            ),
        )
        self.door = self.client

    def fee_coin(self, side: Side) -> str:
        return BASE if side is Side.BUY else "USDT"

    def held(self, report: AccountReport) -> Decimal:
        """What was bought, before the commission that was taken from it."""
        total = {row.coin: row.total for row in report.balances}[BASE]
        return total - self._opening + sum(fill.fee for fill in report.fills if fill.fee_coin == BASE)

    def truth(self) -> AccountReport:
        server, at = self.server, self.now()
        return AccountReport(
            venue=self.name,
            request="truth",
            balances=tuple(BalanceRow(coin, server.total(coin), None, None) for coin in server.free),
            positions=(),
            orders=(),
            fills=tuple(
                OrderFilled(
                    venue=self.name,
                    instrument=self.perp,
                    client_order_id="",
                    venue_order_id=str(row["orderId"]),
                    trade_id=str(row["id"]),
                    side=Side.BUY if row["isBuyer"] else Side.SELL,
                    quantity=Decimal(row["qty"]),
                    price=Decimal(row["price"]),
                    fee=Decimal(row["commission"]),
                    fee_coin=row["commissionAsset"],
                    ts_event=row["time"] * 1_000_000,
                    ts=at,
                )
                for row in server.trades
            ),
            ts_event=at,
            ts=at,
        )


@asynccontextmanager
async def opened() -> AsyncIterator[Subject]:
    server = SpotExchange()
    async with fake(server):
        rest, stream = Wire(port_of(server.rest)), Wire(port_of(server.stream))
        await rest.listen()
        await stream.listen()
        subject = SpotSubject(server, rest, stream)
        try:
            await subject.client.start()
            yield subject
        finally:
            await subject.client.close()
            await rest.close()
            await stream.close()


MISSING = frozenset(
    {Can.REDUCE_ONLY, Can.CONDITIONAL, Can.DEAD_MAN, Can.SPARES, Can.FUNDING, Can.MOVES, Can.UNHEARD}
)
"""Spot has none of the first five; the exchange behind the script has a still market, as the futures' has."""
BINANCE_SPOT = Entry("binance_spot", opened, frozenset(Can) - MISSING, cases=23, without=MISSING)
