"""A venue that only answers, in a process of its own: what the bench of the wire measures is our side alone.

`python -m tests.bench.counterpart RATE SECONDS`: prints `HTTP_PORT WS_PORT`. Every request is answered
at once; a stream that has subscribed is sent RATE tickers a second for SECONDS, each stamped by the wall.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from websockets.asyncio.server import ServerConnection, serve

MARKETS = [f"SYN{number:03d}-PERP" for number in range(20)]
BURST_S = 0.01

_ORDER = (
    b'{"success":true,"result":{"id":%d,"clientId":null,"market":"SYN000-PERP","type":"limit","side":"buy",'
    b'"price":100.5,"size":1.0,"filledSize":0.0,"remainingSize":1.0,"avgFillPrice":null,"status":"new",'
    b'"reduceOnly":false,"ioc":false,"postOnly":false,"createdAt":"2022-04-15T05:20:00+00:00"}}'
)
TICKER = (
    '{"channel": "ticker", "market": "%s", "type": "update", "data": {"bid": 39170.0, "ask": 39171.0,'
    ' "bidSize": 0.067, "askSize": 0.0004, "last": 39168.0, "time": %.6f}}'
)
_QUEUED = b'{"success":true,"result":"Order queued for cancelation"}'


class Answers(asyncio.Protocol):
    """HTTP/1.1, kept alive; as little as can be."""

    count = 0

    def __init__(self) -> None:
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._held) < end + 4 + length:
                return
            deleted = self._held.startswith(b"DELETE")
            self._held = self._held[end + 4 + length :]
            Answers.count += 1
            body = _QUEUED if deleted else _ORDER % Answers.count
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (len(body), body)
            )


async def stream(socket: ServerConnection, rate: int, seconds: float) -> None:
    wanted = 2 * len(MARKETS)
    for _ in range(wanted):
        asked = json.loads(await socket.recv())
        await socket.send(
            json.dumps({"type": "subscribed", "channel": asked["channel"], "market": asked["market"]})
        )
    began, sent = time.monotonic(), 0
    while (gone := time.monotonic() - began) < seconds:
        while sent < rate * gone:
            await socket.send(TICKER % (MARKETS[sent % len(MARKETS)], time.time()))
            sent += 1
        await asyncio.sleep(BURST_S)
    await socket.send(json.dumps({"type": "info", "code": 1, "msg": f"sent {sent}"}))
    await socket.wait_closed()


async def main() -> None:
    rate, seconds = int(sys.argv[1]), float(sys.argv[2])
    loop = asyncio.get_running_loop()
    http = await loop.create_server(Answers, "127.0.0.1", 0)
    async with serve(lambda socket: stream(socket, rate, seconds), "127.0.0.1", 0, compression=None) as ws:
        ports = [next(iter(each.sockets)).getsockname()[1] for each in (http, ws)]
        sys.stdout.write(f"{ports[0]} {ports[1]}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
