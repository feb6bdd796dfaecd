"""Runs the server: `alpha` on one port, `beta` on the next, one market and one clock (RUNTIME 6)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence

import uvicorn

from services.workers.simserver.app import SimApp
from services.workers.simserver.house import House

HOST = "127.0.0.1"
"""Loopback and nothing else."""


class PortTaken(OSError):
    """One line naming the port."""


def bound(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 = any free one. Raises PortTaken."""
    # The protocol named: the loop sets TCP_NODELAY on what it accepts only then, and without it each reply
    # waits forty milliseconds for the acknowledgement of its head.
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((HOST, port))
    except OSError as error:
        made.close()
        raise PortTaken(f"port {port} on {HOST}: {error.strerror}; name another with --port") from None
    return made


class SimServer:
    """All venues of a house, each on its own socket."""

    def __init__(self, house: House, sockets: Sequence[socket.socket]) -> None:
        """One socket a venue, in the world's order."""
        self._house = house
        self._sockets = sockets
        self._servers = [
            uvicorn.Server(
                uvicorn.Config(
                    SimApp(house, venue, runs_clock=at == 0).asgi,
                    lifespan="on",
                    log_level="warning",
                    access_log=False,
                    ws_ping_interval=None,
                    timeout_graceful_shutdown=1,
                )
            )
            for at, venue in enumerate(house.world.venues)
        ]
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def ports(self) -> dict[str, int]:
        return {
            venue: held.getsockname()[1]
            for venue, held in zip(self._house.world.venues, self._sockets, strict=True)
        }

    async def start(self) -> None:
        """Returns when every venue answers."""
        for server, held in zip(self._servers, self._sockets, strict=True):
            # Signals belong to whoever runs us.
            server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
            server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
            self._tasks.append(asyncio.create_task(server.serve(sockets=[held])))
        while not all(server.started for server in self._servers):
            if any(task.done() for task in self._tasks):
                await asyncio.gather(*self._tasks)
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        for server in self._servers:
            server.should_exit = True
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for held in self._sockets:
            held.close()
        self._house.close()
