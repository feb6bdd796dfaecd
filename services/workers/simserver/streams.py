"""The server's WebSocket side: log-in, subscriptions, books as partial and updates, private frames.

Books are sent as differences to what this socket was told last, each with the checksum of what it then has.
A fault of the line shows here: a venue that goes down closes the connection, one that is half open is silent,
a checksum fault spoils a book.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from services.domain.enums import FaultKind
from services.domain.events import Event, VenueLink
from services.venues.sim.depth import levels
from services.venues.sim.faults import VenueFaults
from services.venues.sim.floor import TradingFloor
from services.venues.wire.numbers import BadNumber, wire_positive
from services.workers.simserver import glance
from services.workers.simserver.auth import Refused, login
from services.workers.simserver.booking import DEPTH, Sides, grouped, told
from services.workers.simserver.house import House, Seat
from services.workers.simserver.shown import Row
from services.workers.simserver.words import words_of

GROUPED = "orderbookGrouped"
MARKET_CHANNELS = ("ticker", "trades", "orderbook", GROUPED)
PRIVATE_CHANNELS = ("orders", "fills")
WIDE_CHANNELS = ("markets",)
WIDE = 1_000
"""Levels that a grouped book is made of."""
MARKETS_NS = 5_000_000_000
"""Market time from one word on all markets to the next."""
WAITING_MOST = 5_000
"""Frames that wait for a socket that does not read; then it is closed."""

RESTARTS = 1012
"""Close code: the service restarts."""
RESTART_FRAME: Row = {"type": "info", "code": 20001, "msg": "The server restarts: connect again"}
"""What the dialect says before it closes a connection so."""

PONG: Row = {"type": "pong"}
PONG_TEXT = '{"type": "pong"}'
"""With the space: clients of the time compare the text."""
PLAIN = Decimal(0)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


class Socket:
    """One connection."""

    def __init__(self, house: House, venue: str, socket: WebSocket) -> None:
        self._house = house
        self._venue = venue
        self._socket = socket
        self.seat: Seat = house.public
        self._caller = False
        self._subscribed: dict[tuple[str, str, Decimal], None] = {}
        """Channel, market, and of grouped books the step."""
        self._told: dict[tuple[str, Decimal], Sides] = {}
        self._tickers: dict[str, Row] = {}
        self._printed: dict[str, int] = {}
        """The number of the last trade of each market that this socket was told."""
        self._listed: dict[str, Row] = {}
        self._listed_at = 0
        self._out: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(WAITING_MOST)
        self._dark = False
        self._late: Row | None = None
        """A book frame that the ones behind it overtake, by a fault."""

    # --- what comes in -----------------------------------------------------------------------------------

    async def listen(self) -> None:
        """Until the client goes."""
        self._attend(self.seat)
        writer = asyncio.create_task(self._write())
        try:
            while True:
                text = await self._socket.receive_text()
                self._take(text)
        except (WebSocketDisconnect, RuntimeError, KeyError):
            return
        finally:
            self._leave()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    def _attend(self, seat: Seat) -> None:
        self.seat = seat
        seat.listeners.append(self._hear)
        seat.watchers.append(self._cut)

    def _leave(self) -> None:
        self.seat.listeners.remove(self._hear)
        self.seat.watchers.remove(self._cut)

    def _take(self, text: str) -> None:
        try:
            frame = _DECODER.decode(text)
        except (msgspec.DecodeError, ValueError, RecursionError):
            self._error(400, "Invalid JSON")
            return
        if self._dark or self._silent():
            return  # a line that is down hears nothing, nor does one that is half open
        match frame.get("op"):
            case "ping":
                self.say(PONG)
            case "login":
                self._login(frame.get("args"))
            case "subscribe":
                self._subscribe(frame)
            case "unsubscribe":
                self._unsubscribe(frame)
            case None:
                self._error(400, 'Missing parameter "op"')
            case _:
                self._error(400, "Invalid op")

    def _login(self, args: object) -> None:
        if self._caller:
            self._error(400, "Already logged in")
            return
        if not isinstance(args, Mapping):
            self._error(400, 'Missing parameter "args"')
            return
        try:
            caller = login(self._house, args, time.time_ns() // 1_000_000)
        except Refused as refused:
            self._error(refused.status, refused.text)
            return
        self._caller = True
        self._leave()
        self._attend(self._house.seat(caller.key.key, caller.subaccount))
        if self.seat.venue(self._venue).line.down(self.seat.queue.now):
            self.hang_up()

    def _subscribe(self, frame: Mapping[str, Any]) -> None:
        channel, market = frame.get("channel"), frame.get("market") or ""
        if channel is None:
            self._error(400, 'Missing parameter "channel"')
            return
        if channel in PRIVATE_CHANNELS:
            if not self._caller:
                self._error(400, "Not logged in")
                return
            market = ""
        elif channel in WIDE_CHANNELS:
            market = ""
        elif channel not in MARKET_CHANNELS:
            self._error(400, f"Invalid channel: {str(channel)[:40]}")
            return
        elif not market:
            self._error(400, 'Missing parameter "market"')
            return
        elif f"{market}.{self._venue}" not in self._floor.listed:
            self._error(404, f"No such market: {str(market)[:40]}")
            return
        step = _step(frame) if channel == GROUPED else PLAIN
        if step is None:
            self._error(400, 'Invalid parameter "grouping"')
            return
        self._subscribed[channel, market, step] = None
        self._confirm("subscribed", channel, market, step)
        if channel in ("orderbook", GROUPED):
            self._told.pop((market, step), None)
        if channel == "markets":
            self._listed = {}
        if channel == "trades":
            self._printed[market] = glance.newest_trade(self._house, self._floor, market)
        self._tickers.pop(market, None)
        self.push()

    def _unsubscribe(self, frame: Mapping[str, Any]) -> None:
        channel, market = str(frame.get("channel")), str(frame.get("market") or "")
        step = _step(frame) if channel == GROUPED else PLAIN
        if step is None or (channel, market, step) not in self._subscribed:
            self._error(400, "Not subscribed")
            return
        del self._subscribed[channel, market, step]
        self._confirm("unsubscribed", channel, market, step)

    def _confirm(self, kind: str, channel: str, market: str, step: Decimal) -> None:
        said: Row = {"type": kind, "channel": channel}
        if market:
            said["market"] = market
        if step:
            said["grouping"] = step
        self.say(said)

    def _error(self, code: int, text: str) -> None:
        self.say({"type": "error", "code": code, "msg": text})

    # --- what goes out -----------------------------------------------------------------------------------

    def say(self, frame: dict[str, Any]) -> None:
        """Queue a frame; a client that does not read loses the connection, never a frame of it."""
        if self._dark:
            return
        try:
            self._out.put_nowait(frame)
            self.seat.said[self._venue] = self.seat.said.get(self._venue, 0) + 1
        except asyncio.QueueFull:
            self._out = asyncio.Queue()
            self.hang_up()

    async def _write(self) -> None:
        while True:
            frame = await self._out.get()
            if frame is None:
                with contextlib.suppress(RuntimeError):
                    await self._socket.close(RESTARTS)
                return
            await self._socket.send_text(PONG_TEXT if frame is PONG else _ENCODER.encode(frame).decode())

    def push(self) -> None:
        """Send what has changed of the subscribed markets."""
        if self._dark or self._silent():
            return
        for channel, market, step in list(self._subscribed):
            if channel in ("orderbook", GROUPED):
                self._book(market, step)
            elif channel == "ticker":
                self._ticker(market)
            elif channel == "trades":
                self._trades(market)
            elif channel == "markets":
                self._markets()

    def _time(self) -> Decimal:
        return Decimal(self._house.now) / 1_000_000_000

    @property
    def _floor(self) -> TradingFloor:
        return self.seat.venue(self._venue).floor

    def _ticker(self, market: str) -> None:
        row = glance.ticker(self._house, self._floor, market)
        if self._tickers.get(market) != row:
            self._tickers[market] = row
            data = {**row, "time": self._time()}
            self.say({"channel": "ticker", "market": market, "type": "update", "data": data})

    def _book(self, market: str, step: Decimal) -> None:
        """`step`: 0 = each level by itself."""
        bids, asks = levels(self._floor, f"{market}.{self._venue}", WIDE if step else DEPTH)
        if step:
            bids, asks = grouped(bids, step, asks=False), grouped(asks, step, asks=True)
        frame = told(self._told.get((market, step)), bids, asks, self._time())
        if frame is None:
            return
        data, self._told[market, step] = frame
        head: Row = (
            {"channel": GROUPED, "market": market, "grouping": step}
            if step
            else {"channel": "orderbook", "market": market}
        )
        self._say_book({**head, "type": data["action"], "data": data})

    def _say_book(self, frame: Row) -> None:
        """A book on its way through the faults: spoiled, lost, late or twice. Checksums give them away."""
        faults = self._faults
        if faults.hit(FaultKind.CHECKSUM):
            frame["data"]["checksum"] ^= 1
        if faults.hit(FaultKind.DROP):
            return
        late, self._late = self._late, None
        if late is None and faults.hit(FaultKind.REORDER):
            self._late = frame
            return
        self.say(frame)
        if faults.hit(FaultKind.DUPLICATE):
            self.say(frame)
        if late is not None:
            self.say(late)

    def _trades(self, market: str) -> None:
        """What the background has traded since this socket was told last."""
        data = glance.trades_after(self._house, self._floor, market, self._printed[market])
        if data:
            self._printed[market] = data[-1]["id"]
            self.say({"channel": "trades", "market": market, "type": "update", "data": data})

    def _markets(self) -> None:
        """All of them at first, then now and then those that have changed."""
        now, first = self._house.now, not self._listed
        if not first and now - self._listed_at < MARKETS_NS:
            return
        rows = glance.markets(self._house, self._floor)
        changed = {name: row for name, row in rows.items() if self._listed.get(name) != row}
        self._listed, self._listed_at = rows, now
        if changed:
            kind = "partial" if first else "update"
            data = {"data": changed, "action": kind}
            self.say({"channel": "markets", "type": kind, "data": data})

    # --- what happens ------------------------------------------------------------------------------------

    def _cut(self, venue: str) -> None:
        """The market has moved. In lock-step it is told at that instant, and at no other."""
        if venue == self._venue and self._house.stepped:
            self.push()

    def _hear(self, venue: str, event: Event) -> None:
        if venue != self._venue:
            return
        if isinstance(event, VenueLink):
            self._link(up=event.up)
            return
        for channel, market, data in words_of(self.seat, venue, event):
            if (channel, market, PLAIN) in self._subscribed:
                head = {"channel": channel, "market": market} if market else {"channel": channel}
                self.say({**head, "type": "update", "data": data})

    def _link(self, *, up: bool) -> None:
        """A connection of the venue that goes down takes this one with it, as a restart does."""
        if not up:
            self.say(RESTART_FRAME)
            self.hang_up()

    def hang_up(self) -> None:
        """Say no more, and close it when what was said has left."""
        if self._dark:
            return
        self._dark = True
        if self._out.full():
            self._out = asyncio.Queue()
        self._out.put_nowait(None)

    def _silent(self) -> bool:
        return self._faults.going_on(FaultKind.HALF_OPEN, self.seat.queue.now)

    @property
    def _faults(self) -> VenueFaults:
        return self.seat.exchange.faults(self._venue)


def _step(frame: Mapping[str, Any]) -> Decimal | None:
    """Of a grouped book; None = none is named, or it is no width."""
    try:
        return wire_positive(frame.get("grouping"), "grouping")
    except BadNumber:
        return None
