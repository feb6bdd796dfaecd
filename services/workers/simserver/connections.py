"""All WebSocket connections of one served venue, and the clock that has them say what has changed."""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket

from services.workers.simserver.house import House
from services.workers.simserver.streams import RESTARTS, Socket

PUSH_S = 0.1


class Streams:
    """All connections of one venue."""

    def __init__(self, house: House, venue: str) -> None:
        self._house = house
        self._venue = venue
        self._open: dict[int, Socket] = {}

    async def serve(self, socket: WebSocket) -> None:
        if self._house.public.venue(self._venue).line.down(self._house.now):
            await socket.close(RESTARTS)
            return
        await socket.accept()
        one = Socket(self._house, self._venue, socket)
        self._open[id(one)] = one
        try:
            await one.listen()
        finally:
            del self._open[id(one)]

    async def run(self) -> None:
        """Push what has changed, ten times a second, until cancelled."""
        while True:
            if not self._house.stepped:
                for one in list(self._open.values()):
                    one.push()
            await asyncio.sleep(PUSH_S)
