"""The public sockets of the small exchanges: books in the words of OKX and of Bybit, as the test wants."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any

from tests.ccxt_venue.exchange import ASK_SIZE, BID_SIZE, Exchange, now_ms
from tests.wire.server import Socket


class Books(ABC):
    """A whole book to whoever subscribes; later what the test says."""

    def __init__(self, server: Exchange) -> None:
        self.server = server
        server.streams = self
        self.sockets: list[Socket] = []
        self.subscribed: list[str] = []
        self.number = 100
        self.pongs = True
        """Heartbeats are answered."""
        self.whole = True
        """A subscription is answered with a whole book."""
        self.behind_ms: int | None = 0  # milliseconds; None = no stamp
        """How old the venue's stamps are."""

    async def talk(self, socket: Socket) -> None:
        self.sockets.append(socket)
        async for text in socket.heard():
            if "ping" in text:
                if self.pongs:
                    socket.say(self.pong())
                continue
            said = json.loads(text)
            self.subscribed.append(said["op"])
            for frame in self.acknowledged(said):
                socket.say(json.dumps(frame))
            if said["op"] == "subscribe" and self.whole:
                self.say(self.book())

    def say(self, frame: dict[str, Any] | str) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        for socket in self.sockets:
            socket.say(text)

    def cut(self) -> None:
        for socket in self.sockets:
            socket.cut()
        self.sockets.clear()

    def rows(self) -> tuple[list[list[str]], list[list[str]]]:
        server = self.server
        return (
            [[str(server.bid), server.contracts(BID_SIZE), "0", "1"]],
            [[str(server.ask), server.contracts(ASK_SIZE), "0", "1"]],
        )

    def stamp(self) -> int | None:
        return None if self.behind_ms is None else now_ms() - self.behind_ms

    @abstractmethod
    def pong(self) -> str: ...

    @abstractmethod
    def acknowledged(self, said: dict[str, Any]) -> list[dict[str, Any]]: ...

    @abstractmethod
    def book(self) -> dict[str, Any]:
        """The whole one, as it stands."""

    @abstractmethod
    def change(self, bids: list[list[str]], asks: list[list[str]], *, lost: int = 0) -> dict[str, Any]:
        """`lost`: so many before it nobody has heard."""


class OkxBooks(Books):
    def pong(self) -> str:
        return "pong"

    def _arg(self) -> dict[str, str]:
        return {"channel": "books", "instId": self.server.market}

    def acknowledged(self, said: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"event": said["op"], "arg": arg, "connId": "1"} for arg in said["args"]]

    def _frame(self, action: str, bids: object, asks: object, before: int) -> dict[str, Any]:
        row = {
            "bids": bids, "asks": asks, "ts": str(self.stamp()), "seqId": self.number, "prevSeqId": before,
        }  # fmt: skip
        return {"arg": self._arg(), "action": action, "data": [row]}

    def book(self) -> dict[str, Any]:
        return self._frame("snapshot", *self.rows(), -1)

    def change(self, bids: list[list[str]], asks: list[list[str]], *, lost: int = 0) -> dict[str, Any]:
        before = self.number + lost
        self.number = before + 1
        return self._frame("update", bids, asks, before)


class BybitBooks(Books):
    def pong(self) -> str:
        return json.dumps({"op": "pong", "args": [str(now_ms())], "conn_id": "1"})

    def acknowledged(self, said: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"success": True, "ret_msg": "", "op": said["op"], "req_id": str(said["req_id"])}]

    def _frame(self, kind: str, bids: list[list[str]], asks: list[list[str]]) -> dict[str, Any]:
        market = self.server.market
        return {
            "topic": f"orderbook.50.{market}", "type": kind, "ts": self.stamp(),
            "data": {"s": market, "b": [row[:2] for row in bids], "a": [row[:2] for row in asks],
                     "u": self.number, "seq": self.number},
        }  # fmt: skip

    def book(self) -> dict[str, Any]:
        return self._frame("snapshot", *self.rows())

    def change(self, bids: list[list[str]], asks: list[list[str]], *, lost: int = 0) -> dict[str, Any]:
        self.number += 1 + lost
        return self._frame("delta", bids, asks)
